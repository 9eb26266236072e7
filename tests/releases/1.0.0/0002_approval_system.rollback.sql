-- 0002_approval_system: back to before it. The rows go with the tables.

drop table fbs_approval_responses;
drop table fbs_approval_requests;
drop function fbs_find_approval_requests(text, text);
