"""What FBS's own code writes and asks for: its values are known values, its filters answer."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.errors import UsageError
from fbs_db.reads import Page
from tests.support import ROOT
from tests.support.connections import url_of
from tests.support.every_read import read_of, read_on
from tests.support.sample_rows import BY_NAME, insert, required_values

HERE = ROOT / "tests" / "support"
#: Columns, with the values that FBS writes into them and that no form offers.
WRITTEN: list[tuple[str, str, list[str]]] = json.loads((HERE / "fbs-values.json").read_text())["values"]
#: Reads, with the filters that FBS's own getters ask by.
FILTERS: list[tuple[str, dict[str, Any]]] = json.loads((HERE / "fbs-filters.json").read_text())["filters"]
#: The reads that are asked by those columns.
ASKED = {
    "fbs_approval_requests": ("approvals.requests", "approvals.pending"),
    "fbs_compliance_rules": ("compliance.rule_list",),
    "fbs_dashboards": ("bi.dashboards",),
    "fbs_kpis": ("bi.kpis",),
    "fbs_reports": ("bi.reports",),
    "fbs_notifications": ("notifications.inbox",),
    "fbs_workflow_definitions": ("workflow.catalog",),
    "fbs_workflow_instances": ("workflow.runs",),
    "fbs_msme_setup_wizard": ("msme.setup",),
    "fbs_msme_compliance": ("msme.compliance_status",),
    "fbs_app_taxcalculation": ("accounting.taxes",),
}
#: Filters that these reads need beside.
BESIDE: dict[str, dict[str, Any]] = {"accounting.taxes": {"business_id": "acme"}}


def asked(reader: Any, name: str, **filters: Any) -> Any:
    group, _, read = name.partition(".")
    return read_on(reader, group, read)(**filters)


def test_values_that_fbs_writes_are_on_the_lists(installed: psycopg.Connection) -> None:
    query = "select object, found from fbs_check_rows(%s) where object = %s and problem = 'value off the list'"
    installed.execute("set session_replication_role = replica")  # rows without what they point at
    for table, column, values in WRITTEN:
        for number, value in enumerate([*values, "odd"]):
            given = required_values(BY_NAME[table], number)
            if "solution_name" in given:
                given["solution_name"] = f"acme {number}"
            insert(installed, table, given | {column: value})
        named = f"{table}.{column}"
        assert installed.execute(query, [table, named]).fetchall() == [(named, "odd (1)")]


def test_a_value_that_fbs_writes_gives_an_empty_page_and_a_slip_is_refused(installed: psycopg.Connection) -> None:
    async def waiting() -> None:
        async with fbs_db.connect_async(url_of(installed)) as fbs:
            for name, column, values in cases:
                beside = BESIDE.get(name, {})
                for value in values:
                    assert list(await asked(fbs, name, **beside, **{column: value})) == []
                with pytest.raises(UsageError, match=f"Unknown {column} 'odd'"):
                    await asked(fbs, name, **beside, **{column: "odd"})

    cases = [(name, column, values) for table, column, values in WRITTEN for name in ASKED.get(table, ())]
    assert len(cases) == 12
    with fbs_db.connect(url_of(installed)) as fbs:
        for name, column, values in cases:
            beside = BESIDE.get(name, {})
            for value in values:
                assert list(asked(fbs, name, **beside, **{column: value})) == []
                assert list(asked(fbs, f"{name}.stream", **beside, **{column: value})) == []
            with pytest.raises(UsageError, match=f"Unknown {column} 'odd'") as refused:
                asked(fbs, name, **beside, **{column: "odd"})
            assert all(value in refused.value.hint for value in values)
    asyncio.run(waiting())


def test_a_duty_that_fbs_completed_is_met(installed: psycopg.Connection) -> None:
    """FBS's compliance check writes the status alone."""
    query = (
        "insert into fbs_msme_compliance (solution_name, compliance_type, status, due_date)"
        " values ('acme', %s, %s, current_date - 5)"
    )
    for kind, status in (("tax", "completed"), ("financial", "pending")):
        installed.execute(query, [kind, status])
    found = installed.execute("select compliance_type, due_state, days_left, days_late from fbs_msme_compliance_status")
    assert set(found) == {("tax", "met", None, 0), ("financial", "overdue", -5, 5)}
    installed.commit()
    with fbs_db.connect(installed) as fbs:
        assert [row.compliance_type for row in fbs.msme.compliance_status(due_state="met")] == ["tax"]
        due = fbs.suite.deadlines("acme", since=date.today() - timedelta(days=30))
        assert [row.title for row in due if row.kind == "compliance"] == ["financial"]


