"""The family of isolation: ``isolate on``, ``off``, ``status``."""

from __future__ import annotations

import sys

import click

import fbs_db
from fbs_db.access.isolation import IsolationReport, IsolationStatus, in_lines, next_step
from fbs_db.cli.base import main
from fbs_db.cli.output import done, echo, print_exact, style, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import FbsDbError, IsolationRefused
from fbs_db.reports import Progress
from fbs_db.wording import command, commented, counted


@main.group("isolate")
def isolate() -> None:
    """Let PostgreSQL keep the rows of solutions apart.

    While isolation is on, a login sees and writes the rows of its own solutions only,
    whatever program it uses. FBS's owner and superusers see all rows.
    """


@subcommand(isolate, "on")
@click.option("--dry-run", is_flag=True, help="Print the obstacles and the SQL, and change nothing.")
@click.option("--anyway", is_flag=True, help="Switch it on although there are obstacles.")
def on(call: Call, *, dry_run: bool, anyway: bool) -> Answer:
    """Switch isolation on.

    First it reports what stands in the way, such as rows that name no solution: nobody
    would see them but FBS's owner. It counts them in each table, which takes time where
    tables are large, and blocks nobody. Then all tables change in one transaction, which
    locks them for a moment.

    Exit codes: 0 it is on; 1 something stands in the way; 2 it could not be done.
    """
    return _switched(True, call, dry_run, anyway)


@subcommand(isolate, "off")
@click.option("--dry-run", is_flag=True, help="Print the obstacles and the SQL, and change nothing.")
def off(call: Call, *, dry_run: bool) -> Answer:
    """Switch isolation off.

    Then every role sees all rows of the tables that it may read. It is refused while several
    solutions have the same custom field of the same record: without isolation a field can be
    there once.

    Exit codes: 0 it is off; 1 something stands in the way; 2 it could not be done.
    """
    return _switched(False, call, dry_run, False)


@subcommand(isolate, "status")
def status(call: Call) -> Answer:
    """Show whether isolation is on, what it covers, and who sees what.

    Exit codes: 0 it is off, or on and complete; 1 it is on and something is wrong; 2 it could
    not be looked at.
    """
    report = fbs_db.isolation_status(call.database, schema=call.schema)
    return Answer(report, _show_status, 0 if report.complete and not report.problems else 1)


def _switched(wanted: bool, call: Call, dry_run: bool, anyway: bool) -> Answer:
    progress = call.progress(_show_progress)
    try:
        report = fbs_db.isolate(
            wanted, call.database, schema=call.schema, dry_run=dry_run, anyway=anyway, progress=progress
        )
    except IsolationRefused as error:
        if error.report is None:
            raise
        return Answer(error.report, lambda _: None, 1, (FbsDbError(error.message, hint=error.hint),))
    if dry_run:
        return Answer(report, _show_plan, 1 if report.obstacles else 0)
    return Answer(report, _show_done)


def _show_plan(report: IsolationReport) -> None:
    """Print the plan. What is no statement is a comment: psql can run the whole output."""
    word = "on" if report.wanted else "off"
    if report.obstacles:
        verb = counted(len(report.obstacles), "obstacle", "stands", "stand")
        echo(commented(f"{verb} in the way:"), fg="yellow")
        echo(commented("\n".join(map(in_lines, report.obstacles))))
    if report.sql:
        print_exact(report.sql)
        echo(commented(next_step(report)))
    else:
        echo(commented(f"Isolation is {word}, and nothing is to be done."))


def _show_done(report: IsolationReport) -> None:
    word = "on" if report.wanted else "off"
    where = f"in schema {report.schema} of {report.database}"
    if not report.changes and report.was == report.wanted:
        done(f"Isolation is {word} already {where}. Nothing was changed.")
    else:
        changes = f": {counted(report.changes, 'change')}" if report.changes else ""
        done(f"Isolation is {word} {where}{changes}.")
    for one in report.obstacles:
        echo(in_lines(one), fg="yellow")


def _show_status(report: IsolationStatus) -> None:
    echo(
        f"Isolation is {style('on' if report.on else 'off', bold=True)} in schema {report.schema} of {report.database}."
    )
    verb = "are kept apart" if report.on else "would be kept apart"
    echo(f"\nThe rows of {counted(len(report.tables), 'table')} {verb}:")
    for table in report.tables:
        how = f"by {table.column}" if not table.parent else f"through {table.parent}, by {table.column}"
        missing = style(f"  MISSING: {', '.join(table.missing)}", fg="red") if table.missing else ""
        echo(f"  {table.table:<40} {how}{missing}")
    if report.others:
        echo("\nThese tables have no solution: a role with rights on one sees all of its rows, whoever wrote them.")
        echo(wrapped(", ".join(report.others), "  "))
    _show_roles(report)
    if report.problems:
        echo("\nProblems:")
        for one in report.problems:
            echo(in_lines(one), fg="yellow")
    if not report.complete:
        echo(f"\nSomething is missing. To add it: {command('isolate', 'on')}", fg="red")


def _show_roles(report: IsolationStatus) -> None:
    if report.roles is None:
        echo("\nWhich roles see rows could not be read: no privilege to read fbs_roles.")
        return
    if not report.roles:
        return
    echo("\nWhat each login sees while isolation is on:")
    for role in report.roles:
        sees = "the solution that fbs.solution names" if role.shared else ", ".join(role.solutions) or "no row"
        echo(f"  {role.role:<40} {role.work:<8} {sees}")


def _show_progress(progress: Progress) -> None:
    if sys.stderr.isatty() or "trying again" in progress.text:
        echo(f"{progress.text} ...", err=True)
