"""Rows are lost, or get another name, only where that was said."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

import fbs_db
from fbs_db import files
from fbs_db.cli import main
from fbs_db.errors import RowsAtStake
from tests.support.connections import Connect, url_of

DASHBOARD = "insert into fbs_dashboards (name, description, dashboard_type) values ('a', 'b', 'msme')"


def on(connection: psycopg.Connection, *arguments: str) -> Result:
    connection.commit()
    return CliRunner().invoke(main, ["--database", url_of(connection), *arguments])


def in_terminal(connection: psycopg.Connection, answer: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command to which somebody answers."""
    connection.commit()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fbs_db", "--database", url_of(connection), *arguments]
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        command, stdin=theirs, capture_output=True, text=True, check=False, cwd=os.path.dirname(fbs_db.__path__[0])
    )
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout + done.stderr


# --- a rollback


def test_a_rollback_from_python_wants_to_be_told_that_rows_may_go(installed: psycopg.Connection) -> None:
    installed.execute(DASHBOARD)
    installed.execute(
        "insert into fbs_cache_entries (key, value, expires_at) values ('a', '1', now()), ('b', '1', now())"
    )
    installed.commit()
    with pytest.raises(RowsAtStake) as refused:
        fbs_db.rollback(url_of(installed), to="0004")
    assert refused.value.rows == {"fbs_cache_entries": 2, "fbs_dashboards": 1}
    assert refused.value.message == "This deletes 3 rows: fbs_cache_entries (2), fbs_dashboards (1)."
    assert "lose_rows=True" in refused.value.hint
    assert fbs_db.check(url_of(installed)).healthy
    assert installed.execute("select count(*) from fbs_dashboards").fetchone() == (1,)
    installed.commit()
    assert fbs_db.rollback(url_of(installed), to="0045").steps  # these go without rows
    assert fbs_db.rollback(url_of(installed), to="0004", lose_rows=True).current == "0004_workflow_models"


def test_within_a_callers_transaction_too(installed: psycopg.Connection) -> None:
    installed.execute(DASHBOARD)
    with pytest.raises(RowsAtStake, match="fbs_dashboards"):
        fbs_db.rollback(installed, everything=True)
    assert installed.execute("select count(*) from fbs_dashboards").fetchone() == (1,)
    assert fbs_db.rollback(installed, everything=True, lose_rows=True).current == ""


def test_a_row_that_comes_while_the_rollback_waits_for_its_locks_is_not_lost(
    installed: psycopg.Connection, second: Connect
) -> None:
    """It was not there when the rollback looked first, and is committed while that waits for the table."""
    writer = second(installed)
    writer.autocommit = False
    writer.execute(DASHBOARD)
    failed: list[Exception] = []

    def undo() -> None:
        try:
            fbs_db.rollback(url_of(installed), to="0004")
        except RowsAtStake as error:
            failed.append(error)

    thread = threading.Thread(target=undo)
    thread.start()
    waiting = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"
    watcher = second(installed)
    while watcher.execute(waiting).fetchone() == (0,):
        assert thread.is_alive()
    writer.commit()
    thread.join()
    assert len(failed) == 1
    assert "This deletes 1 row: fbs_dashboards (1)." in str(failed[0])
    assert fbs_db.check(url_of(installed)).healthy


@pytest.mark.slow
def test_the_command_asks_and_says_one_row(installed: psycopg.Connection) -> None:
    installed.execute(DASHBOARD)
    refused = on(installed, "rollback", "--all", "--json")
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"]["message"] == "This deletes 1 row: fbs_dashboards (1)."
    assert "--yes" in refused.stderr
    assert fbs_db.status(url_of(installed)).pending == ()
    code, said = in_terminal(installed, "n", "rollback", "--all")
    assert (code, "Nothing was changed" in said) == (1, True)
    assert fbs_db.status(url_of(installed)).pending == ()
    code, said = in_terminal(installed, "y", "rollback", "--all")
    assert (code, "Nothing of FBS is left." in said) == (0, True)
    assert len(fbs_db.status(url_of(installed)).pending) == len(files.load())


# --- another model name


@pytest.fixture
def attached(installed: psycopg.Connection) -> psycopg.Connection:
    """A host table at which two rows point."""
    installed.execute("create table tenants (id int primary key); insert into tenants values (1)")
    installed.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ('tenant', 1, 'a', 'b');"
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
        " values ('t', 'd', 'workflow', 1, '{\"model_name\": \"tenant\", \"record_id\": 1}')"
    )
    installed.commit()
    fbs_db.attach_host("tenants", "tenant", url_of(installed))
    return installed


def names(connection: psycopg.Connection) -> list[Any]:
    rows = connection.execute(
        "select model_name from fbs_custom_fields"
        " union all select request_data ->> 'model_name' from fbs_approval_requests"
        " union all select model_name from fbs_hosts"
    ).fetchall()
    connection.commit()
    return [name for (name,) in rows]


def test_attaching_under_another_model_name_asks_before_rows_are_renamed(attached: psycopg.Connection) -> None:
    refused = on(attached, "attach", "host", "tenants", "--model", "renter")
    assert refused.exit_code == 2
    assert "public.tenants is attached as tenant, and 2 rows have that model name." in refused.stderr
    assert "add --yes" in refused.stderr
    assert names(attached) == ["tenant"] * 3
    code, said = in_terminal(attached, "n", "attach", "host", "tenants", "--model", "renter")
    assert (code, "Nothing was changed" in said) == (1, True)
    assert names(attached) == ["tenant"] * 3
    code, _ = in_terminal(attached, "y", "attach", "host", "tenants", "--model", "renter")
    assert code == 0
    assert names(attached) == ["renter"] * 3
    assert on(attached, "attach", "host", "tenants", "--model", "lodger", "--yes").exit_code == 0
    assert names(attached) == ["lodger"] * 3


def test_attaching_asks_nothing_where_no_row_is_renamed(attached: psycopg.Connection) -> None:
    assert on(attached, "attach", "host", "tenants", "--model", "tenant").exit_code == 0
    attached.execute("delete from fbs_custom_fields; delete from fbs_approval_requests")
    assert on(attached, "attach", "host", "tenants", "--model", "renter").exit_code == 0
    assert names(attached) == ["renter"]


def test_python_renames_unless_told_not_to(attached: psycopg.Connection) -> None:
    with pytest.raises(RowsAtStake, match="2 rows"):
        fbs_db.attach_host("tenants", "renter", url_of(attached), rename_rows=False)
    assert names(attached) == ["tenant"] * 3
    fbs_db.attach_host("tenants", "renter", url_of(attached))
    assert names(attached) == ["renter"] * 3
