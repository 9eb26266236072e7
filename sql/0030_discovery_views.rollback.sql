-- 0030_discovery_views: back to before it.

drop function fbs_discovery_schema(text, text);
drop view fbs_discovery_session_list;
drop view fbs_discovery_modules;
drop view fbs_discovery_fields;
drop view fbs_discovery_models;
drop index fbs_odoo_modules_module_name_idx;
drop index fbs_odoo_fields_relation_model_idx;
drop index fbs_odoo_fields_field_name_idx;
drop index fbs_odoo_models_module_name_idx;
drop index fbs_odoo_models_model_name_idx;
