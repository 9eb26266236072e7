"""Repairs of a drifted schema, where they lose no data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg

from fbs_db.database.connection import raise_if_lost, said_by, settings_kept
from fbs_db.database.indexes import Busy, Indexes, quoted, run_patiently
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import FbsDbError, LockTimeout, UsageError
from fbs_db.health.check import check_at
from fbs_db.health.comparing import REPAIR_CHECK
from fbs_db.health.findings import CheckReport, Finding
from fbs_db.health.owners import RIGHTS, Repair, restore
from fbs_db.health.statements import Wanted, literal, making
from fbs_db.health.states import present
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema import snapshot
from fbs_db.schema.rights import grant_again, refuse_rights_of_others
from fbs_db.schema.run import recorded, refuse_newer, refuse_unfit
from fbs_db.schema.snapshot import Key, Object
from fbs_db.wording import command, counted

#: What a repair sets, and a host may have set otherwise for its database or role.
_ADJUSTED = {
    "lock_timeout": "3s",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "check_function_bodies": "off",  # a body may call functions that come after it
}

#: The statements that isolate a table. Row security comes last: without a policy it would hide every row.
_NOT_ISOLATED = """
select p.statement
from {fbs}fbs_isolation_parts(true) as p
inner join pg_catalog.pg_class as c on p.table_id = c.oid
where c.relnamespace = to_regnamespace(%s) and c.relname = %s and not p.present
order by p.part = 'row security'
"""

#: Kind, object and problem.
_Subject = tuple[str, str, str]


@dataclass(frozen=True)
class RepairReport(Report):
    """The repairs that were applied, or would be.

    Attributes:
        mends: the repairs, in the order of application.
        settings: statements to run before those of the repairs.
        check: the findings after the repairs; where nothing was applied, those before.
    """

    mends: tuple[Repair, ...]
    settings: str
    check: CheckReport


def repair(
    database: Database = None,
    *,
    schema: str | None = None,
    apply: bool = False,
    rights: bool = False,
    progress: Callable[[Progress], None] = silent,
) -> RepairReport:
    """Show, or apply, the repairs of a drifted schema that lose no data.

    Each repair is a transaction of its own with short waits for locks. Indexes are built
    concurrently. A repair may bring further findings to light, as a missing column hides its
    index; they are repaired in the same call.

    Parameters:
        database, schema, progress: as for `fbs_db.migrate`; no server is created.
        apply: run the repairs; without it they are only shown.
        rights: also take away what PUBLIC and others were granted and should not have.

    Raises:
        UsageError: the connection is not in autocommit, and no index can be built in a transaction.
        LockTimeout: a migration or another repair is running.
        MissingMigration: a later fbs-db has migrated the schema, and this one would put back what it replaced.
        TargetError: functions or views belong to another role, and the login may not give them back.

    Reads what `fbs_db.check` reads.
    """
    with open_session(database, schema, application="fbs-db repair") as session:
        mended = restore(session, rights, progress) if apply else []
        refuse_rights_of_others(session)
        refuse_newer(session)
        report = check_at(session, identities=True)
        planned = _plan(session, report, rights)
        if not apply:
            return RepairReport(tuple(planned), _settings(session), report)
        if not session.connection.autocommit:
            raise UsageError("A repair needs a connection in autocommit.", hint="It builds indexes concurrently.")
        refuse_unfit(session)
        results: dict[_Subject, Repair] = {_subject(one): replace(one, done=True) for one in mended}
        indexes = Indexes(session, progress)
        try:
            with session.lock(progress=progress):
                while fresh := [one for one in planned if _subject(one) not in results]:
                    # What is written from the rules, or from foreign keys, waits for these.
                    first = [
                        one for one in fresh if one.kind != "isolation" and not one.object.startswith(snapshot.WRITTEN)
                    ]
                    with _in_place(session):
                        for one in first or fresh:
                            results[_subject(one)] = _apply(session, one, indexes, progress) if one.safe else one
                    grant_again(session)
                    report = _checked_again(session, results)
                    planned = _plan(session, report, rights)
        except BaseException:
            if indexes.under_way and not isinstance(database, psycopg.Connection):
                with suppress(FbsDbError), open_session(database, schema, application="fbs-db repair") as again:
                    indexes.clear(again)
            raise
        return RepairReport(tuple(results.values()), _settings(session), report)


def _subject(it: Repair | Finding) -> _Subject:
    return it.kind, it.object, it.problem


def _checked_again(session: Session, results: dict[_Subject, Repair]) -> CheckReport:
    """A second check; a repair whose finding it still has is not done."""
    done = [subject for subject, one in results.items() if one.done]
    try:
        report = check_at(session, identities=True)
    except psycopg.errors.LockNotAvailable as error:
        raise LockTimeout(
            f"{counted(len(done), 'repair')} ran; the check of the result failed: {said_by(error)}",
            hint=f"Check again later: {command('check')}",
        ) from error
    left = {_subject(one): one for one in report.findings if one.severity != "note"}
    for subject in done:
        if one := left.get(subject):
            text = f", found: {one.found}" if one.found and "\n" not in one.found else ""
            results[subject] = replace(results[subject], done=False, reason=f"It is still {one.problem}{text}.")
    return report


def _plan(session: Session, report: CheckReport, rights: bool) -> list[Repair]:
    """The repairs of a report's findings, in the order in which they can run."""
    repairable = command("repair")
    findings = [one for one in report.findings if one.mend == repairable]
    applied = [row.migration_id for row in recorded(session)]  # a file that is pending may change what others made
    objects = snapshot.expected(applied or None, session.connection.info.server_version)
    found = present(session) | snapshot.live_rows(session, objects)
    names = quoted(session, {part for one in findings for part in one.object.split(".")[:2]})
    repairs = [_repair(session, one, objects, found, names) for one in findings]
    of_rights = [one for one in report.findings if one.kind in RIGHTS and one.severity != "note"]
    repairs += [_of_rights(one, rights) for one in of_rights if one.mend.endswith(";")]
    # First what is left unfinished, as its name may be needed; foreign keys after the keys they
    # refer to, views after the views they read.
    order = {key: number for number, key in enumerate(objects)}
    return sorted(
        repairs,
        key=lambda one: (
            one.kind in ("rows", "isolation") or (one.kind, one.object) in objects,
            (*RIGHTS, *snapshot.KINDS, "rows", "isolation").index(one.kind),
            "FOREIGN" in "".join(one.statements),
            order.get((one.kind, one.object), 0),
            one.object,
        ),
    )


