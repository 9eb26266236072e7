"""Custom fields: random rows, and what each read answers to them."""

from __future__ import annotations

import itertools
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.reads.models.common import grouped, most
from tests.support.differential import UTC, Answer, Call, Group, View, World

TEXTS = list(
    itertools.chain(
        [
            "",
            " ",
            "x",
            "a b",
            "7",
            " -007 ",
            "+0",
            "9" * 40,
            "9" * 400,
            "9" * 401,
            "1.50",
            ".5",
            "5.",
            "-1.5e3",
            "1E-3",
        ],
        ["1e999", "1e1000", ".", "1,5", "NaN", "Infinity", "true", " Yes", "OFF", "n", "1", "0", "2", "maybe", "null"],
        ["2024-02-29", " 2024-12-31\n", "2023-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "today", "infinity"],
        ["2024-12-31 23:59", "2024-12-31T23:59:58.250", "2024-02-29T00:30:00.000001+05:30", "2024-12-31 25:00"],
        ["2024-12-31T23:30:00-03:00", "2024-02-29T00:30:00Z", "0001-01-01T00:00+01:00", "9999-12-31T23:59-00:01"],
        ['{"a": [1, null], "b": {}}', "[]", '"t"', "{a: 1}", '"\\u0000"', "1 2", "\u20031", "\u0663", "[" * 20_000],
    )
)
TYPES = ["char", "text", "integer", "float", "boolean", "date", "datetime", "json", "choice", "odd", ""]
MISFIT = object()


def fill_custom_fields(w: World) -> None:
    for _ in w.many(120):
        w.put(
            "fbs_custom_fields",
            model_name=w.any("rooms.room", "rooms.bed", ""),
            record_id=w.any(1, 2, 3, -1),
            field_name=w.any("a", "b", "B", "a b", "é", ""),
            field_type=w.any(*TYPES),
            field_value=w.any(*TEXTS),
            database_name=w.any("", "odoo", "other"),
            solution_name=w.solution(),
            is_active=w.any(True, True, False),
            created_at=w.moment(),
            updated_at=w.moment(),
        )


def number_of(text: str) -> int | float:
    """A number as psycopg reads it out of JSON, where PostgreSQL writes all digits."""
    number: int | float = json.loads(format(Decimal(text), "f"), parse_constant=int)
    return number


def typed(kind: str, text: str) -> Any:
    """A text as a value of its type; MISFIT where it is none."""
    bare = text.strip(" \t\n\r\v\f")
    words = {"true": True, "t": True, "yes": True, "y": True, "on": True, "1": True}
    words |= {"false": False, "f": False, "no": False, "n": False, "off": False, "0": False}
    if kind in ("integer", "float") and (len(text) > 400 or not text.isascii() or "e1000" in text):
        return MISFIT
    try:
        if kind == "integer":
            return int(bare)
        if kind == "float":
            return number_of(bare)
        if kind == "boolean":
            return words[bare.lower()]
        if kind == "date":
            return date.fromisoformat(bare).isoformat()
        if kind == "datetime":
            moment = datetime.fromisoformat(bare.replace("Z", "+00:00"))
            offset = "+00:00" if moment.tzinfo else ""
            moment = moment.astimezone(UTC) if offset else moment
            told = moment.replace(tzinfo=None).isoformat()
            return (told.rstrip("0") if moment.microsecond else told) + offset
        if kind == "json":
            if r"\u0000" in text:
                return MISFIT
            return json.loads(text, parse_constant=int, parse_float=number_of)
    except (ValueError, KeyError, ArithmeticError, RecursionError):
        return MISFIT
    return text


def custom_fields_values(w: World) -> list[Answer]:
    found = []
    for field in w["fbs_custom_fields"]:
        value = typed(field.field_type, field.field_value)
        found.append(field | {"value": None if value is MISFIT else value, "fits": value is not MISFIT})
    return found


def one_object(fields: list[Any]) -> Answer:
    values = {f.field_name: (typed(f.field_type, f.field_value), f.field_value) for f in fields}
    return {
        "fields": {name: text if value is MISFIT else value for name, (value, text) in values.items()},
        "misfits": sorted(name for name, (value, _) in values.items() if value is MISFIT),
    }


def custom_fields_objects(w: World) -> list[Answer]:
    names = ("model_name", "record_id", "database_name")
    active = [f for f in w["fbs_custom_fields"] if f.is_active]
    return [
        dict(zip(names, key, strict=True)) | one_object(fields) | {"updated_at": most(f.updated_at for f in fields)}
        for key, fields in grouped(active, *names).items()
    ]


def custom_fields_records(
    w: World, model_name: str, record_ids: list[int | None], database_name: str = ""
) -> list[Answer]:
    active = [f for f in w["fbs_custom_fields"] if f.is_active]
    kept = grouped(active, "model_name", "record_id", "database_name")
    return [
        {"record_id": number} | one_object(kept.get((model_name, number, database_name), []))
        for number in sorted({number for number in record_ids if number is not None})
    ]


def records_arguments(w: World) -> Answer:
    return {
        "model_name": w.any("rooms.room", "rooms.bed", "", "none"),
        "record_ids": [w.any(1, 2, 3, -1, 9, None) for _ in range(w.any(0, 1, 5))],
        "database_name": w.any(None, "", "odoo", "none"),
    }


READS = Group(
    fill_custom_fields,
    [
        View("values", custom_fields_values, "model_name record_id field_name database_name"),
        View("objects", custom_fields_objects, "model_name record_id database_name"),
        Call("records", custom_fields_records, records_arguments),
    ],
    roughly=True,
)
