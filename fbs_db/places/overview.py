"""The solutions that have a database of their own, and the state of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fbs_db import files
from fbs_db.database import fleet
from fbs_db.database.config import EVERY, DatabaseConfig
from fbs_db.database.many import on_many
from fbs_db.database.patterns import member_of, parts_of
from fbs_db.database.session import isolated, open_session
from fbs_db.errors import EditedMigration, FbsDbError, UsageError
from fbs_db.places.solutions import patterns
from fbs_db.reports import Report
from fbs_db.schema.history import history_of
from fbs_db.schema.run import problems


@dataclass(frozen=True)
class Solution(Report):
    """A solution, and what a look at its own database shows: no check of its schema.

    Attributes:
        solution: its name; None for all of a pattern whose server could not be asked.
        database: name of its database.
        pattern: name of the pattern that it is configured by.
        exists: whether the database is there; None where it is not known.
        version: the last migration applied; None where FBS is not installed.
        pending: number of migrations to apply.
        problems: what is wrong with the applied migrations: edited, or without a file.
        failed: number of clean-ups in its queue that failed and will be tried again; None where it is not known.
        last_run: when a migration was last applied, undone, accepted or adopted.
        last_operation: which of these it was: ``apply``, ``rollback``, ``accept`` or ``adopt``.
        size: bytes on disk.
        error: why it could not be looked at.
    """

    solution: str | None
    database: str
    pattern: str
    exists: bool | None = None
    version: str | None = None
    pending: int = 0
    problems: tuple[FbsDbError, ...] = ()
    failed: int | None = None
    last_run: datetime | None = None
    last_operation: str | None = None
    size: int | None = None
    error: FbsDbError | None = None

    @property
    def state(self) -> str:
        """Its state in words, such as ``up to date``."""
        if self.error:
            return "not looked at"
        if not self.exists:
            return "no database"
        if self.version is None:
            return "not installed"
        if self.problems:
            return "edited migrations" if isinstance(self.problems[0], EditedMigration) else "missing files"
        return f"{self.pending} pending" if self.pending else "up to date"

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "state": self.state}


_SIZE = """
select
    pg_database_size(current_database()),
    (
        select count(*)
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where n.nspname = %s and c.relname in ('fbs_migration_log', 'fbs_cleanup_queue') and c.relkind = 'r'
    )
"""
_LAST = """
select l.logged_at, l.operation, (select count(*) from only {fbs}fbs_cleanup_queue where error is not null)
from only {fbs}fbs_migration_log as l
order by l.id desc
limit 1
"""


def list_solutions(jobs: int = 4) -> list[Solution]:
    """The solutions of each pattern, by name, those included that are configured and have no database yet.

    Parameters:
        jobs: number of databases that are looked at at once.

    Returns:
        A row for each. A database, or a server, that cannot be reached is a row with the error.

    Raises:
        UsageError: no pattern is configured.

    Reads ``pg_database``, ``fbs_migrations``, ``fbs_migration_log`` and ``fbs_cleanup_queue``.
    """
    rows: list[Solution] = []
    there: dict[str, tuple[int, DatabaseConfig]] = {}
    for pattern in patterns().values():
        for row in _of_pattern(pattern):
            if row.exists and row.solution is not None:
                config = member_of(pattern, row.solution)
                there[str(config.url)] = (len(rows), config)
            rows.append(row)
    for done in on_many((config for _, config in there.values()), _look, jobs):
        number, _ = there[str(done.database.url)]
        rows[number] = replace(rows[number], error=done.error, **(done.answer or {}))
    return rows


def _of_pattern(pattern: DatabaseConfig) -> Iterator[Solution]:
    """A row for each solution of a pattern, with what the server and the configuration say."""
    failed: FbsDbError | None = None
    there: set[str] = set()
    try:
        there = fleet.on_server(pattern, closed=True)
    except FbsDbError as error:
        failed = error
    try:
        if failed and pattern.solutions == EVERY:
            raise failed
        names = fleet.wanted_by(pattern, there)
    except FbsDbError as error:
        yield Solution(None, parts_of(pattern)[1], pattern.name, error=error)
        return
    for name in names:
        try:
            database = member_of(pattern, name).name
        except UsageError as error:
            yield Solution(name, parts_of(pattern)[1], pattern.name, exists=False, error=error)
        else:
            yield Solution(name, database, pattern.name, exists=None if failed else name in there, error=failed)


def _look(config: DatabaseConfig) -> dict[str, Any]:
    """What the row of a solution shows of its database."""
    known = files.load()
    with open_session(config, None, application="fbs-db solutions") as session:
        ((size, tables),) = session.select(_SIZE, session.schema)
        history = history_of(session)
        if not history:
            return {"size": size}
        applied = {row.migration_id for row in history}
        with isolated(session, "read committed", read_only=True):
            # A view of that name could be anybody's, and run what he likes.
            last = session.select(_LAST) if tables == 2 else []
        return {
            "size": size,
            "version": max(applied),
            "pending": sum(config.holds(file.component) and file.id not in applied for file in known),
            "problems": tuple(problems(known, history)),
            **(dict(zip(("last_run", "last_operation", "failed"), last[0], strict=True)) if last else {}),
        }
