"""What is read of custom fields: values by their types, and records as objects."""

from __future__ import annotations

import itertools
from typing import Any

import psycopg
import pytest

from tests.reads.models.custom_fields import MISFIT, TEXTS, TYPES, typed
from tests.support.connections import rows
from tests.support.differential import close
from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import add

# Type, text, and the value as JSON; None where the text does not fit the type.
VALUES: list[tuple[str, str, Any]] = [
    ("char", "Nairobi", "Nairobi"),
    ("char", "", ""),
    ("text", " two\nlines ", " two\nlines "),
    ("choice", "3", "3"),
    ("colour", "7", "7"),
    ("integer", "42", 42),
    ("integer", " -007 ", -7),
    ("integer", "+9" + "0" * 30, 9 * 10**30),
    ("integer", "4.0", None),
    ("integer", "", None),
    ("integer", "1 2", None),
    ("integer", "9" * 401, None),
    ("float", "2.50", 2.5),
    ("float", ".5", 0.5),
    ("float", "5.", 5),
    ("float", "-1.5e3", -1500),
    ("float", "1e-3", 0.001),
    ("float", "1e9999", None),
    ("float", "1,5", None),
    ("float", "NaN", None),
    ("float", "Infinity", None),
    ("float", ".", None),
    ("boolean", "True", True),
    ("boolean", " yes", True),
    ("boolean", "1", True),
    ("boolean", "OFF", False),
    ("boolean", "n", False),
    ("boolean", "2", None),
    ("boolean", "", None),
    ("date", "2024-02-29", "2024-02-29"),
    ("date", " 2024-12-31 ", "2024-12-31"),
    ("date", "2023-02-28", "2023-02-28"),
    ("date", "2023-02-29", None),
    ("date", "2024-04-30", "2024-04-30"),
    ("date", "2024-04-31", None),
    ("date", "2024-13-01", None),
    ("date", "2024-00-10", None),
    ("date", "2024-01-00", None),
    ("date", "0999-12-28", "0999-12-28"),
    ("date", "0000-01-01", None),
    ("date", "31/12/2024", None),
    ("date", "today", None),
    ("date", "infinity", None),
    ("datetime", "2024-12-31 23:59", "2024-12-31T23:59:00"),
    ("datetime", "2024-12-31T23:59:58.25", "2024-12-31T23:59:58.25"),
    ("datetime", "2024-12-31", "2024-12-31T00:00:00"),
    ("datetime", "2024-12-31T23:30:00-03:00", "2025-01-01T02:30:00+00:00"),
    ("datetime", "2024-02-29 00:30+05", "2024-02-28T19:30:00+00:00"),
    ("datetime", "2024-02-29T00:30:00Z", "2024-02-29T00:30:00+00:00"),
    ("datetime", "2024-02-30 10:00", None),
    ("datetime", "2024-02-29 25:00", None),
    ("datetime", "now", None),
    ("datetime", "noon", None),
    ("json", '{"a": [1, null]}', {"a": [1, None]}),
    ("json", "[]", []),
    ("json", '"text"', "text"),
    ("json", "{a: 1}", None),
    ("json", "", None),
    ("json", '"\\u0000"', None),
    ("json", "[" * 100_000, None),
]


@pytest.mark.parametrize("settings", ["utc", "elsewhere"])
def test_a_value_is_read_by_its_type_whatever_the_session(
    installed_everywhere: psycopg.Connection, settings: str
) -> None:
    if settings == "elsewhere":
        installed_everywhere.execute("set timezone = 'Asia/Kolkata'; set datestyle = 'German, DMY'")
    found = [
        one(installed_everywhere, "fbs_custom_fields_typed", field_type=kind, field_value=text)[
            "fbs_custom_fields_typed"
        ]
        for kind, text, _ in VALUES
    ]
    assert found == [value for _, _, value in VALUES]


def test_values_are_worked_out_within_the_query(installed: psycopg.Connection) -> None:
    """A call for each of the 500 values of a page would take longer than all the rest of it."""
    for view_name in ("fbs_custom_fields_values", "fbs_custom_fields_objects"):
        plan = str(rows(installed, f"explain (verbose, costs off) select * from {view_name}"))
        assert "fbs_cast_custom_value" in plan
        assert "fbs_custom_fields_typed" not in plan


