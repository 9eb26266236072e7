-- 0039_compliance_views: back to before it.

drop function fbs_compliance_recurring_dates(text, date, date);
drop view fbs_compliance_recurring_transactions;
drop function fbs_next_recurrence(date, text, date, date);
drop view fbs_compliance_report_schedules;
drop view fbs_compliance_user_activity;
drop view fbs_compliance_audit_trail;
drop view fbs_compliance_summary;
drop view fbs_compliance_rule_list;
