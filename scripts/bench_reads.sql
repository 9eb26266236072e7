-- What bench_reads.py reads: bench_rows() rows in each large table. Each group of inserts
-- is named by the group of reads it is for.

-- Of so many kinds the first is in a twelfth of the rows or so, the last in a few.
create function bench_pick(kinds integer) returns integer language sql volatile
return 1 + floor(kinds * random() ^ 3)::integer;

create function bench_of(variadic words text[]) returns text language sql volatile
return words[1 + floor(cardinality(words) * random() ^ 2)::integer];

-- Those numbered 0 are in the oldest rows alone, and stay rare however many there are.
create function bench_user(n integer) returns integer language sql volatile
return case when n <= 3 then 0 else bench_pick(5000) end;

create function bench_shop(n integer) returns text language sql volatile
return 'shop ' || case when n <= 3 then 0 else bench_pick(2000) end;

-- About twenty rows are about each of the host's records.
create function bench_record() returns integer language sql volatile
return 1 + floor(random() * bench_rows() / 20)::integer;

create function bench_host(model integer) returns jsonb language sql volatile
return jsonb_build_object('model_name', 'bench.model_' || model % 20, 'record_id', model::text);

create function bench_words(number integer) returns text language sql volatile
return (select string_agg('word' || bench_pick(3000), ' ') from generate_series(1, number));

-- Four years, to now.
create function bench_time(n integer, of_rows integer default bench_rows()) returns timestamptz language sql stable
return now() - (of_rows - n) * (interval '1461 days' / of_rows::double precision);

create function bench_is_new(n integer) returns boolean language sql volatile
return n > 0.95 * bench_rows() and random() < 0.95;

-- operations

insert into fbs_odoo_databases (name, host, username, password)
select 'database ' || n, 'host', 'odoo', 'secret'
from generate_series(1, 20) as n;

insert into fbs_request_logs
(user_id, database_id, method, path, status_code, response_time, ip_address, timestamp)
select
    bench_user(n), bench_pick(20), bench_of('GET', 'POST', 'PUT', 'DELETE'), '/api/' || bench_pick(300),
    case when n <= 3 then 418 when random() < 0.9 then 200 else 500 + bench_pick(5) end, random(),
    '10.0.0.1'::inet + n % 250, bench_time(n)
from generate_series(1, bench_rows()) as n;

insert into fbs_cache_entries (key, value, database_name, expires_at)
select
    'key ' || n, jsonb_build_object('number', n), 'database ' || bench_pick(20),
    now() + (random() - 0.5) * interval '2 days'
from generate_series(1, bench_rows()) as n;

insert into fbs_handshakes (handshake_id, solution_name, secret_key, status, expires_at)
select
    'handshake ' || n, bench_shop(n), 'secret ' || n, bench_of('active', 'expired', 'revoked'),
    now() + (random() - 0.5) * interval '2 days'
from generate_series(1, 5000) as n;

insert into fbs_token_mappings (user_id, database_id, token)
select n, 1 + n % 20, 'token ' || n
from generate_series(1, 5000) as n;

insert into fbs_business_rules (name, rule_type, description, model_name, rule_definition, priority)
select
    'rule ' || n, bench_of('validation', 'calculation'), 'text', 'bench.model_' || bench_pick(20), '{}', n % 10
from generate_series(1, 2000) as n;

-- notifications

insert into fbs_notifications
(title, message, notification_type, priority, user_id, solution_name, is_read, created_at)
select
    'title ' || n, repeat('message ', 10), bench_of('info', 'success', 'alert', 'warning', 'error'),
    bench_of('medium', 'high', 'low', 'critical'), bench_user(n), bench_shop(n), not bench_is_new(n), bench_time(n)
from generate_series(1, bench_rows()) as n;

-- custom_fields: ten of a record

insert into fbs_custom_fields
(model_name, record_id, field_name, field_type, field_value, database_name, solution_name, is_active)
select
    'bench.model_' || case when n < 50 then 0 else 1 + (hashint4(n / 10) & 15) end, n / 10, 'field_' || n % 10,
    (array['integer', 'date', 'char'])[1 + n % 3],
    case n % 3 when 0 then n::text when 1 then '2026-01-02' else 'value ' || n end,
    case when hashint4(n / 10) % 10 = 0 then 'database 1' else '' end, bench_shop(n), random() < 0.98
from generate_series(1, bench_rows()) as n;

-- approvals

