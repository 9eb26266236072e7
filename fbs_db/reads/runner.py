"""Running reads: on a connection of our own or the caller's, a pool, or Django's connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from datetime import timedelta, timezone
from decimal import Decimal
from functools import cache, partial
from itertools import repeat
from typing import Any, Protocol, TypeVar, get_args, get_type_hints

import psycopg
from psycopg import (
    AsyncClientCursor,
    AsyncConnection,
    AsyncCursor,
    AsyncRawCursor,
    AsyncRawServerCursor,
    ClientCursor,
    Connection,
    Cursor,
    RawCursor,
    RawServerCursor,
    postgres,
    pq,
)
from psycopg.rows import tuple_row
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import JsonbLoader
from psycopg.types.net import InetLoader

from fbs_db import wording
from fbs_db.database.connection import from_server, raise_if_lost, raw_cursors, refuse_pipeline, said_by
from fbs_db.errors import ServerError, TargetError, UsageError
from fbs_db.reads.query import Page, Query, Read, page
from fbs_db.reads.unreadable import Fetching, FiniteIntervalLoader, Unheld, held

R = TypeVar("R", bound=Any)
_UNFIT = (pq.TransactionStatus.INERROR, pq.TransactionStatus.UNKNOWN)  # in a failed transaction, or closed
_UTF8 = b"UTF8"
_OF_PSYCOPG = (Cursor, AsyncCursor)
_RAW = (RawCursor, AsyncRawCursor, RawServerCursor, AsyncRawServerCursor)
_OF_TEXTS = (ClientCursor, AsyncClientCursor)  # which get all values as texts
_MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName)


class Pool(Protocol):
    """A pool of connections, such as psycopg_pool's."""

    def connection(self) -> AbstractContextManager[Connection[Any]]: ...


class AsyncPool(Protocol):
    """A pool of asynchronous connections, such as psycopg_pool's."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]: ...


class DjangoConnection(Protocol):
    """Django's wrapper, such as ``django.db.connection``."""

    vendor: str

    def cursor(self) -> Any: ...
    def chunked_cursor(self) -> Any: ...


Source = Connection[Any] | Pool | DjangoConnection
AsyncSource = AsyncConnection[Any] | AsyncPool


class Runner:
    """Runs queries, one after the other."""

    def __init__(self, source: Source, schema: str) -> None:
        self.source = source
        self.schema = schema

    def rows(self, query: Query[R]) -> list[R]:
        with self._cursor() as cursor:
            with Fetching(cursor, query):
                _execute(cursor, query)
                columns = cursor.fetchall()
            found = list(_made(query, held(cursor, query, columns)))
            if not found:
                for one in query.doubtful:
                    _execute(cursor, one.query)
                    if cursor.fetchone() is None:
                        raise one.refusal()
            return found

    def page(self, read: Read[R], query: Query[R], limit: int | None) -> Page[R]:
        return page(read, self.rows(query), limit)

    def one(self, query: Query[R]) -> R | None:
        found = self.rows(query)
        return found[0] if found else None

    def always(self, query: Query[R]) -> R:
        (row,) = self.rows(query)
        return row

    def scalar(self, query: Query[Any]) -> Any:
        with self._cursor() as cursor:
            _execute(cursor, query)
            with Fetching(cursor, query):
                row = cursor.fetchone()
            return held(cursor, query, [row])[0][0] if row else None

    def stream(self, query: Query[R]) -> Iterator[R]:
        """Row after row from a cursor of the server's, a thousand at a time."""
        with self._cursor(chunked=True) as cursor:
            _fit(cursor, query)
            cursor.execute(query.text, query.parameters)
            while rows := self._fetched(cursor, query):
                yield from _made(query, rows)

    def _fetched(self, cursor: Any, query: Query[Any]) -> Any:
        with Fetching(cursor, query):
            return held(cursor, query, cursor.fetchmany(1000))

    def _cursor(self, *, chunked: bool = False) -> AbstractContextManager[Any]:
        source = self.source
        if isinstance(source, Connection):
            return _on_chunked(source) if chunked else _On(source)
        if hasattr(source, "vendor"):
            return _on_django(source, chunked)
        return _on_pool(source, chunked)


