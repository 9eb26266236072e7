"""Which databases the pytest plugin drops: those that it made, whatever others are called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from fbs_db.errors import UsageError
from fbs_db.testing.clones import Clones
from tests.support.roles import role
from tests.support.servers import Server

#: As the plugin's own are called: of a dead session, and templates of another version, done and half made.
STRANGERS = [
    "fbs_test_0123456789ab_7_1",
    "fbs_template_0123456789abcdef",
    "fbs_template_0123456789abcdef_0123456789ab",
    "fbs_template_0123456789abcdef_making",
    "fbs_test_0123456789ab",
    "fbs_test_123456789012_backup",
]

SESSIONS = "select count(*) from pg_stat_activity where application_name like 'fbs-db pytest:%'"
KILLED = """
import os
from fbs_db.testing.clones import Clones

made = Clones._do

def die(self, statement, *names):
    made(self, statement, *names)
    if statement.startswith("create database") and ("template" in statement) is ({moment!r} == "clone"):
        os.kill(os.getpid(), 9)

Clones._do = die
with Clones({url!r}) as clones, clones.one():
    pass
"""


@pytest.fixture
def admin(pg18: Server) -> Iterator[psycopg.Connection]:
    """A connection to a server, on which the databases of others are dropped afterwards."""
    with closing(psycopg.connect(pg18.url(), autocommit=True)) as connection:
        before = {name for (name,) in connection.execute("select datname from pg_database").fetchall()}
        yield connection
        for (name,) in connection.execute("select datname from pg_database").fetchall():
            if name not in before:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def create(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def there(admin: psycopg.Connection) -> set[str]:
    found = admin.execute("select datname from pg_database where datname ~ '^fbs_(test|template)_'").fetchall()
    return {name for (name,) in found}


def template_of(admin: psycopg.Connection, pg18: Server) -> str:
    with Clones(pg18.url()) as clones:
        name: str = clones._template
    return name


def test_databases_of_others_stay_whatever_their_names(admin: psycopg.Connection, pg18: Server) -> None:
    for name in STRANGERS:
        create(admin, name)
    with Clones(pg18.url()) as clones, clones.one() as url, psycopg.connect(url) as connection:
        connection.execute("select from fbs_kpis")
    assert set(STRANGERS) <= there(admin)


def test_a_template_of_somebody_else_is_neither_dropped_nor_cloned(admin: psycopg.Connection, pg18: Server) -> None:
    template = template_of(admin, pg18)
    for name in (template, f"{template}_making"):
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(template)))
        create(admin, name)
        with pytest.raises(UsageError, match=f"{name} exists and was not created by fbs-db"):
            Clones(pg18.url())
        assert name in there(admin)
        admin.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))
    assert template_of(admin, pg18) in there(admin)


def test_each_role_has_a_template_of_its_own(admin: psycopg.Connection, pg18: Server) -> None:
    """PostgreSQL lets nobody but its owner clone a database; others would not own the tables."""
    with role(admin, "fbs_tester", "login createdb"):
        for url in (pg18.url(), pg18.url(user="fbs_tester"), pg18.url()):
            with Clones(url) as clones, clones.one() as clone, psycopg.connect(clone) as connection:
                connection.execute("alter table fbs_kpis add column mine text")
        for name in there(admin):
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_a_clone_that_somebody_replaced_stays(admin: psycopg.Connection, pg18: Server) -> None:
    with Clones(pg18.url()) as clones, clones.one() as url, closing(psycopg.connect(url)) as connection:
        name = connection.info.dbname
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        create(admin, name)
    assert name in there(admin)


@pytest.mark.parametrize("moment", ["template", "clone"])
def test_what_a_killed_run_leaves_is_dropped_by_the_next(admin: psycopg.Connection, pg18: Server, moment: str) -> None:
    """Killed right after a database is made: from then on it bears the mark."""
    for name in there(admin):
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    code = KILLED.format(moment=moment, url=pg18.url())
    other = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_TESTRUNUID"}  # another run
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=other)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = {name for name in there(admin) if name.endswith("_making") or name.startswith("fbs_test_")}
    assert left
    deadline = time.monotonic() + 60
    while admin.execute(SESSIONS).fetchone() != (0,) and time.monotonic() < deadline:
        time.sleep(0.05)  # the server takes a moment to notice
    template = template_of(admin, pg18)
    assert not left & there(admin)
    assert template in there(admin)
