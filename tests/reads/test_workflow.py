"""What is read of workflows: their layout, how far runs are, where they wait, what happened."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

import fbs_db
from tests.support.connections import rows
from tests.support.reading import columns, view
from tests.support.sample_rows import add

LEAP = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def lay_out(connection: psycopg.Connection, name: str, **values: Any) -> int:
    filled = {"workflow_type": "approval", "solution_name": "shop"} | values
    return add(connection, "fbs_workflow_definitions", name=name, **filled)[1]


def step(connection: psycopg.Connection, definition: int, place: int, **values: Any) -> int:
    filled = {"name": f"step {place}", "step_type": "task", "order": place} | values
    return add(connection, "fbs_workflow_steps", workflow_definition_id=definition, **filled)[1]


def way(connection: psycopg.Connection, definition: int, origin: int, to: int, **values: Any) -> int:
    values |= {"workflow_definition_id": definition, "from_step_id": origin, "to_step_id": to}
    return add(connection, "fbs_workflow_transitions", **values)[1]


def run(connection: psycopg.Connection, definition: int, status: str = "active", **values: Any) -> int:
    filled = {"business_id": "b", "solution_name": "shop", "started_at": LEAP} | values
    return add(connection, "fbs_workflow_instances", workflow_definition_id=definition, status=status, **filled)[1]


def log(
    connection: psycopg.Connection, instance: int, at: datetime, action: str = "step_completed", **values: Any
) -> int:
    values |= {"workflow_instance_id": instance, "timestamp": at, "action": action}
    return add(connection, "fbs_workflow_execution_logs", **values)[1]


@pytest.fixture
def laid_out(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """A workflow (1) with steps 1 to 4 in the order 4, 2, 3, 1 and ways 4-2, 2-3, 2-1, 3-1; and a bare one (2)."""
    lay_out(installed_everywhere, "Purchase", estimated_duration=48)
    lay_out(installed_everywhere, "Bare")
    step(installed_everywhere, 1, 40, estimated_duration=2, is_required=False)
    step(installed_everywhere, 1, 20, step_type="decision")
    step(installed_everywhere, 1, 30, estimated_duration=5, assigned_role="manager", assigned_user_id=9)
    step(installed_everywhere, 1, 10)
    way(installed_everywhere, 1, 3, 1)
    way(installed_everywhere, 1, 2, 1, is_default=True)
    way(installed_everywhere, 1, 2, 3, transition_type="conditional", conditions={"amount": ">100"})
    way(installed_everywhere, 1, 4, 2)
    return installed_everywhere


def test_workflows_with_counts_of_their_steps(laid_out: psycopg.Connection) -> None:
    found = view(laid_out, "fbs_workflow_catalog")
    names = ("name", "steps", "required_steps", "transitions", "estimated_duration", "steps_estimated_duration")
    assert columns(found, *names) == [("Purchase", 4, 3, 4, 48, 7), ("Bare", 0, 0, 0, None, None)]
    assert view(laid_out, "fbs_workflow_catalog", solution_name="none") == []


def test_a_workflow_as_a_graph(laid_out: psycopg.Connection) -> None:
    found = view(laid_out, "fbs_workflow_graphs", order="workflow_definition_id")
    purchase, bare = found
    assert [(node["id"], node["order"]) for node in purchase["nodes"]] == [(4, 10), (2, 20), (3, 30), (1, 40)]
    assert [(edge["from"], edge["to"]) for edge in purchase["edges"]] == [(4, 2), (2, 3), (2, 1), (3, 1)]
    assert purchase["nodes"][2] == {
        "id": 3,
        "name": "step 30",
        "step_type": "task",
        "order": 30,
        "is_required": True,
        "estimated_duration": 5,
        "assigned_role": "manager",
        "assigned_user_id": 9,
        "conditions": {},
        "actions": [],
    }
    assert purchase["edges"][1] == {
        "id": 3,
        "from": 2,
        "to": 3,
        "transition_type": "conditional",
        "is_default": False,
        "conditions": {"amount": ">100"},
        "actions": [],
    }
    assert (bare["nodes"], bare["edges"]) == ([], [])


PROGRESS = ("status", "current_step_name", "steps", "steps_done", "progress_percent")


def test_how_far_runs_are(laid_out: psycopg.Connection) -> None:
    run(laid_out, 1, "draft")
    run(laid_out, 1, current_step_id=4)
    run(laid_out, 1, current_step_id=2)
    run(laid_out, 1, "paused", current_step_id=1)
    run(laid_out, 1, "completed", current_step_id=2)
    run(laid_out, 1, "completed")
    run(laid_out, 1, "failed", current_step_id=3)
    run(laid_out, 1)
    run(laid_out, 2)
    run(laid_out, 2, "completed")
    assert columns(view(laid_out, "fbs_workflow_runs"), *PROGRESS) == [
        ("draft", None, 4, 0, 0),
        ("active", "step 10", 4, 0, 0),
        ("active", "step 20", 4, 1, 25),
        ("paused", "step 40", 4, 3, 75),
        ("completed", "step 20", 4, 4, 100),
        ("completed", None, 4, 4, 100),
        ("failed", "step 30", 4, 2, 50),
        ("active", None, 4, 0, None),
        ("active", None, 0, 0, None),
        ("completed", None, 0, 0, 100),
    ]


def test_how_old_and_how_late_runs_are(laid_out: psycopg.Connection) -> None:
    (now,) = rows(laid_out, "select now()")[0]
    for started, ended, definition in [(1, None, 1), (49, None, 1), (99, 51, 1), (99, 50, 1), (9, None, 2)]:
        run(
            laid_out,
            definition,
            started_at=now - started * HOUR,
            completed_at=None if ended is None else now - ended * HOUR,
        )
    found = view(laid_out, "fbs_workflow_runs")
    assert columns(found, "age", "expected_at", "is_late") == [
        (HOUR, now + 47 * HOUR, False),
        (49 * HOUR, now - HOUR, True),
        (48 * HOUR, now - 51 * HOUR, False),
        (49 * HOUR, now - 51 * HOUR, True),
        (9 * HOUR, None, None),
    ]
    laid_out.execute("update fbs_workflow_instances set status = 'failed' where id = 2")
    (failed,) = view(laid_out, "fbs_workflow_runs", id=2)
    assert (failed["age"], failed["is_late"]) == (None, None), "it ended, and nobody knows when"


def test_runs_about_a_record_of_the_host(laid_out: psycopg.Connection) -> None:
    number = run(laid_out, 1, workflow_data={"model_name": "tenants.tenant", "record_id": "a7"})
    run(laid_out, 1, workflow_data={"model_name": "tenants.tenant", "record_id": "a8"})
    found = view(laid_out, "fbs_workflow_runs", model_name="tenants.tenant", record_id="a7")
    assert columns(found, "id", "workflow_name", "version") == [(number, "Purchase", "1.0")]


def test_active_runs_of_a_user_oldest_first(laid_out: psycopg.Connection) -> None:
    (now,) = rows(laid_out, "select now()")[0]
    mine: dict[str, Any] = {"current_user_id": 7}
    young = run(laid_out, 1, started_at=now - HOUR, current_step_id=3, **mine)
    old = run(laid_out, 1, started_at=now - 9 * HOUR, **mine)
    tied = run(laid_out, 1, started_at=now - 9 * HOUR, **mine)
    for status in ("draft", "paused", "completed", "cancelled", "failed"):
        run(laid_out, 1, status, **mine)
    run(laid_out, 1, current_user_id=8)
    log(laid_out, old, now - 3 * HOUR)
    log(laid_out, old, now - 4 * HOUR)
    query = "select id, age, waiting, assigned_role from fbs_workflow_active_runs where current_user_id = {}"
    assert rows(laid_out, query.format(7) + " order by started_at, id") == [
        (old, 9 * HOUR, 3 * HOUR, None),
        (tied, 9 * HOUR, 9 * HOUR, None),
        (young, HOUR, HOUR, "manager"),
    ]
    assert rows(laid_out, query.format(9)) == []


def test_ways_on_from_where_a_run_stands(laid_out: psycopg.Connection) -> None:
    number = run(laid_out, 1, current_step_id=2)
    run(laid_out, 1, current_step_id=4)

    def ways(instance: int) -> list[tuple[Any, ...]]:
        return rows(
            laid_out,
            "select from_step_id, to_step_id, to_step_name, is_default from fbs_workflow_open_transitions"
            f" where workflow_instance_id = {instance} order by is_default, transition_id",
        )

    assert ways(number) == [(2, 3, "step 30", False), (2, 1, "step 40", True)]
    laid_out.execute("update fbs_workflow_instances set status = 'paused' where id = 1")
    assert ways(number) == [], "none while it is paused"
    for last in (run(laid_out, 1, current_step_id=1), run(laid_out, 1), run(laid_out, 2), -1):
        assert ways(last) == []


def test_a_way_of_another_workflow_is_not_open(laid_out: psycopg.Connection) -> None:
    way(laid_out, 2, 2, 4)
    number = run(laid_out, 1, current_step_id=2)
    found = view(laid_out, "fbs_workflow_open_transitions", order="transition_id", workflow_instance_id=number)
    assert columns(found, "to_step_id") == [(1,), (3,)]


def test_what_happened_in_a_run(laid_out: psycopg.Connection) -> None:
    number, other = run(laid_out, 1), run(laid_out, 2, solution_name="yard")
    started = log(laid_out, number, LEAP, "workflow_started")
    done = log(laid_out, number, LEAP + HOUR, executed_by_id=7)
    tied = log(laid_out, number, LEAP + HOUR)
    log(laid_out, other, LEAP)
    found = rows(
        laid_out,
        f"select id from fbs_workflow_log where workflow_instance_id = {number} order by timestamp desc, id desc",
    )
    assert found == [(tied,), (done,), (started,)]
    assert columns(view(laid_out, "fbs_workflow_log", executed_by_id=7), "id", "solution_name") == [(done, "shop")]
    assert columns(view(laid_out, "fbs_workflow_log", workflow_instance_id=other), "workflow_definition_id") == [(2,)]


COUNTS = ("runs", "draft", "active", "paused", "completed", "cancelled", "failed", "completed_percent")
DURATIONS = ("average_duration", "median_duration", "longest_duration", "oldest_open_at")


def test_figures_of_each_workflow_and_solution(laid_out: psycopg.Connection) -> None:
    for hours in (1, 2, 6):
        run(laid_out, 1, "completed", completed_at=LEAP + hours * HOUR)
    run(laid_out, 1, "completed")
    run(laid_out, 1, "cancelled", completed_at=LEAP + 99 * HOUR)
    run(laid_out, 1, "failed")
    run(laid_out, 1, "draft", started_at=LEAP - 2 * HOUR)
    run(laid_out, 1, "active", started_at=LEAP + HOUR)
    run(laid_out, 1, "paused")
    run(laid_out, 1, "adrift")
    run(laid_out, 1, "draft", solution_name="yard")
    found = view(laid_out, "fbs_workflow_analytics", order="solution_name")
    assert columns(found, "workflow_name", "solution_name") == [("Purchase", "shop"), ("Purchase", "yard")]
    assert columns(found, *COUNTS[:7]) == [(10, 1, 1, 1, 4, 1, 1), (1, 1, 0, 0, 0, 0, 0)]
    assert [row["completed_percent"] and str(row["completed_percent"]) for row in found] == ["66.67", None]
    assert columns(found, *DURATIONS) == [(3 * HOUR, 2 * HOUR, 6 * HOUR, LEAP), (None, None, None, None)]
    assert view(laid_out, "fbs_workflow_analytics", order="solution_name", workflow_definition_id=2) == []


def test_where_runs_wait_and_for_how_long(laid_out: psycopg.Connection) -> None:
    (now,) = rows(laid_out, "select now()")[0]
    moved = run(laid_out, 1, current_step_id=2, started_at=now - 99 * HOUR, current_user_id=7)
    log(laid_out, moved, now - 50 * HOUR)
    log(laid_out, moved, now - HOUR)
    run(laid_out, 1, current_step_id=2, started_at=now - 2 * HOUR)
    run(laid_out, 1, "paused", current_step_id=2, started_at=now - 6 * HOUR)
    run(laid_out, 1, started_at=now - HOUR)
    for status in ("draft", "completed", "cancelled", "failed"):
        run(laid_out, 1, status, current_step_id=2)
    found = view(laid_out, "fbs_workflow_waiting", order="current_step_id")
    names = ("current_step_name", "runs", "paused", "without_user", "average_wait", "median_wait", "longest_wait")
    assert columns(found, *names) == [
        ("step 20", 3, 1, 2, 3 * HOUR, 2 * HOUR, 6 * HOUR),
        (None, 1, 0, 1, HOUR, HOUR, HOUR),
    ]


def test_runs_at_a_step_are_known_to_be_of_its_workflow(installed: psycopg.Connection) -> None:
    """As many as there are, PostgreSQL reads in order for a page; of the few it took them for, it sorted all."""
    for definition in range(1, 11):
        lay_out(installed, f"workflow {definition}")
        for place in range(4):
            step(installed, definition, place)
    installed.execute(
        "insert into fbs_workflow_instances (workflow_definition_id, current_step_id, business_id, solution_name)"
        " select s.workflow_definition_id, s.id, 'b', 'shop'"
        " from fbs_workflow_steps as s cross join generate_series(1, 50)"
    )
    installed.execute("analyze fbs_workflow_instances")
    query = "explain (format json) select from fbs_workflow_instances where workflow_definition_id = 1"
    (at_step,) = rows(installed, f"{query} and current_step_id = 1")[0]
    assert at_step[0]["Plan"]["Plan Rows"] == pytest.approx(50, rel=0.2)


def test_runs_about_one_record_are_known_to_be_few(installed: psycopg.Connection) -> None:
    """Of the many it took them for, a plan for all values read every run in the order of the page."""
    lay_out(installed, "Purchase")
    installed.execute(
        "insert into fbs_workflow_instances (workflow_definition_id, business_id, solution_name, workflow_data)"
        " select 1, 'b', 'shop', jsonb_build_object('model_name', 'tenants.tenant', 'record_id', n::text)"
        " from generate_series(1, 4000) as n"
    )
    installed.execute("analyze fbs_workflow_instances")
    query = "explain (format json) select from fbs_workflow_instances where workflow_data ->> 'record_id' = '7'"
    (about_one,) = rows(installed, query)[0]
    assert about_one[0]["Plan"]["Plan Rows"] < 5


def test_runs_by_status_step_or_role_are_planned_for_the_value(
    installed: psycopg.Connection,
) -> None:
    """A plan for all values reads every run for a status, step or role that few have."""
    installed.commit()
    with fbs_db.connect(installed) as fbs:
        for _ in range(10):
            fbs.workflow.runs(status="running")
            fbs.workflow.runs(current_step_id=1)
            fbs.workflow.active_runs(assigned_role="clerk")
            fbs.workflow.runs(status="running", current_user_id=1)  # one index finds both
    prepared = [one for (one,) in rows(installed, "select statement from pg_prepared_statements")]
    assert [one.partition(" where ")[2].partition(" order ")[0] for one in prepared if "fbs_workflow" in one] == [
        '"status" = $1 and "current_user_id" = $2'
    ]
