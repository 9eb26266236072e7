"""Work on many databases at once."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from fbs_db.database.config import DatabaseConfig
from fbs_db.database.opened import Opened, opened_in
from fbs_db.errors import ConnectionFailed, FbsDbError

Answer = TypeVar("Answer")

#: Seconds in which work that was cancelled has to end, and in which it has to be connected to be cancelled at all.
_PATIENCE, _CONNECTED = 10.0, 1.0
#: Seconds to wait, each time, for a server that has no connection left.
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
_FULL = re.compile(r"too many (clients|connections)|remaining connection slots")


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


class Many(Generic[Answer]):
    """Work on many databases, on some of them at once. Each job is a thread that has one database at a time.

    Parameters:
        databases: the next is taken when a job is free.
        work: called in another thread, in a copy of the caller's context.
        jobs: number of databases at once.
        until_error: whether no further database is begun after an `FbsDbError`.

    Attributes:
        begun: number of databases whose work was begun.
    """

    begun = 0

    def __init__(
        self,
        databases: Iterable[DatabaseConfig],
        work: Callable[[DatabaseConfig], Answer],
        jobs: int,
        *,
        until_error: bool = False,
    ) -> None:
        self._left, self._work, self._until_error = iter(databases), work, until_error
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._outcomes: SimpleQueue[Done[Answer] | BaseException | None] = SimpleQueue()
        self._opened: set[Opened] = set()
        self._threads = [
            threading.Thread(target=copy_context().run, args=(self._job,), name=f"fbs-db {number}", daemon=True)
            for number in range(jobs)
        ]

    def outcomes(self, meanwhile: Callable[[], None] = lambda: None) -> Iterator[Done[Answer]]:
        """The outcomes as they come.

        Parameters:
            meanwhile: called every second in which none came.

        Raises:
            Exception: the work failed with another error than an `FbsDbError`.
        """
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            try:
                outcome = self._outcomes.get(timeout=1)  # without, Windows would not see Ctrl-C
            except Empty:
                meanwhile()
                continue
            if outcome is None:
                running -= 1
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                yield outcome

    def end(self) -> list[Done[Answer]]:
        """Begin no further database, and cancel what runs.

        Returns:
            The outcomes that nobody got yet, those of cancelled work included.
        """
        self._ended.set()
        started = time.monotonic()
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            with self._lock:
                opened = list(self._opened)
            connected = [one.cancel() for one in opened]
            if time.monotonic() - started > (_PATIENCE if any(connected) else _CONNECTED):
                break
            alive[0].join(0.1)
        left: list[Done[Answer]] = []
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            left += [outcome] if isinstance(outcome, Done) else []
        return left

    def _job(self) -> None:
        try:
            while not self._ended.is_set():
                with self._lock:
                    database = next(self._left, None)
                    self.begun += database is not None
                if database is None:
                    break
                done = copy_context().run(self._one, database)
                if done.error and self._until_error:
                    self._ended.set()
                self._outcomes.put(done)
            self._outcomes.put(None)
        except BaseException as error:
            self._outcomes.put(error)

    def _one(self, database: DatabaseConfig) -> Done[Answer]:
        started = time.monotonic()
        answer: Answer | None = None
        error: FbsDbError | None = None
        with opened_in(Opened()) as opened:
            with self._lock:
                self._opened.add(opened)
            try:
                answer = self._patiently(database)
            except FbsDbError as failure:
                error = failure
            finally:
                with self._lock:
                    self._opened.discard(opened)
        return Done(database, answer, error, time.monotonic() - started)

    def _patiently(self, database: DatabaseConfig) -> Answer:
        """The answer of the work, once the server has a connection for it."""
        for pause in _PAUSES:
            try:
                return self._work(database)
            except ConnectionFailed as error:
                if not _FULL.search(error.message) or self._ended.wait(pause):
                    raise
        return self._work(database)


def on_many(
    databases: Iterable[DatabaseConfig], work: Callable[[DatabaseConfig], Answer], jobs: int
) -> Iterator[Done[Answer]]:
    """Do the work on each database, on so many at once, and give the outcomes as they come.

    When the caller ends the iteration, or is interrupted, no further database is begun, and what runs is cancelled.

    Parameters:
        databases, work, jobs: as for `Many`. Errors of the work other than `FbsDbError` are raised here.
    """
    many = Many(databases, work, jobs)
    try:
        yield from many.outcomes()
    finally:
        many.end()


def within(seconds: float | None, work: Callable[[], Answer]) -> Answer:
    """What the work returns, or raises. It runs in another thread: what still runs then ends with the process.

    Parameters:
        seconds: how long it is waited for; None for as long as it takes.
        work: called in a copy of the caller's context.

    Raises:
        concurrent.futures.TimeoutError: the time is over.
    """
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return future.result(seconds)
