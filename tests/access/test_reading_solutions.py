"""Reads with ``solution=``: of one solution only, on each kind of source, and nothing of it stays."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import pq

import fbs_db
from fbs_db.errors import FbsDbError, LockTimeout, UnreadableValue, UsageError
from fbs_db.reads import Page
from tests.support import ROOT
from tests.support.catalog import is_user_key
from tests.support.clones import CloneOf
from tests.support.connections import url_of
from tests.support.every_read import read_on, reads, sample, timeless
from tests.support.sample_rows import BY_NAME, add
from tests.support.versions import NEWEST, django_or_skip

#: A login that is shared by its solutions, and one of a single solution.
SHARED, OWN = "fbs_d_shared", "fbs_d_own"
SOLUTIONS = ("acme", "bravo")
#: Rows of each solution.
EACH = 3
ROLES = f"""
do $$
declare
    it record;
begin
    for it in select unnest(array['{SHARED}', '{OWN}']) as name loop
        if not exists (select from pg_roles where rolname = it.name) then
            execute format('create role %I login', it.name);
        end if;
    end loop;
end;
$$;
select fbs_grant_role('{SHARED}', 'app', is_shared => true), fbs_grant_role('{OWN}', 'app', '{{acme}}');
select fbs_isolate(true);
"""
NOW = "select coalesce(current_setting('fbs.solution', true), '')"


def fill(url: str) -> None:
    """Each table has as many rows of the one solution as of the other."""
    fbs_db.migrate(url)
    with psycopg.connect(url) as connection:
        of_solutions: dict[str, str] = dict(
            connection.execute("select table_name, coalesce(solution_column, '') from fbs_solution_tables").fetchall()
        )
        for number in range(EACH * len(SOLUTIONS)):
            for table, listed in BY_NAME.items():
                columns = [one["name"] for one in listed["columns"] if "references" in one and not is_user_key(one)]
                values: dict[str, Any] = {
                    one["name"]: number + 1
                    for one in listed["columns"]
                    if one["name"] in columns and not one.get("null") and "default" not in one
                }
                if column := of_solutions.get(table):
                    values[column] = SOLUTIONS[number % 2]
                    if any([column] == names for names in listed["unique_together"]) or _is_unique(listed, column):
                        values[column] += "" if number < 2 else f" {number}"
                add(connection, table, **values)
        connection.commit()  # which checks the foreign keys
        connection.execute(ROLES.encode())


def _is_unique(listed: dict[str, Any], column: str) -> bool:
    return any(one.get("unique") for one in listed["columns"] if one["name"] == column)


@pytest.fixture
def filled(clone_of: CloneOf) -> Iterator[str]:
    """The URL of a database with two solutions, for the shared login."""
    for connection in clone_of("two_solutions", 18, fill):
        yield url_of(connection, SHARED)


@pytest.fixture
def filled_everywhere(major: int, clone_of: CloneOf) -> Iterator[str]:
    """The same on each supported server."""
    for connection in clone_of("two_solutions", major, fill):
        yield url_of(connection, SHARED)


def plain(answer: Any) -> Any:
    """An answer, all of it."""
    return timeless(answer if isinstance(answer, tuple | Page) or not hasattr(answer, "__iter__") else list(answer))


def answers(fbs: Any) -> list[Any]:
    return [plain(read_on(fbs, group, name)(**sample(group, name))) for group, name in reads()]


@contextmanager
def set_in(url: str, name: str) -> Iterator[psycopg.Connection]:
    """A connection that sees a solution all the time, as no application should have."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select set_config('fbs.solution', %s, false)", (name,))
        yield connection


def now(connection: psycopg.Connection) -> str:
    return str(connection.cursor().execute(NOW).fetchone()[0])  # type: ignore[index]


@pytest.mark.parametrize("name", ["acme", pytest.param("bravo", marks=pytest.mark.slow)])
def test_every_read_sees_its_solution(filled_everywhere: str, name: str) -> None:
    url = filled_everywhere
    with set_in(url, name) as connection, fbs_db.connect(connection) as fbs:
        expected = answers(fbs)
    with fbs_db.connect(url) as fbs:
        nothing = answers(fbs)
    assert sum(one != other for one, other in zip(expected, nothing, strict=True)) > 50, "the rest has no solution"
    with fbs_db.connect(url, solution=name) as fbs:
        assert answers(fbs) == expected
    with psycopg.connect(url) as connection, fbs_db.connect(connection, solution=name) as fbs:
        assert answers(fbs) == expected
        assert now(connection) == ""
    with psycopg.connect(url, autocommit=True) as connection, fbs_db.connect(connection, solution=name) as fbs:
        assert answers(fbs) == expected
        assert answers(fbs) == expected, "prepared by now"
        assert now(connection) == ""
    texts = psycopg.connect(url, cursor_factory=psycopg.ClientCursor)
    with texts, fbs_db.connect(texts, solution=name) as fbs:
        assert answers(fbs) == expected

    async def wait() -> list[Any]:
        found = []
        async with fbs_db.connect_async(url, solution=name) as fbs:
            for group, one in reads():
                called = read_on(fbs, group, one)(**sample(group, one))
                found.append(plain([row async for row in called] if one.endswith(".stream") else await called))
        return found

    assert asyncio.run(wait()) == expected


