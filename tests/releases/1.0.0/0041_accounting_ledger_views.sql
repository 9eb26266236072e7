-- 0041_accounting_ledger_views: reading the ledger, account by account, and its balances.
--
-- component: accounting
-- depends: 0007_accounting_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_accounting_ledger_lines
with (security_invoker = true) as
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
comment on column fbs_accounting_ledger_lines.balance_change is
'Change of the account''s balance by the line: credit less debit for liability, equity and income, debit less credit for all else.';
comment on column fbs_accounting_ledger_lines.recorded_balance is
'Balance that the line was written with; fbs_accounting_account_ledger works it out.';

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
'Lines of one account of a business from since until until (both included; NULL: from the first, to the last), oldest first and by id within a day, each with the balance worked out from all lines up to it, and the balance recorded with it. page_size rows at most; the next page is asked for with after_date, after_id and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier lines of the account, unless carried says what it comes to.';

create view fbs_accounting_account_balances
with (security_invoker = true) as
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
'Balance of every account over all its lines, later days included. An account without lines has no row, one booked under two classes has two. Cost: a sum over the lines of the business asked for.';
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
'Number of its lines.';
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

select fbs_describe_views();
