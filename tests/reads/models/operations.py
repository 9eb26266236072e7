"""Operations: random rows, and what each read answers to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.reads.models.common import by_id, count, grouped, least, most, percent, without
from tests.support.differential import DAY, HOUR, INSTANT, UTC, Answer, Call, Group, Raw, View, World


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
    return [without(call, "request_data", "response_data") for call in w["fbs_request_logs"]]


def calls_between(w: World, since: datetime | None, until: datetime | None) -> list[Any]:
    return [
        call
        for call in w["fbs_request_logs"]
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
    return next((e.value for e in w["fbs_cache_entries"] if e.key == key and e.expires_at > (at or w.now)), None)


def operations_cache(w: World) -> list[Answer]:
    found = []
    for (name,), entries in grouped(w["fbs_cache_entries"], "database_name").items():
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
    return [without(h, "secret_key") | {"is_valid": is_valid(h, w.now)} for h in w["fbs_handshakes"]]


def operations_handshake(w: World, handshake_id: str, at: datetime | None = None) -> Answer | None:
    for h in w["fbs_handshakes"]:
        if h.handshake_id == handshake_id and is_valid(h, at or w.now):
            return without(h, "secret_key", "handshake_id")
    return None


def operations_verified_handshake(
    w: World, handshake_id: str, secret_key: str, at: datetime | None = None
) -> Answer | None:
    own = any(h.handshake_id == handshake_id and h.secret_key == secret_key != "" for h in w["fbs_handshakes"])
    return operations_handshake(w, handshake_id, at) if own else None


def operations_token_owner(w: World, token: str, at: datetime | None = None) -> Answer | None:
    for t in w["fbs_token_mappings"]:
        if t.token == token and t.is_active and (t.expires_at is None or t.expires_at > (at or w.now)):
            database = by_id(w["fbs_odoo_databases"])[t.database_id]
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
        row = w.any(Raw(**{name: "none"}, expires_at=None), *w[table], *w[table])
        return {name: getattr(row, name), "at": w.any(None, w.moment(), row.expires_at)}

    return arguments


def verified_arguments(w: World) -> Answer:
    return at_arguments("fbs_handshakes", "handshake_id")(w) | {"secret_key": w.any("sesame", "open", "")}


def operations_business_rules(w: World) -> list[Answer]:
    return w["fbs_business_rules"]


READS = Group(
    fill_operations,
    [
        View("requests", operations_requests, "-timestamp -id", "timestamp"),
        Call("requests_by_path", operations_requests_by_path, between_arguments),
        Call("requests_by_status", operations_requests_by_status, between_arguments),
        Call("requests_over_time", operations_requests_over_time, over_time_arguments),
        Call("cached", operations_cached, at_arguments("fbs_cache_entries", "key")),
        View("cache", operations_cache, "database_name"),
        View("handshakes", operations_handshakes, "id", "expires_at"),
        Call("handshake", operations_handshake, at_arguments("fbs_handshakes", "handshake_id")),
        Call("verified_handshake", operations_verified_handshake, verified_arguments),
        Call("token_owner", operations_token_owner, at_arguments("fbs_token_mappings", "token")),
        View("business_rules", operations_business_rules, "model_name priority name id"),
    ],
    roughly=True,
)
