-- 0014_host_link: what happens to FBS's rows when a host row they point at goes.
-- A host attaches its tables; rules say what is done; what cannot be done at once
-- waits in a queue. The host's statement succeeds whatever becomes of FBS.
--
-- component: base
-- depends: 0012_settings
-- provides: host_link

create table fbs_hosts (
    host_table regclass not null,
    model_name text not null,
    key_column text not null,
    attached_at timestamptz not null default now(),
    constraint fbs_hosts_pkey primary key (host_table),
    constraint fbs_hosts_model_name_key unique (model_name)
);

comment on table fbs_hosts is
'The host''s tables that FBS''s rows may point at. Added by fbs_attach_host, removed by fbs_detach_host.';
comment on column fbs_hosts.host_table is
'The table; it stays the same one when it is renamed.';
comment on column fbs_hosts.model_name is
'Name by which FBS''s rows point at it, such as tenants.tenant.';
comment on column fbs_hosts.key_column is
'Its key, which FBS''s rows hold as record_id.';
comment on column fbs_hosts.attached_at is
'When it was attached.';

create table fbs_cleanup_rules (
    rule_name text not null,
    table_name text not null,
    json_column text,
    model_column text,
    key_column text not null,
    model_name text,
    only_if jsonb,
    unless jsonb,
    action text not null,
    set_columns jsonb,
    description text not null,
    key_type text,
    clean_sql text,
    move_sql text,
    find_sql text,
    constraint fbs_cleanup_rules_pkey primary key (rule_name),
    constraint fbs_cleanup_rules_model_check check (model_column is not null or model_name is not null),
    constraint fbs_cleanup_rules_action_check check (action in ('delete', 'set null', 'set columns')),
    constraint fbs_cleanup_rules_set_columns_check check ((action = 'set columns') = (set_columns is not null))
);

comment on table fbs_cleanup_rules is
'What is done with rows that point at a host row that is deleted. FBS''s own rules, and any the host adds.';
comment on column fbs_cleanup_rules.rule_name is
'Name of the rule.';
comment on column fbs_cleanup_rules.table_name is
'Table whose rows point at host rows; one of the host''s with its schema.';
comment on column fbs_cleanup_rules.json_column is
'JSON column in which the record is named; empty where columns name it.';
comment on column fbs_cleanup_rules.model_column is
'Column, or entry of the JSON, that names the model; empty where all rows point at one model.';
comment on column fbs_cleanup_rules.key_column is
'Column, or entry of the JSON, that holds the key of the host row.';
comment on column fbs_cleanup_rules.model_name is
'The one model the rule is for; empty for all.';
comment on column fbs_cleanup_rules.only_if is
'Only rows whose columns have one of these values are touched, such as {"status": ["pending"]}.';
comment on column fbs_cleanup_rules.unless is
'Rows whose columns have one of these values are left alone, such as {"state": ["archived"]}.';
comment on column fbs_cleanup_rules.action is
'What is done: delete (the row), set null (its key), set columns (to given values).';
comment on column fbs_cleanup_rules.set_columns is
'The values that set columns gives, such as {"status": "cancelled"}; "now" stands for the present time.';
comment on column fbs_cleanup_rules.description is
'What the rule is for.';
comment on column fbs_cleanup_rules.key_type is
'Type of the key; filled in by the database. Empty, as the statements are, where there is no such table: the rule rests.';
comment on column fbs_cleanup_rules.clean_sql is
'Statement that applies the rule to given keys ($2) of a model ($1); filled in by the database.';
comment on column fbs_cleanup_rules.move_sql is
'Statement that lets rows follow from old keys ($2) to new ones ($3); filled in by the database.';
comment on column fbs_cleanup_rules.find_sql is
'Statement that finds the keys the rule''s rows hold; filled in by the database.';

create table fbs_cleanup_queue (
    id bigint generated always as identity,
    model_name text not null,
    operation text not null,
    keys text[] not null default '{}',
    new_keys text[],
    rule_name text,
    target text,
    ticket uuid,
    transaction_id xid8 not null default pg_current_xact_id(),
    queued_at timestamptz not null default now(),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    sqlstate text,
    error text,
    constraint fbs_cleanup_queue_pkey primary key (id),
    constraint fbs_cleanup_queue_operation_check check (operation in ('delete', 'move', 'sweep')),
    constraint fbs_cleanup_queue_target_check check ((target is null) = (ticket is null))
);

create index fbs_cleanup_queue_next_attempt_at_idx
on fbs_cleanup_queue (next_attempt_at);
-- What happens later to a model's rows waits for its moves.
create index fbs_cleanup_queue_model_name_id_idx
on fbs_cleanup_queue (model_name, id)
where operation = 'move';

comment on table fbs_cleanup_queue is
'Clean-ups that wait: those that failed, with the reason, and those left to a worker. Done with: fbs-db cleanup retry';
comment on column fbs_cleanup_queue.id is
'Number that gives the order.';
comment on column fbs_cleanup_queue.model_name is
'Model whose rows went.';
comment on column fbs_cleanup_queue.operation is
'What happened to them: delete (they went), move (their keys changed), sweep (which ones is not known: all are looked at).';
comment on column fbs_cleanup_queue.keys is
'Their keys, as text.';
comment on column fbs_cleanup_queue.new_keys is
'Their new keys, where they moved, in the same order.';
comment on column fbs_cleanup_queue.rule_name is
'The one rule that is still to be applied; empty for all.';
comment on column fbs_cleanup_queue.target is
'The other database it is for, by the name the project gives it; empty for this one.';
comment on column fbs_cleanup_queue.ticket is
'By which the other database knows it again, so that it is done once; empty for this one.';
comment on column fbs_cleanup_queue.transaction_id is
'Transaction that queued it.';
comment on column fbs_cleanup_queue.queued_at is
'When it was queued.';
comment on column fbs_cleanup_queue.attempts is
'How often it was tried since.';
comment on column fbs_cleanup_queue.next_attempt_at is
'When it is due; each failure doubles the wait, up to an hour.';
comment on column fbs_cleanup_queue.sqlstate is
'PostgreSQL''s code of the last failure; empty where none happened yet.';
comment on column fbs_cleanup_queue.error is
'What went wrong last; empty where nothing did yet.';

create table fbs_cleanup_targets (
    target text not null,
    added_at timestamptz not null default now(),
    constraint fbs_cleanup_targets_pkey primary key (target)
);

comment on table fbs_cleanup_targets is
'Other databases that hold rows of FBS which may point at this one''s host rows. What happens here is noted for each of them, and carried there by: fbs-db cleanup run';
comment on column fbs_cleanup_targets.target is
'Name that the project gives the database.';
comment on column fbs_cleanup_targets.added_at is
'When it was added.';

create table fbs_cleanup_received (
    ticket uuid not null,
    source text not null,
    received_at timestamptz not null default now(),
    constraint fbs_cleanup_received_pkey primary key (ticket)
);

comment on table fbs_cleanup_received is
'Clean-ups that came from other databases and are done, until those have taken note: what comes twice is done once.';
comment on column fbs_cleanup_received.ticket is
'The clean-up, as the database it came from knows it.';
comment on column fbs_cleanup_received.source is
'The database it came from, as fbs_source there answers.';
comment on column fbs_cleanup_received.received_at is
'When it was done.';

