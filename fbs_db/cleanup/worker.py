"""Working off the queue: once (retry), or until stopped (the worker)."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from psycopg import pq

from fbs_db.cleanup.across import Backoff, carry
from fbs_db.cleanup.fanout import fan_out
from fbs_db.cleanup.queue import RetryReport, count_waiting, has_queue, logger, numbers, told, work_due
from fbs_db.cleanup.reach import Reach, databases_of, others_go_on, reaching, sessions_on
from fbs_db.cleanup.watch import AT_ONCE, Watch
from fbs_db.database import project
from fbs_db.database.connection import settings_kept, shown
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import ConnectionFailed, ConnectionLost, FbsDbError, LockTimeout, ServerOutOfResources

#: Seconds between looks for new partitions of host tables, and between notes that it runs.
_COVER = 60
#: Seconds after which what waits for further databases is left to the next round.
_ROUND = 2.0
#: Seconds for which a session on a solution's own database stays open unused.
_IDLE = 2.0


def retry_cleanup(
    database: Database = None, *, ids: Sequence[int] | None = None, batch: int = 1000, schema: str | None = None
) -> RetryReport:
    """Try every queued clean-up once more, due or not, here and in other databases.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured database, those of solutions
            included. On a connection in a transaction, clean-ups for other databases stay queued: they could still be
            rolled back.
        ids: only these entries of one database. Those for other databases are made due, for a worker; one whose rows
            somebody else holds fails after 100 ms.
        batch: queue entries a transaction.
        schema: as for `fbs_db.migrate`.

    Returns:
        The sum over all databases. A solution's own database that cannot be worked in is one that failed.

    Raises:
        TargetError: FBS is not installed in the database named.

    Each failure is logged, with model, rule and reason.

    Calls ``fbs_note_run``, ``fbs_waiting_cleanups``, ``fbs_work_queue``, ``fbs_cleanup_destinations``,
    ``fbs_claim_fan_out``, ``fbs_fan_out``, ``fbs_claim_cleanup``, ``fbs_source``, ``fbs_recheck_cleanup``,
    ``fbs_cleanup_carried`` and ``fbs_waiting_tickets``; in the other database ``fbs_held_keys``,
    ``fbs_receive_cleanup``, ``fbs_failed_rule`` and ``fbs_received_cleanups``.
    """
    if ids is not None:
        return _retry_chosen(database, numbers(ids), batch, schema)
    total = RetryReport(0, 0, 0)
    backoff = Backoff(float("inf"))
    with reaching("fbs-db cleanup retry", database, schema) as reach:
        for session in sessions_on(database, reach):
            with others_go_on(session) as failed, session.translated():
                left = count_waiting(session, make_due=True)
                _note_run(session)
                while left > 0:
                    report, taken, made = _work(session, reach, batch, backoff)
                    total += report
                    left += made - taken - report.done - report.failed
                    if report.done + report.failed + taken == 0:
                        break
                total = replace(total, waiting=total.waiting + count_waiting(session))
            total += RetryReport(0, len(failed), 0)
    return total


def _retry_chosen(database: Database, ids: list[int], batch: int, schema: str | None) -> RetryReport:
    total = RetryReport(0, 0, 0)
    with open_session(database, schema, application="fbs-db cleanup retry") as session, session.translated():
        for begin in range(0, len(ids), batch):
            chosen = ids[begin : begin + batch]
            kept = settings_kept(session.connection, ["lock_timeout"], local=True)
            with session.connection.transaction(), kept:  # the caller's transaction goes on
                session.select("select set_config('lock_timeout', '100ms', true)")
                count_waiting(session, make_due=True, chosen=chosen)
                total += work_due(session, batch, chosen)
        return replace(total, waiting=count_waiting(session, chosen=ids))


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
        database: as for `fbs_db.migrate`; None for each configured database, those of solutions included:
            it looks into one in which something was written.
        stop: set it to end the worker after its present batch.
        poll: seconds between looks at an empty queue.
        batch: queue entries a transaction.
        schema: as for `fbs_db.migrate`.
        progress: called after each batch that did something.

    Raises:
        TargetError: FBS is not installed in the only database. Where there are several
            databases, this is logged, and the others go on.

    Each failure is logged, with model, rule and reason.

    Each minute it notes that it runs, and attaches new partitions of host tables with their table.

    Calls ``fbs_work_queue``, ``fbs_note_run``, ``fbs_cover_partitions``, ``fbs_waiting_cleanups``,
    ``fbs_cleanup_destinations``, ``fbs_claim_fan_out``, ``fbs_fan_out``, ``fbs_claim_cleanup``, ``fbs_source``,
    ``fbs_recheck_cleanup``, ``fbs_cleanup_carried`` and
    ``fbs_waiting_tickets``; in the other database ``fbs_held_keys``, ``fbs_receive_cleanup``,
    ``fbs_failed_rule`` and ``fbs_received_cleanups``.
    """
    watch = Watch("fbs-db cleanup run", poll)
    with reaching("fbs-db cleanup run", database, schema) as reach, closing(watch):
        worker = _Worker(reach, database, batch, Backoff(poll), _Turns(stop), progress)
        while not stop.is_set():
            singles = databases_of(database)
            solutions = watch.due() if database is None else []
            worker.alone = len(singles) == 1 and not project.configuration().patterns
            busy = len(solutions) == AT_ONCE
            for single in singles:
                busy = worker.look_into(single)[0] or busy
            for one in solutions:
                did, waits = worker.look_into(one)
                watch.looked_into(one, waiting=waits)
                busy = busy or did
            reach.close_idle(_IDLE)
            if not busy:
                stop.wait(poll)


