-- 0016_user_link: FBS's user columns, tied to the host's user table.
--
-- component: base
-- depends: 0001_initial
-- provides: user_link

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_user_columns as
select
    c.oid::regclass as table_id,
    listed.table_name,
    listed.column_name,
    listed.on_delete,
    coalesce(link.conname, listed.table_name || '_' || listed.column_name || '_fkey') as constraint_name,
    link.confrelid::regclass as user_table,
    coalesce(link.convalidated, false) as validated
from (
    values
    ('fbs_approval_requests', 'requester_id', 'cascade'),
    ('fbs_approval_requests', 'approver_id', 'cascade'),
    ('fbs_approval_responses', 'responder_id', 'cascade'),
    ('fbs_workflow_definitions', 'created_by_id', 'set null'),
    ('fbs_workflow_instances', 'current_user_id', 'set null'),
    ('fbs_workflow_steps', 'assigned_user_id', 'set null'),
    ('fbs_workflow_execution_logs', 'executed_by_id', 'set null'),
    ('fbs_dashboards', 'created_by_id', 'set null'),
    ('fbs_reports', 'created_by_id', 'set null'),
    ('fbs_kpis', 'created_by_id', 'set null'),
    ('fbs_charts', 'created_by_id', 'set null'),
    ('fbs_app_cashentry', 'created_by_id', 'set null'),
    ('fbs_app_incomeexpense', 'created_by_id', 'set null'),
    ('fbs_app_basicledger', 'created_by_id', 'set null'),
    ('fbs_app_taxcalculation', 'created_by_id', 'set null'),
    ('fbs_token_mappings', 'user_id', 'cascade'),
    ('fbs_request_logs', 'user_id', 'set null'),
    ('fbs_notifications', 'user_id', 'cascade'),
    ('fbs_dms_document', 'created_by_id', 'cascade'),
    ('fbs_dms_document', 'approved_by_id', 'set null'),
    ('fbs_dms_file_attachment', 'uploaded_by_id', 'cascade'),
    ('fbs_dms_document_approval', 'approver_id', 'cascade')
) as listed (table_name, column_name, on_delete)
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_migrations'::regclass
inner join pg_class as c on listed.table_name = c.relname and home.relnamespace = c.relnamespace
inner join pg_attribute as a on c.oid = a.attrelid and listed.column_name = a.attname and not a.attisdropped
-- Where the user table is partitioned, each partition has a constraint beneath this one.
left join pg_constraint as link
    on a.attrelid = link.conrelid and link.contype = 'f' and link.conkey = array[a.attnum] and link.conparentid = 0;

comment on view fbs_user_columns is
'FBS''s columns that hold a user''s key, and the user table each is tied to.';
comment on column fbs_user_columns.table_id is
'The table, as PostgreSQL identifies it.';
comment on column fbs_user_columns.table_name is
'Name of the table.';
comment on column fbs_user_columns.column_name is
'Name of the column.';
comment on column fbs_user_columns.on_delete is
'What happens to the row when its user is deleted: cascade (it goes too) or set null (the column is emptied).';
comment on column fbs_user_columns.constraint_name is
'Name of the foreign key that ties it, or would.';
comment on column fbs_user_columns.user_table is
'The host''s user table the column is tied to; NULL while it is not.';
comment on column fbs_user_columns.validated is
'Whether every row of the table is known to point at a user that exists.';

