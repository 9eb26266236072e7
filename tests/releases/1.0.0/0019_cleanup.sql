-- 0019_cleanup: applying the rules to FBS rows, by the function that is written from
-- them or one by one.
--
-- component: base
-- depends: 0018_cleanup_rules

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_check_deferred(tables regclass[], events integer[], written text[])
returns void
language plpgsql
set search_path from current
as $$
declare
    deferred text;
begin
    -- The usual change is near nothing of the kind, which a shorter look tells.
    if not exists (
        select from unnest(tables, events, written) as t (relid, event, written)
        inner join pg_trigger as g on t.relid = g.tgrelid and g.tgtype & t.event > 0
        inner join pg_constraint as c on g.tgconstraint = c.oid
        where
            (
                g.tginitdeferred
                or c.confrelid = t.relid
                and case t.event when 8 then c.confdeltype else c.confupdtype end in ('c', 'n', 'd')
            )
            and (
                t.written is null
                or c.contype <> 'f'
                or exists (
                    select from pg_attribute as a
                    where
                        a.attrelid = t.relid
                        and a.attname = any(t.written::text[])
                        and (
                            c.conrelid = t.relid and a.attnum = any(c.conkey)
                            or c.confrelid = t.relid and a.attnum = any(c.confkey)
                        )
                )
            )
    ) then
        return;
    end if;

    with recursive reached (relid, event, columns) as (
        -- A key that is not written is not checked.
        select
            t.relid::oid, t.event,
            case when t.written is not null then array(
                select a.attnum
                from pg_attribute as a
                where a.attrelid = t.relid and a.attname = any(t.written::text[])
            ) end
        from unnest(tables, events, written) as t (relid, event, written)
        union
        -- Foreign keys reach further tables, with all their columns (NULL).
        select c.conrelid, case when r.event = 8 and c.confdeltype = 'c' then 8 else 16 end, null
        from reached as r
        inner join pg_trigger as t on r.relid = t.tgrelid and t.tgtype & r.event > 0
        inner join pg_constraint as c on t.tgconstraint = c.oid and c.confrelid = r.relid
        where
            case r.event when 8 then c.confdeltype else c.confupdtype end in ('c', 'n', 'd')
            and (r.columns is null or c.confkey && r.columns)
    )

    select string_agg(distinct format('%I.%I', n.nspname, c.conname), ', ')
    into deferred
    from reached as r
    inner join pg_trigger as t on r.relid = t.tgrelid and t.tgtype & r.event > 0 and t.tginitdeferred
    inner join pg_constraint as c on t.tgconstraint = c.oid
    inner join pg_namespace as n on c.connamespace = n.oid
    where
        r.columns is null
        or c.contype <> 'f'
        or c.conrelid = r.relid and c.conkey && r.columns
        or c.confrelid = r.relid and c.confkey && r.columns;
    if deferred is not null then
        execute format('set constraints %s immediate', deferred);
        execute format('set constraints %s deferred', deferred);
    end if;
end;
$$;

comment on function fbs_check_deferred(regclass[], integer[], text[]) is
'Internal. Checks now what changes of these tables would have checked at commit, where nothing could catch the failure: deletions (event 8) and updates (16) of the columns written, NULL for all.';

create function fbs_apply_rule(
    only_rule text, model text, keys text[], solution text default null, alone boolean default true
)
returns bigint
language plpgsql
set search_path from current
set row_security = off
as $$
declare
    part record;
    touched bigint := 0;
begin
    perform fbs_refuse_rules(only_rule);
    for part in select p.* from fbs_rule_parts(only_rule) as p loop
        execute format('%s where %s and %s = any($2::%s[])', part.change, part.touched, part.key, part.key_type)
        using model, fbs_usable_keys(keys, part.key_type), solution, alone;
        get diagnostics touched = row_count;
    end loop;
    if touched > 0 then
        perform fbs_check_deferred(array[part.table_id], array[part.event], array[part.written]);
    end if;
    return touched;
end;
$$;

comment on function fbs_apply_rule(text, text, text[], text, boolean) is
'Internal. Applies one rule to rows that point at these keys of a model. Returns the number of rows touched. Error FB024.';

create function fbs_rekey_rule(
    only_rule text, model text, keys text[], new_keys text[], solution text default null, alone boolean default true
)
returns bigint
language plpgsql
set search_path from current
as $$
declare
    part record;
    rule fbs_cleanup_rules;
    statement text;
    held text[];
    held_new text[];
    passing text[];
    touched bigint := 0;
