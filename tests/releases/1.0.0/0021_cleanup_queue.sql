-- 0021_cleanup_queue: clean-ups that wait, and how they are worked off.
--
-- component: base
-- depends: 0020_cleanup_trigger

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_cleanup_queue (
    id bigint generated always as identity,
    model_name text not null,
    solution text,
    operation text not null,
    keys text[] not null default '{}',
    new_keys text[],
    rule_name text,
    target text,
    for_solution text,
    ticket uuid,
    transaction_id xid8 not null default pg_current_xact_id(),
    queued_at timestamptz not null default now(),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    sqlstate text,
    error text,
    gone_since timestamptz,
    constraint fbs_cleanup_queue_pkey primary key (id),
    constraint fbs_cleanup_queue_operation_check check (operation in ('delete', 'rekey', 'sweep')),
    constraint fbs_cleanup_queue_target_check check ((target is null) = (ticket is null))
);

create index fbs_cleanup_queue_next_attempt_at_idx
on fbs_cleanup_queue (next_attempt_at);

comment on index fbs_cleanup_queue_next_attempt_at_idx is
'Serves fbs_work_queue(), which takes what is due.';

create index fbs_cleanup_queue_model_name_id_idx
on fbs_cleanup_queue (model_name, id)
where operation = 'rekey';

comment on index fbs_cleanup_queue_model_name_id_idx is
'Serves fbs_waiting_keys() and fbs_claim_cleanup(): what comes later waits for rekeys of the same keys.';

create index fbs_cleanup_queue_target_id_idx
on fbs_cleanup_queue (target, id)
where target is not null;

comment on index fbs_cleanup_queue_target_id_idx is
'Serves fbs_claim_cleanup() and fbs_claim_fan_out(): those of a thousand other databases are not read for one.';

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_cleanup_queue
for each statement
execute function fbs_only_owner();

comment on table fbs_cleanup_queue is
'Clean-ups that wait: those that failed, with the error, and those left to a worker. To work them off: fbs-db cleanup retry';
comment on column fbs_cleanup_queue.id is
'Number that gives the order.';
comment on column fbs_cleanup_queue.model_name is
'Model whose host rows changed.';
comment on column fbs_cleanup_queue.solution is
'Solution of the host table; NULL where it has none.';
comment on column fbs_cleanup_queue.operation is
'What happened to the host rows: delete, rekey (their keys changed), sweep (not known: look for orphans).';
comment on column fbs_cleanup_queue.keys is
'Their keys, as text.';
comment on column fbs_cleanup_queue.new_keys is
'Their new keys, in the same order; NULL but for a rekey.';
comment on column fbs_cleanup_queue.rule_name is
'The only rule still to be applied; NULL for all.';
comment on column fbs_cleanup_queue.target is
'The other database it is for, by the project''s name for it, or the pattern for those of solutions; NULL for this one.';
comment on column fbs_cleanup_queue.for_solution is
'Until a worker makes one for each database of a pattern: the solution whose database it is for; * for all. NULL elsewhere.';
comment on column fbs_cleanup_queue.ticket is
'By which the other database knows it, so that it is done once; NULL for this one.';
comment on column fbs_cleanup_queue.transaction_id is
'Transaction that queued it.';
comment on column fbs_cleanup_queue.queued_at is
'When it was queued.';
comment on column fbs_cleanup_queue.attempts is
'How often it was tried since.';
comment on column fbs_cleanup_queue.next_attempt_at is
'When it is due. Each failure doubles the wait, up to an hour.';
comment on column fbs_cleanup_queue.sqlstate is
'PostgreSQL''s code of the last failure; NULL where there was none.';
comment on column fbs_cleanup_queue.error is
'The last error; NULL where there was none.';
comment on column fbs_cleanup_queue.gone_since is
'Since when its server is without the database it is for; NULL where that is not so.';

create function fbs_queue_cleanup(
    model text, solution text, keys text[], only_rule text default null, state text default null, said text default null
)
returns void
language sql
set search_path from current
as $$
    select fbs_refuse_triggers('fbs_cleanup_queue');
    insert into fbs_cleanup_queue (model_name, solution, operation, keys, rule_name, sqlstate, error)
    select model, fbs_queue_cleanup.solution, 'delete', keys[part.start:part.start + 999], only_rule, state, said
    from generate_series(1, cardinality(keys), 1000) as part (start);
$$;

comment on function fbs_queue_cleanup(text, text, text[], text, text, text) is
'Internal. Queues the clean-up after deleted host rows, a thousand keys an entry.';

