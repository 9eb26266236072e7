-- 0029_accounting_views: what is read of accounting: cash book and cash position,
-- income and expense, ledger and account balances, what is owed to and by a
-- business, taxes, and how it fares.
--
-- component: accounting
-- depends: 0007_accounting_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

-- As a rule the tables are empty when this runs; where they are not, writers wait
-- while the indexes are built.
-- squawk-ignore-file require-concurrent-index-creation

-- Lists over all businesses, newest first.
create index fbs_app_cashentry_entry_date_idx
on fbs_app_cashentry (entry_date);

create index fbs_app_incomeexpense_transaction_date_idx
on fbs_app_incomeexpense (transaction_date);

-- With the id, as many taxes are of one period.
create index fbs_app_taxcalculation_tax_period_end_id_idx
on fbs_app_taxcalculation (tax_period_end, id);

create index fbs_app_taxcalculation_tax_type_tax_period_end_id_idx
on fbs_app_taxcalculation (tax_type, tax_period_end, id);

create index fbs_app_taxcalculation_business_id_tax_period_end_id_idx
on fbs_app_taxcalculation (business_id, tax_period_end, id);

-- What a business booked, by what is asked of it besides its time.
create index fbs_app_cashentry_business_id_category_entry_date_idx
on fbs_app_cashentry (business_id, category, entry_date);

create index fbs_app_cashentry_business_id_payment_method_entry_date_idx
on fbs_app_cashentry (business_id, payment_method, entry_date);

create index fbs_app_cashentry_business_id_vendor_customer_entry_date_idx
on fbs_app_cashentry (business_id, vendor_customer, entry_date);

create index fbs_app_cashentry_business_id_reference_number_entry_date_idx
on fbs_app_cashentry (business_id, reference_number, entry_date);

create index fbs_app_incomeexpense_business_id_type_transaction_date_idx
on fbs_app_incomeexpense (business_id, transaction_type, transaction_date);

create index fbs_app_incomeexpense_business_id_status_transaction_date_idx
on fbs_app_incomeexpense (business_id, payment_status, transaction_date);

create index fbs_app_incomeexpense_business_id_party_transaction_date_idx
on fbs_app_incomeexpense (business_id, vendor_customer, transaction_date);

create index fbs_app_incomeexpense_business_id_invoice_transaction_date_idx
on fbs_app_incomeexpense (business_id, invoice_number, transaction_date);

create index fbs_app_taxcalculation_business_id_status_period_end_id_idx
on fbs_app_taxcalculation (business_id, payment_status, tax_period_end, id);

create index fbs_app_basicledger_business_id_reference_idx
on fbs_app_basicledger (business_id, reference);

-- What is not paid is little beside what is, and what was paid after a given day
-- was not paid on it.
create index fbs_app_incomeexpense_business_id_due_date_idx
on fbs_app_incomeexpense (business_id, due_date)
where payment_status not in ('paid', 'cancelled');

create index fbs_app_taxcalculation_business_id_due_date_idx
on fbs_app_taxcalculation (business_id, due_date)
where payment_status <> 'paid';

create index fbs_app_incomeexpense_business_id_payment_date_idx
on fbs_app_incomeexpense (business_id, payment_date);

-- Sums over all that a business booked are worked out from these alone: in the
-- tables, the rows of one business lie on nearly every page.
create index fbs_app_cashentry_business_id_entry_type_entry_date_idx
on fbs_app_cashentry (business_id, entry_type, entry_date)
include (id, amount, payment_method);

create index fbs_app_incomeexpense_business_id_category_transaction_date_idx
on fbs_app_incomeexpense (business_id, category, transaction_date)
include (transaction_type, amount, tax_amount, payment_status);

create index fbs_app_basicledger_business_id_account_account_type_idx
on fbs_app_basicledger (business_id, account, account_type)
include (id, entry_date, debit_amount, credit_amount);

