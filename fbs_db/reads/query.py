"""What is read, as a value: the view or function, the statement, its parameters, and the class of its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from fbs_db.errors import UsageError
from fbs_db.reads.pages import keys_of
from fbs_db.reads.rows import Row

#: Columns that name a record of the host's.
RECORD = ("model_name", "record_id")


@dataclass(frozen=True, slots=True)
class State:
    """A column that a view works out: no index has it, but each of its values stands for a condition that one may.

    Attributes:
        names: all values.
        test: function that tells whether a row has a value; PostgreSQL puts the condition in its place.
        of: columns that the function takes beside the value.
    """

    names: tuple[str, ...]
    test: str
    of: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Read:
    """A view or function of FBS, and how it is asked; there is one of each, equal to itself alone.

    Attributes:
        source: its name.
        row: class of its rows; `Row` itself of a function that returns a value.
        arguments: of a function, with the type that each is cast to.
        needed: those without a default.
        filters: of a view, columns that a call may name alone or with others.
        together: of a view, columns that one index finds together. A column that is in these only needs the others.
        order: of a view, columns, those with a minus downwards; a page goes on from them.
        ranged: of a view, the column that ``since`` and ``until`` limit.
        nullable: columns of the order that may be NULL.
        scattered: whether the columns of the order are in several tables, so that no index compares them all.
        whole: whether a call may name no filter; an index gives all rows in order then.
        by_value: columns whose values differ so much in how many rows have them that each needs a plan of its own;
            not together with others that one index finds.
        by_record: of a view with model_name and record_id, the table whose JSON names the record, and the function that
            finds keys by an index where isolation keeps the view from it.
        known: values by column: those that forms of FBS offer, and those that FBS writes beside them.
        states: columns that a view works out and whose values are all known.
        opposites: columns that are true where another is false, by which a filter goes instead.
    """

    source: str
    row: type[Row]
    arguments: Mapping[str, str] | None = None
    needed: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    order: tuple[str, ...] = ()
    ranged: str = ""
    nullable: tuple[str, ...] = ()
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    opposites: Mapping[str, str] = field(default_factory=dict)
    scattered: bool = False
    whole: bool = True
    by_value: tuple[str, ...] = ()
    by_record: tuple[str, str] | None = None

    @property
    def key(self) -> str | None:
        """Of a view, the column that tells its rows apart; None where it takes several."""
        if "id" in self.row._fields:
            return "id"
        return self.order[0] if len(self.order) == 1 and not self.nullable else None

    @property
    def least(self) -> str:
        """The filters, or sets of them, of which a call that may not ask for all rows names one."""
        sets = [" and ".join(one) for one in self.together if not set(one) & set(self.filters)]
        return ", ".join([*self.filters, *sets])

    def companions(self, column: str) -> str:
        """The columns that a filter needs: the others of the smallest sets that have it."""
        sets = [one for one in self.together if column in one]
        least = [one for one in sets if not any(set(other) < set(one) for other in sets)]
        return ", or ".join(" and ".join(other for other in one if other != column) for one in least)


@dataclass(slots=True)
class Query:
    """A statement ready to be run.

    Attributes:
        text: the SQL, with ``%s`` where parameters go.
        parameters: in their order.
        read: what is asked; None for a question beside it.
        schema: where the view or function is.
        unlisted: filters by values that no list has: where no row has one, it is a slip.
        planned_anew: whether the server has to choose the index by the values, each time.
        given: of a function, the arguments that are given.
        isolated: what gives the same rows, and faster while policies restrict the session; None where it is this.
    """

    text: str
    parameters: tuple[Any, ...]
    read: Read | None = None
    schema: str = "public"
    unlisted: Sequence[Unlisted] = ()
    planned_anew: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)
    isolated: Query | None = None


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A value that is not among the known ones of a column; the query finds out whether a row has it."""

    column: str
    value: str
    known: tuple[str, ...]
    query: Query

    def refusal(self) -> UsageError:
        return unknown(self.column, self.value, self.known)


def unknown(column: str, value: object, known: Sequence[str]) -> UsageError:
    return UsageError(f"Unknown {column} {value!r}.", hint=f"Known: {', '.join(known)}.")


def call(read: Read, schema: str, arguments: Mapping[str, Any]) -> Query:
    """A call of a function with the arguments that are given; the others have the function's defaults."""
    types = read.arguments or {}
    given = {
        name: json.dumps(value) if types[name] == "jsonb" and value is not None else fit(name, value)
        for name, value in arguments.items()
        if value is not None or name in read.needed
    }
    return Query(_call(read, schema, tuple(given)), tuple(given.values()), read, schema, given=given)


