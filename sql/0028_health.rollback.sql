-- 0028_health: back to before it.

drop function fbs_role_differences();
drop function fbs_health();
drop function fbs_isolation_problems();
drop function fbs_states();
