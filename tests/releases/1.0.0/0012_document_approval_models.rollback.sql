-- 0012_document_approval_models: back to before it. The rows go with the tables.

alter table fbs_dms_document_workflow
drop constraint fbs_dms_document_workflow_current_step_id_fkey;

drop table fbs_dms_document_approval;
drop table fbs_dms_document_workflow;
