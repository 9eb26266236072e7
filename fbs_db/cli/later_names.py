"""The family of FBS's later table names: ``later-names list``, ``add``, ``drop``."""

from __future__ import annotations

import fbs_db
from fbs_db.cli.base import main
from fbs_db.cli.output import done, echo, style
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.schema.later_names import LaterName

_COLOURS = {"current": "green", "out of date": "yellow", "taken": "red", "absent": "white"}


@main.group("later-names")
def later_names() -> None:
    """Manage views under FBS's later table names.

    FBS 2.0.4 to 2.0.6 call some tables by other names, such as dms_document.
    """


@subcommand(later_names, "list")
def list_(call: Call) -> Answer:
    """List each later name, its table, and the state of its view."""
    return Answer(fbs_db.list_later_names(call.database, schema=call.schema), _show)


@subcommand(later_names, "add")
def add(call: Call) -> Answer:
    """Create the views.

    Through them the tables are read and written by their later names. The command
    can be repeated, and recreates views that no longer fit their table. It stops if an
    object of yours has one of the names, and leaves that object alone.
    """
    made = fbs_db.add_later_names(call.database, schema=call.schema)
    text = f"Created or recreated: {', '.join(made)}." if made else "All views are there already."
    return Answer({"added": made}, lambda _: done(text))


@subcommand(later_names, "drop")
def drop(call: Call) -> Answer:
    """Drop the views. The tables and their rows stay."""
    dropped = fbs_db.drop_later_names(call.database, schema=call.schema)
    text = f"Dropped: {', '.join(dropped)}." if dropped else "There are no such views."
    return Answer({"dropped": dropped}, lambda _: echo(text))


def _show(rows: list[LaterName]) -> None:
    for row in rows:
        state = f"taken by your {row.taken_by}" if row.state == "taken" else row.state
        echo(f"{row.later_name:<24} {row.table_name:<38} {style(state, fg=_COLOURS[row.state])}")
    if not rows:
        echo("No installed table has a later name.")
