-- 0037_workflow_views: reading workflows, how far their runs are, and what they went through.
--
-- component: workflow
-- depends: 0004_workflow_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_workflow_catalog
with (security_invoker = true) as
select
    d.id,
    d.name,
    d.description,
    d.workflow_type,
    d.version,
    d.is_active,
    d.is_template,
    d.solution_name,
    s.steps,
    s.required_steps,
    t.transitions,
    d.estimated_duration,
    s.steps_estimated_duration,
    d.trigger_conditions,
    d.workflow_data,
    d.created_by_id,
    d.created_at,
    d.updated_at
from fbs_workflow_definitions as d
inner join lateral (
    select
        count(*) as steps,
        count(*) filter (where x.is_required) as required_steps,
        sum(x.estimated_duration) as steps_estimated_duration
    from fbs_workflow_steps as x
    where x.workflow_definition_id = d.id
) as s on true
inner join lateral (
    select count(*) as transitions
    from fbs_workflow_transitions as x
    where x.workflow_definition_id = d.id
) as t on true;

comment on view fbs_workflow_catalog is
'Workflows as they are laid out, with how many steps and transitions each has. Read by workflow_type, name, id.';
comment on column fbs_workflow_catalog.steps is
'How many steps it has; 0 when none are laid out.';
comment on column fbs_workflow_catalog.required_steps is
'How many of them must be done.';
comment on column fbs_workflow_catalog.transitions is
'How many transitions it has.';
comment on column fbs_workflow_catalog.estimated_duration is
'How long a run is expected to take, in hours; NULL when not estimated.';
comment on column fbs_workflow_catalog.steps_estimated_duration is
'How long its steps are expected to take together, in hours; NULL when none is estimated.';

create view fbs_workflow_runs
with (security_invoker = true) as
select
    i.id,
    i.workflow_definition_id,
    d.name as workflow_name,
    d.version,
    d.workflow_type,
    i.solution_name,
    i.business_id,
    i.status,
    i.current_step_id,
    s.name as current_step_name,
    s.step_type as current_step_type,
    i.current_user_id,
    p.steps,
    case i.status when 'completed' then p.steps else p.steps_passed end as steps_done,
    case
        when i.status = 'completed' then 100
        when p.steps = 0 then null
        when s.id is not null then round(100.0 * p.steps_passed / p.steps, 2)
        when i.status = 'draft' then 0
    end as progress_percent,
    i.started_at,
    i.completed_at,
    fbs_time_between(i.started_at, u.until) as age,
    i.started_at + make_interval(hours => d.estimated_duration) as expected_at,
    u.until > i.started_at + make_interval(hours => d.estimated_duration) as is_late,
    i.workflow_data ->> 'model_name' as model_name,
    i.workflow_data ->> 'record_id' as record_id,
    i.workflow_data,
    i.notes
from fbs_workflow_instances as i
left join fbs_workflow_definitions as d on i.workflow_definition_id = d.id
left join fbs_workflow_steps as s on i.current_step_id = s.id
inner join lateral (
    select
        count(*) as steps,
        count(*) filter (where x."order" < s."order") as steps_passed
    from fbs_workflow_steps as x
    where x.workflow_definition_id = i.workflow_definition_id
) as p on true
inner join lateral (
    values (coalesce(i.completed_at, case when i.status not in ('completed', 'cancelled', 'failed') then now() end))
) as u (until) on true;

comment on view fbs_workflow_runs is
'Runs of workflows: state, present step, progress and age of each. Read newest first: started_at desc, id desc.';
comment on column fbs_workflow_runs.id is
'Number that identifies the workflow run.';
comment on column fbs_workflow_runs.workflow_definition_id is
'Workflow (fbs_workflow_definitions) that is being run; the run is deleted together with it.';
comment on column fbs_workflow_runs.workflow_name is
'Title people know the workflow by.';
comment on column fbs_workflow_runs.current_step_name is
'Title of the step; NULL when at none.';
comment on column fbs_workflow_runs.current_step_type is
'What happens at that step, such as task or approval; NULL when at none.';
comment on column fbs_workflow_runs.steps is
'How many steps the workflow has.';
comment on column fbs_workflow_runs.steps_done is
'How many of them come before the present one; all when completed, 0 when at none.';
comment on column fbs_workflow_runs.progress_percent is
'Those in percent of all steps: 100 when completed, 0 for a draft at no step; NULL when the workflow has no steps, or the run is at none for another reason.';
comment on column fbs_workflow_runs.age is
'Time since the run began; up to its end once it has ended, NULL when that is not known.';
comment on column fbs_workflow_runs.expected_at is
'When the run is expected to end, by the workflow''s estimate; NULL when not estimated.';
comment on column fbs_workflow_runs.is_late is
'Whether it has not ended by then, or ended later; NULL when not estimated, or its end is not known.';
comment on column fbs_workflow_runs.model_name is
'Kind of the host''s record it is about, such as tenants.tenant; NULL when it names none.';
comment on column fbs_workflow_runs.record_id is
'Key of the host''s record it is about, as text; NULL when it names none.';

