"""Reads that see the rows of one solution, where the login is shared and isolation is on.

The statement of a read sets the solution itself, for its transaction: one statement is sent as without, and no
other statement of a connection in autocommit can come between. The caller's transaction gets back what it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, Connection, pq

from fbs_db.database.connection import refuse_pipeline
from fbs_db.reads.drivers import AsyncDriver, Driver, Steps
from fbs_db.reads.query import Query
from fbs_db.reads.sources import AsyncSource, Source

A = TypeVar("A")
#: Threads or tasks that share a transaction set a solution in it one after the other.
_locks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_OUTER = (
    "pg_catalog.set_config('fbs.outer_solution', coalesce(pg_catalog.current_setting('fbs.solution', true), ''), true)"
)
_KEEP = f"select {_OUTER}"
_SET = f"select pg_catalog.set_config('fbs.solution', %s, true) where {_OUTER} is not null"
_RESTORE = "select pg_catalog.set_config('fbs.solution', pg_catalog.current_setting('fbs.outer_solution'), true)"


class SolutionDriver(Driver):
    """Runs reads on a source, each in a solution."""

    def __init__(self, source: Source, schema: str, solution: str) -> None:
        super().__init__(source, schema)
        self._solution = solution

    def run(self, steps: Steps[A]) -> A:
        with _restored(self.source, _KEEP):
            return super().run(_setting(self._solution, steps))

    def _chunk(self, cursor: Any, query: Query) -> Sequence[Sequence[Any]]:
        # Not for the whole stream: what the caller runs meanwhile is in its transaction.
        source = self.source if hasattr(self.source, "vendor") else cursor.connection
        with _restored(source, _SET, self._solution):
            return super()._chunk(cursor, query)


class AsyncSolutionDriver(AsyncDriver):
    """As `SolutionDriver`, and lets other tasks run meanwhile."""

    def __init__(self, source: AsyncSource, schema: str, solution: str) -> None:
        super().__init__(source, schema)
        self._solution = solution

    async def run(self, steps: Steps[A]) -> A:
        async with _restored_async(self.source, _KEEP):
            return await super().run(_setting(self._solution, steps))

    async def _chunk(self, cursor: Any, query: Query) -> Sequence[Sequence[Any]]:
        async with _restored_async(cursor.connection, _SET, self._solution):
            return await super()._chunk(cursor, query)


def _setting(solution: str, steps: Steps[A]) -> Steps[A]:
    """The same steps with queries that set the solution."""
    query = next(steps)
    try:
        while True:
            found = yield replace(query, text=_wrapped(query.text), parameters=(solution, *query.parameters))
            query = steps.send(found)
    except StopIteration as answer:
        return answer.value  # type: ignore[no-any-return]


@lru_cache(maxsize=4096)
def _wrapped(text: str) -> str:
    """A query in which PostgreSQL sets the solution before it begins to read.

    It cannot begin earlier: how many rows it skips, which are none, is calculated from the solution.
    """
    return (
        "select read.* from (select pg_catalog.set_config('fbs.solution', %s, true) as solution) as chosen"
        f" cross join lateral (select * from ({text}) as asked offset 0 * length(chosen.solution)) as read"
    )


@contextmanager
def _restored(source: Source, before: str, *values: str) -> Iterator[None]:
    """A block after which the caller's transaction has the solution that it had before.

    Parameters:
        source: where the transaction is; that of a pool ends with the call.
        before: the statement that keeps this solution, and may set another.
        values: its parameters.
    """
    connection = _connection_of(source)
    if connection is None or not _is_callers(connection, _status(connection)):
        yield
        return
    with _locks.setdefault(connection, Lock()):
        _execute(connection, before, values)
        try:
            yield
        finally:
            if _status(connection) == pq.TransactionStatus.INTRANS:
                _execute(connection, _RESTORE, ())


@asynccontextmanager
async def _restored_async(source: AsyncSource, before: str, *values: str) -> AsyncIterator[None]:
    """As `_restored`, without blocking."""
    if not isinstance(source, AsyncConnection) or not _is_callers(source, await _status_async(source)):
        yield
        return
    async with _locks.setdefault(source, asyncio.Lock()):
        await source.execute(before.encode(), values)
        try:
            yield
        finally:
            if await _status_async(source) == pq.TransactionStatus.INTRANS:
                await source.execute(_RESTORE.encode())


def _connection_of(source: Any) -> Any:
    """The driver's connection; None of a pool, and where none can be made, which the read reports."""
    if isinstance(source, Connection):
        return source
    if getattr(source, "vendor", "") != "postgresql":
        return None
    with suppress(Exception):
        source.ensure_connection()
    return source.connection


def _is_callers(connection: Any, status: int) -> bool:
    """Whether a statement is part of a longer transaction. One that has failed is refused later.

    Raises:
        UsageError: the connection is in pipeline mode, in which transactions are longer than they look.
    """
    if isinstance(connection, Connection | AsyncConnection):
        refuse_pipeline(connection)
    none_yet = status == pq.TransactionStatus.IDLE and not connection.autocommit
    return none_yet or status == pq.TransactionStatus.INTRANS


def _status(connection: Any) -> int:
    """The status of its transaction, between statements of other threads; psycopg2 has the same numbers."""
    with getattr(connection, "lock", nullcontext()):
        return int(connection.info.transaction_status)


async def _status_async(connection: AsyncConnection[Any]) -> int:
    async with connection.lock:
        return int(connection.info.transaction_status)


def _execute(connection: Any, statement: str, values: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
