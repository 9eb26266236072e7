"""What isolation costs: the same role runs the same statements in two databases alike, in one with isolation on.

The rows are those of bench_reads.py, of some solutions: the first owns most rows, the second a tenth. A login that
is listed for one of them, and a shared one that names it, read pages by owner, by time and through parents, look
records up, search documents and count. Both databases take turns. Prints milliseconds of both, and their ratio as
the median of the turns' ratios, beside the aim: 1.1 for pages of tables with their own solution column, 1.5 through
a parent, for record look-ups and for the search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fbs_db.reads.query import Query, Read, call, select
from tests.support.every_read import read_of

OWN, PARENT, RECORD = "own column", "through a parent", "record or search"
#: None: a figure without an aim.
AIMS: dict[str, float | None] = {OWN: 1.1, PARENT: 1.5, RECORD: 1.5, "count": None}
#: The groups of reads whose tables are looked at.
GROUPS = {
    *("custom_fields", "notifications", "approvals", "msme", "workflow", "compliance", "accounting", "documents"),
    "licensing",
}
PAGE = 50
#: Calls of a turn, of which the fastest counts: what else the machine does falls on some only.
TURN = 5
#: Seconds of a call that is a turn by itself.
SLOW = 0.05
#: Before the first turn, so that both have settled on a plan.
SETTLING = 12
LOGIN = "fbs_bench_login"


@dataclass(frozen=True)
class Asked:
    """A statement, and what it is an example of."""

    name: str
    kind: str
    query: Query


#: What to ask for as a solution, by name: rows that it has.
EXAMPLES = {
    "approval": """
        select request_data ->> 'model_name', request_data ->> 'record_id' from fbs_approval_requests
        where solution_name = %(shop)s and request_data ->> 'record_id' is not null""",
    "pending": """
        select request_data ->> 'model_name', request_data ->> 'record_id' from fbs_approval_requests
        where solution_name = %(shop)s and status = 'pending'""",
    "run": """
        select workflow_data ->> 'model_name', workflow_data ->> 'record_id' from fbs_workflow_instances
        where solution_name = %(shop)s""",
    "document": """
        select id, metadata ->> 'model_name', metadata ->> 'record_id', metadata -> 'tenant' from fbs_dms_document
        where company_id = %(shop)s and id %% 20 = 0""",
    "audited": "select record_type, record_id from fbs_audit_trails where solution_name = %(shop)s",
    "fields": """
        select model_name, record_id from fbs_custom_fields
        where solution_name = %(shop)s and model_name <> 'bench.model_0'""",
    "answered": """
        select r.id from fbs_approval_requests as r
        where r.solution_name = %(shop)s
            and exists (select from fbs_approval_responses as a where a.approval_request_id = r.id)""",
    "logged": """
        select i.id from fbs_workflow_instances as i
        where i.solution_name = %(shop)s
            and exists (select from fbs_workflow_execution_logs as l where l.workflow_instance_id = i.id)""",
    "approver": """
        select approver_id from fbs_dms_document_approval where status = 'pending'
        group by approver_id order by count(*) desc""",
}
#: Tables and the columns by which their rows are counted: of the solution, or of user 1.
COUNTS = [
    ("fbs_approval_requests", "solution_name"),
    ("fbs_approval_requests", "approver_id"),
    ("fbs_dms_document", "company_id"),
    ("fbs_workflow_execution_logs", "executed_by_id"),
]


def asked(connection: psycopg.Connection[Any], shop: str) -> Iterator[Asked]:
    """What is read as this solution."""
    example: dict[str, tuple[Any, ...]] = {
        name: connection.execute(f"{query} limit 1".encode(), {"shop": shop}).fetchone() or ()
        for name, query in EXAMPLES.items()
    }

    def record(name: str, place: int = 0) -> dict[str, Any]:
        return dict(zip(("model_name", "record_id"), example[name][place:], strict=False))

    record_type, audited = example["audited"]
    by_time: dict[str, Any] = {}
    of_record = record("fields")
    records = list(range(of_record["record_id"], of_record["record_id"] + PAGE))
    reads: list[tuple[str, str, dict[str, Any]]] = [
        (OWN, "approvals.requests", {"solution_name": shop}),
        (OWN, "approvals.requests", {"approver_id": 1}),
        (OWN, "approvals.requests", {"requester_id": 1}),
        (OWN, "approvals.requests", {"id": example["answered"][0]}),
        (OWN, "approvals.requests", {"status": "pending"}),
        (OWN, "approvals.requests", by_time),
        (OWN, "approvals.pending", {"approver_id": 1}),
        (OWN, "notifications.inbox", {"user_id": 1}),
        (OWN, "compliance.audit_trail", {"solution_name": shop}),
        (OWN, "compliance.audit_trail", {"solution_name": shop, "record_type": record_type, "record_id": audited}),
        (OWN, "accounting.cash_entries", {"business_id": shop}),
        (OWN, "accounting.transactions", {"business_id": shop}),
        (OWN, "documents.overview", {"company_id": shop}),
        (OWN, "documents.overview", {"created_by_id": 1}),
        (OWN, "documents.overview", by_time),
        (OWN, "msme.analytics_series", {"solution_name": shop}),
        (OWN, "licensing.usage", {"solution_name": shop}),
        (OWN, "custom_fields.values", of_record),
        (OWN, "custom_fields.records", {"model_name": of_record["model_name"], "record_ids": records}),
        (PARENT, "approvals.details", {"id": example["answered"][0]}),
        (PARENT, "workflow.runs", {"solution_name": shop}),
        (PARENT, "workflow.runs", {"business_id": shop}),
        (PARENT, "workflow.runs", by_time),
        (PARENT, "workflow.active_runs", {"business_id": shop}),
        (PARENT, "workflow.log", {"workflow_instance_id": example["logged"][0]}),
        (PARENT, "workflow.log", {"executed_by_id": 1}),
        (PARENT, "workflow.log", by_time),
        (PARENT, "documents.details", {"id": example["document"][0]}),
        (PARENT, "documents.pending_approvals", {"approver_id": example["approver"][0]}),
        (RECORD, "approvals.requests", record("approval")),
        (RECORD, "approvals.pending", record("pending")),
        (RECORD, "workflow.runs", record("run")),
    ]
    for kind, name, arguments in reads:
        shown = ", ".join(arguments) or "all, by time"
        yield Asked(f"{name}({shown})", kind, query_of(name, arguments))
    for word in ("word1", "word25", "word255", "word2999", "nothing", "word1500 word2"):
        arguments = {"company_id": shop, "query": word, "page_size": PAGE}
        yield Asked(f"documents.search({word})", RECORD, query_of("documents.search", arguments))
    tenant = example["document"][3]
    for title, facts in {
        "a frequent tenant": {"tenant": 1},
        "a tenant": {"tenant": tenant},
        "a record": record("document", 1),
        "nothing": {"tenant": -1},
    }.items():
        arguments = {"company_id": shop, "metadata": facts, "page_size": PAGE}
        yield Asked(f"documents.by_metadata({title})", RECORD, query_of("documents.by_metadata", arguments))
    for table, column in COUNTS:
        text = f"select count(*) from {table} where {column} = %s"
        yield Asked(
            f"count of {table} by {column}",
            "count",
            Query(text, (shop if column in ("solution_name", "company_id") else 1,)),
        )


def query_of(name: str, arguments: dict[str, Any]) -> Query:
    group, _, method = name.partition(".")
    read: Read = read_of(group, method)
    if read.arguments is not None:
        return call(read, "public", arguments)
    return select(read, "public", arguments, limit=PAGE)


def spread_rows(shops: int) -> str:
    """SQL of bench_shop where so many solutions share the rows: the first has most, the second a tenth."""
    most = 0.9 if shops == 2 else 0.5
    rest = f"when r.n < {most} then 1 when r.n < {most + 0.1} then 2 else 3 + floor(random() * {shops - 2})"
    return (
        "create or replace function bench_shop(n integer) returns text language sql volatile"
        f" return (select 'shop ' || case {rest} end from random() as r (n))"
    )


def admit(url: str, shop: str, *, shared: bool) -> str:
    """A login that works as an application for this solution; the role is of the server. Returns its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("select true from pg_roles where rolname = %s", [LOGIN]).fetchone():
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(LOGIN)))
        connection.execute(
            sql.SQL(
                "grant usage on schema public to {0};"
                "grant select, insert, update, delete on all tables in schema public to {0};"
                "grant usage on all sequences in schema public to {0};"
            ).format(sql.Identifier(LOGIN))
        )
        connection.execute("delete from fbs_roles where role_name = %s", [LOGIN])
        connection.execute(
            "insert into fbs_roles (role_name, work, solutions, is_shared) values (%s, 'app', %s, %s)",
            [LOGIN, [] if shared else [shop], shared],
        )
    options = f"-c fbs.solution={shop.replace(' ', chr(92) + ' ')}" if shared else ""
    return make_conninfo(url, user=LOGIN, options=options)


