"""A plugin of pytest: ``fbs_database`` gives a test a fresh database with FBS installed.

pytest loads it wherever fbs-db is installed, so what takes a while to import is imported
by the fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fbs_db.reads import Reader
    from fbs_db.testing.clones import Clones


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "PostgreSQL on which databases with FBS are made for tests; the role needs CREATEDB."
    parser.getgroup("fbs-db").addoption("--fbs-database", metavar="URL", help=text)
    parser.addini(
        "fbs_database_url",
        f"{text} By default that of Django's settings with pytest-django, else the embedded server.",
        default="",
    )


@pytest.fixture(scope="session")
def fbs_template_setup() -> Callable[[str], None] | None:
    """For a host to override, in its topmost conftest.py: what is to be in each database besides FBS.

    A function that takes the connection string of an empty database. It makes the host's
    tables there, and may call ``fbs_db.migrate`` and attach them; whatever of FBS is not
    there afterwards is installed. It runs once in a session: the template is not kept.
    """
    return None


@pytest.fixture(scope="session")
def _fbs_clones(pytestconfig: pytest.Config, fbs_template_setup: Callable[[str], None] | None) -> Iterator[Clones]:
    from fbs_db.errors import FbsDbError
    from fbs_db.testing.clones import WAYS, Clones, server_of

    try:
        clones = Clones(server_of(pytestconfig), fbs_template_setup)
    except FbsDbError as error:
        said = str(error)
        if WAYS not in said:
            said += f"\nAnother server is named by {WAYS}."
    else:
        with clones:
            yield clones
        return
    pytest.fail(f"There is no database with FBS to test on. {said}", pytrace=False)


@pytest.fixture
def fbs_database(_fbs_clones: Clones) -> Iterator[str]:
    """Connection string of a database with FBS installed, and whatever ``fbs_template_setup`` adds.

    It is this test's own, and gone with whatever is still connected to it when the test
    ends. The server is that of ``--fbs-database``, FBS_DB_TEST_URL, the ini option
    ``fbs_database_url``, Django's default database with pytest-django, or the embedded one.
    """
    with _fbs_clones.one() as url:
        yield url


@pytest.fixture
def fbs(fbs_database: str) -> Iterator[Reader]:
    """``fbs_db.connect`` on the database of ``fbs_database``."""
    import fbs_db

    with fbs_db.connect(fbs_database) as reads:
        yield reads
