"""The command that writes the schema reference."""

from __future__ import annotations

import click

from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.output import done, print_exact
from fbs_db.cli.subcommand import Answer, Call, subcommand


@subcommand(main, "docs")
@click.option(
    "--html",
    "file",
    required=True,
    metavar="FILE",
    shell_complete=completion.file,
    help="The file to write; - for standard output.",
)
def docs(call: Call, *, file: str) -> Answer:
    """Write the reference of this schema as one HTML page.

    \b
    fbs-db docs --html schema.html

    It shows tables with columns and keys, what a deletion does, a diagram, views,
    functions and settings. The page has a search box and needs no network.
    """
    from fbs_db.docs import html_page, write_docs

    if file == "-":
        page = html_page(call.database, schema=call.schema)
        return Answer({"html": page}, lambda _: print_exact(page, nl=False))
    path = write_docs(file, call.database, schema=call.schema)
    return Answer({"written": str(path)}, lambda _: done(f"Written: {path}"))
