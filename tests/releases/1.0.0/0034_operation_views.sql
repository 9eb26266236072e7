-- 0034_operation_views: reading the request log, the cache, handshakes, tokens and
-- business rules.
--
-- component: core
-- depends: 0008_core_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_operations_requests
with (security_invoker = true) as
select
    l.id,
    l.user_id,
    l.database_id,
    l.method,
    l.path,
    l.status_code,
    l.response_time,
    l.ip_address,
    l.user_agent,
    l.timestamp
from fbs_request_logs as l;

comment on view fbs_operations_requests is
'The log of calls without what was sent and answered, which may hold secrets. Read newest first: timestamp desc, id desc.';

create function fbs_operations_requests_by_path(since timestamptz default null, until timestamptz default null)
returns table (
    method text,
    path text,
    requests bigint,
    errors bigint,
    error_percent numeric,
    response_time_p50 double precision,
    response_time_p95 double precision,
    response_time_p99 double precision,
    last_requested_at timestamptz
)
language sql
stable
set search_path from current
as $$
    select
        g.method,
        g.path,
        g.requests,
        g.errors,
        round(100.0 * g.errors / g.requests, 2),
        g.times[1],
        g.times[2],
        g.times[3],
        g.last_requested_at
    from (
        select
            l.method,
            l.path,
            count(*) as requests,
            count(*) filter (where l.status_code >= 400) as errors,
            percentile_cont(array[0.5, 0.95, 0.99]) within group (order by l.response_time) as times,
            max(l.timestamp) as last_requested_at
        from fbs_request_logs as l
        where
            l.timestamp >= coalesce(since, now() - interval '1 day')
            and l.timestamp < coalesce(until, 'infinity')
        group by l.method, l.path
    ) as g
    order by g.requests desc, g.path, g.method
$$;

comment on function fbs_operations_requests_by_path(timestamptz, timestamptz) is
'Calls from since (a day ago unless given) to before until (no end unless given), for each method and path: how many, how many of them errors (HTTP code 400 and above) and their share, and the response time in milliseconds that 50, 95 and 99 percent of them stayed within (in between two calls it is interpolated). The most called first; paths nobody called have no row.';

create function fbs_operations_requests_by_status(since timestamptz default null, until timestamptz default null)
returns table (
    method text,
    path text,
    status_code integer,
    requests bigint,
    errors bigint,
    path_percent numeric,
    response_time_p50 double precision,
    response_time_p95 double precision,
    response_time_p99 double precision
)
language sql
stable
set search_path from current
as $$
    select
        g.method,
        g.path,
        g.status_code,
        g.requests,
        case when g.status_code >= 400 then g.requests else 0 end,
        round(100.0 * g.requests / sum(g.requests) over (partition by g.method, g.path), 2),
        g.times[1],
        g.times[2],
        g.times[3]
    from (
        select
            l.method,
            l.path,
            l.status_code,
            count(*) as requests,
            percentile_cont(array[0.5, 0.95, 0.99]) within group (order by l.response_time) as times
        from fbs_request_logs as l
        where
            l.timestamp >= coalesce(since, now() - interval '1 day')
            and l.timestamp < coalesce(until, 'infinity')
        group by l.method, l.path, l.status_code
    ) as g
    order by g.path, g.method, g.status_code
$$;

comment on function fbs_operations_requests_by_status(timestamptz, timestamptz) is
'Calls from since (a day ago unless given) to before until (no end unless given), for each method, path and HTTP code of the answer: how many, how many of them errors (all or none: codes from 400 on), their share of the calls of that method and path, and response times as in fbs_operations_requests_by_path.';

-- Days and weeks are of fixed length here, so that buckets neither overlap nor leave
-- gaps when a time zone changes its clocks.
create function fbs_operations_requests_over_time(
    since timestamptz default null,
    until timestamptz default null,
    bucket interval default null,
    origin timestamptz default null
)
returns table (
    bucket_start timestamptz,
    requests bigint,
    errors bigint,
    error_percent numeric,
    response_time_p50 double precision,
    response_time_p95 double precision,
    response_time_p99 double precision
)
language sql
stable
set search_path from current
as $$
    with frame as (
        select
            coalesce(since, now() - interval '1 day') as first_moment,
            coalesce(until, now()) as last_moment,
            coalesce(bucket, interval '1 hour') as width,
            coalesce(origin, '2001-01-01 00:00:00+00') as grid
    ),

    slots as (
        select date_bin(f.width, f.first_moment, f.grid) + n.number * f.step as bucket_start
        from (
            select
                w.*,
                make_interval(secs => extract(epoch from w.width)::double precision) as step,
                extract(epoch from w.last_moment - date_bin(w.width, w.first_moment, w.grid)) as seconds
            from frame as w
        ) as f
        inner join lateral generate_series(0, ceil(f.seconds / extract(epoch from f.width))::bigint - 1) as n (number)
            on true
        where f.first_moment < f.last_moment
    ),

    counted as (
        select
            date_bin(f.width, l.timestamp, f.grid) as bucket_start,
            count(*) as requests,
            count(*) filter (where l.status_code >= 400) as errors,
            percentile_cont(array[0.5, 0.95, 0.99]) within group (order by l.response_time) as times
        from fbs_request_logs as l
        cross join frame as f
        where
            l.timestamp >= coalesce(since, now() - interval '1 day')
            and l.timestamp < coalesce(until, now())
        group by 1
    )

    select
        s.bucket_start,
        coalesce(c.requests, 0),
        coalesce(c.errors, 0),
        round(100.0 * c.errors / c.requests, 2),
        c.times[1],
        c.times[2],
        c.times[3]
    from slots as s
    left join counted as c on s.bucket_start = c.bucket_start
    order by s.bucket_start
