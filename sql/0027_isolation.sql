-- 0027_isolation: solutions kept apart by row level security, where a host asks for it.
--
-- component: base
-- depends: 0025_roles
-- provides: isolation

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

create function fbs_isolation_parts(wanted boolean)
returns table (table_id regclass, part text, statement text, present boolean)
language sql
stable
set search_path from current
set quote_all_identifiers = off
as $$
    -- The restrictive policy narrows what any other lets through, so no policy of the host opens it. A row
    -- needs one that is not restrictive besides: the host's, if it was in force before, or one for every row.
    with tables as (
        select
            t.table_id, t.table_name, t.solution_column, c.relrowsecurity, p.oid is not null as has_policy, o.oid is not null as has_open,
            not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}'
            and regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g') in (w.reading, '(' || w.reading || ')')
            and regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g') in (w.writing, '(' || w.writing || ')')
            as fits,
            o.polpermissive and o.polcmd = '*' and o.polroles = '{0}' and pg_get_expr(o.polqual, o.polrelid) = 'true'
            and coalesce(pg_get_expr(o.polwithcheck, o.polrelid), 'true') = 'true'
            as is_open,
            h.number > 0 as has_others, h.permissive > 0 as has_permissive,
            -- Row security that the host switched on before isolation stays.
            case
                when p.oid is not null then obj_description(p.oid, 'pg_policy') ~ 'was on before'
                else c.relrowsecurity and o.oid is null and fbs_setting('isolation') is distinct from 'on'
            end as was_on,
            w.reading, w.writing
        from fbs_solution_tables as t
        inner join pg_class as c on t.table_id = c.oid
        left join pg_policy as p on t.table_id = p.polrelid and p.polname = 'fbs_solution'
        left join pg_policy as o on t.table_id = o.polrelid and o.polname = 'fbs_every_row'
        cross join lateral (
            select count(*) as number, count(*) filter (where x.polpermissive) as permissive
            from pg_policy as x
            where x.polrelid = t.table_id and x.polname not in ('fbs_solution', 'fbs_every_row')
        ) as h
        cross join lateral (
            select fbs_solution_policy(t.table_id, false) as reading, fbs_solution_policy(t.table_id, true) as writing
        ) as w
    )

    select
        t.table_id, 'policy',
        case when t.has_policy then format('drop policy fbs_solution on %s; ', t.table_id) else '' end
        || case
            when wanted then format(
                'create policy fbs_solution on %1$s as restrictive using (%2$s) with check (%3$s); comment on policy fbs_solution on %1$s is %4$L;',
                t.table_id, t.reading, t.writing,
                'Restricts all other policies to the rows of the session''s solutions, see fbs_solutions().'
                || case when t.was_on then ' Row security was on before.' else '' end
            )
            else ''
        end,
        case when wanted then coalesce(t.fits, false) else not t.has_policy end
    from tables as t
    union all
    select
        t.table_id, 'policy for every row',
        case when t.has_open then format('drop policy fbs_every_row on %s; ', t.table_id) else '' end
        || case
            when wanted then format(
                'create policy fbs_every_row on %1$s using (true); comment on policy fbs_every_row on %1$s is %2$L;',
                t.table_id, 'Lets every row through to the policy fbs_solution, which restricts it.'
            )
            else ''
        end,
        case when wanted then coalesce(t.is_open, t.has_permissive and t.was_on, false) else not t.has_open end
    from tables as t
    union all
    select
        t.table_id, 'trigger',
        case
            when wanted then format(
                'create or replace trigger fbs_fill_solution before insert on %1$s for each row'
                ' when (new.%2$I is null or new.%2$I = '''') execute function fbs_fill_solution(%2$L);',
                t.table_id, t.solution_column
            )
            else format('drop trigger fbs_fill_solution on %s;', t.table_id)
        end,
        case
            when wanted then coalesce(
                g.tgenabled in ('O', 'A')
                and pg_get_triggerdef(g.oid, true) = format(
                    'CREATE TRIGGER fbs_fill_solution BEFORE INSERT ON %1$s FOR EACH ROW'
                    ' WHEN (new.%2$I IS NULL OR new.%2$I::text = ''''::text) EXECUTE FUNCTION fbs_fill_solution(%2$L)',
                    t.table_id, t.solution_column
                ),
                false
            )
            else g.oid is null
        end
    from tables as t
    left join pg_trigger as g
        on t.table_id = g.tgrelid and g.tgname = 'fbs_fill_solution' and g.tgfoid = 'fbs_fill_solution()'::regprocedure
    where t.solution_column is not null
    union all
    -- The only unique set in which a value of another solution could be taken.
    select
        t.table_id, 'unique set',
        format(
            'alter table %s %sadd constraint %I unique %s;', t.table_id, 'drop constraint ' || k.conname || ', ', w.name,
            coalesce('using index ' || i.indexrelid::regclass, '(' || w.columns || ')')
        ),
        coalesce(pg_get_constraintdef(k.oid) = 'UNIQUE (' || w.columns || ')', not wanted)
    from tables as t
    cross join lateral (
        select
            'fbs_custom_fields_model_record_field_database_key' as name,
            'model_name, record_id, field_name, database_name' || case when wanted then ', solution_name' else '' end as columns
    ) as w
    left join pg_constraint as k on t.table_id = k.conrelid and k.conname = w.name
    -- A large table has it built beforehand, without a lock: fbs-db isolate.
    left join pg_index as i
        on
            t.table_id = i.indrelid and i.indexrelid = to_regclass('fbs_custom_fields_isolation_idx')
            and i.indisvalid and i.indisready and i.indisunique and i.indimmediate
            and pg_get_indexdef(i.indexrelid) like '% USING btree (' || w.columns || ')'
    where t.table_name = 'fbs_custom_fields'
    union all
    select
        t.table_id, 'row security',
        format('alter table %s %s row level security;', t.table_id, case when wanted then 'enable' else 'disable' end),
        t.relrowsecurity = wanted
    from tables as t
    -- A host may have switched it on for itself.
    where
        wanted
        or (not t.has_others and t.was_on is not true and (t.has_policy or t.has_open or fbs_setting('isolation') = 'on'));
