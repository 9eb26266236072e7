-- 0024_retention: how long logs and other passing rows are kept, and their removal.
--
-- component: base
-- depends: 0015_settings 0020_cleanup_trigger

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_retention as
select
    kept.name,
    c.oid::regclass as table_id,
    kept.time_column,
    kept.only_if,
    s.value::integer as days,
    -- A day may be longer or shorter, by the time zone that a session chose.
    now() - s.value::integer * interval '24 hours' as cutoff
from (
    values
    ('request_logs', 'fbs_request_logs', 'timestamp', 'true'),
    ('cache_entries', 'fbs_cache_entries', 'expires_at', 'true'),
    ('handshakes', 'fbs_handshakes', 'expires_at', 'true'),
    ('tokens', 'fbs_token_mappings', 'expires_at', 'true'),
    ('notifications', 'fbs_notifications', 'created_at', 'is_read'),
    ('activity_logs', 'fbs_user_activity_logs', 'timestamp', 'true'),
    ('audit_trails', 'fbs_audit_trails', 'timestamp', 'true')
) as kept (name, table_name, time_column, only_if)
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

create function fbs_purge(what text, after_id bigint default 0, batch integer default 5000)
returns table (removed bigint, last_id bigint)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
declare
    kept record;
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
        execute format(
            'with expired as ('
            ' select id from %1$s where id > $1 and %2$I < $2 and %3$s order by id limit $3 for update skip locked'
            '), gone as ('
            ' delete from %1$s where id in (select id from expired) returning id'
            ') select count(*), max(id) from gone',
            kept.table_id, kept.time_column, kept.only_if
        )
        into removed, last_id
        using after_id, kept.cutoff, batch;
    end if;
    return next;
end;
$$;

comment on function fbs_purge(text, bigint, integer) is
'Removes one batch of rows that are past their time, by a name from fbs_retention. Go on from last_id until it is NULL; each call is a transaction of its own and passes over rows in use. Error FB030 for any other name, FB024 where another role''s trigger is on the table.';

select fbs_revoke_execute();
