"""What the models have in common."""

from __future__ import annotations

import calendar
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any

from tests.support.differential import INSTANT, Answer
from tests.support.reading import Rows

Money = Decimal


def grouped(found: Iterable[Any], *names: str) -> dict[tuple[Any, ...], list[Any]]:
    kept: dict[tuple[Any, ...], list[Any]] = {}
    for row in found:
        kept.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
    return kept


def count(found: Iterable[Any], **values: Any) -> int:
    return sum(all(getattr(row, name) == value for name, value in values.items()) for row in found)


def least(values: Iterable[Any]) -> Any:
    return min((value for value in values if value is not None), default=None)


def most(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def mean(times: list[timedelta]) -> timedelta | None:
    return sum(times, timedelta(0)) / len(times) if times else None


def middle(times: list[timedelta]) -> timedelta | None:
    return timedelta(microseconds=median(time // INSTANT for time in times)) if times else None


def cents(value: Fraction | Decimal) -> Decimal:
    """Rounded to two decimals, halves away from zero."""
    whole = math.floor(abs(Fraction(value)) * 100 + Fraction(1, 2))
    return Decimal(whole if value >= 0 else -whole) / 100


def percent(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return cents(100 * Fraction(part) / Fraction(whole)) if whole else None


def subject(data: Any) -> Answer:
    """The host's record that JSON names."""
    named = data if isinstance(data, dict) else {}
    return {name: text_of(named.get(name)) for name in ("model_name", "record_id")}


def text_of(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def by_id(found: Iterable[Any]) -> dict[Any, Any]:
    return {row.id: row for row in found}


def without(row: Any, *names: str) -> Answer:
    return {name: value for name, value in row.items() if name not in names}


def in_groups(rows: Rows, *columns: str) -> dict[Any, Rows]:
    """Rows by their values, in order of these."""
    found: dict[Any, Rows] = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns) if len(columns) > 1 else row[columns[0]]].append(row)
    return dict(sorted(found.items()))


def where(rows: Rows, **values: Any) -> Rows:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def total(rows: Rows, column: str) -> Money:
    return sum((row[column] for row in rows), Decimal(0))


def length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def within(day: date, since: date | None, until: date | None) -> bool:
    return (since is None or day >= since) and (until is None or day <= until)


def plus_months(day: date, months: int) -> date:
    """The same day so many months later, or the last of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def period_of(day: date, period: str) -> tuple[date, date]:
    """First and last day of the day, week, month, quarter or year that a day lies in."""
    if period == "day":
        return day, day
    if period == "week":
        monday = day - timedelta(day.weekday())
        return monday, monday + timedelta(6)
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, plus_months(first, months) - timedelta(1)
