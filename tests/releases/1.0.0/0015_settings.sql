-- 0015_settings: what a host can adjust: values, each with its description and its
-- limits, and the names of its solutions; and how messages name commands and tables.
--
-- component: base
-- depends: 0001_initial

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_command(variadic words text[])
returns text
language sql
stable
set search_path from current
as $$
    with parts as (
        select w.word, w.place
        from unnest(words) with ordinality as w (word, place)
        union all
        -- The schema is named where it is not the one that is meant without a word.
        select s.word, 1000 + s.place
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        cross join lateral unnest(array['--schema', n.nspname::text]) with ordinality as s (word, place)
        where c.oid = 'fbs_migrations'::regclass and n.nspname <> 'public'
    )

    select
        'fbs-db ' || string_agg(
            case
                when p.word collate "C" ~ '^[a-zA-Z0-9_@%+=:,./-]+$' then p.word
                else '''' || replace(p.word, '''', '''"''"''') || ''''
            end,
            ' ' order by p.place
        )
    from parts as p;
$$;

comment on function fbs_command(text[]) is
'Internal. A command of fbs-db with these words, quoted for a shell.';

create function fbs_counted(number bigint, what text)
returns text
language sql
stable
set search_path from current
as $$
    select number || ' ' || what || case number when 1 then '' else 's' end;
$$;

comment on function fbs_counted(bigint, text) is
'Internal. A number and what it counts: 1 row, 2 rows.';

create function fbs_named(relation regclass)
returns text
language sql
stable
set search_path from current
as $$
    select case n.nspname when 'public' then relation::text else format('%I.%I', n.nspname, c.relname) end
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    where c.oid = relation;
$$;

comment on function fbs_named(regclass) is
'Internal. A table or index as it can be typed: with its schema, unless that is public and found without a word.';

create function fbs_relation_names()
returns text[]
language sql
immutable
set search_path from current
as $$
    select array[
        'fbs_accounting_account_balances', 'fbs_accounting_cash_entries', 'fbs_accounting_ledger_lines',
        'fbs_accounting_taxes', 'fbs_accounting_transactions', 'fbs_app_basicledger', 'fbs_app_cashentry',
        'fbs_app_incomeexpense', 'fbs_app_taxcalculation', 'fbs_approval_requests', 'fbs_approval_responses',
        'fbs_approvals_approvers', 'fbs_approvals_details', 'fbs_approvals_pending', 'fbs_approvals_requests',
        'fbs_audit_trails', 'fbs_bi_charts', 'fbs_bi_dashboards', 'fbs_bi_kpis', 'fbs_bi_reports',
        'fbs_business_rules', 'fbs_cache_entries', 'fbs_charts', 'fbs_choices', 'fbs_cleanup_queue',
        'fbs_cleanup_received', 'fbs_cleanup_rules', 'fbs_cleanup_targets', 'fbs_cleanup_terms',
        'fbs_compliance_audit_trail', 'fbs_compliance_recurring_transactions', 'fbs_compliance_report_schedules',
        'fbs_compliance_rule_list', 'fbs_compliance_rules', 'fbs_compliance_summary',
        'fbs_compliance_user_activity', 'fbs_custom_fields', 'fbs_custom_fields_objects',
        'fbs_custom_fields_values', 'fbs_dashboards', 'fbs_discovery_fields', 'fbs_discovery_models',
        'fbs_discovery_modules', 'fbs_discovery_session_list', 'fbs_discovery_sessions', 'fbs_dms_document',
        'fbs_dms_document_approval', 'fbs_dms_document_category', 'fbs_dms_document_tag', 'fbs_dms_document_tags',
        'fbs_dms_document_type', 'fbs_dms_document_workflow', 'fbs_dms_file_attachment',
        'fbs_documents_categories', 'fbs_documents_details', 'fbs_documents_overview',
        'fbs_documents_pending_approvals', 'fbs_file_deletions', 'fbs_handshakes', 'fbs_hosts', 'fbs_identities',
        'fbs_kpis', 'fbs_later_names', 'fbs_license_manager_feature_usage', 'fbs_license_manager_manager',
        'fbs_license_manager_solution_license', 'fbs_licensing_licenses', 'fbs_licensing_usage', 'fbs_metrics',
        'fbs_migration_log', 'fbs_migrations', 'fbs_msme_analytics', 'fbs_msme_analytics_series',
        'fbs_msme_campaigns', 'fbs_msme_compliance', 'fbs_msme_compliance_status', 'fbs_msme_dashboard',
        'fbs_msme_kpi_progress', 'fbs_msme_kpis', 'fbs_msme_marketing', 'fbs_msme_setup',
        'fbs_msme_setup_templates', 'fbs_msme_setup_wizard', 'fbs_msme_templates', 'fbs_notifications',
        'fbs_notifications_alerts', 'fbs_notifications_counts', 'fbs_notifications_inbox', 'fbs_odoo_databases',
        'fbs_odoo_fields', 'fbs_odoo_models', 'fbs_odoo_modules', 'fbs_operations_business_rules',
        'fbs_operations_cache', 'fbs_operations_handshakes', 'fbs_operations_requests',
        'fbs_recurring_transactions', 'fbs_report_schedules', 'fbs_reports', 'fbs_request_logs', 'fbs_retention',
        'fbs_roles', 'fbs_rule_states', 'fbs_secret_columns', 'fbs_settings', 'fbs_solution_map',
        'fbs_solution_tables', 'fbs_token_mappings', 'fbs_user_activity_logs', 'fbs_user_columns',
        'fbs_worker_last_run', 'fbs_workflow_active_runs', 'fbs_workflow_analytics', 'fbs_workflow_catalog',
        'fbs_workflow_definitions', 'fbs_workflow_execution_logs', 'fbs_workflow_graphs', 'fbs_workflow_instances',
        'fbs_workflow_log', 'fbs_workflow_open_transitions', 'fbs_workflow_runs', 'fbs_workflow_steps',
        'fbs_workflow_transitions', 'fbs_workflow_waiting'
    ];