begin
    select r.* into rule from fbs_cleanup_rules as r where r.rule_name = only_rule;
    for part in select p.* from fbs_rule_parts(only_rule) as p loop
        statement := format(
            'update %s as t set %s from unnest($2::%s[], $5::%3$s[]) as m (old_key, new_key) where %s and %s = m.old_key',
            part.named,
            case
                when rule.json_column is null then format('%I = m.new_key', rule.key_column)
                else format(
                    '%1$I = jsonb_set(t.%1$I, array[%2$L], case'
                    ' when jsonb_typeof(t.%1$I -> %2$L) = ''number'' and m.new_key ~ ''^(0|-?[1-9][0-9]*)$'''
                    ' then m.new_key::jsonb else to_jsonb(m.new_key) end)', rule.json_column, rule.key_column
                )
            end,
            part.key_type, part.of_model, part.key
        );
        -- Rows stay whose column cannot hold the new key.
        select coalesce(array_agg(p.old_key), '{}'), coalesce(array_agg(p.new_key), '{}')
        into held, held_new
        from unnest(keys, new_keys) as p (old_key, new_key)
        where
            p.old_key in (select unnest(fbs_usable_keys(keys, part.key_type)))
            and p.new_key in (select unnest(fbs_usable_keys(new_keys, part.key_type)));
        begin
            execute statement using model, held, solution, alone, held_new;
            get diagnostics touched = row_count;
        exception when unique_violation then
            -- Keys that shift or swap meet each other half way: go by keys that nobody has.
            passing := array(
                select case part.key_type
                    when 'smallint' then (-32768 + n)::text
                    when 'integer' then (-2147483648 + n)::text
                    when 'bigint' then (-9223372036854775808 + n)::text
                    when 'uuid' then gen_random_uuid()::text
                    else 'fbs rekeys ' || n
                end
                from generate_series(1, cardinality(held)) as n
            );
            execute statement using model, held, solution, alone, passing;
            execute statement using model, passing, solution, alone, held_new;
            get diagnostics touched = row_count;
        end;
    end loop;
    return touched;
end;
$$;

comment on function fbs_rekey_rule(text, text, text[], text[], text, boolean) is
'Internal. Lets the rows of one rule''s table follow from old keys of a model to new ones. Returns the number of rows changed.';

create function fbs_rules_body()
returns text
language plpgsql
stable
set search_path from current
set quote_all_identifiers = off
as $body$
declare
    part record;
    tables text[] := '{}';
    declared text := '';
    counts text := '';
    sum text := '0';
    lost text;
    others boolean := false;
    deleted text[] := '{}';
    applied text := '';
begin
    for part in
        select
            p.*, r.table_name ~ '^fbs_' as ours,
            case when p.key_type ~ '^(text|character)' then '$2' else 'keys_' || p.key_type end as keys
        from fbs_rule_parts() as p
        inner join fbs_cleanup_rules as r on p.rule_name = r.rule_name
        order by p.rule_name
    loop
        tables := tables || part.named;
        if part.event = 8 then
            deleted := deleted || part.named;
        end if;
        if part.keys <> '$2' and strpos(declared, part.keys) = 0 then
            -- Plain numbers, the usual case, are looked at all at once.
            declared := declared || format($$
    %1$s constant %2$s[] := case
        when $2::text ~ '%3$s' then $2
        else fbs_usable_keys($2, '%2$s')
    end;$$, part.keys, part.key_type, case
                when part.key_type in ('integer', 'bigint') then '^{[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*}$' else '^{}$'
            end);
        end if;
        if part.ours then
            -- No LIMIT: with one PostgreSQL may walk another index, waiting for the first row that fits.
            counts := counts || format($$,
        (
            select count(*)
            from %2$s as t
            where %3$s and %4$s = any(%5$s)
        ) as rule_%1$s$$, cardinality(tables), part.named, part.touched, part.key, part.keys);
            sum := sum || ' + there.rule_' || cardinality(tables);
        else
            others := true;
        end if;
        -- A table of the host's may have no index: its statement is planned for the keys there are.
        applied := applied || format($$
    if %1$s then
        %2$s;
        get diagnostics touched = row_count;
        total := total + touched;
        tables := tables || %3$L::regclass;
        events := events || %4$s;
        written := written || %5$L::text;
    end if;$$,
            case when part.ours then format('there.rule_%s > 0', cardinality(tables)) else 'true' end,
            case
                when part.ours then format('%s where %s and %s = any(%s)', part.change, part.touched, part.key, part.keys)
                else format(
                    'execute %L using $1, %s, $3, $4',
                    format('%s where %s and %s = any($2)', part.change, part.touched, part.key), part.keys
                )
            end,
            part.named, part.event, part.written
        );
    end loop;
    select 'true or '
    into lost
    from fbs_cleanup_rules as r
    inner join fbs_rule_states as s on r.rule_name = s.rule_name
    where not r.rests and s.table_id is null
    limit 1;
    return format($$
-- Written from fbs_cleanup_rules by fbs_compile_rules.
declare
    there record;
    touched bigint;
    total bigint := 0;
    tables regclass[];
    events integer[];
    written text[];%1$s
begin
    select%3$s
    into there;
    if %4$s > $5 then
        return null;
    elsif %6$s then
        return 0;
    -- Whether another role's code may be near.
    elsif %7$sexists (
        select from pg_class as c
        where
            c.oid = any(array[%2$s]::regclass[])
            and (
                c.relowner <> (select f.proowner from pg_proc as f where f.oid = 'fbs_owner()'::regprocedure)
                or c.relhassubclass
                or exists (
                    select from aclexplode(c.relacl) as a where a.privilege_type = 'TRIGGER' and a.grantee <> c.relowner
                )
                or exists (
                    select from pg_trigger as g
                    inner join pg_proc as f on g.tgfoid = f.oid
                    where
                        g.tgrelid = c.oid
                        and case
                            when g.tgisinternal then c.oid = any(array[%8$s]::regclass[]) and f.proname ~ '^RI_FKey_(cas|set).*_del$'
                            else f.proowner <> c.relowner
                        end
                )
            )
    ) then
        perform fbs_refuse_rules();
    end if;
%5$s
    if total > 0 then
        perform fbs_check_deferred(tables, events, written);
    end if;
    return total;
end;
$$,
        declared, (select string_agg(quote_literal(t.named), ', ') from unnest(tables) as t (named)),
        coalesce(substr(counts, 2), ''), sum, applied,
        case when others or lost is not null then 'false' else sum || ' = 0' end,
        case when others then 'true or ' else lost end,
        (select string_agg(quote_literal(t.named), ', ') from unnest(deleted) as t (named))
    );
