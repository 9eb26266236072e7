"""The command that makes a schema managed whose tables something else made."""

from __future__ import annotations

import sys

import click

import fbs_db
from fbs_db.adoption import AdoptedTable, AdoptReport
from fbs_db.cli.base import complain, json_option, main, print_json, quiet, schema_option, verbose
from fbs_db.cli.health import show_finding
from fbs_db.errors import AdoptionRefused
from fbs_db.reports import Progress
from fbs_db.schema.later_names import LATER
from fbs_db.wording import command, commented

_STATE_COLOURS = {"matches": "green", "adapts": "yellow", "missing": "yellow", "stops": "red"}


@main.command("adopt")
@click.option("--apply", "apply_", is_flag=True, help="Do it: all of it, or nothing.")
@click.option("--user-table", metavar="T", help="The host's user table; by default the one the keys point at.")
@schema_option
@json_option
@click.pass_obj
def adopt(database: str | None, apply_: bool, user_table: str | None, schema: str | None, as_json: bool) -> None:
    """Make FBS's tables managed that Django made, and keep every row.

    Shows the plan, table by table: what matches, what is renamed, added, changed, or
    dropped as redundant, and what stops it. With -v its statements, too, for psql: all
    else are comments then. With --apply it is done, in one transaction, and checked
    before that is final.

    A table that is there under two names becomes one, in a managed schema too: the empty
    one is dropped, and the rows of the other are kept. Rows in both stop it.

    Exit codes: 0 it can be done, or was; 1 something stops it; 2 it could not look.
    """
    try:
        report = fbs_db.adopt(
            database,
            schema=schema,
            user_table=user_table,
            apply=apply_,
            progress=quiet if as_json else _show_progress,
        )
        refusal = None
    except AdoptionRefused as error:
        report, refusal = error.report, error
    if as_json:
        print_json(report.as_dict())
    else:
        _show(report)
    if refusal:
        # What the plan has shown need not be said twice.
        complain("It was not adopted." if report.stops else refusal.message, refusal.hint)
    elif not as_json:
        _conclude(report)
    if report.stops or refusal:
        sys.exit(1)


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
    if verbose() and report.script:
        click.echo(report.script)


def _show_table(table: AdoptedTable) -> None:
    counts = {
        "match": table.matching,
        "renamed": table.renamed,
        "added": table.added,
        "changed": table.changed,
        "dropped": table.dropped,
        "stop it": table.stops,
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    was = f"now {table.present}; " if table.present not in ("", table.name) else ""
    state = click.style(f"{table.state:<8}", fg=_STATE_COLOURS[table.state])
    _say(f"{table.name:<42} {state} {was}{said if table.present else 'is made, empty'}")


def _conclude(report: AdoptReport) -> None:
    users = f"its users are in {report.user_table}" if report.user_table else "tied to no user table"
    where = f"schema {report.schema} of {report.database}, {users}"
    if report.adopted:
        if report.check is not None and report.check.healthy:
            _say(click.style(f"Adopted, and healthy: {where}.", fg="green"))
        else:
            _say(click.style(f"Adopted: {where}.", fg="green"))
            _say(f"See what else there is: {command('check')}")
        former = sorted(table.present for table in report.tables if table.present in LATER)
        if former:
            _say(f"For code that goes on using {', '.join(former)} make views: {command('names', 'add')}")
    elif report.stops:
        stop = "1 of these stops it" if len(report.stops) == 1 else f"{len(report.stops)} of these stop it"
        _say(f"{stop}: {where}. Nothing was changed.")
    else:
        users_named = ("--user-table", report.user_table) if report.user_table else ()
        _say(click.style(f"It can be adopted: {where}.", fg="green"))
        _say(f"Nothing was changed. Do it: {command('adopt', *users_named, '--apply')}")


def _say(text: str) -> None:
    """Beside the statements all else are comments, so that psql runs the whole."""
    click.echo(commented(text) if verbose() else text)


def _show_progress(progress: Progress) -> None:
    if "trying again" in progress.text or "waiting for" in progress.text:
        click.secho(f"  {progress.text}", fg="yellow", err=True)
