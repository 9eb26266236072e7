-- 0033_core_views: reading notifications and custom fields.
--
-- component: core
-- depends: 0008_core_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_notifications_inbox
with (security_invoker = true) as
select
    n.id,
    n.user_id,
    not n.is_read as is_unread,
    n.title,
    n.message,
    n.notification_type,
    n.priority,
    n.solution_name,
    n.is_read,
    n.read_at,
    n.created_at
from fbs_notifications as n;

comment on view fbs_notifications_inbox is
'Notifications, meant to be read for one user, unread ones first and the newest on top: is_read, created_at desc, id desc. Those for nobody in particular have no user_id.';
comment on column fbs_notifications_inbox.is_unread is
'True while it is still new: the opposite of is_read.';

create view fbs_notifications_counts
with (security_invoker = true) as
select
    n.user_id,
    n.notification_type,
    n.priority,
    count(*) as notifications,
    count(*) filter (where not n.is_read) as unread,
    min(n.created_at) filter (where not n.is_read) as oldest_unread_at,
    max(n.created_at) as newest_at
from fbs_notifications as n
group by n.user_id, n.notification_type, n.priority;

comment on view fbs_notifications_counts is
'How many notifications each user has of each type and priority. What a user has none of has no row; those for nobody in particular are counted under NULL.';
comment on column fbs_notifications_counts.user_id is
'User they are meant for; NULL for those for nobody in particular.';
comment on column fbs_notifications_counts.notification_type is
'The type that is counted.';
comment on column fbs_notifications_counts.priority is
'The priority that is counted.';
comment on column fbs_notifications_counts.notifications is
'How many there are, read or not.';
comment on column fbs_notifications_counts.unread is
'How many of them are still new.';
comment on column fbs_notifications_counts.oldest_unread_at is
'When the oldest of those still new was added; NULL when all are read.';
comment on column fbs_notifications_counts.newest_at is
'When the newest of them was added.';

create view fbs_notifications_alerts
with (security_invoker = true) as
select
    n.id,
    n.user_id,
    n.title,
    n.message,
    n.priority,
    case n.priority
        when 'critical' then 4
        when 'high' then 3
        when 'medium' then 2
        when 'low' then 1
        else 0
    end as urgency,
    n.solution_name,
    n.created_at,
    fbs_time_between(n.created_at, now()) as age
from fbs_notifications as n
where n.notification_type = 'alert' and not n.is_read;

comment on view fbs_notifications_alerts is
'Active alerts: notifications of the type alert that nobody has read yet. An alert ends when it is read.';
comment on column fbs_notifications_alerts.urgency is
'The priority as a number, for sorting: 4 critical, 3 high, 2 medium, 1 low, 0 for any other.';
comment on column fbs_notifications_alerts.age is
'How long ago the alert was added.';

