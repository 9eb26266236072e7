-- 0043_accounting_report_views: income and expense by period, unpaid items by age, and how a
-- business fares.
--
-- component: accounting
-- depends: 0040_accounting_views 0042_accounting_tax_views

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_accounting_income_expense(
    business_id text,
    since date default null,
    until date default null,
    period text default 'month'
)
returns table (
    period_start date,
    period_end date,
    transaction_type text,
    category text,
    amount numeric,
    tax_amount numeric,
    transaction_count bigint
)
language sql
stable
set search_path from current
as $$
    select
        s.period_start,
        (s.period_start + case period when 'quarter' then interval '3 months' else ('1 ' || period)::interval end)::date - 1,
        s.transaction_type,
        s.category,
        sum(s.amount),
        sum(s.tax_amount),
        count(*)
    from (
        select
            date_trunc(period, t.transaction_date::timestamp)::date as period_start,
            t.transaction_type,
            t.category,
            t.amount,
            t.tax_amount
        from fbs_accounting_transactions as t
        where
            t.business_id = fbs_accounting_income_expense.business_id
            and t.transaction_date >= coalesce(since, '-infinity')
            and t.transaction_date <= coalesce(until, 'infinity')
            and t.payment_status <> 'cancelled'
    ) as s
    group by s.period_start, s.transaction_type, s.category
    order by s.period_start, s.transaction_type desc, s.category;
$$;

comment on function fbs_accounting_income_expense(text, date, date, text) is
'Income and expense of a business by period (day, week from Monday on, month, quarter or year of the calendar) and category, from since until until, both included; NULL for all before or after. Earned or incurred, whether paid or not; cancelled ones do not count. A first or last period that since or until cuts counts what lies within. A period without any has no row; period_end is its last day. Cost: the transactions of that time.';

create function fbs_accounting_income_expense_summary(
    business_id text,
    since date default null,
    until date default null
)
returns table (
    total_income numeric,
    total_expenses numeric,
    net_income numeric,
    profit_margin_percent numeric,
    income_count bigint,
    expense_count bigint,
    first_date date,
    last_date date
)
language sql
stable
set search_path from current
as $$
    select
        s.income,
        s.expenses,
        s.income - s.expenses,
        round(100 * (s.income - s.expenses) / nullif(s.income, 0), 2),
        s.income_count,
        s.expense_count,
        s.first_date,
        s.last_date
    from (
        select
            coalesce(sum(t.amount) filter (where t.transaction_type = 'income'), 0) as income,
            coalesce(sum(t.amount) filter (where t.transaction_type = 'expense'), 0) as expenses,
            count(*) filter (where t.transaction_type = 'income') as income_count,
            count(*) filter (where t.transaction_type = 'expense') as expense_count,
            min(t.transaction_date) as first_date,
            max(t.transaction_date) as last_date
        from fbs_accounting_transactions as t
        where
            t.business_id = fbs_accounting_income_expense_summary.business_id
            and t.transaction_date >= coalesce(since, '-infinity')
            and t.transaction_date <= coalesce(until, 'infinity')
            and t.payment_status <> 'cancelled'
            and t.transaction_type in ('income', 'expense')
    ) as s;
$$;

comment on function fbs_accounting_income_expense_summary(text, date, date) is
'Income, expenses and what is left of a business from since until until, both included; NULL for all before or after. Earned or incurred, whether paid or not; cancelled ones do not count. profit_margin_percent = 100 * net_income / total_income; NULL without income, below 0 for a loss. Always one row, of zeros where there is nothing. Cost: the transactions of that time.';

create function fbs_accounting_open_items(
    business_id text,
    of_type text default null,
    on_date date default current_date
)
returns table (
    id bigint,
    transaction_type text,
    transaction_date date,
    due_date date,
    days_overdue integer,
    age text,
    amount numeric,
    payment_status text,
    vendor_customer text,
    invoice_number text,
    category text,
    description text
)
language sql
stable
set search_path from current
as $$
    select
        o.id,
        o.transaction_type,
        o.transaction_date,
        o.due_date,
        o.days_overdue,
        case
            when o.days_overdue < 0 then 'not due'
            when o.days_overdue <= 30 then '0-30'
            when o.days_overdue <= 60 then '31-60'
            when o.days_overdue <= 90 then '61-90'
            else 'over 90'
        end,
        o.amount,
        o.payment_status,
        o.vendor_customer,
        o.invoice_number,
        o.category,
        o.description
    from (
        select t.*, fbs_days_between(coalesce(t.due_date, t.transaction_date), on_date) as days_overdue
        from fbs_accounting_transactions as t
        where
            t.business_id = fbs_accounting_open_items.business_id
            and t.is_open
            and t.transaction_date <= on_date
        union all
        select t.*, fbs_days_between(coalesce(t.due_date, t.transaction_date), on_date) as days_overdue
        from fbs_accounting_transactions as t
        where
            t.business_id = fbs_accounting_open_items.business_id
            and t.payment_status = 'paid'
            and t.payment_date > on_date
            and t.transaction_date <= on_date
    ) as o
    where o.transaction_type = coalesce(of_type, o.transaction_type)
    order by o.days_overdue desc, o.id;
