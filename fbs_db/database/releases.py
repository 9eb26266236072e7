"""A schema of another release than the package: which both are, and what to type.

What fits is never looked at. Only where PostgreSQL knows no such table, column or function, the history is asked.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from concurrent.futures import TimeoutError as TimeIsOver
from contextlib import closing, suppress
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from fbs_db import files, wording
from fbs_db.database import project
from fbs_db.database.connection import open_bare, same_place
from fbs_db.database.many import within
from fbs_db.errors import FbsDbError, TargetError
from fbs_db.files import BASE, MigrationFile
from fbs_db.redaction import ConnectionString
from fbs_db.version import __version__, order

#: No such table, column or function, an ambiguous function, no such schema.
MISSING = ("42P01", "42703", "42883", "42725", "3F000")
#: Seconds for the look: a pooler may have no session left but the caller's.
_PATIENCE = 2.0


def newer_release(known: Iterable[MigrationFile], recorded: Iterable[tuple[str, str]]) -> str:
    """The release of a schema that has files of a later one than this; an empty string of any other.

    Parameters:
        known: the files of this package.
        recorded: the name of each file of the schema, with the version of fbs-db that applied it.
    """
    ids = {file.id for file in known}
    return max((version for name, version in recorded if name not in ids and is_later(version)), key=order, default="")


def is_later(version: str) -> bool:
    """Whether a version of fbs-db is later than this."""
    return order(version) > order(__version__)


def upgrade_to(release: str) -> str:
    """The command that installs a package for a newer schema."""
    return f"pip install {shlex.quote(f'fbs-db>={release}')}"


def said_of(schema: str, release: str) -> str:
    """Both versions, in a sentence without its end."""
    return f"Schema {schema} is of fbs-db {release}, and this is fbs-db {__version__}"


def why_missing(info: Any, schema: str, missing: str) -> TargetError | None:
    """The error for what is missing: its component is left out, or the schema is of another release, or damaged.

    None where FBS is not installed, or that cannot be told.

    Parameters:
        info: the driver's, of the connection. Its transaction may have failed: the look has a connection of its own.
        schema: the schema of FBS.
        missing: the server's message.
    """
    if left_out := project.left_out(missing):
        return left_out
    query = sql.SQL("select * from {}()").format(sql.Identifier(schema, "fbs_releases"))
    with suppress(FbsDbError, psycopg.Error, TimeIsOver):
        recorded = within(_PATIENCE, partial(_recorded, same_place(info), query))
        if newer := newer_release(files.load(), recorded.items()):
            return TargetError(f"{said_of(schema, newer)}: {missing}.", hint=f"Type: {upgrade_to(newer)}")
        there = {BASE, *(file.component for file in files.load() if file.id in recorded)}
        if recorded and any(file.id not in recorded for file in files.load() if file.component in there):
            older = max(recorded.values(), key=order)
            hint = f"Type: {wording.command('migrate')}"
            return TargetError(f"{said_of(schema, older)}, which has more: {missing}.", hint=hint)
        names = set(re.findall(r"\bfbs_\w+", missing))
        if any(names & {name for _, name in file.creates} for file in files.load() if file.id in recorded):
            # migrate would have nothing to do
            hint = f"To see what is missing, and what to type: {wording.command('check')}"
            return TargetError(f"FBS is not complete in schema {schema}: {missing}.", hint=hint)
    return None


def _recorded(where: ConnectionString, query: sql.Composed) -> dict[str, str]:
    with closing(open_bare(where, "fbs-db release")) as connection, connection.transaction():
        connection.execute("set local lock_timeout = '200ms'")  # the caller's transaction may hold a lock on it
        return dict(connection.execute(query).fetchall())
