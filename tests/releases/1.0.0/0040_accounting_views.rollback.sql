-- 0040_accounting_views: back to before it.

drop view fbs_accounting_transactions;
drop function fbs_accounting_cash_by_method(text, date);
drop function fbs_accounting_cash_position(text, date);
drop function fbs_accounting_cash_ledger(text, date, date, date, bigint, numeric, bigint);
drop view fbs_accounting_cash_entries;
