"""Clean-ups that wait: what they are, doing them again, and the worker that does.

Those for another database are carried there: done there in a transaction that notes the
ticket of each, and only then taken off the queue here. Whatever breaks in between, what
is carried again is known there and not done again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg import pq

from fbs_db.cleanup.hosts import Host, hosts_of
from fbs_db.database import project
from fbs_db.database.connection import raise_if_lost, said_by, shown
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import (
    ConnectionFailed,
    ConnectionLost,
    FbsDbError,
    LockTimeout,
    ServerOutOfResources,
    TargetError,
    UsageError,
)
from fbs_db.reports import Progress, Report, silent

logger = logging.getLogger("fbs_db.cleanup")

#: So many clean-ups are carried to another database in one transaction of this one's,
#: and no further one is begun after so many seconds.
_CARRIED = 100
_SECONDS = 1.0
#: A sweep applies the rules to so many keys at once, and tells how far it is.
_SWEPT = 1000
#: Lock timeout, deadlock, serialization failure, statement timeout: the next would only wait again.
_WAITED = ("55P03", "40P01", "40001", "57014")

Reach = Callable[[Database], Session]


@dataclass(frozen=True)
class Waiting(Report):
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
class CleanupStatus(Report):
    """How clean-up stands.

    Attributes:
        mode: ``on``, ``queue`` or ``off``.
        hosts: the tables attached.
        waiting: what waits.
    """

    mode: str
    hosts: tuple[Host, ...]
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True)
class RetryReport(Report):
    """What a round over the queue did.

    Attributes:
        done: entries of the queue that were done; each holds up to a thousand keys of one model.
        failed: entries that failed again.
        waiting: entries that wait still.
        rows: host rows whose clean-up was done: the keys in the entries done.
    """

    done: int
    failed: int
    waiting: int
    rows: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Swept(Report):
    """What a sweep found for a model: keys that are gone, and the rows it touched.

    Where it could not be swept, both are None and ``error`` says why. ``target`` names
    the other database whose rows were looked at; None for the host's own.
    """

    model_name: str
    target: str | None
    orphans: int | None
    touched: int | None
    error: str | None


@dataclass(frozen=True)
class Job:
    """A clean-up for another database, as ``fbs_claim_cleanup`` gives it."""

    id: int
    ticket: UUID
    model_name: str
    operation: str
    keys: list[str]
    new_keys: list[str] | None
    attempts: int


@dataclass
class _Rests:
    """Who is left alone for a while, twice as long each time, up to a minute."""

    first: float
    length: dict[object, float] = field(default_factory=dict)
    until: dict[object, float] = field(default_factory=dict)

    def rests(self, who: object) -> bool:
        return time.monotonic() < self.until.get(who, 0)

    def begin(self, who: object) -> float:
        length = self.length[who] = min(self.length.get(who, self.first / 2) * 2, max(self.first, 60))
        self.until[who] = time.monotonic() + length
        return length

    def end(self, who: object) -> bool:
        """Whether it had rested."""
        return self.length.pop(who, None) is not None


def cleanup_status(database: Database = None, *, schema: str | None = None) -> CleanupStatus:
    """How clean-up stands: its mode, the tables attached, and what waits and why.

    Reads ``fbs_cleanup_queue`` and ``fbs_hosts``.
    """
    with open_session(database, schema, application="fbs-db cleanup status") as session:
        waiting = session.select(
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
        mode = session.call("fbs_cleanup_mode")[0][0]
        return CleanupStatus(mode, tuple(hosts_of(session)), tuple(Waiting(*row) for row in waiting))


def retry_cleanup(database: Database = None, *, batch: int = 1000, schema: str | None = None) -> RetryReport:
    """Try all that waits once more, whether it is due or not, here and in other databases.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured one. On a connection in
            a transaction, what is for other databases waits: it may be rolled back yet.
        schema: as for `fbs_db.migrate`.
        batch: entries of the queue a transaction.

    Each failure is logged, with model, rule and reason.

    Calls ``fbs_work_queue``, ``fbs_claim_cleanup``, ``fbs_recheck_cleanup`` and, there,
    ``fbs_receive_cleanup``.
    """
    total = RetryReport(0, 0, 0)
    rests = _Rests(float("inf"))
    with _reaching("fbs-db cleanup retry", database, schema) as reach:
        for session in _installed(database, reach):
            with session.translated():
                _make_due(session)
                left = _waiting(session)
                while left > 0:
                    report = _round(session, reach, batch, rests)
                    left -= report.done + report.failed
                    done, rows = total.done + report.done, total.rows + report.rows
                    total = RetryReport(done, total.failed + report.failed, 0, rows)
                    if report.done + report.failed == 0:
                        break
                total = replace(total, waiting=total.waiting + _waiting(session))
    return total


def sweep_orphans(
    database: Database = None,
    *,
    model: str | None = None,
    schema: str | None = None,
    progress: Callable[[Progress], None] = silent,
) -> list[Swept]:
    """Find rows that point at host rows which are gone, and apply the rules to them.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured one.
        model: one model only.
        schema: as for `fbs_db.migrate`.
        progress: called as each model is begun, and after each thousand of its keys.

    Calls ``fbs_orphan_keys`` and ``fbs_clean_gone``, for each model in a transaction of its
    own; for other databases ``fbs_held_keys`` and ``fbs_apply_rules`` there.
    """
    swept: list[Swept] = []
    with _reaching("fbs-db cleanup sweep", database, schema) as reach:
        for session in _installed(database, reach):
            with session.translated():
                for name in (host.model_name for host in hosts_of(session) if model in (None, host.model_name)):
                    swept.append(_sweep_here(session, name, progress))
                    for target in _targets(session):
                        swept.append(_sweep_there(session, reach, name, target, progress))
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

    What fails waits twice as long each time, up to an hour. When a database goes away, or
    another one takes nothing, that is left alone for up to a minute; the others are worked
    meanwhile.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured one.
        schema: as for `fbs_db.migrate`.
        stop: set it, and the worker ends after its present batch.
        poll: seconds between looks at an empty queue.
        batch: entries a transaction.
        progress: called after each batch that did something.

    Raises:
        TargetError: FBS is not whole in the only database; where there are several, that
            is logged, and the others are worked.

    Each failure is logged, with model, rule and reason.

    Calls ``fbs_work_queue``, ``fbs_claim_cleanup``, ``fbs_recheck_cleanup`` and, there,
    ``fbs_receive_cleanup``.
    """
    rests = _Rests(poll)
    troubled: dict[Database, FbsDbError] = {}
    known: set[Database] = set()
    with _reaching("fbs-db cleanup run", database, schema) as reach:
        while not stop.is_set():
            busy = False
            databases = _databases(database)
            for one in databases:
                if rests.rests(one) or stop.is_set():
                    continue
                try:
                    session = reach(one)
                    if isinstance(troubled.get(one), (ConnectionLost, ConnectionFailed)):
                        del troubled[one]
                        where = (
                            f"again to {shown(session.connection)}"
                            if one in known
                            else f"to {shown(session.connection)}"
                        )
                        logger.info("Connected %s.", where, extra={"event": "connected"})
                    known.add(one)
                    if one is not database and not _has_queue(session):
                        rests.begin(one)
                        continue
                    with session.translated():
                        report = _round(session, reach, batch, rests)
                except FbsDbError as error:
                    passing = (ConnectionLost, ConnectionFailed, LockTimeout, ServerOutOfResources)
                    if len(databases) == 1 and not isinstance(error, passing):
                        raise
                    troubled[one] = error
                    _log_trouble(error, rests.begin(one))
                    continue
                rests.end(one)
                if troubled.pop(one, None):
                    logger.info("Clean-ups go on in %s.", shown(session.connection), extra={"event": "goes on"})
                if report.done or report.failed:
                    progress(report)
                busy = busy or report.done > 0
            if not busy:
                stop.wait(poll)


