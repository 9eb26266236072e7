-- 0028_solutions: which solutions a session sees, by which names, and which tables
-- hold rows of solutions.
--
-- component: base
-- depends: 0017_hosts 0025_roles

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_session_solutions()
returns text[]
language plpgsql
stable
security definer
parallel safe
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
begin
    return array(
        select distinct s.name
        from (
            select unnest(case when r.is_shared then array[current_setting('fbs.solution', true)] else r.solutions end) as name
            from fbs_roles as r
            where r.role_name = session_user::text
        ) as s
        where s.name <> ''
    );
end;
$$;

comment on function fbs_session_solutions() is
'Solutions whose rows this session sees while isolation is on: those of its login (session_user), or the one that fbs.solution names, where the login is shared.';

-- Each statement calls it for each table that it reads: one query, planned once a session.
create function fbs_solutions(column_name text)
returns text[]
language plpgsql
stable
security definer
parallel safe
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
begin
    return array(
        select unnest(
            array[s.name, 'fbs_' || s.name || '_db', 'djo_' || s.name || '_db']
            || array(
                select x.identifier
                from fbs_solution_map as x
                where x.column_name = fbs_solutions.column_name and x.solution = s.name
            )
        )
        from (
            select unnest(case when r.is_shared then array[current_setting('fbs.solution', true)] else r.solutions end) as name
            from fbs_roles as r
            where r.role_name = session_user::text
        ) as s
        where s.name <> ''
    );
end;
$$;

comment on function fbs_solutions(text) is
'The names that the session''s solutions have in a column, such as business_id: each by its own name, its database''s, and those of fbs_solution_map.';

create function fbs_reads_isolated(of_table regclass, column_name text)
returns boolean
language plpgsql
stable
parallel safe
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
begin
    return has_column_privilege(session_user, of_table, column_name, 'select')
        and exists (select from pg_policy as p where p.polrelid = of_table and p.polname = 'fbs_solution')
        -- The host's own may hide more.
        and not exists (
            select from pg_policy as p where p.polrelid = of_table and p.polname not in ('fbs_solution', 'fbs_every_row')
        );
end;
$$;

comment on function fbs_reads_isolated(regclass, text) is
'Internal. Whether isolation alone restricts a table and the session''s login may read a column of it: asked by what finds keys with the rights of FBS''s owner.';

create view fbs_solution_tables
with (security_invoker = true) as
select
    c.oid::regclass as table_id,
    listed.table_name,
    listed.solution_column,
    listed.parent_column,
    p.oid::regclass as parent_id
from (
    values
    ('fbs_handshakes', 'solution_name', null, null),
    ('fbs_notifications', 'solution_name', null, null),
    ('fbs_custom_fields', 'solution_name', null, null),
    ('fbs_approval_requests', 'solution_name', null, null),
    ('fbs_approval_responses', null, 'approval_request_id', 'fbs_approval_requests'),
    ('fbs_msme_setup_wizard', 'solution_name', null, null),
    ('fbs_msme_kpis', 'solution_name', null, null),
    ('fbs_msme_compliance', 'solution_name', null, null),
    ('fbs_msme_marketing', 'solution_name', null, null),
    ('fbs_msme_analytics', 'solution_name', null, null),
    ('fbs_workflow_definitions', 'solution_name', null, null),
    ('fbs_workflow_instances', 'solution_name', null, null),
    ('fbs_workflow_steps', null, 'workflow_definition_id', 'fbs_workflow_definitions'),
    ('fbs_workflow_transitions', null, 'workflow_definition_id', 'fbs_workflow_definitions'),
    ('fbs_workflow_execution_logs', null, 'workflow_instance_id', 'fbs_workflow_instances'),
    ('fbs_compliance_rules', 'solution_name', null, null),
    ('fbs_audit_trails', 'solution_name', null, null),
    ('fbs_report_schedules', 'solution_name', null, null),
    ('fbs_recurring_transactions', 'solution_name', null, null),
    ('fbs_user_activity_logs', 'solution_name', null, null),
    ('fbs_app_cashentry', 'business_id', null, null),
    ('fbs_app_incomeexpense', 'business_id', null, null),
    ('fbs_app_basicledger', 'business_id', null, null),
    ('fbs_app_taxcalculation', 'business_id', null, null),
    ('fbs_dms_file_attachment', 'company_id', null, null),
    ('fbs_dms_document', 'company_id', null, null),
    ('fbs_dms_document_tags', null, 'document_id', 'fbs_dms_document'),
    ('fbs_dms_document_workflow', null, 'document_id', 'fbs_dms_document'),
    ('fbs_dms_document_approval', null, 'workflow_id', 'fbs_dms_document_workflow'),
    ('fbs_license_manager_solution_license', 'solution_name', null, null),
    ('fbs_license_manager_feature_usage', 'solution_name', null, null)
) as listed (table_name, solution_column, parent_column, parent_name)
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_migrations'::regclass
inner join pg_class as c
    on listed.table_name = c.relname and home.relnamespace = c.relnamespace and c.relkind in ('r', 'p')
left join pg_class as p
    on listed.parent_name = p.relname and home.relnamespace = p.relnamespace and p.relkind in ('r', 'p');

