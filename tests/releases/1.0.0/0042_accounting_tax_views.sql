-- 0042_accounting_tax_views: reading taxes: worked out, due and paid.
--
-- component: accounting
-- depends: 0007_accounting_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_accounting_taxes
with (security_invoker = true) as
select
    t.id,
    t.business_id,
    t.tax_period_start,
    t.tax_period_end,
    t.tax_type,
    t.taxable_amount,
    t.tax_rate,
    t.tax_amount,
    t.deductions,
    t.net_tax_amount,
    case
        when t.payment_status = 'paid' then coalesce(t.payment_amount, t.net_tax_amount)
        else coalesce(t.payment_amount, 0)
    end as paid_amount,
    case
        when t.payment_status = 'paid' then 0
        else greatest(t.net_tax_amount - coalesce(t.payment_amount, 0), 0)
    end as outstanding_amount,
    t.due_date,
    t.payment_status <> 'paid' and t.net_tax_amount > coalesce(t.payment_amount, 0) and t.due_date < current_date
        as is_overdue,
    t.payment_date,
    t.payment_status,
    t.filing_date,
    t.filing_reference,
    t.notes,
    t.created_by_id,
    t.created_at,
    t.updated_at
from fbs_app_taxcalculation as t;

comment on view fbs_accounting_taxes is
'Tax of every business by period: its amount, the part paid and the part left to pay.';
comment on column fbs_accounting_taxes.business_id is
'Business that owes the tax, by the identifier its solution uses: as a rule the solution''s name.';
comment on column fbs_accounting_taxes.paid_amount is
'Amount paid of it; all of it where it is marked as paid without an amount.';
comment on column fbs_accounting_taxes.outstanding_amount is
'Amount left to pay: 0 once it is marked as paid, and never below 0.';
comment on column fbs_accounting_taxes.is_overdue is
'True when an amount is left to pay and the due date is past; on the day itself it is false.';

create function fbs_accounting_tax_summary(
    business_id text,
    since date default null,
    until date default null,
    on_date date default current_date
)
returns table (
    tax_type text,
    net_tax_amount numeric,
    paid_amount numeric,
    outstanding_amount numeric,
    overdue_amount numeric,
    next_due_date date,
    period_count bigint,
    unfiled_count bigint
)
language sql
stable
set search_path from current
as $$
    select
        t.tax_type,
        sum(t.net_tax_amount),
        sum(t.paid_amount),
        sum(t.outstanding_amount),
        coalesce(sum(t.outstanding_amount) filter (where t.due_date < on_date), 0),
        min(t.due_date) filter (where t.outstanding_amount > 0 and t.due_date >= on_date),
        count(*),
        count(*) filter (where t.filing_date is null)
    from fbs_accounting_taxes as t
    where
        t.business_id = fbs_accounting_tax_summary.business_id
        and t.tax_period_end >= coalesce(since, '-infinity')
        and t.tax_period_end <= coalesce(until, 'infinity')
    group by t.tax_type
    order by t.tax_type;
$$;

comment on function fbs_accounting_tax_summary(text, date, date, date) is
'Tax due and paid of a business, by kind of tax, for the periods that end from since until until, both included; NULL for all before or after. overdue_amount is what was due before on_date (by default today), next_due_date the next day on or after it on which something is to be paid, NULL where nothing is. Payments are as recorded now. A tax without periods has no row. Cost: the tax calculations of the business.';

select fbs_describe_views();
