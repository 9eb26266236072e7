"""Commands that tie FBS to its host, and keep it clean from then on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from fbs_db.cleanup import attachments, hosts, queue, retention, sweep, worker
from fbs_db.cli.base import (
    all_option,
    ask,
    complain,
    done,
    json_option,
    main,
    on_each,
    print_json,
    quiet,
    schema_option,
    show_orphans,
    show_progress,
    wrapped,
)
from fbs_db.errors import RowsAtStake
from fbs_db.reports import Progress
from fbs_db.schema import demo as demos
from fbs_db.schema import settings as adjusted
from fbs_db.schema import users
from fbs_db.wording import command, counted


@main.group()
def attach() -> None:
    """Tie FBS to the host's users, or to a table its rows point at."""


@attach.command("users")
@click.argument("table")
@click.option("--repair", is_flag=True, help="Delete or empty rows whose user is gone, by each column's own rule.")
@schema_option
@json_option
@click.pass_obj
def attach_users(database: str | None, table: str, repair: bool, schema: str | None, as_json: bool) -> None:
    """Tie FBS's user columns to the host's user TABLE, by foreign keys with their rules.

    From then on deleting a user deletes, or empties out of, the rows of FBS. Locks on
    the user table last for a moment; again does no harm. Exit code 1 where rows have no
    user and --repair was not given.
    """
    columns = users.attach_users(
        table, database, repair=repair, schema=schema, progress=quiet if as_json else show_progress
    )
    left = [column for column in columns if not column.validated]
    if as_json:
        print_json([column.as_dict() for column in columns])
    else:
        done(f"{counted(len(columns), 'column', 'is', 'are')} tied to {table}.")
        for column in columns:
            if column.orphans and column.validated:
                rows = counted(column.orphans, "row")
                click.echo(f"  {column.table_name}.{column.column_name}: {rows} without a user repaired")
        show_orphans(left, table)
    if left:
        sys.exit(1)


@attach.command("host")
@click.argument("table")
@click.option("--model", required=True, metavar="NAME", help="Name FBS's rows point at it by, such as tenants.tenant.")
@click.option("--key", metavar="COLUMN", help="Its key; the primary key where nothing is said.")
@click.option("--yes", is_flag=True, help="Do not ask, though rows get another model name.")
@schema_option
@json_option
@click.pass_obj
def attach_host(
    database: str | None, table: str, model: str, key: str | None, yes: bool, schema: str | None, as_json: bool
) -> None:
    """Attach a TABLE of the host's: deleting its rows cleans up FBS's rows from then on.

    Again does no harm, and puts back triggers that were lost. Under another model name,
    FBS's rows get that name: where there are any, it asks first, or wants --yes.
    """
    attach = partial(
        hosts.attach_host,
        table,
        model,
        database,
        key=key,
        schema=schema,
        progress=quiet if as_json else show_progress,
    )
    try:
        host = attach(rename_rows=yes)
    except RowsAtStake as error:
        ask(error.message)
        host = attach(rename_rows=True)
    if as_json:
        print_json(host.as_dict())
    else:
        done(f"{host.table} is attached as {host.model_name}, by its key {host.key_column}.")


@main.group()
def detach() -> None:
    """Take back what attach did; no row changes."""


@detach.command("users")
@schema_option
@json_option
@click.pass_obj
def detach_users(database: str | None, schema: str | None, as_json: bool) -> None:
    """Untie FBS's user columns from the user table."""
    count = users.detach_users(database, schema=schema)
    if as_json:
        print_json({"detached": count})
    else:
        click.echo(f"{counted(count, 'column')} untied." if count else "Users were not attached.")


@detach.command("host")
@click.argument("table")
@schema_option
@json_option
@click.pass_obj
def detach_host(database: str | None, table: str, schema: str | None, as_json: bool) -> None:
    """Take the triggers off a TABLE of the host's."""
    was = hosts.detach_host(table, database, schema=schema)
    if as_json:
        print_json({"detached": was})
    else:
        click.echo(f"{table} is detached." if was else f"{table} was not attached.")