$$;

comment on function fbs_relation_names() is
'Internal. Names of FBS''s tables and views: a host may have others that begin with fbs_. A later file that makes some replaces it.';

create table fbs_settings (
    name text not null,
    value text,
    initial_value text,
    description text not null,
    choices text[],
    minimum bigint,
    maximum bigint,
    constraint fbs_settings_pkey primary key (name),
    constraint fbs_settings_kind_check check ((choices is null) <> (minimum is null or maximum is null))
);

comment on table fbs_settings is
'What can be adjusted in FBS''s database. Change a value with: update fbs_settings set value = ... where name = ...';
comment on column fbs_settings.name is
'Name of the setting.';
comment on column fbs_settings.value is
'Its value, checked when it is set; NULL switches off what it governs, where the description says so.';
comment on column fbs_settings.initial_value is
'The value it is installed with; NULL where that is nothing.';
comment on column fbs_settings.description is
'What it does, in which unit, and what is usual.';
comment on column fbs_settings.choices is
'The values it can have; NULL for a number.';
comment on column fbs_settings.minimum is
'Smallest number it can have; NULL where it is chosen from a list.';
comment on column fbs_settings.maximum is
'Largest number it can have; NULL where it is chosen from a list.';

create function fbs_check_setting()
returns trigger
language plpgsql
set search_path from current
as $$
begin
    if new.choices is not null then
        if new.value is null or new.value <> all(new.choices) then
            raise exception 'setting % takes %, not %',
                new.name, array_to_string(new.choices, ', '), coalesce(quote_literal(new.value), 'nothing')
                using errcode = 'FB010';
        end if;
    elsif new.value is null then
        if new.name not like 'keep\_%' then
            raise exception 'setting % takes a whole number, not nothing', new.name
                using errcode = 'FB010';
        end if;
    elsif new.value !~ '^[0-9]{1,18}$' or new.value::bigint not between new.minimum and new.maximum then
        raise exception 'setting % takes a whole number from % to %, not %',
            new.name, new.minimum, new.maximum, quote_literal(new.value)
            using errcode = 'FB010';
    end if;
    if new.name = 'isolation' and tg_op = 'UPDATE' and new.value is distinct from old.value then
        -- The value follows what was done, and does nothing by itself. Row security may stay, where the host had it on.
        if exists (
            select from fbs_isolation_parts(new.value = 'on') as p
            where not p.present and (new.value = 'on' or p.part <> 'row security')
        ) then
            raise exception 'setting isolation is changed by another command'
                using errcode = 'FB010', hint = 'Type: ' || fbs_command('isolate', new.value);
        end if;
    end if;
    return new;
end;
$$;

comment on function fbs_check_setting() is
'Trigger: refuses a value that a setting cannot have, with error FB010.';

create trigger fbs_settings_check
before insert or update on fbs_settings
for each row
execute function fbs_check_setting();