def run(connection: psycopg.Connection[Any], query: Query) -> int:
    prepare = False if query.planned_anew else None
    return len(connection.execute(query.text.encode(), query.parameters, prepare=prepare).fetchall())


@dataclass(frozen=True)
class Cost:
    """Seconds of a call without isolation and with it, by turn."""

    without: list[float]
    isolated: list[float]
    rows: tuple[int, int]

    @property
    def ratio(self) -> float:
        return median(one / two for one, two in zip(self.isolated, self.without, strict=True))


def turn(connection: psycopg.Connection[Any], query: Query) -> Iterator[float]:
    """Seconds of the calls of a turn, without the first, which finds what the other side left in the caches."""
    for number in range(1 + TURN):
        started = time.perf_counter()
        run(connection, query)
        took = time.perf_counter() - started
        if number or took > SLOW:
            yield took
        if took > SLOW:
            break


def compare(sides: tuple[psycopg.Connection[Any], ...], query: Query, rounds: int, longest: float) -> Cost:
    """Let both take turns, each as often first as the other."""
    taken: tuple[list[float], list[float]] = ([], [])
    queries = query, query.isolated or query  # as the Python layer chooses
    rows = tuple(run(side, asking) for side, asking in zip(sides, queries, strict=True))
    for side, asking in zip(sides, queries, strict=True):
        began = time.perf_counter()
        for _ in range(SETTLING):
            if time.perf_counter() - began < 1:
                run(side, asking)
    began = time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - began > longest:
            break
        for place in ((0, 1), (1, 0))[number % 2]:
            taken[place].append(min(turn(sides[place], queries[place])))
    return Cost(*taken, rows=rows)  # type: ignore[arg-type]


