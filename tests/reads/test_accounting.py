"""What is read of accounting, on books worked out by hand."""

from __future__ import annotations

import random
import re
import typing
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.errors import UsageError
from tests.support.every_read import BY_TYPE, hints, read_of, read_on
from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import BY_NAME, add


def day(text: str) -> date:
    return date.fromisoformat(text)


def money(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


def cash(connection: psycopg.Connection, when: str, kind: str, amount: str, **values: Any) -> int:
    values = {"business_id": "a", "payment_method": "cash"} | values
    return add(connection, "fbs_app_cashentry", entry_date=when, entry_type=kind, amount=amount, **values)[1]


@pytest.fixture
def cash_book(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """Entries of two businesses, out of order, that leave 100, 70, 70, 65, 75 and 55."""
    cash(installed_everywhere, "2024-01-02", "expense", "30")
    cash(installed_everywhere, "2024-01-01", "income", "100")
    cash(installed_everywhere, "2024-01-02", "transfer", "1000")
    cash(installed_everywhere, "2024-01-03", "adjustment", "-5", payment_method="check")
    cash(installed_everywhere, "2024-12-31", "receipt", "10", payment_method="check")
    cash(installed_everywhere, "2025-01-01", "payment", "20")
    cash(installed_everywhere, "2024-01-01", "income", "9999", business_id="b")
    return installed_everywhere


def test_an_entry_tells_what_it_does_to_the_cash(cash_book: psycopg.Connection) -> None:
    cash(cash_book, "2025-02-01", "barter", "7")
    found = view(cash_book, "fbs_accounting_cash_entries", business_id="a")
    assert columns(found, "entry_type", "cash_change") == [
        ("expense", Decimal(-30)),
        ("income", Decimal(100)),
        ("transfer", Decimal(0)),
        ("adjustment", Decimal(-5)),
        ("receipt", Decimal(10)),
        ("payment", Decimal(-20)),
        ("barter", Decimal(0)),
    ]


@pytest.mark.parametrize("name", ["cash_entries", "transactions", "taxes"])
def test_filters_need_the_business(installed: psycopg.Connection, name: str) -> None:
    """All but the id, and so do all rows together."""
    read = read_of("accounting", name)
    assert read.filters == ("id", "business_id")
    others = {column for one in read.together for column in one} - {"business_id"}
    assert len(others) > 2
    with fbs_db.connect(installed) as fbs:
        method = read_on(fbs, "accounting", name)
        for column in others:
            kind = typing.get_args(hints("accounting", name)[column])[0]
            wanted = {column: read.known[column][0] if column in read.known else BY_TYPE[kind]}
            for given in (wanted, wanted | {"since": date(2026, 1, 1)}):
                with pytest.raises(UsageError, match=f"Filter {column} needs business_id: no index serves"):
                    method(**given)
                with pytest.raises(UsageError, match=f"Filter {column} needs business_id: no index serves"):
                    list(method.stream(**given))
                assert list(method(business_id="a", **given)) == []
        for bounds in ({}, {"since": date(2026, 1, 1)}, {"until": date(2026, 1, 1)}):
            with pytest.raises(UsageError, match=f"{read.source} is not read without a filter. Name one: id, business"):
                method(**bounds)
            assert list(method(business_id="a", **bounds)) == []


def test_the_longest_texts_fit_the_indexes(installed_everywhere: psycopg.Connection) -> None:
    """Of characters that take four bytes each and that cannot be compressed."""
    chance = random.Random(7)
    for table in ("fbs_app_cashentry", "fbs_app_incomeexpense", "fbs_app_basicledger", "fbs_app_taxcalculation"):
        texts = {
            column["name"]: "".join(chr(chance.randrange(0x10000, 0x2FFFF)) for _ in range(int(length[1])))
            for column in BY_NAME[table]["columns"]
            if (length := re.fullmatch(r"varchar\((\d+)\)", column["type"]))
        }
        assert add(installed_everywhere, table, **texts)


def test_cash_ledger_runs_a_balance(cash_book: psycopg.Connection) -> None:
    found = call(cash_book, "fbs_accounting_cash_ledger", business_id="a")
    assert [row["balance"] for row in found] == list(money("100", "70", "70", "65", "75", "55"))
    assert [row["entry_date"] for row in found] == sorted(row["entry_date"] for row in found)
    assert call(cash_book, "fbs_accounting_cash_ledger", business_id="none") == []


def test_cash_ledger_of_a_period_starts_from_what_was_before(cash_book: psycopg.Connection) -> None:
    found = call(cash_book, "fbs_accounting_cash_ledger", business_id="a", since="2024-01-02", until="2024-12-31")
    assert [row["balance"] for row in found] == list(money("70", "70", "65", "75"))
    found = call(cash_book, "fbs_accounting_cash_ledger", business_id="a", since="2024-01-03", carried=1000)
    assert [row["balance"] for row in found] == list(money("995", "1005", "985")), "the balance carried is taken as is"


@pytest.mark.parametrize("carry", [True, False])
def test_pages_of_the_cash_ledger_make_the_whole(cash_book: psycopg.Connection, carry: bool) -> None:
    whole = call(cash_book, "fbs_accounting_cash_ledger", business_id="a", since="2024-01-02")
    pages: list[dict[str, Any]] = []
    while True:
        after = {}
        if pages:
            after = {"after_date": pages[-1]["entry_date"], "after_id": pages[-1]["id"]}
            after |= {"carried": pages[-1]["balance"]} if carry else {}
        page = call(cash_book, "fbs_accounting_cash_ledger", business_id="a", since="2024-01-02", page_size=2, **after)
        if not page:
            break
        assert len(page) <= 2
        pages += page
        assert len(pages) <= len(whole)
    assert pages == whole
    assert len(whole) == 5


def test_cash_position_on_a_day(cash_book: psycopg.Connection) -> None:
    cash(cash_book, "2024-06-01", "barter", "7")

    def position(on: str) -> tuple[Any, ...]:
        found = one(cash_book, "fbs_accounting_cash_position", business_id="a", on_date=on)
        return tuple(found.values())

    assert position("2024-12-31") == (*money("110", "30", "-5", "75"), 6, 1, day("2024-12-31"))
    assert position("2025-01-01") == (*money("110", "50", "-5", "55"), 7, 1, day("2025-01-01"))
    assert position("2023-12-31") == (*money("0", "0", "0", "0"), 0, 0, None)


def test_cash_position_is_todays_by_default(installed: psycopg.Connection) -> None:
    cash(installed, str(date.today()), "income", "1")
    cash(installed, str(date.today() + timedelta(1)), "income", "2")
    assert one(installed, "fbs_accounting_cash_position", business_id="a")["balance"] == 1


def test_cash_by_means_of_payment(cash_book: psycopg.Connection) -> None:
    found = call(cash_book, "fbs_accounting_cash_by_method", business_id="a", on_date="2024-12-31")
    assert columns(found, "payment_method", "cash_in", "cash_out", "adjustments", "balance", "entry_count") == [
        ("cash", *money("100", "30", "0", "70"), 3),
        ("check", *money("10", "0", "-5", "5"), 2),
    ]


def booked(connection: psycopg.Connection, when: str, kind: str, amount: str, **values: Any) -> int:
    values = {"business_id": "a", "category": "general"} | values
    return add(
        connection,
        "fbs_app_incomeexpense",
        transaction_date=when,
        transaction_type=kind,
        amount=amount,
        **values,
    )[1]


@pytest.fixture
def year(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """Transactions around the end of 2023 and 29 February 2024."""
    booked(installed_everywhere, "2023-12-31", "income", "50", category="sales")
    booked(installed_everywhere, "2024-01-01", "income", "200", category="sales", tax_amount="32")
    booked(installed_everywhere, "2024-02-29", "income", "100", category="sales", tax_amount="16")
    booked(installed_everywhere, "2024-02-29", "income", "40", category="")
    booked(installed_everywhere, "2024-02-01", "expense", "85", category="rent")
    booked(installed_everywhere, "2024-02-02", "expense", "1000", category="rent", payment_status="cancelled")
    booked(installed_everywhere, "2024-03-01", "loan", "7000")
    booked(installed_everywhere, "2024-02-02", "expense", "9999", business_id="b")
    return installed_everywhere


def test_income_and_expense_by_month_and_category(year: psycopg.Connection) -> None:
    found = call(year, "fbs_accounting_income_expense", business_id="a", since="2023-12-01", until="2024-02-29")
    assert columns(
        found, "period_start", "period_end", "transaction_type", "category", "amount", "tax_amount", "transaction_count"
    ) == [
        (day("2023-12-01"), day("2023-12-31"), "income", "sales", *money("50", "0"), 1),
        (day("2024-01-01"), day("2024-01-31"), "income", "sales", *money("200", "32"), 1),
        (day("2024-02-01"), day("2024-02-29"), "income", "", *money("40", "0"), 1),
        (day("2024-02-01"), day("2024-02-29"), "income", "sales", *money("100", "16"), 1),
        (day("2024-02-01"), day("2024-02-29"), "expense", "rent", *money("85", "0"), 1),
    ]


@pytest.mark.parametrize(
    ("period", "spans"),
    [
        ("day", [("2023-12-31", "2023-12-31"), ("2024-01-01", "2024-01-01"), ("2024-02-29", "2024-02-29")]),
        ("week", [("2023-12-25", "2023-12-31"), ("2024-01-01", "2024-01-07"), ("2024-02-26", "2024-03-03")]),
        ("quarter", [("2023-10-01", "2023-12-31"), ("2024-01-01", "2024-03-31")]),
        ("year", [("2023-01-01", "2023-12-31"), ("2024-01-01", "2024-12-31")]),
    ],
)
def test_periods_are_those_of_the_calendar(year: psycopg.Connection, period: str, spans: list[tuple[str, str]]) -> None:
    found = call(year, "fbs_accounting_income_expense", business_id="a", period=period)
    income = [row for row in found if (row["transaction_type"], row["category"]) == ("income", "sales")]
    assert columns(income, "period_start", "period_end") == [(day(first), day(last)) for first, last in spans]


def test_summary_of_income_and_expense(year: psycopg.Connection) -> None:
    found = one(year, "fbs_accounting_income_expense_summary", business_id="a", since="2024-01-01", until="2024-03-31")
    # 340 - 85 = 255, and 255 / 340 = 75 %
    assert tuple(found.values()) == (*money("340", "85", "255", "75.00"), 3, 1, day("2024-01-01"), day("2024-02-29"))
    loss = one(year, "fbs_accounting_income_expense_summary", business_id="b")
    assert (loss["net_income"], loss["profit_margin_percent"]) == (Decimal(-9999), None)
    nothing = one(year, "fbs_accounting_income_expense_summary", business_id="none")
    assert tuple(nothing.values()) == (*money("0", "0", "0"), None, 0, 0, None, None)


def line(
    connection: psycopg.Connection, when: str, account: str, kind: str, debit: str, credit: str, **values: Any
) -> int:
    values = {"business_id": "a", "balance": "0"} | values
    return add(
        connection,
        "fbs_app_basicledger",
        entry_date=when,
        account=account,
        account_type=kind,
        debit_amount=debit,
        credit_amount=credit,
        **values,
    )[1]


@pytest.fixture
def ledger(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """Capital 500 and sales 200 into the bank, rent 80 out of it, and a refund the year after."""
    for when, account, kind, debit, credit in [
        ("2024-01-01", "bank", "asset", "500", "0"),
        ("2024-01-01", "capital", "equity", "0", "500"),
        ("2024-03-31", "bank", "asset", "200", "0"),
        ("2024-03-31", "sales", "income", "0", "200"),
        ("2024-03-31", "bank", "asset", "0", "80"),
        ("2024-03-31", "rent", "expense", "80", "0"),
        ("2025-01-01", "sales", "income", "50", "0"),
        ("2025-01-01", "bank", "asset", "0", "50"),
    ]:
        line(installed_everywhere, when, account, kind, debit, credit)
    line(installed_everywhere, "2024-01-01", "bank", "asset", "9999", "0", business_id="b")
    return installed_everywhere


def test_account_balances_are_positive_on_the_accounts_own_side(ledger: psycopg.Connection) -> None:
    found = view(ledger, "fbs_accounting_account_balances", order="account", business_id="a")
    assert columns(found, "account", "debit_amount", "credit_amount", "balance", "line_count", "last_entry_date") == [
        ("bank", *money("700", "130", "570"), 4, day("2025-01-01")),
        ("capital", *money("0", "500", "500"), 1, day("2024-01-01")),
        ("rent", *money("80", "0", "80"), 1, day("2024-03-31")),
        ("sales", *money("50", "200", "150"), 2, day("2025-01-01")),
    ]


def test_trial_balance_of_a_day_balances(ledger: psycopg.Connection) -> None:
    found = call(ledger, "fbs_accounting_trial_balance", business_id="a", on_date="2024-12-31")
    assert columns(found, "account", "debit_amount", "credit_amount", "debit_balance", "credit_balance") == [
        ("bank", *money("700", "80", "620", "0")),
        ("capital", *money("0", "500", "0", "500")),
        ("rent", *money("80", "0", "80", "0")),
        ("sales", *money("0", "200", "0", "200")),
    ]
    assert sum(row["debit_balance"] for row in found) == sum(row["credit_balance"] for row in found) == 700
    assert call(ledger, "fbs_accounting_trial_balance", business_id="a", on_date="2023-12-31") == []


def test_an_account_has_its_balance_line_by_line(ledger: psycopg.Connection) -> None:
    def balances(**arguments: Any) -> list[Decimal]:
        found = call(ledger, "fbs_accounting_account_ledger", business_id="a", **arguments)
        return [row["balance"] for row in found]

    assert balances(account="bank") == list(money("500", "700", "620", "570"))
    assert balances(account="sales") == list(money("200", "150"))
    assert balances(account="bank", since="2024-02-01", until="2024-12-31") == list(money("700", "620"))
    second = call(ledger, "fbs_accounting_account_ledger", business_id="a", account="bank")[1]
    following = {"after_date": second["entry_date"], "after_id": second["id"], "page_size": 1}
    assert balances(account="bank", **following) == list(money("620"))
    assert balances(account="bank", carried=0, **following) == list(money("-80"))
    assert balances(account="none") == []


def test_ledger_lines_are_read_as_recorded(ledger: psycopg.Connection) -> None:
    line(ledger, "2024-04-01", "card", "liability", "10", "30", balance="17")
    (found,) = view(ledger, "fbs_accounting_ledger_lines", account="card")
    assert (found["balance_change"], found["recorded_balance"]) == money("20", "17")


@pytest.fixture
def invoices(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """Seen from 30 June 2024."""

    def invoice(due: str | None, amount: str, customer: str = "Ada", kind: str = "income", **values: Any) -> None:
        values = {"due_date": due, "vendor_customer": customer} | values
        booked(installed_everywhere, values.pop("on", "2024-01-15"), kind, amount, **values)

    invoice("2024-07-01", "1")  # tomorrow
    invoice("2024-06-30", "2")  # today: 0 days
    invoice("2024-05-31", "4")  # 30 days
    invoice("2024-05-30", "8", payment_status="overdue")  # 31
    invoice("2024-05-01", "16", payment_status="partial")  # 60
    invoice("2024-04-30", "32")  # 61
    invoice("2024-04-01", "64")  # 90
    invoice("2024-03-31", "128")  # 91
    invoice(None, "256", "Bo", on="2024-06-20")  # counts from the day it was booked: 10
    invoice("2024-05-01", "512", payment_status="cancelled")
    invoice("2024-05-01", "1024", payment_status="paid", payment_date="2024-06-30")
    invoice("2024-05-01", "2048", payment_status="paid", payment_date="2024-07-01")  # not yet on that day: 60
    invoice("2024-05-01", "4096", payment_status="paid")  # no one knows when
    invoice("2024-08-01", "8192", on="2024-07-01")  # booked tomorrow
    invoice("2024-05-01", "10", "Cy", "expense")
    invoice("2024-05-01", "16384", business_id="b")
    return installed_everywhere


def test_receivables_by_age(invoices: psycopg.Connection) -> None:
    found = call(invoices, "fbs_accounting_receivables", business_id="a", on_date="2024-06-30")
    assert [tuple(row.values()) for row in found] == [
        ("Ada", *money("2303", "1", "6", "2072", "96", "128"), 9, 91),
        ("Bo", *money("256", "0", "256", "0", "0", "0"), 1, 10),
    ]


def test_payables_by_age(invoices: psycopg.Connection) -> None:
    found = call(invoices, "fbs_accounting_payables", business_id="a", on_date="2024-06-30")
    assert [tuple(row.values()) for row in found] == [("Cy", *money("10", "0", "0", "10", "0", "0"), 1, 60)]
    assert call(invoices, "fbs_accounting_payables", business_id="none", on_date="2024-06-30") == []


def test_unpaid_items_oldest_first(invoices: psycopg.Connection) -> None:
    found = call(invoices, "fbs_accounting_open_items", business_id="a", of_type="income", on_date="2024-06-30")
    assert columns(found, "amount", "days_overdue", "age") == [
        (Decimal(amount), days, age)
        for amount, days, age in [
            (128, 91, "over 90"),
            (64, 90, "61-90"),
            (32, 61, "61-90"),
            (16, 60, "31-60"),
            (2048, 60, "31-60"),
            (8, 31, "31-60"),
            (4, 30, "0-30"),
            (256, 10, "0-30"),
            (2, 0, "0-30"),
            (1, -1, "not due"),
        ]
    ]
    assert len(call(invoices, "fbs_accounting_open_items", business_id="a", on_date="2024-06-30")) == 11
    assert call(invoices, "fbs_accounting_open_items", business_id="a", on_date="2024-01-14") == []


def test_a_transaction_is_open_until_it_is_paid_or_cancelled(invoices: psycopg.Connection) -> None:
    found = view(invoices, "fbs_accounting_transactions", business_id="a", is_open=False)
    assert {row["payment_status"] for row in found} == {"paid", "cancelled"}
    found = view(invoices, "fbs_accounting_transactions", business_id="a", is_open=True)
    assert {row["payment_status"] for row in found} == {"pending", "overdue", "partial"}


def tax(connection: psycopg.Connection, ends: str, due: str, net: str, **values: Any) -> int:
    values = {"business_id": "a", "tax_type": "sales_tax"} | values
    return add(connection, "fbs_app_taxcalculation", tax_period_end=ends, due_date=due, net_tax_amount=net, **values)[1]


def test_tax_paid_and_left_to_pay(installed: psycopg.Connection) -> None:
    today = date.today()
    yesterday = str(today - timedelta(1))
    tax(installed, yesterday, yesterday, "100")
    tax(installed, yesterday, str(today), "100", payment_status="partial", payment_amount="30")
    tax(installed, yesterday, yesterday, "100", payment_status="paid")
    tax(installed, yesterday, yesterday, "100", payment_status="paid", payment_amount="99")
    tax(installed, yesterday, yesterday, "100", payment_status="partial", payment_amount="120")
    found = view(installed, "fbs_accounting_taxes")
    assert columns(found, "paid_amount", "outstanding_amount", "is_overdue") == [
        (*money("0", "100"), True),
        (*money("30", "70"), False),
        (*money("100", "0"), False),
        (*money("99", "0"), False),
        (*money("120", "0"), False),
    ]


def test_tax_by_kind(installed_everywhere: psycopg.Connection) -> None:
    tax(installed_everywhere, "2023-12-31", "2024-01-31", "100", payment_status="paid", filing_date="2024-01-20")
    tax(installed_everywhere, "2024-01-31", "2024-02-29", "40", payment_status="partial", payment_amount="15")
    tax(installed_everywhere, "2024-02-29", "2024-03-31", "60")
    tax(installed_everywhere, "2024-03-31", "2024-04-30", "70")
    tax(installed_everywhere, "2024-12-31", "2025-06-30", "500", tax_type="income_tax")

    def summary(**arguments: Any) -> list[tuple[Any, ...]]:
        found = call(
            installed_everywhere, "fbs_accounting_tax_summary", business_id="a", on_date="2024-03-31", **arguments
        )
        return [tuple(row.values()) for row in found]

    assert summary() == [
        ("income_tax", *money("500", "0", "500", "0"), day("2025-06-30"), 1, 1),
        ("sales_tax", *money("270", "115", "155", "25"), day("2024-03-31"), 4, 3),
    ]
    assert summary(since="2024-01-01", until="2024-01-31") == [
        ("sales_tax", *money("40", "15", "25", "25"), None, 1, 1)
    ]


def test_health_of_a_business(installed_everywhere: psycopg.Connection) -> None:
    db = installed_everywhere
    # The three months that end with 31 May 2024 begin on 1 March, as there is no 31 February.
    booked(db, "2024-02-29", "income", "5000", payment_status="paid", payment_date="2024-02-29")
    booked(db, "2024-03-01", "income", "800", payment_status="paid", payment_date="2024-03-01")
    booked(db, "2024-05-31", "income", "200", due_date="2024-05-30")
    booked(db, "2024-04-01", "expense", "600", payment_status="paid", payment_date="2024-04-01")
    booked(db, "2024-05-01", "expense", "150", due_date="2024-06-15")
    cash(db, "2024-02-29", "income", "1000")
    cash(db, "2024-03-01", "income", "100")
    cash(db, "2024-05-31", "expense", "560")
    cash(db, "2024-06-01", "expense", "7777")
    tax(db, "2024-04-30", "2024-05-31", "250")
    tax(db, "2024-06-30", "2024-07-31", "9999")
    found = one(db, "fbs_accounting_health", business_id="a", on_date="2024-05-31")
    assert found == {
        "since": day("2024-03-01"),
        "until": day("2024-05-31"),
        "total_income": Decimal(1000),
        "total_expenses": Decimal(750),
        "net_income": Decimal(250),
        "profit_margin_percent": Decimal("25.00"),
        "expense_ratio_percent": Decimal("75.00"),
        "health_score": Decimal("50.00"),
        "cash_in": Decimal(100),
        "cash_out": Decimal(560),
        "monthly_burn_amount": Decimal("153.33"),
        "cash_balance": Decimal(540),
        "runway_days": 108,  # 540 / (460 / 92 days) = 540 / 5
        "receivable_amount": Decimal(200),
        "overdue_receivable_amount": Decimal(200),
        "payable_amount": Decimal(150),
        "overdue_payable_amount": Decimal(0),
        "tax_outstanding_amount": Decimal(250),
        "liquidity_percent": Decimal("185.00"),  # (540 + 200) / (150 + 250)
    }
    yearly = one(db, "fbs_accounting_health", business_id="a", months=12, on_date="2024-05-31")
    assert (yearly["since"], yearly["total_income"]) == (day("2023-06-01"), Decimal(6000))
    assert (yearly["monthly_burn_amount"], yearly["runway_days"]) == (Decimal("-45.00"), None), "cash grew"


def test_health_where_there_is_nothing_or_only_loss(installed: psycopg.Connection) -> None:
    nothing = one(installed, "fbs_accounting_health", business_id="a", on_date="2024-02-29")
    assert (nothing["since"], nothing["until"]) == (day("2023-11-30"), day("2024-02-29"))
    for name in ("profit_margin_percent", "expense_ratio_percent", "health_score", "runway_days", "liquidity_percent"):
        assert nothing[name] is None, name
    assert nothing["cash_balance"] == nothing["total_income"] == nothing["payable_amount"] == 0

    booked(installed, "2024-02-01", "income", "10")
    booked(installed, "2024-02-01", "expense", "100")
    cash(installed, "2024-02-01", "expense", "100")
    loss = one(installed, "fbs_accounting_health", business_id="a", on_date="2024-02-29")
    assert (loss["profit_margin_percent"], loss["health_score"]) == (Decimal("-900.00"), Decimal(0))
    assert loss["runway_days"] == 0, "no cash is left"
    cash(installed, "2023-01-01", "income", "9999999999999")
    lasting = one(installed, "fbs_accounting_health", business_id="a", on_date="2024-02-29")
    assert lasting["runway_days"] == 36525
