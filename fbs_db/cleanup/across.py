"""Clean-ups for other databases: carrying queue entries there.

An entry is done there in a transaction that also records the entry's ticket, and only then
deleted from the queue here. If something breaks in between, the entry is carried again,
and its ticket keeps it from being done twice.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from fbs_db.cleanup.queue import Failure, RetryReport, log_failures, logger, reason_of, sqlstate_of
from fbs_db.cleanup.reach import Reach
from fbs_db.database import fleet
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import raise_if_lost
from fbs_db.database.locks import advisory_holder
from fbs_db.database.patterns import server_of
from fbs_db.database.session import Session, isolated
from fbs_db.errors import ConnectionFailed, ConnectionLost, FbsDbError, UsageError
from fbs_db.wording import counted

#: Queue entries carried to another database in one transaction of this one.
_BATCH = 100
#: Host keys that are looked up, or whose rows are cleaned up, in one statement.
KEYS = 1000
#: Seconds after which that transaction begins no further entry.
_SECONDS = 1.0
#: Lock timeout, deadlock, serialization failure, statement timeout: the next entry would only wait again.
BLOCKED = ("55P03", "40P01", "40001", "57014")


@dataclass
class Backoff:
    """Pauses after failures: each twice as long as the one before, up to a minute.

    Attributes:
        first: length of the first pause, in seconds.
        pauses: the last pause of each that fails now, in seconds.
        until: when each may be tried again, on the monotonic clock.
        named: processes in the way that the log has named.
    """

    first: float
    pauses: dict[object, float] = field(default_factory=dict)
    until: dict[object, float] = field(default_factory=dict)
    named: set[object] = field(default_factory=set)

    def pausing(self, who: object) -> bool:
        return time.monotonic() < self.until.get(who, 0)

    def failed(self, who: object) -> float:
        """Begin a pause, and return its length."""
        pause = self.pauses[who] = min(self.pauses.get(who, self.first / 2) * 2, max(self.first, 60))
        self.until[who] = time.monotonic() + pause
        return pause

    def worked(self, who: object) -> bool:
        """Forget the pauses, and return whether there was one."""
        return self.pauses.pop(who, None) is not None


def in_batches(keys: list[str]) -> list[list[str]]:
    """Host keys, so many together as one statement can look up without harm."""
    return [keys[start : start + KEYS] for start in range(0, len(keys), KEYS)]


# --- carrying


@dataclass(frozen=True)
class Entry:
    """A queue entry for another database, as ``fbs_claim_cleanup`` returns it."""

    id: int
    ticket: UUID
    model_name: str
    solution: str | None
    alone: bool
    operation: str
    keys: list[str]
    new_keys: list[str] | None
    attempts: int


def carry(session: Session, reach: Reach, target: str, backoff: Backoff) -> RetryReport:
    """Carry the queue entries that are due for another database there.

    Parameters:
        session: on the database whose queue it is.
        target: name of the other database.
        backoff: gets a pause where that database cannot be reached, or is blocked by locks.
    """
    database = DatabaseConfig(target)
    try:
        database = fleet.named(target)
        if database.solution is not None and backoff.pausing(server_of(database)):
            return RetryReport(0, 0, 0)
        reach(database, session)  # first: with the transaction below open, others would wait meanwhile
    except FbsDbError as error:
        if _is_gone(database, error, backoff):
            return hold(session, target, backoff, error)
        return _carry(session, reach, database, backoff, error)
    if database.solution is not None:
        backoff.worked(server_of(database))
    return _carry(session, reach, database, backoff)


def _carry(
    session: Session,
    reach: Reach,
    database: DatabaseConfig,
    backoff: Backoff,
    unreachable: psycopg.Error | FbsDbError | None = None,
) -> RetryReport:
    target = database.name
    blocked: psycopg.Error | FbsDbError | None = None
    done: list[int] = []
    failed = rows = 0
    failures: Counter[Failure] = Counter()
    with isolated(session, "read committed"):
        groups = _groups([Entry(*row) for row in session.call("fbs_claim_cleanup", target, _BATCH, True)])
        if not groups:
            name_holder(session, target, backoff)
        enough = time.monotonic() + _SECONDS
        while groups and (unreachable is not None or time.monotonic() < enough):
            entries = groups.pop(0)
            ids = [entry.id for entry in entries]
            failure = unreachable
            if failure is None:
                try:
                    _deliver(session, reach(database, session), entries)
                    done += ids
                    rows += sum(len(entry.keys) for entry in entries)
                    continue
                except (psycopg.Error, FbsDbError) as error:
                    session.connection.execute("select")  # raises where it is the connection here that broke
                    failure = error
            if isinstance(failure, (ConnectionFailed, ConnectionLost, UsageError)):
                unreachable = failure
            elif len(entries) > 1:
                groups[:0] = [[entry] for entry in sorted(entries, key=lambda entry: entry.attempts)]
                continue
            own_fault = failure is not unreachable
            session.call("fbs_cleanup_carried", ids, sqlstate_of(failure), reason_of(failure), own_fault)
            failed += len(ids)
            if own_fault:
                failures[_failure(session, reach, database, entries[0], failure)] += sum(
                    len(entry.keys) for entry in entries
                )
            if sqlstate_of(failure) in BLOCKED:
                blocked = failure
                break
        if done:
            session.call("fbs_cleanup_carried", done)
    log_failures(failures)
    pause(backoff, session, target, unreachable or blocked)
    if done:
        with suppress(FbsDbError, psycopg.Error):  # the next time will do
            _forget(session, reach(database, session))
    return RetryReport(len(done), failed, 0, rows)


def _is_gone(database: DatabaseConfig, error: FbsDbError, backoff: Backoff) -> bool:
    """Whether a solution's own database cannot be reached as it is no more; its server says so."""
    if database.solution is None or not isinstance(error, ConnectionFailed):
        return False
    try:
        return not fleet.is_there(database)
    except FbsDbError:
        backoff.failed(server_of(database))  # nor are the other databases there to be reached
        return False


