-- 0023_cleanup_across: back to before it. Clean-ups that wait for other databases are lost.

drop function fbs_set_cleanup_targets(text[], text[]);
drop function fbs_waiting_tickets(uuid[]);
drop function fbs_received_cleanups(text, uuid[]);
drop function fbs_cleanup_carried(bigint[], text, text, boolean);
drop function fbs_receive_cleanup(text, uuid[], text, text[], text[], text[], text, boolean);
drop function fbs_fan_out(bigint[], text[], text[]);
drop function fbs_claim_fan_out(text, integer);
drop function fbs_claim_cleanup(text, integer, boolean);
drop function fbs_source();
drop function fbs_queue_sweep(text, text);
drop function fbs_note_for_targets(text, text, text, text[], text[], text[]);
drop view fbs_cleanup_terms;
drop table fbs_cleanup_received;
drop table fbs_cleanup_targets;
