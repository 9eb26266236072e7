-- 0018_cleanup_rules: back to before it. Rules that the host added are lost.

drop function fbs_check_rule(text);
drop function fbs_refuse_rules(text);
drop function fbs_usable_keys(text[], text);
drop function fbs_rule_parts(text);
drop function fbs_rule_values(regclass, jsonb, text);
drop function fbs_rule_value(regclass, text, jsonb);
drop view fbs_rule_states;
drop function fbs_rule_table(text);
drop function fbs_rule_problem(regclass);
drop table fbs_cleanup_rules;
