"""Adopting a schema: the plan, and carrying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg
from psycopg import sql

from fbs_db import files, wording
from fbs_db.adoption import beside, twins
from fbs_db.adoption.catalog import read_tables
from fbs_db.adoption.found import Found
from fbs_db.adoption.tables import fit
from fbs_db.adoption.work import Change, Fit, UserTable
from fbs_db.database.connection import from_server, raise_if_lost, said_by, shown
from fbs_db.database.locks import LOCK_WAIT
from fbs_db.database.session import Database, Session, isolated, open_session, told_what_stays
from fbs_db.errors import AdoptionRefused, PoolerRefused, ServerError, TargetError
from fbs_db.health.check import check_at
from fbs_db.health.findings import CheckReport, Finding
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema import snapshot
from fbs_db.schema.history import Applied, Backend, history_of
from fbs_db.schema.rights import refuse_rights_of_others
from fbs_db.schema.run import refuse_newer, refuse_unfit
from fbs_db.schema.snapshot import Key, Object

_UNCHECKED = "set local check_function_bodies = off;"
#: What each file does last that makes functions which change something; and what every run does last.
_LAST = ("select fbs_revoke_execute();", "select fbs_keep_isolated();", "select fbs_grant_roles();")


@dataclass(frozen=True)
class AdoptedTable(Report):
    """One of FBS's tables.

    Attributes:
        name: FBS's name of it.
        present: its present name; empty text where it is missing and will be created.
        matching: number of its columns, defaults, keys, indexes and so on that match already.
        renamed, added, changed, dropped: number of them that will be.
        stops: number of findings about it that stop the adoption.
    """

    name: str
    present: str
    matching: int
    renamed: int
    added: int
    changed: int
    dropped: int
    stops: int

    @property
    def state(self) -> Literal["matches", "adapts", "missing", "stops"]:
        """What the adoption does with it, in one word."""
        if self.stops:
            return "stops"
        if not self.present:
            return "missing"
        return "adapts" if self.renamed + self.added + self.changed + self.dropped else "matches"

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "state": self.state}


@dataclass(frozen=True)
class AdoptReport(Report):
    """The plan of an adoption, or what it did.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        user_table: the host's user table; empty text where none is named and no foreign key references one.
        tables: every table of FBS.
        changes: the changes, in the order in which they run.
        stops: findings that could lose data, or that the host has to decide on; with any, nothing is changed.
        kept: objects of the host that stay, such as its own columns and indexes.
        script: the changes as SQL for psql; empty text where something stops the adoption.
        adopted: whether the plan was carried out.
        check: what `fbs_db.check` found before the commit; None where the plan was not carried out.
    """

    database: str
    schema: str
    user_table: str
    tables: tuple[AdoptedTable, ...]
    changes: tuple[Change, ...]
    stops: tuple[Finding, ...]
    kept: tuple[Finding, ...]
    script: str
    adopted: bool = False
    check: CheckReport | None = None


def adopt(
    database: Database = None,
    *,
    schema: str | None = None,
    user_table: str | None = None,
    apply: bool = False,
    wait: float = LOCK_WAIT,
    progress: Callable[[Progress], None] = silent,
) -> AdoptReport:
    """Manage FBS tables that Django's ``migrate`` made, and keep every row.

    Missing objects are added, names become those of the migrations, redundant objects are
    dropped, and the history records every migration as applied. This is one transaction.

    A table that exists under two names becomes one, in a managed schema too: the table
    without rows is dropped.

    Parameters:
        database, schema, wait, progress: as for `fbs_db.migrate`; no embedded server is created.
        user_table: the host's user table; None for the configured one, or the one that foreign
            keys of user columns reference.
        apply: carry out the plan. False returns the plan, and changes nothing.

    Returns:
        The plan, by table and by change; with ``apply`` what `fbs_db.check` found afterwards.

    Raises:
        AdoptionRefused: findings stop the adoption; only with ``apply``. It names each.
        MissingMigration: a later fbs-db has migrated the schema.
        TargetError: the schema is managed and no table exists twice, or it has no table of FBS.
        LockTimeout: a table is in use for longer than all tries, or a migration is running.
        FbsDbError: see `fbs_db.errors`. Nothing was changed.

    Reads the catalogs, and rows where FBS's column or constraint is stricter.
    """
    with open_session(database, schema, application="fbs-db adopt") as session:
        refuse_rights_of_others(session)
        backend = Backend(session, progress=progress)
        managed = bool(history_of(session))
        refuse_newer(session)
        if not managed:
            refuse_unfit(session)
        with isolated(session, "repeatable read", read_only=True):
            plan, lock = _plan(session, backend, user_table)
        if not apply:
            return plan
        _refuse_stopped(plan)
        if managed:
            refuse_unfit(session)
        with session.lock(wait, progress), told_what_stays():
            return session.retry(lambda: _do(session, backend, user_table, lock, progress), progress)


def _refuse_stopped(plan: AdoptReport) -> None:
    if plan.stops:
        title = f"{wording.counted(len(plan.stops), 'finding', 'stops', 'stop')} the adoption:"
        text = "\n".join([title, *map(_in_lines, plan.stops)])
        raise AdoptionRefused(text, hint="Nothing was changed. Correct them, then type the same again.", report=plan)


def _in_lines(finding: Finding) -> str:
    """A finding in a line, and how to mend it in another."""
    line = f"  {finding.kind} {finding.object}: {finding.problem}"
    for label, text in ((": ", finding.found), (", expected ", finding.expected)):
        line += f"{label}{text}" if text and "\n" not in text else ""
    return f"{line}\n    {wording.typed(finding.mend)}" if finding.mend else line


# --- the plan


def _plan(session: Session, backend: Backend, user_table: str | None) -> tuple[AdoptReport, str]:
    """The plan, and the statement that takes its locks."""
    objects = _objects(session)
    if history := history_of(session):
        return _plan_beside(session, backend, history[0], objects)
    name = user_table if user_table is not None else session.config.user_table
    there = read_tables(session, objects)
    if not there.tables:
        raise TargetError(
            f"There is no table of FBS in schema {session.schema}.",
            hint=f"Create FBS's tables: {wording.command('migrate')}\nOr name the schema that has them: --schema NAME",
        )
    users = _user_table(session, there, objects, session.table(name) if name else "")
    fitted = fit(session, objects, there, users)
    backend.user_table = users.name if users else ""
    changes = (*fitted.changes, *_records(session, backend), *_links(session, users))
    tables = tuple(_table(name, there, fitted, changes) for kind, name in objects if kind == "table")
    locks = twins.to_lock(session, [one for one in (*there.tables.values(), *there.empty) if one.definition == "table"])
    return _report(session, backend, tables, replace(fitted, changes=changes), locks)


def _plan_beside(
    session: Session, backend: Backend, first: Applied, objects: Mapping[Key, Object]
) -> tuple[AdoptReport, str]:
    """The plan for a managed schema: what becomes of tables that exist under two names.

    Raises:
        TargetError: there are none.
    """
    pairs = beside.find_twins(session, objects)
    if not pairs:
        raise TargetError(
            f"Schema {session.schema} is managed already:"
            f" fbs-db {first.fbs_db_version} recorded its files on {first.applied_at:%Y-%m-%d %H:%M}.",
            hint=f"Compare it with FBS's: {wording.command('check')}\nRepair what differs: {wording.command('repair')}",
        )
    there = beside.to_copy(session, objects, pairs)
    query = "select distinct user_table::oid::regclass::text from {fbs}fbs_user_columns where user_table is not null"
    tied = [name for (name,) in session.select(query)]
    users = _user_table(session, there, objects, session.table(tied[0]) if tied else "")
    fitted = beside.plan(session, objects, pairs, there, users)
    backend.user_table = users.name if users else ""
    tables = tuple(
        replace(_table(one.kept.name, there, fitted, fitted.changes), present=one.other.present) for one in pairs
    )
    locks = twins.to_lock(session, [table for one in pairs for table in (one.kept, one.other)])
    return _report(session, backend, tables, fitted, locks)


def _report(
    session: Session, backend: Backend, tables: tuple[AdoptedTable, ...], fitted: Fit, locks: list[str]
) -> tuple[AdoptReport, str]:
    # All locks at once, before any change.
    lock = f"lock table {', '.join(locks)} in access exclusive mode;"
    report = AdoptReport(
        database=shown(session.connection),
        schema=session.schema,
        user_table=backend.user_table,
        tables=tables,
        changes=fitted.changes,
        stops=fitted.stops,
        kept=fitted.kept,
        script="" if fitted.stops else _script(backend, lock, fitted.changes),
    )
    return report, lock


def _objects(session: Session) -> Mapping[Key, Object]:
    return snapshot.expected((file.id for file in _files(session)), session.connection.info.server_version)


def _files(session: Session) -> list[files.MigrationFile]:
    """The migrations of components that the project places in this database."""
    return [file for file in files.load() if session.config.holds(file.component)]


def _table(name: str, there: Found, fitted: Fit, changes: tuple[Change, ...]) -> AdoptedTable:
    done = [
        change.action
        for change in changes
        if change.table == name
        for _ in (change.statements if change.kind == "comment" else "1")
    ]
    return AdoptedTable(
        name=name,
        present=there.tables[name].present if name in there.tables else "",
        matching=fitted.matching.get(name, 0),
        renamed=done.count("rename"),
        added=done.count("add"),
        changed=done.count("change"),
        dropped=done.count("drop"),
        stops=sum(stop.object.partition(".")[0] == name for stop in fitted.stops),
    )


def _user_table(session: Session, there: Found, objects: Mapping[Key, Object], named: str) -> UserTable | None:
    """The user table that is named, else the one that foreign keys of user columns reference.

    Raises:
        TargetError: it has no primary key of one column.
    """
    name = named
    if not name:
        of_users = {name for (kind, name), it in objects.items() if kind == "column" and it.definition == "fbs_user_id"}
        targets = {
            key.target
            for key in there.constraints
            if key.kind == "f" and len(key.columns) == 1 and f"{key.table}.{key.columns[0]}" in of_users
        }
        if len(targets) != 1:
            return None
        name = targets.pop()
    keys = session.select(
        "select c.oid::bigint, a.attname::text, format_type(a.atttypid, a.atttypmod)"
        " from pg_catalog.pg_class as c"
        " left join pg_catalog.pg_index as i on c.oid = i.indrelid and i.indisprimary and i.indnkeyatts = 1"
        " left join pg_catalog.pg_attribute as a on c.oid = a.attrelid and i.indkey[0] = a.attnum"
        " where c.oid = %s::regclass",
        name,
    )
    oid, key, key_type = keys[0]
    if key is None:
        raise TargetError(
            f"The user table {name} has no primary key of one column.",
            hint="Name the table whose primary key FBS's user columns hold: --user-table",
        )
    return UserTable(name, oid, key, key_type)


def _records(session: Session, backend: Backend) -> Iterator[Change]:
    for file in _files(session):
        yield Change("", "add", "migration", file.id, "", (backend.record_sql(file, "adopt"),))


def _links(session: Session, users: UserTable | None) -> Iterator[Change]:
    if users:
        name = sql.Literal(users.name).as_string(session.connection)
        statement = f"select * from fbs_attach_users({name});"
        yield Change("", "add", "users", users.name, "foreign keys with ON DELETE rules", (statement,))


def _script(backend: Backend, lock: str, changes: tuple[Change, ...]) -> str:
    """The changes as SQL for psql."""
    parts = ["begin;", backend.settings_sql(), _UNCHECKED, lock]
    parts += [statement for change in changes for statement in change.statements]
    return "\n\n".join([*parts, *_LAST, "commit;"]) + "\n"


# --- carrying it out


def _do(
    session: Session, backend: Backend, user_table: str | None, lock: str, progress: Callable[[Progress], None]
) -> AdoptReport:
    with backend.run_transaction(), session.translated(), _bodies_unchecked(session):
        if not session.holds_lock():
            raise PoolerRefused(
                "The server session changed during the adoption.",
                hint="Connect directly, without a transaction pooler.",
            )
        session.cursor().execute(lock.encode())
        plan, needed = _plan(session, backend, user_table)  # again: under the locks nothing can change any more
        session.cursor().execute(needed.encode())
        _refuse_stopped(plan)
        before = {_subject(one) for one in check_at(session).findings} if history_of(session) else set()
        for change in plan.changes:
            progress(Progress("wait", text=f"{change.kind} {change.object}"))
            _run(session, change)
        for statement in _LAST:
            session.cursor().execute(statement.encode())
        progress(Progress("wait", text="check"))
        found = check_at(session)
        kept = {(one.kind, one.object) for one in plan.kept}
        # What the host granted stays, and a check tells of it.
        wrong = [one for one in found.findings if one.severity != "note" and one.kind not in ("owner", "right")]
        left = [one for one in wrong if (one.kind, one.object) not in kept]
        if left := [one for one in left if _subject(one) not in before]:
            text = "\n".join(["The schema would differ from FBS's afterwards:", *map(_in_lines, left)])
            raise AdoptionRefused(text, hint="Nothing was changed.", report=replace(plan, check=found))
        return replace(plan, adopted=True, check=found)


def _subject(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.object, finding.problem


def _run(session: Session, change: Change) -> None:
    """Run a change; an error names it."""
    for statement in change.statements:
        try:
            session.cursor().execute(statement.encode())
        except psycopg.Error as error:
            raise_if_lost(session.connection, error)
            message = f"{change.kind} {change.object}: {said_by(error)}"
            hint = " ".join(filter(None, (error.diag.message_hint, "Nothing was changed.")))
            raise (from_server(error, message) or ServerError(message, hint=hint)) from error


@contextmanager
def _bodies_unchecked(session: Session) -> Iterator[None]:
    """A block in which a function may call another one that is created later."""
    ((before,),) = session.select("select current_setting('check_function_bodies')")
    session.cursor().execute(_UNCHECKED)
    yield
    session.cursor().execute("select set_config('check_function_bodies', %s, true)", [before])
