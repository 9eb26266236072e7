"""Removing logs and expired rows after their time, which is a setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fbs_db.database.session import Database, open_session
from fbs_db.errors import UsageError
from fbs_db.reports import Report


@dataclass(frozen=True)
class Purged(Report):
    """What was, or would be, removed of one kind.

    Attributes:
        name: what it is, such as ``request_logs``.
        table: the table.
        days: how long it is kept; None for ever.
        cutoff: rows from before are removed; None where none are.
        rows: how many rows.
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
) -> list[Purged]:
    """Remove rows that are past their time, in batches that are each a transaction.

    Parameters:
        names: which kinds, by their names in ``fbs_retention``; none for all.
        database, schema: as for `fbs_db.migrate`.
        dry_run: only count them.
        batch: rows a transaction.
        progress: called with name and rows so far after each batch.

    Raises:
        UsageError: there is no such kind, or the batch is no positive number.

    Calls ``fbs_purge`` and ``fbs_count_expired``; reads ``fbs_retention``.
    """
    if batch < 1:
        raise UsageError("A batch holds at least one row.")
    with open_session(database, schema, application="fbs-db purge") as session:
        kinds = session.select("select name, table_id::text, days, cutoff from {fbs}fbs_retention order by name")
        known = [name for name, *_ in kinds]
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"Nothing is kept under the name {unknown[0]}.", hint=f"There are: {', '.join(known)}.")
        found: list[Purged] = []
        for name, table, days, cutoff in kinds:
            if names and name not in names:
                continue
            rows = 0
            if dry_run:
                rows = session.call("fbs_count_expired", name)[0][0]
            elif days is not None:
                last: int | None = -(2**63)
                while last is not None:
                    removed, last = session.call("fbs_purge", name, last, batch)[0]
                    rows += removed
                    if removed:
                        progress(name, rows)
            found.append(Purged(name, table, days, cutoff, rows))
        return found
