"""What is read of small businesses: set-up, figures, duties, campaigns, measurements."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.errors import UsageError
from fbs_db.reads.msme import Msme
from fbs_db.reads.query import select
from tests.support.connections import rows
from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import add


def today(connection: psycopg.Connection) -> date:
    found: date = rows(connection, "select current_date")[0][0]
    return found


def test_how_far_a_set_up_is(installed_everywhere: psycopg.Connection) -> None:
    (now,) = rows(installed_everywhere, "select now()")[0]
    day = timedelta(days=1)
    for solution, status, ended in [
        ("new", "not_started", None),
        ("begun", "in_progress", None),
        ("done", "completed", now - 4 * day),
        ("done some day", "completed", None),
    ]:
        values = {"status": status, "completed_at": ended, "started_at": now - 5 * day, "progress": "37.5"}
        add(installed_everywhere, "fbs_msme_setup_wizard", solution_name=solution, **values)
    found = view(installed_everywhere, "fbs_msme_setup")
    assert columns(found, "solution_name", "is_complete", "elapsed", "progress") == [
        ("new", False, None, Decimal("37.50")),
        ("begun", False, 5 * day, Decimal("37.50")),
        ("done", True, day, Decimal("37.50")),
        ("done some day", True, None, Decimal("37.50")),
    ]
    assert view(installed_everywhere, "fbs_msme_setup", solution_name="none") == []


@pytest.mark.parametrize(
    ("current", "target", "difference", "percent", "reached"),
    [
        ("75", "100", "-25", "75", False),
        ("100", "100", "0", "100", True),
        ("150.50", "100", "50.50", "150.50", True),
        ("1", "3", "-2", "33.33", False),
        ("-10", "100", "-110", "-10", False),
        ("5", "0", "5", None, True),
        ("-5", "-10", "5", None, True),
        ("5", None, None, None, None),
    ],
)
def test_a_figure_against_its_target(
    installed: psycopg.Connection,
    current: str,
    target: str | None,
    difference: str | None,
    percent: str | None,
    reached: bool | None,
) -> None:
    add(installed, "fbs_msme_kpis", current_value=current, target_value=target, trend="up")
    (found,) = view(installed, "fbs_msme_kpi_progress")
    assert found["difference"] == (None if difference is None else Decimal(difference))
    assert found["target_percent"] == (None if percent is None else Decimal(percent))
    assert (found["is_reached"], found["trend"]) == (reached, "up")


def test_duties_are_met_overdue_due_or_later(installed_everywhere: psycopg.Connection) -> None:
    day = today(installed_everywhere)
    for kind, due, done, status in [
        ("missed", -1, None, "pending"),
        ("today", 0, None, "at_risk"),
        ("in a month", 30, None, "pending"),
        ("later", 31, None, "non_compliant"),
        ("in time", -10, -10, "compliant"),
        ("too late", -10, -7, "pending"),
        ("said to be", -10, None, "compliant"),
    ]:
        add(
            installed_everywhere,
            "fbs_msme_compliance",
            solution_name="shop",
            compliance_type=kind,
            due_date=day + timedelta(days=due),
            actual_completion_date=None if done is None else day + timedelta(days=done),
            status=status,
        )
    found = view(installed_everywhere, "fbs_msme_compliance_status", solution_name="shop")
    assert columns(found, "compliance_type", "due_state", "days_left", "days_late") == [
        ("missed", "overdue", -1, 1),
        ("today", "due", 0, 0),
        ("in a month", "due", 30, 0),
        ("later", "later", 31, 0),
        ("in time", "met", None, 0),
        ("too late", "met", None, 3),
        ("said to be", "met", None, 0),
    ]
    states = Msme.compliance_status.read.states["due_state"].names
    assert {row["due_state"] for row in found} == set(states)
    installed_everywhere.commit()
    with fbs_db.connect(installed_everywhere) as fbs:
        for state in states:
            asked = fbs.msme.compliance_status(due_state=state)
            assert [one.compliance_type for one in asked] == [
                row["compliance_type"] for row in sorted(found, key=by_day) if row["due_state"] == state
            ]
    (other,) = rows(installed_everywhere, "select fbs_is_due_state('none', 'pending', null, current_date)")
    assert other == (None,)


def by_day(row: dict[str, Any]) -> tuple[date, int]:
    return row["due_date"], row["id"]


@pytest.mark.parametrize(
    ("state", "found_by"),
    [
        ("overdue", "Index Cond: (due_date < CURRENT_DATE)"),
        ("due", "Index Cond: ((due_date >= CURRENT_DATE) AND (due_date <= (CURRENT_DATE + 30)))"),
        ("later", "Index Cond: (due_date > (CURRENT_DATE + 30))"),
        ("met", "Filter: ((actual_completion_date IS NOT NULL) OR "),
    ],
)
def test_a_state_of_duties_is_found_by_its_days(installed: psycopg.Connection, state: str, found_by: str) -> None:
    """On the way to what is due, nothing that is overdue is looked at."""
    query = select(Msme.compliance_status.read, "public", {"due_state": state}, limit=10)
    installed.execute("set local enable_seqscan = off")
    installed.execute("set local enable_sort = off")
    plan = installed.execute(f"explain (costs off) {query.text}".encode(), query.parameters).fetchall()
    lines = [line.strip() for (line,) in plan]
    assert [line for line in lines if line.startswith(found_by)], lines
    assert any("fbs_msme_compliance_due_date_id_idx" in line for line in lines)


def test_days_late_cross_the_leap_day(installed: psycopg.Connection) -> None:
    add(installed, "fbs_msme_compliance", due_date="2024-02-28", actual_completion_date="2024-03-01")
    assert columns(view(installed, "fbs_msme_compliance_status"), "days_late") == [(2,)]


def test_today_is_the_sessions_day(installed: psycopg.Connection) -> None:
    """Some zone always has another day than UTC: 14 hours ahead, or 12 behind."""
    for zone in ("Etc/GMT-14", "Etc/GMT+12"):
        installed.execute(f"set timezone = '{zone}'")
        day = today(installed)
        add(installed, "fbs_msme_compliance", solution_name=zone, due_date=day)
        found = view(installed, "fbs_msme_compliance_status", solution_name=zone)
        assert columns(found, "due_state", "days_left") == [("due", 0)]


CAMPAIGN = ("is_running", "days_planned", "days_left")
MONEY = ("spend", "budget_left", "budget_percent", "is_over_budget")


def test_days_of_a_campaign(installed_everywhere: psycopg.Connection) -> None:
    day = today(installed_everywhere)

    def campaign(first: int, last: int | None) -> None:
        add(
            installed_everywhere,
            "fbs_msme_marketing",
            start_date=day + timedelta(days=first),
            end_date=None if last is None else day + timedelta(days=last),
        )

    for first, last in [(-3, -1), (-3, 0), (0, 0), (0, 4), (2, 4), (-3, None), (1, None)]:
        campaign(first, last)
    assert columns(view(installed_everywhere, "fbs_msme_campaigns"), *CAMPAIGN) == [
        (False, 3, None),
        (True, 4, 1),
        (True, 1, 1),
        (True, 5, 5),
        (False, 3, 3),
        (True, None, None),
        (False, None, None),
    ]


@pytest.mark.parametrize(
    ("budget", "metrics", "expected"),
    [
        ("200", {"spend": 50}, ("50", "150", "25", False)),
        ("200", {"spent": "250.50"}, ("250.50", "-50.50", "125.25", True)),
        ("200", {"cost": 200}, ("200", "0", "100", False)),
        ("200", {"spend": 1, "spent": 2, "cost": 3}, ("1", "199", "0.50", False)),
        ("0", {"spend": 5}, ("5", "-5", None, True)),
        (None, {"spend": 5}, ("5", None, None, None)),
        ("200", {"views": 9}, (None, None, None, None)),
        ("200", {"spend": "a lot"}, (None, None, None, None)),
        ("200", {"spend": 10**20}, (None, None, None, None)),
        ("200", {"spend": {"ads": 1}}, (None, None, None, None)),
        ("200", "[1, 2]", (None, None, None, None)),
        ("200", '"spend"', (None, None, None, None)),
        ("200", "null", (None, None, None, None)),
    ],
)
def test_spend_of_a_campaign_against_its_budget(
    installed: psycopg.Connection, budget: str | None, metrics: Any, expected: tuple[Any, ...]
) -> None:
    add(installed, "fbs_msme_marketing", budget=budget, metrics=metrics)
    wanted = tuple(Decimal(value) if isinstance(value, str) else value for value in expected)
    assert columns(view(installed, "fbs_msme_campaigns"), *MONEY) == [wanted]


def test_templates_of_a_line_of_business(installed: psycopg.Connection) -> None:
    for name, kind, is_active in [("b", "retail", True), ("a", "retail", False), ("a", "other", True)]:
        add(installed, "fbs_msme_templates", name=name, business_type=kind, is_active=is_active)
    found = view(installed, "fbs_msme_setup_templates", order="name", business_type="retail")
    assert columns(found, "name", "is_active") == [("a", False), ("b", True)]


def measure(connection: psycopg.Connection, day: str, value: str, **values: Any) -> int:
    filled = {"solution_name": "shop", "metric_name": "sales", "metric_type": "money"} | values
    return add(connection, "fbs_msme_analytics", date=day, metric_value=value, **filled)[1]


def test_a_series_is_in_the_order_of_its_days(installed: psycopg.Connection) -> None:
    for day, value in [("2025-01-01", "3"), ("2024-12-31", "1"), ("2024-12-31", "2")]:
        measure(installed, day, value)
    measure(installed, "2024-12-31", "9", metric_name="visits")
    found = rows(
        installed,
        "select metric_value::integer from fbs_msme_analytics_series"
        " where solution_name = 'shop' and metric_name = 'sales' order by date, id",
    )
    assert found == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({}, "fbs_msme_analytics_series is not read without a filter. Name one: id, solution_name."),
        ({"since": date(2025, 1, 1)}, "fbs_msme_analytics_series is not read without a filter"),
        ({"metric_name": "sales"}, "Filter metric_name needs solution_name: no index serves metric_name alone."),
        ({"period": "monthly"}, "Filter period needs solution_name: no index serves period alone."),
    ],
)
def test_a_series_is_asked_for_by_solution(installed: psycopg.Connection, filters: dict[str, Any], said: str) -> None:
    number = measure(installed, "2025-01-01", "3")
    with fbs_db.connect(installed) as fbs:
        for read in (fbs.msme.analytics_series, fbs.msme.analytics_series.stream):
            with pytest.raises(UsageError, match=f"^{re.escape(said)}") as refused:
                read(**filters)
            assert refused.value.hint == "Or query fbs_msme_analytics_series in SQL, which may read all rows."
            for owner in ({"solution_name": "shop"}, {"id": number, "solution_name": "shop"}):
                assert [row.metric_value for row in read(**owner, **filters)] == [3]


SUMMARY = (
    "measurements", "latest_value", "previous_value", "change", "change_percent", "minimum", "maximum", "average",
    "total",
)  # fmt: skip


def summary(connection: psycopg.Connection, **arguments: Any) -> list[tuple[Any, ...]]:
    found = call(connection, "fbs_msme_analytics_summary", solution_name="shop", **arguments)
    return columns(found, "metric_name", "period", *SUMMARY)


def numbers(*texts: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if text is None else Decimal(text) for text in texts)


def test_a_summary_of_each_metric_and_period(installed_everywhere: psycopg.Connection) -> None:
    measure(installed_everywhere, "2025-01-01", "80")
    measure(installed_everywhere, "2024-12-30", "100")
    measure(installed_everywhere, "2025-01-01", "90", metric_type="count")
    measure(installed_everywhere, "2024-12-31", "7", period="daily")
    measure(installed_everywhere, "2025-01-01", "1", solution_name="other")
    assert summary(installed_everywhere) == [
        ("sales", "daily", 1, *numbers("7", None, None, None, "7", "7", "7", "7")),
        ("sales", "monthly", 3, *numbers("90", "80", "10", "12.50", "80", "100", "90", "270")),
    ]
    found = call(installed_everywhere, "fbs_msme_analytics_summary", solution_name="shop")
    assert columns(found, "metric_type", "first_date", "last_date") == [
        ("money", date(2024, 12, 31), date(2024, 12, 31)),
        ("count", date(2024, 12, 30), date(2025, 1, 1)),
    ]
    assert call(installed_everywhere, "fbs_msme_analytics_summary", solution_name="none") == []


def test_a_summary_of_a_time_leaves_out_its_end(installed: psycopg.Connection) -> None:
    for day, value in [("2024-12-31", "1"), ("2025-01-01", "2"), ("2025-12-31", "3"), ("2026-01-01", "4")]:
        measure(installed, day, value)
    found = call(
        installed, "fbs_msme_analytics_summary", solution_name="shop", since=date(2025, 1, 1), until=date(2026, 1, 1)
    )
    assert columns(found, "measurements", "total") == [(2, Decimal(5))]


@pytest.mark.parametrize(("before", "after", "percent"), [("0", "5", None), ("-4", "-2", "50"), ("-4", "-6", "-50")])
def test_a_change_in_percent_of_zero_and_of_losses(
    installed: psycopg.Connection, before: str, after: str, percent: str | None
) -> None:
    measure(installed, "2024-01-01", before)
    measure(installed, "2024-01-02", after)
    found = one(installed, "fbs_msme_analytics_summary", solution_name="shop")
    assert found["change_percent"] == (None if percent is None else Decimal(percent))


def test_a_dashboard_row_for_each_solution(installed_everywhere: psycopg.Connection) -> None:
    day = today(installed_everywhere)

    def some(table: str, solution: str, **values: Any) -> None:
        add(installed_everywhere, table, solution_name=solution, **values)

    some("fbs_msme_setup_wizard", "shop", status="completed", progress="100", business_type="retail")
    some("fbs_msme_kpis", "shop", current_value="5", target_value="4")
    some("fbs_msme_kpis", "shop", current_value="3", target_value="4")
    some("fbs_msme_kpis", "shop", current_value="3")
    for days, status in [(-2, "pending"), (3, "pending"), (9, "pending"), (99, "pending"), (1, "compliant")]:
        some("fbs_msme_compliance", "shop", due_date=day + timedelta(days=days), status=status)
    running = {"start_date": day, "end_date": day}
    some("fbs_msme_marketing", "shop", budget="100", metrics={"spend": 101}, **running)
    some("fbs_msme_marketing", "shop", budget="50", metrics={}, start_date=day + timedelta(days=1))
    some("fbs_msme_marketing", "shop", metrics={"spend": 7}, start_date=day, end_date=None)
    measure(installed_everywhere, "2024-02-29", "1")
    measure(installed_everywhere, "2024-02-28", "1")
    some("fbs_msme_kpis", "bare", current_value="1")
    some("fbs_msme_analytics", "measured only", metric_name="sales")

    found = view(installed_everywhere, "fbs_msme_dashboard", order="solution_name")
    assert [row["solution_name"] for row in found] == ["bare", "shop"]
    bare, shop = ({key: value for key, value in row.items() if key != "solution_name"} for row in found)
    assert shop == {
        "business_type": "retail",
        "setup_status": "completed",
        "setup_progress": Decimal(100),
        "kpis": 3,
        "kpis_with_target": 2,
        "kpis_reached": 1,
        "duties": 5,
        "duties_met": 1,
        "duties_due": 2,
        "duties_overdue": 1,
        "next_due_date": day + timedelta(days=3),
        "campaigns": 3,
        "campaigns_running": 2,
        "budget": Decimal(150),
        "spend": Decimal(108),
        "campaigns_over_budget": 1,
        "latest_analytics_date": date(2024, 2, 29),
    }
    assert bare == dict.fromkeys(shop) | {
        "kpis": 1,
        "kpis_with_target": 0,
        "kpis_reached": 0,
        "duties": 0,
        "duties_met": 0,
        "duties_due": 0,
        "duties_overdue": 0,
        "campaigns": 0,
        "campaigns_running": 0,
        "budget": 0,
        "spend": 0,
        "campaigns_over_budget": 0,
    }
    assert view(installed_everywhere, "fbs_msme_dashboard", order="solution_name", solution_name="none") == []
