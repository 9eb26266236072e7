"""What is read of licences: how they stand, and what may be used."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import add


def license_of(connection: psycopg.Connection, solution: str, **values: Any) -> None:
    for name in ("features", "limits"):
        if name in values and not isinstance(values[name], str):
            values[name] = json.dumps(values[name])
    add(connection, "fbs_license_manager_solution_license", solution_name=solution, **values)


def used(connection: psycopg.Connection, solution: str, feature: str, count: int) -> None:
    add(
        connection,
        "fbs_license_manager_feature_usage",
        solution_name=solution,
        feature_name=feature,
        usage_count=count,
    )


@pytest.mark.parametrize(
    ("status", "kind", "ends", "expected", "days"),
    [
        ("active", "basic", None, "active", None),
        ("active", "basic", "2024-02-29 00:00+00", "active", 0),  # valid through its last day
        ("active", "basic", "2024-02-28 23:59+00", "expired", -1),
        ("active", "trial", "2024-02-28 23:59+00", "trial_expired", -1),
        ("active", "trial", "2024-03-01 00:00+00", "active", 1),
        # What was noted of its end may be out of date; what someone decided stands.
        ("expired", "basic", "2025-02-28 00:00+00", "active", 365),
        ("trial_expired", "trial", "2024-03-01 00:00+00", "active", 1),
        ("expired", "basic", None, "expired", None),
        ("suspended", "basic", "2025-02-28 00:00+00", "suspended", 365),
        ("suspended", "basic", "2020-02-29 00:00+00", "suspended", -1461),
    ],
)
def test_a_licence_on_29_february_2024(
    installed: psycopg.Connection, status: str, kind: str, ends: str | None, expected: str, days: int | None
) -> None:
    installed.execute("set timezone = 'UTC'")
    license_of(installed, "a", status=status, license_type=kind, expiry_date=ends)
    found = call(installed, "fbs_licensing_license", solution_name="a", on_date="2024-02-29")
    assert columns(found, "effective_status", "is_valid", "days_left") == [(expected, expected == "active", days)]


def test_the_day_a_licence_ends_on_is_that_of_the_sessions_time_zone(installed: psycopg.Connection) -> None:
    license_of(installed, "a", expiry_date="2024-02-29 22:30+00")
    for zone, valid in [("UTC", False), ("Africa/Nairobi", True)]:
        installed.execute("select set_config('timezone', %s, false)", (zone,))
        (found,) = call(installed, "fbs_licensing_license", solution_name="a", on_date="2024-03-01")
        assert found["is_valid"] is valid, zone


def test_a_licence_without_an_end_that_can_be_counted_is_valid(installed: psycopg.Connection) -> None:
    license_of(installed, "a", expiry_date="infinity")
    assert installed.execute("select is_valid, days_left from fbs_licensing_license('a')").fetchone() == (True, None)
    assert installed.execute("select is_valid, days_left from fbs_licensing_licenses").fetchone() == (True, None)


def test_licences_today(installed_everywhere: psycopg.Connection) -> None:
    db = installed_everywhere
    now = datetime.now(timezone.utc)
    db.execute("set timezone = 'UTC'")
    license_of(db, "today", expiry_date=now, features=["core"], limits={"users": 2}, license_key="SECRET")
    license_of(db, "over", expiry_date=now - timedelta(1), status="active")
    license_of(db, "broken", features="not JSON", limits="[1]")
    license_of(db, "odd", features='{"core": true}', limits='"\\u0000"')
    found = view(db, "fbs_licensing_licenses")
    assert columns(found, "solution_name", "effective_status", "days_left", "features", "limits") == [
        ("today", "active", 0, ["core"], {"users": 2}),
        ("over", "trial_expired", -1, [], {}),
        ("broken", "active", None, [], {}),
        ("odd", "active", None, [], {}),
    ]
    assert "SECRET" not in str(found)
    assert "SECRET" not in str(call(db, "fbs_licensing_license", solution_name="today"))


def feature(connection: psycopg.Connection, name: str, **arguments: Any) -> dict[str, Any]:
    arguments = {"solution_name": "a", "on_date": date(2024, 1, 1)} | arguments
    return one(connection, "fbs_licensing_feature", feature_name=name, **arguments)


@pytest.mark.parametrize(
    ("limits", "count", "expected"),
    [
        ({}, 7, ("allowed", None, 7, None, None)),
        ({"bi": 10}, 7, ("allowed", 10, 7, 3, Decimal("70.00"))),
        ({"bi": 10}, 9, ("allowed", 10, 9, 1, Decimal("90.00"))),
        ({"bi": 10}, 10, ("limit_reached", 10, 10, 0, Decimal("100.00"))),
        ({"bi": 10}, 12, ("limit_reached", 10, 12, 0, Decimal("120.00"))),
        ({"bi": 10}, None, ("allowed", 10, 0, 10, Decimal("0.00"))),
        ({"bi": 0}, None, ("limit_reached", 0, 0, 0, None)),  # a limit of 0 allows nothing
        ({"bi": -1}, 7, ("allowed", None, 7, None, None)),  # -1 is no limit
        ({"bi": {"count": 10}}, 7, ("allowed", 10, 7, 3, Decimal("70.00"))),
        ({"bi": {"count": -1}}, 7, ("allowed", None, 7, None, None)),
        ({"bi": {"rate": 3}}, 7, ("allowed", None, 7, None, None)),
        ({"bi": None}, 7, ("allowed", None, 7, None, None)),
        ({"bi": "many"}, 7, ("allowed", None, 7, None, None)),
        ({"bi": 2.5}, 2, ("allowed", Decimal("2.5"), 2, Decimal("0.5"), Decimal("80.00"))),
    ],
)
def test_a_feature_within_and_beyond_its_limit(
    installed: psycopg.Connection, limits: dict[str, Any], count: int | None, expected: tuple[Any, ...]
) -> None:
    license_of(installed, "a", features=["core", "bi"], limits=limits)
    if count is not None:
        used(installed, "a", "bi", count)
    found = feature(installed, "bi")
    assert found["is_included"]
    assert found["is_allowed"] is (expected[0] == "allowed")
    assert columns([found], "reason", "usage_limit", "usage_count", "usage_left", "used_percent") == [expected]


def test_why_a_feature_may_not_be_used(installed_everywhere: psycopg.Connection) -> None:
    db = installed_everywhere
    db.execute("set timezone = 'UTC'")
    license_of(db, "a", features=["bi"], limits={"users": 2}, expiry_date="2024-06-30 12:00+00", license_type="basic")
    license_of(db, "b", features=["bi"], status="suspended")
    assert feature(db, "bi", on_date="2024-06-30")["reason"] == "allowed"
    assert feature(db, "bi", on_date="2024-07-01")["reason"] == "expired"
    assert feature(db, "users")["reason"] == "not_included"
    assert feature(db, "users")["usage_left"] == 2
    assert feature(db, "bi", solution_name="b")["reason"] == "suspended"
    found = feature(db, "bi", solution_name="none")
    assert columns([found], "is_allowed", "reason", "is_included", "usage_count") == [(False, "no_license", False, 0)]


def test_businesses_bound_the_feature_msme(installed: psycopg.Connection) -> None:
    license_of(installed, "a", features=["msme"], limits={"msme_businesses": 5})
    used(installed, "a", "msme", 5)
    assert feature(installed, "msme")["reason"] == "limit_reached"


def test_every_feature_of_a_solution(installed: psycopg.Connection) -> None:
    license_of(installed, "a", features=["bi", "core", 7, None], limits={"bi": 2, "users": 3})
    used(installed, "a", "bi", 2)
    used(installed, "a", "reports", 9)
    used(installed, "b", "other", 1)
    found = call(installed, "fbs_licensing_features", solution_name="a", on_date="2024-01-01")
    assert columns(found, "feature_name", "reason", "usage_left") == [
        ("bi", "limit_reached", 0),
        ("core", "allowed", None),
        ("reports", "not_included", None),
        ("users", "not_included", 3),
    ]
    found = call(installed, "fbs_licensing_features", solution_name="b")
    assert columns(found, "feature_name", "reason") == [("other", "no_license")]


def test_usage_beside_its_limit(installed: psycopg.Connection) -> None:
    license_of(installed, "a", limits={"users": 4, "none": 0})
    used(installed, "a", "users", 3)
    used(installed, "a", "none", 3)
    used(installed, "unlicensed", "users", 3)
    found = view(installed, "fbs_licensing_usage")
    assert columns(found, "solution_name", "feature_name", "usage_limit", "usage_left", "used_percent") == [
        ("a", "users", 4, 1, Decimal("75.00")),
        ("a", "none", 0, 0, None),
        ("unlicensed", "users", None, None, None),
    ]
