-- 0023_core_views: back to before it.

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
drop function fbs_custom_fields_records(text, integer[], text);
drop view fbs_custom_fields_objects;
drop view fbs_custom_fields_values;
drop function fbs_custom_fields_typed(text, text);
drop function fbs_cast_custom_value(text, text);
drop view fbs_notifications_alerts;
drop view fbs_notifications_counts;
drop view fbs_notifications_inbox;
