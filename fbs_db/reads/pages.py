"""Pages of rows, and the tokens by which the next page is asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar, overload
from uuid import UUID

from fbs_db.errors import UsageError
from fbs_db.reads.rows import Row, shown

R = TypeVar("R", bound=Row)

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


class Page(Sequence[R], Generic[R]):
    """Some rows of a list.

    Attributes:
        next: the page token that ``after`` of the next call takes; None where there are no more rows.
    """

    __slots__ = ("_order", "_rows")

    def __init__(self, rows: Sequence[R], order: Sequence[str] = ()) -> None:
        """The rows; where more follow, with the columns of the list's order."""
        self._rows = tuple(rows)
        self._order = order

    @property
    def next(self) -> str | None:
        return _token(self._rows[-1], self._order) if self._order else None

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
        lines = [list(self._rows[0]._fields), *([shown(value)[:40] for value in row] for row in self._rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
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


def _token(row: Row, order: Sequence[str]) -> str:
    keys = [getattr(row, column.lstrip("-")) for column in order]
    text = json.dumps([[type(key).__name__, None if key is None else str(key)] for key in keys])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def keys_of(token: str, order: Sequence[str]) -> list[Any]:
    """What the last row of the page before has in the columns of the order.

    Raises:
        UsageError: no page of such a list gave this token.
    """
    try:
        pairs = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        keys = [_TYPES[kind](text) for kind, text in pairs]
        if len(keys) == len(order) and not any(isinstance(key, str) and "\0" in key for key in keys):
            return keys
    except (ValueError, KeyError, TypeError, ArithmeticError):
        pass
    raise UsageError(
        f"{token[:40]!r} is not a page token of this list.", hint="Take it from the page before: after=page.next."
    )
