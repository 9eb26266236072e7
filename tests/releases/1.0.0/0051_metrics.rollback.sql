-- 0051_metrics: back to before it.

drop view fbs_metrics;
drop function fbs_releases();
drop function fbs_note_run();
drop table fbs_worker_last_run;