create view fbs_workflow_active_runs
with (security_invoker = true) as
select
    i.id,
    i.workflow_definition_id,
    d.name as workflow_name,
    d.workflow_type,
    i.solution_name,
    i.business_id,
    i.current_user_id,
    i.current_step_id,
    s.name as current_step_name,
    s.step_type as current_step_type,
    s.assigned_role,
    i.started_at,
    fbs_time_between(i.started_at, now()) as age,
    fbs_time_between(coalesce(l.last_action_at, i.started_at), now()) as waiting,
    i.workflow_data ->> 'model_name' as model_name,
    i.workflow_data ->> 'record_id' as record_id,
    i.workflow_data,
    i.notes
from fbs_workflow_instances as i
left join fbs_workflow_definitions as d on i.workflow_definition_id = d.id
left join fbs_workflow_steps as s on i.current_step_id = s.id
inner join lateral (
    select max(x.timestamp) as last_action_at
    from fbs_workflow_execution_logs as x
    where x.workflow_instance_id = i.id
) as l on true
where i.status = 'active';

comment on view fbs_workflow_active_runs is
'Runs that are active (drafts, paused and ended ones are not), meant to be read for the user whose turn it is and oldest first: started_at, id.';
comment on column fbs_workflow_active_runs.id is
'Number that identifies the workflow run.';
comment on column fbs_workflow_active_runs.workflow_name is
'Title people know the workflow by.';
comment on column fbs_workflow_active_runs.current_step_name is
'Title of the step; NULL when at none.';
comment on column fbs_workflow_active_runs.current_step_type is
'What happens at that step, such as task or approval; NULL when at none.';
comment on column fbs_workflow_active_runs.assigned_role is
'Role whose holders do the step, such as manager; empty text when no role is set, NULL when at no step.';
comment on column fbs_workflow_active_runs.age is
'Time since the run began.';
comment on column fbs_workflow_active_runs.waiting is
'Time since the last entry in its log, or since it began where it has none.';
comment on column fbs_workflow_active_runs.model_name is
'Kind of the host''s record it is about, such as tenants.tenant; NULL when it names none.';
comment on column fbs_workflow_active_runs.record_id is
'Key of the host''s record it is about, as text; NULL when it names none.';

create view fbs_workflow_graphs
with (security_invoker = true) as
select
    d.id as workflow_definition_id,
    d.name,
    d.version,
    d.solution_name,
    n.nodes,
    e.edges
from fbs_workflow_definitions as d
inner join lateral (
    select
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'id', x.id,
                    'name', x.name,
                    'step_type', x.step_type,
                    'order', x."order",
                    'is_required', x.is_required,
                    'estimated_duration', x.estimated_duration,
                    'assigned_role', x.assigned_role,
                    'assigned_user_id', x.assigned_user_id,
                    'conditions', x.conditions,
                    'actions', x.actions
                )
                order by x."order", x.id
            ),
            '[]'
        ) as nodes
    from fbs_workflow_steps as x
    where x.workflow_definition_id = d.id
) as n on true
inner join lateral (
    select
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'id', x.id,
                    'from', x.from_step_id,
                    'to', x.to_step_id,
                    'transition_type', x.transition_type,
                    'is_default', x.is_default,
                    'conditions', x.conditions,
                    'actions', x.actions
                )
                order by f."order", t."order", x.id
            ),
            '[]'
        ) as edges
    from fbs_workflow_transitions as x
    left join fbs_workflow_steps as f on x.from_step_id = f.id
    left join fbs_workflow_steps as t on x.to_step_id = t.id
    where x.workflow_definition_id = d.id
) as e on true;

