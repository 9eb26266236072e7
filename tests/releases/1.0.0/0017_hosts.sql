-- 0017_hosts: the host's tables whose rows FBS's rows point at, and FBS's triggers
-- on them. The triggers' function is in 0020_cleanup_trigger.
--
-- component: base
-- depends: 0015_settings 0016_user_link

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_hosts (
    host_table regclass not null,
    model_name text not null,
    key_column text not null,
    key_is_unique boolean not null,
    follows_keys boolean not null,
    solution text,
    solution_column text,
    attached_at timestamptz not null default now(),
    constraint fbs_hosts_pkey primary key (host_table),
    constraint fbs_hosts_model_name_solution_key unique nulls not distinct (model_name, solution),
    constraint fbs_hosts_solution_check check (solution is null or solution_column is null)
);

comment on table fbs_hosts is
'Attached host tables: deleting their rows cleans up the FBS rows that point at them. Written by fbs_attach_host and fbs_detach_host.';
comment on column fbs_hosts.host_table is
'The table. Renaming it changes nothing.';
comment on column fbs_hosts.model_name is
'Model name in the FBS rows that point at it, such as tenants.tenant.';
comment on column fbs_hosts.key_column is
'Its key. FBS rows hold the key as record_id.';
comment on column fbs_hosts.key_is_unique is
'False in a partitioned table whose unique keys hold other columns too, or with a foreign partition: a deleted key may still be there.';
comment on column fbs_hosts.follows_keys is
'Whether FBS rows follow a key that changes. It costs a trigger on every update of the table.';
comment on column fbs_hosts.solution is
'The only solution whose rows are cleaned up; NULL for all.';
comment on column fbs_hosts.solution_column is
'Its column that names the solution of each row: of the databases that solutions have of their own, a clean-up reaches that one only. NULL for all.';
comment on column fbs_hosts.attached_at is
'When it was attached.';

create function fbs_is_alone(model text, solution text)
returns boolean
language sql
stable
set search_path from current
as $$
    select
        solution is null
        or not exists (
            select from fbs_hosts as h
            where h.model_name = model and h.solution is distinct from fbs_is_alone.solution
        );
$$;

comment on function fbs_is_alone(text, text) is
'Internal. Whether no other host has this model name: rows that name no solution are then this one''s.';

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_hosts
for each statement
execute function fbs_only_owner();

create function fbs_is_unique(host_table regclass, key_column text, with_others boolean default false)
returns boolean
language sql
stable
set search_path from current
as $$
    select exists (
        select from pg_index as i
        inner join pg_attribute as a on i.indrelid = a.attrelid and a.attnum = any(i.indkey[0:i.indnkeyatts - 1])
        where
            i.indrelid = host_table and a.attname = key_column
            and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
            and (i.indnkeyatts = 1 or with_others)
    );
$$;

comment on function fbs_is_unique(regclass, text, boolean) is
'Internal. Whether a valid unique index keeps a column unique: alone, or with other columns too where asked.';

create function fbs_host_problem(host_table regclass, key_column text, solution_column text default null)
returns text
language sql
stable
set search_path from current
as $$
    select case
        when c.relkind not in ('r', 'p') then format('%s is not a table', host_table)
        when c.relpersistence = 't' then format('%s is a temporary table', host_table)
        when c.relispartition then
            format('%s is a partition of %s', host_table, coalesce(pg_partition_root(host_table)::text, 'a table'))
        when
            exists (select from pg_inherits as i where i.inhrelid = c.oid)
            or c.relkind = 'r' and exists (select from pg_inherits as i where i.inhparent = c.oid)
            then format('%s inherits, or is inherited from', host_table)
        when a.attnum is null then format('table %s has no column %s', host_table, key_column)
        when a.atttypid <> all ('{smallint,integer,bigint,text,character varying,uuid}'::regtype[]) then
            format('column %s of %s is of type %s', key_column, host_table, format_type(a.atttypid, null))
        when a.attgenerated = 'v' then format('column %s of %s is a virtual generated column', key_column, host_table)
        when
            not fbs_is_unique(host_table, key_column, c.relkind = 'p')
            -- PostgreSQL has no unique index over foreign tables.
            and not exists (
                select from pg_partition_tree(host_table) as p inner join pg_class as f on p.relid = f.oid
                where f.relkind = 'f'
            )
            then format('column %s of %s is not unique', key_column, host_table)
        when solution_column is null then null
        when s.attnum is null then format('table %s has no column %s', host_table, solution_column)
        when s.atttypid <> all ('{smallint,integer,bigint,text,character varying,uuid}'::regtype[]) then
            format('column %s of %s is of type %s', solution_column, host_table, format_type(s.atttypid, null))
        when s.attgenerated = 'v' then format('column %s of %s is a virtual generated column', solution_column, host_table)
    end
    from pg_class as c
    left join pg_attribute as a
        on c.oid = a.attrelid and key_column = a.attname and a.attnum > 0 and not a.attisdropped
    left join pg_attribute as s
        on c.oid = s.attrelid and solution_column = s.attname and s.attnum > 0 and not s.attisdropped
    where c.oid = host_table
    union all
    select 'the table was dropped' where not exists (select from pg_class as c where c.oid = host_table);
