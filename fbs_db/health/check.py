"""The check of a schema: what is missing, changed or waiting, each with the command that repairs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg

from fbs_db import files
from fbs_db.cleanup.hosts import databases_beside, may_hold_orphans, patterns_beside
from fbs_db.database import fleet, project
from fbs_db.database.connection import raise_if_lost, shown
from fbs_db.database.releases import is_later, upgrade_to
from fbs_db.database.session import Database, Session, isolated, open_session
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.health import attached, comparing
from fbs_db.health.states import present
from fbs_db.places.state import guards
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema import snapshot
from fbs_db.schema.rights import MAY_RUN_CODE, read_granted, read_rights, workers
from fbs_db.schema.snapshot import Key, Object
from fbs_db.version import __version__
from fbs_db.wording import command, completed

Severity = Literal["error", "warning", "note"]

#: The kinds of findings, to choose from with ``only``.
KINDS = (
    "migration",
    "component",
    *snapshot.KINDS,
    "users",
    "user key",
    "host",
    "clean-up",
    "isolation",
    "file",
    "rows",
    "owner",
    "right",
    "privilege",
)

_UNFINISHED = "left by an interrupted statement, or still being built"

#: The problem in ``fbs_health`` of a table that the host has under its later name as well.
_TWICE = "there twice"
#: Findings that are made of ``fbs_states``, ``fbs_rights`` and ``fbs_rights_granted`` here, as ``fbs_health`` does
#: for psql. Those of ``fbs_secret_readers`` are taken from it.
_MADE_HERE = ("trigger", "index", "constraint", "owner", "right")
#: Kinds that a host may remove without breaking anything.
_LESS = ("comment", "setting", "rule")


@dataclass(frozen=True)
class Finding(Report):
    """One difference from the schema as it should be, or something that waits for attention.

    Attributes:
        severity: ``error``: FBS needs it; ``warning``: look at it; ``note``: there is nothing to do.
        kind: one of `KINDS`.
        object: its name, such as ``fbs_kpis.target_value``.
        problem: ``missing``, ``changed``, ``not part of FBS``, ``disabled``, ...
        found: the definition or state that was found; None where nothing is there.
        expected: the definition or state that should be there; None where ``problem`` implies it.
        mend: the repair: a shell command or, with a semicolon at the end, SQL; empty text where there is none.
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
    """The findings of a check.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        objects: the number of objects that were compared.
        findings: errors first, then warnings, then notes.
    """

    database: str
    schema: str
    objects: int
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there are no errors and no warnings."""
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
    """Compare the schema with the objects that the applied migrations create, and report what waits.

    Reads only, in one snapshot but for rows about host tables, so it works on a standby. A role that
    may read the catalogs alone can run it; whatever it may not read becomes a note.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.
        only: the kinds of findings to report, of `KINDS`; all by default.
        data: also check the rows: orphans, values off the lists, negative amounts, dates outside
            the years 1 to 9999, ledgers that are not balanced. Reads whole tables.
        progress: called for each table that is read.

    Raises:
        UsageError: a kind is unknown.
        LockTimeout: another session, such as a migration, holds a lock on a table for longer than 3 s.

    In a schema where others may create functions, it reports that alone: more could run their code.
    Reads the catalogs, ``fbs_migrations``, ``fbs_health``, ``fbs_check_rows`` and ``fbs_check_hosts``.
    """
    if unknown := sorted(set(only) - set(KINDS)):
        what = "kind" if len(unknown) == 1 else "kinds"
        raise UsageError(f"Unknown {what} {', '.join(unknown)}.", hint=f"Known: {', '.join(KINDS)}.")
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
    """`check` on an open session; with ``identities`` it also compares each sequence with the highest key."""
    applied: list[str] = []
    objects: Mapping[Key, Object] = {}
    with isolated(session, "repeatable read", read_only=True):
        findings = [Finding(*row) for row in read_rights(session)]
        # In such a schema any other question may run the code of others, with the rights of the one who asks.
        if not any(one.problem in MAY_RUN_CODE for one in findings):
            found = present(session)
            history, applied = _history(session, found)
            if any(one.problem == "others may execute" for one in findings):  # a worker may
                findings = [Finding(*row) for row in read_rights(session, workers(session))]
            findings += history
            if applied:
                if not any(one.problem == "newer" for one in history):
                    objects = snapshot.expected(applied, session.connection.info.server_version)
                findings += [Finding(*row) for row in read_granted(session, objects)]
                findings += _compared(session, objects, found)
                findings = _without_hosts(session, findings, objects, found)
                if data:
                    findings += _data(session, found, progress)
                if data or identities:
                    asked = _asked(session, "fbs_check_identities", found)
                    findings += [one for one in asked if one.kind != "rows" or ("column", one.object) in objects]
    if data and applied:
        findings += _host_rows(session, found, progress)
    chosen = [one for one in findings if not only or one.kind in only]
    kinds = [*KINDS, *(one.kind for one in chosen)]  # a later fbs-db may have more
    chosen.sort(key=lambda one: (("error", "warning", "note").index(one.severity), kinds.index(one.kind), one.object))
    return CheckReport(shown(session.connection), session.schema, len(objects), tuple(chosen))


def _compared(session: Session, objects: Mapping[Key, Object], found: dict[Key, Object]) -> Iterator[Finding]:
    """The differences of the objects, if any are known, and what ``fbs_health`` and the project's configuration say."""
    compared = compare(objects, found | snapshot.live_rows(session, objects)) if objects else ()
    findings = [*compared, *_users(session, found)]
    known = {(one.kind, one.problem) for one in findings if one.kind == "users"}
    if any((one.kind, one.problem) == ("table", "missing") for one in findings):
        known.add(("rule", "out of date"))  # it is written for that table
    yield from findings
    made_here = _MADE_HERE if objects else ()
    for one in _asked(session, "fbs_health", found):
        if (one.kind not in made_here or "secret" in one.problem) and (one.kind, one.problem) not in known:
            yield one
    yield from _targets(session, found)


