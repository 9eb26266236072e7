"""Every read there is, and arguments to call it with."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from operator import attrgetter
from typing import Any

from fbs_db.reads import Page
from fbs_db.reads.client import Groups
from fbs_db.reads.declared import Declared, DeclaredList
from fbs_db.reads.drivers import Driver
from fbs_db.reads.query import Read

UTC = timezone.utc
#: Arguments of functions, by name, that the seeded rows answer to; others go by their type.
KNOWN: dict[str, Any] = {"on_date": date(2026, 3, 1), "zone": "UTC", "metadata": {"model_name": "a"}}
BY_TYPE: dict[Any, Any] = {
    int: 1,
    str: "a",
    bool: True,
    float: 1.5,
    Decimal: Decimal(1),
    date: date(2026, 1, 1),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
    timedelta: timedelta(days=1),
}
#: All that can be read, to be looked at and not to be run.
GROUPS = Groups(Driver(None, "public"))  # type: ignore[arg-type]


def reads() -> list[tuple[str, str]]:
    """Group and name of each read, and of each stream of one."""
    found = []
    for group, reader in vars(GROUPS).items():
        for name, one in inspect.getmembers(type(reader)):
            if isinstance(one, Declared):
                found.append((group, name))
            if isinstance(one, DeclaredList):
                found.append((group, f"{name}.stream"))
    return found


def read_on(fbs: Any, group: str, name: str) -> Any:
    """The read or stream of a reader."""
    return attrgetter(f"{group}.{name}")(fbs)


def read_of(group: str, name: str) -> Read:
    """What is declared."""
    declared: Declared[Any, Any] = getattr(type(getattr(GROUPS, group)), name.removesuffix(".stream"))
    return declared.read


def askable(read: Read, names: Iterable[str], row: dict[str, Any]) -> dict[str, Any]:
    """These columns of a row to ask by, with those that they are asked for with, as far as they hold something."""
    wanted: dict[str, Any] = {}
    for name in names:
        sets = [(name,)] if name in read.filters else [one for one in read.together if name in one]
        for one in sets[:1]:
            if all(row[other] is not None for other in one):
                wanted |= {other: row[other] for other in one}
    return wanted or {name: row[name] for name in needed(read)}


def needed(read: Read) -> list[str]:
    """The filter to name where a call may not ask for all rows."""
    return [] if read.whole else [name for name in read.filters if name != "id"][:1]


def hints(group: str, name: str) -> dict[str, Any]:
    """The types of the parameters, and of what is answered."""
    signature = inspect.signature(read_on(GROUPS, group, name))
    kinds = {one.name: one.annotation for one in signature.parameters.values()}
    return {**kinds, "return": signature.return_annotation}


def sample(group: str, name: str) -> dict[str, Any]:
    """A value for each parameter that has no default, and for a filter where a call names one."""
    method = read_on(GROUPS, group, name)
    of = hints(group, name)
    chosen = {filtered: BY_TYPE[typing.get_args(of[filtered])[0]] for filtered in needed(read_of(group, name))}
    for parameter in inspect.signature(method).parameters.values():
        if parameter.default is inspect.Parameter.empty:
            kind = of[parameter.name]
            kind = typing.get_args(kind)[0] if isinstance(kind, types.UnionType) else kind
            value = [1] if typing.get_origin(kind) is list else BY_TYPE.get(kind, 1)
            chosen[parameter.name] = KNOWN.get(parameter.name, value)
    return chosen


def timeless(answer: Any) -> Any:
    """Without what goes on between two looks: ages, and the present time."""
    if isinstance(answer, Page | list):
        return [timeless(row) for row in answer]
    if hasattr(answer, "_fields"):
        return tuple(value.days if isinstance(value, timedelta) else value for value in answer)
    return answer


def fits(value: object, of: Any) -> bool:
    """Whether a value is of a type."""
    if of is Any:
        return True
    if isinstance(of, types.UnionType) or typing.get_origin(of) is typing.Union:
        return any(fits(value, one) for one in typing.get_args(of))
    if typing.get_origin(of) is list:
        return isinstance(value, list) and all(fits(one, typing.get_args(of)[0] | None) for one in value)
    if of is float:
        return isinstance(value, float | int)
    return isinstance(value, of)


def typed(row: Any) -> None:
    """Each value is of its field's type: None where that says so alone."""
    for field in row._fields:
        of = type(row).__annotations__[field]
        assert fits(getattr(row, field), of), f"{type(row).__name__}.{field} is {getattr(row, field)!r}, not {of}"
