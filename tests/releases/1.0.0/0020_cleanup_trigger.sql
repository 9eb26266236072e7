-- 0020_cleanup_trigger: the trigger on host tables. Whatever becomes of FBS, the
-- host's statement succeeds; what fails here is queued, or told in a warning.
--
-- component: base
-- depends: 0019_cleanup

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_users_cancel(state text, said text)
returns boolean
language sql
stable
set search_path from current
as $$
    -- A statement timeout has the same code, and the server's language tells it by the
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
'Internal. Whether an error that was caught is a user''s cancel, which has to go on, and not a statement timeout.';

create function fbs_refuse_triggers(table_id regclass, of_cascades boolean default false)
returns void
language plpgsql
stable
set search_path from current
as $$
declare
    problem text;
begin
    -- As fbs_apply_rules does: the long look is for tables on which something is unusual.
    if of_cascades or exists (
        select from pg_class as c
        where
            c.oid = table_id
            and (
                c.relowner <> fbs_owner()
                or c.relhassubclass
                or exists (
                    select from aclexplode(c.relacl) as a where a.privilege_type = 'TRIGGER' and a.grantee <> c.relowner
                )
                or exists (
                    select from pg_trigger as g
                    inner join pg_proc as f on g.tgfoid = f.oid
                    where g.tgrelid = c.oid and not g.tgisinternal and f.proowner <> c.relowner
                )
            )
    ) then
        problem := fbs_rule_problem(table_id);
    end if;
    if problem is not null then
        raise exception 'nothing is written: %', problem
            using errcode = 'FB024',
                detail = 'Triggers of the table would run with the rights of ' || current_user || '.',
                hint = 'Take that trigger, right or ownership away.';
    end if;
end;
$$;

comment on function fbs_refuse_triggers(regclass, boolean) is
'Internal. Error FB024 where a table of FBS''s must not be written, as another role''s trigger is on it or may be; or, where asked, on one that its deletions cascade to.';

create function fbs_rekey(
    model text, keys text[], new_keys text[], solution text default null, alone boolean default true
)
returns bigint
language plpgsql
set search_path from current
set row_security = off
as $$
declare
    rule record;
    touched bigint;
    total bigint := 0;
    tables regclass[];
    written text[];
begin
    perform fbs_refuse_rules();
    for rule in
        -- Rows of two rules follow once.
        select distinct on (s.table_id, r.json_column, r.key_column, r.model_column, coalesce(r.model_column, r.model_name))
            r.rule_name, s.table_id,
            -- What the host's own triggers write is not known.
            case when r.table_name ~ '^fbs_' then array[coalesce(r.json_column, r.key_column)]::text end as written
        from fbs_cleanup_rules as r
        inner join fbs_rule_states as s on r.rule_name = s.rule_name
        where s.table_id is not null and (r.model_name is null or r.model_name = model)
        order by s.table_id, r.json_column, r.key_column, r.model_column, coalesce(r.model_column, r.model_name), r.rule_name
    loop
        touched := fbs_rekey_rule(rule.rule_name, model, keys, new_keys, solution, alone);
        if touched > 0 then
            total := total + touched;
            tables := tables || rule.table_id;
            written := written || rule.written;
        end if;
    end loop;
    if total > 0 then
        perform fbs_check_deferred(tables, array_fill(16, array[cardinality(tables)]), written);
    end if;
    return total;
end;
$$;

comment on function fbs_rekey(text, text[], text[], text, boolean) is
'Lets FBS rows follow host rows of a model from old keys to new ones. Returns the number of rows changed. Error FB024.';

create function fbs_on_delete(
    model text, solution text, keys text[], key_is_unique boolean, by_row boolean, solutions text[] default null
)
returns void
language plpgsql
set search_path from current
as $$
declare
    terms record;
    alone boolean := solution is null or fbs_is_alone(model, solution);
    rule record;
    state text;
    said text;
begin
    select * into terms from fbs_cleanup_terms;
    if terms.mode = 'off' then
        return;
    elsif terms.has_targets then
        perform fbs_note_for_targets(model, solution, 'delete', keys, null, solutions);
    end if;
    -- Each of many rows would wait in its turn.
    state := set_config('lock_timeout', case when by_row then '1' else terms.patience end, true);
    if cardinality(keys) > terms.most then
        perform fbs_queue_cleanup(model, solution, keys);
        return;
    elsif not key_is_unique then
        keys := fbs_gone_keys(model, keys, null, solution);
    -- A row that its new key takes to another partition is deleted in this one: its rekey waits.
    elsif by_row and exists (select from fbs_waiting_keys(model, solution) as w (key) where w.key = any(keys)) then
        return;
    end if;

    begin
        if fbs_apply_rules(model, keys, solution, alone, terms.most) is null then
            perform fbs_queue_cleanup(model, solution, keys);
        end if;
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
        where r.model_name is null or r.model_name = model
        order by r.rule_name
    loop
        begin
            perform fbs_apply_rule(rule.rule_name, model, keys, solution, alone);
        exception when others or assert_failure or query_canceled then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            if fbs_users_cancel(state, said) then
                raise;
            end if;
            perform fbs_queue_cleanup(model, solution, keys, rule.rule_name, state, said);
        end;
    end loop;
