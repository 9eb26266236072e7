"""A run over the SQL files: one transaction, its retries, and what of it is committed.

All files and their records are applied together or not at all. Only a file marked
``-- transactional: false`` commits what came before it and runs by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby

from psycopg import sql

from fbs_db import files, wording
from fbs_db.database import project
from fbs_db.database.connection import no_changes_on_standby, refuse_transaction_pooler, shown
from fbs_db.database.locks import Retries
from fbs_db.database.releases import is_later, newer_release, said_of, upgrade_to
from fbs_db.database.session import Session
from fbs_db.errors import (
    EditedMigration,
    MigrationError,
    MissingMigration,
    NameTaken,
    PoolerRefused,
    TargetError,
)
from fbs_db.files import MigrationFile
from fbs_db.reports import MigrateReport, Operation, Progress, Step, UserColumn, silent
from fbs_db.schema.history import Applied, Backend, history_of
from fbs_db.schema.users import configured_users
from fbs_db.version import __version__, order


class Run:
    """A run on one schema.

    Parameters:
        session: the session.
        user_table: the host's user table; None for the configured one, an empty string for none.
        progress: called as files begin and end.

    Attributes:
        steps: the files that are done, and committed.
        under_way: the file outside a transaction that runs; an empty string where none does.
        kept: how the steps are kept, in words.
    """

    kept = "and committed"

    def __init__(
        self, session: Session, user_table: str | None = None, progress: Callable[[Progress], None] = silent
    ) -> None:
        self.session = session
        self.user_table = configured_users(session) if user_table is None else user_table
        self.progress = progress
        self.steps: list[Step] = []
        self.under_way = ""

    @cached_property
    def backend(self) -> Backend:
        """yoyo's backend.

        Raises:
            TargetError: there is no such user table.
        """
        return Backend(
            self.session,
            user_table=self.session.table(self.user_table) if self.user_table else "",
            user_key_type=self.session.config.user_key_type or "",
            progress=self.progress,
        )

    @cached_property
    def history(self) -> list[Applied]:
        """The history as it was before the run. It is read once, and again by `look_again`."""
        return history_of(self.session)

    def look_again(self) -> None:
        """Read the history again, once the lock is held: another run may have changed it."""
        self.history = history_of(self.session)

    @property
    def applied(self) -> set[str]:
        """Ids of the files in force, after the steps of this run."""
        ids = {row.migration_id for row in self.history}
        for step in self.steps:
            (ids.discard if step.operation == "rollback" else ids.add)(step.migration_id)
        return ids

    def told(self) -> str:
        """What is committed, in a sentence or two; an empty string where nothing is."""
        verb = "Rolled back" if any(step.operation == "rollback" for step in self.steps) else "Applied"
        ids = [step.migration_id for step in self.steps]
        said = ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}" if ids else ""
        parts = [f"{verb} {self.kept}: {said}."] if said else []
        if self.under_way:
            parts.append(f"{self.under_way} runs outside a transaction. Type the same again to finish it.")
        return " ".join(parts)

    def do(
        self,
        chosen: list[MigrationFile],
        operation: Operation,
        *,
        retries: Retries,
        first: Callable[[], None] | None = None,
        finish: Callable[[], None] | None = None,
    ) -> None:
        """Run the files, one transaction for all but those that run by themselves.

        Parameters:
            first: called first in each transaction.
            finish: called last in the last transaction.
        """
        groups = in_groups(chosen, operation, bool(finish))
        for number, (transactional, group) in enumerate(groups, 1):
            if transactional:
                self._together(group, operation, retries, first, finish if number == len(groups) else None)
                continue
            for file in group:
                self.under_way = file.id
                self.steps.append(self._one(file, operation))
                self.under_way = ""

    def _together(
        self,
        group: list[MigrationFile],
        operation: Operation,
        retries: Retries,
        first: Callable[[], None] | None,
        finish: Callable[[], None] | None,
    ) -> None:
        def work() -> list[Step]:
            with self.backend.run_transaction():
                if not self.session.holds_lock():
                    raise PoolerRefused("The server session changed during the run.", hint="Connect directly.")
                if first:
                    first()
                steps = [self._one(file, operation) for file in group]
                if finish:
                    finish()
                return steps

        self.steps += retries.run(work)

    def _one(self, file: MigrationFile, operation: Operation) -> Step:
        self.progress(Progress("begin", file.id))
        started = time.monotonic()
        (self.backend.apply_one if operation == "apply" else self.backend.rollback_one)(file)
        step = Step(file.id, operation, time.monotonic() - started)
        self.progress(Progress("end", file.id, step.seconds))
        return step

    def report(self, started: float, users: Sequence[UserColumn] = ()) -> MigrateReport:
        """The report of the run.

        Parameters:
            started: when it began, as `time.monotonic` has it.
            users: the user columns it tied or validated.
        """
        return MigrateReport(
            database=shown(self.session.connection),
            schema=self.session.schema,
            steps=tuple(self.steps),
            current=max(self.applied, default=""),
            seconds=time.monotonic() - started,
            users=tuple(users),
            user_table=self.user_table,
            left_out=project.configuration().left_out,
        )


def in_groups(
    chosen: Sequence[MigrationFile], operation: Operation, finishes: bool = False
) -> list[tuple[bool, list[MigrationFile]]]:
    """The files by transaction, each group with whether it is one.

    Parameters:
        finishes: whether a transaction has to come last, for what follows the files.
    """
    groups = [
        (transactional, list(group))
        for transactional, group in groupby(chosen, key=lambda file: file.transactional or operation == "rollback")
    ]
    if finishes and not (groups and groups[-1][0]):
        groups.append((True, []))
    return groups


def problems(known: list[MigrationFile], history: Sequence[Applied]) -> Iterator[MigrationError]:
    """The differences between the files and the history: edited files, and missing ones.

    What a later fbs-db applied is no difference: see `refuse_newer`.
    """
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
        hint = f"Restore the file. If the database was changed to agree with it, type: {accept_them}"
        latest = max((row.fbs_db_version for row, _ in edited), key=order)
        if is_later(latest):
            hint = f"fbs-db {latest} applied it, and this is fbs-db {__version__}. Type: {upgrade_to(latest)}"
        yield EditedMigration("\n".join(lines), hint=hint)
    missing = [row for row in history if row.migration_id not in by_id and not is_later(row.fbs_db_version)]
    if missing:
        by = ", ".join(sorted({row.fbs_db_version for row in missing}))
        names = ", ".join(row.migration_id for row in missing)
        yield MissingMigration(
            f"Applied here, but not among the files in {known[0].path.parent}: {names}.",
            hint=f"fbs-db {by} applied it. Install that version or a newer one, or put the file back.",
        )


def newer_than_this(known: list[MigrationFile], history: Sequence[Applied]) -> str:
    """The release of a schema that a later fbs-db has migrated; an empty string of any other."""
    return newer_release(known, ((row.migration_id, row.fbs_db_version) for row in history))


def recorded(session: Session) -> list[Applied]:
    """The history; none where its table is damaged or may not be read, too."""
    try:
        return history_of(session) if session.may("select", "fbs_migrations") else []
    except NameTaken:
        return []


def refuse_newer(
    session: Session, known: list[MigrationFile] | None = None, history: Sequence[Applied] | None = None
) -> None:
    """Refuse to work with this package's files on a schema that a later fbs-db has migrated.

    Parameters:
        known: all files; None for those of the package.
        history: the history, if it was read.

    Raises:
        MissingMigration: it has. The message names both versions.
    """
    if release := newer_than_this(known or files.load(), recorded(session) if history is None else history):
        raise MissingMigration(
            f"{said_of(session.schema, release)}, which does not have all of its files.",
            hint=f"Type: {upgrade_to(release)}",
        )


def refuse_unfit(session: Session) -> None:
    """Refuse a session in which nothing can be changed.

    Raises:
        UnsupportedServer: the server is a standby.
        TargetError: transactions are read-only, or the role may not create anything in the schema.
        PoolerRefused: a pooler gives each transaction another server session.
    """
    refuse_transaction_pooler(
        session.connection,
        "Connect directly, or through a pooler in session mode: the lock on the schema belongs to the server session.",
    )
    role, in_recovery, read_only, may_create = session.cursor().execute(
        "select current_user, pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,"
        " has_schema_privilege(to_regnamespace(%s), 'create')",
        (session.quoted_schema,),
    ).fetchone() or ("", False, False, False)
    if in_recovery:
        raise no_changes_on_standby()
    if read_only:
        raise TargetError(
            "Transactions are read-only on this connection.",
            hint="See default_transaction_read_only, which the database, the role or the connection sets.",
        )
    if not may_create:
        grant = sql.SQL("grant create on schema {} to {};").format(sql.Identifier(session.schema), sql.Identifier(role))
        raise TargetError(
            f"The role {role} may not create anything in schema {session.schema}.",
            hint=f"Migrate as another role, or type this as the schema's owner: {grant.as_string(session.connection)}",
        )