$$;

comment on function fbs_isolation_parts(boolean) is
'Internal. What each table needs while isolation is on, or off: the statement that brings it about, and whether it is so.';

create function fbs_isolate(wanted boolean)
returns bigint
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    part record;
    changed bigint := 0;
begin
    -- All locks first, in one order; none where nothing is to be done.
    for part in select distinct p.table_id from fbs_isolation_parts(wanted) as p where not p.present order by p.table_id loop
        execute format('lock table only %s in access exclusive mode', part.table_id);
    end loop;
    for part in select p.* from fbs_isolation_parts(wanted) as p where not p.present loop
        execute part.statement;
        changed := changed + 1;
    end loop;
    update fbs_settings as s set value = w.value
    from (select case when wanted then 'on' else 'off' end as value) as w
    where s.name = 'isolation' and s.value is distinct from w.value;
    return changed;
end;
$$;

comment on function fbs_isolate(boolean) is
'Switches isolation on or off: from then on a login sees the rows of its own solutions only, or all again. Returns the number of changes. What stands in the way: fbs_isolation_obstacles().';

create function fbs_keep_isolated()
returns bigint
language plpgsql
set search_path from current
as $$
begin
    return case fbs_setting('isolation') when 'on' then fbs_isolate(true) else 0 end;
end;
$$;

comment on function fbs_keep_isolated() is
'Internal. Isolates what came since isolation was switched on, such as the tables of a component; does nothing while it is off. Whatever makes tables calls it in the same transaction. Returns the number of changes.';

create function fbs_isolation_obstacles(wanted boolean, of_table regclass default null)
returns table (table_name text, column_name text, problem text, rows bigint, example text, mend text)
language plpgsql
stable
set search_path from current
set row_security = off
as $$
declare
    it record;
    known text[];
    unnamed bigint;
    unknown bigint;
begin
    if not wanted then
        if to_regclass('fbs_custom_fields') is not null and (of_table is null or of_table = to_regclass('fbs_custom_fields')) then
            return query
            select
                'fbs_custom_fields', 'solution_name', 'the same field of the same record in several solutions', sum(d.copies)::bigint,
                min(d.named), format('delete from %s where id = ...;', fbs_named(to_regclass('fbs_custom_fields')))
            from (
                select count(*) as copies, format('%s %s, %s', f.model_name, f.record_id, f.field_name) as named
                from fbs_custom_fields as f
                group by f.model_name, f.record_id, f.field_name, f.database_name
                having count(*) > 1
            ) as d
            having count(*) > 0;
        end if;
        return;
    end if;

    select array_agg(n.name) into known
    from (
        select unnest(r.solutions) as solution from fbs_roles as r
        union
        select m.solution from fbs_solution_map as m
        union
        select h.solution from fbs_hosts as h
    ) as s
    cross join lateral unnest(array[s.solution, 'fbs_' || s.solution || '_db', 'djo_' || s.solution || '_db']) as n (name);

    for it in
        select t.*
        from fbs_solution_tables as t
        where t.solution_column is not null and (of_table is null or t.table_id = of_table)
        order by t.table_name
    loop
        table_name := it.table_name;
        column_name := it.solution_column;
        -- A business or a company is no solution by itself.
        execute format(
            'select count(*) filter (where coalesce(t.%1$I, '''') = ''''), count(*) filter (where u.is_unknown),'
            ' min(t.%1$I) filter (where u.is_unknown) from %2$s as t cross join lateral (select %3$s as is_unknown) as u',
            it.solution_column, it.table_id,
            case it.solution_column
                when 'solution_name' then 'false'
                else format(
                    't.%1$I <> '''' and t.%1$I <> all ($1)'
                    ' and t.%1$I not in (select m.identifier from fbs_solution_map as m where m.column_name = %1$L)',
                    it.solution_column
                )
            end
        ) into unnamed, unknown, example using coalesce(known, '{}');
        if unknown > 0 then
            problem := 'names no solution that is known';
            rows := unknown;
            mend := format(
                'insert into %s (column_name, identifier, solution) values (%L, %L, ''SOLUTION'');',
                fbs_named('fbs_solution_map'), it.solution_column, example
            );
            return next;
        end if;
        if unnamed > 0 then
            problem := 'names no solution';
            rows := unnamed;
            example := null;
            mend := format(
                'update %s set %I = ''SOLUTION'' where coalesce(%2$I, '''') = '''' and ...;', fbs_named(it.table_id), it.solution_column
            );
            return next;
        end if;
    end loop;
end;
$$;

comment on function fbs_isolation_obstacles(boolean, regclass) is
'What stands in the way of switching isolation on (rows that nobody would see but FBS''s owner) or off (rows that a unique set of all solutions refuses), in all tables or in one, with their number, an example, and what to do.';

select fbs_revoke_execute();
