"""Databases for a host's tests, each cloned from a template in which FBS is installed.

A template is called ``fbs_template_`` and a checksum of the SQL files, the configuration and the role. It
is kept for the next session of tests. A template with the host's own set-up has the session's id
in its name as well, and is dropped with the session. A clone is called ``fbs_test_``, the
session's id and a number.

Both carry a mark: a connection limit that nobody sets and no server reaches. A database without
the mark is never dropped or cloned, whatever its name.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg import conninfo, sql

from fbs_db import files
from fbs_db.database import project, server
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import connect_to, connected, errors_of_server
from fbs_db.database.which import resolve
from fbs_db.errors import ConnectionFailed, UsageError
from fbs_db.redaction import ConnectionString
from fbs_db.schema.migrate import migrate
from fbs_db.version import __version__

if TYPE_CHECKING:
    import pytest

VARIABLE = "FBS_DB_TEST_URL"
#: The options that name a server for tests.
WAYS = f"--fbs-database, {VARIABLE}, or fbs_database_url in pytest's configuration"
#: Advisory lock held while templates are created and dropped.
_LOCK = int.from_bytes(hashlib.sha256(b"fbs-db templates").digest()[:8], "big", signed=True)
#: The connection limit that marks our databases.
MARK = 0x666273_64  # "fbsd"
#: The application name of a session of tests, followed by its id and checksum.
_APPLICATION = "fbs-db pytest"
_URL = re.compile(r"(?P<server>postgres(?:ql)?://[^/?]*)(?:/[^?]*)?(?:\?(?P<query>.*))?")

_LEFT_BEHIND = r"""
with databases as (
    select
        datname,
        substring(datname from '^fbs_template_([0-9a-f]{16})') as checksum,
        substring(datname from '^fbs_(?:test|template_[0-9a-f]{16})_([0-9a-f]{12})') as run
    from pg_catalog.pg_database
    where
        datname ~ '^fbs_(test|template)_[0-9a-f]{12}'
        and datconnlimit = %s
        and pg_has_role(datdba, 'usage')
)

select d.datname
from databases as d
where not exists (
    select
    from pg_catalog.pg_stat_activity as a
    where
        split_part(a.application_name, ':', 1) = %s
        and case
            when d.run is not null then split_part(a.application_name, ':', 2) = d.run
            else split_part(a.application_name, ':', 3) = d.checksum
        end
)
"""


def server_of(settings: pytest.Config) -> str:
    """The server on which to create databases, as a connection string.

    Raises:
        UsageError: an option is not a connection string.
        EmbeddedServerError: no option is set, and the embedded server does not start.
    """
    for source, named in (
        ("--fbs-database", settings.getoption("--fbs-database")),
        (VARIABLE, os.environ.get(VARIABLE)),
        ("fbs_database_url", settings.getini("fbs_database_url")),
        ("Django's settings", settings.pluginmanager.hasplugin("django") and _of_django()),
    ):
        if named:
            return resolve(str(named), source=source)[0]
    return server.start(ways=WAYS)


def _of_django() -> str:
    """Django's default database; empty text where Django is not set up or the database is not PostgreSQL."""
    from django.apps import apps

    from fbs_db.database.django_settings import connection_string

    if apps.ready:
        with suppress(UsageError):
            return connection_string("default")
    return ""


