"""Applying and undoing the SQL files.

A run is one transaction: all its files with their records, or nothing. Only a file
marked ``-- transactional: false`` ends it, stands alone, and lets the next begin.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

from psycopg import sql

from fbs_db import files, wording
from fbs_db.database.connection import refuse_transaction_pooler, shown
from fbs_db.database.locks import LOCK_WAIT, Retries
from fbs_db.database.session import Database, Session, open_session, told_what_stays
from fbs_db.errors import (
    EditedMigration,
    MigrationError,
    MissingMigration,
    MissingRollback,
    PoolerRefused,
    RowsAtStake,
    TargetError,
    UnsupportedServer,
    UsageError,
)
from fbs_db.files import BASE, MigrationFile
from fbs_db.reports import (
    DryRunReport,
    MigrateReport,
    MigrationStatus,
    Operation,
    Progress,
    State,
    StatusReport,
    Step,
    UserColumn,
    silent,
)
from fbs_db.schema.history import Applied, Backend, name_taken
from fbs_db.schema.planning import HOST_LINK, USER_LINK, in_groups, planned, script, tried_locks
from fbs_db.schema.users import check_user_columns, link_users, users_tied
from fbs_db.wording import counted


def migrate(
    database: Database = None,
    *,
    to: str | None = None,
    schema: str | None = None,
    user_table: str | None = None,
    wait: float = LOCK_WAIT,
    directory: Path | None = None,
    progress: Callable[[Progress], None] = silent,
) -> MigrateReport:
    """Apply what is pending of the components that the project places in this database.

    Parameters:
        database: name of a configured database, connection string, or an open connection.
            On one in autocommit a run commits; on any other it is part of the caller's
            transaction, which stays open and decides. None looks at ``DATABASE_URL``,
            libpq's variables, ``fbs-db.toml``, and at last starts the embedded server.
        to: last file to apply, by name or the start of it; None for all.
        schema: where the tables go; it must exist. None for the configured one, or
            ``public``.
        user_table: the host's user table. Its key gives user columns their type.
        wait: how many seconds to wait for another migration.
        directory: other SQL files than those of the package.
        progress: called as files begin and end.

    Returns:
        The files applied; none where nothing was to be done.

    Raises:
        FbsDbError: see `fbs_db.errors`. Its hint says what stays: nothing, but for a file
            outside transactions, and those before it; or where only the look at rows that
            were there before is outstanding.

    Reads and writes ``fbs_migrations`` and ``fbs_migration_log``.
    """
    started = time.monotonic()
    every = files.load(directory)
    wanted = _up_to(every, to)
    kept = _Kept()
    with (
        open_session(database, schema, start=True, application="fbs-db migrate") as session,
        ExitStack() as until_the_end,
    ):
        with told_what_stays(kept.told), session.translated():
            backend = _backend(session, user_table, progress)
            pending = _pending(session, every, wanted, backend.history())
            _require_user_table(backend, every, pending)
            if pending or _untied(session, backend):
                if pending:
                    refuse_unfit(session)
                until_the_end.enter_context(session.lock(wait, progress))
                pending = _pending(session, every, wanted, backend.history())
                _refuse_taken_names(session, every, pending)
                _refuse_no_transaction(backend, pending)
                retries = session.retries(progress)
                finish = _finish(session, backend, pending, retries)
                _run(session, backend, pending, "apply", progress, retries, kept, finish)
        users: list[UserColumn] = []
        if _untied(session, backend):
            if backend.in_callers_transaction:
                kept.where = "In your transaction"
            users = check_user_columns(session, backend, backend.user_table, progress, before=kept.told())
        return _report(session, backend, kept.steps, started, users, _named(session, user_table))


def plan(
    database: Database = None,
    *,
    to: str | None = None,
    schema: str | None = None,
    user_table: str | None = None,
    wait: float = LOCK_WAIT,
    directory: Path | None = None,
    ready: Callable[[DryRunReport], None] = lambda report: None,
) -> DryRunReport:
    """What `migrate` with the same arguments would do; changes nothing.

    The files are run, in a transaction that is rolled back, to learn their locks and
    whether they work. That takes those locks for a moment: 10 seconds a statement at
    most. Users are not tied in it: that lock, which would stop who writes the user table,
    is known.

    Parameters:
        ready: called with the report before any lock is asked for, and before the files' are known.

    Returns:
        The files, the exact SQL, the user columns it ties, and the locks on tables that
        exist already.

    Raises:
        FbsDbError: what `migrate` would raise.
    """
    every = files.load(directory)
    wanted = _up_to(every, to)
    with open_session(database, schema, application="fbs-db migrate --dry-run") as session:
        backend = _backend(session, user_table, silent)
        pending = _pending(session, every, wanted, backend.history())
        _require_user_table(backend, every, pending)
        if pending:
            refuse_unfit(session)
            _refuse_taken_names(session, every, pending)
        report = planned(session, backend, every, pending)
        ready(report)
        if not pending:
            return report
        with session.lock(wait):
            pending = _pending(session, every, wanted, backend.history())
            _refuse_taken_names(session, every, pending)
            report = planned(session, backend, every, pending)
            tried = list(takewhile(lambda file: file.transactional, pending))
            locks = tried_locks(backend, tried)
        untried = tuple(file.id for file in pending if file not in tried)
        return replace(report, locks=(*locks, *report.locks), untried=untried)


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
    """Undo the last file, all after one, or everything. The rows of dropped tables go.

    Parameters:
        database, schema, wait, directory, progress: as for `migrate`.
        to: undo all files after this one, which stays.
        everything: undo all.
        lose_rows: drop tables that hold rows, too.

    Returns:
        The files undone, in that order; none where nothing was applied.

    Raises:
        RowsAtStake: tables hold rows, and it was not said that these may be lost.
        MissingRollback: one of them has no rollback file.
        FbsDbError: see `fbs_db.errors`. Nothing was changed then.
    """
    started = time.monotonic()
    known = files.load(directory)
    kept = _Kept()
    with (
        open_session(database, schema, application="fbs-db rollback") as session,
        told_what_stays(kept.told),
        session.translated(),
    ):
        backend = _backend(session, "", progress)
        if _to_undo(known, backend.history(), to, everything):
            refuse_unfit(session)
            with session.lock(wait, progress):
                undone = _to_undo(known, backend.history(), to, everything)
                doomed = [] if lose_rows else _tables_of_hosts(session, undone)
                _refuse_loss(session, doomed)
                # Again once nobody can write them any more.
                first = partial(_refuse_loss, session, doomed, locked=True)
                _run(session, backend, undone, "rollback", progress, session.retries(progress), kept, first=first)
        return _report(session, backend, kept.steps, started)


def rollback_plan(
    database: Database = None,
    *,
    to: str | None = None,
    everything: bool = False,
    schema: str | None = None,
    directory: Path | None = None,
) -> DryRunReport:
    """What `rollback` with the same arguments would do; changes and tries nothing.

    Returns:
        The files in the order in which they would be undone, and the exact SQL.
    """
    known = files.load(directory)
    with open_session(database, schema, application="fbs-db rollback --dry-run") as session:
        backend = _backend(session, "", silent)
        undone = _to_undo(known, backend.history(), to, everything)
        return DryRunReport(
            database=shown(session.connection),
            schema=session.schema,
            pending=tuple(file.id for file in undone),
            sql=script(backend, undone, "rollback"),
            locks=(),
            untried=tuple(file.id for file in undone),
        )


def status(database: Database = None, *, schema: str | None = None, directory: Path | None = None) -> StatusReport:
    """What is applied, pending, edited since, or missing. Changes nothing.

    Parameters:
        database, schema, directory: as for `migrate`; no server is created.

    Returns:
        A row for each migration; `problems` holds what would stop `migrate`.

    Reads ``fbs_migrations``.
    """
    known = files.load(directory)
    with open_session(database, schema, application="fbs-db status") as session:
        backend = _backend(session, "", silent)
        history = backend.history()
        applied = {row.migration_id: row for row in history}
        ids = {file.id for file in known}
        rows = [
            _status_row(file, applied.get(file.id))
            for file in known
            if file.id in applied or session.config.holds(file.component)
        ]
        rows += [_status_row(None, row) for row in history if row.migration_id not in ids]
        return StatusReport(
            database=shown(session.connection),
            schema=session.schema,
            migrations=tuple(rows),
            problems=tuple(_problems(known, history)),
            elsewhere=tuple(backend.elsewhere()),
        )


def accept(
    names: Sequence[str],
    database: Database = None,
    *,
    schema: str | None = None,
    wait: float = LOCK_WAIT,
    directory: Path | None = None,
) -> MigrateReport:
    """Take edited files as applied: the history gets their present checksums.

    Nothing of the schema changes: whoever edited a file has made the database agree.

    Parameters:
        names: the files, by name or the start of it.
        database, schema, wait, directory: as for `migrate`.

    Returns:
        The files accepted; those that were not edited are left out.

    Raises:
        UsageError: a name is unknown, or its file is not applied.
    """
    started = time.monotonic()
    known = files.load(directory)
    chosen = [files.find(known, name) for name in names]
    with open_session(database, schema, application="fbs-db accept") as session:
        backend = _backend(session, "", silent)
        refuse_unfit(session)
        with session.lock(wait):
            applied = {row.migration_id: row for row in backend.history()}
            if foreign := [file.id for file in chosen if file.id not in applied]:
                raise UsageError(f"Not applied, so there is nothing to accept: {', '.join(foreign)}.")
            edited = [file for file in chosen if file.checksum != applied[file.id].checksum]
            with backend.run_transaction():
                for file in edited:
                    backend.run(file, backend.record_sql(file, "accept"))
        return _report(session, backend, [Step(file.id, "accept", 0) for file in edited], started)


# --- which files


def _up_to(known: list[MigrationFile], to: str | None) -> list[MigrationFile]:
    return known if to is None else known[: known.index(files.find(known, to)) + 1]


def _pending(
    session: Session, every: list[MigrationFile], wanted: list[MigrationFile], history: list[Applied]
) -> list[MigrationFile]:
    for problem in _problems(every, history):
        raise problem
    applied = {row.migration_id for row in history}
    return [file for file in wanted if file.id not in applied and session.config.holds(file.component)]


def _to_undo(
    known: list[MigrationFile], history: list[Applied], to: str | None, everything: bool
) -> list[MigrationFile]:
    if to is not None and everything:
        raise UsageError("Either down to one file, or everything: not both.")
    for problem in _problems(known, history):
        raise problem
    applied = {row.migration_id for row in history}
    present = [file for file in known if file.id in applied]
    if to is not None:
        kept = files.find(known, to)
        if present and kept.id not in applied:
            raise UsageError(f"{kept.id} is not applied, so there is no going back to it.")
        undone = present[present.index(kept) + 1 :] if present else []
    else:
        undone = present if everything else present[-1:]
    for file in undone:
        if file.rollback_sql is None:
            raise MissingRollback(
                f"{file.id} cannot be undone: there is no {file.rollback_path.name}.",
                hint=f"It belongs into {file.rollback_path.parent}.",
            )
    return undone[::-1]


def _problems(known: list[MigrationFile], history: list[Applied]) -> Iterator[MigrationError]:
    by_id = {file.id: file for file in known}
    edited = [(row, by_id[row.migration_id]) for row in history if row.migration_id in by_id]
    edited = [(row, file) for row, file in edited if row.checksum != file.checksum]
    if edited:
        lines = [
            f"{file.path} was edited after it was applied on {row.applied_at:%Y-%m-%d %H:%M}.\n"
            f"  as applied: sha256 {row.checksum}\n"
            f"  as it is:   sha256 {file.checksum}"
            for row, file in edited
        ]
        accept_them = wording.command("accept", *(file.id for _, file in edited))
        yield EditedMigration(
            "\n".join(lines),
            hint=f"Restore the file, or, where the database has been made to agree with it, type: {accept_them}",
        )
    missing = [row for row in history if row.migration_id not in by_id]
    if missing:
        versions = ", ".join(sorted({row.fbs_db_version for row in missing}))
        yield MissingMigration(
            f"Applied here, but not among the files in {known[0].source_dir}: "
            + ", ".join(row.migration_id for row in missing)
            + ".",
            hint=f"fbs-db {versions} applied it: install that version or a newer one, or put the file back.",
        )


def _status_row(file: MigrationFile | None, row: Applied | None) -> MigrationStatus:
    state: State = "pending" if row is None else "missing" if file is None else "applied"
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


# --- whether the database is fit


def _backend(session: Session, user_table: str | None, progress: Callable[[Progress], None]) -> Backend:
    name = _named(session, user_table)
    return Backend(
        session.connection,
        session.schema,
        user_table=session.table(name) if name else "",
        user_key_type=session.config.user_key_type or "",
        said=lambda text: progress(Progress("wait", text=text)),
    )


def _named(session: Session, user_table: str | None) -> str:
    """The user table as it was named, by the caller or else in the configuration; empty where it was not."""
    return user_table if user_table is not None else session.config.user_table or ""


def _require_user_table(backend: Backend, every: list[MigrationFile], pending: list[MigrationFile]) -> None:
    """It has to have a key of one column; where user columns have their type already, it has to suit that."""
    if not backend.user_table:
        return
    if every[0] not in pending:
        with backend.run_transaction():
            backend.cursor().execute("select fbs_require_user_table(%s::regclass)", (backend.user_table,))
        return
    has_key = "select from pg_catalog.pg_index where indrelid = %s::regclass and indisprimary and indnkeyatts = 1"
    if backend.cursor().execute(has_key.encode(), (backend.user_table,)).fetchone() is None:
        raise TargetError(
            f"Table {backend.user_table} has no primary key of one column.",
            hint="Name a table whose primary key is a single column.",
        )


def _untied(session: Session, backend: Backend) -> bool:
    """Whether there is a user table, and a column that is not tied to it yet, or not validated."""
    linkable = any(row.migration_id == USER_LINK for row in backend.history())
    return bool(backend.user_table) and linkable and not users_tied(session, backend.user_table, validated=True)


def refuse_unfit(session: Session) -> None:
    """Stop where nothing could be changed: a standby, a read-only connection, no privilege, a pooler."""
    refuse_transaction_pooler(
        session.connection,
        "Migrate over a direct connection, or one pooled by session: the lock against two at once is a session's.",
    )
    role, standby, read_only, may_create = session.cursor().execute(
        "select current_user, pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,"
        " has_schema_privilege(to_regnamespace(%s), 'create')",
        (session.quoted_schema,),
    ).fetchone() or ("", False, False, False)
    if standby:
        raise UnsupportedServer("This server is a standby, which is read-only.", hint="Migrate its primary.")
    if read_only:
        raise TargetError(
            "Transactions are read-only on this connection.",
            hint="See default_transaction_read_only, which the database, the role or the connection sets.",
        )
    if not may_create:
        grant = sql.SQL("grant create on schema {} to {};").format(sql.Identifier(session.schema), sql.Identifier(role))
        raise TargetError(
            f"The role {role} may not create anything in schema {session.schema}.",
            hint="Migrate as another role, or let this one, as the schema's owner:"
            f" {grant.as_string(session.connection)}",
        )


def _refuse_taken_names(session: Session, known: list[MigrationFile], pending: list[MigrationFile]) -> None:
    ours = {name for file in known if file not in pending for _, name in file.creates}
    names = [name for file in pending if file.transactional for _, name in file.creates if name not in ours]
    rows = (
        session.cursor()
        .execute(
            """
        select distinct name
        from (
            select relname, relnamespace from pg_catalog.pg_class
            union all
            select typname, typnamespace from pg_catalog.pg_type
            union all
            select proname, pronamespace from pg_catalog.pg_proc
        ) as found (name, namespace)
        where name = any(%s) and namespace = to_regnamespace(%s)
        order by name
        """,
            (names, session.quoted_schema),
        )
        .fetchall()
    )
    if rows:
        raise name_taken(session.schema, [name for (name,) in rows])


def _tables_of_hosts(session: Session, undone: list[MigrationFile]) -> list[str]:
    """The tables that would be dropped and can hold rows of a host's."""
    names = [name for file in undone if file.component != BASE for kind, name in file.creates if kind == "table"]
    query = (
        "select relname::text from pg_catalog.pg_class where relnamespace = to_regnamespace(%s) and relname = any(%s)"
        " and relkind in ('r', 'p') order by relname"
    )
    return [name for (name,) in session.select(query, session.quoted_schema, names)]


