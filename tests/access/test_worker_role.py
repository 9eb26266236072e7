"""A role that may use the schema and call the worker's functions, and nothing else, does a worker's work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import conninfo, sql

import fbs_db
from fbs_db.cleanup.queue import RetryReport
from fbs_db.cli import main
from fbs_db.database.session import Session
from fbs_db.errors import TargetError
from tests.support import ROOT
from tests.support.connections import url_of
from tests.support.roles import role
from tests.support.servers import Server

WORKER = "fbs_w_worker"
INSTALLED = """
create table tenants (id bigint primary key);
create table rooms (id bigint primary key) partition by range (id);
insert into tenants select generate_series(1, 10);
insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
select 'tenant', n, 'f', 'v' from generate_series(1, 20) as n;
insert into fbs_request_logs (method, path, timestamp, status_code, response_time, ip_address)
select 'get', '/', now() - interval '100 days', 200, 1, '::1' from generate_series(1, 3)
"""


def granted(connection: psycopg.Connection) -> None:
    """Grant the worker's role what it needs, and take from it what everybody has."""
    connection.execute("revoke execute on all functions in schema public from public")
    connection.execute("select fbs_grant_role(%s, 'worker')", [WORKER])


def as_worker(url: str) -> str:
    return conninfo.make_conninfo(url, user=WORKER)


