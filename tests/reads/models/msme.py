"""Small businesses: random rows, and what each read answers to them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.reads.models.common import cents, grouped, least, most, percent, text_of
from tests.support.differential import Answer, Call, Group, Raw, View, World

AMOUNTS: list[Any] = [None, 0, 100, 100.0, 99.995, 0.005, -3, 1e3, 10**12, 10**13, True, [], {"a": 1}]
AMOUNTS += ["12.5", "12.345", "-0.5", "n/a", "", "1 000"]


def fill_msme(w: World) -> None:
    for name in ["", "a", "b", "B", "a b", "é"] if w.seed else []:
        if w.any(True, False):
            w.put(
                "fbs_msme_setup_wizard",
                solution_name=name,
                status=w.any("not_started", "in_progress", "completed", "completed", "paused", "odd"),
                progress=w.any("0", "33.33", "100"),
                business_type=w.any("", "retail", "odd"),
                started_at=w.moment(),
                completed_at=w.any(None, w.moment()),
            )
    for _ in w.many(25):
        w.put(
            "fbs_msme_kpis",
            solution_name=w.solution(),
            kpi_name=w.any("sales", "Costs"),
            kpi_type=w.any("financial", "growth", "odd"),
            current_value=w.number(),
            target_value=w.amount(),
            unit=w.any("", "%"),
            period=w.any("monthly", "yearly"),
            trend=w.any("", "up"),
        )
    for _ in w.many(25):
        w.put(
            "fbs_msme_compliance",
            solution_name=w.solution(),
            compliance_type=w.any("tax", "regulatory", "financial", "operational", "odd"),
            status=w.any("compliant", "non_compliant", "at_risk", "pending", "odd"),
            due_date=w.day(),
            actual_completion_date=w.any(None, None, w.day()),
            requirements=w.any([], ["a"]),
            notes=w.any("", "n"),
        )
    for _ in w.many(30):
        metrics = {name: w.any(*AMOUNTS) for name in ("spend", "spent", "cost") if w.any(True, False)}
        w.put(
            "fbs_msme_marketing",
            solution_name=w.any("", "a", "c"),
            campaign_name=w.any("x", "y"),
            campaign_type=w.any("digital", "email", "odd"),
            start_date=w.day(),
            end_date=w.any(None, w.day()),
            budget=w.any(None, Decimal(0), Decimal(100), w.number()),
            metrics=w.any(metrics, metrics, metrics, [1]),
            status=w.any("active", "done"),
            created_at=w.moment(),
        )
    for _ in w.many(20):
        w.put(
            "fbs_msme_templates",
            name=w.any("a", "B", "b", "é"),
            business_type=w.any("retail", "services", "odd"),
            description="d",
            configuration=w.data(),
            is_active=w.any(True, False),
        )
    for _ in w.many(60):
        w.put(
            "fbs_msme_analytics",
            solution_name=w.any("", "a", "d"),
            metric_name=w.any("sales", "Visits"),
            metric_value=w.number(),
            metric_type=w.any("count", "money"),
            period=w.any("daily", "monthly"),
            date=w.day(),
            context=w.data(),
        )


def msme_setup(w: World) -> list[Answer]:
    def elapsed(s: Any) -> timedelta | None:
        if s.status == "not_started":
            return None
        end = s.completed_at if s.status == "completed" else w.now
        return end - s.started_at if end else None

    return [s | {"is_complete": s.status == "completed", "elapsed": elapsed(s)} for s in w["fbs_msme_setup_wizard"]]


def msme_kpi_progress(w: World) -> list[Answer]:
    def against_target(value: Decimal, target: Decimal | None) -> Answer:
        if target is None:
            return dict.fromkeys(("difference", "target_percent", "is_reached"))
        return {
            "difference": value - target,
            "target_percent": percent(value, target) if target > 0 else None,
            "is_reached": value >= target,
        }

    return [k | against_target(k.current_value, k.target_value) for k in w["fbs_msme_kpis"]]


def msme_compliance_status(w: World) -> list[Answer]:
    def standing(c: Any) -> Answer:
        left = (c.due_date - w.today).days
        if c.actual_completion_date:
            return {
                "due_state": "met",
                "days_left": None,
                "days_late": max((c.actual_completion_date - c.due_date).days, 0),
            }
        if c.status == "compliant":
            return {"due_state": "met", "days_left": None, "days_late": 0}
        state = "overdue" if left < 0 else "due" if left <= 30 else "later"
        return {"due_state": state, "days_left": left, "days_late": max(-left, 0)}

    return [c | standing(c) for c in w["fbs_msme_compliance"]]


def amount_of(metrics: Any) -> Decimal | None:
    named = metrics if isinstance(metrics, dict) else {}
    for name in ("spend", "spent", "cost"):
        if named.get(name) is not None:
            try:
                amount = Decimal(text_of(named[name]) or "")
            except ArithmeticError:
                return None
            return cents(amount) if abs(amount) < 10**13 else None
    return None


def msme_campaigns(w: World) -> list[Answer]:
    def standing(m: Any) -> Answer:
        every = None if m.end_date is None else days(m.start_date, m.end_date)
        coming = None if every is None or m.end_date < w.today else [day for day in every or [] if day >= w.today]
        spend = amount_of(m.metrics)
        both = m.budget is not None and spend is not None
        return {
            "is_running": m.start_date <= w.today and (m.end_date is None or w.today <= m.end_date),
            "days_planned": None if every is None else len(every),
            "days_left": None if coming is None else len(coming),
            "spend": spend,
            "budget_left": m.budget - spend if both else None,
            "budget_percent": percent(spend or 0, m.budget) if both else None,
            "is_over_budget": spend > m.budget if both else None,
        }

    return [m | standing(m) for m in w["fbs_msme_marketing"]]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def msme_setup_templates(w: World) -> list[Answer]:
    return w["fbs_msme_templates"]


def msme_analytics_series(w: World) -> list[Answer]:
    return w["fbs_msme_analytics"]


def msme_analytics_summary(
    w: World, solution_name: str, since: date | None = None, until: date | None = None
) -> list[Answer]:
    picked = [
        a
        for a in w["fbs_msme_analytics"]
        if a.solution_name == solution_name and (since is None or a.date >= since) and (until is None or a.date < until)
    ]
    found = []
    for (name, period), measured in sorted(grouped(picked, "metric_name", "period").items()):
        measured.sort(key=lambda a: (a.date, a.id))
        values = [a.metric_value for a in measured]
        latest, previous = values[-1], values[-2] if len(values) > 1 else None
        change = None if previous is None else latest - previous
        found.append(
            {
                "metric_name": name,
                "period": period,
                "metric_type": measured[-1].metric_type,
                "measurements": len(values),
                "first_date": measured[0].date,
                "last_date": measured[-1].date,
                "latest_value": latest,
                "previous_value": previous,
                "change": change,
                "change_percent": percent(change, abs(previous)) if change is not None and previous else None,
                "minimum": min(values),
                "maximum": max(values),
                "average": cents(Fraction(sum(values)) / len(values)),
                "total": sum(values),
            }
        )
    return found


def summary_arguments(w: World) -> Answer:
    return {"solution_name": w.any("", "a", "d", "none"), "since": w.any(None, w.day()), "until": w.any(None, w.day())}


def msme_dashboard(w: World) -> list[Answer]:
    parts = (msme_kpi_progress(w), msme_compliance_status(w), msme_campaigns(w))
    setups = {s.solution_name: s for s in w["fbs_msme_setup_wizard"]}
    found = []
    for name in setups.keys() | {row["solution_name"] for part in parts for row in part}:
        kpis, duties, campaigns = ([row for row in part if row["solution_name"] == name] for part in parts)
        setup = setups.get(name, Raw(business_type=None, status=None, progress=None))
        states = [row["due_state"] for row in duties]
        found.append(
            {
                "solution_name": name,
                "business_type": setup.business_type,
                "setup_status": setup.status,
                "setup_progress": setup.progress,
                "kpis": len(kpis),
                "kpis_with_target": sum(row["target_value"] is not None for row in kpis),
                "kpis_reached": sum(row["is_reached"] is True for row in kpis),
                "duties": len(duties),
                "duties_met": states.count("met"),
                "duties_due": states.count("due"),
                "duties_overdue": states.count("overdue"),
                "next_due_date": least(row["due_date"] for row in duties if row["due_state"] in ("due", "later")),
                "campaigns": len(campaigns),
                "campaigns_running": sum(row["is_running"] for row in campaigns),
                "budget": sum(row["budget"] or 0 for row in campaigns),
                "spend": sum(row["spend"] or 0 for row in campaigns),
                "campaigns_over_budget": sum(row["is_over_budget"] is True for row in campaigns),
                "latest_analytics_date": most(a.date for a in w["fbs_msme_analytics"] if a.solution_name == name),
            }
        )
    return found


READS = Group(
    fill_msme,
    [
        View("setup", msme_setup, "solution_name"),
        View("kpi_progress", msme_kpi_progress, "solution_name kpi_name period"),
        View("compliance_status", msme_compliance_status, "due_date id", "due_date"),
        View("campaigns", msme_campaigns, "-start_date -id", "start_date"),
        View("setup_templates", msme_setup_templates, "business_type name id"),
        View("analytics_series", msme_analytics_series, "date id", "date"),
        Call("analytics_summary", msme_analytics_summary, summary_arguments),
        View("dashboard", msme_dashboard, "solution_name"),
    ],
    roughly=True,
)
