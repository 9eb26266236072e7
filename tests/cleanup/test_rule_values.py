"""Values, names and keys in every form: what a rule compares, and what it leaves alone."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.connections import rows
from tests.support.host_rows import (
    SCHEMAS,
    attach_host,
    findings,
    make_sites,
    owner,
    point_at,
    pointed_at,
    retry,
    row_findings,
    waiting,
)
from tests.support.sample_rows import MODEL, add


def add_rule(connection: psycopg.Connection, name: str = "notes", **values: Any) -> None:
    """A rule on ``public.notes``, a table of FBS's owner."""
    filled = {
        "rule_name": name, "table_name": "public.notes", "model_name": MODEL, "key_column": "site", "description": "d",
        **values,
    }  # fmt: skip
    connection.execute(
        sql.SQL("insert into fbs_cleanup_rules ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, filled)), sql.SQL(", ").join([sql.Placeholder()] * len(filled))
        ),
        [json.dumps(value) if isinstance(value, dict) else value for value in filled.values()],
    )
    connection.commit()


TYPES = [
    # type of the column, value before, value of the rule, the same as a text
    ("numeric", "7", 0, "0"),
    ("numeric(10, 2)", "7", 0, "0.00"),
    ("numeric(10, 2)", "7", "1", "1.00"),
    ("integer", "7", 1, "1"),
    ("double precision", "7", 0.5, "0.5"),
    ("boolean", "true", False, "false"),
    ("boolean", "true", "no", "false"),
    ("date", "2024-01-01", "2024-2-9", "2024-02-09"),
    ("timestamptz", "2024-01-01", "2024-02-09 12:00+02", "2024-02-09 10:00:00+00"),
    ("varchar(9)", "a", "gone", "gone"),
    ("char(9)", "a", "gone", "gone"),
    ("text", "a", "it's %s %1$I \\ \"gone\"", "it's %s %1$I \\ \"gone\""),
    ("jsonb", "1", {"a": 1, "b": [2]}, '{"b": [2], "a": 1}'),
    ("mood", "sad", "happy", "happy"),
    ("integer[]", "{}", "{1,2}", "{1,2}"),
    ("text", "a", None, None),
    ("numeric", "7", None, None),
]  # fmt: skip
IDS = [f"{kind} {value}" for kind, _, value, _ in TYPES]


def make_notes(connection: psycopg.Connection, type_name: str, *values: str | None) -> None:
    connection.execute("create type mood as enum ('sad', 'happy')")
    connection.execute(f"create table notes (id serial, site bigint, v {type_name}, writes int default 0)")
    connection.execute("create index on notes (site)")
    connection.execute(
        "create function count_write() returns trigger language plpgsql as"
        " 'begin new.writes := old.writes + 1; return new; end';"
        "create trigger count_write before update on notes for each row execute function count_write()"
    )
    for value in values:
        connection.execute("insert into notes (site, v) values (1, %s)", [value])
    connection.commit()


@pytest.mark.parametrize(("type_name", "before", "value", "text"), TYPES, ids=IDS)
def test_a_value_is_set_once(
    seeded: psycopg.Connection, type_name: str, before: str, value: object, text: str | None
) -> None:
    """Rows that have the value, however it is written, are done with."""
    make_sites(seeded)
    make_notes(seeded, type_name, before, text)
    add_rule(seeded, action="set columns", set_columns={"v": value})
    owner(seeded, "delete from app.sites where id = 1")
    assert waiting(seeded) == []
    assert rows(seeded, "select writes from notes order by id") == [(1,), (0,)]
    assert rows(seeded, "select count(distinct to_jsonb(v)) from notes where v is not null") == [
        (int(text is not None),)
    ]
    assert rows(seeded, "select sum(orphans) from fbs_sweep_orphans()") == [(0,)]
    assert rows(seeded, "select writes from notes order by id") == [(1,), (0,)]


@pytest.mark.parametrize("condition", ["only_if", "unless"])
@pytest.mark.parametrize(
    ("type_name", "before", "value", "text"), [row for row in TYPES if row[2] is not None], ids=IDS[:-2]
)
def test_a_condition_is_compared_by_type(
    seeded: psycopg.Connection, type_name: str, before: str, value: object, text: str, condition: str
) -> None:
    make_sites(seeded)
    make_notes(seeded, type_name, before, text, None)
    conditions: dict[str, Any] = {condition: {"v": [value]}}
    add_rule(seeded, action="delete", **conditions)
    owner(seeded, "delete from app.sites where id = 1")
    assert waiting(seeded) == []
    assert rows(seeded, "select id from notes order by id") == ([(1,), (3,)] if condition == "only_if" else [(2,)])


