-- 0036_msme_views: back to before it.

drop view fbs_msme_dashboard;
drop function fbs_msme_analytics_summary(text, date, date);
drop view fbs_msme_analytics_series;
drop view fbs_msme_setup_templates;
drop view fbs_msme_campaigns;
drop view fbs_msme_compliance_status;
drop function fbs_is_due_state(text, text, date, date, date);
drop view fbs_msme_kpi_progress;
drop view fbs_msme_setup;
