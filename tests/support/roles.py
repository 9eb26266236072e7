"""Roles of a server, for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql


@contextmanager
def role(connection: psycopg.Connection, name: str, options: str = "login") -> Iterator[str]:
    """A role. What it owns and may do in this database goes with it at the end."""
    connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(name), sql.SQL(options)))
    connection.commit()
    try:
        yield name
    finally:
        connection.rollback()
        connection.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(sql.Identifier(name)))
        connection.commit()
