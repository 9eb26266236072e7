-- 0044_document_approval_views: back to before it.

drop policy if exists fbs_solution on fbs_dms_document_workflow;
drop function fbs_is_step_of(bigint, bigint);
drop view fbs_documents_pending_approvals;
drop view fbs_documents_details;
