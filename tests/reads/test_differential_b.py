"""Random rows: what each read answers, against a plain computation over the tables themselves.

Compliance, accounting, discovery, documents, licensing and the suite. A model here follows
what the read's comment promises, not how its SQL is written.
"""

from __future__ import annotations

import calendar
import inspect
import itertools
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

import fbs_db
from fbs_db.errors import UsageError
from fbs_db.reads.client import Reader
from tests.support.every_read import askable, read_of, reads
from tests.support.reading import Rows

UTC = timezone.utc
GROUPS = ("compliance", "accounting", "discovery", "documents", "licensing", "suite")
#: A time zone for each set of rows.
ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Auckland", "Africa/Nairobi", "Pacific/Honolulu"]

Row = dict[str, Any]
Money = Decimal


def plain(value: Any) -> Any:
    """A value as it is compared: times in UTC, also those that JSON holds as texts."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


class World:
    """The raw tables, and when and where one looks at them."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.zone = connection.info.timezone
        self.read = cache(self._read)
        self.now: datetime
        self.today: date
        [(self.now, self.today)] = plain(connection.execute("select now(), current_date").fetchall())
        self.choices = {
            (table, column): choices
            for table, column, choices in connection.execute("select * from fbs_choices").fetchall()
        }

    def _read(self, table: str) -> Rows:
        rows = self.connection.cursor(row_factory=dict_row).execute(f"select * from {table}".encode()).fetchall()
        return [plain(row) for row in rows]

    def __getitem__(self, table: str) -> Rows:
        return self.read(table)

    def by_id(self, table: str) -> dict[int, Row]:
        return {row["id"]: row for row in self[table]}

    def day(self, moment: datetime) -> date:
        """The day a moment belongs to in the session's time zone."""
        return moment.astimezone(self.zone).date()


# --- random rows ---

SOLUTIONS = ["a", "b", "A", "O'Neil & Co"]
LICENSED = list("cdefghijkl")
TEXTS = ["", "", "Ada", "ada", "O'Neil", '"quoted"', "100%", "%s", "x_y", "back\\slash", "Zoë", "two words"]
STATUSES = ["pending", "partial", "paid", "paid", "overdue", "cancelled", "odd"]
OFFSETS = [0, 0, 0, 1, -1, 7, 29, 30, 31, -29, -30, -31, -59, -60, -61, -89, -90, -91, -92, 365]
FEATURES = ["core", "bi", "msme", "msme_businesses", "users", "it's"]
DATABASES, MODELS = ["main", "it's", ""], ["res.partner", "sale.order", "x"]
FACTS: list[Any] = [
    {}, [], None, 7, "text", {"a": 1}, {"a": "1"}, {"a": 1.0}, {"a": None}, {"a": True}, {"b": [1, 2, {"c": 3}]},
    {"a": 1, "b": [2]}, {"o": {"p": {"q": "it's"}, "r": 1}}, {"o": {"r": 1}}, {"b": []}, [1, "x"], ["x"], "x", [[1, 2]],
]  # fmt: skip
WORDS = ["lease", "leasehold", "mill", "lane", "permit", "review", "urgent", "o", "hara", "2024", "inv7", "x1y2"]
MANY = [f"k{number}" for number in range(24)]
PARTS = [" ", " ", " ", "-", "/", ", ", "'", " & ", "_", "\\", "\t", ". ", ":*"]


class Filler:
    """Fills tables with random rows."""

    def __init__(self, connection: psycopg.Connection, world: World, chance: random.Random) -> None:
        self.connection, self.world, self.chance = connection, world, chance

    def add(self, table: str, number: int, **columns: Any) -> list[int]:
        """Rows whose columns have these values, one of a list's, or what a function returns; their ids.

        A row that another one excludes is left out.
        """
        values = [
            [
                of() if callable(of) else self.chance.choice(of) if isinstance(of, list) else of
                for of in columns.values()
            ]
            for _ in range(number)
        ]
        self.connection.cursor().executemany(
            f"insert into {table} ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})"
            " on conflict do nothing".encode(),
            values,
        )
        return [key for (key,) in self.connection.execute(f"select id from {table}".encode())]

    def flag(self) -> bool:
        return self.chance.random() < 0.7

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    def day(self) -> date:
        return some_day(self.world, self.chance)

    def maybe_day(self) -> date | None:
        return self.day() if self.flag() else None

    def moment(self) -> datetime:
        clock = self.chance.choice([time(0), time(12), time(23, 59, 59), time(23, 59, 59, 999999)])
        return datetime.combine(self.day(), clock, self.world.zone)

    def maybe_moment(self) -> datetime | None:
        return self.moment() if self.flag() else None

    def near(self) -> datetime:
        """Now, or not quite."""
        away = self.chance.choice([timedelta(0), timedelta(microseconds=1), timedelta(hours=9), timedelta(days=40)])
        return self.world.now + away * self.chance.choice([1, -1])

    def money(self) -> Money:
        return some_money(self.chance)

    def facts(self) -> Jsonb:
        return Jsonb(self.chance.choice(FACTS))

    def user(self) -> int:
        return self.chance.randint(1, 3)

    def maybe_user(self) -> int | None:
        return self.user() if self.flag() else None

    def sentence(self) -> str:
        words = [self.chance.choice(WORDS) for _ in range(self.chance.randint(0, 4))]
        cased = [self.chance.choice([word, word.title(), word.upper()]) for word in words]
        return "".join(word + self.chance.choice(PARTS) for word in cased)


def some_day(world: World, chance: random.Random) -> date:
    """A day that many rows share, or are just before or after."""
    bases: list[date] = [
        world.today,
        world.today,
        date(2024, 2, 29),
        date(2024, 12, 31),
        date(2023, 5, 31),
        date(2025, 1, 1),
    ]
    return chance.choice(bases) + timedelta(chance.choice([*OFFSETS, chance.randint(-500, 500)]))


def some_money(chance: random.Random) -> Money:
    return Decimal(chance.choice([0, 0, 1, 100, 10000, -5000, 333, 66667, chance.randint(1, 9_999_999)])) / 100


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


