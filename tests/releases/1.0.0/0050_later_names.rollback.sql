-- 0050_later_names: back to before it. The views go, the tables stay.

select fbs_drop_later_names();

drop function fbs_drop_later_names(text[]);
drop function fbs_add_later_names();
drop function fbs_drop_later_name(regclass);
drop view fbs_later_names;
