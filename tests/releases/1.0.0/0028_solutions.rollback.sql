-- 0028_solutions: back to before it.

drop function fbs_solution_source(regclass, text);
drop function fbs_doubtful_names();
drop function fbs_solution_named(text, text);
drop function fbs_solution_policy(regclass, boolean);
drop function fbs_fill_solution();
drop view fbs_solution_tables;
drop function fbs_reads_isolated(regclass, text);
drop function fbs_solutions(text);
drop function fbs_session_solutions();
