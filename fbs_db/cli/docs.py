"""The command that writes the schema reference."""

from __future__ import annotations

import click

from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.output import done, print_exact
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import UsageError


@subcommand(main, "docs")
@click.option("--html", metavar="FILE", shell_complete=completion.file, help="Write one page; - for standard output.")
@click.option("--markdown", metavar="FILE", shell_complete=completion.file, help="Write Markdown; - likewise.")
def docs(call: Call, *, html: str | None, markdown: str | None) -> Answer:
    """Write the reference of this schema.

    \b
    fbs-db docs --html schema.html              one page with a search box, which needs no network
    fbs-db docs --markdown schema.md            Markdown, with diagrams in Mermaid
    fbs-db docs --json > schema.json            for programs

    It shows tables with columns and keys, what a deletion does, diagrams, views,
    functions and settings.
    """
    from fbs_db.docs import FORMATS, Format, as_plain, reference_of, write_docs

    if html is not None and markdown is not None:
        raise UsageError("Give --html or --markdown, not both.")
    file = markdown if html is None else html
    if file is None:
        if not call.as_json:
            raise UsageError("No format is given.", hint="Add --html FILE, --markdown FILE or --json.")
        return Answer(as_plain(reference_of(call.database, schema=call.schema)), print)
    kind: Format = "markdown" if html is None else "html"
    if file == "-":
        text = FORMATS[kind](reference_of(call.database, schema=call.schema))
        return Answer({kind: text}, lambda _: print_exact(text, nl=False))
    path = write_docs(file, call.database, format=kind, schema=call.schema)
    return Answer({"written": str(path)}, lambda _: done(f"Written: {path}"))
