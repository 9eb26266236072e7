"""The database to use.

In order: the caller's, Django's settings, ``DATABASE_URL``, libpq's variables, the project's configuration, and the
embedded server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from fbs_db.database import patterns, project, server
from fbs_db.database.config import DEFAULT, DatabaseConfig
from fbs_db.database.urls import checked

_LIBPQ_VARIABLES = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE")

_role: ContextVar[str | None] = ContextVar("_role", default=None)


@contextmanager
def acting_as(role: str | None) -> Iterator[None]:
    """A block in which sessions work as a role, whatever is configured; None changes nothing."""
    token = _role.set(role if role is not None else _role.get())
    try:
        yield
    finally:
        _role.reset(token)


def role_for(config: DatabaseConfig) -> str | None:
    """The role that sessions on a database work as; None for that of the login."""
    role = _role.get()
    return config.role if role is None else role


def resolve(
    database: str | DatabaseConfig | None = None, *, start: bool = False, source: str = "the argument"
) -> tuple[str, DatabaseConfig]:
    """The connection string to use, and the project's configuration of that database.

    Parameters:
        database: a configured database or its name, a URL, or libpq keywords; None for the
            environment's.
        start: whether an embedded server may be created if there is none.
        source: where the caller has it from, for messages.

    Raises:
        UsageError: it is neither a connection string for PostgreSQL nor a configured database.
        EmbeddedServerError: no database is named, and there is no embedded server.
    """
    where, config = named(database, source)
    if where is None:
        where = server.start(reason="No database is named.") if start else server.running()
    return where, config


def named(
    database: str | DatabaseConfig | None = None, source: str = "the argument"
) -> tuple[str | None, DatabaseConfig]:
    """As `resolve`, but where no database is named there is no connection string, and no server is started."""
    known = project.configuration()
    if isinstance(database, DatabaseConfig):
        config = database
    elif database is None:
        config = known.default
    elif database in known.databases:
        config = known.databases[database]
    elif found := patterns.member(database, known):
        config = found
    elif known.patterns and re.fullmatch(r"[\w.-]+", database):  # no connection string, but maybe a solution
        raise patterns.unknown(database, known)
    else:
        return checked(database, source, known), project.of_lent_connection()
    if (config.name != DEFAULT or known.definite) and (named := config.connection_string()):
        return checked(named, f"{known.source}, database {config.name}"), config
    if url := os.environ.get("DATABASE_URL"):
        return checked(url, "DATABASE_URL"), config
    if any(os.environ.get(name) for name in _LIBPQ_VARIABLES):
        return "", config
    if configured := config.connection_string():
        return checked(configured, f"{known.source}, database {config.name}"), config
    return None, config
