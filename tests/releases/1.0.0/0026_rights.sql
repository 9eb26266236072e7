-- 0026_rights: the owners of FBS's objects, and the rights that others have and only
-- FBS's owner should have.
--
-- component: base
-- depends: 0023_cleanup_across 0025_roles

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
            or f.prosecdef and f.proname <> all(fbs_session_functions()::text[]) as acts,
            f.proname || '(' || oidvectortypes(f.proargtypes) || ')' as called,
            format('%s.%I(%s)', h.name, f.proname, oidvectortypes(f.proargtypes)) as named
        from here as h
        inner join pg_proc as f on h.oid = f.pronamespace
        where f.prokind in ('f', 'p')
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
        'error', case when f.is_ours then 'owner' else 'right' end, f.called, 'belongs to another role', o.label, h.owner,
        format('drop routine %s;', f.named)
    from here as h
    cross join routines as f
    inner join others as o on f.proowner = o.id and not o.owns_schema
    where
        f.proname ~ '^fbs_'
        or exists (
            select from pg_proc as b where b.pronamespace = 'pg_catalog'::regnamespace and b.proname = f.proname
        )
    union all
    -- A view's functions run with the rights of whoever reads it.
    select
        'error', 'owner', c.relname::text, 'belongs to another role', o.label, h.owner,
        format('drop view %s.%I;', h.name, c.relname)
    from here as h
    inner join pg_class as c on h.oid = c.relnamespace and c.relkind = 'v' and c.relname = any(fbs_relation_names()::text[])
    inner join others as o on c.relowner = o.id and not o.owns_schema
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
    where
        f.is_ours and f.acts and not f.of_triggers and f.proowner <> o.id
        and not (f.proname = any(fbs_worker_functions()::text[]) and o.id = any(fbs_workers()))
    group by h.owner, f.oid, f.called, f.named
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
'Internal. What has to be mended before anything in this schema may be called, and what of it others may execute: roles that may create here, functions and views of others, EXECUTE on functions that change something; and the functions that PUBLIC may not execute, as in a new installation it may. Others are roles that fbs_trusts does not trust. fbs-db check runs its text, as fbs-db migrate does before there is the function.';

create function fbs_rights_granted()
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
            n.oid, n.nspowner, d.datdba, r.oid as owner_id,
            quote_ident(n.nspname) as name, quote_ident(r.rolname) as owner
        from pg_namespace as n
        inner join pg_database as d on d.datname = current_database()
        inner join pg_proc as f on n.oid = f.pronamespace and f.proname = 'fbs_owner' and f.pronargs = 0
        inner join pg_roles as r on f.proowner = r.oid
        where n.nspname = current_schema()
    ),

    -- Superusers count as members of every role.
    others as (
        select r.oid as id, quote_ident(r.rolname) as name, quote_ident(r.rolname) as label
        from here as h
        inner join pg_roles as r on not pg_has_role(r.oid, h.owner_id, 'member')
        union all
        select 0, 'public', 'PUBLIC'
    ),

    relations as (
        select c.oid, c.relname, c.relkind, c.relowner, c.relacl, format('%s.%I', h.name, c.relname) as named
        from here as h
        inner join pg_class as c
            on h.oid = c.relnamespace and c.relkind in ('r', 'p', 'v', 'm') and c.relname = any(fbs_relation_names()::text[])
    ),

    -- Sequences belong to the owner of their table.
    sequences as (
        select distinct s.oid, s.relname, s.relkind, s.relowner, s.relacl, format('%s.%I', h.name, s.relname) as named
        from here as h
        cross join relations as r
        inner join pg_depend as d
            on r.oid = d.refobjid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass
            and d.deptype in ('a', 'i')
        inner join pg_class as s on d.objid = s.oid and s.relkind = 'S' and h.oid = s.relnamespace
    ),

    owned as (
        select
            case r.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as what,
            r.relname::text as object, r.named, r.relowner as owner_id
        from relations as r
        union all
        select 'domain', y.typname, format('%s.%I', h.name, y.typname), y.typowner
        from here as h
        inner join pg_type as y on h.oid = y.typnamespace and y.typname = 'fbs_user_id' and y.typtype = 'd'
        union all
        select 'statistics', r.relname || '.' || s.stxname, format('%s.%I', h.name, s.stxname), s.stxowner
        from here as h
        inner join pg_statistic_ext as s on h.oid = s.stxnamespace and s.stxname ~ '^fbs_'
        inner join relations as r on s.stxrelid = r.oid
        union all
        select
            'routine', f.proname || '(' || oidvectortypes(f.proargtypes) || ')',
            format('%s.%I(%s)', h.name, f.proname, oidvectortypes(f.proargtypes)), f.proowner
        from here as h
        inner join pg_proc as f on h.oid = f.pronamespace and f.prokind in ('f', 'p')
        where
            (f.proname ~ '^fbs_' and (f.prosecdef or array_to_string(f.proconfig, ' ') ~ 'search_path='))
            -- PostgreSQL inlines most of these.
            or f.proname in (
                'fbs_touch', 'fbs_touch_last_updated', 'fbs_days_between', 'fbs_time_between', 'fbs_judge_license',
                'fbs_custom_fields_typed', 'fbs_is_due_state', 'fbs_suite_deadlines'
            )
    ),

    foreigners as (
        select
            o.*, quote_ident(r.rolname) as role_name,
            pg_has_role(o.owner_id, h.owner_id, 'member')
            or pg_has_role(o.owner_id, h.nspowner, 'member')
            or pg_has_role(o.owner_id, h.datdba, 'member') as is_trusted
        from here as h
        cross join owned as o
        inner join pg_roles as r on o.owner_id = r.oid
        where o.owner_id <> h.owner_id
    ),

    granted as (
        select
            r.relname, r.relkind, r.named, o.id, o.name, o.label, lower(g.privilege_type) as privilege,
            case
                -- A trigger fires with the rights of the one who writes, such as the clean-up.
                when g.privilege_type = 'TRIGGER' or (g.privilege_type = 'TRUNCATE' and r.relkind in ('r', 'p'))
                    then 'others may write'
                when
                    g.privilege_type in ('INSERT', 'UPDATE', 'DELETE')
                    and r.relname = any(fbs_internal_tables()::text[])
                    then 'others may write'
                when g.privilege_type = 'REFERENCES' and r.relkind in ('r', 'p') then 'others may reference'
                when o.id = 0 then 'open to PUBLIC'
            end as problem
        from (select * from relations union all select * from sequences) as r
        cross join lateral (
            select t.grantee, t.privilege_type
            from
                aclexplode(
                    coalesce(r.relacl, acldefault((case r.relkind when 'S' then 's' else 'r' end)::"char", r.relowner))
                ) as t
            union
            select t.grantee, t.privilege_type
            from pg_attribute as a
            cross join aclexplode(a.attacl) as t
            where a.attrelid = r.oid and a.attacl is not null and not a.attisdropped
        ) as g
        inner join others as o on g.grantee = o.id and r.relowner <> o.id
    ),

    by_role as (
        select
            g.relname, g.relkind, g.named, g.problem, g.name, g.label,
            string_agg(g.privilege, ', ' order by g.privilege) as privileges,
            bool_or(g.privilege not in ('select', 'usage')) as may_change
        from granted as g
        where g.problem is not null
        group by g.relname, g.relkind, g.named, g.problem, g.id, g.name, g.label
    )

    select
        case when f.is_trusted or f.what = 'statistics' then 'warning' else 'error' end, 'owner', f.object,
        'belongs to another role', f.role_name, h.owner, format('alter %s %s owner to %s;', f.what, f.named, h.owner)
    from here as h
    cross join foreigners as f
    -- fbs_rights has the others.
    where f.is_trusted or f.what not in ('routine', 'view')
    union all
    select
        case when b.problem = 'others may write' or bool_or(b.problem = 'open to PUBLIC' and b.may_change) then 'error' else 'warning' end,
        'right', b.relname::text, b.problem, string_agg(b.label || ': ' || b.privileges, '; ' order by b.name),
        h.owner || ' alone',
        string_agg(
            format(
                'revoke %s on %s%s from %s cascade;',
                b.privileges, case b.relkind when 'S' then 'sequence ' else '' end, b.named, b.name
            ),
            ' ' order by b.name
        )
    from here as h
    cross join by_role as b
    group by h.owner, b.relname, b.named, b.problem;
