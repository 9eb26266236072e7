"""Licensing: random rows, and what each read answers to them."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from tests.reads.models.common import Money, percent, where
from tests.reads.models.filling import FEATURES, LICENSED, SOLUTIONS, Filler, made_up
from tests.support.differential import Answer, Call, Group, View, World
from tests.support.reading import Rows


def fill_licensing(f: Filler) -> None:
    features = [
        *("[]", "null", "", "not JSON", '{"core": true}', '"core"', "[1, null, true]", '["core", NaN]', '["\\u0000"]'),
        *(json.dumps([*f.chance.sample(FEATURES, 4), *f.chance.choice([[], [1, None, {}]])]) for _ in range(20)),
    ]
    allowed: list[Any] = [0, -1, 1, 5, 2.5, 3, -7, None, True, "5", [5], {"count": 5}, {"count": -1}, {"count": "5"},
                          {"count": 0}, {"rate": 3}, {}]  # fmt: skip
    limits = [
        *("{}", "[]", "null", "", "{", '"text"', '{"a": NaN}', '{"\\u0000": 1}'),
        *(json.dumps({name: f.chance.choice(allowed) for name in f.chance.sample(FEATURES, 4)}) for _ in range(30)),
    ]
    f.add(
        "fbs_license_manager_solution_license", 14, solution_name=lambda: f.chance.choice([*SOLUTIONS, *LICENSED]),
        license_type=["trial", "basic", "odd"], license_key="secret", expiry_date=f.maybe_moment,
        features=features, limits=limits, status=["active", "active", "expired", "trial_expired", "suspended", "odd"],
        source=["file", "odd"], solution_db=[None, "db"],
    )  # fmt: skip
    f.add(
        "fbs_license_manager_feature_usage", 45, solution_name=[*SOLUTIONS, *LICENSED, "unlicensed"],
        feature_name=FEATURES, usage_count=[0, 1, 2, 3, 4, 5, 6, 99, -1], last_updated=f.moment,
    )  # fmt: skip


def parsed(text: str, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """What a text holds, where it is JSON of that kind that PostgreSQL can hold."""

    def refuse(_: str) -> Any:
        raise ValueError

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return kind()
    return value if isinstance(value, kind) and "\\u0000" not in text else kind()


def licence(world: World, solution_name: str, on_date: date | None = None) -> Answer | None:
    on_date = on_date or world.today
    for row in where(world["fbs_license_manager_solution_license"], solution_name=solution_name):
        ends = row["expiry_date"] and world.day_of(row["expiry_date"])
        state = row["status"]
        if ends and state in ("active", "expired", "trial_expired"):
            over = "trial_expired" if row["license_type"] == "trial" else "expired"
            state = "active" if on_date <= ends else over
        return row | {
            "effective_status": state,
            "is_valid": state == "active",
            "days_left": ends and (ends - on_date).days,
            "features": parsed(row["features"], list),
            "limits": parsed(row["limits"], dict),
        }
    return None


def licences(world: World) -> Rows:
    every = world["fbs_license_manager_solution_license"]
    return [row for of in every if (row := licence(world, of["solution_name"]))]


def limit_of(limits: Answer, feature: str) -> Money | None:
    if feature == "msme" and feature not in limits:
        feature = "msme_businesses"
    limit = limits.get(feature)
    limit = limit.get("count") if isinstance(limit, dict) else limit
    is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
    return Decimal(str(limit)) if is_number and limit != -1 else None


def beside_limit(count: int, limit: Money | None) -> Answer:
    return {
        "usage_limit": limit,
        "usage_count": count,
        "usage_left": None if limit is None else max(limit - count, Decimal(0)),
        "used_percent": percent(count, limit) if limit else None,
    }


def feature(world: World, solution_name: str, feature_name: str, on_date: date | None = None) -> Answer:
    holds = licence(world, solution_name, on_date)
    used = where(world["fbs_license_manager_feature_usage"], solution_name=solution_name, feature_name=feature_name)
    count = used[0]["usage_count"] if used else 0
    limit = limit_of(holds["limits"], feature_name) if holds else None
    included = bool(holds and feature_name in [one for one in holds["features"] if isinstance(one, str)])
    if not holds:
        reason = "no_license"
    elif not holds["is_valid"]:
        reason = holds["effective_status"]
    elif not included:
        reason = "not_included"
    else:
        reason = "limit_reached" if limit is not None and count >= limit else "allowed"
    return {"is_allowed": reason == "allowed", "reason": reason, "is_included": included} | beside_limit(count, limit)


def features(world: World, solution_name: str, on_date: date | None = None) -> Rows:
    holds = licence(world, solution_name, on_date) or {"features": [], "limits": {}}
    names = {name for name in holds["features"] if isinstance(name, str)} | set(holds["limits"])
    names |= {
        row["feature_name"] for row in where(world["fbs_license_manager_feature_usage"], solution_name=solution_name)
    }
    return [{"feature_name": name} | feature(world, solution_name, name, on_date) for name in sorted(names)]


def usage(world: World) -> Rows:
    found = []
    for row in world["fbs_license_manager_feature_usage"]:
        holds = licence(world, row["solution_name"])
        limit = limit_of(holds["limits"], row["feature_name"]) if holds else None
        found.append(row | beside_limit(row["usage_count"], limit))
    return found


#: Whose rows are asked for; the last has none.
OWNERS = [*SOLUTIONS, *LICENSED, "unlicensed", "x'"]


def fill(world: World) -> None:
    if world.seed:
        fill_licensing(Filler(world))
        world.forget()


READS = Group(
    fill,
    [
        Call("license", licence, made_up("licensing.license", OWNERS)),
        View("licenses", licences, "solution_name", "expiry_date"),
        Call("feature", feature, made_up("licensing.feature", OWNERS)),
        Call("features", features, made_up("licensing.features", OWNERS)),
        View("usage", usage, "solution_name feature_name", "last_updated"),
    ],
)
