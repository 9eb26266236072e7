-- 0026_rights: the rights that others have in the schema of FBS, and only FBS's owner
-- should have; and how roles are given what their work needs.
--
-- component: base
-- depends: 0023_cleanup_across 0025_roles
-- provides: roles

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
            or f.prosecdef and f.proname not in ('fbs_session_solutions', 'fbs_solutions', 'fbs_is_step_of', 'fbs_workers') as acts,
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
    where
        f.is_ours and f.acts and not f.of_triggers and f.proowner <> o.id
        and not (f.proname = any(fbs_worker_functions()) and o.id = any(fbs_workers()))
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

create function fbs_role_powers(role_id oid)
returns table (power text, sees_all boolean, statement text)
language sql
stable
set search_path from current
as $$
    with home as (
        select f.proowner as owner_id, n.nspowner, d.datdba
        from pg_proc as f
        inner join pg_namespace as n on f.pronamespace = n.oid
        inner join pg_database as d on d.datname = current_database()
        where f.oid = 'fbs_owner()'::regprocedure
    )

    select p.power, p.sees_all, p.statement
    from home as h
    inner join pg_roles as r on r.oid = role_id
    cross join lateral (
        values
        (r.rolsuper, true, 'is a superuser', format('alter role %I nosuperuser;', r.rolname)),
        (r.rolbypassrls and not r.rolsuper, true, 'has BYPASSRLS', format('alter role %I nobypassrls;', r.rolname)),
        (r.oid = h.owner_id, true, 'is FBS''s owner', ''),
        -- These come to the rights of others by a detour.
        (
            r.rolreplication and not r.rolsuper, false, 'has REPLICATION',
            format('alter role %I noreplication;', r.rolname)
        ),
        (
            r.rolcreaterole and not r.rolsuper and current_setting('server_version_num')::integer < 160000, false,
            'has CREATEROLE', format('alter role %I nocreaterole;', r.rolname)
        ),
        (
            not pg_has_role(r.oid, h.owner_id, 'member')
            and (pg_has_role(r.oid, h.nspowner, 'member') or pg_has_role(r.oid, h.datdba, 'member')),
            false, 'owns the schema or the database', ''
        )
    ) as p (is_so, sees_all, power, statement)
    where p.is_so
    union all
    select
        'is a member of ' || quote_ident(w.rolname) || case w.oid when h.owner_id then ', FBS''s owner' else '' end,
        w.rolname !~ '^pg_', format('revoke %I from %I;', w.rolname, r.rolname)
    from home as h
    inner join pg_roles as r on r.oid = role_id and not r.rolsuper
    inner join pg_roles as w
        on
            r.oid <> w.oid
            and (
                w.oid = h.owner_id or w.rolsuper or w.rolbypassrls
                or w.rolname ~ '^pg_(read_all_data|write_all_data|(read|write|execute)_server_(files|program))$'
            )
            and pg_has_role(r.oid, w.oid, 'member');
$$;

comment on function fbs_role_powers(oid) is
'Internal. What a role may do beyond the rights on FBS''s objects, with the statement that takes it away; and whether it sees all rows by that.';

create function fbs_grant_role(
    role_name text,
    work text,
    solutions text[] default null,
    is_shared boolean default null,
    dry_run boolean default false
)
returns setof text
language plpgsql
set search_path from current
as $$
#variable_conflict use_column
declare
    of_role oid := (select r.oid from pg_roles as r where r.rolname = fbs_grant_role.role_name);
    wanted text[] := array(select distinct trim(s.name) from unnest(fbs_grant_role.solutions) as s (name) order by 1);
    shared boolean := coalesce(fbs_grant_role.is_shared, false);
    here text := quote_ident(current_schema());
    present record;
    problem text;
    statement text;
