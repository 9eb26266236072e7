"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP.

Each is raised in the main thread like Ctrl-C: psycopg cancels the running statement, and
open transactions are rolled back. The exit code is 128 plus the number of the signal.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from fbs_db.errors import FbsDbError

Handler = Callable[[int, FrameType | None], None]

#: Windows has no SIGHUP.
_NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


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
    instead(stop, _exit)
    raise Stopped(number)


def instead(of: Handler, handler: Handler) -> None:
    """Replace a handler by another, for the signals that it handles now."""
    for number in _NUMBERS:
        if signal.getsignal(number) is of:
            signal.signal(number, handler)


def _exit(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


@contextmanager
def handled(handler: Handler = stop) -> Iterator[None]:
    """A block in which a handler gets these signals, except those that are ignored, as under nohup.

    Outside the main thread, which alone can handle signals, the block changes nothing.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
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
