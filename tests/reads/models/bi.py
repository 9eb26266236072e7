"""BI: random rows, and what each read answers to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.reads.models.common import by_id, percent, text_of, without
from tests.support.differential import INSTANT, UTC, ZONES, Answer, Call, Group, Raw, View, World

FREQUENCIES = ["real_time", "hourly", "daily", "weekly", "monthly", "quarterly", "annually", "yearly", "odd", "Daily"]


def fill_bi(w: World) -> None:
    def common() -> Answer:
        return {
            "name": w.any("a", "B", "b", "é"),
            "description": w.any("", "d"),
            "is_active": w.any(True, True, False),
            "created_by_id": w.user(),
        }

    for _ in w.many(30):
        w.put(
            "fbs_dashboards",
            **common(),
            dashboard_type=w.any("msme", "custom", "odd"),
            layout=w.data(),
            is_public=w.any(True, False),
        )
        w.put(
            "fbs_reports",
            **common(),
            report_type=w.any("sales", "custom", "odd"),
            data_source="s",
            query_parameters=w.any({}, [1], {"frequency": w.any(*FREQUENCIES, None, "", 7)}),
            output_format=w.any("pdf", "odd"),
            is_scheduled=w.any(True, True, False),
        )
        w.put(
            "fbs_kpis",
            **common(),
            kpi_type=w.any("financial", "growth", "odd"),
            calculation_method="m",
            data_source="s",
            target_value=w.amount(),
            warning_threshold=w.amount(),
            critical_threshold=w.amount(),
            unit=w.any("", "%"),
            frequency=w.any(*FREQUENCIES),
        )
        w.put("fbs_charts", **common(), chart_type=w.any("line", "pie", "odd"), data_source="s", configuration=w.data())


def bi_dashboards(w: World) -> list[Answer]:
    return w["fbs_dashboards"]


def bi_visible_dashboards(w: World, user_id: int) -> list[Answer]:
    found = [
        without(d, "is_active", "created_by_id", "created_at", "updated_at") | {"is_own": d.created_by_id == user_id}
        for d in w["fbs_dashboards"]
        if d.is_active and (d.is_public or d.created_by_id == user_id)
    ]
    return sorted(found, key=lambda d: (d["dashboard_type"], d["name"], d["id"]))


def bi_reports(w: World) -> list[Answer]:
    return w["fbs_reports"]


def alarm_side(kpi: Any) -> str | None:
    levels = [level for level in (kpi.critical_threshold, kpi.warning_threshold) if level is not None]
    if len(set(levels)) == 2:
        return "above" if levels[0] > levels[1] else "below"
    if not levels or kpi.target_value in (None, levels[0]):
        return None
    return "above" if levels[0] > kpi.target_value else "below"


def bi_kpis(w: World) -> list[Answer]:
    return [kpi | {"alarm_side": alarm_side(kpi)} for kpi in w["fbs_kpis"]]


def bi_kpi_state(w: World, kpi_id: int, measured_value: Decimal) -> Answer | None:
    kpi = by_id(w["fbs_kpis"]).get(kpi_id)
    if kpi is None:
        return None
    side = alarm_side(kpi)

    def reached(level: Decimal | None) -> bool:
        if level is None:
            return False
        return measured_value >= level if side == "above" else measured_value <= level

    state = "critical" if reached(kpi.critical_threshold) else "warning" if reached(kpi.warning_threshold) else "ok"
    names = ("id", "name", "unit", "target_value", "warning_threshold", "critical_threshold")
    return {name: getattr(kpi, name) for name in names} | {
        "value": measured_value,
        "target_percent": percent(measured_value, kpi.target_value) if (kpi.target_value or 0) > 0 else None,
        "alarm_side": side,
        "state": state if side else "unknown",
    }


def state_arguments(w: World) -> Answer:
    kpi = w.any(Raw(id=999, warning_threshold=None, critical_threshold=None), *w["fbs_kpis"])
    levels = [level for level in (kpi.warning_threshold, kpi.critical_threshold) if level is not None]
    return {
        "kpi_id": kpi.id,
        "measured_value": w.any(w.number(), *levels, *levels) + w.any(Decimal(0), Decimal("0.01"), Decimal("-0.001")),
    }


def bi_charts(w: World) -> list[Answer]:
    return w["fbs_charts"]


def began(frequency: str, at: datetime, zone: str) -> datetime:
    """When the present hour, day, week, month, quarter or year of a time zone began."""
    if frequency == "real_time":
        return at
    local = at.astimezone(ZoneInfo(zone))
    hour = local.replace(minute=0, second=0, microsecond=0)
    if frequency == "hourly":
        return hour.astimezone(UTC)
    day = hour.replace(hour=0, fold=0)
    if frequency == "weekly":
        day -= timedelta(days=day.weekday())  # by the calendar: midnights stay midnights
    elif frequency == "monthly":
        day = day.replace(day=1)
    elif frequency == "quarterly":
        day = day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)
    elif frequency in ("annually", "yearly"):
        day = day.replace(day=1, month=1)
    return day.astimezone(UTC)


def bi_schedules_due(
    w: World, since: datetime | None = None, zone: str = "UTC", at: datetime | None = None
) -> list[Answer]:
    planned = [("kpi", kpi, kpi.frequency) for kpi in w["fbs_kpis"] if kpi.is_active]
    for report in w["fbs_reports"]:
        if report.is_active and report.is_scheduled:
            named = report.query_parameters if isinstance(report.query_parameters, dict) else {}
            frequency = text_of(named.get("frequency"))
            planned.append(("report", report, "daily" if frequency is None else frequency))
    found = [
        {
            "kind": kind,
            "id": row.id,
            "name": row.name,
            "data_source": row.data_source,
            "frequency": frequency,
            "due_at": due_at,
        }
        for kind, row, frequency in planned
        for due_at in [began(frequency, at or w.now, zone)]
        if since is None or frequency == "real_time" or due_at > since
    ]
    return sorted(found, key=lambda row: (row["due_at"], row["kind"], row["id"]))


def schedules_arguments(w: World) -> Answer:
    at = w.any(None, w.moment(), *(datetime(2026, month, 1, w.any(0, 1, 5, 22), tzinfo=UTC) for month in (1, 3, 4, 11)))
    zone = w.any(None, *ZONES)
    begun = began(w.any(*FREQUENCIES), at or w.now, zone or "UTC")
    return {"at": at, "zone": zone, "since": w.any(None, w.moment(), begun, begun - INSTANT)}


READS = Group(
    fill_bi,
    [
        View("dashboards", bi_dashboards, "dashboard_type name id"),
        Call("visible_dashboards", bi_visible_dashboards, lambda w: {"user_id": w.any(1, 2, 3, 9)}),
        View("reports", bi_reports, "report_type name id"),
        View("kpis", bi_kpis, "kpi_type name id"),
        Call("kpi_state", bi_kpi_state, state_arguments),
        View("charts", bi_charts, "chart_type name id"),
        Call("schedules_due", bi_schedules_due, schedules_arguments),
    ],
    roughly=True,
)
