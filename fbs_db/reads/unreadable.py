"""What a read cannot give: a value that Python cannot hold, with its table, column and row; what is not installed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import Any

import psycopg
from psycopg import DataError, pq, sql
from psycopg.types.datetime import IntervalLoader

from fbs_db import wording
from fbs_db.database.releases import MISSING, why_missing
from fbs_db.errors import TargetError, UnreadableValue
from fbs_db.reads.query import Query

#: A column of a table that a view shows: the table's alias, the column, and the view's name for it.
_SHOWN = re.compile(r'^\s+(?:SELECT )?(\w+)\."?(\w+)"?(?: AS "?(\w+)"?)?,?$', re.MULTILINE)


class FiniteIntervalLoader(IntervalLoader):
    """Refuses infinite intervals, which as texts psycopg takes for no time at all."""

    def load(self, data: Any) -> Any:
        if bytes(data).endswith(b"infinity"):
            raise DataError(f"interval is infinite: {bytes(data).decode()!r}")
        return super().load(data)


class Unheld:
    """Stands for a value that Python cannot hold; psycopg2 gets it instead."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Fetching:
    """A block in which a query runs and rows are fetched.

    What is not installed, and a value that Python or a view cannot deal with, leave it as our error.
    """

    __slots__ = ("_cursor", "_query")

    def __init__(self, cursor: Any, query: Query) -> None:
        self._cursor = cursor
        self._query = query

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        # Whatever a loader raises; what is not implemented are settings, and concerns all rows.
        if isinstance(error, Exception) and not isinstance(error, NotImplementedError):
            if missing := _not_there(self._cursor, self._query, error):
                raise missing from error
            for column, reason, row in _not_loaded(self._cursor):
                raise unreadable(self._query, column, reason, row) from error
            if told := _not_calculated(self._query, error):
                raise told from error

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *raised: Any) -> None:
        if isinstance(raised[1], Exception):
            await asyncio.to_thread(self.__exit__, *raised)


def _not_there(cursor: Any, query: Query, error: Exception) -> TargetError | None:
    """The error where the schema has no such view, column or function."""
    cause: Any = error if isinstance(error, psycopg.Error) else error.__cause__  # Django's has the driver's
    if (getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)) not in MISSING:
        return None
    missing = f"{cause.diag.message_primary}"
    return why_missing(cursor.connection.info, query.schema, missing) or TargetError(
        f"FBS, or this part of it, is not installed here: {missing}.",
        hint="If FBS is in another schema or its component in another database, connect there."
        f" Else type: {wording.command('migrate')}",
    )


def _not_calculated(query: Query, error: Exception) -> UnreadableValue | None:
    """The error where a view calculates with a row and the result is out of range; a parameter would be in quotes."""
    cause = error if isinstance(error, DataError) else error.__cause__
    if not isinstance(cause, DataError) or query.read is None or query.read.arguments is not None:
        return None
    said = cause.diag.message_primary or ""
    if cause.sqlstate not in ("22003", "22008", "22012") or '"' in said:
        return None
    source = query.read.source
    message = f"PostgreSQL cannot calculate with a row of {source}: {said}."
    return UnreadableValue(message, hint="Type: fbs-db check --data", table=source)


def held(cursor: Any, query: Query, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """The rows, if psycopg2 could load them all."""
    if not hasattr(cursor, "pgresult"):
        names = [column[0] for column in cursor.description]
        for row in rows:
            for name, value in zip(names, row, strict=True):
                if isinstance(value, Unheld):
                    pairs = zip(names, row, strict=True)
                    others = {one: None if it is None else str(it) for one, it in pairs if it is not value}
                    raise unreadable(query, name, value.reason, others)
    return rows


def _not_loaded(cursor: Any) -> Iterator[tuple[str, str, dict[str, str | None]]]:
    """Columns whose value psycopg does not load, why, and what else is in the row."""
    result = getattr(cursor, "pgresult", None)
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        return
    names = [(result.fname(at) or b"").decode() for at in range(result.nfields)]
    loaders = []
    for at in range(result.nfields):
        kind, form = result.ftype(at), pq.Format(result.fformat(at))
        loaders.append((cursor.adapters.get_loader(kind, form) or cursor.adapters.get_loader(0, form))(kind, cursor))
    for number in range(result.ntuples):
        failed: list[tuple[str, str]] = []
        others: dict[str, str | None] = {}
        for at, name in enumerate(names):
            value = result.get_value(number, at)
            try:
                others[name] = None if value is None else str(loaders[at].load(value))
            except Exception as error:
                failed.append((name, " ".join(str(error).split())))
        for name, reason in failed:
            yield name, reason, others


def unreadable(query: Query, column: str, reason: str, others: Mapping[str, str | None]) -> UnreadableValue:
    """The error for a value.

    Parameters:
        query: what was read.
        column: where the value is.
        reason: why Python cannot hold it.
        others: the row's other columns, as texts.
    """
    source = query.read.source if query.read else ""
    # What a function answers instead of rows is called as itself is.
    table, name = home(source, "value" if column == source else column) or (source, column)
    key = {one: others[one] for one in _key(query) if one in others} or dict(query.given)
    shown = (f"{one} is null" if value is None else f"{one} = {value}" for one, value in key.items())
    row = f" of the row with {' and '.join(shown)}" if key else ""
    through = "" if table == source else f" (read through {source})"
    hint = f"Type: {wording.command('check', '--data')}"
    if key and query.read and query.read.arguments is None:
        at = sql.SQL(" and ").join(
            sql.SQL("{} is null" if value is None else "{} = {}").format(sql.Identifier(one), value)
            for one, value in key.items()
        )
        look = sql.SQL("select {} from {} where {};").format(
            sql.Identifier(column), sql.Identifier(query.schema, source), at
        )
        hint = f"Look at it in psql: {look.as_string(None)}"
    message = f"Python cannot hold {table}.{name}{row}{through}: {reason}."
    return UnreadableValue(message, hint=hint, table=table, column=name, key=key)


def _key(query: Query) -> Sequence[str]:
    """The columns that identify a row, as far as that is known."""
    fields: tuple[str, ...] = query.read.row._fields if query.read else ()
    if "id" in fields:
        return ("id",)
    if query.read and query.read.order:
        return [name.lstrip("-") for name in query.read.order]
    return [name for name in fields if name.endswith("_id")]


@cache
def home(source: str, column: str) -> tuple[str, str] | None:
    """The table and column that a column of a view or function shows, where one alone may be meant."""
    from fbs_db import files
    from fbs_db.schema import snapshot

    # Before PostgreSQL 16, views name each column with its table.
    objects = snapshot.expected([file.id for file in files.load()], 150000)
    if ("table", source) in objects:
        return (source, column) if ("column", f"{source}.{column}") in objects else None
    if ("view", source) in objects:
        shown, _, origin = objects["view", source].definition.partition("\n   FROM ")
        for alias, of, name in _SHOWN.findall(shown):
            if (name or of) == column and (named := re.search(rf"\b(fbs_\w+) {alias}\b", origin)):
                return home(named[1], of)
        return None
    text = "".join(one.definition for (_, name), one in objects.items() if name.startswith(f"{source}("))
    relations = {one for one in re.findall(r"\bfbs_\w+", text) if ("table", one) in objects or ("view", one) in objects}
    homes = {found for one in relations if (found := home(one, column))}
    return homes.pop() if len(homes) == 1 else None
