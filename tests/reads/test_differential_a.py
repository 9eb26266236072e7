"""Reads against plain Python: random rows, each read's answer, and what its comment says it is.

Of approvals, notifications, custom fields, operations, small businesses, workflows and BI. A model below
tells the answer from the raw rows alone; filters, order and pages are put on it here, as on the read.
"""

from __future__ import annotations

import inspect
import itertools
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

import fbs_db
from fbs_db.reads.query import Page, Read
from tests.support.connections import rows
from tests.support.every_read import askable, read_of, reads

T = TypeVar("T")
UTC = timezone.utc
#: The first has no rows.
SEEDS = [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 10))]
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]
HOUR, DAY, INSTANT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)

#: What a model answers: a row of a read.
Answer = dict[str, Any]


class World:
    """Random rows in one transaction, in which the time stands still; with the first seed, none."""

    def __init__(self, connection: psycopg.Connection, seed: int) -> None:
        self.connection, self.seed, self.chance = connection, seed, random.Random(seed)
        self.zone = ZONES[seed % len(ZONES)]
        connection.execute(f"set local timezone = '{self.zone}'")
        ((now, day_ago),) = rows(connection, "select now(), now() - interval '1 day'")
        self.now, self.day_ago = now.astimezone(UTC), day_ago.astimezone(UTC)
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
        self._read: dict[str, list[Any]] = {}
        self._ids: dict[str, Iterator[int]] = {}

    def __call__(self, table: str) -> list[Any]:
        """The raw rows of a table, times in UTC."""
        if table not in self._read:
            found = self.connection.cursor(row_factory=dict_row).execute(f"select * from {table}").fetchall()
            self._read[table] = [
                SimpleNamespace(**{n: v.astimezone(UTC) if isinstance(v, datetime) else v for n, v in row.items()})
                for row in found
            ]
        return self._read[table]

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
        self._read.pop(table, None)
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
        return [row.id for row in self(table)]


# --- what the models have in common


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
    return {name: value for name, value in vars(row).items() if name not in names}


# --- approvals


def fill_approvals(w: World) -> None:
    for _ in w.many(45):
        w.put(
            "fbs_approval_requests",
            title=w.any("a", "b"),
            description=w.any("", "d"),
            approval_type=w.any("workflow", "Document", "odd"),
            status=w.any("pending", "approved", "approved", "rejected", "cancelled", "odd"),
            requester_id=w.any(1, 2),
            approver_id=w.user(),
            solution_name=w.any("", "a", "B"),
            request_data=w.data(),
            created_at=w.moment(),
            updated_at=w.moment(),
            approved_at=w.any(None, w.moment()),
        )
    for _ in w.many(60) if w("fbs_approval_requests") else ():
        w.put(
            "fbs_approval_responses",
            approval_request_id=w.any(*w.ids("fbs_approval_requests")),
            responder_id=w.any(1, 2),
            response=w.any("approve", "reject", "request_changes", "odd"),
            comments=w.any("", "c"),
            created_at=w.any_of(w.moments[:4]).replace(microsecond=0),  # many at one time
        )


def approvals_requests(w: World) -> list[Answer]:
    return [vars(r) | subject(r.request_data) for r in w("fbs_approval_requests")]


def approvals_pending(w: World) -> list[Answer]:
    return [
        without(r, "status", "updated_at", "approved_at") | subject(r.request_data) | {"age": w.now - r.created_at}
        for r in w("fbs_approval_requests")
        if r.status == "pending"
    ]


def approvals_details(w: World) -> list[Answer]:
    answers = grouped(sorted(w("fbs_approval_responses"), key=lambda a: (a.created_at, a.id)), "approval_request_id")
    return [
        row | {"responses": [without(a, "approval_request_id") for a in answers.get((row["id"],), [])]}
        for row in approvals_requests(w)
    ]


def decision_took(w: World, request: Any) -> timedelta | None:
    saying = {"approved": "approve", "rejected": "reject"}.get(request.status)
    said = most(
        a.created_at
        for a in w("fbs_approval_responses")
        if a.approval_request_id == request.id and a.response == saying
    )
    end = request.approved_at if request.status == "approved" and request.approved_at else said
    return end - request.created_at if end and saying else None


def approvals_turnaround(
    w: World, since: datetime | None = None, until: datetime | None = None, solution: str | None = None
) -> list[Answer]:
    picked = [
        r
        for r in w("fbs_approval_requests")
        if (since is None or r.created_at >= since)
        and (until is None or r.created_at < until)
        and solution in (None, r.solution_name)
    ]
    found = []
    for (name, kind), requests in sorted(grouped(picked, "solution_name", "approval_type").items()):
        states = {s: count(requests, status=s) for s in ("pending", "approved", "rejected", "cancelled")}
        took = [t for t in (decision_took(w, r) for r in requests) if t is not None]
        found.append(
            {"solution_name": name, "approval_type": kind, "requests": len(requests)}
            | states
            | {
                "approved_percent": percent(states["approved"], states["approved"] + states["rejected"]),
                "average_turnaround": mean(took),
                "median_turnaround": middle(took),
                "longest_turnaround": most(took),
                "oldest_pending_at": least(r.created_at for r in requests if r.status == "pending"),
            }
        )
    return found


def approvals_approvers(w: World) -> list[Answer]:
    return [
        {"approver_id": approver, "requests": len(asked)}
        | {s: count(asked, status=s) for s in ("pending", "approved", "rejected", "cancelled")}
        | {
            "oldest_pending_at": least(r.created_at for r in asked if r.status == "pending"),
            "average_approval_time": mean(
                [r.approved_at - r.created_at for r in asked if r.status == "approved" and r.approved_at]
            ),
        }
        for (approver,), asked in grouped(w("fbs_approval_requests"), "approver_id").items()
    ]


def turnaround_arguments(w: World) -> Answer:
    return {"since": w.any(None, w.moment()), "until": w.any(None, w.moment()), "solution": w.any(None, w.solution())}


# --- notifications


def fill_notifications(w: World) -> None:
    for _ in w.many(60):
        w.put(
            "fbs_notifications",
            title=w.any("a", "b"),
            message=w.any("", "m"),
            notification_type=w.any("info", "alert", "alert", "odd"),
            priority=w.any("low", "medium", "high", "critical", "odd"),
            user_id=w.user(),
            solution_name=w.solution(),
            is_read=w.any(True, False),
            read_at=w.any(None, w.moment()),
            created_at=w.moment(),
        )


def notifications_inbox(w: World) -> list[Answer]:
    return [vars(n) | {"is_unread": not n.is_read} for n in w("fbs_notifications")]


def notifications_counts(w: World) -> list[Answer]:
    names = ("user_id", "notification_type", "priority")
    return [
        dict(zip(names, key, strict=True))
        | {
            "notifications": len(found),
            "unread": count(found, is_read=False),
            "oldest_unread_at": least(n.created_at for n in found if not n.is_read),
            "newest_at": most(n.created_at for n in found),
        }
        for key, found in grouped(w("fbs_notifications"), *names).items()
    ]