def fill_discovery(f: Filler) -> None:
    models = f.add(
        "fbs_odoo_models", 9, database_name=DATABASES, model_name=MODELS, technical_name=f.text, display_name=f.text,
        module_name=["base", "sale", ""], is_active=f.flag, is_installed=f.flag, capabilities=f.facts,
        model_type=["base", "custom", "odd"], last_verified=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_odoo_fields", 35, odoo_model_id=models, field_name=["name", "it's", "A", "x_y", "z", ""],
        technical_name=f.text, display_name=f.text, field_type=["char", "many2one"], required=f.flag, readonly=f.flag,
        computed=f.flag, stored=f.flag, default_value=f.text, help_text=f.text, selection_options=f.facts,
        relation_model=["", *MODELS],
    )  # fmt: skip
    f.add(
        "fbs_odoo_modules", 12, database_name=DATABASES, module_name=["base", "sale", "", "it's"],
        technical_name=f.text, display_name=f.text, version="1", category=f.text, is_installed=f.flag,
        is_active=f.flag, application=f.flag, depends=f.facts, last_verified=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_discovery_sessions", 30, session_id=lambda: f.text() + str(f.chance.random()), database_name=DATABASES,
        session_type=["full", "it's"], status=["running", "failed", "odd"], started_at=f.moment,
        completed_at=f.maybe_moment, errors=f.facts, total_models=f.user,
    )  # fmt: skip
    f.add(
        "fbs_custom_fields", 45, model_name=MODELS, record_id=f.user, field_name=["name", "it's", "B", "c", ""],
        field_type=["char", "integer", "odd"], field_value=f.text, database_name=DATABASES, is_active=f.flag,
        updated_at=f.moment,
    )  # fmt: skip


def fill_documents(f: Filler) -> None:
    kinds = f.add(
        "fbs_dms_document_type", 4, name=f.text, code=lambda: str(f.chance.random()), requires_approval=f.flag
    )
    categories: list[int] = []
    for _ in range(9):
        above = f.chance.choice([*categories, None])
        categories = f.add("fbs_dms_document_category", 1, name=f.text, parent_id=above, is_active=f.flag)
    for category in f.chance.sample(categories, 2):  # circles, some of one
        above = f.chance.choice(categories)
        f.connection.execute(
            "update fbs_dms_document_category as c set parent_id = %s where id = %s and not exists"
            " (select from fbs_dms_document_category as o where o.parent_id = %s and o.name = c.name)",
            (above, category, above),
        )
    tags = f.add("fbs_dms_document_tag", 7, name=f.sentence, color=f.user)
    files = f.add(
        "fbs_dms_file_attachment", 30, file=f.text, original_filename=f.text, mime_type=["text/plain", "it's", "a/b"],
        file_size=lambda: f.chance.choice([0, 0, 1, 1000, 333, 2**40]), checksum=["c1", "c2", "c3"], is_public=f.flag,
        uploaded_by_id=f.user, company_id=SOLUTIONS, created_at=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_dms_file_attachment", 2, file="f", original_filename="f", mime_type=["a", "b"], file_size=0, checksum="c1",
        uploaded_by_id=1, company_id="empty files",
    )  # fmt: skip
    documents = f.add(
        "fbs_dms_document", 48, name=f.sentence, title=f.sentence, document_type_id=kinds, category_id=categories,
        attachment_id=[None, *files[:20]], state=["draft", "approved", "archived", "odd"], created_by_id=f.user,
        approved_by_id=f.maybe_user, expiry_date=f.maybe_day, company_id=SOLUTIONS, solution_db=[None, "", "db"],
        confidentiality_level=["public", "odd"], description=lambda: f.sentence() if f.flag() else "",
        metadata=f.facts, created_at=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_dms_document", 3, name="many", title=" ".join(MANY), document_type_id=kinds, category_id=categories,
        created_by_id=1, company_id=SOLUTIONS, description="k",
    )  # fmt: skip
    f.add("fbs_dms_document_tags", 40, document_id=documents, documenttag_id=tags)
    runs = f.add(
        "fbs_dms_document_workflow", 40, document_id=documents, started_at=f.moment, completed_at=f.maybe_moment,
        status=["active", "active", "active", "completed", "cancelled", "failed", "odd"], workflow_data=f.facts,
    )  # fmt: skip
    f.add(
        "fbs_dms_document_approval", 70, workflow_id=runs, approver_id=f.user, sequence=lambda: f.chance.randint(-1, 5),
        status=["pending", "pending", "pending", "approved", "skipped", "odd"], required=f.flag,
        approved_at=f.maybe_moment, comments=f.text,
    )  # fmt: skip
    f.connection.execute(
        "update fbs_dms_document_workflow as w set current_step_id = (select min(s.id) from fbs_dms_document_approval"
        " as s where s.workflow_id = w.id) where id %% %s = 0",
        [f.chance.randint(2, 4)],
    )


def fill_licensing(f: Filler) -> None:
    features = [
        *("[]", "null", "", "not JSON", '{"core": true}', '"core"', "[1, null, true]", '["core", NaN]', '["\\u0000"]'),
        *(json.dumps([*f.chance.sample(FEATURES, 4), *f.chance.choice([[], [1, None, {}]])]) for _ in range(20)),
    ]
    allowed: list[Any] = [0, -1, 1, 5, 2.5, 3, -7, None, True, "5", [5], {"count": 5}, {"count": -1}, {"count": "5"},
                          {"count": 0}, {"rate": 3}, {}]  # fmt: skip
    limits = [
        *("{}", "[]", "null", "", "{", '"text"', '{"a": NaN}', '{"\\u0000": 1}'),
        *(json.dumps({name: f.chance.choice(allowed) for name in f.chance.sample(FEATURES, 4)}) for _ in range(30)),
    ]
    f.add(
        "fbs_license_manager_solution_license", 14, solution_name=lambda: f.chance.choice([*SOLUTIONS, *LICENSED]),
        license_type=["trial", "basic", "odd"], license_key="secret", expiry_date=f.maybe_moment,
        features=features, limits=limits, status=["active", "active", "expired", "trial_expired", "suspended", "odd"],
        source=["file", "odd"], solution_db=[None, "db"],
    )  # fmt: skip
    f.add(
        "fbs_license_manager_feature_usage", 45, solution_name=[*SOLUTIONS, *LICENSED, "unlicensed"],
        feature_name=FEATURES, usage_count=[0, 1, 2, 3, 4, 5, 6, 99, -1], last_updated=f.moment,
    )  # fmt: skip


