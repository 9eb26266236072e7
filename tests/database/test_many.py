"""Work on many databases: errors, and its end before it is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from fbs_db.database import connection
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import connect_to
from fbs_db.database.many import Many, on_many
from fbs_db.database.session import open_session
from fbs_db.errors import ConnectionFailed, ConnectionLost, TargetError
from tests.support.connections import Connect, url_of

SESSIONS = "count(*) from pg_stat_activity where application_name = 'fbs-db' and datname = current_database()"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def databases(one: psycopg.Connection, number: int) -> list[DatabaseConfig]:
    return [DatabaseConfig(str(name), url=url_of(one)) for name in range(number)]


def sleep(database: DatabaseConfig) -> None:
    with open_session(database, None) as session:
        session.select("select pg_sleep(60)")


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("fbs-db ")]


def test_each_database_has_one_outcome(empty: psycopg.Connection) -> None:
    def work(database: DatabaseConfig) -> str:
        if database.name == "3":
            raise TargetError("no")
        return database.name

    outcomes = list(on_many(databases(empty, 9), work, 3))
    assert sorted(done.database.name for done in outcomes) == list("012345678")
    assert [done.database.name for done in outcomes if done.error] == ["3"]
    assert all(done.answer == done.database.name for done in outcomes if not done.error)
    assert not threads()


def test_after_an_error_none_is_begun(empty: psycopg.Connection) -> None:
    def work(database: DatabaseConfig) -> None:
        if database.name == "2":
            raise TargetError("no")

    many = Many(databases(empty, 9), work, 1, until_error=True)
    assert [done.database.name for done in many.outcomes()] == ["0", "1", "2"]
    assert many.begun == 3


def test_an_unexpected_error_ends_the_work(empty: psycopg.Connection, second: Connect) -> None:
    def work(database: DatabaseConfig) -> None:
        if database.name == "2":
            raise ZeroDivisionError
        sleep(database)

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(on_many(databases(empty, 9), work, 3))
    assert time.monotonic() - started < 30
    assert not threads()
    watcher = second(empty)
    until(lambda: watcher.execute(f"select {SESSIONS}".encode()).fetchone() == (0,))


def test_what_runs_is_cancelled_and_what_was_done_is_known(empty: psycopg.Connection, second: Connect) -> None:
    def work(database: DatabaseConfig) -> str:
        if database.name != "0":
            sleep(database)
        return "done"

    many = Many(databases(empty, 9), work, 3)
    outcomes = many.outcomes()
    assert next(outcomes).answer == "done"
    asleep, watcher = f"select {SESSIONS} and wait_event = 'PgSleep'", second(empty)
    until(lambda: watcher.execute(asleep.encode()).fetchone() == (3,))
    started = time.monotonic()
    left = many.end()
    assert time.monotonic() - started < 30
    assert many.begun == 4
    assert [str(done.error) for done in left] == ["canceling statement due to user request"] * 3
    assert not threads()


def test_a_connection_that_is_cancelled_while_it_is_made_is_closed(
    empty: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PLAIN", "select pg_sleep(60), %s::boolean")
    many, watcher = Many(databases(empty, 2), sleep, 2), second(empty)

    def cancel_once_asleep() -> None:
        asleep = f"select {SESSIONS} and wait_event = 'PgSleep'"
        if watcher.execute(asleep.encode()).fetchone() == (2,):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(many.outcomes(cancel_once_asleep))
    left = many.end()
    assert [type(done.error) for done in left] == [ConnectionFailed] * 2
    until(lambda: watcher.execute(f"select {SESSIONS}".encode()).fetchone() == (0,))


def interrupt() -> None:
    raise KeyboardInterrupt


def test_cancelled_before_it_connects_work_does_not_begin(empty: psycopg.Connection) -> None:
    may_connect = threading.Event()

    def work(database: DatabaseConfig) -> None:
        may_connect.wait(60)
        sleep(database)

    many = Many(databases(empty, 2), work, 1)
    with pytest.raises(KeyboardInterrupt):
        list(many.outcomes(interrupt))
    threading.Timer(0.3, may_connect.set).start()
    (done,) = many.end()
    assert isinstance(done.error, ConnectionLost)
    assert many.begun == 1


def test_work_that_cleans_up_after_itself_may_connect_again(empty: psycopg.Connection) -> None:
    cleaned = threading.Event()

    def work(database: DatabaseConfig) -> None:
        try:
            sleep(database)
        finally:
            with closing(connect_to(url_of(empty), "fbs-db")) as another:
                another.execute("select pg_sleep(0.5)")
            cleaned.set()

    many = Many(databases(empty, 2), work, 1)
    with pytest.raises(KeyboardInterrupt):
        list(many.outcomes(interrupt))
    assert len(many.end()) == 1
    assert cleaned.is_set()
