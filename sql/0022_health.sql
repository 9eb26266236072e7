-- 0022_health: what is not as it should be, as far as SQL can know it. What should be
-- there at all is known to the package: fbs-db check.
--
-- component: base
-- depends: 0020_cleanup_across

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_states()
returns table (schema_name text, kind text, object text, state text, table_id oid, name text)
language sql
stable
set search_path from current
as $$
    with tables as (
        select c.oid, c.relname, n.nspname
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where c.relname ~ '^fbs_' and c.relkind in ('r', 'p', 'f')
    )

    select t.nspname::text, 'trigger', t.relname || '.' || g.tgname, 'disabled', t.oid, g.tgname::text
    from tables as t
    inner join pg_trigger as g on t.oid = g.tgrelid
    where not g.tgisinternal and g.tgenabled in ('D', 'R')
    union all
    select
        t.nspname::text, case when k.oid is null then 'index' else 'constraint' end,
        t.relname || '.' || c.relname, 'invalid', t.oid, c.relname::text
    from tables as t
    inner join pg_index as i on t.oid = i.indrelid
    inner join pg_class as c on i.indexrelid = c.oid
    left join pg_constraint as k on i.indexrelid = k.conindid and i.indrelid = k.conrelid and k.contype <> 'f'
    where not (i.indisvalid and i.indisready)
    union all
    select t.nspname::text, 'constraint', t.relname || '.' || k.conname, 'not validated', t.oid, k.conname::text
    from tables as t
    inner join pg_constraint as k on t.oid = k.conrelid
    where
        not k.convalidated
        and not exists (  -- fbs_user_columns has those
            select from pg_attribute as a
            inner join pg_type as y on a.atttypid = y.oid
            where k.contype = 'f' and k.conrelid = a.attrelid and a.attnum = any(k.conkey) and y.typname = 'fbs_user_id'
        );
$$;

comment on function fbs_states() is
'Internal. The triggers that are disabled, the indexes that are not valid and the constraints that are not validated, of the tables in any schema whose names begin with fbs_. fbs-db check runs its text, as the function itself may be damaged.';