def _of_rights(finding: Finding, rights: bool) -> Repair:
    """The statement of a finding, which is run if it takes nothing from anybody, or everything may be taken."""
    may = finding.kind == "owner" or rights
    reason = "" if may else f"Not applied. To apply it, add --rights: {command('repair', '--apply', '--rights')}"
    return Repair(finding.kind, finding.object, finding.problem, (finding.mend,), may, reason)


def _repair(
    session: Session,
    finding: Finding,
    objects: Mapping[Key, Object],
    found: Mapping[Key, Object],
    names: Mapping[str, str],
) -> Repair:
    """The statements that repair a finding, and whether they lose nothing."""
    key = (finding.kind, finding.object)
    there, wanted = found.get(key), objects.get(key)
    table, part = (names.get(name, "") for name in f"{finding.object}.".split(".")[:2])
    reason = ""
    if finding.problem == "disabled":
        statements = [f"alter table {table} enable trigger {part};"]
    elif finding.kind == "rows":
        statements = [f"select fbs_advance_identity({literal(session, finding.object.partition('.')[0])});"]
    elif finding.kind == "isolation":
        rows = session.select(_NOT_ISOLATED, session.quoted_schema, finding.object)
        statements = [statement for (statement,) in rows]
    elif wanted is None and finding.problem == "unfinished":
        statements = [f"alter table {table} drop constraint {part};"]
    elif wanted is None and finding.problem == "invalid":
        statements = [f"drop index concurrently {part};"]
    elif finding.problem == "invalid" and finding.kind == "constraint":
        statements = [f"reindex index concurrently {part};"]
    elif finding.problem == "not validated":
        statements = [f"alter table {table} validate constraint {part};"]
    elif finding.problem == "not part of FBS":
        statements = [f"alter table {table} alter column {part} drop not null;"]
    elif wanted is None:
        statements, reason = [], "No file of this version makes it."
    else:
        left = found.get(("index", finding.object)) if finding.kind == "constraint" else None
        statements, reason = making(Wanted(session, wanted, there, table, part, objects, left=left))
    return Repair(*key, finding.problem, tuple(statements), not reason, reason)


def _apply(session: Session, it: Repair, indexes: Indexes, progress: Callable[[Progress], None]) -> Repair:
    """Run a repair; where PostgreSQL refuses it, its message becomes the reason."""
    progress(Progress("wait", text=f"{it.kind} {it.object}"))
    table, _, part = it.object.partition(".")
    builds = any(not statement.startswith("drop index") for statement in it.statements)
    try:
        for statement in it.statements:
            if it.kind in ("index", "constraint") and " concurrently " in statement.lower():
                indexes.run(statement, table, part, snapshots=builds)
            elif it.kind == "owner":  # the login may do so, where FBS's owner may not
                run_patiently(session, f"set local role none; {statement}", progress)
            else:
                run_patiently(session, statement, progress)
    except Busy as error:
        return replace(it, reason=str(error))
    except LockTimeout as error:
        _take_back(session, it, indexes)
        return replace(it, reason=error.message)
    except psycopg.Error as error:
        raise_if_lost(session.connection, error)
        _take_back(session, it, indexes)
        return replace(it, reason=said_by(error))
    except BaseException:
        _take_back(session, it, indexes)
        raise
    return replace(it, done=True)


def _take_back(session: Session, it: Repair, indexes: Indexes) -> None:
    """Undo the first statements of a repair that failed later, as they would stop the next attempt."""
    table, _, part = it.object.partition(".")
    unique = bool(it.statements) and it.statements[0].startswith("create unique")
    with suppress(psycopg.Error, LockTimeout, Busy):
        names = quoted(session, [table, part])
        if it.kind == "not null":
            check = f"alter table {names[table]} drop constraint if exists {REPAIR_CHECK}"
            run_patiently(session, check, silent)
        elif unique and session.select("select to_regclass(quote_ident(%s))", part) != [(None,)]:
            indexes.run(f"drop index concurrently if exists {names[part]}", table, part, snapshots=False)


@contextmanager
def _in_place(session: Session) -> Iterator[None]:
    """A block for repairs: names without a schema are FBS's, locks are waited for briefly, statements have no limit."""
    with settings_kept(session.connection, ["search_path", *_ADJUSTED], local=False):
        session.cursor().execute(
            "select set_config('search_path', quote_ident(%s) || ', pg_temp', false)", [session.schema]
        )
        session.cursor().execute(
            "select set_config(s.name, t.value, false) from unnest(%s::text[], %s::text[]) as t (name, value)"
            " inner join pg_settings as s on t.name = s.name",  # not every release has each
            [list(_ADJUSTED), list(_ADJUSTED.values())],
        )
        yield


def _settings(session: Session) -> str:
    """What `_in_place` sets, for a person who runs the statements in psql."""
    return "\n".join(
        [
            f"set search_path = {session.quoted_schema}, pg_temp;",
            "set lock_timeout = '3s';",
            "set check_function_bodies = off;",
        ]
    )
