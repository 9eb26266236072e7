-- 0019_msme_views: back to before it.

drop view fbs_msme_dashboard;
drop function fbs_msme_analytics_summary(text, date, date);
drop view fbs_msme_analytics_series;
drop index fbs_msme_analytics_date_id_idx;
drop index fbs_msme_analytics_solution_name_date_id_idx;
drop view fbs_msme_setup_templates;
drop index fbs_msme_templates_business_type_name_id_idx;
drop view fbs_msme_campaigns;
drop index fbs_msme_marketing_campaign_type_start_date_id_idx;
drop index fbs_msme_marketing_status_start_date_id_idx;
drop index fbs_msme_marketing_start_date_id_idx;
drop index fbs_msme_marketing_solution_name_start_date_id_idx;
drop view fbs_msme_compliance_status;
drop statistics fbs_msme_compliance_due_state_stat;
drop function fbs_judge_duty(text, date, date, date);
drop index fbs_msme_compliance_status_due_date_id_idx;
drop index fbs_msme_compliance_compliance_type_due_date_id_idx;
drop index fbs_msme_compliance_due_date_id_idx;
drop view fbs_msme_kpi_progress;
drop index fbs_msme_kpis_trend_solution_name_kpi_name_period_idx;
drop index fbs_msme_kpis_kpi_type_solution_name_kpi_name_period_idx;
drop view fbs_msme_setup;