$$;

comment on function fbs_accounting_open_items(text, text, date) is
'Income and expenses of a business (of_type: income, expense, or NULL for both) that were not paid at the end of a day (by default today): booked by then, not cancelled since, and unpaid still or paid later. The oldest first. days_overdue counts from the due date, from the day of the transaction where none is set: 0 on that day, below 0 before it. age is one of: not due, 0-30, 31-60, 61-90, over 90. An item paid in part counts in full, as the part is not recorded. Cost: the unpaid items of the business, those paid after that day, and an index of its transactions.';

create function fbs_accounting_receivables(
    business_id text,
    on_date date default current_date
)
returns table (
    vendor_customer text,
    total_amount numeric,
    not_due_amount numeric,
    days_0_to_30_amount numeric,
    days_31_to_60_amount numeric,
    days_61_to_90_amount numeric,
    days_over_90_amount numeric,
    item_count bigint,
    max_days_overdue integer
)
language sql
stable
set search_path from current
as $$
    select
        o.vendor_customer,
        sum(o.amount),
        coalesce(sum(o.amount) filter (where o.age = 'not due'), 0),
        coalesce(sum(o.amount) filter (where o.age = '0-30'), 0),
        coalesce(sum(o.amount) filter (where o.age = '31-60'), 0),
        coalesce(sum(o.amount) filter (where o.age = '61-90'), 0),
        coalesce(sum(o.amount) filter (where o.age = 'over 90'), 0),
        count(*),
        max(o.days_overdue)
    from fbs_accounting_open_items(fbs_accounting_receivables.business_id, 'income', on_date) as o
    group by o.vendor_customer
    order by sum(o.amount) desc, o.vendor_customer;
$$;

comment on function fbs_accounting_receivables(text, date) is
'Amounts that customers owe a business at the end of a day (by default today), in its own currency, by customer and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. Unpaid and age are as in fbs_accounting_open_items. A customer who owes nothing has no row; an empty text stands for items without a name.';

create function fbs_accounting_payables(
    business_id text,
    on_date date default current_date
)
returns table (
    vendor_customer text,
    total_amount numeric,
    not_due_amount numeric,
    days_0_to_30_amount numeric,
    days_31_to_60_amount numeric,
    days_61_to_90_amount numeric,
    days_over_90_amount numeric,
    item_count bigint,
    max_days_overdue integer
)
language sql
stable
set search_path from current
as $$
    select
        o.vendor_customer,
        sum(o.amount),
        coalesce(sum(o.amount) filter (where o.age = 'not due'), 0),
        coalesce(sum(o.amount) filter (where o.age = '0-30'), 0),
        coalesce(sum(o.amount) filter (where o.age = '31-60'), 0),
        coalesce(sum(o.amount) filter (where o.age = '61-90'), 0),
        coalesce(sum(o.amount) filter (where o.age = 'over 90'), 0),
        count(*),
        max(o.days_overdue)
    from fbs_accounting_open_items(fbs_accounting_payables.business_id, 'expense', on_date) as o
    group by o.vendor_customer
    order by sum(o.amount) desc, o.vendor_customer;
$$;

comment on function fbs_accounting_payables(text, date) is
'Amounts that a business owes its suppliers at the end of a day (by default today), in its own currency, by supplier and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. Unpaid and age are as in fbs_accounting_open_items. A supplier who is owed nothing has no row; an empty text stands for items without a name.';

