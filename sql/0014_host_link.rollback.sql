-- 0014_host_link: back to before it. Host tables are detached; what waits in the
-- queue, and rules the host added, are lost.

select fbs_detach_host(h.host_table)
from fbs_hosts as h
inner join pg_class as c on h.host_table = c.oid;

drop function fbs_set_cleanup_targets(text[]);
drop function fbs_receive_cleanup(text, uuid[], text, text[], text[], text[]);
drop function fbs_recheck_cleanup(bigint[], text[]);
drop function fbs_await_writers(text);
drop function fbs_claim_cleanup(text, integer, boolean);
drop function fbs_source();
drop function fbs_retry_cleanup(integer, boolean);
drop function fbs_work_queue(integer, boolean);
drop function fbs_failed_rule(text, text);
drop function fbs_put_off(bigint[], text, text, boolean);
drop function fbs_run_queued(bigint[]);
drop function fbs_clean_gone(text, text[]);
drop function fbs_sweep_orphans(text);
drop function fbs_detach_host(regclass);
drop function fbs_attach_host(regclass, text, text);
drop function fbs_rows_of_model(text);
drop function fbs_rename_model(text, text);
drop function fbs_host_triggers(regclass, text, text);
drop function fbs_mark_statement();
drop function fbs_cleanup();
drop function fbs_move(text, text[], text[]);
drop function fbs_noted_moves(text);
drop function fbs_clean(text, text[]);
drop function fbs_users_cancel(text, text);
drop function fbs_note_for_targets(text, text, text[], text[]);
drop function fbs_queue_cleanup(text, text[], text, text, text);
drop function fbs_orphan_keys(text);
drop function fbs_gone_keys(text, text[], text);
drop function fbs_moving_keys(text, text);
drop function fbs_held_keys(text);
drop function fbs_missing_keys(text, text[]);
drop function fbs_apply_rules(text, text[], text[], text);
drop function fbs_deferred_constraints(text, integer);
drop function fbs_cleanup_mode();
drop function fbs_wake_rules();
drop table fbs_cleanup_rules;
drop function fbs_compile_rule();
drop function fbs_usable_keys(text[], text);
drop table fbs_cleanup_received;
drop table fbs_cleanup_targets;
drop table fbs_cleanup_queue;
drop table fbs_hosts;
