-- 0018_cleanup_rules: the rules by which FBS rows are cleaned up, and the function
-- that applies them, which the database writes from the rules.
--
-- component: base
-- depends: 0017_hosts

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_cleanup_rules (
    rule_name text not null,
    table_name text not null,
    json_column text,
    model_column text,
    key_column text not null,
    model_name text,
    solution_columns text[],
    only_if jsonb,
    unless jsonb,
    action text not null,
    set_columns jsonb,
    description text not null,
    rests boolean not null default false,
    constraint fbs_cleanup_rules_pkey primary key (rule_name),
    constraint fbs_cleanup_rules_model_check check (model_column is not null or model_name is not null),
    constraint fbs_cleanup_rules_action_check check (action in ('delete', 'set null', 'set columns')),
    constraint fbs_cleanup_rules_set_columns_check check ((action = 'set columns') = (set_columns is not null))
);

comment on table fbs_cleanup_rules is
'What is done with rows that point at a deleted host row: FBS''s own rules, and any that the host adds.';
comment on column fbs_cleanup_rules.rule_name is
'Name of the rule. Rules are applied in the order of their names.';
comment on column fbs_cleanup_rules.table_name is
'Table whose rows point at host rows; with its schema, unless it is FBS''s. It must belong to FBS''s owner.';
comment on column fbs_cleanup_rules.json_column is
'JSON column that names the record; NULL where columns name it.';
comment on column fbs_cleanup_rules.model_column is
'Column, or entry of the JSON, that names the model; NULL where all rows point at one model.';
comment on column fbs_cleanup_rules.key_column is
'Column, or entry of the JSON, that holds the key of the host row.';
comment on column fbs_cleanup_rules.model_name is
'The only model that the rule is for; NULL for all.';
comment on column fbs_cleanup_rules.solution_columns is
'Columns that name the row''s solution, such as {solution_name}; NULL where none does.';
comment on column fbs_cleanup_rules.only_if is
'Only rows whose columns have one of these values are touched, such as {"status": ["pending"]}.';
comment on column fbs_cleanup_rules.unless is
'Rows whose columns have one of these values are left alone, such as {"state": ["archived"]}.';
comment on column fbs_cleanup_rules.action is
'What is done: delete (the row), set null (its key), set columns (to given values).';
comment on column fbs_cleanup_rules.set_columns is
'Values for set columns, such as {"status": "cancelled"}; "now" is the present time in a date or time column.';
comment on column fbs_cleanup_rules.description is
'What the rule is for.';
comment on column fbs_cleanup_rules.rests is
'Whether it waits for its table, whose component is not installed here. Set by the database.';

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_cleanup_rules
for each statement
execute function fbs_only_owner();

create function fbs_rule_problem(table_id regclass)
returns text
language sql
stable
set search_path from current
-- Or PostgreSQL 18 plans it anew for each of the first tables, which takes longer than the look.
set plan_cache_mode = force_generic_plan
as $$
    with recursive tree as (
        select table_id::oid as relid
        union
        select n.relid
        from tree as t
        cross join lateral (
            select i.inhrelid
            from pg_inherits as i
            where i.inhparent = t.relid
            union all
            -- Rows that go along do so with the rights of their table's owner.
            select k.conrelid
            from pg_constraint as k
            inner join pg_class as c on k.conrelid = c.oid
            where k.contype = 'f' and k.confrelid = t.relid and k.confdeltype in ('c', 'n', 'd') and fbs_trusts(c.relowner)
        ) as n (relid)
    ),

    tables as (
        select c.*
        from tree as t
        inner join pg_class as c on t.relid = c.oid
    ),

    problems (relid, problem) as (
        select
            c.oid,
            case
                when c.relkind not in ('r', 'p') then 'is not a table'
                when c.relpersistence = 't' then 'is a temporary table'
                when not fbs_trusts(c.relowner) then 'belongs to ' || c.relowner::regrole
            end
        from tables as c
        union all
        select c.oid, 'may be given triggers by ' || case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end
        from tables as c
        cross join aclexplode(c.relacl) as a
        where a.privilege_type = 'TRIGGER' and (a.grantee = 0 or not fbs_trusts(a.grantee))
        union all
        select c.oid, format('has trigger %I, whose function belongs to %s', g.tgname, f.proowner::regrole)
        from tables as c
        inner join pg_trigger as g on c.oid = g.tgrelid and not g.tgisinternal
        inner join pg_proc as f on g.tgfoid = f.oid
        where not fbs_trusts(f.proowner)
        union all
        select c.oid, 'has what others wrote: ' || fbs_foreign_code(c.oid, true)
        from tables as c
    )

    select min(p.relid::regclass || ' ' || p.problem)
    from problems as p
    where p.problem is not null;
