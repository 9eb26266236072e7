"""`fbs-db wait` ends when the database is ready, says why it is not, and never waits for what is wrong here."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.cli import wait
from fbs_db.cli.output import show_progress
from fbs_db.database import server
from fbs_db.reports import Progress
from tests.support.commands import answer, on, run
from tests.support.connections import url_of
from tests.support.servers import GUARDED, Server


@contextmanager
def later(do: Callable[[], object]) -> Iterator[None]:
    """A block in which something is done once its command has begun to wait."""
    begun = threading.Event()

    def told(progress: Progress) -> None:
        show_progress(progress)
        begun.set()

    def act() -> None:
        assert begun.wait(60)
        do()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wait, "show_progress", told)
        thread = threading.Thread(target=act)
        thread.start()
        yield
        thread.join()


def test_what_is_ready_is_not_waited_for(empty: psycopg.Connection) -> None:
    where = url_of(empty)
    found = answer(run("--database", where, "wait", "--timeout", "0", "--json"))
    assert list(found) == ["databases", "seconds"]
    assert found["databases"] == [answer(run("--database", where, "url", "--json"))["url"]]
    assert re.match(r"Ready after [0-9]\.", run("wait", env={"DATABASE_URL": where}).stdout)


def test_a_database_that_comes_later(pg18: Server) -> None:
    name = f"later_{os.getpid()}"
    with later(lambda: pg18.create(name)):
        result = run("--database", pg18.url(name), "wait", "--timeout", "30")
    pg18.drop(name)
    assert result.exit_code == 0
    assert f'database "{name}" does not exist' in result.stderr
    assert result.stderr.count("waiting: ") == 1
    assert result.stdout.startswith("Ready after ")


@pytest.mark.slow
def test_a_server_that_starts_later(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reachable)  # in a long path each start would make another directory for the socket
    url = server.start()
    try:
        server.stop()
        result = run("--database", url, "wait", "--timeout", "0")
        assert (result.exit_code, result.stderr.splitlines()[-1][:34]) == (2, "No server listens on that socket. ")
        assert not server.status().running
        with later(server.start):
            assert run("--database", url, "wait", "--timeout", "30").exit_code == 0
    finally:
        server.stop()


def test_a_role_that_comes_later_is_no_wrong_password(pg18: Server) -> None:
    admin = pg18.admin
    url = pg18.url(user=GUARDED).replace("@", ":right@", 1)
    try:
        with later(lambda: admin.execute(f"create role {GUARDED} login password 'right'")):
            result = run("--database", url, "wait", "--timeout", "30")
        assert result.exit_code == 0
        assert "password authentication failed" in result.stderr
        wrong = run("--database", url.replace("right", "wrong"), "wait", "--timeout", "1", "--json")
        assert wrong.exit_code == 2
        error = json.loads(wrong.stdout)["error"]
        assert error["message"].startswith("Not ready after 1 s. No connection to ")
        assert error["hint"] == "Check the password (PGPASSWORD, or a line in ~/.pgpass)."
        assert "wrong" not in wrong.output
    finally:
        admin.execute(f"drop role {GUARDED}")


def test_a_full_database(empty: psycopg.Connection, pg18: Server) -> None:
    name = empty.info.dbname
    pg18.admin.execute(f"alter database {name} connection limit 0")
    pg18.admin.execute("create role fbs_waiting login")
    url = url_of(empty, "fbs_waiting")
    try:
        assert "too many connections" in run("--database", url, "wait", "--timeout", "0").stderr
        with later(lambda: pg18.admin.execute(f"alter database {name} connection limit 9")):
            assert run("--database", url, "wait", "--timeout", "30").exit_code == 0
    finally:
        pg18.admin.execute("drop role fbs_waiting")


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app:geheim@127.0.0.1:{silent.getsockname()[1]}/app"
        result = run("--database", url, "wait", "--timeout", "1")
    assert result.exit_code == 2
    # A connection would give up after ten seconds, and say so.
    assert result.stderr.startswith("Error: Not ready after 1 s. No answer from postgresql://app@127.0.0.1:")
    assert result.stderr.endswith("Check the host, the port and the firewall.\n")
    assert "geheim" not in result.output


def test_of_several_hosts_one_is_enough(empty: psycopg.Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closed = silent.getsockname()[1]
    port, name = empty.info.port, empty.info.dbname
    url = f"postgresql://postgres@127.0.0.1:{closed},127.0.0.1:{port}/{name}"
    assert run("--database", url, "wait", "--timeout", "0").exit_code == 0
    without = "postgresql://app@no.such.invalid,127.0.0.1/app"
    assert "is not a number" not in run("--database", without, "wait", "--timeout", "0").stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is malformed"),
        ("postgresql://app@db.example:x/app", "is malformed"),
        ("service=none", 'definition of service "none" not found'),
        ("postgresql://127.0.0.1:1/app?sslmode=nonsense", "invalid sslmode value"),
        ("postgresql://127.0.0.1:1/app?connect_timeout=soon", "bad value for connect_timeout"),
    ],
)
def test_what_is_wrong_here_ends_it_at_once(url: str, said: str) -> None:
    result = run("--database", url, "wait")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Not ready" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PGSERVICEFILE", "/nowhere", 'service file "/nowhere" not found'),
        ("PGPORT", "99999", 'invalid port number: "99999"'),
        ("PGOPTIONS", "-c nonsense=1", 'unrecognized configuration parameter "nonsense"'),
        ("PGTZ", "nonsense", 'invalid value for parameter "TimeZone": "nonsense"'),
    ],
)
def test_so_does_what_is_wrong_in_the_environment(
    empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    url = {"PGSERVICEFILE": "service=a", "PGPORT": "host=127.0.0.1"}.get(variable, url_of(empty))
    result = run("--database", url, "wait", "--timeout", "5")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Not ready" not in result.stderr


def test_a_missing_certificate_ends_it_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as offering_tls:
        url = f"postgresql://app@127.0.0.1:{offering_tls.getsockname()[1]}/app?sslmode=verify-full&sslrootcert=none.pem"

        def offer() -> None:
            with offering_tls.accept()[0] as client:
                client.recv(8)
                client.send(b"S")

        thread = threading.Thread(target=offer)
        thread.start()
        result = run("--database", url, "wait", "--timeout", "9")
        thread.join()
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: No connection to ")
    assert 'root certificate file "none.pem" does not exist' in result.stderr


def test_no_server_is_created(tmp_path: Path) -> None:
    result = run("wait")
    assert result.exit_code == 2
    assert "there is no embedded server here" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_migrated(empty: psycopg.Connection) -> None:
    result = on(empty, "wait", "--migrated", "--timeout", "0")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {len(files.load())} migrations pending in postgresql://")
    assert f"\nType: fbs-db --database '{url_of(empty)}' migrate\n" in result.stderr
    fbs_db.migrate(url_of(empty), to="0050")
    assert "1 migration pending" in on(empty, "wait", "--migrated", "--timeout", "0").stderr
    with later(lambda: fbs_db.migrate(url_of(empty))):
        assert on(empty, "wait", "--migrated", "--timeout", "60").exit_code == 0


def test_a_monitor_sees_whether_it_is_migrated(installed: psycopg.Connection) -> None:
    installed.execute("create role fbs_waiting_app login")
    installed.commit()
    where = ("--database", url_of(installed, "fbs_waiting_app"), "wait", "--migrated", "--timeout")
    try:
        assert "permission denied for table fbs_migrations" in run(*where, "0").stderr
        with later(lambda: fbs_db.grant("fbs_waiting_app", "monitor", url_of(installed))):
            assert run(*where, "30").exit_code == 0
    finally:
        installed.execute("drop owned by fbs_waiting_app; drop role fbs_waiting_app")
        installed.commit()


def test_migrated_in_a_schema_that_comes_later(empty: psycopg.Connection) -> None:
    where = ("wait", "--migrated", "--schema", "fbs", "--timeout")
    assert "There is no schema fbs." in on(empty, *where, "0").stderr
    empty.execute("create schema fbs")
    empty.commit()
    fbs_db.migrate(url_of(empty), schema="fbs")
    assert on(empty, *where, "0").exit_code == 0
    assert on(empty, "wait", "--migrated", "--timeout", "0").exit_code == 2


def test_all_databases_of_the_project(pg18: Server, empty: psycopg.Connection) -> None:
    Path("fbs-db.toml").write_text(
        f"[databases.default]\nurl = '{url_of(empty)}'\n"
        f"[databases.each]\nurl = '{pg18.url('wait_{solution}_db')}'\ncomponents = ['dms']\nsolutions = '*'\n"
    )
    pg18.create("wait_acme_db")
    try:
        found = answer(run("wait", "--all", "--json"))["databases"]
        assert [one.partition("?")[0].rpartition("/")[2] for one in found] == [empty.info.dbname, "wait_acme_db"]
        fbs_db.migrate("default")
        result = run("wait", "--all", "--migrated", "--timeout", "0")
        assert result.exit_code == 2
        assert result.stderr.endswith("Type: fbs-db --database wait_acme_db migrate\n")
        assert "not both" in run("--database", "default", "wait", "--all").stderr
    finally:
        pg18.drop("wait_acme_db")


def test_all_waits_for_the_server_that_lists_the_solutions(pg18: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    Path("fbs-db.toml").write_text(
        f"[databases.default]\nurl = '{pg18.url()}'\n[databases.each]\ncomponents = ['dms']\nsolutions = '*'\n"
        f"url = 'postgresql://app@127.0.0.1:{port}/wait_{{solution}}_db'\n"
    )
    result = run("wait", "--all", "--timeout", "1")
    assert result.exit_code == 2
    assert "Not ready after 1 s. No connection to" in result.stderr


@pytest.mark.parametrize("timeout", ["-1", "x", "nan", "1.5"])
def test_bad_times(timeout: str) -> None:
    assert "Invalid value for '--timeout'" in run("wait", "--timeout", timeout).stderr


def test_ctrl_c() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/app"
        words = [sys.executable, "-m", "fbs_db", "--database", url, "wait", "--timeout", "0"]
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        with silent.accept()[0] as client:
            client.recv(1000)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == "Error: Interrupted. Work that was not committed is rolled back.\n"
