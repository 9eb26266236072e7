-- 0001_initial: back to before it. The history goes too, so every other file has
-- to be rolled back first.

drop function fbs_describe_views();
drop function fbs_revoke_execute();
drop function fbs_only_owner();
drop function fbs_trusts(oid);
drop function fbs_owner();
drop function fbs_refuse_moved();
drop function fbs_time_between(timestamptz, timestamptz);
drop function fbs_days_between(date, date);
drop function fbs_touch_last_updated();
drop function fbs_touch();
drop function fbs_keep();
drop function fbs_require_user_table(regclass);
drop domain fbs_user_id;
drop function fbs_key_collation(regclass);
drop function fbs_key_type(regclass);
drop function fbs_base_type(oid, integer);
drop function fbs_key_column(regclass);
drop table fbs_migration_log;
drop table fbs_migrations;
