"""Which database holds what: said, shown, checked, and changed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.database import config, fleet, project
from fbs_db.errors import LockTimeout, MoveRefused, UsageError
from fbs_db.places import copying
from tests.support import ROOT
from tests.support.catalog import listed_tables
from tests.support.commands import of_each, run
from tests.support.servers import Server

COMPONENTS = [
    "approvals",
    "msme",
    "workflow",
    "bi",
    "compliance",
    "accounting",
    "core",
    "discovery",
    "dms",
    "licensing",
]
LICENCES = [table["table"] for table in listed_tables() if table["component"] == "licensing"]
_numbers = count(1)


def fine(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str, says: str, code: int = 2) -> str:
    result = run(*words)
    assert result.exit_code == code, result.output
    assert says in result.stderr
    return result.stderr


@contextmanager
def databases_on(server: Server) -> Iterator[Callable[..., str]]:
    with ExitStack() as made:
        yield lambda *template: made.enter_context(server.database(*template))


@pytest.fixture
def databases(pg18: Server) -> Iterator[Callable[..., str]]:
    """Makes databases, empty ones or like another; gives their URLs."""
    with databases_on(pg18) as make:
        yield make


def say(**tables: dict[str, Any]) -> None:
    """Write the project's file."""
    lines = []
    for name, table in tables.items():
        lines.append(f"[databases.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    Path("fbs-db.toml").write_text("\n".join(lines))


def select(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


# --- what is said


def test_one_database_holds_all_by_default() -> None:
    assert list(files.components()) == COMPONENTS
    rows = json.loads(fine("placement", "--json"))
    assert {row["table"] for row in rows} >= {table["table"] for table in listed_tables()}
    assert {(row["database"], row["schema"]) for row in rows} == {("default", "public")}
    assert "there is one database, which holds all" in fine("placement")


def test_each_table_is_told_with_its_place_and_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    say(
        default={"url": "postgresql://app:secret@one.example/app"},
        licences={"env": "LICENCES_URL", "components": ["licensing"], "schema": "fbs"},
    )
    placed = {row.table: row for row in fbs_db.placement() if row.component != "base"}
    assert {row.database for row in placed.values() if row.component == "licensing"} == {"licences"}
    assert {row.database for row in placed.values() if row.component != "licensing"} == {"default"}
    one = placed["fbs_license_manager_solution_license"]
    assert (one.location, one.schema) == ("$LICENCES_URL", "fbs")
    assert one.reason.endswith("fbs-db.toml names it there")
    printed = fine("placement")
    assert "core in default: postgresql://app@one.example/app, schema public" in printed
    assert "secret" not in printed


def test_pyproject_says_it_too(databases: Callable[[], str]) -> None:
    Path("pyproject.toml").write_text(f'[tool.fbs-db.databases.default]\nurl = "{databases()}"\nschema = "other"\n')
    assert project.configuration().default.schema == "other"
    Path("fbs-db.toml").write_text("")
    assert project.configuration().default.schema is None, "the file of its own goes before"


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"a": {"components": ["msme"]}, "b": {"components": ["bi", "msme"]}}, "component msme is in two databases: a"),
        ({"a": {"components": ["mmse"]}}, "databases.a.components: unknown component 'mmse'"),
        ({"a": {}, "b": {}}, "Only one database may omit `components`; a and b both do."),
        ({"a": {"components": "msme"}}, "databases.a.components is not a list of texts"),
        ({"a": {"env": "X"}}, "databases.a has url and env; only one of them is allowed"),
        ({"a": {"user_key_type": "money"}}, "databases.a.user_key_type"),
    ],
)
def test_what_makes_no_sense_is_told(tables: dict[str, dict[str, Any]], says: str) -> None:
    say(**{name: table | {"url": "postgresql://h/d"} for name, table in tables.items()})
    for command in (("placement",), ("migrate",), ("check", "--all")):
        refused(*command, says=says)


def test_a_database_that_does_not_say_where_it_is() -> None:
    Path("fbs-db.toml").write_text('[databases.a]\ncomponents = ["msme"]\n')
    refused("placement", says="databases.a has no connection settings")


