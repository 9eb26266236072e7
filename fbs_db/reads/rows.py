"""The rows of each read. Generated from the catalog: make schema."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from fbs_db.reads.query import Json, UserKey, row_text


class NotificationsInbox(NamedTuple):
    """A row of ``fbs_notifications_inbox``.

    Notifications, meant to be read for one user and in the order is_unread desc, created_at desc, id desc:
    unread ones first, the newest on top. Those for nobody in particular have no user_id and are in no user's
    share.

    Attributes:
        id: Number that identifies the notification.
        user_id: User it is meant for; empty when for nobody in particular. The notification is deleted together
            with that user.
        is_unread: True while it is still new: the opposite of is_read, which the order goes by.
        title: Short headline the user sees before the full text.
        message: Full text of what the user is told, shown below the headline.
        notification_type: What sort of news it is; info unless set. Normally one of: info (for information),
            success, warning, error, alert (calls for action). FBS also writes cash_flow_alert, inventory_alert
            and payment_reminder.
        priority: How urgent it is; medium unless set. Normally one of: low, medium, high, critical.
        solution_name: Business application (solution) the notification comes from; blank when not tied to one.
        is_read: True once it has been read; false (as at first) while it is still new.
        read_at: When it was read; empty while nobody has read it.
        created_at: When the notification was added; filled in by the database unless given.
    """

    id: int
    user_id: UserKey | None
    is_unread: bool
    title: str
    message: str
    notification_type: str
    priority: str
    solution_name: str
    is_read: bool
    read_at: datetime | None
    created_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class NotificationsCounts(NamedTuple):
    """A row of ``fbs_notifications_counts``.

    How many notifications each user has of each type and priority. What a user has none of has no row; those
    for nobody in particular are counted under an empty user_id.

    Attributes:
        user_id: User they are meant for; empty for those for nobody in particular.
        notification_type: The type that is counted.
        priority: The priority that is counted.
        notifications: How many there are, read or not.
        unread: How many of them are still new.
        oldest_unread_at: When the oldest of those still new was added; empty when all are read.
        newest_at: When the newest of them was added.
    """

    user_id: UserKey | None
    notification_type: str
    priority: str
    notifications: int
    unread: int
    oldest_unread_at: datetime | None
    newest_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class NotificationsAlerts(NamedTuple):
    """A row of ``fbs_notifications_alerts``.

    Active alerts: notifications of the type alert that nobody has read yet. An alert ends when it is read.

    Attributes:
        id: Number that identifies the notification.
        user_id: User it is meant for; empty when for nobody in particular. The notification is deleted together
            with that user.
        title: Short headline the user sees before the full text.
        message: Full text of what the user is told, shown below the headline.
        priority: How urgent it is; medium unless set. Normally one of: low, medium, high, critical.
        urgency: The priority as a number, for sorting: 4 critical, 3 high, 2 medium, 1 low, 0 for any other.
        solution_name: Business application (solution) the notification comes from; blank when not tied to one.
        created_at: When the notification was added; filled in by the database unless given.
        age: How long ago the alert was added.
    """

    id: int
    user_id: UserKey | None
    title: str
    message: str
    priority: str
    urgency: int
    solution_name: str
    created_at: datetime
    age: timedelta

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class CustomFieldsValues(NamedTuple):
    """A row of ``fbs_custom_fields_values``.

    Custom fields one by one, each with its value as JSON of its type; those set aside as well. Pages go by
    model_name, record_id, field_name, database_name.

    Attributes:
        id: Number that identifies the custom field value.
        model_name: Kind of host record it is about, such as tenants.tenant; together with record_id it names
            the host's record.
        record_id: Number of the host's record it is about; together with model_name it names that record.
        field_name: What the extra fact is called; unique for one record and database_name.
        database_name: Odoo database the value belongs to, by name; blank when it belongs to none.
        field_type: How the value is to be read. Normally one of: char (short text), text (long), integer, float
            (decimal), boolean (true/false), date, datetime, json, choice.
        field_value: The extra fact itself, always kept as text and read the way field_type says.
        value: The value as JSON of its type (see fbs_custom_fields_typed); empty where it does not fit the
            type.
        fits: Whether the value fits its type.
        solution_name: Business application (solution) that keeps the value; blank when not tied to one.
        is_active: True while the value counts (as at first); false sets it aside without deleting it.
        created_at: When the custom field value was added; filled in by the database unless given.
        updated_at: When the custom field value last changed; filled in by the database unless given.
    """

    id: int
    model_name: str
    record_id: int
    field_name: str
    database_name: str
    field_type: str
    field_value: str
    value: Json | None
    fits: bool
    solution_name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class CustomFieldsObjects(NamedTuple):
    """A row of ``fbs_custom_fields_objects``.

    The custom fields of a record as one JSON object with values of their types, a row for each record and Odoo
    database. Fields set aside are left out; a record without any has no row.

    Attributes:
        model_name: Kind of host record it is about, such as tenants.tenant; together with record_id it names
            the host's record.
        record_id: Number of the host's record it is about; together with model_name it names that record.
        database_name: Odoo database the fields belong to, by name; blank for those that belong to none.
        fields: JSON object: the value of each field by its name, as JSON of its type; as text where it does not
            fit the type.
        misfits: Names of the fields whose value does not fit their type, in order of the alphabet; {} when all
            do.
        updated_at: When one of the fields last changed.
    """

    model_name: str
    record_id: int
    database_name: str
    fields: Json
    misfits: list[str]
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class CustomFieldsRecords(NamedTuple):
    """A row of ``fbs_custom_fields_records``.

    The custom fields of records of one model, each record's as one JSON object with values of their types;
    names of those whose value does not fit its type, and is given as text, are in misfits. A row for each
    record asked for, {} for one without fields; fields of one Odoo database, unless named of those that belong
    to none. Fields set aside are left out.
    """

    record_id: int | None
    fields: Json | None
    misfits: list[str] | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsRequests(NamedTuple):
    """A row of ``fbs_operations_requests``.

    The log of calls without what was sent and answered, which may hold secrets. Read newest first: timestamp
    desc, id desc.

    Attributes:
        id: Number that identifies the logged call to FBS.
        user_id: User who made the call; empty when nobody was signed in, and emptied when that user is deleted.
        database_id: Odoo connection (fbs_odoo_databases) the call used; empty when none, and emptied when that
            connection is deleted.
        method: What the caller wanted done. Normally one of: GET (read), POST (create or send), PUT (replace),
            PATCH (change in part), DELETE (remove).
        path: Address that was called, without the site's name, such as /api/reports/.
        status_code: HTTP code of the answer: 200 to 299 succeeded, 400 to 499 a fault of the caller, 500 to 599
            of the server.
        response_time: How long the answer took, in milliseconds.
        ip_address: Network (IP) address from which the call came.
        user_agent: Browser or program that made the call, as it described itself; blank when it did not say.
        timestamp: When the call was logged; filled in by the database unless given.
    """

    id: int
    user_id: UserKey | None
    database_id: int | None
    method: str
    path: str
    status_code: int
    response_time: float
    ip_address: IPv4Address | IPv6Address
    user_agent: str
    timestamp: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsRequestsByPath(NamedTuple):
    """A row of ``fbs_operations_requests_by_path``.

    Calls from since (a day ago unless given) to before until (no end unless given), for each method and path:
    how many, how many of them errors (HTTP code 400 and above) and their share, and the response time in
    milliseconds that 50, 95 and 99 percent of them stayed within (in between two calls it is interpolated). The
    most called first; paths nobody called have no row.
    """

    method: str | None
    path: str | None
    requests: int | None
    errors: int | None
    error_percent: Decimal | None
    response_time_p50: float | None
    response_time_p95: float | None
    response_time_p99: float | None
    last_requested_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsRequestsByStatus(NamedTuple):
    """A row of ``fbs_operations_requests_by_status``.

    Calls from since (a day ago unless given) to before until (no end unless given), for each method, path and
    HTTP code of the answer: how many, how many of them errors (all or none: codes from 400 on), their share of
    the calls of that method and path, and response times as in fbs_operations_requests_by_path.
    """

    method: str | None
    path: str | None
    status_code: int | None
    requests: int | None
    errors: int | None
    path_percent: Decimal | None
    response_time_p50: float | None
    response_time_p95: float | None
    response_time_p99: float | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsRequestsOverTime(NamedTuple):
    """A row of ``fbs_operations_requests_over_time``.

    Calls from since (a day ago unless given) to before until (now unless given) in buckets of time: how many,
    how many of them errors (HTTP code 400 and above) and their share, and response times as in
    fbs_operations_requests_by_path. A bucket is an hour long unless given, any number of days at most (no
    months); one starts at origin, a midnight in UTC and Monday unless given, so days of another time zone take
    a midnight of that zone. Buckets without calls are there with 0 and no times; the first and last count only
    what lies between since and until. Both must be real times, not infinity.
    """

    bucket_start: datetime | None
    requests: int | None
    errors: int | None
    error_percent: Decimal | None
    response_time_p50: float | None
    response_time_p95: float | None
    response_time_p99: float | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsCache(NamedTuple):
    """A row of ``fbs_operations_cache``.

    What the cache holds for each Odoo database. A database without entries has no row.

    Attributes:
        database_name: Odoo database the results came from, by name; blank for those that belong to none.
        entries: How many results are kept, expired ones included.
        live: How many of them can still be used.
        expired: How many of them are too old to use and wait to be removed.
        oldest_at: When the oldest of them was added.
        next_expiry_at: When the next of those still in use expires; empty when none is.
    """

    database_name: str
    entries: int
    live: int
    expired: int
    oldest_at: datetime
    next_expiry_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsHandshakes(NamedTuple):
    """A row of ``fbs_operations_handshakes``.

    Handshakes without their secrets, and whether each is valid now.

    Attributes:
        id: Number that identifies the handshake within this table.
        handshake_id: Text by which the solution and FBS refer to this handshake; unique.
        solution_name: Business application (solution) the handshake is made with.
        status: Whether it may be used; starts as pending. Normally one of: pending (not yet in use), active,
            expired (past its end), revoked (withdrawn).
        is_valid: Whether it may be used now: active, and not expired.
        expires_at: When the handshake stops being valid; every handshake has an end.
        created_at: When the handshake was added; filled in by the database unless given.
        last_used: When the handshake was last used: set by who sees it happen. When the line is added, the
            database sets it unless given.
    """

    id: int
    handshake_id: str
    solution_name: str
    status: str
    is_valid: bool
    expires_at: datetime
    created_at: datetime
    last_used: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsHandshake(NamedTuple):
    """A row of ``fbs_operations_handshake``.

    The handshake of that name if it is valid: active, and not expired (at its very moment of expiry it is). No
    row otherwise. It says nothing of who is calling: see fbs_operations_verified_handshake.
    """

    id: int | None
    solution_name: str | None
    status: str | None
    expires_at: datetime | None
    created_at: datetime | None
    last_used: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsVerifiedHandshake(NamedTuple):
    """A row of ``fbs_operations_verified_handshake``.

    The handshake of that name if it is valid and the secret is its own. No row otherwise, also for no secret or
    a blank one; which of the reasons it was is not told.
    """

    id: int | None
    solution_name: str | None
    status: str | None
    expires_at: datetime | None
    created_at: datetime | None
    last_used: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsTokenOwner(NamedTuple):
    """A row of ``fbs_operations_token_owner``.

    Whose token it is and which Odoo connection it is good for. No row where there is no such token, it is
    withdrawn or has expired; whether the connection itself is switched on is told.
    """

    user_id: UserKey | None
    database_id: int | None
    database_name: str | None
    database_is_active: bool | None
    expires_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class OperationsBusinessRules(NamedTuple):
    """A row of ``fbs_operations_business_rules``.

    Business rules, suspended ones too. They apply to a model in the order priority, name, id.

    Attributes:
        id: Number that identifies the business rule.
        model_name: Kind of record the rule applies to, by its name in the system.
        priority: Rank among the rules: lower numbers come first, equal ones by name; 0 unless set.
        name: Title people know the rule by; several rules may share one.
        rule_type: What the rule is for. Normally one of: validation (checks entries), calculation (works out
            values), workflow (steers steps), compliance (legal duties).
        description: What the rule says and why, in words for people.
        rule_definition: JSON with the rule itself, such as its conditions and what follows from them.
        is_active: True while the rule is in force (as at first); false suspends it but keeps it.
        created_at: When the business rule was added; filled in by the database unless given.
        updated_at: When the business rule last changed; filled in by the database unless given.
    """

    id: int
    model_name: str
    priority: int
    name: str
    rule_type: str
    description: str
    rule_definition: Json
    is_active: bool
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ApprovalsRequests(NamedTuple):
    """A row of ``fbs_approvals_requests``.

    Approval requests, whatever became of them. Read newest first: created_at desc, id desc.

    Attributes:
        id: Number that identifies the approval request.
        title: Short headline saying what is asked for.
        description: What is asked for and why, in full, for the user who decides.
        approval_type: What consent is sought for. Normally one of: workflow (a step in a workflow), document,
            purchase, expense, other. FBS also writes general.
        status: Where the request stands; starts as pending. Normally one of: pending (no decision yet),
            approved, rejected, cancelled (dropped undecided).
        requester_id: User who asks for approval; the request is deleted together with that user.
        approver_id: User who is to decide; empty while nobody is chosen. The request is deleted together with
            that user.
        solution_name: Business application (solution) the request comes from; blank when not tied to one.
        model_name: Kind of the host's record it is about, such as tenants.tenant; empty when it names none.
        record_id: Key of the host's record it is about, as text; empty when it names none.
        request_data: JSON object with the particulars of the request; its keys model_name and record_id name
            the host's record it is about.
        created_at: When the approval request was added; filled in by the database unless given.
        updated_at: When the approval request last changed; filled in by the database unless given.
        approved_at: When approval was given; empty while the request is not approved.
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

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ApprovalsPending(NamedTuple):
    """A row of ``fbs_approvals_pending``.

    Approval requests that wait for a decision, meant to be read for one approver and oldest first: created_at,
    id. Those nobody is chosen for have no approver_id.

    Attributes:
        id: Number that identifies the approval request.
        title: Short headline saying what is asked for.
        description: What is asked for and why, in full, for the user who decides.
        approval_type: What consent is sought for. Normally one of: workflow (a step in a workflow), document,
            purchase, expense, other. FBS also writes general.
        requester_id: User who asks for approval; the request is deleted together with that user.
        approver_id: User who is to decide; empty while nobody is chosen. The request is deleted together with
            that user.
        solution_name: Business application (solution) the request comes from; blank when not tied to one.
        model_name: Kind of the host's record it is about, such as tenants.tenant; empty when it names none.
        record_id: Key of the host's record it is about, as text; empty when it names none.
        request_data: JSON object with the particulars of the request; its keys model_name and record_id name
            the host's record it is about.
        created_at: When the approval request was added; filled in by the database unless given.
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

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ApprovalsDetails(NamedTuple):
    """A row of ``fbs_approvals_details``.

    One approval request with all answers given to it. Ask for it by id.

    Attributes:
        id: Number that identifies the approval request.
        title: Short headline saying what is asked for.
        description: What is asked for and why, in full, for the user who decides.
        approval_type: What consent is sought for. Normally one of: workflow (a step in a workflow), document,
            purchase, expense, other. FBS also writes general.
        status: Where the request stands; starts as pending. Normally one of: pending (no decision yet),
            approved, rejected, cancelled (dropped undecided).
        requester_id: User who asks for approval; the request is deleted together with that user.
        approver_id: User who is to decide; empty while nobody is chosen. The request is deleted together with
            that user.
        solution_name: Business application (solution) the request comes from; blank when not tied to one.
        model_name: Kind of the host's record it is about, such as tenants.tenant; empty when it names none.
        record_id: Key of the host's record it is about, as text; empty when it names none.
        request_data: JSON object with the particulars of the request; its keys model_name and record_id name
            the host's record it is about.
        created_at: When the approval request was added; filled in by the database unless given.
        updated_at: When the approval request last changed; filled in by the database unless given.
        approved_at: When approval was given; empty while the request is not approved.
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

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ApprovalsTurnaround(NamedTuple):
    """A row of ``fbs_approvals_turnaround``.

    How approval requests made from since to before until (all unless given) fared, for each solution (or the
    one named) and type: how many, how many in each state, the share of decided ones that were approved, and how
    long a decision took. A decision's time is approved_at of an approved request, else the last answer that
    says the same; where neither is there it is not known and left out. Cancelled ones are not decided. What
    there are no requests of has no row.
    """

    solution_name: str | None
    approval_type: str | None
    requests: int | None
    pending: int | None
    approved: int | None
    rejected: int | None
    cancelled: int | None
    approved_percent: Decimal | None
    average_turnaround: timedelta | None
    median_turnaround: timedelta | None
    longest_turnaround: timedelta | None
    oldest_pending_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ApprovalsApprovers(NamedTuple):
    """A row of ``fbs_approvals_approvers``.

    What each approver has been asked for and has decided. Users never asked have no row; requests nobody is
    chosen for are counted under an empty approver_id.

    Attributes:
        approver_id: User who is to decide; empty for requests nobody is chosen for.
        requests: How many requests the user was asked to decide.
        pending: How many of them wait for a decision.
        approved: How many of them are approved.
        rejected: How many of them are rejected.
        cancelled: How many of them were dropped undecided.
        oldest_pending_at: When the oldest of those that wait was added; empty when none waits.
        average_approval_time: Mean time from request to approval; empty when none was approved.
    """

    approver_id: UserKey | None
    requests: int
    pending: int
    approved: int
    rejected: int
    cancelled: int
    oldest_pending_at: datetime | None
    average_approval_time: timedelta | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeSetup(NamedTuple):
    """A row of ``fbs_msme_setup``.

    How far the set-up of each solution is. A solution whose set-up was never opened has no row.

    Attributes:
        id: Number that identifies the set-up of a solution.
        solution_name: Business application (solution) being set up; unique, so each has one set-up.
        status: How far the set-up is; starts as not_started. Normally one of: not_started, in_progress,
            completed, paused (to be taken up again). FBS also writes failed.
        current_step: Step of the set-up reached so far, by name; blank before the first one.
        total_steps: How many steps the set-up has altogether; 0 until they are known.
        progress: Part of the set-up that is done, in percent from 0 to 100; 0 at first.
        is_complete: Whether the set-up is finished: its status is completed.
        business_type: Line of business chosen in the set-up, such as retail or services; blank until chosen.
        configuration: JSON object with the answers and settings gathered during the set-up; {} at first.
        started_at: When the set-up began; the database fills in the time the line is added, whatever its
            status, unless given.
        completed_at: When the set-up was finished; empty until then.
        elapsed: Time from the start to the end of the set-up, to now while it lasts; empty when it has not
            begun, or ended at a time not known.
    """

    id: int
    solution_name: str
    status: str
    current_step: str
    total_steps: int
    progress: Decimal
    is_complete: bool
    business_type: str
    configuration: Json
    started_at: datetime
    completed_at: datetime | None
    elapsed: timedelta | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeKpiProgress(NamedTuple):
    """A row of ``fbs_msme_kpi_progress``.

    Key figures against their targets. More counts as better: a figure has reached its target when it is at or
    above it.

    Attributes:
        id: Number that identifies the key figure (KPI).
        solution_name: Business application (solution) whose business the figure describes.
        kpi_name: What is measured, such as revenue; unique for one solution and period.
        period: Span of time one value covers, such as monthly or yearly; monthly unless set.
        kpi_type: Side of the business it looks at. Normally one of: financial, operational (daily running),
            customer, growth, compliance (legal duties).
        current_value: Latest value of the figure, with two decimals, in the unit given by unit.
        target_value: Value the business aims for, in the same unit; empty when there is no target.
        unit: What both values are counted in, such as a currency, % or days; blank for a plain number.
        difference: Latest value less the target; negative while the figure is short of it, empty when there is
            no target.
        target_percent: Latest value in percent of the target; over 100 when it is passed, empty without a
            target above 0.
        is_reached: Whether the latest value is at or above the target; empty when there is no target.
        trend: Which way the figure is heading, such as up or down; blank when not known.
        last_updated: When the figure was last worked out; the database sets it when the line is added and on
            every change, unless given.
    """

    id: int
    solution_name: str
    kpi_name: str
    period: str
    kpi_type: str
    current_value: Decimal
    target_value: Decimal | None
    unit: str
    difference: Decimal | None
    target_percent: Decimal | None
    is_reached: bool | None
    trend: str
    last_updated: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeComplianceStatus(NamedTuple):
    """A row of ``fbs_msme_compliance_status``.

    Duties of each business, and which are due or overdue. A duty is met when its day of completion is known or
    its status is compliant or completed. Today is the session's day; on the due date itself a duty is not late
    yet.

    Attributes:
        id: Number that identifies the compliance record.
        solution_name: Business application (solution) whose business has the duty.
        compliance_type: Kind of duty; each solution has one line a kind. Normally one of: tax, regulatory
            (licences and permits), financial, operational (daily running).
        status: Whether the duty is met; starts as pending. Normally one of: compliant, non_compliant (not met),
            at_risk (may be missed), pending (not yet judged). FBS also writes completed.
        due_state: Where the duty stands today: met, overdue, due (within 30 days) or later; where
            fbs_is_due_state asks for one, an index finds it.
        due_date: Last day on which the duty can be met in time.
        actual_completion_date: Day on which the duty was really met; empty until then.
        days_left: Days from today to the due date; 0 on that day, negative when overdue, empty when the duty is
            met.
        days_late: Days past the due date at which the duty was met, or so far; 0 when not late, or met on a day
            not known.
        requirements: JSON list of what the business has to do or hand in; [] when nothing is listed.
        documents: JSON list of the papers that prove it, such as certificates or returns; [] when there are
            none.
        notes: Remarks for people; blank when there are none.
        last_checked: When the duty was last checked: set by who sees it happen. When the line is added, the
            database sets it unless given.
    """

    id: int
    solution_name: str
    compliance_type: str
    status: str
    due_state: str
    due_date: date
    actual_completion_date: date | None
    days_left: int | None
    days_late: int
    requirements: Json
    documents: Json
    notes: str
    last_checked: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeCampaigns(NamedTuple):
    """A row of ``fbs_msme_campaigns``.

    Marketing campaigns with what they cost so far against their budget. The cost is what the metrics say under
    spend, else spent, else cost. Today is the session's day; first and last day are days of the campaign. Read
    latest first: start_date desc, id desc.

    Attributes:
        id: Number that identifies the marketing campaign.
        solution_name: Business application (solution) whose business runs the campaign.
        campaign_name: What the business calls the campaign; need not be unique.
        campaign_type: Way customers are reached. Normally one of: digital, traditional (print, radio and the
            like), social_media, email, content (articles, videos).
        status: Where the campaign stands, in the application's own words; active unless set.
        start_date: First day on which the campaign runs or is to run.
        end_date: Last day on which the campaign runs; empty when it is open-ended.
        is_running: Whether today is a day of the campaign, whatever its status.
        days_planned: How many days the campaign runs, first and last included; 0 when it ends before it starts,
            empty when it is open-ended.
        days_left: How many of its days are still to come, today included; empty when it is over or open-ended.
        budget: Money set aside for the campaign, in the business's own currency; empty when none was set.
        spend: What it cost so far, in the business's own currency; empty when the metrics name no amount, or
            one of more than 13 digits before the point.
        budget_left: Budget less cost; negative when overspent, empty when either is not known.
        budget_percent: Cost in percent of the budget; over 100 when overspent, empty when the budget is 0 or
            either is not known.
        is_over_budget: Whether it cost more than its budget; empty when either is not known.
        target_audience: JSON object describing whom to reach, such as age, place or interests; {} when not
            described.
        metrics: JSON object with results measured so far, such as views, clicks or sales; {} when none.
        created_at: When the campaign was added; filled in by the database unless given.
    """

    id: int
    solution_name: str
    campaign_name: str
    campaign_type: str
    status: str
    start_date: date
    end_date: date | None
    is_running: bool
    days_planned: int | None
    days_left: int | None
    budget: Decimal | None
    spend: Decimal | None
    budget_left: Decimal | None
    budget_percent: Decimal | None
    is_over_budget: bool | None
    target_audience: Json
    metrics: Json
    created_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeSetupTemplates(NamedTuple):
    """A row of ``fbs_msme_setup_templates``.

    Templates for the set-up by line of business, withdrawn ones too. Read by business_type, name, id.

    Attributes:
        id: Number that identifies the set-up template.
        business_type: Line of business it suits. Normally one of: retail, manufacturing, services, restaurant,
            consulting, ecommerce (online selling), other.
        name: Title people choose the template by; unique within a line of business.
        description: What the template offers and for whom, in words for people.
        configuration: JSON object with the settings a business starts with when it takes this template; {} when
            none.
        is_active: True while the template is on offer (as at first); false withdraws it but keeps it.
        created_at: When the template was added; filled in by the database unless given.
        updated_at: When the template last changed; filled in by the database unless given.
    """

    id: int
    business_type: str
    name: str
    description: str
    configuration: Json
    is_active: bool
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeAnalyticsSeries(NamedTuple):
    """A row of ``fbs_msme_analytics_series``.

    Measurements over time, meant to be read for one solution and oldest first: date, id. Two of one day are
    both there.

    Attributes:
        id: Number that identifies the single measurement.
        solution_name: Business application (solution) whose business was measured.
        metric_name: What was measured, such as sales or new customers.
        metric_type: Kind of figure it is, as a label of the application's own choosing.
        period: Span of time the value covers, such as daily or monthly; monthly unless set.
        date: Day the value belongs to; period says how long a span that day stands for.
        metric_value: Value that was measured, with two decimals; metric_name says what it counts.
        context: JSON object with circumstances of the measurement, such as a branch or product; {} when none.
        created_at: When the measurement was added; filled in by the database unless given.
    """

    id: int
    solution_name: str
    metric_name: str
    metric_type: str
    period: str
    date: date
    metric_value: Decimal
    context: Json
    created_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeAnalyticsSummary(NamedTuple):
    """A row of ``fbs_msme_analytics_summary``.

    What a solution's measurements from since to before until (all unless given) come to, for each metric and
    period: the latest value (of two on one day the one added last), the one before it and the change between
    them, also in percent of the one before (empty when that is 0 or missing), the smallest, largest, average
    and sum. A metric without measurements in that time has no row.
    """

    metric_name: str | None
    period: str | None
    metric_type: str | None
    measurements: int | None
    first_date: date | None
    last_date: date | None
    latest_value: Decimal | None
    previous_value: Decimal | None
    change: Decimal | None
    change_percent: Decimal | None
    minimum: Decimal | None
    maximum: Decimal | None
    average: Decimal | None
    total: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class MsmeDashboard(NamedTuple):
    """A row of ``fbs_msme_dashboard``.

    One row for each solution that has a set-up, a key figure, a duty or a campaign: how it stands in all of
    them. Counts of what it has none of are 0.

    Attributes:
        solution_name: Business application (solution); one row each.
        business_type: Line of business chosen in the set-up; blank until chosen, empty without a set-up.
        setup_status: How far the set-up is: not_started, in_progress, completed or paused; empty without a set-
            up.
        setup_progress: Part of the set-up that is done, in percent from 0 to 100; empty without a set-up.
        kpis: How many key figures it has.
        kpis_with_target: How many of them have a target.
        kpis_reached: How many of them have reached it.
        duties: How many duties it has.
        duties_met: How many of them are met.
        duties_due: How many of them are due within 30 days, today included.
        duties_overdue: How many of them are past their due date and not met.
        next_due_date: Next day on which one of them is due; empty when none is still to come.
        campaigns: How many campaigns it has, past and future ones included.
        campaigns_running: How many of them run today.
        budget: Sum of their budgets, in the business's own currency; those without one count as 0.
        spend: Sum of what they cost so far; those whose cost is not known count as 0.
        campaigns_over_budget: How many of them cost more than their budget.
        latest_analytics_date: Day of its latest measurement; empty when there is none.
    """

    solution_name: str
    business_type: str | None
    setup_status: str | None
    setup_progress: Decimal | None
    kpis: int
    kpis_with_target: int
    kpis_reached: int
    duties: int
    duties_met: int
    duties_due: int
    duties_overdue: int
    next_due_date: date | None
    campaigns: int
    campaigns_running: int
    budget: Decimal
    spend: Decimal
    campaigns_over_budget: int
    latest_analytics_date: date | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowCatalog(NamedTuple):
    """A row of ``fbs_workflow_catalog``.

    Workflows as they are laid out, with how many steps and transitions each has. Read by workflow_type, name,
    id.

    Attributes:
        id: Number that identifies the workflow (its layout).
        name: Title people know the workflow by; unique for one version and solution.
        description: What the workflow does and when to use it, in words for people.
        workflow_type: What it is for. Normally one of: approval, onboarding, order_processing,
            payment_collection, inventory_management, compliance (legal duties), custom. FBS also writes
            general.
        version: Edition of the workflow, such as 1.0 or 2.1, so that older ones can stay; 1.0 unless set.
        is_active: True while new runs may be started (as at first); false retires the workflow but keeps it.
        is_template: True when it is a pattern to make other workflows from; false unless set.
        solution_name: Business application (solution) the workflow belongs to.
        steps: How many steps it has; 0 when none are laid out.
        required_steps: How many of them must be done.
        transitions: How many transitions it has.
        estimated_duration: How long a run is expected to take, in hours; empty when not estimated.
        steps_estimated_duration: How long its steps are expected to take together, in hours; empty when none is
            estimated.
        trigger_conditions: JSON object with what makes the workflow start by itself; {} when nothing does.
        workflow_data: JSON object with further settings of the workflow; {} when there are none.
        created_by_id: User who made the workflow; empty when not known, and emptied when that user is deleted.
        created_at: When the workflow was added; filled in by the database unless given.
        updated_at: When the workflow last changed; filled in by the database unless given.
    """

    id: int
    name: str
    description: str
    workflow_type: str
    version: str
    is_active: bool
    is_template: bool
    solution_name: str
    steps: int
    required_steps: int
    transitions: int
    estimated_duration: int | None
    steps_estimated_duration: int | None
    trigger_conditions: Json
    workflow_data: Json
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowRuns(NamedTuple):
    """A row of ``fbs_workflow_runs``.

    Runs of workflows: state, present step, progress and age of each. Read newest first: started_at desc, id
    desc.

    Attributes:
        id: Number that identifies the workflow run.
        workflow_definition_id: Workflow (fbs_workflow_definitions) that is being run; the run is deleted
            together with it.
        workflow_name: Title people know the workflow by.
        version: Edition of the workflow, such as 1.0.
        workflow_type: What the workflow is for, such as approval or onboarding.
        solution_name: Business application (solution) the run belongs to.
        business_id: Business the run is for, by the identifier the application uses for it.
        status: Where the run stands; starts as draft. Normally one of: draft (not begun), active, paused,
            completed, cancelled, failed (stopped by an error). FBS also writes running.
        current_step_id: Step the run has reached (fbs_workflow_steps); empty when at none, and emptied when
            that step is deleted.
        current_step_name: Title of the step; empty when at none.
        current_step_type: What happens at that step, such as task or approval; empty when at none.
        current_user_id: User whose turn it is; empty when it is nobody's, and emptied when that user is
            deleted.
        steps: How many steps the workflow has.
        steps_done: How many of them come before the present one; all when completed, 0 when at none.
        progress_percent: Those in percent of all steps: 100 when completed, 0 for a draft at no step; empty
            when the workflow has no steps, or the run is at none for another reason.
        started_at: When the run began; the database fills in the time the line is added, even for a draft,
            unless given.
        completed_at: When the run ended, whether finished or cancelled; empty until then.
        age: Time since the run began; up to its end once it has ended, empty when that is not known.
        expected_at: When the run is expected to end, by the workflow's estimate; empty when not estimated.
        is_late: Whether it has not ended by then, or ended later; empty when not estimated, or its end is not
            known.
        model_name: Kind of the host's record it is about, such as tenants.tenant; empty when it names none.
        record_id: Key of the host's record it is about, as text; empty when it names none.
        workflow_data: JSON object with what the run works on; its keys model_name and record_id name the host's
            record it is about.
        notes: Remarks for people about this run; blank when there are none.
    """

    id: int
    workflow_definition_id: int
    workflow_name: str
    version: str
    workflow_type: str
    solution_name: str
    business_id: str
    status: str
    current_step_id: int | None
    current_step_name: str | None
    current_step_type: str | None
    current_user_id: UserKey | None
    steps: int
    steps_done: int
    progress_percent: Decimal | None
    started_at: datetime
    completed_at: datetime | None
    age: timedelta | None
    expected_at: datetime | None
    is_late: bool | None
    model_name: str | None
    record_id: str | None
    workflow_data: Json
    notes: str

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowActiveRuns(NamedTuple):
    """A row of ``fbs_workflow_active_runs``.

    Runs that are active (drafts, paused and ended ones are not), meant to be read for the user whose turn it is
    and oldest first: started_at, id.

    Attributes:
        id: Number that identifies the workflow run.
        workflow_definition_id: Workflow (fbs_workflow_definitions) that is being run; the run is deleted
            together with it.
        workflow_name: Title people know the workflow by.
        workflow_type: What the workflow is for, such as approval or onboarding.
        solution_name: Business application (solution) the run belongs to.
        business_id: Business the run is for, by the identifier the application uses for it.
        current_user_id: User whose turn it is; empty when it is nobody's, and emptied when that user is
            deleted.
        current_step_id: Step the run has reached (fbs_workflow_steps); empty when at none, and emptied when
            that step is deleted.
        current_step_name: Title of the step; empty when at none.
        current_step_type: What happens at that step, such as task or approval; empty when at none.
        assigned_role: Role whose holders do the step, such as manager; blank when no role is set, empty when at
            no step.
        started_at: When the run began; the database fills in the time the line is added, even for a draft,
            unless given.
        age: Time since the run began.
        waiting: Time since the last entry in its log, or since it began where it has none.
        model_name: Kind of the host's record it is about, such as tenants.tenant; empty when it names none.
        record_id: Key of the host's record it is about, as text; empty when it names none.
        workflow_data: JSON object with what the run works on; its keys model_name and record_id name the host's
            record it is about.
        notes: Remarks for people about this run; blank when there are none.
    """

    id: int
    workflow_definition_id: int
    workflow_name: str
    workflow_type: str
    solution_name: str
    business_id: str
    current_user_id: UserKey | None
    current_step_id: int | None
    current_step_name: str | None
    current_step_type: str | None
    assigned_role: str | None
    started_at: datetime
    age: timedelta
    waiting: timedelta
    model_name: str | None
    record_id: str | None
    workflow_data: Json
    notes: str

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowGraphs(NamedTuple):
    """A row of ``fbs_workflow_graphs``.

    Each workflow as a graph: its steps are the nodes, its transitions the edges. Ask for it by
    workflow_definition_id.

    Attributes:
        workflow_definition_id: Number that identifies the workflow (fbs_workflow_definitions).
        name: Title people know the workflow by; unique for one version and solution.
        version: Edition of the workflow, such as 1.0 or 2.1, so that older ones can stay; 1.0 unless set.
        solution_name: Business application (solution) the workflow belongs to.
        nodes: JSON list of the steps in their order, each with id, name, step_type, order, is_required,
            estimated_duration (hours), assigned_role, assigned_user_id, conditions and actions; [] when there
            are none.
        edges: JSON list of the transitions by the order of the steps they leave and reach, each with id, from,
            to (ids of steps), transition_type, is_default, conditions and actions; [] when there are none.
    """

    workflow_definition_id: int
    name: str
    version: str
    solution_name: str
    nodes: Json
    edges: Json

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowOpenTransitions(NamedTuple):
    """A row of ``fbs_workflow_open_transitions``.

    Ways on from where each active run stands; whether their conditions hold is for the application to judge.
    None for a run that is not active, or is at its last step or at none. Read for one workflow_instance_id; the
    default way is taken when no other applies.

    Attributes:
        workflow_instance_id: Run (fbs_workflow_instances) that can take this way.
        transition_id: Transition (fbs_workflow_transitions) that is this way.
        current_user_id: User whose turn it is in that run; empty when it is nobody's.
        from_step_id: Step (fbs_workflow_steps) where the run stands.
        from_step_name: Title of that step.
        to_step_id: Step (fbs_workflow_steps) it comes to this way.
        to_step_name: Title of that step.
        to_step_type: What happens there, such as task or approval.
        to_assigned_role: Role whose holders do that step; blank when no role is set.
        to_assigned_user_id: User who does that step; empty when no one person is set.
        transition_type: What sets it off; automatic unless set. Normally one of: automatic (at once),
            conditional (if conditions hold), manual (by a person), timeout (after a wait). FBS also writes
            forward.
        is_default: True when this way is taken if no other one applies; false unless set.
        conditions: JSON object with what must hold for this way to be taken; {} when nothing must.
        actions: JSON list of what the system does by itself on the way; [] when nothing.
    """

    workflow_instance_id: int
    transition_id: int
    current_user_id: UserKey | None
    from_step_id: int
    from_step_name: str
    to_step_id: int
    to_step_name: str
    to_step_type: str
    to_assigned_role: str
    to_assigned_user_id: UserKey | None
    transition_type: str
    is_default: bool
    conditions: Json
    actions: Json

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowLog(NamedTuple):
    """A row of ``fbs_workflow_log``.

    What happened in the runs of workflows, and in which run. Read newest first: timestamp desc, id desc.

    Attributes:
        id: Number that identifies the entry in the run diary.
        workflow_instance_id: Workflow run (fbs_workflow_instances) the entry is about.
        workflow_definition_id: Workflow (fbs_workflow_definitions) that is being run.
        solution_name: Business application (solution) the run belongs to.
        business_id: Business the run is for, by the identifier the application uses for it.
        action: What happened. Normally one of: workflow_started, step_completed, step_failed,
            transition_executed, workflow_completed, workflow_cancelled, workflow_paused, workflow_resumed.
        action_data: JSON object with the particulars of the event, such as the step; {} when there are none.
        timestamp: When the event was logged; filled in by the database unless given.
        executed_by_id: User who brought it about; empty when the system did, and emptied when that user is
            deleted.
        notes: Remarks for people about the event; blank when there are none.
    """

    id: int
    workflow_instance_id: int
    workflow_definition_id: int
    solution_name: str
    business_id: str
    action: str
    action_data: Json
    timestamp: datetime
    executed_by_id: UserKey | None
    notes: str

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowAnalytics(NamedTuple):
    """A row of ``fbs_workflow_analytics``.

    Runs of each workflow in each solution: how many in each state and how long the completed ones took. A
    workflow never run has no row.

    Attributes:
        workflow_definition_id: Workflow (fbs_workflow_definitions) whose runs are counted.
        solution_name: Business application (solution) whose runs are counted.
        workflow_name: Title people know the workflow by.
        workflow_type: What the workflow is for, such as approval or onboarding.
        runs: How many runs there are, whatever their state.
        draft: How many of them have not begun.
        active: How many of them are active.
        paused: How many of them are paused.
        completed: How many of them are completed.
        cancelled: How many of them were cancelled.
        failed: How many of them were stopped by an error.
        completed_percent: Completed ones in percent of those that ended (completed, cancelled or failed); empty
            when none has.
        average_duration: Mean time from start to end of the completed ones; empty when there are none.
        median_duration: Time half of the completed ones took at most; empty when there are none.
        longest_duration: Longest time one of the completed ones took; empty when there are none.
        oldest_open_at: When the oldest of the active and paused ones began; empty when there are none.
    """

    workflow_definition_id: int
    solution_name: str
    workflow_name: str
    workflow_type: str
    runs: int
    draft: int
    active: int
    paused: int
    completed: int
    cancelled: int
    failed: int
    completed_percent: Decimal | None
    average_duration: timedelta | None
    median_duration: timedelta | None
    longest_duration: timedelta | None
    oldest_open_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class WorkflowWaiting(NamedTuple):
    """A row of ``fbs_workflow_waiting``.

    Where active and paused runs wait: how many at each step, and for how long. A run waits since the last entry
    in its log, or since it started where it has none.

    Attributes:
        workflow_definition_id: Workflow (fbs_workflow_definitions) that is being run.
        current_step_id: Step (fbs_workflow_steps) at which the runs wait; empty for those at none.
        solution_name: Business application (solution) the runs belong to.
        current_step_name: Title of the step; empty when at none.
        current_step_type: What happens at that step, such as task or approval; empty when at none.
        runs: How many runs wait there.
        paused: How many of them are paused.
        without_user: How many of them are nobody's turn.
        average_wait: Mean time they have waited.
        median_wait: Time half of them have waited at most.
        longest_wait: Time the one that waits longest has waited.
    """

    workflow_definition_id: int
    current_step_id: int | None
    solution_name: str
    current_step_name: str | None
    current_step_type: str | None
    runs: int
    paused: int
    without_user: int
    average_wait: timedelta
    median_wait: timedelta
    longest_wait: timedelta

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiDashboards(NamedTuple):
    """A row of ``fbs_bi_dashboards``.

    Dashboards, retired ones too. Read by dashboard_type, name, id.

    Attributes:
        id: Number that identifies the dashboard.
        name: Title people choose the dashboard by; two dashboards may share it.
        description: What the dashboard shows and whom it is meant for.
        dashboard_type: Part of the business the dashboard covers. Normally one of: msme (small-business
            figures), financial, operational, compliance, custom. FBS also writes general.
        layout: Arrangement of the dashboard: which charts and figures stand where; {} until it is arranged.
        is_public: True when users other than its creator may see the dashboard; false unless given.
        is_active: True while the dashboard is in use; false retires it without deleting it.
        refresh_interval: Seconds between two refreshes of the figures shown; 300 (five minutes) unless given.
        created_by_id: User who created the dashboard; empty when not recorded, and emptied when that user is
            deleted.
        created_at: When the dashboard was added.
        updated_at: When the dashboard last changed.
    """

    id: int
    name: str
    description: str
    dashboard_type: str
    layout: Json
    is_public: bool
    is_active: bool
    refresh_interval: int
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiVisibleDashboards(NamedTuple):
    """A row of ``fbs_bi_visible_dashboards``.

    Dashboards in use that a user may see: the public ones and the user's own.
    """

    id: int | None
    name: str | None
    description: str | None
    dashboard_type: str | None
    layout: Json | None
    refresh_interval: int | None
    is_public: bool | None
    is_own: bool | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiReports(NamedTuple):
    """A row of ``fbs_bi_reports``.

    Report definitions, retired ones too. Read by report_type, name, id.

    Attributes:
        id: Number that identifies the report definition.
        name: Title people choose the report by; two reports may share it.
        description: What the report tells and whom it is meant for.
        report_type: Subject of the report. Normally one of: sales, financial, inventory, compliance,
            operational, custom. FBS also writes general.
        data_source: Name of the place the report reads its figures from, such as a table or an Odoo object.
        query_parameters: Filters and other inputs of the report, such as period or branch, by name; {} when it
            takes none.
        output_format: Kind of file the report comes out as; pdf unless given. Normally one of: pdf, excel, csv,
            json, html.
        template: Text of the page layout the figures are set into; blank when the standard layout serves.
        is_scheduled: True when the report is to run by itself at set times; false when it runs only on request.
        is_active: True while the report is offered; false retires it without deleting it.
        created_by_id: User who defined the report; empty when not recorded, and emptied when that user is
            deleted.
        created_at: When the report definition was added.
        updated_at: When the report definition last changed.
    """

    id: int
    name: str
    description: str
    report_type: str
    data_source: str
    query_parameters: Json
    output_format: str
    template: str
    is_scheduled: bool
    is_active: bool
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiKpis(NamedTuple):
    """A row of ``fbs_bi_kpis``.

    Key figures with target and alarm levels, retired ones too. Read by kpi_type, name, id. Where a measured
    value stands: fbs_bi_kpi_state.

    Attributes:
        id: Number that identifies the key figure.
        name: What people call the key figure, such as gross margin; two may share it.
        description: What the key figure measures and why it matters to the business.
        kpi_type: Side of the business the figure measures. Normally one of: financial, operational, customer,
            employee, compliance, growth. FBS also writes general.
        calculation_method: How the figure is worked out from its source, as a short name or formula.
        data_source: Name of the place the underlying numbers come from, such as a table or an Odoo object.
        target_value: Value the business aims for, in the figure's own unit; empty when no target is set.
        warning_threshold: Value at which the figure calls for attention, in its own unit; empty when none is
            set.
        critical_threshold: Value at which the figure calls for action at once, in its own unit; empty when none
            is set.
        alarm_side: Side on which the alarm levels lie: above (the figure may not rise to them) or below (it may
            not fall to them), told by the critical level against the warning level, else by the one there is
            against the target; empty when that does not tell.
        unit: What the values count, such as per cent, days or a currency; blank for plain numbers.
        frequency: How often the figure is worked out anew; daily unless given. Normally one of: real_time
            (continuously), hourly, daily, weekly, monthly, quarterly, annually.
        is_active: True while the figure is followed; false retires it without deleting it.
        created_by_id: User who defined the key figure; empty when not recorded, and emptied when that user is
            deleted.
        created_at: When the key figure was added.
        updated_at: When the key figure last changed.
    """

    id: int
    name: str
    description: str
    kpi_type: str
    calculation_method: str
    data_source: str
    target_value: Decimal | None
    warning_threshold: Decimal | None
    critical_threshold: Decimal | None
    alarm_side: str | None
    unit: str
    frequency: str
    is_active: bool
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiKpiState(NamedTuple):
    """A row of ``fbs_bi_kpi_state``.

    Where a measured value of a key figure stands: ok, warning or critical (at a level it counts as reached), or
    unknown without a value or where the levels do not tell on which side the alarm is. One row; none where
    there is no such key figure.
    """

    id: int | None
    name: str | None
    unit: str | None
    value: Decimal | None
    target_value: Decimal | None
    target_percent: Decimal | None
    warning_threshold: Decimal | None
    critical_threshold: Decimal | None
    alarm_side: str | None
    state: str | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiCharts(NamedTuple):
    """A row of ``fbs_bi_charts``.

    Charts, retired ones too. Read by chart_type, name, id.

    Attributes:
        id: Number that identifies the chart.
        name: Title people choose the chart by; two charts may share it.
        chart_type: Form in which the numbers are shown. Normally one of: line, bar, pie, area, scatter, table,
            gauge (a dial), metric (a single figure).
        description: What the chart shows and how to read it; blank when not explained.
        data_source: Name of the place the chart reads its numbers from, such as a table or an Odoo object.
        configuration: Settings of the drawing, such as axes, colours and filters; {} for the standard look.
        is_active: True while the chart is in use; false retires it without deleting it.
        created_by_id: User who created the chart; empty when not recorded, and emptied when that user is
            deleted.
        created_at: When the chart was added.
        updated_at: When the chart last changed.
    """

    id: int
    name: str
    chart_type: str
    description: str
    data_source: str
    configuration: Json
    is_active: bool
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class BiSchedulesDue(NamedTuple):
    """A row of ``fbs_bi_schedules_due``.

    Scheduled reports and key figures in use that are to be produced anew: those whose hour, day, week (from
    Monday), month, quarter or year in the time zone began after since, the last time they were produced, all of
    them without one. A report's frequency is the one in its query_parameters, daily where none is named; a
    frequency not known counts as daily, yearly is annually; real_time is always due.
    """

    kind: str | None
    id: int | None
    name: str | None
    data_source: str | None
    frequency: str | None
    due_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceRuleList(NamedTuple):
    """A row of ``fbs_compliance_rule_list``.

    Compliance rules of every solution, in force or suspended.

    Attributes:
        id: Number that identifies the compliance rule.
        solution_name: Solution that must keep the rule, by name.
        name: What people call the rule; unique within its solution.
        description: What the rule demands, in words; blank when not explained.
        compliance_type: Field the duty comes from, such as tax, audit or general.
        requirements: List of the points to be met under the rule; [] when none is listed.
        requirement_count: How many points are to be met; null when requirements is not a list.
        check_frequency: How often the rule is checked, such as monthly.
        active: True while the rule is in force; false while it is suspended.
        created_at: When the rule was added.
        updated_at: When the rule last changed.
    """

    id: int
    solution_name: str
    name: str
    description: str
    compliance_type: str
    requirements: Json
    requirement_count: int | None
    check_frequency: str
    active: bool
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceSummary(NamedTuple):
    """A row of ``fbs_compliance_summary``.

    How many compliance rules each solution has. Whether a rule is kept is not recorded with it. A solution
    without rules has no row.

    Attributes:
        solution_name: Solution that must keep the rules, by name.
        rule_count: How many rules it has.
        active_count: How many of them are in force.
        suspended_count: How many of them are suspended.
        active_type_count: From how many fields (tax, audit, ...) the rules in force come.
        last_changed_at: When one of the rules last changed.
    """

    solution_name: str
    rule_count: int
    active_count: int
    suspended_count: int
    active_type_count: int
    last_changed_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceAuditTrail(NamedTuple):
    """A row of ``fbs_compliance_audit_trail``.

    Audit trail: of one record (record_type and record_id), of one user (user_id), of one period (timestamp), of
    one solution, or any of these together. Each of these is served by an index.

    Attributes:
        id: Number that identifies the audit entry; of entries of the same time, the greater one was added
            later.
        solution_name: Solution in which the action took place, by name.
        record_type: Kind of record acted on, such as sale or payment.
        record_id: Identifier of the record acted on, as text; that record may be gone.
        action: What was done to the record, such as create or delete.
        user_id: Identifier of the user who acted, as text whatever the type of the host's user keys; that user
            may be gone.
        details: Particulars of the action by name; {} when none are kept.
        timestamp: When the action took place.
        ip_address: Network address the user acted from; null when not known.
    """

    id: int
    solution_name: str
    record_type: str
    record_id: str
    action: str
    user_id: str
    details: Json
    timestamp: datetime
    ip_address: IPv4Address | IPv6Address | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceUserActivity(NamedTuple):
    """A row of ``fbs_compliance_user_activity``.

    What users did: one user (user_id), one action of a solution, one period (timestamp), or any of these
    together. Each of these is served by an index.

    Attributes:
        id: Number that identifies the activity entry; of entries of the same time, the greater one was added
            later.
        solution_name: Solution in which the user was active, by name.
        user_id: Identifier of the user, as text whatever the type of the host's user keys; that user may be
            gone.
        action: What the user did, such as login.
        details: Particulars of the activity by name; {} when none are kept.
        timestamp: When the user did it.
        ip_address: Network address the user came from; null when not known.
        user_agent: Browser or program the user worked with; blank when not known.
        session_id: Identifier of the sign-in session; blank when not known.
    """

    id: int
    solution_name: str
    user_id: str
    action: str
    details: Json
    timestamp: datetime
    ip_address: IPv4Address | IPv6Address | None
    user_agent: str
    session_id: str

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceReportSchedules(NamedTuple):
    """A row of ``fbs_compliance_report_schedules``.

    Timetable of the reports that each solution produces by itself.

    Attributes:
        id: Number that identifies the report schedule.
        solution_name: Solution the report is produced for, by name.
        name: What people call the schedule; unique within its solution.
        report_type: Which report to produce, by a name the solution knows.
        frequency: How often the report is produced, such as monthly.
        next_run: When the report is due to be produced next.
        active: True while the schedule runs; false while it is paused.
        is_overdue: True when the schedule runs and its next time is past; false otherwise.
        configuration: Settings for producing the report; {} when none.
        created_at: When the schedule was added.
        updated_at: When the schedule last changed.
    """

    id: int
    solution_name: str
    name: str
    report_type: str
    frequency: str
    next_run: datetime
    active: bool
    is_overdue: bool
    configuration: Json
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceRecurringTransactions(NamedTuple):
    """A row of ``fbs_compliance_recurring_transactions``.

    Payments and receipts that come back at regular times, each with its next day.

    Attributes:
        id: Number that identifies the recurring transaction.
        solution_name: Solution whose books the transaction belongs to, by name.
        name: What people call the transaction; need not be unique.
        transaction_type: Kind of booking that recurs, such as income or payment.
        amount: Money booked each time, in the business's own currency.
        frequency: How often the transaction comes back: daily, weekly, monthly, quarterly or yearly.
        start_date: First day on which the transaction is to be booked.
        end_date: Last day on which it may recur, itself included; null when it goes on without end.
        active: True while the transaction recurs; false while it is paused.
        description: What the money is for; blank when not explained.
        next_date: Next day it is to be booked, today included; null when it is paused, past its last day, or
            its frequency is not one of the five.
        created_at: When the recurring transaction was added.
        updated_at: When the recurring transaction last changed.
    """

    id: int
    solution_name: str
    name: str
    transaction_type: str
    amount: Decimal
    frequency: str
    start_date: date
    end_date: date | None
    active: bool
    description: str
    next_date: date | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class ComplianceRecurringDates(NamedTuple):
    """A row of ``fbs_compliance_recurring_dates``.

    Every day from since (by default today) until until (by default 90 days later, at most a hundred years),
    both included, on which a solution's recurring transactions are to be booked; those that are paused or of an
    unknown frequency have none. The earliest first, by id where a day has several.
    """

    recurring_transaction_id: int | None
    name: str | None
    transaction_type: str | None
    amount: Decimal | None
    booking_date: date | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingCashEntries(NamedTuple):
    """A row of ``fbs_accounting_cash_entries``.

    Cash book of every business, each entry with what it does to the cash.

    Attributes:
        id: Number that identifies the cash entry; of entries of the same day, the greater one comes later.
        business_id: Business whose cash book this is, by the identifier its solution uses: as a rule the
            solution's name.
        entry_date: Day on which the money came in, went out or was moved.
        entry_type: What kind of movement it was, such as income or transfer.
        amount: Money moved, as written, in the business's own currency.
        cash_change: What the entry adds to the cash: its amount for income, receipt and adjustment (so a
            negative adjustment lowers it), minus its amount for expense and payment, 0 for transfer (between
            own accounts) and for any other kind.
        description: What the money was for.
        category: Heading the entry is counted under.
        subcategory: Finer heading; blank when none is used.
        payment_method: Means by which the money moved, such as cash or bank_transfer.
        reference_number: Number on the receipt, cheque or transfer; blank when none.
        vendor_customer: Supplier paid or customer who paid; blank when not recorded.
        tax_amount: Tax that belongs to the entry, in the business's own currency.
        tax_rate: Rate the tax was worked out with, in per cent.
        notes: Remarks; blank when there are none.
        attachments: List of the files that prove the entry; [] when none.
        created_by_id: User who recorded the entry; null when not recorded or deleted.
        created_at: When the cash entry was added.
        updated_at: When the cash entry last changed.
    """

    id: int
    business_id: str
    entry_date: date
    entry_type: str
    amount: Decimal
    cash_change: Decimal
    description: str
    category: str
    subcategory: str
    payment_method: str
    reference_number: str
    vendor_customer: str
    tax_amount: Decimal
    tax_rate: Decimal
    notes: str
    attachments: Json
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingCashLedger(NamedTuple):
    """A row of ``fbs_accounting_cash_ledger``.

    Cash ledger of a business: its entries from since until until (both included; null: from the first, to the
    last), oldest first and by id within a day, each with the balance it leaves. The balance counts everything
    before since too. page_size rows at most; the next page is asked for with after_date, after_id and carried,
    the day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier entries of
    the business, unless carried says what it comes to.
    """

    id: int | None
    entry_date: date | None
    entry_type: str | None
    description: str | None
    category: str | None
    payment_method: str | None
    reference_number: str | None
    vendor_customer: str | None
    amount: Decimal | None
    cash_change: Decimal | None
    balance: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingCashPosition(NamedTuple):
    """A row of ``fbs_accounting_cash_position``.

    Cash of a business at the end of a day (by default today): what came in, what went out, corrections, and the
    balance they make, in its own currency. uncounted_count is how many entries are of a kind that has no
    direction and so count as 0. Always one row; zeros, and no last_entry_date, where there are no entries.
    Cost: a sum over all entries of the business up to that day.
    """

    cash_in: Decimal | None
    cash_out: Decimal | None
    adjustments: Decimal | None
    balance: Decimal | None
    entry_count: int | None
    uncounted_count: int | None
    last_entry_date: date | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingCashByMethod(NamedTuple):
    """A row of ``fbs_accounting_cash_by_method``.

    Cash position of a business at the end of a day, by means of payment. A transfer does not tell from which
    means to which the money went, so it counts for none. Cost: a sum over all entries of the business up to
    that day.
    """

    payment_method: str | None
    cash_in: Decimal | None
    cash_out: Decimal | None
    adjustments: Decimal | None
    balance: Decimal | None
    entry_count: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingTransactions(NamedTuple):
    """A row of ``fbs_accounting_transactions``.

    Income and expenses of every business, one by one.

    Attributes:
        id: Number that identifies the income or expense; of those of the same day, the greater one comes later.
        business_id: Business whose income or expense this is, by the identifier its solution uses: as a rule
            the solution's name.
        transaction_date: Day on which the income was earned or the expense incurred.
        transaction_type: Whether the money is earned (income) or spent (expense).
        amount: Money earned or spent, in the business's own currency.
        description: What was sold or bought, or what else the money is for.
        category: Heading the amount is counted under.
        subcategory: Finer heading; blank when none is used.
        account: Ledger account the amount belongs to; blank when none is given.
        invoice_number: Number on the invoice; blank when there is none.
        vendor_customer: Supplier to be paid or customer who is to pay; blank when not recorded.
        payment_terms: Terms agreed for paying; blank when none are agreed.
        due_date: Last day to pay without being late; null when none is set.
        payment_date: Day on which it was paid; null until then.
        payment_status: How far it is paid, such as pending or paid.
        is_open: True while it is neither paid nor cancelled.
        tax_amount: Tax that belongs to the amount, in the business's own currency.
        tax_rate: Rate the tax was worked out with, in per cent.
        notes: Remarks; blank when there are none.
        created_by_id: User who recorded it; null when not recorded or deleted.
        created_at: When the income or expense was added.
        updated_at: When the income or expense last changed.
    """

    id: int
    business_id: str
    transaction_date: date
    transaction_type: str
    amount: Decimal
    description: str
    category: str
    subcategory: str
    account: str
    invoice_number: str
    vendor_customer: str
    payment_terms: str
    due_date: date | None
    payment_date: date | None
    payment_status: str
    is_open: bool
    tax_amount: Decimal
    tax_rate: Decimal
    notes: str
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingIncomeExpense(NamedTuple):
    """A row of ``fbs_accounting_income_expense``.

    Income and expense of a business by period (day, week from Monday on, month, quarter or year of the
    calendar) and category, from since until until, both included; null for all before or after. Earned or
    incurred, whether paid or not; cancelled ones do not count. A first or last period that since or until cuts
    counts what lies within. A period without any has no row; period_end is its last day. Cost: the transactions
    of that time.
    """

    period_start: date | None
    period_end: date | None
    transaction_type: str | None
    category: str | None
    amount: Decimal | None
    tax_amount: Decimal | None
    transaction_count: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingIncomeExpenseSummary(NamedTuple):
    """A row of ``fbs_accounting_income_expense_summary``.

    Income, expenses and what is left of a business from since until until, both included; null for all before
    or after. Earned or incurred, whether paid or not; cancelled ones do not count. profit_margin_percent = 100
    * net_income / total_income; null without income, below 0 for a loss. Always one row, of zeros where there
    is nothing. Cost: the transactions of that time.
    """

    total_income: Decimal | None
    total_expenses: Decimal | None
    net_income: Decimal | None
    profit_margin_percent: Decimal | None
    income_count: int | None
    expense_count: int | None
    first_date: date | None
    last_date: date | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingLedgerLines(NamedTuple):
    """A row of ``fbs_accounting_ledger_lines``.

    Ledger of every business, line by line.

    Attributes:
        id: Number that identifies the ledger line; of lines of the same day, the greater one comes later.
        business_id: Business whose ledger this is, by the identifier its solution uses: as a rule the
            solution's name.
        entry_date: Day the booking counts for.
        account: Account booked to, by name or code.
        account_type: Class of the account: asset, liability, equity, income or expense.
        debit_amount: Amount on the debit side, in the business's own currency; 0 when none.
        credit_amount: Amount on the credit side, in the business's own currency; 0 when none.
        balance_change: What the line adds to the balance of its account: credit less debit for liability,
            equity and income, debit less credit for all else.
        description: What the booking stands for.
        reference: Document behind the booking; blank when none.
        reference_type: Kind of document the reference names; blank when none.
        recorded_balance: Balance as whoever wrote the line gave it; not worked out.
            fbs_accounting_account_ledger works it out.
        created_by_id: User who made the booking; null when not recorded or deleted.
        created_at: When the ledger line was added.
    """

    id: int
    business_id: str
    entry_date: date
    account: str
    account_type: str
    debit_amount: Decimal
    credit_amount: Decimal
    balance_change: Decimal
    description: str
    reference: str
    reference_type: str
    recorded_balance: Decimal
    created_by_id: UserKey | None
    created_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingAccountLedger(NamedTuple):
    """A row of ``fbs_accounting_account_ledger``.

    Lines of one account of a business from since until until (both included; null: from the first, to the
    last), oldest first and by id within a day, each with the balance worked out from all lines up to it, and
    the balance recorded with it. page_size rows at most; the next page is asked for with after_date, after_id
    and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum over all
    earlier lines of the account, unless carried says what it comes to.
    """

    id: int | None
    entry_date: date | None
    account_type: str | None
    description: str | None
    reference: str | None
    reference_type: str | None
    debit_amount: Decimal | None
    credit_amount: Decimal | None
    balance: Decimal | None
    recorded_balance: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingAccountBalances(NamedTuple):
    """A row of ``fbs_accounting_account_balances``.

    Balance of every account, over all its lines, later days included; fbs_accounting_trial_balance gives it at
    a day. An account without lines has no row, one booked under two classes has two. Cost: a sum over the lines
    of the business asked for.

    Attributes:
        business_id: Business whose account it is, by the identifier its solution uses.
        account: Account, by name or code.
        account_type: Class of the account: asset, liability, equity, income or expense.
        debit_amount: All debits, in the business's own currency.
        credit_amount: All credits, in the business's own currency.
        balance: Credits less debits for liability, equity and income, debits less credits for all else; so it
            is positive as a rule.
        line_count: How many lines it has.
        first_entry_date: Day of the first line.
        last_entry_date: Day of the last line.
    """

    business_id: str
    account: str
    account_type: str
    debit_amount: Decimal
    credit_amount: Decimal
    balance: Decimal
    line_count: int
    first_entry_date: date
    last_entry_date: date

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingTrialBalance(NamedTuple):
    """A row of ``fbs_accounting_trial_balance``.

    Trial balance of a business at the end of a day (by default today): each account's debits and credits up to
    it, and what one side exceeds the other by, in the column of that side (0 in the other). In books that are
    right both columns add up to the same. An account without lines has no row. Cost: a sum over all lines of
    the business up to that day.
    """

    account: str | None
    account_type: str | None
    debit_amount: Decimal | None
    credit_amount: Decimal | None
    debit_balance: Decimal | None
    credit_balance: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingOpenItems(NamedTuple):
    """A row of ``fbs_accounting_open_items``.

    Income and expenses of a business (of_type: income, expense, or null for both) that were not paid at the end
    of a day (by default today): booked by then, not cancelled since, and unpaid still or paid later. The oldest
    first. days_overdue counts from the due date, from the day of the transaction where none is set: 0 on that
    day, below 0 before it. age is one of: not due, 0-30, 31-60, 61-90, over 90. What is paid in part counts in
    full, as the part is not recorded. Cost: the unpaid items of the business, and those paid after that day.
    """

    id: int | None
    transaction_type: str | None
    transaction_date: date | None
    due_date: date | None
    days_overdue: int | None
    age: str | None
    amount: Decimal | None
    payment_status: str | None
    vendor_customer: str | None
    invoice_number: str | None
    category: str | None
    description: str | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingReceivables(NamedTuple):
    """A row of ``fbs_accounting_receivables``.

    What customers owe a business at the end of a day (by default today), in its own currency, by customer and
    age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. What counts as
    unpaid, and from when its age counts, is as in fbs_accounting_open_items. A customer who owes nothing has no
    row; a blank one stands for items without a name.
    """

    vendor_customer: str | None
    total_amount: Decimal | None
    not_due_amount: Decimal | None
    days_0_to_30_amount: Decimal | None
    days_31_to_60_amount: Decimal | None
    days_61_to_90_amount: Decimal | None
    days_over_90_amount: Decimal | None
    item_count: int | None
    max_days_overdue: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingPayables(NamedTuple):
    """A row of ``fbs_accounting_payables``.

    What a business owes its suppliers at the end of a day (by default today), in its own currency, by supplier
    and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. What counts
    as unpaid, and from when its age counts, is as in fbs_accounting_open_items. A supplier who is owed nothing
    has no row; a blank one stands for items without a name.
    """

    vendor_customer: str | None
    total_amount: Decimal | None
    not_due_amount: Decimal | None
    days_0_to_30_amount: Decimal | None
    days_31_to_60_amount: Decimal | None
    days_61_to_90_amount: Decimal | None
    days_over_90_amount: Decimal | None
    item_count: int | None
    max_days_overdue: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingTaxes(NamedTuple):
    """A row of ``fbs_accounting_taxes``.

    Tax of every business by period: what it comes to, what is paid of it and what is not.

    Attributes:
        id: Number that identifies the tax calculation.
        business_id: Business that owes the tax, by the identifier its solution uses: as a rule the solution's
            name.
        tax_period_start: First day of the period the tax is for.
        tax_period_end: Last day of the period the tax is for.
        tax_type: Which tax it is, such as income_tax.
        taxable_amount: Amount the tax is charged on, in the business's own currency.
        tax_rate: Rate at which the tax is charged, in per cent.
        tax_amount: Tax before deductions, in the business's own currency.
        deductions: Deductions allowed, in the business's own currency.
        net_tax_amount: Tax after deductions, in the business's own currency.
        paid_amount: What is paid of it; where it is marked as paid without an amount, all of it.
        outstanding_amount: What is left to pay: 0 once it is marked as paid, and never below 0.
        due_date: Last day to pay without being late.
        is_overdue: True when something is left to pay and the due date is past; on the day itself it is not.
        payment_date: Day on which it was paid; null until then.
        payment_status: How far it is paid, such as pending or paid.
        filing_date: Day on which the return was filed; null until then.
        filing_reference: Number the tax office gave the return; blank when there is none.
        notes: Remarks; blank when there are none.
        created_by_id: User who recorded it; null when not recorded or deleted.
        created_at: When the tax calculation was added.
        updated_at: When the tax calculation last changed.
    """

    id: int
    business_id: str
    tax_period_start: date
    tax_period_end: date
    tax_type: str
    taxable_amount: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    deductions: Decimal
    net_tax_amount: Decimal
    paid_amount: Decimal
    outstanding_amount: Decimal
    due_date: date
    is_overdue: bool
    payment_date: date | None
    payment_status: str
    filing_date: date | None
    filing_reference: str
    notes: str
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingTaxSummary(NamedTuple):
    """A row of ``fbs_accounting_tax_summary``.

    Tax due and paid of a business, by kind of tax, for the periods that end from since until until, both
    included; null for all before or after. overdue_amount is what was due before on_date (by default today),
    next_due_date the next day on or after it on which something is to be paid, null where nothing is. Payments
    are as recorded now. A tax without periods has no row. Cost: the tax calculations of the business.
    """

    tax_type: str | None
    net_tax_amount: Decimal | None
    paid_amount: Decimal | None
    outstanding_amount: Decimal | None
    overdue_amount: Decimal | None
    next_due_date: date | None
    period_count: int | None
    unfiled_count: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class AccountingHealth(NamedTuple):
    """A row of ``fbs_accounting_health``.

    How a business fares, over the months (by default 3, at least 1) that end with a day (by default today);
    always one row, of zeros and nulls where there is nothing. Amounts are in its own currency. since: on_date
    less so many months, plus a day. until: on_date. net_income = total_income - total_expenses, as in
    fbs_accounting_income_expense_summary. profit_margin_percent = 100 * net_income / total_income;
    expense_ratio_percent = 100 * total_expenses / total_income; both null without income. health_score =
    profit_margin_percent + (100 - expense_ratio_percent), before these are rounded, held between 0 and 100;
    null without income. cash_in, cash_out: what raised and lowered the cash in that time, as in
    fbs_accounting_cash_entries. monthly_burn_amount = (cash_out - cash_in) / months; below 0 where cash grew.
    cash_balance: as in fbs_accounting_cash_position, on on_date. runway_days = cash_balance / ((cash_out -
    cash_in) / days from since until until), rounded down: how long the cash lasts if it goes on so; 0 without
    cash, null where it does not shrink, 36525 (a hundred years) at most. receivable_amount, payable_amount: as
    in fbs_accounting_open_items; overdue ones are past their day. tax_outstanding_amount: unpaid tax of the
    periods that ended by on_date. liquidity_percent = 100 * (cash_balance + receivable_amount) /
    (payable_amount + tax_outstanding_amount); null where nothing is owed. Cost: a sum over all cash entries of
    the business, its unpaid items, and the transactions of that time.
    """

    since: date | None
    until: date | None
    total_income: Decimal | None
    total_expenses: Decimal | None
    net_income: Decimal | None
    profit_margin_percent: Decimal | None
    expense_ratio_percent: Decimal | None
    health_score: Decimal | None
    cash_in: Decimal | None
    cash_out: Decimal | None
    monthly_burn_amount: Decimal | None
    cash_balance: Decimal | None
    runway_days: int | None
    receivable_amount: Decimal | None
    overdue_receivable_amount: Decimal | None
    payable_amount: Decimal | None
    overdue_payable_amount: Decimal | None
    tax_outstanding_amount: Decimal | None
    liquidity_percent: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DiscoveryModels(NamedTuple):
    """A row of ``fbs_discovery_models``.

    Kinds of record (models) found in each Odoo database.

    Attributes:
        id: Number that identifies the kind of record.
        database_name: Odoo database in which it was found, by name.
        model_name: What Odoo calls it, such as res.partner; unique within one Odoo database.
        technical_name: Name Odoo uses inside its programs.
        display_name: Title people see in Odoo.
        description: What such records are for; blank when Odoo gives no description.
        module_name: Odoo module that brings it.
        is_active: True while FBS offers it for use.
        is_installed: True while it is installed in that Odoo database.
        model_type: What sort it is, such as business or custom.
        capabilities: List of what can be done with such records; [] when not known.
        constraints: Rules that such records must keep to, by name; {} when none are known.
        field_count: How many of its fields were found.
        discovered_at: When it was first found.
        last_verified: When it was last seen to exist.
    """

    id: int
    database_name: str
    model_name: str
    technical_name: str
    display_name: str
    description: str
    module_name: str
    is_active: bool
    is_installed: bool
    model_type: str
    capabilities: Json
    constraints: Json
    field_count: int
    discovered_at: datetime
    last_verified: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DiscoveryFields(NamedTuple):
    """A row of ``fbs_discovery_fields``.

    Fields found on the kinds of record of each Odoo database.

    Attributes:
        id: Number that identifies the field.
        odoo_model_id: Kind of record that has it, by its number in fbs_discovery_models.
        database_name: Odoo database in which it was found, by name.
        model_name: Kind of record that has it, by name.
        field_name: What Odoo calls the field; unique within one kind of record.
        technical_name: Name Odoo uses inside its programs.
        display_name: Label people see in Odoo.
        field_type: What the field can hold, in Odoo's words, such as char or many2one.
        required: True when a record cannot be saved without a value here.
        readonly: True when people can see the value but not change it.
        computed: True when Odoo works the value out by itself.
        stored: True when Odoo keeps the value in its database.
        default_value: Value Odoo fills in for a new record, as text; blank when there is none.
        help_text: Explanation Odoo shows beside the field; blank when there is none.
        selection_options: List of the values one may choose from; [] when the field offers no choice.
        relation_model: Kind of record the field links to; blank when it links to none.
        field_constraints: Limits on the value, by name; {} when none are known.
        discovered_at: When the field was first found.
    """

    id: int
    odoo_model_id: int
    database_name: str
    model_name: str
    field_name: str
    technical_name: str
    display_name: str
    field_type: str
    required: bool
    readonly: bool
    computed: bool
    stored: bool
    default_value: str
    help_text: str
    selection_options: Json
    relation_model: str
    field_constraints: Json
    discovered_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DiscoveryModules(NamedTuple):
    """A row of ``fbs_discovery_modules``.

    Odoo modules (apps and add-ons) found in each Odoo database.

    Attributes:
        id: Number that identifies the module.
        database_name: Odoo database in which it was found, by name.
        module_name: What Odoo calls the module; unique within one Odoo database.
        technical_name: Name Odoo uses inside its programs.
        display_name: Title people see in Odoo.
        description: What the module does; blank when Odoo gives no description.
        version: Release of the module, as Odoo reports it.
        author: Person or company that made it; blank when not known.
        website: Web address of the module or its maker; blank when not known.
        category: Group Odoo files the module under.
        is_installed: True while it is installed in that Odoo database.
        is_active: True while FBS offers it for use.
        auto_install: True when Odoo adds the module by itself once all it needs is there.
        depends: List of the other Odoo modules it needs, by name; [] when it needs none.
        data_files: List of the files it loads when it is installed; [] when none are known.
        demo_data: True when the module comes with its sample data.
        application: True for a full app, false for an add-on to others.
        discovered_at: When the module was first found.
        last_verified: When it was last seen to exist.
    """

    id: int
    database_name: str
    module_name: str
    technical_name: str
    display_name: str
    description: str
    version: str
    author: str
    website: str
    category: str
    is_installed: bool
    is_active: bool
    auto_install: bool
    depends: Json
    data_files: Json
    demo_data: bool
    application: bool
    discovered_at: datetime
    last_verified: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DiscoverySessionList(NamedTuple):
    """A row of ``fbs_discovery_session_list``.

    Searches in which FBS looked through an Odoo database, and what each found.

    Attributes:
        id: Number that identifies the search within its table.
        session_id: Text by which programs refer to the search; unique.
        database_name: Odoo database that was looked through, by name.
        session_type: What the search set out to find.
        status: How the search stands, such as running or completed.
        started_at: When the search began.
        completed_at: When the search ended; null while it has not.
        duration: How long the search took; null while it has not ended.
        total_models: How many kinds of record were found.
        total_fields: How many fields were found.
        total_modules: How many Odoo modules were found.
        error_count: How many errors were noted; null when errors is not a list.
        errors: List of what went wrong; [] when nothing did.
        configuration: Settings the search was run with; {} when none were given.
    """

    id: int
    session_id: str
    database_name: str
    session_type: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    duration: timedelta | None
    total_models: int
    total_fields: int
    total_modules: int
    error_count: int | None
    errors: Json
    configuration: Json

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DiscoverySchema(NamedTuple):
    """A row of ``fbs_discovery_schema``.

    Merged schema of a kind of record (model) in an Odoo database: each field once, by name. source is odoo for
    a field found there, custom for one that only FBS's custom fields have; where both have it, Odoo's
    description counts and has_custom_values says that there are custom values too. A custom field's type is
    that of its value changed last; values set aside do not count. No rows for a model of which neither knows a
    field. Where custom fields are kept in another database, Odoo's fields only. Cost: the model's fields and
    all its custom values.
    """

    field_name: str | None
    source: str | None
    field_type: str | None
    display_name: str | None
    required: bool | None
    readonly: bool | None
    computed: bool | None
    stored: bool | None
    default_value: str | None
    help_text: str | None
    selection_options: Json | None
    relation_model: str | None
    has_custom_values: bool | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsCategories(NamedTuple):
    """A row of ``fbs_documents_categories``.

    Tree of categories that documents are filed under, each with its way down from the top. Where categories lie
    above each other in a circle, each has its way down from the one that would come twice.

    Attributes:
        id: Number that identifies the category.
        name: What people call the category.
        description: What is filed under it; blank when not explained.
        parent_id: Category above this one; null at the top.
        path: Names from the top down to this one, with ' / ' between them.
        path_ids: Numbers of the categories from the top down to this one.
        depth: Level in the tree, 1 at the top.
        in_cycle: True when there is no top above it, as the categories there lie in a circle.
        sequence: Place of the category in lists, lowest first.
        is_active: True while the category is offered for filing.
        created_at: When the category was added.
        updated_at: When the category last changed.
    """

    id: int
    name: str
    description: str
    parent_id: int | None
    path: str
    path_ids: list[int]
    depth: int
    in_cycle: bool
    sequence: int
    is_active: bool
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsOverview(NamedTuple):
    """A row of ``fbs_documents_overview``.

    Documents in short, for lists. fbs_documents_details has all that belongs to each.

    Attributes:
        id: Number that identifies the document.
        name: Reference by which the document is filed and cited; need not be unique.
        title: Heading of the document as people read it.
        document_type_id: Kind of document, by its number.
        document_type_name: Kind of document, by its name.
        category_id: Category it is filed under, by its number.
        category_name: Category it is filed under, by its name.
        attachment_id: File with the document's content; null when there is none.
        state: How far the document has come, such as draft or approved.
        created_by_id: User who created the document.
        approved_by_id: User who approved it; null until approved, and when that user is deleted.
        expiry_date: Last day on which it is valid; null when it does not expire.
        days_left: Days until its last valid day: 0 on that day, below 0 after it, null when it does not expire.
        company_id: Company it belongs to, by the identifier its solution uses.
        solution_db: Database of the solution it belongs to; null when solutions are not kept apart.
        confidentiality_level: Who may see it, such as internal. Nothing here enforces it.
        metadata: Further facts by name; {} when none.
        created_at: When the document was added.
        updated_at: When the document last changed.
    """

    id: int
    name: str
    title: str
    document_type_id: int
    document_type_name: str
    category_id: int
    category_name: str
    attachment_id: int | None
    state: str
    created_by_id: UserKey
    approved_by_id: UserKey | None
    expiry_date: date | None
    days_left: int | None
    company_id: str
    solution_db: str | None
    confidentiality_level: str
    metadata: Json
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsDetails(NamedTuple):
    """A row of ``fbs_documents_details``.

    Documents with all that belongs to each: type, category, tags, file, approval run and its steps. Made for
    one document by its id, or a page of them.

    Attributes:
        id: Number that identifies the document.
        name: Reference by which the document is filed and cited.
        title: Heading of the document as people read it.
        description: What the document is about; blank when not explained.
        state: How far the document has come, such as draft or approved.
        document_type_id: Kind of document, by its number.
        document_type_code: Kind of document, by its code.
        document_type_name: Kind of document, by its name.
        requires_approval: True when documents of that kind must be approved before use.
        category_id: Category it is filed under, by its number.
        category_path: Names of the categories from the top down to its own, with ' / ' between them.
        confidentiality_level: Who may see it, such as internal. Nothing here enforces it.
        expiry_date: Last day on which it is valid; null when it does not expire.
        days_left: Days until its last valid day: 0 on that day, below 0 after it, null when it does not expire.
        company_id: Company it belongs to, by the identifier its solution uses.
        solution_db: Database of the solution it belongs to; null when solutions are not kept apart.
        metadata: Further facts by name; {} when none.
        created_by_id: User who created the document.
        approved_by_id: User who approved it; null until approved, and when that user is deleted.
        created_at: When the document was added.
        updated_at: When the document last changed.
        tags: List of its tags by name, each an object with id, name and color; [] when it has none.
        attachment: Object with what is known of its file, named as in fbs_dms_file_attachment; null when there
            is none.
        workflow: Object with its approval run, named as in fbs_dms_document_workflow; null when there is none.
        approvals: List of the steps of its approval run in order, named as in fbs_dms_document_approval; []
            when there are none.
    """

    id: int
    name: str
    title: str
    description: str
    state: str
    document_type_id: int
    document_type_code: str
    document_type_name: str
    requires_approval: bool
    category_id: int
    category_path: str
    confidentiality_level: str
    expiry_date: date | None
    days_left: int | None
    company_id: str
    solution_db: str | None
    metadata: Json
    created_by_id: UserKey
    approved_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime
    tags: Json
    attachment: Json | None
    workflow: Json | None
    approvals: Json

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsPendingApprovals(NamedTuple):
    """A row of ``fbs_documents_pending_approvals``.

    Decisions on documents that users are still to take: the pending steps of approval runs that are not over.

    Attributes:
        id: Number that identifies the approval step.
        status: Always pending.
        approver_id: User who is to decide.
        workflow_id: Approval run the step belongs to.
        sequence: Place of the step in its run, lowest first.
        required: True when the run cannot do without this step.
        description: What is to be decided; blank when not explained.
        is_turn: True when it is this step's turn: the run awaits it, or awaits none and no required step before
            it is pending.
        created_at: When the step was added.
        document_id: Document to be decided on, by its number.
        document_name: Reference of the document.
        document_title: Heading of the document.
        document_state: How far the document has come; archived when the host's record it belongs to is gone.
        document_type_id: Kind of document, by its number.
        company_id: Company the document belongs to.
        created_by_id: User who created the document.
        expiry_date: Last day on which the document is valid; null when it does not expire.
    """

    id: int
    status: str
    approver_id: UserKey
    workflow_id: int
    sequence: int
    required: bool
    description: str
    is_turn: bool
    created_at: datetime
    document_id: int
    document_name: str
    document_title: str
    document_state: str
    document_type_id: int
    company_id: str
    created_by_id: UserKey
    expiry_date: date | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsSearch(NamedTuple):
    """A row of ``fbs_documents_search``.

    Documents of a company whose name, title, description or tags have every word of the query, each as the
    beginning of a word; those of a state, kind or category only where one is given. Any text will do as a
    query: punctuation parts words and means nothing else, its first 1,000 characters and 20 words count, and
    without any word nothing is found. Best match first: rank is the mean over the words of the query, a word in
    name or title counting 1, in a tag 0.4, in the description alone 0.1; the newest (greatest id) first among
    equals. Of more than 200 matches the 200 created last are ranked. The next page is asked for with after_rank
    and after_id, those of the last row. Cost: of words that many documents have, the newest documents of the
    company until 200 are found; of others, those of the company with the longest word, by index.
    """

    id: int | None
    rank: float | None
    name: str | None
    title: str | None
    document_state: str | None
    type_id: int | None
    filed_under_id: int | None
    confidentiality_level: str | None
    expiry_date: date | None
    tags: list[str] | None
    created_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsByMetadata(NamedTuple):
    """A row of ``fbs_documents_by_metadata``.

    Documents of a company that have all the given facts among their metadata, such as {"model_name":
    "tenants.tenant", "record_id": 7}; facts within lists and objects count, a number is not its text. Newest
    first; the next page is asked for with after_created_at and after_id, those of the last row. Null finds
    nothing; error FB040 for {} and [], which every document has. Cost: of facts that many documents have, the
    newest documents of the company until a page is full; of others, all documents, of whatever company, that
    have them, by index.
    """

    id: int | None
    name: str | None
    title: str | None
    document_type_id: int | None
    category_id: int | None
    state: str | None
    confidentiality_level: str | None
    expiry_date: date | None
    document_metadata: Json | None
    created_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsExpiring(NamedTuple):
    """A row of ``fbs_documents_expiring``.

    Documents of a company that are valid on a day (by default today) and cease to be within so many days (by
    default 30), the soonest first; archived ones are left out. days_left is 0 for one whose last valid day it
    is.
    """

    id: int | None
    name: str | None
    title: str | None
    document_type_id: int | None
    category_id: int | None
    state: str | None
    expiry_date: date | None
    days_left: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsExpired(NamedTuple):
    """A row of ``fbs_documents_expired``.

    Documents of a company whose last valid day is before a day (by default today) and not before since (null:
    at any time), the latest first; archived ones are left out. A document is still valid on its last day.
    page_size: so many at most.
    """

    id: int | None
    name: str | None
    title: str | None
    document_type_id: int | None
    category_id: int | None
    state: str | None
    expiry_date: date | None
    days_expired: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsStorage(NamedTuple):
    """A row of ``fbs_documents_storage``.

    What the files of a company take: how many, bytes in all, the largest (null without files), those anyone may
    open, those that no document uses, and those whose content an earlier file has already (by checksum). Always
    one row. Cost: all files of the company.
    """

    file_count: int | None
    total_bytes: Decimal | None
    largest_bytes: int | None
    public_count: int | None
    unused_count: int | None
    unused_bytes: Decimal | None
    repeated_count: int | None
    repeated_bytes: Decimal | None
    last_upload_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsStorageByType(NamedTuple):
    """A row of ``fbs_documents_storage_by_type``.

    What the files of a company take by format: how many, bytes, and their share of all its bytes in per cent
    (null where all are empty). The largest share first; no rows without files. Cost: all files of the company.
    """

    mime_type: str | None
    file_count: int | None
    total_bytes: Decimal | None
    bytes_percent: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class DocumentsStatistics(NamedTuple):
    """A row of ``fbs_documents_statistics``.

    Documents of a company in numbers, on a day (by default today): how many in all, added in the 30 days before
    that day or on it, past their last valid day (archived ones left out), and without a file; by state and by
    type (objects of counts by name; a name without documents is not in it), and by category (a list of objects
    with path, id and count, by path). Always one row. Days are those of the session's time zone. Cost: all
    documents of the company.
    """

    document_count: int | None
    recent_count: int | None
    expired_count: int | None
    without_file_count: int | None
    by_state: Json | None
    by_type: Json | None
    by_category: Json | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class LicensingLicenses(NamedTuple):
    """A row of ``fbs_licensing_licenses``.

    Licence of each solution and how it stands today. The licence key is left out, as it is a secret.

    Attributes:
        id: Number that identifies the licence.
        solution_name: Solution the licence is for, by name; one licence per solution.
        solution_db: Database of the solution; null when solutions are not kept apart.
        license_type: Scope of the licence, such as trial or enterprise.
        status: State as it was last noted; the end of the licence may have passed since.
        effective_status: State today: active, expired, trial_expired or suspended as a rule; see
            fbs_judge_license.
        is_valid: True when the state today is active.
        expiry_date: When the licence ends; it is valid through that day. Null when it is perpetual.
        days_left: Days until the day it ends on, in the session's time zone: 0 on that day, below 0 after it,
            null when it is perpetual.
        features: List of the features the licence switches on; [] when none, or the text kept is no list.
        limits: How much of each feature may be used, by name; {} when nothing is limited, or the text kept is
            no such object.
        source: Where the licence came from, such as embedded or file.
        created_at: When the licence was added.
        updated_at: When the licence last changed.
    """

    id: int
    solution_name: str
    solution_db: str | None
    license_type: str
    status: str
    effective_status: str
    is_valid: bool
    expiry_date: datetime | None
    days_left: int | None
    features: Json
    limits: Json
    source: str
    created_at: datetime
    updated_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class LicensingLicense(NamedTuple):
    """A row of ``fbs_licensing_license``.

    Licence of a solution and how it stands on a day (by default today), as fbs_licensing_licenses gives it for
    today; without the licence key. No row for a solution without a licence.
    """

    license_type: str | None
    status: str | None
    effective_status: str | None
    is_valid: bool | None
    expiry_date: datetime | None
    days_left: int | None
    features: Json | None
    limits: Json | None
    source: str | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class LicensingFeature(NamedTuple):
    """A row of ``fbs_licensing_feature``.

    Whether a solution may use a feature once more on a day (by default today). Always one row. reason is
    allowed; or the first that holds of: no_license; the state of the licence where it is not active, such as
    expired; not_included where the licence does not list the feature; limit_reached. usage_limit is null, and
    with it usage_left, for no limit; a limit of 0 allows nothing. usage_left is never below 0. used_percent is
    over 100 where more was used than is allowed, null without a limit and for a limit of 0.
    """

    is_allowed: bool | None
    reason: str | None
    is_included: bool | None
    usage_limit: Decimal | None
    usage_count: int | None
    usage_left: Decimal | None
    used_percent: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class LicensingFeatures(NamedTuple):
    """A row of ``fbs_licensing_features``.

    Every feature that a solution's licence lists or limits, or that it has used, with the answers of
    fbs_licensing_feature for a day (by default today). What is only limited or used is not included, and so not
    allowed.
    """

    feature_name: str | None
    is_allowed: bool | None
    reason: str | None
    is_included: bool | None
    usage_limit: Decimal | None
    usage_count: int | None
    usage_left: Decimal | None
    used_percent: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class LicensingUsage(NamedTuple):
    """A row of ``fbs_licensing_usage``.

    What each solution has used of each feature, beside the limit of its licence.

    Attributes:
        id: Number that identifies the usage count.
        solution_name: Solution that uses the feature, by name.
        feature_name: Feature that is counted, by name; once per solution.
        usage_count: How much of the feature is used.
        usage_limit: How much of it the licence allows; null for no limit, and for a solution without a licence.
        usage_left: How much of it is left, never below 0; null where there is no limit.
        used_percent: Per cent of the limit that is used, over 100 where more was used than is allowed; null
            without a limit and for a limit of 0.
        last_updated: When the usage count last changed.
    """

    id: int
    solution_name: str
    feature_name: str
    usage_count: int
    usage_limit: Decimal | None
    usage_left: Decimal | None
    used_percent: Decimal | None
    last_updated: datetime

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)


