-- 0036_msme_views: reading the set-up, figures, duties and campaigns of small businesses.
--
-- component: msme
-- depends: 0003_msme_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_msme_setup
with (security_invoker = true) as
select
    w.id,
    w.solution_name,
    w.status,
    w.current_step,
    w.total_steps,
    w.progress,
    w.status = 'completed' as is_complete,
    w.business_type,
    w.configuration,
    w.started_at,
    w.completed_at,
    fbs_time_between(
        w.started_at,
        case
            when w.status = 'completed' then w.completed_at
            when w.status <> 'not_started' then now()
        end
    ) as elapsed
from fbs_msme_setup_wizard as w;

comment on view fbs_msme_setup is
'How far the set-up of each solution is. A solution whose set-up was never opened has no row.';
comment on column fbs_msme_setup.is_complete is
'Whether the set-up is finished: its status is completed.';
comment on column fbs_msme_setup.elapsed is
'Time from the start to the end of the set-up, to now while it lasts; NULL when it has not begun, or ended at a time not known.';

create view fbs_msme_kpi_progress
with (security_invoker = true) as
select
    k.id,
    k.solution_name,
    k.kpi_name,
    k.period,
    k.kpi_type,
    k.current_value,
    k.target_value,
    k.unit,
    k.current_value - k.target_value as difference,
    case when k.target_value > 0 then round(100 * k.current_value / k.target_value, 2) end as target_percent,
    k.current_value >= k.target_value as is_reached,
    k.trend,
    k.last_updated
from fbs_msme_kpis as k;

comment on view fbs_msme_kpi_progress is
'Key figures against their targets. More counts as better: a figure has reached its target when it is at or above it.';
comment on column fbs_msme_kpi_progress.difference is
'Latest value less the target; negative while the figure is short of it, NULL when there is no target.';
comment on column fbs_msme_kpi_progress.target_percent is
'Latest value in percent of the target; over 100 when it is passed, NULL without a target above 0.';
comment on column fbs_msme_kpi_progress.is_reached is
'Whether the latest value is at or above the target; NULL when there is no target.';

-- Where the state is given, PostgreSQL puts its condition in the place of the call, and finds
-- the days in an index.
create function fbs_is_due_state(
    due_state text,
    status text,
    completed_on date,
    due_date date,
    on_date date default current_date
)
returns boolean
language sql
immutable
return case due_state
    when 'met' then completed_on is not null or status in ('compliant', 'completed')
    when 'overdue' then completed_on is null and status not in ('compliant', 'completed') and due_date < on_date
    when 'due'
        then
            completed_on is null
            and status not in ('compliant', 'completed')
            and due_date between on_date and on_date + 30
    when 'later' then completed_on is null and status not in ('compliant', 'completed') and due_date > on_date + 30
end;

comment on function fbs_is_due_state(text, text, date, date, date) is
'Internal. Whether a duty stands so on a day (by default today): met, when its day of completion is known or its status is compliant or completed; else overdue after its due date, due from 30 days before it, or later. NULL for any other state.';

create view fbs_msme_compliance_status
with (security_invoker = true) as
select
    c.id,
    c.solution_name,
    c.compliance_type,
    c.status,
    case
        when fbs_is_due_state('met', c.status, c.actual_completion_date, c.due_date) then 'met'
        when fbs_is_due_state('overdue', c.status, c.actual_completion_date, c.due_date) then 'overdue'
        when fbs_is_due_state('due', c.status, c.actual_completion_date, c.due_date) then 'due'
        else 'later'
    end as due_state,
    c.due_date,
    c.actual_completion_date,
    case
        when c.actual_completion_date is null and c.status not in ('compliant', 'completed')
            then fbs_days_between(current_date, c.due_date)
    end as days_left,
    case
        when c.actual_completion_date is not null
            then greatest(fbs_days_between(c.due_date, c.actual_completion_date), 0)
        when c.status in ('compliant', 'completed') then 0
        else greatest(fbs_days_between(c.due_date, current_date), 0)
    end as days_late,
    c.requirements,
    c.documents,
    c.notes,
    c.last_checked
from fbs_msme_compliance as c;

comment on view fbs_msme_compliance_status is
'Duties of each business, and which are due or overdue today, in the session''s time zone. A duty is met when its day of completion is known or its status is compliant or completed.';
comment on column fbs_msme_compliance_status.due_state is
'Where the duty stands today: met, overdue (from the day after its due date), due (within 30 days) or later. A filter by fbs_is_due_state uses the index of due_date.';
comment on column fbs_msme_compliance_status.days_left is
'Days from today to the due date; 0 on that day, negative when overdue, NULL when the duty is met.';
comment on column fbs_msme_compliance_status.days_late is
'Days past the due date at which the duty was met, or so far; 0 when not late, or met on a day not known.';

