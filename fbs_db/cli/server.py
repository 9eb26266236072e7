"""Commands that govern the embedded server."""

from __future__ import annotations

import click

from fbs_db.cli.base import json_option, main, print_json
from fbs_db.database import server


@main.group("server")
def server_group() -> None:
    """The embedded PostgreSQL server, with its data in .fbs-db/."""


@server_group.command("start")
@json_option
def server_start(as_json: bool) -> None:
    """Start it, making its data where there are none yet."""
    server.start(ways="")
    _show_server(as_json)


@server_group.command("stop")
@json_option
def server_stop(as_json: bool) -> None:
    """Stop it; its data stay."""
    server.stop()
    _show_server(as_json)


@server_group.command("status")
@json_option
def server_status(as_json: bool) -> None:
    """Whether it runs, and where its data are."""
    _show_server(as_json)


def _show_server(as_json: bool) -> None:
    now = server.status()
    if as_json:
        print_json(now.as_dict())
    elif now.running:
        click.echo(f"Running: {now.url} (process {now.pid}, PostgreSQL {now.version}, data in {now.data})")
    elif now.version:
        click.echo(f"Stopped; data of PostgreSQL {now.version} in {now.data}")
    else:
        click.echo(f"None here; its data would be in {now.data}")