insert into fbs_approval_requests
(title, description, approval_type, status, requester_id, approver_id, solution_name, request_data, created_at,
approved_at)
select
    'title ' || n, repeat('description ', 10), bench_of('expense', 'purchase', 'document', 'workflow', 'other'),
    case when bench_is_new(n) then 'pending' else bench_of('approved', 'rejected', 'cancelled', 'pending') end,
    bench_user(n), case when random() < 0.95 then bench_user(n) end, bench_shop(n), bench_host(bench_record()),
    bench_time(n), case when random() < 0.5 then bench_time(n) + random() * interval '9 days' end
from generate_series(1, bench_rows()) as n;

insert into fbs_approval_responses (approval_request_id, responder_id, response, created_at)
select
    1 + floor(random() * bench_rows())::bigint, bench_user(n), bench_of('approve', 'reject', 'request_changes'),
    bench_time(n)
from generate_series(1, bench_rows()) as n;

-- msme

insert into fbs_msme_setup_wizard (solution_name, status, business_type)
select 'shop ' || n, bench_of('completed', 'in_progress', 'paused'), bench_of('retail', 'services', 'other')
from generate_series(1, 2000) as n;

insert into fbs_msme_kpis (solution_name, kpi_name, kpi_type, current_value, target_value)
select 'shop ' || 1 + n % 2000, 'kpi ' || n / 2000, bench_of('financial', 'customer'), n % 100, n % 90
from generate_series(1, 10000) as n;

insert into fbs_msme_compliance (solution_name, compliance_type, status, due_date)
select
    'shop ' || 1 + n % 2000, (array['tax', 'regulatory', 'financial', 'operational', 'other'])[1 + n / 2000],
    bench_of('pending', 'compliant'), current_date + n % 200 - 100
from generate_series(1, 8000) as n;

insert into fbs_msme_marketing (solution_name, campaign_name, campaign_type, start_date, budget)
select bench_shop(n), 'campaign ' || n, bench_of('digital', 'email'), current_date - n % 400, n % 1000
from generate_series(1, 10000) as n;

insert into fbs_msme_templates (name, business_type, description)
select 'template ' || n, bench_of('retail', 'services'), 'text'
from generate_series(1, 500) as n;

insert into fbs_msme_analytics (solution_name, metric_name, metric_value, metric_type, period, date)
select
    bench_shop(n), 'metric ' || bench_pick(30), n % 1000, 'figure', bench_of('daily', 'monthly', 'yearly'),
    bench_time(n)::date
from generate_series(1, bench_rows()) as n;

-- workflow

insert into fbs_workflow_definitions
(name, description, workflow_type, version, is_template, estimated_duration, solution_name, created_by_id)
select
    'workflow ' || n, 'text', bench_of('approval', 'onboarding', 'payment_collection', 'custom'),
    bench_of('1.0', '2.0'), n % 20 = 0, n % 100, bench_shop(n), bench_user(n)
from generate_series(1, 1000) as n;

insert into fbs_workflow_steps
(workflow_definition_id, name, step_type, "order", estimated_duration, assigned_role)
select
    1 + (n - 1) % 1000, 'step ' || n, bench_of('task', 'approval', 'manual'), (n - 1) / 1000, 5,
    bench_of('clerk', 'manager')
from generate_series(1, 8000) as n;

insert into fbs_workflow_transitions (workflow_definition_id, from_step_id, to_step_id, transition_type)
select 1 + (n - 1) % 1000, n, n + 1000, bench_of('automatic', 'manual')
from generate_series(1, 7000) as n;

insert into fbs_workflow_instances
(workflow_definition_id, business_id, current_step_id, status, started_at, completed_at, current_user_id,
workflow_data, solution_name)
select
    w.id, bench_shop(w.n), w.id + 1000 * (w.n % 8), s.status, bench_time(w.n),
    case when s.status = 'completed' then bench_time(w.n) + random() * interval '9 days' end,
    case when random() < 0.9 then bench_user(w.n) end, bench_host(bench_record()), bench_shop(w.n)
from (select n, bench_pick(1000) as id from generate_series(1, bench_rows()) as n) as w
cross join lateral (
    select case
        when bench_is_new(w.n) then 'active'
        else bench_of('completed', 'cancelled', 'failed', 'paused', 'active', 'draft')
    end
) as s (status);

-- One run has a long log.
insert into fbs_workflow_execution_logs (workflow_instance_id, action, timestamp, executed_by_id)
select
    case when n % 100 = 0 then 1 else 1 + floor(random() * bench_rows())::bigint end,
    bench_of('step_completed', 'transition_executed', 'workflow_started', 'workflow_paused'), bench_time(n),
    bench_user(n)
from generate_series(1, bench_rows()) as n;

-- bi

