"""A pytest plugin: the fixture ``fbs_database`` gives a test a fresh database with FBS installed.

pytest loads it wherever fbs-db is installed. So that this costs nothing, the fixtures import
all else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from fbs_db.reads import Reader
    from fbs_db.testing.clones import Clones

Made = TypeVar("Made")


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "PostgreSQL server for the test databases; the role needs CREATEDB."
    parser.getgroup("fbs-db").addoption("--fbs-database", metavar="URL", help=text)
    parser.addini(
        "fbs_database_url",
        f"{text} Default: with pytest-django the server of Django's settings, else the embedded server.",
        default="",
    )


@pytest.fixture(scope="session")
def fbs_template_setup() -> Callable[[str], None] | None:
    """Override it in your topmost conftest.py to add your tables to each database.

    Return a function that takes the connection string of an empty database. It creates your
    tables, and may call ``fbs_db.migrate`` and attach them; what it does not install of FBS is
    installed afterwards. It runs once a session, as this template is not kept.
    """
    return None


@pytest.fixture(scope="session")
def _fbs_clones(pytestconfig: pytest.Config, fbs_template_setup: Callable[[str], None] | None) -> Iterator[Clones]:
    from fbs_db.testing.clones import Clones, server_of

    with _opened(lambda: Clones(server_of(pytestconfig), fbs_template_setup)) as clones:
        yield clones


@pytest.fixture
def fbs_database(_fbs_clones: Clones) -> Iterator[str]:
    """The connection string of a database with FBS and the tables of ``fbs_template_setup``.

    Only this test uses it. It is dropped when the test ends, together with its open connections.
    The server is the first of these that is set: ``--fbs-database``, FBS_DB_TEST_URL, the ini
    option ``fbs_database_url``, with pytest-django the default database, the embedded server.
    """
    with _opened(_fbs_clones.one) as url:
        yield url


@contextmanager
def _opened(make: Callable[[], AbstractContextManager[Made]]) -> Iterator[Made]:
    """The block that a function makes; where it cannot begin, the test fails in a few words."""
    from fbs_db.errors import FbsDbError
    from fbs_db.testing.clones import WAYS

    with ExitStack() as stack:
        said = ""
        try:
            made = stack.enter_context(make())
        except FbsDbError as error:
            said = str(error)
            if WAYS not in said:
                said += f"\nTo use another server: {WAYS}."
        if said:
            pytest.fail(f"No test database could be created. {said}", pytrace=False)
        yield made


@pytest.fixture
def fbs(fbs_database: str) -> Iterator[Reader]:
    """``fbs_db.connect`` on the database of ``fbs_database``."""
    import fbs_db

    with fbs_db.connect(fbs_database) as reads:
        yield reads