# --- one round


def _round(session: Session, reach: Reach, batch: int, rests: _Rests) -> RetryReport:
    """What is due here, and what is due for each other database."""
    done = failed = rows = 0
    failures: Counter[_Failure] = Counter()
    for model, operation, rule, entries, keys, state, error in session.call("fbs_work_queue", batch, True):
        if error is None:
            done, rows = done + int(entries), rows + int(keys)
        else:
            failed += int(entries)
            failures[_Failure(model, operation, rule, None, state, error)] += int(keys)
    _log_failures(failures)
    # In a transaction of the caller's nothing has happened yet that others may know of.
    alone = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    for target in _targets(session) if alone else ():
        if not rests.rests((session, target)):
            carried = _carry(session, reach, target, rests)
            done, failed, rows = done + carried.done, failed + carried.failed, rows + carried.rows
    return RetryReport(done, failed, _waiting(session), rows)


def _carry(session: Session, reach: Reach, target: str, rests: _Rests) -> RetryReport:
    """Carry what is due for another database there."""
    trouble: psycopg.Error | FbsDbError | None = None
    waited: psycopg.Error | FbsDbError | None = None
    done: list[int] = []
    failed = rows = 0
    failures: Counter[_Failure] = Counter()
    if not session.select(
        "select from {fbs}fbs_cleanup_queue where target = %s and next_attempt_at <= now() limit 1", target
    ):
        return RetryReport(0, 0, 0)
    try:
        reach(project.read().named(target))  # before a transaction is open here that could only wait
    except FbsDbError as error:
        trouble = error
    with session.connection.transaction():
        # Of what rows there hold, the latest here has to tell whether it is gone.
        session.connection.execute("set transaction isolation level read committed")
        groups = _groups([Job(*row) for row in session.call("fbs_claim_cleanup", target, _CARRIED, True)])
        enough = time.monotonic() + _SECONDS
        while groups and (trouble is not None or time.monotonic() < enough):
            jobs = groups.pop(0)
            ids = [job.id for job in jobs]
            failure = trouble
            if failure is None:
                try:
                    _deliver(session, reach(project.read().named(target)), jobs)
                    done += ids
                    rows += sum(len(job.keys) for job in jobs)
                    continue
                except (psycopg.Error, FbsDbError) as error:
                    session.connection.execute("select")  # or it is this side that is gone
                    failure = error
            if isinstance(failure, (ConnectionFailed, ConnectionLost, UsageError)):
                trouble = failure
            elif len(jobs) > 1:
                groups[:0] = [[job] for job in sorted(jobs, key=lambda job: job.attempts)]
                continue
            session.call("fbs_put_off", ids, _state(failure), _said(failure), failure is not trouble)
            failed += len(ids)
            if failure is not trouble:
                failures[_failure(reach, target, jobs[0], failure)] += sum(len(job.keys) for job in jobs)
            if _state(failure) in _WAITED:
                waited = failure
                break
        if done:
            session.select("delete from {fbs}fbs_cleanup_queue where id = any(%s)", done)
    _log_failures(failures)
    _tell_of(session, target, trouble or waited, rests)
    if done:
        with suppress(FbsDbError, psycopg.Error):  # the next time will do
            _forget(session, reach(project.read().named(target)))
    return RetryReport(len(done), failed, 0, rows)


