"""Clean-ups that wait: what they are, doing them again, and the worker that does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from fbs_db.errors import ConnectionFailed, ConnectionLost
from fbs_db.hosts import Host, hosts_of
from fbs_db.session import Database, session

logger = logging.getLogger("fbs_db")


@dataclass(frozen=True)
class Waiting:
    """Clean-ups of one kind that wait.

    Attributes:
        model_name: model whose rows went.
        operation: ``delete``, ``move`` (their keys changed) or ``sweep``.
        rule_name: the one rule still to be applied; None for all.
        entries: how many.
        keys: keys in them.
        oldest: when the first was queued.
        attempts: the most that one was tried.
        error: what went wrong last; None where nothing did yet.
    """

    model_name: str
    operation: str
    rule_name: str | None
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

    Where it could not be swept, both are None and ``error`` says why.
    """

    model_name: str
    orphans: int | None
    touched: int | None
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """The row as plain values, as ``--json`` prints it."""
        return asdict(self)


def cleanup_status(database: Database = None, *, schema: str | None = None) -> CleanupStatus:
    """How clean-up stands: its mode, the tables attached, and what waits and why.

    Reads ``fbs_cleanup_queue`` and ``fbshosts_of``.
    """
    with session(database, schema, application="fbs-db cleanup status") as at:
        waiting = at.select(
            """
            select
                model_name, operation, rule_name, count(*), sum(cardinality(keys)), min(queued_at), max(attempts),
                (array_agg(error order by id desc) filter (where error is not null))[1]
            from {fbs}fbs_cleanup_queue
            group by model_name, operation, rule_name
            order by min(id)
            """
        )
        mode = at.call("fbs_cleanup_mode")[0][0]
        return CleanupStatus(mode, tuple(hosts_of(at)), tuple(Waiting(*row) for row in waiting))


def retry_cleanup(database: Database = None, *, batch: int = 1000, schema: str | None = None) -> RetryReport:
    """Try all that waits once more, whether it is due or not.

    Parameters:
        database, schema: as for `fbs_db.migrate`.
        batch: entries of the queue a transaction.

    Calls ``fbs_retry_cleanup``.
    """
    with session(database, schema, application="fbs-db cleanup retry") as at:
        done = failed = 0
        left = at.select("select count(*) from {fbs}fbs_cleanup_queue")[0][0]
        while left > 0:
            report = RetryReport(*at.call("fbs_retry_cleanup", batch, done + failed > 0)[0])
            done, failed, left = done + report.done, failed + report.failed, left - report.done - report.failed
            if report.done == 0:
                break
        waiting = at.select("select count(*) from {fbs}fbs_cleanup_queue")[0][0]
        return RetryReport(done, failed, waiting)


def sweep_orphans(database: Database = None, *, model: str | None = None, schema: str | None = None) -> list[Swept]:
    """Find rows that point at host rows which are gone, and apply the rules to them.

    Parameters:
        database, schema: as for `fbs_db.migrate`.
        model: one model only.

    Calls ``fbs_sweep_orphans``, for each model in a transaction of its own.
    """
    with session(database, schema, application="fbs-db cleanup sweep") as at:
        models = [model] if model else [host.model_name for host in hosts_of(at)]
        return [Swept(*row) for name in models for row in at.call("fbs_sweep_orphans", name)]


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

    What fails waits twice as long each time, up to an hour. When the database goes
    away, the worker waits for it to come back.

    Parameters:
        database, schema: as for `fbs_db.migrate`.
        stop: set it, and the worker ends after its present batch.
        poll: seconds between looks at an empty queue.
        batch: entries a transaction.
        progress: called after each batch that did something.

    Calls ``fbs_retry_cleanup``.
    """
    pause = poll
    while not stop.is_set():
        try:
            with session(database, schema, application="fbs-db cleanup run") as at:
                while not stop.is_set():
                    report = RetryReport(*at.call("fbs_retry_cleanup", batch, True)[0])
                    pause = poll
                    if report.done or report.failed:
                        progress(report)
                    if not report.done:
                        stop.wait(poll)
        except (ConnectionLost, ConnectionFailed) as error:
            logger.warning("%s Trying again in %.0f s.", error.message, pause)
            stop.wait(pause)
            pause = min(pause * 2, 60)
