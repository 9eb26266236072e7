-- 0025_roles: back to before it. Roles keep what they were granted.

drop function fbs_worker_functions();
drop function fbs_internal_tables();
drop view fbs_secret_columns;
drop table fbs_roles;
