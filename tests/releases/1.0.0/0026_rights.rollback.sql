-- 0026_rights: back to before it.

drop function fbs_secret_readers();
drop function fbs_rights_granted();
drop function fbs_rights();
