-- 0031_checks: what is odd about the rows: of a table of FBS, and about the host rows they
-- point at.
--
-- component: base
-- depends: 0023_cleanup_across

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_choices as
select
    listed.table_name,
    listed.column_name,
    listed.choices
from (
    values
    ('fbs_request_logs', 'method', '{GET,POST,PUT,PATCH,DELETE}'::text[]),
    ('fbs_business_rules', 'rule_type', '{validation,calculation,workflow,compliance}'),
    ('fbs_handshakes', 'status', '{pending,active,expired,revoked}'),
    (
        'fbs_notifications',
        'notification_type',
        '{info,success,warning,error,alert,cash_flow_alert,inventory_alert,payment_reminder}'
    ),
    ('fbs_notifications', 'priority', '{low,medium,high,critical}'),
    ('fbs_approval_requests', 'approval_type', '{workflow,document,purchase,expense,other,general}'),
    ('fbs_approval_requests', 'status', '{pending,approved,rejected,cancelled}'),
    ('fbs_approval_responses', 'response', '{approve,reject,request_changes}'),
    ('fbs_custom_fields', 'field_type', '{char,text,integer,float,boolean,date,datetime,json,choice}'),
    ('fbs_msme_setup_wizard', 'status', '{not_started,in_progress,completed,paused,failed}'),
    ('fbs_msme_kpis', 'kpi_type', '{financial,operational,customer,growth,compliance}'),
    ('fbs_msme_compliance', 'compliance_type', '{tax,regulatory,financial,operational}'),
    ('fbs_msme_compliance', 'status', '{compliant,non_compliant,at_risk,pending,completed}'),
    ('fbs_msme_marketing', 'campaign_type', '{digital,traditional,social_media,email,content}'),
    ('fbs_msme_templates', 'business_type', '{retail,manufacturing,services,restaurant,consulting,ecommerce,other}'),
    ('fbs_odoo_models', 'model_type', '{base,business,system,custom}'),
    ('fbs_discovery_sessions', 'status', '{running,completed,failed,cancelled}'),
    (
        'fbs_workflow_definitions',
        'workflow_type',
        '{approval,onboarding,order_processing,payment_collection,inventory_management,compliance,custom,general}'
    ),
    ('fbs_workflow_instances', 'status', '{draft,active,paused,completed,cancelled,failed,running}'),
    ('fbs_workflow_steps', 'step_type', '{task,approval,notification,decision,integration,manual}'),
    ('fbs_workflow_transitions', 'transition_type', '{automatic,conditional,manual,timeout,forward}'),
    ('fbs_dashboards', 'dashboard_type', '{msme,financial,operational,compliance,custom,general}'),
    ('fbs_reports', 'report_type', '{sales,financial,inventory,compliance,operational,custom,general}'),
    ('fbs_reports', 'output_format', '{pdf,excel,csv,json,html}'),
    ('fbs_kpis', 'kpi_type', '{financial,operational,customer,employee,compliance,growth,general}'),
    ('fbs_kpis', 'frequency', '{real_time,hourly,daily,weekly,monthly,quarterly,annually}'),
    ('fbs_charts', 'chart_type', '{line,bar,pie,area,scatter,table,gauge,metric}'),
    ('fbs_compliance_rules', 'compliance_type', '{tax,regulatory,audit,financial,operational,general}'),
    ('fbs_compliance_rules', 'check_frequency', '{daily,weekly,monthly,quarterly,yearly}'),
    ('fbs_audit_trails', 'record_type', '{sale,purchase,payment,inventory,user,system}'),
    ('fbs_audit_trails', 'action', '{create,update,delete,view,export,import}'),
    ('fbs_report_schedules', 'frequency', '{daily,weekly,monthly,quarterly,yearly}'),
    ('fbs_recurring_transactions', 'transaction_type', '{income,expense,payment,receipt}'),
    ('fbs_recurring_transactions', 'frequency', '{daily,weekly,monthly,quarterly,yearly}'),
    ('fbs_app_cashentry', 'entry_type', '{income,expense,transfer,adjustment}'),
    ('fbs_app_cashentry', 'payment_method', '{cash,bank_transfer,check,credit_card,debit_card,mobile_payment,other}'),
    ('fbs_app_incomeexpense', 'transaction_type', '{income,expense}'),
    ('fbs_app_incomeexpense', 'payment_status', '{pending,partial,paid,overdue,cancelled}'),
    ('fbs_app_basicledger', 'account_type', '{asset,liability,equity,income,expense}'),
    ('fbs_app_taxcalculation', 'tax_type', '{income_tax,sales_tax,payroll_tax,property_tax,other,vat}'),
    ('fbs_app_taxcalculation', 'payment_status', '{pending,partial,paid,overdue}'),
    ('fbs_dms_document', 'state', '{draft,pending,approved,rejected,archived}'),
    ('fbs_dms_document', 'confidentiality_level', '{public,internal,confidential}'),
    ('fbs_dms_document_workflow', 'status', '{active,completed,cancelled,failed}'),
    ('fbs_dms_document_approval', 'status', '{pending,approved,rejected,skipped}'),
    ('fbs_license_manager_solution_license', 'license_type', '{trial,basic,professional,enterprise}'),
    ('fbs_license_manager_solution_license', 'status', '{active,expired,suspended,trial_expired}'),
    ('fbs_license_manager_solution_license', 'source', '{embedded,external,file,environment}'),
    (
        'fbs_workflow_execution_logs',
        'action',
        '{workflow_started,step_completed,step_failed,transition_executed,'
        'workflow_completed,workflow_cancelled,workflow_paused,workflow_resumed}'
    )
) as listed (table_name, column_name, choices);

