"""Work on many databases at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import cancel_all
from fbs_db.errors import FbsDbError

Answer = TypeVar("Answer")

#: Seconds in which work that was cancelled has to end.
_PATIENCE = 10


@dataclass(frozen=True)
class Done(Generic[Answer]):
    """The work on one database.

    Attributes:
        database: the database.
        answer: what the work returned; None where it failed.
        error: why it failed.
        seconds: how long it took.
    """

    database: DatabaseConfig
    answer: Answer | None
    error: FbsDbError | None
    seconds: float


def on_many(
    databases: Iterable[DatabaseConfig], work: Callable[[DatabaseConfig], Answer], jobs: int
) -> Iterator[Done[Answer]]:
    """Do the work on each database, on so many at once, and give the outcomes as they come.

    Each of the jobs is a thread that has one database at a time. When the caller ends the iteration, or is
    interrupted, no further database is begun, and what runs is cancelled.

    Parameters:
        databases: the next is taken when a job is free.
        work: called in another thread. Its errors other than `FbsDbError` are raised here.
        jobs: number of databases at once.
    """
    left, lock, ended = iter(databases), threading.Lock(), threading.Event()
    outcomes: SimpleQueue[Done[Answer] | BaseException | None] = SimpleQueue()

    def job() -> None:
        try:
            while not ended.is_set():
                with lock:
                    database = next(left, None)
                if database is None:
                    break
                outcomes.put(copy_context().run(_done, database, work))
            outcomes.put(None)
        except BaseException as error:
            outcomes.put(error)

    threads = [
        threading.Thread(target=copy_context().run, args=(job,), name=f"fbs-db {number}", daemon=True)
        for number in range(jobs)
    ]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            try:
                outcome = outcomes.get(timeout=1)  # without, Windows would not see Ctrl-C
            except Empty:
                continue
            if outcome is None:
                running -= 1
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                yield outcome
    finally:
        ended.set()
        enough = time.monotonic() + _PATIENCE
        while running and any(thread.is_alive() for thread in threads) and time.monotonic() < enough:
            cancel_all()
            threads[0].join(0.1)


def _done(database: DatabaseConfig, work: Callable[[DatabaseConfig], Answer]) -> Done[Answer]:
    started = time.monotonic()
    try:
        answer, error = work(database), None
    except FbsDbError as failure:
        answer, error = None, failure
    return Done(database, answer, error, time.monotonic() - started)
