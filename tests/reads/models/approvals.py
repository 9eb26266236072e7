"""Approvals: random rows, and what each read answers to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.reads.models.common import count, grouped, least, mean, middle, most, percent, subject, without
from tests.support.differential import Answer, Call, Group, View, World


def fill_approvals(w: World) -> None:
    for _ in w.many(45):
        w.put(
            "fbs_approval_requests",
            title=w.any("a", "b"),
            description=w.any("", "d"),
            approval_type=w.any("workflow", "Document", "odd"),
            status=w.any("pending", "approved", "approved", "rejected", "cancelled", "odd"),
            requester_id=w.any(1, 2),
            approver_id=w.user(),
            solution_name=w.any("", "a", "B"),
            request_data=w.data(),
            created_at=w.moment(),
            updated_at=w.moment(),
            approved_at=w.any(None, w.moment()),
        )
    for _ in w.many(60) if w["fbs_approval_requests"] else ():
        w.put(
            "fbs_approval_responses",
            approval_request_id=w.any(*w.ids("fbs_approval_requests")),
            responder_id=w.any(1, 2),
            response=w.any("approve", "reject", "request_changes", "odd"),
            comments=w.any("", "c"),
            created_at=w.any_of(w.moments[:4]).replace(microsecond=0),  # many at one time
        )


def approvals_requests(w: World) -> list[Answer]:
    return [r | subject(r.request_data) for r in w["fbs_approval_requests"]]


def approvals_pending(w: World) -> list[Answer]:
    return [
        without(r, "status", "updated_at", "approved_at") | subject(r.request_data) | {"age": w.now - r.created_at}
        for r in w["fbs_approval_requests"]
        if r.status == "pending"
    ]


def approvals_details(w: World) -> list[Answer]:
    answers = grouped(sorted(w["fbs_approval_responses"], key=lambda a: (a.created_at, a.id)), "approval_request_id")
    return [
        row | {"responses": [without(a, "approval_request_id") for a in answers.get((row["id"],), [])]}
        for row in approvals_requests(w)
    ]


def decision_took(w: World, request: Any) -> timedelta | None:
    saying = {"approved": "approve", "rejected": "reject"}.get(request.status)
    said = most(
        a.created_at
        for a in w["fbs_approval_responses"]
        if a.approval_request_id == request.id and a.response == saying
    )
    end = request.approved_at if request.status == "approved" and request.approved_at else said
    return end - request.created_at if end and saying else None


def approvals_turnaround(
    w: World, since: datetime | None = None, until: datetime | None = None, solution: str | None = None
) -> list[Answer]:
    picked = [
        r
        for r in w["fbs_approval_requests"]
        if (since is None or r.created_at >= since)
        and (until is None or r.created_at < until)
        and solution in (None, r.solution_name)
    ]
    found = []
    for (name, kind), requests in sorted(grouped(picked, "solution_name", "approval_type").items()):
        states = {s: count(requests, status=s) for s in ("pending", "approved", "rejected", "cancelled")}
        took = [t for t in (decision_took(w, r) for r in requests) if t is not None]
        found.append(
            {"solution_name": name, "approval_type": kind, "requests": len(requests)}
            | states
            | {
                "approved_percent": percent(states["approved"], states["approved"] + states["rejected"]),
                "average_turnaround": mean(took),
                "median_turnaround": middle(took),
                "longest_turnaround": most(took),
                "oldest_pending_at": least(r.created_at for r in requests if r.status == "pending"),
            }
        )
    return found


def approvals_approvers(w: World) -> list[Answer]:
    return [
        {"approver_id": approver, "requests": len(asked)}
        | {s: count(asked, status=s) for s in ("pending", "approved", "rejected", "cancelled")}
        | {
            "oldest_pending_at": least(r.created_at for r in asked if r.status == "pending"),
            "average_approval_time": mean(
                [r.approved_at - r.created_at for r in asked if r.status == "approved" and r.approved_at]
            ),
        }
        for (approver,), asked in grouped(w["fbs_approval_requests"], "approver_id").items()
    ]


def turnaround_arguments(w: World) -> Answer:
    return {"since": w.any(None, w.moment()), "until": w.any(None, w.moment()), "solution": w.any(None, w.solution())}


READS = Group(
    fill_approvals,
    [
        View("requests", approvals_requests, "-created_at -id", "created_at"),
        View("pending", approvals_pending, "created_at id", "created_at"),
        View("details", approvals_details, "id", one=True),
        Call("turnaround", approvals_turnaround, turnaround_arguments),
        View("approvers", approvals_approvers, "approver_id"),
    ],
    roughly=True,
)
