-- 0025_roles: which role works as what, for which solutions; what each kind of work
-- needs; and the statements that give a role that, or take it back.
--
-- component: base
-- depends: 0015_settings

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_roles (
    role_name text not null,
    work text not null,
    solutions text[] not null default '{}',
    is_shared boolean not null default false,
    granted_at timestamptz not null default now(),
    constraint fbs_roles_pkey primary key (role_name, work),
    constraint fbs_roles_work_check check (work in ('app', 'reader', 'worker', 'monitor')),
    constraint fbs_roles_solutions_check
    check (not is_shared or solutions = '{}'),
    constraint fbs_roles_rows_check
    check (work in ('app', 'reader') or (solutions = '{}' and not is_shared))
);

comment on table fbs_roles is
'What each database role was granted by fbs_grant_role, and the solutions whose rows it sees while isolation is on.';
comment on column fbs_roles.role_name is
'Name of the role. A login is known by this name alone, not by roles that it is a member of.';
comment on column fbs_roles.work is
'What it works as: app (an application), reader, worker (clean-up) or monitor.';
comment on column fbs_roles.solutions is
'The solutions whose rows it sees and writes, whatever it sets; no element where it has none of its own.';
comment on column fbs_roles.is_shared is
'Whether it sees the solution that fbs.solution names, set for the transaction.';
comment on column fbs_roles.granted_at is
'When it was first granted.';

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_roles
for each statement
execute function fbs_only_owner();

create view fbs_secret_columns
with (security_invoker = true) as
select
    c.oid::regclass as table_id,
    listed.table_name,
    listed.column_name
from (
    values
    ('fbs_odoo_databases', 'password'),
    ('fbs_token_mappings', 'token'),
    ('fbs_handshakes', 'secret_key'),
    ('fbs_license_manager_solution_license', 'license_key')
) as listed (table_name, column_name)
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_migrations'::regclass
inner join pg_class as c on listed.table_name = c.relname and home.relnamespace = c.relnamespace
inner join pg_attribute as a on c.oid = a.attrelid and listed.column_name = a.attname and not a.attisdropped;

comment on view fbs_secret_columns is
'Columns with passwords, tokens and keys. FBS''s owner and applications read them; readers do not.';
comment on column fbs_secret_columns.table_id is
'The table, as PostgreSQL identifies it.';
comment on column fbs_secret_columns.table_name is
'Name of the table.';
comment on column fbs_secret_columns.column_name is
'Name of the column.';

create function fbs_internal_tables()
returns text[]
language sql
immutable
set search_path from current
as $$
    select array[
        'fbs_migrations', 'fbs_migration_log', 'fbs_settings', 'fbs_solution_map', 'fbs_hosts', 'fbs_cleanup_rules',
        'fbs_cleanup_queue', 'fbs_cleanup_targets', 'fbs_cleanup_received', 'fbs_file_deletions', 'fbs_roles',
        'fbs_worker_last_run'
    ];
$$;

comment on function fbs_internal_tables() is
'Internal. Names of the tables that say what FBS does and did. Only FBS''s owner writes them.';

create function fbs_worker_functions()
returns text[]
language sql
immutable
set search_path from current
as $$
    select array[
        'fbs_await_writers', 'fbs_claim_cleanup', 'fbs_claim_fan_out', 'fbs_claim_files', 'fbs_cleanup_carried',
        'fbs_cleanup_destinations', 'fbs_cover_partitions', 'fbs_expired', 'fbs_failed_rule', 'fbs_fan_out', 'fbs_file_done',
        'fbs_give_up_cleanup', 'fbs_give_up_files', 'fbs_held_keys', 'fbs_note_run', 'fbs_purge', 'fbs_receive_cleanup',
        'fbs_received_cleanups', 'fbs_recheck_cleanup', 'fbs_replica_lag', 'fbs_source', 'fbs_sweep_keys', 'fbs_sweep_plan',
        'fbs_target_gone', 'fbs_waiting_cleanups', 'fbs_waiting_files', 'fbs_waiting_tickets', 'fbs_work_queue'
    ];
$$;

comment on function fbs_worker_functions() is
'Internal. Names of the functions that a worker calls. They run with the rights of FBS''s owner; those of components that are not installed are not there.';

create function fbs_session_functions()
returns text[]
language sql
immutable
set search_path from current
as $$
    select array[
        'fbs_find_approval_requests', 'fbs_find_documents_by_metadata', 'fbs_find_documents_by_words',
        'fbs_find_workflow_runs', 'fbs_is_step_of', 'fbs_releases', 'fbs_session_solutions', 'fbs_solutions', 'fbs_workers'
    ];
