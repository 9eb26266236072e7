"""Users that the project names: tied, named in messages, and missed by a check where they are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import Session
from tests.support.commands import run
from tests.support.connections import url_of

Configure = Callable[[str], list[str]]


def make_users(connection: psycopg.Connection) -> None:
    connection.execute("create table people (id bigint primary key); insert into people values (1)")
    connection.commit()


def findings(url: str | None) -> list[tuple[str, str, str | None]]:
    report = fbs_db.check(url)
    return [(one.severity, one.problem, one.found) for one in report.findings if one.kind == "users"]


def argument(url: str) -> list[str]:
    return ["--database", url, "migrate", "--user-table", "people"]


def toml(url: str) -> list[str]:
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{url}"\nuser_table = "people"\n')
    return ["migrate"]


def pyproject(url: str) -> list[str]:
    Path("pyproject.toml").write_text(f'[tool.fbs-db.databases.default]\nurl = "{url}"\nuser_table = "people"\n')
    return ["migrate"]


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Configure:
    def configure(url: str) -> list[str]:
        monkeypatch.setenv("DATABASE_URL", url)
        Path("fbs-db.toml").write_text('[databases.default]\nuser_table = "people"\n')
        return ["migrate"]

    return configure


@pytest.mark.parametrize("how", ["argument", "toml", "pyproject", "env"])
def test_the_user_table_is_named_however_it_is_configured(empty: psycopg.Connection, how: str, env: Configure) -> None:
    make_users(empty)
    arguments = {"argument": argument, "toml": toml, "pyproject": pyproject, "env": env}[how](url_of(empty))
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "22 user columns are tied to people." in result.output
    assert "Nothing to do" in run(*arguments).output
    empty.execute("select fbs_detach_users()")
    empty.commit()
    assert json.loads(run(*arguments, "--json").stdout)["user_table"] == "people"


@pytest.mark.slow
def test_a_check_finds_users_that_are_configured_and_not_tied(empty: psycopg.Connection) -> None:
    make_users(empty)
    fbs_db.migrate(url_of(empty))
    assert [severity for severity, _, _ in findings(url_of(empty))] == ["note"]
    toml(url_of(empty))
    assert findings(None) == [("error", "not attached", "tied to no table")]
    assert run("check").exit_code == 1
    assert run("migrate").exit_code == 0
    assert findings(None) == []
    assert run("check").exit_code == 0
    empty.execute("create table other (id bigint primary key)")
    empty.commit()
    path = Path("fbs-db.toml")
    path.write_text(path.read_text().replace("people", "other"))
    assert findings(None) == [("error", "attached to another table", "tied to people")]
    path.write_text(path.read_text().replace("other", "nobody"))
    assert findings(None) == [("error", "no such user table", "Unknown table nobody.")]
    assert run("check").exit_code == 1


def test_migrate_that_leaves_orphans_ends_as_attach_users_does(empty: psycopg.Connection) -> None:
    make_users(empty)
    fbs_db.migrate(url_of(empty))
    empty.execute("insert into fbs_notifications (user_id, title, message) values (7, 't', 'm'), (1, 't', 'm')")
    empty.commit()
    toml(url_of(empty))
    first = run("migrate")
    assert "22 user columns are tied to people." in first.output
    attach = run("attach", "users", "people")
    again = run("migrate")
    for result in (first, attach, again):
        assert result.exit_code == 1
        assert "Rows whose user is gone: fbs_notifications.user_id (1)." in result.output
        assert "fbs-db attach users people --repair" in result.output
    as_json = run("migrate", "--json")
    assert as_json.exit_code == 1
    assert [row["orphans"] for row in json.loads(as_json.stdout)["users"] if not row["validated"]] == [1]
    assert run("attach", "users", "people", "--repair").exit_code == 0
    assert run("migrate").exit_code == 0


def test_a_dry_run_prints_the_script_even_where_it_cannot_be_tried(empty: psycopg.Connection) -> None:
    make_users(empty)
    arguments = ["--database", url_of(empty), "migrate", "--user-table", "people", "--dry-run", "--wait", "0"]
    with Session(empty, "public", DatabaseConfig()).lock():
        text, as_json = run(*arguments), run(*arguments, "--json")
    assert (text.exit_code, as_json.exit_code) == (2, 2)
    assert "Another migration of schema public is running" in text.stderr
    assert "create table fbs_kpis" in text.stdout
    assert "fbs_link_users" in text.stdout
    assert "22 user columns are tied to public.people" in text.stdout
    assert "--   fbs_kpis.created_by_id (on delete set null)" in text.stdout
    answer = json.loads(as_json.stdout)
    assert "create table fbs_kpis" in answer["sql"]
    assert len(answer["users"]) == 22
    assert answer["error"]["type"] == "LockTimeout"
    empty.rollback()


def test_a_dry_run_says_what_tying_users_takes_where_no_file_is_pending(installed: psycopg.Connection) -> None:
    make_users(installed)
    with psycopg.connect(url_of(installed)) as host:
        host.execute("update people set id = id")  # which nobody waits for
        result = run("--database", url_of(installed), "migrate", "--user-table", "people", "--dry-run")
    assert result.exit_code == 0
    assert "22 user columns are tied to public.people" in result.stdout
    assert 'select * from "public"."fbs_link_users"(\'public.people\');' in result.stdout
    for table in ("people", "fbs_kpis", "fbs_notifications"):
        assert f"--   attach users: SHARE ROW EXCLUSIVE on {table} (blocks writes)" in result.stdout
    assert "Nothing to do" not in result.stdout
    assert "Nothing to do" in run("--database", url_of(installed), "migrate", "--dry-run").stdout