@main.group()
def cleanup() -> None:
    """What becomes of FBS's rows when host rows go: state, repair, worker."""


@cleanup.command("status")
@schema_option
@all_option
@json_option
@click.pass_obj
def cleanup_status(database: str | None, schema: str | None, all_: bool, as_json: bool) -> None:
    """Its mode, the tables attached, and the clean-ups that wait, with the reason."""

    def work(database: str | None) -> tuple[Any, int]:
        status = queue.cleanup_status(database, schema=schema)
        if not as_json:
            _show_cleanup(status)
        return status.as_dict(), 0

    on_each(database, all_, as_json, work)


def _show_cleanup(status: queue.CleanupStatus) -> None:
    click.echo(f"Clean-up is {status.mode}.")
    click.echo("Attached:" if status.hosts else "No host table is attached.")
    for host in status.hosts:
        click.echo(f"  {host.table} as {host.model_name}, by {host.key_column}")
    if not status.waiting:
        done("Nothing waits.")
        return
    click.secho("Waiting:", fg="yellow")
    for row in status.waiting:
        rule = f", rule {row.rule_name}" if row.rule_name else ""
        rule += f", in {row.target}" if row.target else ""
        since = f"since {row.oldest:%Y-%m-%d %H:%M:%S}, tried {counted(row.attempts, 'time')}"
        click.echo(f"  {row.operation} of {counted(row.keys, 'row')} of {row.model_name}{rule}: {since}")
        if row.error:
            click.echo(wrapped(row.error, "      "))
    click.echo(f"Do them: {command('cleanup', 'retry')}")


@cleanup.command("retry")
@schema_option
@json_option
@click.pass_obj
def cleanup_retry(database: str | None, schema: str | None, as_json: bool) -> None:
    """Try everything that waits once more. Exit code 1 where something failed again.

    Where several databases are configured and none is named, in each of them.
    """
    report = worker.retry_cleanup(database, schema=schema)
    if as_json:
        print_json(report.as_dict())
    else:
        click.echo(counts_of(report))
        if report.failed:
            complain("Not all could be cleaned up.", f"See why: {command('cleanup', 'status')}")
    if report.failed:
        sys.exit(1)


def counts_of(report: queue.RetryReport) -> str:
    """What a round over the queue did."""
    return f"{batches_of(report.done, report.rows)}; {report.failed:,} failed, {report.waiting:,} waiting."


def batches_of(count: int, rows: int, done: str = "done") -> str:
    """So many entries of the queue, each a batch of rows, and the rows."""
    return f"{counted(count, 'batch')} {done}: {counted(rows, 'row')}"


@cleanup.command("sweep")
@click.option("--model", metavar="NAME", help="One model only, such as tenants.tenant.")
@schema_option
@json_option
@click.pass_obj
def cleanup_sweep(database: str | None, model: str | None, schema: str | None, as_json: bool) -> None:
    """Find rows that point at host rows which are gone, and apply the rules to them.

    Where several databases are configured and none is named, in each of them. Exit code
    1 where a model could not be swept.
    """
    swept = sweep.sweep_orphans(database, model=model, schema=schema, progress=quiet if as_json else _now_and_then())
    if as_json:
        print_json([row.as_dict() for row in swept])
    elif not swept:
        click.echo("No host table is attached.")
    else:
        for row in swept:
            name = f"{row.model_name} in {row.target}" if row.target else row.model_name
            click.echo(f"  {name}: {row.error or _swept(row)}")
    if any(row.error for row in swept):
        sys.exit(1)


def _swept(row: sweep.Swept) -> str:
    return f"{row.orphans:,} gone, {counted(row.touched or 0, 'row')} cleaned up"


def _now_and_then(seconds: float = 1) -> Callable[[Progress], None]:
    """Shows progress on standard error, once it takes longer, and then once in so many seconds."""
    told = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= seconds:
            told = now
            click.echo(f"  {progress.text}", err=True)

    return show