$$;

comment on function fbs_host_problem(regclass, text, text) is
'Internal. Why a table cannot be a host table with this key, and this column for the solution; NULL where it can.';

create function fbs_host_triggers(host_table regclass)
returns table (table_id regclass, trigger_name text, definition text, present boolean)
language sql
stable
set search_path from current
as $$
    with tree as (
        select
            c.oid::regclass as relid, c.oid = host_table as is_root, c.relowner as owner,
            c.relkind = 'p' as is_parent, c.relkind = 'f' as is_foreign
        from (select host_table as relid union select relid from pg_partition_tree(host_table)) as t
        inner join pg_class as c on t.relid = c.oid
    ),

    host as (
        select
            h.follows_keys,
            exists (select from tree as t where t.is_parent) as partitioned,
            -- PostgreSQL collects no rows of a statement that may reach a foreign table.
            exists (select from tree as t where t.is_foreign) as by_row
        from fbs_hosts as h
        where h.host_table = fbs_host_triggers.host_table
    ),

    -- Events are those of pg_trigger.tgtype: 1 each row, 8 delete, 16 update, 32 truncate.
    wanted as (
        select t.relid, d.name, d.event, d.clause
        from tree as t
        cross join host as h
        cross join lateral (
            values
            (
                not h.by_row, 'fbs_cleanup_delete', 8,
                'after delete on %s referencing old table as old_rows for each statement'
            ),
            (
                not h.by_row and h.follows_keys, 'fbs_cleanup_rekey', 16,
                'after update on %s referencing old table as old_rows new table as new_rows for each statement'
            ),
            (not t.is_foreign, 'fbs_cleanup_truncate', 32, 'after truncate on %s for each statement'),
            -- Partitions that are made later get these two by themselves.
            (h.partitioned and t.is_root, 'fbs_cleanup_row', 9, 'after delete on %s for each row'),
            (
                h.partitioned and t.is_root and h.follows_keys, 'fbs_cleanup_row_key', 17,
                'before update on %s for each row'
            )
        ) as d (applies, name, event, clause)
        where d.applies
    ),

    ours as (
        select t.relid, t.is_parent, t.owner, g.tgname, g.tgtype & 61 as event, g.tgenabled in ('O', 'A') as fires, g.tgparentid > 0 as is_copy
        from tree as t
        inner join pg_trigger as g on t.relid = g.tgrelid
        where not g.tgisinternal and g.tgfoid = to_regproc('fbs_cleanup')
    )

    select
        w.relid,
        coalesce(o.tgname, free.name),
        -- One of ours that is disabled is replaced, which takes no more than the right to create triggers.
        format(
            'create or replace trigger %I ' || w.clause || ' execute function fbs_cleanup()', coalesce(o.tgname, free.name), w.relid
        ),
        coalesce(o.fires, false)
    from wanted as w
    left join ours as o on w.relid = o.relid and w.event = o.event and not o.is_copy
    cross join lateral (
        -- FBS in another schema may have triggers of these names there.
        select w.name || coalesce('_' || nullif(n, 1), '') as name
        from generate_series(1, 99) as n
        where not exists (
            select from tree as t
            inner join pg_trigger as g on t.relid = g.tgrelid
            where
                g.tgname = w.name || coalesce('_' || nullif(n, 1), '')
                -- One for each row is copied to the partitions.
                and (t.relid = w.relid or w.event & 1 = 1)
        )
        order by n
        limit 1
    ) as free
    union all
    select o.relid, o.tgname, format('drop trigger %I on %s', o.tgname, o.relid), false
    from ours as o
    where not o.is_copy and not exists (select from wanted as w where w.relid = o.relid and w.event = o.event)
    union all
    -- A partition with statement triggers of its own needs none for each row: it is disabled where it can be.
    select
        o.relid, o.tgname,
        format('alter table %s %s trigger %I', o.relid, case when h.by_row then 'enable' else 'disable' end, o.tgname),
        o.fires = h.by_row
    from ours as o
    cross join host as h
    where o.is_copy and not o.is_parent and h.partitioned and (h.by_row or pg_has_role(fbs_owner(), o.owner, 'usage'));