@pytest.fixture
def acme(installed: psycopg.Connection) -> psycopg.Connection:
    """Something to be found by some of the filters."""
    query = "insert into fbs_notifications (title, message, notification_type, priority, solution_name)"
    for kind, priority, solution in [("info", "high", "acme"), ("info", "low", "acme"), ("warning", "high", "acme")]:
        installed.execute(f"{query} values ('t', 'm', %s, %s, %s)".encode(), [kind, priority, solution])
    installed.execute(f"{query} values ('t', 'm', 'info', 'high', 'other')".encode())
    installed.commit()
    return installed


def test_all_filters_that_fbs_asks_by_answer(acme: psycopg.Connection) -> None:
    async def waiting() -> list[Any]:
        async with fbs_db.connect_async(url_of(acme)) as fbs:
            return [await asked(fbs, name, **filters) for name, filters in FILTERS]

    assert len(FILTERS) == 71
    with fbs_db.connect(url_of(acme)) as fbs:
        answers = [asked(fbs, name, **filters) for name, filters in FILTERS]
    assert answers == asyncio.run(waiting())
    for (name, filters), answer in zip(FILTERS, answers, strict=True):
        found = in_sql(acme, name, filters)
        answered = list(answer) if isinstance(answer, Page) else [answer] if answer else []
        assert answered == found, name


def in_sql(connection: psycopg.Connection, name: str, filters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What the view or function answers."""
    group, _, of_group = name.partition(".")
    read = read_of(group, of_group)
    columns = sql.SQL(", ").join(map(sql.Identifier, read.row._fields))
    if read.arguments is not None:
        given = sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(one), filters[one]) for one in filters)
        query = sql.SQL("select {} from {}({})").format(columns, sql.Identifier(read.source), given)
        return connection.execute(query).fetchall()
    bounds = {"since": (read.ranged, ">="), "until": (read.ranged, "<")}
    wanted = [
        sql.SQL("{} {} {}").format(sql.Identifier(column), sql.SQL(operator), value)
        for (column, operator), value in ((bounds.get(one, (one, "=")), value) for one, value in filters.items())
    ]
    order = sql.SQL(", ").join(
        sql.SQL("{} desc" if one.startswith("-") else "{}").format(sql.Identifier(one.lstrip("-")))
        for one in read.order
    )
    query = sql.SQL("select {} from {} where {} order by {}").format(
        columns, sql.Identifier(read.source), sql.SQL(" and ").join([sql.SQL("true"), *wanted]), order
    )
    return connection.execute(query).fetchall()


def test_the_inbox_of_a_solution_by_type_and_priority(acme: psycopg.Connection) -> None:
    with fbs_db.connect(acme) as fbs:
        inbox = fbs.notifications.inbox
        assert len(inbox(notification_type="info")) == 3
        assert len(inbox(solution_name="acme", notification_type="info")) == 2
        assert len(inbox(solution_name="acme", priority="high")) == 2
        (row,) = inbox(solution_name="acme", notification_type="info", priority="high")
        assert (row.notification_type, row.priority, row.solution_name) == ("info", "high", "acme")
        assert list(fbs.notifications.inbox.stream(solution_name="acme", notification_type="info", priority="high"))
        first = inbox(notification_type="info", limit=2)
        assert len(inbox(notification_type="info", after=first.next)) == 1