-- The casts look at nothing but the text: the forms that depend on the session (dates
-- as the locale writes them, words such as today) are kept out before. Patterns match by
-- the rules of C, where white space is what the casts take for it and nothing more.
create function fbs_cast_custom_value(field_type text, field_value text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
declare
    plain text collate "C" := field_value;
    moment timestamp;
    zone text := '';
begin
    -- Whether 30 February is a day, or a text is JSON, only the cast can tell.
    begin
        if field_type = 'json' then
            return plain::jsonb;
        elsif field_type = 'date' then
            return case
                when plain ~ '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*$' then to_jsonb(plain::date)
            end;
        elsif plain ~ '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?\s*$' then
            moment := plain::timestamp;
        elsif plain ~ (
            '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?'
            ' ?([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)\s*$'
        ) then
            moment := plain::timestamptz at time zone 'UTC';
            zone := '+00:00';
        end if;
    exception
        when others then
            return null;
    end;

    -- In UTC it may be of a year that ISO 8601 has no four digits for.
    return case
        when extract(year from moment) between 1 and 9999 then to_jsonb((to_jsonb(moment) #>> '{}') || zone)
    end;
end;
$$;

comment on function fbs_cast_custom_value(text, text) is
'Internal. The value of a custom field of a type (date, datetime, json) whose texts only a cast can judge; see fbs_custom_fields_typed.';

-- Bound to what it names when it is made, it needs no search_path of its own: so
-- PostgreSQL puts it into the queries that call it, which a page does 500 times.
create function fbs_custom_fields_typed(field_type text, field_value text)
returns jsonb
language sql
stable
return case
    when field_type not in ('integer', 'float', 'boolean', 'date', 'datetime', 'json') then to_jsonb(field_value)
    when field_type = 'integer'
        then
            case
                when field_value collate "C" ~ '^\s*[+-]?[0-9]+\s*$' and length(field_value) <= 400
                    then to_jsonb(field_value::numeric)
            end
    when field_type = 'float'
        then
            case
                when
                    field_value collate "C" ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$'
                    and length(field_value) <= 400
                    then to_jsonb(field_value::numeric)
            end
    when field_type = 'boolean'
        then
            case
                when field_value collate "C" ~* '^\s*(true|t|yes|y|on|1)\s*$' then 'true'::jsonb
                when field_value collate "C" ~* '^\s*(false|f|no|n|off|0)\s*$' then 'false'::jsonb
            end
    -- Every month has these days.
    when
        field_type = 'date'
        and field_value collate "C" ~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$'
        then to_jsonb(field_value)
    else fbs_cast_custom_value(field_type, field_value)
end;

comment on function fbs_custom_fields_typed(text, text) is
'The value of a custom field as JSON of its type: integer and float (texts of up to 400 characters, with an exponent of up to three digits) become numbers, boolean (true/false, t/f, yes/no, y/n, on/off, 1/0) true or false, json the JSON itself, date and datetime text in ISO 8601 (one with an offset in UTC), all else text. NULL where the value does not fit the type; never an error.';

create view fbs_custom_fields_values
with (security_invoker = true) as
select
    f.id,
    f.model_name,
    f.record_id,
    f.field_name,
    f.database_name,
    f.field_type,
    f.field_value,
    t.value,
    t.value is not null as fits,
    f.solution_name,
    f.is_active,
    f.created_at,
    f.updated_at
from fbs_custom_fields as f
cross join lateral (select fbs_custom_fields_typed(f.field_type, f.field_value) as value) as t; -- noqa: ST05

comment on view fbs_custom_fields_values is
'Custom fields one by one, each with its value as JSON of its type; those set aside as well. Pages go by model_name, record_id, field_name, database_name.';
comment on column fbs_custom_fields_values.value is
'The value as JSON of its type (see fbs_custom_fields_typed); NULL where it does not fit the type.';
comment on column fbs_custom_fields_values.fits is
'Whether the value fits its type.';

-- Grouping is by the columns of an index and nothing is counted, so that a page groups its
-- own records only; what makes up the objects is looked up for them. The offset is there
-- for each value to be worked out once. Misfits alone are sorted: most records have none.
create view fbs_custom_fields_objects
with (security_invoker = true) as
select
    h.model_name,
    h.record_id,
    h.database_name,
    o.fields,
    o.misfits,
    o.updated_at
from (
    select
        x.model_name,
        x.record_id,
        x.database_name
    from fbs_custom_fields as x
    where x.is_active
    group by x.model_name, x.record_id, x.database_name
) as h
inner join lateral ( -- noqa: ST05
    select
        jsonb_object_agg(v.field_name, coalesce(v.value, to_jsonb(v.field_value))) as fields,
        case
            when count(v.value) = count(*) then '{}'
            else array(
                select m.field_name
                from unnest(array_agg(v.field_name::text) filter (where v.value is null)) as m (field_name)
                order by m.field_name
            )
        end as misfits,
        max(v.updated_at) as updated_at
    from (
        select
            f.field_name,
            f.field_value,
            f.updated_at,
            fbs_custom_fields_typed(f.field_type, f.field_value) as value
        from fbs_custom_fields as f
        where
            f.model_name = h.model_name
            and f.record_id = h.record_id
            and f.database_name = h.database_name
            and f.is_active
        offset 0 -- noqa: AM09
    ) as v
) as o on true;

comment on view fbs_custom_fields_objects is
'The custom fields of a record as one JSON object with values of their types, a row for each record and Odoo database. Fields set aside are left out; a record without any has no row.';
comment on column fbs_custom_fields_objects.database_name is
'Odoo database the fields belong to, by name; empty text for those that belong to none.';
comment on column fbs_custom_fields_objects.fields is
'JSON object: the value of each field by its name, as JSON of its type; as text where it does not fit the type.';
comment on column fbs_custom_fields_objects.misfits is
'Names of the fields whose value does not fit their type, in order of the alphabet; {} when all do.';
comment on column fbs_custom_fields_objects.updated_at is
'When one of the fields last changed.';

create function fbs_custom_fields_records(model_name text, record_ids integer[], database_name text default '')
returns table (record_id integer, fields jsonb, misfits text[])
language sql
stable
set search_path from current
as $$
    select
        wanted.record_id,
        coalesce(kept.fields, '{}'),
        coalesce(kept.misfits, '{}')
    from (select distinct u.record_id from unnest(record_ids) as u (record_id)) as wanted
    left join lateral (
        select
            jsonb_object_agg(f.field_name, coalesce(t.value, to_jsonb(f.field_value))) as fields,
            array_agg(f.field_name::text order by f.field_name) filter (where t.value is null) as misfits
        from fbs_custom_fields as f
        cross join lateral (select fbs_custom_fields_typed(f.field_type, f.field_value) as value) as t -- noqa: ST05
        where
            f.model_name = fbs_custom_fields_records.model_name
            and f.record_id = wanted.record_id
            and f.database_name = fbs_custom_fields_records.database_name
            and f.is_active
    ) as kept on true
    where wanted.record_id is not null
    order by wanted.record_id
$$;

comment on function fbs_custom_fields_records(text, integer[], text) is
'The custom fields of records of one model, each record''s as one JSON object with values of their types; names of those whose value does not fit its type, and is given as text, are in misfits. A row for each record asked for, {} for one without fields; fields of one Odoo database, unless named of those that belong to none. Fields set aside are left out.';

select fbs_describe_views();
