"""Making a schema managed whose tables something else made, such as Django."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg
from psycopg import sql

from fbs_db import files, wording
from fbs_db.adoption import beside, twins
from fbs_db.adoption import found as reading
from fbs_db.adoption.found import Found
from fbs_db.adoption.tables import fit
from fbs_db.adoption.work import Change, Fit, UserTable
from fbs_db.database.connection import from_server, raise_if_lost, said_by, shown
from fbs_db.database.locks import named
from fbs_db.database.session import NOTHING_CHANGED, Database, Session, open_session, sentences
from fbs_db.errors import AdoptionRefused, LockTimeout, PoolerRefused, ServerError, TargetError
from fbs_db.health import check as health
from fbs_db.health.check import CheckReport, Finding
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema import snapshot
from fbs_db.schema.history import Applied, Backend
from fbs_db.schema.migrate import LOCK_WAIT, refuse_unfit
from fbs_db.schema.snapshot import Key, Object

_TRIES = 5
_UNCHECKED = "set local check_function_bodies = off;"


@dataclass(frozen=True)
class AdoptedTable(Report):
    """One of the tables that FBS is to have.

    Attributes:
        name: as it is to be called.
        present: as it is called; empty where it is missing and will be made.
        matching: how many of its columns, defaults, keys, indexes and so on are right as they are.
        renamed, added, changed, dropped: how many of them will be.
        stops: how many things about it stop the adoption.
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
        """What there is to do about it, in a word."""
        if self.stops:
            return "stops"
        if not self.present:
            return "missing"
        return "adapts" if self.renamed + self.added + self.changed + self.dropped else "matches"

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "state": self.state}


@dataclass(frozen=True)
class AdoptReport(Report):
    """What is, or was, done to make a schema managed.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        user_table: the host's user table; empty where none is named and no key points at one.
        tables: every table that FBS is to have.
        changes: all that is done, in that order.
        stops: what could lose data, or takes a decision: nothing is done while there is any.
        kept: what is not FBS's and stays, such as the host's own columns and indexes.
        script: the same as SQL, as psql runs it too; empty where something stops it.
        adopted: whether it was done.
        check: what `fbs_db.check` found before it was made final; None where it was not done.
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
    """Take over FBS's tables that something else made, such as Django's ``migrate``.

    A table that is there under two names is one table afterwards: the empty one goes, and
    the rows of the other are FBS's. So it is in a schema that is managed already.

    All rows stay. What FBS lacks is added, names become those of the files, what is
    redundant goes; then the history says that every file is applied. One transaction:
    all of it, or nothing. Without ``apply`` the plan alone, which only reads.

    Parameters:
        database, schema, wait, progress: as for `fbs_db.migrate`; no server is created.
        user_table: the host's user table; None for the configured one, or that at which the
            keys of user columns point.
        apply: do it.

    Raises:
        AdoptionRefused: something stops it, each thing named; only with ``apply``.
        TargetError: the schema is managed already and no table is there twice, or it holds nothing of FBS.
        LockTimeout: a table is in use for longer than five tries, or a migration is going on.
        FbsDbError: see `fbs_db.errors`. Nothing was changed then.

    Reads the catalogs; rows where something is stricter than what is there.
    """
    with open_session(database, schema, application="fbs-db adopt") as session:
        backend = Backend(session.connection, session.schema, said=lambda text: progress(Progress("wait", text=text)))
        managed = bool(backend.history())
        if not managed:
            refuse_unfit(session)
        with health.reading(session):
            plan, lock = _plan(session, backend, user_table)
        if not apply:
            return plan
        _refuse_stopped(plan)
        if managed:
            refuse_unfit(session)
        with backend.lock(wait):
            return _patiently(session, backend, user_table, lock, progress)


def _refuse_stopped(plan: AdoptReport) -> None:
    """Refuse where something stops it."""
    if plan.stops:
        said = "1 thing stops it:" if len(plan.stops) == 1 else f"{len(plan.stops)} things stop it:"
        text = "\n".join([said, *map(_told, plan.stops)])
        raise AdoptionRefused(text, hint="Nothing was changed. Put it right, then type the same again.", report=plan)


def _told(finding: Finding) -> str:
    """A finding in a line or two."""
    said = f"  {finding.kind} {finding.object}: {finding.problem}"
    for label, text in ((": ", finding.found), (", expected ", finding.expected)):
        said += f"{label}{text}" if text and "\n" not in text else ""
    return f"{said}\n    {wording.typed(finding.mend)}" if finding.mend else said


# --- the plan


def _plan(session: Session, backend: Backend, user_table: str | None) -> tuple[AdoptReport, str]:
    """The plan, and the statement that takes the locks for it."""
    objects = _objects(session)
    if history := backend.history():
        return _plan_beside(session, backend, history[0], objects)
    name = user_table if user_table is not None else session.config.user_table
    there = reading.read(session, objects)
    if not there.tables:
        raise TargetError(
            f"There is no table of FBS in schema {session.schema}.",
            hint=f"Make them: {wording.command('migrate')}\nOr name the schema in which they are: --schema",
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
    """Of a schema that is managed: what is to be done with tables that are there under another name besides.

    Raises:
        TargetError: there is none.
    """
    doubles = beside.doubles(session, objects)
    if not doubles:
        raise TargetError(
            f"Schema {session.schema} is managed already:"
            f" fbs-db {first.fbs_db_version} recorded its files on {first.applied_at:%Y-%m-%d %H:%M}.",
            hint=f"See whether it is whole: {wording.command('check')}\n"
            f"Bring it back where it is not: {wording.command('repair')}",
        )
    there = beside.filled(session, objects, doubles)
    query = "select distinct user_table::oid::regclass::text from {fbs}fbs_user_columns where user_table is not null"
    tied = [name for (name,) in session.select(query)]
    users = _user_table(session, there, objects, session.table(tied[0]) if tied else "")
    fitted = beside.plan(session, objects, doubles, there, users)
    backend.user_table = users.name if users else ""
    tables = tuple(
        replace(_table(one.kept.name, there, fitted, fitted.changes), present=one.other.present) for one in doubles
    )
    locks = twins.to_lock(session, [table for one in doubles for table in (one.kept, one.other)])
    return _report(session, backend, tables, fitted, locks)


def _report(
    session: Session, backend: Backend, tables: tuple[AdoptedTable, ...], fitted: Fit, locks: list[str]
) -> tuple[AdoptReport, str]:
    # All at once, before any work.
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
    """The files whose components the project places in this database."""
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
    """The user table that is named; else the one at which the keys of user columns point.

    Raises:
        TargetError: its key is not a single column.
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
        yield Change("", "add", "users", users.name, "its rules on delete", (statement,))


