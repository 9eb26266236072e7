"""Set-up, goals, duties, campaigns and figures of a small business."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.query import State
from fbs_db.reads.rows import Json, Row


class MsmeSetup(Row):
    """A row of ``fbs_msme_setup``.

    Attributes:
        solution_name: Solution being set up; unique, so each has one set-up.
        status: How far the set-up is; starts as not_started.
        current_step: Step of the set-up reached so far, by name; "" before the first one.
        total_steps: How many steps the set-up has altogether; 0 until they are known.
        progress: Part of the set-up that is done, in percent from 0 to 100; 0 at first.
        is_complete: Whether the set-up is finished: its status is completed.
        business_type: Line of business chosen in the set-up, such as retail or services; "" until chosen.
        configuration: JSON object with the answers and settings gathered during the set-up; {} at first.
        started_at: When the set-up began; the database fills in the time the line is added, whatever its status, unless
            given.
        completed_at: When the set-up was finished; None until then.
        elapsed: Time from the start to the end of the set-up, to now while it lasts; None when it has not begun, or
            ended at a time not known.
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


class MsmeKpiProgress(Row):
    """A row of ``fbs_msme_kpi_progress``.

    Attributes:
        kpi_name: What is measured, such as revenue; unique for one solution and period.
        period: Span of time one value covers, such as monthly or yearly.
        kpi_type: Side of the business it looks at.
        current_value: Latest value of the figure, with two decimals, in the unit given by unit.
        target_value: Value the business aims for, in the same unit; None when there is no target.
        unit: What both values are counted in, such as a currency, % or days; "" for a plain number.
        difference: Latest value less the target; negative while the figure is short of it, None when there is no
            target.
        target_percent: Latest value in percent of the target; over 100 when it is passed, None without a target above
            0.
        is_reached: Whether the latest value is at or above the target; None when there is no target.
        trend: Which way the figure is heading, such as up or down; "" when not known.
        last_updated: When the figure was last worked out; the database sets it when the line is added and on every
            change, unless given.
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


class MsmeComplianceStatus(Row):
    """A row of ``fbs_msme_compliance_status``.

    Attributes:
        compliance_type: Kind of duty; each solution has one line a kind.
        status: Whether the duty is met; starts as pending.
        due_state: Where the duty stands today: met, overdue (from the day after its due date), due (within 30 days) or
            later. A filter by fbs_is_due_state uses the index of due_date.
        due_date: Last day on which the duty can be met in time.
        actual_completion_date: Day on which the duty was really met; None until then.
        days_left: Days from today to the due date; 0 on that day, negative when overdue, None when the duty is met.
        days_late: Days past the due date at which the duty was met, or so far; 0 when not late, or met on a day not
            known.
        requirements: JSON list of what the business has to do or hand in; [] when nothing is listed.
        documents: JSON list of the papers that prove it, such as certificates or returns; [] when there are none.
        last_checked: When the duty was last checked: set by who sees it happen. When the line is added, the database
            sets it unless given.
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


class MsmeCampaigns(Row):
    """A row of ``fbs_msme_campaigns``.

    Attributes:
        campaign_name: What the business calls the campaign; need not be unique.
        campaign_type: Way customers are reached.
        status: Where the campaign stands, in the application's own words.
        start_date: First day on which the campaign runs or is to run.
        end_date: Last day on which the campaign runs; None when it is open-ended.
        is_running: Whether today is a day of the campaign, whatever its status.
        days_planned: How many days the campaign runs, first and last included; 0 when it ends before it starts, None
            when it is open-ended.
        days_left: How many of its days are still to come, today included; None when it is over or open-ended.
        budget: Money set aside for the campaign, in the business's own currency; None when none was set.
        spend: What it cost so far, in the business's own currency: what the metrics have under spend, else spent, else
            cost. None when that is no amount, or one of more than 13 digits before the point.
        budget_left: Budget less cost; negative when overspent, None when either is not known.
        budget_percent: Cost in percent of the budget; over 100 when overspent, None when the budget is 0 or either is
            not known.
        is_over_budget: Whether it cost more than its budget; None when either is not known.
        target_audience: JSON object describing whom to reach, such as age, place or interests; {} when not described.
        metrics: JSON object with results measured so far, such as views, clicks or sales; {} when none.
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


class MsmeSetupTemplates(Row):
    """A row of ``fbs_msme_setup_templates``.

    Attributes:
        business_type: Line of business it suits.
        configuration: JSON object with the settings a business starts with when it takes this template; {} when none.
    """

    id: int
    business_type: str
    name: str
    description: str
    configuration: Json
    is_active: bool
    created_at: datetime
    updated_at: datetime


class MsmeAnalyticsSeries(Row):
    """A row of ``fbs_msme_analytics_series``.

    Attributes:
        metric_name: What was measured, such as sales or new customers.
        metric_type: Kind of figure it is, as a label of the application's own choosing.
        period: Span of time the value covers, such as daily or monthly.
        date: Day the value belongs to; period says how long a span that day stands for.
        metric_value: Value that was measured, with two decimals; metric_name says what it counts.
        context: JSON object with circumstances of the measurement, such as a branch or product; {} when none.
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