$$;

comment on function fbs_host_triggers(regclass) is
'Internal. The triggers of an attached host table and its partitions: the statement that makes or mends each, and whether it is as it should be.';

create function fbs_has_statement_trigger(table_id oid, event text)
returns boolean
language sql
stable
set search_path from current
as $$
    select exists (
        select from pg_trigger as g
        where
            g.tgrelid = table_id and g.tgfoid = to_regproc('fbs_cleanup') and g.tgenabled in ('O', 'A')
            and g.tgtype = case event when 'DELETE' then 8 else 16 end
    );
$$;

comment on function fbs_has_statement_trigger(oid, text) is
'Internal. Whether FBS has a trigger on each statement that deletes from, or updates, a partition: one for each row does nothing there.';

create function fbs_rename_model(old_name text, new_name text, solution text default null)
returns bigint
language plpgsql
set search_path from current
as $$
declare
    rule record;
    touched bigint;
    total bigint := 0;
begin
    for rule in
        select distinct on (s.table_id, r.json_column, r.model_column)
            s.table_id, s.problem, r.rule_name, r.json_column, r.model_column, r.solution_columns
        from fbs_cleanup_rules as r
        inner join fbs_rule_states as s on r.rule_name = s.rule_name
        where s.table_id is not null and r.model_column is not null
    loop
        if rule.problem is not null then
            raise exception 'rule %: %', rule.rule_name, rule.problem using errcode = 'FB024';
        end if;
        execute format(
            case
                when rule.json_column is null then 'update %1$s as t set %3$I = $2 where t.%3$I = $1 and %4$s'
                else
                    'update %1$s as t set %2$I = jsonb_set(t.%2$I, array[%3$L], to_jsonb($2))'
                    ' where (t.%2$I ->> %3$L) = $1 and %4$s'
            end,
            rule.table_id, rule.json_column, rule.model_column, fbs_solution_condition(rule.solution_columns)
        ) using old_name, new_name, solution, fbs_is_alone(old_name, solution);
        get diagnostics touched = row_count;
        total := total + touched;
    end loop;
    update fbs_cleanup_rules as r set model_name = new_name where r.model_name = old_name and fbs_is_alone(old_name, solution);
    update fbs_cleanup_queue as q
    set model_name = new_name
    where q.model_name = old_name and q.solution is not distinct from fbs_rename_model.solution;
    return total;
end;
$$;

comment on function fbs_rename_model(text, text, text) is
'Changes the model name in the FBS rows of a model (and solution), in rules and in the queue. Returns the number of FBS rows changed. Error FB024 where a rule is refused.';

create function fbs_attach_host(
    host_table regclass,
    model_name text,
    key_column text default null,
    solution text default null,
    follow_keys boolean default null,
    solution_column text default null
)
returns void
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    former fbs_hosts;
    other fbs_hosts;
    key text;
    new_solution text;
    new_column text;
    follows boolean;
    problem text;
    wanted record;
    mended boolean := false;
