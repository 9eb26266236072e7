"""The command that writes the schema reference."""

from __future__ import annotations

import click

from fbs_db.cli.base import done, json_option, main, print_json, schema_option


@main.command()
@click.option("--html", "file", required=True, metavar="FILE", help="Where to write it; - for standard output.")
@schema_option
@json_option
@click.pass_obj
def docs(database: str | None, file: str, schema: str | None, as_json: bool) -> None:
    """Write the reference of the schema as it is here: one HTML page, to be opened as a file.

    \b
    fbs-db docs --html schema.html

    Tables with columns, keys, what happens on a deletion, and a picture of the whole;
    views, functions, settings. It has a search box and needs no network.
    """
    from fbs_db.docs import html_page, write_docs

    if file == "-":
        page = html_page(database, schema=schema)
        if as_json:
            print_json({"html": page})
        else:
            click.echo(page.encode(), nl=False)
        return
    path = write_docs(file, database, schema=schema)
    if as_json:
        print_json({"written": str(path)})
    else:
        done(f"Written: {path}")