$$;

comment on function fbs_rule_problem(regclass) is
'Internal. Why rules must not touch a table: its triggers would run another role''s code with the rights of FBS''s owner. NULL where they may.';

create function fbs_rule_table(table_name text)
returns regclass
language sql
stable
set search_path from current
as $$
    select case
        -- FBS's own are looked for in FBS's schema only.
        when table_name ~ '^fbs_' then (
            select c.oid::regclass
            from pg_class as c
            inner join pg_proc as home on c.relnamespace = home.pronamespace
            where home.oid = 'fbs_owner()'::regprocedure and c.relname = table_name
        )
        else to_regclass(table_name)
    end;
$$;

comment on function fbs_rule_table(text) is
'Internal. The table of a rule; NULL where it is not there.';

create view fbs_rule_states as
select
    r.rule_name,
    t.table_id,
    case when r.json_column is null then coalesce(format_type(a.atttypid, null), 'text') else 'text' end as key_type,
    fbs_rule_problem(t.table_id) as problem
from fbs_cleanup_rules as r
cross join lateral fbs_rule_table(r.table_name) as t (table_id)
left join pg_attribute as a
    on
        t.table_id = a.attrelid
        and a.attname = coalesce(r.json_column, r.key_column)
        and a.attnum > 0
        and not a.attisdropped;

comment on view fbs_rule_states is
'Internal. The rules as they stand now: the table of each, and why it is refused.';
comment on column fbs_rule_states.rule_name is
'Name of the rule.';
comment on column fbs_rule_states.table_id is
'Its table; NULL where it is not there.';
comment on column fbs_rule_states.key_type is
'Type of the key in the table.';
comment on column fbs_rule_states.problem is
'Why the rule is refused; NULL where it is not.';

create function fbs_rule_value(table_id regclass, column_name text, value jsonb)
returns text
language sql
stable
set search_path from current
as $$
    -- A column that is gone is told by the statement that names it.
    select format(
        '%L::%s',
        case when a.atttypid in ('json'::regtype, 'jsonb'::regtype) then nullif(value, 'null')::text else value #>> '{}' end,
        -- A cast to varchar(n) cuts off what is too long; an assignment refuses it.
        coalesce(format_type(a.atttypid, case t.typcategory when 'S' then -1 else a.atttypmod end), 'text')
    )
    from (values (column_name)) as n (name)
    left join pg_attribute as a on a.attrelid = table_id and n.name = a.attname
    left join pg_type as t on a.atttypid = t.oid;
$$;

comment on function fbs_rule_value(regclass, text, jsonb) is
'Internal. A value of a rule as SQL, in the type of its column.';

create function fbs_rule_values(table_id regclass, wanted jsonb, verdict text default ' is true')
returns text
language sql
stable
set search_path from current
as $$
    -- No index serves a verdict: a plan made on a small table would take one of these columns for that of the keys.
    select string_agg(
        format(
            '(t.%I in (%s)%s)%s', w.name, v.listed,
            case when w.listed @> 'null' then format(' or t.%I is null', w.name) end, verdict
        ),
        ' and ' order by w.name
    )
    from jsonb_each(wanted) as w (name, listed)
    cross join lateral (
        select coalesce(string_agg(fbs_rule_value(table_id, w.name, e.value), ', ' order by e.place), 'null')
        from jsonb_array_elements(w.listed) with ordinality as e (value, place)
    ) as v (listed);
