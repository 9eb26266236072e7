"""The command that waits for a database."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as TimeIsOver
from functools import partial
from typing import TypeVar

import click

import fbs_db
from fbs_db import wording
from fbs_db.cli.base import main
from fbs_db.cli.output import done, show_progress
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.database import fleet, project, which
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import connected, shown
from fbs_db.database.many import within
from fbs_db.errors import (
    ConnectionFailed,
    EmbeddedServerError,
    FbsDbError,
    MigrationError,
    TargetError,
    UnsupportedServer,
    UsageError,
)
from fbs_db.reports import Progress
from fbs_db.wording import command, counted

_Found = TypeVar("_Found")

#: Seconds between two tries, and between two lines of progress.
_PAUSE, _TOLD = 0.5, 10.0
#: No waiting changes these. Of a role that is not there yet, servers say that its password is wrong: that may pass.
_FINAL = (EmbeddedServerError, MigrationError, UnsupportedServer, UsageError)
_OURS = re.compile(
    r"certificate|private key|no password supplied|definition of service|service file|local user with ID"
    r"|\binvalid (\S+ value|port number)|\bbad value for |(unrecognized configuration|invalid value for) parameter"
)


@subcommand(main, "wait")
@click.option("--migrated", is_flag=True, help="Wait until no migration is pending either.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(0, 10**9),
    default=60,
    show_default=True,
    help="How long to wait. 0 tries once.",
)
@click.option("--all", "everywhere", is_flag=True, help="Wait for all databases, one after the other.")
def wait(call: Call, *, migrated: bool, timeout: int, everywhere: bool) -> Answer:
    """Wait until the database takes connections.

    \b
    fbs-db wait && fbs-db migrate               before migrations
    fbs-db wait --migrated && exec gunicorn ... where something else migrates

    It goes on while the server starts, is full or cannot be reached, and while the database
    or the role is missing or its password is refused, as they may come later. A fault of
    the configuration ends it at once. It creates no server.

    Exit codes: 0 ready; 2 not ready in time, with the last reason.
    """
    if everywhere:
        call.refuse_database()
    started = time.monotonic()
    tries = _Tries(timeout, call.progress(show_progress))
    with project.read_once():
        databases: list[str | DatabaseConfig | None] = [call.database]
        if everywhere:
            databases = [*tries.until(lambda: list(fleet.members()), lambda: "a server")]
        urls = []
        for database in databases:
            with wording.given(database=database.name) if isinstance(database, DatabaseConfig) else wording.given():
                ready = partial(_ready, database, call.schema, migrated)
                urls.append(tries.until(ready, partial(_named, database)))
    seconds = time.monotonic() - started
    shown_as = ", ".join(urls)
    return Answer({"databases": urls, "seconds": seconds}, lambda _: done(f"Ready after {seconds:.1f} s: {shown_as}"))


class _Tries:
    """Tries until a time, which all work shares.

    Parameters:
        timeout: seconds from now; 0 for one try, which takes as long as it takes.
        progress: told what is waited for.
    """

    def __init__(self, timeout: int, progress: Callable[[Progress], None]) -> None:
        self._timeout, self._progress = timeout, progress
        self._end = time.monotonic() + timeout
        self._told = 0.0

    def until(self, work: Callable[[], _Found], name: Callable[[], str]) -> _Found:
        """What the work returns, once it raises no error.

        Parameters:
            work: called in another thread: looking up a host can take longer than there is time.
            name: gives the name of what does not answer.

        Raises:
            FbsDbError: the last error, or one that waiting does not change.
        """
        error: FbsDbError | None = None
        while True:
            try:
                left = max(self._end - time.monotonic(), 0.1)
                return within(left if self._timeout else None, work)
            except TimeIsOver:
                hint = "Check the host, the port and the firewall."
                error = error or ConnectionFailed(f"No answer from {name()}.", hint=hint)
            except FbsDbError as failure:
                if isinstance(failure, _FINAL) or _OURS.search(failure.message):
                    raise
                error = failure
            now = time.monotonic()
            if now + _PAUSE >= self._end:
                if self._timeout:
                    error.message = f"Not ready after {self._timeout} s. {error.message}"
                raise error
            if now - self._told >= _TOLD:
                self._told = now
                self._progress(Progress("wait", text=f"waiting: {error.message}"))
            time.sleep(_PAUSE)


def _ready(database: str | DatabaseConfig | None, schema: str | None, migrated: bool) -> str:
    """The URL of a database that is ready.

    Raises:
        FbsDbError: it is not.
    """
    if not migrated:
        with connected(which.resolve(database)[0], "fbs-db wait") as connection:
            return shown(connection)
    report = fbs_db.status(database, schema=schema)
    if report.pending:
        raise TargetError(
            f"{counted(len(report.pending), 'migration')} pending in {report.database}, schema {report.schema}.",
            hint=f"Type: {command('migrate')}",
        )
    return report.database


def _named(database: str | DatabaseConfig | None) -> str:
    return shown(which.named(database)[0] or "")
