"""The family of clean-ups: status, retry, giving up, sweep; ``cleanup run`` is in `fbs_db.cli.worker`."""

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
from fbs_db.cli.output import complain, confirm, done, echo, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import FbsDbError
from fbs_db.reports import Progress
from fbs_db.wording import command, counted

if TYPE_CHECKING:
    from fbs_db.cleanup.hosts import Host
    from fbs_db.cleanup.queue import CleanupStatus, GivenUp, RetryReport
    from fbs_db.cleanup.sweep import Swept

_MODES = {
    "on": "on (in the transaction of the deletion)",
    "queue": "queue (a worker has to run)",
    "off": "off (FBS's rows stay when their host rows go)",
}


#: The id of an entry of the queue.
_ID = click.IntRange(1, 2**63 - 1)


@main.group("cleanup")
def cleanup() -> None:
    """Clean up after deletions: the queue, sweep, worker."""


@subcommand(cleanup, "status", each=Each(reads=True))
def status(call: Call) -> Answer:
    """Show the mode, the attached tables and what waits.

    Each waiting clean-up is shown with its age, its number of tries and its last error.
    """
    status = fbs_db.cleanup_status(call.database, schema=call.schema)
    outcome = "with clean-ups waiting" if status.waiting else "with nothing waiting"
    return Answer(status, _show_status, outcome=outcome, line=None if status.waiting else "")


@subcommand(cleanup, "retry")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=_ID)
def retry(call: Call, *, ids: tuple[int, ...]) -> Answer:
    """Retry all waiting clean-ups once, or those with these IDs.

    If several databases are configured and none is named, it works on each of them, those of
    solutions included. Exit code 1 if a clean-up fails again.

    With IDs it works on one database. What they name for other databases is left to the worker.
    """
    report = fbs_db.retry_cleanup(call.database, ids=ids or None, schema=call.schema)
    return Answer(report, _show_retried, 1 if report.failed else 0)


@subcommand(cleanup, "give-up")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=_ID)
@click.option("--yes", is_flag=True, help="Do not ask.")
def give_up(call: Call, *, ids: tuple[int, ...], yes: bool) -> Answer:
    """Take waiting clean-ups off the queue for good.

    FBS's rows stay as they are. Exit code 1 if one of them is not in the queue, or a worker is at it.
    """
    if not yes:
        confirm(
            f"{counted(len(ids), 'clean-up')} will not be done. FBS's rows that point at deleted rows stay until a"
            " sweep; after a rekey they keep their old keys, which a sweep takes for orphans."
        )
    given_up = fbs_db.give_up_cleanup(ids, call.database, schema=call.schema)
    left = sorted({*ids} - {one.id for one in given_up})
    error = FbsDbError(
        f"Not given up: {', '.join(map(str, left))}.", hint="They are not in the queue, or a worker is at them."
    )
    return Answer(given_up, _show_given_up, 1 if left else 0, (error,) if left else ())


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
        more = f" and {row.entries - 10:,} more" if row.entries > 10 else ""
        echo(f"      ID {', '.join(map(str, row.ids[:10]))}{more}")
        if row.error:
            echo(wrapped(row.error, "      "))
    echo(f"Retry them: {command('cleanup', 'retry')}")


def _show_retried(report: RetryReport) -> None:
    echo(counts_of(report))
    if report.failed:
        complain("Some clean-ups failed again.", f"See why: {command('cleanup', 'status')}")


def _show_given_up(rows: list[GivenUp]) -> None:
    for row in rows:
        name = named(row.model_name, row.solution)
        where = f", in database {row.target}" if row.target else ""
        keys = f": keys {', '.join(row.keys)}" if row.keys else ""
        new_keys = f", now {', '.join(row.new_keys)}" if row.new_keys else ""
        echo(f"Given up: {row.id}, {row.operation} of {name}{where}{keys}{new_keys}")


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
