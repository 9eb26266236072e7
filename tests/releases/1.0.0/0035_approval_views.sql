-- 0035_approval_views: reading approval requests, their answers, and how long they take.
--
-- component: approvals
-- depends: 0002_approval_system

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_approvals_requests
with (security_invoker = true) as
select
    r.id,
    r.title,
    r.description,
    r.approval_type,
    r.status,
    r.requester_id,
    r.approver_id,
    r.solution_name,
    r.request_data ->> 'model_name' as model_name,
    r.request_data ->> 'record_id' as record_id,
    r.request_data,
    r.created_at,
    r.updated_at,
    r.approved_at
from fbs_approval_requests as r;

comment on view fbs_approvals_requests is
'Approval requests, whatever became of them. Read newest first: created_at desc, id desc.';
comment on column fbs_approvals_requests.model_name is
'Kind of the host''s record it is about, such as tenants.tenant; NULL when it names none.';
comment on column fbs_approvals_requests.record_id is
'Key of the host''s record it is about, as text; NULL when it names none.';

create view fbs_approvals_pending
with (security_invoker = true) as
select
    r.id,
    r.title,
    r.description,
    r.approval_type,
    r.requester_id,
    r.approver_id,
    r.solution_name,
    r.request_data ->> 'model_name' as model_name,
    r.request_data ->> 'record_id' as record_id,
    r.request_data,
    r.created_at,
    fbs_time_between(r.created_at, now()) as age
from fbs_approval_requests as r
where r.status = 'pending';

comment on view fbs_approvals_pending is
'Approval requests that wait for a decision, meant to be read for one approver and oldest first: created_at, id. Those nobody is chosen for have no approver_id.';
comment on column fbs_approvals_pending.model_name is
'Kind of the host''s record it is about, such as tenants.tenant; NULL when it names none.';
comment on column fbs_approvals_pending.record_id is
'Key of the host''s record it is about, as text; NULL when it names none.';
comment on column fbs_approvals_pending.age is
'How long ago the request was added.';

create view fbs_approvals_details
with (security_invoker = true) as
select
    r.id,
    r.title,
    r.description,
    r.approval_type,
    r.status,
    r.requester_id,
    r.approver_id,
    r.solution_name,
    r.request_data ->> 'model_name' as model_name,
    r.request_data ->> 'record_id' as record_id,
    r.request_data,
    r.created_at,
    r.updated_at,
    r.approved_at,
    a.responses
from fbs_approval_requests as r
inner join lateral (
    select
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'id', p.id,
                    'responder_id', p.responder_id,
                    'response', p.response,
                    'comments', p.comments,
                    'created_at', p.created_at
                )
                order by p.created_at, p.id
            ),
            '[]'
        ) as responses
    from fbs_approval_responses as p
    where p.approval_request_id = r.id
) as a on true;

comment on view fbs_approvals_details is
'One approval request with all answers given to it. Ask for it by id.';
comment on column fbs_approvals_details.id is
'Number that identifies the approval request.';
comment on column fbs_approvals_details.model_name is
'Kind of the host''s record it is about, such as tenants.tenant; NULL when it names none.';
comment on column fbs_approvals_details.record_id is
'Key of the host''s record it is about, as text; NULL when it names none.';
comment on column fbs_approvals_details.created_at is
'When the approval request was added; filled in by the database unless given.';
comment on column fbs_approvals_details.responses is
'JSON list of the answers, oldest first, each with id, responder_id, response, comments and created_at; [] when nobody has answered.';

