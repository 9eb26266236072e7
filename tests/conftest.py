"""What every test can ask for: servers, started once; databases, each a clone; copies of Django projects."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db import files
from tests.support.clones import CloneOf, Clones, Make
from tests.support.connections import Connect, url_of
from tests.support.projects import Project, projects
from tests.support.servers import Server, find_binaries, running
from tests.support.versions import DJANGOS, MAJORS, NEWEST, ON_EACH

# Rewriting the assertions of all tests takes seconds: it is kept, whatever the environment says.
sys.dont_write_bytecode = False
#: What is a host's own, run by the tests in its process.
collect_ignore_glob = ["hosts/*"]


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


#: Variables that change what commands do.
FOREIGN = ("ARGS", "DATABASE_URL", "MFLAGS", "NO_COLOR", "PYTHONDONTWRITEBYTECODE")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's environment or directory reaches a test."""
    for name in list(os.environ):
        if name.startswith(("PG", "MAKE")) or name in FOREIGN:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory to which every user has a way; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="fbs-db-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def sql_copy(tmp_path: Path) -> Path:
    """A copy of the SQL files, to be edited and broken."""
    return Path(shutil.copytree(files.sql_directory(), tmp_path / "sql"))


@pytest.fixture
def second(pg18: Server) -> Iterator[Connect]:
    """Opens further connections to the database of the first, in autocommit."""
    opened: list[psycopg.Connection] = []

    def connect(first: psycopg.Connection) -> psycopg.Connection:
        opened.append(psycopg.connect(url_of(first), autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def make(pg18: Server, tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Makes a project for a version of Django, with a fresh database for each alias."""
    with projects(pg18, tmp_path) as one:
        yield one


@pytest.fixture(params=DJANGOS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version of Django."""
    return str(request.param)


@pytest.fixture
def project(version: str, make: Callable[..., Project]) -> Project:
    """The project on each version of Django."""
    return make(version)


@pytest.fixture
def newest(make: Callable[..., Project]) -> Project:
    """The project on the newest Django."""
    return make(NEWEST)
