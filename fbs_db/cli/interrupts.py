"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP.

Each is raised in the main thread like Ctrl-C: psycopg cancels the running statement, and
open transactions are rolled back. The exit code is 128 plus the number of the signal.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from fbs_db.errors import FbsDbError

Handler = Callable[[int, FrameType | None], None]

#: Windows has no SIGHUP.
_NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
#: Seconds in which a signal counts once: timeout(1) sends it to the command and then to the command's group.
ONCE = 0.5
#: By the number of a signal, the time from which it counts again.
_counts_from: dict[int, float] = {}


class Stopped(KeyboardInterrupt):
    """A signal that ends the command.

    Attributes:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Interrupted(FbsDbError):
    """The command was ended by a signal before it was done."""

    def __init__(self, number: int) -> None:
        how = "Interrupted" if number == signal.SIGINT else f"Terminated by {signal.Signals(number).name}"
        super().__init__(f"{how}. Work that was not committed is rolled back.")
        self.exit_code = 128 + number


def stop(number: int, _: FrameType | None) -> None:
    """Handle a signal by ending the command. A second signal ends the process at once."""
    handle(_exit)
    raise Stopped(number)


def _exit(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


def handle(handler: Handler) -> dict[int, Any]:
    """Let a handler get these signals, except those that are ignored, as under nohup.

    A signal that comes again within half a second counts once.
    Outside the main thread, which alone can handle signals, nothing changes.

    Returns:
        The handlers before, by the number of the signal.
    """

    def handle_once(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now >= _counts_from.get(number, now):
            _counts_from[number] = now + ONCE
            handler(number, frame)

    if threading.current_thread() is not threading.main_thread():
        return {}
    handled_now = [one for one in _NUMBERS if signal.getsignal(one) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, handle_once) for number in handled_now}


@contextmanager
def handled(handler: Handler = stop) -> Iterator[None]:
    """A block in which a handler gets these signals."""
    before = handle(handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def for_the_process() -> None:
    """Let a signal that comes outside the command end the process at once, or do nothing if it counted before.

    A host's own handlers stay.
    """
    before = handle(_exit)
    for number, previous in before.items():
        if previous not in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, previous)


def interruption(error: BaseException) -> Interrupted | None:
    """The error for a command that a signal ended; None if something else ended it.

    At a prompt click turns the signal into an Abort.
    """
    if isinstance(error, click.Abort):
        error = error.__context__ or error
    if isinstance(error, Stopped):
        return Interrupted(error.number)
    return Interrupted(signal.SIGINT) if isinstance(error, KeyboardInterrupt) else None