create function fbs_accounting_health(
    business_id text,
    months integer default 3,
    on_date date default current_date
)
returns table (
    since date,
    until date,
    total_income numeric,
    total_expenses numeric,
    net_income numeric,
    profit_margin_percent numeric,
    expense_ratio_percent numeric,
    health_score numeric,
    cash_in numeric,
    cash_out numeric,
    monthly_burn_amount numeric,
    cash_balance numeric,
    runway_days integer,
    receivable_amount numeric,
    overdue_receivable_amount numeric,
    payable_amount numeric,
    overdue_payable_amount numeric,
    tax_outstanding_amount numeric,
    liquidity_percent numeric
)
language sql
stable
set search_path from current
as $$
    with span as (
        select
            greatest(months, 1) as months,
            (on_date - make_interval(months => greatest(months, 1)))::date + 1 as since
    ),

    cash as (
        select
            coalesce(sum(e.cash_change) filter (where e.cash_change > 0), 0) as cash_in,
            coalesce(-sum(e.cash_change) filter (where e.cash_change < 0), 0) as cash_out
        from fbs_accounting_cash_entries as e
        where
            e.business_id = fbs_accounting_health.business_id
            and e.entry_date >= (select s.since from span as s)
            and e.entry_date <= on_date
    ),

    items as (
        select
            coalesce(sum(o.amount) filter (where o.transaction_type = 'income'), 0) as receivable,
            coalesce(sum(o.amount) filter (where o.transaction_type = 'income' and o.days_overdue > 0), 0)
            as overdue_receivable,
            coalesce(sum(o.amount) filter (where o.transaction_type = 'expense'), 0) as payable,
            coalesce(sum(o.amount) filter (where o.transaction_type = 'expense' and o.days_overdue > 0), 0)
            as overdue_payable
        from fbs_accounting_open_items(fbs_accounting_health.business_id, null, on_date) as o
    ),

    taxes as (
        select coalesce(sum(t.outstanding_amount), 0) as outstanding
        from fbs_accounting_taxes as t
        where
            t.business_id = fbs_accounting_health.business_id
            and t.tax_period_end <= on_date
    )

    select
        s.since,
        on_date,
        p.total_income,
        p.total_expenses,
        p.net_income,
        p.profit_margin_percent,
        round(100 * p.total_expenses / nullif(p.total_income, 0), 2),
        least(greatest(
            round(100 * (p.net_income - p.total_expenses) / nullif(p.total_income, 0) + 100, 2), 0
        ), 100) * case when p.total_income <> 0 then 1 end,
        c.cash_in,
        c.cash_out,
        round((c.cash_out - c.cash_in) / s.months, 2),
        b.balance,
        case
            when c.cash_out > c.cash_in
                then least(
                    floor(greatest(b.balance, 0) * (on_date - s.since + 1) / (c.cash_out - c.cash_in)), 36525
                )::integer
        end,
        i.receivable,
        i.overdue_receivable,
        i.payable,
        i.overdue_payable,
        t.outstanding,
        round(100 * (b.balance + i.receivable) / nullif(i.payable + t.outstanding, 0), 2)
    from span as s
    cross join fbs_accounting_income_expense_summary(fbs_accounting_health.business_id, s.since, on_date) as p
    cross join cash as c
    cross join fbs_accounting_cash_position(fbs_accounting_health.business_id, on_date) as b
    cross join items as i
    cross join taxes as t;
$$;

comment on function fbs_accounting_health(text, integer, date) is
'How a business fares, over the months (by default 3, at least 1) that end with a day (by default today); always one row, of zeros and NULLs where there is nothing. Amounts are in its own currency.
since: on_date less so many months, plus a day. until: on_date.
net_income = total_income - total_expenses, as in fbs_accounting_income_expense_summary.
profit_margin_percent = 100 * net_income / total_income; expense_ratio_percent = 100 * total_expenses / total_income; both NULL without income.
health_score = profit_margin_percent + (100 - expense_ratio_percent), before these are rounded, held between 0 and 100; NULL without income.
cash_in, cash_out: what raised and lowered the cash in that time, as in fbs_accounting_cash_entries.
monthly_burn_amount = (cash_out - cash_in) / months; below 0 where cash grew.
cash_balance: as in fbs_accounting_cash_position, on on_date.
runway_days = cash_balance / ((cash_out - cash_in) / days from since until until), rounded down: how long the cash lasts if it goes on so; 0 without cash, NULL where it does not shrink, 36525 (a hundred years) at most.
receivable_amount, payable_amount: as in fbs_accounting_open_items; overdue ones are past their day.
tax_outstanding_amount: unpaid tax of the periods that ended by on_date.
liquidity_percent = 100 * (cash_balance + receivable_amount) / (payable_amount + tax_outstanding_amount); NULL where nothing is owed.
Cost: a sum over all cash entries of the business, its unpaid items, and the transactions of that time.';

select fbs_describe_views();
