"""Retention: removing logs and expired rows after a time that is a setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fbs_db.database.session import Database, open_session
from fbs_db.errors import UsageError
from fbs_db.reports import Report


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
) -> list[Purged]:
    """Remove expired rows, in batches that are each a transaction.

    Parameters:
        names: the retention rules to apply, by their names in ``fbs_retention``; none for all.
        database, schema: as for `fbs_db.migrate`.
        dry_run: count the rows, and remove none.
        batch: rows a transaction.
        progress: called after each batch with the rule's name and its rows removed so far.

    Returns:
        A row for each rule applied, ordered by name.

    Raises:
        UsageError: unknown retention rule, or a batch of less than one row.
        TargetError: FBS is not installed in the schema.

    Calls ``fbs_expired`` and ``fbs_purge``.
    """
    if batch < 1:
        raise UsageError("A batch has at least one row.")
    with open_session(database, schema, application="fbs-db purge") as session:
        counted = (list(names) or None) if dry_run else []
        rules = session.select(
            "select name, table_id::text, days, cutoff, expired from {fbs}fbs_expired(%s::text[])", counted
        )
        known = [name for name, *_ in rules]
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"Unknown retention rule {unknown[0]}.", hint=f"Known: {', '.join(known)}.")
        found: list[Purged] = []
        for name, table, days, cutoff, expired in rules:
            if names and name not in names:
                continue
            rows = 0
            if dry_run:
                rows = expired
            elif days is not None:
                last: int | None = -(2**63)
                while last is not None:
                    removed, last = session.call("fbs_purge", name, last, batch)[0]
                    rows += removed
                    if removed:
                        progress(name, rows)
            found.append(Purged(name, table, days, cutoff, rows))
        return found
