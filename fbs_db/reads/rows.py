"""Rows: tuples whose fields have names and types, written down as classes."""

from __future__ import annotations

import json
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda cls: cls


#: Key of a user of the host, whatever its type is there.
UserKey = int | str | UUID

#: A value of a JSON column.
Json = Any


@dataclass_transform(frozen_default=True, eq_default=False)
class _RowType(type):
    """Makes the annotations of a row class its fields."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RowType:
        made: Any = super().__new__(cls, name, bases, {"__slots__": (), **namespace})
        if name != "Row":
            made._fields = tuple(made.__annotations__)
            setattr(made, "__match_args__", made._fields)  # noqa: B010 - dataclasses have theirs
            for number, field in enumerate(made._fields):
                setattr(made, field, property(itemgetter(number)))
        return made  # type: ignore[no-any-return]


class Row(tuple[Any, ...], metaclass=_RowType):
    """A row of a view or function: frozen, its fields in the order of the columns."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *values: Any, **named: Any) -> Self:
        fields = cls._fields
        values += tuple(named.pop(field) for field in fields[len(values) :] if field in named)
        if named or len(values) != len(fields):
            raise TypeError(f"{cls.__name__} takes {', '.join(fields)}.")
        return tuple.__new__(cls, values)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        values = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({values})"

    def __str__(self) -> str:
        """The row as it is printed: a line a field."""
        width = max(map(len, self._fields))
        return "\n".join(f"{field:<{width}}  {shown(value)}" for field, value in zip(self._fields, self, strict=True))


def shown(value: object) -> str:
    """A value as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    return str(value)
