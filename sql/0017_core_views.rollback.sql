-- 0017_core_views: back to before it.

drop view fbs_operations_business_rules;
drop index fbs_business_rules_model_name_priority_name_id_idx;
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
drop view fbs_notifications_alerts;
drop view fbs_notifications_counts;
drop view fbs_notifications_inbox;
drop index fbs_cache_entries_database_name_created_at_expires_at_idx;
drop index fbs_custom_fields_active_model_name_record_id_database_name_idx;
drop index fbs_notifications_created_at_id_idx;
drop index fbs_notifications_unread_created_at_id_idx;
drop index fbs_notifications_solution_name_unread_created_at_id_idx;
drop index fbs_notifications_user_id_unread_created_at_id_idx;
