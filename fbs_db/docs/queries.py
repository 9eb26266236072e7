"""The queries of the reference, on the catalogs and FBS's own tables."""

from __future__ import annotations

_IN_HERE = "inner join pg_catalog.pg_namespace as n on n.nspname = %s and n.oid ="

RELATIONS = f"""
select
    c.relname::text,
    case when c.relkind in ('v', 'm') then 'view' else 'table' end,
    coalesce(obj_description(c.oid, 'pg_class'), '')
from pg_catalog.pg_class as c
{_IN_HERE} c.relnamespace
where c.relname ^@ 'fbs_' and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by c.relname
"""

COLUMNS = f"""
select
    c.relname::text,
    a.attname::text,
    format_type(a.atttypid, a.atttypmod),
    not a.attnotnull,
    coalesce(
        case when a.attidentity <> '' then 'identity' end,
        case when a.attgenerated <> '' then 'generated as ' else '' end || pg_get_expr(d.adbin, d.adrelid),
        ''
    ),
    coalesce(col_description(a.attrelid, a.attnum), '')
from pg_catalog.pg_class as c
{_IN_HERE} c.relnamespace
inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid
left join pg_catalog.pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
where c.relname ^@ 'fbs_' and c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
order by c.relname, a.attnum
"""

# Foreign keys of other schemas that refer to FBS's tables included.
CONSTRAINTS = """
select
    case when c.relnamespace = n.oid then c.relname::text else k.conrelid::regclass::text end,
    k.contype::text,
    (
        select array_agg(a.attname::text order by u.position)
        from unnest(k.conkey) with ordinality as u (number, position)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.number
    ),
    case when t.relnamespace = n.oid then t.relname::text when t.oid is not null then t.oid::regclass::text end,
    (
        select array_agg(a.attname::text order by u.position)
        from unnest(k.confkey) with ordinality as u (number, position)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = u.number
    ),
    k.confdeltype::text,
    pg_get_constraintdef(k.oid, true),
    c.relnamespace = n.oid and c.relname ^@ 'fbs_'
from pg_catalog.pg_constraint as k
inner join pg_catalog.pg_class as c on k.conrelid = c.oid
left join pg_catalog.pg_class as t on k.confrelid = t.oid
inner join pg_catalog.pg_namespace as n on n.nspname = %s and n.oid in (c.relnamespace, t.relnamespace)
where
    k.contype in ('p', 'u', 'c', 'f') and k.conparentid = 0
    and (c.relnamespace = n.oid and c.relname ^@ 'fbs_' or t.relnamespace = n.oid and t.relname ^@ 'fbs_')
order by c.relname, k.conkey, k.conname
"""

INDEXES = f"""
select c.relname::text, x.relname::text, pg_get_indexdef(x.oid, 0, true)
from pg_catalog.pg_class as c
{_IN_HERE} c.relnamespace
inner join pg_catalog.pg_index as i on c.oid = i.indrelid
inner join pg_catalog.pg_class as x on i.indexrelid = x.oid
where c.relname ^@ 'fbs_' and not exists (
    select from pg_catalog.pg_constraint as k
    where k.conindid = x.oid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x')
)
order by c.relname, x.relname
"""

TRIGGERS = f"""
select c.relname::text, g.tgname::text, pg_get_triggerdef(g.oid, true)
from pg_catalog.pg_class as c
{_IN_HERE} c.relnamespace
inner join pg_catalog.pg_trigger as g on c.oid = g.tgrelid
where c.relname ^@ 'fbs_' and not g.tgisinternal
order by c.relname, g.tgname
"""

FUNCTIONS = f"""
select
    f.proname::text,
    coalesce(pg_get_function_arguments(f.oid), ''),
    coalesce(pg_get_function_result(f.oid), ''),
    coalesce(obj_description(f.oid, 'pg_proc'), '')
from pg_catalog.pg_proc as f
{_IN_HERE} f.pronamespace
where f.proname ^@ 'fbs_' and f.prokind in ('f', 'p')
order by f.proname, 2
"""

DOMAINS = f"""
select y.typname::text, format_type(y.typbasetype, y.typtypmod), coalesce(obj_description(y.oid, 'pg_type'), '')
from pg_catalog.pg_type as y
{_IN_HERE} y.typnamespace
where y.typname ^@ 'fbs_' and y.typtype = 'd'
order by y.typname
"""

USERS = """
select table_name, column_name, on_delete, coalesce(user_table::text, '')
from {fbs}fbs_user_columns
order by table_name, column_name
"""

SOLUTIONS = """
select
    t.table_name,
    c.relrowsecurity and exists (
        select from pg_catalog.pg_policy as l where l.polrelid = c.oid and l.polname = 'fbs_solution'
    ),
    coalesce(t.solution_column, t.parent_column),
    p.relname::text
from {fbs}fbs_solution_tables as t
inner join pg_catalog.pg_class as c on t.table_id = c.oid
left join pg_catalog.pg_class as p on t.parent_id = p.oid
"""

RULES = """
select rule_name, table_name, action, description
from {fbs}fbs_cleanup_rules
order by rule_name
"""

SETTINGS = """
select name, value, coalesce(array_to_string(choices, ', '), minimum || ' to ' || maximum), description
from {fbs}fbs_settings
order by name
"""
