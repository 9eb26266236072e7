-- 0048_license_views: what is read of licences: a solution's licence as it stands,
-- which features it may use, and what it has used of them.
--
-- component: licensing
-- depends: 0014_license_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_parse_json(content text)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
begin
    return content::jsonb;
exception when data_exception or program_limit_exceeded then
    return null;
end;
$$;

comment on function fbs_parse_json(text) is
'Internal. A text as JSON; NULL where it is not JSON that PostgreSQL can hold.';

create function fbs_find_limit(limits jsonb, feature_name text)
returns numeric
language plpgsql
immutable
set search_path from current
as $$
declare
    found_limit jsonb := limits -> feature_name;
begin
    if found_limit is null and feature_name = 'msme' then
        -- FBS bounds the feature msme by the number of businesses.
        found_limit := limits -> 'msme_businesses';
    end if;
    if jsonb_typeof(found_limit) = 'object' then
        found_limit := found_limit -> 'count';
    end if;
    return case when jsonb_typeof(found_limit) = 'number' and found_limit <> '-1' then found_limit::numeric end;
end;
$$;

comment on function fbs_find_limit(jsonb, text) is
'Internal. How much of a feature the limits of a licence allow: a number, or the number called count in an object, as FBS writes either. NULL for no limit: where none is named, it is -1, or it is not a number. 0 allows nothing.';

create view fbs_licensing_licenses
with (security_invoker = true) as
select
    l.id,
    l.solution_name,
    l.solution_db,
    l.license_type,
    l.status,
    j.effective_status,
    j.effective_status = 'active' as is_valid,
    l.expiry_date,
    fbs_days_between(current_date, l.expiry_date::date) as days_left,
    case jsonb_typeof(j.features) when 'array' then j.features else '[]' end as features,
    case jsonb_typeof(j.limits) when 'object' then j.limits else '{}' end as limits,
    l.source,
    l.created_at,
    l.updated_at
from fbs_license_manager_solution_license as l
-- Not in a WITH: a view that has one is not merged into the query, which then cannot go by an index.
cross join lateral ( -- noqa: ST05
    select
        fbs_judge_license(l.status, l.license_type, l.expiry_date, current_date) as effective_status,
        fbs_parse_json(l.features) as features,
        fbs_parse_json(l.limits) as limits
) as j;

comment on view fbs_licensing_licenses is
'Licence of each solution and how it stands today. The licence key is left out, as it is a secret.';
comment on column fbs_licensing_licenses.status is
'State as it was last noted; the end of the licence may have passed since.';
comment on column fbs_licensing_licenses.effective_status is
'State today: active, expired, trial_expired or suspended as a rule. Where the licence has an end, that decides, except over suspended.';
comment on column fbs_licensing_licenses.is_valid is
'True when the state today is active.';
comment on column fbs_licensing_licenses.expiry_date is
'When the licence ends; it is valid through that day. NULL when it is perpetual.';
comment on column fbs_licensing_licenses.days_left is
'Days until the day it ends on, in the session''s time zone: 0 on that day, below 0 after it, NULL when it is perpetual.';
comment on column fbs_licensing_licenses.features is
'List of the features the licence switches on; [] when none, or the text kept is no list.';
comment on column fbs_licensing_licenses.limits is
'How much of each feature may be used, by name; {} when nothing is limited, or the text kept is no such object.';

create function fbs_licensing_license(
    solution_name text,
    on_date date default current_date
)
returns table (
    license_type text,
    status text,
    effective_status text,
    is_valid boolean,
    expiry_date timestamptz,
    days_left integer,
    features jsonb,
    limits jsonb,
    source text
)
language sql
stable
set search_path from current
as $$
    select
        l.license_type,
        l.status,
        fbs_judge_license(l.status, l.license_type, l.expiry_date, on_date),
        fbs_judge_license(l.status, l.license_type, l.expiry_date, on_date) = 'active',
        l.expiry_date,
        fbs_days_between(on_date, l.expiry_date::date),
        l.features,
        l.limits,
        l.source
    from fbs_licensing_licenses as l
    where l.solution_name = fbs_licensing_license.solution_name;
$$;

comment on function fbs_licensing_license(text, date) is
'Licence of a solution and how it stands on a day (by default today), as fbs_licensing_licenses gives it for today; without the licence key. No row for a solution without a licence.';