create function fbs_waiting_keys(model text, solution text, target text default null)
returns setof text
language sql
stable
set search_path from current
as $$
    select unnest(q.keys)
    from fbs_cleanup_queue as q
    where
        q.model_name = model
        and q.operation = 'rekey'
        and q.solution is not distinct from fbs_waiting_keys.solution
        and (
            q.target is not distinct from fbs_waiting_keys.target
            -- One for all databases of a pattern comes to that one next.
            or fbs_waiting_keys.target is not null and q.for_solution is not null
        );
$$;

comment on function fbs_waiting_keys(text, text, text) is
'Internal. Keys of a model that rows here, or in another database, still wait to follow to new ones.';

create function fbs_run_rekey(
    model text, keys text[], new_keys text[], solution text, alone boolean,
    out left_keys text[], out left_new_keys text[], out state text, out said text
)
language plpgsql
set search_path from current
as $$
declare
    part record;
begin
    begin
        perform fbs_rekey(model, keys, new_keys, solution, alone);
        return;
    exception when integrity_constraint_violation then
        get stacked diagnostics state = returned_sqlstate, said = message_text;
    end;
    -- One key that is taken shall not hold up the others. Keys that shift or swap stay together.
    for part in
        select array_agg(p.old_key) as old_keys, array_agg(p.new_key) as new_keys
        from unnest(keys, new_keys) as p (old_key, new_key)
        group by case when p.new_key = any(keys) or p.old_key = any(new_keys) then null else p.old_key end
    loop
        begin
            perform fbs_rekey(model, part.old_keys, part.new_keys, solution, alone);
        exception when integrity_constraint_violation then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            left_keys := left_keys || part.old_keys;
            left_new_keys := left_new_keys || part.new_keys;
        end;
    end loop;
end;
$$;

comment on function fbs_run_rekey(text, text[], text[], text, boolean) is
'Internal. Lets FBS rows follow changed keys. Returns the keys, old and new, that violate a constraint, with the error; NULL where all went well.';

create function fbs_run_queued(ids bigint[], out state text, out said text)
language plpgsql
set search_path from current
as $$
declare
    job record;
    alone boolean;
    keys text[];
    left_keys text[];
    left_new_keys text[];
begin
    select
        min(q.model_name) as model, min(q.solution) as solution, min(q.operation) as operation, min(q.rule_name) as rule_name,
        array_agg(p.old_key) filter (where p.old_key is not null) as old_keys,
        array_agg(p.new_key) filter (where p.old_key is not null) as new_keys
    into job
    from fbs_cleanup_queue as q
    left join lateral unnest(q.keys, q.new_keys) as p (old_key, new_key) on true
    where q.id = any(ids);
    alone := fbs_is_alone(job.model, job.solution);

    -- Rows that wait to follow a key are not those of another host row that has it by now.
    if exists (
        select from fbs_cleanup_queue as q
        where
            q.model_name = job.model
            and q.solution is not distinct from job.solution
            and q.operation = 'rekey'
            and q.target is null
            and q.id < any(ids)
            -- One that keeps failing holds nothing up for good.
            and q.attempts < 10
            and (q.keys && (job.old_keys || job.new_keys) or job.operation = 'rekey' and q.new_keys && job.old_keys)
    ) then
        raise exception 'an earlier change of keys of % waits', job.model using errcode = 'object_in_use';
    end if;
    if job.operation = 'sweep' then
        keys := fbs_orphan_keys(job.model, job.solution);
    elsif job.operation = 'rekey' then
        select r.left_keys, r.left_new_keys, r.state, r.said
        into left_keys, left_new_keys, state, said
        from fbs_run_rekey(job.model, job.old_keys, job.new_keys, job.solution, alone) as r;
        -- Rows follow where the host row went, unless it went away, or on, since.
        keys := fbs_missing_keys(
            job.model,
            array(
                select unnest(job.new_keys)
                except
                select unnest(q.keys)
                from fbs_cleanup_queue as q
                where
                    q.model_name = job.model
                    and q.operation = 'rekey'
                    and q.solution is not distinct from job.solution
                    and q.target is null
                    and q.id <> all(ids)
            ),
            job.solution
        );
    else
        keys := fbs_missing_keys(job.model, job.old_keys, job.solution);
    end if;
    if job.rule_name is null then
        perform fbs_apply_rules(job.model, keys, job.solution, alone);
    else
        perform fbs_apply_rule(job.rule_name, job.model, keys, job.solution, alone);
    end if;

    if left_keys is null then
        delete from fbs_cleanup_queue as q where q.id = any(ids);
    else
        update fbs_cleanup_queue as q
        set keys = left_keys, new_keys = left_new_keys
        where q.id = any(ids);
        perform fbs_put_off(ids, state, said);
    end if;
end;
$$;

comment on function fbs_run_queued(bigint[]) is
'Internal. Does queued clean-ups of one kind together, and takes them off the queue; keys that are back in the host table are left alone. Returns the error where a part of a rekey could not be done, and stays.';