insert into fbs_settings (name, value, choices, description) values
(
    'cleanup', 'on', '{on,queue,off}',
    'What happens to FBS''s rows when a host row they point at is deleted: on cleans them up at once, queue notes it '
    'for a worker, off leaves them. For one session: set fbs.cleanup = ''off'''
),
(
    'isolation', 'off', '{on,off}',
    'Whether a login sees the rows of its own solutions only. Switched by fbs_isolate(), or: fbs-db isolate'
);

insert into fbs_settings (name, value, minimum, maximum, description) values
(
    'cleanup_threshold', '5000', 1, 1000000,
    'Host rows in one statement above which clean-up is left to a worker.'
),
(
    'cleanup_lock_timeout', '100', 1, 60000,
    'Milliseconds that clean-up inside a host''s statement waits for a lock before it is left to a worker.'
),
(
    'keep_request_logs', '90', 0, 36500,
    'Days that request logs are kept; empty keeps them for ever.'
),
(
    'keep_cache_entries', '0', 0, 36500,
    'Days that cache entries are kept after they expired; empty keeps them for ever.'
),
(
    'keep_handshakes', '30', 0, 36500,
    'Days that handshakes are kept after they expired; empty keeps them for ever.'
),
(
    'keep_tokens', '30', 0, 36500,
    'Days that tokens are kept after they expired; those without an end stay. Empty keeps all for ever.'
),
(
    'keep_notifications', '90', 0, 36500,
    'Days that notifications are kept once they are read; unread ones stay. Empty keeps all for ever.'
),
(
    'keep_activity_logs', '365', 0, 36500,
    'Days that user activity is kept; empty keeps it for ever.'
),
(
    'keep_audit_trails', null, 0, 36500,
    'Days that audit trails are kept; empty, as they are legal evidence, keeps them for ever.'
);

update fbs_settings
set initial_value = value
where true;

create function fbs_setting(setting text)
returns text
language sql
stable
set search_path from current
as $$
    select value from fbs_settings where name = setting;
$$;

comment on function fbs_setting(text) is
'Value of a setting; NULL where there is no such setting, or it has none.';

create table fbs_solution_map (
    column_name text not null,
    identifier text not null,
    solution text not null,
    constraint fbs_solution_map_pkey primary key (column_name, identifier)
);

comment on table fbs_solution_map is
'Further names of solutions. Solution acme is known as acme, fbs_acme_db and djo_acme_db without a row here.';
comment on column fbs_solution_map.column_name is
'Column that holds the name, such as business_id, company_id or solution_name.';
comment on column fbs_solution_map.identifier is
'The name in that column.';
comment on column fbs_solution_map.solution is
'The solution it belongs to.';

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_solution_map
for each statement
execute function fbs_only_owner();

create function fbs_row_is_of(solution text, alone boolean, columns text[], named text[])
returns boolean
language sql
stable
set search_path from current
as $$
    -- A business or a company that is not in the map names no solution.
    with named_here as (
        select
            case
                when n.name = any(own.names) then true
                when m.solution is not null then m.solution = fbs_row_is_of.solution
                when n.column_name not in ('business_id', 'company_id') then false
            end as ours
        from unnest(columns, named) as n (column_name, name)
        cross join lateral (
            select array[fbs_row_is_of.solution, 'fbs_' || fbs_row_is_of.solution || '_db', 'djo_' || fbs_row_is_of.solution || '_db']
        ) as own (names)
        left join fbs_solution_map as m on n.column_name = m.column_name and n.name = m.identifier
        where n.name <> ''
    )

    select coalesce(bool_and(h.ours), alone)
    from named_here as h;
$$;

comment on function fbs_row_is_of(text, boolean, text[], text[]) is
'Internal. Whether a row with these values in these columns belongs to a solution. A row that names none belongs to it where no other host has the model (alone).';

create function fbs_solution_condition(columns text[])
returns text
language sql
immutable
set search_path from current
as $$
    select case
        when columns is null then '($3 is null or $4)'
        else format(
            '($3 is null or fbs_row_is_of($3, $4, %L, array[%s]::text[]))', columns,
            (select string_agg(format('t.%I', c.name), ', ' order by c.place) from unnest(columns) with ordinality as c (name, place))
        )
    end;
$$;

comment on function fbs_solution_condition(text[]) is
'Internal. SQL that is true of the rows (t) of solution $3; $4 says whether rows that name none are its.';
