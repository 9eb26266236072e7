-- 0042_accounting_tax_views: back to before it.

drop function fbs_accounting_tax_summary(text, date, date, date);
drop view fbs_accounting_taxes;