class SuiteDeadlines(NamedTuple):
    """A row of ``fbs_suite_deadlines``.

    What a solution has to see to by a day from since (null: whatever is open, however late) until until (by
    default 30 days after on_date), both included; the earliest first, at most page_size of them. It reads what
    is installed in this database and leaves out the rest; a business or company goes by its solution's name.
    kind is one of: compliance: a duty (fbs_msme_compliance) neither met nor judged compliant or completed.
    compliance_check: the last day of the day, week (to Sunday), month, quarter or year, around on_date, in
    which a rule in force (fbs_compliance_rules) is to be checked; whether it was is not recorded. report: a
    report scheduled to be produced (fbs_report_schedules). recurring: the next day, from on_date on, of a
    payment or receipt that comes back (fbs_recurring_transactions). receivable, payable: income or expense
    (fbs_app_incomeexpense) neither paid nor cancelled, by its due date. tax: tax (fbs_app_taxcalculation) of
    which something is to be paid; amount is what. document: the last valid day of a document (fbs_dms_document)
    that is not archived. license: the last day of the solution's licence
    (fbs_license_manager_solution_license). days_left counts from on_date (by default today): 0 on the day
    itself, below 0, and is_overdue, after it. status is the record's own (the frequency of checks and reports,
    the kind of a recurring transaction). amount is in the business's own currency, null where no money is due.
    Times count for their day in the session's time zone.
    """

    due_date: date | None
    days_left: int | None
    is_overdue: bool | None
    kind: str | None
    title: str | None
    status: str | None
    amount: Decimal | None
    table_name: str | None
    record_id: int | None

    def as_dict(self) -> dict[str, Any]:
        """The row as a dictionary."""
        return self._asdict()

    def __str__(self) -> str:
        return row_text(self)
