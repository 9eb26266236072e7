-- 0030_health: what is not as it should be, as far as SQL can know it. What should be
-- there at all is known to the package: fbs-db check.
--
-- component: base
-- depends: 0026_rights 0029_isolation

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_states()
returns table (schema_name text, kind text, object text, state text, table_id oid, name text)
language sql
stable
set search_path from current
as $$
    with tables as (
        select c.oid, c.relname, n.nspname
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where c.relname ~ '^fbs_' and c.relkind in ('r', 'p', 'f')
    )

    select t.nspname::text, 'trigger', t.relname || '.' || g.tgname, 'disabled', t.oid, g.tgname::text
    from tables as t
    inner join pg_trigger as g on t.oid = g.tgrelid
    where not g.tgisinternal and g.tgenabled in ('D', 'R')
    union all
    select
        t.nspname::text, case when k.oid is null then 'index' else 'constraint' end,
        t.relname || '.' || c.relname, 'invalid', t.oid, c.relname::text
    from tables as t
    inner join pg_index as i on t.oid = i.indrelid
    inner join pg_class as c on i.indexrelid = c.oid
    left join pg_constraint as k on i.indexrelid = k.conindid and i.indrelid = k.conrelid and k.contype <> 'f'
    where not (i.indisvalid and i.indisready)
    union all
    select t.nspname::text, 'constraint', t.relname || '.' || k.conname, 'not validated', t.oid, k.conname::text
    from tables as t
    inner join pg_constraint as k on t.oid = k.conrelid
    where
        not k.convalidated
        and not exists (  -- fbs_user_columns has those
            select from pg_attribute as a
            inner join pg_type as y on a.atttypid = y.oid
            where k.contype = 'f' and k.conrelid = a.attrelid and a.attnum = any(k.conkey) and y.typname = 'fbs_user_id'
        );
$$;

comment on function fbs_states() is
'Internal. The triggers that are disabled, the indexes that are not valid and the constraints that are not validated, of the tables in any schema whose names begin with fbs_. fbs-db check runs its text, as the function itself may be damaged.';

create function fbs_health(quick boolean default false)
returns table (
    severity text,
    kind text,
    object text,
    problem text,
    found text,
    expected text,
    mend text
)
language plpgsql
stable
set search_path from current
as $$
#variable_conflict use_column
declare
    here oid := (select c.relnamespace from pg_class as c where c.oid = 'fbs_migrations'::regclass);
    place text := case here when 'public'::regnamespace then '' else here::regnamespace || '.' end;
    unseen text;
    hidden text;
    users regclass;
    host record;
    problem text;