def test_a_variable_that_is_not_set_and_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    say(default={"url": "postgresql://h/d"}, licences={"env": "LICENCES_URL", "components": ["licensing"]})
    printed = refused("--database", "licences", "url", says="from LICENCES_URL, which is not set")
    assert "export LICENCES_URL=" in printed
    monkeypatch.setenv("LICENCES_URL", "postgresql://other/d")
    assert fine("--database", "licences", "url") == "postgresql://other/d\n"
    assert "or name a configured database: default, licences" in refused(
        "--database", "license", "url", says="malformed"
    )
    refused("placement", "move", "licensing", "--to", "elsewhere", says="Unknown database 'elsewhere'")
    refused("placement", "move", "licences", "--to", "licences", says="There is no component 'licences'")


def test_several_databases_of_which_none_is_the_default() -> None:
    say(a={"url": "postgresql://a/d"}, b={"url": "postgresql://b/d", "components": ["msme"]})
    assert "Name one: --database NAME" in refused("url", says="none of them is called default")
    assert fine("--database", "b", "url") == "postgresql://b/d\n"


# --- what is done on several


@pytest.mark.slow
def test_each_component_alone_in_a_database(databases: Callable[[], str]) -> None:
    tables = {name: {"url": databases(), "components": [name]} for name in COMPONENTS}
    say(**tables, host={"url": databases(), "components": []})
    fine("migrate", "--all")
    status = of_each(run("status", "--all", "--json"))
    assert set(status) == {*COMPONENTS, "host"}
    assert all(not said["answer"]["pending"] for said in status.values())
    number = len(COMPONENTS) + 1
    assert fine("check", "--all") == f"{number} databases: {number} healthy.\n"
    listed = {table["table"]: table["component"] for table in listed_tables()}
    for name in COMPONENTS:
        url = str(tables[name]["url"])
        there = {table for (table,) in select(url, "select relname::text from pg_class")}
        assert there & set(listed) == {table for table, component in listed.items() if component == name}
    with fbs_db.connect("licensing") as fbs:
        assert not fbs.licensing.licenses()
    with fbs_db.connect("msme") as fbs:
        assert not fbs.msme.dashboard(limit=1)


def test_one_that_fails_holds_up_no_other(databases: Callable[[], str]) -> None:
    say(default={"url": databases()}, licences={"url": "postgresql://127.0.0.1:1/d", "components": ["licensing"]})
    result = run("migrate", "--all")
    assert result.exit_code == 2
    assert "licences: No connection to postgresql://127.0.0.1:1/d" in result.stderr
    said = of_each(run("check", "--all", "--json"))
    assert said["default"]["answer"]["healthy"]
    assert said["licences"]["error"]["type"] == "ConnectionFailed"
    refused("--database", "default", "check", "--all", says="not both")


def test_users_elsewhere_have_keys_of_this_type(databases: Callable[[], str]) -> None:
    url = databases()
    say(default={"url": url, "user_key_type": "uuid"})
    fine("migrate")
    assert select(url, "select 'fbs_user_id'::regtype::text, pg_typeof(null::fbs_user_id::uuid)::text")[0][1] == "uuid"
    assert select(url, "select format_type(typbasetype, null) from pg_type where typname = 'fbs_user_id'") == [
        ("uuid",)
    ]


def test_what_lives_in_the_wrong_place_is_told(databases: Callable[[], str]) -> None:
    url = databases()
    fbs_db.migrate(url)
    say(default={"url": url}, licences={"url": databases(), "components": ["licensing"]})
    printed = run("check").stdout
    assert "warning: component licensing: misplaced" in printed
    assert "fbs-db placement move licensing --to licences" in printed


# --- moving


@pytest.fixture
def two(databases: Callable[..., str], holds_all: str) -> tuple[str, str]:
    """A database that holds all, with licences and documents in it; and one for licences."""
    old, new = databases(holds_all), databases()
    say(default={"url": old}, licences={"url": new, "components": []})
    return old, new


@pytest.fixture(scope="module")
def holds_all(pg18: Server) -> Iterator[str]:
    """The name of the database that is copied for it."""
    with databases_on(pg18) as make:
        url = make()
        fbs_db.migrate(url)
        fill(url)
        yield psycopg.conninfo.conninfo_to_dict(url)["dbname"]  # type: ignore[misc]


