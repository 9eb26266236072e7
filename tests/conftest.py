"""Servers once a session, the schema once into a template, a clone for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql import factories

import fbs_db
from fbs_db import files
from tests.hosts.versions import Failed, Missing, python_with_django
from tests.servers import Server, find_binaries, running


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
def pg15() -> Iterator[Server]:
    yield from _server(15)


def _install(**where: Any) -> None:
    fbs_db.migrate(psycopg.conninfo.make_conninfo("", **{key: value for key, value in where.items() if value}))


_empty18 = factories.postgresql_noproc(depends_on="pg18", dbname="fbs_empty")
_empty15 = factories.postgresql_noproc(depends_on="pg15", dbname="fbs_empty")
_installed18 = factories.postgresql_noproc(depends_on="pg18", dbname="fbs_installed", load=[_install])
_installed15 = factories.postgresql_noproc(depends_on="pg15", dbname="fbs_installed", load=[_install])

#: An empty database; and one with the whole schema.
empty = factories.postgresql("_empty18")
_empty_on_15 = factories.postgresql("_empty15")
installed = factories.postgresql("_installed18")
_installed_on_15 = factories.postgresql("_installed15")


@pytest.fixture(params=[15, 18], ids=["pg15", "pg18"])
def empty_everywhere(request: pytest.FixtureRequest) -> psycopg.Connection:
    """An empty database on each supported server."""
    connection: psycopg.Connection = request.getfixturevalue("empty" if request.param == 18 else "_empty_on_15")
    return connection


@pytest.fixture(params=[15, 18], ids=["pg15", "pg18"])
def installed_everywhere(request: pytest.FixtureRequest) -> psycopg.Connection:
    """A database with the whole schema on each supported server."""
    connection: psycopg.Connection = request.getfixturevalue("installed" if request.param == 18 else "_installed_on_15")
    return connection


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's environment or directory reaches a test."""
    for name in list(os.environ):
        if name.startswith("PG") or name in ("DATABASE_URL", "NO_COLOR"):
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
    try:
        return python_with_django(version)
    except Missing as missing:
        pytest.skip(str(missing))
    except Failed as failed:
        if os.environ.get("FBS_DB_TEST_EVERYTHING"):
            pytest.fail(f"{failed}, and FBS_DB_TEST_EVERYTHING is set")
        pytest.skip(str(failed))
