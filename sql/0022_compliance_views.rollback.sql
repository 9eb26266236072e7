-- 0022_compliance_views: back to before it.

drop function fbs_compliance_recurring_dates(text, date, date);
drop view fbs_compliance_recurring_transactions;
drop function fbs_next_recurrence(date, text, date, date);
drop view fbs_compliance_report_schedules;
drop view fbs_compliance_user_activity;
drop view fbs_compliance_audit_trail;
drop view fbs_compliance_summary;
drop view fbs_compliance_rule_list;
drop index fbs_recurring_transactions_solution_name_idx;
drop index fbs_report_schedules_next_run_id_idx;
drop index fbs_user_activity_logs_timestamp_id_idx;
drop index fbs_user_activity_logs_solution_name_timestamp_id_idx;
drop index fbs_user_activity_logs_user_id_timestamp_id_idx;
drop index fbs_audit_trails_timestamp_id_idx;
drop index fbs_audit_trails_solution_name_timestamp_id_idx;
drop index fbs_audit_trails_user_id_timestamp_id_idx;
drop index fbs_audit_trails_record_type_record_id_timestamp_id_idx;
