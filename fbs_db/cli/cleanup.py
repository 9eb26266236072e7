"""The family of clean-ups: ``cleanup status``, ``retry``, ``sweep``; ``cleanup run`` is in `fbs_db.cli.worker`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

import fbs_db
from fbs_db.cleanup.hosts import named
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.fleet import Each
from fbs_db.cli.output import complain, done, echo, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.reports import Progress
from fbs_db.wording import command, counted

if TYPE_CHECKING:
    from fbs_db.cleanup.hosts import Host
    from fbs_db.cleanup.queue import CleanupStatus, RetryReport
    from fbs_db.cleanup.sweep import Swept

_MODES = {
    "on": "on (in the transaction of the deletion)",
    "queue": "queue (a worker has to run)",
    "off": "off (FBS's rows stay when their host rows go)",
}


@main.group("cleanup")
def cleanup() -> None:
    """Clean up after deletions: status, retry, sweep, worker."""


@subcommand(cleanup, "status", each=Each(reads=True))
def status(call: Call) -> Answer:
    """Show the mode, the attached tables and what waits.

    Each waiting clean-up is shown with its age, its number of tries and its last error.
    """
    status = fbs_db.cleanup_status(call.database, schema=call.schema)
    outcome = "with clean-ups waiting" if status.waiting else "with nothing waiting"
    return Answer(status, _show_status, outcome=outcome, line=None if status.waiting else "")


@subcommand(cleanup, "retry")
def retry(call: Call) -> Answer:
    """Retry all waiting clean-ups once.

    If several databases are configured and none is named, it works on each of them, those of
    solutions included. Exit code 1 if a clean-up fails again.
    """
    report = fbs_db.retry_cleanup(call.database, schema=call.schema)
    return Answer(report, _show_retried, 1 if report.failed else 0)


@subcommand(cleanup, "sweep")
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=completion.models,
    help="Sweep for this model only, such as tenants.tenant.",
)
def sweep(call: Call, *, model: str | None) -> Answer:
    """Find rows whose host row is gone, and apply the rules.

    If several databases are configured and none is named, it works on each of them, those of
    solutions included. Exit code 1 if a table could not be swept.
    """
    swept = fbs_db.sweep_orphans(
        call.database, model=model, schema=call.schema, progress=call.progress(_now_and_then())
    )
    return Answer(swept, _show_swept, 1 if any(row.error for row in swept) else 0)


def counts_of(report: RetryReport) -> str:
    """What one round over the queue did, in a sentence."""
    return f"{batches_of(report.done, report.rows)}; {report.failed:,} failed, {report.waiting:,} waiting."


def batches_of(count: int, rows: int, done: str = "done") -> str:
    """A number of entries of the queue, each a batch of host rows, and the number of rows."""
    return f"{counted(count, 'batch')} {done}: {counted(rows, 'row')}"


def keys_of(host: Host) -> str:
    """The columns by which a host table is attached, in words."""
    solutions = f", its solutions by {host.solution_column}" if host.solution_column else ""
    return f"by its {'' if host.follows_keys else 'fixed '}key {host.key_column}{solutions}"


def _show_status(status: CleanupStatus) -> None:
    echo(f"Clean-up mode: {_MODES[status.mode]}.")
    echo("Attached:" if status.hosts else "No host table is attached.")
    for host in status.hosts:
        echo(f"  {host.table} as {host.name}, {keys_of(host)}")
    if not status.waiting:
        done("No clean-up waits.")
        return
    echo("Waiting:", fg="yellow")
    for row in status.waiting:
        name = named(row.model_name, row.solution)
        rule = f", rule {row.rule_name}" if row.rule_name else ""
        rule += f", in database {row.target}" if row.target else ""
        since = f"since {row.oldest:%Y-%m-%d %H:%M:%S}, tried {counted(row.attempts, 'time')}"
        echo(f"  {row.operation} of {counted(row.keys, 'row')} of {name}{rule}: {since}")
        if row.error:
            echo(wrapped(row.error, "      "))
    echo(f"Retry them: {command('cleanup', 'retry')}")


def _show_retried(report: RetryReport) -> None:
    echo(counts_of(report))
    if report.failed:
        complain("Some clean-ups failed again.", f"See why: {command('cleanup', 'status')}")


def _show_swept(swept: list[Swept]) -> None:
    if not swept:
        echo("No host table is attached.")
    for row in swept:
        where = f" in {row.target}" if row.target else ""
        found = (
            f"{row.orphans:,} gone, {counted(row.touched, 'row')} cleaned up" if row.orphans or not row.error else ""
        )
        said = "; ".join(filter(None, (found, row.error)))
        echo(f"  {named(row.model_name, row.solution)}{where}: {said}")


def _now_and_then(seconds: float = 1) -> Callable[[Progress], None]:
    """A function that prints progress to standard error, at most once in so many seconds."""
    printed = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal printed
        now = time.monotonic()
        if now - printed >= seconds:
            printed = now
            echo(f"  {progress.text}", err=True)

    return show
