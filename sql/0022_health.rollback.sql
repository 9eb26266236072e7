-- 0022_health: back to before it.

drop function fbs_advance_identity(text);
drop function fbs_check_identities();
drop view fbs_identities;
drop function fbs_check_hosts();
drop function fbs_check_rows(text);
drop function fbs_keys_between_tables(text);
drop view fbs_choices;
drop function fbs_health();
drop function fbs_rights();
drop function fbs_states();