def notifications_alerts(w: World) -> list[Answer]:
    urgency = {"critical": 4, "high": 3, "medium": 2, "low": 1}
    return [
        without(n, "notification_type", "is_read", "read_at")
        | {"urgency": urgency.get(n.priority, 0), "age": w.now - n.created_at}
        for n in w("fbs_notifications")
        if n.notification_type == "alert" and not n.is_read
    ]


# --- custom fields

TEXTS = list(
    itertools.chain(
        [
            "",
            " ",
            "x",
            "a b",
            "7",
            " -007 ",
            "+0",
            "9" * 40,
            "9" * 400,
            "9" * 401,
            "1.50",
            ".5",
            "5.",
            "-1.5e3",
            "1E-3",
        ],
        ["1e999", "1e1000", ".", "1,5", "NaN", "Infinity", "true", " Yes", "OFF", "n", "1", "0", "2", "maybe", "null"],
        ["2024-02-29", " 2024-12-31\n", "2023-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "today", "infinity"],
        ["2024-12-31 23:59", "2024-12-31T23:59:58.250", "2024-02-29T00:30:00.000001+05:30", "2024-12-31 25:00"],
        ["2024-12-31T23:30:00-03:00", "2024-02-29T00:30:00Z", "0001-01-01T00:00+01:00", "9999-12-31T23:59-00:01"],
        ['{"a": [1, null], "b": {}}', "[]", '"t"', "{a: 1}", '"\\u0000"', "1 2", "\u20031", "\u0663", "[" * 20_000],
    )
)
TYPES = ["char", "text", "integer", "float", "boolean", "date", "datetime", "json", "choice", "odd", ""]
MISFIT = object()


def fill_custom_fields(w: World) -> None:
    for _ in w.many(120):
        w.put(
            "fbs_custom_fields",
            model_name=w.any("rooms.room", "rooms.bed", ""),
            record_id=w.any(1, 2, 3, -1),
            field_name=w.any("a", "b", "B", "a b", "é", ""),
            field_type=w.any(*TYPES),
            field_value=w.any(*TEXTS),
            database_name=w.any("", "odoo", "other"),
            solution_name=w.solution(),
            is_active=w.any(True, True, False),
            created_at=w.moment(),
            updated_at=w.moment(),
        )


def number_of(text: str) -> int | float:
    """A number as psycopg reads it out of JSON, where PostgreSQL writes all digits."""
    number: int | float = json.loads(format(Decimal(text), "f"), parse_constant=int)
    return number


def typed(kind: str, text: str) -> Any:
    """A text as a value of its type; MISFIT where it is none."""
    bare = text.strip(" \t\n\r\v\f")
    words = {"true": True, "t": True, "yes": True, "y": True, "on": True, "1": True}
    words |= {"false": False, "f": False, "no": False, "n": False, "off": False, "0": False}
    if kind in ("integer", "float") and (len(text) > 400 or not text.isascii() or "e1000" in text):
        return MISFIT
    try:
        if kind == "integer":
            return int(bare)
        if kind == "float":
            return number_of(bare)
        if kind == "boolean":
            return words[bare.lower()]
        if kind == "date":
            return date.fromisoformat(bare).isoformat()
        if kind == "datetime":
            moment = datetime.fromisoformat(bare.replace("Z", "+00:00"))
            offset = "+00:00" if moment.tzinfo else ""
            moment = moment.astimezone(UTC) if offset else moment
            told = moment.replace(tzinfo=None).isoformat()
            return (told.rstrip("0") if moment.microsecond else told) + offset
        if kind == "json":
            if r"\u0000" in text:
                return MISFIT
            return json.loads(text, parse_constant=int, parse_float=number_of)
    except (ValueError, KeyError, ArithmeticError, RecursionError):
        return MISFIT
    return text


def custom_fields_values(w: World) -> list[Answer]:
    found = []
    for field in w("fbs_custom_fields"):
        value = typed(field.field_type, field.field_value)
        found.append(vars(field) | {"value": None if value is MISFIT else value, "fits": value is not MISFIT})
    return found


def one_object(fields: list[Any]) -> Answer:
    values = {f.field_name: (typed(f.field_type, f.field_value), f.field_value) for f in fields}
    return {
        "fields": {name: text if value is MISFIT else value for name, (value, text) in values.items()},
        "misfits": sorted(name for name, (value, _) in values.items() if value is MISFIT),
    }


def custom_fields_objects(w: World) -> list[Answer]:
    names = ("model_name", "record_id", "database_name")
    active = [f for f in w("fbs_custom_fields") if f.is_active]
    return [
        dict(zip(names, key, strict=True)) | one_object(fields) | {"updated_at": most(f.updated_at for f in fields)}
        for key, fields in grouped(active, *names).items()
    ]


def custom_fields_records(
    w: World, model_name: str, record_ids: list[int | None], database_name: str = ""
) -> list[Answer]:
    active = [f for f in w("fbs_custom_fields") if f.is_active]
    kept = grouped(active, "model_name", "record_id", "database_name")
    return [
        {"record_id": number} | one_object(kept.get((model_name, number, database_name), []))
        for number in sorted({number for number in record_ids if number is not None})
    ]


def records_arguments(w: World) -> Answer:
    return {
        "model_name": w.any("rooms.room", "rooms.bed", "", "none"),
        "record_ids": [w.any(1, 2, 3, -1, 9, None) for _ in range(w.any(0, 1, 5))],
        "database_name": w.any(None, "", "odoo", "none"),
    }


# --- operations


def fill_operations(w: World) -> None:
    for name in ("main", "other", ""):
        w.put("fbs_odoo_databases", name=name, host="h", username="u", password="p", is_active=w.any(True, False))
    for number in w.many(9):
        w.put(
            "fbs_token_mappings",
            user_id=w.any(1, 2, 3),
            database_id=w.any(*w.ids("fbs_odoo_databases")),
            token=f"token {number}",
            is_active=w.any(True, True, False),
            created_at=w.moment(),
            expires_at=w.any(None, w.moment()),
        )
    for _ in w.many(60):
        w.put(
            "fbs_request_logs",
            user_id=w.user(),
            database_id=w.any(None, *w.ids("fbs_odoo_databases")),
            method=w.any("GET", "POST", "ODD"),
            path=w.any("/", "/a", "/b", ""),
            status_code=w.any(100, 200, 399, 400, 404, 500),
            response_time=w.any(0.0, 1.5, 1.5, w.chance.random() * 1000),
            ip_address=w.any("10.0.0.1", "::1", "10.0.0.0/8"),
            user_agent=w.any("", "browser"),
            request_data=w.data(),
            response_data={},
            timestamp=w.moment(),
        )
    for _ in w.many(30):
        w.put(
            "fbs_business_rules",
            name=w.any("a", "B", "b"),
            rule_type=w.any("validation", "workflow", "odd"),
            description=w.any("", "d"),
            model_name=w.any("rooms.room", "rooms.bed"),
            rule_definition=w.data(),
            is_active=w.any(True, False),
            priority=w.any(-1, 0, 0, 5),
        )
    for number in w.many(20):
        w.put(
            "fbs_cache_entries",
            key=f"key {number}",
            value=w.any(Jsonb(None), Jsonb("text"), Jsonb(0), Jsonb(False), {}, [1, 2.5], {"long": "x" * 300}),
            database_name=w.any("", "main", "other"),
            expires_at=w.moment(),
            created_at=w.moment(),
        )
    for number in w.many(20):
        w.put(
            "fbs_handshakes",
            handshake_id=f"name {number}",
            solution_name=w.solution(),
            secret_key=w.any("sesame", "open", ""),
            status=w.any("active", "active", "pending", "expired", "revoked", "odd"),
            expires_at=w.moment(),
            created_at=w.moment(),
            last_used=w.moment(),
        )


def operations_requests(w: World) -> list[Answer]:
    return [without(call, "request_data", "response_data") for call in w("fbs_request_logs")]


def calls_between(w: World, since: datetime | None, until: datetime | None) -> list[Any]:
    return [
        call
        for call in w("fbs_request_logs")
        if call.timestamp >= (since or w.day_ago) and (until is None or call.timestamp < until)
    ]


def errors_and_times(calls: list[Any]) -> Answer:
    times = sorted(call.response_time for call in calls)

    def within(share: float) -> float | None:
        if not times:
            return None
        place = share * (len(times) - 1)
        below, above = times[math.floor(place)], times[math.ceil(place)]
        return float(below + (above - below) * (place % 1))

    return {"requests": len(calls), "errors": sum(call.status_code >= 400 for call in calls)} | {
        f"response_time_p{share}": within(share / 100) for share in (50, 95, 99)
    }


def operations_requests_by_path(w: World, since: datetime | None = None, until: datetime | None = None) -> list[Answer]:
    found = []
    for (method, path), calls in grouped(calls_between(w, since, until), "method", "path").items():
        of = errors_and_times(calls)
        found.append(
            {"method": method, "path": path, "error_percent": percent(of["errors"], len(calls))}
            | of
            | {"last_requested_at": most(call.timestamp for call in calls)}
        )
    return sorted(found, key=lambda row: (-row["requests"], row["path"], row["method"]))


def operations_requests_by_status(
    w: World, since: datetime | None = None, until: datetime | None = None
) -> list[Answer]:
    every = calls_between(w, since, until)
    found = [
        {"method": method, "path": path, "status_code": code}
        | errors_and_times(calls)
        | {"path_percent": percent(len(calls), count(every, method=method, path=path))}
        for (method, path, code), calls in grouped(every, "method", "path", "status_code").items()
    ]
    return sorted(found, key=lambda row: (row["path"], row["method"], row["status_code"]))


def operations_requests_over_time(
    w: World,
    since: datetime | None = None,
    until: datetime | None = None,
    bucket: timedelta = HOUR,
    origin: datetime = datetime(2001, 1, 1, tzinfo=UTC),
) -> list[Answer]:
    first, last = since or w.day_ago, until or w.now
    every = calls_between(w, first, last)
    start, found = origin + (first - origin) // bucket * bucket, []
    while first < last and start < last:
        of = errors_and_times([call for call in every if start <= call.timestamp < start + bucket])
        found.append({"bucket_start": start, "error_percent": percent(of["errors"], of["requests"])} | of)
        start += bucket
    return found


def between_arguments(w: World) -> Answer:
    return {"since": w.any(None, w.moment()), "until": w.any(None, w.moment())}


def over_time_arguments(w: World) -> Answer:
    found = between_arguments(w)
    length = (found["until"] or w.now) - (found["since"] or w.day_ago)
    buckets = [7 * INSTANT, timedelta(seconds=1.5), timedelta(minutes=7), HOUR, DAY, 7 * DAY, 45 * DAY, 1000 * DAY]
    found["bucket"] = w.any(*(bucket for bucket in buckets if length / bucket < 300))
    if found["bucket"] == HOUR:
        found["bucket"] = w.any(None, HOUR)
    return found | {
        "origin": w.any(None, w.moment(), datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    }


def operations_cached(w: World, key: str, at: datetime | None = None) -> Any:
    return next((e.value for e in w("fbs_cache_entries") if e.key == key and e.expires_at > (at or w.now)), None)


def operations_cache(w: World) -> list[Answer]:
    found = []
    for (name,), entries in grouped(w("fbs_cache_entries"), "database_name").items():
        live = [e for e in entries if e.expires_at > w.now]
        found.append(
            {
                "database_name": name,
                "entries": len(entries),
                "live": len(live),
                "expired": len(entries) - len(live),
                "oldest_at": least(e.created_at for e in entries),
                "next_expiry_at": least(e.expires_at for e in live),
            }
        )
    return found


def is_valid(handshake: Any, at: datetime) -> bool:
    return bool(handshake.status == "active" and at < handshake.expires_at)


def operations_handshakes(w: World) -> list[Answer]:
    return [without(h, "secret_key") | {"is_valid": is_valid(h, w.now)} for h in w("fbs_handshakes")]


def operations_handshake(w: World, handshake_id: str, at: datetime | None = None) -> Answer | None:
    for h in w("fbs_handshakes"):
        if h.handshake_id == handshake_id and is_valid(h, at or w.now):
            return without(h, "secret_key", "handshake_id")
    return None


def operations_verified_handshake(
    w: World, handshake_id: str, secret_key: str, at: datetime | None = None
) -> Answer | None:
    own = any(h.handshake_id == handshake_id and h.secret_key == secret_key != "" for h in w("fbs_handshakes"))
    return operations_handshake(w, handshake_id, at) if own else None


def operations_token_owner(w: World, token: str, at: datetime | None = None) -> Answer | None:
    for t in w("fbs_token_mappings"):
        if t.token == token and t.is_active and (t.expires_at is None or t.expires_at > (at or w.now)):
            database = by_id(w("fbs_odoo_databases"))[t.database_id]
            return {
                "user_id": t.user_id,
                "database_id": t.database_id,
                "database_name": database.name,
                "database_is_active": database.is_active,
                "expires_at": t.expires_at,
            }
    return None


def at_arguments(table: str, name: str) -> Callable[[World], Answer]:
    """What a row is known by, or nothing is, and a time: any, or when that row expires."""

    def arguments(w: World) -> Answer:
        row = w.any(SimpleNamespace(**{name: "none"}, expires_at=None), *w(table), *w(table))
        return {name: getattr(row, name), "at": w.any(None, w.moment(), row.expires_at)}

    return arguments


def verified_arguments(w: World) -> Answer:
    return at_arguments("fbs_handshakes", "handshake_id")(w) | {"secret_key": w.any("sesame", "open", "")}


def operations_business_rules(w: World) -> list[Answer]:
    return list(map(vars, w("fbs_business_rules")))


# --- small businesses

AMOUNTS: list[Any] = [None, 0, 100, 100.0, 99.995, 0.005, -3, 1e3, 10**12, 10**13, True, [], {"a": 1}]
AMOUNTS += ["12.5", "12.345", "-0.5", "n/a", "", "1 000"]


def fill_msme(w: World) -> None:
    for name in ["", "a", "b", "B", "a b", "é"] if w.seed else []:
        if w.any(True, False):
            w.put(
                "fbs_msme_setup_wizard",
                solution_name=name,
                status=w.any("not_started", "in_progress", "completed", "completed", "paused", "odd"),
                progress=w.any("0", "33.33", "100"),
                business_type=w.any("", "retail", "odd"),
                started_at=w.moment(),
                completed_at=w.any(None, w.moment()),
            )
    for _ in w.many(25):
        w.put(
            "fbs_msme_kpis",
            solution_name=w.solution(),
            kpi_name=w.any("sales", "Costs"),
            kpi_type=w.any("financial", "growth", "odd"),
            current_value=w.number(),
            target_value=w.amount(),
            unit=w.any("", "%"),
            period=w.any("monthly", "yearly"),
            trend=w.any("", "up"),
        )
    for _ in w.many(25):
        w.put(
            "fbs_msme_compliance",
            solution_name=w.solution(),
            compliance_type=w.any("tax", "regulatory", "financial", "operational", "odd"),
            status=w.any("compliant", "non_compliant", "at_risk", "pending", "odd"),
            due_date=w.day(),
            actual_completion_date=w.any(None, None, w.day()),
            requirements=w.any([], ["a"]),
            notes=w.any("", "n"),
        )
    for _ in w.many(30):
        metrics = {name: w.any(*AMOUNTS) for name in ("spend", "spent", "cost") if w.any(True, False)}
        w.put(
            "fbs_msme_marketing",
            solution_name=w.any("", "a", "c"),
            campaign_name=w.any("x", "y"),
            campaign_type=w.any("digital", "email", "odd"),
            start_date=w.day(),
            end_date=w.any(None, w.day()),
            budget=w.any(None, Decimal(0), Decimal(100), w.number()),
            metrics=w.any(metrics, metrics, metrics, [1]),
            status=w.any("active", "done"),
            created_at=w.moment(),
        )
    for _ in w.many(20):
        w.put(
            "fbs_msme_templates",
            name=w.any("a", "B", "b", "é"),
            business_type=w.any("retail", "services", "odd"),
            description="d",
            configuration=w.data(),
            is_active=w.any(True, False),
        )
    for _ in w.many(60):
        w.put(
            "fbs_msme_analytics",
            solution_name=w.any("", "a", "d"),
            metric_name=w.any("sales", "Visits"),
            metric_value=w.number(),
            metric_type=w.any("count", "money"),
            period=w.any("daily", "monthly"),
            date=w.day(),
            context=w.data(),
        )


def msme_setup(w: World) -> list[Answer]:
    def elapsed(s: Any) -> timedelta | None:
        if s.status == "not_started":
            return None
        end = s.completed_at if s.status == "completed" else w.now
        return end - s.started_at if end else None

    return [
        vars(s) | {"is_complete": s.status == "completed", "elapsed": elapsed(s)} for s in w("fbs_msme_setup_wizard")
    ]


def msme_kpi_progress(w: World) -> list[Answer]:
    def against_target(value: Decimal, target: Decimal | None) -> Answer:
        if target is None:
            return dict.fromkeys(("difference", "target_percent", "is_reached"))
        return {
            "difference": value - target,
            "target_percent": percent(value, target) if target > 0 else None,
            "is_reached": value >= target,
        }

    return [vars(k) | against_target(k.current_value, k.target_value) for k in w("fbs_msme_kpis")]


def msme_compliance_status(w: World) -> list[Answer]:
    def standing(c: Any) -> Answer:
        left = (c.due_date - w.today).days
        if c.actual_completion_date:
            return {
                "due_state": "met",
                "days_left": None,
                "days_late": max((c.actual_completion_date - c.due_date).days, 0),
            }
        if c.status == "compliant":
            return {"due_state": "met", "days_left": None, "days_late": 0}
        state = "overdue" if left < 0 else "due" if left <= 30 else "later"
        return {"due_state": state, "days_left": left, "days_late": max(-left, 0)}

    return [vars(c) | standing(c) for c in w("fbs_msme_compliance")]


def amount_of(metrics: Any) -> Decimal | None:
    named = metrics if isinstance(metrics, dict) else {}
    for name in ("spend", "spent", "cost"):
        if named.get(name) is not None:
            try:
                amount = Decimal(text_of(named[name]) or "")
            except ArithmeticError:
                return None
            return cents(amount) if abs(amount) < 10**13 else None
    return None


def msme_campaigns(w: World) -> list[Answer]:
    def standing(m: Any) -> Answer:
        every = None if m.end_date is None else days(m.start_date, m.end_date)
        coming = None if every is None or m.end_date < w.today else [day for day in every or [] if day >= w.today]
        spend = amount_of(m.metrics)
        both = m.budget is not None and spend is not None
        return {
            "is_running": m.start_date <= w.today and (m.end_date is None or w.today <= m.end_date),
            "days_planned": None if every is None else len(every),
            "days_left": None if coming is None else len(coming),
            "spend": spend,
            "budget_left": m.budget - spend if both else None,
            "budget_percent": percent(spend or 0, m.budget) if both else None,
            "is_over_budget": spend > m.budget if both else None,
        }

    return [vars(m) | standing(m) for m in w("fbs_msme_marketing")]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def msme_setup_templates(w: World) -> list[Answer]:
    return list(map(vars, w("fbs_msme_templates")))


def msme_analytics_series(w: World) -> list[Answer]:
    return list(map(vars, w("fbs_msme_analytics")))


def msme_analytics_summary(
    w: World, solution_name: str, since: date | None = None, until: date | None = None
) -> list[Answer]:
    picked = [
        a
        for a in w("fbs_msme_analytics")
        if a.solution_name == solution_name and (since is None or a.date >= since) and (until is None or a.date < until)
    ]
    found = []
    for (name, period), measured in sorted(grouped(picked, "metric_name", "period").items()):
        measured.sort(key=lambda a: (a.date, a.id))
        values = [a.metric_value for a in measured]
        latest, previous = values[-1], values[-2] if len(values) > 1 else None
        change = None if previous is None else latest - previous
        found.append(
            {
                "metric_name": name,
                "period": period,
                "metric_type": measured[-1].metric_type,
                "measurements": len(values),
                "first_date": measured[0].date,
                "last_date": measured[-1].date,
                "latest_value": latest,
                "previous_value": previous,
                "change": change,
                "change_percent": percent(change, abs(previous)) if change is not None and previous else None,
                "minimum": min(values),
                "maximum": max(values),
                "average": cents(Fraction(sum(values)) / len(values)),
                "total": sum(values),
            }
        )
    return found


def summary_arguments(w: World) -> Answer:
    return {"solution_name": w.any("", "a", "d", "none"), "since": w.any(None, w.day()), "until": w.any(None, w.day())}


def msme_dashboard(w: World) -> list[Answer]:
    parts = (msme_kpi_progress(w), msme_compliance_status(w), msme_campaigns(w))
    setups = {s.solution_name: s for s in w("fbs_msme_setup_wizard")}
    found = []
    for name in setups.keys() | {row["solution_name"] for part in parts for row in part}:
        kpis, duties, campaigns = ([row for row in part if row["solution_name"] == name] for part in parts)
        setup = setups.get(name, SimpleNamespace(business_type=None, status=None, progress=None))
        states = [row["due_state"] for row in duties]
        found.append(
            {
                "solution_name": name,
                "business_type": setup.business_type,
                "setup_status": setup.status,
                "setup_progress": setup.progress,
                "kpis": len(kpis),
                "kpis_with_target": sum(row["target_value"] is not None for row in kpis),
                "kpis_reached": sum(row["is_reached"] is True for row in kpis),
                "duties": len(duties),
                "duties_met": states.count("met"),
                "duties_due": states.count("due"),
                "duties_overdue": states.count("overdue"),
                "next_due_date": least(row["due_date"] for row in duties if row["due_state"] in ("due", "later")),
                "campaigns": len(campaigns),
                "campaigns_running": sum(row["is_running"] for row in campaigns),
                "budget": sum(row["budget"] or 0 for row in campaigns),
                "spend": sum(row["spend"] or 0 for row in campaigns),
                "campaigns_over_budget": sum(row["is_over_budget"] is True for row in campaigns),
                "latest_analytics_date": most(a.date for a in w("fbs_msme_analytics") if a.solution_name == name),
            }
        )
    return found


# --- workflows


def fill_workflow(w: World) -> None:
    for _ in w.many(9):
        w.put(
            "fbs_workflow_definitions",
            name=w.any("a", "B", "b"),
            description=w.any("", "d"),
            workflow_type=w.any("approval", "custom", "odd"),
            version=w.any("1.0", "2.0"),
            is_active=w.any(True, False),
            is_template=w.any(True, False),
            estimated_duration=w.any(None, 0, 1, 24, 5000),
            solution_name=w.solution(),
            created_by_id=w.user(),
        )
    definitions = w.ids("fbs_workflow_definitions")
    if not definitions:
        return
    for _ in w.many(24):
        w.put(
            "fbs_workflow_steps",
            workflow_definition_id=w.any(*definitions[1:], definitions[-1]),
            name=w.any("a", "b"),
            step_type=w.any("task", "approval", "odd"),
            order=w.chance.randint(-2, 9),
            is_required=w.any(True, False),
            estimated_duration=w.any(None, 0, 3),
            assigned_role=w.any("", "clerk"),
            assigned_user_id=w.user(),
            conditions=w.data(),
            actions=w.any([], ["a", 1]),
        )
    steps = grouped(w("fbs_workflow_steps"), "workflow_definition_id")

    def step_of(definition: int) -> int | None:
        own: list[int | None] = [step.id for step in steps.get((definition,), [])]
        return w.any_of([None, *own, *own])

    for _ in w.many(50):
        definition = w.any(*definitions)
        leaves, reaches = step_of(definition), step_of(definition)
        if leaves and reaches:
            w.put(
                "fbs_workflow_transitions",
                workflow_definition_id=w.any(definition, definition, definition, *definitions),
                from_step_id=leaves,
                to_step_id=reaches,
                transition_type=w.any("automatic", "manual", "odd"),
                conditions=w.data(),
                is_default=w.any(True, False),
            )
    for _ in w.many(50):
        definition = w.any(*definitions[:-1], definitions[0])
        w.put(
            "fbs_workflow_instances",
            workflow_definition_id=definition,
            business_id=w.any("", "x", "y"),
            current_step_id=step_of(definition),
            status=w.any("draft", "active", "active", "paused", "completed", "cancelled", "failed", "odd"),
            started_at=w.moment(),
            completed_at=w.any(None, w.moment(), w.moment() + 24 * HOUR),
            current_user_id=w.user(),
            workflow_data=w.data(),
            notes=w.any("", "n"),
            solution_name=w.solution(),
        )
    for _ in w.many(60):
        w.put(
            "fbs_workflow_execution_logs",
            workflow_instance_id=w.any(*w.ids("fbs_workflow_instances")),
            action=w.any("workflow_started", "step_failed", "odd"),
            action_data=w.data(),
            timestamp=w.moment(),
            executed_by_id=w.user(),
            notes=w.any("", "n"),
        )


def workflow_catalog(w: World) -> list[Answer]:
    steps = grouped(w("fbs_workflow_steps"), "workflow_definition_id")
    ways = grouped(w("fbs_workflow_transitions"), "workflow_definition_id")
    found = []
    for d in w("fbs_workflow_definitions"):
        own = steps.get((d.id,), [])
        estimates = [step.estimated_duration for step in own if step.estimated_duration is not None]
        found.append(
            vars(d)
            | {
                "steps": len(own),
                "required_steps": count(own, is_required=True),
                "transitions": len(ways.get((d.id,), [])),
                "steps_estimated_duration": sum(estimates) if estimates else None,
            }
        )
    return found


def step_at(w: World, run: Any) -> Any:
    nothing = SimpleNamespace(name=None, step_type=None, assigned_role=None)
    return by_id(w("fbs_workflow_steps")).get(run.current_step_id, nothing)


def workflow_runs(w: World) -> list[Answer]:
    def standing(run: Any) -> Answer:
        definition = by_id(w("fbs_workflow_definitions"))[run.workflow_definition_id]
        steps = [s for s in w("fbs_workflow_steps") if s.workflow_definition_id == definition.id]
        now_at = step_at(w, run)
        passed = sum(s.order < now_at.order for s in steps) if run.current_step_id else 0
        if run.status == "completed":
            progress: Decimal | int | None = 100
        elif run.current_step_id and steps:
            progress = percent(passed, len(steps))
        else:
            progress = 0 if run.status == "draft" and steps else None
        goes_on = run.completed_at is None and run.status not in ("completed", "cancelled", "failed")
        until = w.now if goes_on else run.completed_at
        estimate = definition.estimated_duration
        expected = None if estimate is None else run.started_at + estimate * HOUR
        return {
            "workflow_name": definition.name,
            "version": definition.version,
            "workflow_type": definition.workflow_type,
            "current_step_name": now_at.name,
            "current_step_type": now_at.step_type,
            "steps": len(steps),
            "steps_done": len(steps) if run.status == "completed" else passed,
            "progress_percent": progress,
            "age": until - run.started_at if until else None,
            "expected_at": expected,
            "is_late": until > expected if until and expected else None,
        }

    return [vars(run) | subject(run.workflow_data) | standing(run) for run in w("fbs_workflow_instances")]


def waits_since(w: World, run: Any) -> datetime:
    entries: list[datetime] = [
        entry.timestamp for entry in w("fbs_workflow_execution_logs") if entry.workflow_instance_id == run.id
    ]
    return max(entries, default=run.started_at)


def workflow_active_runs(w: World) -> list[Answer]:
    definitions = by_id(w("fbs_workflow_definitions"))
    return [
        without(run, "status", "completed_at")
        | subject(run.workflow_data)
        | {
            "workflow_name": definitions[run.workflow_definition_id].name,
            "workflow_type": definitions[run.workflow_definition_id].workflow_type,
            "current_step_name": step_at(w, run).name,
            "current_step_type": step_at(w, run).step_type,
            "assigned_role": step_at(w, run).assigned_role,
            "age": w.now - run.started_at,
            "waiting": w.now - waits_since(w, run),
        }
        for run in w("fbs_workflow_instances")
        if run.status == "active"
    ]


def workflow_graphs(w: World) -> list[Answer]:
    steps = by_id(w("fbs_workflow_steps"))

    def edge(t: Any) -> Answer:
        own = without(t, "workflow_definition_id", "from_step_id", "to_step_id")
        return own | {"from": t.from_step_id, "to": t.to_step_id}

    def place(t: Any) -> tuple[int, int, int]:
        return steps[t.from_step_id].order, steps[t.to_step_id].order, t.id

    return [
        {
            "workflow_definition_id": d.id,
            "name": d.name,
            "version": d.version,
            "solution_name": d.solution_name,
            "nodes": [
                without(s, "workflow_definition_id", "step_data")
                for s in sorted(steps.values(), key=lambda s: s.order)
                if s.workflow_definition_id == d.id
            ],
            "edges": [
                edge(t) for t in sorted(w("fbs_workflow_transitions"), key=place) if t.workflow_definition_id == d.id
            ],
        }
        for d in w("fbs_workflow_definitions")
    ]


def workflow_open_transitions(w: World) -> list[Answer]:
    steps = by_id(w("fbs_workflow_steps"))
    return [
        without(way, "id", "workflow_definition_id")
        | {
            "workflow_instance_id": run.id,
            "transition_id": way.id,
            "current_user_id": run.current_user_id,
            "from_step_name": steps[way.from_step_id].name,
            "to_step_name": steps[way.to_step_id].name,
            "to_step_type": steps[way.to_step_id].step_type,
            "to_assigned_role": steps[way.to_step_id].assigned_role,
            "to_assigned_user_id": steps[way.to_step_id].assigned_user_id,
        }
        for run in w("fbs_workflow_instances")
        for way in w("fbs_workflow_transitions")
        if run.status == "active"
        and way.from_step_id == run.current_step_id
        and way.workflow_definition_id == run.workflow_definition_id
    ]


def workflow_log(w: World) -> list[Answer]:
    runs = by_id(w("fbs_workflow_instances"))
    names = ("workflow_definition_id", "solution_name", "business_id")
    return [
        vars(entry) | {name: getattr(runs[entry.workflow_instance_id], name) for name in names}
        for entry in w("fbs_workflow_execution_logs")
    ]


def workflow_analytics(w: World) -> list[Answer]:
    found = []
    for (number, solution), runs in grouped(
        w("fbs_workflow_instances"), "workflow_definition_id", "solution_name"
    ).items():
        definition = by_id(w("fbs_workflow_definitions"))[number]
        states = {s: count(runs, status=s) for s in ("draft", "active", "paused", "completed", "cancelled", "failed")}
        took = [r.completed_at - r.started_at for r in runs if r.status == "completed" and r.completed_at]
        ended = states["completed"] + states["cancelled"] + states["failed"]
        found.append(
            {
                "workflow_definition_id": number,
                "solution_name": solution,
                "workflow_name": definition.name,
                "workflow_type": definition.workflow_type,
                "runs": len(runs),
                "completed_percent": percent(states["completed"], ended),
                "average_duration": mean(took),
                "median_duration": middle(took),
                "longest_duration": most(took),
                "oldest_open_at": least(r.started_at for r in runs if r.status in ("active", "paused")),
            }
            | states
        )
    return found


def workflow_waiting(w: World) -> list[Answer]:
    names = ("workflow_definition_id", "current_step_id", "solution_name")
    waiting = [run for run in w("fbs_workflow_instances") if run.status in ("active", "paused")]
    found = []
    for key, runs in grouped(waiting, *names).items():
        waits = [w.now - waits_since(w, run) for run in runs]
        found.append(
            dict(zip(names, key, strict=True))
            | {
                "current_step_name": step_at(w, runs[0]).name,
                "current_step_type": step_at(w, runs[0]).step_type,
                "runs": len(runs),
                "paused": count(runs, status="paused"),
                "without_user": count(runs, current_user_id=None),
                "average_wait": mean(waits),
                "median_wait": middle(waits),
                "longest_wait": max(waits),
            }
        )
    return found


# --- BI


FREQUENCIES = ["real_time", "hourly", "daily", "weekly", "monthly", "quarterly", "annually", "yearly", "odd", "Daily"]


def fill_bi(w: World) -> None:
    def common() -> Answer:
        return {
            "name": w.any("a", "B", "b", "é"),
            "description": w.any("", "d"),
            "is_active": w.any(True, True, False),
            "created_by_id": w.user(),
        }

    for _ in w.many(30):
        w.put(
            "fbs_dashboards",
            **common(),
            dashboard_type=w.any("msme", "custom", "odd"),
            layout=w.data(),
            is_public=w.any(True, False),
        )
        w.put(
            "fbs_reports",
            **common(),
            report_type=w.any("sales", "custom", "odd"),
            data_source="s",
            query_parameters=w.any({}, [1], {"frequency": w.any(*FREQUENCIES, None, "", 7)}),
            output_format=w.any("pdf", "odd"),
            is_scheduled=w.any(True, True, False),
        )
        w.put(
            "fbs_kpis",
            **common(),
            kpi_type=w.any("financial", "growth", "odd"),
            calculation_method="m",
            data_source="s",
            target_value=w.amount(),
            warning_threshold=w.amount(),
            critical_threshold=w.amount(),
            unit=w.any("", "%"),
            frequency=w.any(*FREQUENCIES),
        )
        w.put("fbs_charts", **common(), chart_type=w.any("line", "pie", "odd"), data_source="s", configuration=w.data())


def bi_dashboards(w: World) -> list[Answer]:
    return list(map(vars, w("fbs_dashboards")))


def bi_visible_dashboards(w: World, user_id: int) -> list[Answer]:
    found = [
        without(d, "is_active", "created_by_id", "created_at", "updated_at") | {"is_own": d.created_by_id == user_id}
        for d in w("fbs_dashboards")
        if d.is_active and (d.is_public or d.created_by_id == user_id)
    ]
    return sorted(found, key=lambda d: (d["dashboard_type"], d["name"], d["id"]))


def bi_reports(w: World) -> list[Answer]:
    return list(map(vars, w("fbs_reports")))


def alarm_side(kpi: Any) -> str | None:
    levels = [level for level in (kpi.critical_threshold, kpi.warning_threshold) if level is not None]
    if len(set(levels)) == 2:
        return "above" if levels[0] > levels[1] else "below"
    if not levels or kpi.target_value in (None, levels[0]):
        return None
    return "above" if levels[0] > kpi.target_value else "below"


def bi_kpis(w: World) -> list[Answer]:
    return [vars(kpi) | {"alarm_side": alarm_side(kpi)} for kpi in w("fbs_kpis")]


def bi_kpi_state(w: World, kpi_id: int, measured_value: Decimal) -> Answer | None:
    kpi = by_id(w("fbs_kpis")).get(kpi_id)
    if kpi is None:
        return None
    side = alarm_side(kpi)

    def reached(level: Decimal | None) -> bool:
        if level is None:
            return False
        return measured_value >= level if side == "above" else measured_value <= level

    state = "critical" if reached(kpi.critical_threshold) else "warning" if reached(kpi.warning_threshold) else "ok"
    names = ("id", "name", "unit", "target_value", "warning_threshold", "critical_threshold")
    return {name: getattr(kpi, name) for name in names} | {
        "value": measured_value,
        "target_percent": percent(measured_value, kpi.target_value) if (kpi.target_value or 0) > 0 else None,
        "alarm_side": side,
        "state": state if side else "unknown",
    }


def state_arguments(w: World) -> Answer:
    kpi = w.any(SimpleNamespace(id=999, warning_threshold=None, critical_threshold=None), *w("fbs_kpis"))
    levels = [level for level in (kpi.warning_threshold, kpi.critical_threshold) if level is not None]
    return {
        "kpi_id": kpi.id,
        "measured_value": w.any(w.number(), *levels, *levels) + w.any(Decimal(0), Decimal("0.01"), Decimal("-0.001")),
    }


def bi_charts(w: World) -> list[Answer]:
    return list(map(vars, w("fbs_charts")))


def began(frequency: str, at: datetime, zone: str) -> datetime:
    """When the present hour, day, week, month, quarter or year of a time zone began."""
    if frequency == "real_time":
        return at
    local = at.astimezone(ZoneInfo(zone))
    hour = local.replace(minute=0, second=0, microsecond=0)
    if frequency == "hourly":
        return hour.astimezone(UTC)
    day = hour.replace(hour=0, fold=0)
    if frequency == "weekly":
        day -= timedelta(days=day.weekday())  # by the calendar: midnights stay midnights
    elif frequency == "monthly":
        day = day.replace(day=1)
    elif frequency == "quarterly":
        day = day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)
    elif frequency in ("annually", "yearly"):
        day = day.replace(day=1, month=1)
    return day.astimezone(UTC)


def bi_schedules_due(
    w: World, since: datetime | None = None, zone: str = "UTC", at: datetime | None = None
) -> list[Answer]:
    planned = [("kpi", kpi, kpi.frequency) for kpi in w("fbs_kpis") if kpi.is_active]
    for report in w("fbs_reports"):
        if report.is_active and report.is_scheduled:
            named = report.query_parameters if isinstance(report.query_parameters, dict) else {}
            frequency = text_of(named.get("frequency"))
            planned.append(("report", report, "daily" if frequency is None else frequency))
    found = [
        {
            "kind": kind,
            "id": row.id,
            "name": row.name,
            "data_source": row.data_source,
            "frequency": frequency,
            "due_at": due_at,
        }
        for kind, row, frequency in planned
        for due_at in [began(frequency, at or w.now, zone)]
        if since is None or frequency == "real_time" or due_at > since
    ]
    return sorted(found, key=lambda row: (row["due_at"], row["kind"], row["id"]))


def schedules_arguments(w: World) -> Answer:
    at = w.any(None, w.moment(), *(datetime(2026, month, 1, w.any(0, 1, 5, 22), tzinfo=UTC) for month in (1, 3, 4, 11)))
    zone = w.any(None, *ZONES)
    begun = began(w.any(*FREQUENCIES), at or w.now, zone or "UTC")
    return {"at": at, "zone": zone, "since": w.any(None, w.moment(), begun, begun - INSTANT)}


# --- the comparison


class View(NamedTuple):
    """A read of a view: its model, the order of its rows, the column since and until are about."""

    group: str
    name: str
    model: Callable[[World], list[Answer]]
    order: str
    ranged: str = ""
    one: bool = False


class Call(NamedTuple):
    """A read of a function: its model, and what makes arguments up."""

    group: str
    name: str
    model: Callable[..., Any]
    arguments: Callable[[World], Answer]


READS: list[View | Call] = [
    View("approvals", "requests", approvals_requests, "-created_at -id", "created_at"),
    View("approvals", "pending", approvals_pending, "created_at id", "created_at"),
    View("approvals", "details", approvals_details, "id", one=True),
    Call("approvals", "turnaround", approvals_turnaround, turnaround_arguments),
    View("approvals", "approvers", approvals_approvers, "approver_id"),
    View("notifications", "inbox", notifications_inbox, "-is_unread -created_at -id", "created_at"),
    View("notifications", "counts", notifications_counts, "user_id notification_type priority"),
    View("notifications", "alerts", notifications_alerts, "-created_at -id", "created_at"),
    View("custom_fields", "values", custom_fields_values, "model_name record_id field_name database_name"),
    View("custom_fields", "objects", custom_fields_objects, "model_name record_id database_name"),
    Call("custom_fields", "records", custom_fields_records, records_arguments),
    View("operations", "requests", operations_requests, "-timestamp -id", "timestamp"),
    Call("operations", "requests_by_path", operations_requests_by_path, between_arguments),
    Call("operations", "requests_by_status", operations_requests_by_status, between_arguments),
    Call("operations", "requests_over_time", operations_requests_over_time, over_time_arguments),
    Call("operations", "cached", operations_cached, at_arguments("fbs_cache_entries", "key")),
    View("operations", "cache", operations_cache, "database_name"),
    View("operations", "handshakes", operations_handshakes, "id", "expires_at"),
    Call("operations", "handshake", operations_handshake, at_arguments("fbs_handshakes", "handshake_id")),
    Call("operations", "verified_handshake", operations_verified_handshake, verified_arguments),
    Call("operations", "token_owner", operations_token_owner, at_arguments("fbs_token_mappings", "token")),
    View("operations", "business_rules", operations_business_rules, "model_name priority name id"),
    View("msme", "setup", msme_setup, "solution_name"),
    View("msme", "kpi_progress", msme_kpi_progress, "solution_name kpi_name period"),
    View("msme", "compliance_status", msme_compliance_status, "due_date id", "due_date"),
    View("msme", "campaigns", msme_campaigns, "-start_date -id", "start_date"),
    View("msme", "setup_templates", msme_setup_templates, "business_type name id"),
    View("msme", "analytics_series", msme_analytics_series, "date id", "date"),
    Call("msme", "analytics_summary", msme_analytics_summary, summary_arguments),
    View("msme", "dashboard", msme_dashboard, "solution_name"),
    View("workflow", "catalog", workflow_catalog, "workflow_type name id"),
    View("workflow", "runs", workflow_runs, "-started_at -id", "started_at"),
    View("workflow", "active_runs", workflow_active_runs, "started_at id", "started_at"),
    View("workflow", "graphs", workflow_graphs, "workflow_definition_id", one=True),
    View("workflow", "open_transitions", workflow_open_transitions, "workflow_instance_id is_default transition_id"),
    View("workflow", "log", workflow_log, "-timestamp -id", "timestamp"),
    View("workflow", "analytics", workflow_analytics, "workflow_definition_id solution_name"),
    View("workflow", "waiting", workflow_waiting, "workflow_definition_id current_step_id solution_name"),
    View("bi", "dashboards", bi_dashboards, "dashboard_type name id"),
    Call("bi", "visible_dashboards", bi_visible_dashboards, lambda w: {"user_id": w.any(1, 2, 3, 9)}),
    View("bi", "reports", bi_reports, "report_type name id"),
    View("bi", "kpis", bi_kpis, "kpi_type name id"),
    Call("bi", "kpi_state", bi_kpi_state, state_arguments),
    View("bi", "charts", bi_charts, "chart_type name id"),
    Call("bi", "schedules_due", bi_schedules_due, schedules_arguments),
]
FILLS: dict[str, Callable[[World], None]] = {
    "approvals": fill_approvals,
    "notifications": fill_notifications,
    "custom_fields": fill_custom_fields,
    "operations": fill_operations,
    "msme": fill_msme,
    "workflow": fill_workflow,
    "bi": fill_bi,
}


def close(found: Any, expected: Any) -> bool:
    """Equal; means and shares of times to some millionths."""
    if isinstance(found, float) and isinstance(expected, float | int):
        return math.isclose(found, expected, abs_tol=1e-9)
    if isinstance(found, timedelta) and isinstance(expected, timedelta):
        return abs(found - expected) <= 3 * INSTANT
    if isinstance(expected, datetime):  # of different zones, those of an hour that comes twice are never equal
        moment = datetime.fromisoformat(found) if isinstance(found, str) else found
        return moment is not None and moment.astimezone(UTC) == expected
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[name], expected[name]) for name in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def agree(found: Any, expected: Any, asked: str) -> None:
    """What was found, row after row, is what was to be expected."""
    for number, (one, other) in enumerate(itertools.zip_longest(found, expected)):
        told, row = f"{asked}, row {number}", one and one.as_dict()
        assert row is not None, f"{told} is missing: {other}"
        assert other is not None, f"{told} is one too many: {row}"
        assert row.keys() == other.keys(), told
        for name in row:
            assert close(row[name], other[name]), f"{told}: {name} is {row[name]!r}, not {other[name]!r}, in {other}"


