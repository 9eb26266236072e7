"""Approval requests, and how long they take."""

from datetime import datetime, timedelta
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row, UserKey

APPROVAL_TYPES = ("workflow", "document", "purchase", "expense", "other", "general")


class ApprovalsRequests(Row):
    """A row of ``fbs_approvals_requests``.

    Attributes:
        approval_type: What consent is sought for.
        status: Where the request stands; starts as pending.
        requester_id: User who asks for approval.
        approver_id: User who is to decide; None while nobody is chosen.
        solution_name: Solution the request comes from; "" when not tied to one.
        model_name: Kind of the host's record it is about, such as tenants.tenant; None when it names none.
        record_id: Key of the host's record it is about, as text; None when it names none.
        request_data: JSON object with the particulars of the request; its keys model_name and record_id name the host's
            record it is about.
        approved_at: When approval was given; None while the request is not approved.
    """

    id: int
    title: str
    description: str
    approval_type: str
    status: str
    requester_id: UserKey
    approver_id: UserKey | None
    solution_name: str
    model_name: str | None
    record_id: str | None
    request_data: Json
    created_at: datetime
    updated_at: datetime
    approved_at: datetime | None


class ApprovalsPending(Row):
    """A row of ``fbs_approvals_pending``.

    Other fields as in `ApprovalsRequests`.

    Attributes:
        age: How long ago the request was added.
    """

    id: int
    title: str
    description: str
    approval_type: str
    requester_id: UserKey
    approver_id: UserKey | None
    solution_name: str
    model_name: str | None
    record_id: str | None
    request_data: Json
    created_at: datetime
    age: timedelta


class ApprovalsDetails(Row):
    """A row of ``fbs_approvals_details``.

    Other fields as in `ApprovalsRequests`.

    Attributes:
        approval_type: What consent is sought for. Normally one of: workflow (a step in a workflow), document, purchase,
            expense, other. FBS also writes general.
        status: Where the request stands; starts as pending. Normally one of: pending (no decision yet), approved,
            rejected, cancelled (dropped undecided).
        responses: JSON list of the answers, oldest first, each with id, responder_id, response, comments and
            created_at; [] when nobody has answered.
    """

    id: int
    title: str
    description: str
    approval_type: str
    status: str
    requester_id: UserKey
    approver_id: UserKey | None
    solution_name: str
    model_name: str | None
    record_id: str | None
    request_data: Json
    created_at: datetime
    updated_at: datetime
    approved_at: datetime | None
    responses: Json


class ApprovalsTurnaround(Row):
    """A row of ``fbs_approvals_turnaround``."""

    solution_name: str
    approval_type: str
    requests: int
    pending: int
    approved: int
    rejected: int
    cancelled: int
    approved_percent: Decimal | None
    average_turnaround: timedelta | None
    median_turnaround: timedelta | None
    longest_turnaround: timedelta | None
    oldest_pending_at: datetime | None


class ApprovalsApprovers(Row):
    """A row of ``fbs_approvals_approvers``.

    Attributes:
        approver_id: User who is to decide; None for requests nobody is chosen for.
        average_approval_time: Mean time from request to approval; None when none was approved.
    """

    approver_id: UserKey | None
    requests: int
    pending: int
    approved: int
    rejected: int
    cancelled: int
    oldest_pending_at: datetime | None
    average_approval_time: timedelta | None


class Approvals(Group[AnyDriver]):
    """Approval requests, and how long they take."""

    @view(
        "fbs_approvals_requests",
        order=("-created_at", "-id"),
        ranged="created_at",
        together=(
            ("model_name", "record_id"),
            ("status", "approval_type"),
            ("status", "requester_id"),
            ("status", "approver_id"),
            ("status", "solution_name"),
        ),
        not_alone=("model_name", "record_id"),
        by_record=("fbs_approval_requests", "fbs_find_approval_requests"),
        known={"approval_type": APPROVAL_TYPES, "status": ("pending", "approved", "rejected", "cancelled")},
    )
    def requests(
        self,
        *,
        id: int | None = None,
        status: str | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        approver_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ApprovalsRequests]:
        """Approval requests, whatever became of them. Read newest first: created_at desc, id desc."""

    @view(
        "fbs_approvals_pending",
        order=("created_at", "id"),
        ranged="created_at",
        together=(("model_name", "record_id"),),
        not_alone=("model_name", "record_id"),
        by_record=("fbs_approval_requests", "fbs_find_approval_requests"),
        known={"approval_type": APPROVAL_TYPES},
    )
    def pending(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ApprovalsPending]:
        """Approval requests that wait for a decision, meant to be read for one approver and oldest first: created_at,
        id. Those nobody is chosen for have no approver_id.
        """

    @view("fbs_approvals_details", order=("id",))
    def details(self, *, id: int) -> ApprovalsDetails | None:
        """One approval request with all answers given to it. Ask for it by id."""

    @function("fbs_approvals_turnaround")
    def turnaround(
        self, *, since: datetime | None = None, until: datetime | None = None, solution: str | None = None
    ) -> Page[ApprovalsTurnaround]:
        """How approval requests made from since to before until (all unless given) fared, for each solution (or the one
        named) and type: how many, how many in each state, the share of decided ones that were approved, and how long a
        decision took. A decision's time is approved_at of an approved request, else the last answer that says the same;
        where neither is there it is not known and left out. Cancelled ones are not decided. What there are no requests
        of has no row.
        """

    @view("fbs_approvals_approvers", order=("approver_id",))
    def approvers(
        self, *, approver_id: UserKey | None = None, after: str | None = None, limit: int = 50
    ) -> Page[ApprovalsApprovers]:
        """What each approver has been asked for and has decided. Users never asked have no row; requests nobody is
        chosen for are counted under None as approver_id.
        """
