"""Workflows: random rows, and what each read answers to them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.reads.models.common import by_id, count, grouped, least, mean, middle, most, percent, subject, without
from tests.support.differential import HOUR, Answer, Group, Raw, View, World


def fill_workflow(w: World) -> None:
    for _ in w.many(9):
        w.put(
            "fbs_workflow_definitions",
            name=w.any("a", "B", "b"),
            description=w.any("", "d"),
            workflow_type=w.any("approval", "custom", "odd"),
            version=w.any("1.0", "2.0"),
            is_active=w.any(True, False),
            is_template=w.any(True, False),
            estimated_duration=w.any(None, 0, 1, 24, 5000),
            solution_name=w.solution(),
            created_by_id=w.user(),
        )
    definitions = w.ids("fbs_workflow_definitions")
    if not definitions:
        return
    for _ in w.many(24):
        w.put(
            "fbs_workflow_steps",
            workflow_definition_id=w.any(*definitions[1:], definitions[-1]),
            name=w.any("a", "b"),
            step_type=w.any("task", "approval", "odd"),
            order=w.chance.randint(-2, 9),
            is_required=w.any(True, False),
            estimated_duration=w.any(None, 0, 3),
            assigned_role=w.any("", "clerk"),
            assigned_user_id=w.user(),
            conditions=w.data(),
            actions=w.any([], ["a", 1]),
        )
    steps = grouped(w["fbs_workflow_steps"], "workflow_definition_id")

    def step_of(definition: int) -> int | None:
        own: list[int | None] = [step.id for step in steps.get((definition,), [])]
        return w.any_of([None, *own, *own])

    for _ in w.many(50):
        definition = w.any(*definitions)
        leaves, reaches = step_of(definition), step_of(definition)
        if leaves and reaches:
            w.put(
                "fbs_workflow_transitions",
                workflow_definition_id=w.any(definition, definition, definition, *definitions),
                from_step_id=leaves,
                to_step_id=reaches,
                transition_type=w.any("automatic", "manual", "odd"),
                conditions=w.data(),
                is_default=w.any(True, False),
            )
    for _ in w.many(50):
        definition = w.any(*definitions[:-1], definitions[0])
        w.put(
            "fbs_workflow_instances",
            workflow_definition_id=definition,
            business_id=w.any("", "x", "y"),
            current_step_id=step_of(definition),
            status=w.any("draft", "active", "active", "paused", "completed", "cancelled", "failed", "odd"),
            started_at=w.moment(),
            completed_at=w.any(None, w.moment(), w.moment() + 24 * HOUR),
            current_user_id=w.user(),
            workflow_data=w.data(),
            notes=w.any("", "n"),
            solution_name=w.solution(),
        )
    for _ in w.many(60):
        w.put(
            "fbs_workflow_execution_logs",
            workflow_instance_id=w.any(*w.ids("fbs_workflow_instances")),
            action=w.any("workflow_started", "step_failed", "odd"),
            action_data=w.data(),
            timestamp=w.moment(),
            executed_by_id=w.user(),
            notes=w.any("", "n"),
        )


def workflow_catalog(w: World) -> list[Answer]:
    steps = grouped(w["fbs_workflow_steps"], "workflow_definition_id")
    ways = grouped(w["fbs_workflow_transitions"], "workflow_definition_id")
    found = []
    for d in w["fbs_workflow_definitions"]:
        own = steps.get((d.id,), [])
        estimates = [step.estimated_duration for step in own if step.estimated_duration is not None]
        found.append(
            d
            | {
                "steps": len(own),
                "required_steps": count(own, is_required=True),
                "transitions": len(ways.get((d.id,), [])),
                "steps_estimated_duration": sum(estimates) if estimates else None,
            }
        )
    return found


def step_at(w: World, run: Any) -> Any:
    nothing = Raw(name=None, step_type=None, assigned_role=None)
    return by_id(w["fbs_workflow_steps"]).get(run.current_step_id, nothing)


def workflow_runs(w: World) -> list[Answer]:
    def standing(run: Any) -> Answer:
        definition = by_id(w["fbs_workflow_definitions"])[run.workflow_definition_id]
        steps = [s for s in w["fbs_workflow_steps"] if s.workflow_definition_id == definition.id]
        now_at = step_at(w, run)
        passed = sum(s.order < now_at.order for s in steps) if run.current_step_id else 0
        if run.status == "completed":
            progress: Decimal | int | None = 100
        elif run.current_step_id and steps:
            progress = percent(passed, len(steps))
        else:
            progress = 0 if run.status == "draft" and steps else None
        goes_on = run.completed_at is None and run.status not in ("completed", "cancelled", "failed")
        until = w.now if goes_on else run.completed_at
        estimate = definition.estimated_duration
        expected = None if estimate is None else run.started_at + estimate * HOUR
        return {
            "workflow_name": definition.name,
            "version": definition.version,
            "workflow_type": definition.workflow_type,
            "current_step_name": now_at.name,
            "current_step_type": now_at.step_type,
            "steps": len(steps),
            "steps_done": len(steps) if run.status == "completed" else passed,
            "progress_percent": progress,
            "age": until - run.started_at if until else None,
            "expected_at": expected,
            "is_late": until > expected if until and expected else None,
        }

    return [run | subject(run.workflow_data) | standing(run) for run in w["fbs_workflow_instances"]]


def waits_since(w: World, run: Any) -> datetime:
    entries: list[datetime] = [
        entry.timestamp for entry in w["fbs_workflow_execution_logs"] if entry.workflow_instance_id == run.id
    ]
    return max(entries, default=run.started_at)


def workflow_active_runs(w: World) -> list[Answer]:
    definitions = by_id(w["fbs_workflow_definitions"])
    return [
        without(run, "status", "completed_at")
        | subject(run.workflow_data)
        | {
            "workflow_name": definitions[run.workflow_definition_id].name,
            "workflow_type": definitions[run.workflow_definition_id].workflow_type,
            "current_step_name": step_at(w, run).name,
            "current_step_type": step_at(w, run).step_type,
            "assigned_role": step_at(w, run).assigned_role,
            "age": w.now - run.started_at,
            "waiting": w.now - waits_since(w, run),
        }
        for run in w["fbs_workflow_instances"]
        if run.status == "active"
    ]


def workflow_graphs(w: World) -> list[Answer]:
    steps = by_id(w["fbs_workflow_steps"])

    def edge(t: Any) -> Answer:
        own = without(t, "workflow_definition_id", "from_step_id", "to_step_id")
        return own | {"from": t.from_step_id, "to": t.to_step_id}

    def place(t: Any) -> tuple[int, int, int]:
        return steps[t.from_step_id].order, steps[t.to_step_id].order, t.id

    return [
        {
            "workflow_definition_id": d.id,
            "name": d.name,
            "version": d.version,
            "solution_name": d.solution_name,
            "nodes": [
                without(s, "workflow_definition_id", "step_data")
                for s in sorted(steps.values(), key=lambda s: s.order)
                if s.workflow_definition_id == d.id
            ],
            "edges": [
                edge(t) for t in sorted(w["fbs_workflow_transitions"], key=place) if t.workflow_definition_id == d.id
            ],
        }
        for d in w["fbs_workflow_definitions"]
    ]


def workflow_open_transitions(w: World) -> list[Answer]:
    steps = by_id(w["fbs_workflow_steps"])
    return [
        without(way, "id", "workflow_definition_id")
        | {
            "workflow_instance_id": run.id,
            "transition_id": way.id,
            "current_user_id": run.current_user_id,
            "from_step_name": steps[way.from_step_id].name,
            "to_step_name": steps[way.to_step_id].name,
            "to_step_type": steps[way.to_step_id].step_type,
            "to_assigned_role": steps[way.to_step_id].assigned_role,
            "to_assigned_user_id": steps[way.to_step_id].assigned_user_id,
        }
        for run in w["fbs_workflow_instances"]
        for way in w["fbs_workflow_transitions"]
        if run.status == "active"
        and way.from_step_id == run.current_step_id
        and way.workflow_definition_id == run.workflow_definition_id
    ]


def workflow_log(w: World) -> list[Answer]:
    runs = by_id(w["fbs_workflow_instances"])
    names = ("workflow_definition_id", "solution_name", "business_id")
    return [
        entry | {name: getattr(runs[entry.workflow_instance_id], name) for name in names}
        for entry in w["fbs_workflow_execution_logs"]
    ]


def workflow_analytics(w: World) -> list[Answer]:
    found = []
    for (number, solution), runs in grouped(
        w["fbs_workflow_instances"], "workflow_definition_id", "solution_name"
    ).items():
        definition = by_id(w["fbs_workflow_definitions"])[number]
        states = {s: count(runs, status=s) for s in ("draft", "active", "paused", "completed", "cancelled", "failed")}
        took = [r.completed_at - r.started_at for r in runs if r.status == "completed" and r.completed_at]
        ended = states["completed"] + states["cancelled"] + states["failed"]
        found.append(
            {
                "workflow_definition_id": number,
                "solution_name": solution,
                "workflow_name": definition.name,
                "workflow_type": definition.workflow_type,
                "runs": len(runs),
                "completed_percent": percent(states["completed"], ended),
                "average_duration": mean(took),
                "median_duration": middle(took),
                "longest_duration": most(took),
                "oldest_open_at": least(r.started_at for r in runs if r.status in ("active", "paused")),
            }
            | states
        )
    return found


def workflow_waiting(w: World) -> list[Answer]:
    names = ("workflow_definition_id", "current_step_id", "solution_name")
    waiting = [run for run in w["fbs_workflow_instances"] if run.status in ("active", "paused")]
    found = []
    for key, runs in grouped(waiting, *names).items():
        waits = [w.now - waits_since(w, run) for run in runs]
        found.append(
            dict(zip(names, key, strict=True))
            | {
                "current_step_name": step_at(w, runs[0]).name,
                "current_step_type": step_at(w, runs[0]).step_type,
                "runs": len(runs),
                "paused": count(runs, status="paused"),
                "without_user": count(runs, current_user_id=None),
                "average_wait": mean(waits),
                "median_wait": middle(waits),
                "longest_wait": max(waits),
            }
        )
    return found


READS = Group(
    fill_workflow,
    [
        View("catalog", workflow_catalog, "workflow_type name id"),
        View("runs", workflow_runs, "-started_at -id", "started_at"),
        View("active_runs", workflow_active_runs, "started_at id", "started_at"),
        View("graphs", workflow_graphs, "workflow_definition_id", one=True),
        View("open_transitions", workflow_open_transitions, "workflow_instance_id is_default transition_id"),
        View("log", workflow_log, "-timestamp -id", "timestamp"),
        View("analytics", workflow_analytics, "workflow_definition_id solution_name"),
        View("waiting", workflow_waiting, "workflow_definition_id current_step_id solution_name"),
    ],
    roughly=True,
)