def in_order(found: list[Answer], order: str) -> list[Answer]:
    """By the last column first, as sorting keeps what ties; nulls are the greatest."""

    def key(column: str) -> Callable[[Answer], Any]:
        return lambda row: (True,) if row[column] is None else (False, row[column])

    for name in reversed(order.split()):
        found = sorted(found, key=key(name.lstrip("-")), reverse=name[0] == "-")
    return found


def tries(w: World, view: View, read: Read[Any], every: list[Answer]) -> Iterator[Answer]:
    """No filter; each filter; some that one row meets together, and bounds that rows lie on."""
    yield {}
    names = list(dict.fromkeys(itertools.chain(read.filters, *read.together)))
    for name in names * 2:
        found = [wanted for row in every if (wanted := askable(read, [name], row))]
        if found:
            yield w.any(*found)
    for _ in range(8 if every else 0):
        some = w.chance.sample(names, w.chance.randint(0, min(3, len(names))))
        alike = w.any(*every)
        bounds = w.any([], ["since"], ["until"], ["since", "until"]) if view.ranged else []
        yield askable(read, [name for name in some if name != "id"], alike) | {
            bound: w.any(*every)[view.ranged] for bound in bounds
        }


def met(row: Answer, view: View, wanted: Answer) -> bool:
    filters, bounds = dict(wanted), dict.fromkeys(("since", "until"))
    bounds |= {bound: filters.pop(bound) for bound in bounds if bound in filters}
    return (
        all(row[name] == value for name, value in filters.items())
        and (bounds["since"] is None or row[view.ranged] >= bounds["since"])
        and (bounds["until"] is None or row[view.ranged] < bounds["until"])
    )


