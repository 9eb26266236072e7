-- 0034_operation_views: back to before it.

drop view fbs_operations_business_rules;
drop function fbs_operations_token_owner(text, timestamptz);
drop function fbs_operations_verified_handshake(text, text, timestamptz);
drop function fbs_operations_handshake(text, timestamptz);
drop view fbs_operations_handshakes;
drop view fbs_operations_cache;
drop function fbs_operations_cached(text, timestamptz);
drop function fbs_operations_requests_over_time(timestamptz, timestamptz, interval, timestamptz);
drop function fbs_operations_requests_by_status(timestamptz, timestamptz);
drop function fbs_operations_requests_by_path(timestamptz, timestamptz);
drop view fbs_operations_requests;
