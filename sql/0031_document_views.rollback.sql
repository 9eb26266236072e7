-- 0031_document_views: back to before it.

drop function fbs_documents_statistics(text, date);
drop function fbs_documents_storage_by_type(text);
drop function fbs_documents_storage(text);
drop function fbs_documents_expired(text, date, bigint, date);
drop function fbs_documents_expiring(text, integer, date);
drop function fbs_documents_by_metadata(text, jsonb, bigint, timestamptz, bigint);
drop function fbs_documents_search(text, text, text, bigint, bigint, bigint, double precision, bigint);
drop view fbs_documents_pending_approvals;
drop view fbs_documents_details;
drop view fbs_documents_overview;
drop view fbs_documents_categories;
drop index fbs_dms_document_approval_status_id_idx;
drop index fbs_dms_document_approval_status_approver_id_id_idx;
drop index fbs_dms_document_company_id_expiry_date_idx;
drop index fbs_dms_document_created_at_id_idx;
drop index fbs_dms_document_created_by_id_category_id_created_at_id_idx;
drop index fbs_dms_document_company_id_category_id_created_at_id_idx;
drop index fbs_dms_document_solution_db_created_at_id_idx;
drop index fbs_dms_document_state_created_at_id_idx;
drop index fbs_dms_document_metadata_idx;
drop index fbs_dms_document_tag_words_idx;
drop index fbs_dms_document_words_idx;
drop function fbs_document_words(text, text);
drop function fbs_split_words(text);
drop function fbs_word_border();
