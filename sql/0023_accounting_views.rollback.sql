-- 0023_accounting_views: back to before it.

drop function fbs_accounting_health(text, integer, date);
drop function fbs_accounting_tax_summary(text, date, date, date);
drop view fbs_accounting_taxes;
drop function fbs_accounting_payables(text, date);
drop function fbs_accounting_receivables(text, date);
drop function fbs_accounting_open_items(text, text, date);
drop function fbs_accounting_trial_balance(text, date);
drop view fbs_accounting_account_balances;
drop function fbs_accounting_account_ledger(text, text, date, date, date, bigint, numeric, bigint);
drop view fbs_accounting_ledger_lines;
drop function fbs_accounting_income_expense_summary(text, date, date);
drop function fbs_accounting_income_expense(text, date, date, text);
drop view fbs_accounting_transactions;
drop function fbs_accounting_cash_by_method(text, date);
drop function fbs_accounting_cash_position(text, date);
drop function fbs_accounting_cash_ledger(text, date, date, date, bigint, numeric, bigint);
drop view fbs_accounting_cash_entries;
drop index fbs_app_basicledger_business_id_account_account_type_idx;
drop index fbs_app_incomeexpense_business_id_category_transaction_date_idx;
drop index fbs_app_cashentry_business_id_entry_type_entry_date_idx;
drop index fbs_app_incomeexpense_business_id_payment_date_idx;
drop index fbs_app_taxcalculation_business_id_due_date_idx;
drop index fbs_app_incomeexpense_business_id_due_date_idx;
drop index fbs_app_taxcalculation_business_id_tax_period_end_idx;
drop index fbs_app_taxcalculation_tax_period_end_idx;
drop index fbs_app_incomeexpense_transaction_date_idx;
drop index fbs_app_cashentry_entry_date_idx;