def test_a_condition_that_names_null(seeded: psycopg.Connection) -> None:
    make_sites(seeded)
    make_notes(seeded, "numeric", "1", None)
    add_rule(seeded, action="delete", only_if={"v": [None]})
    owner(seeded, "delete from app.sites where id = 1")
    assert rows(seeded, "select id from notes") == [(1,)]


@pytest.mark.parametrize("type_name", ["timestamptz", "timestamp", "date"])
def test_now_is_the_time_of_the_transaction(seeded: psycopg.Connection, type_name: str) -> None:
    """Of each one, however often the same plan is used."""
    make_sites(seeded)
    make_notes(seeded, type_name, "2020-01-01")
    add_rule(seeded, action="set columns", set_columns={"v": "now"})
    times = []
    for _ in range(2):
        owner(seeded, "delete from app.sites where id = 1", "insert into app.sites (id) values (1)")
        times += rows(seeded, f"select v, v > now()::{type_name} - interval '1 day' from notes")
    assert [recent for _, recent in times] == [True, True]
    assert type_name == "date" or times[0][0] < times[1][0]


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("numeric", {"set_columns": {"v": "many"}}),
        ("boolean", {"set_columns": {"v": "perhaps"}}),
        ("date", {"set_columns": {"v": "tomorrowish"}}),
        ("varchar(3)", {"set_columns": {"v": "long"}}),
        ("mood", {"set_columns": {"v": "angry"}}),
        ("numeric", {"set_columns": {"v": 0}, "only_if": {"v": ["many"]}}),
        ("mood", {"set_columns": {"v": "sad"}, "unless": {"v": ["angry"]}}),
    ],
)
def test_a_value_that_the_column_cannot_have_is_refused(
    seeded: psycopg.Connection, type_name: str, values: dict[str, Any]
) -> None:
    make_notes(seeded, type_name)
    with pytest.raises(psycopg.Error) as caught:
        add_rule(seeded, action="set columns", **values)
    assert caught.value.sqlstate == "FB021"


# --- names