class AsyncRunner:
    """Runs queries, one after the other, and lets others run meanwhile."""

    def __init__(self, source: AsyncSource, schema: str) -> None:
        self.source = source
        self.schema = schema

    async def rows(self, query: Query[R]) -> list[R]:
        async with self._cursor() as cursor:
            with Fetching(cursor, query):
                await _execute(cursor, query)
                columns = await cursor.fetchall()
            found = list(_made(query, columns))
            if not found:
                for one in query.doubtful:
                    await _execute(cursor, one.query)
                    if await cursor.fetchone() is None:
                        raise one.refusal()
            return found

    async def page(self, read: Read[R], query: Query[R], limit: int | None) -> Page[R]:
        return page(read, await self.rows(query), limit)

    async def one(self, query: Query[R]) -> R | None:
        found = await self.rows(query)
        return found[0] if found else None

    async def always(self, query: Query[R]) -> R:
        (row,) = await self.rows(query)
        return row

    async def scalar(self, query: Query[Any]) -> Any:
        async with self._cursor() as cursor:
            await _execute(cursor, query)
            with Fetching(cursor, query):
                row = await cursor.fetchone()
            return row[0] if row else None

    async def stream(self, query: Query[R]) -> AsyncIterator[R]:
        """Row after row from a cursor of the server's, a thousand at a time."""
        async with self._cursor(chunked=True) as cursor:
            _fit(cursor, query)
            await cursor.execute(query.text, query.parameters)
            while rows := await self._fetched(cursor, query):
                for row in _made(query, rows):
                    yield row

    async def _fetched(self, cursor: Any, query: Query[Any]) -> Any:
        with Fetching(cursor, query):
            return await cursor.fetchmany(1000)

    def _cursor(self, *, chunked: bool = False) -> AbstractAsyncContextManager[Any]:
        source = self.source
        if isinstance(source, AsyncConnection):
            return _on_async_chunked(source) if chunked else _On(source)
        return _on_async_pool(source, chunked)


def _execute(cursor: Any, query: Query[Any]) -> Any:
    """Have it run; what is planned anew is not prepared, which through Django nothing is."""
    _fit(cursor, query)
    if query.planned_anew and isinstance(cursor, _OF_PSYCOPG):
        return cursor.execute(query.text.encode(), query.parameters, prepare=False)
    return cursor.execute(query.text, query.parameters)


def _fit(cursor: Any, query: Query[Any]) -> None:
    """Have a cursor of psycopg's get values in the form that takes the least time, where it can get another."""
    if not isinstance(cursor, _OF_PSYCOPG):
        return
    if isinstance(cursor, _OF_TEXTS):
        cursor.adapters.register_loader("interval", FiniteIntervalLoader)
        return
    if isinstance(cursor, _RAW):
        raise raw_cursors()
    row: Any = query.row  # as type[Any], mypy takes it for unhashable
    cursor.format = _form(row)


@cache
def _form(row: Any) -> pq.Format:
    """The server's own form; texts where there are decimals, which take psycopg twice the time from the other.

    But for intervals: psycopg takes the text of an infinite one for no time at all.
    """
    kinds = {one for kind in get_type_hints(row).values() for one in (kind, *get_args(kind))}
    return pq.Format.TEXT if Decimal in kinds and timedelta not in kinds else pq.Format.BINARY


def _made(query: Query[R], columns: Iterable[Any]) -> Iterable[R]:
    """Rows of their columns; `_make`, which counts these each time, takes longer."""
    return map(tuple.__new__, repeat(query.row), columns)


class _On:
    """A cursor on a connection, waiting or not; what goes wrong is told as our errors. Every call is in one.

    Meanwhile texts come in UTF-8: in SQL_ASCII psycopg gives bytes for them, and other encodings lack characters.
    """

    __slots__ = ("_connection", "_encoding")

    def __init__(self, connection: Connection[Any] | AsyncConnection[Any]) -> None:
        if connection.pgconn.transaction_status in _UNFIT:
            _refuse(connection)
        self._connection: Any = connection
        self._encoding = connection.pgconn.parameter_status(b"client_encoding") or b""
        if self._encoding != _UTF8:
            refuse_pipeline(connection)  # in which a new encoding is not known before the next answer

    def __enter__(self) -> Any:
        if self._encoding != _UTF8:
            try:
                self._connection.execute(_encode(_UTF8))
            except psycopg.Error as error:
                self._tell(error)
        return self._connection.cursor(row_factory=tuple_row)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._encoding != _UTF8 and self._connection.pgconn.transaction_status not in _UNFIT:
            self._connection.execute(_encode(self._encoding))
        self._tell(error)

    async def __aenter__(self) -> Any:
        if self._encoding != _UTF8:
            try:
                await self._connection.execute(_encode(_UTF8))
            except psycopg.Error as error:
                self._tell(error)
        return self._connection.cursor(row_factory=tuple_row)

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._encoding != _UTF8 and self._connection.pgconn.transaction_status not in _UNFIT:
            await self._connection.execute(_encode(self._encoding))
        self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        if isinstance(error, psycopg.Error):
            raise_if_lost(self._connection, error)
            raise _translated(error) from error
        if isinstance(error, NotImplementedError):
            raise _unreadable(error) from error