@main.command()
@click.argument("name", required=False)
@click.argument("value", required=False)
@schema_option
@json_option
@click.pass_obj
def settings(database: str | None, name: str | None, value: str | None, schema: str | None, as_json: bool) -> None:
    """Show the settings, or give the one called NAME another VALUE.

    \b
    fbs-db settings cleanup queue               clean-up is left to a worker
    fbs-db settings keep_audit_trails 3650      audit trails go after ten years
    fbs-db settings keep_audit_trails ''        ... or are kept for ever
    """
    if name is not None and value is not None:
        rows = [adjusted.change_setting(name, value or None, database, schema=schema)]
    else:
        rows = [row for row in adjusted.list_settings(database, schema=schema) if name in (None, row.name)]
        if not rows:
            raise adjusted.unknown(str(name))
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    for row in rows:
        shown = "(empty)" if row.value is None else row.value
        click.echo(f"{click.style(row.name, bold=True)} = {shown}    ({row.allowed})")
        click.echo(wrapped(row.description, "    "))


@main.group()
def files() -> None:
    """Stored files of attachments that were deleted."""


@files.command("purge")
@click.option(
    "--root",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the storage keeps its files, such as Django's MEDIA_ROOT.",
)
@click.option(
    "--give-up",
    metavar="NAME",
    multiple=True,
    help="Leave this file where it is, and take it off the list; may be given again.",
)
@schema_option
@json_option
@click.pass_obj
def files_purge(database: str | None, root: Path, give_up: tuple[str, ...], schema: str | None, as_json: bool) -> None:
    """Remove the files that wait for it from below DIR, and from nowhere else.

    Symbolic links below DIR are not followed. Exit code 1 where some could not be removed:
    they wait, and each time it is said which and why, until they are removed or given up.
    """
    report = attachments.purge_files(attachments.remover(root), database, give_up=give_up, schema=schema)
    if as_json:
        print_json(report.as_dict())
    else:
        for name in report.given_up:
            click.echo(f"Given up: {_printable(name)}")
        already = f"; {counted(len(report.gone), 'file')} gone already" if report.gone else ""
        click.echo(f"{counted(len(report.removed), 'file')} removed{already}.")
        for name, reason in report.failed:
            complain(f"{_printable(name)}: {reason}")
        if report.failed:
            click.echo("They wait. To leave one where it is, and hear of it no more: --give-up NAME", err=True)
    if report.failed:
        sys.exit(1)


def _printable(name: str) -> str:
    """A file's name in one line, whatever is in it, as a shell takes it."""
    if name.isprintable():
        return name
    escaped = "".join(
        character
        if character.isprintable() and character not in "\\'"
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
        for character in name
    )
    return f"$'{escaped}'"


@main.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option(
    "--batch", metavar="ROWS", type=click.IntRange(min=1), default=5000, show_default=True, help="Rows a transaction."
)
@schema_option
@json_option
@click.pass_obj
def purge(
    database: str | None, names: tuple[str, ...], dry_run: bool, batch: int, schema: str | None, as_json: bool
) -> None:
    """Remove logs and expired rows after their time: all kinds, or those NAMEd.

    The times are settings (keep_...). It goes by batches, each a transaction.
    """

    def tell(name: str, rows: int) -> None:
        if not as_json:
            click.echo(f"  {name}: {counted(rows, 'row')} so far", err=True)

    purged = retention.purge(names, database, dry_run=dry_run, batch=batch, schema=schema, progress=tell)
    if as_json:
        print_json([row.as_dict() for row in purged])
        return
    for row in purged:
        if row.days is None:
            click.echo(f"  {row.name}: kept for ever")
        else:
            verb = "would be removed" if dry_run else "removed"
            click.echo(f"  {row.name}: {counted(row.rows, 'row')} from before {row.cutoff:%Y-%m-%d %H:%M} {verb}")


@main.command()
@json_option
def demo(as_json: bool) -> None:
    """Fill the embedded database with a small rentals host, and attach it."""
    made = demos.fill()
    if as_json:
        print_json({"filled": made})
    elif made:
        done("A small rentals host is there, in the schema rentals, with FBS rows that point at it.")
        click.echo(f"README shows what to try. Look around: {command('psql')}")
    else:
        click.echo("The demo is there already, in the schema rentals.")