class Clones:
    """Fresh databases on one server, for one session of tests.

    While a test uses one, the next is created in a thread.

    Parameters:
        where: connection string of the server; the database in it is ignored.
        setup: adds the host's own tables to an empty database, given its connection string.

    Raises:
        FbsDbError: no database can be created there, or FBS cannot be installed.
    """

    def __init__(self, where: str, setup: Callable[[str], None] | None = None) -> None:
        self._where, self._setup = where, setup
        self._config = project.configuration().default
        # The same in each process of pytest-xdist.
        known = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
        self._run = hashlib.sha256(known.encode()).hexdigest()[:12]
        self._connection = _at_home(where, _APPLICATION)
        self._worker = ThreadPoolExecutor(1, "fbs-db-clones")  # only its thread uses the connection
        self._next: Future[str] | None = None
        self._template = ""
        try:
            with errors_of_server(self._connection):
                self._template = self._named()
                with self._alone():
                    self._drop_leftovers()
                    self._make_template()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Clones:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def one(self) -> Iterator[str]:
        """The connection string of a database that is dropped at the end of the block."""
        coming = self._next or self._worker.submit(self._clone)
        self._next = self._worker.submit(self._clone)
        with errors_of_server(self._connection):
            name = coming.result()
        try:
            yield at_database(self._where, name)
        finally:
            self._worker.submit(self._drop, name)

    def close(self) -> None:
        """Drop the databases of this session, except a template that the next session can use."""
        if self._next:
            with suppress(psycopg.Error):
                self._worker.submit(self._drop, self._next.result())
        self._worker.shutdown()
        with suppress(psycopg.Error):
            if self._setup and self._is_last():
                self._drop(self._template)
        self._connection.close()

    # --- in the server

    def _named(self) -> str:
        """The name of the template, which only its owner can clone. The connection gets this session's name."""
        ((role,),) = self._ask("select current_user::text")
        checksum = _checksum(self._config, role)
        self._ask("select set_config('application_name', %s, false)", f"{_APPLICATION}:{self._run}:{checksum}")
        return f"fbs_template_{checksum}" + (f"_{self._run}" if self._setup else "")

    def _make_template(self) -> None:
        if self._is_ours(self._template):
            return
        making = f"{self._template}_making"
        for name in (self._template, making):
            if self._ask("select from pg_catalog.pg_database where datname = %s", name):
                raise UsageError(
                    f"Database {name} exists and was not created by fbs-db's pytest plugin.",
                    hint="Rename it, or drop it if you do not need it.",
                )
        self._do(f"create database {{}} connection limit {MARK}", making)
        self._prepare(at_database(self._where, making))
        # A template with connections cannot be cloned.
        self._do("alter database {} with allow_connections false", making)
        self._ask("select pg_terminate_backend(pid, 5000) from pg_catalog.pg_stat_activity where datname = %s", making)
        self._do("alter database {} rename to {}", making, self._template)

    def _prepare(self, url: str) -> None:
        if self._config.schema:
            with connected(url) as connection:
                schema = sql.Identifier(self._config.schema)
                connection.execute(sql.SQL("create schema if not exists {}").format(schema))
        if self._setup:
            self._setup(url)
        # Without the host's set-up there is no user table.
        migrate(url, schema=self._config.schema, user_table=None if self._setup else "")

    def _clone(self) -> str:
        name = f"fbs_test_{self._run}_{os.getpid()}_{next(_numbers)}"
        self._do(f"create database {{}} template {{}} connection limit {MARK}", name, self._template)
        return name

    def _drop(self, name: str) -> None:
        with suppress(psycopg.Error):  # the next session drops it
            if self._is_ours(name):
                self._do("drop database if exists {} with (force)", name)

    def _is_ours(self, name: str) -> bool:
        """Whether the database exists and has our mark."""
        marked = "select from pg_catalog.pg_database where datname = %s and datconnlimit = %s"
        return bool(self._ask(marked, name, MARK))

    def _drop_leftovers(self) -> None:
        """Drop the clones of sessions that have ended, and the templates that no running session uses."""
        for (name,) in self._ask(_LEFT_BEHIND, MARK, _APPLICATION):
            if name != self._template:
                self._drop(name)
        self._drop(f"{self._template}_making")

    def _is_last(self) -> bool:
        at_work = "select from pg_catalog.pg_stat_activity where application_name like %s"
        return len(self._ask(at_work, f"{_APPLICATION}:{self._run}:%")) == 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._ask("select pg_advisory_lock(%s)", _LOCK)
        try:
            yield
        finally:
            if not self._connection.closed:
                self._ask("select pg_advisory_unlock(%s)", _LOCK)

    def _ask(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), arguments).fetchall()

    def _do(self, statement: str, *names: str) -> None:
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


_numbers = count(1)


def _checksum(config: DatabaseConfig, role: str) -> str:
    """A checksum of everything a template depends on, its owner included, in sixteen digits."""
    parts = [__version__, repr((config.schema, config.components, config.user_key_type, role))]
    parts += [file.checksum for file in files.load()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _at_home(where: str, application: str) -> psycopg.Connection:
    """A connection to the database that all sessions share: postgres, or else the one in ``where``."""
    where = ConnectionString(conninfo.make_conninfo(where, application_name=application))
    try:
        return connect_to(at_database(where, "postgres"), application)
    except ConnectionFailed:
        return connect_to(where, application)


def at_database(where: str, name: str) -> ConnectionString:
    """A connection string to another database of a server, in the form of the given one."""
    if url := _URL.fullmatch(where):
        asked = [part for part in (url["query"] or "").split("&") if part and not part.startswith("dbname=")]
        return ConnectionString(f"{url['server']}/{quote(name)}" + (f"?{'&'.join(asked)}" if asked else ""))
    return ConnectionString(conninfo.make_conninfo(where, dbname=name))