begin
    if of_role is null then
        raise exception 'there is no role %', coalesce(role_name, 'NULL')
            using errcode = 'FB070',
                hint = format('Create it first: create role %I login;', coalesce(role_name, 'NAME'));
    end if;
    problem := case
        when work is null or work not in ('app', 'reader', 'worker', 'monitor')
            then format('a role works as app, reader, worker or monitor, not as %s', work)
        when work in ('worker', 'monitor') and (wanted <> '{}' or shared) then format('a %s works for all solutions', work)
        -- These see what FBS does for all.
        when exists (
            select from fbs_roles as r
            where
                r.role_name = fbs_grant_role.role_name
                and case when fbs_grant_role.work in ('worker', 'monitor') then r.solutions <> '{}' or r.is_shared
                    else (wanted <> '{}' or shared) and r.work in ('worker', 'monitor') end
        ) then 'a role with solutions is no worker and no monitor'
        when wanted <> '{}' and shared then 'a role that is shared has no solutions of its own'
        when array_position(wanted, null) is not null or wanted && '{""}' then 'a solution has a name'
    end;
    if problem is not null then
        raise exception '%', problem
            using errcode = 'FB072', hint = 'See: fbs-db grant --help';
    end if;

    select r.solutions, r.is_shared into present
    from fbs_roles as r
    where r.role_name = fbs_grant_role.role_name and r.work = fbs_grant_role.work;
    if solutions is null and is_shared is null then
        wanted := coalesce(present.solutions, '{}');
        shared := coalesce(present.is_shared, false);
    end if;

    select string_agg(p.power, ', ') into problem
    from (
        select o.* from fbs_role_powers(of_role) as o
        union all
        select format('is a member of %I, a %s', u.rolname, r.work), false, ''
        from fbs_roles as r
        inner join pg_roles as u on r.role_name = u.rolname and u.oid <> of_role and pg_has_role(of_role, u.oid, 'member')
        where r.work in ('worker', 'monitor')
    ) as p
    where p.sees_all or wanted <> '{}' or shared;
    if problem is not null then
        raise exception 'role % %, which is more than any work needs', role_name, problem
            using errcode = 'FB071',
                detail = case when wanted <> '{}' or shared then 'It would see the rows of other solutions.' else 'It has the rights already.' end,
                hint = 'Grant it to a role that has no such rights: create role NAME login;';
    end if;
    if not exists (
        select from (select * from fbs_rights_of(of_role) union all select * from fbs_rights_of(0)) as r
        where r.class = 'schema' and r.privilege = 'USAGE'
    ) and not has_schema_privilege(current_schema(), 'usage with grant option')
    then
        raise exception '% may not grant the use of schema %', current_user, here
            using errcode = 'FB073',
                hint = format('As the schema''s owner, type: grant usage on schema %s to %I; Then the same again.', here, role_name);
    end if;

    for statement in
        select format(
            'insert into %s.fbs_roles (role_name, work, solutions, is_shared) values (%L, %L, %L, %L)'
            ' on conflict (role_name, work) do update set solutions = excluded.solutions, is_shared = excluded.is_shared;',
            here, role_name, work, wanted, shared
        )
        where (wanted, shared) is distinct from (present.solutions, present.is_shared)
        union all
        select c.statement
        from fbs_right_changes(
            of_role, array(select r.work from fbs_roles as r where r.role_name = fbs_grant_role.role_name) || work, false
        ) as c
    loop
        if not dry_run then
            execute statement;
        end if;
        return next statement;
    end loop;
end;
$$;

comment on function fbs_grant_role(text, text, text[], boolean, boolean) is
'Gives a role what its work as app, reader, worker or monitor needs, for the solutions named, or shared; without both they stay as they are. Can be repeated. Returns the statements, which it runs unless dry_run is true. Errors FB070 (no such role), FB071 (it has more rights than any work needs), FB072 (no such work, or solutions that do not fit it), FB073 (the schema is not FBS''s owner''s to grant).';

create function fbs_revoke_role(role_name text, work text default null, dry_run boolean default false)
returns setof text
language plpgsql
set search_path from current
as $$
#variable_conflict use_column
declare
    of_role oid := (select r.oid from pg_roles as r where r.rolname = fbs_revoke_role.role_name);
    works text[] := array(select r.work from fbs_roles as r where r.role_name = fbs_revoke_role.role_name);
    gone text[] := case when work is null then works else array[work] end;
    statement text;
begin
    if of_role is null and works = '{}' then
        raise exception 'there is no role %', coalesce(role_name, 'NULL')
            using errcode = 'FB070', hint = 'Those that were granted a work: ' || fbs_command('roles');
    end if;
    if work is not null and work not in ('app', 'reader', 'worker', 'monitor') then
        raise exception 'a role works as app, reader, worker or monitor, not as %', work
            using errcode = 'FB072';
    end if;
    if not works && gone and work is not null then
        return;
    end if;
    for statement in
        select format(
            'delete from %I.fbs_roles where role_name = %L%s;', current_schema(), role_name,
            case when work is null then '' else format(' and work = %L', work) end
        )
        where works && gone
        union all
        select c.statement
        from fbs_right_changes(of_role, array(select unnest(works) except select unnest(gone)), true) as c
        where of_role is not null
    loop
        if not dry_run then
            execute statement;
        end if;
        return next statement;
    end loop;
end;
$$;

comment on function fbs_revoke_role(text, text, boolean) is
'Takes a work from a role, or all: it keeps what its other works need, and no other right on FBS''s objects. A role that was dropped is forgotten. Returns the statements, which it runs unless dry_run is true. Errors FB070 (no such role), FB072 (no such work).';

create function fbs_grant_roles()
returns setof text
language plpgsql
set search_path from current
as $$
declare
    listed record;
    statement text;
begin
    for listed in
        select r.role_name, u.oid, array_agg(r.work) as works
        from fbs_roles as r
        left join pg_roles as u on r.role_name = u.rolname
        group by r.role_name, u.oid
        order by r.role_name
    loop
        if listed.oid is null then
            raise warning 'role % does not exist and was granted nothing', listed.role_name
                using hint = format('Create it: create role %I login; or forget it: ', listed.role_name)
                || fbs_command('revoke', listed.role_name);
            continue;
        end if;
        continue when fbs_trusts(listed.oid);
        for statement in
            select c.statement
            from fbs_right_changes(listed.oid, listed.works, false) as c
            where c.class <> 'schema' or has_schema_privilege(current_schema(), 'usage with grant option')
        loop
            execute statement;
            return next statement;
        end loop;
    end loop;
end;
$$;

comment on function fbs_grant_roles() is
'Gives every role of fbs_roles what it lacks, as fbs-db migrate does for new tables, columns and views. A role that does not exist is skipped with a warning. Returns the statements run.';

select fbs_revoke_execute();