create function fbs_usable_keys(keys text[], key_type text)
returns text[]
language sql
immutable
set search_path from current
as $$
    select case
        when key_type ~ '^(text|character)' then keys
        -- Plain numbers, the usual case, are looked at all at once: ten times as fast.
        when key_type in ('integer', 'bigint')
            and keys::text ~ '^{[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*}$' then keys
        when key_type = 'uuid' then array(
            select key
            from unnest(keys) as key
            where key ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        )
        else array(
            select key
            from unnest(keys) as key
            where case
                when key !~ '^(0|-?[1-9][0-9]{0,18})$' then false
                when key_type = 'smallint' then key::numeric between -32768 and 32767
                when key_type = 'integer' then key::numeric between -2147483648 and 2147483647
                else key::numeric between -9223372036854775808 and 9223372036854775807
            end
        )
    end;
$$;

comment on function fbs_usable_keys(text[], text) is
'Those of the keys, given as text, that a column of this type can hold, written as it would write them.';

create function fbs_compile_rule()
returns trigger
language plpgsql
set search_path from current
as $$
declare
    target regclass := to_regclass(new.table_name);
    ours boolean := new.table_name ~ '^fbs_';
    column_name text;
    assigned text;
    key text;
    rows_of_model text;
    touched text;
begin
    new.key_type := null;
    new.clean_sql := null;
    new.move_sql := null;
    new.find_sql := null;
    if target is null and ours then
        return new; -- a component that is not installed here
    elsif target is null then
        raise exception 'rule %: there is no table %', new.rule_name, new.table_name
            using errcode = 'FB021', hint = 'Name it with its schema.';
    end if;

    for column_name in
        select named.column_name
        from (
            select new.json_column
            union all
            select new.key_column where new.json_column is null
            union all
            select new.model_column where new.json_column is null
            union all
            select jsonb_object_keys(coalesce(new.only_if, '{}') || coalesce(new.unless, '{}'))
            union all
            select jsonb_object_keys(coalesce(new.set_columns, '{}'))
        ) as named (column_name)
        where
            named.column_name is not null
            and not exists (
                select from pg_attribute as a
                where a.attrelid = target and a.attname = named.column_name and a.attnum > 0 and not a.attisdropped
            )
    loop
        raise exception 'rule %: table % has no column %', new.rule_name, new.table_name, column_name
            using errcode = 'FB021';
    end loop;

    select case when new.json_column is null then format_type(a.atttypid, null) else 'text' end
    into new.key_type
    from pg_attribute as a
    where
        a.attrelid = target
        and a.attname = coalesce(new.json_column, new.key_column)
        and (new.json_column is null or a.atttypid = 'jsonb'::regtype);
    if new.key_type is null or new.key_type !~ '^(smallint|integer|bigint|uuid|text|character varying)$' then
        raise exception 'rule %: column % of % is %', new.rule_name, coalesce(new.json_column, new.key_column),
            new.table_name, coalesce('of type ' || new.key_type, 'not of type jsonb')
            using errcode = 'FB021', hint = 'Keys are integers, uuids or texts; records are named in jsonb.';
    end if;
    if new.action = 'set null' and new.json_column is not null then
        raise exception 'rule %: set null is for a key in a column', new.rule_name using errcode = 'FB021';
    end if;

    key := case
        when new.json_column is null then format('t.%I', new.key_column)
        else format('(t.%I ->> %L)', new.json_column, new.key_column)
    end;
    rows_of_model := case
        when new.model_column is null then format('$1 = %L', new.model_name)
        when new.json_column is null then format('t.%I = $1', new.model_column)
        else format('(t.%I ->> %L) = $1', new.json_column, new.model_column)
    end;
    select concat_ws(
        ' and ',
        rows_of_model,
        (
            select string_agg(format('t.%I::text = any (%L)', name, array(select jsonb_array_elements_text(v))), ' and ')
            from jsonb_each(new.only_if) as o (name, v)
        ),
        (
            select string_agg(
                format('t.%I::text = any (%L) is not true', name, array(select jsonb_array_elements_text(v))), ' and '
            )
            from jsonb_each(new.unless) as u (name, v)
        )
    )
    into touched;
    if new.action = 'set columns' and new.only_if is null and new.unless is null then
        -- Rows that it has been applied to are done with.
        select concat_ws(' and ', touched, '(' || string_agg(format('t.%I::text is distinct from %L', name, v), ' or ') || ')')
        into touched
        from jsonb_each_text(new.set_columns) as s (name, v)
        where v is distinct from 'now';
    end if;
    assigned := case new.action
        when 'set null' then format('%I = null', new.key_column)
        when 'set columns' then (
            select string_agg(format('%I = %L', name, v), ', ') from jsonb_each_text(new.set_columns) as s (name, v)
        )
    end;

    new.clean_sql := case
        when new.action = 'delete' then format('delete from %s as t', new.table_name)
        else format('update %s as t set %s', new.table_name, assigned)
    end || format(
        -- An index serves FBS's own tables, and the planner need not look at every key.
        -- Without one a constant list is quicker, as PostgreSQL hashes it.
        case
            when ours then ' where %1$s and %2$s = any ((select $2::%3$s[])::%3$s[])'
            else ' where %1$s and %2$s = any ($2::%3$s[])'
        end,
        touched, key, new.key_type
    );
    new.find_sql := format('select array_agg(distinct %s::text) from %s as t where %s', key, new.table_name, touched);
    new.move_sql := case
        when new.json_column is null then
            format('update %s as t set %I = m.new_key', target, new.key_column)
        else
            format(
                'update %1$s as t set %2$I = jsonb_set(t.%2$I, array[%3$L], case'
                ' when jsonb_typeof(t.%2$I -> %3$L) = ''number'' and m.new_key ~ ''^(0|-?[1-9][0-9]*)$'''
                ' then m.new_key::jsonb else to_jsonb(m.new_key) end)',
                target, new.json_column, new.key_column
            )
    end || format(
        ' from unnest($2::%1$s[], $3::%1$s[]) as m (old_key, new_key) where %2$s and %3$s = m.old_key',
        new.key_type, rows_of_model, key
    );

    -- No row has no key: this finds out what is wrong with types and privileges.
    execute new.clean_sql using coalesce(new.model_name, ''), '{}'::text[];
    execute new.move_sql using coalesce(new.model_name, ''), '{}'::text[], '{}'::text[];
    return new;
exception
    when sqlstate 'FB021' then
        raise;
    when others then
        raise exception 'rule %: %', new.rule_name, sqlerrm using errcode = 'FB021';
end;
$$;

comment on function fbs_compile_rule() is
'Trigger: checks a rule against its table and writes the statements that carry it out. Error FB021 says what is wrong with it.';

create trigger fbs_cleanup_rules_compile
before insert or update on fbs_cleanup_rules
for each row
execute function fbs_compile_rule();

insert into fbs_cleanup_rules
(rule_name, table_name, json_column, model_column, key_column, only_if, unless, action, set_columns, description)
values
(
    'custom_fields', 'fbs_custom_fields', null, 'model_name', 'record_id', null, null,
    'delete', null,
    'Custom fields of a record go with it.'
),
(
    'approval_requests', 'fbs_approval_requests', 'request_data', 'model_name', 'record_id',
    '{"status": ["pending"]}', null,
    'set columns', '{"status": "cancelled"}',
    'Pending approval requests about a record are cancelled; decided ones stay as they are.'
),
(
    'workflow_instances', 'fbs_workflow_instances', 'workflow_data', 'model_name', 'record_id',
    null, '{"status": ["completed", "cancelled", "failed"]}',
    'set columns', '{"status": "cancelled", "completed_at": "now"}',
    'Unfinished workflows about a record are cancelled.'
),
(
    'documents', 'fbs_dms_document', 'metadata', 'model_name', 'record_id',
    null, '{"state": ["archived"]}',
    'set columns', '{"state": "archived"}',
    'Documents of a record are archived.'
);

