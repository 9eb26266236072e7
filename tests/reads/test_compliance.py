"""What is read of compliance: rules, trails, activity, schedules and what recurs."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.errors import UsageError
from tests.support.connections import rows
from tests.support.reading import call, columns, view
from tests.support.sample_rows import add


def rule(connection: psycopg.Connection, solution: str, name: str, **values: Any) -> int:
    return add(connection, "fbs_compliance_rules", solution_name=solution, name=name, **values)[1]


def test_rules_are_read_whether_in_force_or_not(installed: psycopg.Connection) -> None:
    rule(installed, "a", "VAT", compliance_type="tax", requirements='["file", "pay"]')
    rule(installed, "a", "Audit", compliance_type="audit", active=False, requirements='{"not": "a list"}')
    rule(installed, "b", "VAT", compliance_type="tax")
    found = view(installed, "fbs_compliance_rule_list", solution_name="a")
    assert columns(found, "name", "requirement_count", "active") == [("VAT", 2, True), ("Audit", None, False)]
    assert columns(view(installed, "fbs_compliance_rule_list", active=True), "solution_name") == [("a",), ("b",)]


def test_summary_counts_rules_in_force_and_suspended(installed: psycopg.Connection) -> None:
    rule(installed, "a", "VAT", compliance_type="tax")
    rule(installed, "a", "Income", compliance_type="tax")
    rule(installed, "a", "Books", compliance_type="audit")
    rule(installed, "a", "Old", compliance_type="operational", active=False)
    (found,) = view(installed, "fbs_compliance_summary", order="solution_name")
    assert columns([found], "rule_count", "active_count", "suspended_count", "active_type_count") == [(4, 3, 1, 2)]
    assert view(installed, "fbs_compliance_summary", order="solution_name", solution_name="none") == []


def test_audit_trail_of_a_record_a_user_and_a_period(installed_everywhere: psycopg.Connection) -> None:
    def entry(record: str, user: str, day: int, solution: str = "a") -> int:
        return add(
            installed_everywhere,
            "fbs_audit_trails",
            solution_name=solution,
            record_type="sale",
            record_id=record,
            action="update",
            user_id=user,
            timestamp=f"2024-03-{day:02} 12:00+00",
        )[1]

    first, second, third = entry("7", "u1", 1), entry("7", "u2", 2), entry("8", "u1", 2)
    other = entry("7", "u1", 3, solution="b")

    def ids(**values: Any) -> list[int]:
        return [row["id"] for row in view(installed_everywhere, "fbs_compliance_audit_trail", **values)]

    assert ids(record_type="sale", record_id="7") == [first, second, other]
    assert ids(user_id="u1") == [first, third, other]
    assert ids(solution_name="a", user_id="u1") == [first, third]
    period = rows(
        installed_everywhere,
        "select id from fbs_compliance_audit_trail where solution_name = 'a' and timestamp >= '2024-03-02 00:00+00'"
        " and timestamp < '2024-03-03 00:00+00' order by timestamp desc, id desc",
    )
    assert period == [(third,), (second,)], "entries of one time go by id"


def test_activity_of_a_user(installed: psycopg.Connection) -> None:
    for user, action in [("u1", "login"), ("u2", "login"), ("u1", "search")]:
        add(installed, "fbs_user_activity_logs", solution_name="a", user_id=user, action=action)
    found = view(installed, "fbs_compliance_user_activity", user_id="u1")
    assert columns(found, "action", "session_id", "ip_address") == [("login", "", None), ("search", "", None)]


def test_trails_and_activity_are_asked_for_by_solution(installed: psycopg.Connection) -> None:
    for solution, record, user in [("a", "7", "u1"), ("a", "8", "u2"), ("b", "7", "u1")]:
        common = {"solution_name": solution, "user_id": user, "action": "view"}
        add(installed, "fbs_audit_trails", record_type="sale", record_id=record, **common)
        add(installed, "fbs_user_activity_logs", **common)
    since = datetime(2020, 1, 1, tzinfo=timezone.utc)
    with fbs_db.connect(installed) as fbs:
        trail, activity = fbs.compliance.audit_trail, fbs.compliance.user_activity
        assert [row.id for row in trail(solution_name="a", since=since)] == [2, 1]
        assert [row.id for row in trail(solution_name="a", user_id="u1")] == [1]
        assert [row.id for row in trail(record_type="sale", record_id="7")] == [3, 1]
        assert [row.id for row in trail(id=3)] == [3]
        assert [row.id for row in activity(solution_name="a", action="view")] == [2, 1]
        for read in (trail, activity):
            with pytest.raises(UsageError, match=r"is not read without a filter\. Name one: id, solution_name"):
                read()
            with pytest.raises(UsageError, match="is not read without a filter"):
                read(since=since)
            with pytest.raises(UsageError, match="Filter user_id needs solution_name"):
                read(user_id="u1")
        with pytest.raises(UsageError, match="Filter record_type needs record_id, or solution_name"):
            trail(record_type="sale")
        with pytest.raises(UsageError, match="Filter action needs solution_name"):
            activity(action="view")


def test_a_report_schedule_is_overdue_once_its_time_is_past(installed: psycopg.Connection) -> None:
    for name, when, active in [("late", "1 minute", True), ("paused", "1 minute", False), ("next", "-1 hour", True)]:
        number = add(installed, "fbs_report_schedules", name=name, active=active)[1]
        installed.execute(
            "update fbs_report_schedules set next_run = now() - %s::interval where id = %s", (when, number)
        )
    found = view(installed, "fbs_compliance_report_schedules")
    assert columns(found, "name", "is_overdue") == [("late", True), ("paused", False), ("next", False)]


@pytest.mark.parametrize(
    ("first", "frequency", "last", "on", "expected"),
    [
        # A short month takes its last day, and the one after it the day itself again.
        ("2024-01-31", "monthly", None, "2024-01-31", "2024-01-31"),
        ("2024-01-31", "monthly", None, "2024-02-01", "2024-02-29"),
        ("2023-01-31", "monthly", None, "2023-02-28", "2023-02-28"),
        ("2023-01-31", "monthly", None, "2023-03-01", "2023-03-31"),
        ("2023-01-31", "monthly", None, "2023-04-30", "2023-04-30"),
        ("2023-12-31", "monthly", None, "2024-01-01", "2024-01-31"),
        ("2023-11-30", "quarterly", None, "2024-01-15", "2024-02-29"),
        ("2023-11-30", "quarterly", None, "2024-03-01", "2024-05-30"),
        # 29 February falls on the 28th in other years.
        ("2024-02-29", "yearly", None, "2024-03-01", "2025-02-28"),
        ("2024-02-29", "yearly", None, "2027-03-01", "2028-02-29"),
        ("2024-02-29", "daily", None, "2024-03-01", "2024-03-01"),
        ("2023-12-28", "weekly", None, "2024-01-04", "2024-01-04"),
        ("2023-12-28", "weekly", None, "2024-01-05", "2024-01-11"),
        # Before the first day it is the first; the last day still counts.
        ("2024-05-10", "weekly", None, "2020-01-01", "2024-05-10"),
        ("2024-01-15", "monthly", "2024-03-15", "2024-03-15", "2024-03-15"),
        ("2024-01-15", "monthly", "2024-03-14", "2024-03-01", None),
        ("2024-01-15", "monthly", None, "2024-02-15", "2024-02-15"),
        ("2024-01-15", "fortnightly", None, "2024-02-15", None),
        ("infinity", "daily", None, "2024-02-15", None),
    ],
)
def test_next_day_of_what_recurs(
    installed: psycopg.Connection, first: str, frequency: str, last: str | None, on: str, expected: str | None
) -> None:
    found = installed.execute(
        "select fbs_next_recurrence(%s, %s, %s, %s)::text", (first, frequency, last, on)
    ).fetchone()
    assert found == (expected,)


def recurring(connection: psycopg.Connection, name: str, frequency: str, first: str, **values: Any) -> int:
    values = {"solution_name": "a", "amount": "10.50", "transaction_type": "expense"} | values
    return add(connection, "fbs_recurring_transactions", name=name, frequency=frequency, start_date=first, **values)[1]


def test_recurring_transactions_have_their_next_day_from_today_on(installed: psycopg.Connection) -> None:
    today = date.today()  # as the server, on the same machine, has it
    recurring(installed, "daily", "daily", "2020-01-01")
    recurring(installed, "later", "weekly", str(today + timedelta(3)))
    recurring(installed, "paused", "daily", "2020-01-01", active=False)
    recurring(installed, "over", "daily", "2020-01-01", end_date=str(today - timedelta(1)))
    recurring(installed, "unknown", "at times", "2020-01-01")
    found = view(installed, "fbs_compliance_recurring_transactions", solution_name="a")
    assert columns(found, "name", "next_date") == [
        ("daily", today),
        ("later", today + timedelta(3)),
        ("paused", None),
        ("over", None),
        ("unknown", None),
    ]


def test_all_days_of_recurring_transactions_in_a_period(installed_everywhere: psycopg.Connection) -> None:
    rent = recurring(installed_everywhere, "rent", "monthly", "2023-10-31")
    fees = recurring(installed_everywhere, "fees", "quarterly", "2023-12-31", end_date="2024-03-31")
    recurring(installed_everywhere, "paused", "daily", "2020-01-01", active=False)
    recurring(installed_everywhere, "elsewhere", "daily", "2020-01-01", solution_name="b")
    found = call(
        installed_everywhere,
        "fbs_compliance_recurring_dates",
        solution_name="a",
        since="2023-12-31",
        until="2024-04-30",
    )
    assert columns(found, "recurring_transaction_id", "booking_date") == [
        (rent, date(2023, 12, 31)),
        (fees, date(2023, 12, 31)),
        (rent, date(2024, 1, 31)),
        (rent, date(2024, 2, 29)),
        (rent, date(2024, 3, 31)),
        (fees, date(2024, 3, 31)),
        (rent, date(2024, 4, 30)),
    ]
    assert str(found[0]["amount"]) == "10.50"


def test_a_period_without_end_is_ninety_days_and_never_over_a_hundred_years(installed: psycopg.Connection) -> None:
    recurring(installed, "daily", "daily", "2020-01-01")
    found = call(installed, "fbs_compliance_recurring_dates", solution_name="a", since="2024-01-01")
    assert (found[0]["booking_date"], found[-1]["booking_date"]) == (date(2024, 1, 1), date(2024, 3, 31))
    installed.execute("update fbs_recurring_transactions set frequency = 'yearly'")
    found = call(installed, "fbs_compliance_recurring_dates", solution_name="a", since="2024-01-01", until="infinity")
    assert len(found) == 101