create function fbs_licensing_feature(
    solution_name text,
    feature_name text,
    on_date date default current_date
)
returns table (
    is_allowed boolean,
    reason text,
    is_included boolean,
    usage_limit numeric,
    usage_count integer,
    usage_left numeric,
    used_percent numeric
)
language sql
stable
set search_path from current
as $$
    select
        v.reason = 'allowed',
        v.reason,
        v.is_included,
        v.usage_limit,
        v.usage_count,
        case when v.usage_limit is not null then greatest(v.usage_limit - v.usage_count, 0) end,
        round(100 * v.usage_count / nullif(v.usage_limit, 0), 2)
    from (
        select
            c.*,
            case
                when c.effective_status is null then 'no_license'
                when c.effective_status <> 'active' then c.effective_status
                when not c.is_included then 'not_included'
                when c.usage_count >= c.usage_limit then 'limit_reached'
                else 'allowed'
            end as reason
        from (
            select
                l.effective_status,
                coalesce(l.features ? fbs_licensing_feature.feature_name, false) as is_included,
                fbs_find_limit(l.limits, fbs_licensing_feature.feature_name) as usage_limit,
                coalesce(u.usage_count, 0) as usage_count
            from (values (1)) as always (one)
            left join fbs_licensing_license(fbs_licensing_feature.solution_name, on_date) as l on true
            left join fbs_license_manager_feature_usage as u
                on
                    u.solution_name = fbs_licensing_feature.solution_name
                    and u.feature_name = fbs_licensing_feature.feature_name
        ) as c
    ) as v;
$$;

comment on function fbs_licensing_feature(text, text, date) is
'Whether a solution may use a feature once more on a day (by default today). Always one row. reason is allowed; or the first that holds of: no_license; the state of the licence where it is not active, such as expired; not_included where the licence does not list the feature; limit_reached. usage_limit is NULL, and with it usage_left, for no limit; a limit of 0 allows nothing. usage_left is never below 0. used_percent is over 100 where more was used than is allowed, NULL without a limit and for a limit of 0.';

create function fbs_licensing_features(
    solution_name text,
    on_date date default current_date
)
returns table (
    feature_name text,
    is_allowed boolean,
    reason text,
    is_included boolean,
    usage_limit numeric,
    usage_count integer,
    usage_left numeric,
    used_percent numeric
)
language sql
stable
set search_path from current
as $$
    select n.feature_name, f.*
    from (
        select e.feature #>> '{}' as feature_name
        from fbs_licensing_licenses as l
        cross join jsonb_array_elements(l.features) as e (feature)
        where
            l.solution_name = fbs_licensing_features.solution_name
            and jsonb_typeof(e.feature) = 'string'
        union
        select jsonb_object_keys(l.limits)
        from fbs_licensing_licenses as l
        where l.solution_name = fbs_licensing_features.solution_name
        union
        select u.feature_name
        from fbs_license_manager_feature_usage as u
        where u.solution_name = fbs_licensing_features.solution_name
    ) as n
    cross join fbs_licensing_feature(fbs_licensing_features.solution_name, n.feature_name, on_date) as f
    order by n.feature_name;
$$;

comment on function fbs_licensing_features(text, date) is
'Every feature that a solution''s licence lists or limits, or that it has used, with the answers of fbs_licensing_feature for a day (by default today). What is only limited or used is not included, and so not allowed.';

create view fbs_licensing_usage
with (security_invoker = true) as
select
    u.id,
    u.solution_name,
    u.feature_name,
    u.usage_count,
    m.usage_limit,
    case when m.usage_limit is not null then greatest(m.usage_limit - u.usage_count, 0) end as usage_left,
    round(100 * u.usage_count / nullif(m.usage_limit, 0), 2) as used_percent,
    u.last_updated
from fbs_license_manager_feature_usage as u
left join fbs_license_manager_solution_license as l on u.solution_name = l.solution_name
cross join lateral ( -- noqa: ST05
    select fbs_find_limit(fbs_parse_json(l.limits), u.feature_name) as usage_limit
) as m;

comment on view fbs_licensing_usage is
'What each solution has used of each feature, beside the limit of its licence.';
comment on column fbs_licensing_usage.solution_name is
'Solution that uses the feature, by name; once per feature.';
comment on column fbs_licensing_usage.usage_limit is
'How much of it the licence allows; NULL for no limit, and for a solution without a licence.';
comment on column fbs_licensing_usage.usage_left is
'How much of it is left, never below 0; NULL where there is no limit.';
comment on column fbs_licensing_usage.used_percent is
'Per cent of the limit that is used, over 100 where more was used than is allowed; NULL without a limit and for a limit of 0.';

select fbs_describe_views();