def test_pages_go_on_in_their_solution(filled: str) -> None:
    with fbs_db.connect(filled, solution="acme") as fbs:
        seen = 0
        for group, name in reads():
            if name.endswith(".stream"):
                asked = sample(group, name)
                rows = list(read_on(fbs, group, name)(**asked))
                read, found, after = read_on(fbs, group, name.removesuffix(".stream")), [], None
                while True:
                    page = read(**asked, limit=1, after=after)
                    found += page
                    if (after := page.next) is None:
                        break
                assert timeless(found) == timeless(rows), f"{group}.{name}"
                seen += len(rows) > 1
        assert seen > 10


def test_a_login_of_one_solution_sees_that_one_whatever_is_asked(filled: str) -> None:
    with fbs_db.connect(filled.replace(SHARED, OWN), solution="bravo") as fbs:
        assert {row.solution_name for row in fbs.notifications.inbox()} == {"acme"}


def test_a_lent_connection_has_its_own_solution_afterwards(filled: str) -> None:
    with psycopg.connect(filled) as connection, fbs_db.connect(connection, solution="acme") as fbs:
        for before in ("", "bravo"):
            connection.execute("select set_config('fbs.solution', %s, true)", (before,))
            assert {row.solution_name for row in fbs.notifications.inbox()} == {"acme"}
            assert now(connection) == before
            stream = fbs.notifications.inbox.stream()
            assert next(stream).solution_name == "acme"
            assert now(connection) == before, "what the caller asks meanwhile is the caller's"
            assert {row.solution_name for row in stream} == {"acme"}
            stream = fbs.notifications.inbox.stream()
            next(stream)
            del stream  # which ends it
            assert now(connection) == before
        connection.rollback()
        assert now(connection) == ""


def test_after_an_error_everything_is_as_before(filled: str) -> None:
    with psycopg.connect(filled.replace(SHARED, "postgres"), autocommit=True) as owner:
        owner.execute("update fbs_notifications set created_at = 'infinity' where solution_name = 'acme'")
    for autocommit in (True, False):
        connection = psycopg.connect(filled, autocommit=autocommit)
        with connection, fbs_db.connect(connection, solution="acme") as fbs:
            if not autocommit:
                connection.execute("select set_config('fbs.solution', 'bravo', true)")
            before = now(connection)
            with pytest.raises(UnreadableValue):  # which Python says, not the server
                fbs.notifications.inbox()
            assert now(connection) == before
            with pytest.raises(UnreadableValue):
                list(fbs.notifications.inbox.stream())
            assert now(connection) == before
            with pytest.raises(UsageError), connection.transaction():
                fbs.approvals.requests(id="seven")  # type: ignore[arg-type]
            assert now(connection) == before
            assert len(fbs.approvals.requests()) == EACH
            with psycopg.connect(filled.replace(SHARED, "postgres")) as owner:
                owner.execute("lock table fbs_dashboards in access exclusive mode")
                connection.execute("select set_config('lock_timeout', '10ms', false)")
                with pytest.raises(LockTimeout), connection.transaction():
                    fbs.bi.dashboards()
            assert now(connection) == before
            assert len(fbs.approvals.requests()) == EACH


def test_a_slip_is_told_by_the_solutions_rows(filled: str) -> None:
    """Whether a status exists is a question too."""
    with psycopg.connect(filled.replace(SHARED, "postgres"), autocommit=True) as owner:
        owner.execute("update fbs_approval_requests set status = 'odd' where solution_name = 'bravo'")
    with fbs_db.connect(filled, solution="bravo") as fbs:
        assert len(fbs.approvals.requests(status="odd")) == EACH
    with fbs_db.connect(filled, solution="acme") as fbs, pytest.raises(UsageError, match="Unknown status 'odd'"):
        fbs.approvals.requests(status="odd")


def test_prepared_statements_are_of_no_solution(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True, prepare_threshold=0) as connection:
        readers = [fbs_db.connect(connection, solution=name) for name in SOLUTIONS]
        nobodys = fbs_db.connect(connection)
        for _ in range(10):
            for name, reader in zip(SOLUTIONS, readers, strict=True):
                assert {row.solution_name for row in reader.notifications.inbox()} == {name}
                assert list(nobodys.notifications.inbox()) == []