comment on view fbs_workflow_graphs is
'Each workflow as a graph: its steps are the nodes, its transitions the edges. Ask for it by workflow_definition_id.';
comment on column fbs_workflow_graphs.workflow_definition_id is
'Number that identifies the workflow (fbs_workflow_definitions).';
comment on column fbs_workflow_graphs.name is
'Title people know the workflow by; unique for one version and solution.';
comment on column fbs_workflow_graphs.nodes is
'JSON list of the steps in their order, each with id, name, step_type, order, is_required, estimated_duration (hours), assigned_role, assigned_user_id, conditions and actions; [] when there are none.';
comment on column fbs_workflow_graphs.edges is
'JSON list of the transitions by the order of the steps they leave and reach, each with id, from, to (ids of steps), transition_type, is_default, conditions and actions; [] when there are none.';

-- A step is of one definition, which PostgreSQL does not know: of a join it would expect
-- few rows, and join all of them before a page. The offset keeps this from being one.
create view fbs_workflow_open_transitions
with (security_invoker = true) as
select
    i.id as workflow_instance_id,
    t.id as transition_id,
    i.current_user_id,
    t.from_step_id,
    f.name as from_step_name,
    t.to_step_id,
    n.name as to_step_name,
    n.step_type as to_step_type,
    n.assigned_role as to_assigned_role,
    n.assigned_user_id as to_assigned_user_id,
    t.transition_type,
    t.is_default,
    t.conditions,
    t.actions
from fbs_workflow_instances as i
inner join lateral (
    select x.*
    from fbs_workflow_transitions as x
    where
        x.from_step_id = i.current_step_id
        and x.workflow_definition_id = i.workflow_definition_id
    order by x.is_default, x.id
    offset 0
) as t on true
inner join fbs_workflow_steps as f on t.from_step_id = f.id
inner join fbs_workflow_steps as n on t.to_step_id = n.id
where i.status = 'active';

comment on view fbs_workflow_open_transitions is
'Ways on from where each active run stands: those whose conditions the application judges, and the default way, taken when no other applies. Read for one workflow_instance_id.';
comment on column fbs_workflow_open_transitions.workflow_instance_id is
'Run (fbs_workflow_instances) that can take this way.';
comment on column fbs_workflow_open_transitions.transition_id is
'Transition (fbs_workflow_transitions) that is this way.';
comment on column fbs_workflow_open_transitions.from_step_id is
'Step (fbs_workflow_steps) where the run stands.';
comment on column fbs_workflow_open_transitions.from_step_name is
'Title of that step.';
comment on column fbs_workflow_open_transitions.to_step_id is
'Step (fbs_workflow_steps) it comes to this way.';
comment on column fbs_workflow_open_transitions.to_step_name is
'Title of that step.';
comment on column fbs_workflow_open_transitions.to_step_type is
'What happens there, such as task or approval.';
comment on column fbs_workflow_open_transitions.to_assigned_role is
'Role whose holders do that step; empty text when no role is set.';
comment on column fbs_workflow_open_transitions.to_assigned_user_id is
'User who does that step; NULL when no one person is set.';

create view fbs_workflow_log
with (security_invoker = true) as
select
    l.id,
    l.workflow_instance_id,
    i.workflow_definition_id,
    i.solution_name,
    i.business_id,
    l.action,
    l.action_data,
    l.timestamp,
    l.executed_by_id,
    l.notes
from fbs_workflow_execution_logs as l
left join fbs_workflow_instances as i on l.workflow_instance_id = i.id;

comment on view fbs_workflow_log is
'Log of the workflow runs, each entry with its run. Read newest first: timestamp desc, id desc.';
comment on column fbs_workflow_log.id is
'Number that identifies the entry in the run diary.';

create view fbs_workflow_analytics
with (security_invoker = true) as
select
    i.workflow_definition_id,
    i.solution_name,
    d.name as workflow_name,
    d.workflow_type,
    count(*) as runs,
    count(*) filter (where i.status = 'draft') as draft,
    count(*) filter (where i.status = 'active') as active,
    count(*) filter (where i.status = 'paused') as paused,
    count(*) filter (where i.status = 'completed') as completed,
    count(*) filter (where i.status = 'cancelled') as cancelled,
    count(*) filter (where i.status = 'failed') as failed,
    round(
        100.0 * count(*) filter (where i.status = 'completed')
        / nullif(count(*) filter (where i.status in ('completed', 'cancelled', 'failed')), 0),
        2
    ) as completed_percent,
    avg(fbs_time_between(i.started_at, i.completed_at)) filter (where i.status = 'completed') as average_duration,
    percentile_cont(0.5) within group (order by fbs_time_between(i.started_at, i.completed_at))
    filter (where i.status = 'completed') as median_duration,
    max(fbs_time_between(i.started_at, i.completed_at)) filter (where i.status = 'completed') as longest_duration,
    min(i.started_at) filter (where i.status in ('active', 'paused')) as oldest_open_at