insert into fbs_dashboards (name, description, dashboard_type, is_public, created_by_id)
select 'dashboard ' || n, 'text', bench_of('msme', 'financial', 'custom'), random() < 0.1, bench_user(n)
from generate_series(1, 2000) as n;

insert into fbs_reports (name, description, report_type, data_source, is_scheduled, created_by_id)
select 'report ' || n, 'text', bench_of('sales', 'financial', 'custom'), 'source', random() < 0.1, bench_user(n)
from generate_series(1, 2000) as n;

insert into fbs_kpis (name, description, kpi_type, calculation_method, data_source, target_value, created_by_id)
select 'kpi ' || n, 'text', bench_of('financial', 'customer', 'growth'), 'sum', 'source', n, bench_user(n)
from generate_series(1, 2000) as n;

insert into fbs_charts (name, chart_type, data_source, created_by_id)
select 'chart ' || n, bench_of('line', 'bar', 'pie'), 'source', bench_user(n)
from generate_series(1, 2000) as n;

-- compliance: each user is of one solution

insert into fbs_audit_trails (solution_name, record_type, record_id, action, user_id, details, timestamp)
select
    'shop ' || u.number % 2000, bench_of('sale', 'purchase', 'payment', 'user'), bench_record()::text,
    bench_of('update', 'create', 'view', 'delete'), 'user ' || u.number, jsonb_build_object('number', u.n),
    bench_time(u.n)
from (select n, bench_user(n) as number from generate_series(1, bench_rows()) as n) as u;

insert into fbs_user_activity_logs (solution_name, user_id, action, timestamp, session_id)
select
    'shop ' || u.number % 2000, 'user ' || u.number, 'action ' || bench_pick(30), bench_time(u.n),
    'session ' || u.number || ' ' || u.n / 1000
from (select n, bench_user(n) as number from generate_series(1, bench_rows()) as n) as u;

insert into fbs_compliance_rules (solution_name, name, compliance_type)
select 'shop ' || 1 + n % 2000, 'rule ' || n / 2000, bench_of('tax', 'audit')
from generate_series(1, 6000) as n;

insert into fbs_report_schedules (solution_name, name, report_type, frequency, next_run)
select
    'shop ' || 1 + n % 2000, 'report ' || n / 2000, 'sales', bench_of('monthly', 'weekly'),
    now() + n * interval '1 hour'
from generate_series(1, 4000) as n;

insert into fbs_recurring_transactions (solution_name, name, transaction_type, amount, frequency, start_date)
select
    'shop ' || 1 + n % 2000, 'rent ' || n / 2000, bench_of('income', 'expense'), n, bench_of('monthly', 'yearly'),
    current_date - n % 500
from generate_series(1, 4000) as n;

-- accounting

insert into fbs_app_cashentry
(business_id, entry_date, entry_type, amount, description, category, payment_method, vendor_customer, created_by_id)
select
    bench_shop(n), bench_time(n)::date, bench_of('income', 'expense', 'transfer', 'adjustment'), n % 1000,
    'description ' || n, 'category ' || bench_pick(30), bench_of('cash', 'bank_transfer', 'check', 'other'),
    'party ' || bench_pick(20000), bench_user(n)
from generate_series(1, bench_rows()) as n;

insert into fbs_app_incomeexpense
(business_id, transaction_date, transaction_type, amount, description, category, account, invoice_number,
vendor_customer, due_date, payment_date, payment_status, created_by_id)
select
    bench_shop(n), bench_time(n)::date, bench_of('income', 'expense'), n % 1000, 'description ' || n,
    'category ' || bench_pick(30), 'account ' || bench_pick(20), 'invoice ' || n, 'party ' || bench_pick(20000),
    bench_time(n)::date + 30, bench_time(n)::date + 20,
    case when bench_is_new(n) then bench_of('pending', 'partial', 'overdue')
        else bench_of('paid', 'paid', 'paid', 'cancelled', 'overdue') end,
    bench_user(n)
from generate_series(1, bench_rows()) as n;

insert into fbs_app_basicledger
(business_id, entry_date, account, account_type, debit_amount, credit_amount, description, reference,
reference_type, balance, created_by_id)
select
    bench_shop(a.n), bench_time(a.n)::date, 'account ' || a.number,
    (array['asset', 'liability', 'equity', 'income', 'expense'])[1 + a.number % 5], a.n % 1000, a.n % 900,
    'description ' || a.n, 'reference ' || a.n, 'invoice', 0, bench_user(a.n)
from (select n, bench_pick(40) as number from generate_series(1, bench_rows()) as n) as a;

