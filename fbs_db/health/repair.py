"""Bringing a drifted schema back, where that loses no data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from fbs_db import files
from fbs_db.database.connection import raise_if_lost, said_by
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import FbsDbError, LockTimeout, UsageError
from fbs_db.health import check as health
from fbs_db.health.check import CheckReport, Finding
from fbs_db.health.comparing import REPAIR_CHECK, same_index
from fbs_db.health.indexes import Busy, Indexes, run_patiently
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema import snapshot
from fbs_db.schema.run import refuse_unfit
from fbs_db.schema.snapshot import Key, Object
from fbs_db.wording import command, counted

#: What a repair sets, and a host may have set otherwise for its database or role.
_ADJUSTED = {
    "lock_timeout": "3s",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "check_function_bodies": "off",  # what a body calls may come after it
}


@dataclass(frozen=True)
class Mend(Report):
    """What is done about a finding.

    Attributes:
        kind, object, problem: the finding's.
        statements: what psql would run; of a repair for a person to decide, what may help.
        safe: whether it loses no data, and so is applied when asked.
        reason: why a person has to decide, or why it is not mended; empty where nothing is left.
        done: whether it was applied, and the finding was gone when it was looked at again.
    """

    kind: str
    object: str
    problem: str
    statements: tuple[str, ...]
    safe: bool
    reason: str = ""
    done: bool = False


@dataclass(frozen=True)
class RepairReport(Report):
    """What was, or would be, repaired.

    Attributes:
        mends: in the order of application.
        settings: the statements that come before those of the repairs.
        check: what is found afterwards; before, where nothing was applied.
    """

    mends: tuple[Mend, ...]
    settings: str
    check: CheckReport


def repair(
    database: Database = None,
    *,
    schema: str | None = None,
    apply: bool = False,
    progress: Callable[[Progress], None] = silent,
) -> RepairReport:
    """Show, or run, what brings the schema back where no data is lost.

    Each repair is a transaction of its own with short waits for locks, except indexes, which
    are built beside the running system. Repairs that bring others to light, as a missing
    column hides its index, are followed by those.

    Parameters:
        database, schema, progress: as for `fbs_db.migrate`; no server is created.
        apply: run the repairs; without it they are only shown.

    Raises:
        UsageError: a caller's transaction is under way, in which no index can be built.
        LockTimeout: a migration or another repair is going on.

    Reads what `fbs_db.check` reads.
    """
    with open_session(database, schema, application="fbs-db repair") as session:
        report = health.check_at(session, identities=True)
        planned = _plan(session, report)
        if not apply:
            return RepairReport(tuple(planned), _settings(session), report)
        if not session.connection.autocommit:
            raise UsageError(
                "A repair takes a connection in autocommit.", hint="It builds indexes beside the running system."
            )
        refuse_unfit(session)
        results: dict[tuple[str, str, str], Mend] = {}
        indexes = Indexes(session, progress)
        try:
            with session.lock(progress=progress):
                while fresh := [mend for mend in planned if _finding(mend) not in results]:
                    for mend in fresh:
                        results[_finding(mend)] = _apply(session, mend, indexes, progress) if mend.safe else mend
                    report = _looked_again(session, results)
                    planned = _plan(session, report)
        except BaseException:
            if indexes.under_way and not isinstance(database, psycopg.Connection):
                with suppress(FbsDbError), open_session(database, schema, application="fbs-db repair") as again:
                    indexes.clear(again)
            raise
        return RepairReport(tuple(results.values()), _settings(session), report)


def _finding(it: Mend | Finding) -> tuple[str, str, str]:
    return it.kind, it.object, it.problem


def _looked_again(session: Session, results: dict[tuple[str, str, str], Mend]) -> CheckReport:
    """What is found now; of what is found as before, it is not said that it is mended."""
    done = [key for key, mend in results.items() if mend.done]
    try:
        report = health.check_at(session, identities=True)
    except psycopg.errors.LockNotAvailable as error:
        ran = f"{counted(len(done), 'repair')} ran, and could not be looked at again"
        raise LockTimeout(f"{ran}: {said_by(error)}", hint=f"Look again later: {command('check')}") from error
    left = {_finding(one): one for one in report.findings if one.severity != "note"}
    for key in done:
        if one := left.get(key):
            text = f", found: {one.found}" if one.found and "\n" not in one.found else ""
            results[key] = replace(results[key], done=False, reason=f"It is still {one.problem}{text}.")
    return report


def _plan(session: Session, report: CheckReport) -> list[Mend]:
    applied = [file.id for file in files.load()]
    objects = snapshot.expected(applied, session.connection.info.server_version)
    found = snapshot.live_objects(session) | snapshot.live_rows(session, objects)
    mends = [_mend(session, one, objects, found) for one in report.findings if one.mend == command("repair")]
    # What is left unfinished may have the name of what comes in its place; foreign keys need the
    # keys of other tables, views other views.
    place = {key: number for number, key in enumerate(objects)}
    return sorted(
        mends,
        key=lambda mend: (
            mend.kind == "rows" or (mend.kind, mend.object) in objects,
            (*snapshot.KINDS, "rows").index(mend.kind),
            "FOREIGN" in "".join(mend.statements),
            place.get((mend.kind, mend.object), 0),
            mend.object,
        ),
    )


def _mend(session: Session, finding: Finding, objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> Mend:
    """The statements that mend a finding, and whether they lose nothing."""
    key = (finding.kind, finding.object)
    there, wanted = found.get(key), objects.get(key)
    table, part = (_quoted(session, name) for name in f"{finding.object}.".split(".")[:2])
    reason = ""
    if finding.problem == "disabled":
        statements = [f"alter table {table} enable trigger {part};"]
    elif finding.kind == "rows":
        statements = [f"select fbs_advance_identity({_literal(session, finding.object.partition('.')[0])});"]
    elif wanted is None and finding.problem == "unfinished":
        statements = [f"alter table {table} drop constraint {part};"]
    elif wanted is None and finding.problem == "invalid":
        statements = [f"drop index concurrently {part};"]
    elif finding.problem == "invalid" and finding.kind == "constraint":
        statements = [f"reindex index concurrently {part};"]
    elif finding.problem == "not validated":
        statements = [f"alter table {table} validate constraint {part};"]
    elif finding.problem == "not of FBS":
        statements = [f"alter table {table} alter column {part} drop not null;"]
    elif wanted is None:
        statements, reason = [], "No file of this version makes it."
    else:
        left = found.get(("index", finding.object)) if finding.kind == "constraint" else None
        statements, reason = _MAKERS[finding.kind](Wanted(session, wanted, there, table, part, objects, left=left))
    return Mend(*key, finding.problem, tuple(statements), not reason, reason)


def _literal(session: Session, text: str) -> str:
    return sql.Literal(text).as_string(session.connection)


def _quoted(session: Session, name: str) -> str:
    """A name as it stands in SQL; with quotes only where it takes them."""
    return str(session.select("select quote_ident(%s)", name)[0][0]) if name else ""


@dataclass(frozen=True)
class Wanted:
    """An object that is missing or changed, and what is needed to write its statements.

    With ``together`` they run in one transaction, where nothing is built beside the running system.
    ``left`` is an index that has a missing constraint's name.
    """

    session: Session
    object: Object
    there: Object | None
    table: str
    part: str
    objects: Mapping[Key, Object]
    together: bool = False
    left: Object | None = None

    def literal(self, text: str) -> str:
        return _literal(self.session, text)


#: Statements, and why a person has to decide; nothing where none has to.
Made = tuple[list[str], str]


def _domain(it: Wanted) -> Made:
    return (
        ["create domain fbs_user_id as bigint;"] if it.there is None else [],
        "Which type the keys of the host's users have is for you to say: see 0001_initial.sql.",
    )


def _table(it: Wanted) -> Made:
    if it.there is not None:
        return [], f"It is: {it.there.definition}. Making it a plain table rewrites it."
    inside = [
        f"{_quoted(it.session, name.partition('.')[2])} {_column_type(it, name)}"
        for kind, name in it.objects
        if (kind, name.partition(".")[0]) == ("column", it.table)
    ]
    inside += [
        f"constraint {name.partition('.')[2]} {entry.definition}"
        for (kind, name), entry in it.objects.items()
        if (kind, name.partition(".")[0]) == ("constraint", it.table) and not entry.definition.startswith("FOREIGN KEY")
    ]
    return (
        [f"create table {it.table} (\n    " + ",\n    ".join(inside) + "\n);"],
        "Its rows are gone: restore them from a backup, or make it anew, empty; then repair again.",
    )


def _column(it: Wanted) -> Made:
    if it.there is None:
        return (
            [f"alter table {it.table} add column {it.part} {_column_type(it, it.object.name)};"],
            "Its values are gone: restore them from a backup, or add it anew; then repair again.",
        )
    return (
        [f"alter table {it.table} alter column {it.part} type {it.object.definition};"],
        f"It is {it.there.definition}: another type may cut values, and rewrites the table.",
    )


def _column_type(it: Wanted, name: str) -> str:
    parts = [it.objects.get((kind, name)) for kind in ("column", "default", "not null")]
    return " ".join(part.definition for part in parts if part)


def _not_null(it: Wanted) -> Made:
    if it.together:
        return [f"alter table {it.table} alter column {it.part} set not null;"], ""
    # The rows are looked at under a check that is not valid yet, so that no lock is held meanwhile.
    return (
        [
            f"alter table {it.table} add constraint {REPAIR_CHECK} check ({it.part} is not null) not valid;",
            f"alter table {it.table} validate constraint {REPAIR_CHECK};",
            f"alter table {it.table} alter column {it.part} set not null, drop constraint {REPAIR_CHECK};",
        ],
        "",
    )


def _default(it: Wanted) -> Made:
    column = f"alter table {it.table} alter column {it.part}"
    wanted, there = it.object.definition, it.there.definition if it.there else ""
    if not wanted.startswith("generated"):
        identity = f"{column} drop identity;" if there.endswith("as identity") else ""
        return [f"{identity} {column} set {wanted};".strip()], ""
    if not wanted.endswith("as identity"):
        return [], f"It is to be {wanted}: the column has to be made anew."
    if there.endswith("as identity"):
        return [f"{column} set {wanted.removesuffix(' as identity')};"], ""
    plain = f"{column} drop default; " if there else ""
    return (
        [
            f"{plain}{column} add {wanted};"
            f" select setval(pg_get_serial_sequence({it.literal(it.table)}, {it.literal(it.part)}),"
            f" coalesce(max({it.part}), 0) + 1, false) from {it.table};"
        ],
        "",
    )


def _constraint(it: Wanted) -> Made:
    add = f"add constraint {it.part} {it.object.definition}"
    if it.together:
        return [f"alter table {it.table} {add};"], ""
    if it.object.definition.startswith(("FOREIGN KEY", "CHECK")):
        drop = f"drop constraint {it.part}, " if it.there else ""
        return (
            [
                f"alter table {it.table} {drop}{add} not valid;",
                f"alter table {it.table} validate constraint {it.part};",
            ],
            "",
        )
    if it.there is not None:
        return (
            [f"alter table {it.table} drop constraint {it.part}, {add};"],
            f"It is {it.there.definition}, and foreign keys of others may rest on it.",
        )
    kind, _, columns = it.object.definition.partition(" (")
    make = f"create unique index concurrently {it.part} on {it.table} ({columns};"
    use = f"alter table {it.table} add constraint {it.part} {kind} using index {it.part};"
    if it.left is None or it.left.state:
        return [make, use], ""
    if not same_index(it.left, it.object):
        return [f"drop index concurrently {it.part};", make, use], f"Its name is taken: {it.left.definition}."
    return [use], ""


def _index(it: Wanted) -> Made:
    if it.together:
        return [f"{it.object.definition};"], ""
    make = it.object.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1) + ";"
    return [*([f"drop index concurrently {it.part};"] if it.there else []), make], ""


def _statistics(it: Wanted) -> Made:
    drop = f"drop statistics {it.part}; " if it.there else ""
    return [f"{drop}{it.object.definition};"], ""


def _trigger(it: Wanted) -> Made:
    return [it.object.definition.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1) + ";"], ""


def _definition(it: Wanted) -> Made:
    return [it.object.definition], ""


def _comment(it: Wanted) -> Made:
    return [f"comment on {it.object.name} is {it.literal(it.object.definition)};"], ""


def _setting(it: Wanted) -> Made:
    values = json.loads(it.object.definition)
    if it.there is None:
        row = values | {"name": it.object.name, "value": values["initial_value"]}
        return (
            [
                "insert into fbs_settings select s.* from"
                f" jsonb_populate_record(null::fbs_settings, {it.literal(json.dumps(row))}) as s;"
            ],
            "",
        )
    columns = ", ".join(values)
    return (
        [
            f"update fbs_settings set ({columns}) = (select {columns} from"
            f" jsonb_populate_record(null::fbs_settings, {it.literal(json.dumps(values))}))"
            f" where name = {it.literal(it.object.name)};"
        ],
        "",
    )


def _rule(it: Wanted) -> Made:
    row = it.literal(json.dumps(json.loads(it.object.definition) | {"rule_name": it.object.name}))
    return (
        [
            f"delete from fbs_cleanup_rules where rule_name = {it.literal(it.object.name)};"
            " insert into fbs_cleanup_rules select r.* from"
            f" jsonb_populate_record(null::fbs_cleanup_rules, {row}) as r;"
        ],
        "A host may have changed it, or taken it out, on purpose.",
    )


_MAKERS: dict[str, Callable[[Wanted], Made]] = {
    "domain": _domain,
    "table": _table,
    "column": _column,
    "not null": _not_null,
    "default": _default,
    "constraint": _constraint,
    "index": _index,
    "statistics": _statistics,
    "view": _definition,
    "function": _definition,
    "trigger": _trigger,
    "comment": _comment,
    "setting": _setting,
    "rule": _rule,
}


def making(it: Wanted) -> list[str]:
    """What makes an object, or gives it its definition, whoever decides whether to."""
    return _MAKERS[it.object.kind](it)[0]


def _apply(session: Session, mend: Mend, indexes: Indexes, progress: Callable[[Progress], None]) -> Mend:
    """Run a repair; what PostgreSQL refuses becomes its reason."""
    progress(Progress("wait", text=f"{mend.kind} {mend.object}"))
    table, _, part = mend.object.partition(".")
    makes = any(not statement.startswith("drop index") for statement in mend.statements)
    try:
        with _in_place(session):
            for statement in mend.statements:
                if mend.kind in ("index", "constraint") and " concurrently " in statement.lower():
                    indexes.run(statement, table, part, snapshots=makes)
                else:
                    run_patiently(session, statement, progress)
    except Busy as error:
        return replace(mend, reason=str(error))
    except LockTimeout as error:
        _take_back(session, mend, indexes)
        return replace(mend, reason=error.message)
    except psycopg.Error as error:
        raise_if_lost(session.connection, error)
        _take_back(session, mend, indexes)
        return replace(mend, reason=said_by(error))
    except BaseException:
        _take_back(session, mend, indexes)
        raise
    return replace(mend, done=True)


def _take_back(session: Session, mend: Mend, indexes: Indexes) -> None:
    """What a repair of several statements has left half done would be in the way of the next."""
    table, _, part = mend.object.partition(".")
    unique = bool(mend.statements) and mend.statements[0].startswith("create unique")
    with suppress(psycopg.Error, LockTimeout, Busy), _in_place(session):
        if mend.kind == "not null":
            check = f"alter table {_quoted(session, table)} drop constraint if exists {REPAIR_CHECK}"
            run_patiently(session, check, silent)
        elif unique and session.select("select to_regclass(quote_ident(%s))", part) != [(None,)]:
            indexes.run(f"drop index concurrently if exists {_quoted(session, part)}", table, part, snapshots=False)


@contextmanager
def _in_place(session: Session) -> Iterator[None]:
    """Names without a schema are those of FBS's; locks are waited for briefly, statements run as long as they take."""
    names = ["search_path", *_ADJUSTED]
    before = session.select("select name, setting from pg_settings where name = any(%s)", names)
    session.cursor().execute(
        "select set_config('search_path', quote_ident(%s) || ', pg_temp', false)", [session.schema]
    )
    for name, _ in before:
        if name in _ADJUSTED:
            session.cursor().execute("select set_config(%s, %s, false)", [name, _ADJUSTED[name]])
    try:
        yield
    finally:
        if not session.connection.closed:
            for name, value in before:
                session.cursor().execute("select set_config(%s, %s, false)", [name, value])


def _settings(session: Session) -> str:
    """What `_in_place` sets, for whoever runs the statements by hand."""
    return "\n".join(
        [
            f"set search_path = {session.quoted_schema}, pg_temp;",
            "set lock_timeout = '3s';",
            "set check_function_bodies = off;",
        ]
    )
