"""The worker's log, how it is stopped, and the progress of a sweep."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

import fbs_db
from fbs_db.cleanup.queue import RetryReport
from fbs_db.cleanup.worker import run_cleanup
from fbs_db.cli import main
from tests.support import ROOT
from tests.support.connections import Connect, url_of
from tests.support.signals import counts_once, signalled_again

BROKEN = (
    "create function refuse() returns trigger language plpgsql as $$begin raise 'kept for the auditors'; end$$;"
    "create trigger refuse before delete on fbs_custom_fields execute function refuse()"
)


@pytest.fixture
def host(installed: psycopg.Connection) -> psycopg.Connection:
    """A database whose clean-ups are left to a worker, with tenants and rows that point at them."""
    installed.autocommit = True
    installed.execute("create table tenants (id bigint primary key); insert into tenants select generate_series(1, 10)")
    installed.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(1, 10) as n"
    )
    fbs_db.attach_host("tenants", "tenant", url_of(installed))
    fbs_db.change_setting("cleanup", "queue", url_of(installed))
    return installed


@contextmanager
def working(
    connection: psycopg.Connection, *words: str, python: Sequence[str] = ("-m", "fbs_db")
) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own."""
    command = [sys.executable, *python, "--database", url_of(connection), "cleanup", "run", "--poll", "0.05"]
    worker = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    late = threading.Timer(120, worker.kill)  # so that nobody waits for a line that does not come
    late.start()
    try:
        yield worker
    finally:
        late.cancel()
        if worker.poll() is None:
            worker.kill()
            worker.communicate()


def ended(worker: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    worker.send_signal(number)
    return worker.communicate(timeout=60)


def line_of(worker: subprocess.Popen[str], *, err: bool = False) -> str:
    stream = worker.stderr if err else worker.stdout
    assert stream
    return stream.readline()


@contextmanager
def at_work(connection: psycopg.Connection, progress: Callable[[RetryReport], None]) -> Iterator[None]:
    """A block beside which a worker is, in a thread."""
    stop = threading.Event()
    options: dict[str, Any] = {"stop": stop, "poll": 0.05, "progress": progress}
    worker = threading.Thread(target=run_cleanup, args=(url_of(connection),), kwargs=options)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(60)


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- failures


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (BROKEN, "kept for the auditors"),
        ("alter table fbs_custom_fields rename to away", 'relation "fbs_custom_fields" does not exist'),
        ("alter table fbs_custom_fields rename field_name to title; " + BROKEN, "kept for the auditors"),
    ],
)
@pytest.mark.parametrize("mode", ["on", "queue"])
def test_each_failure_is_logged_with_model_rule_and_reason(
    host: psycopg.Connection, mode: str, damage: str, reason: str
) -> None:
    host.execute(damage.encode())
    host.execute("select set_config('fbs.cleanup', %s, false)", (mode,))
    host.execute("delete from tenants where id <= 3")
    with working(host) as worker:
        said = line_of(worker, err=True).replace("public.", "")
        assert said == f"Clean-up failed: delete of 3 rows of tenant, rule custom_fields: {reason}\n"
        printed, complained = ended(worker)
    assert "Traceback" not in complained
    assert printed.splitlines()[:2] == ["Waiting for clean-ups.", "0 batches done: 0 rows; 1 failed, 1 waiting."]


