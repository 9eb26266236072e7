"""Whatever ends a migrate, and whenever: the next one completes without help."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from fbs_db import cli, files
from tests.support.catalog import catalog
from tests.support.connections import Connect, url_of
from tests.support.servers import Server, running, wait_for

#: What is random here is the same in every run.
SEED = 2029
#: Moments at which something is killed in one test, and how many tests there are of that.
MOMENTS, PARTS = 3, 8
#: Seconds after which nothing may be left of a dead migration, which without an end would stay for two minutes.
PATIENCE = 30.0

#: Holds the lock as a migration does, until it is ended.
HOLDER = """
import sys, time, psycopg
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import Session
connection = psycopg.connect(sys.argv[1], autocommit=True, application_name="stopped")
with Session(connection, "public", DatabaseConfig()).lock():
    print(connection.info.backend_pid, flush=True)
    time.sleep(120)
"""
#: Migrates with files of the test's.
FILES_OF = "import fbs_db, pathlib, sys; fbs_db.migrate(sys.argv[1], directory=pathlib.Path(sys.argv[2]))"


def python(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def migrating(url: str, *options: str) -> subprocess.Popen[str]:
    """A process that migrates."""
    return python("-m", "fbs_db", "--database", url, "migrate", *options)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and standard error of a process, once it has ended; without what a superuser is told."""
    _, errors = process.communicate(timeout=180)
    return process.returncode, re.sub(r"^FBS in schema public belongs to postgres, .*\n(?:  .*\n)*", "", errors)


def complete(url: str) -> None:
    """Migrate once more: it does, and soon."""
    started = time.monotonic()
    result = CliRunner().invoke(cli.main, ["--database", url, "migrate", "--wait", str(PATIENCE)])
    assert result.exit_code == 0, result.stderr
    assert time.monotonic() - started < PATIENCE


def clear(connection: psycopg.Connection) -> None:
    connection.execute("drop schema public cascade")
    connection.execute("create schema public")


def server_process(watcher: psycopg.Connection) -> int | None:
    """Number of the server process that a running migrate has, once it is connected."""
    row = watcher.execute(
        "select pid from pg_stat_activity"
        " where datname = current_database() and application_name like 'fbs-db migrate%'"
    ).fetchone()
    return row[0] if row else None


def connected(watcher: psycopg.Connection, process: subprocess.Popen[str]) -> int | None:
    """Wait until a migrate is connected: its server process, or None where it has ended before."""
    while process.poll() is None:
        if number := server_process(watcher):
            return number
        time.sleep(0.002)
    return None


def refused(process: subprocess.Popen[str], *said: str) -> None:
    """One message that says it, exit code 2, no traceback."""
    code, errors = ended(process)
    assert code == 2, errors
    assert errors.count("Error: ") == 1, errors
    assert "Unexpected" not in errors
    assert "Traceback" not in errors
    for text in said:
        assert re.search(text, errors), errors


def interrupted(process: subprocess.Popen[str]) -> bool:
    """Whether a process lost its connection, of which it then has to tell; else it has to be done."""
    process.wait(60)
    if process.returncode == 0:
        assert ended(process) == (0, "")
        return False
    refused(process, "The connection broke|No connection to")
    return True


@pytest.fixture
def watcher(empty: psycopg.Connection, second: Connect) -> psycopg.Connection:
    """A further connection to the empty database, in autocommit."""
    return second(empty)


@pytest.fixture
def clean(installed: psycopg.Connection) -> dict[str, str]:
    """What a migration that nothing disturbs leaves."""
    return catalog(installed)


@pytest.mark.parametrize("number", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_many_at_once_apply_each_file_once(
    empty: psycopg.Connection, watcher: psycopg.Connection, clean: dict[str, str], number: int
) -> None:
    processes = [migrating(url_of(empty)) for _ in range(number)]
    outcomes = [ended(process) for process in processes]
    assert [code for code, _ in outcomes] == [0] * number, outcomes
    once = [(file.id,) for file in files.load()]
    for table in ("fbs_migrations", "fbs_migration_log"):
        rows = watcher.execute(f"select migration_id from {table} order by migration_id".encode()).fetchall()
        assert rows == sorted(once), table
    assert catalog(watcher) == clean


in_parts = pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))]
)


def ended_at_moments(
    first: psycopg.Connection,
    watcher: psycopg.Connection,
    clean: dict[str, str],
    part: int,
    end: Callable[[subprocess.Popen[str], int], bool],
) -> None:
    """Migrations are ended all over their course, and each next one completes; ``end`` says whether it came in time."""
    process = migrating(url_of(first))
    assert connected(watcher, process)
    started = time.monotonic()
    assert ended(process)[0] == 0
    whole = time.monotonic() - started
    chance = random.Random(SEED + part)
    amid = 0
    for number in range(10 * MOMENTS):
        clear(watcher)
        delay = whole * (amid + chance.random()) / MOMENTS
        moment = f"seed {SEED + part}, end {number}, {delay:.4f} s after it connected"
        process = migrating(url_of(first))
        backend = connected(watcher, process)
        assert backend, process.communicate()
        time.sleep(delay)
        if end(process, backend):
            amid += 1
        else:
            whole = delay  # the machine is faster than it was
            assert catalog(watcher) == clean, f"{moment}, when it was done"
        complete(url_of(first))
        assert catalog(watcher) == clean, moment
        if amid == MOMENTS:
            return
    raise AssertionError(f"only {amid} were ended before they were done")


