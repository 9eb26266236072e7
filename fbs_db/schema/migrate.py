"""Applying the SQL files that are pending."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

from fbs_db import files
from fbs_db.database.locks import LOCK_WAIT, Retries
from fbs_db.database.session import Database, Session, open_session, told_what_stays
from fbs_db.errors import TargetError, UsageError
from fbs_db.files import HOST_LINK, ISOLATION, ROLES, USER_LINK, MigrationFile
from fbs_db.reports import DryRunReport, MigrateReport, Progress, UserColumn, silent
from fbs_db.schema.history import Backend, name_taken
from fbs_db.schema.planning import planned, tried_locks
from fbs_db.schema.rights import refuse_rights_of_others, warn_of_superuser
from fbs_db.schema.run import Run, newer_than_this, problems, refuse_newer, refuse_unfit
from fbs_db.schema.users import check_user_columns, link_users, tied_tables, users_tied


def migrate(
    database: Database = None,
    *,
    to: str | None = None,
    schema: str | None = None,
    user_table: str | None = None,
    role: str | None = None,
    wait: float = LOCK_WAIT,
    directory: Path | None = None,
    progress: Callable[[Progress], None] = silent,
) -> MigrateReport:
    """Apply the pending files of the components that the project places in this database.

    Parameters:
        database: name of a configured database, connection string, or open connection.
            On a connection in autocommit a run commits. On any other it is part of the caller's
            transaction, which stays open. None looks at ``DATABASE_URL``, libpq's variables and
            ``fbs-db.toml``, and then starts the embedded server.
        to: last file to apply, by its name or the start of it; None for all.
        schema: schema of the tables, which must exist; None for the configured one, or ``public``.
        user_table: the host's user table, whose key gives user columns their type; None for the
            configured one, or that which user columns are tied to.
        role: the role to work as, which owns what it makes; None for the configured one, or that of the login,
            which has to be a member.
        wait: seconds to wait for another migration.
        directory: the SQL files; None for those of the package.
        progress: called as files begin and end.

    Returns:
        The files applied; none if there was nothing to do, as where a later fbs-db has migrated.

    Raises:
        FbsDbError: see `fbs_db.errors`. The hint says which work is committed: none, unless a file
            runs outside a transaction, or only existing rows are still to be validated.

    Reads and writes ``fbs_migrations`` and ``fbs_migration_log``.
    """
    started = time.monotonic()
    every = files.load(directory)
    wanted = _up_to(every, to)
    with (
        open_session(database, schema, start=True, application="fbs-db migrate", role=role) as session,
        ExitStack() as until_the_end,
    ):
        run = Run(session, user_table, progress)
        with told_what_stays(run.told), session.translated():
            refuse_rights_of_others(session)
            pending = _pending(run, every, wanted)
            if pending and user_table is None:
                _take_attached_users(run, every)
            _require_user_table(run.backend, every, pending)
            if pending or _untied(run, every):
                if pending:
                    refuse_unfit(session)
                until_the_end.enter_context(session.lock(wait, progress))
                run.look_again()
                pending = _pending(run, every, wanted)
                _refuse_taken_names(session, every, pending)
                _refuse_no_transaction(run.backend, pending)
                retries = session.retries(progress)
                run.do(pending, "apply", retries=retries, finish=partial(_finish, run, every, pending, retries))
        users: list[UserColumn] = []
        if _untied(run, every):
            if run.backend.in_callers_transaction:
                run.kept = "in your transaction"
            users = check_user_columns(session, run.backend, run.backend.user_table, progress, before=run.told())
        if run.steps and not run.history:
            warn_of_superuser(session)
        return replace(run.report(started, users), newer=newer_than_this(every, run.history))


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
    """The plan of `migrate` with the same arguments. Nothing is changed.

    The files run in a transaction that is rolled back, which shows their locks and errors. It
    holds those locks for a moment: 10 seconds a statement at most. User columns are not tied in
    it: their lock, which blocks writes to the user table, is known.

    Parameters:
        ready: called with the report before the files run, when their locks are not known yet.

    Returns:
        The files, the exact SQL, the user columns to be tied, and the locks on existing tables.

    Raises:
        FbsDbError: as for `migrate`.
    """
    every = files.load(directory)
    wanted = _up_to(every, to)
    with open_session(database, schema, application="fbs-db migrate --dry-run") as session:
        refuse_rights_of_others(session)
        run = Run(session, user_table)
        pending = _pending(run, every, wanted)
        if pending and user_table is None:
            _take_attached_users(run, every)
        _require_user_table(run.backend, every, pending)
        if pending:
            refuse_unfit(session)
            _refuse_taken_names(session, every, pending)
        report = planned(run, every, pending)
        ready(report)
        if not pending:
            return report
        with session.lock(wait):
            run.look_again()
            pending = _pending(run, every, wanted)
            _refuse_taken_names(session, every, pending)
            report = planned(run, every, pending)
            tried = list(takewhile(lambda file: file.transactional, pending))
            locks = tried_locks(run.backend, tried)
        untried = tuple(file.id for file in pending if file not in tried)
        return replace(report, locks=(*locks, *report.locks), untried=untried)


# --- which files


def _up_to(known: list[MigrationFile], to: str | None) -> list[MigrationFile]:
    return known if to is None else known[: known.index(files.find(known, to)) + 1]


def _pending(run: Run, every: list[MigrationFile], wanted: list[MigrationFile]) -> list[MigrationFile]:
    for problem in problems(every, run.history):
        raise problem
    pending = [file for file in wanted if file.id not in run.applied and run.session.config.holds(file.component)]
    if pending:
        refuse_newer(run.session, every, run.history)
    return pending


def _take_attached_users(run: Run, every: list[MigrationFile]) -> None:
    """Where the project names no user table, that which columns are tied to is for the columns to come, too."""
    if not run.user_table and USER_LINK in files.provided(every, run.applied):
        tied = tied_tables(run.session)
        run.user_table = tied[0] if len(tied) == 1 else ""


# --- what is refused


def _require_user_table(backend: Backend, every: list[MigrationFile], pending: list[MigrationFile]) -> None:
    """Refuse a user table without a key of one column, or with a key of another type than the user columns have."""
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


def _refuse_no_transaction(backend: Backend, pending: list[MigrationFile]) -> None:
    alone = [file.id for file in pending if not file.transactional]
    if alone and backend.in_callers_transaction:
        raise UsageError(
            f"{alone[0]} runs outside a transaction, and the connection is in one.",
            hint="Commit or roll back first.",
        )


# --- after the files


def _untied(run: Run, every: list[MigrationFile]) -> bool:
    """Whether there is a user table, and a column that is not tied to it yet, or not validated."""
    linkable = USER_LINK in files.provided(every, run.applied)
    user_table = run.backend.user_table
    return bool(user_table) and linkable and not users_tied(run.session, user_table, validated=True)


def _finish(run: Run, every: list[MigrationFile], pending: list[MigrationFile], retries: Retries) -> None:
    """Compile the rules, isolate and grant what is new, and tie the users, in the transaction of the files.

    The lock on the user table comes last.
    """
    session, user_table = run.session, run.backend.user_table
    there = files.provided(every, run.applied | {file.id for file in pending})
    with session.translated():
        if pending and HOST_LINK in there:
            session.call("fbs_compile_rules")  # with those for tables of components that came later
        if pending and ISOLATION in there:
            session.call("fbs_keep_isolated")  # these tables, too
        if pending and ROLES in there:
            session.call("fbs_grant_roles")
        if user_table and USER_LINK in there and not users_tied(session, user_table):
            link_users(session, user_table, retries)