$$;

comment on function fbs_rule_values(regclass, jsonb, text) is
'Internal. SQL that is true of rows (t) whose columns have one of the values given for each; with verdict '' is not true'', of those where none has.';

create function fbs_rule_parts(only_rule text default null)
returns table (
    rule_name text, table_id regclass, named text, key_type text, key text, of_model text, touched text, change text,
    event integer, written text
)
language sql
stable
set search_path from current
as $$
    select
        r.rule_name,
        s.table_id,
        n.named,
        s.key_type,
        case
            when r.json_column is null then format('t.%I', r.key_column)
            else format('(t.%I ->> %L)', r.json_column, r.key_column)
        end,
        m.of_model,
        concat_ws(
            ' and ',
            m.of_model,
            fbs_rule_values(s.table_id, r.only_if),
            fbs_rule_values(s.table_id, r.unless, ' is not true'),
            -- Rows that it has been applied to are done with.
            case when r.only_if is null and r.unless is null then '(' || c.differs || ')' end
        ),
        case r.action
            when 'delete' then format('delete from %s as t', n.named)
            when 'set null' then format('update %s as t set %I = null', n.named, r.key_column)
            else format('update %s as t set %s', n.named, c.assigned)
        end,
        case r.action when 'delete' then 8 else 16 end,
        -- All columns (NULL) where rows go, or the host's own triggers may write.
        case
            when r.action = 'delete' or r.table_name !~ '^fbs_' then null
            when r.action = 'set null' then array[r.key_column]::text
            else array(select jsonb_object_keys(r.set_columns))::text
        end
    from fbs_cleanup_rules as r
    inner join fbs_rule_states as s on r.rule_name = s.rule_name
    cross join lateral (
        -- With its schema: a temporary table could take its place else, were it dropped.
        select format('%s.%I', c.relnamespace::regnamespace, c.relname)
        from pg_class as c
        where c.oid = s.table_id
    ) as n (named)
    cross join lateral (
        select concat_ws(
            ' and ',
            case
                when r.model_column is null then format('$1 = %L', r.model_name)
                when r.json_column is null then format('t.%I = $1', r.model_column)
                else format('(t.%I ->> %L) = $1', r.json_column, r.model_column)
            end,
            case when r.model_column is not null and r.model_name is not null then format('$1 = %L', r.model_name) end,
            fbs_solution_condition(r.solution_columns)
        )
    ) as m (of_model)
    cross join lateral (
        select
            string_agg(
                format('%I = %s', v.name, case when n.is_now then 'now()' else fbs_rule_value(s.table_id, v.name, v.value) end), ', '
                order by v.name
            ) as assigned,
            string_agg(
                format('t.%I is distinct from %s', v.name, fbs_rule_value(s.table_id, v.name, v.value)), ' or '
                order by v.name
            ) filter (where not n.is_now) as differs
        from jsonb_each(r.set_columns) as v (name, value)
        left join pg_attribute as a on s.table_id = a.attrelid and v.name = a.attname
        left join pg_type as y on a.atttypid = y.oid
        cross join lateral (select coalesce(v.value = '"now"' and y.typcategory = 'D', false)) as n (is_now)
    ) as c
    where s.table_id is not null and (only_rule is null or r.rule_name = only_rule)
    order by r.rule_name;
$$;

comment on function fbs_rule_parts(text) is
'Internal. The SQL of each rule whose table is there. In it $1 is the model, $3 the solution, $4 whether that one is alone.';

create function fbs_usable_keys(keys text[], key_type text)
returns text[]
language sql
immutable
set search_path from current
as $$
    select case
        when key_type in ('text', 'character varying') then keys
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
'Internal. Those of the keys, given as text, that a column of this type can hold, written as PostgreSQL writes them.';

create function fbs_refuse_rules(only_rule text default null)
returns void
language plpgsql
stable
set search_path from current
as $$
declare
    rule record;