def fill_suite(f: Filler) -> None:
    f.add(
        "fbs_msme_compliance", 40, solution_name=SOLUTIONS, compliance_type=lambda: f.text() + str(f.user()),
        status=["compliant", "at_risk", "pending", "odd"], due_date=f.day,
        actual_completion_date=lambda: None if f.flag() else f.day(),
    )  # fmt: skip
    for fill in (fill_compliance, fill_accounting, fill_documents, fill_licensing):
        fill(f)


FILL = dict(
    zip(
        GROUPS,
        (fill_compliance, fill_accounting, fill_discovery, fill_documents, fill_licensing, fill_suite),
        strict=True,
    )
)

# --- what the models share ---


@dataclass(frozen=True)
class View:
    """How a read of a view is to answer.

    Attributes:
        model: all its rows, in any order; further columns do no harm.
        table: what its rows come from.
        order: columns, those with a minus downwards.
        ranged: the column that since and until are about.
    """

    model: Callable[[World], Rows]
    table: str
    order: str
    ranged: str = ""


VIEWS: dict[str, View] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}


F = TypeVar("F", bound=Callable[..., Any])


def view(read: str, table: str, *, order: str, ranged: str = "") -> Callable[[F], F]:
    def keep(model: F) -> F:
        VIEWS[read] = View(model, table, order, ranged)
        return model

    return keep


def function(read: str) -> Callable[[F], F]:
    """A model that takes what the read takes, and answers its rows in order, or its only row."""

    def keep(model: F) -> F:
        FUNCTIONS[read] = model
        return model

    return keep


def ordered(rows: Rows, order: str) -> Rows:
    for column in reversed(order.split()):
        rows = sorted(rows, key=lambda row: row[column.lstrip("-")], reverse=column.startswith("-"))
    return rows


def grouped(rows: Rows, *columns: str) -> dict[Any, Rows]:
    """Rows by their values, in order of these."""
    found: dict[Any, Rows] = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns) if len(columns) > 1 else row[columns[0]]].append(row)
    return dict(sorted(found.items()))


def where(rows: Rows, **values: Any) -> Rows:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def total(rows: Rows, column: str) -> Money:
    return sum((row[column] for row in rows), Decimal(0))


def rounded(value: Fraction) -> Money:
    """To two places, half a hundredth away from zero."""
    hundredths = math.floor(abs(value) * 100 + Fraction(1, 2))
    return Decimal(hundredths if value >= 0 else -hundredths) / 100


def percent(part: Money | int, whole: Money | int) -> Money | None:
    return rounded(100 * Fraction(part) / Fraction(whole)) if whole else None


def length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def within(day: date, since: date | None, until: date | None) -> bool:
    return (since is None or day >= since) and (until is None or day <= until)


