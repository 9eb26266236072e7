"""What is read of BI: dashboards, reports, key figures, charts, and what is due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import fbs_db
from tests.support.connections import rows, url_of
from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import add


@pytest.mark.parametrize(
    ("read", "table", "kind"),
    [
        ("fbs_bi_dashboards", "fbs_dashboards", "dashboard_type"),
        ("fbs_bi_reports", "fbs_reports", "report_type"),
        ("fbs_bi_kpis", "fbs_kpis", "kpi_type"),
        ("fbs_bi_charts", "fbs_charts", "chart_type"),
    ],
)
def test_what_is_retired_is_listed_too(installed: psycopg.Connection, read: str, table: str, kind: str) -> None:
    first = add(installed, table, **{kind: "sales"}, created_by_id=7)[1]
    second = add(installed, table, **{kind: "sales"}, is_active=False)[1]
    add(installed, table, **{kind: "other"})
    assert columns(view(installed, read, **{kind: "sales"}), "id", "is_active") == [(first, True), (second, False)]
    assert columns(view(installed, read, created_by_id=7), "id") == [(first,)]
    assert view(installed, read, **{kind: "none"}) == []


def test_a_user_sees_public_dashboards_and_those_of_the_users_own(installed_everywhere: psycopg.Connection) -> None:
    for name, owner, public, active in [
        ("mine", 7, False, True),
        ("shared", 8, True, True),
        ("of nobody", None, True, True),
        ("another's", 8, False, True),
        ("retired", 7, True, False),
    ]:
        values = {"created_by_id": owner, "is_public": public, "is_active": active, "dashboard_type": "custom"}
        add(installed_everywhere, "fbs_dashboards", name=name, **values)

    def seen(user: int | None) -> list[tuple[Any, ...]]:
        return columns(call(installed_everywhere, "fbs_bi_visible_dashboards", user_id=user), "name", "is_own")

    assert seen(7) == [("mine", True), ("of nobody", False), ("shared", False)]
    assert seen(8) == [("another's", True), ("of nobody", False), ("shared", True)]
    assert seen(None) == [("of nobody", False), ("shared", False)], "nobody signed in owns none"


def test_dashboards_of_a_user_whose_key_is_a_uuid(empty: psycopg.Connection) -> None:
    empty.execute("create table people (id uuid primary key)")
    empty.commit()
    fbs_db.migrate(url_of(empty), user_table="people")
    user = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    add(empty, "fbs_dashboards", name="mine", created_by_id=user)
    add(empty, "fbs_dashboards", name="not mine", created_by_id=None)
    assert columns(call(empty, "fbs_bi_visible_dashboards", user_id=user), "name") == [("mine",)]


# Target, warning and critical level; on which side they lie; states of values.
LEVELS: list[tuple[tuple[str | None, ...], str | None, dict[str, str]]] = [
    (("10", "20", "30"), "above", {"19.99": "ok", "20": "warning", "29.99": "warning", "30": "critical"}),
    (("100", "50", "20"), "below", {"50.01": "ok", "50": "warning", "20.01": "warning", "20": "critical"}),
    ((None, "-1", "1"), "above", {"-2": "ok", "0": "warning", "1": "critical"}),
    (("10", None, "30"), "above", {"29": "ok", "30": "critical"}),
    (("10", "5", None), "below", {"6": "ok", "5": "warning", "-99": "warning"}),
    (("10", "5", "5"), "below", {"6": "ok", "5": "critical"}),
    (("5", "5", "5"), None, {"5": "unknown"}),
    ((None, "5", None), None, {"5": "unknown"}),
    ((None, "5", "5"), None, {"9": "unknown"}),
    (("10", None, None), None, {"9": "unknown"}),
    ((None, None, None), None, {"9": "unknown"}),
]


@pytest.mark.parametrize(("levels", "side", "states"), LEVELS)
def test_where_a_value_of_a_key_figure_stands(
    installed: psycopg.Connection, levels: tuple[str | None, ...], side: str | None, states: dict[str, str]
) -> None:
    names = ("target_value", "warning_threshold", "critical_threshold")
    number = add(installed, "fbs_kpis", **dict(zip(names, levels, strict=True)))[1]
    assert columns(view(installed, "fbs_bi_kpis"), "alarm_side") == [(side,)]
    found = {
        value: one(installed, "fbs_bi_kpi_state", kpi_id=number, measured_value=Decimal(value))["state"]
        for value in states
    }
    assert found == states
    assert one(installed, "fbs_bi_kpi_state", kpi_id=number, measured_value=None)["state"] == "unknown"


def test_a_value_in_percent_of_its_target(installed_everywhere: psycopg.Connection) -> None:
    for target in ("80", "0", "-5", None):
        add(installed_everywhere, "fbs_kpis", target_value=target)
    found = [
        one(installed_everywhere, "fbs_bi_kpi_state", kpi_id=number, measured_value=Decimal(100))["target_percent"]
        for number in (1, 2, 3, 4)
    ]
    assert found == [Decimal(125), None, None, None]
    assert call(installed_everywhere, "fbs_bi_kpi_state", kpi_id=99, measured_value=1) == []


UTC = timezone.utc
#: A Wednesday in the second month of a quarter.
AT = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)
STARTS = {
    "real_time": AT,
    "hourly": datetime(2024, 5, 15, 10, tzinfo=UTC),
    "daily": datetime(2024, 5, 15, tzinfo=UTC),
    "weekly": datetime(2024, 5, 13, tzinfo=UTC),
    "monthly": datetime(2024, 5, 1, tzinfo=UTC),
    "quarterly": datetime(2024, 4, 1, tzinfo=UTC),
    "annually": datetime(2024, 1, 1, tzinfo=UTC),
    "yearly": datetime(2024, 1, 1, tzinfo=UTC),
    "now and then": datetime(2024, 5, 15, tzinfo=UTC),
}


def due(connection: psycopg.Connection, **arguments: Any) -> dict[str, datetime]:
    found = call(connection, "fbs_bi_schedules_due", **({"at": AT} | arguments))
    return {row["name"]: row["due_at"] for row in found}


def test_a_figure_is_due_when_its_time_began_after_the_last_one(installed_everywhere: psycopg.Connection) -> None:
    for frequency in STARTS:
        add(installed_everywhere, "fbs_kpis", name=frequency, frequency=frequency)
    add(installed_everywhere, "fbs_kpis", name="retired", is_active=False)
    assert due(installed_everywhere) == STARTS, "all, when none was ever produced"
    installed_everywhere.execute("set timezone = 'Africa/Nairobi'")
    assert due(installed_everywhere) == STARTS, "whatever the session's zone"
    for start in set(STARTS.values()):
        later = {name for name, begun in STARTS.items() if begun > start} | {"real_time"}
        assert set(due(installed_everywhere, since=start)) == later
        early = start - timedelta(microseconds=1)
        assert set(due(installed_everywhere, since=early)) == {n for n, begun in STARTS.items() if begun >= start}


def test_days_begin_by_the_zone(installed_everywhere: psycopg.Connection) -> None:
    add(installed_everywhere, "fbs_kpis", name="daily", frequency="daily")
    add(installed_everywhere, "fbs_kpis", name="yearly", frequency="annually")
    at = datetime(2024, 12, 31, 22, tzinfo=UTC)
    new_year = datetime(2024, 12, 31, 21, tzinfo=UTC)
    assert due(installed_everywhere, at=at, zone="Africa/Nairobi") == {"daily": new_year, "yearly": new_year}
    assert due(installed_everywhere, at=at)["yearly"] == datetime(2024, 1, 1, tzinfo=UTC)


def test_scheduled_reports_are_due_as_often_as_they_say(installed: psycopg.Connection) -> None:
    def report(name: str, parameters: Any, **values: Any) -> None:
        add(installed, "fbs_reports", name=name, query_parameters=parameters, **({"is_scheduled": True} | values))

    report("monthly", {"frequency": "monthly"})
    report("unsaid", {})
    report("no object", "[]")
    report("on request", {"frequency": "hourly"}, is_scheduled=False)
    report("retired", {"frequency": "hourly"}, is_active=False)
    assert due(installed) == {"monthly": STARTS["monthly"], "unsaid": STARTS["daily"], "no object": STARTS["daily"]}
    found = call(installed, "fbs_bi_schedules_due", since=STARTS["monthly"], at=AT)
    assert columns(found, "kind", "name", "frequency") == [
        ("report", "unsaid", "daily"),
        ("report", "no object", "daily"),
    ]


def test_what_is_due_now_without_being_told_the_time(installed: psycopg.Connection) -> None:
    add(installed, "fbs_kpis", name="now", frequency="real_time")
    (now,) = rows(installed, "select now()")[0]
    assert columns(call(installed, "fbs_bi_schedules_due"), "name", "due_at") == [("now", now)]