def _groups(jobs: list[Job]) -> list[list[Job]]:
    """Deletions of a model go together, as no move is among what is claimed that they would have to wait for."""
    kinds = groupby(sorted(jobs, key=_kind), _kind)
    return sorted((list(group) for _, group in kinds), key=lambda group: group[0].id)


def _kind(job: Job) -> tuple[str, str, int]:
    return job.model_name, job.operation, 0 if job.operation == "delete" else job.id


def _deliver(session: Session, there: Session, jobs: list[Job]) -> None:
    """Do clean-ups of one kind there, and note that they are done, in one transaction of that database's."""
    job = jobs[0]
    try:
        held = there.call("fbs_held_keys", job.model_name)[0][0] if job.operation == "sweep" else None
        with session.connection.transaction():  # a savepoint
            gone = session.call("fbs_recheck_cleanup", [job.id for job in jobs], held)[0][0]
        source = session.call("fbs_source")[0][0]
        tickets = [job.ticket for job in jobs]
        there.call("fbs_receive_cleanup", source, tickets, job.model_name, job.keys, job.new_keys, gone)
    except psycopg.Error as error:
        raise_if_lost(there.connection, error)
        raise


class _Failure(NamedTuple):
    """What failed alike in one round."""

    model: str
    operation: str
    rule: str | None
    target: str | None
    sqlstate: str | None
    reason: str


