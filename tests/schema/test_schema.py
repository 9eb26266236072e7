"""The schema is the list's, column by column, and nothing else."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from typing import Any

import psycopg
import pytest

import fbs_db
from tests.support.catalog import ON_DELETE, catalog, is_user_key
from tests.support.connections import rows, url_of
from tests.support.sample_rows import BY_NAME, LISTED, insert, required_values

#: What fbs-db itself needs beside the list.
OWN_TABLES = {
    "fbs_migrations",
    "fbs_migration_log",
    "fbs_settings",
    "fbs_solution_map",
    "fbs_hosts",
    "fbs_cleanup_rules",
    "fbs_cleanup_queue",
    "fbs_cleanup_targets",
    "fbs_cleanup_received",
    "fbs_file_deletions",
    "fbs_roles",
    "fbs_worker_last_run",
}


def expected_default(column: dict[str, Any]) -> str | None:
    """A listed default as PostgreSQL would print the value; None for no default."""
    if "set_on" in column or column.get("default") == "now":
        return "now()"
    if "default" not in column:
        return None
    default = column["default"]
    if isinstance(default, bool):
        return str(default).lower()
    return {"{}": "{}", "[]": "[]"}.get(str(default), f"{default:g}" if isinstance(default, float) else str(default))


def test_exactly_the_listed_tables(installed_everywhere: psycopg.Connection) -> None:
    found = rows(
        installed_everywhere,
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
    )
    assert {name for (name,) in found} == set(BY_NAME) | OWN_TABLES
    assert len(LISTED) == 49


def test_exactly_the_listed_columns(installed_everywhere: psycopg.Connection) -> None:
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for table, *column in rows(
        installed_everywhere,
        "select table_name, column_name, case when domain_name is null"
        " then format_type(a.atttypid, a.atttypmod) else domain_name end, is_nullable = 'YES', is_identity = 'YES'"
        " from information_schema.columns as c inner join pg_attribute as a"
        " on a.attrelid = c.table_name::regclass and a.attname = c.column_name"
        " where table_schema = 'public' order by table_name, ordinal_position",
    ):
        found[table].append(tuple(column))
    expected = {
        name: [
            (
                column["name"],
                "fbs_user_id"
                if is_user_key(column)
                else column["type"].replace("varchar", "character varying").replace(", ", ","),
                bool(column.get("null")),
                bool(column.get("primary_key")),
            )
            for column in table["columns"]
        ]
        for name, table in BY_NAME.items()
    }
    assert {name: found[name] for name in BY_NAME} == expected


def test_every_listed_default_is_one_of_the_database(installed_everywhere: psycopg.Connection) -> None:
    found = {
        (table, column): default
        for table, column, default in rows(
            installed_everywhere,
            "select table_name, column_name, column_default from information_schema.columns"
            " where table_schema = 'public'",
        )
        if table in BY_NAME
    }
    values = {
        key: None if text is None else re.sub(r"^'(.*)'::[a-z ]+(\(\d+\))?$", r"\1", text)
        for key, text in found.items()
    }
    assert values == {
        (name, column["name"]): expected_default(column)
        for name, table in BY_NAME.items()
        for column in table["columns"]
    }


def test_unique_sets_and_primary_keys_are_the_listed_ones(installed_everywhere: psycopg.Connection) -> None:
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for table, columns in rows(
        installed_everywhere,
        "select conrelid::regclass::text, (select array_agg(attname::text order by k.place) from"
        " unnest(conkey) with ordinality as k (number, place) inner join pg_attribute on attrelid = conrelid"
        " and attnum = k.number) from pg_constraint where contype in ('u', 'p')"
        " and connamespace = 'public'::regnamespace",
    ):
        found[table].add(tuple(columns))
    for name, table in BY_NAME.items():
        expected = {tuple(columns) for columns in table["unique_together"]} | {("id",)}
        expected |= {(column["name"],) for column in table["columns"] if column.get("unique")}
        assert found[name] == expected, name


def test_foreign_keys_between_fbs_tables_have_the_listed_rules(installed_everywhere: psycopg.Connection) -> None:
    found = rows(
        installed_everywhere,
        "select conrelid::regclass::text, attname::text, confrelid::regclass::text, confdeltype::text,"
        " condeferrable and condeferred and convalidated from pg_constraint"
        " inner join pg_attribute on attrelid = conrelid and conkey = array[attnum] where contype = 'f'",
    )
    expected = {
        (name, column["name"], column["references"]["table"], ON_DELETE[column["references"]["on_delete"]], True)
        for name, table in BY_NAME.items()
        for column in table["columns"]
        if "references" in column and not is_user_key(column)
    }
    assert set(found) == expected
    assert len(found) == len(expected)


def test_names_follow_the_scheme(installed: psycopg.Connection) -> None:
    constraints = rows(
        installed,
        "select conrelid::regclass::text, conname::text, contype::text from pg_constraint"
        " where connamespace = 'public'::regnamespace and contype <> 'n' and conrelid <> 0",
    )
    suffixes = {"p": "_pkey", "u": "_key", "f": "_fkey", "c": "_check"}
    for table, name, kind in constraints:
        assert name.startswith(f"{table}_"), name
        assert name.endswith(suffixes[kind]), name
    query = "select indrelid::regclass::text, relname::text from pg_index inner join pg_class on indexrelid = oid"
    for table, name in rows(installed, f"{query} where relnamespace = 'public'::regnamespace"):
        assert name.startswith(f"{table}_"), name
        assert name.endswith(("_idx", "_key", "_pkey")), name
    everything = catalog(installed)
    triggers = [name.split(".")[1] for name in everything if name.startswith("trigger ")]
    says = r"fbs_only_owner|fbs_\w+_(touch|keep_\w+|check|rest|compile|queue_(all_)?files)"
    assert all(re.fullmatch(says, name) for name in triggers)
    assert all(name.split(" ")[1].startswith("fbs_") for name in everything if not name.startswith("comment "))


def test_everything_has_a_comment(installed_everywhere: psycopg.Connection) -> None:
    undocumented = rows(
        installed_everywhere,
        """
        select 'table ' || relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and obj_description(oid) is null
        union all
        select 'column ' || relname || '.' || attname from pg_attribute inner join pg_class on attrelid = pg_class.oid
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and attnum > 0
            and col_description(attrelid, attnum) is null
        union all
        select 'function ' || proname from pg_proc
        where pronamespace = 'public'::regnamespace and obj_description(oid, 'pg_proc') is null
        union all
        select 'domain ' || typname from pg_type
        where typnamespace = 'public'::regnamespace and typtype = 'd' and obj_description(oid, 'pg_type') is null
        """,
    )
    assert undocumented == []


def test_comments_name_the_listed_choices(installed: psycopg.Connection) -> None:
    for name, table in BY_NAME.items():
        for column in table["columns"]:
            comment = rows(
                installed,
                f"select col_description(attrelid, attnum) from pg_attribute"
                f" where attrelid = '{name}'::regclass and attname = '{column['name']}'",
            )[0][0]
            for choice in column.get("choices", ()):
                assert re.search(rf"\b{choice}\b", comment), (name, column["name"], choice)


def test_functions_pin_their_search_path(installed: psycopg.Connection) -> None:
    """Those with a body of text; what a body that was parsed when it was made names is settled."""
    loose = rows(
        installed,
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and prosqlbody is null and not coalesce(proconfig::text ~ 'search_path=', false)",
    )
    # These name nothing that a path could change, as the next test shows.
    assert set(loose) == {("fbs_touch",), ("fbs_touch_last_updated",)}


def test_the_writers_path_changes_nothing_in_the_time_of_change(installed: psycopg.Connection) -> None:
    """The writer may be FBS's owner, under the path of whoever deletes a user or a row that others point at."""
    installed.execute("create schema lair; set search_path = lair, pg_catalog, public")
    caught = "as $$ begin raise 'caught'; end $$"
    for kind in ("timestamptz", "text", "integer"):
        installed.execute(f"create function same({kind}, {kind}) returns boolean language plpgsql {caught}".encode())
        installed.execute(f"create operator = (function = same, leftarg = {kind}, rightarg = {kind})".encode())
    for name in ("now", "transaction_timestamp", "clock_timestamp"):
        installed.execute(f"create function {name}() returns timestamptz language plpgsql {caught}".encode())
    installed.commit()
    for table, column in (("fbs_approval_requests", "updated_at"), ("fbs_msme_kpis", "last_updated")):
        number = insert(installed, table, required_values(BY_NAME[table]))
        installed.execute(f"update {table} set {column} = '2001-02-03'")
        installed.execute(f"update {table} set {column} = {column}")
        assert rows(installed, f"select extract(year from {column}) from {table}") == [(2001,)]
        installed.execute(f"update {table} set solution_name = 'other'")
        assert rows(installed, f"select {column} > '2020-01-01', id from {table}") == [(True, number)]