def hold(session: Session, target: str, backoff: Backoff, error: FbsDbError) -> RetryReport:
    """Keep the clean-ups for a database that is not on its server: it may come back, as from a dump.

    After a day they are dropped: the rows are gone with the database.

    Parameters:
        session: on the database whose queue it is.
        target: the database, or the pattern none of whose databases is there.
        backoff: gets a pause.
        error: why they wait.
    """
    with session.connection.transaction():
        ((dropped,),) = session.call("fbs_target_gone", target)
    pause(backoff, session, target, error)
    if dropped:
        fields = {"event": "dropped", "target": target, "entries": dropped}
        logger.info("Database %s is no more: %s for it dropped.", target, counted(dropped, "clean-up"), extra=fields)
    return RetryReport(int(dropped), 0, 0)


def _groups(entries: list[Entry]) -> list[list[Entry]]:
    """Deletions of one host table are done together: no rekey that they have to wait for is claimed with them."""
    groups: list[list[Entry]] = []
    last: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in entries:
        host = entry.model_name, entry.solution
        together = last.get(host, [])
        if entry.operation != "delete":
            groups.append([entry])
        elif together and sum(len(one.keys) for one in (*together, entry)) <= KEYS:
            together.append(entry)
        else:
            last[host] = [entry]
            groups.append(last[host])
    return groups


def name_holder(session: Session, target: str, backoff: Backoff) -> None:
    """Log, once for each, the process that holds the lock of those that carry to a database."""
    key = session.select("select hashtextextended('fbs-db carries to ' || %s, 0)", target)[0][0]
    pid, holder = advisory_holder(session.connection, key)
    if pid and (session.config.name, target, pid) not in backoff.named:
        backoff.named.add((session.config.name, target, pid))
        fields = {"event": "waits", "target": target, "pid": pid}
        logger.warning("Clean-ups for database %s wait for %s, which carries there.", target, holder, extra=fields)


def _deliver(session: Session, there: Session, entries: list[Entry]) -> None:
    """Do entries of one kind there, and record their tickets.

    The last keys are cleaned up in the transaction that records the tickets. If something breaks
    before it, all keys are looked up again.
    """
    first = entries[0]
    ids, tickets = [entry.id for entry in entries], [entry.ticket for entry in entries]
    try:
        source = session.call("fbs_source")[0][0]
        held = []
        # In a solution's own database rows that name none are its.
        alone = first.alone or first.solution == there.config.solution
        if first.operation == "sweep":
            held = there.call("fbs_held_keys", first.model_name, first.solution, alone)[0][0]
        gone: list[str] = []
        for batch in in_batches(held) or [[]]:
            with session.connection.transaction():  # a savepoint
                gone += session.call("fbs_recheck_cleanup", ids, batch)[0][0]
        # Keys that shift or swap stay together.
        *before, final = [gone] if first.new_keys else in_batches(gone) or [[]]
        for some, batch in (*(([], batch) for batch in before), (tickets, final)):
            work = first.model_name, first.keys, first.new_keys, batch, first.solution, alone
            there.call("fbs_receive_cleanup", source, some, *work)
    except psycopg.Error as error:
        raise_if_lost(there.connection, error)
        raise


def _failure(
    session: Session, reach: Reach, database: DatabaseConfig, entry: Entry, error: psycopg.Error | FbsDbError
) -> Failure:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    context = (cause.diag.context if isinstance(cause, psycopg.Error) else None) or ""
    rule = None
    with suppress(FbsDbError, psycopg.Error):
        rule = reach(database, session).call("fbs_failed_rule", entry.model_name, context)[0][0]
    return Failure(
        entry.model_name, entry.solution, entry.operation, rule, database.name, sqlstate_of(error), reason_of(error)
    )


def pause(backoff: Backoff, session: Session, target: str, error: psycopg.Error | FbsDbError | None) -> None:
    """Begin or end the pause of a database; the log has a line when the first begins, and when all is well again."""
    if error is None:
        if backoff.worked((session.config.name, target)):
            fields = {"event": "goes on", "target": target}
            logger.info("Clean-ups are carried to database %s again.", target, extra=fields)
        return
    if (session.config.name, target) not in backoff.pauses:
        fields = {"event": "trouble", "target": target, "reason": reason_of(error)}
        logger.warning("Clean-ups for database %s wait: %s", target, reason_of(error), extra=fields)
    backoff.failed((session.config.name, target))


def _forget(session: Session, there: Session) -> None:
    """Delete the tickets there whose entries are off the queue here: nothing carries those again."""
    ((source,),) = session.call("fbs_source")
    recorded = there.call("fbs_received_cleanups", source)
    waiting = session.call("fbs_waiting_tickets", [ticket for (ticket,) in recorded])
    there.call("fbs_received_cleanups", source, [ticket for (ticket,) in set(recorded) - set(waiting)])
