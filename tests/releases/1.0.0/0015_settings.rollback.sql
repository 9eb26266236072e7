-- 0015_settings: back to before it. The values that were set are lost, and the further
-- names of solutions.

drop function fbs_solution_condition(text[]);
drop function fbs_row_is_of(text, boolean, text[], text[]);
drop table fbs_solution_map;
drop function fbs_setting(text);
drop table fbs_settings;
drop function fbs_check_setting();
drop function fbs_relation_names();
drop function fbs_named(regclass);
drop function fbs_counted(bigint, text);
drop function fbs_command(text[]);