def fill(url: str) -> None:
    select(
        url,
        "insert into fbs_license_manager_solution_license (solution_name, license_key, features)"
        " select 'solution ' || n, E'k\\té\\\\y' || n, '[\"' || n || '\"]' from generate_series(1, 1000) as n;"
        "insert into fbs_license_manager_feature_usage (solution_name, feature_name, usage_count)"
        " select 'solution ' || n, 'f', n from generate_series(1, 500) as n;"
        "create table people (id bigint primary key); insert into people values (1), (2);"
        "select fbs_attach_users('people');"
        "select fbs_attach_host('people', 'people');"
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
        " select 't', '', 'other', 1, '{\"model_name\": \"people\", \"record_id\": 2}' from generate_series(1, 3)",
    )


def rows_of(url: str, table: str, schema: str = "public") -> list[tuple[Any, ...]]:
    return select(url, f"select t::text from {schema}.{table} as t order by 1")


def test_a_component_moves_with_every_row(two: tuple[str, str]) -> None:
    old, new = two
    before = {table: rows_of(old, table) for table in LICENCES}
    text = Path("fbs-db.toml").read_text() + "\n# a comment that stays\n"
    Path("fbs-db.toml").write_text(text)
    plan = json.loads(fine("placement", "move", "licensing", "--to", "licences", "--dry-run", "--json"))
    assert {table["table"]: table["rows"] for table in plan["tables"]} == {t: len(r) for t, r in before.items()}
    assert Path("fbs-db.toml").read_text() == text
    refused("placement", "move", "licensing", "--to", "licences", says="This moves 3 tables with 1,500 rows")

    printed = fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert "licensing is now in licences." in printed
    assert {table: rows_of(new, table) for table in LICENCES} == before
    assert {table: rows_of(old, table, "fbs_moved_licensing") for table in LICENCES} == before
    assert "# a comment that stays" in Path("fbs-db.toml").read_text()
    assert fleet.named("licences").components == ("licensing",)
    fine("check", "--all")
    assert "pending" not in fine("status", "--all")
    ((next_id,),) = select(
        new, "insert into fbs_license_manager_solution_license (solution_name) values ('next') returning id"
    )
    assert next_id == 1001
    with pytest.raises(psycopg.errors.UndefinedTable):
        select(old, "insert into fbs_license_manager_solution_license (solution_name) values ('lost')")

    refused("placement", "drop", "licensing", "--from", "default", says="This drops 3 tables with 1,500 rows")
    fine("placement", "drop", "licensing", "--from", "default", "--yes")
    assert select(old, "select to_regnamespace('fbs_moved_licensing')") == [(None,)]
    refused("placement", "drop", "licensing", "--from", "default", says="default keeps no old tables of licensing")
    # And back.
    fine("placement", "move", "licensing", "--to", "default", "--yes")
    assert len(rows_of(old, LICENCES[0])) == 1001
    fine("check", "--all")


def test_users_go_and_rules_rest_after_a_move(two: tuple[str, str]) -> None:
    old, _ = two
    fine("placement", "move", "approvals", "--to", "licences", "--yes")
    assert select(old, "select table_id is null from fbs_rule_states where rule_name = 'approval_requests'") == [
        (True,)
    ]
    select(old, "delete from people")
    assert select(old, "select count(*) from fbs_cleanup_queue where error is not null") == [(0,)]
    assert len(rows_of(old, "fbs_approval_requests", "fbs_moved_approvals")) == 3
    fine("placement", "drop", "approvals", "--from", "default", "--yes")
    fine("placement", "move", "approvals", "--to", "default", "--yes")
    assert select(old, "select table_id is null from fbs_rule_states where rule_name = 'approval_requests'") == [
        (False,)
    ]
    assert "mend:  fbs-db attach users people" in run("check").stdout
    fine("attach", "users", "people", "--repair")
    fine("check")


