-- 0017_hosts: back to before it. The attached tables are forgotten.

drop function fbs_detach_host(regclass);
drop function fbs_attach_host(regclass, text, text, text, boolean, text);
drop function fbs_rename_model(text, text, text);
drop function fbs_has_statement_trigger(oid, text);
drop function fbs_host_triggers(regclass);
drop function fbs_host_problem(regclass, text, text);
drop function fbs_is_unique(regclass, text, boolean);
drop function fbs_is_alone(text, text);
drop table fbs_hosts;
