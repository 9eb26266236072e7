"""What is read, as a value: a statement, its parameters, and the class of its rows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar, overload
from uuid import UUID

from fbs_db.errors import UsageError

#: Key of a user of the host's, whatever its type is there.
UserKey = int | str | UUID

#: What JSON columns hold.
Json = Any


class Row(Protocol):
    """What every row can do; the classes are generated, in `fbs_db.reads.rows`."""

    _fields: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=Any)


def row_text(row: Any) -> str:
    """A row as it is printed: a line a field."""
    width = max(map(len, row._fields))
    return "\n".join(f"{name:<{width}}  {plain(value)}" for name, value in zip(row._fields, row, strict=True))


def plain(value: object) -> str:
    """A value as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    return str(value)


@dataclass(slots=True)
class Query(Generic[R]):
    """A statement ready to be run.

    Attributes:
        text: the SQL, with ``%s`` where parameters go.
        parameters: in their order.
        row: class of the rows; their fields are the statement's columns.
        doubtful: values that are on no list of known ones, by column: where no row has one, it
            is taken for a slip.
        planned_anew: whether the server is to choose the index by the values, each time.
        read: what is asked, in which schema.
        asked: of a function, the arguments that are given.
    """

    text: str
    parameters: tuple[Any, ...]
    row: type[R]
    doubtful: Sequence[Doubtful] = ()
    planned_anew: bool = False
    read: Read[R] | None = None
    schema: str = "public"
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A value that a column may well not know: the query finds out whether a row has it."""

    column: str
    value: str
    offered: tuple[str, ...]
    query: Query[Any]

    def refusal(self) -> UsageError:
        return UsageError(
            f"There is no {self.column} {self.value}: no form offers it, FBS does not write it, and no row has it.",
            hint=f"Known values: {', '.join(self.offered)}.",
        )


@dataclass(frozen=True, slots=True)
class State:
    """A column that a view works out: no index has it, but each of its values stands for a condition that one may.

    Attributes:
        names: all values.
        test: function that says whether a row has a value; PostgreSQL puts the condition in its place.
        of: columns that it takes beside the value.
    """

    names: tuple[str, ...]
    test: str
    of: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Read(Generic[R]):
    """A view or function of FBS's, and how it is asked; each is there once, and equal to itself alone.

    Attributes:
        source: its name.
        row: class of its rows.
        arguments: of a function, with the type each is given as.
        needed: those without a default.
        filters: of a view: columns that it can be asked by, each alone or with others.
        together: of a view: columns that one index finds together; those that are no filters by
            themselves are asked for so.
        order: of a view: columns, those with a minus downwards; a page goes on from them.
        ranged: of a view: the column that ``since`` and ``until`` are about.
        nullable: columns of the order that may be null.
        scattered: whether the order's columns are of several tables, so that no index compares them all.
        offered: the known values, by column: those that forms of FBS offer, and those that it writes beside them.
        states: of columns that a view works out and whose values are all known.
    """

    source: str
    row: type[R]
    arguments: Mapping[str, str] | None = None
    needed: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    order: tuple[str, ...] = ()
    ranged: str = ""
    nullable: tuple[str, ...] = ()
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    scattered: bool = False

    def of_function(self, schema: str, **arguments: Any) -> Query[R]:
        """A call with the arguments that are given; the others have the function's defaults."""
        types = self.arguments or {}
        given = {
            name: json.dumps(value) if types[name] == "jsonb" and value is not None else checked(name, value)
            for name, value in arguments.items()
            if value is not None or name in self.needed
        }
        return Query(
            _call(self, schema, tuple(given)), tuple(given.values()), self.row, read=self, schema=schema, asked=given
        )

    def of_view(
        self,
        schema: str,
        filters: Mapping[str, Any],
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Query[R]:
        """The rows whose columns have these values, in order, from a place on.

        Raises:
            UsageError: a value that PostgreSQL cannot take, a state or a place that is none, or a
                column that is asked for with others only, without them.
        """
        wanted = {name: checked(name, value) for name, value in filters.items() if value is not None}
        stated = [name for name in wanted if name in self.states]
        for name in stated:
            if wanted[name] not in (known := self.states[name].names):
                raise UsageError(f"There is no {name} {wanted[name]}.", hint=f"There are: {', '.join(known)}.")
        parameters = list(wanted.values())
        bounds: tuple[str, ...] = ()
        if since is not None:
            bounds += ("since",)
            parameters.append(checked("since", since))
        if until is not None:
            bounds += ("until",)
            parameters.append(checked("until", until))
        place: tuple[bool, ...] | None = None
        settled = 0
        if after is not None:
            keys = _place(self, after)
            place = tuple(key is None for key in keys)
            settled = _settled(self, keys, wanted)
            parameters += _place_parameters(self, keys, settled)
        if limit is not None:
            if limit < 1:
                raise UsageError("A page has at least one row.", hint="Give a limit of 1 or more.")
            parameters.append(limit + 1)  # whether more follow shows in the last
        text = _select(self, schema, tuple(wanted), bounds, place, settled, limit is not None)
        doubtful = [
            Doubtful(name, wanted[name], self.offered[name], _exists(self, schema, name, wanted[name]))
            for name in wanted
            if name in self.offered and wanted[name] not in self.offered[name]
        ]
        anew = bool(stated) or (len(wanted) > 1 and tuple(wanted) not in self.together)
        return Query(text, tuple(parameters), self.row, doubtful, anew, self, schema)


class Page(Sequence[R]):
    """Rows, and where the next ones begin.

    Attributes:
        next: what ``after`` of the next call is to be; None where there are no more rows.
    """

    __slots__ = ("_read", "_rows")

    def __init__(self, rows: Sequence[R], read: Read[R] | None = None) -> None:
        """The rows; with what was read where more follow."""
        self._rows = tuple(rows)
        self._read = read

    @property
    def next(self) -> str | None:
        return None if self._read is None else _place_of(self._read, self._rows[-1])

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...
    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Page):
            return self._rows == other._rows and self.next == other.next
        return isinstance(other, Sequence) and list(self._rows) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Page({list(self._rows)!r}, next={self.next!r})"

    def __str__(self) -> str:
        if not self._rows:
            return "(no rows)"
        names = list(self._rows[0]._fields)
        lines = [names, *([plain(value)[:40] for value in row] for row in self._rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
        text = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join(
            [*text, f"({len(self)} row{'' if len(self) == 1 else 's'}{', more follow' if self.next else ''})"]
        )

    def as_dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [row.as_dict() for row in self._rows]

    def dataframe(self) -> Any:
        """The rows as a pandas DataFrame.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise UsageError("pandas is not installed.", hint="Type: pip install pandas") from error
        return pd.DataFrame(self.as_dicts(), columns=list(self._rows[0]._fields) if self._rows else None)


def page(read: Read[R], rows: list[R], limit: int | None) -> Page[R]:
    """The page of rows of which one more was read than it holds."""
    if limit is None or len(rows) <= limit:
        return Page(rows)
    return Page(rows[:limit], read)


def checked(name: str, value: Any) -> Any:
    """A parameter that PostgreSQL can take.

    Raises:
        UsageError: a text with a NUL character, or a time without a time zone.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise UsageError(f"{name} holds a NUL character, which no text in PostgreSQL does.")
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(
                f"{name} is a time without a time zone: {value}.",
                hint="Give it one: datetime(..., tzinfo=timezone.utc).",
            )
    elif isinstance(value, (list, tuple)):
        return [checked(name, one) for one in value]
    return value


_TYPES: dict[str, Any] = {
    "NoneType": lambda text: None,
    "int": int,
    "str": str,
    "bool": lambda text: text == "True",
    "Decimal": Decimal,
    "UUID": UUID,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "timedelta": lambda text: timedelta(seconds=float(text)),
}


def _place_of(read: Read[Any], row: Any) -> str:
    keys = [getattr(row, column.lstrip("-")) for column in read.order]
    text = json.dumps([[type(key).__name__, None if key is None else str(key)] for key in keys])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(read: Read[Any], after: str) -> list[Any]:
    try:
        pairs = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        keys = [checked("after", _TYPES[kind](text)) for kind, text in pairs]
        if len(keys) == len(read.order):
            return keys
    except (ValueError, KeyError, TypeError, ArithmeticError):
        pass
    raise UsageError(
        f"{after[:40]!r} is no place in these rows.", hint="Take it from the page before: after=page.next."
    )


def _same_way(read: Read[Any]) -> bool:
    """Whether one comparison of rows, which an index serves, says what comes after."""
    return not read.nullable and len({column.startswith("-") for column in read.order}) == 1


def _settled(read: Read[Any], keys: list[Any], wanted: Mapping[str, Any]) -> int:
    """How many of the first columns are the same in all that follows: asked for, or a boolean at its last value.

    Of a comparison of rows PostgreSQL judges by the first column alone how many rows it leaves.
    """
    for number, (key, column) in enumerate(zip(keys[:-1], read.order, strict=False)):
        name = column.lstrip("-")
        last = name == column
        if key is None or not (key is last or wanted.get(name) == key):
            return number
    return len(keys) - 1


def _place_parameters(read: Read[Any], keys: list[Any], settled: int) -> list[Any]:
    if _same_way(read):
        return [*keys[:1], *keys] if read.scattered and not settled else keys
    found = []
    for number, key in enumerate(keys):
        found += [before for before in keys[:number] if before is not None]
        if key is not None:
            found.append(key)
    return found


@lru_cache(maxsize=512)
def _call(read: Read[Any], schema: str, given: tuple[str, ...]) -> str:
    columns = ", ".join(map(quoted, read.row._fields)) if hasattr(read.row, "_fields") else "*"
    types = read.arguments or {}
    places = ", ".join(f"{quoted(name)} => %s::{types[name].replace('SCHEMA', quoted(schema))}" for name in given)
    return f"select {columns} from {quoted(schema)}.{quoted(read.source)}({places})"


@lru_cache(maxsize=4096)
def _select(
    read: Read[Any],
    schema: str,
    filters: tuple[str, ...],
    bounds: tuple[str, ...],
    place: tuple[bool, ...] | None,
    settled: int,
    limited: bool,
) -> str:
    """The statement; the same for all values."""
    _refuse_alone(read, filters)
    where = [_has(read, schema, name) for name in filters]
    where += [f"{quoted(read.ranged)} {'>=' if bound == 'since' else '<'} %s" for bound in bounds]
    names = [column.lstrip("-") for column in read.order]
    if place is not None:
        where.append(_following(read, names, place, settled))
    text = f"select {', '.join(map(quoted, read.row._fields))} from {quoted(schema)}.{quoted(read.source)}"
    if where:
        text += f" where {' and '.join(where)}"
    if names:
        ways = (
            f"{quoted(name)}{' desc' if column.startswith('-') else ''}"
            for name, column in zip(names, read.order, strict=True)
        )
        text += f" order by {', '.join(ways)}"
    return f"{text} limit %s" if limited else text


def _has(read: Read[Any], schema: str, name: str) -> str:
    """That a column has a value."""
    if state := read.states.get(name):
        return f"{quoted(schema)}.{quoted(state.test)}(%s, {', '.join(map(quoted, state.of))})"
    return f"{quoted(name)} = %s"


def companions(together: Sequence[Sequence[str]], name: str) -> str:
    """Those that a column is asked for with: the other columns of the smallest sets that have it."""
    sets = [one for one in together if name in one]
    least = [one for one in sets if not any(set(other) < set(one) for other in sets)]
    return ", or with ".join(" and ".join(other for other in one if other != name) for one in least)


def _refuse_alone(read: Read[Any], wanted: tuple[str, ...]) -> None:
    """Refuse a column without those that it takes to be found by an index."""
    for name in wanted:
        if name not in read.filters and not any(name in one and set(one) <= set(wanted) for one in read.together):
            raise UsageError(
                f"{name} is asked for together with {companions(read.together, name)}: by itself no index finds it.",
                hint=f"Or ask {read.source} in SQL, which may look at all rows.",
            )


def _exists(read: Read[Any], schema: str, name: str, value: str) -> Query[Any]:
    text = f"select true from {quoted(schema)}.{quoted(read.source)} where {quoted(name)} = %s limit 1"
    return Query(text, (value,), tuple, planned_anew=True)


def _following(read: Read[Any], names: list[str], nulls: tuple[bool, ...], settled: int) -> str:
    downwards = [column.startswith("-") for column in read.order]
    if _same_way(read):
        way = "<" if downwards[0] else ">"
        before = "".join(f"{quoted(name)} = %s and " for name in names[:settled])
        if read.scattered and not settled:
            before = f"{quoted(names[0])} {way}= %s and "
        rest = names[settled:]
        return f"{before}({', '.join(map(quoted, rest))}) {way} ({', '.join(['%s'] * len(rest))})"
    # Nulls are the greatest: the last upwards, the first downwards.
    ways = []
    for number, name in enumerate(names):
        same = [
            f"{quoted(one)} is null" if nulls[place] else f"{quoted(one)} = %s"
            for place, one in enumerate(names[:number])
        ]
        if nulls[number]:
            further = f"{quoted(name)} is not null" if downwards[number] else "false"
        elif downwards[number]:
            further = f"{quoted(name)} < %s"
        else:
            further = f"({quoted(name)} > %s or {quoted(name)} is null)"
        ways.append(" and ".join([*same, further]))
    return f"({' or '.join(f'({way})' for way in ways)})"


def quoted(name: str) -> str:
    """An identifier as it stands in SQL, where a percent sign would be a parameter."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