create function fbs_wake_rules()
returns bigint
language sql
set search_path from current
as $$
    with woken as (
        update fbs_cleanup_rules
        set description = description
        where clean_sql is null and to_regclass(table_name) is not null
        returning rule_name
    )

    select count(*) from woken;
$$;

comment on function fbs_wake_rules() is
'Compiles the rules that rest although their table is there by now. Returns how many.';

create function fbs_cleanup_mode()
returns text
language sql
stable
set search_path from current
as $$
    select coalesce(nullif(current_setting('fbs.cleanup', true), ''), fbs_setting('cleanup'), 'on');
$$;

comment on function fbs_cleanup_mode() is
'Whether clean-up is on, off or left to a worker: as the session says (set fbs.cleanup = ...), else as the settings say.';

create function fbs_deferred_constraints(table_name text, event integer)
returns text
language sql
stable
set search_path from current
as $$
    with recursive reached (relid, event) as (
        values (to_regclass(table_name)::oid, event)
        union
        select c.conrelid, case when r.event = 8 and c.confdeltype = 'c' then 8 else 16 end
        from reached as r
        inner join pg_trigger as t on r.relid = t.tgrelid and t.tgtype & r.event > 0
        inner join pg_constraint as c on t.tgconstraint = c.oid and t.tgrelid = c.confrelid
        where case r.event when 8 then c.confdeltype else c.confupdtype end in ('c', 'n', 'd')
    )

    select string_agg(distinct format('%I.%I', n.nspname, c.conname), ', ')
    from reached as r
    inner join pg_trigger as t on r.relid = t.tgrelid and t.tgtype & r.event > 0
    inner join pg_constraint as c on t.tgconstraint = c.oid
    inner join pg_namespace as n on c.connamespace = n.oid
    where t.tginitdeferred;
$$;

comment on function fbs_deferred_constraints(text, integer) is
'Names of what is checked at commit when rows of a table are deleted (event 8, as in pg_trigger) or updated (16): its own foreign keys, uniqueness and triggers, and those of tables whose rows go along.';

create function fbs_apply_rules(model text, keys text[], new_keys text[] default null, one_rule text default null)
returns bigint
language plpgsql
set search_path from current
as $$
declare
    rule record;
    held text[];
    held_new text[];
    passing text[];
    moved text[] := '{}';
    touched bigint;
    total bigint := 0;
    event integer;
    written smallint[];
    found record;
    deferred text := '';
begin
    for rule in
        select
            r.table_name, r.key_type, r.action, r.clean_sql, r.move_sql,
            -- A key that is not written is not checked; what a host's own triggers write is not known.
            case
                when r.table_name !~ '^fbs_' then null
                when new_keys is not null or r.action = 'set null' then array[coalesce(r.json_column, r.key_column)]
                when r.action = 'set columns' then array(select jsonb_object_keys(r.set_columns))
            end as written
        from fbs_cleanup_rules as r
        where
            r.clean_sql is not null
            and (r.model_name is null or r.model_name = model)
            and (one_rule is null or r.rule_name = one_rule)
        order by r.rule_name
    loop
        held := fbs_usable_keys(keys, rule.key_type);
        if held = '{}' then
            continue;
        elsif new_keys is null then
            execute rule.clean_sql using model, held;
            get diagnostics touched = row_count;
        else
            -- Rows of two rules follow once.
            continue when rule.move_sql = any(moved);
            moved := moved || rule.move_sql;
            -- What cannot hold the new key stays.
            held_new := fbs_usable_keys(new_keys, rule.key_type);
            if cardinality(held) < cardinality(keys) or cardinality(held_new) < cardinality(keys) then
                select array_agg(p.old_key), array_agg(p.new_key)
                into held, held_new
                from unnest(keys, new_keys) as p (old_key, new_key)
                where p.old_key = any(held) and p.new_key = any(held_new);
                continue when held is null;
            end if;
            begin
                execute rule.move_sql using model, held, held_new;
                get diagnostics touched = row_count;
            exception when unique_violation then
                -- Keys that shift or swap meet each other half way: go by keys that nobody has.
                passing := array(
                    select case rule.key_type
                        when 'smallint' then (-32768 + n)::text
                        when 'integer' then (-2147483648 + n)::text
                        when 'bigint' then (-9223372036854775808 + n)::text
                        when 'uuid' then gen_random_uuid()::text
                        else 'fbs moves ' || n
                    end
                    from generate_series(1, cardinality(held)) as n
                );
                execute rule.move_sql using model, held, passing;
                execute rule.move_sql using model, passing, held_new;
                get diagnostics touched = row_count;
            end;
        end if;
        total := total + touched;
        -- What is deferred would fail at commit, where nothing could catch it.
        if touched > 0 then
            event := case when rule.action = 'delete' and new_keys is null then 8 else 16 end;
            written := array(
                select a.attnum
                from pg_attribute as a
                where a.attrelid = to_regclass(rule.table_name) and a.attname = any(rule.written)
            );
            select
                string_agg(format('%s.%I', c.connamespace::regnamespace, c.conname), ', ')
                filter (where t.tginitdeferred) as names,
                bool_or(
                    c.confrelid = t.tgrelid
                    and case event when 8 then c.confdeltype else c.confupdtype end in ('c', 'n', 'd')
                ) as goes_on
            into found
            from pg_trigger as t
            inner join pg_constraint as c on t.tgconstraint = c.oid
            where
                t.tgrelid = to_regclass(rule.table_name)
                and t.tgtype & event > 0
                and (
                    rule.written is null
                    or c.contype <> 'f'
                    or c.conrelid = t.tgrelid and c.conkey && written
                    or c.confrelid = t.tgrelid and c.confkey && written
                );
            deferred := concat_ws(
                ', ',
                nullif(deferred, ''),
                case when found.goes_on then fbs_deferred_constraints(rule.table_name, event) else found.names end
            );
        end if;
    end loop;
    if deferred <> '' then
        execute format('set constraints %s immediate', deferred);
        execute format('set constraints %s deferred', deferred);
    end if;
    return total;
end;
$$;

comment on function fbs_apply_rules(text, text[], text[], text) is
'Applies the rules, or one of them, to rows that point at these keys of a model; with new keys, lets those rows follow. Returns how many rows were touched.';

-- Rows that row security hides are not missing: better an error than that.
create function fbs_missing_keys(model text, keys text[])
returns text[]
language plpgsql
stable
set search_path from current
set row_security = off
as $$
declare
    host record;
    missing text[];
begin
    select h.host_table, h.key_column, format_type(a.atttypid, null) as key_type
    into host
    from fbs_hosts as h
    inner join pg_class as c on h.host_table = c.oid
    left join pg_attribute as a
        on c.oid = a.attrelid and h.key_column = a.attname and a.attnum > 0 and not a.attisdropped
    where h.model_name = model;
    if host.host_table is null then
        return keys;
    elsif host.key_type is null then
        raise exception 'table % has no column % any more', host.host_table, host.key_column
            using errcode = 'FB020',
                hint = 'Attach it again: ' || fbs_command('attach', 'host', fbs_named(host.host_table), '--model', model);
    end if;
    execute format(
        'select array_agg(key) from unnest($1) as key'
        ' where not exists (select from %s as host where host.%I = key::%s)',
        host.host_table, host.key_column, host.key_type
    ) into missing using fbs_usable_keys(keys, host.key_type);
    return coalesce(missing, '{}');