TOUCHED = [
    (table["table"], column["name"])
    for table in LISTED
    for column in table["columns"]
    if column.get("set_on") == "insert and update" and column["name"] in ("updated_at", "last_updated")
]  # the others say that something happened: the database sets them on insert alone


def test_every_listed_time_of_change_has_its_triggers(installed: psycopg.Connection) -> None:
    found = rows(
        installed,
        "select tgrelid::regclass::text, tgfoid::regproc::text from pg_trigger"
        " where not tgisinternal and tgname like '%_touch'",
    )
    columns = {"fbs_touch": "updated_at", "fbs_touch_last_updated": "last_updated"}
    assert {(table, columns[function]) for table, function in found} == set(TOUCHED)
    assert len(TOUCHED) == 24


@pytest.mark.parametrize(("table", "column"), TOUCHED)
def test_time_of_change_moves_on_unless_the_writer_sets_it(
    installed: psycopg.Connection, table: str, column: str
) -> None:
    installed.execute("set session_replication_role = replica")  # rows without what they point at
    number = insert(installed, table, required_values(BY_NAME[table]))
    installed.execute("set session_replication_role = origin")
    installed.commit()
    time.sleep(0.001)

    def value() -> Any:
        return rows(installed, f"select {column} from {table} where id = {number}")[0][0]

    first = value()
    installed.execute(f"update {table} set id = id")
    moved = value()
    assert moved > first
    installed.commit()

    installed.execute(f"update {table} set {column} = '2001-02-03 04:05:06.789+00'")
    assert value().isoformat().startswith("2001-02-03T04:05:06.789")
    installed.execute(f"update {table} set id = id, {column} = {column}")
    assert value().isoformat().startswith("2001-02-03T04:05:06.789"), "kept, as the statement sets it"


