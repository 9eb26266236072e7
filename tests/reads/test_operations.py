"""What is read of running FBS: the request log, the cache, handshakes, tokens and rules."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from tests.support.connections import rows
from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import add

MIDNIGHT = datetime(2024, 12, 31, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def log(connection: psycopg.Connection, at: datetime, milliseconds: float, **values: Any) -> None:
    filled = {"method": "GET", "path": "/a", "status_code": 200} | values
    add(connection, "fbs_request_logs", timestamp=at, response_time=milliseconds, **filled)


@pytest.fixture
def logged(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """On the last day of 2024: /a takes 0, 10, 20 ... 100 ms, all of an hour and one fault; /b fails."""
    for n in range(11):
        log(installed_everywhere, MIDNIGHT + n * timedelta(minutes=1), 10.0 * n, status_code=404 if n == 10 else 200)
    log(installed_everywhere, MIDNIGHT + 23 * HOUR, 7.0, path="/b", status_code=500, method="POST")
    log(installed_everywhere, MIDNIGHT + 23 * HOUR, 5.0, path="/b", status_code=399, method="GET")
    log(installed_everywhere, MIDNIGHT + 24 * HOUR, 1000.0)
    return installed_everywhere


DAY = {"since": MIDNIGHT, "until": MIDNIGHT + 24 * HOUR}
TIMES = ("response_time_p50", "response_time_p95", "response_time_p99")


def test_figures_by_path(logged: psycopg.Connection) -> None:
    found = call(logged, "fbs_operations_requests_by_path", **DAY)
    assert columns(found, "method", "path", "requests", "errors", *TIMES) == [
        ("GET", "/a", 11, 1, 50.0, 95.0, 99.0),
        ("GET", "/b", 1, 0, 5.0, 5.0, 5.0),
        ("POST", "/b", 1, 1, 7.0, 7.0, 7.0),
    ]
    assert [str(row["error_percent"]) for row in found] == ["9.09", "0.00", "100.00"]
    assert found[0]["last_requested_at"] == MIDNIGHT + timedelta(minutes=10)


def test_the_end_of_a_time_is_not_part_of_it(logged: psycopg.Connection) -> None:
    found = call(logged, "fbs_operations_requests_by_path", since=MIDNIGHT + 24 * HOUR)
    assert columns(found, "path", "requests") == [("/a", 1)]
    assert call(logged, "fbs_operations_requests_by_path", since=MIDNIGHT, until=MIDNIGHT) == []


def test_unless_told_figures_are_of_the_last_day(installed: psycopg.Connection) -> None:
    (now,) = rows(installed, "select now()")[0]
    log(installed, now - 25 * HOUR, 1.0)
    assert call(installed, "fbs_operations_requests_by_path") == []
    log(installed, now - 23 * HOUR, 2.0)
    assert [row["requests"] for row in call(installed, "fbs_operations_requests_by_path")] == [1]
    assert [row["requests"] for row in call(installed, "fbs_operations_requests_by_status")] == [1]
    assert sum(row["requests"] for row in call(installed, "fbs_operations_requests_over_time")) == 1


def test_figures_by_status(logged: psycopg.Connection) -> None:
    found = call(logged, "fbs_operations_requests_by_status", **DAY)
    assert columns(found, "path", "method", "status_code", "requests", "errors", *TIMES[:2]) == [
        ("/a", "GET", 200, 10, 0, 45.0, pytest.approx(85.5)),
        ("/a", "GET", 404, 1, 1, 100.0, 100.0),
        ("/b", "GET", 399, 1, 0, 5.0, 5.0),
        ("/b", "POST", 500, 1, 1, 7.0, 7.0),
    ]
    assert [str(row["path_percent"]) for row in found] == ["90.91", "9.09", "100.00", "100.00"]


def test_figures_over_time_have_a_row_for_each_bucket(logged: psycopg.Connection) -> None:
    found = call(logged, "fbs_operations_requests_over_time", **DAY)
    assert [row["bucket_start"] for row in found] == [MIDNIGHT + n * HOUR for n in range(24)]
    assert columns(found[:2], "requests", "errors", *TIMES) == [(11, 1, 50.0, 95.0, 99.0), (0, 0, None, None, None)]
    assert found[1]["error_percent"] is None
    assert columns(found[23:], "requests", "errors") == [(2, 1)]
    assert str(found[23]["error_percent"]) == "50.00"


def test_buckets_cross_the_years_end(logged: psycopg.Connection) -> None:
    found = call(
        logged,
        "fbs_operations_requests_over_time",
        since=MIDNIGHT - 12 * HOUR,
        until=MIDNIGHT + 36 * HOUR,
        bucket=timedelta(days=1),
    )
    assert columns(found, "bucket_start", "requests") == [
        (MIDNIGHT - 24 * HOUR, 0),
        (MIDNIGHT, 13),
        (MIDNIGHT + 24 * HOUR, 1),
    ]


def test_days_of_another_zone_start_at_its_midnight(logged: psycopg.Connection) -> None:
    nairobi = timezone(3 * HOUR)
    found = call(
        logged,
        "fbs_operations_requests_over_time",
        since=datetime(2024, 12, 31, tzinfo=nairobi),
        until=datetime(2025, 1, 2, tzinfo=nairobi),
        bucket=timedelta(days=1),
        origin=datetime(2024, 1, 1, tzinfo=nairobi),
    )
    assert columns(found, "bucket_start", "requests") == [
        (datetime(2024, 12, 31, tzinfo=nairobi), 11),
        (datetime(2025, 1, 1, tzinfo=nairobi), 3),
    ], "23:00 in UTC is the next day in Nairobi"


def test_a_clock_that_changes_neither_doubles_nor_loses_a_bucket(installed: psycopg.Connection) -> None:
    installed.execute("set timezone = 'Europe/Berlin'")
    change = datetime(2024, 10, 27, tzinfo=timezone.utc)
    log(installed, change + HOUR, 1.0)
    found = call(
        installed,
        "fbs_operations_requests_over_time",
        since=change - 24 * HOUR,
        until=change + 48 * HOUR,
        bucket=timedelta(days=1),
    )
    assert [(row["bucket_start"].astimezone(timezone.utc), row["requests"]) for row in found] == [
        (change - 24 * HOUR, 0),
        (change, 1),
        (change + 24 * HOUR, 0),
    ]


def test_no_time_has_no_buckets_and_odd_buckets_are_refused(installed: psycopg.Connection) -> None:
    assert call(installed, "fbs_operations_requests_over_time", since=MIDNIGHT, until=MIDNIGHT) == []
    for bucket in ("1 month", "1 year", "0", "-1 hour"):
        with pytest.raises((psycopg.DataError, psycopg.errors.FeatureNotSupported)), installed.transaction():
            call(installed, "fbs_operations_requests_over_time", bucket=bucket, **DAY)


def test_the_log_tells_neither_what_was_sent_nor_answered(logged: psycopg.Connection) -> None:
    found = view(logged, "fbs_operations_requests", status_code=500)
    assert columns(found, "path", "method", "timestamp") == [("/b", "POST", MIDNIGHT + 23 * HOUR)]
    assert not {"request_data", "response_data"} & set(found[0])


def test_the_cache_gives_what_has_not_expired(installed_everywhere: psycopg.Connection) -> None:
    entry = {"database_name": "odoo", "expires_at": MIDNIGHT}
    add(installed_everywhere, "fbs_cache_entries", key="k", value={"a": 1}, **entry)
    add(installed_everywhere, "fbs_cache_entries", key="empty", value="null", **entry)

    def cached(key: str, seconds: float) -> Any:
        found = call(installed_everywhere, "fbs_operations_cached", key=key, at=MIDNIGHT + timedelta(seconds=seconds))
        return [row["fbs_operations_cached"] for row in found]

    assert cached("k", -0.001) == [{"a": 1}]
    assert cached("k", 0) == [None]
    assert cached("other", -1) == [None]
    query = "select fbs_operations_cached('empty', '2024-01-01')::text, fbs_operations_cached('empty')::text"
    assert rows(installed_everywhere, query) == [("null", None)], "a kept null is not a missing one"


def test_cache_figures_of_each_database(installed: psycopg.Connection) -> None:
    (now,) = rows(installed, "select now()")[0]
    for number, (database, minutes) in enumerate([("a", 5), ("a", 9), ("a", -5), ("b", 0)]):
        add(
            installed,
            "fbs_cache_entries",
            key=f"k{number}",
            value="1",
            database_name=database,
            expires_at=now + timedelta(minutes=minutes),
            created_at=now - timedelta(minutes=10 + number),
        )
    found = view(installed, "fbs_operations_cache", order="database_name")
    names = ("database_name", "entries", "live", "expired", "next_expiry_at", "oldest_at")
    assert columns(found, *names) == [
        ("a", 3, 2, 1, now + timedelta(minutes=5), now - timedelta(minutes=12)),
        ("b", 1, 0, 1, None, now - timedelta(minutes=13)),
    ]
    assert view(installed, "fbs_operations_cache", order="database_name", database_name="c") == []


def shake(connection: psycopg.Connection, name: str, status: str, expires: datetime) -> None:
    values = {"handshake_id": name, "status": status, "expires_at": expires, "secret_key": f"{name} key"}
    add(connection, "fbs_handshakes", solution_name="shop", **values)


def test_a_handshake_is_valid_while_active_and_not_expired(installed_everywhere: psycopg.Connection) -> None:
    for status in ("active", "pending", "expired", "revoked"):
        shake(installed_everywhere, status, status, MIDNIGHT)
    early, late = MIDNIGHT - timedelta(microseconds=1), MIDNIGHT
    found = one(installed_everywhere, "fbs_operations_handshake", handshake_id="active", at=early)
    assert (found["solution_name"], found["status"], found["expires_at"]) == ("shop", "active", MIDNIGHT)
    assert call(installed_everywhere, "fbs_operations_handshake", handshake_id="active", at=late) == []
    for name in ("pending", "expired", "revoked", "none"):
        assert call(installed_everywhere, "fbs_operations_handshake", handshake_id=name, at=early) == []


def test_a_handshake_is_verified_by_its_secret(installed: psycopg.Connection) -> None:
    (now,) = rows(installed, "select now()")[0]
    shake(installed, "a", "active", now + HOUR)
    shake(installed, "b", "active", now + HOUR)
    shake(installed, "old", "active", now)

    def verified(name: str, secret: str | None) -> int:
        return len(call(installed, "fbs_operations_verified_handshake", handshake_id=name, secret_key=secret))

    assert verified("a", "a key") == 1
    assert verified("a", "b key") == verified("a", "") == verified("a", None) == verified("old", "old key") == 0


def test_handshakes_are_listed_without_their_secrets(installed: psycopg.Connection) -> None:
    (now,) = rows(installed, "select now()")[0]
    shake(installed, "good", "active", now + HOUR)
    shake(installed, "past", "active", now)
    shake(installed, "new", "pending", now + HOUR)
    found = view(installed, "fbs_operations_handshakes")
    assert columns(found, "handshake_id", "is_valid") == [("good", True), ("past", False), ("new", False)]
    assert "secret_key" not in found[0]


def test_no_view_holds_a_secret(installed: psycopg.Connection) -> None:
    shown = rows(
        installed,
        "select relname, attname from pg_attribute inner join pg_class on attrelid = pg_class.oid"
        " where relkind = 'v' and relname like 'fbs\\_%' and attnum > 0"
        " and attname in ('token', 'secret_key', 'password', 'license_key')",
    )
    assert shown == []


def test_the_owner_of_a_token(installed_everywhere: psycopg.Connection) -> None:
    databases = [
        add(installed_everywhere, "fbs_odoo_databases", name=name, is_active=name == "on")[1] for name in ("on", "off")
    ]

    def token(name: str, user: int, number: int, **values: Any) -> None:
        add(
            installed_everywhere,
            "fbs_token_mappings",
            token=name,
            user_id=user,
            database_id=databases[number],
            **values,
        )

    token("lasting", 1, 0)
    token("passing", 2, 0, expires_at=MIDNIGHT)
    token("withdrawn", 3, 0, is_active=False)
    token("switched off", 4, 1)

    def owner(name: str, at: datetime = MIDNIGHT - HOUR) -> list[tuple[Any, ...]]:
        found = call(installed_everywhere, "fbs_operations_token_owner", token=name, at=at)
        return columns(found, "user_id", "database_name", "database_is_active", "expires_at")

    assert owner("lasting") == [(1, "on", True, None)]
    assert owner("passing") == [(2, "on", True, MIDNIGHT)]
    assert owner("passing", MIDNIGHT) == owner("withdrawn") == owner("none") == owner("") == []
    assert owner("switched off") == [(4, "off", False, None)]


def test_a_tokens_owner_is_looked_up_not_searched_for(installed: psycopg.Connection) -> None:
    add(installed, "fbs_odoo_databases", name="d")
    installed.execute(
        "insert into fbs_token_mappings (user_id, database_id, token)"
        " select n, 1, 'token ' || n from generate_series(1, 5000) as n"
    )
    installed.execute("analyze fbs_token_mappings, fbs_odoo_databases")
    installed.execute("set local plan_cache_mode = force_generic_plan")

    def blocks(name: str) -> int:
        query = f"explain (analyze, buffers, format json) select * from fbs_operations_token_owner('{name}')"
        plan = rows(installed, query)[0][0][0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    blocks("token 1")
    assert blocks("token 4321") < 10, "of some fifty that the table has"


def test_rules_of_a_model_come_in_the_order_they_apply(installed: psycopg.Connection) -> None:
    for model, priority, name, is_active in [
        ("sale", 5, "late", True),
        ("sale", 0, "b", True),
        ("sale", 0, "a", False),
        ("sale", 0, "b", True),
        ("sale", -1, "first", True),
        ("rent", 0, "other", True),
    ]:
        add(installed, "fbs_business_rules", model_name=model, priority=priority, name=name, is_active=is_active)
    order = "where model_name = 'sale' order by model_name, priority, name, id"
    found = rows(installed, f"select name, id, is_active from fbs_operations_business_rules {order}")
    assert found == [("first", 5, True), ("a", 3, False), ("b", 2, True), ("b", 4, True), ("late", 1, True)]
