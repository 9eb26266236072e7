-- 0023_cleanup_across: FBS rows in other databases that point at host rows of this
-- one. What happens here is noted for each of them; a worker carries it there.
--
-- component: base
-- depends: 0022_cleanup_sweep
-- provides: host_link

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_cleanup_targets (
    target text not null,
    added_at timestamptz not null default now(),
    constraint fbs_cleanup_targets_pkey primary key (target)
);

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_cleanup_targets
for each statement
execute function fbs_only_owner();

comment on table fbs_cleanup_targets is
'Other databases with FBS rows that may point at host rows of this one. Clean-ups are queued for each of them; a worker carries them there.';
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

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_cleanup_received
for each statement
execute function fbs_only_owner();

comment on table fbs_cleanup_received is
'Clean-ups from other databases that are done, until those have taken note: one that comes twice is done once.';
comment on column fbs_cleanup_received.ticket is
'The clean-up, as the database it came from knows it.';
comment on column fbs_cleanup_received.source is
'The database it came from, as fbs_source there answers.';
comment on column fbs_cleanup_received.received_at is
'When it was done.';

create view fbs_cleanup_terms as
select
    t.mode,
    case t.mode when 'queue' then 0 else coalesce(t.threshold::bigint, 5000) end as most,
    coalesce(t.patience, '100') as patience,
    t.has_targets
from (
    select
        coalesce(
            nullif(current_setting('fbs.cleanup', true), ''), max(s.value) filter (where s.name = 'cleanup'), 'on'
        ) as mode,
        max(s.value) filter (where s.name = 'cleanup_threshold') as threshold,
        max(s.value) filter (where s.name = 'cleanup_lock_timeout') as patience,
        (select count(*) > 0 from fbs_cleanup_targets) as has_targets
    from fbs_settings as s
) as t;

comment on view fbs_cleanup_terms is
'How clean-up works in this session, by its own settings (set fbs.cleanup = ...) and those of the database.';
comment on column fbs_cleanup_terms.mode is
'Whether clean-up is on, off, or left to a worker (queue).';
comment on column fbs_cleanup_terms.most is
'Rows, of the host''s or of FBS''s, that are cleaned up at once; more are left to a worker.';
comment on column fbs_cleanup_terms.patience is
'Milliseconds to wait for a lock.';
comment on column fbs_cleanup_terms.has_targets is
'Whether other databases hold FBS rows that point at host rows here.';

create function fbs_note_for_targets(
    model text, solution text, operation text, keys text[] default '{}', new_keys text[] default null
)
returns void
language sql
set search_path from current
as $$
    select fbs_refuse_triggers('fbs_cleanup_queue');
    insert into fbs_cleanup_queue (model_name, solution, operation, keys, new_keys, target, ticket)
    select model, fbs_note_for_targets.solution, operation, part.keys, new_keys, t.target, gen_random_uuid()
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

comment on function fbs_note_for_targets(text, text, text, text[], text[]) is
'Internal. Queues a clean-up for each other database, a thousand keys an entry.';

create function fbs_queue_sweep(model text, solution text)
returns void
language sql
set search_path from current
as $$
    select fbs_refuse_triggers('fbs_cleanup_queue');
    insert into fbs_cleanup_queue (model_name, solution, operation) values (model, fbs_queue_sweep.solution, 'sweep');
    select fbs_note_for_targets(model, fbs_queue_sweep.solution, 'sweep');
$$;

comment on function fbs_queue_sweep(text, text) is
'Internal. Queues a sweep of a model, here and in other databases.';

create function fbs_source()
returns text
language sql
security definer
set search_path from current
as $$
    -- A copy of the database, restored elsewhere, is another source; one that is renamed is not.
    select concat_ws('/', c.system_identifier, d.oid, current_schema())
    from pg_control_system() as c
    cross join pg_database as d
    where d.datname = current_database();
$$;

comment on function fbs_source() is
'Internal. What other databases know this one by: number of the cluster, number of the database, schema.';

create function fbs_claim_cleanup(target text, batch integer default 1000, due_only boolean default false)
returns table (
    id bigint,
    ticket uuid,
    model_name text,
    solution text,
    alone boolean,
    operation text,
    keys text[],
    new_keys text[],
    attempts integer
)
language plpgsql
security definer
set search_path from current
as $$
#variable_conflict use_column
begin
    perform fbs_refuse_shadows();
    -- One carrier for each database: a clean-up could overtake an earlier one else.
    if not pg_try_advisory_xact_lock(hashtextextended('fbs-db carries to ' || fbs_claim_cleanup.target, 0)) then
        return;
    end if;
    return query
    with claimed as materialized (
        select q.*
        from fbs_cleanup_queue as q
        where
            q.target = fbs_claim_cleanup.target
            and (not due_only or q.next_attempt_at <= clock_timestamp())
            -- Rows that wait to follow a key are not those of another host row that has it by now.
            and not exists (
                select from fbs_cleanup_queue as earlier
                where
                    earlier.operation = 'rekey'
                    and earlier.target = q.target
                    and earlier.model_name = q.model_name
                    and earlier.solution is not distinct from q.solution
                    and earlier.id < q.id
                    and earlier.attempts < 10
                    and (q.operation <> 'delete' or earlier.keys && q.keys)
            )
        order by q.id
        limit batch
        for update of q skip locked
    )

    select
        c.id, c.ticket, c.model_name, c.solution, fbs_is_alone(c.model_name, c.solution),
        c.operation, c.keys, c.new_keys, c.attempts
    from claimed as c
    order by c.id;
