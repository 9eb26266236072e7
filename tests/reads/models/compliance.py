"""Compliance: random rows, and what each read answers to them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta

from tests.reads.models.common import in_groups, length, plus_months, where
from tests.reads.models.filling import SOLUTIONS, Filler, made_up
from tests.support.differential import Answer, Call, Group, View, World, in_order
from tests.support.reading import Rows


def fill_compliance(f: Filler) -> None:
    f.add(
        "fbs_compliance_rules", 40, solution_name=SOLUTIONS, name=lambda: f.text() + str(f.user()),
        compliance_type=["tax", "audit", "regulatory", "odd"], requirements=f.facts, active=f.flag,
        check_frequency=["daily", "weekly", "monthly", "quarterly", "yearly", "at times"], updated_at=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_audit_trails", 45, solution_name=SOLUTIONS, record_type=["sale", "user", "odd"], record_id=["1", "7", "x"],
        action=["create", "view", "odd"], user_id=["1", "2", ""], details=f.facts, timestamp=f.moment,
        ip_address=["10.0.0.1", "::1", None],
    )  # fmt: skip
    f.add(
        "fbs_user_activity_logs", 45, solution_name=SOLUTIONS, user_id=["1", "2", ""], action=["login", "it's"],
        details=f.facts, timestamp=f.moment, ip_address=["10.0.0.1", None], user_agent=f.text, session_id=["", "s"],
    )  # fmt: skip
    f.add(
        "fbs_report_schedules", 30, solution_name=SOLUTIONS, name=lambda: f.text() + str(f.user()), active=f.flag,
        report_type=["sales", "it's"], frequency=["daily", "monthly", "at times"], configuration=f.facts,
        next_run=lambda: f.near() if f.flag() else f.moment(),
    )  # fmt: skip
    f.add(
        "fbs_recurring_transactions", 30, solution_name=SOLUTIONS, name=f.text, amount=f.money, start_date=f.day,
        transaction_type=["income", "expense", "payment", "odd"], end_date=lambda: None if f.flag() else f.day(),
        frequency=["daily", "weekly", "monthly", "monthly", "quarterly", "yearly", "at times"], active=f.flag,
    )  # fmt: skip
    f.add(
        "fbs_recurring_transactions", 4, solution_name="seldom", name="n", amount=1, transaction_type="income",
        frequency=["quarterly", "yearly"], start_date=[date(2020, 2, 29), date(2023, 8, 31), date(2024, 1, 1)],
    )  # fmt: skip


def rule_list(world: World) -> Rows:
    return [row | {"requirement_count": length(row["requirements"])} for row in world["fbs_compliance_rules"]]


def compliance_summary(world: World) -> Rows:
    found = []
    for solution, rules in in_groups(world["fbs_compliance_rules"], "solution_name").items():
        active = where(rules, active=True)
        found.append({
            "solution_name": solution,
            "rule_count": len(rules),
            "active_count": len(active),
            "suspended_count": len(rules) - len(active),
            "active_type_count": len({rule["compliance_type"] for rule in active}),
            "last_changed_at": max(rule["updated_at"] for rule in rules),
        })  # fmt: skip
    return found


def audit_trail(world: World) -> Rows:
    return world["fbs_audit_trails"]


def user_activity(world: World) -> Rows:
    return world["fbs_user_activity_logs"]


def report_schedules(world: World) -> Rows:
    return [
        row | {"is_overdue": row["active"] and row["next_run"] < world.now} for row in world["fbs_report_schedules"]
    ]


def bookings(row: Answer, until: date = date(2199, 1, 1)) -> Iterator[date]:
    """Every day of what recurs."""
    step = {"daily": 1, "weekly": 7, "monthly": 1, "quarterly": 3, "yearly": 12}.get(row["frequency"], 0)
    by_days = row["frequency"] in ("daily", "weekly")
    for number in itertools.count():
        first = row["start_date"]
        day = first + timedelta(number * step) if by_days else plus_months(first, number * step)
        if not step or day > min(row["end_date"] or until, until):
            return
        yield day


def next_booking(row: Answer, on_date: date) -> date | None:
    return next((day for day in bookings(row) if day >= on_date), None) if row["active"] else None


def recurring_transactions(world: World) -> Rows:
    return [row | {"next_date": next_booking(row, world.today)} for row in world["fbs_recurring_transactions"]]


def recurring_dates(world: World, solution_name: str, since: date | None = None, until: date | None = None) -> Rows:
    since = since or world.today
    until = min(until or since + timedelta(90), since + timedelta(36525))
    found = [
        row | {"recurring_transaction_id": row["id"], "booking_date": day}
        for row in where(world["fbs_recurring_transactions"], solution_name=solution_name, active=True)
        for day in bookings(row, until)
        if day >= since
    ]
    return in_order(found, "booking_date id")


#: Whose rows are asked for; the last has none.
OWNERS = [*SOLUTIONS * 2, "seldom", "x'"]


def fill(world: World) -> None:
    if world.seed:
        fill_compliance(Filler(world))
        world.forget()


READS = Group(
    fill,
    [
        View("rule_list", rule_list, "solution_name name"),
        View("summary", compliance_summary, "solution_name"),
        View("audit_trail", audit_trail, "-timestamp -id", "timestamp"),
        View("user_activity", user_activity, "-timestamp -id", "timestamp"),
        View("report_schedules", report_schedules, "next_run id", "next_run"),
        View("recurring_transactions", recurring_transactions, "id", "next_date"),
        Call("recurring_dates", recurring_dates, made_up("compliance.recurring_dates", OWNERS)),
    ],
)
