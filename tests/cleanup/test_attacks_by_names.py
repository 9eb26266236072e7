"""No name and no value is taken for SQL, whoever thought of it.

The names hold what runs ``lair.hello()`` if they are pasted into a statement; `captured` of
`tests.support.attacks` shows where.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import psycopg
import pytest
from psycopg import sql

import fbs_db
from tests.support.attacks import (
    APP,
    LANDLORD,
    OWNER,
    SUPERUSER,
    Place,
    World,
    assert_none,
    on_each_version,
)  # fmt: skip

NASTY = {
    "quote": "'; select lair.hello(); --",
    "call": "'); select lair.hello(); --",
    "double-quote": '"; select lair.hello(); --',
    "quotes": "'\"'; perform lair.hello(); --",
    "dollars": "$$; select lair.hello(); $$",
    "tagged-dollars": "$body$; select lair.hello(); $body$",
    "function-dollars": "$function$; select lair.hello(); $function$",
    "end": "'; end; $$; select lair.hello(); --",
    "newline": "a\n; perform lair.hello(); --",
    "carriage-return": "a\r; perform lair.hello(); --",
    "comment": "*/ select lair.hello(); /*",
    "backslash": "\\'; select lair.hello(); --",
    "format": "%1$s %2$s %I %L %s",
    "percent": "50%sale",
    "format-of-one": "%2$s",
    "parameter": "$1 || $2",
    "brace": "}'; select lair.hello(); --",
    "letters": "Größe ñ 表",
}
FIELDS = ("key_column", "json_column", "model_column", "table_name", "schema", "set_columns", "only_if", "unless",
          "rule_name", "description", "model_name", "value", "json_key", "solution_columns")  # fmt: skip


COLUMNS = ("key_column", "json_column", "model_column", "set_columns", "only_if", "unless", "solution_columns")
QUICK = ("dollars", "format")
each_kind = pytest.mark.parametrize(
    ("world", "kind"), on_each_version({kind: kind for kind in NASTY}, QUICK.__contains__), indirect=["world"]
)


def joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def nasty_rule(named: dict[str, str], key: int, *, in_json: bool) -> tuple[sql.Composed, sql.Composed]:
    """A table of FBS's owner with these names, and a rule for it."""
    table = sql.Identifier(named["schema"], named["table_name"])
    types = {"key_column": "bigint", "json_column": "jsonb"}
    columns = [sql.SQL("{} " + types.get(one, "text")).format(sql.Identifier(named[one])) for one in COLUMNS]
    document = json.dumps({named["json_key"]: key, "model": named["model_name"]})
    row = (key, document, named["model_name"], None, named["value"], None, None)
    made = sql.SQL("create schema {}; create table {} ({}); insert into {} values ({})").format(
        sql.Identifier(named["schema"]), table, joined(columns), table, joined(map(sql.Literal, row))
    )
    rule = {
        "rule_name": named["rule_name"],
        "table_name": table.as_string(),
        "json_column": named["json_column"] if in_json else None,
        "key_column": named["json_key" if in_json else "key_column"],
        "model_column": "model" if in_json else named["model_column"],
        "action": "set columns",
        "set_columns": json.dumps({named["set_columns"]: named["value"]}),
        "only_if": json.dumps({named["only_if"]: [named["value"]]}),
        "unless": json.dumps({named["unless"]: [named["value"]]}),
        "description": named["description"],
        "solution_columns": [named["solution_columns"]],
    }
    return made, sql.SQL("insert into fbs_cleanup_rules ({}) values ({})").format(
        joined(map(sql.Identifier, rule)), joined(map(sql.Literal, rule.values()))
    )


@each_kind
def test_names_and_values_of_a_rule_are_no_sql(world: World, kind: str) -> None:
    problems = {}
    with world.copy() as place:
        place.run(f"grant create on database {place.name} to {OWNER}", SUPERUSER)
        for key, field in enumerate(FIELDS, 100):
            named = {one: f"{one} of {field}" for one in FIELDS} | {field: NASTY[kind]}
            made, rule = nasty_rule(named, key, in_json=field.startswith("json"))
            attach = sql.SQL("select fbs_detach_host('rentals.tenants'), fbs_attach_host('rentals.tenants', {}, 'id')")
            place.run(made, OWNER)
            place.run(f"insert into rentals.tenants values ({key}, '')", LANDLORD)
            try:
                place.run(attach.format(named["model_name"]), SUPERUSER)
                place.run(rule, OWNER)
                place.run(f"delete from rentals.tenants where id = {key}", APP)
            except psycopg.Error as error:
                problems[field] = place.captured() or f"failed: {error}"
                continue
            count = sql.SQL("select count({}) from {}").format(
                sql.Identifier(named["set_columns"]), sql.Identifier(named["schema"], named["table_name"])
            )
            found = place.rows(count), place.queue()
            problems[field] = place.captured() or ("" if found == ([(1,)], []) else str(found))
        place.run("select fbs_rows_of_model('x'), fbs_held_keys('x'); select * from fbs_sweep_orphans()", SUPERUSER)
        place.run("select * from fbs_health(); select fbs_rename_model('x', 'y')", SUPERUSER)
        problems["all rules"] = place.captured()
    assert_none(problems)


