"""Calls of the read layer's views and functions, for the tests."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Rows = list[dict[str, Any]]


def call(connection: psycopg.Connection, function: str, **arguments: Any) -> Rows:
    """The rows of a function, given its arguments by name."""
    given = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in arguments
    )
    query = sql.SQL("select * from {}({})").format(sql.Identifier(function), given)
    return connection.cursor(row_factory=dict_row).execute(query, arguments).fetchall()


def one(connection: psycopg.Connection, function: str, **arguments: Any) -> dict[str, Any]:
    """The only row of a function."""
    (row,) = call(connection, function, **arguments)
    return row


def view(connection: psycopg.Connection, name: str, order: str = "id", **columns: Any) -> Rows:
    """The rows of a view whose columns have these values, in order of one of them."""
    wanted = sql.SQL(" and ").join(
        [sql.SQL("true")]
        + [sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in columns]
    )
    query = sql.SQL("select * from {} where {} order by {}").format(sql.Identifier(name), wanted, sql.Identifier(order))
    return connection.cursor(row_factory=dict_row).execute(query, columns).fetchall()


def columns(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of rows, as tuples."""
    return [tuple(row[name] for name in names) for row in rows]
