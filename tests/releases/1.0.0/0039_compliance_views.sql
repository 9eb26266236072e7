-- 0039_compliance_views: what is read of compliance: rules, audit trails, user
-- activity, report schedules, and recurring transactions with their dates.
--
-- component: compliance
-- depends: 0006_compliance_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_compliance_rule_list
with (security_invoker = true) as
select
    r.id,
    r.solution_name,
    r.name,
    r.description,
    r.compliance_type,
    r.requirements,
    case jsonb_typeof(r.requirements) when 'array' then jsonb_array_length(r.requirements) end as requirement_count,
    r.check_frequency,
    r.active,
    r.created_at,
    r.updated_at
from fbs_compliance_rules as r;

comment on view fbs_compliance_rule_list is
'Compliance rules of every solution, in force or suspended.';
comment on column fbs_compliance_rule_list.requirement_count is
'How many points are to be met; NULL when requirements is not a list.';

create view fbs_compliance_summary
with (security_invoker = true) as
select
    r.solution_name,
    count(*) as rule_count,
    count(*) filter (where r.active) as active_count,
    count(*) filter (where not r.active) as suspended_count,
    count(distinct r.compliance_type) filter (where r.active) as active_type_count,
    max(r.updated_at) as last_changed_at
from fbs_compliance_rules as r
group by r.solution_name;

comment on view fbs_compliance_summary is
'How many compliance rules each solution has. Whether a rule is kept is not recorded with it. A solution without rules has no row.';
comment on column fbs_compliance_summary.solution_name is
'Solution that must keep the rules, by name.';
comment on column fbs_compliance_summary.rule_count is
'How many rules it has.';
comment on column fbs_compliance_summary.active_count is
'How many of them are in force.';
comment on column fbs_compliance_summary.suspended_count is
'How many of them are suspended.';
comment on column fbs_compliance_summary.active_type_count is
'From how many fields (tax, audit, ...) the rules in force come.';
comment on column fbs_compliance_summary.last_changed_at is
'When one of the rules last changed.';

create view fbs_compliance_audit_trail
with (security_invoker = true) as
select
    a.id,
    a.solution_name,
    a.record_type,
    a.record_id,
    a.action,
    a.user_id,
    a.details,
    a.timestamp,
    a.ip_address
from fbs_audit_trails as a;

comment on view fbs_compliance_audit_trail is
'Audit trail of one solution (solution_name), or of one record (record_type and record_id), whatever its solution. Read newest first: timestamp desc, id desc.';
comment on column fbs_compliance_audit_trail.id is
'Number that identifies the audit entry; of entries of the same time, the greater one was added later.';

create view fbs_compliance_user_activity
with (security_invoker = true) as
select
    a.id,
    a.solution_name,
    a.user_id,
    a.action,
    a.details,
    a.timestamp,
    a.ip_address,
    a.user_agent,
    a.session_id
from fbs_user_activity_logs as a;

comment on view fbs_compliance_user_activity is
'Activity of the users of one solution (solution_name). Read newest first: timestamp desc, id desc.';
comment on column fbs_compliance_user_activity.id is
'Number that identifies the activity entry; of entries of the same time, the greater one was added later.';

create view fbs_compliance_report_schedules
with (security_invoker = true) as
select
    s.id,
    s.solution_name,
    s.name,
    s.report_type,
    s.frequency,
    s.next_run,
    s.active,
    s.active and s.next_run < now() as is_overdue,
    s.configuration,
    s.created_at,
    s.updated_at
from fbs_report_schedules as s;

comment on view fbs_compliance_report_schedules is
'Timetable of the reports that each solution produces by itself.';
comment on column fbs_compliance_report_schedules.is_overdue is
'True when the schedule runs and its next time is past; false otherwise.';

create function fbs_next_recurrence(first_date date, frequency text, last_date date, on_date date)
returns date
language plpgsql
immutable
set search_path from current
as $$
declare
    months integer := case frequency when 'monthly' then 1 when 'quarterly' then 3 when 'yearly' then 12 end;
    days integer := case frequency when 'daily' then 1 when 'weekly' then 7 end;
    times integer;
    found_date date := first_date;
begin
    if not isfinite(first_date) or not isfinite(on_date) or (months is null and days is null) then
        return null;
    end if;
    if on_date > first_date and days is not null then
        found_date := first_date + days * ((on_date - first_date + days - 1) / days);
    elsif on_date > first_date then
        times := (
            12 * (extract(year from on_date) - extract(year from first_date))
            + extract(month from on_date) - extract(month from first_date)
        )::integer / months;
        -- Each date is counted from the first one, so that a short month does not
        -- move the later ones.
        found_date := (first_date + times * make_interval(months => months))::date;
        if found_date < on_date then
            found_date := (first_date + (times + 1) * make_interval(months => months))::date;
        end if;
    end if;
    return case when last_date is null or found_date <= last_date then found_date end;
end;
$$;

comment on function fbs_next_recurrence(date, text, date, date) is
'Internal. First day, on or after on_date, of what comes back from first_date on: daily, weekly, monthly, quarterly or yearly. A month too short for the day takes its last day, and later months the day itself again: 31 January, 28 or 29 February, 31 March. NULL after last_date, for any other frequency, and where a day is missing or infinite.';

create view fbs_compliance_recurring_transactions
with (security_invoker = true) as
select
    t.id,
    t.solution_name,
    t.name,
    t.transaction_type,
    t.amount,
    t.frequency,
    t.start_date,
    t.end_date,
    t.active,
    t.description,
    case when t.active then fbs_next_recurrence(t.start_date, t.frequency, t.end_date, current_date) end as next_date,
    t.created_at,
    t.updated_at
from fbs_recurring_transactions as t;

comment on view fbs_compliance_recurring_transactions is
'Payments and receipts that come back at regular times, each with its next day.';
comment on column fbs_compliance_recurring_transactions.next_date is
'Next day it is to be booked, today included; NULL when it is paused, past its last day, or its frequency is not one of the five.';

create function fbs_compliance_recurring_dates(
    solution_name text,
    since date default current_date,
    until date default null
)
returns table (
    recurring_transaction_id bigint,
    name text,
    transaction_type text,
    amount numeric,
    booking_date date
)
language sql
stable
set search_path from current
as $$
    with recursive bookings as (
        select
            t.*,
            fbs_next_recurrence(t.start_date, t.frequency, t.end_date, since) as booking_date
        from fbs_recurring_transactions as t
        where t.solution_name = fbs_compliance_recurring_dates.solution_name and t.active
        union all
        select
            b.id, b.solution_name, b.name, b.transaction_type, b.amount, b.frequency, b.start_date, b.end_date,
            b.active, b.description, b.created_at, b.updated_at,
            fbs_next_recurrence(b.start_date, b.frequency, b.end_date, b.booking_date + 1)
        from bookings as b
        where b.booking_date < least(coalesce(until, since + 90), since + 36525)
    )
    select b.id, b.name, b.transaction_type, b.amount, b.booking_date
    from bookings as b
    where b.booking_date <= least(coalesce(until, since + 90), since + 36525)
    order by b.booking_date, b.id;
$$;

comment on function fbs_compliance_recurring_dates(text, date, date) is
'Every day from since (by default today) until until (by default 90 days later, at most a hundred years), both included, on which a solution''s recurring transactions are to be booked; those that are paused or of an unknown frequency have none. The earliest first, by id where a day has several.';

select fbs_describe_views();