def test_a_failure_is_logged_where_python_works_the_queue(
    host: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    host.execute(BROKEN.encode())
    host.execute("delete from tenants where id <= 3")
    with caplog.at_level(logging.WARNING, "fbs_db"):
        assert fbs_db.retry_cleanup(url_of(host)) == RetryReport(0, 1, 1)
    (record,) = caplog.records
    fields = {
        name: vars(record)[name] for name in ("event", "model", "operation", "rule", "rows", "sqlstate", "reason")
    }
    assert fields == {
        "event": "failed",
        "model": "tenant",
        "operation": "delete",
        "rule": "custom_fields",
        "rows": 3,
        "sqlstate": "P0001",
        "reason": "kept for the auditors",
    }


def test_what_fails_does_not_hold_up_nor_hide_the_others(host: psycopg.Connection) -> None:
    host.execute(
        "create function refuse() returns trigger language plpgsql as"
        " $$begin if old.record_id = 2 then raise 'kept'; end if; return old; end$$;"
        "create trigger refuse before delete on fbs_custom_fields for each row execute function refuse()"
    )
    for number in range(1, 5):
        host.execute("delete from tenants where id = %s", (number,))
    found = host.execute("select * from fbs_work_queue()").fetchall()
    assert found == [
        ("tenant", None, "delete", None, 1, 1, None, None),
        ("tenant", None, "delete", "custom_fields", 1, 1, "P0001", "kept"),
        ("tenant", None, "delete", None, 1, 1, None, None),
        ("tenant", None, "delete", None, 1, 1, None, None),
    ]
    assert host.execute("select * from fbs_retry_cleanup()").fetchall() == [(0, 1, 1)]
    assert host.execute("select array_agg(record_id order by 1) from fbs_custom_fields").fetchone() == (
        [2, *range(5, 11)],
    )


# --- counts, outages


def test_counts_are_in_rows(host: psycopg.Connection) -> None:
    reports: list[RetryReport] = []
    with at_work(host, reports.append):
        host.execute("delete from tenants where id <= 4")
        eventually(lambda: reports)
    assert [(report.done, report.rows) for report in reports] == [(1, 4)]
    host.execute("insert into tenants select generate_series(11, 2600)")
    host.execute("delete from tenants where id > 4")
    assert CliRunner().invoke(main, ["--database", url_of(host), "cleanup", "retry"]).stdout == (
        "3 batches done: 2,596 rows; 0 failed, 0 waiting.\n"
    )


def test_after_an_outage_it_says_that_it_is_connected_again(host: psycopg.Connection, second: Connect) -> None:
    with working(host) as worker:
        assert line_of(worker) == "Waiting for clean-ups.\n"
        name = host.info.dbname
        host.execute("delete from tenants where id = 1")
        assert line_of(worker).startswith("1 batch done: 1 row;")
        with psycopg.connect(url_of(host), dbname="postgres", autocommit=True) as away:
            away.execute(f'alter database "{name}" allow_connections false'.encode())
            away.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fbs-db cleanup run'"
            )
            assert line_of(worker, err=True).startswith("The connection broke: ")
            assert "Trying again in" in line_of(worker, err=True)
            away.execute(f'alter database "{name}" allow_connections true'.encode())
        assert line_of(worker).startswith("Connected again to postgresql://postgres@/")
        host.execute("delete from tenants where id = 2")
        assert line_of(worker).startswith("1 batch done: 1 row;")
        printed, complained = ended(worker)
    assert printed == "Stopped; 2 batches done in all: 2 rows.\n"
    assert "Traceback" not in complained


# --- signals


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_the_batch_at_hand(host: psycopg.Connection, number: signal.Signals) -> None:
    with working(host) as worker:
        assert line_of(worker) == "Waiting for clean-ups.\n"
        assert ended(worker, number) == ("Stopped; 0 batches done in all: 0 rows.\n", "")
        assert worker.returncode == 0


def test_a_second_signal_ends_the_batch_at_hand(host: psycopg.Connection) -> None:
    host.execute(
        "create function slow() returns trigger language plpgsql as $$begin perform pg_sleep(60); return old; end$$;"
        "create trigger slow before delete on fbs_custom_fields for each row execute function slow()"
    )
    host.execute("delete from tenants where id = 1")
    running = "select 1 from pg_stat_activity where application_name = 'fbs-db cleanup run' and wait_event = 'PgSleep'"
    with working(host, "--log-format", "json") as worker:
        eventually(lambda: host.execute(running.encode()).fetchall())
        assert counts_once(worker, signal.SIGTERM)
        printed, complained = signalled_again(worker, signal.SIGTERM)
        assert worker.returncode == 143
    eventually(lambda: not host.execute(running.encode()).fetchall())
    assert [json.loads(line)["event"] for line in printed.splitlines()] == ["started"]
    assert json.loads(complained)["message"] == "Terminated by SIGTERM. Work that was not committed is rolled back."


def test_a_signal_that_comes_again_after_its_end_changes_no_exit_code(host: psycopg.Connection) -> None:
    code = (
        "import atexit, os, signal; from fbs_db.__main__ import run;"
        "atexit.register(os.kill, os.getpid(), signal.SIGTERM); run()"
    )
    with working(host, python=("-c", code)) as worker:
        assert line_of(worker) == "Waiting for clean-ups.\n"
        assert ended(worker) == ("Stopped; 0 batches done in all: 0 rows.\n", "")
        assert worker.returncode == 0


# --- as JSON


def test_as_json_each_line_of_its_log_is_an_object(host: psycopg.Connection) -> None:
    host.execute(BROKEN.encode())
    host.execute("delete from tenants where id <= 3")
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fbs-db cleanup run'"
    lines: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    with working(host, "--log-format", "json") as worker:
        warnings.append(json.loads(line_of(worker, err=True)))
        host.execute(cut.encode())
        while warnings[-1]["event"] != "trouble":
            warnings.append(json.loads(line_of(worker, err=True)))
        host.execute("drop trigger refuse on fbs_custom_fields")
        while not lines or not lines[-1].get("done"):
            lines.append(json.loads(line_of(worker)))
        printed, complained = ended(worker)
    lines += [json.loads(line) for line in printed.splitlines()]
    assert complained == ""
    failed, broken = warnings[0], warnings[-1]
    assert (failed["level"], failed["event"], failed["model"], failed["rule"]) == (
        "warning", "failed", "tenant", "custom_fields",
    )  # fmt: skip
    assert failed["reason"] == "kept for the auditors"
    assert (broken["level"], broken["error"]["type"]) == ("warning", "ConnectionLost")
    events = [line["event"] for line in lines]
    assert events[0] == "started"
    assert "connected" in events
    assert (lines[-2]["event"], lines[-2]["done"], lines[-2]["rows"]) == ("batch", 1, 3)
    assert (lines[-1]["event"], lines[-1]["done"], lines[-1]["rows"]) == ("stopped", 1, 3)
    assert all(line["level"] == "info" and line["time"].endswith("+00:00") for line in lines)