end;
$body$;

comment on function fbs_rules_body() is
'Internal. The text that fbs_apply_rules should have by the rules as they are.';

create function fbs_compile_rules()
returns void
language plpgsql
set search_path from current
as $$
begin
    if exists (select from fbs_cleanup_rules as r where r.rests and fbs_rule_table(r.table_name) is not null) then
        update fbs_cleanup_rules as r
        set rests = false
        where r.rests and fbs_rule_table(r.table_name) is not null;
        return; -- which comes here again
    end if;
    execute format(
        'create or replace function fbs_apply_rules('
        'model text, keys text[], solution text default null, alone boolean default true, most bigint default null)'
        ' returns bigint language plpgsql set search_path from current set row_security = off'
        -- A plan made while the tables are small stays good.
        ' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as %L', fbs_rules_body()
    );
    perform fbs_revoke_execute();
end;
$$;

comment on function fbs_compile_rules() is
'Internal. Writes fbs_apply_rules anew from the rules, and wakes those that rest although their table is there by now. A change of the rules does so by itself.';

create function fbs_rules_changed()
returns trigger
language plpgsql
security definer
set search_path from current
as $$
begin
    if tg_relid <> 'fbs_cleanup_rules'::regclass then
        raise exception 'this trigger is for fbs_cleanup_rules' using errcode = 'FB023';
    elsif tg_when = 'BEFORE' then
        new.rests := new.table_name ~ '^fbs_' and fbs_rule_table(new.table_name) is null;
        return new;
    elsif tg_level = 'ROW' then
        perform fbs_check_rule(new.rule_name);
    else
        perform fbs_compile_rules();
    end if;
    return null;
end;
$$;

comment on function fbs_rules_changed() is
'Trigger on the rules: checks each with the rights it will have, and writes fbs_apply_rules anew. Errors FB021, FB024.';

create trigger fbs_cleanup_rules_rest
before insert or update on fbs_cleanup_rules
for each row
execute function fbs_rules_changed();

create trigger fbs_cleanup_rules_check
after insert or update on fbs_cleanup_rules
for each row
execute function fbs_rules_changed();

create trigger fbs_cleanup_rules_compile
after insert or update or delete or truncate on fbs_cleanup_rules
for each statement
execute function fbs_rules_changed();

insert into fbs_cleanup_rules
(
    rule_name, table_name, json_column, model_column, key_column, solution_columns, only_if, unless, action,
    set_columns, description
)
values
(
    'custom_fields', 'fbs_custom_fields', null, 'model_name', 'record_id', '{solution_name,database_name}',
    null, null, 'delete', null, 'Custom fields of a record go with it.'
),
(
    'approval_requests', 'fbs_approval_requests', 'request_data', 'model_name', 'record_id', '{solution_name}',
    '{"status": ["pending"]}', null, 'set columns', '{"status": "cancelled"}',
    'Pending approval requests about a record are cancelled; decided ones stay as they are.'
),
(
    'workflow_instances', 'fbs_workflow_instances', 'workflow_data', 'model_name', 'record_id',
    '{solution_name,business_id}', null, '{"status": ["completed", "cancelled", "failed"]}',
    'set columns', '{"status": "cancelled", "completed_at": "now"}',
    'Unfinished workflows about a record are cancelled.'
),
(
    'documents', 'fbs_dms_document', 'metadata', 'model_name', 'record_id', '{solution_db,company_id}',
    null, '{"state": ["archived"]}', 'set columns', '{"state": "archived"}', 'Documents of a record are archived.'
);

comment on function fbs_apply_rules(text, text[], text, boolean, bigint) is
'Internal. Applies the rules to rows that point at these keys of a model. Returns the rows touched; NULL, touching none, where there are more than most. Written by fbs_compile_rules. Error FB024.';

select fbs_revoke_execute();
