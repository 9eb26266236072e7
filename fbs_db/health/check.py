"""The check of a schema: what is missing, changed or waiting, each with the command that repairs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import psycopg

from fbs_db.cleanup.hosts import databases_beside, may_hold_orphans, patterns_beside
from fbs_db.database import fleet, project
from fbs_db.database.connection import raise_if_lost, shown
from fbs_db.database.session import Database, Session, isolated, open_session
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.health import attached, comparing
from fbs_db.health.findings import KINDS, CheckReport, Finding, Severity, asked, in_order
from fbs_db.health.migrations import of_history
from fbs_db.health.quick import quick_check
from fbs_db.health.states import present
from fbs_db.reports import Progress, silent
from fbs_db.schema import snapshot
from fbs_db.schema.rights import MAY_RUN_CODE, read_granted, read_rights, workers
from fbs_db.schema.snapshot import Key, Object
from fbs_db.schema.users import tied_tables
from fbs_db.wording import command

_UNFINISHED = "left by an interrupted statement, or still being built"

#: The problem in ``fbs_health`` of a table that the host has under its later name as well.
_TWICE = "there twice"
#: Findings that are made of ``fbs_states``, ``fbs_rights`` and ``fbs_rights_granted`` here, as ``fbs_health`` does
#: for psql. Those of ``fbs_secret_readers`` are taken from it.
_MADE_HERE = ("trigger", "index", "constraint", "owner", "right")
#: Kinds that a host may remove without breaking anything.
_LESS = ("comment", "setting", "rule")


def check(
    database: Database = None,
    *,
    schema: str | None = None,
    only: Sequence[str] = (),
    data: bool = False,
    quick: bool = False,
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
        quick: compare no objects: report what is pending, and what ``fbs_health`` knows without rights and rules, in
            less than 100 ms of the server's time. For health checks.
        progress: called for each table that is read.

    Raises:
        UsageError: a kind is unknown, or ``quick`` is combined with ``only`` or ``data``.
        LockTimeout: another session, such as a migration, holds a lock on a table for longer than 3 s.

    In a schema where others may create functions, it reports that alone: more could run their code.
    Reads the catalogs, ``fbs_migrations``, ``fbs_health``, ``fbs_check_rows`` and ``fbs_check_hosts``.
    """
    if unknown := sorted(set(only) - set(KINDS)):
        what = "kind" if len(unknown) == 1 else "kinds"
        raise UsageError(f"Unknown {what} {', '.join(unknown)}.", hint=f"Known: {', '.join(KINDS)}.")
    if quick and (only or data):
        raise UsageError("A quick check takes neither kinds nor data.", hint="Leave out --quick, --only or --data.")
    with open_session(database, schema, application="fbs-db check") as session:
        if quick:
            return quick_check(session)
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
            history, applied = of_history(session, found)
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
                    keys = asked(session, "fbs_check_identities", found)
                    findings += [one for one in keys if one.kind != "rows" or ("column", one.object) in objects]
    if data and applied:
        findings += _host_rows(session, found, progress)
    chosen = in_order(one for one in findings if not only or one.kind in only)
    return CheckReport(shown(session.connection), session.schema, len(objects), chosen)


def _compared(session: Session, objects: Mapping[Key, Object], found: dict[Key, Object]) -> Iterator[Finding]:
    """The differences of the objects, if any are known, and what ``fbs_health`` and the project's configuration say."""
    compared = compare(objects, found | snapshot.live_rows(session, objects)) if objects else ()
    findings = [*compared, *_users(session, found)]
    known = {(one.kind, one.problem) for one in findings if one.kind == "users"}
    if any((one.kind, one.problem) == ("table", "missing") for one in findings):
        known.add(("rule", "out of date"))  # it is written for that table
    yield from findings
    made_here = _MADE_HERE if objects else ()
    for one in asked(session, "fbs_health", found):
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


def _users(session: Session, found: Mapping[Key, Object]) -> Iterator[Finding]:
    """A finding where the user columns are not tied to the user table that the project names."""
    wanted = session.config.user_table
    if not wanted or ("view", "fbs_user_columns") not in found:
        return
    try:
        with session.connection.transaction():
            if session.select("select exists (select from {fbs}fbs_user_columns)") != [(True,)]:
                return
            tied = tied_tables(session)
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
        yield from asked(session, "fbs_check_rows", found, name)


def _host_rows(
    session: Session, found: Mapping[Key, Object], progress: Callable[[Progress], None]
) -> Iterator[Finding]:
    """What `fbs_check_hosts` finds. It looks at each host table in its newest state before it reads it."""
    progress(Progress("wait", text="rows about the host tables"))
    with isolated(session, "read committed", read_only=True):
        ((level,),) = session.select("show transaction_isolation")
        if level == "read committed":
            yield from asked(session, "fbs_check_hosts", found)
        else:
            yield Finding("note", "rows", "fbs_check_hosts", "not looked at", f"the transaction is {level}")