create function fbs_put_off(ids bigint[], state text, said text, own_fault boolean default true)
returns void
language sql
set search_path from current
as $$
    update fbs_cleanup_queue
    set
        attempts = attempts + own_fault::integer,
        sqlstate = state, error = said, gone_since = null,
        next_attempt_at = case
            when own_fault
                then clock_timestamp() + least(interval '1 hour', interval '1 second' * 2 ^ least(attempts, 20))
            else next_attempt_at
        end
    where id = any(ids);
$$;

comment on function fbs_put_off(bigint[], text, text, boolean) is
'Internal. Notes that queued clean-ups failed, and lets each wait longer: twice as long each time, up to an hour; not where it was no fault of theirs, such as another database that is away.';

create function fbs_failed_rule(model text, context text)
returns text
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
as $$
declare
    rule record;
    found text;
begin
    perform fbs_refuse_shadows();
    begin
        select string_agg(p.rule_name, ', ' order by p.rule_name)
        into found
        from fbs_rule_parts() as p
        inner join fbs_cleanup_rules as r on p.rule_name = r.rule_name
        where
            (r.model_name is null or r.model_name = model)
            and strpos(context, case when context ~ 'fbs_rekey' then format('update %s as t set', p.named) else p.change end) > 0;
    exception when others then
        found := null;
    end;
    if found is not null then
        return found;
    end if;
    -- What cannot be planned is in no context.
    for rule in
        select r.rule_name
        from fbs_cleanup_rules as r
        where r.model_name is null or r.model_name = model
        order by r.rule_name
    loop
        begin
            perform fbs_apply_rule(rule.rule_name, model, '{}');
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

create function fbs_work_queue(batch integer default 1000, due_only boolean default false, chosen bigint[] default null)
returns table (
    model_name text,
    solution text,
    operation text,
    rule_name text,
    entries bigint,
    keys bigint,
    error_code text,
    error text
)
language plpgsql
security definer
set search_path from current
as $$
#variable_conflict use_column
declare
    job record;
    one record;
    state text;
    said text;
    context text;
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    for job in
        with due as (
            select q.id, q.model_name, q.solution, q.operation, q.rule_name, cardinality(q.keys) as keys
            from fbs_cleanup_queue as q
            where q.target is null and (not due_only or q.next_attempt_at <= clock_timestamp()) and (chosen is null or q.id = any(chosen))
            order by q.id
            limit batch
            for update skip locked
        )

        select
            d.model_name, d.solution, d.operation, d.rule_name,
            array_agg(d.id order by d.id) as ids, array_agg(d.keys order by d.id) as keys, sum(d.keys) as all_keys
        from due as d
        group by d.model_name, d.solution, d.operation, d.rule_name, case when d.operation = 'rekey' then d.id end
        order by min(d.id)
    loop
        model_name := job.model_name;
        solution := job.solution;
        operation := job.operation;
        rule_name := job.rule_name;
        entries := cardinality(job.ids);
        keys := job.all_keys;
        error_code := null;
        error := null;
        begin
            select r.state, r.said into error_code, error from fbs_run_queued(job.ids) as r;
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
            rule_name := job.rule_name;
            begin
                select r.state, r.said into error_code, error from fbs_run_queued(array[one.id]) as r;
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

comment on function fbs_work_queue(integer, boolean, bigint[]) is
'Internal. Does so many queued clean-ups at most, due or not, of all or of those chosen; several workers share them. What fails waits longer. Returns what was done, with the number of entries and keys, and what failed, with rule and error.';

create function fbs_retry_cleanup(batch integer default 1000, due_only boolean default false)
returns table (done bigint, failed bigint, waiting bigint)
language plpgsql
set search_path from current
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
'Does so many queued clean-ups at most, due or not; several sessions share them. What fails waits longer. Returns how many were done, failed, and are waiting.';

create function fbs_waiting_cleanups(make_due boolean default false, chosen bigint[] default null)
returns bigint
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows();
    if make_due then
        perform fbs_refuse_triggers('fbs_cleanup_queue');
        update fbs_cleanup_queue as q
        set next_attempt_at = now()
        where q.id in (
            select w.id
            from fbs_cleanup_queue as w
            where w.next_attempt_at > now() and (w.id = any(chosen) or chosen is null and w.next_attempt_at < 'infinity')
            for update skip locked
        );
    end if;
    return (select count(*) from fbs_cleanup_queue as q where chosen is null or q.id = any(chosen));
end;
$$;

comment on function fbs_waiting_cleanups(boolean, bigint[]) is
'Internal. Number of queued clean-ups, of all or of those chosen, for other databases too. Where asked, all are due from now on, but for those that a worker is at.';

select fbs_revoke_execute();
