"""Sentences of the reference. Names are in backticks, which each writer replaces by its own mark-up."""

from __future__ import annotations

from collections.abc import Iterable

from fbs_db.docs.model import Component, Link, Setting, Table, UserLink
from fbs_db.wording import counted


def deletions(table: Table) -> list[str]:
    """The effects of other deletions on a table's rows, and of their deletion on other tables."""
    said = [_of_link(link) for link in table.links]
    if leaving := [user.column for user in table.users if user.on_delete == "cascade"]:
        said.append(f"A row is deleted with the user in its {names(leaving, 'or')}.")
    if cleared := [user.column for user in table.users if user.on_delete != "cascade"]:
        verb = "becomes" if len(cleared) == 1 else "become"
        said.append(f"{names(cleared)} {verb} NULL when that user is deleted.")
    said += [f"When the host row that a row is about is deleted: {_lower(rule.description)}" for rule in table.rules]
    said += _with_a_row(table)
    return said or ["No other deletion affects its rows, and their deletion affects no other table."]


def solution(table: Table) -> list[str]:
    """How the rows of a table belong to a solution, and whether isolation keeps them apart."""
    if not table.solution:
        return []
    column, *parent = table.solution
    how = f"by its {names([column])}" if not parent else f"with the {names(parent)} row in its {names([column])}"
    when = "" if table.isolated else "With isolation, "
    return [
        f"A row belongs to a solution {how}. {when}{'a' if when else 'A'} login sees the rows of its solutions only."
    ]


def unique(table: Table) -> list[str]:
    """The unique sets of a table's columns."""
    return [f"{names(columns)} {'is' if len(columns) == 1 else 'are together'} unique." for columns in table.unique]


def held(component: Component) -> str:
    """The numbers of a component's tables, views and functions."""
    counts = ((component.tables, "table"), (component.views, "view"), (component.functions, "function"))
    return ", ".join(counted(len(found), what) for found, what in counts if found)


def hidden(table: Table) -> str:
    """The numbers of a table's checks, indexes and triggers; empty text where it has none."""
    counts = ((table.checks, "check"), (table.indexes, "index"), (table.triggers, "trigger"))
    return ", ".join(counted(len(found), what) for found, what in counts if found)


def with_user(user: UserLink) -> str:
    """The effect on a row when the user in its column is deleted."""
    return "the row is deleted" if user.on_delete == "cascade" else "the column becomes NULL"


def value(setting: Setting) -> str:
    return "NULL" if setting.value is None else setting.value


def names(found: Iterable[str], word: str = "and") -> str:
    """Names in backticks, as a list in a sentence."""
    *first, last = [f"`{name}`" for name in found]
    return f"{', '.join(first)} {word} {last}" if first else last


def _of_link(link: Link) -> str:
    what, columns = f"`{link.target}`", names(link.columns)
    if link.on_delete == "cascade":
        return f"A row is deleted with the {what} row in its {columns}."
    if link.on_delete in ("set null", "set default"):
        value = "NULL" if link.on_delete == "set null" else "the default"
        verb = "becomes" if len(link.columns) == 1 else "become"
        return f"{columns} {verb} {value} when that {what} row is deleted."
    return f"A {what} row cannot be deleted while {columns} refers to it."


def _with_a_row(table: Table) -> list[str]:
    deleted = sorted({link.table for link in table.linked_from if link.on_delete == "cascade"})
    cleared = [
        f"{link.table}.{column}"
        for link in table.linked_from
        if link.on_delete == "set null"
        for column in link.columns
    ]
    holding = sorted({link.table for link in table.linked_from if link.on_delete in ("restrict", "no action")})
    said = []
    if deleted:
        said.append(f"Deleting a row deletes the rows of {names(deleted)} that refer to it.")
    if cleared:
        said.append(f"Deleting a row sets {names(cleared)} to NULL where it refers to the row.")
    if holding:
        said.append(f"A row cannot be deleted while {names(holding, 'or')} refers to it.")
    return said


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
