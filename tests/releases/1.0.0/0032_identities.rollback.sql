-- 0032_identities: back to before it.

drop function fbs_advance_identity(text);
drop function fbs_check_identities();
drop view fbs_identities;