comment on view fbs_choices is
'The values known for a column: those that the forms of FBS offer, and those that its services write beside them. Nothing refuses others; fbs-db check --data counts them.';
comment on column fbs_choices.table_name is
'Table; it may belong to a component that is not installed here.';
comment on column fbs_choices.column_name is
'Column.';
comment on column fbs_choices.choices is
'The known values: those offered, in the order of the forms; then those that only services write.';

create function fbs_keys_between_tables(of_table text)
returns table (column_name text, parent text, orphaned text, mend text)
language sql
stable
set search_path from current
as $$
    select
        a.attname::text,
        r.relname::text,
        o.orphaned,
        case k.confdeltype
            when 'c' then format('delete from %I.%I as fbs where %s;', n.nspname, c.relname, o.orphaned)
            when 'n' then
                format('update %I.%I as fbs set %I = null%s where %s;', n.nspname, c.relname, a.attname, t.kept, o.orphaned)
            else format('select fbs.* from %I.%I as fbs where %s;', n.nspname, c.relname, o.orphaned)
        end
    from pg_constraint as k
    inner join pg_class as c on k.conrelid = c.oid
    inner join pg_namespace as n on c.relnamespace = n.oid
    inner join pg_class as r on k.confrelid = r.oid and r.relnamespace = n.oid and r.relname ~ '^fbs_'
    inner join pg_attribute as a on c.oid = a.attrelid and k.conkey = array[a.attnum]
    inner join pg_attribute as p on r.oid = p.attrelid and k.confkey = array[p.attnum]
    cross join lateral (
        select format(
            'fbs.%I is not null and not exists (select from %I.%I as parent where parent.%I = fbs.%I)',
            a.attname, n.nspname, r.relname, p.attname, a.attname
        ) as orphaned
    ) as o
    -- As when the parent is deleted: this is no change of the row.
    cross join lateral (
        select coalesce(string_agg(format(', %1$I = fbs.%1$I', u.attname), ''), '') as kept
        from pg_attribute as u
        where u.attrelid = c.oid and u.attname in ('updated_at', 'last_updated') and not u.attisdropped
    ) as t
    where c.oid = to_regclass(quote_ident(of_table)) and k.contype = 'f' and k.conparentid = 0
    order by a.attname;
$$;

comment on function fbs_keys_between_tables(text) is
'Internal. The foreign keys from a table of FBS to tables of FBS: the condition by which rows without parent are found, and the statement that does to them what the key does when a parent is deleted.';

create function fbs_check_rows(of_table text)
returns table (
    severity text,
    kind text,
    object text,
    problem text,
    found text,
    expected text,
    mend text
)
language plpgsql
stable
set search_path from current
set row_security = off
as $$
#variable_conflict use_column
declare
    looked record;
    said text;
