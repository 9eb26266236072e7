-- 0001_initial: the history, the type of users' keys, the times of last change, and the guard of tables that move.
--
-- component: base

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

do $$
begin
    -- Without a schema the statement above has reset the setting.
    if current_schema() is null or current_setting('search_path') !~ ', pg_temp$' then
        raise exception 'no schema of the search_path exists'
            using errcode = 'FB007',
                hint = 'Create the schema, or name another one: set search_path = NAME;';
    end if;
end;
$$;

create table fbs_migrations (
    migration_id text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null default session_user,
    fbs_db_version text not null,
    constraint fbs_migrations_pkey primary key (migration_id)
);

comment on table fbs_migrations is
'The files of FBS''s schema that are in force in this database, one row each.';
comment on column fbs_migrations.migration_id is
'Name of the file without its ending, such as 0003_msme_models.';
comment on column fbs_migrations.checksum is
'SHA-256 of the file as it was applied; a file that reads otherwise today was edited.';
comment on column fbs_migrations.applied_at is
'When the file was applied.';
comment on column fbs_migrations.applied_by is
'Database role that applied it.';
comment on column fbs_migrations.fbs_db_version is
'Version of fbs-db that applied it.';

create table fbs_migration_log (
    id bigint generated always as identity,
    migration_id text not null,
    operation text not null,
    checksum text not null,
    logged_at timestamptz not null default clock_timestamp(),
    logged_by text not null default session_user,
    client_address inet default inet_client_addr(),
    fbs_db_version text not null,
    constraint fbs_migration_log_pkey primary key (id),
    constraint fbs_migration_log_operation_check
    check (operation in ('apply', 'rollback', 'accept', 'adopt'))
);

comment on table fbs_migration_log is
'Everything fbs-db ever did to FBS''s schema here, oldest first. Rows are only added.';
comment on column fbs_migration_log.id is
'Number that gives the order.';
comment on column fbs_migration_log.migration_id is
'Name of the file it was done with.';
comment on column fbs_migration_log.operation is
'What was done: apply (file run), rollback (file undone), accept (an edited file taken as applied), adopt (tables that something else made were brought to what the file makes).';
comment on column fbs_migration_log.checksum is
'SHA-256 of the file at that time.';
comment on column fbs_migration_log.logged_at is
'When it was done.';
comment on column fbs_migration_log.logged_by is
'Database role that did it.';
comment on column fbs_migration_log.client_address is
'Network address it was done from; NULL for a connection on the same machine.';
comment on column fbs_migration_log.fbs_db_version is
'Version of fbs-db that did it.';

create function fbs_key_column(host_table regclass)
returns name
language plpgsql
stable
set search_path from current
as $$
declare
    key name;
begin
    select a.attname
    into key
    from pg_index as i
    inner join pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
    where i.indrelid = host_table and i.indisprimary and i.indnkeyatts = 1;

    if key is null then
        raise exception 'table % has no primary key of one column', host_table
            using errcode = 'FB001',
                hint = 'Name a table whose primary key is a single column.';
    end if;
    return key;
end;
$$;

comment on function fbs_key_column(regclass) is
'Internal. The single primary key column of a host''s table. Error FB001 where there is none.';

create function fbs_base_type(type_id oid, type_modifier integer)
returns text
language sql
stable
set search_path from current
as $$
    with recursive bases as (
        select fbs_base_type.type_id, fbs_base_type.type_modifier
        union all
        select t.typbasetype, t.typtypmod
        from bases as b
        inner join pg_type as t on b.type_id = t.oid
        where t.typtype = 'd'
    )

    select format_type(b.type_id, b.type_modifier)
    from bases as b
    inner join pg_type as t on b.type_id = t.oid
    where t.typtype <> 'd';
$$;

comment on function fbs_base_type(oid, integer) is
'Internal. A type as SQL names it; of a domain the type beneath it, without its constraints.';

create function fbs_key_type(host_table regclass)
returns text
language plpgsql
stable
set search_path from current
as $$
declare
    key_type text;
begin
    select fbs_base_type(a.atttypid, a.atttypmod)
    into key_type
    from pg_attribute as a
    where a.attrelid = host_table and a.attname = fbs_key_column(host_table);

    -- What such a type takes for equal depends on the search_path, or on a cast.
    if exists (
        select from pg_type as t
        where
            t.oid = to_regtype(regexp_replace(key_type, '\(.*\)', ''))
            and t.typnamespace <> 'pg_catalog'::regnamespace
    )
    then
        raise exception 'users cannot have keys of type %, as table % has', key_type, host_table
            using errcode = 'FB002',
                hint = 'Keys are integers (smallint, integer, bigint), uuid, text or varchar.';
    end if;
    return key_type;
end;
$$;

comment on function fbs_key_type(regclass) is
'Internal. Type of the single primary key column of a user table, such as integer or uuid; of a domain the type beneath it. Error FB001 where there is no such column, FB002 where it is not one of PostgreSQL''s own, such as citext.';

