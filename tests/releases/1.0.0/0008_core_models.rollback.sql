-- 0008_core_models: back to before it. The rows go with the tables.

drop table fbs_custom_fields;
drop table fbs_notifications;
drop table fbs_handshakes;
drop table fbs_cache_entries;
drop table fbs_business_rules;
drop table fbs_request_logs;
drop table fbs_token_mappings;
drop table fbs_odoo_databases;