create view fbs_msme_campaigns
with (security_invoker = true) as
select
    m.id,
    m.solution_name,
    m.campaign_name,
    m.campaign_type,
    m.status,
    m.start_date,
    m.end_date,
    m.start_date <= current_date and (m.end_date is null or m.end_date >= current_date) as is_running,
    case
        when m.end_date < m.start_date then 0
        else fbs_days_between(m.start_date, m.end_date) + 1
    end as days_planned,
    case
        when m.end_date >= current_date
            then greatest(fbs_days_between(greatest(m.start_date, current_date), m.end_date) + 1, 0)
    end as days_left,
    m.budget,
    s.spend,
    m.budget - s.spend as budget_left,
    round(100 * s.spend / nullif(m.budget, 0), 2) as budget_percent,
    s.spend > m.budget as is_over_budget,
    m.target_audience,
    m.metrics,
    m.created_at
from fbs_msme_marketing as m
inner join lateral (
    values (coalesce(m.metrics ->> 'spend', m.metrics ->> 'spent', m.metrics ->> 'cost'))
) as f (amount) on true
inner join lateral (
    values (case when f.amount ~ '^-?[0-9]{1,13}(\.[0-9]{1,20})?$' then round(f.amount::numeric, 2) end)
) as s (spend) on true;

comment on view fbs_msme_campaigns is
'Marketing campaigns with what they cost so far against their budget. Today is the day in the session''s time zone. Read latest first: start_date desc, id desc.';
comment on column fbs_msme_campaigns.is_running is
'Whether today is a day of the campaign, whatever its status.';
comment on column fbs_msme_campaigns.days_planned is
'How many days the campaign runs, first and last included; 0 when it ends before it starts, NULL when it is open-ended.';
comment on column fbs_msme_campaigns.days_left is
'How many of its days are still to come, today included; NULL when it is over or open-ended.';
comment on column fbs_msme_campaigns.spend is
'What it cost so far, in the business''s own currency: what the metrics have under spend, else spent, else cost. NULL when that is no amount, or one of more than 13 digits before the point.';
comment on column fbs_msme_campaigns.budget_left is
'Budget less cost; negative when overspent, NULL when either is not known.';
comment on column fbs_msme_campaigns.budget_percent is
'Cost in percent of the budget; over 100 when overspent, NULL when the budget is 0 or either is not known.';
comment on column fbs_msme_campaigns.is_over_budget is
'Whether it cost more than its budget; NULL when either is not known.';

create view fbs_msme_setup_templates
with (security_invoker = true) as
select
    t.id,
    t.business_type,
    t.name,
    t.description,
    t.configuration,
    t.is_active,
    t.created_at,
    t.updated_at
from fbs_msme_templates as t;

comment on view fbs_msme_setup_templates is
'Templates for the set-up by line of business, withdrawn ones too. Read by business_type, name, id.';

create view fbs_msme_analytics_series
with (security_invoker = true) as
select
    a.id,
    a.solution_name,
    a.metric_name,
    a.metric_type,
    a.period,
    a.date,
    a.metric_value,
    a.context,
    a.created_at
from fbs_msme_analytics as a;

comment on view fbs_msme_analytics_series is
'Measurements over time, to be read by solution, oldest first: date, id. Two of one day are both there.';

create function fbs_msme_analytics_summary(solution_name text, since date default null, until date default null)
returns table (
    metric_name text,
    period text,
    metric_type text,
    measurements bigint,
    first_date date,
    last_date date,
    latest_value numeric,
    previous_value numeric,
    change numeric,
    change_percent numeric,
    minimum numeric,
    maximum numeric,
    average numeric,
    total numeric
)
language sql
stable
set search_path from current
as $$
    select
        g.metric_name,
        g.period,
        g.metric_types[1],
        g.measurements,
        g.first_date,
        g.last_date,
        g.metric_values[1],
        g.metric_values[2],
        g.metric_values[1] - g.metric_values[2],
        round(100 * (g.metric_values[1] - g.metric_values[2]) / nullif(abs(g.metric_values[2]), 0), 2),
        g.minimum,
        g.maximum,
        g.average,
        g.total
    from (
        select
            a.metric_name,
            a.period,
            array_agg(a.metric_type order by a.date desc, a.id desc) as metric_types,
            array_agg(a.metric_value order by a.date desc, a.id desc) as metric_values,
            count(*) as measurements,
            min(a.date) as first_date,
            max(a.date) as last_date,
            min(a.metric_value) as minimum,
            max(a.metric_value) as maximum,
            round(avg(a.metric_value), 2) as average,
            sum(a.metric_value) as total
        from fbs_msme_analytics as a
        where
            a.solution_name = fbs_msme_analytics_summary.solution_name
            and a.date >= coalesce(since, '-infinity')
            and a.date < coalesce(until, 'infinity')
        group by a.metric_name, a.period
    ) as g
    order by g.metric_name, g.period
