"""The state of each migration, and edited files that are accepted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import shown
from fbs_db.database.locks import LOCK_WAIT
from fbs_db.database.releases import is_later
from fbs_db.database.session import Database, open_session
from fbs_db.errors import UsageError
from fbs_db.files import MigrationFile
from fbs_db.reports import MigrateReport, MigrationStatus, State, StatusReport, Step
from fbs_db.schema.history import Applied, history_of, other_schemas
from fbs_db.schema.run import Run, problems, refuse_newer, refuse_unfit


def status(database: Database = None, *, schema: str | None = None, directory: Path | None = None) -> StatusReport:
    """The state of each migration: applied, pending, edited, missing or newer. Nothing is changed.

    Parameters:
        database, schema, directory: as for `migrate`; no server is created.

    Returns:
        A row for each migration; `problems` holds the errors that `migrate` would raise.

    Reads ``fbs_migrations``.
    """
    known = files.load(directory)
    with open_session(database, schema, application="fbs-db status") as session:
        history = history_of(session)
        return StatusReport(
            database=shown(session.connection),
            schema=session.schema,
            migrations=statuses(session.config, known, history),
            problems=tuple(problems(known, history)),
            elsewhere=tuple(other_schemas(session)),
            left_out=project.configuration().left_out,
        )


def accept(
    names: Sequence[str],
    database: Database = None,
    *,
    schema: str | None = None,
    wait: float = LOCK_WAIT,
    directory: Path | None = None,
) -> MigrateReport:
    """Accept edited files: the history gets their new checksums.

    The schema is not changed: the database has to agree with the edited files already.

    Parameters:
        names: the files, each by its name or the start of it.
        database, schema, wait, directory: as for `migrate`.

    Returns:
        The files accepted, without those that were not edited.

    Raises:
        UsageError: a name is unknown, or its file is not applied.

    Writes ``fbs_migrations`` and ``fbs_migration_log``.
    """
    started = time.monotonic()
    known = files.load(directory)
    chosen = [files.find(known, name) for name in names]
    with open_session(database, schema, application="fbs-db accept") as session:
        refuse_newer(session, known)
        refuse_unfit(session)
        with session.lock(wait):
            run = Run(session, "")
            applied = {row.migration_id: row for row in run.history}
            if foreign := [file.id for file in chosen if file.id not in applied]:
                raise UsageError(f"Only applied files can be accepted. Not applied: {', '.join(foreign)}.")
            edited = [file for file in chosen if file.checksum != applied[file.id].checksum]
            with run.backend.run_transaction():
                for file in edited:
                    run.backend.run(file, run.backend.record_sql(file, "accept"))
            run.steps += [Step(file.id, "accept", 0) for file in edited]
        return run.report(started)


def statuses(
    config: DatabaseConfig, known: Sequence[MigrationFile], history: Sequence[Applied]
) -> tuple[MigrationStatus, ...]:
    """A row for each migration that a database has, or should have.

    Parameters:
        known: all files.
        history: the files in force.
    """
    applied = {row.migration_id: row for row in history}
    ids = {file.id for file in known}
    rows = [
        _status_row(file, applied.get(file.id)) for file in known if file.id in applied or config.holds(file.component)
    ]
    return (*rows, *(_status_row(None, row) for row in history if row.migration_id not in ids))


def _status_row(file: MigrationFile | None, row: Applied | None) -> MigrationStatus:
    state: State = "pending" if row is None else "applied"
    if row and file is None:
        state = "newer" if is_later(row.fbs_db_version) else "missing"
    if row and file and row.checksum != file.checksum:
        state = "edited"
    return MigrationStatus(
        migration_id=file.id if file else row.migration_id if row else "",
        component=file.component if file else "",
        state=state,
        applied_at=row.applied_at if row else None,
        applied_by=row.applied_by if row else "",
        fbs_db_version=row.fbs_db_version if row else "",
        checksum=file.checksum if file else "",
        applied_checksum=row.checksum if row else "",
    )