# Host tables


PARTS = ("schema", "table", "column", "partition", "model")


def host(names: dict[str, str]) -> tuple[sql.Composed, sql.Composed]:
    """Statements that make a host table with these names, and rows of FBS that point at it."""
    table = sql.Identifier(names["schema"], names["table"])
    column = sql.Identifier(names["column"])
    parts = sql.SQL(";").join(
        sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
            sql.Identifier(names["schema"], names["partition"] + end), table, low, high
        )
        for end, low, high in (("", 1, 50), (" 2", 50, 100))
    )
    made = sql.SQL(
        "create table {table} ({column} bigint primary key) partition by range ({column}); {parts};"
        "insert into {table} select generate_series(1, 6);"
        "grant usage on schema {schema} to public; grant all on all tables in schema {schema} to {app}, {owner}"
    ).format(
        table=table, column=column, parts=parts, schema=sql.Identifier(names["schema"]),
        app=sql.Identifier(APP), owner=sql.Identifier(OWNER),
    )  # fmt: skip
    pointing = sql.SQL(
        "insert into public.fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select {}, n, 'colour', 'blue' from generate_series(1, 7) as n"
    ).format(names["model"])
    return made, pointing


def lived_through(place: Place, names: dict[str, str], *, checked: bool) -> str:
    """Attach a host table, use it, and detach it. Gives what is wrong with what came of it."""
    table = sql.Identifier(names["schema"], names["table"])
    column = sql.Identifier(names["column"])
    partition = sql.Identifier(names["schema"], names["partition"])
    made, pointing = host(names)
    regclass, model = sql.Literal(table.as_string()), names["model"]
    place.run(
        sql.SQL("create schema {} authorization {}").format(sql.Identifier(names["schema"]), sql.Identifier(LANDLORD)),
        SUPERUSER,
    )
    place.run(made, LANDLORD)
    place.run(pointing, OWNER)
    attach = sql.SQL("select fbs_attach_host({}::regclass, {}, {})").format(regclass, model, names["column"])
    try:
        place.run(attach, SUPERUSER)
        place.run(attach, SUPERUSER)
        place.run(sql.SQL("delete from {} where {} = 1").format(table, column), APP)
        place.run(sql.SQL("delete from {} where {} = 2").format(partition, column), APP)
        place.run(sql.SQL("update {0} set {1} = 33 where {1} = 3").format(table, column), APP)
        found = [place.keys(model)]
        place.run("select * from fbs_sweep_orphans()", SUPERUSER)
        found.append(place.keys(model))
        place.run("select * from fbs_health()", SUPERUSER)
        findings = fbs_db.check(place.url(SUPERUSER), data=True).findings if checked else ()
        told = [one for one in findings if one.severity == "error" and names["table"] in one.object]
        place.run(sql.SQL("truncate {}").format(partition), APP)
        found.append(place.keys(model))
        left = place.rows(sql.SQL("select fbs_detach_host({}::regclass)").format(regclass))
        hung = place.rows(
            sql.SQL(
                "select from pg_trigger where not tgisinternal and tgrelid in"
                " (select relid from pg_partition_tree({}::regclass))"
            ).format(regclass)
        )
    except (psycopg.Error, fbs_db.FbsDbError) as error:
        return place.captured() or f"failed: {error}"
    wanted = [{4, 5, 6, 7, 33}, {4, 5, 6, 33}, set()]
    wrong = f"{found}, {told}, {left}, {hung}" if (found, told, left, hung) != (wanted, [], [(True,)], []) else ""
    return place.captured() or wrong


@each_kind
def test_names_of_a_host_are_no_sql(world: World, kind: str) -> None:
    problems = {}
    with world.copy() as place:
        for part in PARTS:
            names = {one: f"{one} of {part}" for one in PARTS} | {part: NASTY[kind]}
            problems[part] = lived_through(place, names, checked=part in ("table", "partition"))
    assert_none(problems)


@pytest.mark.parametrize(("first", "second"), [("format-of-one", "call"), ("format", "quotes")])
def test_names_of_a_host_are_no_sql_together(world: World, first: str, second: str) -> None:
    """A name that is a format for the other, which is put into it with its quotes."""
    problems = {}
    pairs = [(one, other) for one in PARTS[1:] for other in PARTS[1:] if one != other]
    with world.copy() as place:
        for number, (formatted, other) in enumerate(pairs):
            names = {one: f"{one} {number}" for one in PARTS} | {formatted: NASTY[first], other: NASTY[second]}
            names["model"] += f" {number}"
            problems[f"{formatted} {other}"] = lived_through(place, names, checked=False)
    assert_none(problems)
