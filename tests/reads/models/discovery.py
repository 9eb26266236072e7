"""Discovery: random rows, and what each read answers to them."""

from __future__ import annotations

from tests.reads.models.common import in_groups, length, where
from tests.reads.models.filling import DATABASES, MODELS, Filler, made_up
from tests.support.differential import Call, Group, View, World, in_order
from tests.support.reading import Rows


def fill_discovery(f: Filler) -> None:
    models = f.add(
        "fbs_odoo_models", 9, database_name=DATABASES, model_name=MODELS, technical_name=f.text, display_name=f.text,
        module_name=["base", "sale", ""], is_active=f.flag, is_installed=f.flag, capabilities=f.facts,
        model_type=["base", "custom", "odd"], last_verified=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_odoo_fields", 35, odoo_model_id=models, field_name=["name", "it's", "A", "x_y", "z", ""],
        technical_name=f.text, display_name=f.text, field_type=["char", "many2one"], required=f.flag, readonly=f.flag,
        computed=f.flag, stored=f.flag, default_value=f.text, help_text=f.text, selection_options=f.facts,
        relation_model=["", *MODELS],
    )  # fmt: skip
    f.add(
        "fbs_odoo_modules", 12, database_name=DATABASES, module_name=["base", "sale", "", "it's"],
        technical_name=f.text, display_name=f.text, version="1", category=f.text, is_installed=f.flag,
        is_active=f.flag, application=f.flag, depends=f.facts, last_verified=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_discovery_sessions", 30, session_id=lambda: f.text() + str(f.chance.random()), database_name=DATABASES,
        session_type=["full", "it's"], status=["running", "failed", "odd"], started_at=f.moment,
        completed_at=f.maybe_moment, errors=f.facts, total_models=f.user,
    )  # fmt: skip
    f.add(
        "fbs_custom_fields", 45, model_name=MODELS, record_id=f.user, field_name=["name", "it's", "B", "c", ""],
        field_type=["char", "integer", "odd"], field_value=f.text, database_name=DATABASES, is_active=f.flag,
        updated_at=f.moment,
    )  # fmt: skip


def odoo_models(world: World) -> Rows:
    return [
        row | {"field_count": len(where(world["fbs_odoo_fields"], odoo_model_id=row["id"]))}
        for row in world["fbs_odoo_models"]
    ]


def odoo_fields(world: World) -> Rows:
    of = world.by_id("fbs_odoo_models")
    return [
        row | {name: of[row["odoo_model_id"]][name] for name in ("database_name", "model_name")}
        for row in world["fbs_odoo_fields"]
    ]


def odoo_modules(world: World) -> Rows:
    return world["fbs_odoo_modules"]


def session_list(world: World) -> Rows:
    return [
        row
        | {
            "duration": row["completed_at"] and row["completed_at"] - row["started_at"],
            "error_count": length(row["errors"]),
        }
        for row in world["fbs_discovery_sessions"]
    ]


def schema(world: World, database_name: str, model_name: str) -> Rows:
    of = {"database_name": database_name, "model_name": model_name}
    found = {row["field_name"]: row | {"source": "odoo"} for row in where(odoo_fields(world), **of)}
    values = in_groups(where(world["fbs_custom_fields"], **of, is_active=True), "field_name")
    for name in values.keys() - found.keys():
        found[name] = {
            "field_name": name,
            "source": "custom",
            "field_type": in_order(values[name], "updated_at id")[-1]["field_type"],
            "display_name": name,
            "required": False,
            "readonly": False,
            "computed": False,
            "stored": True,
            "default_value": "",
            "help_text": "",
            "selection_options": [],
            "relation_model": "",
        }
    return [row | {"has_custom_values": name in values} for name, row in sorted(found.items())]


def fill(world: World) -> None:
    if world.seed:
        fill_discovery(Filler(world))
        world.forget()


READS = Group(
    fill,
    [
        View("models", odoo_models, "id", "last_verified"),
        View("fields", odoo_fields, "odoo_model_id field_name"),
        View("modules", odoo_modules, "database_name module_name"),
        View("session_list", session_list, "-started_at -id", "started_at"),
        Call("schema", schema, made_up("discovery.schema")),
    ],
)
