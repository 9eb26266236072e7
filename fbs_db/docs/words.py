"""What happens on a deletion, in words. Names stand in backticks: each writer marks them its way."""

from __future__ import annotations

from collections.abc import Iterable

from fbs_db.docs.model import Component, Link, Setting, Table, UserLink


def deletions(table: Table) -> list[str]:
    """What other deletions do to a table's rows, and what deleting its rows does to others."""
    said = [_of_link(link) for link in table.links]
    if leaving := [user.column for user in table.users if user.on_delete == "cascade"]:
        said.append(f"A row goes with its user: the one in {names(leaving, 'or')}.")
    if emptied := [user.column for user in table.users if user.on_delete != "cascade"]:
        said.append(f"{names(emptied)} {'is' if len(emptied) == 1 else 'are'} emptied when that user goes.")
    said += [f"When the host's record goes that a row is about: {_lower(rule.description)}" for rule in table.rules]
    said += _with_a_row(table)
    return said or ["No other deletion touches its rows, and nothing goes with them."]


def unique(table: Table) -> list[str]:
    """Which of a table's columns, alone or together, have no value twice."""
    return [f"No two rows share {names(columns)}." for columns in table.unique]


def held(component: Component) -> str:
    """How much of what a component has."""
    counts = ((component.tables, "table"), (component.views, "view"), (component.functions, "function"))
    return ", ".join(counted(len(found), what) for found, what in counts if found)


def hidden(table: Table) -> str:
    """How many checks, indexes and triggers a table has; empty for none."""
    counts = ((table.checks, "check"), (table.indexes, "index"), (table.triggers, "trigger"))
    return ", ".join(counted(len(found), what) for found, what in counts if found)


def counted(count: int, what: str) -> str:
    """A number and what it counts, such as 2 indexes."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}{'es' if what.endswith('x') else 's'}"


def with_user(user: UserLink) -> str:
    """What happens when the user goes that a column names."""
    return "the row goes" if user.on_delete == "cascade" else "it is emptied"


def value(setting: Setting) -> str:
    return "(empty)" if setting.value is None else setting.value


def names(found: Iterable[str], word: str = "and") -> str:
    """Names in backticks, as a list in a sentence."""
    *first, last = [f"`{name}`" for name in found]
    return f"{', '.join(first)} {word} {last}" if first else last


def _of_link(link: Link) -> str:
    what, columns = f"`{link.target}`", names(link.columns)
    if link.on_delete == "cascade":
        return f"A row goes with the {what} row in its {columns}."
    if link.on_delete in ("set null", "set default"):
        verb = "emptied" if link.on_delete == "set null" else "set to its default"
        return f"{columns} {'is' if len(link.columns) == 1 else 'are'} {verb} when that {what} row goes."
    return f"While {columns} holds the key of a {what} row, that cannot go."


def _with_a_row(table: Table) -> list[str]:
    going = sorted({link.table for link in table.linked_from if link.on_delete == "cascade"})
    emptied = [
        f"{link.table}.{column}"
        for link in table.linked_from
        if link.on_delete == "set null"
        for column in link.columns
    ]
    holding = sorted({link.table for link in table.linked_from if link.on_delete in ("restrict", "no action")})
    said = []
    if going:
        said.append(f"With a row go the rows of {names(going)} that point at it.")
    if emptied:
        said.append(
            f"With a row {names(emptied)} {'is' if len(emptied) == 1 else 'are'} emptied where it pointed at it."
        )
    if holding:
        said.append(f"A row cannot go while {names(holding)} points at it.")
    return said


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
