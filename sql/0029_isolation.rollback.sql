-- 0029_isolation: back to before it. Isolation is switched off.

select fbs_isolate(false);

drop function fbs_isolation_problems();
drop function fbs_isolation_obstacles(boolean, regclass);
drop function fbs_keep_isolated();
drop function fbs_isolate(boolean);
drop function fbs_isolation_parts(boolean);
