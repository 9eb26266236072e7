-- 0040_accounting_views: reading the cash book, cash position, and income and expenses.
--
-- component: accounting
-- depends: 0007_accounting_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_accounting_cash_entries
with (security_invoker = true) as
select
    e.id,
    e.business_id,
    e.entry_date,
    e.entry_type,
    e.amount,
    case
        when e.entry_type in ('income', 'receipt', 'adjustment') then e.amount
        when e.entry_type in ('expense', 'payment') then -e.amount
        else 0
    end as cash_change,
    e.description,
    e.category,
    e.subcategory,
    e.payment_method,
    e.reference_number,
    e.vendor_customer,
    e.tax_amount,
    e.tax_rate,
    e.notes,
    e.attachments,
    e.created_by_id,
    e.created_at,
    e.updated_at
from fbs_app_cashentry as e;

comment on view fbs_accounting_cash_entries is
'Cash book of every business, each entry with the change of the cash that it makes.';
comment on column fbs_accounting_cash_entries.id is
'Number that identifies the cash entry; of entries of the same day, the greater one comes later.';
comment on column fbs_accounting_cash_entries.business_id is
'Business whose cash book this is, by the identifier its solution uses: as a rule the solution''s name.';
comment on column fbs_accounting_cash_entries.amount is
'Money moved, as written, in the business''s own currency.';
comment on column fbs_accounting_cash_entries.cash_change is
'Change of the cash: the amount for income, receipt and adjustment (a negative one lowers it), minus the amount for expense and payment, 0 for transfer and any other kind.';

create function fbs_accounting_cash_ledger(
    business_id text,
    since date default null,
    until date default null,
    after_date date default null,
    after_id bigint default null,
    carried numeric default null,
    page_size bigint default null
)
returns table (
    id bigint,
    entry_date date,
    entry_type text,
    description text,
    category text,
    payment_method text,
    reference_number text,
    vendor_customer text,
    amount numeric,
    cash_change numeric,
    balance numeric
)
language sql
stable
set search_path from current
as $$
    with begins as materialized (
        select
            coalesce(greatest(after_date, since), '-infinity') as entry_date,
            case
                when after_date is null or after_date < since then -9223372036854775808
                else coalesce(after_id, 9223372036854775807)
            end as id
    ),

    page as (
        select e.*
        from fbs_accounting_cash_entries as e
        where
            e.business_id = fbs_accounting_cash_ledger.business_id
            and (e.entry_date, e.id) > ((select b.entry_date from begins as b), (select b.id from begins as b))
            and e.entry_date >= coalesce(since, '-infinity')
            and e.entry_date <= coalesce(until, 'infinity')
        order by e.entry_date, e.id
        limit page_size
    )

    select
        p.id,
        p.entry_date,
        p.entry_type,
        p.description,
        p.category,
        p.payment_method,
        p.reference_number,
        p.vendor_customer,
        p.amount,
        p.cash_change,
        case
            when carried is not null then carried
            -- Nothing is before the first.
            when coalesce(after_date, since) is not null
                then (
                    select coalesce(sum(e.cash_change), 0)
                    from fbs_accounting_cash_entries as e
                    where
                        e.business_id = fbs_accounting_cash_ledger.business_id
                        and (e.entry_date, e.id)
                        <= ((select b.entry_date from begins as b), (select b.id from begins as b))
                )
            else 0
        end + sum(p.cash_change) over (order by p.entry_date, p.id rows unbounded preceding) as balance
    from page as p
    order by p.entry_date, p.id;
$$;

comment on function fbs_accounting_cash_ledger(text, date, date, date, bigint, numeric, bigint) is
'Cash ledger of a business: its entries from since until until (both included; NULL: from the first, to the last), oldest first and by id within a day, each with the balance it leaves. The balance counts everything before since too. page_size rows at most; the next page is asked for with after_date, after_id and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier entries of the business, unless carried says what it comes to.';

create function fbs_accounting_cash_position(
    business_id text,
    on_date date default current_date
)
returns table (
    cash_in numeric,
    cash_out numeric,
    adjustments numeric,
    balance numeric,
    entry_count bigint,
    uncounted_count bigint,
    last_entry_date date
)
language sql
stable
set search_path from current
as $$
    select
        coalesce(sum(e.cash_change) filter (where e.entry_type in ('income', 'receipt')), 0),
        coalesce(-sum(e.cash_change) filter (where e.entry_type in ('expense', 'payment')), 0),
        coalesce(sum(e.cash_change) filter (where e.entry_type = 'adjustment'), 0),
        coalesce(sum(e.cash_change), 0),
        count(*),
        count(*) filter (
            where e.entry_type not in ('income', 'receipt', 'adjustment', 'expense', 'payment', 'transfer')
        ),
        max(e.entry_date)
    from fbs_accounting_cash_entries as e
    where
        e.business_id = fbs_accounting_cash_position.business_id
        and e.entry_date <= on_date;
$$;

comment on function fbs_accounting_cash_position(text, date) is
'Cash of a business at the end of a day (by default today): what came in, what went out, corrections, and the balance they make, in its own currency. uncounted_count is how many entries are of a kind that has no direction and so count as 0. Always one row; zeros, and no last_entry_date, where there are no entries. Cost: a sum over all entries of the business up to that day.';

create function fbs_accounting_cash_by_method(
    business_id text,
    on_date date default current_date
)
returns table (
    payment_method text,
    cash_in numeric,
    cash_out numeric,
    adjustments numeric,
    balance numeric,
    entry_count bigint
)
language sql
stable
set search_path from current
as $$
    select
        e.payment_method,
        coalesce(sum(e.cash_change) filter (where e.entry_type in ('income', 'receipt')), 0),
        coalesce(-sum(e.cash_change) filter (where e.entry_type in ('expense', 'payment')), 0),
        coalesce(sum(e.cash_change) filter (where e.entry_type = 'adjustment'), 0),
        sum(e.cash_change),
        count(*)
    from fbs_accounting_cash_entries as e
    where
        e.business_id = fbs_accounting_cash_by_method.business_id
        and e.entry_date <= on_date
    group by e.payment_method
    order by e.payment_method;
$$;

comment on function fbs_accounting_cash_by_method(text, date) is
'Cash position of a business at the end of a day, by means of payment. A transfer does not tell from which means to which the money went, so it counts for none. Cost: a sum over all entries of the business up to that day.';

create view fbs_accounting_transactions
with (security_invoker = true) as
select
    t.id,
    t.business_id,
    t.transaction_date,
    t.transaction_type,
    t.amount,
    t.description,
    t.category,
    t.subcategory,
    t.account,
    t.invoice_number,
    t.vendor_customer,
    t.payment_terms,
    t.due_date,
    t.payment_date,
    t.payment_status,
    t.payment_status not in ('paid', 'cancelled') as is_open,
    t.tax_amount,
    t.tax_rate,
    t.notes,
    t.created_by_id,
    t.created_at,
    t.updated_at
from fbs_app_incomeexpense as t;

comment on view fbs_accounting_transactions is
'Income and expenses of every business, one by one.';
comment on column fbs_accounting_transactions.id is
'Number that identifies the income or expense; of those of the same day, the greater one comes later.';
comment on column fbs_accounting_transactions.business_id is
'Business whose income or expense this is, by the identifier its solution uses: as a rule the solution''s name.';
comment on column fbs_accounting_transactions.is_open is
'True while it is neither paid nor cancelled.';

select fbs_describe_views();
