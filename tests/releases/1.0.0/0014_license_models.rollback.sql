-- 0014_license_models: back to before it. The rows go with the tables.

drop table fbs_license_manager_manager;
drop table fbs_license_manager_feature_usage;
drop table fbs_license_manager_solution_license;
drop function fbs_judge_license(text, text, timestamptz, date);