end;
$$;

comment on function fbs_on_delete(text, text, text[], boolean, boolean, text[]) is
'Internal. Cleans up after deleted host rows: at once, or through the queue where they or their FBS rows are too many. A rule that fails is queued alone.';

create function fbs_on_truncate(model text, solution text)
returns void
language plpgsql
set search_path from current
as $$
declare
    terms record;
    patience text;
begin
    select * into terms from fbs_cleanup_terms;
    if terms.mode <> 'off' then
        patience := set_config('lock_timeout', terms.patience, true);
        perform fbs_on_delete(model, solution, fbs_orphan_keys(model, solution), true, false);
        if terms.has_targets then
            perform fbs_note_for_targets(model, solution, 'sweep');
        end if;
    end if;
end;
$$;

comment on function fbs_on_truncate(text, text) is
'Internal. Cleans up after all host rows that are gone, as fbs_on_delete does.';

create function fbs_on_rekey(
    model text, solution text, keys text[], new_keys text[], at_once boolean, solutions text[] default null
)
returns void
language plpgsql
set search_path from current
as $$
declare
    terms record;
    patience text;
    old_keys text[];
    later_keys text[];
begin
    if cardinality(keys) <> coalesce(cardinality(new_keys), 0) then
        -- A trigger of the host's kept rows from the partition they went to.
        if exists (select unnest(new_keys) except select unnest(keys)) then
            raise warning 'FBS rows of % do not follow: rows were lost on their way to another partition', model
                using detail = format('Which of the keys %s became which of %s is not known.', keys, new_keys);
        else
            perform fbs_on_delete(model, solution, array(select unnest(keys) except select unnest(new_keys)), false, false);
        end if;
        return;
    end if;
    -- Both are in the order in which the rows were written.
    select array_agg(p.old_key), array_agg(p.new_key), case when solutions is not null then array_agg(p.solution) end
    into old_keys, later_keys, solutions
    from unnest(keys, new_keys, solutions) as p (old_key, new_key, solution)
    where p.old_key <> p.new_key;
    if old_keys is null then
        return;
    end if;
    select * into terms from fbs_cleanup_terms;
    if terms.mode = 'off' then
        return;
    elsif terms.has_targets then
        perform fbs_note_for_targets(model, solution, 'rekey', old_keys, later_keys, solutions);
    end if;
    patience := set_config('lock_timeout', terms.patience, true);
    -- A row that its new key takes to another partition is deleted in this one next: its rekey waits, and is seen.
    if not at_once or cardinality(old_keys) > terms.most or exists (select from fbs_waiting_keys(model, solution)) then
        -- In one, as keys may shift or swap; and none before those that wait already.
        perform fbs_refuse_triggers('fbs_cleanup_queue');
        insert into fbs_cleanup_queue (model_name, solution, operation, keys, new_keys)
        values (model, solution, 'rekey', old_keys, later_keys);
    else
        perform fbs_rekey(model, old_keys, later_keys, solution, fbs_is_alone(model, solution));
    end if;
end;
$$;

comment on function fbs_on_rekey(text, text, text[], text[], boolean, text[]) is
'Internal. Lets FBS rows follow the keys that a statement changed: at once, or through the queue.';

create function fbs_on_failure(
    model text, solution text, keys text[], new_keys text[], state text, said text, solutions text[] default null
)
returns void
language plpgsql
set search_path from current
as $$
declare
    operation text := case when keys is null then 'sweep' when new_keys is null then 'delete' else 'rekey' end;
begin
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    insert into fbs_cleanup_queue (model_name, solution, operation, keys, new_keys, sqlstate, error)
    values (model, solution, operation, coalesce(keys, '{}'), new_keys, state, said);
    if exists (select from fbs_cleanup_targets) then
        perform fbs_note_for_targets(model, solution, operation, coalesce(keys, '{}'), new_keys, solutions);
    end if;
end;
$$;

comment on function fbs_on_failure(text, text, text[], text[], text, text, text[]) is
'Internal. Queues a clean-up that failed, with the error: a sweep where the keys are not known.';

create function fbs_refuse_shadows(others name[] default '{}')
returns void
language plpgsql
stable
set search_path from current
as $$
declare
    shadow name;
begin
    select c.relname
    into shadow
    from pg_class as c
    where
        c.relnamespace = pg_my_temp_schema()
        and c.relname = any(
            '{fbs_migrations,fbs_hosts,fbs_settings,fbs_solution_map,fbs_cleanup_rules,fbs_rule_states,fbs_cleanup_queue,'
            'fbs_cleanup_targets,fbs_cleanup_received,fbs_cleanup_terms}'::name[] || others
        )
        and to_regclass(quote_ident(c.relname)) = c.oid;
    if shadow is not null then
        raise exception 'a temporary table stands in for %', shadow using errcode = 'FB025';
    end if;
end;
$$;

comment on function fbs_refuse_shadows(name[]) is
'Internal. Error FB025 where a temporary relation of the session is found in place of one of FBS''s, or of these others.';

