-- 0038_bi_views: back to before it.

drop function fbs_bi_schedules_due(timestamptz, text, timestamptz);
drop view fbs_bi_charts;
drop function fbs_bi_kpi_state(bigint, numeric);
drop view fbs_bi_kpis;
drop view fbs_bi_reports;
drop function fbs_bi_visible_dashboards(fbs_user_id);
drop view fbs_bi_dashboards;