from fbs_workflow_instances as i
left join fbs_workflow_definitions as d on i.workflow_definition_id = d.id
group by i.workflow_definition_id, i.solution_name, d.name, d.workflow_type;

comment on view fbs_workflow_analytics is
'Runs of each workflow in each solution: how many in each state and how long the completed ones took. A workflow never run has no row.';
comment on column fbs_workflow_analytics.workflow_definition_id is
'Workflow (fbs_workflow_definitions) whose runs are counted.';
comment on column fbs_workflow_analytics.solution_name is
'Business application (solution) whose runs are counted.';
comment on column fbs_workflow_analytics.workflow_name is
'Title people know the workflow by.';
comment on column fbs_workflow_analytics.runs is
'How many runs there are, whatever their state.';
comment on column fbs_workflow_analytics.draft is
'How many of them have not begun.';
comment on column fbs_workflow_analytics.active is
'How many of them are active.';
comment on column fbs_workflow_analytics.paused is
'How many of them are paused.';
comment on column fbs_workflow_analytics.completed is
'How many of them are completed.';
comment on column fbs_workflow_analytics.cancelled is
'How many of them were cancelled.';
comment on column fbs_workflow_analytics.failed is
'How many of them were stopped by an error.';
comment on column fbs_workflow_analytics.completed_percent is
'Completed ones in percent of those that ended (completed, cancelled or failed); NULL when none has.';
comment on column fbs_workflow_analytics.average_duration is
'Mean time from start to end of the completed ones; NULL when there are none.';
comment on column fbs_workflow_analytics.median_duration is
'Time half of the completed ones took at most; NULL when there are none.';
comment on column fbs_workflow_analytics.longest_duration is
'Longest time one of the completed ones took; NULL when there are none.';
comment on column fbs_workflow_analytics.oldest_open_at is
'When the oldest of the active and paused ones began; NULL when there are none.';

create view fbs_workflow_waiting
with (security_invoker = true) as
select
    i.workflow_definition_id,
    i.current_step_id,
    i.solution_name,
    s.name as current_step_name,
    s.step_type as current_step_type,
    count(*) as runs,
    count(*) filter (where i.status = 'paused') as paused,
    count(*) filter (where i.current_user_id is null) as without_user,
    avg(fbs_time_between(coalesce(l.last_action_at, i.started_at), now())) as average_wait,
    percentile_cont(0.5) within group (
        order by fbs_time_between(coalesce(l.last_action_at, i.started_at), now())
    ) as median_wait,
    max(fbs_time_between(coalesce(l.last_action_at, i.started_at), now())) as longest_wait
from fbs_workflow_instances as i
left join fbs_workflow_steps as s on i.current_step_id = s.id
inner join lateral (
    select max(x.timestamp) as last_action_at
    from fbs_workflow_execution_logs as x
    where x.workflow_instance_id = i.id
) as l on true
where i.status in ('active', 'paused')
group by i.workflow_definition_id, i.current_step_id, i.solution_name, s.name, s.step_type;

comment on view fbs_workflow_waiting is
'Where active and paused runs wait: how many at each step, and for how long. A run waits since the last entry in its log, or since it started where it has none.';
comment on column fbs_workflow_waiting.current_step_id is
'Step (fbs_workflow_steps) at which the runs wait; NULL for those at none.';
comment on column fbs_workflow_waiting.current_step_name is
'Title of the step; NULL when at none.';
comment on column fbs_workflow_waiting.current_step_type is
'What happens at that step, such as task or approval; NULL when at none.';
comment on column fbs_workflow_waiting.runs is
'How many runs wait there.';
comment on column fbs_workflow_waiting.paused is
'How many of them are paused.';
comment on column fbs_workflow_waiting.without_user is
'How many of them are nobody''s turn.';
comment on column fbs_workflow_waiting.average_wait is
'Mean time they have waited.';
comment on column fbs_workflow_waiting.median_wait is
'Time half of them have waited at most.';
comment on column fbs_workflow_waiting.longest_wait is
'Time the one that waits longest has waited.';

select fbs_describe_views();
