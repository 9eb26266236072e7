-- 0022_cleanup_sweep: back to before it.

drop function fbs_cover_partitions();
drop function fbs_sweep_keys(text, text, text, text[]);
drop function fbs_sweep_plan();
drop function fbs_target_gone(text);
drop function fbs_cleanup_destinations();
drop function fbs_sweep_orphans(text);
drop function fbs_recheck_cleanup(bigint[], text[]);
drop function fbs_await_writers(text, text);
drop function fbs_orphan_keys(text, text);
drop function fbs_rows_of_model(text, text);
drop function fbs_gone_keys(text, text[], text, text);
drop function fbs_held_keys(text, text, boolean);
drop function fbs_missing_keys(text, text[], text);
drop function fbs_require_host(text, text);
