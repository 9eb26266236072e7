"""The family of placement: ``placement``, ``placement move``, ``placement drop``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

import fbs_db
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.output import confirm, done, echo, style, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.database import fleet
from fbs_db.database.config import EVERY
from fbs_db.database.session import open_session
from fbs_db.places.kept import kept_tables
from fbs_db.places.state import MovedTable
from fbs_db.reports import Progress
from fbs_db.wording import command, counted

if TYPE_CHECKING:
    from fbs_db.places.move import MoveReport
    from fbs_db.places.show import PlacedTable
    from fbs_db.reads.left_out import LeftOut


@subcommand(main, "placement", schema=False, cls=click.Group, invoke_without_command=True)
@click.option("--components", is_flag=True, help="Leave the tables out.")
def placement(call: Call, *, components: bool) -> Answer:
    """Show which database holds each table, and why.

    It reads the configuration (fbs-db.toml, pyproject.toml or Django's settings) and
    connects to no database. Of components that are left out it shows what does not work.
    """
    from fbs_db.reads.left_out import left_out  # all reads, which other commands need not load

    rows, without = fbs_db.placement(), left_out()
    if call.as_json:
        shown: list[dict[str, Any]] = [row.as_dict() for row in rows]
        if components:
            whole = {(row["component"], row["database"]): row for row in shown}.values()
            shown = [{key: value for key, value in row.items() if key != "table"} for row in whole]
        return Answer([*shown, *(one.as_dict() for one in without)], echo)

    def show(rows: list[PlacedTable]) -> None:
        _show_placement(rows, tables=not components)
        _show_left_out(without, tables=not components)

    return Answer(rows, show)


@subcommand(placement, "move", schema=False)
@click.argument("component", shell_complete=completion.components)
@click.option(
    "--to",
    required=True,
    metavar="NAME",
    shell_complete=completion.configured,
    help="The configured database to move it to.",
)
@click.option("--dry-run", is_flag=True, help="Only show the tables and their numbers of rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def move(call: Call, *, component: str, to: str, dry_run: bool, yes: bool) -> Answer:
    """Move a COMPONENT and its rows to another database.

    The rows are copied in one snapshot and compared before the move is final. Writers
    wait meanwhile. Then the configuration names the new database, and the old tables are
    kept until fbs-db placement drop. Repeat the command to finish an interrupted move.
    To cancel one whose rows have not arrived yet, move back with --to.
    """
    plan = fbs_db.move(component, to, dry_run=True)
    if dry_run:
        return Answer(plan, _show_move)
    if not yes and any(table.rows for table in plan.tables):
        confirm(
            f"This moves {_counted(plan.tables)} from {plan.source} to {plan.target}. Writers wait until it is done."
        )
    return Answer(fbs_db.move(component, to, progress=call.progress(_show_progress)), _show_move)


@subcommand(placement, "drop", schema=False)
@click.argument("component", shell_complete=completion.components)
@click.option(
    "--from",
    "source",
    required=True,
    metavar="NAME",
    shell_complete=completion.configured,
    help="The configured database that has them.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(_: Call, *, component: str, source: str, yes: bool) -> Answer:
    """Drop the old tables of a COMPONENT.

    A move has kept them, or the configuration leaves the component out. They go with their rows.
    """
    with open_session(fleet.named(source), None, application="fbs-db placement drop") as session:
        schema, kept = kept_tables(session, component)
    if not yes:
        confirm(f"This drops {_counted(kept)} in schema {schema} of {source}.")
    dropped = fbs_db.drop_moved(component, source)
    return Answer(dropped, lambda _: done(f"{counted(len(dropped), 'table')} dropped in {source}."))


def _show_placement(rows: list[PlacedTable], *, tables: bool) -> None:
    for (component, database), group in groupby(rows, key=lambda row: (row.component, row.database)):
        placed = list(group)
        where = f"{placed[0].location}, schema {placed[0].schema}"
        echo(f"{style(component, bold=True)} in {style(database, bold=True)}: {where}")
        echo(f"  as {placed[0].reason}")
        if placed[0].solutions is not None:
            echo(f"  for {_whose(placed[0].solutions)}")
        if users := placed[0].user_table or placed[0].user_key_type:
            echo(f"  {'users' if placed[0].user_table else 'user keys'}: {users}")
        for row in placed if tables else ():
            echo(f"    {row.table}")


def _show_left_out(components: list[LeftOut], *, tables: bool) -> None:
    for one in components:
        echo(f"{style(one.component, bold=True)} is {style('left out', bold=True)}: {one.reason}")
        models = [f"model {label}" for label in one.models]
        lost = ", ".join([*(f"fbs.{read}" for read in one.reads), *models])
        echo(wrapped(f"Without it these fail: {lost}.", "  "))
        if one.fewer:
            echo(wrapped(f"These lack its rows: {', '.join(f'fbs.{read}' for read in one.fewer)}.", "  "))
        for table in one.tables if tables else ():
            echo(f"    {table}")
    if components:
        echo(f"Tables that are there stay. To see them: {command('check', '--all')}")


def _whose(solutions: tuple[str, ...] | str) -> str:
    """Which solutions have a database by a pattern, in words."""
    if isinstance(solutions, tuple):
        return f"the solutions {', '.join(solutions)}" if solutions else "no solution"
    return "each solution whose database is on the server" if solutions == EVERY else f"the solutions of: {solutions}"


def _show_move(report: MoveReport) -> None:
    if report.source == report.target:
        verb = "can be" if not report.done else "is"
        done(f"The move of {report.component} {verb} cancelled. It stays in {report.target}.")
        return
    for table in report.tables:
        rows = f"{table.rows:>12,} {'row ' if table.rows == 1 else 'rows'}"
        echo(f"  {table.table:<42} {rows}  {'equal' if table.checksum else ''}".rstrip())
    if not report.done:
        echo(f"{_counted(report.tables)} would move from {report.source} to {report.target}. Nothing was changed.")
        return
    done(f"{report.component} is now in {report.target}.")
    echo(
        f"The old tables are kept in schema {report.kept} of {report.source}."
        f" Drop them: {command('placement', 'drop', report.component, '--from', report.source)}"
    )
    if report.change:
        echo(report.change, fg="yellow")


def _counted(tables: Sequence[MovedTable]) -> str:
    return f"{counted(len(tables), 'table')} with {counted(sum(table.rows for table in tables), 'row')}"


def _show_progress(progress: Progress) -> None:
    if progress.kind == "wait":
        echo(f"  {progress.text}", err=True)
