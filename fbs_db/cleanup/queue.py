"""The clean-up queue of one database: what waits in it, and the work that is due there."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from fbs_db.cleanup.hosts import Host, hosts_of, named
from fbs_db.database.connection import said_by
from fbs_db.database.releases import MISSING
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.reports import Report
from fbs_db.wording import command

logger = logging.getLogger("fbs_db.cleanup")


@dataclass(frozen=True)
class Waiting(Report):
    """Queued clean-ups of one kind: the same model, solution, operation, rule and target.

    Attributes:
        model_name: the model whose host rows changed.
        solution: the solution of their table; None where it has none.
        operation: ``delete``, ``rekey`` (the rows got other keys) or ``sweep`` (look for orphans).
        rule_name: the only rule still to be applied; None for all rules.
        target: the other database it is for, or the pattern for those of solutions; None for this one.
        entries: number of queue entries.
        keys: number of host keys in these entries.
        ids: the ids of the first entries, a hundred at most.
        oldest: when the first entry was queued.
        attempts: how often the most tried entry was tried.
        error: the last failure; None before the first.
    """

    model_name: str
    solution: str | None
    operation: str
    rule_name: str | None
    target: str | None
    entries: int
    keys: int
    ids: tuple[int, ...]
    oldest: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True)
class CleanupStatus(Report):
    """The state of clean-up in a database.

    Attributes:
        mode: ``on`` (at once), ``queue`` (by a worker) or ``off``.
        hosts: the attached host tables.
        waiting: the queued clean-ups, oldest first.
    """

    mode: str
    hosts: tuple[Host, ...]
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True)
class GivenUp(Report):
    """A clean-up that was taken off the queue undone.

    Attributes:
        id: number of the entry.
        model_name, solution, operation, rule_name, target: as in `Waiting`.
        keys: the keys of the host rows, as text.
        new_keys: their new keys, in the same order; None but for a rekey.
        queued_at: when it was queued.
        attempts: how often it was tried.
        error: the last failure; None before the first.
    """

    id: int
    model_name: str
    solution: str | None
    operation: str
    keys: tuple[str, ...]
    new_keys: tuple[str, ...] | None
    rule_name: str | None
    target: str | None
    queued_at: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True)
class RetryReport(Report):
    """What one pass over the queue did.

    Attributes:
        done: queue entries that succeeded; each holds up to a thousand keys of one model.
        failed: queue entries that failed again.
        waiting: queue entries left.
        rows: host rows cleaned up after: the keys in the entries that succeeded.
    """

    done: int
    failed: int
    waiting: int
    rows: int = field(default=0, compare=False)

    def __add__(self, other: RetryReport) -> RetryReport:
        return RetryReport(
            self.done + other.done, self.failed + other.failed, self.waiting + other.waiting, self.rows + other.rows
        )


def cleanup_status(database: Database = None, *, schema: str | None = None) -> CleanupStatus:
    """The clean-up mode, the attached host tables, and the queue with its errors.

    Parameters:
        database, schema: as for `fbs_db.migrate`.

    Raises:
        TargetError: FBS is not installed in the schema.

    Reads ``fbs_cleanup_queue``, ``fbs_hosts`` and ``fbs_cleanup_terms``.
    """
    with open_session(database, schema, application="fbs-db cleanup status") as session:
        waiting = session.select(
            """
            select
                model_name, solution, operation, rule_name, target,
                count(*), sum(cardinality(keys)), (array_agg(id order by id))[:100], min(queued_at), max(attempts),
                (array_agg(error order by id desc) filter (where error is not null))[1]
            from {fbs}fbs_cleanup_queue
            group by model_name, solution, operation, rule_name, target
            order by min(id)
            """
        )
        ((mode,),) = session.select("select mode from {fbs}fbs_cleanup_terms")
        return CleanupStatus(mode, tuple(hosts_of(session)), tuple(Waiting(*_frozen(row)) for row in waiting))


def give_up_cleanup(ids: Sequence[int], database: Database = None, *, schema: str | None = None) -> list[GivenUp]:
    """Take clean-ups off the queue for good. FBS's rows that they are about stay as they are.

    Parameters:
        ids: of the entries, as `cleanup_status` and ``fbs_cleanup_queue`` have them.
        database, schema: as for `fbs_db.migrate`.

    Returns:
        The entries that are given up, by id. One that a worker is at, or that is not in the queue, is not among them.

    Raises:
        UsageError: one of them is no id.
        TargetError: FBS is not installed in the schema, or the role may not give up clean-ups.
        LockTimeout: another session, such as a migration, holds a lock on the queue for longer than 3 s.

    Calls ``fbs_give_up_cleanup``.
    """
    with open_session(database, schema, application="fbs-db cleanup give-up") as session, session.translated():
        return [GivenUp(*_frozen(row)) for row in session.call("fbs_give_up_cleanup", numbers(ids))]


def numbers(ids: Sequence[int]) -> list[int]:
    """Ids of entries, as a list.

    Raises:
        UsageError: one of them is no id.
    """
    for one in ids:
        if isinstance(one, bool) or not isinstance(one, int) or not 0 < one < 2**63:
            raise UsageError(
                f"{one!r} is not the id of a clean-up.", hint=f"To see them: {command('cleanup', 'status')}"
            )
    return list(ids)


def _frozen(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row whose arrays are tuples."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)


def work_due(session: Session, batch: int, chosen: Sequence[int] | None = None) -> RetryReport:
    """Do the clean-ups for this database that are due, and log those that fail.

    Parameters:
        batch: number of queue entries at most.
        chosen: ids of entries; None for all.
    """
    report = RetryReport(0, 0, 0)
    failures: Counter[Failure] = Counter()
    worked = session.call("fbs_work_queue", batch, True, chosen)
    for model, solution, operation, rule, entries, keys, sqlstate, error in worked:
        if error is None:
            report += RetryReport(int(entries), 0, 0, int(keys))
        else:
            report += RetryReport(0, int(entries), 0)
            failures[Failure(model, solution, operation, rule, None, sqlstate, error)] += int(keys)
    log_failures(failures)
    return report


def count_waiting(session: Session, *, make_due: bool = False, chosen: Sequence[int] | None = None) -> int:
    """The number of queue entries.

    Parameters:
        make_due: make them all due now, but for those that a worker is at.
        chosen: ids of the entries that are meant; None for all.
    """
    return int(session.call("fbs_waiting_cleanups", make_due, chosen)[0][0])


def has_queue(session: Session) -> bool:
    """Whether FBS's queue is in this database."""
    query = (
        "select from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where n.nspname = %s and c.relname = 'fbs_cleanup_queue'"
    )
    with session.translated():
        return bool(session.select(query, session.schema))


