"""Which database holds what: said, shown, checked, and changed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

import fbs_db
from fbs_db import config, files, moving
from fbs_db.cli import main
from fbs_db.errors import LockTimeout, MoveRefused, UsageError
from fbs_db.session import Session
from tests.catalog import listed_tables
from tests.servers import Server

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


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def fine(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str, says: str, code: int = 2) -> str:
    result = run(*words)
    assert result.exit_code == code, result.output
    assert says in result.stderr
    return result.stderr


@pytest.fixture
def databases(pg18: Server) -> Iterator[Callable[[], str]]:
    """Makes empty databases; gives their URLs."""
    names: list[str] = []
    with psycopg.connect(pg18.url(), autocommit=True) as connection:

        def make() -> str:
            names.append(f"fbs_place_{os.getpid()}_{next(_numbers)}")
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(names[-1])))
            return pg18.url(names[-1])

        yield make
        for name in names:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


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
    assert files.components() == COMPONENTS
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
    assert config.read().default.schema == "other"
    Path("fbs-db.toml").write_text("")
    assert config.read().default.schema is None, "the file of its own goes before"


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"a": {"components": ["msme"]}, "b": {"components": ["bi", "msme"]}}, "component msme is in two databases: a"),
        ({"a": {"components": ["mmse"]}}, "databases.a.components: there is no component 'mmse'"),
        ({"default": {"components": ["msme"]}}, "no database holds approvals, workflow, bi"),
        ({"a": {}, "b": {}}, "a and b both say nothing of components"),
        ({"a": {"components": "msme"}}, "databases.a.components is not a list of texts"),
        ({"a": {"env": "X"}}, "databases.a says url and env: one of them is enough"),
        ({"a": {"user_key_type": "money"}}, "databases.a.user_key_type"),
    ],
)
def test_what_makes_no_sense_is_told(tables: dict[str, dict[str, Any]], says: str) -> None:
    default = tables.pop("default", {})
    say(
        default=default | {"url": "postgresql://h/d"},
        **{name: table | {"url": "postgresql://h/d"} for name, table in tables.items()},
    ) if default else say(**{name: table | {"url": "postgresql://h/d"} for name, table in tables.items()})
    for command in (("placement",), ("migrate",), ("check", "--all")):
        refused(*command, says=says)


def test_a_database_that_does_not_say_where_it_is() -> None:
    Path("fbs-db.toml").write_text('[databases.a]\ncomponents = ["msme"]\n')
    refused("placement", says="databases.a does not say where it is")


def test_a_variable_that_is_not_set_and_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    say(default={"url": "postgresql://h/d"}, licences={"env": "LICENCES_URL", "components": ["licensing"]})
    printed = refused("--database", "licences", "url", says="is to be in LICENCES_URL, which is not set")
    assert "export LICENCES_URL=" in printed
    monkeypatch.setenv("LICENCES_URL", "postgresql://other/d")
    assert fine("--database", "licences", "url") == "postgresql://other/d\n"
    assert "or name a configured database: default, licences" in refused(
        "--database", "license", "url", says="malformed"
    )
    refused("placement", "move", "licensing", "--to", "elsewhere", says="There is no database 'elsewhere'")
    refused("placement", "move", "licences", "--to", "licences", says="There is no component 'licences'")
    refused("placement", "move", "licensing", "--to", "licences", says="lives in licences already")


def test_several_databases_of_which_none_is_the_default() -> None:
    say(a={"url": "postgresql://a/d"}, b={"url": "postgresql://b/d", "components": ["msme"]})
    assert "Say which: --database NAME" in refused("url", says="none of them is called default")
    assert fine("--database", "b", "url") == "postgresql://b/d\n"


# --- what is done on several


def test_each_component_alone_in_a_database(databases: Callable[[], str]) -> None:
    tables = {name: {"url": databases(), "components": [name]} for name in COMPONENTS}
    say(**tables, host={"url": databases(), "components": []})
    fine("migrate", "--all")
    status = json.loads(fine("status", "--all", "--json"))
    assert set(status) == {*COMPONENTS, "host"}
    assert all(not report["pending"] for report in status.values())
    printed = fine("check", "--all")
    assert printed.count("Healthy") == len(COMPONENTS) + 1, printed
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
    answer = json.loads(run("check", "--all", "--json").stdout)
    assert answer["default"]["healthy"]
    assert answer["licences"]["error"]["type"] == "ConnectionFailed"
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
def two(databases: Callable[[], str]) -> tuple[str, str]:
    """A database that holds all, with licences and documents in it; and one for licences."""
    old, new = databases(), databases()
    say(default={"url": old}, licences={"url": new, "components": []})
    fine("migrate")
    select(
        old,
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
    return old, new


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
    assert "licensing lives in licences now." in printed
    assert {table: rows_of(new, table) for table in LICENCES} == before
    assert {table: rows_of(old, table, "fbs_moved_licensing") for table in LICENCES} == before
    assert "# a comment that stays" in Path("fbs-db.toml").read_text()
    assert config.read().named("licences").components == ("licensing",)
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
    refused("placement", "drop", "licensing", "--from", "default", says="Nothing of licensing is kept here")
    # And back.
    fine("placement", "move", "licensing", "--to", "default", "--yes")
    assert len(rows_of(old, LICENCES[0])) == 1001
    fine("check", "--all")


def test_users_go_and_rules_rest_after_a_move(two: tuple[str, str]) -> None:
    old, _ = two
    fine("placement", "move", "approvals", "--to", "licences", "--yes")
    assert select(old, "select clean_sql is null from fbs_cleanup_rules where rule_name = 'approval_requests'") == [
        (True,)
    ]
    select(old, "delete from people")
    assert select(old, "select count(*) from fbs_cleanup_queue where error is not null") == [(0,)]
    assert len(rows_of(old, "fbs_approval_requests", "fbs_moved_approvals")) == 3
    fine("placement", "drop", "approvals", "--from", "default", "--yes")
    fine("placement", "move", "approvals", "--to", "default", "--yes")
    assert select(old, "select clean_sql is null from fbs_cleanup_rules where rule_name = 'approval_requests'") == [
        (False,)
    ]


def test_later_names_go_along(two: tuple[str, str]) -> None:
    old, new = two
    fine("names", "add")
    views = "select relname::text from pg_class where relkind = 'v' and relname ~ '^(dms|lic)_' order by 1"
    named = select(old, views)
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert select(new, views) == [(name,) for (name,) in named if name.startswith("lic_")]
    assert select(old, views) == [(name,) for (name,) in named if name.startswith("dms_")]
    assert select(new, "select count(*) from lic_solution_license") == [(1000,)]
    fine("check", "--all")
    # Where none were asked for, none come.
    fine("names", "drop")
    fine("placement", "move", "dms", "--to", "licences", "--yes")
    assert len(select(new, views)) == 3


def test_every_component_can_move(two: tuple[str, str]) -> None:
    for component in COMPONENTS:
        fine("placement", "move", component, "--to", "licences", "--yes")
    fine("check", "--all")
    assert config.read().named("default").components == ()


def test_writers_wait_and_lose_nothing(two: tuple[str, str]) -> None:
    old, new = two
    written: list[int] = []
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(old, autocommit=True) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    connection.execute(
                        "insert into fbs_license_manager_solution_license (solution_name) values (%s)",
                        [f"live {number}"],
                    )
                except psycopg.errors.UndefinedTable:
                    return
                written.append(number)

    writers = [threading.Thread(target=write)]
    for writer in writers:
        writer.start()
    time.sleep(0.2)
    fine("placement", "move", "licensing", "--to", "licences", "--yes")
    stop.set()
    for writer in writers:
        writer.join()
    there = select(new, "select count(*) from fbs_license_manager_solution_license where solution_name ~ '^live'")
    assert there == [(len(written),)]
    assert written


def test_rows_that_are_there_already_stop_it(two: tuple[str, str]) -> None:
    old, new = two
    fbs_db.migrate(config.DatabaseConfig(url=new))
    select(new, "insert into fbs_license_manager_solution_license (solution_name) values ('mine')")
    printed = refused(
        "placement", "move", "licensing", "--to", "licences", "--yes", says="holds rows that are not those", code=1
    )
    assert "fbs_license_manager_solution_license (1 rows)" in printed
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
        says="The copy of fbs_license_manager_feature_usage is not equal: 500 rows", code=1,
    )  # fmt: skip
    assert rows_of(new, LICENCES[0]) == []
    assert len(rows_of(old, LICENCES[0])) == 1000


def test_users_of_another_kind_stop_it(two: tuple[str, str]) -> None:
    say(default={"url": two[0]}, licences={"url": two[1], "components": [], "user_key_type": "uuid"})
    refused(
        "placement", "move", "licensing", "--to", "licences", "--yes", says="keys of type bigint in default", code=1
    )


def test_a_table_in_use_stops_it(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "_TRIES", 1)
    with psycopg.connect(two[0]) as busy:
        busy.execute("update fbs_license_manager_feature_usage set usage_count = 1")
        with pytest.raises(LockTimeout):
            fbs_db.move("licensing", "licences")
    assert len(rows_of(two[0], LICENCES[0])) == 1000


@pytest.mark.parametrize("seed", range(6))
def test_a_move_that_is_killed_is_finished_by_another(two: tuple[str, str], seed: int) -> None:
    old, new = two
    before = {table: rows_of(old, table) for table in LICENCES}
    mover = subprocess.Popen(
        [sys.executable, "-m", "fbs_db", "placement", "move", "licensing", "--to", "licences", "--yes"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(fbs_db.__file__).parent.parent)},
    )
    time.sleep(random.Random(seed).uniform(0.3, 1.2))
    mover.send_signal(signal.SIGKILL)
    mover.wait()
    if config.read().named("licences").components == ():
        deadline = time.monotonic() + 20
        while select(old, "select from pg_locks where locktype = 'advisory'") and time.monotonic() < deadline:
            time.sleep(0.1)
        fine("placement", "move", "licensing", "--to", "licences", "--yes")
    assert {table: rows_of(new, table) for table in LICENCES} == before
    assert {table: rows_of(old, table, "fbs_moved_licensing") for table in LICENCES} == before
    fine("check", "--all")


@pytest.mark.parametrize("moment", ["target committed", "source committed"])
def test_a_move_broken_off_between_its_commits(
    two: tuple[str, str], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    def die(*_: object) -> None:
        raise Killed

    real = Session.call

    def commit_and_die(at: Any, function: str, *arguments: object) -> Any:
        if function != "fbs_wake_rules" or arguments != () or at.connection.info.transaction_status.name == "IDLE":
            return real(at, function, *arguments)
        at.connection.execute("commit")
        raise Killed

    before = {table: rows_of(two[0], table) for table in LICENCES}
    with monkeypatch.context() as patch:
        if moment == "source committed":
            patch.setattr(moving, "_switch", die)
        else:
            patch.setattr(Session, "call", commit_and_die)
        with pytest.raises(Killed):
            fbs_db.move("licensing", "licences")
    assert len(rows_of(two[1], LICENCES[0])) == 1000
    assert bool(select(two[0], "select to_regclass(%s)", LICENCES[0])[0][0]) is (moment == "target committed")
    report = fbs_db.move("licensing", "licences")
    assert report.switched
    assert {table: rows_of(two[1], table) for table in LICENCES} == before
    fine("check", "--all")


def test_moving_again_wants_the_kept_tables_gone(two: tuple[str, str]) -> None:
    for name in ("licences", "default"):
        fine("placement", "move", "licensing", "--to", name, "--yes")
    with pytest.raises(MoveRefused, match="still keeps licensing from an earlier move"):
        fbs_db.move("licensing", "licences")
    with pytest.raises(UsageError, match="already"):
        fbs_db.move("licensing", "default")
