-- 0044_discovery_views: what is read of discovery: models, fields, modules,
-- sessions, and a model's fields together with its custom ones.
--
-- component: discovery
-- depends: 0009_discovery_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_discovery_models
with (security_invoker = true) as
select
    m.id,
    m.database_name,
    m.model_name,
    m.technical_name,
    m.display_name,
    m.description,
    m.module_name,
    m.is_active,
    m.is_installed,
    m.model_type,
    m.capabilities,
    m.constraints,
    (
        select count(*)
        from fbs_odoo_fields as f
        where f.odoo_model_id = m.id
    ) as field_count,
    m.discovered_at,
    m.last_verified
from fbs_odoo_models as m;

comment on view fbs_discovery_models is
'Kinds of record (models) found in each Odoo database.';
comment on column fbs_discovery_models.field_count is
'How many of its fields were found.';

create view fbs_discovery_fields
with (security_invoker = true) as
select
    f.id,
    f.odoo_model_id,
    m.database_name,
    m.model_name,
    f.field_name,
    f.technical_name,
    f.display_name,
    f.field_type,
    f.required,
    f.readonly,
    f.computed,
    f.stored,
    f.default_value,
    f.help_text,
    f.selection_options,
    f.relation_model,
    f.field_constraints,
    f.discovered_at
from fbs_odoo_fields as f
inner join fbs_odoo_models as m on f.odoo_model_id = m.id;

comment on view fbs_discovery_fields is
'Fields found on the kinds of record of each Odoo database.';
comment on column fbs_discovery_fields.id is
'Number that identifies the field.';

create view fbs_discovery_modules
with (security_invoker = true) as
select
    m.id,
    m.database_name,
    m.module_name,
    m.technical_name,
    m.display_name,
    m.description,
    m.version,
    m.author,
    m.website,
    m.category,
    m.is_installed,
    m.is_active,
    m.auto_install,
    m.depends,
    m.data_files,
    m.demo_data,
    m.application,
    m.discovered_at,
    m.last_verified
from fbs_odoo_modules as m;

comment on view fbs_discovery_modules is
'Odoo modules (apps and add-ons) found in each Odoo database.';

create view fbs_discovery_session_list
with (security_invoker = true) as
select
    s.id,
    s.session_id,
    s.database_name,
    s.session_type,
    s.status,
    s.started_at,
    s.completed_at,
    fbs_time_between(s.started_at, s.completed_at) as duration,
    s.total_models,
    s.total_fields,
    s.total_modules,
    case jsonb_typeof(s.errors) when 'array' then jsonb_array_length(s.errors) end as error_count,
    s.errors,
    s.configuration
from fbs_discovery_sessions as s;

comment on view fbs_discovery_session_list is
'Searches in which FBS looked through an Odoo database, and what each found.';
comment on column fbs_discovery_session_list.duration is
'How long the search took; NULL while it has not ended.';
comment on column fbs_discovery_session_list.error_count is
'How many errors were noted; NULL when errors is not a list.';

create function fbs_discovery_schema(database_name text, model_name text)
returns table (
    field_name text,
    source text,
    field_type text,
    display_name text,
    required boolean,
    readonly boolean,
    computed boolean,
    stored boolean,
    default_value text,
    help_text text,
    selection_options jsonb,
    relation_model text,
    has_custom_values boolean
)
language plpgsql
stable
set search_path from current
as $$
#variable_conflict use_column
declare
    custom_names text[];
    custom_types text[];
begin
    -- Custom fields belong to another component, which may live in another database.
    if to_regclass('fbs_custom_fields') is not null then
        execute '
            select array_agg(named.field_name), array_agg(named.field_type)
            from (
                select distinct on (c.field_name) c.field_name, c.field_type
                from fbs_custom_fields as c
                where c.database_name = $1 and c.model_name = $2 and c.is_active
                order by c.field_name, c.updated_at desc, c.id desc
            ) as named'
        into custom_names, custom_types
        using database_name, model_name;
    end if;

    return query
    select
        coalesce(f.field_name, c.field_name)::text,
        case when f.field_name is null then 'custom' else 'odoo' end,
        coalesce(f.field_type, c.field_type)::text,
        coalesce(f.display_name, c.field_name)::text,
        coalesce(f.required, false),
        coalesce(f.readonly, false),
        coalesce(f.computed, false),
        coalesce(f.stored, true),
        coalesce(f.default_value, ''),
        coalesce(f.help_text, ''),
        coalesce(f.selection_options, '[]'),
        coalesce(f.relation_model, '')::text,
        c.field_name is not null
    from (
        select df.*
        from fbs_discovery_fields as df
        where
            df.database_name = fbs_discovery_schema.database_name
            and df.model_name = fbs_discovery_schema.model_name
    ) as f
    full join unnest(custom_names, custom_types) as c (field_name, field_type) on f.field_name = c.field_name
    order by 1;
end;
$$;

comment on function fbs_discovery_schema(text, text) is
'Merged schema of a kind of record (model) in an Odoo database: each field once, by name. source is odoo for a field found there, custom for one that only FBS''s custom fields have; where both have it, Odoo''s description counts and has_custom_values says that there are custom values too. A custom field''s type is that of its value changed last; values set aside do not count. No rows for a model of which neither knows a field. Where custom fields are kept in another database, Odoo''s fields only. Cost: the model''s fields and all its custom values.';

select fbs_describe_views();
