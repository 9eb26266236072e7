"""The worker: ``fbs-db cleanup run``, and its log."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from types import FrameType
from typing import TYPE_CHECKING

import click

import fbs_db
from fbs_db.cli.cleanup import batches_of, cleanup, counts_of
from fbs_db.cli.interrupts import handle, handled, interruption, stop
from fbs_db.cli.output import echo
from fbs_db.cli.subcommand import Call, subcommand
from fbs_db.errors import FbsDbError
from fbs_db.log import log_kept, take_streams
from fbs_db.redaction import redacted

if TYPE_CHECKING:
    from fbs_db.cleanup.queue import RetryReport

_log = logging.getLogger("fbs_db.cleanup")
#: Attributes of every record; others are those of an event.
_COMMON = {*vars(logging.makeLogRecord({})), "message", "asctime"}


@subcommand(cleanup, "run", as_json=False)
@click.option(
    "--poll",
    metavar="SECONDS",
    type=click.FloatRange(0.05, 86400),
    default=1.0,
    show_default=True,
    help="How long to pause when nothing waits.",
)
@click.option("--all", "everywhere", is_flag=True, help="Serve each configured database, as it does if none is named.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="With json each line is an object, for programs that collect logs.",
)
def run(call: Call, *, poll: float, everywhere: bool, log_format: str) -> None:
    """Run a worker: do waiting clean-ups as they come, until stopped.

    Several workers share the work. If several databases are configured and none is named,
    one worker serves all of them, clean-ups from one database to another included. It looks
    into the databases of solutions when something was written there, and connects to few at once.

    SIGTERM, SIGHUP or Ctrl-C ends it after the current batch, with exit code 0; a second
    one at once. The log goes to standard output, warnings and errors to standard error.
    """
    if everywhere:
        call.refuse_database()
    with _logged(as_json=log_format == "json"):
        try:
            _work(call, poll)
        except (FbsDbError, KeyboardInterrupt) as error:
            failure = interruption(error) or error
            if log_format == "text" or not isinstance(failure, FbsDbError):
                raise
            _log.error("%s", failure.message, extra={"event": "error", "error": failure.as_dict()})
            sys.exit(failure.exit_code)


def _work(call: Call, poll: float) -> None:
    stopped = threading.Event()
    done = rows = 0

    def stop_after_batch(_number: int, _frame: FrameType | None) -> None:
        # From a thread: this one may be just inside stopped.wait(), and holds the lock that set() wants.
        threading.Thread(target=stopped.set, daemon=True).start()
        handle(stop)

    def log_batch(report: RetryReport) -> None:
        nonlocal done, rows
        done, rows = done + report.done, rows + report.rows
        _log.info("%s", counts_of(report), extra={"event": "batch", **report.as_dict()})

    with handled(stop_after_batch):
        _log.info("Waiting for clean-ups.", extra={"event": "started"})
        fbs_db.run_cleanup(call.database, stop=stopped, poll=poll, schema=call.schema, progress=log_batch)
    text = f"Stopped; {batches_of(done, rows, 'done in all')}."
    _log.info("%s", text, extra={"event": "stopped", "done": done, "rows": rows})


@contextmanager
def _logged(*, as_json: bool) -> Iterator[None]:
    """A block in which the log goes to our streams. A host's handlers to other places stay."""
    root, ours = logging.getLogger(), logging.getLogger("fbs_db")
    with log_kept():
        for logger in (root, ours, _log):
            take_streams(logger)
        root.addHandler(_Streams(as_json))
        _log.setLevel(min(logging.INFO, ours.getEffectiveLevel()))
        yield


class _Streams(logging.Handler):
    """Writes records to standard output, warnings and errors to standard error; as text or as JSON objects."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        text = _as_json(record) if self._as_json else redacted(record.getMessage())
        echo(text, err=record.levelno >= logging.WARNING)


def _as_json(record: logging.LogRecord) -> str:
    line = {
        "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "message": redacted(record.getMessage()),
        **{name: value for name, value in vars(record).items() if name not in _COMMON},
    }
    return json.dumps(line, default=str)
