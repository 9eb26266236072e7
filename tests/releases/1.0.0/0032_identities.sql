-- 0032_identities: keys that come from a sequence, and sequences that are behind the rows.
--
-- component: base
-- depends: 0023_cleanup_across

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_identities as
select
    c.oid::regclass as table_id,
    c.relname::text as table_name,
    a.attname::text as column_name,
    s.oid::regclass as sequence_id,
    q.seqincrement as increment
from pg_class as c
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_migrations'::regclass and c.relnamespace = home.relnamespace
inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
inner join pg_depend as d
    on
        d.refclassid = 'pg_class'::regclass
        and c.oid = d.refobjid
        and a.attnum = d.refobjsubid
        and d.classid = 'pg_class'::regclass
        and d.deptype in ('a', 'i')
inner join pg_class as s on d.objid = s.oid and s.relkind = 'S'
inner join pg_sequence as q on s.oid = q.seqrelid
where c.relkind in ('r', 'p') and c.relname ~ '^fbs_' and q.seqincrement > 0;

comment on view fbs_identities is
'Internal. FBS''s columns whose keys come from a sequence.';
comment on column fbs_identities.table_id is
'The table, as PostgreSQL identifies it.';
comment on column fbs_identities.table_name is
'Name of the table.';
comment on column fbs_identities.column_name is
'Name of the column.';
comment on column fbs_identities.sequence_id is
'The sequence, as PostgreSQL identifies it.';
comment on column fbs_identities.increment is
'How far a key is from the next.';

create function fbs_check_identities()
returns table (
    severity text,
    kind text,
    object text,
    problem text,
    found text,
    expected text,
    mend text
)
language plpgsql
stable
set search_path from current
as $$
#variable_conflict use_column
declare
    looked record;
    highest bigint;
    next_key numeric;
    unseen text[] := '{}';
begin
    for looked in select i.* from fbs_identities as i order by i.table_name, i.column_name loop
        if
            not has_column_privilege(looked.table_id, looked.column_name, 'select')
            or not has_sequence_privilege(looked.sequence_id, 'select')
            or row_security_active(looked.table_id)
        then
            unseen := unseen || looked.table_name;
            continue;
        end if;
        -- In this order: a row that is there took its key from the sequence before.
        execute format('select max(%I) from %s', looked.column_name, looked.table_id) into highest;
        execute format(
            'select last_value::numeric + case when is_called then %s else 0 end from %s',
            looked.increment, looked.sequence_id
        ) into next_key;
        return query
        select
            'error', 'rows', looked.table_name || '.' || looked.column_name, 'identity behind',
            format('the next key is %s, and there is a row with %s', next_key, highest),
            'a next key above ' || highest, fbs_command('repair')
        where highest >= next_key;
    end loop;
    if unseen <> '{}' then
        return query values (
            'note', 'privilege', 'fbs_check_identities', 'not looked at',
            'no privilege to read rows and sequences of ' || array_to_string(unseen, ', '), null, ''
        );
    end if;
end;
$$;

comment on function fbs_check_identities() is
'Internal. The tables of FBS whose next key is taken already, as after logical replication, which copies rows and no sequences. Reads the highest key of each, and no other row.';

create function fbs_advance_identity(of_table text)
returns void
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    looked record;
    highest bigint;
    next_key numeric;
begin
    for looked in select i.* from fbs_identities as i where i.table_name = of_table loop
        -- One at a time. Rows may be added meanwhile.
        execute format('lock table %s in share update exclusive mode', looked.table_id);
        execute format('select max(%I) from %s', looked.column_name, looked.table_id) into highest;
        execute format(
            'select last_value::numeric + case when is_called then %s else 0 end from %s',
            looked.increment, looked.sequence_id
        ) into next_key;
        -- Others take keys meanwhile. Taking keys one by one never goes back; where there are too
        -- many, nobody else takes as many before the sequence is set.
        if highest - next_key > 10000 then
            perform setval(looked.sequence_id, highest);
        else
            while next_key <= highest loop
                next_key := nextval(looked.sequence_id) + looked.increment;
            end loop;
        end if;
    end loop;
end;
$$;

comment on function fbs_advance_identity(text) is
'Internal. Advances the sequence of a table''s keys past the highest key, where rows came with keys of their own. Never goes back, and blocks neither readers nor writers.';

select fbs_revoke_execute();
