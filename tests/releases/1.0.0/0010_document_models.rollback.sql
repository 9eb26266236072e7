-- 0010_document_models: back to before it. The rows go with the tables.

drop table fbs_dms_document;
drop function fbs_document_words(text, text);
drop table fbs_dms_file_attachment;
drop table fbs_dms_document_category;
drop table fbs_dms_document_type;
