-- 0003_msme_models: back to before it. The rows go with the tables.

drop table fbs_msme_analytics;
drop table fbs_msme_templates;
drop table fbs_msme_marketing;
drop table fbs_msme_compliance;
drop table fbs_msme_kpis;
drop table fbs_msme_setup_wizard;