begin
    select string_agg(t.name, ', ')
    into unseen
    from unnest('{fbs_hosts,fbs_cleanup_queue,fbs_cleanup_targets,fbs_cleanup_rules,fbs_rule_states,fbs_settings,fbs_roles,fbs_file_deletions}'::text[]) as t (name)
    inner join pg_class as c on t.name = c.relname and c.relnamespace = here
    where not has_table_privilege(c.oid, 'select');
    select string_agg(t.name, ', ')
    into hidden
    from unnest('{fbs_hosts,fbs_cleanup_queue,fbs_cleanup_targets,fbs_cleanup_rules,fbs_settings,fbs_roles,fbs_file_deletions}'::text[]) as t (name)
    inner join pg_class as c on t.name = c.relname and c.relnamespace = here
    where has_table_privilege(c.oid, 'select') and row_security_active(c.oid);

    return query
    select
        case s.state when 'not validated' then 'warning' else 'error' end, s.kind, s.object, s.state, null, null,
        case
            when s.state = 'disabled' then format('alter table %s enable trigger %I;', fbs_named(s.table_id), s.name)
            when s.state = 'not validated' then format('alter table %s validate constraint %I;', fbs_named(s.table_id), s.name)
            when s.name ~ '_cc(new|old)[0-9]*$' then format('drop index concurrently %s%I;', place, s.name)
            else format('reindex index concurrently %s%I;', place, s.name)
        end
    from fbs_states() as s
    -- What a host has put on FBS's tables is known by its name alone.
    where s.schema_name = (select n.nspname from pg_namespace as n where n.oid = here) and s.name ~ '^fbs_'
    order by 2, 3;

    if not quick then
        return query
        select
            r.severity, r.kind, r.object, r.problem, r.found, r.expected,
            case r.kind when 'owner' then fbs_command('repair', '--apply') else r.mend end
        from fbs_rights() as r
        order by r.severity, r.object;
        return query select g.* from fbs_rights_granted() as g order by g.severity, g.kind, g.object;
        if
            to_regclass('fbs_secret_columns') is not null
            and to_regclass('fbs_roles') is not null
            and has_table_privilege('fbs_roles', 'select') and not row_security_active('fbs_roles')
            and has_table_privilege('fbs_secret_columns', 'select')
        then
            return query select s.* from fbs_secret_readers() as s order by s.severity, s.object;
        end if;
    end if;

    select u.user_table into users from fbs_user_columns as u where u.user_table is not null limit 1;
    if users is null then
        return query
        select
            'note', 'users', 'fbs_user_columns', 'not attached',
            'no user column is tied to a user table', 'foreign keys with their ON DELETE rules',
            fbs_command('attach', 'users', 'TABLE')
        where exists (select from fbs_user_columns as u);
    else
        return query
        select
            case when u.user_table is null then 'error' else 'warning' end,
            'user key', u.table_name || '.' || u.column_name,
            case when u.user_table is null then 'missing' else 'not validated' end,
            case
                when u.user_table is null then 'tied to no user table'
                else 'there may be rows whose user is gone'
            end,
            'tied to ' || users,
            case
                when u.user_table is null then fbs_command('attach', 'users', fbs_named(users))
                else fbs_command('attach', 'users', fbs_named(users), '--repair')
            end
        from fbs_user_columns as u
        where u.user_table is null or not u.validated
        order by u.table_name, u.column_name;
        return query
        select
            'error', 'user key', u.table_name || '.' || u.column_name, 'changed',
            lower(substring(pg_get_constraintdef(k.oid) from 'ON DELETE ([A-Z ]*[A-Z])')),
            u.on_delete, format(
                'alter table %s drop constraint %I; select * from %sfbs_attach_users(%L);',
                fbs_named(u.table_id), k.conname, place, fbs_named(users)
            )
        from fbs_user_columns as u
        inner join pg_constraint as k on u.table_id = k.conrelid and u.constraint_name = k.conname
        where u.user_table is not null and k.confdeltype <> case u.on_delete when 'cascade' then 'c' else 'n' end
        order by u.table_name, u.column_name;
    end if;

    if unseen is not null then
        return query values (
            'note', 'privilege', unseen, 'not looked at', current_user || ' has no privilege to read it', 'a role that works as monitor',
            fbs_command('grant', current_user, '--as', 'monitor')
        );
    end if;

    if hidden is not null then
        return query values (
            'note', 'privilege', hidden, 'not looked at', 'row security hides rows of it from ' || current_user, null, ''
        );
    end if;

    if has_table_privilege('fbs_hosts', 'select') and not row_security_active('fbs_hosts') then
        for host in
            select
                h.*, h.model_name || coalesce(' (' || h.solution || ')', '') as name,
                c.oid is not null as is_there, a.attnum is not null as has_key
            from fbs_hosts as h
            left join pg_class as c on h.host_table = c.oid
            left join pg_attribute as a
                on c.oid = a.attrelid and h.key_column = a.attname and a.attnum > 0 and not a.attisdropped
            order by h.model_name, h.solution
        loop
            problem := coalesce(fbs_host_problem(host.host_table, host.key_column), fbs_foreign_code(host.host_table));
            if not host.is_there then
                return query values (
                    'warning', 'host', host.name, 'table gone', 'its table was dropped', null,
                    format('delete from %sfbs_hosts where host_table = %L;', place, host.host_table::oid)
                );
            elsif not host.has_key then
                return query values (
                    'error', 'host', host.name, 'key renamed', problem, null,
                    fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name)
                );
            elsif problem is not null then
                return query values (
                    'error', 'host', host.name, 'does not fit', problem,
                    'an ordinary or partitioned table with a unique key of integers, uuids or texts', ''
                );
            elsif fbs_host_problem(host.host_table, host.key_column, host.solution_column) is not null then
                return query values (
                    'error', 'host', host.name, 'solution column does not fit',
                    fbs_host_problem(host.host_table, host.key_column, host.solution_column), null,
                    fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name, '--solution-column', 'COLUMN')
                );
            elsif host.key_is_unique <> fbs_is_unique(host.host_table, host.key_column) then
                return query values (
                    'error', 'host', host.name, 'out of date',
                    format(
                        'column %s of %s %s', host.key_column, host.host_table,
                        case when host.key_is_unique then 'is no longer unique by itself' else 'is unique by itself now' end
                    ),
                    null, fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name)
                );
            else
                return query
                select
                    'error', 'host', host.name, 'trigger missing',
                    format('on %s %s', t.table_id, string_agg(
                        t.trigger_name || case
                            when t.definition !~ '^create' then ' is not needed'
                            when exists (
                                select from pg_trigger as g where g.tgrelid = t.table_id and g.tgname = t.trigger_name
                            ) then ' does not fire'
                            else ' is missing'
                        end,
                        ', ' order by t.trigger_name
                    )),
                    null, fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name)
                from fbs_host_triggers(host.host_table) as t
                where not t.present
                group by t.table_id
                order by t.table_id::text;
            end if;
        end loop;
    end if;

    if has_table_privilege('fbs_cleanup_queue', 'select') and not row_security_active('fbs_cleanup_queue') then
        return query
        select
            'warning', 'clean-up',
            concat_ws(
                ', ', q.model_name || coalesce(' (' || q.solution || ')', ''), 'rule ' || q.rule_name, 'in database ' || q.target
            ),
            case when max(q.attempts) > 0 or count(q.error) > 0 then 'failed' else 'waiting' end,
            q.operation
            || coalesce(' of ' || fbs_counted(sum(cardinality(q.keys))::bigint, 'row'), '')
            || ' since ' || min(q.queued_at)::timestamp (0)
            || coalesce(': ' || (array_agg(q.error order by q.id desc) filter (where q.error is not null))[1], ''),
            null, fbs_command('cleanup', 'retry')
        from fbs_cleanup_queue as q
        where q.error is not null or q.queued_at < now() - interval '1 hour'
        group by q.model_name, q.solution, q.rule_name, q.operation, q.target
        order by 3;
    end if;

    if
        to_regclass('fbs_file_deletions') is not null
        and has_table_privilege('fbs_file_deletions', 'select')
        and not row_security_active('fbs_file_deletions')
    then
        return query
        select
            'warning', 'file', d.file, 'not removed', d.error || ' after ' || case d.attempts when 1 then '1 try' else d.attempts || ' tries' end, null,
            fbs_command('files', 'purge', '--root', 'DIR')
        from fbs_file_deletions as d
        where d.error is not null
        order by d.id
        limit 10;
    end if;

    if to_regclass('fbs_later_names') is not null and has_table_privilege('fbs_later_names', 'select') then
        return query
        select
            case n.state when 'absent' then 'note' else 'warning' end,
            'view', n.later_name, case n.state when 'absent' then 'missing' else n.state end,
            case n.state
                when 'absent' then 'other later names are there'
                else 'it lacks a column, a right, or the option security_invoker'
            end,
            n.definition, fbs_command('later-names', 'add')
        from fbs_later_names as n
        where
            n.state = 'out of date'
            or (n.state = 'absent' and exists (select from fbs_later_names as o where o.view_id is not null))
        order by n.later_name;
        return query
        select
            'warning', 'table', n.later_name, 'there twice',
            format('it is a table beside %s, which does not show its rows', n.table_name), 'one table', fbs_command('adopt')
        from fbs_later_names as n
        where n.is_twin
        order by n.later_name;
    end if;

    if
        not quick
        and has_table_privilege('fbs_cleanup_rules', 'select')
        and has_table_privilege('fbs_rule_states', 'select')
        and not row_security_active('fbs_cleanup_rules')
    then
        return query
        select
            'error', 'rule', s.rule_name, 'refused', s.problem,
            'a table of FBS''s owner, with triggers of that owner only', ''
        from fbs_rule_states as s
        where s.problem is not null
        order by s.rule_name;
        return query
        select
            'error', 'rule', f.proname::text, 'out of date', 'it was not written from the rules and tables as they are',
            null, format('select %sfbs_compile_rules();', place)
        from pg_proc as f
        where f.pronamespace = here and f.proname = 'fbs_apply_rules' and f.prosrc <> fbs_rules_body();
    end if;

    if has_table_privilege('fbs_settings', 'select') and not row_security_active('fbs_settings') then
        return query
        select
            case when i.is_on then 'error' else 'warning' end, 'isolation', c.relname::text, case when i.is_on then 'missing' else 'left over' end,
            string_agg(p.part, ', '), 'isolation is ' || i.state,
            -- The command builds the index of a unique set without a lock.
            case when i.is_on and not bool_or(p.part = 'unique set') then fbs_command('repair') else fbs_command('isolate', i.state) end
        from (select s.value = 'on' as is_on, s.value as state from fbs_settings as s where s.name = 'isolation') as i
        cross join fbs_isolation_parts(i.is_on) as p
        inner join pg_class as c on p.table_id = c.oid
        where not p.present
        group by i.is_on, i.state, c.relname
        order by 3;
        if
            fbs_setting('isolation') = 'on'
            and has_table_privilege('fbs_roles', 'select') and not row_security_active('fbs_roles')
            and has_table_privilege('fbs_solution_map', 'select') and has_table_privilege('fbs_hosts', 'select')
        then
            return query
            select i.severity, 'isolation', i.object, i.problem, i.found, i.expected, i.mend
            from fbs_isolation_problems() as i
            order by i.severity, i.object;
        end if;
        return query
        select
            'note', 'setting', 'cleanup', 'off', 'FBS''s rows stay when the host rows they point at go', null,
            fbs_command('settings', 'cleanup', 'on')
        from fbs_settings as s
        where s.name = 'cleanup' and s.value = 'off';
    end if;
end;
$$;

comment on function fbs_health(boolean) is
'What is not as it should be: disabled triggers, invalid indexes, keys not validated, users and host tables, later names out of date, clean-ups and files that wait. No row is good news; notes need nothing to be done. Quick leaves out rights and rules. What is missing or changed altogether, and what is pending: fbs-db check';