begin
    for looked in
        select c.column_name, c.choices from fbs_choices as c where c.table_name = of_table order by c.column_name
    loop
        execute format(
            'select string_agg(format(''%%s (%%s)'', v.value, v.rows), '', '' order by v.rows desc, v.value)'
            ' from (select left(%1$I, 40) as value, count(*) as rows from %2$I'
            ' where %1$I <> all ($1) group by left(%1$I, 40) order by 2 desc, 1 limit 10) as v',
            looked.column_name, of_table
        ) into said using looked.choices;
        return query
        select
            'warning', 'rows', of_table || '.' || looked.column_name, 'value off the list', said,
            array_to_string(looked.choices, ', '),
            format(
                'select * from %s where %I <> all (%L);',
                fbs_named(of_table::regclass), looked.column_name, looked.choices
            )
        where said is not null;
    end loop;

    for looked in
        select a.column_name
        from (
            values
            ('fbs_msme_setup_wizard', '{progress}'::text[]),
            ('fbs_msme_marketing', '{budget}'),
            ('fbs_recurring_transactions', '{amount}'),
            ('fbs_app_cashentry', '{amount,tax_amount,tax_rate}'),
            ('fbs_app_incomeexpense', '{amount,tax_amount,tax_rate}'),
            ('fbs_app_basicledger', '{debit_amount,credit_amount}'),
            ('fbs_app_taxcalculation', '{taxable_amount,tax_rate,tax_amount,deductions,net_tax_amount,payment_amount}')
        ) as n (table_name, column_names)
        cross join lateral unnest(n.column_names) as a (column_name)
        where n.table_name = of_table
        order by a.column_name
    loop
        execute format(
            'select format(''%%s, the lowest %%s'', fbs_counted(count(*), ''row''), min(%1$I)) from %2$I where %1$I < 0 having count(*) > 0',
            looked.column_name, of_table
        ) into said;
        return query
        select
            'warning', 'rows', of_table || '.' || looked.column_name, 'negative amount', said, 'none below 0',
            format('select * from %s where %I < 0;', fbs_named(of_table::regclass), looked.column_name)
        where said is not null;
    end loop;

    -- Dates that many clients, Python among them, cannot hold. In one pass: of each row those columns.
    select string_agg(
        format(
            '(%1$L, case when %1$I < %2$L or %1$I >= %3$L then %1$I::text end)', a.attname,
            case a.atttypid when 'date'::regtype then '0001-01-01' else '0001-01-01 00:00+00' end,
            case a.atttypid when 'date'::regtype then '10000-01-01' else '10000-01-01 00:00+00' end
        ),
        ', '
    )
    into said
    from pg_attribute as k
    inner join pg_attribute as a on k.attrelid = a.attrelid
    where
        k.attrelid = of_table::regclass
        and k.attname = 'id'
        and a.attnum > 0
        and a.atttypid in ('date'::regtype, 'timestamptz'::regtype)
        and (of_table, a.attname) <> ('fbs_cleanup_queue', 'next_attempt_at');  -- infinity: not yet
    if said is not null then
        return query execute format(
            'select ''warning'', ''rows'', %1$L || ''.'' || v.column_name, ''date out of range'','
            ' format(''%%s %%s, such as id %%s: %%s'', count(*), case count(*) when 1 then ''row'' else ''rows'' end,'
            ' min(t.id), (array_agg(v.value order by t.id))[1]),'
            ' ''years 1 to 9999'','
            ' format(''select id, %%1$I from %%2$I where %%1$I < ''''0001-01-01'''' or %%1$I >= ''''10000-01-01'''';'','
            ' v.column_name, %1$L)'
            ' from %1$I as t cross join lateral (values %2$s) as v (column_name, value)'
            ' where v.value is not null group by v.column_name order by v.column_name',
            of_table, said
        );
    end if;

    if of_table = 'fbs_app_basicledger' then
        return query execute
            'select ''warning'', ''rows'', ''fbs_app_basicledger'', ''ledger not balanced'','
            ' format(''business %s: debit %s, credit %s'', b.business_id, sum(b.debit_amount), sum(b.credit_amount)),'
            ' ''debit equals credit'','
            ' format(''select * from %s where business_id = %L;'', fbs_named(''fbs_app_basicledger''), b.business_id)'
            ' from fbs_app_basicledger as b group by b.business_id'
            ' having sum(b.debit_amount) <> sum(b.credit_amount) order by b.business_id';
    end if;

    for looked in
        select u.column_name, u.user_table
        from fbs_user_columns as u
        where u.table_name = of_table and u.user_table is not null
        order by u.column_name
    loop
        if
            not has_column_privilege(looked.user_table, fbs_key_column(looked.user_table), 'select')
            or row_security_active(looked.user_table)
        then
            return query values (
                'note', 'privilege', of_table || '.' || looked.column_name, 'not looked at',
                'no privilege to read every row of ' || looked.user_table, null, ''
            );
            continue;
        end if;
        begin
            perform fbs_refuse_foreign_code(looked.user_table);
        exception when sqlstate 'FB025' then
            return query values (
                'note', 'privilege', of_table || '.' || looked.column_name, 'not looked at', sqlerrm, null,
                format('select fbs_check_user_column(%L, %L);', of_table, looked.column_name)
            );
            continue;
        end;
        execute format(
            'select fbs_counted(nullif(count(*), 0), ''row'') || '' whose user is gone'' from %1$I as fbs where fbs.%2$I is not null'
            ' and not exists (select from %3$s as host where host.%4$I = fbs.%2$I%5$s)',
            of_table, looked.column_name, looked.user_table, fbs_key_column(looked.user_table),
            ' collate ' || fbs_key_collation(looked.user_table)::text
        ) into said;
        return query
        select
            'warning', 'rows', of_table || '.' || looked.column_name, 'orphans', said, 'every user is there',
            fbs_command('attach', 'users', fbs_named(looked.user_table), '--repair')
        where said is not null;
    end loop;

    for looked in select o.* from fbs_keys_between_tables(of_table) as o loop
        execute format('select count(*) from %I as fbs where %s', of_table, looked.orphaned) into said;
        return query
        select
            'warning', 'rows', of_table || '.' || looked.column_name, 'orphans',
            format('%s whose row of %s is gone', case said when '1' then '1 row' else said || ' rows' end, looked.parent),
            'every row of ' || looked.parent || ' is there', looked.mend
        where said <> '0';
    end loop;