end;
$$;

comment on function fbs_missing_keys(text, text[]) is
'Those of the keys that no row of the model''s host table has now; all of them where no table is attached, or it is gone. Error FB020 where its key column was renamed.';

create function fbs_held_keys(model text)
returns text[]
language plpgsql
stable
set search_path from current
set row_security = off
as $$
declare
    rule record;
    found text[];
    keys text[] := '{}';
begin
    for rule in
        select r.find_sql
        from fbs_cleanup_rules as r
        where r.find_sql is not null and (r.model_name is null or r.model_name = model)
    loop
        execute rule.find_sql into found using model;
        keys := keys || found;
    end loop;
    return array(select distinct key from unnest(keys) as key where key is not null);
end;
$$;

comment on function fbs_held_keys(text) is
'Keys of a model that rows hold which the rules would touch.';

create function fbs_moving_keys(model text, target text default null)
returns setof text
language sql
stable
set search_path from current
as $$
    select unnest(q.keys)
    from fbs_cleanup_queue as q
    where
        q.model_name = model
        and q.operation = 'move'
        and q.target is not distinct from fbs_moving_keys.target;
$$;

comment on function fbs_moving_keys(text, text) is
'Keys of a model that rows here, or in another database, still wait to follow to others.';

create function fbs_gone_keys(model text, held text[], target text default null)
returns text[]
language sql
stable
set search_path from current
set row_security = off
as $$
    -- Rows that still wait to follow a key are no orphans.
    select case
        when exists (
            select from fbs_hosts as h inner join pg_class as c on h.host_table = c.oid where h.model_name = model
        )
            then fbs_missing_keys(
                model,
                array(
                    select unnest(held)
                    except
                    select fbs_moving_keys(model, target)
                )
            )
        else '{}'
    end;
$$;

comment on function fbs_gone_keys(text, text[], text) is
'Those of the keys, held by rows here or in another database, that no row of the model''s host table has, nor wait to follow to another; none where the table is not attached, or gone.';

create function fbs_orphan_keys(model text)
returns text[]
language sql
stable
set search_path from current
set row_security = off
as $$
    select fbs_gone_keys(model, fbs_held_keys(model));
$$;

comment on function fbs_orphan_keys(text) is
'Keys that rows hold which the rules would touch, and that no row of the model''s host table has, nor wait to follow to another; none where the table is not attached, or gone.';

create function fbs_queue_cleanup(model text, keys text[], one_rule text, state text, said text)
returns void
language sql
set search_path from current
as $$
    insert into fbs_cleanup_queue (model_name, operation, keys, rule_name, sqlstate, error)
    select model, 'delete', keys[part.start:part.start + 999], one_rule, state, said
    from generate_series(1, cardinality(keys), 1000) as part (start);
$$;

comment on function fbs_queue_cleanup(text, text[], text, text, text) is
'Notes for a worker that rows of a model went, a thousand keys a row.';

create function fbs_note_for_targets(model text, operation text, keys text[] default '{}', new_keys text[] default null)
returns void
language sql
set search_path from current
as $$
    insert into fbs_cleanup_queue (model_name, operation, keys, new_keys, target, ticket)
    select model, operation, part.keys, new_keys, t.target, gen_random_uuid()
    from fbs_cleanup_targets as t
    cross join lateral (
        -- Keys that shift or swap stay together.
        select keys
        where new_keys is not null or keys = '{}'
        union all
        select keys[start:start + 999]
        from generate_series(1, cardinality(keys), 1000) as start
        where new_keys is null
    ) as part (keys);
$$;

comment on function fbs_note_for_targets(text, text, text[], text[]) is
'Notes for each other database what happened to rows of a model, a thousand keys a row.';

create function fbs_users_cancel(state text, said text)
returns boolean
language sql
stable
set search_path from current
as $$
    -- A statement timeout bears the same code, and the server's language tells it by the
    -- message. In others the clock does: its time is up, or nearly so, as it begins
    -- before the statement's own time where a client sends parameters.
    select
        state = '57014'
        and said <> 'canceling statement due to statement timeout'
        and (
            said = 'canceling statement due to user request'
            or current_setting('statement_timeout') = '0'
            or clock_timestamp()
            < statement_timestamp() + current_setting('statement_timeout')::interval - interval '100 milliseconds'
        );
$$;

comment on function fbs_users_cancel(text, text) is
'Whether an error that was caught is a user''s cancel, which has to go on, and not a statement timeout.';

create function fbs_clean(model text, keys text[])
returns void
language plpgsql
set search_path from current
as $$
declare
    rule record;
    state text;
    said text;
begin
    if keys is null or keys = '{}' then
        return;
    elsif fbs_cleanup_mode() = 'queue'
        or cardinality(keys) > coalesce(fbs_setting('cleanup_threshold')::integer, 5000)
    then
        perform fbs_queue_cleanup(model, keys, null, null, null);
        return;
    end if;

    begin
        perform fbs_apply_rules(model, keys);
        return;
    exception when others or assert_failure or query_canceled then
        get stacked diagnostics state = returned_sqlstate, said = message_text;
        -- After a lock, a deadlock or a timeout, rule by rule would only wait again.
        if state in ('55P03', '40P01', '40001', '57014') then
            raise;
        end if;
    end;

    for rule in
        select r.rule_name
        from fbs_cleanup_rules as r
        where r.clean_sql is not null and (r.model_name is null or r.model_name = model)
        order by r.rule_name
    loop
        begin
            perform fbs_apply_rules(model, keys, null, rule.rule_name);
        exception when others or assert_failure or query_canceled then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            if fbs_users_cancel(state, said) then
                raise;
            end if;
            perform fbs_queue_cleanup(model, keys, rule.rule_name, state, said);
        end;
    end loop;
end;
$$;

comment on function fbs_clean(text, text[]) is
'Cleans up after the rows of a model that had these keys: at once, or through the queue. A rule that fails is queued alone.';

create function fbs_noted_moves(model text, out old_keys text[], out new_keys text[])
language sql
set search_path from current
as $$
    with noted as (
        delete from fbs_cleanup_queue as q
        where
            q.transaction_id = pg_current_xact_id()
            and q.model_name = model
            and q.operation = 'move'
            and q.next_attempt_at = 'infinity'
            and q.target is null
        returning q.keys, q.new_keys
    )

    select array_agg(p.old_key), array_agg(p.new_key)
    from noted as n
    cross join unnest(n.keys, n.new_keys) as p (old_key, new_key);
$$;

comment on function fbs_noted_moves(text) is
'Keys that a statement changed in a model''s host table, old and new. The row triggers have noted them in the queue, as due never; they are taken off it.';

create function fbs_move(model text, keys text[], new_keys text[])
returns void
language plpgsql
set search_path from current
as $$
begin
    if keys is null then
        return;
    end if;
    if fbs_cleanup_mode() = 'queue'
        or cardinality(keys) > coalesce(fbs_setting('cleanup_threshold')::integer, 5000)
        or exists (select from fbs_moving_keys(model))
    then
        -- In one, as keys may shift or swap; and none before those that wait already.
        insert into fbs_cleanup_queue (model_name, operation, keys, new_keys)
        values (model, 'move', keys, new_keys);
    else
        perform fbs_apply_rules(model, keys, new_keys);
    end if;
end;
$$;