def test_as_json_what_ends_it_is_an_object_too(empty: psycopg.Connection) -> None:
    with working(empty, "--log-format", "json") as worker:
        _, complained = worker.communicate(timeout=60)
    assert worker.returncode == 2
    said = json.loads(complained)
    assert (said["level"], said["event"]) == ("error", "error")
    assert said["error"]["hint"].endswith(" migrate")


# --- sweep


def test_a_sweep_tells_how_far_it_is(host: psycopg.Connection) -> None:
    host.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(11, 2500) as n"
    )
    told: list[str] = []
    swept = fbs_db.sweep_orphans(url_of(host), progress=lambda progress: told.append(progress.text))
    assert [(row.orphans, row.touched, row.error) for row in swept] == [(2490, 2490, None)]
    assert [text.partition(" keys, ")[0] for text in told] == [
        "tenant: looking for rows whose host row is gone",
        "tenant: 1,000 of 2,500",
        "tenant: 2,000 of 2,500",
        "tenant: 2,500 of 2,500",
    ]
    assert told[-1].endswith(" keys, 2,490 gone, 2,490 rows cleaned up")


@pytest.mark.slow
def test_a_sweep_that_takes_long_shows_it(host: psycopg.Connection) -> None:
    host.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(11, 2500) as n"
    )
    host.execute(
        "create function slow() returns trigger language plpgsql as $$begin perform pg_sleep(0.8); return null; end$$;"
        "create trigger slow after delete on fbs_custom_fields execute function slow()"
    )
    result = CliRunner().invoke(main, ["--database", url_of(host), "cleanup", "sweep"])
    assert result.stdout == "  tenant: 2,490 gone, 2,490 rows cleaned up\n"
    assert re.search("  tenant: [12],000 of 2,500 keys, ", result.stderr)
    quiet = CliRunner().invoke(main, ["--database", url_of(host), "cleanup", "sweep", "--json"])
    assert quiet.stderr == ""


def test_a_sweep_keeps_what_it_has_done(host: psycopg.Connection) -> None:
    host.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(11, 2500) as n"
    )
    host.execute(
        "create function refuse() returns trigger language plpgsql as"
        " $$begin if old.record_id = 2400 then raise 'kept'; end if; return old; end$$;"
        "create trigger refuse before delete on fbs_custom_fields for each row execute function refuse()"
    )
    (swept,) = fbs_db.sweep_orphans(url_of(host))
    assert swept.error == "kept"
    assert 1490 <= swept.orphans == swept.touched <= 2000
    assert host.execute("select count(*) from fbs_custom_fields").fetchone() == (2500 - swept.touched,)
    host.execute("alter table fbs_custom_fields rename record_id to away")
    (swept,) = fbs_db.sweep_orphans(url_of(host))
    assert (swept.orphans, swept.touched) == (0, 0)
    assert swept.error == "column t.record_id does not exist"


def test_what_it_cannot_lock_is_logged_without_waiting_for_it(host: psycopg.Connection, second: Connect) -> None:
    host.execute("set fbs.cleanup = 'queue'; delete from tenants where id = 1")
    with second(host).transaction() as block:
        block.connection.execute("lock table fbs_custom_fields")
        options = "-c lock_timeout=300ms"
        started = time.monotonic()
        url = psycopg.conninfo.make_conninfo(url_of(host), options=options)
        assert fbs_db.retry_cleanup(url) == RetryReport(0, 1, 1)
        assert time.monotonic() - started < 20


# --- when it last ran


def last_run(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("select last_run_at, now() - last_run_at from fbs_worker_last_run").fetchall()


def test_a_worker_and_a_retry_note_that_they_ran(host: psycopg.Connection) -> None:
    assert last_run(host) == []
    with at_work(host, lambda report: None):
        eventually(lambda: last_run(host))
    first = last_run(host)[0][0]
    fbs_db.retry_cleanup(url_of(host))
    assert [at for at, _ in last_run(host)] == [first], "it is written once a minute at most"
    host.execute("update fbs_worker_last_run set last_run_at = now() - interval '1 hour'")
    fbs_db.retry_cleanup(url_of(host))
    ((_, age),) = last_run(host)
    assert age.total_seconds() < 60


@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_workers_none_waits_to_note_it(host: psycopg.Connection, second: Connect, is_first: bool) -> None:
    if not is_first:
        host.execute("insert into fbs_worker_last_run (last_run_at) values ('2000-01-01')")
    other, old = second(host), second(host)
    old.execute("begin isolation level repeatable read; select from fbs_settings")
    with host.transaction():
        host.execute("select fbs_note_run()")
        other.execute("set lock_timeout = '1s'; select fbs_note_run()")
    old.execute("select fbs_note_run(); commit")
    assert last_run(host)[0][1].total_seconds() < 60