@pytest.mark.slow
def test_later_names_go_along(two: tuple[str, str]) -> None:
    old, new = two
    fine("later-names", "add")
    views = "select relname::text from pg_class where relkind = 'v' and relname ~ '^(dms|lic)_' order by 1"
    named = select(old, views)
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert select(new, views) == [(name,) for (name,) in named if name.startswith("lic_")]
    assert select(old, views) == [(name,) for (name,) in named if name.startswith("dms_")]
    assert select(new, "select count(*) from lic_solution_license") == [(1000,)]
    fine("check", "--all")
    # Where none were asked for, none come.
    fine("later-names", "drop")
    fine("placement", "move", "dms", "--to", "licences", "--yes")
    assert len(select(new, views)) == 3


@pytest.mark.slow
def test_every_component_can_move(two: tuple[str, str]) -> None:
    for component in COMPONENTS:
        fine("placement", "move", component, "--to", "licences", "--yes")
    fine("check", "--all")
    assert fleet.named("default").components == ()


def write_until_it_moves(url: str, name: str, written: list[str], *, reads_first: bool) -> None:
    """Write rows, each in its transaction, until the table refuses; anything else is an error."""
    for number in count():
        with psycopg.connect(url) as connection:
            try:
                if reads_first:
                    connection.execute("select count(*) from fbs_license_manager_solution_license")
                    time.sleep(0.01)
                connection.execute(
                    "insert into fbs_license_manager_solution_license (solution_name) values (%s)",
                    [f"{name} {number}"],
                )
            except psycopg.Error as error:
                if error.sqlstate not in ("FB006", "42P01"):
                    raise
                return
        written.append(f"{name} {number}")


@pytest.mark.slow
@pytest.mark.parametrize("reads_first", [False, True], ids=["write", "read, then write"])
def test_writers_wait_and_lose_nothing(two: tuple[str, str], reads_first: bool) -> None:
    old, new = two
    written: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        writers = [
            pool.submit(write_until_it_moves, old, f"live{n}", written, reads_first=reads_first) for n in range(4)
        ]
        time.sleep(0.3)
        fine("placement", "move", "licensing", "--to", "licences", "--yes")
        for writer in writers:
            writer.result(timeout=60)
    there = select(new, "select solution_name from fbs_license_manager_solution_license where solution_name ~ '^live'")
    assert sorted(there) == sorted((name,) for name in written)
    assert len(written) > 10


@pytest.mark.slow
def test_who_still_reads_the_old_tables_holds_up_only_their_end(
    two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "TRIES", 1)
    old, new = two
    with psycopg.connect(old) as reader:
        reader.execute("select count(*) from fbs_license_manager_solution_license")
        printed = refused(
            "placement", "move", "licensing", "--to", "licences", "--yes", says="is in licences with all its rows"
        )
        assert "To take them away later: fbs-db placement move licensing --to licences" in printed
        assert reader.execute("select count(*) from fbs_license_manager_solution_license").fetchone() == (1000,)
    assert fleet.named("licences").components == ("licensing",)
    for statement in ("insert into {0} (solution_name) values ('lost')", "delete from {0}", "truncate {0} cascade"):
        with pytest.raises(psycopg.DatabaseError, match="moves to database licences") as caught:
            select(old, statement.format(LICENCES[0]))
        assert caught.value.sqlstate == "FB006"
    select(new, "insert into fbs_license_manager_solution_license (solution_name) values ('new')")
    assert "placement move licensing --to licences" in run("--database", "default", "check").stdout
    refused("placement", "drop", "licensing", "--from", "default", "--yes", says="is not finished yet")
    for dry_run in (True, False):
        with pytest.raises(MoveRefused, match="from default to licences is not finished"):
            fbs_db.move("licensing", "default", dry_run=dry_run)
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert len(rows_of(new, LICENCES[0])) == 1001
    assert len(rows_of(old, LICENCES[0], "fbs_moved_licensing")) == 1000
    fine("check", "--all")


def test_users_are_deleted_while_tables_are_guarded(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "TRIES", 1)
    old, _ = two
    select(
        old,
        "create function ask() returns trigger language plpgsql as $$begin"
        " insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
        " values ('t', '', 'other', 1, '{}'); return null; end$$;"
        "create table asks (id int); create trigger ask after insert on asks for each row execute function ask()",
    )
    with psycopg.connect(old) as reader:
        reader.execute("select count(*) from fbs_approval_requests")
        with pytest.raises(LockTimeout):
            fbs_db.move("approvals", "licences")
        select(old, "delete from people where id = 1")
        with pytest.raises(psycopg.DatabaseError, match="moves to database licences"):
            select(old, "insert into asks values (1)")
    assert select(old, "select count(*) from fbs_approval_requests") == [(0,)]
    assert select(two[1], "select count(*) from fbs_approval_requests") == [(3,)]