def test_tasks_that_share_a_connection_do_not_meet(filled: str) -> None:
    async def read(reader: Any) -> set[str]:
        found = set()
        for _ in range(20):
            found |= {row.solution_name for row in await reader.notifications.inbox()}
        return found

    async def both() -> tuple[set[str], ...]:
        async with await psycopg.AsyncConnection.connect(filled, autocommit=True) as connection:
            acme, bravo = (fbs_db.connect_async(connection, solution=name) for name in SOLUTIONS)
            return tuple(await asyncio.gather(read(acme), read(bravo), read(fbs_db.connect_async(connection))))

    assert asyncio.run(both()) == ({"acme"}, {"bravo"}, set())


def test_a_transaction_that_tasks_share_is_as_it_was(filled: str) -> None:
    async def both() -> None:
        async with await psycopg.AsyncConnection.connect(filled) as connection:
            await connection.execute("select set_config('fbs.solution', 'third', true)")
            acme, bravo = (fbs_db.connect_async(connection, solution=name) for name in SOLUTIONS)
            found = await asyncio.gather(pages(acme), pages(bravo), pages(acme))
            assert list(found) == [{"acme"}, {"bravo"}, {"acme"}]
            assert await (await connection.execute(NOW)).fetchone() == ("third",)

    async def pages(reader: Any) -> set[str]:
        return {row.solution_name for _ in range(20) for row in await reader.notifications.inbox()}

    asyncio.run(both())


def test_a_transaction_that_threads_share_is_as_it_was(filled: str) -> None:
    with psycopg.connect(filled) as connection, ThreadPoolExecutor() as threads:
        connection.execute("select set_config('fbs.solution', 'third', true)")
        readers = {name: fbs_db.connect(connection, solution=name) for name in SOLUTIONS}

        def pages(name: str) -> set[str]:
            return {row.solution_name for _ in range(20) for row in readers[name].notifications.inbox()}

        assert list(threads.map(pages, SOLUTIONS * 2)) == [{"acme"}, {"bravo"}] * 2
        assert now(connection) == "third"


def test_a_call_is_one_round_trip(filled: str, tmp_path: Path) -> None:
    def trips(connection: psycopg.Connection, fbs: Any) -> int:
        with (tmp_path / "trace").open("w") as file:
            connection.pgconn.trace(file.fileno())
            fbs.notifications.inbox()
            connection.pgconn.untrace()
        return (tmp_path / "trace").read_text().count("Sync")

    with psycopg.connect(filled, autocommit=True) as connection:
        assert trips(connection, fbs_db.connect(connection)) == 1
        assert trips(connection, fbs_db.connect(connection, solution="acme")) == 1


def test_a_pools_connections_keep_nothing(filled: str) -> None:
    pool = pytest.importorskip("psycopg_pool")
    for options in ({}, {"autocommit": True}):
        with pool.ConnectionPool(filled, min_size=1, max_size=1, open=True, kwargs=options) as connections:
            for name in SOLUTIONS * 2:
                with fbs_db.connect(connections, solution=name) as fbs:
                    assert {row.solution_name for row in fbs.notifications.inbox()} == {name}
                    assert {row.solution_name for row in fbs.notifications.inbox.stream()} == {name}
                    with pytest.raises(UsageError):
                        fbs.approvals.requests(id="seven")  # type: ignore[arg-type]
                with connections.connection() as connection:
                    assert now(connection) == ""
                assert list(fbs_db.connect(connections).notifications.inbox()) == []

    async def read() -> set[str]:
        others = pool.AsyncConnectionPool(filled, min_size=1, max_size=1, open=False)
        async with others, fbs_db.connect_async(others, solution="acme") as fbs:
            found = {row.solution_name for row in await fbs.notifications.inbox()}
            found |= {row.solution_name async for row in fbs.notifications.inbox.stream()}
            async with others.connection() as connection:
                assert await (await connection.execute(NOW)).fetchone() == ("",)
        return found

    assert asyncio.run(read()) == {"acme"}


def test_a_lent_connection_without_blocking(filled: str) -> None:
    async def read() -> None:
        async with await psycopg.AsyncConnection.connect(filled) as connection:
            fbs = fbs_db.connect_async(connection, solution="acme")
            await connection.execute("select set_config('fbs.solution', 'bravo', true)")

            async def set_now() -> tuple[Any, ...] | None:
                return await (await connection.execute(NOW)).fetchone()

            assert {row.solution_name for row in await fbs.notifications.inbox()} == {"acme"}
            assert await set_now() == ("bravo",)
            async for row in fbs.notifications.inbox.stream():
                assert row.solution_name == "acme"
                assert await set_now() == ("bravo",)
            with pytest.raises(UsageError):
                async with connection.transaction():
                    await fbs.approvals.requests(id="seven")  # type: ignore[arg-type]
            assert await set_now() == ("bravo",)

    asyncio.run(read())


