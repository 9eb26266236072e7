"""What is read of approvals: requests, those that wait, their answers, how long they took."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg

from tests.support.connections import rows
from tests.support.reading import call, columns, view
from tests.support.sample_rows import add

LEAP = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def ask(connection: psycopg.Connection, title: str, **values: Any) -> int:
    filled = {"requester_id": 1, "approver_id": 7, "approval_type": "purchase", "created_at": LEAP} | values
    return add(connection, "fbs_approval_requests", title=title, **filled)[1]


def answer(connection: psycopg.Connection, number: int, response: str, at: datetime, **values: Any) -> int:
    filled = {"approval_request_id": number, "response": response, "created_at": at} | values
    return add(connection, "fbs_approval_responses", **filled)[1]


def test_requests_by_status_type_people_and_solution(installed_everywhere: psycopg.Connection) -> None:
    ask(installed_everywhere, "a", status="approved", solution_name="shop")
    ask(installed_everywhere, "b", approval_type="expense", requester_id=2)
    ask(installed_everywhere, "c", approver_id=None)

    def titles(**wanted: Any) -> str:
        return "".join(row["title"] for row in view(installed_everywhere, "fbs_approvals_requests", **wanted))

    assert titles() == "abc"
    assert titles(status="approved") == "a"
    assert titles(approval_type="expense") == "b"
    assert titles(requester_id=2) == "b"
    assert titles(approver_id=7) == "ab"
    assert titles(solution_name="shop") == "a"
    assert titles(solution_name="shop", status="pending") == ""


def test_requests_about_a_record_of_the_host(installed: psycopg.Connection) -> None:
    ask(installed, "a", request_data={"model_name": "tenants.tenant", "record_id": 12})
    ask(installed, "b", request_data={"model_name": "tenants.tenant", "record_id": 13})
    ask(installed, "c")
    found = view(installed, "fbs_approvals_requests", model_name="tenants.tenant", record_id="12")
    assert columns(found, "title") == [("a",)]
    assert columns(view(installed, "fbs_approvals_requests"), "record_id") == [("12",), ("13",), (None,)]


def test_pending_ones_of_a_user_oldest_first_with_their_age(installed_everywhere: psycopg.Connection) -> None:
    (now,) = rows(installed_everywhere, "select now()")[0]
    ask(installed_everywhere, "young", created_at=now - HOUR)
    ask(installed_everywhere, "old", created_at=now - 3 * DAY)
    ask(installed_everywhere, "just as old", created_at=now - 3 * DAY)
    ask(installed_everywhere, "decided", created_at=now - 9 * DAY, status="approved")
    ask(installed_everywhere, "another's", approver_id=8, created_at=now)
    ask(installed_everywhere, "nobody's", approver_id=None)
    query = "select title, age from fbs_approvals_pending where approver_id = {} order by created_at, id"
    assert rows(installed_everywhere, query.format(7)) == [
        ("old", 3 * DAY),
        ("just as old", 3 * DAY),
        ("young", HOUR),
    ]
    assert rows(installed_everywhere, query.format(8)) == [("another's", timedelta(0))]
    assert rows(installed_everywhere, query.format(9)) == []
    assert rows(installed_everywhere, "select title from fbs_approvals_pending where approver_id is null") == [
        ("nobody's",)
    ]


def test_a_request_with_all_its_answers(installed_everywhere: psycopg.Connection) -> None:
    number, bare = ask(installed_everywhere, "a"), ask(installed_everywhere, "b")
    second = answer(installed_everywhere, number, "approve", LEAP + HOUR, responder_id=8, comments="well")
    first = answer(installed_everywhere, number, "request_changes", LEAP, responder_id=7)
    tied = answer(installed_everywhere, number, "reject", LEAP + HOUR, responder_id=9)
    (found,) = view(installed_everywhere, "fbs_approvals_details", id=number)
    assert [reply["id"] for reply in found["responses"]] == [first, second, tied]
    assert set(found["responses"][0]) == {"id", "responder_id", "response", "comments", "created_at"}
    assert [(reply["responder_id"], reply["response"], reply["comments"]) for reply in found["responses"]] == [
        (7, "request_changes", ""),
        (8, "approve", "well"),
        (9, "reject", ""),
    ]
    assert [row["responses"] for row in view(installed_everywhere, "fbs_approvals_details", id=bare)] == [[]]
    assert view(installed_everywhere, "fbs_approvals_details", id=-1) == []


TURNAROUND = (
    "solution_name", "approval_type", "requests", "pending", "approved", "rejected", "cancelled", "approved_percent",
)  # fmt: skip
HOW_LONG = ("average_turnaround", "median_turnaround", "longest_turnaround", "oldest_pending_at")


def test_turnaround_of_each_solution_and_type(installed_everywhere: psycopg.Connection) -> None:
    def shop(title: str, **values: Any) -> int:
        return ask(installed_everywhere, title, solution_name="shop", **values)

    shop("two hours", status="approved", approved_at=LEAP + 2 * HOUR)
    answered = shop("by its last answer of the kind", status="approved")
    answer(installed_everywhere, answered, "approve", LEAP + 3 * HOUR)
    answer(installed_everywhere, answered, "approve", LEAP + 4 * HOUR)
    answer(installed_everywhere, answered, "request_changes", LEAP + 99 * HOUR)
    shop("not known", status="approved")
    rejected = shop("nine hours", status="rejected")
    answer(installed_everywhere, rejected, "reject", LEAP + 9 * HOUR)
    answer(installed_everywhere, rejected, "approve", LEAP + 99 * HOUR)
    shop("dropped", status="cancelled", approved_at=LEAP + 99 * HOUR)
    shop("waits", created_at=LEAP + HOUR)
    shop("waits longer")
    shop("waits too", approval_type="expense")
    ask(installed_everywhere, "elsewhere", status="approved", approved_at=LEAP)

    found = call(installed_everywhere, "fbs_approvals_turnaround")
    assert columns(found, *TURNAROUND) == [
        ("", "purchase", 1, 0, 1, 0, 0, 100),
        ("shop", "expense", 1, 1, 0, 0, 0, None),
        ("shop", "purchase", 7, 2, 3, 1, 1, 75),
    ]
    assert columns(found, *HOW_LONG) == [
        (timedelta(0), timedelta(0), timedelta(0), None),
        (None, None, None, LEAP),
        (5 * HOUR, 4 * HOUR, 9 * HOUR, LEAP),
    ]
    assert call(installed_everywhere, "fbs_approvals_turnaround", solution="shop") == found[1:]
    assert call(installed_everywhere, "fbs_approvals_turnaround", solution="none") == []


def test_turnaround_of_a_time_goes_by_when_requests_were_made(installed: psycopg.Connection) -> None:
    year = datetime(2025, 1, 1, tzinfo=timezone.utc)
    for hours in (-1, 0, 1):
        ask(installed, "r", created_at=year + hours * HOUR, status="approved", approved_at=year + 9 * HOUR)

    def requests(**values: Any) -> list[int]:
        return [row["requests"] for row in call(installed, "fbs_approvals_turnaround", **values)]

    assert requests(since=year) == [2]
    assert requests(until=year) == [1]
    assert requests(since=year, until=year + HOUR, solution="") == [1]
    assert requests(since=year, until=year) == []


def test_what_each_approver_has_decided(installed: psycopg.Connection) -> None:
    ask(installed, "a", status="approved", approved_at=LEAP + 2 * HOUR)
    ask(installed, "b", status="approved", approved_at=LEAP + 3 * HOUR)
    ask(installed, "c", status="approved")
    ask(installed, "d", status="rejected")
    ask(installed, "e", created_at=LEAP + HOUR)
    ask(installed, "f")
    ask(installed, "g", status="cancelled", approver_id=None)
    names = ("requests", "pending", "approved", "rejected", "cancelled", "oldest_pending_at", "average_approval_time")
    found = view(installed, "fbs_approvals_approvers", order="approver_id")
    assert columns(found, "approver_id", *names) == [
        (7, 6, 2, 3, 1, 0, LEAP, timedelta(hours=2.5)),
        (None, 1, 0, 0, 0, 1, None, None),
    ]
    assert view(installed, "fbs_approvals_approvers", order="approver_id", approver_id=9) == []


def test_a_share_has_two_decimals(installed: psycopg.Connection) -> None:
    for status in ("approved", "rejected", "rejected"):
        ask(installed, "a", status=status)
    (found,) = call(installed, "fbs_approvals_turnaround")
    assert found["approved_percent"] == Decimal("33.33")