def _refuse_loss(session: Session, tables: Sequence[str], *, locked: bool = False) -> None:
    """Refuse to drop tables that hold rows.

    Parameters:
        locked: whether nobody shall write them any more, until the transaction ends.
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
            hint="To do it all the same: lose_rows=True, or --yes on the command line.",
            rows=found,
        )


def _refuse_no_transaction(backend: Backend, pending: list[MigrationFile]) -> None:
    alone = [file.id for file in pending if not file.transactional]
    if alone and backend.in_callers_transaction:
        raise UsageError(
            f"{alone[0]} runs outside a transaction, and the connection is in one.",
            hint="Commit or roll back first.",
        )


# --- the run


class _Kept:
    """What of a run is done for good.

    Attributes:
        steps: the files.
        begun: the file outside a transaction that runs; empty where none does.
        where: how far it is for good.
    """

    where = "For good"

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.begun = ""

    def told(self) -> str:
        """It in a sentence or two; empty where nothing is."""
        verb = "undone" if any(step.operation == "rollback" for step in self.steps) else "applied"
        ids = [step.migration_id for step in self.steps]
        said = ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}" if ids else ""
        parts = [f"{self.where} {verb}: {said}."] if said else []
        if self.begun:
            parts.append(f"{self.begun} runs outside a transaction: the same again goes on from what it left.")
        return " ".join(parts)


def _run(
    session: Session,
    backend: Backend,
    chosen: list[MigrationFile],
    operation: Operation,
    progress: Callable[[Progress], None],
    retries: Retries,
    kept: _Kept,
    finish: Callable[[], None] | None = None,
    first: Callable[[], None] | None = None,
) -> None:
    """Run the files, one transaction for all but those that stand alone; the last also finishes.

    Parameters:
        first: done first in the transaction of files that are undone.
    """
    groups = in_groups(chosen, operation, bool(finish))
    for number, (transactional, group) in enumerate(groups, 1):
        last = finish if number == len(groups) else None
        if transactional:
            kept.steps += _run_together(session, backend, group, operation, progress, retries, last, first)
        for file in group if not transactional else ():
            kept.begun = file.id
            kept.steps.append(_run_one(backend, file, operation, progress))
            kept.begun = ""


def _run_together(
    session: Session,
    backend: Backend,
    together: list[MigrationFile],
    operation: Operation,
    progress: Callable[[Progress], None],
    retries: Retries,
    finish: Callable[[], None] | None,
    first: Callable[[], None] | None,
) -> list[Step]:
    def work() -> list[Step]:
        with backend.run_transaction():
            if not session.holds_lock():
                raise PoolerRefused("The server session changed under way.", hint="Migrate over a direct connection.")
            if first:
                first()
            steps = [_run_one(backend, file, operation, progress) for file in together]
            if finish:
                finish()
            return steps

    return retries.run(work)


def _finish(session: Session, backend: Backend, pending: list[MigrationFile], retries: Retries) -> Callable[[], None]:
    """What a run does after its files, in their transaction: the lock on the user table is asked for last."""

    def finish() -> None:
        applied = {row.migration_id for row in backend.history()}
        with session.translated():
            if pending and HOST_LINK in applied:
                session.call("fbs_wake_rules")  # those for tables of components that came later
            if backend.user_table and USER_LINK in applied and not users_tied(session, backend.user_table):
                link_users(session, backend.user_table, retries)

    return finish


def _run_one(backend: Backend, file: MigrationFile, operation: Operation, progress: Callable[[Progress], None]) -> Step:
    progress(Progress("begin", file.id))
    started = time.monotonic()
    (backend.apply_one if operation == "apply" else backend.rollback_one)(file)
    step = Step(file.id, operation, time.monotonic() - started)
    progress(Progress("end", file.id, step.seconds))
    return step


def _report(
    session: Session,
    backend: Backend,
    steps: list[Step],
    started: float,
    users: Sequence[UserColumn] = (),
    user_table: str = "",
) -> MigrateReport:
    history = backend.history()
    return MigrateReport(
        database=shown(session.connection),
        schema=session.schema,
        steps=tuple(steps),
        current=max((row.migration_id for row in history), default=""),
        seconds=time.monotonic() - started,
        users=tuple(users),
        user_table=user_table,
    )
