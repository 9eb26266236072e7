-- 0049_suite_views: what is read across the suite, whichever of its components are
-- installed here: deadlines.
--
-- component: base
-- depends: 0001_initial

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_find_deadlines(solution_name text, since date, until date, on_date date, page_size bigint)
returns table (
    due_date date,
    kind text,
    title text,
    status text,
    amount numeric,
    table_name text,
    record_id bigint
)
language plpgsql
stable
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    if to_regclass('fbs_msme_compliance') is not null then
        return query
        select
            c.due_date,
            'compliance',
            c.compliance_type::text,
            c.status::text,
            null::numeric,
            'fbs_msme_compliance',
            c.id
        from fbs_msme_compliance as c
        where
            c.solution_name = fbs_find_deadlines.solution_name
            and c.due_date between since and until
            and isfinite(c.due_date)
            and c.actual_completion_date is null
            and c.status not in ('compliant', 'completed')
        order by c.due_date, c.id
        limit page_size;
    end if;

    if to_regclass('fbs_compliance_rules') is not null then
        return query
        select
            p.due_date,
            'compliance_check',
            r.name::text,
            r.check_frequency::text,
            null::numeric,
            'fbs_compliance_rules',
            r.id
        from fbs_compliance_rules as r
        cross join lateral (
            select
                case r.check_frequency
                    when 'daily' then on_date
                    when 'weekly' then (date_trunc('week', on_date::timestamp) + interval '6 days')::date
                    when 'monthly' then (date_trunc('month', on_date::timestamp) + interval '1 month')::date - 1
                    when 'quarterly' then (date_trunc('quarter', on_date::timestamp) + interval '3 months')::date - 1
                    when 'yearly' then (date_trunc('year', on_date::timestamp) + interval '1 year')::date - 1
                end as due_date
        ) as p
        where
            r.solution_name = fbs_find_deadlines.solution_name
            and r.active
            and p.due_date between since and until
            and isfinite(p.due_date)
        order by p.due_date, r.id
        limit page_size;
    end if;

    if to_regclass('fbs_report_schedules') is not null then
        return query
        select
            s.next_run::date,
            'report',
            s.name::text,
            s.frequency::text,
            null::numeric,
            'fbs_report_schedules',
            s.id
        from fbs_report_schedules as s
        where
            s.solution_name = fbs_find_deadlines.solution_name
            and s.active
            and s.next_run::date between since and until
            and isfinite(s.next_run)
        order by s.next_run::date, s.id
        limit page_size;
    end if;

    if to_regclass('fbs_recurring_transactions') is not null
        and to_regprocedure('fbs_next_recurrence(date, text, date, date)') is not null
    then
        return query
        select
            n.due_date,
            'recurring',
            t.name::text,
            t.transaction_type::text,
            t.amount,
            'fbs_recurring_transactions',
            t.id
        from fbs_recurring_transactions as t
        cross join lateral (
            select fbs_next_recurrence(t.start_date, t.frequency, t.end_date, on_date) as due_date
        ) as n
        where
            t.solution_name = fbs_find_deadlines.solution_name
            and t.active
            and n.due_date between since and until
            and isfinite(n.due_date)
        order by n.due_date, t.id
        limit page_size;
    end if;

    if to_regclass('fbs_app_incomeexpense') is not null then
        return query
        select
            t.due_date,
            k.kind,
            concat_ws(': ', nullif(t.vendor_customer, ''), t.description),
            t.payment_status::text,
            t.amount,
            'fbs_app_incomeexpense',
            t.id
        from fbs_app_incomeexpense as t
        cross join lateral (
            select case t.transaction_type when 'income' then 'receivable' else 'payable' end as kind
        ) as k
        where
            t.business_id = fbs_find_deadlines.solution_name
            and t.due_date between since and until
            and isfinite(t.due_date)
            and t.transaction_type in ('income', 'expense')
            and t.payment_status not in ('paid', 'cancelled')
        order by t.due_date, k.kind, t.id
        limit page_size;
    end if;

    if to_regclass('fbs_app_taxcalculation') is not null then
        return query
        select
            t.due_date,
            'tax',
            t.tax_type || ' ' || t.tax_period_start || ' - ' || t.tax_period_end,
            t.payment_status::text,
            t.net_tax_amount - coalesce(t.payment_amount, 0),
            'fbs_app_taxcalculation',
            t.id
        from fbs_app_taxcalculation as t
        where
            t.business_id = fbs_find_deadlines.solution_name
            and t.due_date between since and until
            and isfinite(t.due_date)
            and t.payment_status <> 'paid'
            and t.net_tax_amount > coalesce(t.payment_amount, 0)
        order by t.due_date, t.id
        limit page_size;
    end if;

    if to_regclass('fbs_dms_document') is not null then
        return query
        select
            d.expiry_date,
            'document',
            d.title::text,
            d.state::text,
            null::numeric,
            'fbs_dms_document',
            d.id
        from fbs_dms_document as d
        where
            d.company_id = fbs_find_deadlines.solution_name
            and d.expiry_date between since and until
            and isfinite(d.expiry_date)
            and d.state <> 'archived'
        order by d.expiry_date, d.id
        limit page_size;
    end if;

    if to_regclass('fbs_license_manager_solution_license') is not null then
        return query
        select
            l.expiry_date::date,
            'license',
            l.license_type::text,
            l.status::text,
            null::numeric,
            'fbs_license_manager_solution_license',
            l.id
        from fbs_license_manager_solution_license as l
        where
            l.solution_name = fbs_find_deadlines.solution_name
            and l.expiry_date::date between since and until
            and isfinite(l.expiry_date)
        order by l.expiry_date::date, l.id
        limit page_size;
    end if;
