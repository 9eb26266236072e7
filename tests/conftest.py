"""Servers once a session, the schema once into a template, a clone of it for each test that needs one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db import files
from tests.hosts.versions import PYTHONS, Failed, Missing, python_with_django, runs_here
from tests.support.servers import Clones, Server, find_binaries, running

#: PostgreSQL as supported. What these modules test runs on each, all else on the oldest and the newest.
MAJORS = (15, 16, 17, 18)
ON_EACH = ("schema/test_schema", "schema/test_migrate", "health/test_health", "cleanup/test_cleanup")
#: Versions of Django; tests with any but the newest that runs here are for ``make test-all``.
NEWEST = max(filter(runs_here, PYTHONS), default=max(PYTHONS), key=lambda version: [*map(int, version.split("."))])
#: What is a host's own, run by the tests in its process.
collect_ignore_glob = ["hosts/*"]


def old_django(version: str) -> list[pytest.MarkDecorator]:
    """The mark of what runs with a Django, where it is not the newest."""
    return [pytest.mark.old_django] if version != NEWEST else []


DJANGOS = [pytest.param(version, marks=old_django(version), id=version) for version in PYTHONS]


def sampled(values: Iterable[Any], each: int) -> list[Any]:
    """Parameters of one kind, of which one in some is not slow."""
    slow = pytest.mark.slow
    return [pytest.param(value, marks=[slow] if number % each else []) for number, value in enumerate(values)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "major" in metafunc.fixturenames:
        majors = (
            MAJORS
            if metafunc.module.__name__.removeprefix("tests.").replace(".", "/") in ON_EACH
            else (MAJORS[0], MAJORS[-1])
        )
        marks = {major: [pytest.mark.old_postgres] for major in MAJORS[:-1]}
        each = [pytest.param(major, marks=marks.get(major, []), id=f"pg{major}") for major in majors]
        metafunc.parametrize("major", each)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses an old server is marked so; what takes long starts first, so that no worker ends alone with it."""
    for item in items:
        if any(name in ("pg15", "pg16", "pg17") or "_on_15" in name for name in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.old_postgres)
    items.sort(key=lambda item: not item.get_closest_marker("slow"))


def _server(major: int) -> Iterator[Server]:
    binaries = find_binaries(major)
    if binaries is None:
        if os.environ.get("FBS_DB_TEST_EVERYTHING"):
            pytest.fail(f"no PostgreSQL {major} on this machine, and FBS_DB_TEST_EVERYTHING is set")
        pytest.skip(f"no PostgreSQL {major} on this machine (Debian: apt install postgresql-{major})")
    with running(binaries, major) as server:
        yield server


@pytest.fixture(scope="session")
def pg18() -> Iterator[Server]:
    yield from _server(18)


@pytest.fixture(scope="session")
def pg17() -> Iterator[Server]:
    yield from _server(17)


@pytest.fixture(scope="session")
def pg16() -> Iterator[Server]:
    yield from _server(16)


@pytest.fixture(scope="session")
def pg15() -> Iterator[Server]:
    yield from _server(15)


Make = Callable[[str], object]
CloneOf = Callable[[str, int, Make], Iterator[psycopg.Connection]]


@pytest.fixture(scope="session")
def clone_of(request: pytest.FixtureRequest) -> CloneOf:
    """Gives a connection to a database of a kind, that is made once by a function of its URL, on a server."""
    made: dict[tuple[str, int], Clones] = {}

    def one(kind: str, major: int, make: Make) -> Iterator[psycopg.Connection]:
        if (kind, major) not in made:
            made[kind, major] = Clones(request.getfixturevalue(f"pg{major}"), f"fbs_{kind}", make)
        return made[kind, major].one()

    return one


def _nothing(url: str) -> None:
    """What makes an empty database."""


@pytest.fixture
def empty(clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """An empty database."""
    yield from clone_of("empty", MAJORS[-1], _nothing)


@pytest.fixture
def installed(clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """A database with the whole schema."""
    yield from clone_of("installed", MAJORS[-1], fbs_db.migrate)


@pytest.fixture
def _empty_on_15(clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    yield from clone_of("empty", 15, _nothing)


@pytest.fixture
def empty_everywhere(major: int, clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """An empty database on each supported server."""
    yield from clone_of("empty", major, _nothing)


@pytest.fixture
def installed_everywhere(major: int, clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """A database with the whole schema on each supported server."""
    yield from clone_of("installed", major, fbs_db.migrate)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's environment or directory reaches a test."""
    for name in list(os.environ):
        if name.startswith(("PG", "MAKE")) or name in ("DATABASE_URL", "MFLAGS", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sql_copy(tmp_path: Path) -> Path:
    """A copy of the SQL files, to be edited and broken."""
    import shutil

    return Path(shutil.copytree(files.sql_directory(), tmp_path / "sql"))


@pytest.fixture
def second(pg18: Server) -> Iterator[Callable[[psycopg.Connection], psycopg.Connection]]:
    """Opens further connections to the database of the first, in autocommit."""
    opened: list[psycopg.Connection] = []

    def connect(first: psycopg.Connection) -> psycopg.Connection:
        opened.append(psycopg.connect(url_of(first), autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def url_of(connection: psycopg.Connection) -> str:
    """The connection string of a test's database, for another connection to it."""
    info = connection.info
    return f"postgresql://{info.user}@/{info.dbname}?host={info.host}&port={info.port}"


def django_or_skip(version: str) -> Path:
    """An interpreter with this Django. The test is skipped where none runs it, and where it cannot be installed."""
    return or_skip(lambda: python_with_django(version))


def or_skip(made: Callable[[], Path]) -> Path:
    """An interpreter, if there is one."""
    try:
        return made()
    except Missing as missing:
        pytest.skip(str(missing))
    except Failed as failed:
        if os.environ.get("FBS_DB_TEST_EVERYTHING"):
            pytest.fail(f"{failed}, and FBS_DB_TEST_EVERYTHING is set")
        pytest.skip(str(failed))
