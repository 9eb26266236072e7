-- 0022_cleanup_sweep: which keys that FBS rows hold, here or in another database, are
-- gone from the host's table; and the sweep, which cleans up after them.
--
-- component: base
-- depends: 0021_cleanup_queue

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_require_host(model text, solution text default null)
returns table (host_table regclass, key_column text, key_type regtype)
language plpgsql
set search_path from current
as $$
#variable_conflict use_column
declare
    problem text;
begin
    select h.host_table, h.key_column
    into host_table, key_column
    from fbs_hosts as h
    inner join pg_class as c on h.host_table = c.oid
    where h.model_name = model and h.solution is not distinct from fbs_require_host.solution;
    if host_table is null then
        return;
    end if;
    perform fbs_refuse_foreign_code(host_table);
    problem := fbs_host_problem(host_table, key_column);
    if problem is not null then
        raise exception '%', problem using errcode = 'FB025',
            detail = 'No row of the table was read.',
            hint = 'Attach it again: ' || fbs_command('attach', 'host', fbs_named(host_table), '--model', model);
    end if;
    select a.atttypid
    into key_type
    from pg_attribute as a
    where a.attrelid = host_table and a.attname = key_column;
    return next;
end;
$$;

comment on function fbs_require_host(text, text) is
'Internal. The host table of a model, locked against changes of its form, after it was seen to evaluate nothing of another role''s. No row where none is attached, or it is gone. Error FB025.';

-- Rows that row security hides are not missing: better an error than that.
create function fbs_missing_keys(model text, keys text[], solution text default null)
returns text[]
language plpgsql
set search_path from current
set row_security = off
set enable_seqscan = off
as $$
declare
    host record;
    usable text[];
    missing text[];
begin
    select h.* into host from fbs_require_host(model, solution) as h;
    if host.host_table is null then
        return keys;
    end if;
    usable := fbs_usable_keys(keys, host.key_type::text);
    -- Looked at once more, and planned once: what the host's owner makes from here on is not evaluated.
    perform fbs_refuse_foreign_code(host.host_table);
    execute format(
        'select array_agg(k.key) from unnest($1) as k (key)'
        ' where not exists (select from %s as host where host.%I = k.key::%s)',
        host.host_table, host.key_column, host.key_type
    ) into missing using usable;
    return coalesce(missing, '{}');
end;
$$;

comment on function fbs_missing_keys(text, text[], text) is
'Internal. Those of the keys that no row of the model''s host table has now; all of them where no table is attached, or it is gone. Error FB025 where the table must not be read.';

create function fbs_held_keys(model text, solution text default null, alone boolean default true)
returns text[]
language plpgsql
security definer
set search_path from current
set row_security = off
as $$
declare
    part record;
    held text[];
    keys text[] := '{}';
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_rules();
    for part in
        select p.*
        from fbs_rule_parts() as p
        inner join fbs_cleanup_rules as r on p.rule_name = r.rule_name
        where r.model_name is null or r.model_name = model
    loop
        execute format('select array_agg(distinct %s::text) from %s as t where %s', part.key, part.named, part.touched)
        into held using model, keys, solution, alone;
        keys := keys || held;
    end loop;
    return array(select distinct h.key from unnest(keys) as h (key) where h.key is not null);
end;
$$;

comment on function fbs_held_keys(text, text, boolean) is
'Internal. Keys of a model in rows that the rules would touch. Error FB024.';

create function fbs_rows_of_model(model text, solution text default null)
returns bigint
language plpgsql
stable
set search_path from current
as $$
declare
    part record;
    held bigint;
    total bigint := 0;
begin
    for part in
        select distinct p.named, p.of_model
        from fbs_rule_parts() as p
        inner join fbs_cleanup_rules as r on p.rule_name = r.rule_name
        where r.model_column is not null
    loop
        execute format('select count(*) from %s as t where %s', part.named, part.of_model)
        into held using model, '{}'::text[], solution, fbs_is_alone(model, solution);
        total := total + held;
    end loop;
    return total;
end;
$$;

comment on function fbs_rows_of_model(text, text) is
'Internal. Number of FBS rows that point at a model (and solution) by its name.';

