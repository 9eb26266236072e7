-- 0042_document_approval_views: back to before it.

drop view fbs_documents_pending_approvals;
drop view fbs_documents_details;