create function fbs_rights()
returns table (
    severity text,
    kind text,
    object text,
    problem text,
    found text,
    expected text,
    mend text
)
language sql
stable
set search_path from current
as $$
    with here as (
        select
            n.oid, n.nspname, n.nspowner, n.nspacl, d.datdba, r.oid as owner_id,
            quote_ident(n.nspname) as name, quote_ident(r.rolname) as owner
        from pg_namespace as n
        inner join pg_database as d on d.datname = current_database()
        left join pg_proc as f on n.oid = f.pronamespace and f.proname = 'fbs_owner' and f.pronargs = 0
        inner join pg_roles as r on r.oid = f.proowner or (f.oid is null and r.rolname = current_user)
        where n.nspname = current_schema()
    ),

    -- Superusers count as members of every role.
    others as (
        select
            r.oid as id, quote_ident(r.rolname) as name, quote_ident(r.rolname) as label,
            pg_has_role(r.oid, h.nspowner, 'member')
            or pg_has_role(r.oid, h.datdba, 'member')
            or r.rolname = 'pg_database_owner' as owns_schema
        from here as h
        inner join pg_roles as r on not pg_has_role(r.oid, h.owner_id, 'member')
        union all
        select 0, 'public', 'PUBLIC', false
    ),

    creators as (
        select string_agg(o.name, ', ' order by o.name) as names, string_agg(o.label, ', ' order by o.name) as labels
        from here as h
        cross join aclexplode(coalesce(h.nspacl, acldefault('n', h.nspowner))) as g
        inner join others as o on g.grantee = o.id and not o.owns_schema
        where g.privilege_type = 'CREATE'
    ),

    routines as (
        select
            f.oid, f.proname, f.proowner, f.proacl, f.prorettype = 'trigger'::regtype as of_triggers,
            -- The host's own functions may have such a name, too.
            f.proname in ('fbs_touch', 'fbs_touch_last_updated')
            or (f.proname ~ '^fbs_' and (f.prosecdef or array_to_string(f.proconfig, ' ') ~ 'search_path=')) as is_ours,
            f.prosecdef or f.provolatile = 'v' as acts,
            f.proname || '(' || oidvectortypes(f.proargtypes) || ')' as called,
            format('%s.%I(%s)', h.name, f.proname, oidvectortypes(f.proargtypes)) as named
        from here as h
        inner join pg_proc as f on h.oid = f.pronamespace
        where f.prokind in ('f', 'p')
    ),

    writers as (
        select
            c.relname, c.relowner, c.relowner = o.id as is_owner, o.name, o.label,
            string_agg(distinct lower(g.privilege_type), ', ') as privileges
        from here as h
        inner join pg_class as c on h.oid = c.relnamespace and c.relname ~ '^fbs_' and c.relkind in ('r', 'p')
        cross join lateral (
            select t.* from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as t
            union all
            select t.*
            from pg_attribute as a
            cross join aclexplode(a.attacl) as t
            where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
        ) as g
        inner join others as o on g.grantee = o.id
        where
            -- A trigger fires with the rights of the one who writes, such as the clean-up.
            (g.privilege_type = 'TRIGGER' and c.relowner <> o.id)
            or (
                g.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
                and c.relname in (
                    'fbs_cleanup_rules', 'fbs_hosts', 'fbs_cleanup_queue', 'fbs_cleanup_targets', 'fbs_cleanup_received',
                    'fbs_solution_map', 'fbs_settings', 'fbs_migrations', 'fbs_migration_log', 'fbs_file_deletions'
                )
            )
        group by c.relname, c.relowner, o.id, o.name, o.label
    )

    select
        'error', 'right', h.nspname::text, 'others may create', k.labels,
        h.owner || ' and the owner of the schema',
        format('revoke create on schema %s from %s;', h.name, k.names)
        || case
            when
                pg_has_role(h.owner_id, h.nspowner, 'usage')
                or exists (
                    select from aclexplode(h.nspacl) as g
                    where
                        g.privilege_type = 'CREATE'
                        and not exists (select from others as o where g.grantee = o.id and not o.owns_schema)
                        and pg_has_role(h.owner_id, g.grantee, 'usage')
                )
                then ''
            else format(' grant create on schema %s to %s;', h.name, h.owner)
        end
    from here as h
    inner join creators as k on k.names is not null
    union all
    -- What was created before the right was revoked. PostgreSQL calls it in place of its own or FBS's,
    -- whatever the order of the path, where its arguments fit better.
    select
        'error', 'right', f.called, 'belongs to another role', o.label, h.owner,
        format(case when f.of_triggers then 'alter routine %s owner to %s;' else 'drop routine %s;' end, f.named, h.owner)
    from here as h
    cross join routines as f
    inner join others as o on f.proowner = o.id and not o.owns_schema
    where
        f.proname ~ '^fbs_'
        or exists (
            select from pg_proc as b where b.pronamespace = 'pg_catalog'::regnamespace and b.proname = f.proname
        )
    union all
    select
        'error', 'right', p.oprname || ' (operator)', 'belongs to another role', o.label, h.owner,
        format(
            'drop operator %s.%s (%s, %s);', h.name, p.oprname,
            case p.oprleft when 0 then 'none' else format_type(p.oprleft, null) end, format_type(p.oprright, null)
        )
    from here as h
    inner join pg_operator as p on h.oid = p.oprnamespace
    inner join others as o on p.oprowner = o.id and not o.owns_schema
    union all
    select
        'error', 'right', f.called, 'others may execute', string_agg(o.label, ', ' order by o.name), h.owner || ' alone',
        format('revoke execute on routine %s from %s cascade;', f.named, string_agg(o.name, ', ' order by o.name))
    from here as h
    cross join routines as f
    cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
    inner join others as o on g.grantee = o.id
    where f.is_ours and f.acts and not f.of_triggers and f.proowner <> o.id
    group by h.owner, f.oid, f.called, f.named
    union all
    select
        'error', 'right', w.relname::text, 'others may write',
        string_agg(w.label || ': ' || w.privileges, '; ' order by w.name), h.owner || ' alone',
        case
            when bool_or(w.is_owner) then format('alter table %s.%I owner to %s;', h.name, w.relname, h.owner)
            else format(
                'revoke %s on %s.%I from %s cascade;', string_agg(distinct w.privileges, ', '), h.name, w.relname,
                string_agg(w.name, ', ' order by w.name)
            )
        end
    from here as h
    cross join writers as w
    group by h.name, h.owner, w.relname
    union all
    select
        'note', 'right',
        case count(*) when 1 then min(f.called) else count(*) || ' functions' end, 'PUBLIC may not execute it',
        'chosen by the host' || case when count(*) > 1 then ': ' || string_agg(f.called, ', ' order by f.called) else '' end,
        null, format('grant execute on routine %s to public;', string_agg(f.named, ', ' order by f.named))
    from routines as f
    where
        f.is_ours
        and (f.of_triggers or not f.acts)
        and not exists (
            select from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
            where g.grantee = 0 and g.privilege_type = 'EXECUTE'
        )
    having count(*) > 0;
