"""The family that ties FBS to its host: ``attach``, ``detach``."""

from __future__ import annotations

from functools import partial

import click

import fbs_db
from fbs_db.cleanup.hosts import Host
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.cleanup import keys_of
from fbs_db.cli.output import confirm, done, echo, show_orphans, show_progress
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import RowsAtStake, UsageError
from fbs_db.reports import UserColumn
from fbs_db.wording import counted


@main.group("attach")
def attach() -> None:
    """Attach FBS to the host's user table, or to a host table."""


@main.group("detach")
def detach() -> None:
    """Undo attach. No row changes."""


@subcommand(attach, "users")
@click.argument("table", shell_complete=completion.host_tables)
@click.option(
    "--repair", is_flag=True, help="Delete rows whose user is gone, or set them to NULL, by each column's rule."
)
def attach_users(call: Call, *, table: str, repair: bool) -> Answer:
    """Tie FBS's user columns to the host's user TABLE with foreign keys.

    From then on, deleting a user deletes the user's rows in FBS or sets their user columns
    to NULL, by the rule of each column. The user table is locked for a moment only. The
    command can be repeated. Exit code 1 where rows have no user and --repair is not given.
    """
    columns = fbs_db.attach_users(
        table, call.database, repair=repair, schema=call.schema, progress=call.progress(show_progress)
    )
    left = [column for column in columns if not column.validated]

    def show(columns: list[UserColumn]) -> None:
        done(f"{counted(len(columns), 'user column', 'is', 'are')} tied to {table}.")
        for column in columns:
            if column.orphans and column.validated:
                rows = counted(column.orphans, "row")
                echo(f"  {column.table_name}.{column.column_name}: {rows} without a user repaired")
        show_orphans(left, table)

    return Answer(columns, show, 1 if left else 0)


@subcommand(attach, "host")
@click.argument("table", shell_complete=completion.host_tables)
@click.option(
    "--model", required=True, metavar="NAME", help="The model name in FBS's rows that point at it: tenants.tenant."
)
@click.option("--key", metavar="COLUMN", help="Its key column. By default the primary key.")
@click.option("--solution", metavar="NAME", help="Clean up the rows of this solution only. By default those of all.")
@click.option(
    "--solution-column",
    metavar="COLUMN",
    help="The column that names each row's solution: its deletion reaches that solution's own database, and no other.",
)
@click.option(
    "--follow-keys/--fixed-keys",
    default=None,
    help="Whether FBS's rows follow when a key changes. By default they do, unless the key is an identity or serial.",
)
@click.option("--yes", is_flag=True, help="Do not ask, though rows get another model name.")
def attach_host(
    call: Call,
    *,
    table: str,
    model: str,
    key: str | None,
    solution: str | None,
    solution_column: str | None,
    follow_keys: bool | None,
    yes: bool,
) -> Answer:
    """Attach a host TABLE.

    From then on, deleting its rows cleans up FBS's rows. The command can be
    repeated, and restores missing triggers. With another model name than before, FBS's
    rows get the new name: if there are any, it asks first, or needs --yes. Two tables can
    have one model name if each has a solution of its own. It connects to no database that a
    solution has of its own.
    """
    if solution is not None and solution_column is not None:
        raise UsageError("Give --solution or --solution-column, not both.")
    attached = partial(
        fbs_db.attach_host,
        table,
        model,
        call.database,
        key=key,
        solution=solution,
        solution_column=solution_column,
        follow_keys=follow_keys,
        schema=call.schema,
        progress=call.progress(show_progress),
    )
    try:
        host = attached(rename_rows=yes)
    except RowsAtStake as error:
        confirm(error.message)
        host = attached(rename_rows=True)
    return Answer(host, _show_attached)


@subcommand(detach, "users")
def detach_users(call: Call) -> Answer:
    """Untie FBS's user columns from the user table.

    Their foreign keys are dropped.
    """
    return Answer({"detached": fbs_db.detach_users(call.database, schema=call.schema)}, _show_untied)


@subcommand(detach, "host")
@click.argument("table", shell_complete=completion.attached)
def detach_host(call: Call, *, table: str) -> Answer:
    """Take FBS's triggers off a host TABLE.

    From then on, deleting its rows cleans up nothing.
    """
    was_attached = fbs_db.detach_host(table, call.database, schema=call.schema)
    text = f"{table} is detached." if was_attached else f"{table} was not attached."
    return Answer({"detached": was_attached}, lambda _: echo(text))


def _show_attached(host: Host) -> None:
    done(f"{host.table} is attached as {host.name}, {keys_of(host)}.")


def _show_untied(value: dict[str, int]) -> None:
    count = value["detached"]
    echo(f"{counted(count, 'user column')} untied." if count else "Users were not attached.")
