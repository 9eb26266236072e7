"""Moving a component to another database: every row, or nothing.

The configuration is changed once the rows are copied, so that applications can use the new
database while the old tables are still being read. `fbs_db.places.state` lists the states of
a move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from psycopg import sql

from fbs_db import files, wording
from fbs_db.cleanup.hosts import tell_targets
from fbs_db.database import fleet, project
from fbs_db.database.config import Config, DatabaseConfig
from fbs_db.database.session import Session, open_session
from fbs_db.errors import MoveRefused, TargetError, UsageError
from fbs_db.places import copying
from fbs_db.places.checks import check_alike, check_only_look, check_source, check_target, rows_are_in
from fbs_db.places.copying import PATIENCE, copy_guarded
from fbs_db.places.kept import create_kept_schema, keep_tables
from fbs_db.places.state import (
    MovedTable,
    applied_files,
    count_rows,
    guard_of,
    guarded_for,
    has_kept_schema,
    has_later_names,
    kept_schema,
    tables_of,
)
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema.history import Backend
from fbs_db.schema.migrate import migrate
from fbs_db.schema.run import refuse_newer
from fbs_db.schema.status import status

_APPLICATION = "fbs-db placement move"


@dataclass(frozen=True)
class MoveReport(Report):
    """What a move did, or would do.

    Attributes:
        component: the component.
        source: name of the database it leaves; the same as `target` where a move was called off.
        target: name of the database it goes to.
        tables: its tables, with rows and checksum where this run copied them.
        kept: schema of the source that keeps the old tables.
        switched: whether the configuration was changed.
        change: what to change in the configuration by hand; empty text where nothing is left to change.
        done: False for a dry run.
    """

    component: str
    source: str
    target: str
    tables: tuple[MovedTable, ...]
    kept: str
    switched: bool
    change: str
    done: bool = True


def move(
    component: str, to: str, *, dry_run: bool = False, progress: Callable[[Progress], None] = silent
) -> MoveReport:
    """Move a component's tables, with their rows, to another configured database.

    Rows are copied in one snapshot and compared before anything is committed. Meanwhile the
    tables can be read; writes to them, and deletions of users, wait. Once the rows are copied,
    the old tables refuse writes, but for deletions of users. They are kept in a schema of their
    own, without foreign keys and triggers, until `drop_moved`.

    To finish a move that broke off, move again. To call it off before its rows are copied,
    move the component to the database it is in.

    Parameters:
        component: the component, such as ``licensing``.
        to: name of the database it goes to; the configuration may place it there already.
        dry_run: check both databases and count the rows, and change nothing.
        progress: called for each table, with its progress.

    Returns:
        The tables and rows, and what is left to change by hand.

    Raises:
        UsageError: there is no such component or database, or the component lives there already.
        MoveRefused: the other database has other rows of it, lacks rows that they point at, or
            has users with keys of another type; objects of the host depend on a table; or a
            copy differs. No row was changed.
        LockTimeout: a table is in use for longer than all tries; the message says whether the
            rows are copied.
        EditedMigration, MissingMigration: as for `fbs_db.migrate`, in the old database.

    Calls ``fbs_compile_rules``; guards old tables with ``fbs_refuse_moved``.
    """
    known = project.configuration()
    if component not in files.components():
        raise UsageError(f"There is no component {component!r}.", hint=f"Components: {', '.join(files.components())}.")
    if component in known.left_out:
        raise known.left_out_error(component)
    target = known.patterns.get(to) or fleet.named(to)
    of_solutions = target.solutions is not None or target.solution is not None
    if of_solutions or all(not config.holds(component) for config in known.databases.values()):
        raise UsageError(
            f"Rows of {component} would go to, or come from, databases that solutions have of their own.",
            hint="A move knows single databases only. Nothing was changed.",
        )
    if target.holds(component) and _called_off(target, component, dry_run, progress):
        return MoveReport(component, to, to, (), "", False, "", not dry_run)
    source = _source(known, component, target)
    with open_session(source, None, application=_APPLICATION) as old:
        backend = Backend(old)
        refuse_newer(old)
        applied = applied_files(old, component)
        names, kept = tables_of(applied), kept_schema(component)
        copied_to = guarded_for(old, names) if has_kept_schema(old, component) else ""
        copied = copied_to == to
        check_source(old, component, to, names, copied_to)
        for problem in status(source).problems:
            raise problem  # a rollback file has to fit what its migration has created
        tables = tuple(count_rows(old, name) for name in names) if dry_run or copied else ()
        if dry_run:
            if applied and not copied:
                with open_session(target, None, application=_APPLICATION) as new:
                    check_only_look(old, new, component, tables)
            return MoveReport(component, source.name, to, tables, kept, False, "", False)
        with old.lock(progress=progress):
            if applied and not copied:
                tables = _copy(old, component, names, target, progress)
            switched, change = _switch(known, component, source, target)
            tell_targets(moved_to=to)
            if applied:
                keep_tables(old, backend, applied, to, progress)
    return MoveReport(component, source.name, to, tables, kept, switched, change)


# --- the direction


def _source(known: Config, component: str, target: DatabaseConfig) -> DatabaseConfig:
    """The database that a component leaves: where it is placed, or where it was left behind."""
    others = [config for config in known.databases.values() if config.name != target.name]
    if not target.holds(component):
        return next(config for config in others if config.holds(component))
    found = [config for config in others if _is_installed(config, component)]
    if not found:
        raise UsageError(
            f"{component} lives in {target.name} already.",
            hint=f"To see where each component lives: {wording.command('placement')}",
        )
    if len(found) > 1:
        names = ", ".join(config.name for config in found)
        raise MoveRefused(
            f"{component} is installed in {names}, and placed in none of them.",
            hint=f"In {known.source}, place it in the database that has its rows, then move it from there.",
        )
    return found[0]


def _is_installed(config: DatabaseConfig, component: str) -> bool:
    with (
        suppress(TargetError),
        open_session(config, None, application=_APPLICATION) as session,
    ):  # a TargetError: there is no such schema
        return bool(applied_files(session, component))
    return False


def _called_off(config: DatabaseConfig, component: str, dry_run: bool, progress: Callable[[Progress], None]) -> bool:
    """Drop the guards of a move whose rows are not copied yet; return whether there were any."""
    with open_session(config, None, application=_APPLICATION) as session:
        names = tables_of(applied_files(session, component))
        goes_to = guarded_for(session, names)
        if not goes_to or goes_to == config.name:
            return False
        if has_kept_schema(session, component):
            raise rows_are_in(goes_to, component)

        def unguard() -> None:
            with session.translated(), session.connection.transaction():
                session.connection.execute(sql.SQL("set local lock_timeout = {}").format(PATIENCE))
                for name in names:
                    drop = sql.SQL("drop trigger if exists {} on {}")
                    table = sql.Identifier(session.schema, name)
                    session.connection.execute(drop.format(sql.Identifier(guard_of(name)), table))

        if not dry_run:
            session.retry(unguard, progress, copying.TRIES)
        return True


# --- the steps


def _copy(
    old: Session, component: str, names: Sequence[str], target: DatabaseConfig, progress: Callable[[Progress], None]
) -> tuple[MovedTable, ...]:
    """Install the component in the other database, and copy its rows."""
    config = target if target.holds(component) else replace(target, components=(*(target.components or ()), component))
    with open_session(config, None, application=_APPLICATION) as new:
        check_target(old, new, component, names)
        # Users of some rows may be gone. A table that was attached by hand is attached to these columns by hand, too.
        migrate(config, user_table=None if config.user_table else "", progress=progress)
        check_alike(old, new, names)

        def finish() -> None:
            new.call("fbs_compile_rules")
            if has_later_names(old, names):
                new.call("fbs_add_later_names")

        with new.lock(progress=progress):
            tables = old.retry(lambda: copy_guarded(old, new, names, finish, progress), progress, copying.TRIES)
    create_kept_schema(old, component, target.name)
    return tables


def _switch(known: Config, component: str, source: DatabaseConfig, target: DatabaseConfig) -> tuple[bool, str]:
    """Place the component in the other database; return whether that was done, or what to do by hand."""
    if target.holds(component):
        return False, ""
    if known.definite:
        return False, (
            f"Change DATABASES in {known.source}: add {component} to the COMPONENTS of {target.name!r},"
            f" and remove it from those of {source.name!r} if it is there."
        )
    project.rewrite_components(component, source.name, target.name)
    return True, ""
