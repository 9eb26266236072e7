-- 0030_discovery_views: what is read of discovery: models, fields, modules,
-- sessions, and a model's fields together with its custom ones.
--
-- component: discovery
-- depends: 0009_discovery_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

-- As a rule the tables are empty when this runs; where they are not, writers wait
-- while the indexes are built.
-- squawk-ignore-file require-concurrent-index-creation

-- One model, or one module, over all Odoo databases.
create index fbs_odoo_models_model_name_idx
on fbs_odoo_models (model_name);

create index fbs_odoo_models_module_name_idx
on fbs_odoo_models (module_name);

create index fbs_odoo_fields_field_name_idx
on fbs_odoo_fields (field_name);

create index fbs_odoo_fields_relation_model_idx
on fbs_odoo_fields (relation_model);

create index fbs_odoo_modules_module_name_idx
on fbs_odoo_modules (module_name);

create view fbs_discovery_models
with (security_invoker = true)
as
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
comment on column fbs_discovery_models.model_name is
'What Odoo calls it, such as res.partner; unique within one Odoo database.';
comment on column fbs_discovery_models.technical_name is
'Name Odoo uses inside its programs.';
comment on column fbs_discovery_models.display_name is
'Title people see in Odoo.';
comment on column fbs_discovery_models.description is
'What such records are for; blank when Odoo gives no description.';
comment on column fbs_discovery_models.module_name is
'Odoo module that brings it.';
comment on column fbs_discovery_models.is_active is
'True while FBS offers it for use.';
comment on column fbs_discovery_models.is_installed is
'True while it is installed in that Odoo database.';
comment on column fbs_discovery_models.model_type is
'What sort it is, such as business or custom.';
comment on column fbs_discovery_models.capabilities is
'List of what can be done with such records; [] when not known.';
comment on column fbs_discovery_models.constraints is
'Rules that such records must keep to, by name; {} when none are known.';
comment on column fbs_discovery_models.field_count is
'How many of its fields were found.';
comment on column fbs_discovery_models.discovered_at is
'When it was first found.';
comment on column fbs_discovery_models.last_verified is
'When it was last seen to exist.';

create view fbs_discovery_fields
with (security_invoker = true)
as
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
comment on column fbs_discovery_fields.odoo_model_id is
'Kind of record that has it, by its number in fbs_discovery_models.';
comment on column fbs_discovery_fields.model_name is
'Kind of record that has it, by name.';
comment on column fbs_discovery_fields.field_name is
'What Odoo calls the field; unique within one kind of record.';
comment on column fbs_discovery_fields.technical_name is
'Name Odoo uses inside its programs.';
comment on column fbs_discovery_fields.display_name is
'Label people see in Odoo.';
comment on column fbs_discovery_fields.field_type is
'What the field can hold, in Odoo''s words, such as char or many2one.';
comment on column fbs_discovery_fields.required is
'True when a record cannot be saved without a value here.';
comment on column fbs_discovery_fields.readonly is
'True when people can see the value but not change it.';
comment on column fbs_discovery_fields.computed is
'True when Odoo works the value out by itself.';
comment on column fbs_discovery_fields.stored is
'True when Odoo keeps the value in its database.';
comment on column fbs_discovery_fields.default_value is
'Value Odoo fills in for a new record, as text; blank when there is none.';
comment on column fbs_discovery_fields.selection_options is
'List of the values one may choose from; [] when the field offers no choice.';
comment on column fbs_discovery_fields.relation_model is
'Kind of record the field links to; blank when it links to none.';
comment on column fbs_discovery_fields.field_constraints is
'Limits on the value, by name; {} when none are known.';
comment on column fbs_discovery_fields.discovered_at is
'When the field was first found.';

create view fbs_discovery_modules
with (security_invoker = true)
as
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
comment on column fbs_discovery_modules.id is
'Number that identifies the module.';
comment on column fbs_discovery_modules.module_name is
'What Odoo calls the module; unique within one Odoo database.';
comment on column fbs_discovery_modules.technical_name is
'Name Odoo uses inside its programs.';
comment on column fbs_discovery_modules.display_name is
'Title people see in Odoo.';
comment on column fbs_discovery_modules.description is
'What the module does; blank when Odoo gives no description.';
comment on column fbs_discovery_modules.version is
'Release of the module, as Odoo reports it.';
comment on column fbs_discovery_modules.author is
'Person or company that made it; blank when not known.';
comment on column fbs_discovery_modules.category is
'Group Odoo files the module under.';
comment on column fbs_discovery_modules.is_installed is
'True while it is installed in that Odoo database.';
comment on column fbs_discovery_modules.is_active is
'True while FBS offers it for use.';
comment on column fbs_discovery_modules.auto_install is
'True when Odoo adds the module by itself once all it needs is there.';
comment on column fbs_discovery_modules.depends is
'List of the other Odoo modules it needs, by name; [] when it needs none.';
comment on column fbs_discovery_modules.data_files is
'List of the files it loads when it is installed; [] when none are known.';
comment on column fbs_discovery_modules.demo_data is
'True when the module comes with its sample data.';
comment on column fbs_discovery_modules.application is
'True for a full app, false for an add-on to others.';
comment on column fbs_discovery_modules.discovered_at is
'When the module was first found.';
comment on column fbs_discovery_modules.last_verified is
'When it was last seen to exist.';

create view fbs_discovery_session_list
with (security_invoker = true)
as
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
comment on column fbs_discovery_session_list.id is
'Number that identifies the search within its table.';
comment on column fbs_discovery_session_list.session_id is
'Text by which programs refer to the search; unique.';
comment on column fbs_discovery_session_list.session_type is
'What the search set out to find.';
comment on column fbs_discovery_session_list.status is
'How the search stands, such as running or completed.';
comment on column fbs_discovery_session_list.started_at is
'When the search began.';
comment on column fbs_discovery_session_list.completed_at is
'When the search ended; null while it has not.';
comment on column fbs_discovery_session_list.duration is
'How long the search took; null while it has not ended.';
comment on column fbs_discovery_session_list.total_models is
'How many kinds of record were found.';
comment on column fbs_discovery_session_list.total_fields is
'How many fields were found.';
comment on column fbs_discovery_session_list.total_modules is
'How many Odoo modules were found.';
comment on column fbs_discovery_session_list.error_count is
'How many errors were noted; null when errors is not a list.';
comment on column fbs_discovery_session_list.errors is
'List of what went wrong; [] when nothing did.';
comment on column fbs_discovery_session_list.configuration is
'Settings the search was run with; {} when none were given.';

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