end;
$$;

comment on function fbs_claim_cleanup(text, integer, boolean) is
'Internal. Clean-ups for another database, in their order, locked until the transaction ends. No row while another session carries there.';

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
                and later.target = job.target
                and later.model_name = job.model
                and later.solution is not distinct from job.solution
                and later.id > job.id
        );
    end if;
    return fbs_missing_keys(job.model, job.keys, job.solution);
end;
$$;

comment on function fbs_recheck_cleanup(bigint[], text[]) is
'Internal. Those keys of clean-ups of one kind for another database that no host row has now; for a sweep, of the keys held there. Error FB025.';

create function fbs_receive_cleanup(
    source text, tickets uuid[], model text, keys text[], new_keys text[], gone text[],
    solution text default null, alone boolean default true
)
returns bigint
language plpgsql
security definer
set search_path from current
set lock_timeout = '3s'
set row_security = off
as $$
declare
    noted bigint;
    total bigint := 0;
    state text;
    said text;
    context text;
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_received');
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
        total := fbs_rekey(model, keys, new_keys, solution, alone);
    end if;
    return total + fbs_apply_rules(model, gone, solution, alone);
exception when integrity_constraint_violation then
    -- The server's detail would show a row.
    get stacked diagnostics state = returned_sqlstate, said = message_text, context = pg_exception_context;
    raise exception using
        errcode = state, message = said, detail = coalesce('In rule ' || fbs_failed_rule(model, context) || '.', '');
end;
$$;

comment on function fbs_receive_cleanup(text, uuid[], text, text[], text[], text[], text, boolean) is
'Internal. Does clean-ups of one kind from another database. What is gone there cannot be seen here: whoever may call it is trusted with the clean-up of any record. Returns the rows touched; NULL where one was done before, an error where some of several were: then they come one by one.';

create function fbs_cleanup_carried(
    ids bigint[], state text default null, said text default null, own_fault boolean default true
)
returns void
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    -- Those for this database are done by fbs_work_queue, and by nobody's word.
    ids := array(select q.id from fbs_cleanup_queue as q where q.id = any(ids) and q.target is not null);
    if said is null then
        delete from fbs_cleanup_queue as q where q.id = any(ids);
    else
        perform fbs_put_off(ids, state, said, own_fault);
    end if;
end;
$$;

comment on function fbs_cleanup_carried(bigint[], text, text, boolean) is
'Internal. Notes that clean-ups for other databases were done there, or why not, as fbs_put_off does.';

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

create function fbs_received_cleanups(source text, over uuid[] default '{}')
returns setof uuid
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_received');
    delete from fbs_cleanup_received as r
    where r.source = fbs_received_cleanups.source and r.ticket = any(over);
    return query
    select r.ticket
    from fbs_cleanup_received as r
    where r.source = fbs_received_cleanups.source;
end;
$$;

comment on function fbs_received_cleanups(text, uuid[]) is
'Internal. Forgets those clean-ups from another database that are over. Returns the others that were done here.';

create function fbs_waiting_tickets(tickets uuid[])
returns setof uuid
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows();
    return query
    select q.ticket
    from fbs_cleanup_queue as q
    where q.ticket = any(tickets);
end;
$$;

comment on function fbs_waiting_tickets(uuid[]) is
'Internal. Those of the clean-ups for other databases that are still queued.';

create function fbs_set_cleanup_targets(targets text[])
returns void
language sql
set search_path from current
as $$
    delete from fbs_cleanup_targets as t
    where t.target <> all(targets);

    -- What happened before is not known.
    with added as (
        insert into fbs_cleanup_targets (target)
        select target from unnest(targets) as target
        on conflict do nothing
        returning target
    )

    insert into fbs_cleanup_queue (model_name, solution, operation, target, ticket)
    select h.model_name, h.solution, 'sweep', a.target, gen_random_uuid()
    from added as a
    cross join fbs_hosts as h
    order by a.target, h.model_name, h.solution;
$$;

comment on function fbs_set_cleanup_targets(text[]) is
'Internal. Sets which other databases hold FBS rows that may point at host rows here. A sweep of each model is queued for new ones.';

select fbs_revoke_execute();
