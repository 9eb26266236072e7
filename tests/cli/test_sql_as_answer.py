"""What prints SQL prints nothing else: psql runs the whole answer, whatever names there are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

import fbs_db
from fbs_db import files
from fbs_db.cli import main
from tests.support.connections import url_of
from tests.support.servers import Server

#: Where the comment with this name ends too early, a table goes.
EVIL = "evil\ndrop table fbs_kpis; --\rdrop table fbs_kpis; --"


def on(connection: psycopg.Connection, *arguments: str) -> Result:
    connection.commit()
    return CliRunner().invoke(main, ["--database", url_of(connection), *arguments])


def psql(pg18: Server, connection: psycopg.Connection, script: str, *options: str) -> str:
    """What psql says to a script, which it runs to the end."""
    command = [str(pg18.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, url_of(connection)]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def execute(connection: psycopg.Connection, statements: str) -> None:
    connection.execute(statements.encode())
    connection.commit()


@pytest.fixture
def unmanaged(installed: psycopg.Connection) -> psycopg.Connection:
    """FBS's tables without a history, and things of the host's on them."""
    execute(
        installed,
        f'drop table fbs_migrations, fbs_migration_log cascade; create index "{EVIL}" on fbs_kpis (name);'
        f'alter table fbs_kpis add column "{EVIL}" text;'
        "alter table fbs_charts rename constraint fbs_charts_pkey to pk",
    )
    return installed


def test_the_plan_of_an_adoption_is_a_script(unmanaged: psycopg.Connection, pg18: Server) -> None:
    plan = on(unmanaged, "-v", "adopt")
    assert plan.exit_code == 0
    assert "-- fbs_charts" in plan.stdout
    psql(pg18, unmanaged, plan.stdout, "-1")
    assert fbs_db.check(url_of(unmanaged)).healthy


def test_the_plan_of_an_adoption_that_is_stopped_does_nothing(unmanaged: psycopg.Connection, pg18: Server) -> None:
    execute(unmanaged, "alter table fbs_odoo_databases alter password type date using null")
    plan = on(unmanaged, "-v", "adopt")
    assert plan.exit_code == 1
    assert "-- error: " in plan.stdout
    assert psql(pg18, unmanaged, plan.stdout) == ""
    assert unmanaged.execute("select to_regclass('fbs_migrations') is null").fetchone() == (True,)


def test_what_an_adoption_did_is_a_script_too(unmanaged: psycopg.Connection, pg18: Server) -> None:
    done = on(unmanaged, "-v", "adopt", "--apply")
    assert "-- Adopted and healthy" in done.stdout
    assert "Adopted" not in "\n".join(line for line in done.stdout.splitlines() if not line.startswith("--"))


@pytest.mark.parametrize("command", [["migrate", "--dry-run"], ["rollback", "--dry-run", "--all"]])
def test_dry_runs_are_scripts(empty: psycopg.Connection, pg18: Server, command: list[str]) -> None:
    schema = EVIL
    execute(empty, f'create schema "{EVIL}"; create table "{EVIL}" (id int primary key)')
    if command[0] == "rollback":
        assert on(empty, "migrate", "--schema", schema).exit_code == 0
    plan = on(empty, *command, "--schema", schema)
    assert plan.exit_code == 0
    psql(pg18, empty, plan.stdout)
    pending = 0 if command[0] == "migrate" else len(files.load())
    assert len(fbs_db.status(url_of(empty), schema=schema).pending) == pending
    assert psql(pg18, empty, on(empty, *command, "--schema", schema).stdout) == ""


def test_the_dry_run_on_all_databases_names_them_in_comments(empty: psycopg.Connection, pg18: Server) -> None:
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{url_of(empty)}"\n')
    plan = CliRunner().invoke(main, ["migrate", "--all", "--dry-run"])
    assert plan.stdout.startswith("-- default:\n")
    psql(pg18, empty, plan.stdout)
    assert fbs_db.check(url_of(empty)).healthy


@pytest.mark.slow
def test_the_plan_of_a_repair_is_a_script(empty: psycopg.Connection, pg18: Server) -> None:
    execute(empty, 'create schema "a b"')
    assert on(empty, "migrate", "--schema", "a b").exit_code == 0
    assert on(empty, "repair", "--schema", "a b").stdout == "-- There is nothing to repair.\n"
    execute(
        empty,
        'set search_path = "a b"; drop trigger fbs_kpis_touch on fbs_kpis;'
        "drop index fbs_approval_requests_request_data_record_idx;"
        f'drop index fbs_charts_created_by_id_idx; alter table fbs_kpis add column "{EVIL}" int not null default 1;'
        "alter table fbs_odoo_databases alter password type date using null",
    )
    plan = on(empty, "repair", "--schema", "a b")
    assert plan.exit_code == 1
    psql(pg18, empty, plan.stdout)
    left = [one for one in fbs_db.check(url_of(empty), schema="a b").findings if one.severity != "note"]
    assert [(one.kind, one.object) for one in left] == [("column", "fbs_odoo_databases.password")]
    assert "-- Other findings" not in plan.stdout
    applied = on(empty, "repair", "--apply", "--schema", "a b").stdout
    assert all(line.startswith("--") for line in applied.splitlines())
