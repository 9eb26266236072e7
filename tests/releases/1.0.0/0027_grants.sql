-- 0027_grants: how roles are given what their work needs, and who has what.
--
-- component: base
-- depends: 0026_rights
-- provides: roles

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

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
        -- PostgreSQL knows the login, and not the work that it does: an application would write what it reads as a reader.
        when (wanted <> '{}' or shared) and exists (
            select from fbs_roles as r
            where
                r.role_name = fbs_grant_role.role_name and r.work <> fbs_grant_role.work
                and (r.solutions <> '{}' or r.is_shared)
                and (r.solutions, r.is_shared) is distinct from (wanted, shared)
        ) then 'a role has the same solutions in all of its works, which can be revoked one by one'
        when array_position(wanted, null) is not null or wanted && '{""}' then 'the name of a solution has no characters, or is NULL'
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
                hint = format('As the schema''s owner, type this in psql, then the same again: grant usage on schema %s to %I;', here, role_name);
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

create function fbs_role_differences()
returns table (role_name text, works text[], change text, class text, objects text[], privileges text, statement text)
language sql
stable
set search_path from current
as $$
    with listed as materialized (
        select r.role_name, u.oid, array_agg(r.work order by r.work) as works
        from fbs_roles as r
        left join pg_roles as u on r.role_name = u.rolname
        group by r.role_name, u.oid
    ),

    grantees as materialized (
        select distinct g.grantee as id
        from pg_proc as home
        cross join lateral (
            select c.relacl as acl from pg_class as c where c.relnamespace = home.pronamespace
            union all
            select a.attacl
            from pg_class as c
            inner join pg_attribute as a on c.oid = a.attrelid
            where c.relnamespace = home.pronamespace
            union all
            select f.proacl from pg_proc as f where f.pronamespace = home.pronamespace
        ) as l
        cross join aclexplode(l.acl) as g
        where home.oid = 'fbs_owner()'::regprocedure
    ),

    -- Whoever calls what everybody may call needs no work.
    all_roles as materialized (
        select l.role_name, l.oid, l.works, l.works as needs
        from listed as l
        where l.oid is not null
        union all
        select 'PUBLIC', 0, '{}', '{public}'
        union all
        select u.rolname, u.oid, '{}', '{public}'
        from grantees as g
        inner join pg_roles as u on g.id = u.oid
        where u.rolname not in (select l.role_name from listed as l) and not fbs_trusts(u.oid)
    )

    select l.role_name, l.works, 'missing', null, null, null, format('create role %I login;', l.role_name)
    from listed as l
    where l.oid is null
    union all
    select r.role_name, r.works, c.change, c.class, c.objects, c.privileges, c.statement
    from all_roles as r
    cross join lateral fbs_right_changes(r.oid, r.needs, true) as c
    where c.change = 'revoke' or r.works <> '{}'
    union all
    select r.role_name, r.works, 'revoke', 'role', null, p.power, p.statement
    from all_roles as r
    cross join lateral fbs_role_powers(r.oid) as p
    where r.works <> '{}'
    union all
    -- What it may by roles that it is a member of.
    select
        r.role_name, r.works, 'revoke', 'role', null, 'is a member of ' || quote_ident(g.role_name),
        format('revoke %I from %I;', g.role_name, r.role_name)
    from all_roles as r
    inner join all_roles as g on r.oid <> g.oid and pg_has_role(nullif(r.oid, 0), nullif(g.oid, 0), 'member')
    where
        r.works <> '{}'
        and not pg_has_role(r.oid, fbs_owner(), 'member')
        and exists (select from fbs_right_changes(g.oid, r.works, true) as c where c.change = 'revoke');
$$;

comment on function fbs_role_differences() is
'Internal. What roles lack of what their work needs (grant), and have beyond it (revoke), those without a work and PUBLIC too; and those that do not exist (missing).';

select fbs_revoke_execute();