create function fbs_foreign_code(host_table regclass, whoever_owns boolean default false)
returns text
language sql
stable
set search_path from current
-- Or PostgreSQL 18 plans it anew for each of the first tables, which takes longer than the look.
set plan_cache_mode = force_generic_plan
as $$
    with recursive tree (relid) as (
        select host_table::oid
        union
        select i.inhrelid
        from tree as t
        inner join pg_inherits as i on t.relid = i.inhparent
    ),

    tables as (
        select c.oid
        from tree as t
        inner join pg_class as c on t.relid = c.oid
        where whoever_owns or not fbs_trusts(c.relowner)
    ),

    -- What PostgreSQL evaluates while it plans or runs a query of the table.
    parts as (
        select 'pg_class'::regclass as classid, t.oid as objid, t.oid as table_id from tables as t
        union all
        select 'pg_class'::regclass, i.indexrelid, t.oid from tables as t inner join pg_index as i on t.oid = i.indrelid
        union all
        select 'pg_constraint'::regclass, k.oid, t.oid from tables as t inner join pg_constraint as k on t.oid = k.conrelid
        union all
        select 'pg_attrdef'::regclass, d.oid, t.oid
        from tables as t
        inner join pg_attribute as a on t.oid = a.attrelid and a.attgenerated <> ''
        inner join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
        union all
        select 'pg_statistic_ext'::regclass, s.oid, t.oid from tables as t inner join pg_statistic_ext as s on t.oid = s.stxrelid
        union all
        select 'pg_policy'::regclass, p.oid, t.oid from tables as t inner join pg_policy as p on t.oid = p.polrelid
        union all
        select 'pg_rewrite'::regclass, r.oid, t.oid from tables as t inner join pg_rewrite as r on t.oid = r.ev_class
    )

    select min(format('%s evaluates %s, which belongs to %s',
        pg_describe_object(p.classid, p.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0), o.owner::regrole))
    from parts as p
    inner join pg_depend as d on p.classid = d.classid and p.objid = d.objid
    inner join lateral (
        select f.proowner from pg_proc as f where d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid
        union all
        select f.oprowner from pg_operator as f where d.refclassid = 'pg_operator'::regclass and d.refobjid = f.oid
        union all
        select f.opcowner from pg_opclass as f where d.refclassid = 'pg_opclass'::regclass and d.refobjid = f.oid
        union all
        select f.typowner
        from pg_type as f
        -- A column of such a type is not read.
        where d.refclassid = 'pg_type'::regclass and d.refobjid = f.oid and d.objsubid = 0 and f.typrelid = 0
    ) as o (owner) on not fbs_trusts(o.owner);
$$;

comment on function fbs_foreign_code(regclass, boolean) is
'Internal. An index, constraint or the like of a table that evaluates what belongs to a role FBS does not trust; NULL where there is none. Tables of FBS''s owner are looked at where asked (whoever_owns).';

create function fbs_refuse_foreign_code(host_table regclass)
returns void
language plpgsql
set search_path from current
as $$
declare
    problem text;
begin
    -- From here on the table stays as it is looked at.
    execute format('lock table %s in access share mode', host_table);
    problem := case
        when not exists (
            with recursive tree (relid) as (
                select host_table::oid
                union
                select i.inhrelid
                from tree as t
                inner join pg_inherits as i on t.relid = i.inhparent
            )

            select from tree as t
            inner join pg_class as c on t.relid = c.oid
            where not fbs_trusts(c.relowner)
        ) then null
        -- An older snapshot would show the table as it was.
        when current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
            format('%s belongs to another role and is read in read committed transactions only', host_table)
        else fbs_foreign_code(host_table)
    end;
    if problem is not null then
        raise exception '%', problem using errcode = 'FB025',
            detail = 'No row of the table was read: it would run with the rights of ' || current_user || '.';
    end if;
end;
$$;

comment on function fbs_refuse_foreign_code(regclass) is
'Internal. Locks a table against changes of its form, after it was seen to evaluate nothing of another role''s. Error FB025.';

create function fbs_link_users(user_table regclass, wait_ms integer default 800)
returns setof regclass
language plpgsql
set search_path from current
set lock_timeout = '800ms'
as $$
declare
    last_moment timestamptz := clock_timestamp() + make_interval(secs => wait_ms / 1000.0);
    link record;
begin
    perform fbs_require_user_table(user_table);
    for link in select u.user_table from fbs_user_columns as u where u.user_table <> fbs_link_users.user_table loop
        raise exception 'users are attached to %, not to %', link.user_table, fbs_link_users.user_table
            using errcode = 'FB003',
                hint = 'Detach them first: ' || fbs_command('detach', 'users');
    end loop;

    -- All locks within less than deadlock_timeout, so that of two who wait for each other
    -- it is not the host who fails; and the user table last: the first key asks for it.
    for link in
        select u.table_id from fbs_user_columns as u where u.user_table is null group by u.table_id order by u.table_id
    loop
        perform set_config(
            'lock_timeout', greatest(1, floor(1000 * extract(epoch from last_moment - clock_timestamp())))::text, true
        );
        execute format('lock table only %s in share row exclusive mode', link.table_id);
    end loop;
    perform set_config(
        'lock_timeout', greatest(1, floor(1000 * extract(epoch from last_moment - clock_timestamp())))::text, true
    );
    for link in select u.* from fbs_user_columns as u where u.user_table is null loop
        execute format(
            'alter table %s add constraint %I foreign key (%I) references %s (%I) on delete %s'
            ' deferrable initially deferred not valid',
            link.table_id, link.constraint_name, link.column_name,
            fbs_link_users.user_table, fbs_key_column(fbs_link_users.user_table), link.on_delete
        );
        return next link.table_id;
    end loop;
exception
    when object_in_use then
        raise exception 'users cannot be attached: this transaction changed rows of FBS that are checked when it commits'
            using errcode = 'FB005',
                hint = 'Commit first, or check them now: set constraints all immediate;';