def _script(backend: Backend, lock: str, changes: tuple[Change, ...]) -> str:
    """What is sent, to be read, or run by psql."""
    parts = ["begin;", backend.settings_sql(), _UNCHECKED, lock]
    parts += [statement for change in changes for statement in change.statements]
    return "\n\n".join([*parts, "commit;"]) + "\n"


# --- doing it


def _patiently(
    session: Session, backend: Backend, user_table: str | None, lock: str, progress: Callable[[Progress], None]
) -> AdoptReport:
    tries = 1 if backend.in_callers_transaction else _TRIES
    for attempt in range(1, tries + 1):
        try:
            return _do(session, backend, user_table, lock, progress)
        except LockTimeout as error:
            named(error, session.connection)
            if attempt == tries:
                error.hint = sentences(error.hint, NOTHING_CHANGED)
                raise
            progress(Progress("wait", text=f"{error.message}; trying again ({attempt} of {tries - 1})"))
            time.sleep(attempt)
    raise AssertionError("unreachable")


def _do(
    session: Session, backend: Backend, user_table: str | None, lock: str, progress: Callable[[Progress], None]
) -> AdoptReport:
    with backend.run_transaction(), session.translated(), _bodies_unchecked(session):
        if not backend.holds_lock():
            raise PoolerRefused("The server session changed under way.", hint="Adopt over a direct connection.")
        session.cursor().execute(lock.encode())
        plan, needed = _plan(session, backend, user_table)  # anew: what it is based on can change no more
        session.cursor().execute(needed.encode())
        _refuse_stopped(plan)
        before = {_subject(one) for one in health.check_at(session).findings} if backend.history() else set()
        for change in plan.changes:
            progress(Progress("wait", text=f"{change.kind} {change.object}"))
            _run(session, change)
        progress(Progress("wait", text="check"))
        found = health.check_at(session)
        kept = {(one.kind, one.object) for one in plan.kept}
        left = [one for one in found.findings if one.severity != "note" and (one.kind, one.object) not in kept]
        if left := [one for one in left if _subject(one) not in before]:
            text = "\n".join(["It would not be whole afterwards:", *map(_told, left)])
            raise AdoptionRefused(text, hint="Nothing was changed.", report=replace(plan, check=found))
        return replace(plan, adopted=True, check=found)


def _subject(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.object, finding.problem


def _run(session: Session, change: Change) -> None:
    """Run a change; on failure say which it was."""
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
    """What the body of a function calls may come after it."""
    ((before,),) = session.select("select current_setting('check_function_bodies')")
    session.cursor().execute(_UNCHECKED)
    yield
    session.cursor().execute("select set_config('check_function_bodies', %s, true)", [before])
