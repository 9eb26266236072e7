-- 0026_rights: the rights that others have in the schema of FBS, and only FBS's owner
-- should have.
--
-- component: base
-- depends: 0023_cleanup_across

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_rights()
returns table (
    severity text,
    kind text,
    object text,
    problem text,
    found text,
    expected text,
    mend text
)
language sql
stable
set search_path from current
as $$
    with here as (
        select
            n.oid, n.nspname, n.nspowner, n.nspacl, d.datdba, r.oid as owner_id,
            quote_ident(n.nspname) as name, quote_ident(r.rolname) as owner
        from pg_namespace as n
        inner join pg_database as d on d.datname = current_database()
        left join pg_proc as f on n.oid = f.pronamespace and f.proname = 'fbs_owner' and f.pronargs = 0
        inner join pg_roles as r on r.oid = f.proowner or (f.oid is null and r.rolname = current_user)
        where n.nspname = current_schema()
    ),

    -- Superusers count as members of every role.
    others as (
        select
            r.oid as id, quote_ident(r.rolname) as name, quote_ident(r.rolname) as label,
            pg_has_role(r.oid, h.nspowner, 'member')
            or pg_has_role(r.oid, h.datdba, 'member')
            or r.rolname = 'pg_database_owner' as owns_schema
        from here as h
        inner join pg_roles as r on not pg_has_role(r.oid, h.owner_id, 'member')
        union all
        select 0, 'public', 'PUBLIC', false
    ),

    creators as (
        select string_agg(o.name, ', ' order by o.name) as names, string_agg(o.label, ', ' order by o.name) as labels
        from here as h
        cross join aclexplode(coalesce(h.nspacl, acldefault('n', h.nspowner))) as g
        inner join others as o on g.grantee = o.id and not o.owns_schema
        where g.privilege_type = 'CREATE'
    ),

    routines as (
        select
            f.oid, f.proname, f.proowner, f.proacl, f.prorettype = 'trigger'::regtype as of_triggers,
            -- The host's own functions may have such a name, too.
            f.proname in ('fbs_touch', 'fbs_touch_last_updated')
            or (f.proname ~ '^fbs_' and (f.prosecdef or array_to_string(f.proconfig, ' ') ~ 'search_path=')) as is_ours,
            f.provolatile = 'v'
            -- These read nothing but what the session may see.
            or f.prosecdef and f.proname not in (
                'fbs_session_solutions', 'fbs_solutions', 'fbs_is_step_of', 'fbs_find_approval_requests', 'fbs_find_workflow_runs',
                'fbs_find_documents_by_words', 'fbs_find_documents_by_metadata'
            ) as acts,
            f.proname || '(' || oidvectortypes(f.proargtypes) || ')' as called,
            format('%s.%I(%s)', h.name, f.proname, oidvectortypes(f.proargtypes)) as named
        from here as h
        inner join pg_proc as f on h.oid = f.pronamespace
        where f.prokind in ('f', 'p')
    ),

    writers as (
        select
            c.relname, c.relowner, c.relowner = o.id as is_owner, o.name, o.label,
            string_agg(distinct lower(g.privilege_type), ', ') as privileges
        from here as h
        inner join pg_class as c on h.oid = c.relnamespace and c.relname ~ '^fbs_' and c.relkind in ('r', 'p')
        cross join lateral (
            select t.* from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as t
            union all
            select t.*
            from pg_attribute as a
            cross join aclexplode(a.attacl) as t
            where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
        ) as g
        inner join others as o on g.grantee = o.id
        where
            -- A trigger fires with the rights of the one who writes, such as the clean-up.
            (g.privilege_type = 'TRIGGER' and c.relowner <> o.id)
            or (
                g.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
                and c.relname in (
                    'fbs_cleanup_rules', 'fbs_hosts', 'fbs_cleanup_queue', 'fbs_cleanup_targets', 'fbs_cleanup_received',
                    'fbs_solution_map', 'fbs_settings', 'fbs_migrations', 'fbs_migration_log', 'fbs_file_deletions'
                )
            )
        group by c.relname, c.relowner, o.id, o.name, o.label
    )

    select
        'error', 'right', h.nspname::text, 'others may create', k.labels,
        h.owner || ' and the owner of the schema',
        format('revoke create on schema %s from %s;', h.name, k.names)
        || case
            when
                pg_has_role(h.owner_id, h.nspowner, 'usage')
                or exists (
                    select from aclexplode(h.nspacl) as g
                    where
                        g.privilege_type = 'CREATE'
                        and not exists (select from others as o where g.grantee = o.id and not o.owns_schema)
                        and pg_has_role(h.owner_id, g.grantee, 'usage')
                )
                then ''
            else format(' grant create on schema %s to %s;', h.name, h.owner)
        end
    from here as h
    inner join creators as k on k.names is not null
    union all
    -- What was created before the right was revoked. PostgreSQL calls it in place of its own or FBS's,
    -- whatever the order of the path, where its arguments fit better.
    select
        'error', 'right', f.called, 'belongs to another role', o.label, h.owner,
        format(case when f.of_triggers then 'alter routine %s owner to %s;' else 'drop routine %s;' end, f.named, h.owner)
    from here as h
    cross join routines as f
    inner join others as o on f.proowner = o.id and not o.owns_schema
    where
        f.proname ~ '^fbs_'
        or exists (
            select from pg_proc as b where b.pronamespace = 'pg_catalog'::regnamespace and b.proname = f.proname
        )
    union all
    select
        'error', 'right', p.oprname || ' (operator)', 'belongs to another role', o.label, h.owner,
        format(
            'drop operator %s.%s (%s, %s);', h.name, p.oprname,
            case p.oprleft when 0 then 'none' else format_type(p.oprleft, null) end, format_type(p.oprright, null)
        )
    from here as h
    inner join pg_operator as p on h.oid = p.oprnamespace
    inner join others as o on p.oprowner = o.id and not o.owns_schema
    union all
    select
        'error', 'right', f.called, 'others may execute', string_agg(o.label, ', ' order by o.name), h.owner || ' alone',
        format('revoke execute on routine %s from %s cascade;', f.named, string_agg(o.name, ', ' order by o.name))
    from here as h
    cross join routines as f
    cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
    inner join others as o on g.grantee = o.id
    where f.is_ours and f.acts and not f.of_triggers and f.proowner <> o.id
    group by h.owner, f.oid, f.called, f.named
    union all
    select
        'error', 'right', w.relname::text, 'others may write',
        string_agg(w.label || ': ' || w.privileges, '; ' order by w.name), h.owner || ' alone',
        case
            when bool_or(w.is_owner) then format('alter table %s.%I owner to %s;', h.name, w.relname, h.owner)
            else format(
                'revoke %s on %s.%I from %s cascade;', string_agg(distinct w.privileges, ', '), h.name, w.relname,
                string_agg(w.name, ', ' order by w.name)
            )
        end
    from here as h
    cross join writers as w
    group by h.name, h.owner, w.relname
    union all
    select
        'note', 'right',
        case count(*) when 1 then min(f.called) else count(*) || ' functions' end, 'PUBLIC may not execute it',
        'chosen by the host' || case when count(*) > 1 then ': ' || string_agg(f.called, ', ' order by f.called) else '' end,
        null, format('grant execute on routine %s to public;', string_agg(f.named, ', ' order by f.named))
    from routines as f
    where
        f.is_ours
        and (f.of_triggers or not f.acts)
        and not exists (
            select from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
            where g.grantee = 0 and g.privilege_type = 'EXECUTE'
        )
    having count(*) > 0;
$$;

comment on function fbs_rights() is
'Internal. The rights in this schema that others have and only FBS''s owner should have: to create, to execute functions that change something, to write to tables that say what FBS does; and the functions that PUBLIC may not execute, as in a new installation it may. Others are roles that fbs_trusts does not trust. fbs-db check runs its text, as fbs-db migrate does before there is the function.';
