-- 0026_rights: back to before it.

drop function fbs_rights();