def plus_months(day: date, months: int) -> date:
    """The same day so many months later, or the last of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def period_of(day: date, period: str) -> tuple[date, date]:
    """First and last day of the day, week, month, quarter or year that a day lies in."""
    if period == "day":
        return day, day
    if period == "week":
        monday = day - timedelta(day.weekday())
        return monday, monday + timedelta(6)
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, plus_months(first, months) - timedelta(1)


# --- compliance ---


@view("compliance.rule_list", "fbs_compliance_rules", order="solution_name name")
def rule_list(world: World) -> Rows:
    return [row | {"requirement_count": length(row["requirements"])} for row in world["fbs_compliance_rules"]]


@view("compliance.summary", "fbs_compliance_rules", order="solution_name")
def compliance_summary(world: World) -> Rows:
    found = []
    for solution, rules in grouped(world["fbs_compliance_rules"], "solution_name").items():
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


@view("compliance.audit_trail", "fbs_audit_trails", order="-timestamp -id", ranged="timestamp")
def audit_trail(world: World) -> Rows:
    return world["fbs_audit_trails"]


@view("compliance.user_activity", "fbs_user_activity_logs", order="-timestamp -id", ranged="timestamp")
def user_activity(world: World) -> Rows:
    return world["fbs_user_activity_logs"]


@view("compliance.report_schedules", "fbs_report_schedules", order="next_run id", ranged="next_run")
def report_schedules(world: World) -> Rows:
    return [
        row | {"is_overdue": row["active"] and row["next_run"] < world.now} for row in world["fbs_report_schedules"]
    ]


def bookings(row: Row, until: date = date(2199, 1, 1)) -> Iterator[date]:
    """Every day of what recurs."""
    step = {"daily": 1, "weekly": 7, "monthly": 1, "quarterly": 3, "yearly": 12}.get(row["frequency"], 0)
    by_days = row["frequency"] in ("daily", "weekly")
    for number in itertools.count():
        first = row["start_date"]
        day = first + timedelta(number * step) if by_days else plus_months(first, number * step)
        if not step or day > min(row["end_date"] or until, until):
            return
        yield day


def next_booking(row: Row, on_date: date) -> date | None:
    return next((day for day in bookings(row) if day >= on_date), None) if row["active"] else None


@view("compliance.recurring_transactions", "fbs_recurring_transactions", order="id", ranged="next_date")
def recurring_transactions(world: World) -> Rows:
    return [row | {"next_date": next_booking(row, world.today)} for row in world["fbs_recurring_transactions"]]


@function("compliance.recurring_dates")
def recurring_dates(world: World, solution_name: str, since: date | None = None, until: date | None = None) -> Rows:
    since = since or world.today
    until = min(until or since + timedelta(90), since + timedelta(36525))
    found = [
        row | {"recurring_transaction_id": row["id"], "booking_date": day}
        for row in where(world["fbs_recurring_transactions"], solution_name=solution_name, active=True)
        for day in bookings(row, until)
        if day >= since
    ]
    return ordered(found, "booking_date id")


# --- accounting ---


def cash_change(entry: Row) -> Money:
    ways = {"income": 1, "receipt": 1, "adjustment": 1, "expense": -1, "payment": -1}
    return Decimal(entry["amount"] * ways.get(entry["entry_type"], 0))


@view("accounting.cash_entries", "fbs_app_cashentry", order="-entry_date -id", ranged="entry_date")
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
    for line in ordered(lines, "entry_date id"):
        seen = after_date is not None and (
            (line["entry_date"], line["id"]) <= (after_date, math.inf if after_id is None else after_id)
        )
        if seen or not within(line["entry_date"], since, None):
            before += line[change]
        elif within(line["entry_date"], None, until):
            found.append(line)
    balances = itertools.accumulate((line[change] for line in found), initial=before if carried is None else carried)
    return [line | {"balance": balance} for line, balance in zip(found, list(balances)[1:], strict=True)][:page_size]


@function("accounting.cash_ledger")
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


def cash_sums(entries: Rows) -> Row:
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


@function("accounting.cash_position")
def cash_position(world: World, business_id: str, on_date: date | None = None) -> Row:
    entries = cash_until(world, business_id, on_date)
    known = {"income", "receipt", "expense", "payment", "adjustment", "transfer"}
    return cash_sums(entries) | {
        "uncounted_count": sum(entry["entry_type"] not in known for entry in entries),
        "last_entry_date": max((entry["entry_date"] for entry in entries), default=None),
    }


@function("accounting.cash_by_method")
def cash_by_method(world: World, business_id: str, on_date: date | None = None) -> Rows:
    by_method = grouped(cash_until(world, business_id, on_date), "payment_method")
    return [{"payment_method": method} | cash_sums(entries) for method, entries in by_method.items()]


@view("accounting.transactions", "fbs_app_incomeexpense", order="-transaction_date -id", ranged="transaction_date")
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


@function("accounting.income_expense")
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
        for (start, end, kind, category), of in grouped(
            rows, "period_start", "period_end", "transaction_type", "category"
        ).items()
    ]
    return ordered(found, "period_start -transaction_type category")


@function("accounting.income_expense_summary")
def income_expense_summary(world: World, business_id: str, since: date | None = None, until: date | None = None) -> Row:
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


def balance_change(line: Row) -> Money:
    change = Decimal(line["debit_amount"] - line["credit_amount"])
    return -change if line["account_type"] in ("liability", "equity", "income") else change


@view("accounting.ledger_lines", "fbs_app_basicledger", order="business_id account entry_date id", ranged="entry_date")
def ledger_lines(world: World) -> Rows:
    return [
        line | {"balance_change": balance_change(line), "recorded_balance": line["balance"]}
        for line in world["fbs_app_basicledger"]
    ]


@function("accounting.account_ledger")
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


@view("accounting.account_balances", "fbs_accounting_ledger_lines", order="business_id account account_type")
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
        for (business, account, kind), lines in grouped(
            ledger_lines(world), "business_id", "account", "account_type"
        ).items()
    ]


@function("accounting.trial_balance")
def trial_balance(world: World, business_id: str, on_date: date | None = None) -> Rows:
    lines = where(world["fbs_app_basicledger"], business_id=business_id)
    found = []
    by_account = grouped([x for x in lines if x["entry_date"] <= (on_date or world.today)], "account", "account_type")
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


@function("accounting.open_items")
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
    return ordered(found, "-days_overdue id")


def by_partner(world: World, business_id: str, of_type: str, on_date: date | None) -> Rows:
    found = []
    for name, items in grouped(open_items(world, business_id, of_type, on_date), "vendor_customer").items():
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
    return ordered(found, "-total_amount vendor_customer")


@function("accounting.receivables")
def receivables(world: World, business_id: str, on_date: date | None = None) -> Rows:
    return by_partner(world, business_id, "income", on_date)


@function("accounting.payables")
def payables(world: World, business_id: str, on_date: date | None = None) -> Rows:
    return by_partner(world, business_id, "expense", on_date)


@view("accounting.taxes", "fbs_app_taxcalculation", order="-tax_period_end -id", ranged="tax_period_end")
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


@function("accounting.tax_summary")
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
        for kind, of in grouped(rows, "tax_type").items()
    ]


@function("accounting.health")
def health(world: World, business_id: str, months: int = 3, on_date: date | None = None) -> Row:
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
        "health_score": rounded(min(max((100 - spent) + (100 - spent), Fraction(0)), Fraction(100)))
        if income
        else None,
        "cash_in": cash_in,
        "cash_out": cash_out,
        "monthly_burn_amount": rounded(Fraction(cash_out - cash_in) / months),
        "cash_balance": balance,
        "runway_days": min(math.floor(Fraction(max(balance, 0)) / burnt), 36525) if burnt > 0 else None,
        "receivable_amount": receivable,
        "overdue_receivable_amount": total(where(late, transaction_type="income"), "amount"),
        "payable_amount": payable,
        "overdue_payable_amount": total(where(late, transaction_type="expense"), "amount"),
        "tax_outstanding_amount": total(tax, "outstanding_amount"),
        "liquidity_percent": percent(balance + receivable, owed),
    }


# --- discovery ---


@view("discovery.models", "fbs_odoo_models", order="id", ranged="last_verified")
def odoo_models(world: World) -> Rows:
    return [
        row | {"field_count": len(where(world["fbs_odoo_fields"], odoo_model_id=row["id"]))}
        for row in world["fbs_odoo_models"]
    ]


@view("discovery.fields", "fbs_odoo_fields", order="odoo_model_id field_name")
def odoo_fields(world: World) -> Rows:
    of = world.by_id("fbs_odoo_models")
    return [
        row | {name: of[row["odoo_model_id"]][name] for name in ("database_name", "model_name")}
        for row in world["fbs_odoo_fields"]
    ]


@view("discovery.modules", "fbs_odoo_modules", order="database_name module_name")
def odoo_modules(world: World) -> Rows:
    return world["fbs_odoo_modules"]


@view("discovery.session_list", "fbs_discovery_sessions", order="-started_at -id", ranged="started_at")
def session_list(world: World) -> Rows:
    return [
        row
        | {
            "duration": row["completed_at"] and row["completed_at"] - row["started_at"],
            "error_count": length(row["errors"]),
        }
        for row in world["fbs_discovery_sessions"]
    ]


@function("discovery.schema")
def schema(world: World, database_name: str, model_name: str) -> Rows:
    of = {"database_name": database_name, "model_name": model_name}
    found = {row["field_name"]: row | {"source": "odoo"} for row in where(odoo_fields(world), **of)}
    values = grouped(where(world["fbs_custom_fields"], **of, is_active=True), "field_name")
    for name in values.keys() - found.keys():
        found[name] = {
            "field_name": name,
            "source": "custom",
            "field_type": ordered(values[name], "updated_at id")[-1]["field_type"],
            "display_name": name,
            "required": False,
            "readonly": False,
            "computed": False,
            "stored": True,
            "default_value": "",
            "help_text": "",
            "selection_options": [],
            "relation_model": "",
        }
    return [row | {"has_custom_values": name in values} for name, row in sorted(found.items())]


# --- documents ---


@view("documents.categories", "fbs_dms_document_category", order="path id")
def categories(world: World) -> Rows:
    every, found = world.by_id("fbs_dms_document_category"), []
    for row in every.values():
        way, above = [row], row["parent_id"]
        while above is not None and above not in [step["id"] for step in way]:
            way.insert(0, every[above])
            above = every[above]["parent_id"]
        found.append(row | {
            "path": " / ".join(step["name"] for step in way),
            "path_ids": [step["id"] for step in way],
            "depth": len(way),
            "in_cycle": above is not None,
        })  # fmt: skip
    return found


def tags_of(world: World, document: Row) -> Rows:
    every = world.by_id("fbs_dms_document_tag")
    links = where(world["fbs_dms_document_tags"], document_id=document["id"])
    return ordered([every[link["documenttag_id"]] for link in links], "name")


@view("documents.overview", "fbs_dms_document", order="-created_at -id", ranged="created_at")
def overview(world: World) -> Rows:
    kinds, filed = world.by_id("fbs_dms_document_type"), world.by_id("fbs_dms_document_category")
    return [
        row
        | {
            "document_type_name": kinds[row["document_type_id"]]["name"],
            "category_name": filed[row["category_id"]]["name"],
            "days_left": row["expiry_date"] and (row["expiry_date"] - world.today).days,
        }
        for row in world["fbs_dms_document"]
    ]


def only(row: Row, names: str) -> Row:
    return {name: row[name] for name in names.split()}


@function("documents.details")
def details(world: World, **key: int) -> Row | None:
    kinds, files = world.by_id("fbs_dms_document_type"), world.by_id("fbs_dms_file_attachment")
    paths = {row["id"]: row["path"] for row in categories(world)}
    found = []
    for row in where(overview(world), **key):
        kind, file = kinds[row["document_type_id"]], files.get(row["attachment_id"])
        runs = where(world["fbs_dms_document_workflow"], document_id=row["id"])
        steps = [step for run in runs for step in where(world["fbs_dms_document_approval"], workflow_id=run["id"])]
        found.append(row | {
            "document_type_code": kind["code"],
            "requires_approval": kind["requires_approval"],
            "category_path": paths[row["category_id"]],
            "tags": [only(tag, "id name color") for tag in tags_of(world, row)],
            "attachment": file and only(
                file, "id file original_filename description file_size mime_type checksum uploaded_by_id is_public"
                " created_at"
            ),
            "workflow": only(
                runs[0], "id description status started_at completed_at current_step_id workflow_data notes"
            ) if runs else None,
            "approvals": [
                only(step, "id sequence approver_id status required description approved_at rejected_at comments")
                for step in ordered(steps, "sequence")
            ],
        })  # fmt: skip
    return found[0] if found else None


@view("documents.pending_approvals", "fbs_dms_document_approval", order="id")
def pending_approvals(world: World) -> Rows:
    runs, documents = world.by_id("fbs_dms_document_workflow"), world.by_id("fbs_dms_document")
    waiting = where(world["fbs_dms_document_approval"], status="pending")
    found = []
    for step in waiting:
        run = runs[step["workflow_id"]]
        document = documents[run["document_id"]]
        before = [
            other
            for other in where(waiting, workflow_id=run["id"], required=True)
            if other["sequence"] < step["sequence"]
        ]
        if run["status"] not in ("completed", "cancelled", "failed"):
            found.append(step | {
                "is_turn": not before if run["current_step_id"] is None else run["current_step_id"] == step["id"],
                "document_id": document["id"],
                "document_name": document["name"],
                "document_title": document["title"],
                "document_state": document["state"],
            } | only(document, "document_type_id company_id created_by_id expiry_date"))  # fmt: skip
    return found


def words(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall("[a-z0-9]+", text.lower())))


@function("documents.search")
def found_by_words(
    world: World,
    company_id: str,
    query: str,
    state: str | None = None,
    document_type_id: int | None = None,
    category_id: int | None = None,
    page_size: int | None = 50,
    after_rank: float | None = None,
    after_id: int | None = None,
) -> Rows:
    beginning = query[:1000]
    if re.match(r"\S\S", query[999:]):  # within a word
        beginning = re.sub(r"\s\S*$", "", beginning)
    wanted = words(beginning)[:20]
    found = []
    for row in where(world["fbs_dms_document"], company_id=company_id):
        tags = [tag["name"] for tag in tags_of(world, row)]
        weighed = [
            next(
                (
                    weight
                    for weight, text in (
                        ("1", f"{row['name']} {row['title']}"), ("0.4", " ".join(tags)), ("0.1", row["description"])
                    )
                    if any(word.startswith(one) for word in words(text))
                ),
                None,
            )
            for one in wanted
        ]  # fmt: skip
        fits = (state in (None, row["state"]) and document_type_id in (None, row["document_type_id"])
                and category_id in (None, row["category_id"]))  # fmt: skip
        if wanted and fits and None not in weighed:
            found.append(row | {
                "rank": float(sum(Decimal(weight or 0) for weight in weighed) / len(wanted)),
                "tags": tags,
                "document_state": row["state"],
                "type_id": row["document_type_id"],
                "filed_under_id": row["category_id"],
            })  # fmt: skip
    place = (-math.inf, -math.inf) if after_rank is None else (-after_rank, -(after_id or 0))
    best = sorted(found, key=lambda row: (-row["rank"], -row["id"]))
    return [row for row in best if (-row["rank"], -row["id"]) > place][:page_size]


def has(there: Any, wanted: Any) -> bool:
    """Whether JSON has all that is wanted, within lists and objects too."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            name in there and has(there[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(there, list) and all(any(has(one, value) for one in there) for value in wanted)
    return isinstance(there, bool) == isinstance(wanted, bool) and there == wanted


