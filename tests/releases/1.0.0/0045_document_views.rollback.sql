-- 0045_document_views: back to before it.

drop function fbs_documents_statistics(text, date);
drop function fbs_documents_storage_by_type(text);
drop function fbs_documents_storage(text);
drop function fbs_documents_expired(text, date, bigint, date);
drop function fbs_documents_expiring(text, integer, date);
drop view fbs_documents_overview;
drop view fbs_documents_categories;
