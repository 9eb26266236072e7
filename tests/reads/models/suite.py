"""The suite: random rows, and what each read answers to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tests.reads.models.accounting import fill_accounting, taxes
from tests.reads.models.common import period_of, where, within
from tests.reads.models.compliance import fill_compliance, next_booking
from tests.reads.models.documents import current, fill_documents
from tests.reads.models.filling import LICENSED, SOLUTIONS, Filler, made_up
from tests.reads.models.licensing import fill_licensing
from tests.support.differential import Answer, Call, Group, World, in_order
from tests.support.reading import Rows


def fill_suite(f: Filler) -> None:
    f.add(
        "fbs_msme_compliance", 40, solution_name=SOLUTIONS, compliance_type=lambda: f.text() + str(f.user()),
        status=["compliant", "at_risk", "pending", "odd"], due_date=f.day,
        actual_completion_date=lambda: None if f.flag() else f.day(),
    )  # fmt: skip
    for fill in (fill_compliance, fill_accounting, fill_documents, fill_licensing):
        fill(f)


def deadlines(
    world: World,
    solution_name: str,
    since: date | None = None,
    until: date | None = None,
    page_size: int | None = None,
    on_date: date | None = None,
) -> Rows:
    on_date = on_date or world.today
    found: Rows = []

    def note(table: str, row: Answer, kind: str, due: date | None, title: str, status: str, amount: Any = None) -> None:
        if due is not None and within(due, since, until or on_date + timedelta(30)):
            found.append({
                "due_date": due, "days_left": (due - on_date).days, "is_overdue": due < on_date, "kind": kind,
                "title": title, "status": status, "amount": amount, "table_name": table, "record_id": row["id"],
            })  # fmt: skip

    def mine(table: str, owner: str = "solution_name") -> Iterator[tuple[str, Answer]]:
        return ((table, row) for row in where(world[table], **{owner: solution_name}))

    for table, row in mine("fbs_msme_compliance"):
        if row["status"] != "compliant" and row["actual_completion_date"] is None:
            note(table, row, "compliance", row["due_date"], row["compliance_type"], row["status"])
    periods = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
    for table, row in mine("fbs_compliance_rules"):
        if row["active"] and row["check_frequency"] in periods:
            last = period_of(on_date, periods[row["check_frequency"]])[1]
            note(table, row, "compliance_check", last, row["name"], row["check_frequency"])
    for table, row in mine("fbs_report_schedules"):
        if row["active"]:
            note(table, row, "report", world.day_of(row["next_run"]), row["name"], row["frequency"])
    for table, row in mine("fbs_recurring_transactions"):
        note(table, row, "recurring", next_booking(row, on_date), row["name"], row["transaction_type"], row["amount"])
    for table, row in mine("fbs_app_incomeexpense", "business_id"):
        kind = {"income": "receivable", "expense": "payable"}.get(row["transaction_type"])
        title = f"{row['vendor_customer']}: {row['description']}" if row["vendor_customer"] else row["description"]
        if kind and row["payment_status"] not in ("paid", "cancelled"):
            note(table, row, kind, row["due_date"], title, row["payment_status"], row["amount"])
    for row in where(taxes(world), business_id=solution_name):
        if row["outstanding_amount"] > 0:
            title = f"{row['tax_type']} {row['tax_period_start']} - {row['tax_period_end']}"
            note("fbs_app_taxcalculation", row, "tax", row["due_date"], title, row["payment_status"],
                 row["outstanding_amount"])  # fmt: skip
    for row in current(world, solution_name):
        note("fbs_dms_document", row, "document", row["expiry_date"], row["title"], row["state"])
    for table, row in mine("fbs_license_manager_solution_license"):
        ends = row["expiry_date"] and world.day_of(row["expiry_date"])
        note(table, row, "license", ends, row["license_type"], row["status"])
    return in_order(found, "due_date kind record_id")[:page_size]


#: Whose rows are asked for; the last has none.
OWNERS = [*SOLUTIONS * 3, *LICENSED, "seldom", "x'"]


def fill(world: World) -> None:
    if world.seed:
        fill_suite(Filler(world))
        world.forget()


READS = Group(
    fill,
    [
        Call("deadlines", deadlines, made_up("suite.deadlines", OWNERS)),
    ],
)
