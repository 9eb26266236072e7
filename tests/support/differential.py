"""Random rows, and each read's answer to them against a model: a plain computation over the tables themselves.

A model follows what the read's comment promises, not how its SQL is written. Filters, order and pages are put on it
here, as on the read. The models are in `tests.reads.models`, a module a group.
"""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fbs_db.errors import UsageError
from fbs_db.reads import Page
from fbs_db.reads.query import Read
from tests.support.every_read import askable, needed, read_of, read_on, typed

T = TypeVar("T")
UTC = timezone.utc
HOUR, DAY, INSTANT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
#: One for each seed.
ZONES = [
    "UTC", "Pacific/Kiritimati", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Pago_Pago",
    "Pacific/Auckland", "Asia/Kathmandu", "Africa/Nairobi", "Pacific/Honolulu",
]  # fmt: skip

#: What a model answers: a row of a read; further columns do no harm.
Answer = dict[str, Any]


class Raw(Answer):
    """A row of a table; its columns are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class World:
    """Random rows in one transaction, in which the time stands still; with the first seed, none."""

    def __init__(self, connection: psycopg.Connection, group: str, seed: int) -> None:
        self.connection, self.seed, self.chance = connection, seed, random.Random(f"{group} {seed}")
        connection.execute("select set_config('timezone', %s, true)", [ZONES[seed]])
        connection.execute(f"set local enable_seqscan = {'off' if seed % 2 else 'on'}".encode())
        self.zone: tzinfo = connection.info.timezone
        [(now, day_ago)] = connection.execute("select now(), now() - interval '1 day'").fetchall()
        self.now: datetime = now.astimezone(UTC)
        self.day_ago: datetime = day_ago.astimezone(UTC)
        self.today: date = now.date()
        near = [timedelta(0), INSTANT, HOUR, 5 * HOUR, DAY, DAY + INSTANT, 30 * HOUR, 3 * DAY, 200 * DAY]
        self.moments: list[datetime] = (
            [self.now - age for age in near] + [self.now + age for age in near] + [self.day_ago]
        )
        self.moments += [datetime(2025, 12, 31, 23, 59, 59, 999999, UTC), datetime(2026, 1, 1, tzinfo=UTC)]
        self.moments += [self.now - timedelta(seconds=self.chance.randrange(60 * 86400)) for _ in range(4)]
        self.days: list[date] = [
            self.today + timedelta(days=d) for d in (-400, -31, -30, -1, 0, 0, 1, 29, 30, 31, 32, 100)
        ]
        self.days += [date(2024, 2, 29), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31)]
        self._tables: dict[str, list[Any]] = {}
        self._ids: dict[str, Iterator[int]] = {}

    def __getitem__(self, table: str) -> list[Any]:
        """The raw rows of a table, times in UTC."""
        if table not in self._tables:
            cursor = self.connection.cursor(row_factory=dict_row)
            found = cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(table))).fetchall()
            self._tables[table] = [
                Raw({n: v.astimezone(UTC) if isinstance(v, datetime) else v for n, v in row.items()}) for row in found
            ]
        return self._tables[table]

    def forget(self) -> None:
        """Read the tables anew."""
        self._tables.clear()

    def by_id(self, table: str) -> dict[int, Any]:
        return {row["id"]: row for row in self[table]}

    def day_of(self, moment: datetime) -> date:
        """The day a moment belongs to in the session's time zone."""
        return moment.astimezone(self.zone).date()

    def many(self, most: int) -> range:
        return range(self.chance.randint(most // 3, most) if self.seed else 0)

    def any(self, *values: Any) -> Any:
        return self.chance.choice(values)

    def any_of(self, values: list[T]) -> T:
        return self.chance.choice(values)

    def moment(self) -> datetime:
        return self.any_of(self.moments)

    def day(self) -> date:
        return self.any_of(self.days)

    def user(self) -> int | None:
        return self.chance.choice([None, 1, 2, 3])

    def solution(self) -> str:
        return self.chance.choice(["", "a", "b", "B", "a b", "é"])

    def amount(self) -> Decimal | None:
        return self.chance.choice([None, Decimal(0), Decimal(-20), Decimal(100), Decimal("0.03"), self.number()])

    def number(self) -> Decimal:
        return self.chance.choice([Decimal(0), Decimal(100), Decimal(self.chance.randint(-99999, 99999)) / 100])

    def data(self) -> Any:
        """JSON that may name a record of the host's."""
        model = self.any("rooms.room", "rooms.room", "rooms.bed", "", None, 7)
        key = self.any(1, 1, "1", 2, "x-2", None, True, {"a": [1]})
        return self.any({"model_name": model, "record_id": key}, {"model_name": model}, {"record_id": key}, {}, [1])

    def put(self, table: str, **values: Any) -> None:
        """A row, unless it is one too many of a kind; numbers do not follow the order of entry."""
        if table not in self._ids:
            self._ids[table] = iter(self.chance.sample(range(1, 500), 499))
        self._tables.pop(table, None)
        values = {"id": next(self._ids[table]), **values}
        self.connection.execute(
            sql.SQL("insert into {} ({}) values ({}) on conflict do nothing").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join([sql.Placeholder()] * len(values)),
            ),
            [Jsonb(value) if isinstance(value, dict | list) else value for value in values.values()],
        )

    def ids(self, table: str) -> list[int]:
        return [row.id for row in self[table]]


class View(NamedTuple):
    """A read of a view: its model, the order of its rows, the column since and until are about."""

    name: str
    model: Callable[[World], list[Any]]
    order: str
    ranged: str = ""
    one: bool = False


class Call(NamedTuple):
    """A read of a function: its model, what makes arguments up, and how the page after a row is asked for."""

    name: str
    model: Callable[..., Any]
    arguments: Callable[[World], Answer]
    next_page: Callable[[Any], Answer] | None = None


class Group(NamedTuple):
    """The models of a group: what fills its tables, its reads, and whether means may differ by some millionths."""

    fill: Callable[[World], None]
    reads: list[View | Call]
    roughly: bool = False


def in_order(found: list[Any], order: str) -> list[Any]:
    """By the last column first, as sorting keeps what ties; nulls are the greatest."""

    def key(column: str) -> Callable[[Answer], Any]:
        return lambda row: (True,) if row[column] is None else (False, row[column])

    for name in reversed(order.split()):
        found = sorted(found, key=key(name.lstrip("-")), reverse=name[0] == "-")
    return found


# --- the comparison


def close(found: Any, expected: Any, roughly: bool = True) -> bool:
    """Equal; where said so, means and shares of times to some millionths."""
    if roughly and isinstance(found, float) and isinstance(expected, float | int):
        return math.isclose(found, expected, abs_tol=1e-9)
    if roughly and isinstance(found, timedelta) and isinstance(expected, timedelta):
        return abs(found - expected) <= 3 * INSTANT
    if isinstance(expected, datetime):  # of different zones, those of an hour that comes twice are never equal
        moment = datetime.fromisoformat(found) if isinstance(found, str) else found
        return moment is not None and moment.astimezone(UTC) == expected.astimezone(UTC)
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[name], expected[name], roughly) for name in found)
    if isinstance(found, list) and isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(
            close(one, other, roughly) for one, other in zip(found, expected, strict=True)
        )
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def agree(found: Iterable[Any], expected: Iterable[Any], asked: str, roughly: bool) -> None:
    """What was found, row after row, is what was to be expected."""
    for number, (one, other) in enumerate(itertools.zip_longest(found, expected)):
        told = f"{asked}, row {number}"
        assert one is not None, f"{told} is missing: {other}"
        assert other is not None, f"{told} is one too many: {one}"
        typed(one)
        for name, value in one.as_dict().items():
            assert close(value, other[name], roughly), f"{told}: {name} is {value!r}, not {other[name]!r}, in {other}"