@pytest.mark.slow
def test_what_hosts_lose_during_a_move_is_cleaned_up_after_it(two: tuple[str, str]) -> None:
    old, new = two
    fine("placement", "move", "dms", "--to", "licences", "--yes")
    select(old, "delete from fbs_cleanup_queue")  # what licences is to be told of already
    select(old, "set fbs.cleanup = 'off'; delete from people where id = 2")
    fine("placement", "move", "approvals", "--to", "licences", "--yes")
    assert select(new, "select distinct status from fbs_approval_requests") == [("pending",)]
    stop = threading.Event()
    worker = threading.Thread(target=fbs_db.run_cleanup, kwargs={"stop": stop, "poll": 0.05})
    worker.start()
    deadline = time.monotonic() + 60
    cancelled = [("cancelled",)]
    while time.monotonic() < deadline and select(new, "select distinct status from fbs_approval_requests") != cancelled:
        time.sleep(0.05)
    stop.set()
    worker.join()
    assert select(new, "select distinct status from fbs_approval_requests") == cancelled
    # The same where the hosts are in the database it goes to.
    select(old, "set fbs.cleanup = 'off'; delete from people where id = 1")
    fine("placement", "drop", "approvals", "--from", "default", "--yes")
    fine("placement", "move", "approvals", "--to", "default", "--yes")
    assert select(old, "select operation from fbs_cleanup_queue where target is null") == [("sweep",)]


@pytest.mark.slow
def test_a_move_is_called_off(two: tuple[str, str]) -> None:
    old, new = two
    assert die_at("guarded") == -signal.SIGKILL
    with pytest.raises(psycopg.DatabaseError, match="moves to database licences"):
        select(old, "insert into fbs_license_manager_solution_license (solution_name) values ('lost')")
    found = run("check")
    assert found.exit_code == 1
    assert "error: component licensing: its move is not finished" in found.stdout
    assert "mend:  fbs-db placement move licensing --to licences" in found.stdout
    assert "can be cancelled" in fine("placement", "move", "licensing", "--to", "default", "--dry-run")
    assert "is cancelled. It stays in default" in fine("placement", "move", "licensing", "--to", "default")
    select(old, "insert into fbs_license_manager_solution_license (solution_name) values ('kept')")
    fine("check")
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert len(rows_of(new, LICENCES[0])) == 1001


def test_the_configuration_may_be_changed_first(two: tuple[str, str]) -> None:
    old, new = two
    say(default={"url": old}, licences={"url": new, "components": ["licensing"]})
    assert "fbs-db placement move licensing --to licences" in run("check").stdout
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert len(rows_of(new, LICENCES[0])) == 1000
    fine("check", "--all")
    refused("placement", "move", "licensing", "--to", "licences", says="lives in licences already")


@pytest.mark.slow
def test_a_component_whose_indexes_call_functions_moves(two: tuple[str, str]) -> None:
    old, new = two
    say(default={"url": old}, documents={"url": new, "components": ["dms"]})
    fine("placement", "move", "dms", "--to", "documents", "--yes")
    assert select(new, "select count(*) from fbs_dms_document") == [(0,)]
    assert select(old, "select to_regproc('fbs_document_words') is null") == [(True,)]
    fine("placement", "drop", "dms", "--from", "default", "--yes")
    fine("check", "--all")


