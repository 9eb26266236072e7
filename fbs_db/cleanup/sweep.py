"""Sweeping: looking for orphans, and applying the rules to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import pq

from fbs_db.cleanup.across import BLOCKED, in_batches
from fbs_db.cleanup.hosts import named
from fbs_db.cleanup.queue import reason_of, sqlstate_of
from fbs_db.cleanup.reach import Reach, others_go_on, reaching, sessions_on
from fbs_db.database import fleet, project
from fbs_db.database.connection import raise_if_lost
from fbs_db.database.patterns import member_of
from fbs_db.database.session import Database, Session, isolated
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.reports import Progress, Report, silent


@dataclass(frozen=True)
class Swept(Report):
    """What a sweep did for one host table in one database.

    Attributes:
        model_name: its model; ``*`` for all of a solution's own database that cannot be worked in.
        solution: its solution; None where it has none.
        target: the other database whose rows were swept; None for the host's own.
        orphans: keys that rows hold and no host row has.
        touched: rows deleted or updated.
        error: the first error; None where there was none. What was done before and after it stays.
    """

    model_name: str
    solution: str | None
    target: str | None
    orphans: int
    touched: int
    error: str | None


def sweep_orphans(
    database: Database = None,
    *,
    model: str | None = None,
    schema: str | None = None,
    progress: Callable[[Progress], None] = silent,
) -> list[Swept]:
    """Find rows whose host row is gone, and apply the rules to them.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured database, those of solutions included.
        model: sweep this model only.
        schema: as for `fbs_db.migrate`.
        progress: called as each host table begins, and after each thousand keys.

    Returns:
        A row for each attached table, and for each other database that has rows about it. A
        table that cannot be swept has an error in its row; the others are swept.

    Raises:
        TargetError: FBS is not installed in the database named.

    Each thousand keys are a transaction: a sweep that is interrupted has done what it reported,
    and deletions by the host do not wait for the rest. Calls ``fbs_sweep_plan``, ``fbs_held_keys``
    and ``fbs_sweep_keys``; for another database ``fbs_held_keys`` and ``fbs_receive_cleanup`` there,
    and ``fbs_await_writers`` here.
    """
    swept: list[Swept] = []
    with reaching("fbs-db cleanup sweep", database, schema) as reach:
        for session in sessions_on(database, reach):
            with others_go_on(session) as failed, session.translated():
                for name, solution, alone, targets in session.call("fbs_sweep_plan"):
                    if model in (None, name):
                        of = _Of(name, solution, alone)
                        there = _each(targets, solution)
                        swept += [_sweep(session, reach, of, target, progress) for target in (None, *there)]
            swept += [Swept(model or "*", None, session.config.name, 0, 0, reason_of(error)) for error in failed]
    return swept


def _each(targets: Sequence[str], solution: str | None) -> list[str]:
    """The other databases, with those of a pattern for the pattern: that of the solution, where the table has one."""
    patterns = project.configuration().patterns
    found = dict.fromkeys(target for target in targets if target not in patterns and not _is_of_solution(target))
    for pattern in (patterns[target] for target in targets if target in patterns):
        try:
            of_all = fleet.solutions_of(pattern)
        except FbsDbError:
            found[pattern.name] = None  # which is then told to be out of reach
            continue
        found |= dict.fromkeys(member_of(pattern, one).name for one in of_all if solution in (None, one))
    return list(found)


def _is_of_solution(target: str) -> bool:
    try:
        return fleet.named(target).solution is not None
    except FbsDbError:
        return False


@dataclass(frozen=True)
class _Of:
    """A host table, by its model and solution, and whether no other has the model."""

    model_name: str
    solution: str | None
    alone: bool


def _other(session: Session, reach: Reach, target: str) -> Session:
    if session.connection.info.transaction_status is not pq.TransactionStatus.IDLE:
        raise UsageError("Commit first: uncommitted deletions cannot be carried to another database.")
    known = project.configuration().patterns
    if target in known:
        fleet.solutions_of(known[target])
    return reach(fleet.named(target), session)


def _sweep(
    session: Session,
    reach: Reach,
    host: _Of,
    target: str | None,
    progress: Callable[[Progress], None],
) -> Swept:
    """Sweep the rows about one host table.

    Parameters:
        session: on the host's database.
        target: the other database whose rows are swept; None for the host's own.
    """
    of = host.model_name, host.solution
    name = f"{named(*of)} in {target}" if target else named(*of)
    progress(Progress("wait", text=f"{name}: looking for rows whose host row is gone"))
    checked = orphans = touched = 0
    batches: list[list[str]] = []
    error = None
    try:
        there = _other(session, reach, target) if target else session
        # In a solution's own database rows that name none are its.
        host = replace(host, alone=host.alone or there.config.solution == host.solution)
        held = there.call("fbs_held_keys", *of, host.alone)[0][0]
        if target:
            session.call("fbs_await_writers", *of)
        batches = in_batches(held)
    except (psycopg.Error, FbsDbError) as failure:
        _raise_own(session, target, failure)
        error = reason_of(failure)
    keys = sum(map(len, batches))
    for batch in batches:
        try:
            with isolated(session, "read committed"):
                gone, rows = session.call("fbs_sweep_keys", *of, target, batch)[0]
                if target and gone:
                    rows = _clean_up(there, host, gone)
        except (psycopg.Error, FbsDbError) as failure:
            _raise_own(session, target, failure)
            error = error or reason_of(failure)
            if sqlstate_of(failure) in BLOCKED or isinstance(failure, FbsDbError):
                break
            continue
        checked, orphans, touched = checked + len(batch), orphans + len(gone), touched + rows
        text = f"{name}: {checked:,} of {keys:,} keys, {orphans:,} gone, {touched:,} rows cleaned up"
        progress(Progress("wait", text=text))
    return Swept(*of, target, orphans, touched, error)


def _clean_up(there: Session, host: _Of, gone: list[str]) -> int:
    """Apply the rules in another database to rows that point at these keys, and return how many they were."""
    nowhere, no_tickets, no_keys = "", list[str](), list[str]()
    work = host.model_name, no_keys, None, gone, host.solution, host.alone
    return int(there.call("fbs_receive_cleanup", nowhere, no_tickets, *work)[0][0])


def _raise_own(session: Session, target: str | None, failure: psycopg.Error | FbsDbError) -> None:
    """Raise an error after which the host's database cannot be worked in."""
    if target is None and isinstance(failure, psycopg.errors.QueryCanceled):
        raise failure
    if isinstance(failure, psycopg.Error):
        raise_if_lost(session.connection, failure)