comment on function fbs_move(text, text[], text[]) is
'Lets rows follow the keys that a statement changed in a model''s host table: at once, or through the queue.';

-- Everything a host's statement does to FBS goes through here, and nothing that fails
-- in here fails the statement. No variable has the type of a table, as that would fail
-- outside every block when the table is gone.
create function fbs_cleanup()
returns trigger
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
set row_security = off
as $$
declare
    model text := tg_argv[0];
    key_column text := tg_argv[1];
    keys text[];
    new_keys text[];
    step text;
    failed_state text;
    failed text;
    state text;
    said text;
begin
    foreach step in array '{clean up,queue it,tell other databases}'::text[] loop
        continue when step = 'queue it' and failed_state is null;
        begin
            if step = 'clean up' then
                -- Keys first: whatever fails after that, they are known.
                if tg_level = 'ROW' then
                    if not to_jsonb(old) ? key_column then
                        raise exception 'column "%" does not exist', key_column using errcode = 'undefined_column';
                    end if;
                    keys := array[to_jsonb(old) ->> key_column];
                    if tg_op = 'UPDATE' then
                        new_keys := array[to_jsonb(new) ->> key_column];
                    end if;
                elsif tg_op = 'DELETE' then
                    execute format('select array_agg(o.%I::text) from old_rows as o', key_column) into keys;
                end if;

                if fbs_cleanup_mode() = 'off' then
                    exit;
                end if;
                perform set_config('lock_timeout', coalesce(fbs_setting('cleanup_lock_timeout'), '100'), true);
                if tg_op = 'TRUNCATE' then
                    perform fbs_clean(model, fbs_orphan_keys(model));
                elsif tg_op = 'UPDATE' and tg_level = 'ROW' then
                    insert into fbs_cleanup_queue (model_name, operation, keys, new_keys, next_attempt_at)
                    values (model, 'move', keys, new_keys, 'infinity');
                elsif tg_op = 'UPDATE' then
                    select m.old_keys, m.new_keys into keys, new_keys from fbs_noted_moves(model) as m;
                    perform fbs_move(model, keys, new_keys);
                elsif tg_level = 'ROW' then
                    perform fbs_clean(model, fbs_missing_keys(model, keys));
                else
                    perform fbs_clean(model, keys);
                end if;
            elsif step = 'queue it' then
                if tg_op = 'UPDATE' and tg_level = 'STATEMENT' then
                    -- As in fbs_noted_moves, which may be what is missing.
                    with noted as (
                        delete from fbs_cleanup_queue as q
                        where
                            q.transaction_id = pg_current_xact_id()
                            and q.model_name = model
                            and q.operation = 'move'
                            and q.next_attempt_at = 'infinity'
                            and q.target is null
                        returning q.keys as old_keys, q.new_keys as later_keys
                    )

                    insert into fbs_cleanup_queue (model_name, operation, keys, new_keys, sqlstate, error)
                    select model, 'move', array_agg(p.old_key), array_agg(p.new_key), failed_state, failed
                    from noted as n
                    cross join unnest(n.old_keys, n.later_keys) as p (old_key, new_key)
                    having count(*) > 0
                    returning fbs_cleanup_queue.keys, fbs_cleanup_queue.new_keys into keys, new_keys;
                else
                    -- Where the key column was renamed, which rows went is not known.
                    insert into fbs_cleanup_queue (model_name, operation, keys, new_keys, next_attempt_at, sqlstate, error)
                    values (
                        model,
                        case when keys is null then 'sweep' when tg_op = 'UPDATE' then 'move' else 'delete' end,
                        coalesce(keys, '{}'), new_keys,
                        case when new_keys is null then now() else 'infinity' end,
                        failed_state, failed
                    );
                end if;
            elsif exists (select from fbs_cleanup_targets) then
                if keys is null then
                    if tg_op = 'TRUNCATE' or failed_state is not null and (tg_op <> 'UPDATE' or tg_level = 'ROW') then
                        perform fbs_note_for_targets(model, 'sweep');
                    end if;
                elsif tg_op = 'DELETE' then
                    perform fbs_note_for_targets(model, 'delete', keys);
                elsif tg_level = 'STATEMENT' then
                    perform fbs_note_for_targets(model, 'move', keys, new_keys);
                end if;
            end if;
        exception when others or assert_failure or query_canceled then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            -- As in fbs_users_cancel, which may be what is missing.
            if state = '57014'
                and said <> 'canceling statement due to statement timeout'
                and (
                    said = 'canceling statement due to user request'
                    or current_setting('statement_timeout') = '0'
                    or clock_timestamp()
                    < statement_timestamp() + current_setting('statement_timeout')::interval - interval '100 milliseconds'
                )
            then
                raise;
            end if;
            if step = 'clean up' then
                failed_state := state;
                failed := said;
            else
                raise warning 'FBS could not % after % of %, keys % % (%: %)%',
                    case step when 'queue it' then 'clean up' else step end,
                    lower(tg_op), model, keys, new_keys,
                    case step when 'queue it' then failed_state else state end,
                    case step when 'queue it' then failed else said end,
                    case step when 'queue it' then format(', nor queue it (%s: %s)', state, said) else '' end
                    using hint = 'When FBS is mended: fbs-db cleanup sweep';
                exit;
            end if;
        end;
    end loop;
    return case tg_when when 'BEFORE' then new end;
end;
$$;

revoke execute on function fbs_cleanup() from public;

comment on function fbs_cleanup() is
'Trigger on a host''s table: cleans up FBS''s rows by the rules. What fails is queued, or told in a warning; the host''s statement succeeds.';

create function fbs_mark_statement()
returns trigger
language plpgsql
set search_path from current
as $$
begin
    perform set_config(
        'fbs.statement',
        case tg_when when 'BEFORE' then (pg_trigger_depth() - 1) || '/' || tg_argv[0] else '' end,
        true
    );
    return null;
end;
$$;

comment on function fbs_mark_statement() is
'Trigger on a partitioned host table: lets the partitions know that a statement on the whole table takes care of their rows.';

create function fbs_host_triggers(host_table regclass, model_name text, key_column text)
returns table (table_id regclass, trigger_name text, definition text, present boolean)
language sql
stable
set search_path from current
as $$
    with host as (
        select
            c.relkind = 'p' as partitioned,
            format('(%L, %L)', model_name, key_column) as arguments
        from pg_class as c
        where c.oid = host_table
    ),

    places as (
        select host_table as relid, true as is_root, h.partitioned, h.arguments
        from host as h
        union all
        select p.relid, false, true, h.arguments
        from host as h
        cross join pg_partition_tree(host_table) as p
        where p.isleaf and p.relid <> host_table
    ),

    wanted as (
        select t.relid, d.name, d.definition
        from places as t
        cross join lateral (
            values
            (
                t.is_root, 'fbs_cleanup_delete',
                'after delete on %s referencing old table as old_rows for each statement'
                ' execute function fbs_cleanup' || t.arguments
            ),
            (
                true, 'fbs_cleanup_truncate',
                'after truncate on %s for each statement execute function fbs_cleanup' || t.arguments
            ),
            (
                t.is_root, 'fbs_cleanup_key',
                format(
                    case when t.partitioned then 'before' else 'after' end
                    || ' update of %1$I on %%s for each row when (old.%1$I is distinct from new.%1$I)'
                    ' execute function fbs_cleanup', key_column
                ) || t.arguments
            ),
            (
                true, 'fbs_cleanup_keys',
                format('after update of %I on %%s for each statement execute function fbs_cleanup', key_column)
                || t.arguments
            ),
            (
                t.is_root and t.partitioned, 'fbs_cleanup_mark',
                'before delete or update on %s for each statement execute function fbs_mark_statement' || t.arguments
            ),
            (
                t.is_root and t.partitioned, 'fbs_cleanup_unmark',
                'after delete or update on %s for each statement execute function fbs_mark_statement' || t.arguments
            ),
            -- New partitions get this one by themselves.
            (
                t.is_root and t.partitioned, 'fbs_cleanup_row',
                format(
                    'after delete on %%s for each row when (current_setting(''fbs.statement'', true)'
                    ' is distinct from pg_trigger_depth() || %L) execute function fbs_cleanup', '/' || model_name
                ) || t.arguments
            )
        ) as d (applies, name, definition)
        where d.applies
    )

    select
        w.relid, w.name, w.definition,
        exists (
            select from pg_trigger as g
            where
                g.tgrelid = w.relid
                and g.tgname = w.name
                and g.tgenabled <> 'D'
                and g.tgargs
                = convert_to(model_name, getdatabaseencoding()) || '\x00'::bytea
                || convert_to(key_column, getdatabaseencoding()) || '\x00'::bytea
        )
    from wanted as w;
