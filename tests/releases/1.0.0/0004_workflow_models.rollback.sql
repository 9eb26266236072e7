-- 0004_workflow_models: back to before it. The rows go with the tables.

drop table fbs_workflow_execution_logs;
drop table fbs_workflow_transitions;
drop table fbs_workflow_instances;
drop table fbs_workflow_steps;
drop table fbs_workflow_definitions;
drop function fbs_find_workflow_runs(text, text);
