-- 0016_health: back to before it.

drop function fbs_check_rows(text);
drop view fbs_choices;
drop function fbs_health();
