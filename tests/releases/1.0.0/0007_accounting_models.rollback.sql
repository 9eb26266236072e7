-- 0007_accounting_models: back to before it. The rows go with the tables.

drop table fbs_app_taxcalculation;
drop table fbs_app_basicledger;
drop table fbs_app_incomeexpense;
drop table fbs_app_cashentry;
