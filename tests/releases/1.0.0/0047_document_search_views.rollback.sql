-- 0047_document_search_views: back to before it.

drop function fbs_documents_by_metadata(text, jsonb, bigint, timestamptz, bigint);
drop function fbs_documents_search(text, text, text, bigint, bigint, bigint, timestamptz, bigint);
drop function fbs_find_documents_by_metadata(text, jsonb, timestamptz, bigint, bigint);
drop function fbs_find_documents_by_words(text, tsquery, bigint[], timestamptz, bigint);
drop function fbs_document_matches(bigint, text, text, tsquery);
drop function fbs_document_tag_names(bigint);
drop function fbs_document_query(text, text);