def _failure(reach: Reach, target: str, job: Job, error: psycopg.Error | FbsDbError) -> _Failure:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    context = (cause.diag.context if isinstance(cause, psycopg.Error) else None) or ""
    rule = None
    with suppress(FbsDbError, psycopg.Error):
        rule = reach(project.read().named(target)).call("fbs_failed_rule", job.model_name, context)[0][0]
    return _Failure(job.model_name, job.operation, rule, target, _state(error), _said(error))


def _log_failures(failures: Counter[_Failure]) -> None:
    for failure, rows in failures.items():
        counted = f"{rows:,} row{'' if rows == 1 else 's'} of " if rows else ""
        rule = f", rule {failure.rule}" if failure.rule else ""
        where = f", in {failure.target}" if failure.target else ""
        text = f"Clean-up failed: {failure.operation} of {counted}{failure.model}{rule}{where}: {failure.reason}"
        logger.warning("%s", text, extra={"event": "failed", "rows": rows, **failure._asdict()})


def _log_trouble(error: FbsDbError, seconds: float) -> None:
    fields = {"event": "trouble", "error": type(error).__name__, "seconds": seconds}
    logger.warning("%s Trying again in %.0f s.", error.message, seconds, extra=fields)


def _tell_of(session: Session, target: str, trouble: psycopg.Error | FbsDbError | None, rests: _Rests) -> None:
    """A database that takes nothing rests; the log has a line when that begins, and when it is over."""
    if trouble is None:
        if rests.end((session, target)):
            fields = {"event": "goes on", "target": target}
            logger.info("Clean-ups are carried to database %s again.", target, extra=fields)
        return
    if (session, target) not in rests.length:
        fields = {"event": "trouble", "target": target, "reason": _said(trouble)}
        logger.warning("Clean-ups for database %s wait until it takes them: %s", target, _said(trouble), extra=fields)
    rests.begin((session, target))


def _forget(session: Session, there: Session) -> None:
    """Tickets are noted there until nothing here can bring them again."""
    query = "select ticket from {fbs}fbs_cleanup_received where source = %s"
    noted = [ticket for (ticket,) in there.select(query, session.call("fbs_source")[0][0])]
    waiting = session.select("select ticket from {fbs}fbs_cleanup_queue where ticket = any(%s)", noted)
    over = list(set(noted) - {ticket for (ticket,) in waiting})
    there.select("delete from {fbs}fbs_cleanup_received where ticket = any(%s)", over)


def _state(error: psycopg.Error | FbsDbError) -> str | None:
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def _said(error: psycopg.Error | FbsDbError) -> str:
    if isinstance(error, TargetError) and isinstance(error.__cause__, psycopg.Error):
        return said_by(error.__cause__)
    return said_by(error) if isinstance(error, psycopg.Error) else error.message


def _sweep_here(session: Session, model: str, progress: Callable[[Progress], None]) -> Swept:
    progress(Progress("wait", text=f"{model}: looking for rows whose host row is gone"))
    try:
        with session.connection.transaction():
            keys = session.call("fbs_orphan_keys", model)[0][0]
            orphans = touched = 0
            for part, seen in _parts(model, keys, progress):
                ((gone, rows),) = session.call("fbs_clean_gone", model, part)
                orphans, touched = orphans + gone, touched + rows
                seen(touched)
        return Swept(model, None, orphans, touched, None)
    except psycopg.errors.QueryCanceled:
        raise
    except (psycopg.Error, TargetError) as error:  # one model that cannot be swept shall not hold up the others
        raise_if_lost(session.connection, error)
        return Swept(model, None, None, None, _said(error))