@in_parts
def test_a_killed_client_needs_no_help(
    empty: psycopg.Connection, watcher: psycopg.Connection, clean: dict[str, str], part: int
) -> None:
    def kill(process: subprocess.Popen[str], backend: int) -> bool:
        with process:
            process.kill()
        return process.returncode != 0

    ended_at_moments(empty, watcher, clean, part, kill)


@pytest.mark.slow
@in_parts
def test_a_lost_connection_is_one_message_and_needs_no_help(
    empty: psycopg.Connection, watcher: psycopg.Connection, clean: dict[str, str], part: int
) -> None:
    def terminate(process: subprocess.Popen[str], backend: int) -> bool:
        watcher.execute("select pg_terminate_backend(%s)", (backend,))
        return interrupted(process)

    ended_at_moments(empty, watcher, clean, part, terminate)


@pytest.mark.slow
def test_a_client_killed_in_a_long_statement_lets_go_of_the_lock(
    empty: psycopg.Connection, watcher: psycopg.Connection, clean: dict[str, str], sql_copy: Path
) -> None:
    (sql_copy / "9999_long.sql").write_text("-- component: base\nselect pg_sleep(120);\n")
    with python("-c", FILES_OF, url_of(empty), str(sql_copy)) as process:
        while not watcher.execute("select 1 from pg_stat_activity where wait_event = 'PgSleep'").fetchone():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    try:
        complete(url_of(empty))
    finally:  # where it does not end by itself, it would keep the database
        watcher.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
    assert catalog(watcher) == clean


@pytest.mark.slow
@pytest.mark.parametrize("end", ["continue", "kill", "as the hint says"])
def test_a_stopped_holder_is_named(
    empty: psycopg.Connection, watcher: psycopg.Connection, clean: dict[str, str], end: str
) -> None:
    before = catalog(watcher)
    with python("-c", HOLDER, url_of(empty)) as holder:
        assert holder.stdout
        backend = int(holder.stdout.readline())
        try:
            holder.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            refused(migrating(url_of(empty), "--wait", "1"), rf"process {backend} \(stopped as postgres")
            assert 1 < time.monotonic() - started < PATIENCE
            assert catalog(watcher) == before
            if end == "continue":
                holder.send_signal(signal.SIGTERM)
                holder.send_signal(signal.SIGCONT)
            elif end == "kill":
                holder.kill()
            else:
                watcher.execute("select pg_terminate_backend(%s)", (backend,))
            complete(url_of(empty))
        finally:
            holder.kill()
    assert catalog(watcher) == clean


@pytest.mark.slow
def test_a_crash_of_the_server_is_one_message_and_needs_no_help(pg18: Server, clean: dict[str, str]) -> None:
    # What is committed survives: the other servers of the tests do without that.
    with running(pg18.bin, 18, settings="synchronous_commit = on") as server:
        amid = 0
        for delay in (0, 0.01, 0.02):
            with psycopg.connect(server.url(), autocommit=True) as watcher:
                clear(watcher)
                process = migrating(server.url())
                backend = connected(watcher, process)
                assert backend
                time.sleep(delay)
                os.kill(backend, signal.SIGKILL)
            amid += interrupted(process)
            wait_for(server.url())
            complete(server.url())
            with psycopg.connect(server.url(), autocommit=True) as watcher:
                assert catalog(watcher) == clean
        assert amid, "some were interrupted"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of its own, which a test may fill."""
    disk = Path(tempfile.mkdtemp(prefix="fbs-db-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "fbs-db-test", str(disk)]
    try:
        if os.geteuid() != 0 or not shutil.which("mount"):
            pytest.skip("only root can mount the small disk that this test fills")
        mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"the small disk that this test fills cannot be mounted here: {mounted.stderr.strip()}")
        try:
            yield disk
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
    finally:
        disk.rmdir()


def fill(path: Path, *, leave: int) -> None:
    """Take all room of a disk but some bytes."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            file.truncate(file.tell() - leave)


@pytest.mark.slow
def test_a_full_disk_is_said_and_needs_no_help(pg18: Server, clean: dict[str, str]) -> None:
    with (
        small_disk(150) as disk,
        running(pg18.bin, 18, base=str(disk)) as server,
        psycopg.connect(server.url(), autocommit=True) as watcher,
    ):
        before = catalog(watcher)
        # The log has room, so what fails is a table's growth and not the whole server.
        watcher.execute("select pg_switch_wal()")
        watcher.execute("create table public.written (id int)")
        watcher.execute("drop table public.written")
        fill(disk / "filler", leave=300_000)
        refused(migrating(server.url()), "Check free disk space")
        assert catalog(watcher) == before
        (disk / "filler").unlink()
        complete(server.url())
        assert catalog(watcher) == clean
