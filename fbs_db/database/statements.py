"""Statements in the log, each with its time: what ``fbs-db -vv`` shows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

logger = logging.getLogger("fbs_db")


class _LoggedCursor(psycopg.Cursor[Any]):
    """Logs what it executes. Parameters are left out: they may be secrets."""

    def execute(self, query: Any, *args: Any, **options: Any) -> _LoggedCursor:
        started = time.perf_counter()
        try:
            return super().execute(query, *args, **options)
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            text = query.as_string(self) if isinstance(query, sql.Composable) else query
            text = text.decode(errors="replace") if isinstance(text, bytes) else text
            logger.debug("%8.1f ms  %s", milliseconds, text.strip())


@contextmanager
def statements_logged(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A block in which each statement on the connection is logged, if the log is set to DEBUG."""
    before = connection.cursor_factory
    if logger.isEnabledFor(logging.DEBUG) and before is psycopg.Cursor:
        connection.cursor_factory = _LoggedCursor
    try:
        yield
    finally:
        connection.cursor_factory = before