def test_json_null_fits_and_is_told_from_a_misfit(installed: psycopg.Connection) -> None:
    add(installed, "fbs_custom_fields", field_type="json", field_value="null")
    add(installed, "fbs_custom_fields", field_type="json", field_value="nil")
    assert columns(view(installed, "fbs_custom_fields_values"), "value", "fits") == [(None, True), (None, False)]
    assert rows(installed, "select value::text from fbs_custom_fields_values order by id") == [("null",), (None,)]


def keep(connection: psycopg.Connection, record: int, name: str, kind: str, value: str, **values: Any) -> None:
    filled = {"model_name": "tenants.tenant"} | values
    add(
        connection,
        "fbs_custom_fields",
        record_id=record,
        field_name=name,
        field_type=kind,
        field_value=value,
        **filled,
    )


@pytest.fixture
def fielded(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    keep(installed_everywhere, 1, "size", "integer", "12")
    keep(installed_everywhere, 1, "paid", "boolean", "maybe")
    keep(installed_everywhere, 1, "born", "date", "someday")
    keep(installed_everywhere, 1, "aside", "char", "x", is_active=False)
    keep(installed_everywhere, 1, "size", "integer", "99", database_name="odoo")
    keep(installed_everywhere, 2, "extra", "json", '{"a": 1}')
    keep(installed_everywhere, 3, "aside", "char", "x", is_active=False)
    keep(installed_everywhere, 1, "size", "char", "other", model_name="tenants.room")
    return installed_everywhere


FIRST = {"size": 12, "paid": "maybe", "born": "someday"}


def test_records_are_objects_and_misfits_are_given_as_text(fielded: psycopg.Connection) -> None:
    found = call(fielded, "fbs_custom_fields_records", model_name="tenants.tenant", record_ids=[4, 2, 1, 3, 2])
    assert columns(found, "record_id", "fields", "misfits") == [
        (1, FIRST, ["born", "paid"]),
        (2, {"extra": {"a": 1}}, []),
        (3, {}, []),
        (4, {}, []),
    ]


def test_records_of_one_odoo_database(fielded: psycopg.Connection) -> None:
    found = call(
        fielded, "fbs_custom_fields_records", model_name="tenants.tenant", record_ids=[1, 2], database_name="odoo"
    )
    assert columns(found, "record_id", "fields") == [(1, {"size": 99}), (2, {})]
    assert call(fielded, "fbs_custom_fields_records", model_name="tenants.tenant", record_ids=[]) == []
    assert call(fielded, "fbs_custom_fields_records", model_name="tenants.tenant", record_ids=[None]) == []


def test_objects_of_a_model(fielded: psycopg.Connection) -> None:
    found = rows(
        fielded,
        "select record_id, database_name, fields, misfits from fbs_custom_fields_objects"
        " where model_name = 'tenants.tenant' order by model_name, record_id, database_name",
    )
    assert found == [
        (1, "", FIRST, ["born", "paid"]),
        (1, "odoo", {"size": 99}, []),
        (2, "", {"extra": {"a": 1}}, []),
    ], "a record whose fields are all set aside has no row"


def test_an_object_changed_when_its_last_field_did(installed: psycopg.Connection) -> None:
    keep(installed, 1, "a", "char", "x", updated_at="2024-01-01 00:00+00")
    keep(installed, 1, "b", "char", "x", updated_at="2024-03-01 00:00+00")
    keep(installed, 1, "c", "char", "x", updated_at="2024-09-01 00:00+00", is_active=False)
    found = rows(installed, "select updated_at at time zone 'UTC' from fbs_custom_fields_objects")
    assert str(found[0][0]) == "2024-03-01 00:00:00"


def test_values_one_by_one_include_those_set_aside(fielded: psycopg.Connection) -> None:
    found = view(fielded, "fbs_custom_fields_values", model_name="tenants.tenant", record_id=1, database_name="")
    assert columns(found, "field_name", "value", "fits", "is_active") == [
        ("size", 12, True, True),
        ("paid", None, False, True),
        ("born", None, False, True),
        ("aside", "x", True, False),
    ]


def test_custom_fields_fit_their_types_or_not_whatever_the_collation(installed: psycopg.Connection) -> None:
    """White space and digits of other scripts are none to a cast, whatever a collation takes them for."""
    told = 'select fbs_custom_fields_typed(%s, %s::text collate "pg_c_utf8")'
    for kind, text in itertools.product(TYPES, TEXTS):
        ((found,),) = installed.execute(told, [kind, text]).fetchall()
        expected = typed(kind, text)
        assert close(found, None if expected is MISFIT else expected), (kind, text[:50], found)