# --- failures


class Failure(NamedTuple):
    """A clean-up that failed; those of one pass that failed alike are logged once."""

    model: str
    solution: str | None
    operation: str
    rule: str | None
    target: str | None
    sqlstate: str | None
    reason: str


def log_failures(failures: Counter[Failure]) -> None:
    """Log failures, each with the number of host rows it concerns."""
    for failure, rows in failures.items():
        of = f"{rows:,} row{'' if rows == 1 else 's'} of " if rows else ""
        model = named(failure.model, failure.solution)
        rule = f", rule {failure.rule}" if failure.rule else ""
        where = f", in {failure.target}" if failure.target else ""
        text = f"Clean-up failed: {failure.operation} of {of}{model}{rule}{where}: {failure.reason}"
        logger.warning("%s", text, extra={"event": "failed", "rows": rows, **failure._asdict()})


def sqlstate_of(error: psycopg.Error | FbsDbError) -> str | None:
    """PostgreSQL's code for an error; None for an error of fbs-db."""
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def reason_of(error: psycopg.Error | FbsDbError) -> str:
    """An error in one line; the server's own words where there are any, but for a missing privilege."""
    cause = error.__cause__
    if isinstance(error, TargetError) and isinstance(cause, psycopg.Error):
        return told(error) if isinstance(cause, psycopg.errors.InsufficientPrivilege) else said_by(cause)
    return said_by(error) if isinstance(error, psycopg.Error) else error.message


def told(error: FbsDbError) -> str:
    """An error in one line, with its hint where a privilege or an object of FBS is missing."""
    missing = isinstance(error.__cause__, psycopg.Error) and error.__cause__.sqlstate in ("42501", *MISSING)
    return " ".join(str(error).split()) if missing else error.message