comment on view fbs_solution_tables is
'Tables whose rows belong to a solution, by a column of their own or through their parent.';
comment on column fbs_solution_tables.table_id is
'The table, as PostgreSQL identifies it.';
comment on column fbs_solution_tables.table_name is
'Name of the table.';
comment on column fbs_solution_tables.solution_column is
'Column that names the solution; NULL where the parent does.';
comment on column fbs_solution_tables.parent_column is
'Column that names the row''s parent; NULL where the row names its solution itself.';
comment on column fbs_solution_tables.parent_id is
'The table of the parent; NULL where the row names its solution itself.';

create function fbs_fill_solution()
returns trigger
language plpgsql
set search_path from current
as $$
declare
    mine text[] := fbs_session_solutions();
begin
    if cardinality(mine) = 1 then
        return jsonb_populate_record(new, jsonb_build_object(tg_argv[0], mine[1]));
    end if;
    return new;
end;
$$;

comment on function fbs_fill_solution() is
'Trigger: gives a new row that names no solution, as FBS''s services write some, that of its session. On while isolation is.';

create function fbs_solution_policy(of_table regclass, writing boolean)
returns text
language sql
stable
set search_path from current
as $$
    -- Written as PostgreSQL shows a policy's condition, so that the two can be compared. By the offset each row's
    -- parent is looked up: else all parents of the solution are read for a page of children.
    select case
        when writing and t.table_name = 'fbs_dms_document_workflow' and to_regprocedure('fbs_is_step_of(bigint, bigint)') is null
            then 'false'
        else string_agg(c.condition, ' AND ' order by c.place)
    end
    from fbs_solution_tables as t
    cross join lateral (
        select
            0 as place,
            case
                when t.solution_column is not null then format(
                    '((%1$I)::text = ANY (( SELECT fbs_solutions(%1$L::text) AS fbs_solutions)::text[]))', t.solution_column
                )
                when t.parent_id is null then 'false'
                else format('(EXISTS ( SELECT FROM %s p WHERE (p.id = %I.%I) OFFSET 0))', t.parent_id, t.table_name, t.parent_column)
            end as condition
        union
        -- A row points at rows of its own solution only, or it would tell which keys others have.
        select
            a.attnum,
            case
                -- The steps' own policy looks at this table.
                when t.table_name = 'fbs_dms_document_workflow' then format('((%1$I IS NULL) OR fbs_is_step_of(id, %1$I))', a.attname)
                else format(
                    '((%2$I IS NULL) OR (EXISTS ( SELECT FROM %1$s p WHERE (p.id = %3$I.%2$I))))',
                    k.confrelid::regclass, a.attname, t.table_name
                )
            end
        from pg_constraint as k
        inner join fbs_solution_tables as target on k.confrelid = target.table_id
        inner join pg_attribute as a on k.conrelid = a.attrelid and k.conkey = array[a.attnum]
        where writing and k.conrelid = t.table_id and k.contype = 'f' and a.attname is distinct from t.parent_column
    ) as c
    where t.table_id = of_table
    group by t.table_name;
$$;

comment on function fbs_solution_policy(regclass, boolean) is
'Internal. The condition of a table''s policy: true of the rows of the session''s solutions; for writing, of those that point at no other solution''s.';

create function fbs_solution_named(column_name text, name text)
returns text
language sql
stable
set search_path from current
as $$
    select coalesce(
        (
            select m.solution
            from fbs_solution_map as m
            where m.column_name = fbs_solution_named.column_name and m.identifier = fbs_solution_named.name
        ),
        substring(name from '^(?:fbs|djo)_(.+)_db$'),
        name
    );
$$;

comment on function fbs_solution_named(text, text) is
'Internal. The solution that a name stands for in a column.';

create function fbs_doubtful_names()
returns table (name text, solutions text, mend text)
language sql
stable
set search_path from current
as $$
    with solutions (name) as (
        select unnest(r.solutions) from fbs_roles as r
        union
        select m.solution from fbs_solution_map as m
        union
        select h.solution from fbs_hosts as h
        where h.solution is not null
    ),

    names as (
        select s.name as solution, n.name
        from solutions as s
        cross join lateral unnest(array[s.name, 'fbs_' || s.name || '_db', 'djo_' || s.name || '_db']) as n (name)
    )

    select
        n.name, n.solution || ' and ' || m.solution,
        format('delete from %s where (column_name, identifier) = (%L, %L);', fbs_named('fbs_solution_map'), m.column_name, m.identifier)
    from names as n
    inner join fbs_solution_map as m on n.name = m.identifier and n.solution <> m.solution
    union all
    select n.name, n.name || ' and ' || n.solution, ''
    from names as n
    inner join solutions as s on n.name = s.name and n.solution <> s.name;
$$;

comment on function fbs_doubtful_names() is
'Internal. Names that stand for two solutions, each of which sees the rows that bear them, with the statement that mends it; empty text where a solution is to be renamed.';

create function fbs_solution_source(of_table regclass, row_name text, out solution_column text, out expression text)
language plpgsql
stable
set search_path from current
as $$
declare
    it fbs_solution_tables;
    above record;
begin
    select t.* into it from fbs_solution_tables as t where t.table_id = of_table;
    if it.solution_column is not null then
        solution_column := it.solution_column;
        expression := format('%s.%I::text', row_name, it.solution_column);
    else
        above := fbs_solution_source(it.parent_id, row_name || 'p');
        solution_column := above.solution_column;
        expression := format(
            '(select %s from %s as %sp where %3$sp.id = %3$s.%I)', above.expression, it.parent_id, row_name, it.parent_column
        );
    end if;
end;
$$;

comment on function fbs_solution_source(regclass, text) is
'Internal. SQL for the name of a row''s solution, from itself or its parents, and the column that it stands in.';
