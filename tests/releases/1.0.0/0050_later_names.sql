-- 0050_later_names: views by which code written for later releases of FBS finds the
-- tables. They are made when a host asks for them, as most of the names have no fbs_
-- in front and may be the host's own.
--
-- A later file that renames a column or changes its type has to drop these views first
-- and add them again: they stand on every column.
--
-- component: base
-- depends: 0001_initial

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_later_names as
select
    listed.later_name,
    c.oid::regclass as table_id,
    listed.table_name,
    wanted.definition,
    case when present.is_ours then present.oid end::regclass as view_id,
    case
        when present.is_ours
            then
                case
                    when
                        present.column_list = wanted.column_list
                        and present.options @> '{security_invoker=true}'
                        and present.granted @> wanted.granted
                        then 'current'
                    else 'out of date'
                end
        when present.oid is not null or other_type.oid is not null then 'taken'
        else 'absent'
    end as state,
    case
        when present.is_ours then null
        when present.oid is null and other_type.oid is not null then 'type'
        else
            case present.relkind
                when 'r' then 'table'
                when 'p' then 'table'
                when 'v' then 'view'
                when 'm' then 'materialized view'
                when 'S' then 'sequence'
                when 'f' then 'foreign table'
                when 'c' then 'type'
                when 'i' then 'index'
                when 'I' then 'index'
            end
    end as taken_by,
    coalesce(
        present.relkind = 'r'
        -- A name with FBS's prefix is enough; the others may be the host's own.
        and (listed.later_name ~ '^fbs_' or 2 * present.alike >= cardinality(wanted.column_list)),
        false
    ) as is_twin
from (
    values
    ('fbs_cash_entries', 'fbs_app_cashentry', '{}'::jsonb),
    ('fbs_income_expenses', 'fbs_app_incomeexpense', '{}'),
    ('fbs_basic_ledgers', 'fbs_app_basicledger', '{}'),
    ('fbs_tax_calculations', 'fbs_app_taxcalculation', '{}'),
    ('dms_document_type', 'fbs_dms_document_type', '{}'),
    ('dms_document_category', 'fbs_dms_document_category', '{}'),
    ('dms_document_tag', 'fbs_dms_document_tag', '{}'),
    (
        'dms_document_tags', 'fbs_dms_document_tags',
        '{"document_id": "dmsdocument_id", "documenttag_id": "dmsdocumenttag_id"}'
    ),
    ('dms_document', 'fbs_dms_document', '{}'),
    ('dms_file_attachment', 'fbs_dms_file_attachment', '{}'),
    ('dms_document_workflow', 'fbs_dms_document_workflow', '{}'),
    ('dms_document_approval', 'fbs_dms_document_approval', '{}'),
    ('lic_solution_license', 'fbs_license_manager_solution_license', '{}'),
    ('lic_feature_usage', 'fbs_license_manager_feature_usage', '{}'),
    ('lic_license_manager', 'fbs_license_manager_manager', '{}')
) as listed (later_name, table_name, later_columns)
-- A view has no search_path of its own; the schema is the one of this table.
inner join pg_class as home on home.oid = 'fbs_migrations'::regclass
inner join pg_class as c
    on listed.table_name = c.relname and home.relnamespace = c.relnamespace and c.relkind in ('r', 'p')
