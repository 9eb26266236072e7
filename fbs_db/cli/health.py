"""The family of health: ``check``, ``repair``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click

import fbs_db
from fbs_db import wording
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.fleet import Each
from fbs_db.cli.output import done, echo, print_exact, style, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.health.findings import CheckReport, Finding
from fbs_db.health.repair import RepairReport
from fbs_db.reports import Progress

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


@subcommand(main, "check", each=Each(reads=True, is_alike=lambda own: True))
@click.option(
    "--only",
    metavar="KIND",
    multiple=True,
    shell_complete=completion.kinds,
    help="Report this kind only, such as index. Can be repeated.",
)
@click.option("--data", is_flag=True, help="Look at the rows too. This reads whole tables.")
@click.option("--quick", is_flag=True, help="A health check: compare no objects. It takes the server less than 100 ms.")
def check(call: Call, *, only: tuple[str, ...], data: bool, quick: bool) -> Answer:
    """Report what is wrong with the schema, and the repair.

    It finds what is missing, changed, pending or waiting, and changes nothing.

    Exit codes: 0 healthy, notes allowed; 1 there are findings; 2 the database could not
    be read.
    """
    progress = call.progress(_show_table)
    report = fbs_db.check(call.database, schema=call.schema, only=only, data=data, quick=quick, progress=progress)
    if report.healthy:
        return Answer(report, _show_findings, outcome="healthy by a quick check" if quick else "healthy", line="")
    return Answer(report, _show_wrong if call.member else _show_findings, 1, outcome="with findings")


@subcommand(
    main,
    "repair",
    each=Each(
        is_script=lambda own: True,
        is_alike=lambda own: not own["apply_"],
        then={"with findings left": ("check", "--all")},
    ),
)
@click.option("--apply", "apply_", is_flag=True, help="Run the repairs that lose no data.")
@click.option("--rights", is_flag=True, help="Also take away rights that others should not have. Hosts may use them.")
def repair(call: Call, *, apply_: bool, rights: bool) -> Answer:
    """Show, or with --apply run, repairs that lose no data.

    The output is SQL for psql; everything else in it is a comment. Statements that could
    lose data are comments too: they are for you to decide, and never run.

    What belongs to another role is given back to FBS's owner. That takes a superuser, or a
    member of both roles; with --role OWNER the login does it. What PUBLIC and other roles
    were granted and should not have stays, unless --rights is given: a host may need it.

    Exit codes: 0 nothing is left to repair; 1 something is left; 2 it could not be done.
    """
    report = fbs_db.repair(
        call.database, schema=call.schema, apply=apply_, rights=rights, progress=call.progress(_show_repair)
    )
    repairs = any(mend.done if apply_ else mend.safe for mend in report.mends)
    outcome = "repaired" if repairs else "healthy"
    if not report.check.healthy:
        outcome = "to repair" if repairs and not apply_ else "with findings left"
    return Answer(
        report,
        lambda report: _show_mends(report, apply_),
        0 if report.check.healthy else 1,
        outcome=outcome,
        line="" if outcome == "healthy" else None,
    )


def show_finding(finding: Finding, say: Callable[[str], None] = echo) -> None:
    """Print a finding, and how to repair it."""
    severity = style(finding.severity, fg=_COLOURS[finding.severity], bold=finding.severity == "error")
    say(f"{severity}: {finding.kind} {finding.object}: {finding.problem}")
    for name, text in (("found", finding.found), ("expected", finding.expected)):
        if text and "\n" in text:
            say(f"  {name}: a text of {len(text.splitlines())} lines (see --json)")
        elif text:
            say(wrapped(f"{name}: {text}", "  "))
    if finding.mend:
        mend = wording.typed(finding.mend)
        say(f"  {'mend' if wording.is_command(mend) else 'hint'}:  {mend}")


def _show_findings(report: CheckReport) -> None:
    for finding in report.findings:
        show_finding(finding)
    found, count = _counts(report.findings), wording.counted(report.objects, "object")
    where = f"{count} compared in schema {report.schema} of {report.database}"
    if report.quick:
        where = f"schema {report.schema} of {report.database}, but for missing or changed objects, rights and rules"
    if report.healthy:
        done(f"Healthy{f', with {found}' if found else ''}: {where}.")
    else:
        echo(f"{found}: {where}.")


def _show_wrong(report: CheckReport) -> None:
    """Print what is wrong, of one of many databases."""
    wrong = [finding for finding in report.findings if finding.severity != "note"]
    for finding in wrong:
        show_finding(finding)
    echo(f"{_counts(wrong)} in schema {report.schema}.")


def _counts(findings: Sequence[Finding]) -> str:
    severities = [finding.severity for finding in findings]
    counts = {severity: severities.count(severity) for severity in severities}
    return ", ".join(wording.counted(count, severity) for severity, count in counts.items())


def _show_table(progress: Progress) -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
        echo(f"{progress.text} ...", err=True, nl=False)


def _show_mends(report: RepairReport, applied: bool) -> None:
    if any(mend.safe and not mend.done for mend in report.mends):
        print_exact(report.settings)
    for mend in report.mends:
        _remark(f"{mend.kind} {mend.object}: {mend.problem}{'; repaired' if mend.done else ''}")
        if mend.reason:
            _remark(f"{'Not repaired' if mend.safe else 'For you to decide'}: {mend.reason}", fg="yellow")
        for statement in mend.statements if not mend.done else ():
            print_exact(statement if mend.safe else wording.commented(statement))
    if not report.mends:
        _remark("There is nothing to repair.", fg="green")
    elif not applied and any(mend.safe for mend in report.mends):
        _remark(f"Nothing was changed. To run the statements above: {wording.command('repair', '--apply')}")
    left = [finding for finding in report.check.findings if finding.severity != "note"]
    if applied and report.mends and not left:
        _remark(f"{len(report.mends)} repaired. The schema is healthy.", fg="green")
    elif applied and left:
        _remark(f"Left: {wording.counted(len(left), 'finding')}. See: {wording.command('check')}")
    elif {(one.kind, one.object, one.problem) for one in left} - {
        (one.kind, one.object, one.problem) for one in report.mends
    }:
        _remark(f"Other findings cannot be repaired this way. See: {wording.command('check')}")


def _remark(text: str, fg: str | None = None) -> None:
    """Print what is no statement as a comment: psql can run the whole output."""
    echo(wording.commented(text), fg=fg)


def _show_repair(progress: Progress) -> None:
    if sys.stderr.isatty() or "trying again" in progress.text:
        echo(f"{progress.text} ...", err=True)