@pytest.mark.slow
def test_a_component_left_behind_empty_is_taken_away(two: tuple[str, str]) -> None:
    old, new = two
    fbs_db.migrate(config.DatabaseConfig(url=new))
    assert "fbs-db placement move licensing --to default" in run("--database", "licences", "check").stdout
    fine("placement", "move", "licensing", "--to", "default", "--yes")
    assert len(rows_of(old, LICENCES[0])) == 1000
    assert select(new, "select to_regclass(%s)", LICENCES[0]) == [(None,)]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("create view mine as select id from {0}", "view mine"),
        ("create table mine (id bigint constraint mine_fkey references {0})", "foreign key mine_fkey of mine"),
        ("create function mine() returns bigint begin atomic select max(id) from {0}; end", "function mine()"),
        ("create trigger mine before delete on {0} execute function mine()", "trigger mine of {0}"),
        ("create policy mine on {0}", "policy mine of {0}"),
    ],
    ids=["view", "foreign key", "function", "trigger", "policy"],
)
def test_what_depends_on_the_tables_stops_it(two: tuple[str, str], made: str, says: str) -> None:
    if "trigger" in made:
        select(two[0], "create function mine() returns trigger language plpgsql as 'begin return null; end'")
    select(two[0], made.format(LICENCES[0]))
    for dry_run in (True, False):
        with pytest.raises(MoveRefused, match=re.escape(says.format(LICENCES[0]))):
            fbs_db.move("licensing", "licences", dry_run=dry_run)
    assert select(two[1], "select to_regclass('fbs_migrations')") == [(None,)]


def test_rows_that_a_role_may_not_see_stop_it(two: tuple[str, str]) -> None:
    old, new = two
    role = f"mover_{next(_numbers)}"
    select(
        old,
        f"create role {role} login; grant all on schema public to {role}; alter domain fbs_user_id owner to {role};"
        "do $$ declare name text; begin for name in"
        " select format('alter table %s owner to', oid::regclass) from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') union all"
        " select format('alter function %s owner to', oid::regprocedure) from pg_proc"
        f" where pronamespace = 'public'::regnamespace loop execute name || ' {role}'; end loop; end $$;"
        f"alter table {LICENCES[0]} enable row level security, force row level security",
    )
    say(default={"url": old.replace("postgres@", f"{role}@")}, licences={"url": new, "components": []})
    try:
        refused("placement", "move", "licensing", "--to", "licences", "--yes", says="may not create the schema")
        select(old, f"do $$ begin execute format('grant create on database %I to {role}', current_database()); end $$")
        refused("placement", "move", "licensing", "--to", "licences", "--yes", says="row-level security")
        assert len(rows_of(old, LICENCES[0])) == 1000
    finally:
        select(old, f"drop owned by {role} cascade; drop role {role}")


def test_one_database_under_two_names(two: tuple[str, str]) -> None:
    say(default={"url": two[0]}, licences={"url": two[0], "components": []})
    for dry_run in (True, False):
        with pytest.raises(MoveRefused, match="are the same schema"):
            fbs_db.move("licensing", "licences", dry_run=dry_run)


def test_an_edited_file_stops_it(two: tuple[str, str]) -> None:
    select(two[0], "update fbs_migrations set checksum = 'other' where migration_id = '0014_license_models'")
    refused("placement", "move", "licensing", "--to", "licences", "--yes", says="was edited after it was", code=1)
    assert select(two[1], "select to_regclass('fbs_migrations')") == [(None,)]


@pytest.mark.slow
def test_users_that_are_not_there_stop_it(two: tuple[str, str]) -> None:
    old, new = two
    select(new, "create table people (id bigint primary key)")
    say(default={"url": old}, licences={"url": new, "components": [], "user_table": "people"})
    fine("migrate", "--all")
    printed = refused(
        "placement",
        "move",
        "approvals",
        "--to",
        "licences",
        "--yes",
        says="point at rows that licences lacks",
        code=1,
    )
    assert "user_key_type" in printed
    select(old, "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
                " values ('t', '', 'other', 2, '{}')")  # fmt: skip
    select(new, "insert into people values (1), (2)")
    fine("placement", "move", "approvals", "--to", "licences", "--yes")
    select(new, "delete from people where id = 1")
    assert select(new, "select count(*) from fbs_approval_requests") == [(1,)]