def test_a_row_needs_only_what_has_no_default(installed_everywhere: psycopg.Connection) -> None:
    installed_everywhere.execute("set constraints all deferred")
    for name, table in BY_NAME.items():
        insert(installed_everywhere, name, required_values(table))


def test_values_that_no_form_offers_are_accepted(installed: psycopg.Connection) -> None:
    insert(
        installed,
        "fbs_workflow_definitions",
        {"name": "n", "description": "d", "workflow_type": "general", "solution_name": "s"},
    )


@pytest.mark.parametrize(
    ("key", "made"),
    [
        ("integer", "integer"),
        ("bigserial", "bigint"),
        ("uuid", "uuid"),
        ("text", "text"),
        ("varchar(40)", "character varying(40)"),
    ],
)
def test_user_columns_take_the_type_of_the_users_key(empty: psycopg.Connection, key: str, made: str) -> None:
    empty.execute(f'create schema people; create table people."User" ("Id" {key} primary key)')
    empty.commit()
    fbs_db.migrate(url_of(empty), user_table='people."User"')
    found = rows(empty, "select format_type(typbasetype, typtypmod) from pg_type where typname = 'fbs_user_id'")
    assert found == [(made,)]
    users = sum(is_user_key(column) for table in LISTED for column in table["columns"])
    assert rows(
        empty,
        "select count(*) from pg_attribute inner join pg_class on attrelid = pg_class.oid"
        " where relkind = 'r' and atttypid = 'fbs_user_id'::regtype",
    ) == [(users,)]


def test_without_a_user_table_users_are_bigint(installed: psycopg.Connection) -> None:
    assert rows(
        installed,
        "select 'fbs_user_id'::regtype::text, format_type(typbasetype, null) from pg_type"
        " where typname = 'fbs_user_id'",
    ) == [("fbs_user_id", "bigint")]


def test_the_same_in_another_schema(empty_everywhere: psycopg.Connection) -> None:
    empty_everywhere.execute('create schema "Fbs data"')
    empty_everywhere.commit()
    fbs_db.migrate(url_of(empty_everywhere), schema="Fbs data")
    fbs_db.migrate(url_of(empty_everywhere))
    elsewhere, public = catalog(empty_everywhere, "Fbs data"), catalog(empty_everywhere)
    assert set(elsewhere) == set(public)
    strip = [("Fbs data", "public"), ('"', ""), ("\\", ""), ("SCHEMA", "public"), ("'public'", "public")]

    def plain(text: str) -> str:
        for old, new in strip:
            text = text.replace(old, new)
        return text.replace("public, pg_temp", "").replace("public.", "")

    assert {name: plain(text) for name, text in elsewhere.items()} == {
        name: plain(text) for name, text in public.items()
    }
    empty_everywhere.execute("""insert into "Fbs data".fbs_odoo_databases (name, host, username, password)
                             values ('a', 'b', 'c', 'd')""")
    empty_everywhere.execute("""update "Fbs data".fbs_odoo_databases set port = 1""")


def test_comments_are_short_and_tell_empty_text_from_null(installed: psycopg.Connection) -> None:
    """Those of tables, views, columns and indexes."""
    comments = rows(
        installed,
        "select c.relname::text, d.objsubid, d.description from pg_description as d inner join pg_class as c"
        " on d.objoid = c.oid and d.classoid = 'pg_class'::regclass where c.relname ~ '^fbs_'",
    )
    assert [(name, column) for name, column, said in comments if len(said) > 200] == []
    unclear = r"\b(empty(?! text)|blank)\b"
    assert [(name, said) for name, _, said in comments if re.search(unclear, said, re.IGNORECASE)] == []
