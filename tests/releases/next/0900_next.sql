-- 0900_next: what the release after this may change, made up for tests/schema/test_upgrade.py.
--
-- component: base
-- depends: 0051_metrics

alter table fbs_kpis add column weight numeric not null default 1;
comment on column fbs_kpis.weight is 'How much it counts beside others.';

create view fbs_bi_weights with (security_invoker = true) as select id, weight from fbs_kpis;
comment on view fbs_bi_weights is 'How much each KPI counts.';

-- A column more, at the end of a view that every read of approvals knows.
do $$
begin
    execute format(
        'create or replace view fbs_approvals_pending with (security_invoker = true) as'
        ' select asked.*, 1 as urgency from (%s) as asked',
        rtrim(pg_get_viewdef('fbs_approvals_pending'::regclass), ';')
    );
end;
$$;

-- Other signatures: the old ones stay.
create function fbs_setting(setting text, otherwise text)
returns text
language sql
stable
set search_path from current
as $$
    select coalesce(fbs_setting(setting), otherwise);
$$;
comment on function fbs_setting(text, text) is 'Value of a setting, or another where it has none.';

create function fbs_work_queue(batch integer, due_only boolean, chosen bigint[], models text[])
returns bigint
language sql
set search_path from current
as $$
    select count(*) from fbs_work_queue(batch, due_only, chosen) as worked where worked.model_name = any(models);
$$;
comment on function fbs_work_queue(integer, boolean, bigint[], text[]) is 'Internal. As the one without models, for some.';

-- Another function behind the triggers of host tables, and another one that the worker calls.
do $$
declare
    changed regprocedure;
begin
    foreach changed in array '{fbs_cleanup(),"fbs_work_queue(integer, boolean, bigint[])"}'::regprocedure[] loop
        execute replace(pg_get_functiondef(changed), E'\ndeclare\n', E'\n<<of_next>>\ndeclare\n');
    end loop;
    execute format(
        'create or replace function fbs_relation_names() returns text[] language sql immutable'
        ' set search_path from current as %L',
        format('select %L::text[]', fbs_relation_names() || '{fbs_bi_weights}'::text[])
    );
end;
$$;

select fbs_revoke_execute();
