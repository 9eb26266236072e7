"""Accounting: random rows, and what each read answers to them."""

from __future__ import annotations

import itertools
import math
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.reads.models.common import Money, cents, in_groups, percent, period_of, plus_months, total, where, within
from tests.reads.models.filling import SOLUTIONS, STATUSES, Filler, made_up
from tests.support.differential import Answer, Call, Group, View, World, in_order
from tests.support.reading import Rows


def fill_accounting(f: Filler) -> None:
    f.add(
        "fbs_app_cashentry", 70, business_id=SOLUTIONS, entry_date=f.day, amount=f.money, description=f.text,
        entry_type=["income", "receipt", "expense", "payment", "adjustment", "transfer", "barter"],
        category=["sales", "rent", "it's"], subcategory=f.text, payment_method=["cash", "check", "odd"],
        vendor_customer=f.text, reference_number=["", "7"], created_by_id=f.maybe_user, attachments=f.facts,
    )  # fmt: skip
    f.add(
        "fbs_app_incomeexpense", 90, business_id=SOLUTIONS, transaction_date=f.day, amount=f.money,
        transaction_type=["income", "expense", "income", "expense", "barter"], description=f.text, due_date=f.maybe_day,
        category=["sales", "rent", "it's"], subcategory=f.text, account=["", "bank"], invoice_number=["", "7"],
        vendor_customer=["", "Ada", "O'Neil"], payment_date=f.maybe_day, payment_status=STATUSES, tax_amount=f.money,
        created_by_id=f.maybe_user,
    )  # fmt: skip
    f.add(
        "fbs_app_basicledger", 70, business_id=SOLUTIONS, entry_date=f.day, account=["bank", "it's", ""],
        account_type=["asset", "liability", "equity", "income", "expense", "odd"], debit_amount=f.money,
        credit_amount=f.money, description=f.text, reference=["", "7"], reference_type=f.text, balance=f.money,
        created_by_id=f.maybe_user,
    )  # fmt: skip
    f.add(
        "fbs_app_taxcalculation", 50, business_id=SOLUTIONS, tax_period_start=f.day, tax_period_end=f.day,
        tax_type=["income_tax", "sales_tax", "odd"], taxable_amount=f.money, tax_rate=7, tax_amount=f.money,
        net_tax_amount=f.money, payment_amount=lambda: f.money() if f.flag() else None, due_date=f.day,
        payment_status=STATUSES, payment_date=f.maybe_day, filing_date=f.maybe_day, created_by_id=f.maybe_user,
    )  # fmt: skip


def cash_change(entry: Answer) -> Money:
    ways = {"income": 1, "receipt": 1, "adjustment": 1, "expense": -1, "payment": -1}
    return Decimal(entry["amount"] * ways.get(entry["entry_type"], 0))


def cash_entries(world: World) -> Rows:
    return [row | {"cash_change": cash_change(row)} for row in world["fbs_app_cashentry"]]


def running(
    lines: Rows,
    change: str,
    since: date | None,
    until: date | None,
    after_date: date | None,
    after_id: int | None,
    carried: Money | None,
    page_size: int | None,
) -> Rows:
    """Lines with the balance that each leaves."""
    before, found = Decimal(0), []
    for line in in_order(lines, "entry_date id"):
        seen = after_date is not None and (
            (line["entry_date"], line["id"]) <= (after_date, math.inf if after_id is None else after_id)
        )
        if seen or not within(line["entry_date"], since, None):
            before += line[change]
        elif within(line["entry_date"], None, until):
            found.append(line)
    balances = itertools.accumulate((line[change] for line in found), initial=before if carried is None else carried)
    return [line | {"balance": balance} for line, balance in zip(found, list(balances)[1:], strict=True)][:page_size]


def cash_ledger(
    world: World,
    business_id: str,
    since: date | None = None,
    until: date | None = None,
    after_date: date | None = None,
    after_id: int | None = None,
    carried: Money | None = None,
    page_size: int | None = None,
) -> Rows:
    lines = where(cash_entries(world), business_id=business_id)
    return running(lines, "cash_change", since, until, after_date, after_id, carried, page_size)