@pytest.mark.old_postgres
@pytest.mark.parametrize(("here", "there"), [("pg15", "pg18"), ("pg18", "pg15")])
def test_between_servers_in_quoted_schemas_with_users_by_uuid(
    here: str, there: str, request: pytest.FixtureRequest
) -> None:
    with (
        databases_on(request.getfixturevalue(here)) as make_old,
        databases_on(request.getfixturevalue(there)) as make_new,
    ):
        old, new = make_old(), make_new()
        select(old, 'create schema "Old %s {fbs}"; create table public.people (id uuid primary key);'
                    "insert into people select gen_random_uuid() from generate_series(1, 5)")  # fmt: skip
        select(new, 'create schema "a ""new"" one"')
        say(
            default={"url": old, "schema": "Old %s {fbs}", "user_table": "public.people"},
            elsewhere={"url": new, "schema": 'a "new" one', "components": [], "user_key_type": "uuid"},
        )
        fine("migrate", "--all")
        select(
            old,
            """set search_path to "Old %s {fbs}", public;
            insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)
            select E'\\t\\n\\\\.\\r' || n, '', 'other', p.id, '{"a": [1, "\\u00e9"]}'
            from people as p, generate_series(1, 20) as n;
            insert into fbs_approval_responses (approval_request_id, responder_id, response)
            select r.id, r.requester_id, 'approve' from fbs_approval_requests as r""",
        )
        tables = [table["table"] for table in listed_tables() if table["component"] in ("approvals", "dms", "msme")]
        before = {table: rows_of(old, table, '"Old %s {fbs}"') for table in tables}
        assert sum(map(len, before.values())) >= 200
        for component in ("approvals", "dms", "msme"):
            fine("placement", "move", component, "--to", "elsewhere", "--yes")
        assert {table: rows_of(new, table, '"a ""new"" one"') for table in tables} == before
        assert len(rows_of(old, "fbs_approval_requests", "fbs_moved_approvals")) == 100
        fine("check", "--all")
        select(old, "delete from people")
        fine("rollback", "--all", "--yes")
        assert len(rows_of(old, "fbs_approval_requests", "fbs_moved_approvals")) == 100, "what is kept needs no FBS"


def test_the_file_is_changed_where_it_is(two: tuple[str, str]) -> None:
    Path("real").mkdir()
    text = Path("fbs-db.toml").read_text() + "# it stays"
    Path("real/file.toml").write_bytes(text.replace("\n", "\r\n").encode())
    Path("fbs-db.toml").unlink()
    Path("fbs-db.toml").symlink_to("real/file.toml")
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    written = Path("real/file.toml").read_bytes().decode()
    assert Path("fbs-db.toml").is_symlink()
    assert written == text.replace("\n", "\r\n").replace("[]", '["licensing"]')


def test_rows_that_are_there_already_stop_it(two: tuple[str, str]) -> None:
    old, new = two
    fbs_db.migrate(config.DatabaseConfig(url=new))
    select(new, "insert into fbs_license_manager_solution_license (solution_name) values ('mine')")
    printed = refused(
        "placement",
        "move",
        "licensing",
        "--to",
        "licences",
        "--yes",
        says="licences has other rows in these tables",
        code=1,
    )
    assert "fbs_license_manager_solution_license (1 row)" in printed
    assert len(rows_of(old, LICENCES[0])) == 1000
    fine("check")


def test_a_copy_that_is_not_equal_is_not_taken(two: tuple[str, str]) -> None:
    old, new = two
    fbs_db.migrate(new)
    select(
        new,
        "create function spoil() returns trigger language plpgsql as"
        " $$begin new.usage_count := 0; return new; end$$;"
        "create trigger spoil before insert on fbs_license_manager_feature_usage"
        " for each row when (new.usage_count = 250) execute function spoil()",
    )
    refused(
        "placement", "move", "licensing", "--to", "licences", "--yes",
        says="The copy of fbs_license_manager_feature_usage differs: 500 rows", code=1,
    )  # fmt: skip
    assert rows_of(new, LICENCES[0]) == []
    assert len(rows_of(old, LICENCES[0])) == 1000


def test_users_of_another_kind_stop_it(two: tuple[str, str]) -> None:
    say(default={"url": two[0]}, licences={"url": two[1], "components": [], "user_key_type": "uuid"})
    refused(
        "placement", "move", "licensing", "--to", "licences", "--yes", says="keys of type bigint in default", code=1
    )


