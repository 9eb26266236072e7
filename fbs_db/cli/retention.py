"""The family of settings and of what is kept: ``settings``, ``purge``, ``files``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

import fbs_db
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.fleet import Each
from fbs_db.cli.output import complain, echo, show_progress, style, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.schema.settings import Setting, unknown
from fbs_db.wording import counted

if TYPE_CHECKING:
    from fbs_db.cleanup.attachments import FilesReport
    from fbs_db.cleanup.retention import Purged


@subcommand(main, "settings")
@click.argument("name", required=False, shell_complete=completion.settings)
@click.argument("value", required=False)
def settings(call: Call, *, name: str | None, value: str | None) -> Answer:
    """Show the settings, or set the setting NAME to VALUE.

    \b
    fbs-db settings cleanup queue               leave clean-ups to a worker
    fbs-db settings keep_audit_trails 3650      purge audit trails after ten years
    fbs-db settings keep_audit_trails ''        keep them for ever
    """
    if name is not None and value is not None:
        rows = [fbs_db.change_setting(name, value or None, call.database, schema=call.schema)]
    else:
        rows = [row for row in fbs_db.list_settings(call.database, schema=call.schema) if name in (None, row.name)]
        if not rows:
            raise unknown(str(name))
    return Answer(rows, _show_settings)


@subcommand(main, "purge", each=Each(is_script=lambda own: False, is_alike=lambda own: False))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completion.kept)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option(
    "--batch",
    metavar="ROWS",
    type=click.IntRange(1, 2**31 - 1),
    default=5000,
    show_default=True,
    help="Rows in one transaction.",
)
def purge(call: Call, *, names: tuple[str, ...], dry_run: bool, batch: int) -> Answer:
    """Remove logs and expired rows that are past their time.

    The settings keep_... tell how many days each kind is kept. Each NAME is a kind, such as
    audit_trails; without one, all kinds are purged.
    """
    so_far = _SoFar(shown=not call.as_json and not call.member)
    verb = "would be removed" if dry_run else "removed"

    def show(purged: list[Purged]) -> None:
        for row in purged:
            if row.days is None:
                echo(f"  {row.name}: kept for ever")
            else:
                echo(f"  {row.name}: {counted(row.rows, 'row')} from before {row.cutoff:%Y-%m-%d %H:%M} {verb}")

    try:
        purged = fbs_db.purge(
            names,
            call.database,
            dry_run=dry_run,
            batch=batch,
            schema=call.schema,
            progress=so_far,
            waiting=call.progress(show_progress),
        )
    except KeyboardInterrupt:
        so_far.told()
        raise
    rows = {row.name: row.rows for row in purged if row.rows}
    kinds = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    line = f"{counted(sum(rows.values()), 'row')} {verb}: {kinds}" if rows else ""
    outcome = "with nothing to remove" if not rows else "with rows to remove" if dry_run else "purged"
    return Answer(purged, show, outcome=outcome, line=line)


class _SoFar:
    """Rows that a purge has removed so far, by the name of their kind; printed once a second."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._rows: dict[str, int] = {}
        self._began = self._last = self._printed = time.monotonic()

    def __call__(self, name: str, rows: int) -> None:
        if name not in self._rows:
            self._began = self._last
        self._rows[name] = rows
        self._last = time.monotonic()
        if self._shown and self._last - self._printed >= 1:
            self._printed = self._last
            speed = rows / (self._last - self._began)
            echo(f"  {name}: {counted(rows, 'row')} so far, {speed:,.0f} a second", err=True)

    def told(self) -> None:
        """Print what an interrupted purge has removed."""
        if self._rows:
            rows = ", ".join(f"{counted(rows, 'row')} of {name}" for name, rows in self._rows.items())
            echo(f"Removed: {rows}. The same command goes on with the rest.", err=True)


@main.group("files")
def files() -> None:
    """Remove the stored files of deleted attachments."""


@subcommand(files, "purge")
@click.option(
    "--root",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The directory of the storage, such as Django's MEDIA_ROOT.",
)
@click.option(
    "--give-up", metavar="NAME", multiple=True, help="Keep this file and take it off the list. Can be repeated."
)
def files_purge(call: Call, *, root: Path, give_up: tuple[str, ...]) -> Answer:
    """Remove the listed files below DIR, and nothing outside it.

    Symbolic links below DIR are not followed. Exit code 1 if some could not be removed:
    they stay on the list, with the reason, until they are removed or given up.
    """
    report = fbs_db.purge_files(fbs_db.remover(root), call.database, give_up=give_up, schema=call.schema)
    return Answer(report, _show_files, 1 if report.failed else 0)


def _show_settings(rows: list[Setting]) -> None:
    for row in rows:
        value = "NULL" if row.value is None else row.value
        echo(f"{style(row.name, bold=True)} = {value}    ({row.allowed})")
        echo(wrapped(row.description, "    "))


def _show_files(report: FilesReport) -> None:
    for name in report.given_up:
        echo(f"Given up: {_printable(name)}")
    already = f"; {counted(len(report.gone), 'file')} gone already" if report.gone else ""
    echo(f"{counted(len(report.removed), 'file')} removed{already}.")
    for name, reason in report.failed:
        complain(f"{_printable(name)}: {reason}")
    if report.failed:
        echo("They stay on the list. To keep a file and take it off the list: --give-up NAME", err=True)


def _printable(name: str) -> str:
    """A file name in one line, whatever it contains, as a shell takes it."""
    if name.isprintable():
        return name
    escaped = "".join(
        character
        if character.isprintable() and character not in "\\'"
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
        for character in name
    )
    return f"$'{escaped}'"