begin
    select h.* into former from fbs_hosts as h where h.host_table = fbs_attach_host.host_table;
    -- Again without these, they stay as they were.
    key := coalesce(
        key_column,
        (
            select a.attname
            from pg_attribute as a
            where a.attrelid = host_table and a.attname = former.key_column and not a.attisdropped
        ),
        fbs_key_column(host_table)
    );
    new_solution := coalesce(solution, case when solution_column is null then former.solution end);
    new_column := coalesce(solution_column, case when solution is null then former.solution_column end);
    follows := coalesce(
        follow_keys, former.follows_keys,
        -- Nobody changes the numbers that a sequence gives.
        not exists (
            select from pg_attribute as a
            inner join pg_depend as d on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and d.deptype in ('a', 'i')
            inner join pg_class as c on d.objid = c.oid and c.relkind = 'S'
            where a.attrelid = host_table and a.attname = key
        )
    );
    problem := case
        when coalesce(model_name, '') = '' then 'a host table needs the name of its model, such as tenants.tenant'
        when new_solution = '' then 'a solution has a name'
        when solution is not null and solution_column is not null then 'a host table is of one solution, or has a column that names them'
        else fbs_host_problem(host_table, key, new_column)
    end;
    if problem is not null then
        raise exception '%', problem using errcode = 'FB020',
            hint = 'A host table is an ordinary or partitioned table with a unique key of integers, uuids or texts.';
    end if;

    -- A table that was dropped, or is a partition of this one by now, is no host of its own.
    delete from fbs_hosts as h
    where
        h.model_name = fbs_attach_host.model_name
        and h.host_table <> fbs_attach_host.host_table
        and (
            not exists (select from pg_class as c where c.oid = h.host_table)
            or h.host_table in (select p.relid from pg_partition_tree(fbs_attach_host.host_table) as p)
        );
    select h.*
    into other
    from fbs_hosts as h
    where
        h.host_table <> fbs_attach_host.host_table
        and (
            h.host_table in (select p.relid from pg_partition_tree(fbs_attach_host.host_table) as p)
            or h.model_name = fbs_attach_host.model_name
            and (h.solution is null or new_solution is null or h.solution = new_solution)
        )
    limit 1;
    if other.host_table is not null then
        raise exception 'model % is attached already, to another table: %', other.model_name, other.host_table
            using errcode = 'FB022',
                hint = 'Detach that first: ' || fbs_command('detach', 'host', fbs_named(other.host_table))
                || ' Tables of one model need a solution each.';
    end if;

    if former.model_name <> model_name then
        perform fbs_rename_model(former.model_name, model_name, former.solution);
    end if;
    insert into fbs_hosts as h (host_table, model_name, key_column, key_is_unique, follows_keys, solution, solution_column)
    select host_table, model_name, key, fbs_is_unique(host_table, key), follows, new_solution, new_column
    on conflict on constraint fbs_hosts_pkey do update
    set
        model_name = excluded.model_name, key_column = excluded.key_column, key_is_unique = excluded.key_is_unique,
        follows_keys = excluded.follows_keys, solution = excluded.solution, solution_column = excluded.solution_column;

    -- Partitions have copies of a trigger once it is made.
    for pass in 1..2 loop
        for wanted in select t.* from fbs_host_triggers(host_table) as t where not t.present loop
            execute wanted.definition;
            mended := true;
        end loop;
    end loop;
    -- Triggers that were lost may have missed something.
    if former.host_table is not null and mended then
        perform fbs_queue_sweep(model_name, new_solution);
    end if;
end;
$$;

comment on function fbs_attach_host(regclass, text, text, text, boolean, text) is
'Attaches a host table: deleting its rows cleans up FBS rows from then on. Repeating it mends triggers; another model name renames FBS rows. Errors FB001, FB020, FB022 to FB024.';

create function fbs_detach_host(host_table regclass)
returns boolean
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    ours record;
    found_one boolean;
begin
    for ours in
        select t.relid, g.tgname
        from (select host_table as relid union select p.relid from pg_partition_tree(host_table) as p) as t
        inner join pg_trigger as g on t.relid = g.tgrelid
        where g.tgparentid = 0 and not g.tgisinternal and g.tgfoid = to_regproc('fbs_cleanup')
    loop
        execute format('drop trigger %I on %s', ours.tgname, ours.relid::regclass);
        found_one := true;
    end loop;
    delete from fbs_hosts as h where h.host_table = fbs_detach_host.host_table;
    return found or found_one is not null;
end;
$$;

comment on function fbs_detach_host(regclass) is
'Detaches a host table: FBS''s triggers are dropped, FBS rows stay. Returns false where it was not attached. Error FB023.';

select fbs_revoke_execute();
