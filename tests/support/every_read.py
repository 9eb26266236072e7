"""Every read there is, and arguments to call it with."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from fbs_db.reads import groups, rows
from fbs_db.reads.query import Page, Read

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
GROUPS: Any = groups.Groups(None)  # type: ignore[arg-type]


def reads() -> list[tuple[str, str]]:
    """Group and name of each method that reads."""
    found = []
    for group, reader in vars(GROUPS).items():
        found += [(group, name) for name, _ in inspect.getmembers(reader, inspect.ismethod) if name[0] != "_"]
    return found


def read_of(group: str, name: str) -> Read[Any]:
    """What a method reads, as the generated constant tells."""
    read: Read[Any] = getattr(groups, f"{group}_{name.removeprefix('stream_')}".upper())
    return read


def askable(read: Read[Any], names: Iterable[str], row: dict[str, Any]) -> dict[str, Any]:
    """These columns of a row to ask by, with those that they are asked for with, as far as they hold something."""
    wanted: dict[str, Any] = {}
    for name in names:
        sets = [(name,)] if name in read.filters else [one for one in read.together if name in one]
        for one in sets[:1]:
            if all(row[other] is not None for other in one):
                wanted |= {other: row[other] for other in one}
    return wanted


def hints(group: str, name: str) -> dict[str, Any]:
    method = getattr(getattr(GROUPS, group), name)
    return typing.get_type_hints(method, vars(groups) | {"rows": rows})


def sample(group: str, name: str) -> dict[str, Any]:
    """A value for each parameter that has no default."""
    method = getattr(getattr(GROUPS, group), name)
    chosen = {}
    of = hints(group, name)
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