create view fbs_accounting_cash_entries
with (security_invoker = true)
as
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
'Cash book of every business, each entry with what it does to the cash.';
comment on column fbs_accounting_cash_entries.id is
'Number that identifies the cash entry; of entries of the same day, the greater one comes later.';
comment on column fbs_accounting_cash_entries.business_id is
'Business whose cash book this is, by the identifier its solution uses: as a rule the solution''s name.';
comment on column fbs_accounting_cash_entries.entry_type is
'What kind of movement it was, such as income or transfer.';
comment on column fbs_accounting_cash_entries.amount is
'Money moved, as written, in the business''s own currency.';
comment on column fbs_accounting_cash_entries.cash_change is
'What the entry adds to the cash: its amount for income, receipt and adjustment (so a negative adjustment lowers it), minus its amount for expense and payment, 0 for transfer (between own accounts) and for any other kind.';
comment on column fbs_accounting_cash_entries.description is
'What the money was for.';
comment on column fbs_accounting_cash_entries.category is
'Heading the entry is counted under.';
comment on column fbs_accounting_cash_entries.subcategory is
'Finer heading; blank when none is used.';
comment on column fbs_accounting_cash_entries.payment_method is
'Means by which the money moved, such as cash or bank_transfer.';
comment on column fbs_accounting_cash_entries.reference_number is
'Number on the receipt, cheque or transfer; blank when none.';
comment on column fbs_accounting_cash_entries.vendor_customer is
'Supplier paid or customer who paid; blank when not recorded.';
comment on column fbs_accounting_cash_entries.tax_amount is
'Tax that belongs to the entry, in the business''s own currency.';
comment on column fbs_accounting_cash_entries.tax_rate is
'Rate the tax was worked out with, in per cent.';
comment on column fbs_accounting_cash_entries.notes is
'Remarks; blank when there are none.';
comment on column fbs_accounting_cash_entries.attachments is
'List of the files that prove the entry; [] when none.';
comment on column fbs_accounting_cash_entries.created_by_id is
'User who recorded the entry; null when not recorded or deleted.';

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
'Cash ledger of a business: its entries from since until until (both included; null: from the first, to the last), oldest first and by id within a day, each with the balance it leaves. The balance counts everything before since too. page_size rows at most; the next page is asked for with after_date, after_id and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier entries of the business, unless carried says what it comes to.';

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
with (security_invoker = true)
as
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
comment on column fbs_accounting_transactions.transaction_type is
'Whether the money is earned (income) or spent (expense).';
comment on column fbs_accounting_transactions.amount is
'Money earned or spent, in the business''s own currency.';
comment on column fbs_accounting_transactions.description is
'What was sold or bought, or what else the money is for.';
comment on column fbs_accounting_transactions.category is
'Heading the amount is counted under.';
comment on column fbs_accounting_transactions.subcategory is
'Finer heading; blank when none is used.';
comment on column fbs_accounting_transactions.account is
'Ledger account the amount belongs to; blank when none is given.';
comment on column fbs_accounting_transactions.invoice_number is
'Number on the invoice; blank when there is none.';
comment on column fbs_accounting_transactions.vendor_customer is
'Supplier to be paid or customer who is to pay; blank when not recorded.';
comment on column fbs_accounting_transactions.payment_terms is
'Terms agreed for paying; blank when none are agreed.';
comment on column fbs_accounting_transactions.due_date is
'Last day to pay without being late; null when none is set.';
comment on column fbs_accounting_transactions.payment_date is
'Day on which it was paid; null until then.';
comment on column fbs_accounting_transactions.payment_status is
'How far it is paid, such as pending or paid.';
comment on column fbs_accounting_transactions.is_open is
'True while it is neither paid nor cancelled.';
comment on column fbs_accounting_transactions.tax_amount is
'Tax that belongs to the amount, in the business''s own currency.';
comment on column fbs_accounting_transactions.tax_rate is
'Rate the tax was worked out with, in per cent.';
comment on column fbs_accounting_transactions.notes is
'Remarks; blank when there are none.';
comment on column fbs_accounting_transactions.created_by_id is
'User who recorded it; null when not recorded or deleted.';

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
'Income and expense of a business by period (day, week from Monday on, month, quarter or year of the calendar) and category, from since until until, both included; null for all before or after. Earned or incurred, whether paid or not; cancelled ones do not count. A first or last period that since or until cuts counts what lies within. A period without any has no row; period_end is its last day. Cost: the transactions of that time.';

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
'Income, expenses and what is left of a business from since until until, both included; null for all before or after. Earned or incurred, whether paid or not; cancelled ones do not count. profit_margin_percent = 100 * net_income / total_income; null without income, below 0 for a loss. Always one row, of zeros where there is nothing. Cost: the transactions of that time.';

