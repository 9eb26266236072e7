-- 0049_suite_views: back to before it.

drop function fbs_suite_deadlines(text, date, date, bigint, date);
drop function fbs_find_deadlines(text, date, date, date, bigint);
