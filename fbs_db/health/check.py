"""Whether the schema is whole: what is missing, changed, waiting, and what mends it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg
from psycopg import pq

from fbs_db import files
from fbs_db.cleanup.hosts import may_hold_orphans
from fbs_db.database import project
from fbs_db.database.connection import raise_if_lost, shown
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import TargetError, UsageError
from fbs_db.health import attached, comparing
from fbs_db.places.state import guards
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key, Object
from fbs_db.wording import command, completed

Severity = Literal["error", "warning", "note"]

#: What a finding can be about, to choose from with ``only``.
KINDS = (
    "migration",
    "component",
    *snapshot.KINDS,
    "users",
    "user key",
    "host",
    "clean-up",
    "file",
    "rows",
    "privilege",
)

_UNFINISHED = "left by a statement that was interrupted, or not finished yet"

#: What ``fbs_health`` says of a table that is there under another name besides.
_TWICE = "there twice"
#: What ``fbs_health`` reads.
_READS = (
    "fbs_user_columns",
    "fbs_hosts",
    "fbs_cleanup_queue",
    "fbs_cleanup_targets",
    "fbs_cleanup_rules",
    "fbs_settings",
    "fbs_file_deletions",
    "fbs_later_names",
)
#: Something of FBS's that a host may well remove: no function depends on it.
_LESS = ("comment", "setting", "rule")


@dataclass(frozen=True)
class Finding(Report):
    """Something that is not as it should be.

    Attributes:
        severity: ``error``: FBS needs it; ``warning``: look at it; ``note``: nothing needs to be done.
        kind: what it is about, one of `KINDS`.
        object: which one, such as ``fbs_kpis.target_value``.
        problem: ``missing``, ``changed``, ``not of FBS``, ``disabled``, ...
        found: what is there; None where nothing is.
        expected: what should be; None where that goes without saying.
        mend: the command, of a shell or (with a semicolon) of psql, that mends it; may be empty.
    """

    severity: Severity
    kind: str
    object: str
    problem: str
    found: str | None = None
    expected: str | None = None
    mend: str = ""


@dataclass(frozen=True)
class CheckReport(Report):
    """What a check found.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        objects: how many objects were compared with what they should be.
        findings: errors first.
    """

    database: str
    schema: str
    objects: int
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is nothing but notes."""
        return all(finding.severity == "note" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {"healthy": self.healthy, **super().as_dict()}


def check(
    database: Database = None,
    *,
    schema: str | None = None,
    only: Sequence[str] = (),
    data: bool = False,
    progress: Callable[[Progress], None] = silent,
) -> CheckReport:
    """Compare the schema with what the applied files make of it, and ask how FBS fares.

    Reads only, in one snapshot; works on a standby, and for a role that may read nothing
    but the catalogs: what it may not see is a note.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.
        only: kinds of findings to look for, of `KINDS`; all by default.
        data: also look at the rows: orphans, values off the lists, negative amounts, infinite dates,
            ledgers that are not balanced. Reads whole tables.
        progress: called for each table that is read.

    Raises:
        UsageError: there is no such kind.
        LockTimeout: a table is locked by somebody, such as a migration, for longer than 3 s.

    Reads the catalogs, ``fbs_migrations``, ``fbs_health`` and ``fbs_check_rows``.
    """
    if unknown := sorted(set(only) - set(KINDS)):
        raise UsageError(
            f"There is nothing to check called {', '.join(unknown)}.", hint=f"There are: {', '.join(KINDS)}."
        )
    with open_session(database, schema, application="fbs-db check") as session:
        return check_at(session, only=only, data=data, progress=progress)


def check_at(
    session: Session,
    *,
    only: Sequence[str] = (),
    data: bool = False,
    identities: bool = False,
    progress: Callable[[Progress], None] = silent,
) -> CheckReport:
    """What `check` answers, on a session that is there; with ``identities`` of the rows whether those are behind."""
    with reading(session):
        found = snapshot.live_objects(session)
        findings, applied = _history(session, found)
        objects: Mapping[Key, Object] = {}
        if applied:
            objects = snapshot.expected(applied, session.connection.info.server_version)
            findings += compare(objects, found | snapshot.live_rows(session, objects))
            findings += _users(session, found)
            findings += [
                one
                for one in _asked(session, "fbs_health", found)
                # It cannot tell what a host has put on FBS's tables; the comparison has.
                if (one.kind, one.object) in objects or (one.kind, one.object) not in found or one.problem == _TWICE
            ]
            findings += _targets(session, found)
            findings = _but_for_hosts(session, findings, objects, found)
            if data:
                findings += _data(session, found, progress)
            if data or identities:
                findings += [
                    one
                    for one in _asked(session, "fbs_check_identities", found)
                    if one.kind != "rows" or ("column", one.object) in objects
                ]
        unique = {(one.kind, one.object, one.problem): one for one in reversed(findings)}
        chosen = [one for one in unique.values() if not only or one.kind in only]
        chosen.sort(
            key=lambda one: (("error", "warning", "note").index(one.severity), KINDS.index(one.kind), one.object)
        )
        return CheckReport(shown(session.connection), session.schema, len(objects), tuple(chosen))


def compare(objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> Iterator[Finding]:
    """What differs between the objects that should be there and those that are."""
    gone, repair = _gone(objects, found), command("repair")
    for key, wanted in objects.items():
        there = found.get(key)
        severity: Severity = "warning" if wanted.kind in _LESS else "error"
        if there is None:
            if key in gone:
                yield Finding(severity, *key, "missing", None, wanted.definition, repair)
        elif not comparing.alike(there, wanted):
            yield Finding(severity, *key, "changed", there.definition, wanted.definition, repair)
        elif there.state:
            yield Finding("warning" if there.state == "not validated" else severity, *key, there.state, mend=repair)
    for key, there in found.items():
        if key not in objects and not any(need not in objects for need in snapshot.implied(key, found)):
            yield _foreign(there, objects, found)
    yield from _choices(objects, found)


def _choices(objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> Iterator[Finding]:
    """What a host has chosen for objects of FBS: a note for each choice."""
    chosen: dict[tuple[str, str], list[str]] = {}
    for key in objects.keys() & found.keys():
        there, choice = found[key], found[key].choice
        if not choice and comparing.is_kept_from_public(there, objects[key]):
            choice = "PUBLIC may not execute it"
        if choice:
            chosen.setdefault((there.kind, choice), []).append(there.name)
    for (kind, choice), names in chosen.items():
        several = f"{len(names)} of {sum(of == kind for of, _ in objects)}"
        text = f"a choice of the host's: {', '.join(sorted(names))}" if len(names) > 1 else "a choice of the host's"
        yield Finding("note", kind, names[0] if len(names) == 1 else several, choice, text)


def _but_for_hosts(
    session: Session, findings: list[Finding], objects: Mapping[Key, Object], found: Mapping[Key, Object]
) -> list[Finding]:
    """The findings without those that take a host's attached table for one of FBS's, as its name may be such."""
    hosts = attached.tables(session, found) - {name for kind, name in objects if kind == "table"}
    twins = {one.object for one in findings if one.problem == _TWICE}  # which says more than "not of FBS"
    return [
        one
        for one in findings
        if one.kind not in snapshot.KINDS
        or (one.object.partition(".")[0] not in hosts and not (one.object in twins and one.problem == "not of FBS"))
    ]


def _gone(objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> set[Key]:
    """What is missing by itself, and not because what it is part of is."""
    missing = {key for key in objects if key not in found}
    return {
        key
        for key in missing
        if not any(need in missing for need in (*objects[key].needs, *snapshot.implied(key, objects)))
    }


def _foreign(there: Object, objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> Finding:
    """Something on FBS's tables, or with its prefix, that FBS did not make."""
    if comparing.is_unfinished(there, objects, found):
        problem = "invalid" if there.kind == "index" else "unfinished"
        return Finding("error", there.kind, there.name, problem, _UNFINISHED, None, command("repair"))
    severity: Severity = "note"
    text, mend = there.definition, ""
    if there.kind == "not null":
        severity, mend = "error", command("repair")
    elif there.kind == "column" and ("not null", there.name) in found and ("default", there.name) not in found:
        severity, text = "error", f"{text}, not null and without a default: FBS cannot add rows"
    elif there.kind == "constraint":
        text = f"{text}: FBS cannot write rows that it refuses"
    if there.state:
        text = f"{text}; it is {there.state}"
    return Finding(severity, there.kind, there.name, "not of FBS", text, None, mend)


def _history(session: Session, found: Mapping[Key, Object]) -> tuple[list[Finding], list[str]]:
    """What is pending, edited or without a file; and the names of the files applied."""
    known = files.load()
    names = ("migration_id", "checksum", "fbs_db_version")
    readable = all(("column", f"fbs_migrations.{name}") in found for name in names)
    if readable and not session.may("select", "fbs_migrations"):
        said = "every file of which something is there counts as applied"
        note = Finding(
            "note", "privilege", "fbs_migrations", "not looked at", said, None, session.grants("fbs_migrations")
        )
        return [note], [file.id for file in known if _made(file, found)]
    if not readable:
        # Damaged, which the comparison tells; or never made by fbs-db.
        if applied := [file.id for file in known if ("function", "fbs_touch()") in found and _made(file, found)]:
            return [], applied
        there, mend = "nothing of FBS", command("migrate")
        if any(kind == "table" for kind, _ in found):
            there, mend = "tables of FBS that fbs-db did not make", command("adopt")
        return [Finding("error", "migration", session.schema, "not installed", there, None, mend)], []
    history = session.select("select migration_id, checksum, fbs_db_version from {fbs}fbs_migrations order by 1")
    checksums = {file.id: file.checksum for file in known}
    components = {file.id: file.component for file in known}
    applied = [name for name, _, _ in history]
    findings = [
        Finding("error", "migration", name, "pending", mend=command("migrate"))
        for name, component in components.items()
        if name not in applied and session.config.holds(component)
    ]
    findings += _misplaced(session, [file for file in known if file.id in applied])
    for name, checksum, version in history:
        if name not in checksums:
            mend = f"pip install {shlex.quote(f'fbs-db>={version}')}"
            findings.append(Finding("error", "migration", name, "no file", f"fbs-db {version} applied it", None, mend))
        elif checksum != checksums[name]:
            texts = (f"a file with sha256 {checksums[name]}", f"{checksum}, as it was applied")
            findings.append(Finding("error", "migration", name, "edited", *texts, command("accept", name)))
    return findings, applied


def _misplaced(session: Session, applied: Sequence[files.MigrationFile]) -> Iterator[Finding]:
    """Components that are installed here and placed in another database, or on their way."""
    for component in dict.fromkeys(file.component for file in applied if not session.config.holds(file.component)):
        home = next(config.name for config in project.read().databases.values() if config.holds(component))
        mend = command("placement", "move", component, "--to", home)
        yield Finding("warning", "component", component, "misplaced", "is here", f"in database {home}", mend)
    if not (moving := guards(session)):
        return
    on_its_way = {file.component: moving[name] for file in applied for _, name in file.creates if name in moving}
    for component, goes_to in on_its_way.items():
        if session.config.holds(component):
            mend = command("placement", "move", component, "--to", goes_to)
            found = f"nobody can write its tables, which move to database {goes_to}"
            yield Finding("error", "component", component, "its move is not finished", found, None, mend)


def _made(file: files.MigrationFile, found: Mapping[Key, Object]) -> bool:
    """Whether something that the file makes is there."""
    wanted = {key for key in snapshot.expected([file.id], 180000) if key[0] in ("table", "function", "view")}
    return bool(wanted & found.keys())


def _asked(session: Session, function: str, found: Mapping[Key, Object], *arguments: str) -> Iterator[Finding]:
    """What one of FBS's own functions finds; where it cannot answer, that."""
    if not any(kind == "function" and name.startswith(f"{function}(") for kind, name in found):
        return  # which is told of
    try:
        with session.connection.transaction():
            rows = session.call(function, *arguments)
    except psycopg.errors.InsufficientPrivilege as error:
        said = f"{error.diag.message_primary}"
        mend = session.grants(*(_READS if function == "fbs_health" else arguments))
        yield Finding("note", "privilege", " ".join((function, *arguments)), "not looked at", said, None, mend)
        return
    except psycopg.errors.QueryCanceled:
        raise  # it ran out of time, so nothing is known
    except (psycopg.Error, TargetError) as error:
        raise_if_lost(session.connection, error)
        yield Finding("note", "function", " ".join((function, *arguments)), "could not answer", _said(error))
        return
    for row in rows:
        mend = command("repair") if row[-1].startswith("fbs-db repair") else completed(row[-1])
        yield replace(Finding(*row), mend=mend)


_TIED = (
    "select distinct user_table::oid::regclass::text from {fbs}fbs_user_columns where user_table is not null order by 1"
)


def _users(session: Session, found: Mapping[Key, Object]) -> Iterator[Finding]:
    """The user table that the project names, where the user columns are not tied to it."""
    wanted = session.config.user_table
    if not wanted or ("view", "fbs_user_columns") not in found:
        return
    try:
        with session.connection.transaction():
            if session.select("select exists (select from {fbs}fbs_user_columns)") != [(True,)]:
                return
            tied = [name for (name,) in session.select(_TIED)]
            there = {name: session.table(name) for name in tied}
    except (psycopg.Error, TargetError) as error:
        raise_if_lost(session.connection, error)
        return  # the view is damaged, or not to be read, which is told
    expected, mend, missing = f"tied to {wanted}, which the project names", command("attach", "users", wanted), None
    try:
        meant = session.table(wanted)
        fits = _fits(session, meant)
    except TargetError as error:
        meant, fits, missing = "", "", error
    if missing and not project.read().definite:  # Django names one for each database, there or not
        told = (missing.message, wanted, missing.hint)
        yield Finding("error", "users", "fbs_user_columns", "no such user table", *told)
    elif not tied and not missing:
        yield Finding("error", "users", "fbs_user_columns", "not attached", "tied to no table", expected, mend)
    elif tied and set(there.values()) != {meant}:
        mend = f"{command('detach', 'users')} && {mend}"
        if missing or fits:
            mend, expected = "", f"{expected}; {fits or 'it is not here'}"
        said = f"tied to {', '.join(tied)}"
        yield Finding("error", "users", "fbs_user_columns", "attached to another table", said, expected, mend)


def _fits(session: Session, users: str) -> str:
    """Why user columns cannot be tied to a table, such as the type of its key; empty where they can."""
    try:
        with session.connection.transaction():
            session.select("select {fbs}fbs_require_user_table(%s::regclass)", users)
    except psycopg.Error as error:
        raise_if_lost(session.connection, error)
        return error.diag.message_primary or ""
    return ""


def _said(error: psycopg.Error | TargetError) -> str:
    return (error.diag.message_primary if isinstance(error, psycopg.Error) else error.message) or str(error)


def _targets(session: Session, found: Mapping[Key, Object]) -> Iterator[Finding]:
    """Other databases that clean-ups are noted for, and the project does not know; or the other way round."""
    known = project.read().databases
    columns = ("fbs_hosts.host_table", "fbs_hosts.model_name", "fbs_cleanup_targets.target", "fbs_cleanup_queue.target")
    readable = all(("column", name) in found and session.may("select", name.partition(".")[0]) for name in columns)
    if session.config.name not in known or not readable:
        return
    hosts = session.select("select host_table::text, model_name from {fbs}fbs_hosts order by model_name")
    noted = {
        target
        for (target,) in session.select(
            "select target from {fbs}fbs_cleanup_targets"
            " union select target from {fbs}fbs_cleanup_queue where target is not null"
        )
    }
    wanted = {
        config.name for config in known.values() if may_hold_orphans(config) and config.name != session.config.name
    }
    for target in sorted(noted - set(known)):
        mend = " && ".join(command("attach", "host", table, "--model", model) for table, model in hosts)
        yield Finding("error", "clean-up", target, "unknown database", "clean-ups are noted for it", mend=mend)
    for target in sorted(wanted - noted) if hosts else ():
        table, model = hosts[0]
        mend = command("attach", "host", table, "--model", model)
        yield Finding("error", "clean-up", target, "not told", "it holds rows of FBS", "clean-ups noted for it", mend)


def _data(session: Session, found: Mapping[Key, Object], progress: Callable[[Progress], None]) -> Iterator[Finding]:
    for name in sorted(name for kind, name in found if kind == "table"):
        progress(Progress("wait", text=f"rows of {name}"))
        yield from _asked(session, "fbs_check_rows", found, name)


@contextmanager
def reading(session: Session) -> Iterator[None]:
    """One snapshot that cannot write, unless the caller's transaction is under way."""
    alone = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    with session.connection.transaction():
        if alone:
            session.connection.execute("set transaction isolation level repeatable read, read only")
            session.connection.execute("set local lock_timeout = '3s'")
        yield