def cash_sums(entries: Rows) -> Answer:
    def of(*kinds: str) -> Money:
        return total([entry for entry in entries if entry["entry_type"] in kinds], "cash_change")

    return {
        "cash_in": of("income", "receipt"),
        "cash_out": -of("expense", "payment"),
        "adjustments": of("adjustment"),
        "balance": total(entries, "cash_change"),
        "entry_count": len(entries),
    }


def cash_until(world: World, business_id: str, on_date: date | None) -> Rows:
    entries = where(cash_entries(world), business_id=business_id)
    return [entry for entry in entries if entry["entry_date"] <= (on_date or world.today)]


def cash_position(world: World, business_id: str, on_date: date | None = None) -> Answer:
    entries = cash_until(world, business_id, on_date)
    known = {"income", "receipt", "expense", "payment", "adjustment", "transfer"}
    return cash_sums(entries) | {
        "uncounted_count": sum(entry["entry_type"] not in known for entry in entries),
        "last_entry_date": max((entry["entry_date"] for entry in entries), default=None),
    }


def cash_by_method(world: World, business_id: str, on_date: date | None = None) -> Rows:
    by_method = in_groups(cash_until(world, business_id, on_date), "payment_method")
    return [{"payment_method": method} | cash_sums(entries) for method, entries in by_method.items()]


def transactions(world: World) -> Rows:
    return [
        row | {"is_open": row["payment_status"] not in ("paid", "cancelled")} for row in world["fbs_app_incomeexpense"]
    ]


def counted(world: World, business_id: str, since: date | None, until: date | None) -> Rows:
    """What a business earned and incurred."""
    return [
        row
        for row in where(world["fbs_app_incomeexpense"], business_id=business_id)
        if row["payment_status"] != "cancelled" and within(row["transaction_date"], since, until)
    ]


def income_expense(
    world: World, business_id: str, since: date | None = None, until: date | None = None, period: str = "month"
) -> Rows:
    rows = [
        row | dict(zip(("period_start", "period_end"), period_of(row["transaction_date"], period), strict=True))
        for row in counted(world, business_id, since, until)
    ]
    found = [
        {
            "period_start": start,
            "period_end": end,
            "transaction_type": kind,
            "category": category,
            "amount": total(of, "amount"),
            "tax_amount": total(of, "tax_amount"),
            "transaction_count": len(of),
        }
        for (start, end, kind, category), of in in_groups(
            rows, "period_start", "period_end", "transaction_type", "category"
        ).items()
    ]
    return in_order(found, "period_start -transaction_type category")


def income_expense_summary(
    world: World, business_id: str, since: date | None = None, until: date | None = None
) -> Answer:
    rows = counted(world, business_id, since, until)
    income, expenses = where(rows, transaction_type="income"), where(rows, transaction_type="expense")
    days = [row["transaction_date"] for row in income + expenses]
    net = total(income, "amount") - total(expenses, "amount")
    return {
        "total_income": total(income, "amount"),
        "total_expenses": total(expenses, "amount"),
        "net_income": net,
        "profit_margin_percent": percent(net, total(income, "amount")),
        "income_count": len(income),
        "expense_count": len(expenses),
        "first_date": min(days, default=None),
        "last_date": max(days, default=None),
    }


def balance_change(line: Answer) -> Money:
    change = Decimal(line["debit_amount"] - line["credit_amount"])
    return -change if line["account_type"] in ("liability", "equity", "income") else change


def ledger_lines(world: World) -> Rows:
    return [
        line | {"balance_change": balance_change(line), "recorded_balance": line["balance"]}
        for line in world["fbs_app_basicledger"]
    ]


def account_ledger(
    world: World,
    business_id: str,
    account: str,
    since: date | None = None,
    until: date | None = None,
    after_date: date | None = None,
    after_id: int | None = None,
    carried: Money | None = None,
    page_size: int | None = None,
) -> Rows:
    lines = where(ledger_lines(world), business_id=business_id, account=account)
    return running(lines, "balance_change", since, until, after_date, after_id, carried, page_size)