insert into fbs_app_taxcalculation
(business_id, tax_period_start, tax_period_end, tax_type, taxable_amount, tax_rate, tax_amount, net_tax_amount,
payment_status, due_date, created_by_id)
select
    bench_shop(n), bench_time(n)::date, bench_time(n)::date + 30,
    bench_of('sales_tax', 'income_tax', 'payroll_tax', 'other'), n % 1000, 10, n % 100, n % 100,
    case when bench_is_new(n) then bench_of('pending', 'partial', 'overdue')
        else bench_of('paid', 'paid', 'paid', 'overdue') end,
    bench_time(n)::date + 60, bench_user(n)
from generate_series(1, bench_rows()) as n;

-- discovery

insert into fbs_odoo_models (database_name, model_name, technical_name, display_name, module_name, model_type)
select
    'database ' || 1 + n % 10, 'model_' || n / 10, 'model', 'Model', 'module_' || bench_pick(100),
    bench_of('business', 'base', 'custom')
from generate_series(1, bench_rows() / 200) as n;

insert into fbs_odoo_fields
(odoo_model_id, field_name, technical_name, display_name, field_type, required, relation_model)
select
    1 + (n - 1) / 20, 'field_' || n % 20, 'field', 'Field', bench_of('char', 'many2one', 'integer'),
    random() < 0.1, case when random() < 0.2 then 'model_' || bench_pick(500) else '' end
from generate_series(1, bench_rows() / 10) as n;

insert into fbs_odoo_modules (database_name, module_name, technical_name, display_name, version, category)
select
    'database ' || 1 + n % 10, 'module_' || n / 10, 'module', 'Module', '18.0', bench_of('sales', 'stock', 'web')
from generate_series(1, 2000) as n;

insert into fbs_discovery_sessions (session_id, database_name, session_type, status, started_at)
select
    'session ' || n, 'database ' || bench_pick(10), 'full', bench_of('completed', 'failed'), bench_time(n, 2000)
from generate_series(1, 2000) as n;

-- documents

insert into fbs_dms_document_type (name, code)
select 'type ' || n, 'type_' || n
from generate_series(1, 20) as n;

insert into fbs_dms_document_category (name, parent_id)
select 'category ' || n, nullif((n - 1) / 4, 0)
from generate_series(1, 200) as n;

insert into fbs_dms_document_tag (name)
select 'tag ' || n
from generate_series(1, 200) as n;

insert into fbs_dms_file_attachment
(file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id, created_at)
select
    'files/' || n, 'file', n, bench_of('application/pdf', 'image/png'), md5((n % 100000)::text), bench_user(n),
    bench_shop(n), bench_time(n, bench_rows() / 5)
from generate_series(1, bench_rows() / 5) as n;

insert into fbs_dms_document
(name, title, description, document_type_id, category_id, attachment_id, state, created_by_id, approved_by_id,
expiry_date, company_id, solution_db, metadata, created_at)
select
    'document ' || n, bench_words(4), bench_words(8), bench_pick(20), bench_pick(200),
    case when n % 5 = 0 then n / 5 end, bench_of('approved', 'draft', 'pending', 'archived', 'rejected'),
    bench_user(n), case when random() < 0.3 then bench_user(n) end,
    case when random() < 0.3 then bench_time(n)::date + bench_pick(2000) end, bench_shop(n),
    'database ' || bench_pick(20), bench_host(bench_record()) || jsonb_build_object('tenant', bench_pick(3000)),
    bench_time(n)
from generate_series(1, bench_rows()) as n;

insert into fbs_dms_document_tags (document_id, documenttag_id)
select 2 * n, bench_pick(200)
from generate_series(1, bench_rows() / 2) as n;

insert into fbs_dms_document_workflow (document_id, status)
select 20 * n, case when bench_is_new(20 * n) then 'active' else 'completed' end
from generate_series(1, bench_rows() / 20) as n;

insert into fbs_dms_document_approval (workflow_id, approver_id, sequence, status)
select
    1 + (n - 1) / 3, bench_user(n), n % 3, case when n > 0.1425 * bench_rows() then 'pending' else 'approved' end
from generate_series(1, 3 * (bench_rows() / 20)) as n;

-- licensing

insert into fbs_license_manager_solution_license (solution_name, license_type, features, limits, expiry_date)
select
    'shop ' || n, bench_of('trial', 'basic'), '["feature 1", "feature 2"]', '{"feature 1": 100}',
    now() + (n % 400 - 100) * interval '1 day'
from generate_series(1, 2000) as n;

insert into fbs_license_manager_feature_usage (solution_name, feature_name, usage_count, last_updated)
select 'shop ' || 1 + n % 2000, 'feature ' || n / 2000, n % 200, bench_time(n)
from generate_series(1, bench_rows()) as n;
