"""Sweeping: looking for orphans, and applying the rules to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import pq

from fbs_db.cleanup.across import Reach, reaching, sessions_on
from fbs_db.cleanup.hosts import hosts_of
from fbs_db.cleanup.queue import reason_of, targets_of
from fbs_db.database import project
from fbs_db.database.connection import raise_if_lost
from fbs_db.database.session import Database, Session
from fbs_db.errors import FbsDbError, TargetError
from fbs_db.reports import Progress, Report, silent

#: Keys to which the rules are applied at once, and after which progress is reported.
_BATCH = 1000


@dataclass(frozen=True)
class Swept(Report):
    """What a sweep did for one model in one database.

    Attributes:
        model_name: the model.
        target: the other database whose rows were swept; None for the host's own.
        orphans: keys that rows hold and no host row has; None where the sweep failed.
        touched: rows deleted or updated; None where the sweep failed.
        error: why the sweep failed; None where it did not.
    """

    model_name: str
    target: str | None
    orphans: int | None
    touched: int | None
    error: str | None


def sweep_orphans(
    database: Database = None,
    *,
    model: str | None = None,
    schema: str | None = None,
    progress: Callable[[Progress], None] = silent,
) -> list[Swept]:
    """Find rows whose host row is gone, and apply the rules to them.

    Parameters:
        database: as for `fbs_db.migrate`; None for each configured database.
        model: sweep this model only.
        schema: as for `fbs_db.migrate`.
        progress: called as each model begins, and after each thousand of its keys.

    Returns:
        A row for each attached model, and for each other database that has rows of it. A
        model that cannot be swept has an error in its row; the others are swept.

    Raises:
        TargetError: FBS is not installed in the database named.

    Each model is a transaction. Calls ``fbs_orphan_keys`` and ``fbs_clean_gone``; for another
    database ``fbs_held_keys`` and ``fbs_apply_rules`` there, ``fbs_await_writers`` and
    ``fbs_gone_keys`` here.
    """
    swept: list[Swept] = []
    with reaching("fbs-db cleanup sweep", database, schema) as reach:
        for session in sessions_on(database, reach):
            with session.translated():
                for name in (host.model_name for host in hosts_of(session) if model in (None, host.model_name)):
                    swept.append(_sweep_here(session, name, progress))
                    for target in targets_of(session):
                        swept.append(_sweep_there(session, reach, name, target, progress))
    return swept


def _sweep_here(session: Session, model: str, progress: Callable[[Progress], None]) -> Swept:
    progress(Progress("wait", text=f"{model}: looking for rows whose host row is gone"))
    try:
        with session.connection.transaction():
            keys = session.call("fbs_orphan_keys", model)[0][0]
            orphans = touched = 0
            for batch, checked in _batches(keys):
                ((gone, rows),) = session.call("fbs_clean_gone", model, batch)
                orphans, touched = orphans + gone, touched + rows
                progress(_so_far(model, checked, len(keys), touched))
        return Swept(model, None, orphans, touched, None)
    except psycopg.errors.QueryCanceled:
        raise
    except (psycopg.Error, TargetError) as error:
        raise_if_lost(session.connection, error)
        return Swept(model, None, None, None, reason_of(error))


def _sweep_there(
    session: Session, reach: Reach, model: str, target: str, progress: Callable[[Progress], None]
) -> Swept:
    if session.connection.info.transaction_status is not pq.TransactionStatus.IDLE:
        error = "Commit first: uncommitted deletions cannot be carried to another database."
        return Swept(model, target, None, None, error)
    name = f"{model} in {target}"
    progress(Progress("wait", text=f"{name}: looking for rows whose host row is gone"))
    try:
        there = reach(project.configuration().named(target))
        held = there.call("fbs_held_keys", model)[0][0]
        session.call("fbs_await_writers", model)
        gone = session.call("fbs_gone_keys", model, held, target)[0][0]
        touched = 0
        with there.connection.transaction():
            for batch, checked in _batches(gone):
                touched += there.call("fbs_apply_rules", model, batch)[0][0]
                progress(_so_far(name, checked, len(gone), touched))
        return Swept(model, target, len(gone), touched, None)
    except (psycopg.Error, FbsDbError) as error:
        return Swept(model, target, None, None, reason_of(error))


def _batches(keys: list[str]) -> Iterator[tuple[list[str], int]]:
    """The keys in batches, each with the number of keys up to its end."""
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        yield batch, start + len(batch)


def _so_far(name: str, checked: int, keys: int, touched: int) -> Progress:
    return Progress("wait", text=f"{name}: {checked:,} of {keys:,} gone, {touched:,} rows cleaned up")