create view fbs_accounting_ledger_lines
with (security_invoker = true)
as
select
    l.id,
    l.business_id,
    l.entry_date,
    l.account,
    l.account_type,
    l.debit_amount,
    l.credit_amount,
    case
        when l.account_type in ('liability', 'equity', 'income') then l.credit_amount - l.debit_amount
        else l.debit_amount - l.credit_amount
    end as balance_change,
    l.description,
    l.reference,
    l.reference_type,
    l.balance as recorded_balance,
    l.created_by_id,
    l.created_at
from fbs_app_basicledger as l;

comment on view fbs_accounting_ledger_lines is
'Ledger of every business, line by line.';
comment on column fbs_accounting_ledger_lines.id is
'Number that identifies the ledger line; of lines of the same day, the greater one comes later.';
comment on column fbs_accounting_ledger_lines.business_id is
'Business whose ledger this is, by the identifier its solution uses: as a rule the solution''s name.';
comment on column fbs_accounting_ledger_lines.entry_date is
'Day the booking counts for.';
comment on column fbs_accounting_ledger_lines.account is
'Account booked to, by name or code.';
comment on column fbs_accounting_ledger_lines.account_type is
'Class of the account: asset, liability, equity, income or expense.';
comment on column fbs_accounting_ledger_lines.debit_amount is
'Amount on the debit side, in the business''s own currency; 0 when none.';
comment on column fbs_accounting_ledger_lines.credit_amount is
'Amount on the credit side, in the business''s own currency; 0 when none.';
comment on column fbs_accounting_ledger_lines.balance_change is
'What the line adds to the balance of its account: credit less debit for liability, equity and income, debit less credit for all else.';
comment on column fbs_accounting_ledger_lines.description is
'What the booking stands for.';
comment on column fbs_accounting_ledger_lines.reference is
'Document behind the booking; blank when none.';
comment on column fbs_accounting_ledger_lines.reference_type is
'Kind of document the reference names; blank when none.';
comment on column fbs_accounting_ledger_lines.recorded_balance is
'Balance as whoever wrote the line gave it; not worked out. fbs_accounting_account_ledger works it out.';
comment on column fbs_accounting_ledger_lines.created_by_id is
'User who made the booking; null when not recorded or deleted.';

create function fbs_accounting_account_ledger(
    business_id text,
    account text,
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
    account_type text,
    description text,
    reference text,
    reference_type text,
    debit_amount numeric,
    credit_amount numeric,
    balance numeric,
    recorded_balance numeric
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
        select l.*
        from fbs_accounting_ledger_lines as l
        where
            l.business_id = fbs_accounting_account_ledger.business_id
            and l.account = fbs_accounting_account_ledger.account
            and (l.entry_date, l.id) > ((select b.entry_date from begins as b), (select b.id from begins as b))
            and l.entry_date >= coalesce(since, '-infinity')
            and l.entry_date <= coalesce(until, 'infinity')
        order by l.entry_date, l.id
        limit page_size
    )

    select
        p.id,
        p.entry_date,
        p.account_type,
        p.description,
        p.reference,
        p.reference_type,
        p.debit_amount,
        p.credit_amount,
        case
            when carried is not null then carried
            -- Nothing is before the first.
            when coalesce(after_date, since) is not null
                then (
                    select coalesce(sum(l.balance_change), 0)
                    from fbs_accounting_ledger_lines as l
                    where
                        l.business_id = fbs_accounting_account_ledger.business_id
                        and l.account = fbs_accounting_account_ledger.account
                        and (l.entry_date, l.id)
                        <= ((select b.entry_date from begins as b), (select b.id from begins as b))
                )
            else 0
        end + sum(p.balance_change) over (order by p.entry_date, p.id rows unbounded preceding),
        p.recorded_balance
    from page as p
    order by p.entry_date, p.id;
