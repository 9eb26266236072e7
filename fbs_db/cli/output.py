"""How commands print: answers to standard output, all else to standard error."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

from fbs_db.errors import UsageError
from fbs_db.reports import Progress, UserColumn
from fbs_db.wording import command


def print_json(value: object) -> None:
    """Print plain values for programs."""
    click.echo(json.dumps(value, indent=2, default=str))


def done(text: str) -> None:
    """Print that all went well."""
    click.secho(text, fg="green")


def complain(message: str, hint: str = "") -> None:
    """Print an error, and below it what to do."""
    click.echo(click.style("Error: ", fg="red", bold=True) + message, err=True)
    if hint:
        click.echo(hint, err=True)


def confirm(message: str) -> None:
    """Ask whether to go on.

    Raises:
        UsageError: standard input is no terminal, so nobody can be asked.
        click.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError(message, hint="To do it without being asked, add --yes. Nothing was changed.")
    click.confirm(f"{message} Go on?", abort=True, err=True)


def show_progress(progress: Progress) -> None:
    """Print each migration with its time, and each wait for a lock."""
    if progress.kind == "wait":
        click.secho(f"  {progress.text}", fg="yellow", err=True)
    elif progress.kind == "end":
        click.echo(f"  {progress.migration_id:<24} {progress.seconds * 1000:6.0f} ms")


def show_orphans(columns: Sequence[UserColumn], table: str) -> None:
    """Print the user columns with rows whose user is gone, and the command that repairs them."""
    orphaned = [column for column in columns if column.orphans]
    if orphaned:
        rows = ", ".join(f"{column.table_name}.{column.column_name} ({column.orphans:,})" for column in orphaned)
        repair = command("attach", "users", table, "--repair")
        complain(
            f"Rows whose user is gone: {rows}.", f"Delete them or set them to NULL, by each column's rule: {repair}"
        )


def size_of(size: float) -> str:
    """Bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 10240 or unit == "GB":
            break
        size /= 1024
    return f"{size:.0f} {unit}"


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((120, 24)).columns


def wrapped(text: str, indent: str) -> str:
    """A text in lines that fit the terminal."""
    return textwrap.fill(text, max(40, width()), initial_indent=indent, subsequent_indent=indent)