$$;

comment on function fbs_rights() is
'Internal. The rights in this schema that others have and only FBS''s owner should have: to create, to execute functions that change something, to write to tables that say what FBS does; and the functions that PUBLIC may not execute, as in a new installation it may. Others are roles that fbs_trusts does not trust. fbs-db check runs its text, as fbs-db migrate does before there is the function.';

create function fbs_health()
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
as $$
#variable_conflict use_column
declare
    here oid := (select c.relnamespace from pg_class as c where c.oid = 'fbs_migrations'::regclass);
    place text := case here when 'public'::regnamespace then '' else here::regnamespace || '.' end;
    unseen text;
    hidden text;
    unseen_tables text;
    users regclass;
    host record;
    problem text;
begin
    select string_agg(t.name, ', '), string_agg(fbs_named(c.oid), ', ')
    into unseen, unseen_tables
    from unnest('{fbs_hosts,fbs_cleanup_queue,fbs_cleanup_targets,fbs_cleanup_rules,fbs_rule_states,fbs_settings,fbs_file_deletions}'::text[]) as t (name)
    inner join pg_class as c on t.name = c.relname and c.relnamespace = here
    where not has_table_privilege(c.oid, 'select');
    select string_agg(t.name, ', ')
    into hidden
    from unnest('{fbs_hosts,fbs_cleanup_queue,fbs_cleanup_targets,fbs_cleanup_rules,fbs_settings,fbs_file_deletions}'::text[]) as t (name)
    inner join pg_class as c on t.name = c.relname and c.relnamespace = here
    where has_table_privilege(c.oid, 'select') and row_security_active(c.oid);

    return query
    select
        case s.state when 'not validated' then 'warning' else 'error' end, s.kind, s.object, s.state, null, null,
        case
            when s.state = 'disabled' then format('alter table %s enable trigger %I;', fbs_named(s.table_id), s.name)
            when s.state = 'not validated' then format('alter table %s validate constraint %I;', fbs_named(s.table_id), s.name)
            when s.name ~ '_cc(new|old)[0-9]*$' then format('drop index concurrently %s%I;', place, s.name)
            else format('reindex index concurrently %s%I;', place, s.name)
        end
    from fbs_states() as s
    -- What a host has put on FBS's tables is known by its name alone.
    where s.schema_name = (select n.nspname from pg_namespace as n where n.oid = here) and s.name ~ '^fbs_'
    order by 2, 3;

    return query select r.* from fbs_rights() as r order by r.severity, r.object;

    select u.user_table into users from fbs_user_columns as u where u.user_table is not null limit 1;
    if users is null then
        return query
        select
            'note', 'users', 'fbs_user_columns', 'not attached',
            'no user column is tied to a user table', 'foreign keys with their ON DELETE rules',
            fbs_command('attach', 'users', 'TABLE')
        where exists (select from fbs_user_columns as u);
    else
        return query
        select
            case when u.user_table is null then 'error' else 'warning' end,
            'user key', u.table_name || '.' || u.column_name,
            case when u.user_table is null then 'missing' else 'not validated' end,
            case
                when u.user_table is null then 'tied to no user table'
                else 'there may be rows whose user is gone'
            end,
            'tied to ' || users,
            case
                when u.user_table is null then fbs_command('attach', 'users', fbs_named(users))
                else fbs_command('attach', 'users', fbs_named(users), '--repair')
            end
        from fbs_user_columns as u
        where u.user_table is null or not u.validated
        order by u.table_name, u.column_name;
        return query
        select
            'error', 'user key', u.table_name || '.' || u.column_name, 'changed',
            lower(substring(pg_get_constraintdef(k.oid) from 'ON DELETE ([A-Z ]*[A-Z])')),
            u.on_delete, format(
                'alter table %s drop constraint %I; select * from %sfbs_attach_users(%L);',
                fbs_named(u.table_id), k.conname, place, fbs_named(users)
            )
        from fbs_user_columns as u
        inner join pg_constraint as k on u.table_id = k.conrelid and u.constraint_name = k.conname
        where u.user_table is not null and k.confdeltype <> case u.on_delete when 'cascade' then 'c' else 'n' end
        order by u.table_name, u.column_name;
    end if;

    if unseen is not null then
        return query values (
            'note', 'privilege', unseen, 'not looked at', 'no privilege to read', null,
            format('grant select on %s to %I;', unseen_tables, current_user)
        );
    end if;

    if hidden is not null then
        return query values (
            'note', 'privilege', hidden, 'not looked at', 'row security hides rows of it from ' || current_user, null, ''
        );
    end if;

    if has_table_privilege('fbs_hosts', 'select') and not row_security_active('fbs_hosts') then
        for host in
            select
                h.*, h.model_name || coalesce(' (' || h.solution || ')', '') as name,
                c.oid is not null as is_there, a.attnum is not null as has_key
            from fbs_hosts as h
            left join pg_class as c on h.host_table = c.oid
            left join pg_attribute as a
                on c.oid = a.attrelid and h.key_column = a.attname and a.attnum > 0 and not a.attisdropped
            order by h.model_name, h.solution
        loop
            problem := coalesce(fbs_host_problem(host.host_table, host.key_column), fbs_foreign_code(host.host_table));
            if not host.is_there then
                return query values (
                    'warning', 'host', host.name, 'table gone', 'its table was dropped', null,
                    format('delete from %sfbs_hosts where host_table = %L;', place, host.host_table::oid)
                );
            elsif not host.has_key then
                return query values (
                    'error', 'host', host.name, 'key renamed', problem, null,
                    fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name)
                );
            elsif problem is not null then
                return query values (
                    'error', 'host', host.name, 'does not fit', problem,
                    'an ordinary or partitioned table with a unique key of integers, uuids or texts', ''
                );
            elsif host.key_is_unique <> fbs_is_unique(host.host_table, host.key_column) then
                return query values (
                    'error', 'host', host.name, 'out of date',
                    format(
                        'column %s of %s %s', host.key_column, host.host_table,
                        case when host.key_is_unique then 'is no longer unique by itself' else 'is unique by itself now' end
                    ),
                    null, fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name)
                );
            else
                return query
                select
                    'error', 'host', host.name, 'trigger missing',
                    format('on %s %s', t.table_id, string_agg(
                        t.trigger_name || case
                            when t.definition !~ '^create' then ' is not needed'
                            when exists (
                                select from pg_trigger as g where g.tgrelid = t.table_id and g.tgname = t.trigger_name
                            ) then ' does not fire'
                            else ' is missing'
                        end,
                        ', ' order by t.trigger_name
                    )),
                    null, fbs_command('attach', 'host', fbs_named(host.host_table), '--model', host.model_name)
                from fbs_host_triggers(host.host_table) as t
                where not t.present
                group by t.table_id
                order by t.table_id::text;
            end if;
        end loop;
    end if;

    if has_table_privilege('fbs_cleanup_queue', 'select') and not row_security_active('fbs_cleanup_queue') then
        return query
        select
            'warning', 'clean-up',
            concat_ws(
                ', ', q.model_name || coalesce(' (' || q.solution || ')', ''), 'rule ' || q.rule_name, 'in database ' || q.target
            ),
            case when max(q.attempts) > 0 or count(q.error) > 0 then 'failed' else 'waiting' end,
            q.operation
            || coalesce(' of ' || fbs_counted(sum(cardinality(q.keys))::bigint, 'row'), '')
            || ' since ' || min(q.queued_at)::timestamp (0)
            || coalesce(': ' || (array_agg(q.error order by q.id desc) filter (where q.error is not null))[1], ''),
            null, fbs_command('cleanup', 'retry')
        from fbs_cleanup_queue as q
        where q.error is not null or q.queued_at < now() - interval '1 hour'
        group by q.model_name, q.solution, q.rule_name, q.operation, q.target
        order by 3;
    end if;

    if
        to_regclass('fbs_file_deletions') is not null
        and has_table_privilege('fbs_file_deletions', 'select')
        and not row_security_active('fbs_file_deletions')
    then
        return query
        select
            'warning', 'file', d.file, 'not removed', d.error || ' after ' || case d.attempts when 1 then '1 try' else d.attempts || ' tries' end, null,
            fbs_command('files', 'purge', '--root', 'DIR')
        from fbs_file_deletions as d
        where d.error is not null
        order by d.id
        limit 10;
    end if;

    if to_regclass('fbs_later_names') is not null and has_table_privilege('fbs_later_names', 'select') then
        return query
        select
            case n.state when 'absent' then 'note' else 'warning' end,
            'view', n.later_name, case n.state when 'absent' then 'missing' else n.state end,
            case n.state
                when 'absent' then 'other later names are there'
                else 'it lacks a column, a right, or the option security_invoker'
            end,
            n.definition, fbs_command('later-names', 'add')
        from fbs_later_names as n
        where
            n.state = 'out of date'
            or (n.state = 'absent' and exists (select from fbs_later_names as o where o.view_id is not null))
        order by n.later_name;
        return query
        select
            'warning', 'table', n.later_name, 'there twice',
            format('it is a table beside %s, which does not show its rows', n.table_name), 'one table', fbs_command('adopt')
        from fbs_later_names as n
        where n.is_twin
        order by n.later_name;
    end if;

    if
        has_table_privilege('fbs_cleanup_rules', 'select')
        and has_table_privilege('fbs_rule_states', 'select')
        and not row_security_active('fbs_cleanup_rules')
    then
        return query
        select
            'error', 'rule', s.rule_name, 'refused', s.problem,
            'a table of FBS''s owner, with triggers of that owner only', ''
        from fbs_rule_states as s
        where s.problem is not null
        order by s.rule_name;
        return query
        select
            'error', 'rule', f.proname::text, 'out of date', 'it was not written from the rules and tables as they are',
            null, format('select %sfbs_compile_rules();', place)
        from pg_proc as f
        where f.pronamespace = here and f.proname = 'fbs_apply_rules' and f.prosrc <> fbs_rules_body();
    end if;

    if has_table_privilege('fbs_settings', 'select') and not row_security_active('fbs_settings') then
        return query
        select
            'note', 'setting', 'cleanup', 'off', 'FBS''s rows stay when the host rows they point at go', null,
            fbs_command('settings', 'cleanup', 'on')
        from fbs_settings as s
        where s.name = 'cleanup' and s.value = 'off';
    end if;