def fits(there: Any, wanted: Any) -> bool:
    """So, or as one of a list."""
    return has(there, wanted) or (not isinstance(wanted, dict) and has(there, [wanted]))


@function("documents.by_metadata")
def by_metadata(
    world: World,
    company_id: str,
    metadata: Any,
    page_size: int | None = 50,
    after_created_at: datetime | None = None,
    after_id: int | None = None,
) -> Rows:
    found = [
        row | {"document_metadata": row["metadata"]}
        for row in where(world["fbs_dms_document"], company_id=company_id)
        if fits(row["metadata"], metadata)
        and (after_created_at is None or (row["created_at"], row["id"]) < (after_created_at, after_id or 0))
    ]
    return ordered(found, "-created_at -id")[:page_size]


def current(world: World, company_id: str) -> Rows:
    """Documents of a company that end and are not archived."""
    documents = where(world["fbs_dms_document"], company_id=company_id)
    return [row for row in documents if row["state"] != "archived" and row["expiry_date"]]


@function("documents.expiring")
def expiring(world: World, company_id: str, within_days: int = 30, on_date: date | None = None) -> Rows:
    found = [
        row | {"days_left": (row["expiry_date"] - (on_date or world.today)).days} for row in current(world, company_id)
    ]
    return ordered([row for row in found if 0 <= row["days_left"] <= within_days], "expiry_date id")


