-- 0021_cleanup_queue: back to before it. Clean-ups that wait are lost.

drop function fbs_waiting_cleanups(boolean, bigint[]);
drop function fbs_retry_cleanup(integer, boolean);
drop function fbs_work_queue(integer, boolean, bigint[]);
drop function fbs_failed_rule(text, text);
drop function fbs_put_off(bigint[], text, text, boolean);
drop function fbs_run_queued(bigint[]);
drop function fbs_run_rekey(text, text[], text[], text, boolean);
drop function fbs_waiting_keys(text, text, text);
drop function fbs_queue_cleanup(text, text, text[], text, text, text);
drop table fbs_cleanup_queue;