create function fbs_gone_keys(model text, held text[], target text default null, solution text default null)
returns text[]
language sql
set search_path from current
as $$
    -- Rows that still wait to follow a key are no orphans.
    select case
        when exists (
            select from fbs_hosts as h
            inner join pg_class as c on h.host_table = c.oid
            where h.model_name = model and h.solution is not distinct from fbs_gone_keys.solution
        )
            then fbs_missing_keys(
                model,
                array(
                    select unnest(held)
                    except
                    select fbs_waiting_keys(model, fbs_gone_keys.solution, target)
                ),
                fbs_gone_keys.solution
            )
        else '{}'
    end;
$$;

comment on function fbs_gone_keys(text, text[], text, text) is
'Internal. Those of the keys, held by rows here or in another database, that no host row has and no rekey waits for; none where no table is attached, or it is gone. Error FB025.';

create function fbs_orphan_keys(model text, solution text default null)
returns text[]
language sql
set search_path from current
as $$
    select fbs_gone_keys(
        model, fbs_held_keys(model, fbs_orphan_keys.solution, fbs_is_alone(model, fbs_orphan_keys.solution)), null,
        fbs_orphan_keys.solution
    );
$$;

comment on function fbs_orphan_keys(text, text) is
'Internal. Keys of a model in rows that the rules would touch, and that no host row has. Errors FB024, FB025.';

create function fbs_await_writers(model text, solution text default null)
returns void
language plpgsql
security definer
set search_path from current
as $$
declare
    writers text[];
    enough timestamptz := clock_timestamp() + interval '3 seconds';
begin
    perform fbs_refuse_shadows();
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
        and h.solution is not distinct from fbs_await_writers.solution
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        and l.granted
        and l.pid is distinct from pg_backend_pid();
    while exists (select from pg_locks as l where l.virtualtransaction = any(writers)) loop
        if clock_timestamp() > enough then
            raise exception 'a transaction that writes the table of % does not end', model
                using errcode = 'lock_not_available', hint = 'Its new rows must not be taken for gone. Try again later.';
        end if;
        perform pg_sleep(0.01);
    end loop;
end;
$$;

comment on function fbs_await_writers(text, text) is
'Internal. Waits, three seconds at most, for transactions that write a model''s host table: FBS rows in another database may point at their new rows already.';

create function fbs_recheck_cleanup(ids bigint[], held text[] default null)
returns text[]
language plpgsql
security definer
set search_path from current
as $$
declare
    job record;
begin
    perform fbs_refuse_shadows();
    select
        min(q.model_name) as model, min(q.solution) as solution, min(q.operation) as operation, min(q.target) as target,
        min(q.id) as id, array_agg(k.key) filter (where k.key is not null) as keys
    into job
    from fbs_cleanup_queue as q
    left join lateral unnest(coalesce(q.new_keys, q.keys)) as k (key) on true
    where q.id = any(ids);

    if job.operation = 'sweep' then
        perform fbs_await_writers(job.model, job.solution);
        return fbs_gone_keys(job.model, held, job.target, job.solution);
    elsif job.operation = 'rekey' then
        -- Rows follow where the host row went, unless it went away, or on, since.
        job.keys := array(
            select unnest(job.keys)
            except
            select unnest(later.keys)
            from fbs_cleanup_queue as later
            where
                later.operation = 'rekey'
                -- One for all databases of a pattern comes to that one later.
                and (later.target = job.target and later.id > job.id or later.for_solution is not null)
                and later.model_name = job.model
                and later.solution is not distinct from job.solution
        );
    end if;
    return fbs_missing_keys(job.model, job.keys, job.solution);
end;
$$;

comment on function fbs_recheck_cleanup(bigint[], text[]) is
'Internal. Those keys of clean-ups of one kind for another database that no host row has now; for a sweep, of the keys held there. Error FB025.';

create function fbs_sweep_orphans(only_model text default null)
returns table (model_name text, orphans bigint, touched bigint, error text)
language plpgsql
set search_path from current
as $$
#variable_conflict use_column
declare
    host record;
    keys text[];
begin
    for host in
        select h.model_name, h.solution
        from fbs_hosts as h
        where only_model is null or h.model_name = only_model
        order by h.model_name, h.solution
    loop
        model_name := host.model_name;
        orphans := null;
        touched := null;
        error := null;
        -- One model that cannot be swept shall not hold up the others.
        begin
            keys := fbs_orphan_keys(host.model_name, host.solution);
            orphans := cardinality(keys);
            touched := fbs_apply_rules(host.model_name, keys, host.solution, fbs_is_alone(host.model_name, host.solution));
        exception when others or assert_failure then
            error := sqlerrm;
        end;
        return next;
    end loop;
end;
$$;