@function("documents.expired")
def expired(
    world: World,
    company_id: str,
    since: date | None = None,
    page_size: int | None = None,
    on_date: date | None = None,
) -> Rows:
    found = [
        row | {"days_expired": ((on_date or world.today) - row["expiry_date"]).days}
        for row in current(world, company_id)
        if within(row["expiry_date"], since, None)
    ]
    return ordered([row for row in found if row["days_expired"] > 0], "-expiry_date -id")[:page_size]


@function("documents.storage")
def storage(world: World, company_id: str) -> Row:
    files = where(world["fbs_dms_file_attachment"], company_id=company_id)
    used = {row["attachment_id"] for row in world["fbs_dms_document"]}
    unused = [file for file in files if file["id"] not in used]
    repeated = [
        file
        for file in files
        if any(other["id"] < file["id"] for other in where(files, checksum=file["checksum"]))
    ]  # fmt: skip
    return {
        "file_count": len(files),
        "total_bytes": total(files, "file_size"),
        "largest_bytes": max((file["file_size"] for file in files), default=None),
        "public_count": len(where(files, is_public=True)),
        "unused_count": len(unused),
        "unused_bytes": total(unused, "file_size"),
        "repeated_count": len(repeated),
        "repeated_bytes": total(repeated, "file_size"),
        "last_upload_at": max((file["created_at"] for file in files), default=None),
    }


@function("documents.storage_by_type")
def storage_by_type(world: World, company_id: str) -> Rows:
    files = where(world["fbs_dms_file_attachment"], company_id=company_id)
    found = [
        {
            "mime_type": kind,
            "file_count": len(of),
            "total_bytes": total(of, "file_size"),
            "bytes_percent": percent(total(of, "file_size"), total(files, "file_size")),
        }
        for kind, of in grouped(files, "mime_type").items()
    ]
    return ordered(found, "-total_bytes mime_type")


@function("documents.statistics")
def statistics(world: World, company_id: str, on_date: date | None = None) -> Row:
    on_date = on_date or world.today
    documents = where(overview(world), company_id=company_id)
    paths = {row["id"]: row["path"] for row in categories(world)}
    by_category = [
        {"path": paths[category], "id": category, "count": len(of)}
        for category, of in grouped(documents, "category_id").items()
    ]
    return {
        "document_count": len(documents),
        "recent_count": sum(0 <= (on_date - world.day(row["created_at"])).days <= 30 for row in documents),
        "expired_count": sum(row["expiry_date"] < on_date for row in current(world, company_id)),
        "without_file_count": len(where(documents, attachment_id=None)),
        "by_state": {state: len(of) for state, of in grouped(documents, "state").items()},
        "by_type": {kind: len(of) for kind, of in grouped(documents, "document_type_name").items()},
        "by_category": ordered(by_category, "path id"),
    }


# --- licensing ---


