"""A command that is interrupted, terminated or killed: its statement ends on the server, and what it says is so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

import fbs_db
from fbs_db.cli import main
from tests.support import ROOT
from tests.support.connections import Connect, url_of
from tests.support.signals import counts_once, signalled_again

OURS = (
    "select application_name, query from pg_stat_activity"
    " where pid <> pg_backend_pid() and (application_name like 'fbs-db%' or application_name = 'psql')"
    " and datname = current_database()"
)
RUNNING = f"{OURS} and state <> 'idle'"
#: For a lock, in a trigger, or as a repair does, which asks again and again who is in the way.
WAITING = f"{OURS} and (wait_event_type = 'Lock' or wait_event = 'PgSleep' or query ~ 'select\\s+l.virtualtransaction')"
SLOW = "create function slow() returns trigger language plpgsql as $$begin perform pg_sleep(60); return old; end$$"
REQUEST = (
    "insert into fbs_request_logs (method, path, status_code, response_time, ip_address, timestamp)"
    " values ('GET', '/', 200, 1, '::1', '2000-01-01')"
)
#: Each command, what it finds, and what somebody else holds in a transaction.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "cleanup sweep": ("cleanup sweep", "fbs_custom_fields", ""),
    "cleanup retry": ("cleanup retry", "fbs_custom_fields", ""),
    "purge": ("purge", "fbs_request_logs", ""),
    "check": ("check --data", "", "lock table fbs_custom_fields"),
    "repair": ("repair --apply", "", "lock table fbs_approval_responses in row exclusive mode"),
    "attach host": ("attach host people --model person", "", "lock table people"),
    "migrate": ("migrate --user-table people", "", "lock table people"),
    "rollback": ("rollback --all --yes", "", "lock table fbs_kpis"),
    "files purge": ("files purge --root .", "", "lock table fbs_file_deletions"),
    "psql": ("psql -c select(pg_sleep(60))", "", ""),
}


def started(url: str, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fbs_db", *(("--database", url) if url else ()), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A block after which a process has ended, come what may."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def running(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(RUNNING.encode()).fetchall()


def await_statement(connection: psycopg.Connection, process: subprocess.Popen[str]) -> None:
    """Wait until it waits."""
    deadline = time.monotonic() + 60
    while connection.execute(WAITING.encode()).fetchone() is None:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def await_end(connection: psycopg.Connection) -> None:
    """Nothing of ours runs soon after: what waits would do so for a minute."""
    deadline = time.monotonic() + 20
    while left := running(connection):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.fixture
def busy(installed: psycopg.Connection) -> psycopg.Connection:
    """A database in which each of the commands has something to do."""
    installed.autocommit = True
    installed.execute("create table people (id bigint primary key); create table tenants (id bigint primary key)")
    installed.execute("insert into people values (1), (2); insert into tenants values (1)")
    fbs_db.attach_host("tenants", "tenant", url_of(installed))
    fbs_db.change_setting("cleanup", "queue", url_of(installed))
    installed.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ('tenant', 1, 'f', 'v')"
    )
    installed.execute("delete from tenants")
    installed.execute(REQUEST.encode())
    installed.execute("drop index fbs_approval_responses_responder_id_idx")
    installed.execute(SLOW.encode())
    return installed


def prepared(connection: psycopg.Connection, slow_table: str) -> None:
    if slow_table:
        trigger = f"create trigger slow before delete on {slow_table} for each row execute function slow()"
        connection.execute(trigger.encode())


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(name, marks=[] if name in ("cleanup sweep", "check", "psql") else pytest.mark.slow)
        for name in COMMANDS
    ],
)
def test_a_terminated_command_ends_its_statement_and_says_so(
    busy: psycopg.Connection, second: Connect, command: str
) -> None:
    words, slow_table, held = COMMANDS[command]
    prepared(busy, slow_table)
    with second(busy).transaction() as block:
        if held:
            block.connection.execute(held.encode())
        process = started(url_of(busy), *words.split())
        with ended(process):
            await_statement(busy, process)
            process.send_signal(signal.SIGTERM)
            await_end(busy)
            printed, complained = process.communicate(timeout=60)
    if command == "psql":  # which is a process of its own by now
        return
    assert process.returncode == 143
    assert complained.splitlines()[-1] == "Error: Terminated by SIGTERM. Work that was not committed is rolled back."
    assert "Traceback" not in complained
    assert "Nothing was changed" not in printed


@pytest.mark.parametrize("command", ["cleanup sweep", pytest.param("repair", marks=pytest.mark.slow)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_so_it_is_with_other_signals(
    busy: psycopg.Connection,
    second: Connect,
    command: str,
    number: signal.Signals,
) -> None:
    words, slow_table, held = COMMANDS[command]
    prepared(busy, slow_table)
    with second(busy).transaction() as block:
        if held:
            block.connection.execute(held.encode())
        process = started(url_of(busy), *words.split(), "--json")
        with ended(process):
            await_statement(busy, process)
            process.send_signal(number)
            await_end(busy)
            printed, complained = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        return
    assert process.returncode == 128 + number
    how = "Interrupted" if number == signal.SIGINT else "Terminated by SIGHUP"
    assert json.loads(printed)["error"]["message"] == f"{how}. Work that was not committed is rolled back."
    assert json.loads(printed)["error"]["type"] == "Interrupted"
    assert "Traceback" not in complained


def test_an_interrupted_purge_says_what_it_removed(busy: psycopg.Connection) -> None:
    for path in ("/quick", "/quick", "/slow"):
        busy.execute(REQUEST.replace("'/'", f"'{path}'").encode())
    busy.execute("delete from fbs_request_logs where path = '/'")
    busy.execute(
        "create trigger slow before delete on fbs_request_logs for each row when (old.path = '/slow')"
        " execute function slow()"
    )
    process = started(url_of(busy), "purge", "--batch", "1")
    with ended(process):
        await_statement(busy, process)
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=60)
    assert process.returncode == 130
    # A slow machine tells its progress first.
    assert [line for line in complained.splitlines() if " so far, " not in line] == [
        "Removed: 2 rows of request_logs. The same command goes on with the rest.",
        "Error: Interrupted. Work that was not committed is rolled back.",
    ]


@pytest.mark.slow
def test_a_component_that_moves_is_moved_no_further(
    busy: psycopg.Connection,
    empty: psycopg.Connection,
    second: Connect,
    tmp_path: Path,
) -> None:
    (tmp_path / "fbs-db.toml").write_text(
        f'[databases.default]\nurl = "{url_of(busy)}"\n'
        f'[databases.other]\nurl = "{url_of(empty)}"\ncomponents = ["licensing"]\n'
    )
    empty.autocommit = True
    fbs_db.migrate("other")
    with second(busy).transaction() as block:
        block.connection.execute("lock table fbs_request_logs in row exclusive mode")
        process = started("", "placement", "move", "core", "--to", "other", "--yes", cwd=tmp_path)
        with ended(process):
            await_statement(busy, process)
            process.send_signal(signal.SIGTERM)
            await_end(busy)
            await_end(empty)
            _, complained = process.communicate(timeout=60)
    assert process.returncode == 143
    assert complained.splitlines()[-1] == "Error: Terminated by SIGTERM. Work that was not committed is rolled back."


def test_a_python_program_that_is_killed_leaves_no_statement(busy: psycopg.Connection) -> None:
    prepared(busy, "fbs_custom_fields")
    code = f"import fbs_db; fbs_db.sweep_orphans({url_of(busy)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    with ended(process):
        await_statement(busy, process)
        process.terminate()
        await_end(busy)


@pytest.mark.slow
@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_servers_of_readers_look_for_them(busy: psycopg.Connection, asynchronous: bool) -> None:
    if asynchronous:
        opened = "async with fbs_db.connect_async(url) as fbs: await fbs._owned.execute('select pg_sleep(60)')"
        code = f"import asyncio, fbs_db\nurl = {url_of(busy)!r}\nasync def main():\n  {opened}\nasyncio.run(main())"
    else:
        code = f"import fbs_db; fbs_db.connect({url_of(busy)!r})._owned.execute('select pg_sleep(60)')"
    process = subprocess.Popen([sys.executable, "-c", code], text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    with ended(process):
        await_statement(busy, process)
        process.kill()
        await_end(busy)


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_lent_connection_looks_for_its_client_meanwhile(busy: psycopg.Connection, autocommit: bool) -> None:
    seen: list[str] = []
    looking = "select current_setting('client_connection_check_interval')"

    def look(name: str, rows: int) -> None:
        seen.extend(value for (value,) in lent.execute(looking).fetchall())

    with psycopg.connect(url_of(busy), autocommit=autocommit) as lent:
        lent.execute("set client_connection_check_interval = '7s'")
        lent.commit()
        fbs_db.purge(["request_logs"], lent, progress=look)
        lent.commit()
        assert lent.execute(looking).fetchone() == ("7s",)
    assert seen == ["1s"]


def test_a_second_signal_ends_it_at_once_where_the_server_does_not_answer(busy: psycopg.Connection) -> None:
    prepared(busy, "fbs_custom_fields")
    process = started(url_of(busy), "cleanup", "sweep")
    with ended(process):
        await_statement(busy, process)
        found = busy.execute("select pid from pg_stat_activity where wait_event = 'PgSleep'").fetchone()
        assert found
        os.kill(found[0], signal.SIGSTOP)
        try:
            assert counts_once(process, signal.SIGINT)
            _, complained = signalled_again(process, signal.SIGINT)
        finally:
            os.kill(found[0], signal.SIGCONT)
        assert (process.returncode, complained) == (130, "")
        await_end(busy)


def test_an_ignored_hangup_stays_ignored(busy: psycopg.Connection) -> None:
    prepared(busy, "fbs_custom_fields")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        process = started(url_of(busy), "cleanup", "sweep")
    finally:
        signal.signal(signal.SIGHUP, before)
    with ended(process):
        await_statement(busy, process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 143
        await_end(busy)


def test_ctrl_c_while_it_is_loaded_is_no_traceback() -> None:
    code = (
        "import signal, sys, fbs_db.__main__\n"
        "class Loading:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'fbs_db.cli': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Loading())\n"
        "fbs_db.__main__.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_ctrl_c_in_a_host_s_own_command_is_told_the_same(
    busy: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fbs_db.cleanup_status", interrupt)
    words = ["--database", url_of(busy), "cleanup", "status", "--json"]
    for standalone in (True, False):
        result = CliRunner().invoke(main, words, standalone_mode=standalone)
        assert result.exit_code == 130
        assert json.loads(result.stdout)["error"]["message"].startswith("Interrupted.")
        assert result.stderr == "Error: Interrupted. Work that was not committed is rolled back.\n"


def test_a_server_takes_the_setting_or_is_not_asked(busy: psycopg.Connection) -> None:
    """As on Windows, where the server says so in its version and refuses the setting."""
    from fbs_db.database.connection import PLAIN

    asked = PLAIN.replace("pg_catalog.version()", "'PostgreSQL 18.1 on x86_64-windows, compiled by msvc-19.44, 64-bit'")
    busy.execute(asked.encode(), (False,))
    assert busy.execute("show client_connection_check_interval").fetchone() == ("0",)
    busy.execute(PLAIN.encode(), (False,))
    assert busy.execute("show client_connection_check_interval").fetchone() == ("1s",)
