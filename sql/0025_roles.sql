-- 0025_roles: which role works as what (application, reader, worker, monitor), for
-- which solutions, and the columns that only an application reads.
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
        'fbs_cleanup_queue', 'fbs_cleanup_targets', 'fbs_cleanup_received', 'fbs_file_deletions', 'fbs_roles'
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
        'fbs_await_writers', 'fbs_claim_cleanup', 'fbs_claim_files', 'fbs_cleanup_carried', 'fbs_cleanup_destinations',
        'fbs_cover_partitions', 'fbs_expired', 'fbs_failed_rule', 'fbs_file_done', 'fbs_give_up_files', 'fbs_held_keys',
        'fbs_purge', 'fbs_receive_cleanup', 'fbs_received_cleanups', 'fbs_recheck_cleanup', 'fbs_source',
        'fbs_sweep_keys', 'fbs_sweep_plan', 'fbs_waiting_cleanups', 'fbs_waiting_files', 'fbs_waiting_tickets',
        'fbs_work_queue'
    ];
$$;

comment on function fbs_worker_functions() is
'Internal. Names of the functions that a worker calls. They run with the rights of FBS''s owner; those of components that are not installed are not there.';
