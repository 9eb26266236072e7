-- 0028_solutions: back to before it.

drop function fbs_fill_solution();
drop view fbs_solution_tables;
drop function fbs_reads_isolated(regclass, text);
drop function fbs_solutions(text);
drop function fbs_session_solutions();
