"""Drivers: one blocks and one waits; both run the queries that a read yields and send it what the server answers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, get_args

from psycopg import (
    AsyncClientCursor,
    AsyncCursor,
    AsyncRawCursor,
    AsyncRawServerCursor,
    ClientCursor,
    Cursor,
    RawCursor,
    RawServerCursor,
    pq,
)

from fbs_db.database.connection import raw_cursors
from fbs_db.reads.query import Query
from fbs_db.reads.rows import Row
from fbs_db.reads.sources import AsyncSource, Source, async_cursor_on, cursor_on
from fbs_db.reads.unreadable import Fetching, FiniteIntervalLoader, held

A = TypeVar("A")
#: Queries one after the other; each is sent its rows, as tuples, and the last gives the answer.
Steps = Generator[Query, Sequence[Sequence[Any]], A]

_OF_PSYCOPG = (Cursor, AsyncCursor)
_RAW = (RawCursor, AsyncRawCursor, RawServerCursor, AsyncRawServerCursor)
_OF_TEXTS = (ClientCursor, AsyncClientCursor)  # which get all values as texts
#: Rows of a stream that are fetched at once.
_CHUNK = 1000
#: Seconds after which a source is asked again whether policies restrict it.
_ASKED_EVERY = 60.0


class RowSecurity:
    """Whether policies restrict what a source reads, as it was last asked.

    A statement is chosen by it, whose rows are the same in any case: it may be out of date for a while.
    """

    __slots__ = ("_asked_at", "is_active")

    def __init__(self) -> None:
        self.is_active = False
        self._asked_at = -_ASKED_EVERY

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._asked_at >= _ASKED_EVERY

    def note(self, active: bool) -> None:
        self.is_active, self._asked_at = active, time.monotonic()


class Driver:
    """Runs reads on a source, one after the other."""

    def __init__(self, source: Source, schema: str) -> None:
        self.source = source
        self.schema = schema
        self.row_security = RowSecurity()

    def run(self, steps: Steps[A]) -> A:
        with cursor_on(self.source) as cursor:
            try:
                query = next(steps)
                while True:
                    with Fetching(cursor, query):
                        _execute(cursor, query)
                        found = cursor.fetchall()
                    query = steps.send(held(cursor, query, found))
            except StopIteration as answer:
                return answer.value  # type: ignore[no-any-return]

    def stream(self, query: Query) -> Iterator[Sequence[Any]]:
        """Row after row from a cursor in the server."""
        with cursor_on(self.source, chunked=True) as cursor:
            with Fetching(cursor, query):
                _choose_format(cursor, query)
                cursor.execute(query.text, query.parameters)
            while found := self._chunk(cursor, query):
                yield from found

    def _chunk(self, cursor: Any, query: Query) -> Sequence[Sequence[Any]]:
        with Fetching(cursor, query):
            return held(cursor, query, cursor.fetchmany(_CHUNK))


class AsyncDriver:
    """Runs reads on a source, one after the other, and lets other tasks run meanwhile."""

    def __init__(self, source: AsyncSource, schema: str) -> None:
        self.source = source
        self.schema = schema
        self.row_security = RowSecurity()

    async def run(self, steps: Steps[A]) -> A:
        async with async_cursor_on(self.source) as cursor:
            try:
                query = next(steps)
                while True:
                    async with Fetching(cursor, query):
                        await _execute(cursor, query)
                        found = await cursor.fetchall()
                    query = steps.send(found)
            except StopIteration as answer:
                return answer.value  # type: ignore[no-any-return]

    async def stream(self, query: Query) -> AsyncIterator[Sequence[Any]]:
        """Row after row from a cursor in the server."""
        async with async_cursor_on(self.source, chunked=True) as cursor:
            async with Fetching(cursor, query):
                _choose_format(cursor, query)
                await cursor.execute(query.text, query.parameters)
            while found := await self._chunk(cursor, query):
                for row in found:
                    yield row

    async def _chunk(self, cursor: Any, query: Query) -> Sequence[Sequence[Any]]:
        async with Fetching(cursor, query):
            return await cursor.fetchmany(_CHUNK)  # type: ignore[no-any-return]


def _execute(cursor: Any, query: Query) -> Any:
    """Have a query run; what is planned anew is not prepared. Django prepares nothing."""
    _choose_format(cursor, query)
    if query.planned_anew and isinstance(cursor, _OF_PSYCOPG):
        return cursor.execute(query.text.encode(), query.parameters, prepare=False)
    return cursor.execute(query.text, query.parameters)


def _choose_format(cursor: Any, query: Query) -> None:
    """Have a cursor of psycopg's get values in the format that loads fastest, where it has the choice."""
    if not isinstance(cursor, _OF_PSYCOPG):
        return
    if isinstance(cursor, _OF_TEXTS):
        cursor.adapters.register_loader("interval", FiniteIntervalLoader)
        return
    if isinstance(cursor, _RAW):
        raise raw_cursors()
    cursor.format = _format(query.read.row if query.read else Row)


@cache
def _format(row: type[Row]) -> pq.Format:
    """Binary; text where a row has decimals, which psycopg loads in half the time from it.

    But binary for intervals: psycopg takes the text of an infinite one for no time at all.
    """
    kinds = {one for kind in row.__annotations__.values() for one in (kind, *get_args(kind))}
    return pq.Format.TEXT if Decimal in kinds and timedelta not in kinds else pq.Format.BINARY