@pytest.fixture
def worker(installed_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A database with attached tables, what its owner sees of it, and a worker's role."""
    owner = installed_everywhere
    owner.autocommit = True
    with role(owner, WORKER):
        owner.execute(INSTALLED)
        fbs_db.attach_host("tenants", "tenant", url_of(owner))
        fbs_db.attach_host("rooms", "room", url_of(owner))
        fbs_db.change_setting("cleanup", "queue", url_of(owner))
        granted(owner)
        yield owner


def said(connection: psycopg.Connection, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["--database", as_worker(url_of(connection)), *words])
    assert result.exit_code == code, result.output
    return result.output


def fields(connection: psycopg.Connection) -> list[int]:
    return [key for (key,) in connection.execute("select record_id from fbs_custom_fields order by 1")]


# --- in one database


def test_it_retries_and_sweeps(worker: psycopg.Connection) -> None:
    worker.execute("delete from tenants where id <= 3")
    assert said(worker, "cleanup", "retry") == "1 batch done: 3 rows; 0 failed, 0 waiting.\n"
    assert fields(worker) == list(range(4, 21))
    swept = "  room: 0 gone, 0 rows cleaned up\n  tenant: 10 gone, 10 rows cleaned up\n"
    assert said(worker, "cleanup", "sweep").endswith(swept), "below what it tells on a slow machine"
    assert fields(worker) == list(range(4, 11))


def test_it_runs_as_a_worker_and_covers_new_partitions(worker: psycopg.Connection) -> None:
    worker.execute("create table rooms_low partition of rooms for values from (1) to (9)")
    triggers = "select count(*) from pg_trigger where tgrelid = 'rooms_low'::regclass and tgparentid = 0"
    command = [sys.executable, "-m", "fbs_db", "--database", as_worker(url_of(worker)), "cleanup", "run"]
    with subprocess.Popen(
        [*command, "--poll", "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        late = threading.Timer(120, process.kill)
        late.start()
        try:
            worker.execute("delete from tenants where id <= 3")
            eventually(lambda: len(fields(worker)) == 17 and worker.execute(triggers).fetchone() != (0,))
        finally:
            late.cancel()
            process.terminate()
        printed, complained = process.communicate(timeout=60)
    assert "Partition rooms_low is attached with its table." in printed
    assert complained == ""
    assert process.returncode == 0


def test_a_failure_is_told_with_its_rule(worker: psycopg.Connection, caplog: pytest.LogCaptureFixture) -> None:
    worker.execute(
        "create function refuse() returns trigger language plpgsql as $$begin raise 'kept for the auditors'; end$$;"
        "create trigger refuse before delete on fbs_custom_fields execute function refuse();"
        "delete from tenants where id = 1"
    )
    assert fbs_db.retry_cleanup(as_worker(url_of(worker))).failed == 1
    assert caplog.messages == ["Clean-up failed: delete of 1 row of tenant, rule custom_fields: kept for the auditors"]


def test_it_purges(worker: psycopg.Connection) -> None:
    counted = json.loads(said(worker, "purge", "--dry-run", "--json", "request_logs"))
    assert [(row["name"], row["rows"]) for row in counted] == [("request_logs", 3)]
    said(worker, "purge")
    assert worker.execute("select count(*) from fbs_request_logs").fetchone() == (0,)


def test_it_removes_files_and_gives_them_up(worker: psycopg.Connection, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content")
    (tmp_path / "b").mkdir()
    worker.execute("insert into fbs_file_deletions (file) values ('a'), ('b'), ('c'), ('d')")
    result = said(worker, "files", "purge", "--root", str(tmp_path), "--give-up", "d", code=1)
    assert not (tmp_path / "a").exists()
    assert "'b' is a directory" in result
    assert worker.execute("select file, attempts from fbs_file_deletions").fetchall() == [("b", 1)]


def test_isolated_rows_are_cleaned_up(worker: psycopg.Connection) -> None:
    """Row security that is switched on for others does not hide them from it."""
    worker.execute("alter table fbs_custom_fields enable row level security")
    worker.execute("delete from tenants where id <= 3")
    assert fbs_db.retry_cleanup(as_worker(url_of(worker))).done == 1
    assert fbs_db.sweep_orphans(as_worker(url_of(worker)))[1].touched == 10
    assert fields(worker) == list(range(4, 11))


# --- between two


@contextmanager
def two_databases(server: Server) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """The host's database and FBS's, as their owners see them; the project's file names the worker's role."""
    with ExitStack() as stack:
        urls = [stack.enter_context(server.database()) for _ in range(2)]
        host, fbs = (stack.enter_context(psycopg.connect(url, autocommit=True)) for url in urls)
        configured = '[databases.host]\nurl = "{}"\ncomponents = []\n[databases.fbs]\nurl = "{}"\n'
        Path("fbs-db.toml").write_text(configured.format(*urls))
        host.execute("create table tenants (id bigint primary key); insert into tenants select generate_series(1, 9)")
        fbs_db.migrate("fbs")
        fbs_db.attach_host("tenants", "tenant", "host")
        fbs.execute(
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
            " select 'tenant', n, 'f', 'v' from generate_series(1, 9) as n"
        )
        host.execute(f"create role {WORKER} login".encode())
        stack.callback(host.execute, f"drop owned by {WORKER} cascade; drop role {WORKER}".encode())
        stack.callback(fbs.execute, f"drop owned by {WORKER} cascade".encode())
        Path("fbs-db.toml").write_text(configured.format(*(url.replace("//postgres@", f"//{WORKER}@") for url in urls)))
        yield host, fbs


def test_it_carries_clean_ups_to_another_database(pg18: Server) -> None:
    with two_databases(pg18) as (host, fbs):
        granted(host)
        granted(fbs)
        host.execute("delete from tenants where id <= 2")
        host.execute("update tenants set id = 100 where id = 3")
        assert fbs_db.retry_cleanup() == RetryReport(2, 0, 0)
        assert fields(fbs) == [*range(4, 10), 100]
        assert fbs.execute("select count(*) from fbs_cleanup_received").fetchone() == (0,), "the tickets are forgotten"
        host.execute("set fbs.cleanup = 'off'; delete from tenants where id <= 5; reset fbs.cleanup")
        assert [(row.target, row.orphans, row.error) for row in fbs_db.sweep_orphans()] == [
            (None, 0, None),
            ("fbs", 2, None),
        ]
        host.execute("truncate tenants")
        assert fbs_db.retry_cleanup().waiting == 0
        assert fields(fbs) == []


def test_what_was_not_granted_in_the_other_database_is_told(pg18: Server, caplog: pytest.LogCaptureFixture) -> None:
    with two_databases(pg18) as (host, fbs):
        granted(host)
        host.execute("delete from tenants where id = 1")
        assert fbs_db.retry_cleanup("host").failed == 1
        assert host.execute("select error from fbs_cleanup_queue").fetchone() == (
            f"Role {WORKER} may not execute fbs_receive_cleanup in schema public."
            f" As FBS's owner, type: fbs-db --database fbs grant {WORKER} --as worker",
        )
        granted(fbs)
        assert fbs_db.retry_cleanup().done == 1


# --- without a grant

COMMANDS = {
    "fbs_waiting_cleanups": ("cleanup", "retry"),
    "fbs_cover_partitions": ("cleanup", "run"),
    "fbs_sweep_plan": ("cleanup", "sweep"),
    "fbs_expired": ("purge", "--dry-run"),
    "fbs_claim_files": ("files", "purge", "--root", "."),
    "fbs_give_up_cleanup": ("cleanup", "give-up", "1", "--yes"),
    "fbs_give_up_files": ("files", "purge", "--root", ".", "--give-up", "a"),
}


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("function", COMMANDS)
def test_the_command_that_grants_is_told(installed: psycopg.Connection, function: str, usage: bool) -> None:
    with role(installed, WORKER):
        if not usage:
            installed.execute("revoke usage on schema public from public")
            installed.commit()
        url = as_worker(url_of(installed))
        printed = said(installed, *COMMANDS[function], code=2)
        assert printed.removeprefix("Waiting for clean-ups.\n") == (
            f"Error: Role {WORKER} may not execute {function} in schema public.\n"
            f"As FBS's owner, type: fbs-db --database '{url}' grant {WORKER} --as worker\n"
        )


def test_the_role_that_was_set_is_named(installed: psycopg.Connection) -> None:
    with role(installed, WORKER):
        url = conninfo.make_conninfo(url_of(installed), options=f"-c role={WORKER}")
        with pytest.raises(TargetError, match=f"Role {WORKER} may not execute fbs_expired in schema public") as caught:
            fbs_db.purge(database=url)
        assert f" grant {WORKER} --as worker" in caught.value.hint


def test_what_another_function_lacks_is_not_taken_for_it(installed: psycopg.Connection) -> None:
    with role(installed, WORKER):
        url = as_worker(url_of(installed))
        with pytest.raises(TargetError, match="permission denied for function fbs_detach_host") as caught:
            fbs_db.detach_host("pg_class", url)
        assert "--as worker" not in caught.value.hint


# --- what it costs


def test_an_idle_worker_asks_twice(installed: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = Session.select

    def counted(session: Session, query: str | sql.Composed, *values: object) -> list[tuple[object, ...]]:
        asked.append(str(query))
        return real(session, query, *values)

    stop = threading.Event()
    monkeypatch.setattr(Session, "select", counted)
    worker = threading.Thread(target=fbs_db.run_cleanup, args=(url_of(installed),), kwargs={"stop": stop, "poll": 0.01})
    worker.start()
    try:
        eventually(lambda: len(asked) >= 10)
    finally:
        stop.set()
        worker.join()
    each_minute = ("fbs_cover_partitions", "fbs_note_run")
    rounds = [query for query in asked if not any(name in query for name in each_minute)]
    assert ["fbs_work_queue" in one for one in rounds[:8]] == [True, False] * 4


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