cross join
    lateral (
        select
            format(
                'select %s from %I',
                string_agg(
                    format(
                        case when listed.later_columns ? a.attname::text then '%I as %I' else '%I' end,
                        a.attname, listed.later_columns ->> a.attname::text
                    ),
                    ', ' order by a.attnum
                ),
                listed.table_name
            ) as definition,
            array_agg(
                row(coalesce(listed.later_columns ->> a.attname::text, a.attname), a.atttypid, a.atttypmod)::text
                order by a.attnum
            ) as column_list,
            array_agg(coalesce(listed.later_columns ->> a.attname::text, a.attname)) as column_names,
            array(
                select row(x.grantee, x.privilege_type)::text
                from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
                where x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            ) as granted
        from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as wanted
left join lateral (
    select
        other.oid,
        other.relkind,
        coalesce(other.reloptions, '{}') as options,
        array(
            select row(a.attname, a.atttypid, a.atttypmod)::text
            from pg_attribute as a
            where a.attrelid = other.oid and a.attnum > 0
            order by a.attnum
        ) as column_list,
        array(
            select row(x.grantee, x.privilege_type)::text
            from aclexplode(coalesce(other.relacl, acldefault('r', other.relowner))) as x
        ) as granted,
        (
            select count(*)
            from pg_attribute as a
            where
                a.attrelid = other.oid
                and a.attnum > 0
                and not a.attisdropped
                and a.attname = any(wanted.column_names)
        ) as alike,
        other.relkind = 'v'
        and obj_description(other.oid, 'pg_class') like '%Made by fbs\_add\_later\_names().'
        and exists (
            select
            from pg_rewrite as r
            inner join pg_depend as d on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
            where r.ev_class = other.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
        ) as is_ours
    from pg_class as other
    where other.relname = listed.later_name and other.relnamespace = c.relnamespace
) as present on true
left join pg_type as other_type
    on listed.later_name = other_type.typname and c.relnamespace = other_type.typnamespace and other_type.typrelid = 0;

comment on view fbs_later_names is
'Names that later releases of FBS (2.0.4 to 2.0.6) give to tables that are installed here, and how it stands with the views that bear them.';
comment on column fbs_later_names.later_name is
'The name.';
comment on column fbs_later_names.table_id is
'The table, as PostgreSQL identifies it.';
comment on column fbs_later_names.table_name is
'Name of the table.';
comment on column fbs_later_names.definition is
'What the view of that name shows: every column, under its later name where that is another.';
comment on column fbs_later_names.view_id is
'The view that fbs_add_later_names made; NULL where there is none. It is known by its comment, and by reading the table.';
comment on column fbs_later_names.state is
'current, absent, taken (by something that fbs_add_later_names did not make), or out of date (the view lacks a column, a right that a role has on the table, or security_invoker).';
comment on column fbs_later_names.taken_by is
'What has the name, such as table, where it is taken.';
comment on column fbs_later_names.is_twin is
'Whether a table of that name was made for FBS by something else, such as Django: at least half of its columns are FBS''s. FBS''s table does not show its rows. fbs-db adopt makes one table of the two.';

create function fbs_add_later_names()
returns setof text
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    taken text;
    named record;
    present record;
begin
    select string_agg(n.taken_by || ' ' || n.later_name, ', ' order by n.later_name)
    into taken
    from fbs_later_names as n
    where n.state = 'taken';
    if taken is not null then
        raise exception 'FBS''s later names are taken in schema %: %', current_schema(), taken
            using errcode = 'FB050',
                hint = 'It stays as it is, and nothing was added. Rename it. Where Django made it for FBS, make one table of the two: '
                || fbs_command('adopt');
    end if;

    for named in select n.* from fbs_later_names as n where n.state <> 'current' order by n.later_name loop
        -- Whoever reads or writes through it needs the rights on the table, as without it.
        begin
            execute format(
                'create or replace view %I with (security_invoker = true) as %s', named.later_name, named.definition
            );
        exception
            -- A column has another name, place or type by now.
            when invalid_table_definition then
                perform fbs_drop_later_name(named.view_id);
                execute format(
                    'create view %I with (security_invoker = true) as %s', named.later_name, named.definition
                );
        end;
        execute format(
            'comment on view %I is %L', named.later_name,
            concat_ws(
                ' ', obj_description(named.table_id, 'pg_class'),
                format('This is table %s under its later name. Made by fbs_add_later_names().', named.table_name)
            )
        );
        for present in
            select v.attname as column_name, col_description(named.table_id, t.attnum) as said
            from (
                select a.attnum, row_number() over (order by a.attnum) as place
                from pg_attribute as a
                where a.attrelid = named.table_id and a.attnum > 0 and not a.attisdropped
            ) as t
            inner join pg_attribute as v
                on v.attrelid = format('%I', named.later_name)::regclass and t.place = v.attnum
        loop
            execute format(
                'comment on column %I.%I is %L', named.later_name, present.column_name, present.said
            );
        end loop;
        for present in
            select
                x.privilege_type,
                case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as grantee
            from pg_class as c
            cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
            where c.oid = named.table_id and x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        loop
            execute format('grant %s on %I to %s', present.privilege_type, named.later_name, present.grantee);
        end loop;
        return next named.later_name;
    end loop;
end;
$$;

comment on function fbs_add_later_names() is
'Makes a view for each of fbs_later_names, through which the table is read and written under its later name: insert, update, delete, upsert and select for update. The reader''s own rights on the table count. Again does no harm: it adds what is missing and mends what is out of date. Returns the views made or mended. Error FB050 where a name is taken; nothing is added then.';

create function fbs_drop_later_name(view_id regclass)
returns void
language plpgsql
set search_path from current
set lock_timeout = '3s'
as $$
declare
    said text;
begin
    execute format('drop view %s', view_id);
exception
    when dependent_objects_still_exist then
        get stacked diagnostics said = pg_exception_detail;
        raise exception 'view % cannot be dropped, as something stands on it: %', view_id, said
            using errcode = 'FB051',
                hint = 'That is not of FBS. Drop it first, or let it stand on FBS''s table.';
end;
$$;

comment on function fbs_drop_later_name(regclass) is
'Internal. Drops one of the views of fbs_later_names. Error FB051 where something stands on it.';

create function fbs_drop_later_names(of_tables text[] default null)
returns setof text
language plpgsql
set search_path from current
as $$
declare
    named record;
begin
    for named in
        select n.*
        from fbs_later_names as n
        where n.view_id is not null and (of_tables is null or n.table_name = any(of_tables))
        order by n.later_name
    loop
        perform fbs_drop_later_name(named.view_id);
        return next named.later_name;
    end loop;
end;
$$;

comment on function fbs_drop_later_names(text[]) is
'Drops the views that fbs_add_later_names made, all or those of the tables named, and nothing else; the tables and their rows stay. Returns the views dropped. Error FB051 where something stands on one.';

select fbs_revoke_execute();