def select(
    read: Read, schema: str, arguments: Mapping[str, Any], after: str | None = None, limit: int | None = None
) -> Query:
    """The rows of a view that match the filters, in order.

    Parameters:
        arguments: filters by column, and ``since`` and ``until``; None stands for no filter.
        after: the page token from which to go on.
        limit: rows of a page; one more is read, which shows whether more follow.

    Raises:
        UsageError: PostgreSQL cannot take a value, a state or page token does not exist, the limit is below 1, or a
            filter lacks another that it needs.
    """
    wanted = {
        name: fit(name, value)
        for name, value in arguments.items()
        if value is not None and name not in ("since", "until")
    }
    by_record = read.by_record is not None and set(RECORD) <= wanted.keys()
    if by_record:
        wanted = {name: wanted.pop(name) for name in RECORD} | wanted
    stated = [name for name in wanted if name in read.states]
    for name in stated:
        if wanted[name] not in (names := read.states[name].names):
            raise unknown(name, wanted[name], names)
    bounds = tuple(name for name in ("since", "until") if arguments.get(name) is not None)
    parameters = [*wanted.values(), *(fit(name, arguments[name]) for name in bounds)]
    most: list[Any] = []
    if limit is not None:
        if limit < 1:
            raise UsageError("A page has at least one row.", hint="Give a limit of 1 or more.")
        most = [limit + 1]
    nulls: tuple[bool, ...] | None = None
    constant, halved = 0, False
    if after is None:
        parameters += most
    else:
        keys = keys_of(after, read.order)
        nulls = tuple(key is None for key in keys)
        constant = _constant(read, keys, wanted)
        halved = not constant and _is_halved(read, keys)
        if halved:
            parameters = [*parameters, *keys, *most, *parameters, *most, *most]
        else:
            parameters += [*_following_parameters(read, keys, constant), *most]
    shape = read, schema, tuple(wanted), bounds, nulls, constant, halved, limit is not None
    unlisted = [
        Unlisted(name, wanted[name], read.known[name], _any(read, schema, name, wanted[name]))
        for name in wanted
        if name in read.known and wanted[name] not in read.known[name]
    ]
    uneven = len(wanted) > 1 or bool(set(read.by_value) & wanted.keys())
    anew = bool(stated) or (uneven and tuple(wanted) not in read.together)
    query = Query(_select(*shape), tuple(parameters), read, schema, unlisted, anew)
    if by_record:
        query.isolated = replace(query, text=_select(*shape, by_record=True))
    return query


def restricted(read: Read, schema: str) -> Query:
    """Whether policies restrict what the session reads of the table that names a record."""
    table, _ = read.by_record or ("", "")
    return Query(f"select {_restricted(schema, table)}", (), schema=schema)


def fit(name: str, value: Any) -> Any:
    """A parameter that PostgreSQL can take.

    Raises:
        UsageError: a text has a NUL character, or a time no time zone.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise UsageError(f"{name} has a NUL character, which PostgreSQL cannot store in text.")
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(
                f"{name} has no time zone: {value}.", hint="Give it one: datetime(..., tzinfo=timezone.utc)."
            )
    elif isinstance(value, (list, tuple)):
        return [fit(name, one) for one in value]
    return value


def identifier(name: str) -> str:
    """A name as it stands in SQL, where a percent sign would be a parameter."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(identifier, names))


@lru_cache(maxsize=512)
def _call(read: Read, schema: str, given: tuple[str, ...]) -> str:
    columns = _names(read.row._fields) or "*"
    types = read.arguments or {}
    values = ", ".join(
        f"{identifier(name)} => %s::{types[name].replace('SCHEMA', identifier(schema))}" for name in given
    )
    return f"select {columns} from {identifier(schema)}.{identifier(read.source)}({values})"


@lru_cache(maxsize=4096)
def _select(
    read: Read,
    schema: str,
    filters: tuple[str, ...],
    bounds: tuple[str, ...],
    nulls: tuple[bool, ...] | None,
    constant: int,
    halved: bool,
    limited: bool,
    by_record: bool = False,
) -> str:
    """The statement, which is the same for all values."""
    _refuse_alone(read, filters)
    where = [_matches(read, schema, name) for name in filters if not (by_record and name in RECORD)]
    source = f"{identifier(schema)}.{identifier(read.source)}"
    if by_record:
        source = _of_record(read, schema, source)
    where += [f"{identifier(read.ranged)} {'>=' if bound == 'since' else '<'} %s" for bound in bounds]
    names = [column.lstrip("-") for column in read.order]
    directions = (" desc" if column.startswith("-") else "" for column in read.order)
    in_order = f" order by {', '.join(identifier(name) + way for name, way in zip(names, directions, strict=True))}"
    if limited:
        in_order += " limit %s"
    columns = _names(read.row._fields)

    def rows(*conditions: str) -> str:
        found = f"select {columns} from {source}"
        every = " and ".join([*where, *conditions])
        return f"{found} where {every}{in_order}" if every else f"{found}{in_order}"

    if nulls is None:
        return rows()
    if halved:
        halves = rows(_following(read, names, nulls, 1)), rows(identifier(names[0]))
        return f"select {columns} from (({halves[0]}) union all ({halves[1]})) as halves{in_order}"
    return rows(_following(read, names, nulls, constant))


