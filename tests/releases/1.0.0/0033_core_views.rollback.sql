-- 0033_core_views: back to before it.

drop function fbs_custom_fields_records(text, integer[], text);
drop view fbs_custom_fields_objects;
drop view fbs_custom_fields_values;
drop function fbs_custom_fields_typed(text, text);
drop function fbs_cast_custom_value(text, text);
drop view fbs_notifications_alerts;
drop view fbs_notifications_counts;
drop view fbs_notifications_inbox;
