"""Where reads run: a cursor on a connection of our own or the caller's, on a pool, or on Django's connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from datetime import timezone
from functools import partial
from typing import Any, Protocol

import psycopg
from psycopg import AsyncConnection, Connection, postgres, pq
from psycopg.rows import tuple_row
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import JsonbLoader
from psycopg.types.net import InetLoader

from fbs_db.database.connection import from_server, raise_if_lost, refuse_pipeline, said_by
from fbs_db.errors import ServerError, UsageError
from fbs_db.reads.unreadable import FiniteIntervalLoader, Unheld

_UNFIT = (pq.TransactionStatus.INERROR, pq.TransactionStatus.UNKNOWN)  # in a failed transaction, or closed
_UTF8 = b"UTF8"


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


def cursor_on(source: Source, *, chunked: bool = False) -> AbstractContextManager[Any]:
    """A cursor; a chunked one gets its rows from a cursor in the server."""
    if isinstance(source, Connection):
        return _on_chunked(source) if chunked else _On(source)
    if hasattr(source, "vendor"):
        return _on_django(source, chunked)
    return _on_pool(source, chunked)


def async_cursor_on(source: AsyncSource, *, chunked: bool = False) -> AbstractAsyncContextManager[Any]:
    """As `cursor_on`, without blocking."""
    if isinstance(source, AsyncConnection):
        return _on_async_chunked(source) if chunked else _On(source)
    return _on_async_pool(source, chunked)


class _On:
    """A cursor on a connection, blocking or not, for one call; errors of psycopg leave it as ours.

    Texts come in UTF-8 there: from SQL_ASCII psycopg makes bytes, and other encodings lack characters.
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
                self._translate(error)
        return self._connection.cursor(row_factory=tuple_row)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._encoding != _UTF8 and self._connection.pgconn.transaction_status not in _UNFIT:
            self._connection.execute(_encode(self._encoding))
        self._translate(error)

    async def __aenter__(self) -> Any:
        if self._encoding != _UTF8:
            try:
                await self._connection.execute(_encode(_UTF8))
            except psycopg.Error as error:
                self._translate(error)
        return self._connection.cursor(row_factory=tuple_row)

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._encoding != _UTF8 and self._connection.pgconn.transaction_status not in _UNFIT:
            await self._connection.execute(_encode(self._encoding))
        self._translate(error)

    def _translate(self, error: BaseException | None) -> None:
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
        said = str(error).strip().partition("\n")[0]  # of psycopg2
        raise ServerError(said) from error


def _loading(cursor: Any) -> Any:
    """Django's cursor, made to load JSON and time zones, which by itself it does not."""
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
    """The error where psycopg cannot read a datestyle or an intervalstyle."""
    return UsageError(f"psycopg {error}.", hint="Type: set datestyle = 'ISO'; set intervalstyle = 'postgres';")


def _translated(error: psycopg.Error) -> Exception:
    if error.sqlstate == "FB040":  # an argument that a function of ours refuses
        return UsageError(said_by(error), hint=error.diag.message_hint or "")
    if isinstance(error, psycopg.errors.DataError) and error.sqlstate != "22021":  # which is of a row
        return UsageError(f"PostgreSQL cannot take a value: {error.diag.message_primary or error}.")
    return from_server(error) or ServerError(said_by(error), hint=error.diag.message_hint or "")