def _encode(encoding: bytes) -> bytes:
    return b"select set_config('client_encoding', '" + encoding + b"', false)"


@contextmanager
def _on_chunked(connection: Connection[Any]) -> Iterator[Any]:
    refuse_pipeline(connection)
    with _On(connection), connection.transaction(), connection.cursor("fbs_stream", row_factory=tuple_row) as cursor:
        yield cursor


@asynccontextmanager
async def _on_async_chunked(connection: AsyncConnection[Any]) -> AsyncIterator[Any]:
    refuse_pipeline(connection)
    async with (
        _On(connection),
        connection.transaction(),
        connection.cursor("fbs_stream", row_factory=tuple_row) as cursor,
    ):
        yield cursor


@contextmanager
def _on_pool(pool: Pool, chunked: bool) -> Iterator[Any]:
    with pool.connection() as connection, _on_chunked(connection) if chunked else _On(connection) as cursor:
        yield cursor


@asynccontextmanager
async def _on_async_pool(pool: AsyncPool, chunked: bool) -> AsyncIterator[Any]:
    async with (
        pool.connection() as connection,
        _on_async_chunked(connection) if chunked else _On(connection) as cursor,
    ):
        yield cursor


@contextmanager
def _on_django(source: Any, chunked: bool) -> Iterator[Any]:
    from django.db import DatabaseError

    if source.vendor != "postgresql":
        raise UsageError(
            f"This is a connection to {source.vendor}; FBS is in PostgreSQL.", hint="Pass connections[NAME]."
        )
    try:
        if chunked:
            from django.db import transaction

            with transaction.atomic(using=source.alias), source.chunked_cursor() as cursor:
                yield _loading(cursor)
        else:
            with source.cursor() as cursor:
                yield _loading(cursor)
    except NotImplementedError as error:
        raise _unreadable(error) from error
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.Error):
            raise _translated(cause) from error
        raise ServerError(str(error).strip().partition("\n")[0]) from error  # psycopg2 speaks for itself


def _loading(cursor: Any) -> Any:
    """A cursor of Django's that gives what rows hold; by itself it leaves JSON a text, and takes times' zones off."""
    if hasattr(cursor, "adapters"):
        for name, loader in (
            ("jsonb", JsonbLoader),
            ("inet", InetLoader),
            ("timestamptz", TimestamptzLoader),
            ("interval", FiniteIntervalLoader),
        ):
            cursor.adapters.register_loader(name, loader)
        return cursor
    from psycopg2.extensions import PYDATE, PYDATETIMETZ, PYINTERVAL, new_type, register_type

    def load(cast: Any, text: str | None, cursor: Any) -> Any:
        if text is not None and text.endswith("infinity"):
            return Unheld(f"it is {text}")  # psycopg2 takes the last day for it
        try:
            return cast(text, cursor)
        except Exception as error:
            return Unheld(" ".join(str(error).split()))

    casts = {"date": PYDATE, "timestamptz": PYDATETIMETZ, "interval": PYINTERVAL}
    for name, loader in (("jsonb", JsonbLoader), ("inet", InetLoader)):
        of = loader(postgres.types[name].oid)
        casts[name] = lambda text, _, of=of: text and of.load(text.encode())
    for name, cast in casts.items():
        register_type(new_type((postgres.types[name].oid,), name, partial(load, cast)), cursor.cursor)
    cursor.cursor.tzinfo_factory = timezone
    return cursor


def _refuse(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    if connection.closed:
        raise UsageError("The connection is closed.", hint="Pass an open one.")
    raise UsageError("The connection's transaction has failed.", hint="Roll it back first.")


def _unreadable(error: NotImplementedError) -> UsageError:
    """What to say where psycopg cannot read a datestyle or an intervalstyle."""
    return UsageError(f"psycopg {error}.", hint="Type: set datestyle = 'ISO'; set intervalstyle = 'postgres';")


def _translated(error: psycopg.Error) -> Exception:
    if isinstance(error, _MISSING):
        return TargetError(
            f"What this reads is not installed here: {error.diag.message_primary}.",
            hint="Is FBS in another schema, or its component in another database?"
            f" Else type: {wording.command('migrate')}",
        )
    if error.sqlstate == "FB040":  # an argument that a function of ours refuses
        return UsageError(said_by(error), hint=error.diag.message_hint or "")
    if isinstance(error, psycopg.errors.DataError) and error.sqlstate != "22021":  # which is of a row
        return UsageError(f"PostgreSQL cannot take a value: {error.diag.message_primary or error}.")
    return from_server(error) or ServerError(said_by(error), hint=error.diag.message_hint or "")
