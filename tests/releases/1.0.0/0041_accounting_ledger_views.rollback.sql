-- 0041_accounting_ledger_views: back to before it.

drop function fbs_accounting_trial_balance(text, date);
drop view fbs_accounting_account_balances;
drop function fbs_accounting_account_ledger(text, text, date, date, date, bigint, numeric, bigint);
drop view fbs_accounting_ledger_lines;