create function fbs_key_collation(host_table regclass)
returns regcollation
language sql
stable
set search_path from current
as $$
    select nullif(a.attcollation, 0)::regcollation
    from pg_attribute as a
    where a.attrelid = host_table and a.attname = fbs_key_column(host_table);
$$;

comment on function fbs_key_collation(regclass) is
'Internal. Collation of the single primary key column of a host''s table; NULL where its type has none. Error FB001 where there is no such column.';

-- The host's user table is named by the setting fbs.user_table when this file runs (fbs-db migrate --user-table); its
-- rows are linked later, by fbs-db attach. Where it is in another database, fbs.user_key_type names its key's type.
do $$
declare
    user_table text := nullif(current_setting('fbs.user_table', true), '');
    key_type text := coalesce(nullif(current_setting('fbs.user_key_type', true), ''), 'bigint');
    key_collation regcollation;
begin
    if user_table is not null then
        key_type := fbs_key_type(user_table::regclass);
        key_collation := fbs_key_collation(user_table::regclass);
    elsif key_type !~ '^(smallint|integer|bigint|uuid|text|(varchar|character varying)(\([0-9]+\))?)$' then
        raise exception 'users cannot have keys of type %', key_type
            using errcode = 'FB002',
                hint = 'Keys are integers (smallint, integer, bigint), uuid, text or varchar.';
    end if;
    execute format(
        'create domain fbs_user_id as %s %s', key_type, 'collate ' || key_collation::text
    );
end;
$$;

comment on domain fbs_user_id is
'Key of a user in the host''s user table, in the type that table uses.';

create function fbs_require_user_table(user_table regclass)
returns void
language plpgsql
stable
set search_path from current
as $$
declare
    wanted text := fbs_key_type(user_table);
    wanted_collation regcollation := fbs_key_collation(user_table);
    present text;
    present_collation regcollation;
    refused text;
begin
    select fbs_base_type(t.oid, -1), nullif(t.typcollation, 0)
    into strict present, present_collation
    from pg_type as t
    where t.oid = 'fbs_user_id'::regtype;

    if present <> wanted
        and not (present in ('smallint', 'integer', 'bigint') and wanted in ('smallint', 'integer', 'bigint'))
        and not (present ~ '^(text|character varying)' and wanted ~ '^(text|character varying)')
    then
        refused := format('user columns hold %s, but the key of %s is %s', present, user_table, wanted);
    elsif present_collation <> wanted_collation
        and exists (
            select from pg_collation as c
            where c.oid in (present_collation, wanted_collation) and not c.collisdeterministic
        )
    then
        -- Texts that one takes for equal differ in the other.
        refused := format(
            'user columns have collation %s, but the key of %s has %s', present_collation, user_table, wanted_collation
        );
    end if;
    if refused is not null then
        raise exception '%', refused
            using errcode = 'FB002',
                hint = 'The type is chosen when 0001_initial is applied: roll back to nothing and migrate again with this user table.';
    end if;
end;
$$;

comment on function fbs_require_user_table(regclass) is
'Internal. Does nothing where FBS''s user columns can point at this user table; error FB002 where the types differ, FB001 where it has no single-column key.';

-- Two triggers keep a time of last change. "Touch" moves it on with every update. "Keep" fires first (triggers go by
-- name) and only where the statement sets the column itself, say to its present value, to leave it as it was. It cannot
-- tell "touch" but through the row, so it leaves -infinity as a mark.
create function fbs_keep()
returns trigger
language plpgsql
set search_path from current
as $$
begin
    case tg_argv[0]
        when 'updated_at' then new.updated_at := '-infinity';
        when 'last_updated' then new.last_updated := '-infinity';
    end case;
    return new;
end;
$$;

comment on function fbs_keep() is
'Trigger: marks a time of last change that the writer sets to its present value, so that fbs_touch leaves it.';

-- These two run with each update, and to set a search_path would cost as much as all else they do. They fire with the
-- rights of whoever writes, FBS's owner too, under any path. So they name nothing that a path could change.
create function fbs_touch()
returns trigger
language plpgsql
as $$
begin
    new.updated_at := case
        when new.updated_at operator(pg_catalog.=) '-infinity' then old.updated_at else current_timestamp
    end;
    return new;
end;
$$;

comment on function fbs_touch() is
'Trigger: sets updated_at, unless the writer set it.';

create function fbs_touch_last_updated()
returns trigger
language plpgsql
as $$
begin
    new.last_updated := case
        when new.last_updated operator(pg_catalog.=) '-infinity' then old.last_updated else current_timestamp
    end;
    return new;
end;
$$;

comment on function fbs_touch_last_updated() is
'Trigger: sets last_updated, unless the writer set it.';

-- PostgreSQL refuses to subtract infinite dates, and one such row would break a whole view.
create function fbs_days_between(first_day date, last_day date)
returns integer
language sql
immutable
return case when isfinite(first_day) and isfinite(last_day) then last_day - first_day end;

comment on function fbs_days_between(date, date) is
'Internal. Days from the first day to the last; negative where that is earlier, null where one of them is infinite.';

