"""What is in a schema, as plain texts that two databases can be compared by.

PostgreSQL's own names of the schema are taken out, and what differs between its
versions (from 18 on NOT NULL is a constraint too) is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

_QUERIES = {
    "relation": """
        select c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.reloptions, c.relacl, c.relrowsecurity,
            pg_get_userbyid(c.relowner))
        from pg_class as c where c.relnamespace = %(schema)s::regnamespace and c.relkind <> 'i'""",
    "column": """
        select c.relname || '.' || a.attnum || ' ' || a.attname,
            concat_ws(' | ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                a.attcollation::regcollation, a.attstorage, pg_get_expr(d.adbin, d.adrelid))
        from pg_attribute as a
        inner join pg_class as c on a.attrelid = c.oid
        left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
        where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0""",
    "constraint": """
        select conrelid::regclass || '.' || conname,
            concat_ws(' | ', pg_get_constraintdef(oid), condeferrable, condeferred, convalidated)
        from pg_constraint where connamespace = %(schema)s::regnamespace and contype <> 'n'""",
    "index": """
        select c.relname, pg_get_indexdef(c.oid) || ' ' || i.indisvalid
        from pg_index as i inner join pg_class as c on i.indexrelid = c.oid
        where c.relnamespace = %(schema)s::regnamespace""",
    "trigger": """
        select tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid) || ' ' || tgenabled::text
        from pg_trigger as t inner join pg_class as c on t.tgrelid = c.oid
        where c.relnamespace = %(schema)s::regnamespace and not tgisinternal""",
    "function": """
        select oid::regprocedure::text, pg_get_functiondef(oid) || coalesce(proacl::text, '')
        from pg_proc where pronamespace = %(schema)s::regnamespace""",
    "type": """
        select typname, concat_ws(' | ', typtype, format_type(typbasetype, typtypmod), typnotnull)
        from pg_type where typnamespace = %(schema)s::regnamespace and typtype in ('d', 'e')""",
    "comment": """
        select pg_describe_object(classoid, objoid, objsubid), description from pg_description
        where (pg_identify_object(classoid, objoid, objsubid)).schema = quote_ident(%(name)s)""",
}

#: PostgreSQL's letter for each rule of the listed foreign keys.
ON_DELETE = {"CASCADE": "c", "SET_NULL": "n"}


def catalog(connection: psycopg.Connection, schema: str = "public") -> dict[str, str]:
    """Every object of a schema: its kind and name, and how it is defined."""
    from fbs_db.schema.snapshot import normalized  # the hosts of other versions have no fbs_db

    found: dict[str, str] = {}
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        quoted = sql.Identifier(schema).as_string(connection)
        cursor.execute("select set_config('search_path', %s, true)", (quoted,))
        for kind, query in _QUERIES.items():
            for name, definition in cursor.execute(query, {"schema": quoted, "name": schema}):
                text = normalized(definition).replace(f"{schema}.", "").replace(f'"{schema}".', "")
                found[f"{kind} {name.replace(f'{schema}.', '')}"] = text.replace(f"'{schema}', ", "'SCHEMA', ")
    return found


def listed_tables() -> list[dict[str, Any]]:
    """The specification: every table of FBS, as its models use them."""
    tables: list[dict[str, Any]] = json.loads(Path(__file__).with_name("fbs-tables.json").read_text())
    return tables


def is_user_key(column: dict[str, Any]) -> bool:
    """Whether a listed column holds the key of a user."""
    return str(column["type"]).startswith("(the host's user key")