@dataclass
class _Worker:
    """What a worker knows of its databases.

    Attributes:
        alone: whether it has one database only: errors that do not pass end it.
        failing: the last error of each database that fails now.
        known: the databases that it has been connected to.
        covered: when it looked for new partitions in each.
    """

    reach: Reach
    asked: Database
    batch: int
    backoff: Backoff
    turns: _Turns
    progress: Callable[[RetryReport], None]
    alone: bool = True
    failing: dict[Database, FbsDbError] = field(default_factory=dict)
    known: set[Database] = field(default_factory=set)
    covered: dict[Database, float] = field(default_factory=dict)

    def look_into(self, database: Database) -> tuple[bool, bool]:
        """Do what is due in a database, and for others there.

        Returns:
            Whether something was done, and whether something waits there.
        """
        if self.backoff.pausing(database) or self.turns.stop.is_set():
            return False, True
        try:
            session = self._connected(database)
            if database is not self.asked and not has_queue(session):
                self.backoff.failed(database)
                return False, True
            with session.translated():
                if time.monotonic() - self.covered.get(database, float("-inf")) > _COVER:
                    self.covered[database] = time.monotonic()
                    _cover(session)
                    _note_run(session)
                report, taken, _ = _work(session, self.reach, self.batch, self.backoff, self.turns)
                did, of_solution = report.done + report.failed > 0, session.config.solution is not None
                if did or of_solution:
                    report = replace(report, waiting=count_waiting(session))
        except FbsDbError as error:
            self._note(database, error)
            return False, True
        self.backoff.worked(database)
        if self.failing.pop(database, None):
            logger.info("Clean-up works again in %s.", shown(session.connection), extra={"event": "goes on"})
        if did:
            self.progress(report)
        return report.done + taken > 0, report.waiting > 0

    def _connected(self, database: Database) -> Session:
        session = self.reach(database)
        if isinstance(self.failing.get(database), (ConnectionLost, ConnectionFailed)):
            del self.failing[database]
            again = "again " if database in self.known else ""
            logger.info("Connected %sto %s.", again, shown(session.connection), extra={"event": "connected"})
        self.known.add(database)
        return session

    def _note(self, database: Database, error: FbsDbError) -> None:
        passing = (ConnectionLost, ConnectionFailed, LockTimeout, ServerOutOfResources)
        if self.alone and not isinstance(error, passing):
            raise error
        self.failing[database] = error
        seconds = self.backoff.failed(database)
        fields = {"event": "trouble", "error": error.as_dict(), "seconds": seconds}
        logger.warning("%s Trying again in %.0f s.", told(error), seconds, extra=fields)


def _note_run(session: Session) -> None:
    """Note that a worker runs; not in a solution's own database, which is looked into again when it was written."""
    if session.config.solution is None:
        session.call("fbs_note_run")


def _cover(session: Session) -> None:
    """Give partitions that were made later the triggers of their host table."""
    for (partition,) in session.call("fbs_cover_partitions"):
        logger.info("Partition %s is attached with its table.", partition, extra={"event": "partition"})


@dataclass
class _Turns:
    """Whose turn it is where clean-ups wait for many databases.

    Attributes:
        stop: set to end the worker.
        last: for each database that clean-ups are carried from, the last one of the round before.
    """

    stop: threading.Event
    last: dict[str, str] = field(default_factory=dict)

    def order(self, session: Session, targets: list[str]) -> Iterator[str]:
        """The databases, from the one after the last; those that time does not suffice for are left out."""
        enough = time.monotonic() + _ROUND
        begin = bisect_right(targets, self.last.get(session.config.name, ""))
        for target in targets[begin:] + targets[:begin]:
            if self.stop.is_set() or time.monotonic() > enough:
                break
            self.last[session.config.name] = target
            yield target


def _work(
    session: Session, reach: Reach, batch: int, backoff: Backoff, turns: _Turns | None = None
) -> tuple[RetryReport, int, int]:
    """Do what is due in this database, and carry what is due for others. What is left is not counted.

    Returns:
        What was done; and the number of entries that were taken off the queue, and put there, as one was made for
        each of the databases of a pattern.
    """
    # In the caller's transaction nothing is committed yet that other databases may act on.
    committed = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    report = work_due(session, batch)
    due = _due(session, backoff) if committed else []
    patterns = project.configuration().patterns if due else {}
    taken = made = 0
    for target in patterns.keys() & due:
        off, on = fan_out(session, patterns[target], backoff)
        taken, made = taken + off, made + on
    if taken:
        due = _due(session, backoff)
    due = [target for target in due if target not in patterns]
    for target in turns.order(session, due) if turns else due:
        report += carry(session, reach, target, backoff)
    return report, taken, made


def _due(session: Session, backoff: Backoff) -> list[str]:
    """The other databases, and patterns, for which a clean-up is due, in order."""
    destinations = session.call("fbs_cleanup_destinations")
    return sorted(
        target for target, is_due in destinations if is_due and not backoff.pausing((session.config.name, target))
    )
