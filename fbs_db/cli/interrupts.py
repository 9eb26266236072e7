"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP.

Each is raised in the main thread as Ctrl-C is, so that psycopg cancels the running
statement and open transactions are rolled back. The exit code is 128 and the signal's
number, as a shell has it.
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

#: Those there are: Windows has no SIGHUP.
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
        super().__init__(f"{how}. What was not committed is undone.")
        self.exit_code = 128 + number


def stop(number: int, _: FrameType | None) -> None:
    """Handle a signal: end the command; another one ends the process at once."""
    instead(stop, _exit)
    raise Stopped(number)


def instead(of: Handler, handler: Handler) -> None:
    """Let another handler have the signals that one has now."""
    for number in _NUMBERS:
        if signal.getsignal(number) is of:
            signal.signal(number, handler)


def _exit(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


@contextmanager
def handled(handler: Handler = stop) -> Iterator[None]:
    """A block in which these signals go to a handler, but for those that are ignored, as under nohup.

    Only the main thread can handle signals; in another the block changes nothing.
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
    """What to say where a signal ended the command; None where it was something else.

    click may turn it into an abort of its own, as at a prompt.
    """
    if isinstance(error, click.Abort):
        error = error.__context__ or error
    if isinstance(error, Stopped):
        return Interrupted(error.number)
    return Interrupted(signal.SIGINT) if isinstance(error, KeyboardInterrupt) else None
