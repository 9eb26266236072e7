"""The family that shows tables: ``tables``, ``describe``."""

from __future__ import annotations

import textwrap
from itertools import groupby
from operator import attrgetter

import click

import fbs_db
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.output import echo, print_exact, size_of, style, width, wrapped
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.reports import Index, Table, TableDescription
from fbs_db.wording import command, counted


@subcommand(main, "tables")
@click.option("--indexes", is_flag=True, help="List the indexes instead: size on disk, scans, and purpose.")
def tables(call: Call, *, indexes: bool) -> Answer:
    """List FBS's tables: rows, size on disk, and purpose."""
    if indexes:
        return Answer(fbs_db.indexes(call.database, schema=call.schema), _show_indexes)
    return Answer(fbs_db.tables(call.database, schema=call.schema), _show_tables)


@subcommand(main, "describe")
@click.argument("table", shell_complete=completion.tables)
@click.option("--markdown", is_flag=True, help="Print Markdown.")
def describe(call: Call, *, table: str, markdown: bool) -> Answer:
    """Show one TABLE in full.

    It lists columns, constraints, indexes, triggers, policies, comments and referencing tables.
    """
    found = fbs_db.describe(table, call.database, schema=call.schema)
    if not markdown:
        return Answer(found, _show_description)
    from fbs_db.docs.markdown import description_as_markdown

    text = description_as_markdown(found)
    return Answer({"markdown": text}, lambda _: print_exact(text, nl=False))


def _show_tables(rows: list[Table]) -> None:
    if not rows:
        _show_none()
        return
    longest = max(len(row.name) for row in rows)
    component = ""
    for row in rows:
        if row.component != component:
            component = row.component
            echo(component, bold=True)
        count = f"{row.rows:,}" if row.exact else f"~{row.rows:,}"
        noun = "row " if row.rows == 1 else "rows"
        line = f"  {row.name:<{longest}}  {count:>9} {noun}  {size_of(row.size):>8}  "
        echo(line + textwrap.shorten(row.comment, max(30, width() - len(line)), placeholder=" ..."))


def _show_none() -> None:
    echo(f"FBS has no tables here. Make them with: {command('migrate')}")


def _show_indexes(rows: list[Index]) -> None:
    if not rows:
        _show_none()
        return
    since = f"{rows[0].since:%Y-%m-%d %H:%M %Z}" if rows[0].since else "the statistics began"
    echo(f"Scans since {since}.")
    longest = max(len(row.name) for row in rows)
    for table, of_table in groupby(rows, attrgetter("table")):
        listed = list(of_table)
        size = size_of(sum(row.size for row in listed))
        echo(table, bold=True, nl=False)
        echo(f" ({counted(len(listed), 'index')}, {size})")
        for row in listed:
            noun = "scan " if row.scans == 1 else "scans"
            echo(f"  {row.name:<{longest}}  {size_of(row.size):>8}  {row.scans:>9,} {noun}")
            if row.comment:
                echo(wrapped(row.comment, "      "))


def _show_description(table: TableDescription) -> None:
    echo(f"{table.name}", bold=True, nl=False)
    echo(f" ({table.component})")
    echo(wrapped(table.comment, "  "))
    echo()
    names = max(len(column.name) for column in table.columns)
    types = max(len(column.type) for column in table.columns)
    for column in table.columns:
        facts = "" if column.nullable else "not null"
        if column.default:
            facts += f" default {column.default}" if "identity" not in column.default else f" {column.default}"
        echo(f"  {style(f'{column.name:<{names}}', fg='cyan')}  {column.type:<{types}}  {facts.strip()}")
        echo(wrapped(column.comment, " " * (names + 4)))
    for title, pairs in table.parts.items():
        echo(f"\n{title}", bold=True)
        for name, definition in pairs:
            echo(f"  {name}\n{wrapped(definition, '      ')}")