end;
$$;

comment on function fbs_health() is
'What is not as it should be: disabled triggers, invalid indexes, keys not validated, users and host tables, later names out of date, clean-ups and files that wait. No row is good news; notes need nothing to be done. What is missing or changed altogether, and what is pending: fbs-db check';

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
'What is odd about the rows of one of FBS''s tables: values off the lists, negative amounts, dates outside the years 1 to 9999, ledgers that are not balanced, users that are gone. Reads the whole table.';

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
'FBS rows that are odd about the attached host tables: host rows that are gone, record ids that are no keys, rows that name no solution where several tables have the model. To be run in READ COMMITTED.';

create view fbs_identities as
select
    c.oid::regclass as table_id,
    c.relname::text as table_name,
    a.attname::text as column_name,
    s.oid::regclass as sequence_id,
    q.seqincrement as increment
from pg_class as c
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_migrations'::regclass and c.relnamespace = home.relnamespace
inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
inner join pg_depend as d
    on
        d.refclassid = 'pg_class'::regclass
        and c.oid = d.refobjid
        and a.attnum = d.refobjsubid
        and d.classid = 'pg_class'::regclass
        and d.deptype in ('a', 'i')
inner join pg_class as s on d.objid = s.oid and s.relkind = 'S'
inner join pg_sequence as q on s.oid = q.seqrelid
where c.relkind in ('r', 'p') and c.relname ~ '^fbs_' and q.seqincrement > 0;

