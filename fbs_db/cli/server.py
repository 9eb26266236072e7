"""The family of the embedded server: ``server``, ``demo``."""

from __future__ import annotations

import click

from fbs_db.cli.base import main
from fbs_db.cli.output import done, echo
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.database import server, which
from fbs_db.errors import UsageError
from fbs_db.schema import demo as demo_data
from fbs_db.wording import command, given


@main.group("server")
def server_group() -> None:
    """Start, stop or look at the embedded PostgreSQL server.

    It comes with: pip install 'fbs-db[embedded]'. Its data are in .fbs-db/ of the current
    directory or of one above it. A command that finds no other database starts it and
    works on it; migrate and demo create it. It runs until fbs-db server stop.
    """


@subcommand(server_group, "start", schema=False)
def start(_: Call) -> Answer:
    """Start the server. The first start creates its data."""
    server.start(ways="")
    return _status()


@subcommand(server_group, "stop", schema=False)
def stop(_: Call) -> Answer:
    """Stop the server. Its data stay."""
    server.stop()
    return _status()


@subcommand(server_group, "status", schema=False)
def status(_: Call) -> Answer:
    """Show whether the server runs, its URL and its data."""
    return _status()


@subcommand(main, "demo", schema=False)
@click.option("--reset", is_flag=True, help="Make it anew. FBS rows of its users, records and solution are lost.")
def demo(call: Call, *, reset: bool) -> Answer:
    """Fill the embedded database with a small rentals host.

    The host is attached, so deleting its rows cleans up FBS's rows. Later --reset makes the
    schema rentals, and the FBS rows that point at it, as they were. It refuses where that
    would touch anything else.
    """
    if call.database is not None:
        raise UsageError("The demo is on the embedded server alone.", hint="Leave --database out.")
    url = server.start(ways="")
    if _another_is_named():  # a command that is suggested must not change that one
        click.get_current_context().with_resource(given(database=url))
    return Answer({"filled": demo_data.fill(reset=reset)}, _show_demo)


def _another_is_named() -> bool:
    try:
        return which.named()[0] is not None
    except UsageError:  # such as a variable that is not set
        return True


def _status() -> Answer:
    return Answer(server.status(), _show_status)


def _show_status(now: server.ServerStatus) -> None:
    if now.running:
        echo(f"Running: {now.url} (process {now.pid}, PostgreSQL {now.version}, data in {now.data})")
    elif now.version:
        echo(f"Stopped. The data of PostgreSQL {now.version} are in {now.data}")
    else:
        echo(f"Not created yet. Its data would be in {now.data}")


def _show_demo(value: dict[str, bool]) -> None:
    if value["filled"]:
        done("The schema rentals now holds a small rentals host, with FBS rows that point at its rows.")
        echo(f"README shows what to try. Look around: {command('psql')}")
    else:
        echo(f"The schema rentals is there already. Nothing was changed. To make it anew: {command('demo', '--reset')}")
