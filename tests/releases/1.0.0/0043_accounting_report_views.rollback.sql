-- 0043_accounting_report_views: back to before it.

drop function fbs_accounting_health(text, integer, date);
drop function fbs_accounting_payables(text, date);
drop function fbs_accounting_receivables(text, date);
drop function fbs_accounting_open_items(text, text, date);
drop function fbs_accounting_income_expense_summary(text, date, date);
drop function fbs_accounting_income_expense(text, date, date, text);