create function fbs_time_between(since timestamptz, until timestamptz)
returns interval
language sql
immutable
return case when isfinite(since) and isfinite(until) then until - since end;

comment on function fbs_time_between(timestamptz, timestamptz) is
'Internal. The time from one moment to another; negative where that is earlier, null where one of them is infinite.';

-- A component that moves is guarded by a trigger: unlike a lock or a table that is gone,
-- it comes without waiting for those who still read.
create function fbs_refuse_moved()
returns trigger
language plpgsql
set search_path from current
as $$
declare
    context text;
begin
    get diagnostics context = pg_context;

    -- The host's users can be deleted all the same: the second line is then the statement
    -- of a foreign key's own.
    if context !~ '^[^\n]*\n[^\n]*(DELETE FROM|UPDATE) ONLY [^\n]* OPERATOR\(pg_catalog\.' then
        raise exception 'table % moves to database %', tg_table_name, tg_argv[0]
            using errcode = 'FB006',
                hint = 'It is written there once the move is done. Where what lives: fbs-db placement';
    end if;
    return null;
end;
$$;

comment on function fbs_refuse_moved() is
'Trigger: refuses, with error FB006, to write a table that moves to the database named by its argument. Deletions of users go through.';

create function fbs_owner()
returns oid
language sql
stable
set search_path from current
as $$
    -- A function cannot be shadowed by a temporary one, as a table can.
    select p.proowner from pg_proc as p where p.oid = 'fbs_owner()'::regprocedure;
$$;

comment on function fbs_owner() is
'Internal. FBS''s owner: the role with whose rights the clean-up runs.';

create function fbs_trusts(role oid)
returns boolean
language sql
stable
set search_path from current
as $$
    select pg_has_role(role, fbs_owner(), 'member');
$$;

comment on function fbs_trusts(oid) is
'Internal. Whether a role is FBS''s owner, a member of it, or a superuser.';

create function fbs_only_owner()
returns trigger
language plpgsql
set search_path from current
as $$
begin
    if not fbs_trusts(quote_ident(current_user)::regrole) then
        raise exception '% is not a member of % and may not write %', current_user, fbs_owner()::regrole, tg_relid::regclass
            using errcode = 'FB023', hint = 'Its rows act with the rights of FBS''s owner. See: fbs-db help security';
    end if;
    return null;
end;
$$;

comment on function fbs_only_owner() is
'Trigger: lets members of FBS''s owner write the table, whatever was granted to others. Error FB023.';

-- Default privileges may have given EXECUTE to others than PUBLIC.
create function fbs_revoke_execute()
returns void
language plpgsql
set search_path from current
as $$
declare
    granted record;
begin
    for granted in
        select
            f.oid::regprocedure as routine,
            string_agg(case g.grantee when 0 then 'public' else g.grantee::regrole::text end, ', ') as grantees
        from pg_proc as f
        inner join pg_namespace as n on f.pronamespace = n.oid and n.nspname = current_schema()
        cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
        where
            f.proname ~ '^fbs_'
            and f.provolatile = 'v'
            and f.prorettype <> 'trigger'::regtype
            -- The host's own functions may have such a name, too.
            and array_to_string(f.proconfig, ' ') ~ 'search_path='
            and g.grantee <> f.proowner
            and pg_has_role(f.proowner, 'usage')
        group by f.oid
    loop
        execute format('revoke execute on routine %s from %s cascade', granted.routine, granted.grantees);
    end loop;
end;
$$;

comment on function fbs_revoke_execute() is
'Internal. Revokes EXECUTE on the functions that change something from everybody but their owner: those that are neither stable nor immutable, triggers apart. Each file that makes such a function calls it last.';

create function fbs_describe_views()
returns void
language plpgsql
set search_path from current
as $$
declare
    told record;
begin
    for told in
        with bare as materialized (
            select v.oid, a.attname
            from pg_class as v
            inner join pg_namespace as n on v.relnamespace = n.oid and n.nspname = current_schema()
            inner join pg_attribute as a on v.oid = a.attrelid and a.attnum > 0
            left join pg_description as p on v.oid = p.objoid and a.attnum = p.objsubid and p.classoid = 'pg_class'::regclass
            where v.relkind = 'v' and v.relname ~ '^fbs_' and p.objoid is null
        )

        select b.oid::regclass as view, b.attname, min(col_description(t.oid, c.attnum)) as description
        from bare as b
        inner join pg_rewrite as r on b.oid = r.ev_class
        inner join pg_depend as d
            on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
        inner join pg_class as t on d.refobjid = t.oid and t.relkind = 'r'
        inner join pg_attribute as c on t.oid = c.attrelid and d.refobjsubid = c.attnum and b.attname = c.attname
        group by b.oid, b.attname
        having count(distinct col_description(t.oid, c.attnum)) = 1
    loop
        execute format('comment on column %s.%I is %L', told.view, told.attname, told.description);
    end loop;
end;
$$;

comment on function fbs_describe_views() is
'Internal. Gives each column of a view that has no comment the one of the table''s column of that name. Each file of views calls it last.';

select fbs_revoke_execute();