$$;

comment on function fbs_operations_requests_over_time(timestamptz, timestamptz, interval, timestamptz) is
'Calls from since (a day ago unless given) to before until (now unless given) in buckets of time: how many, how many of them errors (HTTP code 400 and above) and their share, and response times as in fbs_operations_requests_by_path. A bucket is an hour long unless given, any number of days at most (no months); one starts at origin, a midnight in UTC and Monday unless given, so days of another time zone take a midnight of that zone. Buckets without calls are there with 0 and no times; the first and last count only what lies between since and until. Both must be real times, not infinity.';

create function fbs_operations_cached(key text, at timestamptz default now())
returns jsonb
language sql
stable
set search_path from current
as $$
    select e.value
    from fbs_cache_entries as e
    where e.key = fbs_operations_cached.key and e.expires_at > fbs_operations_cached.at
$$;

comment on function fbs_operations_cached(text, timestamptz) is
'The result kept in the cache under a key; NULL where there is none or it has expired (at its very moment of expiry it has). A kept JSON null is returned as that.';

create view fbs_operations_cache
with (security_invoker = true) as
select
    e.database_name,
    count(*) as entries,
    count(*) filter (where e.expires_at > now()) as live,
    count(*) filter (where e.expires_at <= now()) as expired,
    min(e.created_at) as oldest_at,
    min(e.expires_at) filter (where e.expires_at > now()) as next_expiry_at
from fbs_cache_entries as e
group by e.database_name;

comment on view fbs_operations_cache is
'What the cache holds for each Odoo database. A database without entries has no row.';
comment on column fbs_operations_cache.database_name is
'Odoo database the results came from, by name; empty text for those that belong to none.';
comment on column fbs_operations_cache.entries is
'How many results are kept, expired ones included.';
comment on column fbs_operations_cache.live is
'How many of them can still be used.';
comment on column fbs_operations_cache.expired is
'How many of them are too old to use and wait to be removed.';
comment on column fbs_operations_cache.oldest_at is
'When the oldest of them was added.';
comment on column fbs_operations_cache.next_expiry_at is
'When the next of those still in use expires; NULL when none is.';

create view fbs_operations_handshakes
with (security_invoker = true) as
select
    h.id,
    h.handshake_id,
    h.solution_name,
    h.status,
    h.status = 'active' and h.expires_at > now() as is_valid,
    h.expires_at,
    h.created_at,
    h.last_used
from fbs_handshakes as h;

comment on view fbs_operations_handshakes is
'Handshakes without their secrets, and whether each is valid now.';
comment on column fbs_operations_handshakes.is_valid is
'Whether it may be used now: active, and not expired.';

create function fbs_operations_handshake(handshake_id text, at timestamptz default now())
returns table (
    id bigint,
    solution_name text,
    status text,
    expires_at timestamptz,
    created_at timestamptz,
    last_used timestamptz
)
language sql
stable
set search_path from current
as $$
    select h.id, h.solution_name, h.status, h.expires_at, h.created_at, h.last_used
    from fbs_handshakes as h
    where
        h.handshake_id = fbs_operations_handshake.handshake_id
        and h.status = 'active'
        and h.expires_at > fbs_operations_handshake.at
$$;

comment on function fbs_operations_handshake(text, timestamptz) is
'The handshake of that name if it is valid: active, and not expired (at its very moment of expiry it is). No row otherwise. It says nothing of who is calling: see fbs_operations_verified_handshake.';

create function fbs_operations_verified_handshake(handshake_id text, secret_key text, at timestamptz default now())
returns table (
    id bigint,
    solution_name text,
    status text,
    expires_at timestamptz,
    created_at timestamptz,
    last_used timestamptz
)
language sql
stable
set search_path from current
as $$
    select h.id, h.solution_name, h.status, h.expires_at, h.created_at, h.last_used
    from fbs_handshakes as h
    where
        h.handshake_id = fbs_operations_verified_handshake.handshake_id
        and h.secret_key = fbs_operations_verified_handshake.secret_key
        and h.secret_key <> ''
        and h.status = 'active'
        and h.expires_at > fbs_operations_verified_handshake.at
$$;

comment on function fbs_operations_verified_handshake(text, text, timestamptz) is
'The handshake of that name if it is valid and the secret is its own. No row otherwise, also for a secret that is NULL or empty text; which of the reasons it was is not told.';

create function fbs_operations_token_owner(token text, at timestamptz default now())
returns table (
    user_id fbs_user_id,
    database_id bigint,
    database_name text,
    database_is_active boolean,
    expires_at timestamptz
)
language sql
stable
set search_path from current
as $$
    select m.user_id, m.database_id, d.name, d.is_active, m.expires_at
    from fbs_token_mappings as m
    inner join fbs_odoo_databases as d on m.database_id = d.id
    where
        m.token = fbs_operations_token_owner.token
        and m.is_active
        and (m.expires_at is null or m.expires_at > fbs_operations_token_owner.at)
$$;

comment on function fbs_operations_token_owner(text, timestamptz) is
'Whose token it is and which Odoo connection it is good for. No row where there is no such token, it is withdrawn or has expired; whether the connection itself is switched on is told.';

create view fbs_operations_business_rules
with (security_invoker = true) as
select
    r.id,
    r.model_name,
    r.priority,
    r.name,
    r.rule_type,
    r.description,
    r.rule_definition,
    r.is_active,
    r.created_at,
    r.updated_at
from fbs_business_rules as r;

comment on view fbs_operations_business_rules is
'Business rules, suspended ones too. They apply to a model in the order priority, name, id.';

select fbs_describe_views();
