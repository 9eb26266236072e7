-- 0019_cleanup: back to before it. FBS's own rules go.

drop trigger fbs_cleanup_rules_compile on fbs_cleanup_rules;
drop trigger fbs_cleanup_rules_rest on fbs_cleanup_rules;
drop trigger fbs_cleanup_rules_check on fbs_cleanup_rules;
delete from fbs_cleanup_rules;
drop function fbs_apply_rules(text, text[], text, boolean, bigint);
drop function fbs_rules_changed();
drop function fbs_compile_rules();
drop function fbs_rules_body();
drop function fbs_rekey_rule(text, text, text[], text[], text, boolean);
drop function fbs_apply_rule(text, text, text[], text, boolean);
drop function fbs_check_deferred(regclass[], integer[], text[]);