$$;

comment on function fbs_host_triggers(regclass, text, text) is
'The triggers that an attached host table and its partitions bear: how each is made, and whether it is there and enabled.';

create function fbs_rename_model(old_name text, new_name text)
returns bigint
language plpgsql
set search_path from current
as $$
declare
    place record;
    touched bigint;
    total bigint := 0;
begin
    for place in
        select distinct r.table_name, r.json_column, r.model_column
        from fbs_cleanup_rules as r
        where r.clean_sql is not null and r.model_column is not null
    loop
        execute format(
            case
                when place.json_column is null then 'update %1$s set %3$I = $2 where %3$I = $1'
                else
                    'update %1$s set %2$I = jsonb_set(%2$I, array[%3$L], to_jsonb($2))'
                    ' where (%2$I ->> %3$L) = $1'
            end,
            place.table_name, place.json_column, place.model_column
        ) using old_name, new_name;
        get diagnostics touched = row_count;
        total := total + touched;
    end loop;
    update fbs_cleanup_rules set model_name = new_name where model_name = old_name;
    update fbs_cleanup_queue set model_name = new_name where model_name = old_name;
    return total;
end;
$$;

comment on function fbs_rename_model(text, text) is
'Lets the rows that point at a model by its old name do so by the new one, in every table that a rule is for; and the rules and clean-ups of that model. Returns how many rows were changed.';

create function fbs_rows_of_model(model text)
returns bigint
language plpgsql
stable
set search_path from current
as $$
declare
    place record;
    found_here bigint;
    total bigint := 0;
begin
    for place in
        select distinct r.table_name, r.json_column, r.model_column
        from fbs_cleanup_rules as r
        where r.clean_sql is not null and r.model_column is not null
    loop
        execute format(
            case
                when place.json_column is null then 'select count(*) from %1$s where %3$I = $1'
                else 'select count(*) from %1$s where (%2$I ->> %3$L) = $1'
            end,
            place.table_name, place.json_column, place.model_column
        ) into found_here using model;
        total := total + found_here;
    end loop;
    return total;
end;
$$;

comment on function fbs_rows_of_model(text) is
'How many rows point at a model by its name, in the tables that rules are for.';

create function fbs_attach_host(host_table regclass, model_name text, key_column text default null)
returns void
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    key text := coalesce(key_column, fbs_key_column(host_table));
    key_type text;
    kind "char";
    known boolean;
    other regclass;
    former text;
    wanted record;
    missing boolean := false;
begin
    select c.relkind, format_type(a.atttypid, null)
    into kind, key_type
    from pg_class as c
    left join pg_attribute as a on c.oid = a.attrelid and a.attname = key and a.attnum > 0 and not a.attisdropped
    where c.oid = host_table;
    if kind not in ('r', 'p') then
        raise exception '% is not a table', host_table using errcode = 'FB020';
    elsif key_type is null then
        raise exception 'table % has no column %', host_table, key using errcode = 'FB020';
    elsif key_type !~ '^(smallint|integer|bigint|uuid|text|character varying)$' then
        raise exception 'column % of % is of type %', key, host_table, key_type
            using errcode = 'FB020', hint = 'Keys are integers, uuids or texts.';
    elsif coalesce(model_name, '') = '' then
        raise exception 'a host table needs the name of its model'
            using errcode = 'FB020', hint = 'It is what FBS''s rows hold as model_name, such as tenants.tenant.';
    end if;

    delete from fbs_hosts as h
    where h.model_name = fbs_attach_host.model_name and not exists (select from pg_class as c where c.oid = h.host_table);
    known := exists (select from fbs_hosts as h where h.host_table = fbs_attach_host.host_table);
    select h.host_table
    into other
    from fbs_hosts as h
    where h.model_name = fbs_attach_host.model_name and h.host_table <> fbs_attach_host.host_table;
    if other is not null then
        raise exception 'model % is attached already, to another table', model_name
            using errcode = 'FB022', hint = 'Detach that first: ' || fbs_command('detach', 'host', fbs_named(other));
    end if;
    select h.model_name
    into former
    from fbs_hosts as h
    where h.host_table = fbs_attach_host.host_table and h.model_name <> fbs_attach_host.model_name;
    if former is not null then
        perform fbs_rename_model(former, model_name);
    end if;
    insert into fbs_hosts (host_table, model_name, key_column)
    values (host_table, model_name, key)
    on conflict on constraint fbs_hosts_pkey do update
    set model_name = excluded.model_name, key_column = excluded.key_column;

    for wanted in select t.* from fbs_host_triggers(host_table, model_name, key) as t where not t.present loop
        execute format('create or replace trigger %I ' || wanted.definition, wanted.trigger_name, wanted.table_id);
        missing := true;
    end loop;

    -- Triggers that were lost may have missed something.
    if known and missing then
        insert into fbs_cleanup_queue (model_name, operation) values (model_name, 'sweep');
        perform fbs_note_for_targets(model_name, 'sweep');
    end if;
end;
$$;

comment on function fbs_attach_host(regclass, text, text) is
'Attaches a host''s table: from then on deleting its rows cleans up the FBS rows that point at them. Again does no harm, and mends triggers that are missing or disabled; under another model name, those rows get that name. Errors FB001, FB020, FB022.';

create function fbs_detach_host(host_table regclass)
returns boolean
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    ours record;
begin
    for ours in
        select g.tgrelid, g.tgname
        from pg_trigger as g
        where
            g.tgrelid in (
                select host_table
                union all
                select p.relid from pg_partition_tree(host_table) as p
            )
            and g.tgname ~ '^fbs_cleanup_'
            and g.tgparentid = 0
    loop
        execute format('drop trigger %I on %s', ours.tgname, ours.tgrelid::regclass);
    end loop;
    delete from fbs_hosts as h where h.host_table = fbs_detach_host.host_table;
    return found;
end;
$$;

comment on function fbs_detach_host(regclass) is
'Detaches a host''s table: its triggers go, FBS''s rows stay. False where it was not attached.';

create function fbs_sweep_orphans(only_model text default null)
returns table (model_name text, orphans bigint, touched bigint, error text)
language plpgsql
set search_path from current
set row_security = off
as $$
#variable_conflict use_column
declare
    host record;
    keys text[];