def compare_view(fbs: Any, w: World, view: View) -> None:
    """By all sorts of filters; streamed, and page after page."""
    group = getattr(fbs, view.group)
    method = getattr(group, view.name)
    every = in_order(view.model(w), view.order)
    of = inspect.signature(method).parameters
    names = [name for name in of if name not in ("since", "until", "after", "limit")]
    for wanted in tries(w, view, read_of(view.group, view.name), every):
        told = f"seed {w.seed}: {view.group}.{view.name}({wanted})"
        expected = [row for row in every if met(row, view, wanted)]
        if view.one:
            if any(of[name].default is inspect.Parameter.empty and name not in wanted for name in names):
                continue
            one = method(**wanted)
            agree([one] if one else [], expected[:1], told)
            continue
        agree(method(**wanted, limit=500), expected, told)
        if len(wanted) != 1:
            agree(getattr(group, f"stream_{view.name}")(**wanted), expected, f"{told} streamed")
            limit = w.chance.randint(1, 7)
            page = method(**wanted, limit=limit)
            paged = list(page)
            while page.next:
                page = method(**wanted, limit=limit, after=page.next)
                paged += page
            agree(paged, expected, f"{told} by {limit}")


def compare_call(fbs: Any, w: World, call: Call) -> None:
    for _ in range(15):
        given = call.arguments(w)
        told = f"seed {w.seed}: {call.group}.{call.name}({given})"
        found = getattr(getattr(fbs, call.group), call.name)(**given)
        expected = call.model(w, **{name: value for name, value in given.items() if value is not None})
        if isinstance(found, Page):
            agree(found, expected, told)
        elif hasattr(found, "_fields"):
            agree([found], [expected], told)
        else:
            assert close(found, expected), f"{told} is {found!r}, not {expected!r}"


