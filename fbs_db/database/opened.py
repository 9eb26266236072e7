"""The connections of a piece of work, which another thread may cancel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import psycopg

from fbs_db.errors import ConnectionLost


class Opened:
    """The connections that one piece of work made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[psycopg.Connection[Any]] = []
        self._cancelled = False

    def add(self, connection: psycopg.Connection[Any]) -> None:
        """Note a new connection. Once the work is cancelled, those that it cleans up with are left alone.

        Raises:
            ConnectionLost: it is the first, and the work was cancelled while it was made.
        """
        with self._lock:
            if not self._cancelled:
                self._connections.append(connection)
            elif not self._connections:
                connection.close()
                raise ConnectionLost("The work was cancelled before it began.")

    def cancel(self) -> bool:
        """Cancel what runs on these connections, and say whether there are any."""
        with self._lock:
            self._cancelled = True
            connections = list(self._connections)
        for connection in connections:
            with suppress(psycopg.Error):
                if not connection.closed:
                    connection.cancel_safe(timeout=2)
        return bool(connections)


#: Those of the work that the thread is at.
_now: ContextVar[Opened | None] = ContextVar("_now", default=None)


@contextmanager
def opened_in(opened: Opened) -> Iterator[Opened]:
    """A block whose new connections are noted there."""
    token = _now.set(opened)
    try:
        yield opened
    finally:
        _now.reset(token)


def note(connection: psycopg.Connection[Any]) -> None:
    """Note a new connection, where it is part of such work."""
    if opened := _now.get():
        opened.add(connection)