begin
    for host in
        select h.model_name
        from fbs_hosts as h
        where only_model is null or h.model_name = only_model
        order by h.model_name
    loop
        model_name := host.model_name;
        orphans := null;
        touched := null;
        error := null;
        -- One model that cannot be swept shall not hold up the others.
        begin
            keys := fbs_orphan_keys(host.model_name);
            orphans := cardinality(keys);
            touched := fbs_apply_rules(host.model_name, keys);
        exception when others or assert_failure then
            error := sqlerrm;
        end;
        return next;
    end loop;
end;
$$;

comment on function fbs_sweep_orphans(text) is
'Finds rows that point at host rows which are gone, and applies the rules to them. Returns for each attached model the keys found missing and the rows touched, or what went wrong.';

create function fbs_clean_gone(model text, held text[])
returns table (gone bigint, touched bigint)
language plpgsql
set search_path from current
set row_security = off
as $$
declare
    keys text[] := fbs_gone_keys(model, held);
begin
    gone := cardinality(keys);
    touched := fbs_apply_rules(model, keys);
    return next;
end;
$$;

comment on function fbs_clean_gone(text, text[]) is
'Applies the rules to those of the keys, held by rows here, that no row of the model''s host table has. Returns how many these are, and the rows touched.';

create function fbs_run_queued(ids bigint[])
returns void
language plpgsql
set search_path from current
as $$
declare
    job record;
begin
    select
        min(q.model_name) as model, min(q.operation) as operation, min(q.rule_name) as rule_name,
        array_agg(p.old_key) filter (where p.old_key is not null) as old_keys,
        array_agg(p.new_key) filter (where p.old_key is not null) as new_keys
    into job
    from fbs_cleanup_queue as q
    left join lateral unnest(q.keys, q.new_keys) as p (old_key, new_key) on true
    where q.id = any(ids);

    -- Rows that wait to follow a key are not those of another that came to bear it.
    if exists (
        select from fbs_cleanup_queue as q
        where
            q.model_name = job.model
            and q.operation = 'move'
            and q.target is null
            and q.id < any(ids)
            and (job.operation = 'move' or q.keys && job.old_keys)
    ) then
        raise exception 'an earlier change of keys of % waits', job.model using errcode = 'object_in_use';
    end if;
    delete from fbs_cleanup_queue where id = any(ids);
    if job.operation = 'sweep' then
        perform fbs_apply_rules(job.model, fbs_orphan_keys(job.model));
    elsif job.operation = 'move' then
        -- Rows follow where the host row went, unless it went away, or on, since.
        perform fbs_apply_rules(job.model, job.old_keys, job.new_keys);
        perform fbs_apply_rules(
            job.model,
            fbs_missing_keys(
                job.model,
                array(
                    select key from unnest(job.new_keys) as key
                    except
                    select fbs_moving_keys(job.model)
                )
            )
        );
    else
        perform fbs_apply_rules(job.model, fbs_missing_keys(job.model, job.old_keys), null, job.rule_name);
    end if;
end;
$$;

comment on function fbs_run_queued(bigint[]) is
'Does queued clean-ups of one kind together, and takes them off the queue. Keys that are back in the host''s table are left alone.';

create function fbs_put_off(ids bigint[], state text, said text, own_fault boolean default true)
returns void
language sql
set search_path from current
as $$
    update fbs_cleanup_queue
    set
        attempts = attempts + own_fault::integer,
        sqlstate = state,
        error = said,
        next_attempt_at = case
            when own_fault
                then clock_timestamp() + least(interval '1 hour', interval '1 second' * 2 ^ least(attempts, 20))
            else next_attempt_at
        end
    where id = any(ids);
$$;

comment on function fbs_put_off(bigint[], text, text, boolean) is
'Notes that queued clean-ups failed, and lets each wait longer: twice as long each time, up to an hour; not where it was no fault of theirs, such as another database that is away.';

create function fbs_failed_rule(model text, context text)
returns text
language plpgsql
set search_path from current
set lock_timeout = '100ms'
as $$
declare
    rule record;
    found text;
begin
    select string_agg(r.rule_name, ', ' order by r.rule_name)
    into found
    from fbs_cleanup_rules as r
    where
        (r.model_name is null or r.model_name = model)
        and (strpos(context, r.clean_sql) > 0 or strpos(context, r.move_sql) > 0);
    if found is not null then
        return found;
    end if;
    -- What cannot be planned is in no context.
    for rule in
        select r.rule_name, r.clean_sql
        from fbs_cleanup_rules as r
        where r.clean_sql is not null and (r.model_name is null or r.model_name = model)
        order by r.rule_name
    loop
        begin
            execute 'explain ' || rule.clean_sql using model, '{}'::text[];
        exception
            when lock_not_available then
                continue;
            when others then
                return rule.rule_name;
        end;
    end loop;
    return null;
end;
$$;

comment on function fbs_failed_rule(text, text) is
'Internal. The rule, or rules alike, in which a clean-up of a model failed, by the context of the error; NULL where it was in none.';

create function fbs_work_queue(batch integer default 1000, due_only boolean default false)
returns table (
    model_name text,
    operation text,
    rule_name text,
    entries bigint,
    keys bigint,
    error_code text,
    error text
)
language plpgsql
set search_path from current
set row_security = off
as $$
#variable_conflict use_column
declare
    job record;
    one record;
    state text;
    said text;
    context text;
begin
    for job in
        with due as (
            select q.id, q.model_name, q.operation, q.rule_name, cardinality(q.keys) as keys
            from fbs_cleanup_queue as q
            where
                q.target is null
                and (
                    not due_only
                    or q.next_attempt_at <= clock_timestamp()
                    -- Noted by a row trigger whose statement is over: the statement's own trigger is lost.
                    or (
                        q.next_attempt_at = 'infinity'
                        and q.transaction_id is distinct from pg_current_xact_id_if_assigned()
                    )
                )
            order by q.id
            limit batch
            for update skip locked
        )
        select
            d.model_name, d.operation, d.rule_name,
            array_agg(d.id order by d.id) as ids, array_agg(d.keys order by d.id) as keys, sum(d.keys) as all_keys
        from due as d
        group by d.model_name, d.operation, d.rule_name, case when d.operation = 'move' then d.id end
        order by min(d.id)
    loop
        model_name := job.model_name;
        operation := job.operation;
        rule_name := job.rule_name;
        entries := cardinality(job.ids);
        keys := job.all_keys;
        error_code := null;
        error := null;
        begin
            perform fbs_run_queued(job.ids);
            return next;
            continue;
        exception when others or assert_failure or query_canceled then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            if fbs_users_cancel(state, said) then
                raise;
            end if;
        end;
        -- One that cannot be done shall not hold up the others.
        entries := 1;
        for one in select u.id, u.keys from unnest(job.ids, job.keys) as u (id, keys) loop
            keys := one.keys;
            begin
                perform fbs_run_queued(array[one.id]);
                rule_name := job.rule_name;
                error_code := null;
                error := null;
            exception when others or assert_failure or query_canceled then
                get stacked diagnostics state = returned_sqlstate, said = message_text, context = pg_exception_context;
                if fbs_users_cancel(state, said) then
                    raise;
                end if;
                perform fbs_put_off(array[one.id], state, said);
                rule_name := coalesce(job.rule_name, fbs_failed_rule(job.model_name, context));
                error_code := state;
                error := said;
            end;
            return next;
        end loop;
    end loop;
end;
$$;