def tries(w: World, view: View, read: Read, every: list[Any]) -> Iterator[Answer]:
    """No filter; each filter; some that one row meets together, and bounds that rows lie on; some slips."""
    yield askable(read, [], w.any(*every)) if every else dict.fromkeys(needed(read), "nothing's")
    names = list(dict.fromkeys(itertools.chain(read.filters, *read.together)))
    for name in names * 2:
        found = [wanted for row in every if (wanted := askable(read, [name], row))]
        if found:
            yield slipped(w, w.any(*found))
    ends = [row[view.ranged] for row in every if row[view.ranged] is not None] if view.ranged else []
    for _ in range(10 if every else 0):
        some = w.chance.sample(names, w.chance.randint(0, min(3, len(names))))
        wanted = slipped(w, askable(read, [name for name in some if name != "id"], w.any(*every)))
        bounds = w.any([], ["since"], ["until"], ["since", "until"]) if ends else []
        yield wanted | {bound: w.any(*ends) for bound in bounds}


def slipped(w: World, wanted: Answer) -> Answer:
    """At times one of the values is one that no row has."""
    texts = [name for name, value in wanted.items() if isinstance(value, str)]
    return wanted | {texts[0]: "nothing's"} if texts and w.chance.random() < 0.15 else wanted


def met(row: Answer, view: View, wanted: Answer) -> bool:
    filters, bounds = dict(wanted), dict.fromkeys(("since", "until"))
    bounds |= {bound: filters.pop(bound) for bound in bounds if bound in filters}
    if any(bound is not None for bound in bounds.values()) and row[view.ranged] is None:
        return False
    return (
        all(row[name] == value for name, value in filters.items())
        and (bounds["since"] is None or row[view.ranged] >= bounds["since"])
        and (bounds["until"] is None or row[view.ranged] < bounds["until"])
    )


