-- 0010_document_models: back to before it. The rows go with the tables.

drop trigger fbs_dms_file_attachment_queue_all_files on fbs_dms_file_attachment;
drop trigger fbs_dms_file_attachment_queue_files on fbs_dms_file_attachment;
drop function fbs_file_done(bigint, text);
drop function fbs_claim_files(integer, bigint);
drop function fbs_file_is_named(text);
drop function fbs_file_path(text);
drop function fbs_queue_files();
drop table fbs_file_deletions;

alter table fbs_dms_document_workflow
drop constraint fbs_dms_document_workflow_current_step_id_fkey;

drop table fbs_dms_document_approval;
drop table fbs_dms_document_workflow;
drop table fbs_dms_document_tags;
drop table fbs_dms_document;
drop table fbs_dms_file_attachment;
drop table fbs_dms_document_tag;
drop table fbs_dms_document_category;
drop table fbs_dms_document_type;
