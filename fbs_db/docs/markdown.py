"""The reference as Markdown, with a Mermaid diagram for each component."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from fbs_db.docs import words
from fbs_db.docs.model import Component, Reference, Table, View
from fbs_db.reports import Column, TableDescription
from fbs_db.wording import counted

_HEAD = """\
# The schema of FBS

The reference of all migrations in this directory. `make schema` generates it; do not edit it. [schema.sql](schema.sql)
is the same schema in SQL. `fbs-db docs --html FILE` writes the reference of your own database as one page with a search
box.
"""

_LIVE_HEAD = """\
# The schema of FBS

The reference of one database, written by `fbs-db docs --markdown FILE`. Its last migration is {current}.
"""

_READING = """\
PK: primary key. FK: foreign key. U: unique, alone or with others. user: key of one of the host's users. Solid lines:
the row is deleted with the one it refers to; dashed: the column becomes NULL when that one is deleted. Columns whose
type is followed by *null* may be NULL. Functions that FBS alone calls are left out.
"""

#: The number of tables side by side.
LOOSE = 3


def as_markdown(reference: Reference, *, in_repository: bool = False) -> str:
    """The whole reference as one Markdown text.

    Parameters:
        in_repository: whether it stands in ``sql/``, beside the picture.
    """
    known = {table.name for table in reference.tables}
    known |= {view.name for component in reference.components for view in component.views}
    head, picture = _LIVE_HEAD.format(current=f"`{reference.current}`"), ""
    if in_repository:
        head, picture = _HEAD, "![The tables by component](schema.svg)"
    parts = [head, *_contents(reference), picture, _READING]
    for component in reference.components:
        parts += _component(component, known)
    parts += [*_users(reference), *_rules(reference), *_settings(reference), *_domains(reference)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def description_as_markdown(table: TableDescription) -> str:
    """One table in full, as a Markdown text."""
    rows = [
        (_cell(one.name), _type(one), _cell(one.default) if one.default else "", _text(one.comment))
        for one in table.columns
    ]
    parts = [
        f"# {_text(table.name)}",
        f"Component {_text(table.component)}. {_text(table.comment)}",
        _table(("column", "type", "default", "meaning"), rows),
    ]
    for title, pairs in table.parts.items():
        parts += [f"## {title}", "\n".join(f"* {_code(name)}: {_code(said)}" for name, said in pairs)]
    return "\n\n".join(parts) + "\n"


def mermaid(component: Component) -> list[str]:
    """A component's tables as entity diagrams in Mermaid's language.

    The first has the tables with foreign keys or user keys. Mermaid puts unrelated tables side
    by side; more than three become too small to read, so these are in diagrams of three at most.
    """
    here = {table.name for table in component.tables}
    tied = {link.table for table in component.tables for link in table.linked_from if link.table in here}
    tied |= {link.target for table in component.tables for link in table.links if link.target in here}
    tied |= {table.name for table in component.tables if table.users}
    loose = [table for table in component.tables if table.name not in tied]
    count = -(-len(loose) // LOOSE)
    groups = [[table for table in component.tables if table.name in tied]]
    groups += [loose[index * len(loose) // count : (index + 1) * len(loose) // count] for index in range(count)]
    return ["\n".join(_diagram(group)) for group in groups if group]


def _diagram(tables: list[Table]) -> Iterator[str]:
    yield "erDiagram"
    if any(table.users for table in tables):
        yield '    users["the host\'s users"]'
    for table in tables:
        yield f"    {_word(table.name)} {{"
        yield from (f"        {_attribute(table, column)}" for column in table.columns)
        yield "    }"
    here = {table.name for table in tables}
    for table in tables:
        keys = [(link.columns, link.target, link.on_delete) for link in table.links if link.target in here]
        keys += [((user.column,), "users", user.on_delete) for user in table.users]
        nullable = {column.name for column in table.columns if column.nullable}
        for columns, target, on_delete in keys:
            one = "|o" if nullable.intersection(columns) else "||"
            many = "o|" if columns in (table.primary_key, *table.unique) else "o{"
            line = "--" if on_delete == "cascade" else ".."
            yield f'    {_word(target)} {one}{line}{many} {_word(table.name)} : "{", ".join(map(_word, columns))}"'


def _attribute(table: Table, column: Column) -> str:
    # Mermaid allows neither commas nor blanks in types, and knows the keys PK, FK and UK only.
    type_ = re.sub(r"[^\w()\[\]-]+", "_", column.type)
    marks = [{"U": "UK", "user": "FK"}.get(mark, mark) for mark in table.marks(column.name)]
    return f"{type_} {_word(column.name)} {', '.join(dict.fromkeys(marks))}".rstrip()


def _word(name: str) -> str:
    """A name for Mermaid, which allows no other characters in names."""
    return re.sub(r"\W", "_", name)


def _contents(reference: Reference) -> list[str]:
    rows = []
    for component in reference.components:
        tables = ", ".join(_link(table.name, table.name.removeprefix("fbs_")) for table in component.tables)
        rows.append((_link(component.name), _text(component.description), tables))
    further = [
        _link(title)
        for title, there in (
            ("When a user is deleted", reference.users),
            ("When a host row is deleted", reference.rules),
            ("Settings", reference.settings),
            ("Types", reference.domains),
        )
        if there
    ]
    return [_table(("component", "holds", "tables"), rows), f"Also: {', '.join(further)}." if further else ""]


def _component(component: Component, known: Collection[str]) -> Iterator[str]:
    yield f"## {component.name}"
    yield _text(component.description, known)
    if len(component.files) > 1:
        yield "\n".join(f"* `{name}`: {_text(said, known)}" for name, said in component.files)
    yield from (f"```mermaid\n{diagram}\n```" for diagram in mermaid(component))
    called = [one for one in component.functions if not one.internal]
    if component.views or called:
        views = [_link(view.name) for view in component.views]
        functions = _link(f"functions of {component.name}", "functions") if called else ""
        yield "After the tables: " + ", ".join(filter(None, (*views, functions))) + "."
    for table in component.tables:
        yield from _one_table(table, known)
    for view in component.views:
        yield from _view(view, known)
    if called:
        yield f"### Functions of {component.name}"
        yield "\n".join(
            f"* {_code(one.signature)}{f' returns {_code(one.result)}' if one.result else ''}\\\n"
            f"  {_text(one.comment, known)}"
            for one in called
        )


def _one_table(table: Table, known: Collection[str]) -> Iterator[str]:
    yield f"### {_text(table.name)}"
    yield _text(table.comment, known)
    rows = [
        (
            _cell(column.name),
            " ".join(table.marks(column.name)),
            _type(column),
            _cell(column.default) if column.default else "",
            _text(column.comment, known),
        )
        for column in table.columns
    ]
    yield _table(("column", "key", "type", "default", "meaning"), rows)
    yield "\n".join(
        f"* {_sentence(said, known)}"
        for said in (*words.unique(table), *words.solution(table), *words.deletions(table))
    )
    if hidden := words.hidden(table):
        items = [f"* check: {_code(check)}" for check in table.checks]
        items += [f"* index {_code(name)}: {_code(text)}" for name, text in table.indexes]
        items += [f"* trigger {_code(name)}: {_code(text)}" for name, text in table.triggers]
        yield f"<details><summary>{hidden}</summary>\n\n" + "\n".join(items) + "\n\n</details>"


def _view(view: View, known: Collection[str]) -> Iterator[str]:
    yield f"### {_text(view.name)}"
    yield f"View. {_text(view.comment, known)}"
    rows = [(_cell(column.name), _cell(column.type), _text(column.comment, known)) for column in view.columns]
    yield _table(("column", "type", "meaning"), rows)


def _users(reference: Reference) -> Iterator[str]:
    if reference.users:
        yield "## When a user is deleted"
        yield (
            f"{counted(len(reference.users), 'column')} hold keys of the host's users; `fbs-db attach users` "
            "ties them to its user table."
        )
        rows = [
            (
                _linked(user.table),
                _cell(user.column),
                words.with_user(user),
            )
            for user in reference.users
        ]
        yield _table(("table", "column", "effect"), rows)


def _rules(reference: Reference) -> Iterator[str]:
    if reference.rules:
        yield "## When a host row is deleted"
        rows_of = _linked("fbs_cleanup_rules")
        yield f"These rules apply where its table is attached (`fbs-db attach host`). They are rows of {rows_of}."
        rows = [(_cell(rule.name), _linked(rule.table), _text(rule.description)) for rule in reference.rules]
        yield _table(("rule", "table", "effect"), rows)


def _settings(reference: Reference) -> Iterator[str]:
    if reference.settings:
        yield "## Settings"
        yield "Rows of [fbs_settings](#fbs_settings), changed with `fbs-db settings NAME VALUE`."
        rows = [
            (_cell(one.name), _text(words.value(one)), _text(one.allowed), _text(one.description))
            for one in reference.settings
        ]
        yield _table(("setting", "value", "allowed", "effect"), rows)


def _domains(reference: Reference) -> Iterator[str]:
    if reference.domains:
        yield "## Types"
        rows = [(_cell(name), _cell(base), _text(comment)) for name, base, comment in reference.domains]
        yield _table(("type", "base type", "meaning"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _type(column: Column) -> str:
    return _cell(column.type) + (" *null*" if column.nullable else "")


def _linked(name: str) -> str:
    return _link(name) if name.startswith("fbs_") else _cell(name)


def _link(name: str, shown: str = "") -> str:
    """A link to the heading with this name."""
    anchor = re.sub(r"[^\w-]", "", name.lower().replace(" ", "-"))
    return f"[{_text(shown or name)}](#{anchor})"


def _cell(text: str) -> str:
    """Code in a cell of a table."""
    return _code(text).replace("|", "\\|")


def _code(text: str) -> str:
    """A text in backticks: more of them than it has in a row itself."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if "`" in text else ""
    return f"{fence}{room}{text}{room}{fence}"


def _sentence(text: str, known: Collection[str]) -> str:
    """A sentence of `words`, with names of tables as links."""
    pieces = re.split(r"`([^`]+)`", text)
    return "".join(
        _text(piece, known) if index % 2 == 0 else _link(piece) if piece in known else _code(piece)
        for index, piece in enumerate(pieces)
    )


def _text(text: str, known: Collection[str] = ()) -> str:
    """Plain text as Markdown: every mark is escaped, and known names become links."""
    text = re.sub(r"\s+", " ", text)

    def piece(found: re.Match[str]) -> str:
        name = found["name"]
        if name:
            return _link(name) if name in known else name
        return f"`{found[0]}`" if found["number"] else {"<": "&lt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}")

    return re.sub(r"(?P<name>\b[A-Za-z0-9]\w*[A-Za-z0-9]\b)|(?P<number>\$\d+)|[\\`*_\[\]|~<&$]", piece, text)