$$;

comment on function fbs_accounting_account_ledger(text, text, date, date, date, bigint, numeric, bigint) is
'Lines of one account of a business from since until until (both included; null: from the first, to the last), oldest first and by id within a day, each with the balance worked out from all lines up to it, and the balance recorded with it. page_size rows at most; the next page is asked for with after_date, after_id and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier lines of the account, unless carried says what it comes to.';

create view fbs_accounting_account_balances
with (security_invoker = true)
as
select
    l.business_id,
    l.account,
    l.account_type,
    sum(l.debit_amount) as debit_amount,
    sum(l.credit_amount) as credit_amount,
    sum(l.balance_change) as balance,
    count(*) as line_count,
    min(l.entry_date) as first_entry_date,
    max(l.entry_date) as last_entry_date
from fbs_accounting_ledger_lines as l
group by l.business_id, l.account, l.account_type;

comment on view fbs_accounting_account_balances is
'Balance of every account, over all its lines, later days included; fbs_accounting_trial_balance gives it at a day. An account without lines has no row, one booked under two classes has two. Cost: a sum over the lines of the business asked for.';
comment on column fbs_accounting_account_balances.business_id is
'Business whose account it is, by the identifier its solution uses.';
comment on column fbs_accounting_account_balances.account is
'Account, by name or code.';
comment on column fbs_accounting_account_balances.account_type is
'Class of the account: asset, liability, equity, income or expense.';
comment on column fbs_accounting_account_balances.debit_amount is
'All debits, in the business''s own currency.';
comment on column fbs_accounting_account_balances.credit_amount is
'All credits, in the business''s own currency.';
comment on column fbs_accounting_account_balances.balance is
'Credits less debits for liability, equity and income, debits less credits for all else; so it is positive as a rule.';
comment on column fbs_accounting_account_balances.line_count is
'How many lines it has.';
comment on column fbs_accounting_account_balances.first_entry_date is
'Day of the first line.';
comment on column fbs_accounting_account_balances.last_entry_date is
'Day of the last line.';

create function fbs_accounting_trial_balance(
    business_id text,
    on_date date default current_date
)
returns table (
    account text,
    account_type text,
    debit_amount numeric,
    credit_amount numeric,
    debit_balance numeric,
    credit_balance numeric
)
language sql
stable
set search_path from current
as $$
    select
        l.account,
        l.account_type,
        sum(l.debit_amount),
        sum(l.credit_amount),
        greatest(sum(l.debit_amount - l.credit_amount), 0),
        greatest(sum(l.credit_amount - l.debit_amount), 0)
    from fbs_accounting_ledger_lines as l
    where
        l.business_id = fbs_accounting_trial_balance.business_id
        and l.entry_date <= on_date
    group by l.account, l.account_type
    order by l.account, l.account_type;
$$;

comment on function fbs_accounting_trial_balance(text, date) is
'Trial balance of a business at the end of a day (by default today): each account''s debits and credits up to it, and what one side exceeds the other by, in the column of that side (0 in the other). In books that are right both columns add up to the same. An account without lines has no row. Cost: a sum over all lines of the business up to that day.';

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
'Income and expenses of a business (of_type: income, expense, or null for both) that were not paid at the end of a day (by default today): booked by then, not cancelled since, and unpaid still or paid later. The oldest first. days_overdue counts from the due date, from the day of the transaction where none is set: 0 on that day, below 0 before it. age is one of: not due, 0-30, 31-60, 61-90, over 90. What is paid in part counts in full, as the part is not recorded. Cost: the unpaid items of the business, and those paid after that day.';

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
'What customers owe a business at the end of a day (by default today), in its own currency, by customer and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. What counts as unpaid, and from when its age counts, is as in fbs_accounting_open_items. A customer who owes nothing has no row; a blank one stands for items without a name.';

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
'What a business owes its suppliers at the end of a day (by default today), in its own currency, by supplier and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. What counts as unpaid, and from when its age counts, is as in fbs_accounting_open_items. A supplier who is owed nothing has no row; a blank one stands for items without a name.';

