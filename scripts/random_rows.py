"""Random but reproducible rows for every listed table, as SQL that makes the same ones in every database."""

from __future__ import annotations

from typing import Any

from tests.support.catalog import is_user_key, listed_tables

TABLES = {table["table"]: table for table in listed_tables()}
#: Rows of each table that others point at, and users.
BASE = 2000
#: How many solutions the rows are of.
solutions = 2000
#: Columns that say whose a row is.
OWNERS = ["solution_name", "business_id", "company_id", "database_name", "solution_db", "model_name"]


def pick(kinds: int) -> str:
    """SQL of a number: of so many kinds the first is in a twelfth of the rows or so, the last in a few."""
    return f"(1 + floor({kinds} * random() ^ 3))::integer"


def words(number: int) -> str:
    return "concat_ws(' '" + f", 'word' || {pick(3000)}" * number + ")"


USERS = f"""
insert into auth_user
(password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
select '', false, 'user ' || n, '', '', '', false, true, now() from generate_series(1, {BASE}) as n
"""
TIME = "timestamptz '2024-01-01' + n * interval '1 minute'"
#: SQL of a value in row n, and of another one in the row of this id, by type.
VALUES = {
    "text": (words(8), "'changed ' || id"),
    "varchar": (words(3), "left('changed ' || id, 20)"),
    "jsonb": (
        f"jsonb_build_object('model_name', 'bench.model_' || {pick(20)},"
        " 'record_id', floor(random() * 50000)::integer::text)",
        "jsonb_build_object('changed', id)",
    ),
    "numeric": ("round((random() * 900)::numeric, 2)", "1 + id % 100"),
    "integer": (pick(1000), "1 + id % 100"),
    "bigint": (pick(100_000), "id"),
    "double precision": ("random() * 100", "id"),
    "boolean": ("random() < 0.5", "random() < 0.5"),
    "date": (f"date '2024-01-01' + n / 1440 + {pick(60)}", "date '2025-01-01' + (id % 100)::integer"),
    "timestamp with time zone": (f"{TIME} + random() * interval '30 days'", "now()"),
    "inet": ("'10.0.0.1'::inet + n % 250", "'10.0.0.0'::inet + id % 250"),
}


def type_of(column: dict[str, Any]) -> tuple[str, int]:
    """The name of a column's type, and its size."""
    kind, _, size = ("bigint" if is_user_key(column) else column["type"]).partition("(")
    return kind, int(size.rstrip(")").split(",")[0] or 0)


def key_values(table: dict[str, Any]) -> dict[str, str]:
    """SQL of the columns by which a row is unlike all others."""
    columns = {column["name"]: column for column in table["columns"]}
    unique = [name for name, column in columns.items() if column.get("unique")]
    found: dict[str, str] = {}
    for names in table["unique_together"]:
        if free := [name for name in names if not {"references", "choices"} & set(columns[name])]:
            unique.append(min(free, key=lambda name: (columns[name]["type"] != "integer", name in OWNERS)))
        else:
            found |= {name: f"1 + n / {BASE**place} % {BASE}" for place, name in enumerate(names)}
    for name in unique:
        kind, size = type_of(columns[name])
        found[name] = f"left(md5(n::text), {size})" if kind == "varchar" else "n"
    return found


def value(column: dict[str, Any]) -> str:
    """SQL of a column that may be alike in many rows."""
    name, (kind, size) = column["name"], type_of(column)
    if "set_on" in column or name == "timestamp":
        return TIME
    if name in OWNERS:
        return f"'shop ' || {pick(solutions)}"
    if "references" in column:
        found = pick(BASE)
    elif choices := column.get("choices"):
        found = f"('{{{','.join(choices)}}}'::text[])[{pick(len(choices))}]"
    elif kind == "varchar" and size < 200:
        found = f"left('{name} ' || {pick(300)}, {size})"
    else:
        found = VALUES[kind][0] if column.get("default") != [] else "'[]'::jsonb"
    if column.get("null"):
        return f"case when random() < 0.75 then {found} end"
    return f"case when random() < 0.5 then {found} else '' end" if column.get("default") == "" else found


def written(table: str) -> str:
    """The columns of a row, but for its key."""
    return ", ".join(f'"{column["name"]}"' for column in TABLES[table]["columns"][1:])


def rows(table: str, first: int, last: int) -> str:
    """A query of the rows from one number to another, the same in every database."""
    keys = key_values(TABLES[table])
    columns = TABLES[table]["columns"][1:]
    values = [f'{keys.get(column["name"]) or value(column)} as "{column["name"]}"' for column in columns]
    return f"select {', '.join(['n', *values])} from generate_series({first}, {last}) as n"


def into(table: str) -> str:
    return f"insert into {table}" + (f" ({written(table)})" if written(table) else "")
