-- 0005_bi_models: back to before it. The rows go with the tables.

drop table fbs_charts;
drop table fbs_kpis;
drop table fbs_reports;
drop table fbs_dashboards;
