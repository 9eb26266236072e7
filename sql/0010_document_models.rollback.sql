-- 0010_document_models: back to before it. The rows go with the tables.

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
