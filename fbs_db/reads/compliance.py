"""Rules to keep, traces left, and what recurs."""

from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row

FREQUENCIES = ("daily", "weekly", "monthly", "quarterly", "yearly")


class ComplianceRuleList(Row):
    """A row of ``fbs_compliance_rule_list``.

    Attributes:
        compliance_type: Field the duty comes from, such as tax, audit or general.
        requirements: List of the points to be met under the rule; [] when none is listed.
        requirement_count: How many points are to be met; None when requirements is not a list.
        check_frequency: How often the rule is checked, such as monthly.
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


class ComplianceSummary(Row):
    """A row of ``fbs_compliance_summary``.

    Attributes:
        active_type_count: From how many fields (tax, audit, ...) the rules in force come.
        last_changed_at: When one of the rules last changed.
    """

    solution_name: str
    rule_count: int
    active_count: int
    suspended_count: int
    active_type_count: int
    last_changed_at: datetime


class ComplianceAuditTrail(Row):
    """A row of ``fbs_compliance_audit_trail``.

    Attributes:
        record_type: Kind of record acted on, such as sale or payment.
        record_id: Identifier of the record acted on, as text; that record may be gone.
        action: What was done to the record, such as create or delete.
        user_id: Identifier of the user who acted, as text whatever the type of the host's user keys; that user may be
            gone.
        details: Particulars of the action by name; {} when none are kept.
        timestamp: When the action took place.
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


class ComplianceUserActivity(Row):
    """A row of ``fbs_compliance_user_activity``.

    Attributes:
        user_id: Identifier of the user, as text whatever the type of the host's user keys; that user may be gone.
        action: What the user did, such as login.
        details: Particulars of the activity by name; {} when none are kept.
        timestamp: When the user did it.
        user_agent: Browser or program the user worked with; "" when not known.
        session_id: Identifier of the sign-in session; "" when not known.
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


class ComplianceReportSchedules(Row):
    """A row of ``fbs_compliance_report_schedules``.

    Attributes:
        report_type: Which report to produce, by a name the solution knows.
        frequency: How often the report is produced, such as monthly.
        next_run: When the report is due to be produced next.
        is_overdue: True when the schedule runs and its next time is past; false otherwise.
        configuration: Settings for producing the report; {} when none.
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


class ComplianceRecurringTransactions(Row):
    """A row of ``fbs_compliance_recurring_transactions``.

    Attributes:
        transaction_type: Kind of booking that recurs, such as income or payment.
        amount: Money booked each time, in the business's own currency.
        frequency: How often the transaction comes back: daily, weekly, monthly, quarterly or yearly.
        start_date: First day on which the transaction is to be booked.
        end_date: Last day on which it may recur, itself included; None when it goes on without end.
        next_date: Next day it is to be booked, today included; None when it is paused, past its last day, or its
            frequency is not one of the five.
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


class ComplianceRecurringDates(Row):
    """A row of ``fbs_compliance_recurring_dates``."""

    recurring_transaction_id: int
    name: str
    transaction_type: str
    amount: Decimal
    booking_date: date


class Compliance(Group[AnyDriver]):
    """Rules to keep, traces left, and what recurs."""

    @view(
        "fbs_compliance_rule_list",
        order=("solution_name", "name"),
        known={
            "check_frequency": FREQUENCIES,
            "compliance_type": ("tax", "regulatory", "audit", "financial", "operational", "general"),
        },
    )
    def rule_list(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        compliance_type: str | None = None,
        check_frequency: str | None = None,
        active: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ComplianceRuleList]:
        """Compliance rules of every solution, in force or suspended."""

    @view("fbs_compliance_summary", order=("solution_name",))
    def summary(
        self, *, solution_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[ComplianceSummary]:
        """How many compliance rules each solution has. Whether a rule is kept is not recorded with it. A solution
        without rules has no row.
        """

    @view(
        "fbs_compliance_audit_trail",
        order=("-timestamp", "-id"),
        ranged="timestamp",
        together=(("record_type", "record_id"), ("solution_name", "record_type"), ("solution_name", "user_id")),
        not_alone=("user_id", "record_type", "record_id"),
        whole=False,
        known={"record_type": ("sale", "purchase", "payment", "inventory", "user", "system")},
    )
    def audit_trail(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        record_type: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ComplianceAuditTrail]:
        """Audit trail of one solution (solution_name), or of one record (record_type and record_id), whatever its
        solution. Read newest first: timestamp desc, id desc.
        """

    @view(
        "fbs_compliance_user_activity",
        order=("-timestamp", "-id"),
        ranged="timestamp",
        together=(("solution_name", "user_id"), ("solution_name", "action")),
        not_alone=("user_id", "action"),
        whole=False,
    )
    def user_activity(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ComplianceUserActivity]:
        """Activity of the users of one solution (solution_name). Read newest first: timestamp desc, id desc."""

    @view(
        "fbs_compliance_report_schedules", order=("next_run", "id"), ranged="next_run", known={"frequency": FREQUENCIES}
    )
    def report_schedules(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        report_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        is_overdue: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ComplianceReportSchedules]:
        """Timetable of the reports that each solution produces by itself."""

    @view(
        "fbs_compliance_recurring_transactions",
        order=("id",),
        ranged="next_date",
        together=(("solution_name", "transaction_type"), ("solution_name", "frequency"), ("solution_name", "active")),
        not_alone=("transaction_type", "frequency", "active"),
        known={"frequency": FREQUENCIES, "transaction_type": ("income", "expense", "payment", "receipt")},
    )
    def recurring_transactions(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        transaction_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ComplianceRecurringTransactions]:
        """Payments and receipts that come back at regular times, each with its next day."""

    @function("fbs_compliance_recurring_dates")
    def recurring_dates(
        self, solution_name: str, *, since: date | None = None, until: date | None = None
    ) -> Page[ComplianceRecurringDates]:
        """Every day from since (by default today) until until (by default 90 days later, at most a hundred years), both
        included, on which a solution's recurring transactions are to be booked; those that are paused or of an unknown
        frequency have none. The earliest first, by id where a day has several.
        """