comment on view fbs_identities is
'FBS''s columns whose keys come from a sequence.';
comment on column fbs_identities.table_id is
'The table, as PostgreSQL identifies it.';
comment on column fbs_identities.table_name is
'Name of the table.';
comment on column fbs_identities.column_name is
'Name of the column.';
comment on column fbs_identities.sequence_id is
'The sequence, as PostgreSQL identifies it.';
comment on column fbs_identities.increment is
'How far a key is from the next.';

create function fbs_check_identities()
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
as $$
#variable_conflict use_column
declare
    looked record;
    highest bigint;
    next_key numeric;
    unseen text[] := '{}';
begin
    for looked in select i.* from fbs_identities as i order by i.table_name, i.column_name loop
        if
            not has_column_privilege(looked.table_id, looked.column_name, 'select')
            or not has_sequence_privilege(looked.sequence_id, 'select')
            or row_security_active(looked.table_id)
        then
            unseen := unseen || looked.table_name;
            continue;
        end if;
        -- In this order: a row that is there took its key from the sequence before.
        execute format('select max(%I) from %s', looked.column_name, looked.table_id) into highest;
        execute format(
            'select last_value::numeric + case when is_called then %s else 0 end from %s',
            looked.increment, looked.sequence_id
        ) into next_key;
        return query
        select
            'error', 'rows', looked.table_name || '.' || looked.column_name, 'identity behind',
            format('the next key is %s, and there is a row with %s', next_key, highest),
            'a next key above ' || highest, fbs_command('repair')
        where highest >= next_key;
    end loop;
    if unseen <> '{}' then
        return query values (
            'note', 'privilege', 'fbs_check_identities', 'not looked at',
            'no privilege to read rows and sequences of ' || array_to_string(unseen, ', '), null, ''
        );
    end if;