def account_balances(world: World) -> Rows:
    return [
        {
            "business_id": business,
            "account": account,
            "account_type": kind,
            "debit_amount": total(lines, "debit_amount"),
            "credit_amount": total(lines, "credit_amount"),
            "balance": total(lines, "balance_change"),
            "line_count": len(lines),
            "first_entry_date": min(line["entry_date"] for line in lines),
            "last_entry_date": max(line["entry_date"] for line in lines),
        }
        for (business, account, kind), lines in in_groups(
            ledger_lines(world), "business_id", "account", "account_type"
        ).items()
    ]


def trial_balance(world: World, business_id: str, on_date: date | None = None) -> Rows:
    lines = where(world["fbs_app_basicledger"], business_id=business_id)
    found = []
    by_account = in_groups([x for x in lines if x["entry_date"] <= (on_date or world.today)], "account", "account_type")
    for (account, kind), of in by_account.items():
        debit, credit = total(of, "debit_amount"), total(of, "credit_amount")
        found.append({
            "account": account,
            "account_type": kind,
            "debit_amount": debit,
            "credit_amount": credit,
            "debit_balance": max(debit - credit, Decimal(0)),
            "credit_balance": max(credit - debit, Decimal(0)),
        })  # fmt: skip
    return found


def open_items(world: World, business_id: str, of_type: str | None = None, on_date: date | None = None) -> Rows:
    on_date = on_date or world.today
    found = []
    for row in where(world["fbs_app_incomeexpense"], business_id=business_id):
        paid_later = row["payment_status"] == "paid" and row["payment_date"] and row["payment_date"] > on_date
        unpaid = row["payment_status"] not in ("paid", "cancelled") or paid_later
        if unpaid and row["transaction_date"] <= on_date and of_type in (None, row["transaction_type"]):
            days = (on_date - (row["due_date"] or row["transaction_date"])).days
            ages = [(-1, "not due"), (30, "0-30"), (60, "31-60"), (90, "61-90"), (math.inf, "over 90")]
            age = next(age for limit, age in ages if days <= limit)
            found.append(row | {"days_overdue": days, "age": age})
    return in_order(found, "-days_overdue id")


def by_partner(world: World, business_id: str, of_type: str, on_date: date | None) -> Rows:
    found = []
    for name, items in in_groups(open_items(world, business_id, of_type, on_date), "vendor_customer").items():
        ages = {
            f"{column}_amount": total(where(items, age=age), "amount")
            for column, age in [
                *(("not_due", "not due"), ("days_0_to_30", "0-30"), ("days_31_to_60", "31-60")),
                *(("days_61_to_90", "61-90"), ("days_over_90", "over 90")),
            ]
        }
        found.append({
            "vendor_customer": name,
            "total_amount": total(items, "amount"),
            "item_count": len(items),
            "max_days_overdue": max(item["days_overdue"] for item in items),
        } | ages)  # fmt: skip
    return in_order(found, "-total_amount vendor_customer")


def receivables(world: World, business_id: str, on_date: date | None = None) -> Rows:
    return by_partner(world, business_id, "income", on_date)


def payables(world: World, business_id: str, on_date: date | None = None) -> Rows:
    return by_partner(world, business_id, "expense", on_date)


def taxes(world: World) -> Rows:
    found = []
    for row in world["fbs_app_taxcalculation"]:
        net, paid = row["net_tax_amount"], row["payment_amount"]
        if row["payment_status"] == "paid":
            paid, left = net if paid is None else paid, Decimal(0)
        else:
            paid = paid or Decimal(0)
            left = max(net - paid, Decimal(0))
        overdue = left > 0 and row["due_date"] < world.today
        found.append(row | {"paid_amount": paid, "outstanding_amount": left, "is_overdue": overdue})
    return found


def tax_summary(
    world: World, business_id: str, since: date | None = None, until: date | None = None, on_date: date | None = None
) -> Rows:
    on_date = on_date or world.today
    rows = [row for row in where(taxes(world), business_id=business_id) if within(row["tax_period_end"], since, until)]
    return [
        {
            "tax_type": kind,
            "net_tax_amount": total(of, "net_tax_amount"),
            "paid_amount": total(of, "paid_amount"),
            "outstanding_amount": total(of, "outstanding_amount"),
            "overdue_amount": total([row for row in of if row["due_date"] < on_date], "outstanding_amount"),
            "next_due_date": min(
                (row["due_date"] for row in of if row["outstanding_amount"] > 0 and row["due_date"] >= on_date),
                default=None,
            ),
            "period_count": len(of),
            "unfiled_count": len(where(of, filing_date=None)),
        }
        for kind, of in in_groups(rows, "tax_type").items()
    ]


