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

import click

from fbs_db.cleanup.queue import RetryReport
from fbs_db.cleanup.worker import run_cleanup
from fbs_db.cli.base import schema_option
from fbs_db.cli.interrupts import handled, instead, interruption, stop
from fbs_db.cli.upkeep import batches_of, cleanup, counts_of
from fbs_db.errors import FbsDbError

_log = logging.getLogger("fbs_db.cleanup")
#: What every record has, whatever is told by it.
_COMMON = {*vars(logging.makeLogRecord({})), "message", "asctime"}


@cleanup.command("run")
@click.option(
    "--poll",
    metavar="SECONDS",
    type=click.FloatRange(min=0.05),
    default=1.0,
    show_default=True,
    help="How long to rest when nothing waits.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: each line an object, for programs that collect logs.",
)
@schema_option
@click.pass_obj
def cleanup_run(database: str | None, poll: float, log_format: str, schema: str | None) -> None:
    """Do what waits as it comes, until stopped: a worker. Several share the work.

    Where several databases are configured and none is named, it works them all, and
    carries over what waits in one for another.

    SIGTERM, SIGHUP or Ctrl-C ends it after the batch at hand, with exit code 0; a second
    one at once. Its log goes to standard output, warnings and errors to standard error.
    """
    with _logged(as_json=log_format == "json"):
        try:
            _run(database, poll, schema)
        except (FbsDbError, KeyboardInterrupt) as error:
            failure = interruption(error) or error
            if log_format == "text" or not isinstance(failure, FbsDbError):
                raise
            _log.error("%s", failure.message, extra={"event": "error", "error": failure.as_dict()})
            sys.exit(failure.exit_code)


def _run(database: str | None, poll: float, schema: str | None) -> None:
    stopped = threading.Event()
    done = rows = 0

    def stop_after_batch(number: int, frame: FrameType | None) -> None:
        # From a thread: this one may be just inside stopped.wait(), and holds the lock that set() wants.
        threading.Thread(target=stopped.set, daemon=True).start()
        instead(stop_after_batch, stop)

    def tell(report: RetryReport) -> None:
        nonlocal done, rows
        done, rows = done + report.done, rows + report.rows
        _log.info("%s", counts_of(report), extra={"event": "batch", **report.as_dict()})

    with handled(stop_after_batch):
        _log.info("Waiting for clean-ups.", extra={"event": "started"})
        run_cleanup(database, stop=stopped, poll=poll, schema=schema, progress=tell)
    text = f"Stopped; {batches_of(done, rows, 'done in all')}."
    _log.info("%s", text, extra={"event": "stopped", "done": done, "rows": rows})


@contextmanager
def _logged(*, as_json: bool) -> Iterator[None]:
    """A block in which the log goes to our streams; handlers of a host's to other places stay."""
    root, handler = logging.getLogger(), _Streams(as_json)
    before = root.handlers[:]
    root.handlers = [one for one in before if type(one) is not logging.StreamHandler] + [handler]
    level = _log.level
    _log.setLevel(min(logging.INFO, logging.getLogger("fbs_db").getEffectiveLevel()))
    try:
        yield
    finally:
        root.handlers = before
        _log.setLevel(level)


class _Streams(logging.Handler):
    """Writes records to standard output, from warnings on to standard error; as text, or each as an object."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        text = _as_json(record) if self._as_json else record.getMessage()
        click.echo(text, err=record.levelno >= logging.WARNING)


def _as_json(record: logging.LogRecord) -> str:
    line = {
        "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "message": record.getMessage(),
        **{name: value for name, value in vars(record).items() if name not in _COMMON},
    }
    return json.dumps(line, default=str)
