"""Connection strings that libpq can read."""

from __future__ import annotations

import re

import psycopg
from psycopg import conninfo

from fbs_db.database.config import Config
from fbs_db.errors import UsageError
from fbs_db.redaction import ConnectionString

_LIKE = "Write it like postgresql://user@host:5432/database"


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
    except (psycopg.ProgrammingError, UnicodeEncodeError):  # the latter of bytes that are no text
        options = {}
        fault = fault or "libpq cannot read it"
    if any(not re.fullmatch(r"\d{0,5}", port) or int(port or 0) > 65535 for port in options.get("port", "").split(",")):
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
        configured = ", ".join((*known.databases, *known.patterns)) if known and known.source else ""
        names = f", or name a configured database: {configured}" if configured else ""
        raise UsageError(f"The connection string from {source} is malformed: {fault}.", hint=_LIKE + names) from None
    return ConnectionString(text)