def health(world: World, business_id: str, months: int = 3, on_date: date | None = None) -> Answer:
    until, months = on_date or world.today, max(months, 1)
    since = plus_months(until, -months) + timedelta(1)
    books = income_expense_summary(world, business_id, since, until)
    income, expenses = books["total_income"], books["total_expenses"]
    entries = [entry for entry in cash_until(world, business_id, until) if entry["entry_date"] >= since]
    cash_in = sum((entry["cash_change"] for entry in entries if entry["cash_change"] > 0), Decimal(0))
    cash_out = -sum((entry["cash_change"] for entry in entries if entry["cash_change"] < 0), Decimal(0))
    balance = cash_position(world, business_id, until)["balance"]
    burnt = Fraction(cash_out - cash_in) / ((until - since).days + 1)
    items = open_items(world, business_id, None, until)
    late = [item for item in items if item["days_overdue"] > 0]
    receivable, payable = (total(where(items, transaction_type=kind), "amount") for kind in ("income", "expense"))
    tax = [row for row in where(taxes(world), business_id=business_id) if row["tax_period_end"] <= until]
    owed = payable + total(tax, "outstanding_amount")
    spent = 100 * Fraction(expenses) / Fraction(income) if income else Fraction(0)
    return books | {
        "since": since,
        "until": until,
        "expense_ratio_percent": percent(expenses, income),
        "health_score": cents(min(max((100 - spent) + (100 - spent), Fraction(0)), Fraction(100))) if income else None,
        "cash_in": cash_in,
        "cash_out": cash_out,
        "monthly_burn_amount": cents(Fraction(cash_out - cash_in) / months),
        "cash_balance": balance,
        "runway_days": min(math.floor(Fraction(max(balance, 0)) / burnt), 36525) if burnt > 0 else None,
        "receivable_amount": receivable,
        "overdue_receivable_amount": total(where(late, transaction_type="income"), "amount"),
        "payable_amount": payable,
        "overdue_payable_amount": total(where(late, transaction_type="expense"), "amount"),
        "tax_outstanding_amount": total(tax, "outstanding_amount"),
        "liquidity_percent": percent(balance + receivable, owed),
    }


def next_lines(row: Any) -> Answer:
    return {"after_date": row.entry_date, "after_id": row.id, "carried": row.balance}


#: Whose rows are asked for; the last has none.
OWNERS = [*SOLUTIONS * 3, "x'"]


def fill(world: World) -> None:
    if world.seed:
        fill_accounting(Filler(world))
        world.forget()


READS = Group(
    fill,
    [
        View("cash_entries", cash_entries, "-entry_date -id", "entry_date"),
        Call("cash_ledger", cash_ledger, made_up("accounting.cash_ledger", OWNERS), next_lines),
        Call("cash_position", cash_position, made_up("accounting.cash_position", OWNERS)),
        Call("cash_by_method", cash_by_method, made_up("accounting.cash_by_method", OWNERS)),
        View("transactions", transactions, "-transaction_date -id", "transaction_date"),
        Call("income_expense", income_expense, made_up("accounting.income_expense", OWNERS)),
        Call("income_expense_summary", income_expense_summary, made_up("accounting.income_expense_summary", OWNERS)),
        View("ledger_lines", ledger_lines, "business_id account entry_date id", "entry_date"),
        Call("account_ledger", account_ledger, made_up("accounting.account_ledger", OWNERS), next_lines),
        View("account_balances", account_balances, "business_id account account_type"),
        Call("trial_balance", trial_balance, made_up("accounting.trial_balance", OWNERS)),
        Call("open_items", open_items, made_up("accounting.open_items", OWNERS)),
        Call("receivables", receivables, made_up("accounting.receivables", OWNERS)),
        Call("payables", payables, made_up("accounting.payables", OWNERS)),
        View("taxes", taxes, "-tax_period_end -id", "tax_period_end"),
        Call("tax_summary", tax_summary, made_up("accounting.tax_summary", OWNERS)),
        Call("health", health, made_up("accounting.health", OWNERS)),
    ],
)
