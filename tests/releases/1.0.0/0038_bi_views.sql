-- 0038_bi_views: reading dashboards, reports, key figures and charts.
--
-- component: bi
-- depends: 0005_bi_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_bi_dashboards
with (security_invoker = true) as
select
    d.id,
    d.name,
    d.description,
    d.dashboard_type,
    d.layout,
    d.is_public,
    d.is_active,
    d.refresh_interval,
    d.created_by_id,
    d.created_at,
    d.updated_at
from fbs_dashboards as d;

comment on view fbs_bi_dashboards is
'Dashboards, retired ones too. Read by dashboard_type, name, id.';

create function fbs_bi_visible_dashboards(user_id fbs_user_id)
returns table (
    id bigint,
    name text,
    description text,
    dashboard_type text,
    layout jsonb,
    refresh_interval integer,
    is_public boolean,
    is_own boolean
)
language sql
stable
set search_path from current
as $$
    select
        d.id,
        d.name,
        d.description,
        d.dashboard_type,
        d.layout,
        d.refresh_interval,
        d.is_public,
        coalesce(d.created_by_id = user_id, false)
    from fbs_dashboards as d
    where d.is_active and (d.is_public or d.created_by_id = user_id)
    order by d.dashboard_type, d.name, d.id
$$;

comment on function fbs_bi_visible_dashboards(fbs_user_id) is
'Dashboards in use that a user may see: the public ones and the user''s own.';

create view fbs_bi_reports
with (security_invoker = true) as
select
    r.id,
    r.name,
    r.description,
    r.report_type,
    r.data_source,
    r.query_parameters,
    r.output_format,
    r.template,
    r.is_scheduled,
    r.is_active,
    r.created_by_id,
    r.created_at,
    r.updated_at
from fbs_reports as r;

comment on view fbs_bi_reports is
'Report definitions, retired ones too. Read by report_type, name, id.';

create view fbs_bi_kpis
with (security_invoker = true) as
select
    k.id,
    k.name,
    k.description,
    k.kpi_type,
    k.calculation_method,
    k.data_source,
    k.target_value,
    k.warning_threshold,
    k.critical_threshold,
    case sign(
        coalesce(
            nullif(k.critical_threshold - k.warning_threshold, 0),
            k.critical_threshold - k.target_value,
            k.warning_threshold - k.target_value
        )
    )
        when 1 then 'above'
        when -1 then 'below'
    end as alarm_side,
    k.unit,
    k.frequency,
    k.is_active,
    k.created_by_id,
    k.created_at,
    k.updated_at
from fbs_kpis as k;

comment on view fbs_bi_kpis is
'Key figures with target and alarm levels, retired ones too. Read by kpi_type, name, id. Where a measured value stands: fbs_bi_kpi_state.';
comment on column fbs_bi_kpis.alarm_side is
'Side of the alarm levels: above (the figure may not rise to them) or below. The critical level against the warning level tells it, else the one there is against the target; NULL when neither does.';

create function fbs_bi_kpi_state(kpi_id bigint, measured_value numeric)
returns table (
    id bigint,
    name text,
    unit text,
    value numeric,
    target_value numeric,
    target_percent numeric,
    warning_threshold numeric,
    critical_threshold numeric,
    alarm_side text,
    state text
)
language sql
stable
set search_path from current
as $$
    select
        k.id,
        k.name,
        k.unit,
        measured_value,
        k.target_value,
        case when k.target_value > 0 then round(100 * measured_value / k.target_value, 2) end,
        k.warning_threshold,
        k.critical_threshold,
        k.alarm_side,
        case
            when measured_value is null or k.alarm_side is null then 'unknown'
            when k.alarm_side = 'above' and measured_value >= k.critical_threshold then 'critical'
            when k.alarm_side = 'below' and measured_value <= k.critical_threshold then 'critical'
            when k.alarm_side = 'above' and measured_value >= k.warning_threshold then 'warning'
            when k.alarm_side = 'below' and measured_value <= k.warning_threshold then 'warning'
            else 'ok'
        end
    from fbs_bi_kpis as k
    where k.id = kpi_id
$$;

comment on function fbs_bi_kpi_state(bigint, numeric) is
'Where a measured value of a key figure stands: ok, warning or critical (at a level it counts as reached), or unknown without a value or where the levels do not tell on which side the alarm is. One row; none where there is no such key figure.';

create view fbs_bi_charts
with (security_invoker = true) as
select
    c.id,
    c.name,
    c.chart_type,
    c.description,
    c.data_source,
    c.configuration,
    c.is_active,
    c.created_by_id,
    c.created_at,
    c.updated_at
from fbs_charts as c;

comment on view fbs_bi_charts is
'Charts, retired ones too. Read by chart_type, name, id.';

-- No table says when a report or figure was produced last, so whoever produces them
-- gives that time: the last one at which it asked.
create function fbs_bi_schedules_due(
    since timestamptz default null,
    zone text default 'UTC',
    at timestamptz default now()
)
returns table (
    kind text,
    id bigint,
    name text,
    data_source text,
    frequency text,
    due_at timestamptz
)
language sql
stable
set search_path from current
as $$
    select
        s.kind,
        s.id,
        s.name,
        s.data_source,
        s.frequency,
        s.due_at
    from (
        select
            p.*,
            case p.frequency
                when 'real_time' then fbs_bi_schedules_due.at
                when 'hourly' then date_trunc('hour', fbs_bi_schedules_due.at, zone)
                when 'weekly' then date_trunc('week', fbs_bi_schedules_due.at, zone)
                when 'monthly' then date_trunc('month', fbs_bi_schedules_due.at, zone)
                when 'quarterly' then date_trunc('quarter', fbs_bi_schedules_due.at, zone)
                when 'annually' then date_trunc('year', fbs_bi_schedules_due.at, zone)
                when 'yearly' then date_trunc('year', fbs_bi_schedules_due.at, zone)
                else date_trunc('day', fbs_bi_schedules_due.at, zone)
            end as due_at
        from (
            select
                'report' as kind,
                r.id,
                r.name,
                r.data_source,
                coalesce(r.query_parameters ->> 'frequency', 'daily') as frequency
            from fbs_reports as r
            where r.is_active and r.is_scheduled
            union all
            select
                'kpi' as kind,
                k.id,
                k.name,
                k.data_source,
                k.frequency
            from fbs_kpis as k
            where k.is_active
        ) as p
    ) as s
    where since is null or s.due_at > since or s.frequency = 'real_time'
    order by s.due_at, s.kind, s.id
$$;

comment on function fbs_bi_schedules_due(timestamptz, text, timestamptz) is
'Scheduled reports and key figures in use that are to be produced anew: those whose hour, day, week (from Monday), month, quarter or year in the time zone began after since, the last time they were produced, all of them without one. A report''s frequency is the one in its query_parameters, daily where none is named; a frequency not known counts as daily, yearly is annually; real_time is always due.';

select fbs_describe_views();