def parsed(text: str, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """What a text holds, where it is JSON of that kind that PostgreSQL can hold."""

    def refuse(_: str) -> Any:
        raise ValueError

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return kind()
    return value if isinstance(value, kind) and "\\u0000" not in text else kind()


@function("licensing.license")
def licence(world: World, solution_name: str, on_date: date | None = None) -> Row | None:
    on_date = on_date or world.today
    for row in where(world["fbs_license_manager_solution_license"], solution_name=solution_name):
        ends = row["expiry_date"] and world.day(row["expiry_date"])
        state = row["status"]
        if ends and state in ("active", "expired", "trial_expired"):
            over = "trial_expired" if row["license_type"] == "trial" else "expired"
            state = "active" if on_date <= ends else over
        return row | {
            "effective_status": state,
            "is_valid": state == "active",
            "days_left": ends and (ends - on_date).days,
            "features": parsed(row["features"], list),
            "limits": parsed(row["limits"], dict),
        }
    return None


@view("licensing.licenses", "fbs_license_manager_solution_license", order="solution_name", ranged="expiry_date")
def licences(world: World) -> Rows:
    every = world["fbs_license_manager_solution_license"]
    return [row for of in every if (row := licence(world, of["solution_name"]))]


def limit_of(limits: Row, feature: str) -> Money | None:
    if feature == "msme" and feature not in limits:
        feature = "msme_businesses"
    limit = limits.get(feature)
    limit = limit.get("count") if isinstance(limit, dict) else limit
    is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
    return Decimal(str(limit)) if is_number and limit != -1 else None


def beside_limit(count: int, limit: Money | None) -> Row:
    return {
        "usage_limit": limit,
        "usage_count": count,
        "usage_left": None if limit is None else max(limit - count, Decimal(0)),
        "used_percent": percent(count, limit) if limit else None,
    }


@function("licensing.feature")
def feature(world: World, solution_name: str, feature_name: str, on_date: date | None = None) -> Row:
    holds = licence(world, solution_name, on_date)
    used = where(world["fbs_license_manager_feature_usage"], solution_name=solution_name, feature_name=feature_name)
    count = used[0]["usage_count"] if used else 0
    limit = limit_of(holds["limits"], feature_name) if holds else None
    included = bool(holds and feature_name in [one for one in holds["features"] if isinstance(one, str)])
    if not holds:
        reason = "no_license"
    elif not holds["is_valid"]:
        reason = holds["effective_status"]
    elif not included:
        reason = "not_included"
    else:
        reason = "limit_reached" if limit is not None and count >= limit else "allowed"
    return {"is_allowed": reason == "allowed", "reason": reason, "is_included": included} | beside_limit(count, limit)


@function("licensing.features")
def features(world: World, solution_name: str, on_date: date | None = None) -> Rows:
    holds = licence(world, solution_name, on_date) or {"features": [], "limits": {}}
    names = {name for name in holds["features"] if isinstance(name, str)} | set(holds["limits"])
    names |= {
        row["feature_name"] for row in where(world["fbs_license_manager_feature_usage"], solution_name=solution_name)
    }
    return [{"feature_name": name} | feature(world, solution_name, name, on_date) for name in sorted(names)]


@view(
    "licensing.usage",
    "fbs_license_manager_feature_usage",
    order="solution_name feature_name",
    ranged="last_updated",
)
def usage(world: World) -> Rows:
    found = []
    for row in world["fbs_license_manager_feature_usage"]:
        holds = licence(world, row["solution_name"])
        limit = limit_of(holds["limits"], row["feature_name"]) if holds else None
        found.append(row | beside_limit(row["usage_count"], limit))
    return found


# --- the suite ---


@function("suite.deadlines")
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

    def note(table: str, row: Row, kind: str, due: date | None, title: str, status: str, amount: Any = None) -> None:
        if due is not None and within(due, since, until or on_date + timedelta(30)):
            found.append({
                "due_date": due, "days_left": (due - on_date).days, "is_overdue": due < on_date, "kind": kind,
                "title": title, "status": status, "amount": amount, "table_name": table, "record_id": row["id"],
            })  # fmt: skip

    def mine(table: str, owner: str = "solution_name") -> Iterator[tuple[str, Row]]:
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
            note(table, row, "report", world.day(row["next_run"]), row["name"], row["frequency"])
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
        ends = row["expiry_date"] and world.day(row["expiry_date"])
        note(table, row, "license", ends, row["license_type"], row["status"])
    return ordered(found, "due_date kind record_id")[:page_size]


# --- random questions ---


def some_query(world: World, chance: random.Random) -> str:
    if chance.random() < 0.2:  # what lies beyond 1,000 characters does not count
        first, last = chance.choice(WORDS), chance.choice(WORDS)
        before = 1000 - chance.choice([0, 1, len(last) - 1, len(last), len(last), len(last) + 1])
        return first.ljust(before) + last + chance.choice(["", " nowhere", "-nowhere"])
    if chance.random() < 0.2:  # nor beyond 20 words
        many = chance.sample(MANY, 22)
        many.insert(chance.choice([0, 18, 19, 20, 21, 22]), "nowhere")
        return " ".join(chance.sample(many[:4], 3) + many)
    chosen = [chance.choice([*WORDS, "nowhere", ""]) for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3]))]
    begun = [word[: chance.randint(1, 9)].upper() if chance.random() < 0.5 else word for word in chosen]
    return chance.choice(["", "'", "!("]) + "".join(word + chance.choice(PARTS) for word in begun)


ARGUMENTS: dict[str, Callable[[World, random.Random], Any]] = {
    **dict.fromkeys(("since", "until", "on_date", "after_date"), some_day),
    "id": lambda world, chance: chance.randint(0, 30),
    "after_id": lambda world, chance: chance.randint(0, 90),
    "after_rank": lambda world, chance: chance.choice([1.0, 0.7, 0.55, 0.4, 0.1]),
    "carried": lambda world, chance: some_money(chance),
    "page_size": lambda world, chance: chance.choice([1, 2, 3, 10, 1000]),
    "account": lambda world, chance: chance.choice(["bank", "it's", "", "none"]),
    "period": lambda world, chance: chance.choice(["day", "week", "month", "quarter", "year"]),
    "of_type": lambda world, chance: chance.choice(["income", "expense", "barter", ""]),
    "months": lambda world, chance: chance.choice([1, 2, 3, 12, 13, 0, -3]),
    "database_name": lambda world, chance: chance.choice([*DATABASES, "none"]),
    "model_name": lambda world, chance: chance.choice([*MODELS, "none"]),
    "query": some_query,
    "metadata": lambda world, chance: chance.choice([facts for facts in FACTS if facts not in ({}, [], None)]),
    "within_days": lambda world, chance: chance.choice([0, 1, 29, 30, 31, 400, -1]),
    "state": lambda world, chance: chance.choice(["draft", "approved", "odd", "none"]),
    "document_type_id": lambda world, chance: chance.randint(1, 3),
    "category_id": lambda world, chance: chance.randint(1, 5),
    "feature_name": lambda world, chance: chance.choice([*FEATURES, "none", ""]),
}


#: Whose rows are asked for; the last has none.
OWNERS: dict[str, list[str]] = {
    "compliance": [*SOLUTIONS * 2, "seldom", "x'"],
    "accounting": [*SOLUTIONS * 3, "x'"],
    "discovery": [],
    "documents": [*SOLUTIONS * 3, "empty files", "x'"],
    "licensing": [*SOLUTIONS, *LICENSED, "unlicensed", "x'"],
    "suite": [*SOLUTIONS * 3, *LICENSED, "seldom", "x'"],
}


def arguments(read: str, helper: Any, world: World, chance: random.Random) -> dict[str, Any]:
    """Random ones; those that have a default are left out at times."""
    parameters = inspect.signature(helper).parameters
    taken = {
        name: ARGUMENTS[name](world, chance)
        for name, parameter in parameters.items()
        if name in ARGUMENTS and (parameter.default is inspect.Parameter.empty or chance.random() < 0.5)
    }
    for name in parameters.keys() & {"solution_name", "business_id", "company_id"}:
        taken[name] = chance.choice(OWNERS[read.partition(".")[0]])
    if "seldom" in taken.values():  # a hundred years at most
        taken["until"] = date(2199, 12, 31)
    if "after_date" not in taken and "after_date" in parameters:
        taken.pop("after_id", None)
    if "after_created_at" in parameters:
        taken.pop("after_id", None)
    return taken


