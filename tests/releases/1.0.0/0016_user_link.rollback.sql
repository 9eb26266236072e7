-- 0016_user_link: back to before it. Users are detached; the values of user columns
-- stay.

select fbs_detach_users();
drop function fbs_detach_users();
drop function fbs_attach_users(regclass, boolean);
drop function fbs_check_user_column(text, text, boolean);
drop function fbs_link_users(regclass, integer);
drop function fbs_refuse_foreign_code(regclass);
drop function fbs_foreign_code(regclass, boolean);
drop view fbs_user_columns;
