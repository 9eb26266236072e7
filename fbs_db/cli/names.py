"""Commands for the names that later releases of FBS give to its tables."""

from __future__ import annotations

import click

from fbs_db.cli.base import done, json_option, main, print_json, schema_option
from fbs_db.schema import later_names as later

_COLOURS = {"current": "green", "out of date": "yellow", "taken": "red", "absent": "white"}


@main.group()
def names() -> None:
    """Views under the names of FBS 2.0.4 to 2.0.6, such as dms_document."""


@names.command("list")
@schema_option
@json_option
@click.pass_obj
def names_list(database: str | None, schema: str | None, as_json: bool) -> None:
    """Each name, its table, and whether a view bears it."""
    rows = later.list_later_names(database, schema=schema)
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    for row in rows:
        state = f"taken by your {row.taken_by}" if row.state == "taken" else row.state
        click.echo(f"{row.later_name:<24} {row.table_name:<38} {click.style(state, fg=_COLOURS[row.state])}")
    if not rows:
        click.echo("No table is installed here that has a later name.")


@names.command("add")
@schema_option
@json_option
@click.pass_obj
def names_add(database: str | None, schema: str | None, as_json: bool) -> None:
    """Make the views: the tables are read and written through them under their later names.

    Again does no harm; it mends views that no longer fit their table. What bears one of
    the names and is not of FBS stops it, and stays.
    """
    made = later.add_later_names(database, schema=schema)
    if as_json:
        print_json({"added": made})
    else:
        done(f"Made or mended: {', '.join(made)}." if made else "All of them are there already.")


@names.command("drop")
@schema_option
@json_option
@click.pass_obj
def names_drop(database: str | None, schema: str | None, as_json: bool) -> None:
    """Drop the views again; the tables and their rows stay."""
    dropped = later.drop_later_names(database, schema=schema)
    if as_json:
        print_json({"dropped": dropped})
    else:
        click.echo(f"Dropped: {', '.join(dropped)}." if dropped else "There were none.")