def agree(read: str, answer: Any, expected: Any, **asked: Any) -> None:
    """The answer is what the model expects: row for row, in order."""
    note = f"fbs.{read}({', '.join(f'{name}={value!r}' for name, value in asked.items())})"
    if expected is None or answer is None:
        assert answer is expected, note
        return
    if isinstance(expected, dict):
        answer, expected = [answer], [expected]
    fields = answer[0]._fields if answer else ()
    there = [dict(zip(fields, plain(row), strict=True)) for row in answer]
    assert len(there) == len(expected), f"{note}: {there} and not {expected}"
    for place, (row, wanted) in enumerate(zip(there, expected, strict=True)):
        differing = {name: (value, wanted[name]) for name, value in row.items() if value != wanted[name]}
        assert not differing, f"{note}, row {place}: {differing} (answer, model); {row}"


def check_function(read: str, helper: Any, world: World, chance: random.Random) -> None:
    model = FUNCTIONS[read]
    for _ in range(40):
        asked = arguments(read, helper, world, chance)
        agree(read, helper(**asked), model(world, **asked), **asked)


#: How the page after a row is asked for.
NEXT_PAGE: dict[str, Callable[[Any], dict[str, Any]]] = {
    **dict.fromkeys(
        ("accounting.cash_ledger", "accounting.account_ledger"),
        lambda row: {"after_date": row.entry_date, "after_id": row.id, "carried": row.balance},
    ),
    "documents.search": lambda row: {"after_rank": row.rank, "after_id": row.id},
    "documents.by_metadata": lambda row: {"after_created_at": row.created_at, "after_id": row.id},
}


def check_pages(read: str, helper: Any, world: World, chance: random.Random) -> None:
    """Page after page, the rows are those of one call."""
    for _ in range(4):
        asked = {name: value for name, value in arguments(read, helper, world, chance).items()
                 if name not in ("after_date", "after_id", "after_rank", "carried", "page_size")}  # fmt: skip
        whole = list(helper(**asked, page_size=1000))
        paged: list[Any] = []
        for _ in range(len(whole) // 2 + 1):
            page = helper(**asked, page_size=2, **(NEXT_PAGE[read](paged[-1]) if paged else {}))
            paged += page
        assert paged == whole, f"{read} {asked}"


def check_view(read: str, helper: Any, stream: Any, world: World, chance: random.Random) -> None:
    of = VIEWS[read]
    every = ordered(of.model(world), of.order)
    names = inspect.signature(stream).parameters.keys() - {"since", "until"}
    definition = read_of(*read.split("."))
    agree(read, helper(limit=1000), every)
    agree(read, list(stream()), every)
    trials = [[name] for name in sorted(names)] + [chance.sample(sorted(names), min(len(names), 2)) for _ in range(10)]
    for filters in trials:
        row = chance.choice(every)
        asked = askable(definition, filters, row)
        if asked and chance.random() < 0.15 and isinstance(asked.get(filters[0]), str):
            asked[filters[0]] = "nothing's"
        if of.ranged and chance.random() < 0.5:
            bounds = [one[of.ranged] for one in chance.choices(every, k=2) if one[of.ranged] is not None]
            asked |= dict(zip(chance.choice([("since", "until"), ("until",), ("since",)]), bounds, strict=False))
        expected = [
            row
            for row in every
            if all(row[name] == value for name, value in asked.items() if name in names)
            and (not asked.keys() & {"since", "until"} or row[of.ranged] is not None)
            and ("since" not in asked or row[of.ranged] >= asked["since"])
            and ("until" not in asked or row[of.ranged] < asked["until"])
        ]
        slips = [
            name
            for name in asked.keys() & names
            if asked[name] not in world.choices.get((of.table, name), [asked[name]])
            and not any(row[name] == asked[name] for row in every)
        ]
        if slips:
            with pytest.raises(UsageError, match=f"There is no ({'|'.join(slips)}) "):
                helper(**asked)
            continue
        agree(read, helper(**asked, limit=1000), expected, **asked)
        agree(read, list(stream(**asked)), expected, **asked)
        limit, paged, after = chance.choice([1, 2, 5]), [], None
        for _ in range(len(expected) + 1):
            page = helper(**asked, after=after, limit=limit)
            paged += page
            after = page.next
            if after is None:
                break
            assert len(page) == limit
        agree(read, paged, expected, **asked, limit=limit)


def check(fbs: Reader, read: str, world: World, chance: random.Random) -> None:
    group, name = read.split(".")
    reader = getattr(fbs, group)
    helper = getattr(reader, name)
    if read in VIEWS:
        check_view(read, helper, getattr(reader, f"stream_{name}"), world, chance)
    else:
        check_function(read, helper, world, chance)
    if read in NEXT_PAGE:
        check_pages(read, helper, world, chance)


def test_every_read_has_a_model() -> None:
    every = {f"{group}.{name}" for group, name in reads() if group in GROUPS and not name.startswith("stream_")}
    assert VIEWS.keys() | FUNCTIONS.keys() == every
    assert len(every) == 46


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, len(ZONES)))])
def test_every_read_answers_as_the_tables_say(installed: psycopg.Connection, group: str, seed: int) -> None:
    """In one transaction, so that now stays what it is."""
    installed.execute("select set_config('timezone', %s, true)", [ZONES[seed]])
    installed.execute(f"set local enable_seqscan = {'off' if seed % 2 else 'on'}".encode())  # indexes tell the same
    chance = random.Random(f"{group} {seed}")
    FILL[group](Filler(installed, World(installed), chance))
    world = World(installed)
    with fbs_db.connect(installed) as fbs:
        for read in [*VIEWS, *FUNCTIONS]:
            if read.startswith(f"{group}."):
                check(fbs, read, world, chance)


@pytest.mark.parametrize("metadata", [{}, []])
def test_facts_that_every_document_has_are_refused(installed: psycopg.Connection, metadata: Any) -> None:
    with fbs_db.connect(installed) as fbs, pytest.raises(UsageError, match="which every document has"):
        fbs.documents.by_metadata("a", metadata)
