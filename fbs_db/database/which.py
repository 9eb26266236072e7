"""The database to use.

In order: the caller's, ``DATABASE_URL``, libpq's variables, the project's configuration, and the
embedded server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg
from psycopg import conninfo

from fbs_db.database import project, server
from fbs_db.database.config import DEFAULT, Config, DatabaseConfig
from fbs_db.errors import UsageError
from fbs_db.redaction import ConnectionString

_LIKE = "Write it like postgresql://user@host:5432/database"
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
    known = project.configuration()
    if isinstance(database, DatabaseConfig):
        config = database
    elif database is None:
        config = known.default
    elif database in known.databases:
        config = known.databases[database]
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
    return server.start(reason="No database is named.") if start else server.running(), config


def checked(text: str, source: str, known: Config | None = None) -> ConnectionString:
    """The text, if libpq can read it.

    The error does not quote it: if a password is not encoded, any part of the text may be password.
    """
    text = text.strip()
    scheme = re.match(r"([\w+.-]+)://", text)
    if scheme and scheme[1] not in ("postgresql", "postgres"):
        raise UsageError(f"The URL from {source} begins with {scheme[1]}://; fbs-db needs PostgreSQL.", hint=_LIKE)
    fault = "" if text else "it is empty"
    try:
        options = {key: str(value) for key, value in conninfo.conninfo_to_dict(text).items()}
    except psycopg.ProgrammingError:
        options = {}
        fault = fault or "libpq cannot read it"
    if any(not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535 for port in options.get("port", "1").split(",")):
        fault = "its port is not a number up to 65535"
    if scheme:
        authority, _, rest = re.sub(r"[/?#]", "\0", text[scheme.end() :], count=1).partition("\0")
        if authority.count("@") > 1 or "@" in rest:
            fault = "it contains more than one @ (write %40 in a password; %2F for /, %3F for ?)"
    if any("password=" in value for key, value in options.items() if key != "password"):
        fault = "its password is in the wrong place"
    if any("://" in options.get(key, "") for key in ("host", "user", "dbname")):
        fault = "it has another URL in it"
    if fault:
        names = f", or name a configured database: {', '.join(known.databases)}" if known and known.source else ""
        raise UsageError(f"The connection string from {source} is malformed: {fault}.", hint=_LIKE + names) from None
    return ConnectionString(text)
