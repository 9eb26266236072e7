-- 0031_checks: back to before it.

drop function fbs_check_hosts();
drop function fbs_check_rows(text);
drop function fbs_keys_between_tables(text);
drop view fbs_choices;
