"""The command that makes tables managed which Django made."""

from __future__ import annotations

import logging

import click

import fbs_db
from fbs_db.adoption import AdoptedTable, AdoptReport
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.health import show_finding
from fbs_db.cli.output import echo, print_exact, style
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import AdoptionRefused, FbsDbError
from fbs_db.reports import Progress
from fbs_db.schema.later_names import LATER
from fbs_db.wording import command, commented

_STATE_COLOURS = {"matches": "green", "adapts": "yellow", "missing": "yellow", "stops": "red"}


@subcommand(main, "adopt")
@click.option("--apply", "apply_", is_flag=True, help="Carry out the plan: all of it, or nothing.")
@click.option(
    "--user-table",
    metavar="T",
    shell_complete=completion.host_tables,
    help="The host's user table. By default the one the keys point at.",
)
def adopt(call: Call, *, apply_: bool, user_table: str | None) -> Answer:
    """Manage FBS tables that Django made, and keep every row.

    Shows the plan by table: what matches, what is renamed, added, changed or dropped as
    redundant, and what stops it. With -v it also prints the statements; everything else
    is a comment then, so that psql can run the output. With --apply the plan is carried
    out and checked in one transaction.

    A table that exists under two names becomes one, in a managed schema too: the table
    without rows is dropped. If both have rows, adoption stops.

    Exit codes: 0 it can be adopted, or was; 1 something stops it; 2 it could not be done.
    """
    progress = call.progress(_show_progress)
    try:
        report = fbs_db.adopt(call.database, schema=call.schema, user_table=user_table, apply=apply_, progress=progress)
    except AdoptionRefused as error:
        # What the plan shows is not said twice.
        message = "It was not adopted." if error.report.stops else error.message
        return Answer(error.report, _show, 1, (FbsDbError(message, hint=error.hint),))

    def show(report: AdoptReport) -> None:
        _show(report)
        _conclude(report)

    return Answer(report, show, 1 if report.stops else 0)


def _show(report: AdoptReport) -> None:
    for table in report.tables:
        _show_table(table)
    for change in report.changes:
        if change.kind == "rows" and change.statements:
            _say(f"copied: {change.object}: {change.reason}")
        if change.action == "drop":
            _say(f"dropped: {change.kind} {change.object}: {change.reason}")
    for finding in (*report.kept, *report.stops):
        show_finding(finding, _say)
    if _with_statements() and report.script:
        print_exact(report.script)


def _show_table(table: AdoptedTable) -> None:
    counts = {
        "match": table.matching,
        "renamed": table.renamed,
        "added": table.added,
        "changed": table.changed,
        "dropped": table.dropped,
        "stop it": table.stops,
    }
    details = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if not table.present:
        details = "will be created without rows"
    elif table.present != table.name:
        details = f"called {table.present} here; {details}"
    state = style(f"{table.state:<8}", fg=_STATE_COLOURS[table.state])
    _say(f"{table.name:<42} {state} {details}")


def _conclude(report: AdoptReport) -> None:
    users = f"its users are in {report.user_table}" if report.user_table else "tied to no user table"
    where = f"schema {report.schema} of {report.database}, {users}"
    if report.adopted:
        if report.check is not None and report.check.healthy:
            _say(style(f"Adopted and healthy: {where}.", fg="green"))
        else:
            _say(style(f"Adopted: {where}.", fg="green"))
            _say(f"See the remaining findings: {command('check')}")
        former = sorted(table.present for table in report.tables if table.present in LATER)
        if former:
            views = command("later-names", "add")
            _say(f"For code that still uses {', '.join(former)}, create views: {views}")
    elif report.stops:
        stop = "1 of these stops it" if len(report.stops) == 1 else f"{len(report.stops)} of these stop it"
        _say(f"{stop}: {where}. Nothing was changed.")
    else:
        options = ("--user-table", report.user_table) if report.user_table else ()
        _say(style(f"It can be adopted: {where}.", fg="green"))
        _say(f"Nothing was changed. Do it: {command('adopt', *options, '--apply')}")


def _with_statements() -> bool:
    return logging.getLogger("fbs_db").isEnabledFor(logging.INFO)


def _say(text: str) -> None:
    """Print a line; as a comment beside statements, so that psql can run the whole output."""
    echo(commented(text) if _with_statements() else text)


def _show_progress(progress: Progress) -> None:
    if "trying again" in progress.text or "waiting for" in progress.text:
        echo(f"  {progress.text}", fg="yellow", err=True)