def test_a_table_in_use_stops_it(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "TRIES", 1)
    with psycopg.connect(two[0]) as busy:
        busy.execute("update fbs_license_manager_feature_usage set usage_count = 1")
        with pytest.raises(LockTimeout):
            fbs_db.move("licensing", "licences")
    assert len(rows_of(two[0], LICENCES[0])) == 1000


#: Where a move is killed: what is wrapped, and whether it dies before or after that.
MOMENTS = {
    "copying": ("copying", "_copy", "after"),
    "guarded": ("copying", "_unwritten", "after"),
    "target committed": ("moving", "copy_guarded", "after"),
    "copied": ("moving", "_switch", "before"),
    "writing the file": ("os", "rename", "before"),
    "switched": ("moving", "tell_targets", "before"),
    "told": ("moving", "keep_tables", "before"),
    "taking away": ("kept", "_keeping", "after"),
}
KILLED = """
import contextlib, os, signal, sys
import fbs_db
from fbs_db.database import project
from fbs_db.places import copying, kept, move as moving
owner, name, when = sys.argv[1:]
owner = eval(owner)
real = getattr(owner, name)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def wrapped(*arguments, **named):
    if when == "before":
        die()
    answer = real(*arguments, **named)
    if not hasattr(answer, "__enter__"):
        die()

    @contextlib.contextmanager
    def block():
        with answer as value:
            yield value
        die()

    return block()

setattr(owner, name, wrapped)
fbs_db.move("licensing", "licences")
"""


def die_at(moment: str) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", KILLED, *MOMENTS[moment]], check=False, env=environment, timeout=180
    ).returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [pytest.param(moment, marks=[] if moment in ("copying", "switched") else pytest.mark.slow) for moment in MOMENTS],
)
def test_a_move_that_is_killed_is_finished_by_another(two: tuple[str, str], moment: str) -> None:
    old, new = two
    before = {table: rows_of(old, table) for table in LICENCES}
    assert die_at(moment) == -signal.SIGKILL
    live = "insert into fbs_license_manager_solution_license (solution_name) values ('live')"
    if moment == "copying":
        while select(old, "select from pg_stat_activity where application_name ~ 'placement' and state is not null"):
            time.sleep(0.05)
        select(old, live)  # nothing has begun
        before = {table: rows_of(old, table) for table in LICENCES}
    else:
        with pytest.raises(psycopg.DatabaseError, match="moves to database licences"):
            select(old, live)
    switched = fleet.named("licences").components == ("licensing",)
    assert switched is (moment in ("switched", "told", "taking away"))
    if switched:
        select(new, live)  # work has gone on there
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert {table: rows_of(old, table, "fbs_moved_licensing") for table in LICENCES} == before
    assert len(rows_of(new, LICENCES[0])) == len(before[LICENCES[0]]) + switched
    assert fleet.named("licences").components == ("licensing",)
    fine("check", "--all")
    assert not list(Path().glob("*.new")) or moment == "writing the file"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_move_that_is_killed_at_any_time(two: tuple[str, str], seed: int) -> None:
    old, new = two
    before = {table: rows_of(old, table) for table in LICENCES}
    mover = subprocess.Popen(
        [sys.executable, "-m", "fbs_db", "placement", "move", "licensing", "--to", "licences", "--yes"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    time.sleep(random.Random(seed).uniform(0.3, 1.2))
    mover.send_signal(signal.SIGKILL)
    mover.wait()
    again = run("placement", "move", "licensing", "--to", "licences", "--yes")
    assert again.exit_code == 0 or "lives in licences already" in again.stderr, again.output
    assert {table: rows_of(new, table) for table in LICENCES} == before
    assert {table: rows_of(old, table, "fbs_moved_licensing") for table in LICENCES} == before
    fine("check", "--all")


@pytest.mark.slow
def test_moving_again_wants_the_kept_tables_gone(two: tuple[str, str]) -> None:
    for name in ("licences", "default"):
        fine("placement", "move", "licensing", "--to", name, "--yes")
    with pytest.raises(MoveRefused, match="still keeps licensing from an earlier move"):
        fbs_db.move("licensing", "licences")
    with pytest.raises(UsageError, match="already"):
        fbs_db.move("licensing", "default")
