-- 0011_document_tag_models: back to before it. The rows go with the tables.

drop table fbs_dms_document_tags;
drop table fbs_dms_document_tag;
