"""Deadlines across the suite, with all of it installed and with parts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support.reading import call, columns
from tests.support.sample_rows import add


@pytest.fixture
def busy(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """One deadline of each kind for a, seen from 10 June 2024, and what is none."""
    db = installed_everywhere
    db.execute("set timezone = 'UTC'")
    mine = {"solution_name": "a"}
    add(db, "fbs_msme_compliance", **mine, compliance_type="tax", due_date="2024-06-09")
    add(db, "fbs_msme_compliance", **mine, compliance_type="audit", due_date="2024-06-09", status="compliant")
    add(db, "fbs_msme_compliance", **mine, compliance_type="old", due_date="2024-06-09",
        actual_completion_date="2024-06-08")  # fmt: skip
    add(db, "fbs_compliance_rules", **mine, name="VAT", check_frequency="monthly")
    add(db, "fbs_compliance_rules", **mine, name="Weekly", check_frequency="weekly")
    add(db, "fbs_compliance_rules", **mine, name="Off", check_frequency="monthly", active=False)
    add(db, "fbs_compliance_rules", **mine, name="Odd", check_frequency="at times")
    add(db, "fbs_report_schedules", **mine, name="Sales", frequency="daily", next_run="2024-06-11 08:00+00")
    add(db, "fbs_report_schedules", **mine, name="Off", next_run="2024-06-11 08:00+00", active=False)
    add(db, "fbs_recurring_transactions", **mine, name="Rent", transaction_type="expense", amount="700",
        frequency="monthly", start_date="2024-01-31")  # fmt: skip
    books = {"business_id": "a"}
    add(db, "fbs_app_incomeexpense", **books, transaction_type="income", amount="50", due_date="2024-06-10",
        vendor_customer="Ada", description="Invoice 7")  # fmt: skip
    add(db, "fbs_app_incomeexpense", **books, transaction_type="expense", amount="60", due_date="2024-06-12",
        vendor_customer="", description="Paint")  # fmt: skip
    add(db, "fbs_app_incomeexpense", **books, amount="60", due_date="2024-06-12", payment_status="paid")
    add(db, "fbs_app_incomeexpense", **books, amount="60", due_date=None)
    add(db, "fbs_app_taxcalculation", **books, tax_type="sales_tax", tax_period_start="2024-05-01",
        tax_period_end="2024-05-31", due_date="2024-06-20", net_tax_amount="90", payment_amount="40")  # fmt: skip
    add(db, "fbs_app_taxcalculation", **books, due_date="2024-06-20", net_tax_amount="90", payment_status="paid")
    add(db, "fbs_dms_document", company_id="a", title="Permit", expiry_date="2024-07-10", state="approved")
    add(db, "fbs_dms_document", company_id="a", title="Put away", expiry_date="2024-06-15", state="archived")
    add(db, "fbs_dms_document", company_id="a", title="Later", expiry_date="2024-07-11")
    add(db, "fbs_license_manager_solution_license", **mine, expiry_date="2024-06-25 10:00+00")
    add(db, "fbs_msme_compliance", solution_name="b", due_date="2024-06-12")
    return db


EXPECTED = [
    ("2024-06-09", -1, True, "compliance", "tax", "pending", None),
    ("2024-06-10", 0, False, "receivable", "Ada: Invoice 7", "pending", Decimal(50)),
    ("2024-06-11", 1, False, "report", "Sales", "daily", None),
    ("2024-06-12", 2, False, "payable", "Paint", "pending", Decimal(60)),
    ("2024-06-16", 6, False, "compliance_check", "Weekly", "weekly", None),
    ("2024-06-20", 10, False, "tax", "sales_tax 2024-05-01 - 2024-05-31", "pending", Decimal(50)),
    ("2024-06-25", 15, False, "license", "trial", "active", None),
    ("2024-06-30", 20, False, "compliance_check", "VAT", "monthly", None),
    ("2024-06-30", 20, False, "recurring", "Rent", "expense", Decimal(700)),
    ("2024-07-10", 30, False, "document", "Permit", "approved", None),
]


def deadlines(connection: psycopg.Connection, **arguments: Any) -> list[tuple[Any, ...]]:
    arguments = {"solution_name": "a", "on_date": "2024-06-10"} | arguments
    found = call(connection, "fbs_suite_deadlines", **arguments)
    names = ("due_date", "days_left", "is_overdue", "kind", "title", "status", "amount")
    return [(str(when), *rest) for when, *rest in columns(found, *names)]


def test_deadlines_of_every_component(busy: psycopg.Connection) -> None:
    assert deadlines(busy) == EXPECTED
    assert deadlines(busy, since="2024-06-11", until="2024-06-20") == EXPECTED[2:6]
    assert deadlines(busy, page_size=3) == EXPECTED[:3]
    assert deadlines(busy, solution_name="none") == []


def test_a_deadline_names_its_record(busy: psycopg.Connection) -> None:
    for row in call(busy, "fbs_suite_deadlines", solution_name="a", on_date="2024-06-10"):
        found = busy.execute(f"select count(*) from {row['table_name']} where id = %s", (row["record_id"],))
        assert found.fetchone() == (1,)


@pytest.mark.parametrize(
    ("gone", "kinds"),
    [
        ("fbs_msme_compliance", {"compliance"}),
        ("fbs_compliance_rules", {"compliance_check"}),
        ("fbs_report_schedules", {"report"}),
        ("fbs_recurring_transactions", {"recurring"}),
        ("fbs_app_incomeexpense", {"receivable", "payable"}),
        ("fbs_app_taxcalculation", {"tax"}),
        ("fbs_dms_document", {"document"}),
        ("fbs_license_manager_solution_license", {"license"}),
    ],
)
def test_deadlines_without_a_component(busy: psycopg.Connection, gone: str, kinds: set[str]) -> None:
    for _ in range(7):  # until the server has settled on plans
        assert deadlines(busy) == EXPECTED
    busy.execute("set constraints all deferred")
    busy.execute("drop table " + gone + " cascade") if not gone.startswith("fbs_dms") else busy.execute(
        "alter table fbs_dms_document rename to elsewhere"
    )
    assert {row[3] for row in deadlines(busy)} == {row[3] for row in EXPECTED} - kinds


@pytest.mark.parametrize("never", ["-infinity", "infinity"])
def test_a_day_that_is_none_is_no_deadline(busy: psycopg.Connection, never: str) -> None:
    add(busy, "fbs_msme_compliance", solution_name="a", compliance_type="x", due_date=never)
    add(busy, "fbs_report_schedules", solution_name="a", name="x", next_run=never)
    add(busy, "fbs_recurring_transactions", solution_name="a", name="x", start_date=never)
    add(busy, "fbs_app_incomeexpense", business_id="a", due_date=never)
    add(busy, "fbs_app_taxcalculation", business_id="a", tax_type="x", due_date=never, net_tax_amount="9")
    add(busy, "fbs_dms_document", company_id="a", expiry_date=never)
    busy.execute("update fbs_license_manager_solution_license set expiry_date = %s", [never])
    expected = [row for row in EXPECTED if row[3] != "license"]
    assert [row for row in deadlines(busy, until="infinity") if row[0] < "2024-07-11"] == expected


def test_a_component_that_comes_back_has_its_deadlines(busy: psycopg.Connection) -> None:
    assert deadlines(busy) == EXPECTED
    busy.execute("alter table fbs_report_schedules rename to gone")
    assert len(deadlines(busy)) == len(EXPECTED) - 1
    busy.execute("create table fbs_report_schedules as table gone")
    assert deadlines(busy) == EXPECTED


def test_no_component_has_no_deadlines(busy: psycopg.Connection) -> None:
    for (name,) in busy.execute("select relname from pg_class where relkind = 'r' and relname like 'fbs%'").fetchall():
        busy.execute(f"alter table {name} rename to gone_{name[4:]}")
    assert deadlines(busy) == []


def test_deadlines_are_todays_by_default(installed: psycopg.Connection) -> None:
    for days in (-400, 0, 30, 31):
        due = str(date.today() + timedelta(days))
        add(installed, "fbs_msme_compliance", solution_name="a", compliance_type=str(days), due_date=due)
    found = call(installed, "fbs_suite_deadlines", solution_name="a")
    assert columns(found, "title", "days_left") == [("-400", -400), ("0", 0), ("30", 30)]


@pytest.mark.parametrize(
    ("frequency", "on", "due"),
    [
        ("daily", "2024-02-29", "2024-02-29"),
        ("weekly", "2024-12-30", "2025-01-05"),
        ("monthly", "2024-02-01", "2024-02-29"),
        ("quarterly", "2024-12-31", "2024-12-31"),
        ("yearly", "2024-02-29", "2024-12-31"),
    ],
)
def test_a_rule_is_to_be_checked_by_the_end_of_its_period(
    installed: psycopg.Connection, frequency: str, on: str, due: str
) -> None:
    add(installed, "fbs_compliance_rules", solution_name="a", name="r", check_frequency=frequency)
    assert [row[0] for row in deadlines(installed, on_date=on, until="2025-12-31")] == [due]