$$;

comment on function fbs_rights_granted() is
'Internal. FBS''s objects that belong to another role than FBS''s owner, and what others may do with its tables, views and sequences and should not: write to those that say what FBS does, put triggers on them, truncate them, refer to them by foreign keys; and whatever PUBLIC may. fbs-db check runs its text, with the lists that it calls in their places.';

create function fbs_secret_readers()
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
    -- Superusers count as members of every role.
    with others as (
        select r.oid as id, quote_ident(r.rolname) as name, quote_ident(r.rolname) as label, r.rolcanlogin
        from pg_roles as r
        where
            not fbs_trusts(r.oid)
            and not exists (select from fbs_roles as a where a.work = 'app' and a.role_name = r.rolname)
        union all
        select 0, 'public', 'PUBLIC', false
    ),

    readers as (
        select s.table_id, s.table_name, s.column_name, o.name, o.label, bool_or(g.of_all) as of_all
        from fbs_secret_columns as s
        inner join pg_class as c on s.table_id = c.oid
        inner join pg_attribute as a on c.oid = a.attrelid and s.column_name = a.attname
        cross join lateral (
            select t.grantee, true as of_all
            from aclexplode(c.relacl) as t
            where t.privilege_type = 'SELECT'
            union all
            select t.grantee, false
            from aclexplode(a.attacl) as t
            where t.privilege_type = 'SELECT'
        ) as g
        inner join others as o on g.grantee = o.id and c.relowner <> o.id
        group by s.table_id, s.table_name, s.column_name, o.name, o.label
    )

    select
        'error', 'right', r.table_name || '.' || r.column_name, 'secret, others may read',
        string_agg(r.label, ', ' order by r.name),
        fbs_owner()::regrole || ' and roles granted app',
        string_agg(
            case
                when r.of_all then format('revoke select on %s from %s cascade;', fbs_named(r.table_id), r.name)
                else format('revoke select (%I) on %s from %s cascade;', r.column_name, fbs_named(r.table_id), r.name)
            end
            -- The rest of the table may be read as before.
            || case
                when r.of_all and r.name <> 'public'
                    then format(' grant select (%s) on %s to %s;', open_columns.names, fbs_named(r.table_id), r.name)
                else ''
            end,
            ' ' order by r.name
        )
    from readers as r
    cross join lateral (
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum) as names
        from pg_attribute as a
        where
            a.attrelid = r.table_id and a.attnum > 0 and not a.attisdropped
            and not exists (
                select from fbs_secret_columns as s where s.table_id = a.attrelid and s.column_name = a.attname
            )
    ) as open_columns
    group by r.table_name, r.column_name
    union all
    select
        'note', 'right', 'pg_read_all_data', 'secrets, members may read', string_agg(o.label, ', ' order by o.name), null, ''
    from others as o
    where o.rolcanlogin and pg_has_role(o.id, 'pg_read_all_data', 'member')
    having count(*) > 0;
$$;

comment on function fbs_secret_readers() is
'Internal. The columns of fbs_secret_columns that roles may read who are neither FBS''s owner nor granted app in fbs_roles.';