@pytest.mark.parametrize("group", FILLS)
@pytest.mark.parametrize("seed", SEEDS)
def test_reads_answer_as_plain_python_does(installed: psycopg.Connection, group: str, seed: int) -> None:
    with fbs_db.connect(installed) as fbs:
        world = World(installed, seed)
        FILLS[group](world)
        for read in READS:
            if read.group != group:
                continue
            if isinstance(read, View):
                compare_view(fbs, world, read)
            else:
                compare_call(fbs, world, read)


def test_every_read_of_these_groups_is_compared() -> None:
    wanted = {(group, name) for group, name in reads() if group in FILLS and not name.startswith("stream_")}
    assert {(read.group, read.name) for read in READS} == wanted
    assert len(READS) == len(wanted)


def test_custom_fields_fit_their_types_or_not_whatever_the_collation(installed: psycopg.Connection) -> None:
    """White space and digits of other scripts are none to a cast, whatever a collation takes them for."""
    told = 'select fbs_custom_fields_typed(%s, %s::text collate "pg_c_utf8")'
    for kind, text in itertools.product(TYPES, TEXTS):
        ((found,),) = installed.execute(told, [kind, text]).fetchall()
        expected = typed(kind, text)
        assert close(found, None if expected is MISFIT else expected), (kind, text[:50], found)
