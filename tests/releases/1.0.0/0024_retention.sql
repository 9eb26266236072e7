-- 0024_retention: how long logs and other passing rows are kept, and their removal; clean-ups that are given up.
--
-- component: base
-- depends: 0015_settings 0021_cleanup_queue

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_retention as
select
    kept.name,
    c.oid::regclass as table_id,
    kept.time_column,
    kept.only_if,
    kept.walk,
    s.value::integer as days,
    -- A day may be longer or shorter, by the time zone that a session chose.
    now() - s.value::integer * interval '24 hours' as cutoff
from (
    values
    ('request_logs', 'fbs_request_logs', 'timestamp', 'true', '{timestamp}'::text[]),
    ('cache_entries', 'fbs_cache_entries', 'expires_at', 'true', '{expires_at}'),
    ('handshakes', 'fbs_handshakes', 'expires_at', 'true', '{expires_at}'),
    ('tokens', 'fbs_token_mappings', 'expires_at', 'true', '{id}'),
    ('notifications', 'fbs_notifications', 'created_at', 'is_read', '{created_at}'),
    ('activity_logs', 'fbs_user_activity_logs', 'timestamp', 'true', '{solution_name,timestamp}'),
    ('audit_trails', 'fbs_audit_trails', 'timestamp', 'true', '{solution_name,timestamp}')
) as kept (name, table_name, time_column, only_if, walk)
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_settings'::regclass
inner join pg_class as c on kept.table_name = c.relname and home.relnamespace = c.relnamespace
left join fbs_settings as s on s.name = 'keep_' || kept.name;

comment on view fbs_retention is
'Rows that are kept for a time only: logs, and what has expired. The times are settings (keep_...).';
comment on column fbs_retention.name is
'What is kept.';
comment on column fbs_retention.table_id is
'The table it is in.';
comment on column fbs_retention.time_column is
'The time it is kept from.';
comment on column fbs_retention.only_if is
'What has to be true as well for a row to be removed.';
comment on column fbs_retention.walk is
'Columns of an index, in whose order the rows past their time are found.';
comment on column fbs_retention.days is
'How many days it is kept; NULL for ever.';
comment on column fbs_retention.cutoff is
'Rows from before this time are removed; NULL where none are.';

create function fbs_expired(what text[] default null)
returns table (name text, table_id regclass, days integer, cutoff timestamptz, expired bigint)
language plpgsql
security definer
set search_path from current
as $$
declare
    kept record;
begin
    perform fbs_refuse_shadows('{fbs_retention}');
    for kept in select r.* from fbs_retention as r order by r.name loop
        expired := null;
        if what is null or kept.name = any(what) then
            execute format('select count(*) from %s where %I < $1 and %s', kept.table_id, kept.time_column, kept.only_if)
            into expired
            using kept.cutoff;
        end if;
        name := kept.name;
        table_id := kept.table_id;
        days := kept.days;
        cutoff := kept.cutoff;
        return next;
    end loop;
end;
$$;

comment on function fbs_expired(text[]) is
'Internal. What is kept for a time, as in fbs_retention, and how many rows fbs_purge would remove: of these names, or of all; NULL for others.';

create function fbs_purge(what text, after jsonb default '{}', batch integer default 5000)
returns table (removed bigint, last jsonb)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
set timezone = 'UTC'
-- To sort, each batch would read all rows past their time, wherever they are taken for few: a solution's, above all.
set enable_sort = off
set jit = off
as $$
declare
    kept record;
    walked name;
    led_by name;
    expired text;
    found text;
begin
    perform fbs_refuse_shadows('{fbs_retention}');
    select r.* into kept from fbs_retention as r where r.name = what;
    if kept.name is null then
        raise exception 'nothing called % is kept for a time', what
            using errcode = 'FB030', hint = 'See: select name from fbs_retention;';
    end if;
    removed := 0;
    if kept.days is not null then
        perform fbs_refuse_triggers(kept.table_id, true);
        walked := kept.walk[cardinality(kept.walk)];
        expired := format('%I < $1 and %s', kept.time_column, kept.only_if);
        -- A batch begins where the last one ended, behind its dead rows, which no vacuum may have removed yet.
        if cardinality(kept.walk) = 1 then
            found := format(
                'select id from %1$s where %2$s and %4$s order by %3$I limit $2 for update skip locked',
                kept.table_id, expired, walked,
                case when after ->> walked is null then 'true' else format('%I >= %L', walked, after ->> walked) end
            );
        else
            led_by := kept.walk[1];
            found := format(
                'with recursive leads (value) as ('
                ' select coalesce(%5$L, (select min(%3$I) from %1$s))'
                ' union all'
                ' select (select min(%3$I) from %1$s where %3$I > leads.value) from leads where leads.value is not null'
                ') select found.id from leads cross join lateral ('
                ' select id from %1$s where %3$I = leads.value and %2$s'
                ' and %4$I >= case leads.value when %5$L then timestamptz %6$L else ''-infinity'' end'
                ' order by %4$I limit $2 for update skip locked'
                ') as found limit $2',
                kept.table_id, expired, led_by, walked, after ->> led_by, coalesce(after ->> walked, '-infinity')
            );
        end if;
        execute format(
            'with gone as ('
            ' delete from %1$s where id = any(array(%2$s)) returning %3$s'
            ') select (select count(*) from gone), (select to_jsonb(g) from (select * from gone order by %4$s limit 1) as g)',
            kept.table_id, found,
            (select string_agg(format('%I', w), ', ') from unnest(kept.walk) as w),
            (select string_agg(format('%I desc', w), ', ') from unnest(kept.walk) as w)
        )
        into removed, last
        using kept.cutoff, batch;
        if removed < batch then
            last := null;
        end if;
    end if;
    return next;
end;
$$;

comment on function fbs_purge(text, jsonb, integer) is
'Removes one batch of rows that are past their time, by a name from fbs_retention. Go on after last until it is NULL; each call is a transaction of its own and passes over rows in use. Error FB030 for any other name, FB024 where another role''s trigger is on the table.';

create function fbs_replica_lag()
returns bigint
language sql
security definer
set search_path from current
as $$
    select max(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn))::bigint
    from pg_stat_replication as r;
$$;

comment on function fbs_replica_lag() is
'Internal. Bytes of WAL that the slowest replica has yet to replay. NULL where there is none, or FBS''s owner may not see them: grant pg_read_all_stats.';

create function fbs_give_up_cleanup(ids bigint[])
returns table (
    id bigint,
    model_name text,
    solution text,
    operation text,
    keys text[],
    new_keys text[],
    rule_name text,
    target text,
    queued_at timestamptz,
    attempts integer,
    error text
)
language plpgsql
security definer
set search_path from current
set lock_timeout = '3s'
as $$
#variable_conflict use_column
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_cleanup_queue');
    return query
    with given_up as (
        delete from fbs_cleanup_queue as q
        where q.id in (select w.id from fbs_cleanup_queue as w where w.id = any(ids) for update skip locked)
        returning q.*
    )

    select
        g.id, g.model_name, g.solution, g.operation, g.keys, g.new_keys, g.rule_name, g.target, g.queued_at, g.attempts, g.error
    from given_up as g
    order by g.id;
end;
$$;

comment on function fbs_give_up_cleanup(bigint[]) is
'Takes clean-ups off the queue for good, but for those that a worker is at. FBS rows stay as they are. Returns what was given up.';

select fbs_revoke_execute();
