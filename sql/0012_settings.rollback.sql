-- 0012_settings: back to before it. Settings that were changed are lost.

drop function fbs_setting(text);
drop table fbs_settings;
drop function fbs_check_setting();
