-- 0006_compliance_models: back to before it. The rows go with the tables.

drop table fbs_user_activity_logs;
drop table fbs_recurring_transactions;
drop table fbs_report_schedules;
drop table fbs_audit_trails;
drop table fbs_compliance_rules;