def _sweep_there(
    session: Session, reach: Reach, model: str, target: str, progress: Callable[[Progress], None]
) -> Swept:
    if session.connection.info.transaction_status is not pq.TransactionStatus.IDLE:
        said = "what a transaction deleted that may be rolled back yet is not to be cleaned up in another database"
        return Swept(model, target, None, None, said)
    name = f"{model} in {target}"
    progress(Progress("wait", text=f"{name}: looking for rows whose host row is gone"))
    try:
        there = reach(project.read().named(target))
        held = there.call("fbs_held_keys", model)[0][0]
        session.call("fbs_await_writers", model)
        gone = session.call("fbs_gone_keys", model, held, target)[0][0]
        touched = 0
        with there.connection.transaction():
            for part, seen in _parts(name, gone, progress):
                touched += there.call("fbs_apply_rules", model, part)[0][0]
                seen(touched)
        return Swept(model, target, len(gone), touched, None)
    except (psycopg.Error, FbsDbError) as error:
        return Swept(model, target, None, None, _said(error))


def _parts(
    name: str, keys: list[str], progress: Callable[[Progress], None]
) -> Iterator[tuple[list[str], Callable[[int], None]]]:
    """The keys, a thousand at a time, each with what tells how many rows were touched by then."""
    for start in range(0, len(keys), _SWEPT):
        part = keys[start : start + _SWEPT]

        def seen(touched: int, count: int = start + len(part)) -> None:
            text = f"{name}: {count:,} of {len(keys):,} gone, {touched:,} rows cleaned up"
            progress(Progress("wait", text=text))

        yield part, seen


# --- what there is


def _databases(database: Database) -> list[Database]:
    if database is not None:
        return [database]
    places = list(project.read().databases.values())
    return [None] if len(places) == 1 else list(places)


def _installed(database: Database, reach: Reach) -> Iterator[Session]:
    """Sessions on the databases; of several those that can be reached and hold a queue."""
    for one in _databases(database):
        try:
            session = reach(one)
            wanted = one is database or _has_queue(session)
        except FbsDbError as error:
            if one is database:
                raise
            logger.warning("%s", error.message)
            continue
        if wanted:
            yield session


def _has_queue(session: Session) -> bool:
    with session.translated():
        return session.select("select to_regclass(%s) is not null", f"{session.quoted_schema}.fbs_cleanup_queue") == [
            (True,)
        ]


@contextmanager
def _reaching(application: str, asked: Database, schema: str | None) -> Iterator[Reach]:
    """Sessions that stay open until the end, one for each database; a broken one is opened anew.

    The schema is that of the database asked for; others have their own.
    """
    opened: dict[Database, tuple[ExitStack, Session]] = {}

    def reach(one: Database) -> Session:
        if one in opened:
            stack, session = opened[one]
            if not session.connection.closed and not session.connection.broken:
                return session
            del opened[one]
            with suppress(FbsDbError, psycopg.Error):
                stack.close()
        stack = ExitStack()
        session = stack.enter_context(open_session(one, schema if one is asked else None, application=application))
        opened[one] = (stack, session)
        return session

    try:
        yield reach
    finally:
        for stack, _ in opened.values():
            with suppress(FbsDbError, psycopg.Error):
                stack.close()


def _targets(session: Session) -> list[str]:
    query = (
        "select target from {fbs}fbs_cleanup_targets union"
        " select target from {fbs}fbs_cleanup_queue where target is not null order by 1"
    )
    return [target for (target,) in session.select(query)]


def _waiting(session: Session) -> int:
    return int(session.select("select count(*) from {fbs}fbs_cleanup_queue")[0][0])


def _make_due(session: Session) -> None:
    """Let what waits be tried now; what a worker has in hand, it tries."""
    session.select(
        """
        update {fbs}fbs_cleanup_queue
        set next_attempt_at = now()
        where id in (
            select id
            from {fbs}fbs_cleanup_queue
            where next_attempt_at > now() and next_attempt_at < 'infinity'
            for update skip locked
        )
        """
    )