create view fbs_accounting_taxes
with (security_invoker = true)
as
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
'Tax of every business by period: what it comes to, what is paid of it and what is not.';
comment on column fbs_accounting_taxes.business_id is
'Business that owes the tax, by the identifier its solution uses: as a rule the solution''s name.';
comment on column fbs_accounting_taxes.tax_period_start is
'First day of the period the tax is for.';
comment on column fbs_accounting_taxes.tax_period_end is
'Last day of the period the tax is for.';
comment on column fbs_accounting_taxes.tax_type is
'Which tax it is, such as income_tax.';
comment on column fbs_accounting_taxes.deductions is
'Deductions allowed, in the business''s own currency.';
comment on column fbs_accounting_taxes.net_tax_amount is
'Tax after deductions, in the business''s own currency.';
comment on column fbs_accounting_taxes.paid_amount is
'What is paid of it; where it is marked as paid without an amount, all of it.';
comment on column fbs_accounting_taxes.outstanding_amount is
'What is left to pay: 0 once it is marked as paid, and never below 0.';
comment on column fbs_accounting_taxes.due_date is
'Last day to pay without being late.';
comment on column fbs_accounting_taxes.is_overdue is
'True when something is left to pay and the due date is past; on the day itself it is not.';
comment on column fbs_accounting_taxes.payment_date is
'Day on which it was paid; null until then.';
comment on column fbs_accounting_taxes.payment_status is
'How far it is paid, such as pending or paid.';
comment on column fbs_accounting_taxes.filing_date is
'Day on which the return was filed; null until then.';
comment on column fbs_accounting_taxes.filing_reference is
'Number the tax office gave the return; blank when there is none.';
comment on column fbs_accounting_taxes.notes is
'Remarks; blank when there are none.';
comment on column fbs_accounting_taxes.created_by_id is
'User who recorded it; null when not recorded or deleted.';

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
'Tax due and paid of a business, by kind of tax, for the periods that end from since until until, both included; null for all before or after. overdue_amount is what was due before on_date (by default today), next_due_date the next day on or after it on which something is to be paid, null where nothing is. Payments are as recorded now. A tax without periods has no row. Cost: the tax calculations of the business.';

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
'How a business fares, over the months (by default 3, at least 1) that end with a day (by default today); always one row, of zeros and nulls where there is nothing. Amounts are in its own currency.
since: on_date less so many months, plus a day. until: on_date.
net_income = total_income - total_expenses, as in fbs_accounting_income_expense_summary.
profit_margin_percent = 100 * net_income / total_income; expense_ratio_percent = 100 * total_expenses / total_income; both null without income.
health_score = profit_margin_percent + (100 - expense_ratio_percent), before these are rounded, held between 0 and 100; null without income.
cash_in, cash_out: what raised and lowered the cash in that time, as in fbs_accounting_cash_entries.
monthly_burn_amount = (cash_out - cash_in) / months; below 0 where cash grew.
cash_balance: as in fbs_accounting_cash_position, on on_date.
runway_days = cash_balance / ((cash_out - cash_in) / days from since until until), rounded down: how long the cash lasts if it goes on so; 0 without cash, null where it does not shrink, 36525 (a hundred years) at most.
receivable_amount, payable_amount: as in fbs_accounting_open_items; overdue ones are past their day.
tax_outstanding_amount: unpaid tax of the periods that ended by on_date.
liquidity_percent = 100 * (cash_balance + receivable_amount) / (payable_amount + tax_outstanding_amount); null where nothing is owed.
Cost: a sum over all cash entries of the business, its unpaid items, and the transactions of that time.';

select fbs_describe_views();
