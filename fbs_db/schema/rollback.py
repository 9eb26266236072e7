"""Rolling back the SQL files that are applied."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from psycopg import sql

from fbs_db import files
from fbs_db.database.connection import shown
from fbs_db.database.locks import LOCK_WAIT
from fbs_db.database.session import Database, Session, open_session, told_what_stays
from fbs_db.errors import IsolationRefused, MissingRollback, RowsAtStake, UsageError
from fbs_db.files import BASE, MigrationFile
from fbs_db.reports import DryRunReport, MigrateReport, Progress, silent
from fbs_db.schema.planning import script
from fbs_db.schema.run import Run, problems, refuse_newer, refuse_unfit
from fbs_db.wording import command, counted


def rollback(
    database: Database = None,
    *,
    to: str | None = None,
    everything: bool = False,
    lose_rows: bool = False,
    schema: str | None = None,
    wait: float = LOCK_WAIT,
    directory: Path | None = None,
    progress: Callable[[Progress], None] = silent,
) -> MigrateReport:
    """Roll back the last file, all files after one, or all. The rows of dropped tables are lost.

    Parameters:
        database, schema, wait, directory, progress: as for `migrate`.
        to: roll back all files after this one.
        everything: roll back all files.
        lose_rows: drop tables even if they hold rows.

    Returns:
        The files rolled back, in that order; none if nothing was applied.

    Raises:
        RowsAtStake: tables hold rows, and `lose_rows` is not set.
        IsolationRefused: isolation is on, and would be rolled back.
        MissingRollback: a file has no rollback file.
        FbsDbError: see `fbs_db.errors`. Nothing was changed.

    Writes ``fbs_migrations`` and ``fbs_migration_log``.
    """
    started = time.monotonic()
    known = files.load(directory)
    with open_session(database, schema, application="fbs-db rollback") as session:
        run = Run(session, "", progress)
        with told_what_stays(run.told), session.translated():
            if _to_undo(run, known, to, everything):
                refuse_newer(session, known, run.history)
                refuse_unfit(session)
                _refuse_while_isolated(session, _to_undo(run, known, to, everything))
                with session.lock(wait, progress):
                    run.look_again()
                    undone = _to_undo(run, known, to, everything)
                    doomed = [] if lose_rows else _tables_of_hosts(session, undone)
                    _refuse_loss(session, doomed)
                    # Again under a lock: nobody can write to the tables any more.
                    first = partial(_refuse_loss, session, doomed, locked=True)
                    run.do(undone, "rollback", retries=session.retries(progress), first=first)
            return run.report(started)


def rollback_plan(
    database: Database = None,
    *,
    to: str | None = None,
    everything: bool = False,
    schema: str | None = None,
    directory: Path | None = None,
) -> DryRunReport:
    """The plan of `rollback` with the same arguments. Nothing is changed or tried.

    Returns:
        The files in the order in which they would be rolled back, and the exact SQL.

    Reads ``fbs_migrations``.
    """
    known = files.load(directory)
    with open_session(database, schema, application="fbs-db rollback --dry-run") as session:
        run = Run(session, "")
        refuse_newer(session, known, run.history)
        undone = _to_undo(run, known, to, everything)
        return DryRunReport(
            database=shown(session.connection),
            schema=session.schema,
            pending=tuple(file.id for file in undone),
            sql=script(run.backend, undone, "rollback"),
            locks=(),
            untried=tuple(file.id for file in undone),
        )


def _to_undo(run: Run, known: list[MigrationFile], to: str | None, everything: bool) -> list[MigrationFile]:
    if to is not None and everything:
        raise UsageError("Either to one file, or everything: not both.")
    for problem in problems(known, run.history):
        raise problem
    present = [file for file in known if file.id in run.applied]
    if to is not None:
        kept = files.find(known, to)
        if present and kept.id not in run.applied:
            raise UsageError(f"{kept.id} is not applied, so nothing can be rolled back to it.")
        undone = present[present.index(kept) + 1 :] if present else []
    else:
        undone = present if everything else present[-1:]
    for file in undone:
        if file.rollback_sql is None:
            raise MissingRollback(
                f"{file.id} cannot be rolled back: there is no {file.rollback_path.name}.",
                hint=f"Put it into {file.rollback_path.parent}.",
            )
    return undone[::-1]


def _tables_of_hosts(session: Session, undone: list[MigrationFile]) -> list[str]:
    """The tables that would be dropped and can hold rows of the host."""
    names = [name for file in undone if file.component != BASE for kind, name in file.creates if kind == "table"]
    query = (
        "select relname::text from pg_catalog.pg_class where relnamespace = to_regnamespace(%s) and relname = any(%s)"
        " and relkind in ('r', 'p') order by relname"
    )
    return [name for (name,) in session.select(query, session.quoted_schema, names)]


def _refuse_while_isolated(session: Session, undone: Sequence[MigrationFile]) -> None:
    """Refuse to undo isolation while it is on: every role would see the rows of all solutions."""
    query = (
        "select exists (select from pg_catalog.pg_policy as p inner join pg_catalog.pg_class as c on p.polrelid = c.oid"
        " where c.relnamespace = to_regnamespace(%s) and p.polname = 'fbs_solution')"
    )
    undoes = any("isolation" in file.provides for file in undone)
    if undoes and session.select(query, session.quoted_schema) == [(True,)]:
        raise IsolationRefused(
            "Isolation is on. Without it, which is rolled back, every role sees the rows of all solutions.",
            hint=f"Switch it off first: {command('isolate', 'off')}",
        )


def _refuse_loss(session: Session, tables: Sequence[str], *, locked: bool = False) -> None:
    """Refuse to drop tables that hold rows.

    Parameters:
        locked: whether to lock the tables first, until the transaction ends.
    """
    names = {table: sql.Identifier(session.schema, table) for table in tables}
    if locked and tables:
        with session.translated():
            session.select(sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(names.values())))
    found: dict[str, int] = {}
    for table, name in names.items():
        if session.select(sql.SQL("select exists (select from {})").format(name)) == [(True,)]:
            found[table] = session.select(sql.SQL("select count(*) from {}").format(name))[0][0]
    if found:
        named = ", ".join(f"{table} ({rows:,})" for table, rows in list(found.items())[:5])
        raise RowsAtStake(
            f"This deletes {counted(sum(found.values()), 'row')}: {named}{' and more' if len(found) > 5 else ''}.",
            hint="To do it, pass lose_rows=True, or --yes on the command line.",
            rows=found,
        )
