-- 0023_cleanup_across: FBS rows in other databases that point at host rows of this
-- one. What happens here is noted for each of them; a worker carries it there.
--
-- component: base
-- depends: 0022_cleanup_sweep
-- provides: host_link

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_cleanup_targets (
    target text not null,
    per_solution boolean not null default false,
    added_at timestamptz not null default now(),
    constraint fbs_cleanup_targets_pkey primary key (target)
);

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_cleanup_targets
for each statement
execute function fbs_only_owner();

comment on table fbs_cleanup_targets is
'Internal. Other databases with FBS rows that may point at host rows of this one. Clean-ups are queued for each of them; a worker carries them there.';
comment on column fbs_cleanup_targets.target is
'Name that the project gives the database, or the pattern.';
comment on column fbs_cleanup_targets.per_solution is
'Whether it is a pattern: for databases that solutions have of their own.';
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
'Internal. Clean-ups from other databases that are done, until those have taken note: one that comes twice is done once.';
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
'Internal. How clean-up works in this session, by its own settings (set fbs.cleanup = ...) and those of the database.';
comment on column fbs_cleanup_terms.mode is
'Whether clean-up is on, off, or left to a worker (queue).';
comment on column fbs_cleanup_terms.most is
'Rows, of the host''s or of FBS''s, that are cleaned up at once; more are left to a worker.';
comment on column fbs_cleanup_terms.patience is
'Milliseconds to wait for a lock.';
comment on column fbs_cleanup_terms.has_targets is
'Whether other databases hold FBS rows that point at host rows here.';

create function fbs_note_for_targets(
    model text, solution text, operation text, keys text[] default '{}', new_keys text[] default null,
    solutions text[] default null
)
returns void
language plpgsql
set search_path from current
as $$
#variable_conflict use_variable
declare
    solution_column text := (select h.solution_column from fbs_hosts as h where h.model_name = model and h.solution is null);
begin
    -- Keys that shift or swap stay together.
    if new_keys is not null and exists (select from unnest(solutions) as s (name) where coalesce(s.name, '') = '') then
        solutions := null;
    end if;
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    insert into fbs_cleanup_queue (model_name, solution, operation, keys, new_keys, target, for_solution, ticket)
    select model, solution, operation, part.keys, g.new_keys, t.target, g.for_solution, gen_random_uuid()
    from fbs_cleanup_targets as t
    cross join lateral (
        select keys, new_keys, case when t.per_solution then coalesce(solution, '*') end
        where solutions is null or not t.per_solution
        union all
        select
            array_agg(p.key), case when new_keys is not null then array_agg(p.new_key) end,
            coalesce(n.solution, '*')
        from unnest(keys, new_keys, solutions) as p (key, new_key, name)
        -- One solution may have several names.
        left join (
            select s.name, fbs_solution_named(solution_column, nullif(s.name, '')) as solution
            from (select distinct unnest(solutions) as name) as s
        ) as n on p.name = n.name
        where solutions is not null and t.per_solution
        group by n.solution
    ) as g (keys, new_keys, for_solution)
    cross join lateral (
        select g.keys
        where g.new_keys is not null or g.keys = '{}'
        union all
        select g.keys[start:start + 999]
        from generate_series(1, cardinality(g.keys), 1000) as start
        where g.new_keys is null
    ) as part (keys);
end;
$$;

comment on function fbs_note_for_targets(text, text, text, text[], text[], text[]) is
'Internal. Queues a clean-up for each other database, a thousand keys an entry; for those of solutions one in all, or one for each solution that is named with the keys.';

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

create function fbs_claim_fan_out(target text, batch integer default 10000)
returns table (id bigint, for_solution text, operation text, keys integer)
language plpgsql
security definer
set search_path from current
set lock_timeout = '3s'
as $$
#variable_conflict use_column
begin
    perform fbs_refuse_shadows();
    if not pg_try_advisory_xact_lock(hashtextextended('fbs-db carries to ' || fbs_claim_fan_out.target, 0)) then
        return;
    end if;
    return query
    select q.id, coalesce(q.for_solution, '*'), q.operation, cardinality(q.keys)
    from fbs_cleanup_queue as q
    where q.target = fbs_claim_fan_out.target
    order by q.id
    limit batch
    -- None is left out: a later one could overtake it.
    for update of q;