begin
    for rule in
        select r.rule_name, r.table_name, s.table_id, s.problem
        from fbs_cleanup_rules as r
        inner join fbs_rule_states as s on r.rule_name = s.rule_name
        where
            not r.rests
            and (s.table_id is null or s.problem is not null)
            -- Of the view, which would look at the tables of all rules else.
            and (only_rule is null or s.rule_name = only_rule)
        order by r.rule_name
    loop
        if rule.table_id is null then
            raise exception 'relation "%" does not exist', rule.table_name using errcode = 'undefined_table';
        end if;
        raise exception 'rule % is refused: %', rule.rule_name, rule.problem
            using errcode = 'FB024',
                detail = 'Triggers of the table would run with the rights of FBS''s owner.',
                hint = 'Take that trigger, right or ownership away. For a table of another role, use a foreign key with'
                ' ON DELETE or a trigger of its own instead of a rule.';
    end loop;
end;
$$;

comment on function fbs_refuse_rules(text) is
'Internal. Error FB024 where a rule, or this one, must not touch its table; 42P01 where the table is gone.';

create function fbs_check_rule(only_rule text)
returns void
language plpgsql
set search_path from current
as $$
declare
    rule fbs_cleanup_rules;
    state record;
    kind regtype;
    missing text;
begin
    select r.* into rule from fbs_cleanup_rules as r where r.rule_name = only_rule;
    select s.table_id into state from fbs_rule_states as s where s.rule_name = only_rule;
    if state.table_id is null and rule.table_name ~ '^fbs_' then
        return; -- a component that is not installed here
    elsif state.table_id is null then
        raise exception 'rule %: there is no table %', only_rule, rule.table_name
            using errcode = 'FB021', hint = 'Name it with its schema.';
    end if;

    select min(n.column_name)
    into missing
    from (
        select unnest(
            case when rule.json_column is null then array[rule.key_column, rule.model_column] else array[rule.json_column] end
            || rule.solution_columns
        )
        union all
        select jsonb_object_keys(coalesce(rule.only_if, '{}') || coalesce(rule.unless, '{}') || coalesce(rule.set_columns, '{}'))
    ) as n (column_name)
    where not exists (
        select from pg_attribute as a
        where a.attrelid = state.table_id and a.attname = n.column_name and a.attnum > 0 and not a.attisdropped
    ) and n.column_name is not null;
    if missing is not null then
        raise exception 'rule %: table % has no column %', only_rule, rule.table_name, missing using errcode = 'FB021';
    end if;

    select a.atttypid
    into kind
    from pg_attribute as a
    where a.attrelid = state.table_id and a.attname = coalesce(rule.json_column, rule.key_column);
    if
        rule.json_column is not null and kind <> 'jsonb'::regtype
        or rule.json_column is null and kind <> all ('{smallint,integer,bigint,uuid,text,character varying}'::regtype[])
    then
        raise exception 'rule %: column % of % is %', only_rule, coalesce(rule.json_column, rule.key_column), rule.table_name,
            case when rule.json_column is null then 'of type ' || kind else 'not of type jsonb' end
            using errcode = 'FB021', hint = 'Keys are integers, uuids or texts; records are named in jsonb.';
    elsif rule.action = 'set null' and rule.json_column is not null then
        raise exception 'rule %: set null is for a key in a column', only_rule using errcode = 'FB021';
    end if;

    -- No row has no key: this finds out what is wrong with types and privileges.
    perform fbs_apply_rule(only_rule, coalesce(rule.model_name, ''), '{}');
    perform fbs_rekey_rule(only_rule, coalesce(rule.model_name, ''), '{}', '{}');
exception
    when sqlstate 'FB021' or sqlstate 'FB024' then
        raise;
    when others then
        raise exception 'rule %: %', only_rule, sqlerrm using errcode = 'FB021';
end;
$$;

comment on function fbs_check_rule(text) is
'Internal. Error FB021 where a rule does not fit its table, FB024 where it must not touch it.';

select fbs_revoke_execute();
