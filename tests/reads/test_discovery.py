"""What is read of discovery: models, fields, modules, sessions, merged schemas."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.support.connections import rows
from tests.support.reading import call, columns, view
from tests.support.sample_rows import add


def model(connection: psycopg.Connection, database: str, name: str, **values: Any) -> int:
    return add(connection, "fbs_odoo_models", database_name=database, model_name=name, **values)[1]


def field(connection: psycopg.Connection, model_id: int, name: str, **values: Any) -> int:
    return add(connection, "fbs_odoo_fields", odoo_model_id=model_id, field_name=name, **values)[1]


def test_models_count_their_fields(installed: psycopg.Connection) -> None:
    partner = model(installed, "one", "res.partner")
    model(installed, "one", "res.country", is_active=False)
    model(installed, "two", "res.partner")
    field(installed, partner, "name")
    field(installed, partner, "email")
    found = view(installed, "fbs_discovery_models", database_name="one")
    assert columns(found, "model_name", "field_count", "is_active") == [
        ("res.partner", 2, True),
        ("res.country", 0, False),
    ]
    assert len(view(installed, "fbs_discovery_models", model_name="res.partner")) == 2


def test_fields_bear_the_name_of_their_model(installed: psycopg.Connection) -> None:
    field(installed, model(installed, "one", "res.partner"), "name", field_type="char", required=True)
    field(installed, model(installed, "two", "res.partner"), "country_id", relation_model="res.country")
    found = view(installed, "fbs_discovery_fields", model_name="res.partner")
    assert columns(found, "database_name", "field_name", "required", "relation_model") == [
        ("one", "name", True, ""),
        ("two", "country_id", False, "res.country"),
    ]


def test_modules_and_sessions(installed: psycopg.Connection) -> None:
    add(installed, "fbs_odoo_modules", database_name="one", module_name="sale", application=True)
    add(installed, "fbs_odoo_modules", database_name="one", module_name="web", is_installed=False)
    found = view(installed, "fbs_discovery_modules", database_name="one", is_installed=True)
    assert columns(found, "module_name", "application") == [("sale", True)]

    began = "2024-03-31 00:30+00"  # an hour of this night was skipped in Europe
    add(
        installed, "fbs_discovery_sessions", session_id="over", database_name="one", started_at=began,
        completed_at="2024-03-31 03:00+00", status="completed", errors='["timeout", "denied"]',
    )  # fmt: skip
    add(installed, "fbs_discovery_sessions", session_id="runs", database_name="one", errors='{"odd": 1}')
    installed.execute("set timezone = 'Europe/Berlin'")
    found = view(installed, "fbs_discovery_session_list", database_name="one")
    assert columns(found, "session_id", "duration", "error_count") == [
        ("over", timedelta(hours=2, minutes=30), 2),
        ("runs", None, None),
    ]


FACTS: list[tuple[int, str, str, dict[str, Any]]] = [
    (1, "vat", "text", {}),
    (1, "floor", "char", {"updated_at": "2024-01-01 00:00+00"}),
    (2, "floor", "integer", {"updated_at": "2024-02-01 00:00+00"}),
    (3, "floor", "date", {"updated_at": "2024-03-01 00:00+00", "is_active": False}),
    (4, "gone", "char", {"is_active": False}),
    (5, "elsewhere", "char", {"database_name": "two"}),
]


@pytest.fixture
def partner(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """A model with two fields, and custom ones, of which one has a name that Odoo has too."""
    number = model(installed_everywhere, "one", "res.partner")
    field(installed_everywhere, number, "name", field_type="char", required=True, display_name="Name")
    field(installed_everywhere, number, "vat", field_type="char", display_name="Tax number")
    for record, name, kind, values in FACTS:
        filled = {"model_name": "res.partner", "field_type": kind, "database_name": "one"} | values
        add(installed_everywhere, "fbs_custom_fields", record_id=record, field_name=name, **filled)
    return installed_everywhere


def schema(connection: psycopg.Connection, database: str, name: str) -> list[tuple[Any, ...]]:
    found = call(connection, "fbs_discovery_schema", database_name=database, model_name=name)
    return columns(found, "field_name", "source", "field_type", "display_name", "required", "has_custom_values")


def test_merged_schema_has_each_field_once(partner: psycopg.Connection) -> None:
    assert schema(partner, "one", "res.partner") == [
        ("floor", "custom", "integer", "floor", False, True),
        ("name", "odoo", "char", "Name", True, False),
        ("vat", "odoo", "char", "Tax number", False, True),
    ]


def test_merged_schema_of_a_model_that_was_not_found(partner: psycopg.Connection) -> None:
    assert schema(partner, "two", "res.partner") == [("elsewhere", "custom", "char", "elsewhere", False, True)]
    assert schema(partner, "one", "unknown") == []


def test_merged_schema_where_custom_fields_are_kept_elsewhere(partner: psycopg.Connection) -> None:
    partner.execute("drop table fbs_custom_fields cascade")
    assert [name for name, *_ in schema(partner, "one", "res.partner")] == ["name", "vat"]
    assert rows(partner, "select count(*) from fbs_discovery_schema('two', 'res.partner')") == [(0,)]
