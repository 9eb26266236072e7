-- 0020_cleanup_trigger: back to before it. Host tables are detached.

select fbs_detach_host(h.host_table)
from fbs_hosts as h
inner join pg_class as c on h.host_table = c.oid;

drop function fbs_cleanup();
drop function fbs_refuse_shadows(name[]);
drop function fbs_on_failure(text, text, text[], text[], text, text, text[]);
drop function fbs_on_rekey(text, text, text[], text[], boolean, text[]);
drop function fbs_on_truncate(text, text);
drop function fbs_on_delete(text, text, text[], boolean, boolean, text[]);
drop function fbs_rekey(text, text[], text[], text, boolean);
drop function fbs_users_cancel(text, text);
drop function fbs_refuse_triggers(regclass, boolean);
