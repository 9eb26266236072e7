-- 0027_isolation: back to before it. Isolation is switched off.

select fbs_isolate(false);

drop function fbs_isolation_obstacles(boolean);
drop function fbs_isolate(boolean);
drop function fbs_isolation_parts(boolean);
drop function fbs_fill_solution();
drop function fbs_solution_policy(regclass, boolean);
drop view fbs_solution_tables;
drop function fbs_solutions(text);
drop function fbs_session_solutions();