end;
$$;

comment on function fbs_check_identities() is
'The tables of FBS whose next key is taken already, as after logical replication, which copies rows and no sequences. Reads the highest key of each, and no other row.';

create function fbs_advance_identity(of_table text)
returns void
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    looked record;
    highest bigint;
    next_key numeric;
begin
    for looked in select i.* from fbs_identities as i where i.table_name = of_table loop
        -- One at a time. Rows may be added meanwhile.
        execute format('lock table %s in share update exclusive mode', looked.table_id);
        execute format('select max(%I) from %s', looked.column_name, looked.table_id) into highest;
        execute format(
            'select last_value::numeric + case when is_called then %s else 0 end from %s',
            looked.increment, looked.sequence_id
        ) into next_key;
        -- Others take keys meanwhile. Taking keys one by one never goes back; where there are too
        -- many, nobody else takes as many before the sequence is set.
        if highest - next_key > 10000 then
            perform setval(looked.sequence_id, highest);
        else
            while next_key <= highest loop
                next_key := nextval(looked.sequence_id) + looked.increment;
            end loop;
        end if;
    end loop;
end;
$$;

comment on function fbs_advance_identity(text) is
'Advances the sequence of a table''s keys past the highest key, where rows came with keys of their own. Never goes back, and blocks neither readers nor writers.';

select fbs_revoke_execute();
