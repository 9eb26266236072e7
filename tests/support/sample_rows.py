"""Rows in FBS's tables, with only what each table needs."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import psycopg

import fbs_db
from tests.support.catalog import is_user_key, listed_tables

LISTED = listed_tables()
BY_NAME = {table["table"]: table for table in LISTED}
#: The name of the model whose table most tests attach.
MODEL = "rentals.location"
#: A row by its table and number.
Row = tuple[str, int]

_numbers = count(1000)


def required_values(table: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """Values for the columns that have no default, such as psql must give."""
    samples = {
        "integer": 7,
        "bigint": 7,
        "double precision": 1.5,
        "text": "x",
        "jsonb": "{}",
        "date": "2024-02-29",
        "timestamp with time zone": "2024-02-29 12:00+00",
        "inet": "10.0.0.1",
        "boolean": True,
    }
    values = {}
    for column in table["columns"]:
        if column.get("primary_key") or column.get("null") or "default" in column or "set_on" in column:
            continue
        kind = column["type"]
        values[column["name"]] = (
            number
            if is_user_key(column) or "references" in column
            else f"x{number}"[:10]
            if kind.startswith("varchar")
            else 12.5
            if kind.startswith("numeric")
            else samples[kind]
        )
    return values


def insert(connection: psycopg.Connection, table: str, values: dict[str, Any]) -> int:
    columns = ", ".join(f'"{name}"' for name in values)
    row = connection.execute(
        f"insert into {table} ({columns}) values ({', '.join(['%s'] * len(values))}) returning id"
        if values
        else f"insert into {table} default values returning id",
        list(values.values()),
    ).fetchone()
    assert row
    return int(row[0])


def add(connection: psycopg.Connection, table: str, **values: Any) -> Row:
    """A row of an FBS table that points at the first row, or user, where nothing else is said."""
    listed, number = BY_NAME[table], next(_numbers)
    filled = required_values(listed, number)
    together = {name for names in listed["unique_together"] for name in names}
    for column in listed["columns"]:
        name = column["name"]
        if name in filled and (is_user_key(column) or "references" in column):
            filled[name] = 1
        elif name in together and column["type"] == "integer":
            filled[name] = number
    filled |= {name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()}
    return table, insert(connection, table, filled)


def seed(connection: psycopg.Connection) -> None:
    """A first row in every FBS table."""
    for table in BY_NAME:
        assert add(connection, table)[1] == 1
    connection.commit()


def install_and_seed(url: str) -> None:
    fbs_db.migrate(url)
    with psycopg.connect(url) as connection:
        seed(connection)


def make_users(connection: psycopg.Connection, table: str = "auth_user") -> None:
    connection.execute(f"create table {table} (id bigint primary key); insert into {table} values (1), (2), (3)")
    connection.commit()


def attach(connection: psycopg.Connection, table: str, model: str = MODEL, key: str | None = None) -> None:
    connection.execute("select fbs_attach_host(%s, %s, %s)", (table, model, key))
    connection.commit()
