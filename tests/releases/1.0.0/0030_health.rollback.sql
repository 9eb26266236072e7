-- 0030_health: back to before it.

drop function fbs_health(boolean);
drop function fbs_states();
