"""Where reading begins: a connection, and the groups of reads on it."""

from __future__ import annotations

import asyncio
import inspect
from types import TracebackType
from typing import Any, Generic

import psycopg
from psycopg import AsyncConnection, Connection

from fbs_db.database import patterns, project
from fbs_db.database.connection import (
    PLAIN,
    check_server,
    connect_to,
    no_connection,
    refuse_transaction_pooler,
    with_defaults,
)
from fbs_db.database.solutions import named
from fbs_db.database.which import resolve
from fbs_db.reads.accounting import Accounting
from fbs_db.reads.approvals import Approvals
from fbs_db.reads.bi import Bi
from fbs_db.reads.compliance import Compliance
from fbs_db.reads.custom_fields import CustomFields
from fbs_db.reads.declared import AnyDriver, Declared
from fbs_db.reads.discovery import Discovery
from fbs_db.reads.documents import Documents
from fbs_db.reads.drivers import AsyncDriver, Driver
from fbs_db.reads.licensing import Licensing
from fbs_db.reads.msme import Msme
from fbs_db.reads.notifications import Notifications
from fbs_db.reads.operations import Operations
from fbs_db.reads.solutions import AsyncSolutionDriver, SolutionDriver
from fbs_db.reads.sources import AsyncSource, Source
from fbs_db.reads.suite import Suite
from fbs_db.reads.workflow import Workflow

_APPLICATION = "fbs-db reader"
_READ_ONLY = "set default_transaction_read_only = on"
_POOLED = "Read over a direct connection, one pooled by session, or a connection of yours: fbs_db.connect(connection)"


class Groups(Generic[AnyDriver]):
    """All reads, group by group."""

    def __init__(self, driver: AnyDriver) -> None:
        self.approvals = Approvals(driver)
        self.notifications = Notifications(driver)
        self.msme = Msme(driver)
        self.workflow = Workflow(driver)
        self.bi = Bi(driver)
        self.compliance = Compliance(driver)
        self.accounting = Accounting(driver)
        self.discovery = Discovery(driver)
        self.custom_fields = CustomFields(driver)
        self.documents = Documents(driver)
        self.licensing = Licensing(driver)
        self.operations = Operations(driver)
        self.suite = Suite(driver)


def declared() -> dict[str, Declared[Any, Any]]:
    """All reads by group and name, such as ``approvals.pending``."""
    groups = vars(Groups(Driver(None, "")))  # type: ignore[arg-type]
    return {
        f"{group}.{name}": one
        for group, reader in groups.items()
        for name, one in inspect.getmembers(type(reader), lambda value: isinstance(value, Declared))
    }


class Reader(Groups[Driver]):
    """All reads on one source; to be used in ``with``."""

    def __init__(
        self, source: Source, schema: str, owned: Connection[Any] | None = None, solution: str | None = None
    ) -> None:
        super().__init__(Driver(source, schema) if solution is None else SolutionDriver(source, schema, solution))
        self._owned = owned

    def close(self) -> None:
        """Close the connection, if `connect` opened it."""
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class AsyncReader(Groups[AsyncDriver]):
    """All reads on one source, without blocking; to be used in ``async with``."""

    def __init__(self, source: AsyncSource | str | None, schema: str | None, solution: str | None = None) -> None:
        self._asked = source
        self._schema = schema
        self._solution = solution
        self._owned: AsyncConnection[Any] | None = None
        if source is not None and not isinstance(source, str):
            self._read(source, schema or _schema_of(source))

    def _read(self, source: AsyncSource, schema: str) -> None:
        of = self._solution
        super().__init__(AsyncDriver(source, schema) if of is None else AsyncSolutionDriver(source, schema, of))

    async def close(self) -> None:
        """Close the connection, if ``async with`` opened it."""
        if self._owned is not None:
            await self._owned.close()

    async def __aenter__(self) -> AsyncReader:
        if self._asked is None or isinstance(self._asked, str):
            where, config = resolve(self._asked)
            self._owned = await _opened_async(where)
            self._read(self._owned, self._schema or config.schema or "public")
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()


def connect(database: str | Source | None = None, *, schema: str | None = None, solution: str | None = None) -> Reader:
    """Read FBS.

    Parameters:
        database: name of a configured database; connection string, which may name several hosts and prefer a standby
            (``target_session_attrs=prefer-standby``); None to look it up as the commands do;
            or an open connection, a psycopg pool, or Django's ``connection``, which stay open.
        schema: where FBS's tables are; None for the configured one, or ``public``.
        solution: the solution whose rows are seen, where isolation is on and the login is shared. It is set for each
            call; your transaction has the one before again when the call returns. None to set none.

    Returns:
        A reader. A connection of our own is read-only, and each call a transaction.

    Raises:
        UsageError: the solution has no characters.
        ConnectionFailed: no connection can be opened.
        UnsupportedServer: the server is too old.
        PoolerRefused: the pooler shares sessions between clients, so a read-only session would be read-only for others.
    """
    solution = None if solution is None else named(solution)
    if database is None or isinstance(database, str):
        where, config = resolve(database)
        connection = _opened(where)
        return Reader(connection, schema or config.schema or "public", connection, solution)
    return Reader(database, schema or _schema_of(database), solution=solution)


def connect_async(
    database: str | AsyncSource | None = None, *, schema: str | None = None, solution: str | None = None
) -> AsyncReader:
    """Read FBS without blocking; the connection is made by ``async with``.

    Parameters and errors are those of `connect`.
    """
    return AsyncReader(database, schema, None if solution is None else named(solution))


def _schema_of(source: Source | AsyncSource) -> str:
    """The schema that is configured for a connection of the caller's; Django's says which database it is."""
    known, alias = project.configuration(), getattr(source, "alias", None)
    config = known.databases.get(alias) or patterns.member(alias, known) if isinstance(alias, str) else None
    return (config or project.of_lent_connection()).schema or "public"


def _opened(where: str) -> Connection[Any]:
    connection = connect_to(where, _APPLICATION)
    try:
        check_server(connection)
        refuse_transaction_pooler(connection, _POOLED)
        connection.execute(_READ_ONLY)
    except BaseException:
        connection.close()
        raise
    return connection


async def _opened_async(where: str) -> AsyncConnection[Any]:
    try:
        connection = await AsyncConnection.connect(with_defaults(where, _APPLICATION), autocommit=True)
    except psycopg.Error as error:
        raise no_connection(where, error) from error
    try:
        check_server(connection)
        row = await (await connection.execute("select pg_backend_pid()")).fetchone()
        if row != (connection.info.backend_pid,):  # a pooler of some kind
            await asyncio.to_thread(lambda: _opened(where).close())
        await connection.execute(PLAIN.encode(), (False,))
        await connection.execute(_READ_ONLY)
    except BaseException:
        await connection.close()
        raise
    return connection