$$;

comment on function fbs_session_functions() is
'Internal. Names of the functions with the rights of FBS''s owner that everybody may call: they tell nothing but what the session may see, and the releases of the schema.';

create function fbs_relations()
returns table (id oid, sort text, of_table oid)
language sql
stable
set search_path from current
as $$
    with recursive relations as (
        select
            -- The host's own may have such a name, too, and belong to the same role.
            c.oid, c.relkind, c.relname = any(fbs_relation_names()) as is_ours, c.relname = any(fbs_internal_tables()) as is_internal,
            c.relkind = 'v' and coalesce(obj_description(c.oid, 'pg_class') ~ 'Made by fbs_add_later_names\(\)', false) as is_later
        from pg_proc as home
        inner join pg_class as c on home.pronamespace = c.relnamespace and home.proowner = c.relowner
        where home.oid = 'fbs_owner()'::regprocedure and c.relkind in ('r', 'p', 'v', 'S')
    ),

    -- A view reads what it takes columns of; a mere name in it is no column.
    sources as (
        select distinct r.ev_class as view_id, d.refobjid as id
        from pg_rewrite as r
        inner join pg_depend as d
            on
                r.oid = d.objid and d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
                and d.refobjsubid > 0 and r.ev_class <> d.refobjid
        where r.ev_class in (select v.oid from relations as v where v.relkind = 'v')
    ),

    reads (view_id, id) as (
        select s.view_id, s.id
        from sources as s
        union
        select r.view_id, s.id
        from reads as r
        inner join sources as s on r.id = s.view_id
    ),

    views as (
        select
            r.view_id, bool_or(t.is_internal) as of_internal, bool_or(not t.is_internal) as of_rows, min(t.oid) as table_id
        from reads as r
        inner join relations as t on r.id = t.oid and t.relkind in ('r', 'p') and t.is_ours
        group by r.view_id
    )

    select
        c.oid,
        case
            when c.relkind = 'S' then case when t.is_internal then 'internal sequence' else 'sequence' end
            when c.is_later then 'later name'
            when c.relkind <> 'v' then case when c.is_internal then 'internal table' else 'table' end
            when v.of_internal then 'internal view'
            when v.of_rows then 'view'
            else 'general view'
        end,
        coalesce(t.oid, v.table_id, c.oid)
    from relations as c
    left join pg_depend as d
        on
            c.relkind = 'S' and c.oid = d.objid and d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
            and d.deptype in ('a', 'i')
    left join relations as t on d.refobjid = t.oid
    left join views as v on c.oid = v.view_id
    where case c.relkind when 'S' then t.is_ours else c.is_ours or c.is_later end;
$$;

comment on function fbs_relations() is
'Internal. FBS''s tables, views and sequences as rights tell them apart: table, view (of rows), later name and sequence; internal table, view and sequence; and general view, of the catalogs alone. With the table that a later name or a sequence belongs to.';

create function fbs_routines()
returns table (id oid, reads boolean)
language sql
stable
set search_path from current
as $$
    select
        f.oid,
        -- With the rights of the one who calls it a function tells nothing more.
        f.provolatile <> 'v' and (not f.prosecdef or f.proname = any(fbs_session_functions()))
    from pg_proc as home
    inner join pg_proc as f on home.pronamespace = f.pronamespace and home.proowner = f.proowner
    where
        home.oid = 'fbs_owner()'::regprocedure and f.proname ~ '^fbs_' and f.prorettype <> 'trigger'::regtype
        -- The host's own functions may have such a name, too.
        and (f.provolatile <> 'v' or f.prosecdef or array_to_string(f.proconfig, ' ') ~ 'search_path=');
$$;

comment on function fbs_routines() is
'Internal. FBS''s functions but those of triggers, and whether everybody may call one.';