comment on function fbs_sweep_orphans(text) is
'Finds rows whose host row is gone, and applies the rules to them. Returns for each host table the keys found missing and the rows touched, or the error.';

create function fbs_cleanup_destinations()
returns table (target text, is_due boolean)
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows();
    return query
    select d.target, bool_or(d.is_due)
    from (
        select t.target, false as is_due
        from fbs_cleanup_targets as t
        union all
        select q.target, q.next_attempt_at <= clock_timestamp()
        from fbs_cleanup_queue as q
        where q.target is not null
    ) as d
    group by d.target
    order by d.target;
end;
$$;

comment on function fbs_cleanup_destinations() is
'Internal. Other databases for which clean-ups are, or will be, queued here, and whether one is due.';

create function fbs_target_gone(target text)
returns bigint
language plpgsql
security definer
set search_path from current
set lock_timeout = '3s'
as $$
declare
    dropped bigint;
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    if not pg_try_advisory_xact_lock(hashtextextended('fbs-db carries to ' || fbs_target_gone.target, 0)) then
        return 0;
    end if;
    delete from fbs_cleanup_queue as q where q.target = fbs_target_gone.target and q.gone_since < now() - interval '1 day';
    get diagnostics dropped = row_count;
    update fbs_cleanup_queue as q set gone_since = now() where q.target = fbs_target_gone.target and q.gone_since is null;
    return dropped;
end;
$$;

comment on function fbs_target_gone(text) is
'Internal. Notes that another database is not on its server. It may come back, as from a dump: its clean-ups are dropped after a day. Returns how many were.';

create function fbs_sweep_plan()
returns table (model_name text, solution text, alone boolean, targets text[])
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows();
    return query
    select
        h.model_name, h.solution, fbs_is_alone(h.model_name, h.solution),
        array(select d.target from fbs_cleanup_destinations() as d order by d.target)
    from fbs_hosts as h
    order by h.model_name, h.solution;
end;
$$;

comment on function fbs_sweep_plan() is
'Internal. What a sweep goes through: each host table by its model and solution, and the other databases.';

create function fbs_sweep_keys(
    model text, solution text, target text, keys text[], out gone text[], out touched bigint
)
language plpgsql
security definer
set search_path from current
as $$
declare
    state text;
    said text;
    context text;
begin
    perform fbs_refuse_shadows();
    gone := fbs_gone_keys(model, keys, target, solution);
    touched := 0;
    if target is null and gone <> '{}' then
        touched := fbs_apply_rules(model, gone, solution, fbs_is_alone(model, solution));
    end if;
exception when integrity_constraint_violation then
    -- The server's detail would show a row.
    get stacked diagnostics state = returned_sqlstate, said = message_text, context = pg_exception_context;
    raise exception using
        errcode = state, message = said, detail = coalesce('In rule ' || fbs_failed_rule(model, context) || '.', '');
end;
$$;

comment on function fbs_sweep_keys(text, text, text, text[]) is
'Internal. Looks which of the keys, held by rows here or in another database (target), are gone, and applies the rules to rows here. Returns the gone keys, and the rows touched. Errors FB024, FB025.';

create function fbs_cover_partitions()
returns setof regclass
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
as $$
declare
    host record;
    wanted record;
begin
    perform fbs_refuse_shadows();
    for host in
        select h.host_table, h.model_name, h.solution, p.relid
        from fbs_hosts as h
        inner join pg_class as c on h.host_table = c.oid and c.relkind = 'p'
        cross join pg_partition_tree(h.host_table) as p
        where
            p.relid <> h.host_table
            and not exists (
                select from pg_trigger as g
                where g.tgrelid = p.relid and g.tgfoid = to_regproc('fbs_cleanup') and g.tgparentid = 0
            )
        order by p.relid
    loop
        -- A table in use is covered the next time.
        begin
            for wanted in
                select t.* from fbs_host_triggers(host.host_table) as t where t.table_id = host.relid and not t.present
            loop
                execute wanted.definition;
            end loop;
            if found then
                perform fbs_queue_sweep(host.model_name, host.solution);
                return next host.relid;
            end if;
        exception when lock_not_available or deadlock_detected or insufficient_privilege then
            continue;
        end;
    end loop;
end;
$$;

comment on function fbs_cover_partitions() is
'Gives partitions that were made later the triggers of their host table, and queues a sweep. Returns these partitions; those in use, or on which triggers may not be created, are left.';

select fbs_revoke_execute();
