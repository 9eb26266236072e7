"""Attaching, cleaning up, adjusting and purging, as the command line and Python do it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.cleanup.queue import RetryReport
from fbs_db.cleanup.worker import run_cleanup
from fbs_db.errors import TargetError, UsageError
from fbs_db.schema import migrate as migrations
from tests.support import ROOT
from tests.support.catalog import catalog
from tests.support.commands import answer, on
from tests.support.connections import Connect, url_of


def value(connection: psycopg.Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


@pytest.fixture
def host(installed: psycopg.Connection) -> psycopg.Connection:
    """A database with FBS and a host: users and tenants, and FBS rows that point at them."""
    installed.autocommit = True
    installed.execute("create table people (id bigint primary key); insert into people values (1), (2)")
    installed.execute("create table tenants (id bigint primary key); insert into tenants select generate_series(1, 10)")
    installed.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(1, 10) as n"
    )
    installed.execute("insert into fbs_notifications (title, message, user_id) values ('a', 'b', 1), ('a', 'b', 9)")
    return installed


# --- users and hosts


def test_migrate_ties_users_and_tells_of_orphans(empty: psycopg.Connection) -> None:
    empty.execute("create table people (id uuid primary key)")
    empty.commit()
    result = on(empty, "migrate", "--user-table", "people")
    assert result.exit_code == 0
    assert "22 user columns are tied to people." in result.stdout
    assert value(empty, "select bool_and(validated) from fbs_user_columns")
    again = on(empty, "migrate", "--user-table", "people")
    assert again.stdout.startswith("Nothing to do")


def test_migrate_ties_users_later_too(host: psycopg.Connection) -> None:
    report = fbs_db.migrate(url_of(host), user_table="people")
    assert report.steps == ()
    assert [(c.table_name, c.column_name, c.orphans) for c in report.users if c.orphans] == [
        ("fbs_notifications", "user_id", 1)
    ]
    again = fbs_db.migrate(url_of(host), user_table="people").users  # as long as one is left
    assert [(c.table_name, c.validated) for c in again if c.orphans] == [("fbs_notifications", False)]
    host.execute("delete from fbs_notifications where user_id = 9")
    assert all(c.validated for c in fbs_db.migrate(url_of(host), user_table="people").users)
    assert fbs_db.migrate(url_of(host), user_table="people").users == ()


def test_the_plan_shows_what_ties_users_and_its_lock(host: psycopg.Connection, empty: psycopg.Connection) -> None:
    script = migrations.plan(url_of(host), user_table="people").sql
    assert script.count("fbs_link_users") == 1
    assert script.count("fbs_check_user_column") == 22
    empty.execute("create table people (id bigint primary key)")
    empty.commit()
    plan = migrations.plan(url_of(empty), user_table="people")
    locks = {(lock.migration_id, lock.table, lock.mode, lock.blocks) for lock in plan.locks}
    assert ("attach users", "people", "SHARE ROW EXCLUSIVE", "writes") in locks
    assert {name for name in catalog(empty) if name.startswith("relation")} == {"relation people"}


def test_orphans_are_told_and_repaired_only_when_asked(host: psycopg.Connection) -> None:
    told = on(host, "attach", "users", "people")
    assert told.exit_code == 1
    assert "fbs_notifications.user_id (1)" in told.stderr
    assert " attach users people --repair" in told.stderr
    assert value(host, "select count(*) from fbs_notifications") == 2
    repaired = on(host, "attach", "users", "people", "--repair")
    assert repaired.exit_code == 0
    assert "fbs_notifications.user_id: 1 row without a user repaired" in repaired.stdout
    assert value(host, "select count(*) from fbs_notifications") == 1
    rows = answer(on(host, "attach", "users", "people", "--json"))
    assert len(rows) == 22
    assert all(row["validated"] and row["orphans"] == 0 for row in rows)
    assert on(host, "detach", "users").stdout == "22 user columns untied.\n"
    assert on(host, "detach", "users").stdout == "Users were not attached.\n"


def test_users_of_another_table_are_refused(host: psycopg.Connection) -> None:
    fbs_db.attach_users("people", url_of(host), repair=True)
    host.execute("create table others (id bigint primary key)")
    result = on(host, "attach", "users", "others")
    assert result.exit_code == 2
    assert "users are attached to people, not to others" in result.stderr
    assert "CONTEXT" not in result.stderr


def test_a_host_table_is_attached_and_detached(host: psycopg.Connection) -> None:
    for _ in range(2):
        done = on(host, "attach", "host", "tenants", "--model", "tenant")
        assert done.stdout == "tenants is attached as tenant, by its key id.\n"
    assert [row.model_name for row in fbs_db.list_hosts(url_of(host))] == ["tenant"]
    host.execute("delete from tenants where id <= 3")
    assert value(host, "select count(*) from fbs_custom_fields") == 7
    assert on(host, "detach", "host", "tenants").stdout == "tenants is detached.\n"
    host.execute("delete from tenants where id <= 6")
    assert value(host, "select count(*) from fbs_custom_fields") == 7
    assert on(host, "detach", "host", "tenants").stdout == "tenants was not attached.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--model", "x"], "Unknown table nowhere."),
        (["tenants", "--model", ""], "needs the name of its model"),
        (["tenants", "--model", "x", "--key", "no"], "table tenants has no column no"),
        (["odd", "--model", "x"], "no primary key of one column"),
    ],
)
def test_tables_that_cannot_be_attached(host: psycopg.Connection, arguments: list[str], says: str) -> None:
    host.execute("create table odd (a int, b int, primary key (a, b))")
    before = catalog(host)
    result = on(host, "attach", "host", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert catalog(host) == before


def test_without_fbs_the_error_says_what_to_type(empty: psycopg.Connection) -> None:
    for command in (["settings"], ["purge"], ["cleanup", "status"], ["cleanup", "retry"], ["cleanup", "sweep"]):
        result = on(empty, *command)
        assert result.exit_code == 2
        assert " migrate\n" in result.stderr


# --- clean-up


def test_cleanup_status_retry_and_sweep(host: psycopg.Connection) -> None:
    fbs_db.attach_host("tenants", "tenant", url_of(host))
    assert "No clean-up waits." in on(host, "cleanup", "status").stdout
    host.execute("alter table fbs_custom_fields rename to away")
    host.execute("delete from tenants where id <= 3")
    status = on(host, "cleanup", "status").stdout
    assert "delete of 3 rows of tenant, rule custom_fields" in status
    assert 'relation "fbs_custom_fields" does not exist' in status
    failed = on(host, "cleanup", "retry")
    assert failed.exit_code == 1
    assert failed.stdout == "0 batches done: 0 rows; 1 failed, 1 waiting.\n"
    host.execute("alter table away rename to fbs_custom_fields")
    assert on(host, "cleanup", "retry").stdout == "1 batch done: 3 rows; 0 failed, 0 waiting.\n"
    assert value(host, "select count(*) from fbs_custom_fields") == 7
    host.execute("set fbs.cleanup = 'off'; delete from tenants where id <= 5")
    assert answer(on(host, "cleanup", "sweep", "--json")) == [
        {"model_name": "tenant", "solution": None, "target": None, "orphans": 2, "touched": 2, "error": None}
    ]
    assert value(host, "select count(*) from fbs_custom_fields") == 5
    host.execute("alter table tenants rename column id to number")
    unswept = on(host, "cleanup", "sweep")
    assert unswept.exit_code == 1
    assert unswept.stdout == "  tenant: table tenants has no column id. No row of the table was read.\n"


def test_retry_goes_by_batches_through_all(host: psycopg.Connection) -> None:
    fbs_db.attach_host("tenants", "tenant", url_of(host))
    fbs_db.change_setting("cleanup", "queue", url_of(host))
    for number in range(1, 8):
        host.execute("delete from tenants where id = %s", (number,))
    assert fbs_db.cleanup_status(url_of(host)).waiting[0].keys == 7
    assert fbs_db.retry_cleanup(url_of(host), batch=2) == RetryReport(7, 0, 0)
    assert value(host, "select count(*) from fbs_custom_fields") == 3


def test_the_worker_drains_until_it_is_told_to_stop(host: psycopg.Connection) -> None:
    fbs_db.attach_host("tenants", "tenant", url_of(host))
    fbs_db.change_setting("cleanup", "queue", url_of(host))
    worker = subprocess.Popen(
        [sys.executable, "-u", "-m", "fbs_db", "--database", url_of(host), "cleanup", "run", "--poll", "0.05"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert worker.stdout
    assert worker.stdout.readline() == "Waiting for clean-ups.\n"
    host.execute("delete from tenants where id <= 4")
    assert worker.stdout.readline() == "1 batch done: 4 rows; 0 failed, 0 waiting.\n"
    assert value(host, "select count(*) from fbs_custom_fields") == 6
    worker.send_signal(signal.SIGTERM)
    rest = worker.communicate(timeout=60)[0]
    assert rest == "Stopped; 1 batch done in all: 4 rows.\n"
    assert worker.returncode == 0


def test_the_worker_outlives_its_connection(host: psycopg.Connection) -> None:
    fbs_db.attach_host("tenants", "tenant", url_of(host))
    fbs_db.change_setting("cleanup", "queue", url_of(host))
    stop = threading.Event()
    worker = threading.Thread(target=run_cleanup, args=(url_of(host),), kwargs={"stop": stop, "poll": 0.05})
    worker.start()
    ended = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'fbs-db cleanup run'"
    )
    deadline = time.monotonic() + 60
    while not value(host, ended) and time.monotonic() < deadline:
        time.sleep(0.02)
    host.execute("delete from tenants where id <= 4")
    while value(host, "select count(*) from fbs_custom_fields") > 6 and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    worker.join(60)
    assert value(host, "select count(*) from fbs_custom_fields") == 6


# --- settings


def test_settings_are_shown_and_checked_when_set(host: psycopg.Connection) -> None:
    names = [row["name"] for row in answer(on(host, "settings", "--json"))]
    assert names == sorted(names)
    assert {"cleanup", "cleanup_threshold", "cleanup_lock_timeout", "keep_audit_trails"} <= set(names)
    assert "cleanup = on    (on, queue, off)" in on(host, "settings", "cleanup").stdout
    assert answer(on(host, "settings", "keep_audit_trails", "3650", "--json"))[0]["value"] == "3650"
    assert answer(on(host, "settings", "keep_audit_trails", "", "--json"))[0]["value"] is None
    for name, bad, says in (
        ("cleanup", "maybe", "setting cleanup takes on, queue, off, not 'maybe'"),
        ("cleanup_threshold", "0", "takes a whole number from 1 to 1000000, not '0'"),
        ("cleanup_threshold", "", "takes a whole number, not nothing"),
        ("nonsense", "1", "Unknown setting nonsense."),
    ):
        result = on(host, "settings", name, bad)
        assert result.exit_code == 2
        assert says in result.stderr
    assert on(host, "settings", "nonsense").exit_code == 2


# --- files


@pytest.fixture
def attachments(host: psycopg.Connection) -> psycopg.Connection:
    for number, file in enumerate(
        ["a.pdf", "deep/b.pdf", "shared.pdf", "shared.pdf", "../out.pdf", "deep", "gone.pdf"]
    ):
        host.execute(
            "insert into fbs_dms_file_attachment"
            " (id, file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id)"
            " values (%s, %s, 'n', 1, 't', 'c', 1, 'c')",
            (number, file),
        )
    return host


def test_files_of_deleted_attachments_are_removed_below_the_root_only(
    attachments: psycopg.Connection, tmp_path: Path
) -> None:
    root = tmp_path / "media"
    (root / "deep").mkdir(parents=True)
    outside = tmp_path / "out.pdf"
    kept = [root / "shared.pdf", root / "other.pdf", outside]
    for path in (root / "a.pdf", root / "deep" / "b.pdf", *kept):
        path.touch()
    attachments.execute("delete from fbs_dms_file_attachment where id <> 3")
    result = on(attachments, "files", "purge", "--root", str(root))
    assert result.exit_code == 1
    assert result.stdout == "2 files removed; 1 file gone already.\n"
    assert "leads out of" in result.stderr
    assert "is a directory" in result.stderr
    assert all(path.exists() for path in kept)
    assert not (root / "a.pdf").exists()
    assert not (root / "deep" / "b.pdf").exists()
    attachments.execute("delete from fbs_dms_file_attachment")
    assert on(attachments, "files", "purge", "--root", str(root)).stdout == "1 file removed.\n"
    assert not kept[0].exists()
    waiting = attachments.execute("select file, attempts, error from fbs_file_deletions order by file").fetchall()
    assert [(file, attempts) for file, attempts, _ in waiting] == [("../out.pdf", 1), ("deep", 1)]


def test_a_symbolic_link_leads_nowhere(attachments: psycopg.Connection, tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "media", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "b.pdf").touch()
    (root / "deep").symlink_to(elsewhere)
    (root / "a.pdf").symlink_to(elsewhere / "b.pdf")
    remove = fbs_db.remover(root)
    remove("a.pdf")
    assert not (root / "a.pdf").is_symlink()
    with pytest.raises(ValueError, match="leads out of"):
        remove("deep/b.pdf")
    assert (elsewhere / "b.pdf").exists()
    with pytest.raises(UsageError, match="no directory"):
        fbs_db.remover(tmp_path / "nowhere")


def test_files_go_only_after_the_deletion_is_committed(attachments: psycopg.Connection, second: Connect) -> None:
    removed: list[str] = []
    other = second(attachments)
    with other.transaction():
        other.execute("delete from fbs_dms_file_attachment where id = 0")
        assert fbs_db.purge_files(removed.append, url_of(attachments)).removed == ()
    assert fbs_db.purge_files(removed.append, url_of(attachments)).removed == ("a.pdf",)
    assert removed == ["a.pdf"]


def test_a_storage_that_fails_is_asked_again(attachments: psycopg.Connection) -> None:
    attachments.execute("delete from fbs_dms_file_attachment where id in (0, 1)")

    def fails(name: str) -> None:
        if name == "a.pdf":
            raise OSError("out of reach")

    report = fbs_db.purge_files(fails, url_of(attachments))
    assert report.removed == ("deep/b.pdf",)
    assert report.failed == (("a.pdf", "OSError: out of reach"),)
    attachments.execute("update fbs_file_deletions set next_attempt_at = now()")
    removed: list[str] = []
    assert fbs_db.purge_files(removed.append, url_of(attachments)).removed == ("a.pdf",)


# --- retention


def test_purge_counts_and_then_removes_by_batches(host: psycopg.Connection) -> None:
    host.execute(
        "insert into fbs_request_logs (method, path, status_code, response_time, ip_address, timestamp)"
        " select 'GET', '/', 200, 1, '::1', now() - n * interval '1 day' from generate_series(1, 200) as n"
    )
    host.execute(
        "insert into fbs_audit_trails (solution_name, record_type, record_id, action, user_id, timestamp)"
        " values ('s', 'sale', '1', 'create', '1', '1999-01-01')"
    )
    counted = {row["name"]: row for row in answer(on(host, "purge", "--dry-run", "--json"))}
    assert counted["request_logs"]["rows"] == 111
    assert counted["audit_trails"]["days"] is None
    assert value(host, "select count(*) from fbs_request_logs") == 200
    seen: list[tuple[str, int]] = []
    purged = fbs_db.purge(
        ["request_logs"], url_of(host), batch=50, progress=lambda name, rows: seen.append((name, rows))
    )
    assert [(row.name, row.rows) for row in purged] == [("request_logs", 111)]
    assert seen == [("request_logs", 50), ("request_logs", 100), ("request_logs", 111)]
    assert value(host, "select count(*) from fbs_request_logs") == 89
    assert "audit_trails: kept for ever" in on(host, "purge").stdout
    fbs_db.change_setting("keep_audit_trails", "3650", url_of(host))
    assert "audit_trails: 1 row from before" in on(host, "purge", "audit_trails").stdout
    assert on(host, "purge", "nonsense").exit_code == 2
    with pytest.raises(UsageError, match="1 to 2,147,483,647"):
        fbs_db.purge((), url_of(host), batch=0)


def test_another_schema_whatever_its_name(empty: psycopg.Connection) -> None:
    empty.autocommit = True
    empty.execute('create schema "50% ""off"""; create table tenants (id uuid primary key)')
    schema = '50% "off"'
    fbs_db.migrate(url_of(empty), schema=schema)
    fbs_db.attach_host("tenants", "tenant", url_of(empty), schema=schema)
    assert fbs_db.cleanup_status(url_of(empty), schema=schema).mode == "on"
    assert fbs_db.change_setting("cleanup", "off", url_of(empty), schema=schema).value == "off"
    assert fbs_db.purge((), url_of(empty), schema=schema, dry_run=True)
    assert fbs_db.purge_files(print, url_of(empty), schema=schema).removed == ()
    with pytest.raises(TargetError, match="not complete in schema public"):
        fbs_db.cleanup_status(url_of(empty))
