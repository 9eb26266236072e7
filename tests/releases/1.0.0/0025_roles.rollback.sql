-- 0025_roles: back to before it. Roles keep what they were granted.

drop function fbs_workers();
drop function fbs_right_changes(oid, text[], boolean);
drop function fbs_rights_of(oid);
drop function fbs_work_rights(text);
drop function fbs_routines();
drop function fbs_relations();
drop function fbs_session_functions();
drop function fbs_worker_functions();
drop function fbs_internal_tables();
drop view fbs_secret_columns;
drop table fbs_roles;
