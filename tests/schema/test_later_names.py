"""FBS's tables under the names of later releases: views that a host asks for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

import fbs_db
from fbs_db.cli import main
from fbs_db.errors import AdoptionRefused, MigrationFailed, TargetError
from fbs_db.health.check import check
from fbs_db.schema import later_names as names
from tests.hosts import forks
from tests.support import ROOT
from tests.support.catalog import listed_tables
from tests.support.connections import url_of
from tests.support.versions import django_or_skip, old_django

OLD_POSTGRES = pytest.mark.old_postgres
ACCOUNTING = {
    "fbs_cash_entries": "fbs_app_cashentry",
    "fbs_income_expenses": "fbs_app_incomeexpense",
    "fbs_basic_ledgers": "fbs_app_basicledger",
    "fbs_tax_calculations": "fbs_app_taxcalculation",
}
LISTED = {table["table"]: table for table in listed_tables()}
#: Table by later name, from the specification.
LATER = ACCOUNTING | {
    table["name_in_2_0_4_to_2_0_6"]: name for name, table in LISTED.items() if "name_in_2_0_4_to_2_0_6" in table
}


@pytest.fixture
def named(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """A database with the views, and a connection to it that commits at once."""
    installed_everywhere.autocommit = True
    assert set(fbs_db.add_later_names(url_of(installed_everywhere))) == set(LATER)
    return installed_everywhere


def rows(connection: psycopg.Connection, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), arguments or None).fetchall()


def findings(connection: psycopg.Connection) -> set[tuple[str, str, str, str]]:
    """What a check finds that is about anything but users."""
    report = fbs_db.check(url_of(connection))
    return {(one.severity, one.kind, one.object, one.problem) for one in report.findings if one.kind != "users"}


def states(connection: psycopg.Connection) -> dict[str, str]:
    return {row.later_name: row.state for row in fbs_db.list_later_names(url_of(connection))}


def test_the_names_are_those_of_the_specification(installed: psycopg.Connection) -> None:
    assert {row.later_name: row.table_name for row in fbs_db.list_later_names(url_of(installed))} == LATER
    assert names.LATER == LATER


def test_each_view_has_the_columns_of_its_table_under_the_listed_names(named: psycopg.Connection) -> None:
    for name, table in LATER.items():
        renamed = LISTED[table].get("columns_in_2_0_4_to_2_0_6", {})
        expected = rows(named, "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0"
                               " order by attnum", table)  # fmt: skip
        found = rows(named, "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0"
                            " order by attnum", name)  # fmt: skip
        assert found == [(renamed.get(column, column),) for (column,) in expected], name
        assert {renamed.get(column["name"], column["name"]) for column in LISTED[table]["columns"]} <= {
            c for (c,) in found
        }


def test_each_view_and_its_columns_explain_themselves(named: psycopg.Connection) -> None:
    for name, table in LATER.items():
        of_table, of_view = (
            rows(named, "select objsubid, description from pg_description where objoid = %s::regclass order by 1", it)
            for it in (table, name)
        )
        assert of_view[0][1] == (
            f"{of_table[0][1]} This is table {table} under its later name. Made by fbs_add_later_names()."
        )
        assert of_view[1:] == of_table[1:], name


def test_every_view_is_one_that_postgresql_writes_through(named: psycopg.Connection) -> None:
    # Bits of what is allowed: update, insert, delete; of each column, without any trigger.
    found = rows(named, "select relname::text, pg_relation_is_updatable(oid, false) from pg_class"
                        " where relname = any(%s)", list(LATER))  # fmt: skip
    assert dict(found) == dict.fromkeys(LATER, 28)


def test_sql_writes_through_a_view(named: psycopg.Connection) -> None:
    ((key, active, at),) = rows(
        named, "insert into dms_document_tag (name, color) values ('lease', 1) returning id, is_active, created_at"
    )
    assert (active, at is not None) == (True, True)
    upsert = (
        "insert into dms_document_tag (name, color) values ('lease', 2)"
        " on conflict (name) do update set color = excluded.color returning id, color"
    )
    assert rows(named, upsert) == [(key, 2)]
    assert rows(named, "select id from dms_document_tag where name = 'lease' for update") == [(key,)]
    assert rows(named, "update dms_document_tag set color = 3 where id = %s returning color", key) == [(3,)]
    assert rows(named, "select color from fbs_dms_document_tag where id = %s", key) == [(3,)]
    assert rows(named, "delete from dms_document_tag where id = %s returning id", key) == [(key,)]
    assert rows(named, "select count(*) from fbs_dms_document_tag") == [(0,)]


def test_the_time_of_last_change_is_kept_and_moved_through_a_view_as_in_the_table(named: psycopg.Connection) -> None:
    rows(named, "insert into dms_document_type (name, code) values ('Lease', 'lease') returning id")
    named.execute("alter table fbs_dms_document_type disable trigger all")
    named.execute("update fbs_dms_document_type set updated_at = '2020-01-01 00:00+00'")
    named.execute("alter table fbs_dms_document_type enable trigger all")
    kept = "update dms_document_type set name = 'A', updated_at = updated_at returning updated_at::date::text"
    assert rows(named, kept) == [("2020-01-01",)]
    moved = "update dms_document_type set name = 'B' returning updated_at = now()"
    assert rows(named, moved) == [(True,)]


def test_adding_again_does_nothing_and_dropping_takes_these_views_alone(named: psycopg.Connection) -> None:
    before = rows(named, "select relname, oid from pg_class where relnamespace = 'public'::regnamespace order by 1")
    assert fbs_db.add_later_names(url_of(named)) == []
    assert before == rows(
        named, "select relname, oid from pg_class where relnamespace = 'public'::regnamespace order by 1"
    )
    assert set(fbs_db.drop_later_names(url_of(named))) == set(LATER)
    after = rows(named, "select relname, oid from pg_class where relnamespace = 'public'::regnamespace order by 1")
    assert after == [row for row in before if row[0] not in LATER]
    assert fbs_db.drop_later_names(url_of(named)) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("create table dms_document (id int)", "table dms_document"),
        ("create view dms_document as select 1 as one", "view dms_document"),
        ("create view dms_document as select * from fbs_dms_document", "view dms_document"),
        ("create materialized view dms_document as select 1 as one", "materialized view dms_document"),
        ("create sequence lic_feature_usage", "sequence lic_feature_usage"),
        ("create type dms_document as enum ('paper')", "type dms_document"),
        ("create type dms_document as (paper text)", "type dms_document"),
        ("create table paper (id int); create index dms_document on paper (id)", "index dms_document"),
        (
            "create view lic_feature_usage as select * from fbs_dms_document;"
            " comment on view lic_feature_usage is 'Made by fbs_add_later_names().'",
            "view lic_feature_usage",
        ),
    ],
)
def test_what_the_host_has_under_a_name_stays_and_stops_it(
    installed: psycopg.Connection, statement: str, what: str
) -> None:
    installed.autocommit = True
    installed.execute(statement.encode())
    before = rows(installed, "select oid, relname, relkind, relacl, reloptions from pg_class order by 1")
    with pytest.raises(TargetError, match=f"are taken in schema public: {what}\n") as failure:
        fbs_db.add_later_names(url_of(installed))
    assert isinstance(failure.value.__cause__, psycopg.Error)
    assert failure.value.__cause__.sqlstate == "FB050"
    assert "adopt" in failure.value.hint
    assert rows(installed, "select oid, relname, relkind, relacl, reloptions from pg_class order by 1") == before
    assert states(installed)[what.rpartition(" ")[2]] == "taken"
    assert fbs_db.drop_later_names(url_of(installed)) == []
    fbs_db.rollback(url_of(installed), to="0045")
    name = what.rpartition(" ")[2]
    left = "select from pg_class where relname = %s union all select from pg_type where typname = %s"
    assert rows(installed, left, name, name)


def test_a_view_that_no_longer_fits_is_told_of_and_mended(named: psycopg.Connection) -> None:
    assert findings(named) == set()
    named.execute("alter table fbs_dms_document_type add column of_host text")
    named.execute("alter view lic_feature_usage reset (security_invoker)")
    named.execute("create view of_host as select id from dms_document_type")
    stale = {("warning", "view", name, "out of date") for name in ("dms_document_type", "lic_feature_usage")}
    column = ("note", "column", "fbs_dms_document_type.of_host", "not part of FBS")
    assert findings(named) == {*stale, column}
    assert fbs_db.add_later_names(url_of(named)) == ["dms_document_type", "lic_feature_usage"]
    assert findings(named) == {column}
    assert rows(named, "select of_host from dms_document_type") == []
    assert rows(named, "select id from of_host") == []


def test_a_view_whose_column_was_renamed_is_made_anew_unless_something_stands_on_it(named: psycopg.Connection) -> None:
    named.execute("alter table fbs_dms_document_tag rename column color to colour")
    named.execute("create view of_host as select color from dms_document_tag")
    with pytest.raises(TargetError, match=r"dms_document_tag cannot be dropped.*view of_host depends") as failure:
        fbs_db.add_later_names(url_of(named))
    assert isinstance(failure.value.__cause__, psycopg.Error)
    assert failure.value.__cause__.sqlstate == "FB051"
    assert rows(named, "select color from dms_document_tag") == []
    named.execute("drop view of_host")
    assert fbs_db.add_later_names(url_of(named)) == ["dms_document_tag"]
    assert rows(named, "select colour from dms_document_tag") == []


def test_one_name_missing_beside_others_is_a_note(named: psycopg.Connection) -> None:
    named.execute("drop view dms_document_tag")
    assert findings(named) == {("note", "view", "dms_document_tag", "missing")}
    fbs_db.drop_later_names(url_of(named))
    assert findings(named) == set()


def test_the_readers_own_rights_on_the_table_count(named: psycopg.Connection) -> None:
    name = f"reader_{named.info.dbname}"
    role = sql.Identifier(name)
    named.execute(sql.SQL("create role {}").format(role))
    try:
        named.execute(sql.SQL("grant select on dms_document_tag to {}").format(role))
        with named.transaction():
            named.execute(sql.SQL("set local role {}").format(role))
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="fbs_dms_document_tag"), named.transaction():
                named.execute("select * from dms_document_tag")
        named.execute(sql.SQL("grant select, insert, update on fbs_dms_document_tag to {}").format(role))
        named.execute(sql.SQL("grant usage on all sequences in schema public to {}").format(role))
        assert findings(named) == {("warning", "view", "dms_document_tag", "out of date")}
        assert fbs_db.add_later_names(url_of(named)) == ["dms_document_tag"]
        with named.transaction():
            named.execute(sql.SQL("set local role {}").format(role))
            rows(named, "insert into dms_document_tag (name, color) values ('x', 1) returning id")
            assert len(rows(named, "select id from dms_document_tag for update")) == 1
            with pytest.raises(psycopg.errors.InsufficientPrivilege), named.transaction():
                named.execute("delete from dms_document_tag")
        # A row that a policy of the table's hides stays hidden.
        named.execute("alter table fbs_dms_document_tag enable row level security")
        with named.transaction():
            named.execute(sql.SQL("set local role {}").format(role))
            assert rows(named, "select id from dms_document_tag") == []
    finally:
        named.execute(sql.SQL("drop owned by {}").format(role))
        named.execute(sql.SQL("drop role {}").format(role))


def test_the_names_go_with_the_file_that_adds_them(named: psycopg.Connection) -> None:
    fbs_db.rollback(url_of(named), to="0045")
    assert rows(named, "select relname from pg_class where relname = any(%s)", list(LATER)) == []
    assert fbs_db.migrate(url_of(named)).steps
    assert set(states(named).values()) == {"absent"}


@pytest.mark.parametrize("to", ["0009", None], ids=["before documents", "everything"])
def test_tables_are_rolled_back_though_they_have_later_names(named: psycopg.Connection, to: str | None) -> None:
    fbs_db.rollback(url_of(named), to=to, everything=to is None)
    assert rows(named, "select relname from pg_class where relname ~ '^(fbs_)?dms_'") == []


def test_what_stands_on_a_view_or_a_table_stops_a_rollback_and_is_named(named: psycopg.Connection) -> None:
    named.execute("create view of_host as select id from dms_document")
    with pytest.raises(TargetError, match="view of_host depends on view dms_document") as refused:
        fbs_db.rollback(url_of(named), to="0049")
    assert "not of FBS" in refused.value.hint
    assert set(states(named).values()) == {"current"}
    named.execute("create or replace view of_host as select id from fbs_dms_document")
    with pytest.raises(MigrationFailed, match="view of_host depends on table fbs_dms_document") as failed:
        fbs_db.rollback(url_of(named), to="0009")
    assert "later-names drop" in failed.value.hint
    assert "CASCADE" not in failed.value.hint
    assert set(states(named).values()) == {"current"}


@pytest.mark.slow
def test_repair_and_adopt_do_not_trip_over_the_names(named: psycopg.Connection) -> None:
    assert fbs_db.repair(url_of(named)).mends == ()
    # The history is lost: the tables are taken over as they are, beside their views.
    named.execute("drop table fbs_migrations, fbs_migration_log cascade")
    report = fbs_db.adopt(url_of(named), apply=True)
    assert report.adopted
    assert {"current"} == set(states(named).values())
    assert findings(named) == set()


@pytest.mark.slow
def test_adopt_tells_of_the_names_that_code_goes_on_using(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    fbs_db.rollback(url_of(installed), to="0013")
    installed.execute("drop table fbs_migrations, fbs_migration_log")
    installed.execute("alter table fbs_dms_document rename to dms_document")
    installed.execute("drop statistics fbs_dms_document_metadata_record_stat")  # Django makes none
    done = CliRunner().invoke(main, ["--database", url_of(installed), "adopt", "--apply"])
    assert done.exit_code == 0, done.output
    assert "For code that still uses dms_document, create views: fbs-db" in done.output
    assert "dms_document" in fbs_db.add_later_names(url_of(installed))


def test_rows_under_both_names_still_stop_an_adoption(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    installed.execute("drop table fbs_migrations, fbs_migration_log cascade")
    for name in ("fbs_dms_document_tag", "dms_document_tag"):
        installed.execute(f"create table if not exists {name} (like fbs_dms_document_tag including all)".encode())
        installed.execute(f"insert into {name} (name, color) values ('a', 1)".encode())
    with pytest.raises(AdoptionRefused, match="dms_document_tag"):
        fbs_db.adopt(url_of(installed), apply=True)


def test_only_tables_that_are_installed_here_have_later_names(empty: psycopg.Connection, tmp_path: Path) -> None:
    (tmp_path / "fbs-db.toml").write_text(
        '[databases.default]\ncomponents = ["licensing"]\n\n[databases.rest]\nenv = "ELSEWHERE"\n'
    )
    fbs_db.migrate(url_of(empty))
    assert set(states(empty)) == {name for name in LATER if name.startswith("lic_")}
    assert set(fbs_db.add_later_names(url_of(empty))) == {name for name in LATER if name.startswith("lic_")}
    assert findings(empty) == set()


def test_the_views_are_in_the_schema_of_the_tables(empty: psycopg.Connection) -> None:
    empty.autocommit = True
    empty.execute('create schema "Of FBS"')
    empty.execute("create table dms_document (id int)")
    fbs_db.migrate(url_of(empty), schema="Of FBS")
    assert set(fbs_db.add_later_names(url_of(empty), schema="Of FBS")) == set(LATER)
    found = rows(empty, "select distinct relnamespace::regnamespace::text from pg_class where relname = any(%s)"
                        " and relkind = 'v'", list(LATER))  # fmt: skip
    assert found == [('"Of FBS"',)]
    assert check(url_of(empty), schema="Of FBS").healthy
    assert set(fbs_db.drop_later_names(url_of(empty), schema="Of FBS")) == set(LATER)


def test_adding_and_dropping_are_part_of_the_callers_transaction(installed: psycopg.Connection) -> None:
    assert len(fbs_db.add_later_names(installed)) == len(LATER)
    installed.rollback()
    assert set(states(installed).values()) == {"absent"}


def test_the_commands_answer_in_words_and_in_json(installed: psycopg.Connection) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["--database", url_of(installed), "later-names", *words])
        assert done.exit_code == 0, done.output
        return done.output

    listed = json.loads(run("list", "--json"))
    assert {row["later_name"]: row["table_name"] for row in listed} == LATER
    assert {(row["state"], row["taken_by"]) for row in listed} == {("absent", "")}
    assert set(json.loads(run("add", "--json"))["added"]) == set(LATER)
    assert "All views are there already." in run("add")
    assert run("list").count("current") == len(LATER)
    assert "Dropped: dms_document, " in run("drop")
    assert "There are no such views." in run("drop")
    assert json.loads(run("drop", "--json")) == {"dropped": []}
    installed.execute("create table dms_document (id int)")
    installed.commit()
    assert "taken by your table" in run("list")
    refused = CliRunner().invoke(main, ["--database", url_of(installed), "later-names", "add"])
    assert refused.exit_code == 2
    assert "table dms_document" in refused.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("django", "user_model", "schema", "database"),
    [
        pytest.param("4.2", "auth.User", "public", "_empty_on_15", marks=[*old_django("4.2"), OLD_POSTGRES]),
        pytest.param("5.2", "auth.User", "public", "empty", marks=old_django("5.2")),
        pytest.param("6.1", "auth.User", "public", "empty", marks=old_django("6.1")),
        pytest.param("6.1", "people.Person", "fbs", "_empty_on_15", marks=[*old_django("6.1"), OLD_POSTGRES]),
    ],
)
def test_models_with_later_names_work_in_every_django(
    request: pytest.FixtureRequest, django: str, user_model: str, schema: str, database: str
) -> None:
    python = django_or_skip(django)
    connection: psycopg.Connection = request.getfixturevalue(database)
    connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    connection.commit()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
        "DATABASE_URL": url_of(connection),
        "DJANGO_SETTINGS_MODULE": "tests.hosts.settings",
        "HOST_FBS_RELEASE": "later",
        "HOST_SCHEMAS": "public" if schema == "public" else f"public,{schema}",
        "HOST_USER_MODEL": user_model,
        "PYTHONPATH": str(ROOT),
    }

    def run(*words: str) -> None:
        code, out, err = forks.run(python, ("-W", "error", "-m", *words), Path.cwd(), environment)
        assert code == 0, out + err

    run("django", "migrate", "--verbosity", "0")
    fbs_db.migrate(url_of(connection), schema=schema, user_table=user_model.replace(".", "_").lower())
    fbs_db.add_later_names(url_of(connection), schema=schema)
    run("tests.hosts", "later.work")
    assert check(url_of(connection), schema=schema).healthy
