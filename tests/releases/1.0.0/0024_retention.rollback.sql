-- 0024_retention: back to before it.

drop function fbs_give_up_cleanup(bigint[]);
drop function fbs_replica_lag();
drop function fbs_purge(text, jsonb, integer);
drop function fbs_expired(text[]);
drop view fbs_retention;