class MsmeAnalyticsSummary(Row):
    """A row of ``fbs_msme_analytics_summary``."""

    metric_name: str
    period: str
    metric_type: str
    measurements: int
    first_date: date
    last_date: date
    latest_value: Decimal
    previous_value: Decimal | None
    change: Decimal | None
    change_percent: Decimal | None
    minimum: Decimal
    maximum: Decimal
    average: Decimal
    total: Decimal


class MsmeDashboard(Row):
    """A row of ``fbs_msme_dashboard``.

    Attributes:
        solution_name: Solution; one row each.
        business_type: Line of business chosen in the set-up; "" until chosen, None without a set-up.
        setup_status: How far the set-up is: not_started, in_progress, completed or paused; None without a set-up.
        setup_progress: Part of the set-up that is done, in percent from 0 to 100; None without a set-up.
        duties_due: How many of them are due within 30 days, today included.
        next_due_date: Next day on which one of them is due; None when none is still to come.
        campaigns: How many campaigns it has, past and future ones included.
        budget: Sum of their budgets, in the business's own currency; those without one count as 0.
        spend: Sum of what they cost so far; those whose cost is not known count as 0.
        latest_analytics_date: Day of its latest measurement; None when there is none.
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


class Msme(Group[AnyDriver]):
    """Set-up, goals, duties, campaigns and figures of a small business."""

    @view(
        "fbs_msme_setup",
        order=("solution_name",),
        known={"status": ("not_started", "in_progress", "completed", "paused", "failed")},
    )
    def setup(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        business_type: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[MsmeSetup]:
        """How far the set-up of each solution is. A solution whose set-up was never opened has no row."""

    @view(
        "fbs_msme_kpi_progress",
        order=("solution_name", "kpi_name", "period"),
        known={"kpi_type": ("financial", "operational", "customer", "growth", "compliance")},
    )
    def kpi_progress(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        kpi_type: str | None = None,
        period: str | None = None,
        kpi_name: str | None = None,
        is_reached: bool | None = None,
        trend: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[MsmeKpiProgress]:
        """Key figures against their targets. More counts as better: a figure has reached its target when it is at or
        above it.
        """

    @view(
        "fbs_msme_compliance_status",
        order=("due_date", "id"),
        ranged="due_date",
        known={
            "compliance_type": ("tax", "regulatory", "financial", "operational"),
            "status": ("compliant", "non_compliant", "at_risk", "pending", "completed"),
        },
        states={
            "due_state": State(
                ("met", "overdue", "due", "later"), "fbs_is_due_state", ("status", "actual_completion_date", "due_date")
            )
        },
    )
    def compliance_status(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        compliance_type: str | None = None,
        status: str | None = None,
        due_state: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[MsmeComplianceStatus]:
        """Duties of each business, and which are due or overdue today, in the session's time zone. A duty is met when
        its day of completion is known or its status is compliant or completed.
        """

    @view(
        "fbs_msme_campaigns",
        order=("-start_date", "-id"),
        ranged="start_date",
        known={"campaign_type": ("digital", "traditional", "social_media", "email", "content")},
    )
    def campaigns(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        campaign_type: str | None = None,
        is_running: bool | None = None,
        is_over_budget: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[MsmeCampaigns]:
        """Marketing campaigns with what they cost so far against their budget. Today is the day in the session's time
        zone. Read latest first: start_date desc, id desc.
        """

    @view(
        "fbs_msme_setup_templates",
        order=("business_type", "name", "id"),
        known={
            "business_type": ("retail", "manufacturing", "services", "restaurant", "consulting", "ecommerce", "other")
        },
    )
    def setup_templates(
        self,
        *,
        id: int | None = None,
        business_type: str | None = None,
        is_active: bool | None = None,
        name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[MsmeSetupTemplates]:
        """Templates for the set-up by line of business, withdrawn ones too. Read by business_type, name, id."""

    @view(
        "fbs_msme_analytics_series",
        order=("date", "id"),
        ranged="date",
        together=(("solution_name", "metric_name"), ("solution_name", "period")),
        not_alone=("metric_name", "period"),
        whole=False,
    )
    def analytics_series(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        metric_name: str | None = None,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[MsmeAnalyticsSeries]:
        """Measurements of one solution over time, oldest first: date, id. Two of one day are both there."""

    @function("fbs_msme_analytics_summary")
    def analytics_summary(
        self, solution_name: str, *, since: date | None = None, until: date | None = None
    ) -> Page[MsmeAnalyticsSummary]:
        """What a solution's measurements from since to before until (all unless given) come to, for each metric and
        period: the latest value (of two on one day the one added last), the one before it and the change between them,
        also in percent of the one before (None when that is 0 or missing), the smallest, largest, average and sum. A
        metric without measurements in that time has no row.
        """

    @view("fbs_msme_dashboard", order=("solution_name",))
    def dashboard(
        self, *, solution_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[MsmeDashboard]:
        """One row for each solution that has a set-up, a key figure, a duty or a campaign: how it stands in all of
        them. Counts of what it has none of are 0.
        """