comment on function fbs_work_queue(integer, boolean) is
'Does up to so many queued clean-ups, by default whether they are due or not; several workers share them. What fails again waits longer. Returns what was done, with the number of entries of the queue and of keys in them, and what failed, with the rule and the reason.';

create function fbs_retry_cleanup(batch integer default 1000, due_only boolean default false)
returns table (done bigint, failed bigint, waiting bigint)
language plpgsql
set search_path from current
set row_security = off
as $$
begin
    select
        coalesce(sum(w.entries) filter (where w.error is null), 0),
        coalesce(sum(w.entries) filter (where w.error is not null), 0)
    into done, failed
    from fbs_work_queue(batch, due_only) as w;
    select count(*) into waiting from fbs_cleanup_queue where target is null;
    return next;
end;
$$;

comment on function fbs_retry_cleanup(integer, boolean) is
'Does what fbs_work_queue does. Returns how many were done, failed, and are waiting.';

create function fbs_source()
returns text
language sql
stable
set search_path from current
as $$
    -- A copy of the database, restored elsewhere, is another source; one that is renamed is not.
    select concat_ws('/', c.system_identifier, d.oid, current_schema())
    from pg_control_system() as c
    cross join pg_database as d
    where d.datname = current_database();
$$;

comment on function fbs_source() is
'What other databases know this one by: number of the cluster, number of the database, schema.';

create function fbs_claim_cleanup(target text, batch integer default 1000, due_only boolean default false)
returns table (
    id bigint,
    ticket uuid,
    model_name text,
    operation text,
    keys text[],
    new_keys text[],
    attempts integer
)
language plpgsql
set search_path from current
as $$
#variable_conflict use_column
begin
    -- One carrier for each database: what follows something could overtake it else.
    if not pg_try_advisory_xact_lock(hashtextextended('fbs-db carries to ' || fbs_claim_cleanup.target, 0)) then
        return;
    end if;
    return query
    with first_moves as materialized (
        select q.model_name, min(q.id) as id
        from fbs_cleanup_queue as q
        where q.operation = 'move' and q.target = fbs_claim_cleanup.target
        group by q.model_name
    ),

    claimed as materialized (
        select q.*
        from fbs_cleanup_queue as q
        left join first_moves as f on q.model_name = f.model_name
        where
            q.target = fbs_claim_cleanup.target
            and (not due_only or q.next_attempt_at <= clock_timestamp())
            -- Rows that wait to follow a key are not those of another that came to bear it.
            and (
                f.id is null
                or q.id <= f.id
                or q.operation = 'delete'
                and not exists (
                    select from fbs_cleanup_queue as earlier
                    where
                        earlier.operation = 'move'
                        and earlier.target = q.target
                        and earlier.model_name = q.model_name
                        and earlier.id < q.id
                        and earlier.keys && q.keys
                )
            )
        order by q.id
        limit batch
        for update of q skip locked
    )

    select c.id, c.ticket, c.model_name, c.operation, c.keys, c.new_keys, c.attempts
    from claimed as c
    order by c.id;
end;
$$;

comment on function fbs_claim_cleanup(text, integer, boolean) is
'Clean-ups that are to be carried to another database, in their order, locked until the transaction ends. Nothing while somebody else carries there.';

create function fbs_await_writers(model text)
returns void
language plpgsql
set search_path from current
as $$
declare
    writers text[];
    enough timestamptz := clock_timestamp() + interval '3 seconds';
begin
    select array_agg(l.virtualtransaction)
    into writers
    from fbs_hosts as h
    cross join lateral (
        select h.host_table as relid
        union
        select p.relid from pg_partition_tree(h.host_table) as p
    ) as t
    inner join pg_locks as l on t.relid = l.relation
    where
        h.model_name = model
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        and l.granted
        and l.pid is distinct from pg_backend_pid();
    while exists (select from pg_locks as l where l.virtualtransaction = any(writers)) loop
        if clock_timestamp() > enough then
            raise exception 'a transaction that writes the table of % does not end', model
                using errcode = 'lock_not_available', hint = 'What it adds is not to be taken for gone. Try again later.';
        end if;
        perform pg_sleep(0.01);
    end loop;
end;
$$;

comment on function fbs_await_writers(text) is
'Waits, three seconds at most, until the transactions are over that write a model''s host table now: the rows they add may be pointed at in another database before they can be seen here.';

create function fbs_recheck_cleanup(ids bigint[], held text[] default null)
returns text[]
language plpgsql
set search_path from current
set row_security = off
as $$
declare
    job record;
begin
    select
        min(q.model_name) as model, min(q.operation) as operation, min(q.target) as target, min(q.id) as id,
        array_agg(k.key) filter (where k.key is not null) as keys
    into job
    from fbs_cleanup_queue as q
    left join lateral unnest(coalesce(q.new_keys, q.keys)) as k (key) on true
    where q.id = any(ids);

    if job.operation = 'sweep' then
        perform fbs_await_writers(job.model);
        return fbs_gone_keys(job.model, held, job.target);
    elsif job.operation = 'move' then
        -- Rows follow where the host row went, unless it went away, or on, since.
        return fbs_missing_keys(
            job.model,
            array(
                select unnest(job.keys)
                except
                select unnest(later.keys)
                from fbs_cleanup_queue as later
                where
                    later.operation = 'move'
                    and later.target = job.target
                    and later.model_name = job.model
                    and later.id > job.id
            )
        );
    end if;
    return fbs_missing_keys(job.model, job.keys);
end;
$$;

comment on function fbs_recheck_cleanup(bigint[], text[]) is
'Which keys of clean-ups of one kind, that are to be carried to another database, no host row has now; where all keys are looked at (sweep), of those that rows there hold.';

create function fbs_receive_cleanup(
    source text, tickets uuid[], model text, keys text[], new_keys text[], gone text[]
)
returns bigint
language plpgsql
set search_path from current
set lock_timeout = '3s'
set row_security = off
as $$
declare
    noted bigint;
    total bigint := 0;
begin
    insert into fbs_cleanup_received (ticket, source)
    select ticket, fbs_receive_cleanup.source
    from unnest(tickets) as ticket
    on conflict do nothing;
    get diagnostics noted = row_count;
    if noted < cardinality(tickets) then
        if cardinality(tickets) = 1 then
            return null;
        end if;
        raise exception 'some of these clean-ups are done' using errcode = 'unique_violation';
    end if;
    if new_keys is not null then
        total := fbs_apply_rules(model, keys, new_keys);
    end if;
    return total + fbs_apply_rules(model, gone);
end;
$$;

comment on function fbs_receive_cleanup(text, uuid[], text, text[], text[], text[]) is
'Does clean-ups of one kind that came from another database together, and notes that they are done. One that was done before is not done again, and there is no number of rows; among several it is an error: then they come one by one.';

create function fbs_set_cleanup_targets(targets text[])
returns void
language sql
set search_path from current
as $$
    delete from fbs_cleanup_targets as t
    where t.target <> all(targets);

    -- What happened while it was none of them is not known.
    with added as (
        insert into fbs_cleanup_targets (target)
        select target from unnest(targets) as target
        on conflict do nothing
        returning target
    )

    insert into fbs_cleanup_queue (model_name, operation, target, ticket)
    select h.model_name, 'sweep', a.target, gen_random_uuid()
    from added as a
    cross join fbs_hosts as h
    order by a.target, h.model_name;
$$;

comment on function fbs_set_cleanup_targets(text[]) is
'Sets which other databases hold rows that may point at this one''s host rows. For new ones each attached model is swept.';