def test_in_any_encoding(filled: str) -> None:
    with psycopg.connect(filled.replace(SHARED, "postgres"), autocommit=True) as owner:
        owner.execute("update fbs_notifications set solution_name = 'ümlaut' where solution_name = 'acme'")
    for encoding in ("LATIN1", "SQL_ASCII"):
        connection = psycopg.connect(filled, client_encoding=encoding)
        with connection, fbs_db.connect(connection, solution="ümlaut") as fbs:
            assert {row.solution_name for row in fbs.notifications.inbox()} == {"ümlaut"}
            assert {row.solution_name for row in fbs.notifications.inbox.stream()} == {"ümlaut"}
            assert connection.info.transaction_status is pq.TransactionStatus.INTRANS
            ((set_now,),) = connection.execute(NOW).fetchall()
            assert not set_now


def test_connections_that_cannot_be_read_on(filled: str) -> None:
    connection = psycopg.connect(filled, autocommit=True)
    fbs = fbs_db.connect(connection, solution="acme")
    with connection, connection.pipeline(), pytest.raises(UsageError, match="pipeline mode"):
        fbs.notifications.inbox()
    with pytest.raises(UsageError, match="closed"):
        fbs.notifications.inbox()
    with psycopg.connect(filled) as connection, fbs_db.connect(connection, solution="acme") as fbs:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select 1 / 0")
        with pytest.raises(UsageError, match="transaction has failed"):
            fbs.notifications.inbox()


@pytest.mark.parametrize(("name", "says"), [("", "no characters"), ("a\0b", "NUL"), (5, "not by 5")])
def test_what_is_no_name_is_refused(name: Any, says: str) -> None:
    for connect in (fbs_db.connect, fbs_db.connect_async):
        with pytest.raises(FbsDbError, match=says):
            connect("postgresql:///nowhere", solution=name)


#: What is done on Django's connection; its arguments say how Django is set up.
DJANGO = """
import pickle, sys
from operator import attrgetter
from django.conf import settings
name, user, host, port, driver = sys.argv[1:]
if driver == "psycopg2":
    sys.modules["psycopg"] = None  # as where it is not installed
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": name,
    "USER": user, "HOST": host, "PORT": port}}, USE_TZ=True, TIME_ZONE="UTC")
import django
django.setup()
from django.db import connection, transaction
connection.ensure_connection()
if driver == "psycopg2":
    del sys.modules["psycopg"]
connection.close()
import fbs_db
from fbs_db.errors import FbsDbError

def now():
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(current_setting('fbs.solution', true), '')")
        return cursor.fetchone()[0]

def titles(rows):
    return {row.solution_name for row in rows}

called = pickle.load(sys.stdin.buffer)
answers = []
with fbs_db.connect(connection, solution="acme") as fbs:
    for group, name, arguments in called:
        answer = attrgetter(f"{group}.{name}")(fbs)(**arguments)
        answers.append(answer if isinstance(answer, tuple) or not hasattr(answer, "__iter__") else list(answer))
        assert now() == "", name
    with transaction.atomic():
        connection.cursor().execute("select set_config('fbs.solution', 'bravo', true)")
        assert titles(fbs.notifications.inbox()) == {"acme"}
        assert now() == "bravo"
        for row in fbs.notifications.inbox.stream():
            assert row.solution_name == "acme" and now() == "bravo"
        try:
            with transaction.atomic():
                fbs.approvals.requests(id="seven")
        except FbsDbError:
            pass
        else:
            raise SystemExit("not refused")
        assert now() == "bravo"
        assert titles(fbs.notifications.inbox()) == {"acme"}
        transaction.set_rollback(True)
        try:
            fbs.notifications.inbox()
        except FbsDbError:
            pass
        else:
            raise SystemExit("not refused")
    assert now() == ""
    assert titles(fbs.notifications.inbox()) == {"acme"}
pickle.dump(answers, sys.stdout.buffer)
"""


@pytest.mark.parametrize("driver", ["psycopg", pytest.param("psycopg2", marks=pytest.mark.slow)])
def test_on_djangos_connection(filled: str, driver: str) -> None:
    python = django_or_skip(NEWEST) if driver == "psycopg2" else sys.executable
    called = [(group, name, sample(group, name)) for group, name in reads()]
    with psycopg.connect(filled) as connection:
        info = connection.info
        words = [python, "-W", "error", "-c", DJANGO, info.dbname, info.user, info.host, str(info.port), driver]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, input=pickle.dumps(called), capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    with fbs_db.connect(filled, solution="acme") as fbs:
        assert list(map(timeless, pickle.loads(done.stdout))) == list(map(timeless, answers(fbs)))