end;
$$;

comment on function fbs_find_deadlines(text, date, date, date, bigint) is
'Internal. What fbs_suite_deadlines puts in order: of each kind the earliest page_size. A statement whose table is not installed here is never reached.';

create function fbs_suite_deadlines(
    solution_name text,
    since date default null,
    until date default null,
    page_size bigint default null,
    on_date date default current_date
)
returns table (
    due_date date,
    days_left integer,
    is_overdue boolean,
    kind text,
    title text,
    status text,
    amount numeric,
    table_name text,
    record_id bigint
)
language sql
stable
begin atomic
    select
        due_date,
        fbs_days_between(on_date, due_date) as days_left,
        due_date < on_date as is_overdue,
        kind,
        title,
        status,
        amount,
        table_name,
        record_id
    from
        fbs_find_deadlines(
            solution_name,
            coalesce(since, '-infinity'),
            coalesce(until, on_date + 30),
            on_date,
            page_size
        )
    order by due_date, kind, record_id
    limit page_size;
end;

comment on function fbs_suite_deadlines(text, date, date, bigint, date) is
'What a solution has to see to by a day from since (NULL: whatever is open, however late) until until (by default 30 days after on_date), both included; the earliest first, at most page_size of them. It reads what is installed in this database and leaves out the rest; a business or company goes by its solution''s name. kind is one of:
compliance: a duty (fbs_msme_compliance) neither met nor judged compliant or completed.
compliance_check: the last day of the day, week (to Sunday), month, quarter or year, around on_date, in which a rule in force (fbs_compliance_rules) is to be checked; whether it was is not recorded.
report: a report scheduled to be produced (fbs_report_schedules).
recurring: the next day, from on_date on, of a payment or receipt that comes back (fbs_recurring_transactions).
receivable, payable: income or expense (fbs_app_incomeexpense) neither paid nor cancelled, by its due date.
tax: tax (fbs_app_taxcalculation) of which something is to be paid; amount is what.
document: the last valid day of a document (fbs_dms_document) that is not archived.
license: the last day of the solution''s licence (fbs_license_manager_solution_license).
days_left counts from on_date (by default today): 0 on the day itself, below 0, and is_overdue, after it. status is the record''s own (the frequency of checks and reports, the kind of a recurring transaction). amount is in the business''s own currency, NULL where no money is due. Times count for their day in the session''s time zone.';
