"""Dashboards, reports, indicators and charts."""

from datetime import datetime
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row, UserKey


class BiDashboards(Row):
    """A row of ``fbs_bi_dashboards``.

    Attributes:
        dashboard_type: Part of the business the dashboard covers.
        layout: Arrangement of the dashboard: which charts and figures stand where; {} until it is arranged.
        is_public: True when users other than its creator may see the dashboard; false unless given.
        refresh_interval: Seconds between two refreshes of the figures shown; 300 (five minutes) unless given.
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


class BiVisibleDashboards(Row):
    """A row of ``fbs_bi_visible_dashboards``."""

    id: int
    name: str
    description: str
    dashboard_type: str
    layout: Json
    refresh_interval: int
    is_public: bool
    is_own: bool


class BiReports(Row):
    """A row of ``fbs_bi_reports``.

    Attributes:
        report_type: Subject of the report.
        data_source: Name of the place the report reads its figures from, such as a table or an Odoo object.
        query_parameters: Filters and other inputs of the report, such as period or branch, by name; {} when it takes
            none.
        output_format: Kind of file the report comes out as; pdf unless given.
        template: Text of the page layout the figures are set into; "" when the standard layout serves.
        is_scheduled: True when the report is to run by itself at set times; false when it runs only on request.
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


class BiKpis(Row):
    """A row of ``fbs_bi_kpis``.

    Attributes:
        kpi_type: Side of the business the figure measures.
        calculation_method: How the figure is worked out from its source, as a short name or formula.
        data_source: Name of the place the underlying numbers come from, such as a table or an Odoo object.
        target_value: Value the business aims for, in the figure's own unit; None when no target is set.
        warning_threshold: Value at which the figure calls for attention, in its own unit; None when none is set.
        critical_threshold: Value at which the figure calls for action at once, in its own unit; None when none is set.
        alarm_side: Side of the alarm levels: above (the figure may not rise to them) or below. The critical level
            against the warning level tells it, else the one there is against the target; None when neither does.
        unit: What the values count, such as per cent, days or a currency; "" for plain numbers.
        frequency: How often the figure is worked out anew; daily unless given.
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


class BiKpiState(Row):
    """A row of ``fbs_bi_kpi_state``."""

    id: int
    name: str
    unit: str
    value: Decimal
    target_value: Decimal | None
    target_percent: Decimal | None
    warning_threshold: Decimal | None
    critical_threshold: Decimal | None
    alarm_side: str | None
    state: str


class BiCharts(Row):
    """A row of ``fbs_bi_charts``.

    Attributes:
        chart_type: Form in which the numbers are shown.
        data_source: Name of the place the chart reads its numbers from, such as a table or an Odoo object.
        configuration: Settings of the drawing, such as axes, colours and filters; {} for the standard look.
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


class BiSchedulesDue(Row):
    """A row of ``fbs_bi_schedules_due``."""

    kind: str
    id: int
    name: str
    data_source: str
    frequency: str
    due_at: datetime


class Bi(Group[AnyDriver]):
    """Dashboards, reports, indicators and charts."""

    @view(
        "fbs_bi_dashboards",
        order=("dashboard_type", "name", "id"),
        known={"dashboard_type": ("msme", "financial", "operational", "compliance", "custom", "general")},
    )
    def dashboards(
        self,
        *,
        id: int | None = None,
        dashboard_type: str | None = None,
        is_public: bool | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[BiDashboards]:
        """Dashboards, retired ones too. Read by dashboard_type, name, id."""

    @function("fbs_bi_visible_dashboards")
    def visible_dashboards(self, user_id: UserKey) -> Page[BiVisibleDashboards]:
        """Dashboards in use that a user may see: the public ones and the user's own."""

    @view(
        "fbs_bi_reports",
        order=("report_type", "name", "id"),
        known={
            "output_format": ("pdf", "excel", "csv", "json", "html"),
            "report_type": ("sales", "financial", "inventory", "compliance", "operational", "custom", "general"),
        },
    )
    def reports(
        self,
        *,
        id: int | None = None,
        report_type: str | None = None,
        is_scheduled: bool | None = None,
        is_active: bool | None = None,
        output_format: str | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[BiReports]:
        """Report definitions, retired ones too. Read by report_type, name, id."""

    @view(
        "fbs_bi_kpis",
        order=("kpi_type", "name", "id"),
        known={
            "frequency": ("real_time", "hourly", "daily", "weekly", "monthly", "quarterly", "annually"),
            "kpi_type": ("financial", "operational", "customer", "employee", "compliance", "growth", "general"),
        },
    )
    def kpis(
        self,
        *,
        id: int | None = None,
        kpi_type: str | None = None,
        frequency: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[BiKpis]:
        """Key figures with target and alarm levels, retired ones too. Read by kpi_type, name, id. Where a measured
        value stands: fbs_bi_kpi_state.
        """

    @function("fbs_bi_kpi_state", kpi_id="bigint")
    def kpi_state(self, kpi_id: int, measured_value: Decimal) -> BiKpiState | None:
        """Where a measured value of a key figure stands: ok, warning or critical (at a level it counts as reached), or
        unknown without a value or where the levels do not tell on which side the alarm is. One row; none where there is
        no such key figure.
        """

    @view(
        "fbs_bi_charts",
        order=("chart_type", "name", "id"),
        known={"chart_type": ("line", "bar", "pie", "area", "scatter", "table", "gauge", "metric")},
    )
    def charts(
        self,
        *,
        id: int | None = None,
        chart_type: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[BiCharts]:
        """Charts, retired ones too. Read by chart_type, name, id."""

    @function("fbs_bi_schedules_due")
    def schedules_due(
        self, *, since: datetime | None = None, zone: str | None = None, at: datetime | None = None
    ) -> Page[BiSchedulesDue]:
        """Scheduled reports and key figures in use that are to be produced anew: those whose hour, day, week (from
        Monday), month, quarter or year in the time zone began after since, the last time they were produced, all of
        them without one. A report's frequency is the one in its query_parameters, daily where none is named; a
        frequency not known counts as daily, yearly is annually; real_time is always due.
        """