def refused(read: Read, wanted: Answer, every: list[Any]) -> list[str]:
    """The filters by values that are not known and that no row has."""
    known = dict(read.known) | {name: state.names for name, state in read.states.items()}
    return [
        name
        for name, value in wanted.items()
        if name in known and value not in known[name] and not any(row[name] == value for row in every)
    ]


def compare_view(fbs: Any, w: World, group: str, view: View, roughly: bool) -> None:
    """By all sorts of filters; streamed, and page after page."""
    method, read = read_on(fbs, group, view.name), read_of(group, view.name)
    every = in_order(view.model(w), view.order)
    of = inspect.signature(method).parameters
    for wanted in tries(w, view, read, every):
        told = f"seed {w.seed}: {group}.{view.name}({wanted})"
        expected = [row for row in every if met(row, view, wanted)]
        if view.one:
            if not any(one.default is inspect.Parameter.empty and name not in wanted for name, one in of.items()):
                one = method(**wanted)
                agree([one] if one else [], expected[:1], told, roughly)
            continue
        if slips := refused(read, wanted, every):
            with pytest.raises(UsageError, match=f"^Unknown ({'|'.join(slips)}) "):
                method(**wanted)
            continue
        agree(method(**wanted, limit=1000), expected, told, roughly)
        agree(method.stream(**wanted), expected, f"{told} streamed", roughly)
        limit = w.chance.randint(1, 7)
        page = method(**wanted, limit=limit)
        paged = list(page)
        while page.next:
            assert len(page) == limit
            page = method(**wanted, limit=limit, after=page.next)
            paged += page
        agree(paged, expected, f"{told} by {limit}", roughly)


def compare_call(fbs: Any, w: World, group: str, call: Call, roughly: bool) -> None:
    method = read_on(fbs, group, call.name)
    for _ in range(40):
        given = call.arguments(w)
        told = f"seed {w.seed}: {group}.{call.name}({given})"
        found = method(**given)
        expected = call.model(w, **{name: value for name, value in given.items() if value is not None})
        if isinstance(found, Page):
            agree(found, expected, told, roughly)
        elif hasattr(found, "_fields"):
            agree([found], [expected], told, roughly)
        else:
            assert close(found, expected, roughly), f"{told} is {found!r}, not {expected!r}"
    if call.next_page:
        for _ in range(4):
            compare_pages(method, call.arguments(w), call.next_page)


def compare_pages(method: Any, given: Answer, next_page: Callable[[Any], Answer]) -> None:
    """Page after page, the rows are those of one call."""
    given = {
        name: value
        for name, value in given.items()
        if name not in ("after_date", "after_id", "after_rank", "carried", "page_size")
    }
    whole = list(method(**given, page_size=1000))
    paged: list[Any] = []
    for _ in range(len(whole) // 2 + 1):
        paged += method(**given, page_size=2, **(next_page(paged[-1]) if paged else {}))
    assert paged == whole, given
