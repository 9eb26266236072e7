-- 0026_rights: back to before it.

drop function fbs_grant_roles();
drop function fbs_revoke_role(text, text, boolean);
drop function fbs_grant_role(text, text, text[], boolean, boolean);
drop function fbs_role_powers(oid);
drop function fbs_secret_readers();
drop function fbs_rights_granted();
drop function fbs_rights();
drop function fbs_relation_names();