end;
$$;

comment on function fbs_link_users(regclass, integer) is
'Internal. Ties every user column to the host''s user table by a foreign key with its rule. It holds for new rows and for deletions; rows that are there are not looked at. Writers of the user table wait until the transaction ends; its lock is asked for last, and all locks for wait_ms milliseconds at most. Returns the tables tied now. Errors FB001 to FB003 and FB005.';

create function fbs_check_user_column(table_name text, column_name text, repair boolean default false)
returns bigint
language plpgsql
set search_path from current
set lock_timeout = '3s'
set row_security = off
as $$
declare
    link record;
    orphaned text;
    kept text;
    orphans bigint;
begin
    select u.*
    into link
    from fbs_user_columns as u
    where u.table_name = fbs_check_user_column.table_name and u.column_name = fbs_check_user_column.column_name;
    if link.user_table is null then
        raise exception 'column %.% is tied to no user table', table_name, column_name
            using errcode = 'FB004',
                hint = 'Attach users first: ' || fbs_command('attach', 'users', 'TABLE');
    end if;

    perform fbs_refuse_foreign_code(link.user_table);
    orphaned := format(
        '%1$I is not null and not exists (select from %2$s as host where host.%3$I = fbs.%1$I%4$s)',
        link.column_name, link.user_table, fbs_key_column(link.user_table),
        ' collate ' || fbs_key_collation(link.user_table)::text
    );
    if repair and link.on_delete = 'cascade' then
        execute format('delete from %s as fbs where %s', link.table_id, orphaned);
        get diagnostics orphans = row_count;
    elsif repair then
        -- As when a user is deleted: this is no change of the row.
        select string_agg(format(', %1$I = %1$I', a.attname), '')
        into kept
        from pg_attribute as a
        where a.attrelid = link.table_id and a.attname in ('updated_at', 'last_updated') and not a.attisdropped;
        execute format(
            'update %s as fbs set %I = null%s where %s',
            link.table_id, link.column_name, coalesce(kept, ''), orphaned
        );
        get diagnostics orphans = row_count;
    else
        execute format('select count(*) from %s as fbs where %s', link.table_id, orphaned) into orphans;
    end if;
    if (repair or orphans = 0) and not link.validated then
        execute format('alter table %s validate constraint %I', link.table_id, link.constraint_name);
    end if;
    return orphans;
end;
$$;

comment on function fbs_check_user_column(text, text, boolean) is
'Internal. Counts the rows of a user column whose user is gone; there are such behind a validated key, too, where replication or session_replication_role = replica wrote them. With repair they are deleted or emptied, by the column''s own rule. Where none is left, the key is validated. Errors FB004 where users are not attached, FB025 where the user table evaluates code of another role.';

create function fbs_attach_users(user_table regclass, repair boolean default false)
returns table (table_name text, column_name text, on_delete text, orphans bigint, validated boolean)
language plpgsql
set search_path from current
as $$
#variable_conflict use_column
begin
    perform fbs_link_users(user_table);
    return query
    with checked as materialized (
        select u.table_name, u.column_name, fbs_check_user_column(u.table_name, u.column_name, repair) as orphans
        from fbs_user_columns as u
    )
    select c.table_name, c.column_name, u.on_delete, c.orphans, repair or c.orphans = 0
    from checked as c
    inner join fbs_user_columns as u on c.table_name = u.table_name and c.column_name = u.column_name
    order by c.table_name, c.column_name;
end;
$$;

comment on function fbs_attach_users(regclass, boolean) is
'Ties FBS''s user columns to the host''s user table, and checks the rows that are there; what was tied before stays. Returns a row for each column with its orphans: rows whose user is gone, repaired when asked. One transaction; on large tables fbs-db attach users takes shorter locks.';

create function fbs_detach_users()
returns setof regclass
language plpgsql
set search_path from current
set lock_timeout = '500ms'
as $$
declare
    link record;
begin
    -- As when they are attached: the user table last.
    for link in
        select u.table_id from fbs_user_columns as u where u.user_table is not null group by u.table_id order by u.table_id
    loop
        execute format('lock table only %s in access exclusive mode', link.table_id);
    end loop;
    for link in select u.* from fbs_user_columns as u where u.user_table is not null loop
        execute format('alter table %s drop constraint %I', link.table_id, link.constraint_name);
        return next link.table_id;
    end loop;
end;
$$;

comment on function fbs_detach_users() is
'Unties FBS''s user columns from the user table; their values stay. Returns the tables untied.';

select fbs_revoke_execute();
