"""Commands that tell where each table lives, and let a component live elsewhere."""

from __future__ import annotations

from itertools import groupby

import click

import fbs_db
from fbs_db.cli.base import ask, done, json_option, main, print_json, quiet
from fbs_db.database import project
from fbs_db.database.session import open_session
from fbs_db.places.kept import kept_tables
from fbs_db.places.move import MoveReport
from fbs_db.places.state import MovedTable, kept_schema
from fbs_db.reports import Progress
from fbs_db.wording import command, counted


@main.group("placement", invoke_without_command=True)
@json_option
@click.pass_context
def placement(context: click.Context, as_json: bool) -> None:
    """Where each table lives, and why; nothing is connected to.

    The project says it in fbs-db.toml, in pyproject.toml, or in Django's settings.
    """
    if context.invoked_subcommand is not None:
        return
    rows = fbs_db.placement()
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    for (component, database), group in groupby(rows, key=lambda row: (row.component, row.database)):
        tables = list(group)
        where = f"{tables[0].location}, schema {tables[0].schema}"
        click.echo(f"{click.style(component, bold=True)} in {click.style(database, bold=True)}: {where}")
        click.echo(f"  as {tables[0].reason}")
        for row in tables:
            click.echo(f"    {row.table}")


@placement.command("move")
@click.argument("component")
@click.option("--to", required=True, metavar="NAME", help="The configured database it goes to.")
@click.option("--dry-run", is_flag=True, help="Only look: what would be moved, and how many rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def move(component: str, to: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Move a COMPONENT, such as licensing, with its rows to another database.

    Rows are copied in one snapshot and compared before anything is final; who writes
    meanwhile waits. Then the configuration names the new place, and the old tables are
    kept apart until they are dropped: fbs-db placement drop. Broken off, it is finished
    by typing the same again; before the rows have arrived, --to with the database where
    they are calls it off.
    """
    plan = fbs_db.move(component, to, dry_run=True)
    if dry_run:
        _show(plan, as_json)
        return
    if not yes and any(table.rows for table in plan.tables):
        ask(f"This moves {_counted(plan.tables)} from {plan.source} to {plan.target}; writers wait until it is done.")
    _show(fbs_db.move(component, to, progress=quiet if as_json else _tell), as_json)


@placement.command("drop")
@click.argument("component")
@click.option("--from", "source", required=True, metavar="NAME", help="The configured database it was moved from.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def drop(component: str, source: str, yes: bool, as_json: bool) -> None:
    """Drop the old tables of a COMPONENT that a move has kept."""
    with open_session(project.configuration().named(source), None, application="fbs-db placement drop") as session:
        kept = kept_tables(session, component)
    if not yes:
        ask(f"This drops {_counted(kept)} in schema {kept_schema(component)} of {source}.")
    dropped = fbs_db.drop_moved(component, source)
    if as_json:
        print_json([table.as_dict() for table in dropped])
    else:
        done(f"{counted(len(dropped), 'table')} dropped in {source}.")


def _show(report: MoveReport, as_json: bool) -> None:
    if as_json:
        print_json(report.as_dict())
        return
    if report.source == report.target:
        would = "can be" if not report.done else "is"
        done(f"The move of {report.component} {would} called off: it lives in {report.target}, as before.")
        return
    for table in report.tables:
        rows = f"{table.rows:>12,} {'row ' if table.rows == 1 else 'rows'}"
        click.echo(f"  {table.table:<42} {rows}  {'equal' if table.checksum else ''}".rstrip())
    if not report.done:
        click.echo(
            f"{_counted(report.tables)} would move from {report.source} to {report.target}. Nothing was changed."
        )
        return
    done(f"{report.component} lives in {report.target} now.")
    click.echo(
        f"The old tables are kept in schema {report.kept} of {report.source}."
        f" Drop them: {command('placement', 'drop', report.component, '--from', report.source)}"
    )
    if report.change:
        click.secho(report.change, fg="yellow")


def _counted(tables: tuple[MovedTable, ...] | list[MovedTable]) -> str:
    return f"{counted(len(tables), 'table')} with {counted(sum(table.rows for table in tables), 'row')}"


def _tell(progress: Progress) -> None:
    if progress.kind == "wait":
        click.echo(f"  {progress.text}", err=True)