NAMES = {
    "percent": "50%sale %1$s %I",
    "quotes": """it's a "table"\\""",
    "dollars": "$$ $1 $_$",
    "letters": "Zoë 場所 Простір \u202e",
    "long": "n" * 63,
    "long letters": "場" * 21,
    "brackets": "a]b{c}d;--e/*f",
    "newline": "a\nb",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("partitioned", [False, True], ids=["table", "partitions"])
def test_a_host_whose_names_are_all_like_this(seeded: psycopg.Connection, name: str, partitioned: bool) -> None:
    """Model, schema, table, key, and a partition."""
    name = NAMES[name]
    said = sql.Identifier(name).as_string(seeded)
    other = sql.Identifier(name[::-1] if name[::-1] != name else f"{name[1:]}x").as_string(seeded)
    table = f"{said}.{said}"
    seeded.execute(SCHEMAS)
    owner(
        seeded,
        f"create schema {said}",
        f"create table {table} ({said} bigint primary key, {other} text)"
        + (f" partition by range ({said})" if partitioned else ""),
        *([f"create table {said}.{other} partition of {table} default"] if partitioned else []),
        f"insert into {table} values (1), (2), (3)",
    )
    attach_host(seeded, table, name)
    point_at(seeded, 1, 2, 3, model=name)
    owner(seeded, f"delete from {table} where {said} = 1", f"update {table} set {said} = 20 where {said} = 2")
    assert waiting(seeded) == []
    assert pointed_at(seeded, name) == ["20", "3"]
    assert findings(seeded) == []
    assert row_findings(seeded, name) == []
    add(seeded, "fbs_dms_document", metadata={"model_name": name, "record_id": 99})
    assert rows(seeded, "select model_name, orphans from fbs_sweep_orphans()") == [(name, 1)]
    attach_host(seeded, table, f"{name[:50]}2")
    assert pointed_at(seeded, f"{name[:50]}2") == ["20", "3"]
    owner(seeded, f"truncate {table}")
    assert pointed_at(seeded, f"{name[:50]}2") == []


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_whose_names_are_all_like_this(seeded: psycopg.Connection, name: str) -> None:
    name = NAMES[name]
    said = sql.Identifier(name).as_string(seeded)
    make_sites(seeded)
    seeded.execute(f"create schema {said}; create table {said}.{said} ({said} bigint, v text)")
    seeded.execute(f"insert into {said}.{said} values (1, 'a'), (2, 'a')")
    add_rule(
        seeded,
        name,
        table_name=f"{said}.{said}",
        key_column=name,
        action="set columns",
        set_columns={"v": name},
        only_if={"v": ["a", name], name: [1, 2]},
    )
    owner(seeded, "delete from app.sites where id = 1")
    assert waiting(seeded) == []
    assert rows(seeded, f"select v from {said}.{said} order by {said}") == [(name,), ("a",)]


# --- keys that are not written as the host's are

ODD = ["6000.0", " 6000", "6000 ", "06000", "6e3", "+6000", "6_000", "0x1770", "\uff16\uff10\uff10\uff10"]


@pytest.mark.parametrize("key", ["bigint primary key", "integer primary key", "smallint primary key"])
def test_records_that_are_not_written_as_the_key_are_left_alone_and_counted(
    seeded: psycopg.Connection, key: str
) -> None:
    make_sites(seeded, key)
    owner(seeded, "insert into app.sites (id) values (6000)")
    for record in [*ODD, 6000.5]:
        add(seeded, "fbs_dms_document", metadata={"model_name": MODEL, "record_id": record})
    point_at(seeded, 6000)
    [found] = row_findings(seeded)
    assert str(len(ODD) + 1) in str(found.found)
    owner(seeded, "delete from app.sites where id = 6000")
    assert waiting(seeded) == []
    left = sorted([*ODD, "6000.5", "1", "2", "3"])
    documents = f"select metadata ->> 'record_id' from fbs_dms_document where metadata ->> 'model_name' = '{MODEL}'"
    assert sorted(key for (key,) in rows(seeded, f"{documents} and state <> 'archived'")) == left
    seeded.execute("select fbs_sweep_orphans()")
    assert sorted(key for (key,) in rows(seeded, f"{documents} and state <> 'archived'")) == left


LONG = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(1024))
TABLES = {
    "fbs_approval_requests": "request_data",
    "fbs_workflow_instances": "workflow_data",
    "fbs_dms_document": "metadata",
}


@pytest.mark.parametrize("table", TABLES)
def test_a_record_of_three_kilobytes_is_stored(seeded: psycopg.Connection, table: str) -> None:
    """An index refuses no row."""
    seeded.execute(SCHEMAS)
    owner(seeded, "create table app.sites (id text primary key)")
    attach_host(seeded)
    column = TABLES[table]
    for model, record in ((MODEL, LONG), (LONG, LONG), (LONG, "1")):
        add(seeded, table, **{column: {"model_name": model, "record_id": record}})
    seeded.commit()
    assert rows(seeded, "select orphans, touched from fbs_sweep_orphans()") == [(1, 1)]
    assert retry(seeded) == []


def test_a_plan_made_on_a_small_table_goes_by_the_keys(installed: psycopg.Connection) -> None:
    """What else a rule says of a column would be cheaper there, and reads the whole table once it has grown."""
    for key in range(20):
        named = {"model_name": MODEL, "record_id": key}
        add(installed, "fbs_custom_fields", **named)
        add(installed, "fbs_approval_requests", request_data=named)
        add(installed, "fbs_dms_document", metadata=named)
        add(installed, "fbs_workflow_instances", workflow_data=named)
    installed.execute("analyze fbs_approval_requests, fbs_custom_fields, fbs_dms_document, fbs_workflow_instances")
    installed.execute("set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off")
    query = "select named, touched, key, key_type from fbs_rule_parts()"
    for table, touched, key, kind in rows(installed, query):
        counted = f"select count(*) from {table} as t where {touched} and {key} = any($2::{kind}[])"
        installed.execute(f"prepare counting(text, text[], text, boolean) as {counted}".encode())
        plan = "\n".join(line for (line,) in rows(installed, "explain execute counting('a', '{1}', null, true)"))
        installed.execute("deallocate counting")
        conditions = re.findall(r"Index Cond: (.*)", plan)
        assert conditions, plan
        assert all("record_id" in one and "status" not in one and "state" not in one for one in conditions), plan
