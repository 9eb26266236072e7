"""Clean-ups that wait: what they are, doing them again, and the worker that does.

Those for another database are carried there: done there in a transaction that notes the
ticket of each, and only then taken off the queue here. Whatever breaks in between, what
is carried again is known there and not done again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from fbs_db import config
from fbs_db.connection import raise_if_lost, said_by
from fbs_db.errors import (
    ConnectionFailed,
    ConnectionLost,
    FbsDbError,
    LockTimeout,
    ServerOutOfResources,
    UsageError,
)
from fbs_db.hosts import Host, hosts_of
from fbs_db.session import Database, Session, session

logger = logging.getLogger("fbs_db")

#: So many clean-ups are carried to another database in one transaction of this one's.
_CARRIED = 100

Reach = Callable[[Database], Session]


@dataclass(frozen=True)
class Waiting:
    """Clean-ups of one kind that wait.

    Attributes:
        model_name: model whose rows went.
        operation: ``delete``, ``move`` (their keys changed) or ``sweep``.
        rule_name: the one rule still to be applied; None for all.
        target: the other database it is for; None for this one.
        entries: how many.
        keys: keys in them.
        oldest: when the first was queued.
        attempts: the most that one was tried.
        error: what went wrong last; None where nothing did yet.
    """

    model_name: str
    operation: str
    rule_name: str | None
    target: str | None
    entries: int
    keys: int
    oldest: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True)
class CleanupStatus:
    """How clean-up stands.

    Attributes:
        mode: ``on``, ``queue`` or ``off``.
        hosts: the tables attached.
        waiting: what waits.
    """

    mode: str
    hosts: tuple[Host, ...]
    waiting: tuple[Waiting, ...]

    def as_dict(self) -> dict[str, Any]:
        """The status as plain values, as ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class RetryReport:
    """What a round over the queue did: entries done, failed again, and waiting still."""

    done: int
    failed: int
    waiting: int

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, as ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Swept:
    """What a sweep found for a model: keys that are gone, and the rows it touched.

    Where it could not be swept, both are None and ``error`` says why. ``target`` names
    the other database whose rows were looked at; None for the host's own.
    """

    model_name: str
    target: str | None
    orphans: int | None
    touched: int | None
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """The row as plain values, as ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """A clean-up for another database, as ``fbs_claim_cleanup`` gives it."""

    id: int
    ticket: UUID
    model_name: str
    operation: str
    keys: list[str]
    new_keys: list[str] | None
    gone: list[str] | None


def cleanup_status(database: Database = None, *, schema: str | None = None) -> CleanupStatus:
    """How clean-up stands: its mode, the tables attached, and what waits and why.

    Reads ``fbs_cleanup_queue`` and ``fbs_hosts``.
    """
    with session(database, schema, application="fbs-db cleanup status") as at:
        waiting = at.select(
            """
            select
                model_name, operation, rule_name, target,
                count(*), sum(cardinality(keys)), min(queued_at), max(attempts),
                (array_agg(error order by id desc) filter (where error is not null))[1]
            from {fbs}fbs_cleanup_queue
            group by model_name, operation, rule_name, target
            order by min(id)
            """
        )
        mode = at.call("fbs_cleanup_mode")[0][0]
        return CleanupStatus(mode, tuple(hosts_of(at)), tuple(Waiting(*row) for row in waiting))


def retry_cleanup(database: Database = None, *, batch: int = 1000, schema: str | None = None) -> RetryReport:
    """Try all that waits once more, whether it is due or not, here and in other databases.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured one.
        schema: as for `fbs_db.migrate`.
        batch: entries of the queue a transaction.

    Calls ``fbs_retry_cleanup``, ``fbs_claim_cleanup`` and ``fbs_receive_cleanup``.
    """
    total = RetryReport(0, 0, 0)
    with _reaching("fbs-db cleanup retry", database, schema) as reach:
        for at in _installed(database, reach):
            due, left = False, _waiting(at)
            while left > 0:
                report = _round(at, reach, batch, due)
                due, left = True, left - report.done - report.failed
                total = RetryReport(total.done + report.done, total.failed + report.failed, 0)
                if report.done == 0:
                    break
            total = RetryReport(total.done, total.failed, total.waiting + _waiting(at))
    return total


def sweep_orphans(database: Database = None, *, model: str | None = None, schema: str | None = None) -> list[Swept]:
    """Find rows that point at host rows which are gone, and apply the rules to them.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured one.
        model: one model only.
        schema: as for `fbs_db.migrate`.

    Calls ``fbs_sweep_orphans``, for each model in a transaction of its own; for other
    databases ``fbs_held_keys`` and ``fbs_apply_rules`` there.
    """
    swept: list[Swept] = []
    with _reaching("fbs-db cleanup sweep", database, schema) as reach:
        for at in _installed(database, reach):
            for name in (host.model_name for host in hosts_of(at) if model in (None, host.model_name)):
                for _, *found in at.call("fbs_sweep_orphans", name):
                    swept.append(Swept(name, None, *found))
                for target in _targets(at):
                    swept.append(_sweep_there(at, reach, name, target))
    return swept


def run_cleanup(
    database: Database = None,
    *,
    stop: threading.Event,
    poll: float = 1.0,
    batch: int = 1000,
    schema: str | None = None,
    progress: Callable[[RetryReport], None] = lambda report: None,
) -> None:
    """Drain the queue until told to stop: a worker. Several share the work.

    What fails waits twice as long each time, up to an hour. When a database goes away,
    the worker waits for it to come back, and works the others meanwhile.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured one.
        schema: as for `fbs_db.migrate`.
        stop: set it, and the worker ends after its present batch.
        poll: seconds between looks at an empty queue.
        batch: entries a transaction.
        progress: called after each batch that did something.

    Calls ``fbs_retry_cleanup``, ``fbs_claim_cleanup`` and ``fbs_receive_cleanup``.
    """
    pauses: dict[Database, float] = {}
    ready: dict[Database, float] = {}
    with _reaching("fbs-db cleanup run", database, schema) as reach:
        while not stop.is_set():
            busy = False
            for one in _databases(database):
                if time.monotonic() < ready.get(one, 0) or stop.is_set():
                    continue
                try:
                    at = reach(one)
                    if one is not database and not _has_queue(at):
                        ready[one] = time.monotonic() + 60
                        continue
                    report = _round(at, reach, batch, due_only=True)
                    pauses.pop(one, None)
                except (ConnectionLost, ConnectionFailed, LockTimeout, ServerOutOfResources) as error:
                    pause = pauses[one] = min(pauses.get(one, poll / 2) * 2, 60)
                    ready[one] = time.monotonic() + pause
                    logger.warning("%s Trying again in %.0f s.", error.message, pause)
                    continue
                if report.done or report.failed:
                    progress(report)
                busy = busy or report.done > 0
            if not busy:
                stop.wait(poll)


# --- one round


def _round(at: Session, reach: Reach, batch: int, due_only: bool) -> RetryReport:
    """What waits here, and what waits for each other database."""
    with at.translated():
        done, failed, _ = at.call("fbs_retry_cleanup", batch, due_only)[0]
        for target in _targets(at):
            carried, left = _carry(at, reach, target, due_only)
            done, failed = done + carried, failed + left
        return RetryReport(done, failed, _waiting(at))


def _carry(at: Session, reach: Reach, target: str, due_only: bool) -> tuple[int, int]:
    """Carry what waits for another database there; how many were done, and failed."""
    done: list[int] = []
    failed: list[int] = []
    with at.connection.transaction():
        jobs = [Job(*row) for row in at.call("fbs_claim_cleanup", target, _CARRIED, due_only)]
        if not jobs:
            return 0, 0
        for job in jobs:
            try:
                _deliver(at, reach(config.read().named(target)), job)
                done.append(job.id)
            except (psycopg.Error, FbsDbError) as error:
                at.connection.execute("select")  # or it is this side that is gone
                away = isinstance(error, (ConnectionFailed, ConnectionLost, UsageError))
                put_off = [one.id for one in jobs if one.id not in (*done, *failed)] if away else [job.id]
                said = said_by(error) if isinstance(error, psycopg.Error) else error.message
                at.call("fbs_put_off", put_off, getattr(error, "sqlstate", None), said)
                failed += put_off
                if away:
                    logger.warning("Clean-ups for database %s wait: %s", target, said)
                    break
        at.select("delete from {fbs}fbs_cleanup_queue where id = any(%s)", done)
    if done:
        _forget(at, reach(config.read().named(target)))
    return len(done), len(failed)


def _deliver(at: Session, there: Session, job: Job) -> None:
    gone = job.gone
    try:
        if gone is None:
            with at.connection.transaction():  # a savepoint
                gone = _gone(at, there, job.model_name, there.place.name)
        moved_to = job.new_keys if job.operation == "move" else None
        there.call("fbs_receive_cleanup", at.place.name, job.ticket, job.model_name, job.keys, moved_to, gone)
    except psycopg.Error as error:
        raise_if_lost(there.connection, error)
        raise


def _forget(at: Session, there: Session) -> None:
    """Tickets are noted there until nothing here can bring them again."""
    query = "select ticket from {fbs}fbs_cleanup_received where source = %s"
    noted = [ticket for (ticket,) in there.select(query, at.place.name)]
    waiting = at.select("select ticket from {fbs}fbs_cleanup_queue where ticket = any(%s)", noted)
    over = list(set(noted) - {ticket for (ticket,) in waiting})
    there.select("delete from {fbs}fbs_cleanup_received where ticket = any(%s)", over)


def _sweep_there(at: Session, reach: Reach, model: str, target: str) -> Swept:
    try:
        there = reach(config.read().named(target))
        gone = _gone(at, there, model, target)
        touched = there.call("fbs_apply_rules", model, gone)[0][0]
        return Swept(model, target, len(gone), touched, None)
    except (psycopg.Error, FbsDbError) as error:
        return Swept(model, target, None, None, said_by(error) if isinstance(error, psycopg.Error) else error.message)


def _gone(at: Session, there: Session, model: str, target: str) -> list[str]:
    """Keys that rows there hold, of host rows that are gone here."""
    held = there.call("fbs_held_keys", model)[0][0]
    return list(at.call("fbs_gone_keys", model, held, target)[0][0])


# --- what there is


def _databases(database: Database) -> list[Database]:
    if database is not None:
        return [database]
    places = list(config.read().databases.values())
    return [None] if len(places) == 1 else list(places)


def _installed(database: Database, reach: Reach) -> Iterator[Session]:
    """Sessions on the databases; of several those that can be reached and hold a queue."""
    for one in _databases(database):
        try:
            at = reach(one)
        except ConnectionFailed as error:
            if one is database:
                raise
            logger.warning("%s", error.message)
            continue
        if one is database or _has_queue(at):
            yield at


def _has_queue(at: Session) -> bool:
    return at.select("select to_regclass(%s) is not null", f"{at.quoted_schema}.fbs_cleanup_queue") == [(True,)]


@contextmanager
def _reaching(application: str, asked: Database, schema: str | None) -> Iterator[Reach]:
    """Sessions that stay open until the end, one for each database; a broken one is opened anew.

    The schema is that of the database asked for; others have their own.
    """
    opened: dict[Database, tuple[ExitStack, Session]] = {}

    def reach(one: Database) -> Session:
        if one in opened:
            stack, at = opened[one]
            if not at.connection.closed and not at.connection.broken:
                return at
            del opened[one]
            with suppress(FbsDbError, psycopg.Error):
                stack.close()
        stack = ExitStack()
        at = stack.enter_context(session(one, schema if one is asked else None, application=application))
        opened[one] = (stack, at)
        return at

    try:
        yield reach
    finally:
        for stack, _ in opened.values():
            with suppress(FbsDbError, psycopg.Error):
                stack.close()


def _targets(at: Session) -> list[str]:
    query = (
        "select target from {fbs}fbs_cleanup_targets union"
        " select target from {fbs}fbs_cleanup_queue where target is not null order by 1"
    )
    return [target for (target,) in at.select(query)]


def _waiting(at: Session) -> int:
    return int(at.select("select count(*) from {fbs}fbs_cleanup_queue")[0][0])