create function fbs_work_rights(work text)
returns table (class text, object_id oid, column_name text, privilege text)
language sql
stable
set search_path from current
as $$
    select 'schema', f.pronamespace, null, 'USAGE'
    from pg_proc as f
    where f.oid = 'fbs_owner()'::regprocedure
    union all
    select 'routine', r.id, null, 'EXECUTE'
    from fbs_routines() as r
    inner join pg_proc as f on r.id = f.oid
    where case work when 'worker' then f.proname = any(fbs_worker_functions()) else r.reads end
    union all
    select case r.sort when 'sequence' then 'sequence' else 'table' end, r.id, null, unnest(p.privileges)
    from fbs_relations() as r
    inner join (
        values
        ('app', '{table,later name}'::text[], '{SELECT,INSERT,UPDATE,DELETE}'::text[]),
        ('app', '{sequence}', '{USAGE}'),
        ('app', '{view,general view}', '{SELECT}'),
        ('reader', '{table,later name,view,general view,internal view}', '{SELECT}'),
        ('monitor', '{internal table,internal view,general view}', '{SELECT}')
    ) as p (work, sorts, privileges)
        on r.sort = any(p.sorts) and fbs_work_rights.work = p.work
    where
        p.work <> 'reader' or r.sort not in ('table', 'later name')
        or r.of_table not in (select s.table_id from fbs_secret_columns as s)
    union all
    -- fbs_setting() reads it.
    select 'table', 'fbs_settings'::regclass, null, 'SELECT'
    where work = 'reader'
    union all
    select 'table', r.id, a.attname, 'SELECT'
    from fbs_relations() as r
    inner join pg_attribute as a on r.id = a.attrelid and a.attnum > 0 and not a.attisdropped
    where
        work = 'reader' and r.sort = 'table'
        and r.id in (select s.table_id from fbs_secret_columns as s)
        and (r.id, a.attname) not in (select s.table_id, s.column_name::name from fbs_secret_columns as s);
$$;

comment on function fbs_work_rights(text) is
'Internal. The rights that a kind of work needs (app, reader, worker, monitor), from the catalogs; those of everybody for public.';

create function fbs_rights_of(role_id oid)
returns table (class text, object_id oid, column_name text, privilege text)
language sql
stable
set search_path from current
as $$
    with relations as materialized (
        select c.oid, c.relkind, c.relacl
        from fbs_relations() as r
        inner join pg_class as c on r.id = c.oid
    ),

    lists (class, object_id, column_name, acl) as (
        select 'schema', n.oid, null, n.nspacl
        from pg_proc as f
        inner join pg_namespace as n on f.pronamespace = n.oid
        where f.oid = 'fbs_owner()'::regprocedure and n.nspowner <> role_id
        union all
        select case r.relkind when 'S' then 'sequence' else 'table' end, r.oid, null, r.relacl
        from relations as r
        union all
        select 'table', r.oid, a.attname, a.attacl
        from relations as r
        inner join pg_attribute as a on r.oid = a.attrelid and a.attacl is not null and not a.attisdropped
        union all
        select 'routine', f.oid, null, coalesce(f.proacl, acldefault('f', f.proowner))
        from fbs_routines() as r
        inner join pg_proc as f on r.id = f.oid
    )

    select distinct l.class, l.object_id, l.column_name, p.privilege
    from lists as l
    cross join aclexplode(l.acl) as g
    cross join lateral (
        values (g.privilege_type), (case when g.is_grantable then 'GRANT OPTION FOR ' || g.privilege_type end)
    ) as p (privilege)
    where g.grantee = role_id and role_id <> fbs_owner() and p.privilege is not null;
$$;

comment on function fbs_rights_of(oid) is
'Internal. What was granted to a role on FBS''s objects, or to PUBLIC (0), and what it may grant on. Not what it has as a member of others, or owns.';

