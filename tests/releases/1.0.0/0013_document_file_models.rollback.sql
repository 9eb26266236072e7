-- 0013_document_file_models: back to before it. The rows go with the tables.

drop trigger fbs_dms_file_attachment_queue_all_files on fbs_dms_file_attachment;
drop trigger fbs_dms_file_attachment_queue_files on fbs_dms_file_attachment;
drop function fbs_give_up_files(bytea[]);
drop function fbs_waiting_files(boolean);
drop function fbs_file_done(bigint, text);
drop function fbs_claim_files(integer, bigint);
drop function fbs_file_is_named(text);
drop function fbs_file_path(text);
drop function fbs_queue_files();
drop table fbs_file_deletions;
