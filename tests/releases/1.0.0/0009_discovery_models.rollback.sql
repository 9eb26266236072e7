-- 0009_discovery_models: back to before it. The rows go with the tables.

drop table fbs_discovery_sessions;
drop table fbs_odoo_modules;
drop table fbs_odoo_fields;
drop table fbs_odoo_models;