-- Everything a host's statement does to FBS goes through here, and nothing that fails in here fails
-- the statement. Anybody can fire it, and it runs with the rights of FBS's owner: nothing is read of
-- a table that is not attached, and of others the key and the solution alone, each once its type is seen to
-- be PostgreSQL's own. No variable has the type of a table: that would fail outside every block if it is gone.
create function fbs_cleanup()
returns trigger
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
set row_security = off
as $$
declare
    by_row constant boolean := tg_level = 'ROW';
    rows constant text := case when by_row then '(select ($1).*)' else 'old_rows' end;
    host record;
    model text;
    solution text;
    kind regtype;
    keys text[];
    new_keys text[];
    solutions text[];
    failed_state text;
    failed text;
    state text;
    said text;
begin
    for attempt in 1..2 loop
        begin
            if pg_my_temp_schema() <> 0 then
                -- Whoever owns the host table may have hung this on it without transition tables.
                perform fbs_refuse_shadows(case attempt when 1 then '{old_rows,new_rows}'::name[] else '{}' end);
            end if;
            if attempt = 2 then
                perform fbs_on_failure(model, solution, keys, new_keys, failed_state, failed, solutions);
                return coalesce(new, old);
            end if;

            select
                h.model_name, h.solution, h.solution_column, h.key_column, h.key_is_unique,
                not by_row and h.key_column = (
                    select a.attname
                    from pg_attribute as a
                    where a.attrelid = tg_relid and a.attnum = 1
                ) as key_is_first
            into host
            from fbs_hosts as h
            where h.host_table = coalesce(
                (select r.host_table from fbs_hosts as r where r.host_table = pg_partition_root(tg_relid)), tg_relid
            );
            model := host.model_name;
            solution := host.solution;
            if model is null then
                raise warning 'FBS''s trigger % does nothing, as % is not attached', tg_name, tg_relid::regclass
                    using hint = 'To drop the trigger: fbs-db detach host';
                return coalesce(new, old);
            elsif tg_op = 'TRUNCATE' then
                perform fbs_on_truncate(model, solution);
                return coalesce(new, old);
            elsif by_row then
                if fbs_has_statement_trigger(tg_relid, tg_op) then
                    return coalesce(new, old);
                end if;
            end if;
            -- The first column can be read without its name, so the plan is kept.
            if host.key_is_first then
                select pg_typeof(o.key) into kind from old_rows as o (key) limit 1;
            else
                execute format('select pg_typeof(o.%I) from %s as o limit 1', host.key_column, rows) into kind using old;
            end if;
            if kind is null then
                return coalesce(new, old); -- no row
            elsif kind <> all ('{smallint,integer,bigint,text,character varying,uuid}'::regtype[]) then
                raise exception 'key % of % is of type %', host.key_column, tg_relid::regclass, kind using errcode = 'FB025';
            elsif host.key_is_first then
                select array_agg(o.key::text) into keys from old_rows as o (key);
            else
                execute format('select array_agg(o.%I::text) from %s as o', host.key_column, rows) into keys using old;
            end if;
            if host.solution_column is not null then
                execute format('select pg_typeof(o.%I) from %s as o limit 1', host.solution_column, rows) into kind using old;
                if kind <> all ('{smallint,integer,bigint,text,character varying,uuid}'::regtype[]) then
                    raise exception 'column % of % is of type %', host.solution_column, tg_relid::regclass, kind
                        using errcode = 'FB025';
                end if;
                execute format('select array_agg(o.%I::text) from %s as o', host.solution_column, rows) into solutions using old;
            end if;
            if tg_op = 'DELETE' then
                perform fbs_on_delete(model, solution, keys, host.key_is_unique, by_row, solutions);
            else
                execute format('select array_agg(o.%I::text) from %s as o', host.key_column, replace(rows, 'old', 'new'))
                into new_keys using new;
                perform fbs_on_rekey(model, solution, keys, new_keys, not by_row, solutions);
            end if;
            return coalesce(new, old);
        exception when others or assert_failure or query_canceled then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            -- As in fbs_users_cancel, which may be what is missing.
            if
                state = '57014'
                and said <> 'canceling statement due to statement timeout'
                and (
                    said = 'canceling statement due to user request'
                    or current_setting('statement_timeout') = '0'
                    or clock_timestamp()
                    < statement_timestamp() + current_setting('statement_timeout')::interval - interval '100 milliseconds'
                )
            then
                raise;
            elsif attempt = 1 then
                failed_state := state;
                failed := said;
            else
                raise warning 'FBS could not clean up after % of %, keys % % (%: %), nor queue it (%: %)',
                    lower(tg_op), coalesce(model, tg_relid::regclass::text), keys, new_keys, failed_state, failed, state, said
                    using hint = 'When FBS is mended: fbs-db cleanup sweep';
            end if;
        end;
    end loop;
    return coalesce(new, old);
end;
$$;

comment on function fbs_cleanup() is
'Trigger on a host table: cleans up FBS rows by the rules. What fails is queued, or told in a warning; the host''s statement succeeds.';

select fbs_revoke_execute();
