"""Commands that tell whether the schema is whole, and mend it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from fbs_db import wording
from fbs_db.cli.base import (
    all_option,
    done,
    json_option,
    main,
    on_each,
    print_json,
    quiet,
    schema_option,
    wrapped,
)
from fbs_db.health.check import CheckReport, Finding, check
from fbs_db.health.repair import RepairReport, repair
from fbs_db.reports import Progress

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


@main.command("check")
@click.option("--only", metavar="KIND", multiple=True, help="Look for these only, such as index; may be given again.")
@click.option("--data", is_flag=True, help="Look at the rows, too. Reads whole tables.")
@schema_option
@all_option
@json_option
@click.pass_obj
def check_command(
    database: str | None, only: tuple[str, ...], data: bool, schema: str | None, all_: bool, as_json: bool
) -> None:
    """Is the schema whole? What is missing, changed or waiting, and what mends it.

    Reads only. Exit codes: 0 healthy, which notes do not change; 1 there are findings;
    2 it could not look.
    """

    def work(database: str | None) -> tuple[Any, int]:
        report = check(database, schema=schema, only=only, data=data, progress=quiet if as_json else _show_table)
        if not as_json:
            show_findings(report)
        return report.as_dict(), 0 if report.healthy else 1

    on_each(database, all_, as_json, work)


def show_findings(report: CheckReport) -> None:
    """Each finding with what mends it, and how many there are."""
    for finding in report.findings:
        show_finding(finding)
    severities = [finding.severity for finding in report.findings]
    counts = {severity: severities.count(severity) for severity in severities}
    said = ", ".join(wording.counted(count, severity) for severity, count in counts.items())
    where = f"{wording.counted(report.objects, 'object')} compared in schema {report.schema} of {report.database}"
    if report.healthy:
        done(f"Healthy{f', with {said}' if said else ''}: {where}.")
    else:
        click.echo(f"{said}: {where}.")


def show_finding(finding: Finding, say: Callable[[str], None] = click.echo) -> None:
    severity = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=finding.severity == "error")
    say(f"{severity}: {finding.kind} {finding.object}: {finding.problem}")
    for name, text in (("found", finding.found), ("expected", finding.expected)):
        if text and "\n" in text:
            say(f"  {name}: a text of {len(text.splitlines())} lines (see --json)")
        elif text:
            say(wrapped(f"{name}: {text}", "  "))
    if finding.mend:
        mend = wording.typed(finding.mend)
        say(f"  {'mend' if wording.is_command(mend) else 'hint'}:  {mend}")


def _show_table(progress: Progress) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{progress.text} ...", err=True, nl=False)


@main.command("repair")
@click.option("--apply", "apply_", is_flag=True, help="Run the repairs that lose no data.")
@schema_option
@json_option
@click.pass_obj
def repair_command(database: str | None, apply_: bool, schema: str | None, as_json: bool) -> None:
    """Show, or with --apply run, what brings a drifted schema back without losing data.

    What it prints is SQL, which psql runs too; all else are comments. Statements that
    could lose something are comments for you to decide, and never run.
    Exit codes: 0 nothing is left to repair; 1 something is; 2 it could not be done.
    """
    report = repair(database, schema=schema, apply=apply_, progress=quiet if as_json else _show_repair)
    if as_json:
        print_json(report.as_dict())
    else:
        _show_mends(report, apply_)
    if not report.check.healthy:
        sys.exit(1)


def _show_mends(report: RepairReport, applied: bool) -> None:
    if any(mend.safe and not mend.done for mend in report.mends):
        click.echo(report.settings)
    for mend in report.mends:
        _say(f"{mend.kind} {mend.object}: {mend.problem}{'; mended' if mend.done else ''}")
        if mend.reason:
            _say(f"{'Not mended' if mend.safe else 'For you to decide'}: {mend.reason}", fg="yellow")
        for statement in mend.statements if not mend.done else ():
            click.echo(statement if mend.safe else wording.commented(statement))
    if not report.mends:
        _say("There is nothing to repair.", fg="green")
    elif not applied:
        _say(f"Nothing was changed. Run what is not commented out: {wording.command('repair', '--apply')}")
    left = [finding for finding in report.check.findings if finding.severity != "note"]
    if applied and report.mends and not left:
        _say(f"{len(report.mends)} repaired; the schema is whole.", fg="green")
    elif applied and left:
        _say(f"Left: {wording.counted(len(left), 'finding')}. See: {wording.command('check')}")
    elif any(finding.mend != wording.command("repair") for finding in left):
        _say(f"Other findings cannot be repaired this way. See: {wording.command('check')}")


def _say(text: str, fg: str | None = None) -> None:
    """All that is no statement is a comment, so that psql runs the whole."""
    click.echo(click.style(wording.commented(text), fg=fg))


def _show_repair(progress: Progress) -> None:
    if sys.stderr.isatty() or "trying again" in progress.text:
        click.echo(f"{progress.text} ...", err=True)
