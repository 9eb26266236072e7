-- 0037_workflow_views: back to before it.

drop view fbs_workflow_waiting;
drop view fbs_workflow_analytics;
drop view fbs_workflow_log;
drop view fbs_workflow_open_transitions;
drop view fbs_workflow_graphs;
drop view fbs_workflow_active_runs;
drop view fbs_workflow_runs;
drop view fbs_workflow_catalog;