end;
$$;

comment on function fbs_check_rows(text) is
'Internal. What is odd about the rows of one of FBS''s tables: values off the lists, negative amounts, dates outside the years 1 to 9999, ledgers that are not balanced, users that are gone. Reads the whole table.';

create function fbs_check_hosts()
returns table (
    severity text,
    kind text,
    object text,
    problem text,
    found text,
    expected text,
    mend text
)
language plpgsql
set search_path from current
set row_security = off
as $$
#variable_conflict use_column
declare
    host record;
    looked record;
    held text[];
    usable text[];
    gone text[];
    nameless bigint;
    said text;
begin
    for host in
        select
            h.*, h.model_name || coalesce(' (' || h.solution || ')', '') as name,
            format_type(a.atttypid, null) as key_type
        from fbs_hosts as h
        inner join pg_attribute as a on h.host_table = a.attrelid and h.key_column = a.attname
        -- What does not fit is a finding of fbs_health.
        where fbs_host_problem(h.host_table, h.key_column) is null and fbs_foreign_code(h.host_table) is null
        order by h.model_name, h.solution
    loop
        begin
            held := fbs_held_keys(host.model_name, host.solution, fbs_is_alone(host.model_name, host.solution));
            usable := fbs_usable_keys(held, host.key_type);
            gone := '{}';
            for start in 1..cardinality(usable) by 1000 loop
                gone := gone || fbs_gone_keys(host.model_name, usable[start:start + 999], null, host.solution);
            end loop;
        exception
            when sqlstate 'FB025' then
                return query values ('error', 'host', host.name, 'does not fit', sqlerrm, null::text, '');
                continue;
            when insufficient_privilege then
                return query values ('note', 'privilege', host.name, 'not looked at', sqlerrm, null::text, '');
                continue;
        end;
        return query
        select
            'warning', 'rows', host.name, 'orphans',
            format(
                '%s that FBS rows hold, not in %s, such as %s%s',
                fbs_counted(cardinality(gone), 'key'), host.host_table, (select min(key) from unnest(gone) as key),
                case when not host.follows_keys then '; FBS rows do not follow the keys of this table' end
            ),
            'every host row is there',
            fbs_command('cleanup', 'sweep', '--model', host.model_name)
        where cardinality(gone) > 0;
        return query
        select
            'warning', 'rows', host.name, 'no keys',
            format('%s, such as %s', fbs_counted(count(*), 'record id'), min(left(key, 40))),
            format('%s, written as in %s.%s', host.key_type, host.host_table, host.key_column), ''
        from (select unnest(held) as key except select unnest(usable)) as k
        having count(*) > 0;
    end loop;

    for host in select h.model_name from fbs_hosts as h group by h.model_name having count(*) > 1 order by 1 loop
        said := null;
        for looked in
            select s.table_id, p.named, string_agg(format('(%s)', p.touched), ' or ') as touched
            from fbs_rule_parts() as p
            inner join fbs_rule_states as s on p.rule_name = s.rule_name and s.problem is null
            group by s.table_id, p.named
            order by p.named
        loop
            -- Of no solution, and alone with the model: those that name none.
            execute format('select count(*) from %s as t where %s', looked.named, looked.touched)
            into nameless using host.model_name, null::text[], '', true;
            said := nullif(concat_ws(', ', said, nullif(nameless, 0) || ' of ' || looked.table_id), '');
        end loop;
        return query
        select
            'warning', 'rows', host.model_name, 'no solution named', said,
            'each row names its solution, as several host tables have this model', ''
        where said is not null;
    end loop;
end;
$$;

comment on function fbs_check_hosts() is
'Internal. FBS rows that are odd about the attached host tables: host rows that are gone, record ids that are no keys, rows that name no solution where several tables have the model. To be run in READ COMMITTED.';

select fbs_revoke_execute();
