"""How commands print: answers to standard output, all else to standard error."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import click

from fbs_db.errors import UsageError
from fbs_db.redaction import redacted
from fbs_db.reports import Progress, UserColumn
from fbs_db.wording import command

# NUL marks our own colours: no text of PostgreSQL or of a command line can hold it.
_CONTROL = re.compile(r"\0(\x1b\[[\d;]*m)|[^\n\t -~\xa0-\u2029\u202f-\u2065\u206a-\U0010ffff]")


def visible(text: str) -> str:
    """The text with escapes for the control characters that a terminal would obey. Our own colours stay."""
    return _CONTROL.sub(lambda found: found[1] or ascii(found[0])[1:-1], text)


def style(text: str, **styles: Any) -> str:
    """A text for `echo`, in colour or bold, as click's ``style``."""
    before, after = click.style("\0", **styles).split("\0")
    return "\0".join(re.split(r"(?=\x1b)", before)) + text + after.replace("\x1b", "\0\x1b")


def echo(text: str = "", *, err: bool = False, nl: bool = True, **styles: Any) -> None:
    """Print a text for people. Whatever rows and names hold, no terminal obeys it."""
    click.echo(visible(style(text, **styles) if styles else text), err=err, nl=nl)


def print_exact(text: str, *, nl: bool = True) -> None:
    """Print a text for programs, such as SQL, unchanged; on a terminal as `echo` does."""
    if sys.stdout.isatty():
        echo(text, nl=nl)
    else:  # as bytes: click takes colours out of a str
        click.echo(text.encode() if hasattr(sys.stdout, "buffer") else text, nl=nl)


#: The database that the thread works on, where it is one of many.
working_on: ContextVar[str] = ContextVar("working_on", default="")


class LogFormatter(logging.Formatter):
    """Formats records of the log without passwords, and so that no terminal obeys them."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{working_on.get()}: " if working_on.get() else ""
        return visible(redacted(text + super().format(record)))


def print_json(value: object, *, lines: bool = False) -> None:
    """Print plain values for programs: on a terminal indented, else in one line, as those who collect logs want it.

    Parameters:
        lines: whether each value is a line on a terminal, too.
    """
    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() and not lines else None, default=str))


def done(text: str) -> None:
    """Print that all went well."""
    echo(text, fg="green")


def complain(message: str, hint: str = "") -> None:
    """Print an error, and below it what to do."""
    echo(style("Error: ", fg="red", bold=True) + message, err=True)
    if hint:
        echo(hint, err=True)


def confirm(message: str) -> None:
    """Ask whether to go on.

    Raises:
        UsageError: standard input is no terminal, so nobody can be asked.
        click.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError(message, hint="To do it without being asked, add --yes. Nothing was changed.")
    click.confirm(visible(f"{message} Go on?"), abort=True, err=True)


def show_progress(progress: Progress) -> None:
    """Print each migration with its time, and each wait for a lock."""
    if progress.kind == "wait":
        echo(f"  {progress.text}", fg="yellow", err=True)
    elif progress.kind == "end":
        echo(f"  {progress.migration_id:<24} {progress.seconds * 1000:6.0f} ms")


def show_orphans(columns: Sequence[UserColumn], table: str) -> None:
    """Print the user columns with rows whose user is gone, and the command that repairs them."""
    orphaned = [column for column in columns if column.orphans]
    if orphaned:
        rows = ", ".join(f"{column.table_name}.{column.column_name} ({column.orphans:,})" for column in orphaned)
        repair = command("attach", "users", table, "--repair")
        complain(
            f"Rows whose user is gone: {rows}.", f"Delete them or set them to NULL, by each column's rule: {repair}"
        )


def left_out_line(components: Sequence[str]) -> str:
    """The components that the configuration leaves out, in a line."""
    return f"Left out: {', '.join(components)}. What does not work without them: {command('placement', '--components')}"


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