def _matches(read: Read, schema: str, column: str) -> str:
    """The condition that a column has a value."""
    if opposite := read.opposites.get(column):
        return f"{identifier(opposite)} = (not %s)"
    if state := read.states.get(column):
        return f"{identifier(schema)}.{identifier(state.test)}(%s, {_names(state.of)})"
    return f"{identifier(column)} = %s"


def _of_record(read: Read, schema: str, source: str) -> str:
    """The rows of a view that are about a record: by keys, which a function finds or, where it finds none for this
    session, the view. By the offset they are fetched before they are put in order.
    """
    table, finder = read.by_record or ("", "")
    found = f"{identifier(schema)}.{identifier(finder)}(model_name, record_id)"
    return (
        f"(select * from {source} where id = any((select coalesce("
        f"case when {_restricted(schema, table)} then {found} end,"
        f" array(select v.id from {source} as v where v.model_name = r.model_name and v.record_id = r.record_id))"
        " from (values (%s::text, %s::text)) as r (model_name, record_id))::bigint[]) offset 0) as of_record"
    )


def _restricted(schema: str, table: str) -> str:
    name = f"{identifier(schema)}.{identifier(table)}".replace("'", "''")
    return f"row_security_active('{name}'::regclass)"


def _refuse_alone(read: Read, filters: tuple[str, ...]) -> None:
    """Refuse a filter without the others that it needs, and all rows where no index gives them in order."""
    hint = f"Or query {read.source} in SQL, which may read all rows."
    if not (read.whole or filters):
        raise UsageError(f"{read.source} is not read without a filter. Name one: {read.least}.", hint=hint)
    for name in filters:
        if name not in read.filters and not any(name in one and set(one) <= set(filters) for one in read.together):
            raise UsageError(
                f"Filter {name} needs {read.companions(name)}: no index serves {name} alone.",
                hint=hint,
            )


def _any(read: Read, schema: str, column: str, value: str) -> Query:
    """Whether any row has a value."""
    text = f"select true from {identifier(schema)}.{identifier(read.source)} where {identifier(column)} = %s limit 1"
    return Query(text, (value,), planned_anew=True)


# --- the rows after a page


def _one_direction(read: Read, constant: int) -> bool:
    """Whether one comparison of rows, which an index serves, tells what comes after; the first columns are constant."""
    rest = read.order[constant:]
    return len({column.startswith("-") for column in rest}) == 1 and not any(
        column.lstrip("-") in read.nullable for column in rest
    )


def _is_halved(read: Read, keys: list[Any]) -> bool:
    """Whether one comparison of rows tells what comes after while a boolean is false; then all where it is true do."""
    return keys[0] is False and not _one_direction(read, 0) and _one_direction(read, 1)


def _constant(read: Read, keys: list[Any], wanted: Mapping[str, Any]) -> int:
    """How many of the first columns are the same in all rows that follow: filtered by, or a boolean at its last value.

    Of a comparison of rows PostgreSQL estimates by the first column alone how many it leaves.
    """
    wanted = {**wanted, **{other: not wanted[name] for name, other in read.opposites.items() if name in wanted}}
    for number, (key, column) in enumerate(zip(keys[:-1], read.order, strict=False)):
        name = column.lstrip("-")
        last = name == column
        if key is None or not (key is last or wanted.get(name) == key):
            return number
    return len(keys) - 1


def _following_parameters(read: Read, keys: list[Any], constant: int) -> list[Any]:
    if _one_direction(read, constant):
        return [*keys[:1], *keys] if read.scattered and not constant else keys
    found = []
    for number, key in enumerate(keys):
        found += [before for before in keys[:number] if before is not None]
        if key is not None:
            found.append(key)
    return found


def _following(read: Read, names: list[str], nulls: tuple[bool, ...], constant: int) -> str:
    """The condition that a row comes after the one with these keys."""
    downwards = [column.startswith("-") for column in read.order]
    if _one_direction(read, constant):
        way = "<" if downwards[constant] else ">"
        before = "".join(f"{identifier(name)} = %s and " for name in names[:constant])
        if read.scattered and not constant:
            before = f"{identifier(names[0])} {way}= %s and "
        rest = names[constant:]
        return f"{before}({_names(rest)}) {way} ({', '.join(['%s'] * len(rest))})"
    # NULLs are the greatest: the last upwards, the first downwards.
    ways = []
    for number, name in enumerate(names):
        same = [
            f"{identifier(one)} is null" if null else f"{identifier(one)} = %s"
            for one, null in zip(names[:number], nulls, strict=False)
        ]
        if nulls[number]:
            further = f"{identifier(name)} is not null" if downwards[number] else "false"
        elif downwards[number]:
            further = f"{identifier(name)} < %s"
        else:
            further = f"({identifier(name)} > %s or {identifier(name)} is null)"
        ways.append(" and ".join([*same, further]))
    return f"({' or '.join(f'({way})' for way in ways)})"
