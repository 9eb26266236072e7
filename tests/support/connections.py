"""Connections to a test's database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import psycopg

#: Opens another connection to the database of one.
Connect = Callable[[psycopg.Connection], psycopg.Connection]


def url_of(connection: psycopg.Connection, user: str | None = None) -> str:
    """The connection string of a test's database, for another connection to it; of another user's, where named."""
    info = connection.info
    return f"postgresql://{quote(user or info.user, safe=':')}@/{info.dbname}?host={info.host}&port={info.port}"


def rows(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()
