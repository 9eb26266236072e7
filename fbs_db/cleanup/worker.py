"""Working off the queue: once (retry), or until stopped (the worker)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from psycopg import pq

from fbs_db.cleanup.across import Backoff, Reach, carry, databases_of, reaching, sessions_on
from fbs_db.cleanup.queue import RetryReport, count_waiting, has_queue, logger, told, work_due
from fbs_db.database.connection import shown
from fbs_db.database.session import Database, Session
from fbs_db.errors import ConnectionFailed, ConnectionLost, FbsDbError, LockTimeout, ServerOutOfResources

#: Seconds between looks for new partitions of host tables.
_COVER = 60


def retry_cleanup(database: Database = None, *, batch: int = 1000, schema: str | None = None) -> RetryReport:
    """Try every queued clean-up once more, due or not, here and in other databases.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured database. On a connection
            in a transaction, clean-ups for other databases stay queued: they could still be
            rolled back.
        batch: queue entries a transaction.
        schema: as for `fbs_db.migrate`.

    Returns:
        The sum over all databases.

    Raises:
        TargetError: FBS is not installed in the database named.

    Each failure is logged, with model, rule and reason.

    Calls ``fbs_waiting_cleanups``, ``fbs_work_queue``, ``fbs_cleanup_destinations``,
    ``fbs_claim_cleanup``, ``fbs_source``, ``fbs_recheck_cleanup``, ``fbs_cleanup_carried`` and
    ``fbs_waiting_tickets``; in the other database ``fbs_held_keys``, ``fbs_receive_cleanup``,
    ``fbs_failed_rule`` and ``fbs_received_cleanups``.
    """
    total = RetryReport(0, 0, 0)
    backoff = Backoff(float("inf"))
    with reaching("fbs-db cleanup retry", database, schema) as reach:
        for session in sessions_on(database, reach):
            with session.translated():
                left = count_waiting(session, make_due=True)
                while left > 0:
                    report = _work(session, reach, batch, backoff)
                    total += report
                    left -= report.done + report.failed
                    if report.done + report.failed == 0:
                        break
                total = replace(total, waiting=total.waiting + count_waiting(session))
    return total


def run_cleanup(
    database: Database = None,
    *,
    stop: threading.Event,
    poll: float = 1.0,
    batch: int = 1000,
    schema: str | None = None,
    progress: Callable[[RetryReport], None] = lambda report: None,
) -> None:
    """Work off the queue until told to stop: a worker. Several workers share the queue.

    A clean-up that fails is tried again after a pause, twice as long each time, up to an
    hour. A database that cannot be reached pauses for up to a minute; the others go on.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured database.
        stop: set it to end the worker after its present batch.
        poll: seconds between looks at an empty queue.
        batch: queue entries a transaction.
        schema: as for `fbs_db.migrate`.
        progress: called after each batch that did something.

    Raises:
        TargetError: FBS is not installed in the only database. Where there are several
            databases, this is logged, and the others go on.

    Each failure is logged, with model, rule and reason.

    Each minute it attaches new partitions of host tables with their table.

    Calls ``fbs_work_queue``, ``fbs_cover_partitions``, ``fbs_waiting_cleanups``, ``fbs_cleanup_destinations``,
    ``fbs_claim_cleanup``, ``fbs_source``, ``fbs_recheck_cleanup``, ``fbs_cleanup_carried`` and
    ``fbs_waiting_tickets``; in the other database ``fbs_held_keys``, ``fbs_receive_cleanup``,
    ``fbs_failed_rule`` and ``fbs_received_cleanups``.
    """
    backoff = Backoff(poll)
    failing: dict[Database, FbsDbError] = {}
    known: set[Database] = set()
    covered: dict[Database, float] = {}
    with reaching("fbs-db cleanup run", database, schema) as reach:
        while not stop.is_set():
            busy = False
            databases = databases_of(database)
            for one in databases:
                if backoff.pausing(one) or stop.is_set():
                    continue
                try:
                    session = reach(one)
                    if isinstance(failing.get(one), (ConnectionLost, ConnectionFailed)):
                        del failing[one]
                        again = "again " if one in known else ""
                        where = shown(session.connection)
                        logger.info("Connected %sto %s.", again, where, extra={"event": "connected"})
                    known.add(one)
                    if one is not database and not has_queue(session):
                        backoff.failed(one)
                        continue
                    with session.translated():
                        if time.monotonic() - covered.get(one, float("-inf")) > _COVER:
                            covered[one] = time.monotonic()
                            _cover(session)
                        report = _work(session, reach, batch, backoff)
                        if report.done or report.failed:
                            report = replace(report, waiting=count_waiting(session))
                except FbsDbError as error:
                    passing = (ConnectionLost, ConnectionFailed, LockTimeout, ServerOutOfResources)
                    if len(databases) == 1 and not isinstance(error, passing):
                        raise
                    failing[one] = error
                    seconds = backoff.failed(one)
                    fields = {"event": "trouble", "error": type(error).__name__, "seconds": seconds}
                    logger.warning("%s Trying again in %.0f s.", told(error), seconds, extra=fields)
                    continue
                backoff.worked(one)
                if failing.pop(one, None):
                    logger.info("Clean-up works again in %s.", shown(session.connection), extra={"event": "goes on"})
                if report.done or report.failed:
                    progress(report)
                busy = busy or report.done > 0
            if not busy:
                stop.wait(poll)


def _cover(session: Session) -> None:
    """Give partitions that were made later the triggers of their host table."""
    for (partition,) in session.call("fbs_cover_partitions"):
        logger.info("Partition %s is attached with its table.", partition, extra={"event": "partition"})


def _work(session: Session, reach: Reach, batch: int, backoff: Backoff) -> RetryReport:
    """Do what is due in this database, and carry what is due for others. What is left is not counted."""
    # In the caller's transaction nothing is committed yet that other databases may act on.
    committed = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    report = work_due(session, batch)
    for target, is_due in session.call("fbs_cleanup_destinations") if committed else ():
        if is_due and not backoff.pausing((session, target)):
            report += carry(session, reach, target, backoff)
    return report