create function fbs_right_changes(role_id oid, works text[], take_back boolean)
returns table (change text, class text, objects text[], privileges text, statement text)
language sql
stable
set search_path from current
as $$
    with needed as materialized (
        select distinct r.class, r.object_id, r.column_name, r.privilege
        from unnest(works) as w (work)
        cross join lateral fbs_work_rights(w.work) as r
    ),

    wanted as materialized (
        select n.*
        from needed as n
        where
            n.column_name is null
            or (n.class, n.object_id, n.privilege) not in (
                select w.class, w.object_id, w.privilege from needed as w where w.column_name is null
            )
    ),

    present as materialized (
        select r.* from fbs_rights_of(role_id) as r
    ),

    surplus as materialized (
        select p.*
        from present as p
        where
            not exists (
                select from wanted as w
                where
                    (w.class, w.object_id, w.privilege) = (p.class, p.object_id, p.privilege)
                    and (w.column_name is null or w.column_name = p.column_name)
            )
            -- A column of a later migration may be a secret of a table that was read as a whole.
            and (
                take_back
                or p.privilege = 'SELECT' and p.object_id in (
                    select s.table_id
                    from fbs_secret_columns as s
                    where p.column_name is null or p.column_name = s.column_name
                )
            )
            -- The schema may have tables of the host, which the role uses.
            and (
                p.class <> 'schema' or p.privilege = 'USAGE' and not exists (
                    select from pg_class as c
                    cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as g
                    where
                        c.relnamespace = p.object_id and c.relkind in ('r', 'p', 'v', 'm', 'f')
                        and c.oid not in (select r.id from fbs_relations() as r)
                        and pg_has_role(role_id, nullif(g.grantee, 0), 'usage')
                )
            )
    ),

    changes as (
        select 'revoke' as change, s.*
        from surplus as s
        union all
        select 'grant', w.*
        from wanted as w
        where
            not exists (
                select from present as p
                where
                    (w.class, w.object_id, w.privilege) = (p.class, p.object_id, p.privilege)
                    and (p.column_name is null or p.column_name = w.column_name)
                    -- To revoke it from a table is to revoke it from its columns.
                    and (p.class, p.object_id, p.privilege) not in (
                        select s.class, s.object_id, s.privilege from surplus as s where s.column_name is null
                    )
            )
            and (w.class not in ('schema', 'routine') or (w.object_id, w.privilege) not in (
                select p.object_id, p.privilege from fbs_rights_of(0) as p
            ))
    ),

    parts as (
        select
            c.change, c.class, c.object_id,
            o.beginning
            || string_agg(lower(o.privilege), ', ' order by position(o.privilege in 'SELECT INSERT UPDATE DELETE'), o.privilege)
            as privileges
        from changes as c
        cross join lateral (
            select
                coalesce(lower(substring(c.privilege from '^GRANT OPTION FOR ')), '') as beginning,
                substring(c.privilege from '[^ ]*$') as privilege
        ) as o
        where c.column_name is null
        group by c.change, c.class, c.object_id, o.beginning
        union all
        select
            c.change, c.class, c.object_id,
            format('%s (%s)', lower(c.privilege), string_agg(quote_ident(c.column_name), ', ' order by a.attnum))
        from changes as c
        inner join pg_attribute as a on c.object_id = a.attrelid and c.column_name = a.attname
        group by c.change, c.class, c.object_id, c.privilege
    ),

    named as (
        select
            p.change, p.class, p.privileges,
            case p.class
                when 'schema' then quote_ident(n.nspname)
                when 'routine' then format('%I.%I(%s)', n.nspname, f.proname, (
                    select
                        string_agg(
                            case t.typnamespace when 'pg_catalog'::regnamespace then '' else quote_ident(n.nspname) || '.' end
                            || regexp_replace(format_type(t.oid, null), '^.*\.', ''),
                            ', ' order by a.place
                        )
                    from unnest(f.proargtypes) with ordinality as a (type_id, place)
                    inner join pg_type as t on a.type_id = t.oid
                ))
                else format('%I.%I', n.nspname, c.relname)
            end as name
        from parts as p
        left join pg_class as c on p.object_id = c.oid and p.class in ('table', 'sequence')
        left join pg_proc as f on p.object_id = f.oid and p.class = 'routine'
        left join pg_namespace as n on n.oid = coalesce(c.relnamespace, f.pronamespace, p.object_id)
    )

    select
        n.change, n.class, array_agg(n.name order by n.name), n.privileges,
        format(
            case n.change when 'grant' then 'grant %s on %s%s to %s;' else 'revoke %s on %s%s from %s cascade;' end,
            n.privileges, case n.class when 'table' then '' else n.class || ' ' end,
            string_agg(n.name, ', ' order by n.name),
            -- A role that was dropped just now is nobody.
            case role_id when 0 then 'public' else quote_ident(r.rolname) end
        )
    from named as n
    left join pg_roles as r on r.oid = role_id
    group by n.change, n.class, n.privileges, r.rolname
    order by n.change desc, position(n.class in 'schema table sequence routine'), n.privileges;
$$;

comment on function fbs_right_changes(oid, text[], boolean) is
'Internal. The statements that give a role, or PUBLIC (0), what these kinds of work need; with take_back also those that take back all else. A secret is always taken back.';

create function fbs_workers()
returns oid[]
language sql
stable
security definer
set search_path from current
as $$
    select array(select r.oid from fbs_roles as w inner join pg_roles as r on w.role_name = r.rolname where w.work = 'worker');
$$;

comment on function fbs_workers() is
'Internal. The roles that were granted the work of a worker.';
