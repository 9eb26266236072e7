"""Retention: removing logs and expired rows after a time that is a setting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import pq
from psycopg.types.json import Jsonb

from fbs_db.database.session import Database, Session, open_session, told_what_stays
from fbs_db.errors import UsageError
from fbs_db.reports import Progress, Report, silent
from fbs_db.wording import counted

#: Bytes of WAL that a replica may have to replay before a purge pauses; it goes on at half of them.
LAG = 32 * 2**20
#: Seconds that a purge pauses for a replica that does not catch up.
PATIENCE = 60.0


@dataclass(frozen=True)
class Purged(Report):
    """What one retention rule removed, or would remove.

    Attributes:
        name: the rule, such as ``request_logs``.
        table: the table it applies to.
        days: days that rows are kept; None for ever.
        cutoff: rows older than this are removed; None where rows are kept for ever.
        rows: number of rows removed, or to remove.
    """

    name: str
    table: str
    days: int | None
    cutoff: datetime | None
    rows: int


def purge(
    names: Sequence[str] = (),
    database: Database = None,
    *,
    dry_run: bool = False,
    batch: int = 5000,
    schema: str | None = None,
    progress: Callable[[str, int], None] = lambda name, rows: None,
    waiting: Callable[[Progress], None] = silent,
) -> list[Purged]:
    """Remove expired rows, in batches that are each a transaction.

    Parameters:
        names: the retention rules to apply, by their names in ``fbs_retention``; none for all.
        database, schema: as for `fbs_db.migrate`.
        dry_run: count the rows, and remove none.
        batch: rows a transaction.
        progress: called after each batch with the rule's name and its rows removed so far.
        waiting: told the replica, or the session with a lock, that is waited for.

    Returns:
        A row for each rule applied, ordered by name.

    Raises:
        UsageError: unknown retention rule, or no possible size of a batch.
        TargetError: FBS is not installed in the schema.

    What was removed before an error stays removed; the same call goes on with the rest.

    After a batch it pauses while a replica is more than 32 MB of WAL behind, where FBS's owner may see
    that. Of a replica that has not caught up within a minute this call takes no more notice. In a transaction
    of the caller's, where it would hold locks meanwhile, it does not pause.

    Calls ``fbs_expired``, ``fbs_purge`` and ``fbs_replica_lag``.
    """
    if not 1 <= batch < 2**31:
        raise UsageError("A batch has 1 to 2,147,483,647 rows.")
    with open_session(database, schema, application="fbs-db purge") as session:
        counted = (list(names) or None) if dry_run else []
        rules = session.select(
            "select name, table_id::text, days, cutoff, expired from {fbs}fbs_expired(%s::text[])", counted
        )
        known = [name for name, *_ in rules]
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"Unknown retention rule {unknown[0]}.", hint=f"Known: {', '.join(known)}.")
        found: list[Purged] = []
        run = _Run(session, batch, progress, waiting)
        for name, table, days, cutoff, expired in rules:
            if names and name not in names:
                continue
            if dry_run or days is None:
                rows = expired if dry_run else 0
            else:
                with told_what_stays(run.told):
                    rows = run.purge(name)
            found.append(Purged(name, table, days, cutoff, rows))
        return found


class _Run:
    """Purges, batch by batch, at the pace of the replicas."""

    def __init__(
        self,
        session: Session,
        batch: int,
        progress: Callable[[str, int], None],
        waiting: Callable[[Progress], None],
    ) -> None:
        self._session = session
        self._batch = batch
        self._progress = progress
        self._waiting = waiting
        self._removed: dict[str, int] = {}
        self._paced = session.connection.info.transaction_status is pq.TransactionStatus.IDLE

    def purge(self, name: str) -> int:
        """Remove the rows of a rule. Returns how many."""
        rows = 0
        last: dict[str, object] | None = {}
        while last is not None:
            removed, last = self._session.retry_call(self._waiting, "fbs_purge", name, Jsonb(last), self._batch)[0]
            if removed:
                rows += removed
                self._removed[name] = rows
                self._progress(name, rows)
            if last and self._paced:
                self._catch_up()
        return rows

    def told(self) -> str:
        """What is removed and stays removed, in a sentence."""
        if not self._removed:
            return ""
        rows = ", ".join(f"{counted(rows, 'row')} of {name}" for name, rows in self._removed.items())
        return f"Removed before: {rows}. The same call goes on with the rest."

    def _catch_up(self) -> None:
        """Pause while a replica is far behind, but not for ever."""
        if (lag := self._lag()) <= LAG:
            return
        self._tell(f"A replica has {_megabytes(lag)} of WAL to replay; pausing until it has caught up")
        deadline = time.monotonic() + PATIENCE
        while (lag := self._lag()) > LAG / 2:
            if time.monotonic() > deadline:
                self._paced = False
                self._tell(f"It still has {_megabytes(lag)} to replay; going on without waiting for replicas")
                return
            time.sleep(0.2)

    def _lag(self) -> int:
        return self._session.call("fbs_replica_lag")[0][0] or 0

    def _tell(self, text: str) -> None:
        self._waiting(Progress("wait", text=text))


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"
