-- 0048_license_views: back to before it.

drop view fbs_licensing_usage;
drop function fbs_licensing_features(text, date);
drop function fbs_licensing_feature(text, text, date);
drop function fbs_licensing_license(text, date);
drop view fbs_licensing_licenses;
drop function fbs_find_limit(jsonb, text);
drop function fbs_parse_json(text);
