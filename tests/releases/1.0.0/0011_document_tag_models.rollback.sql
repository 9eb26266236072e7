-- 0011_document_tag_models: back to before it. The rows go with the tables.

drop trigger fbs_dms_document_category_keep_shared on fbs_dms_document_category;
drop trigger fbs_dms_document_type_keep_shared on fbs_dms_document_type;
drop table fbs_dms_document_tags;
drop table fbs_dms_document_tag;
drop function fbs_keep_shared();
