-- 0044_discovery_views: back to before it.

drop function fbs_discovery_schema(text, text);
drop view fbs_discovery_session_list;
drop view fbs_discovery_modules;
drop view fbs_discovery_fields;
drop view fbs_discovery_models;