end;
$$;

comment on function fbs_claim_fan_out(text, integer) is
'Internal. Clean-ups for the databases of a pattern, in their order, locked until the transaction ends, each with its solution (* for all) and its number of keys. No row while another session has them.';

create function fbs_fan_out(ids bigint[], for_solutions text[], databases text[])
returns bigint
language plpgsql
security definer
set search_path from current
as $$
declare
    made bigint;
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    with taken as (
        delete from fbs_cleanup_queue as q where q.id = any(ids) and q.target is not null returning q.*
    ),

    -- Deletions between two changes of keys are done together.
    ordered as (
        select
            t.id, t.model_name, t.solution, t.operation, coalesce(t.for_solution, '*') as for_solution, t.keys, t.new_keys, t.queued_at,
            count(*) filter (where t.operation = 'rekey') over (partition by t.model_name, t.solution order by t.id) as era
        from taken as t
    ),

    merged as (
        select
            min(k.id) as id, k.model_name, k.solution, k.operation, k.for_solution, array_agg(k.key order by k.place) as keys,
            null::text[] as new_keys, min(k.queued_at) as queued_at
        from (
            select
                o.*, u.key, row_number() over (
                    partition by o.model_name, o.solution, o.for_solution, o.era order by o.id, u.place
                ) as place
            from ordered as o
            cross join unnest(o.keys) with ordinality as u (key, place)
            where o.operation = 'delete'
        ) as k
        group by k.model_name, k.solution, k.operation, k.for_solution, k.era, (k.place - 1) / 1000
        union all
        select min(o.id), o.model_name, o.solution, o.operation, o.for_solution, '{}', null, min(o.queued_at)
        from ordered as o
        where o.operation = 'sweep'
        group by o.model_name, o.solution, o.operation, o.for_solution, o.era
        union all
        select o.id, o.model_name, o.solution, o.operation, o.for_solution, o.keys, o.new_keys, o.queued_at
        from ordered as o
        where o.operation = 'rekey'
    )

    insert into fbs_cleanup_queue (model_name, solution, operation, keys, new_keys, target, ticket, queued_at)
    select m.model_name, m.solution, m.operation, m.keys, m.new_keys, d.name, gen_random_uuid(), m.queued_at
    from merged as m
    inner join unnest(for_solutions, databases) as d (for_solution, name) on m.for_solution = d.for_solution
    order by m.id;
    get diagnostics made = row_count;
    return made;
end;
$$;

comment on function fbs_fan_out(bigint[], text[], text[]) is
'Internal. Makes, of clean-ups for the databases of a pattern, one for each database: of a solution, or of all (*), as the two lists say. Those of a solution without a database are over. Returns how many it made.';

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
            -- The source may have moved since, as with pg_upgrade, and forgets under its new name.
            update fbs_cleanup_received as r set source = fbs_receive_cleanup.source where r.ticket = any(tickets);
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

create function fbs_set_cleanup_targets(targets text[], patterns text[] default '{}')
returns void
language sql
set search_path from current
as $$
    delete from fbs_cleanup_targets as t
    where (t.target, t.per_solution) not in (
        select target, false from unnest(targets) as target
        union all
        select pattern, true from unnest(patterns) as pattern
    );

    -- What happened before is not known.
    with added as (
        insert into fbs_cleanup_targets (target, per_solution)
        select target, false from unnest(targets) as target
        union all
        select pattern, true from unnest(patterns) as pattern
        on conflict do nothing
        returning target, per_solution
    )

    insert into fbs_cleanup_queue (model_name, solution, operation, target, for_solution, ticket)
    select
        h.model_name, h.solution, 'sweep', a.target, case when a.per_solution then coalesce(h.solution, '*') end, gen_random_uuid()
    from added as a
    cross join fbs_hosts as h
    order by a.target, h.model_name, h.solution;
$$;

comment on function fbs_set_cleanup_targets(text[], text[]) is
'Internal. Sets which other databases hold FBS rows that may point at host rows here, and which patterns of databases that solutions have of their own. A sweep of each model is queued for new ones.';

select fbs_revoke_execute();