def compare(objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> Iterator[Finding]:
    """The differences between the objects that should be there and those that are."""
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
    """A note for each choice that the host made for objects of FBS."""
    chosen: dict[tuple[str, str], list[str]] = {}
    for key in objects.keys() & found.keys():
        there, choice = found[key], found[key].choice
        if choice:
            chosen.setdefault((there.kind, choice), []).append(there.name)
    for (kind, choice), names in chosen.items():
        several = f"{len(names)} of {sum(of == kind for of, _ in objects)}"
        text = "chosen by the host" + (f": {', '.join(sorted(names))}" if len(names) > 1 else "")
        yield Finding("note", kind, names[0] if len(names) == 1 else several, choice, text)


def _without_hosts(
    session: Session, findings: list[Finding], objects: Mapping[Key, Object], found: Mapping[Key, Object]
) -> list[Finding]:
    """The findings without those on the host's attached tables, whose names may begin with ``fbs_`` too."""
    hosts = attached.tables(session, found) - {name for kind, name in objects if kind == "table"}
    twins = {one.object for one in findings if one.problem == _TWICE}
    return [
        one
        for one in findings
        if one.kind not in (*snapshot.KINDS, "owner", "right")
        or (
            one.object.partition(".")[0] not in hosts and not (one.object in twins and one.problem == "not part of FBS")
        )
    ]


def _gone(objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> set[Key]:
    """The missing objects whose table, function or other needs are there."""
    missing = {key for key in objects if key not in found}
    return {
        key
        for key in missing
        if not any(need in missing for need in (*objects[key].needs, *snapshot.implied(key, objects)))
    }


def _foreign(there: Object, objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> Finding:
    """The finding for an object that no migration creates: it is on a table of FBS, or has its prefix."""
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
        text = f"{text}: FBS cannot write rows that violate it"
    if there.state:
        text = f"{text}; it is {there.state}"
    return Finding(severity, there.kind, there.name, "not part of FBS", text, None, mend)


def _history(session: Session, found: Mapping[Key, Object]) -> tuple[list[Finding], list[str]]:
    """The migrations that are pending, edited or without a file; and the names of those applied."""
    known = files.load()
    names = ("migration_id", "checksum", "fbs_db_version")
    readable = all(("column", f"fbs_migrations.{name}") in found for name in names)
    if readable and not session.may("select", "fbs_migrations"):
        said = "a migration counts as applied where any of its objects is there"
        wanted, mend = "a role that works as monitor", command("grant", session.role(), "--as", "monitor")
        note = Finding("note", "privilege", "fbs_migrations", "not looked at", said, wanted, mend)
        return [note], [file.id for file in known if _made(file, found)]
    if not readable:
        # The table is damaged, which the comparison reports, or fbs-db never created it.
        if applied := [file.id for file in known if ("function", "fbs_touch()") in found and _made(file, found)]:
            return [], applied
        there, mend = "no tables of FBS", command("migrate")
        if any(kind == "table" for kind, _ in found):
            there, mend = "tables of FBS that fbs-db did not create", command("adopt")
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
            what: tuple[Severity, str] = ("note", "newer") if is_later(version) else ("error", "no file")
            said = f"fbs-db {version} applied it"
            said += f", and this is fbs-db {__version__}: no object was compared" if is_later(version) else ""
            findings.append(Finding(what[0], "migration", name, what[1], said, None, upgrade_to(version)))
        elif checksum != checksums[name]:
            texts = (f"a file with SHA-256 {checksums[name]}", f"{checksum}, as it was applied")
            findings.append(Finding("error", "migration", name, "edited", *texts, command("accept", name)))
    return findings, applied


def _misplaced(session: Session, applied: Sequence[files.MigrationFile]) -> Iterator[Finding]:
    """The components that are installed here but placed in another database, or moving there."""
    for component in dict.fromkeys(file.component for file in applied if not session.config.holds(file.component)):
        home = project.configuration().home_of(component).name
        mend = command("placement", "move", component, "--to", home)
        yield Finding("warning", "component", component, "misplaced", "here", f"in database {home}", mend)
    if not (moving := guards(session)):
        return
    on_its_way = {file.component: moving[name] for file in applied for _, name in file.creates if name in moving}
    for component, goes_to in on_its_way.items():
        if session.config.holds(component):
            mend = command("placement", "move", component, "--to", goes_to)
            found = f"its tables are read-only while they move to database {goes_to}"
            yield Finding("error", "component", component, "its move is not finished", found, None, mend)


def _made(file: files.MigrationFile, found: Mapping[Key, Object]) -> bool:
    """Whether any object that the file creates is there."""
    wanted = {key for key in snapshot.expected([file.id], 180000) if key[0] in ("table", "function", "view")}
    return bool(wanted & found.keys())


def _asked(session: Session, function: str, found: Mapping[Key, Object], *arguments: str) -> Iterator[Finding]:
    """The findings of one of FBS's functions; where it fails, a note."""
    if not any(kind == "function" and name.startswith(f"{function}(") for kind, name in found):
        return  # its absence is a finding of its own
    try:
        with session.connection.transaction():
            rows = session.call(function, *arguments)
    except psycopg.errors.InsufficientPrivilege as error:
        said = f"{error.diag.message_primary}"
        for_all = function == "fbs_health"
        mend = command("grant", session.role(), "--as", "monitor") if for_all else session.grants(*arguments)
        yield Finding("note", "privilege", " ".join((function, *arguments)), "not looked at", said, None, mend)
        return
    except psycopg.errors.QueryCanceled:
        raise  # the statement timeout: nothing is known
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
    """A finding where the user columns are not tied to the user table that the project names."""
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
        return  # the view is damaged or may not be read, which is a finding of its own
    expected, mend, missing = f"tied to {wanted}, which the project names", command("attach", "users", wanted), None
    try:
        meant = session.table(wanted)
        fits = attached.unfit(session, meant)
    except TargetError as error:
        meant, fits, missing = "", "", error
    optional = project.configuration().definite or session.config.is_template  # Django names one for each database
    if missing and not optional:
        texts = (missing.message, wanted, missing.hint)
        yield Finding("error", "users", "fbs_user_columns", "no such user table", *texts)
    elif not tied and not missing:
        yield Finding("error", "users", "fbs_user_columns", "not attached", "tied to no table", expected, mend)
    elif tied and set(there.values()) != {meant}:
        mend = f"{command('detach', 'users')} && {mend}"
        if missing or fits:
            mend, expected = "", f"{expected}; {fits or 'it is not here'}"
        said = f"tied to {', '.join(tied)}"
        yield Finding("error", "users", "fbs_user_columns", "attached to another table", said, expected, mend)


def _said(error: psycopg.Error | TargetError) -> str:
    return (error.diag.message_primary if isinstance(error, psycopg.Error) else error.message) or str(error)


def _targets(session: Session, found: Mapping[Key, Object]) -> Iterator[Finding]:
    """The databases that clean-ups are queued for but the project does not name, and those it names but no clean-up."""
    columns = ("fbs_hosts.host_table", "fbs_hosts.model_name", "fbs_cleanup_targets.target", "fbs_cleanup_queue.target")
    readable = all(("column", name) in found and session.may("select", name.partition(".")[0]) for name in columns)
    configured = project.configuration()
    if not readable or (session.config.name not in configured.databases and session.config.solution is None):
        return
    hosts = session.select("select host_table::text, model_name from {fbs}fbs_hosts order by model_name")
    noted = {
        target
        for (target,) in session.select(
            "select target from {fbs}fbs_cleanup_targets"
            " union select target from {fbs}fbs_cleanup_queue where target is not null"
        )
    }
    wanted = {other.name for other in databases_beside(session.config) if may_hold_orphans(other)}
    wanted |= {pattern.name for pattern in patterns_beside(session.config)}
    for target in sorted(target for target in noted if target not in configured.patterns and not _is_known(target)):
        mend = " && ".join(command("attach", "host", table, "--model", model) for table, model in hosts)
        yield Finding("error", "clean-up", target, "unknown database", "clean-ups are queued for it", mend=mend)
    for target in sorted(wanted - noted) if hosts else ():
        table, model = hosts[0]
        mend = command("attach", "host", table, "--model", model)
        yield Finding("error", "clean-up", target, "left out", "no clean-up reaches it", "queued clean-ups", mend)


def _is_known(database: str) -> bool:
    try:
        return bool(fleet.named(database))
    except UsageError:
        return False
    except FbsDbError:  # servers that have it perhaps could not be asked
        return True


def _data(session: Session, found: Mapping[Key, Object], progress: Callable[[Progress], None]) -> Iterator[Finding]:
    for name in sorted(name for kind, name in found if kind == "table"):
        progress(Progress("wait", text=f"rows of {name}"))
        yield from _asked(session, "fbs_check_rows", found, name)


def _host_rows(
    session: Session, found: Mapping[Key, Object], progress: Callable[[Progress], None]
) -> Iterator[Finding]:
    """What `fbs_check_hosts` finds. It looks at each host table in its newest state before it reads it."""
    progress(Progress("wait", text="rows about the host tables"))
    with isolated(session, "read committed", read_only=True):
        ((level,),) = session.select("show transaction_isolation")
        if level == "read committed":
            yield from _asked(session, "fbs_check_hosts", found)
        else:
            yield Finding("note", "rows", "fbs_check_hosts", "not looked at", f"the transaction is {level}")