def measure(
    url: str, isolated: str, shops: int, rounds: int, wanted: Callable[[str], bool] = lambda _: True, longest: float = 2
) -> None:
    """Compare two databases, alike but for isolation; print what each read costs."""
    missed: dict[str, list[str]] = {kind: [] for kind in AIMS}
    for shop, share in (("shop 1", "most rows"), ("shop 2", "a tenth")):
        for shared in (False, True):
            with psycopg.connect(url, autocommit=True) as owner:
                every = [one for one in asked(owner, shop) if wanted(one.name)]
            sides = tuple(psycopg.connect(admit(one, shop, shared=shared), autocommit=True) for one in (url, isolated))
            who = f"{'a shared login' if shared else 'a login'} of {share}, {shops} solutions"
            print(f"\n{who:<68}{'without':>9}{'isolated':>9}{'ratio':>7}  rows", flush=True)
            for one in every:
                cost = compare(sides, one.query, rounds, longest)
                aim = AIMS[one.kind]
                late = aim is not None and cost.ratio > aim
                if late:
                    missed[one.kind].append(f"{one.name}, {who}: {cost.ratio:.2f}")
                print(
                    f"{one.name:<68}{median(cost.without) * 1000:9.3f}{median(cost.isolated) * 1000:9.3f}"
                    f"{cost.ratio:7.2f}  {cost.rows[0]}, {cost.rows[1]}{f'  aim {aim:g}: missed' if late else ''}",
                    flush=True,
                )
            for side in sides:
                side.close()
    print()
    for kind, names in missed.items():
        if AIMS[kind] is not None:
            print(f"{kind}: more than {AIMS[kind]:g} of without{len(names):6}  aim 0: {'missed' if names else 'met'}")
