-- 0027_grants: back to before it. Roles keep what they were granted.

drop function fbs_role_differences();
drop function fbs_grant_roles();
drop function fbs_revoke_role(text, text, boolean);
drop function fbs_grant_role(text, text, text[], boolean, boolean);
drop function fbs_role_powers(oid);