-- Either half is read by an index of its own, and one of them has no rows: with a solution
-- named the second, without one the first.
create function fbs_approvals_turnaround(
    since timestamptz default null,
    until timestamptz default null,
    solution text default null
)
returns table (
    solution_name text,
    approval_type text,
    requests bigint,
    pending bigint,
    approved bigint,
    rejected bigint,
    cancelled bigint,
    approved_percent numeric,
    average_turnaround interval,
    median_turnaround interval,
    longest_turnaround interval,
    oldest_pending_at timestamptz
)
language sql
stable
set search_path from current
as $$
    with picked as (
        select r.id, r.solution_name, r.approval_type, r.status, r.created_at, r.approved_at
        from fbs_approval_requests as r
        where
            r.solution_name = solution
            and r.created_at >= coalesce(since, '-infinity')
            and r.created_at < coalesce(until, 'infinity')
        union all
        select r.id, r.solution_name, r.approval_type, r.status, r.created_at, r.approved_at
        from fbs_approval_requests as r
        where
            solution is null
            and r.created_at >= coalesce(since, '-infinity')
            and r.created_at < coalesce(until, 'infinity')
    ),

    decided as (
        select
            p.*,
            fbs_time_between(
                p.created_at,
                case
                    when p.status = 'approved' and p.approved_at is not null then p.approved_at
                    when p.status in ('approved', 'rejected')
                        then (
                            select max(a.created_at)
                            from fbs_approval_responses as a
                            where
                                a.approval_request_id = p.id
                                and a.response = case p.status when 'approved' then 'approve' else 'reject' end
                        )
                end
            ) as turnaround
        from picked as p
    )

    select
        d.solution_name,
        d.approval_type,
        count(*),
        count(*) filter (where d.status = 'pending'),
        count(*) filter (where d.status = 'approved'),
        count(*) filter (where d.status = 'rejected'),
        count(*) filter (where d.status = 'cancelled'),
        round(
            100.0 * count(*) filter (where d.status = 'approved')
            / nullif(count(*) filter (where d.status in ('approved', 'rejected')), 0),
            2
        ),
        avg(d.turnaround),
        percentile_cont(0.5) within group (order by d.turnaround),
        max(d.turnaround),
        min(d.created_at) filter (where d.status = 'pending')
    from decided as d
    group by d.solution_name, d.approval_type
    order by d.solution_name, d.approval_type
$$;

comment on function fbs_approvals_turnaround(timestamptz, timestamptz, text) is
'How approval requests made from since to before until (all unless given) fared, for each solution (or the one named) and type: how many, how many in each state, the share of decided ones that were approved, and how long a decision took. A decision''s time is approved_at of an approved request, else the last answer that says the same; where neither is there it is not known and left out. Cancelled ones are not decided. What there are no requests of has no row.';

create view fbs_approvals_approvers
with (security_invoker = true) as
select
    r.approver_id,
    count(*) as requests,
    count(*) filter (where r.status = 'pending') as pending,
    count(*) filter (where r.status = 'approved') as approved,
    count(*) filter (where r.status = 'rejected') as rejected,
    count(*) filter (where r.status = 'cancelled') as cancelled,
    min(r.created_at) filter (where r.status = 'pending') as oldest_pending_at,
    avg(fbs_time_between(r.created_at, r.approved_at)) filter (where r.status = 'approved') as average_approval_time
from fbs_approval_requests as r
group by r.approver_id;

comment on view fbs_approvals_approvers is
'What each approver has been asked for and has decided. Users never asked have no row; requests nobody is chosen for are counted under NULL.';
comment on column fbs_approvals_approvers.approver_id is
'User who is to decide; NULL for requests nobody is chosen for.';
comment on column fbs_approvals_approvers.requests is
'How many requests the user was asked to decide.';
comment on column fbs_approvals_approvers.pending is
'How many of them wait for a decision.';
comment on column fbs_approvals_approvers.approved is
'How many of them are approved.';
comment on column fbs_approvals_approvers.rejected is
'How many of them are rejected.';
comment on column fbs_approvals_approvers.cancelled is
'How many of them were dropped undecided.';
comment on column fbs_approvals_approvers.oldest_pending_at is
'When the oldest of those that wait was added; NULL when none waits.';
comment on column fbs_approvals_approvers.average_approval_time is
'Mean time from request to approval; NULL when none was approved.';

select fbs_describe_views();