$$;

comment on function fbs_msme_analytics_summary(text, date, date) is
'What a solution''s measurements from since to before until (all unless given) come to, for each metric and period: the latest value (of two on one day the one added last), the one before it and the change between them, also in percent of the one before (NULL when that is 0 or missing), the smallest, largest, average and sum. A metric without measurements in that time has no row.';

create view fbs_msme_dashboard
with (security_invoker = true) as
select
    s.solution_name,
    w.business_type,
    w.status as setup_status,
    w.progress as setup_progress,
    k.kpis,
    k.kpis_with_target,
    k.kpis_reached,
    c.duties,
    c.duties_met,
    c.duties_due,
    c.duties_overdue,
    c.next_due_date,
    m.campaigns,
    m.campaigns_running,
    m.budget,
    m.spend,
    m.campaigns_over_budget,
    a.latest_analytics_date
from (
    select x.solution_name from fbs_msme_setup_wizard as x
    union
    select x.solution_name from fbs_msme_kpis as x
    union
    select x.solution_name from fbs_msme_compliance as x
    union
    select x.solution_name from fbs_msme_marketing as x
) as s
left join fbs_msme_setup_wizard as w on s.solution_name = w.solution_name
inner join lateral (
    select
        count(*) as kpis,
        count(x.target_value) as kpis_with_target,
        count(*) filter (where x.is_reached) as kpis_reached
    from fbs_msme_kpi_progress as x
    where x.solution_name = s.solution_name
) as k on true
inner join lateral (
    select
        count(*) as duties,
        count(*) filter (where x.due_state = 'met') as duties_met,
        count(*) filter (where x.due_state = 'due') as duties_due,
        count(*) filter (where x.due_state = 'overdue') as duties_overdue,
        min(x.due_date) filter (where x.due_state in ('due', 'later')) as next_due_date
    from fbs_msme_compliance_status as x
    where x.solution_name = s.solution_name
) as c on true
inner join lateral (
    select
        count(*) as campaigns,
        count(*) filter (where x.is_running) as campaigns_running,
        count(*) filter (where x.is_over_budget) as campaigns_over_budget,
        coalesce(sum(x.budget), 0) as budget,
        coalesce(sum(x.spend), 0) as spend
    from fbs_msme_campaigns as x
    where x.solution_name = s.solution_name
) as m on true
inner join lateral (
    select max(x.date) as latest_analytics_date
    from fbs_msme_analytics as x
    where x.solution_name = s.solution_name
) as a on true;

comment on view fbs_msme_dashboard is
'One row for each solution that has a set-up, a key figure, a duty or a campaign: how it stands in all of them. Counts of what it has none of are 0.';
comment on column fbs_msme_dashboard.solution_name is
'Business application (solution); one row each.';
comment on column fbs_msme_dashboard.business_type is
'Line of business chosen in the set-up; empty text until chosen, NULL without a set-up.';
comment on column fbs_msme_dashboard.setup_status is
'How far the set-up is: not_started, in_progress, completed or paused; NULL without a set-up.';
comment on column fbs_msme_dashboard.setup_progress is
'Part of the set-up that is done, in percent from 0 to 100; NULL without a set-up.';
comment on column fbs_msme_dashboard.kpis is
'How many key figures it has.';
comment on column fbs_msme_dashboard.kpis_with_target is
'How many of them have a target.';
comment on column fbs_msme_dashboard.kpis_reached is
'How many of them have reached it.';
comment on column fbs_msme_dashboard.duties is
'How many duties it has.';
comment on column fbs_msme_dashboard.duties_met is
'How many of them are met.';
comment on column fbs_msme_dashboard.duties_due is
'How many of them are due within 30 days, today included.';
comment on column fbs_msme_dashboard.duties_overdue is
'How many of them are past their due date and not met.';
comment on column fbs_msme_dashboard.next_due_date is
'Next day on which one of them is due; NULL when none is still to come.';
comment on column fbs_msme_dashboard.campaigns is
'How many campaigns it has, past and future ones included.';
comment on column fbs_msme_dashboard.campaigns_running is
'How many of them run today.';
comment on column fbs_msme_dashboard.budget is
'Sum of their budgets, in the business''s own currency; those without one count as 0.';
comment on column fbs_msme_dashboard.spend is
'Sum of what they cost so far; those whose cost is not known count as 0.';
comment on column fbs_msme_dashboard.campaigns_over_budget is
'How many of them cost more than their budget.';
comment on column fbs_msme_dashboard.latest_analytics_date is
'Day of its latest measurement; NULL when there is none.';

select fbs_describe_views();
