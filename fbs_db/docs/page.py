"""The reference as one HTML page without any further files."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path

from fbs_db.docs import words
from fbs_db.docs.diagram import color, draw, mixed
from fbs_db.docs.model import Component, Function, Reference, Table, View
from fbs_db.reports import Column
from fbs_db.wording import counted

_HERE = Path(__file__).parent


class _Page:
    """The anchors of a page, by the objects and by the names they belong to."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.anchors: dict[Table | View | Function, str] = {}
        self.known: dict[str, str] = {}
        kinds: list[tuple[str, Callable[[Component], Iterable[Table | View | Function]]]] = [
            ("table", lambda component: component.tables),
            ("view", lambda component: component.views),
            ("function", lambda component: component.functions),
        ]
        for _, found in kinds:
            for component in reference.components:
                for one in found(component):
                    self._give(one)

    def _give(self, one: Table | View | Function) -> None:
        """Give each an anchor of its own: a function may share its name with another or with a table."""
        count = 1 + sum(other.name == one.name for other in self.anchors)
        anchor = one.name if count == 1 else f"{one.name}-{count}"
        self.anchors[one] = anchor
        self.known.setdefault(one.name, anchor)

    def anchor(self, one: Table | View | Function) -> str:
        return self.anchors[one]

    def text(self, text: str) -> str:
        """Plain text as HTML, with known names as links."""
        return re.sub(r"\bfbs_\w+\b", lambda found: self.link(found[0], found[0]), escape(text))

    def sentence(self, text: str) -> str:
        """A sentence of `words`, whose names are in backticks."""
        pieces = re.split(r"`([^`]+)`", text)
        return "".join(
            f"<code>{self.link(piece, escape(piece))}</code>" if index % 2 else self.text(piece)
            for index, piece in enumerate(pieces)
        )

    def link(self, name: str, shown: str) -> str:
        return f'<a href="#{escape(self.known[name])}">{shown}</a>' if name in self.known else shown


def as_page(reference: Reference) -> str:
    """The whole reference as one HTML page."""
    page = _Page(reference)
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    title = "The schema of FBS"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        # The page fetches nothing and runs no script but the one below.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        '<link rel="icon" href="data:,">',
        f"<style>\n{style}</style>",
        "</head>",
        "<body>",
        '<a class="skip" href="#main">To the tables</a>',
        *_aside(page),
        '<main id="main">',
        f"<h1>{title}</h1>",
        *_intro(page),
    ]
    for index, component in enumerate(reference.components):
        parts += _component(page, component, index)
    parts += _lists(page)
    return "\n".join([*parts, "</main>", f"<script>{script}</script>", "</body>", "</html>", ""])


def _aside(page: _Page) -> Iterator[str]:
    yield "<aside>"
    yield '<div class="search" role="search">'
    yield '<label for="search">Search the schema <kbd>/</kbd></label>'
    yield (
        '<input id="search" type="search" autocomplete="off" spellcheck="false" aria-describedby="found" '
        'placeholder="table, column, view, function">'
    )
    yield '<p id="found" role="status"></p>'
    yield "</div>"
    yield '<nav aria-label="Contents"><ul>'
    for index, component in enumerate(page.reference.components):
        yield f'<li class="component" {_tint(index)}>'
        yield f'<a class="part" href="#component-{escape(component.name)}">{escape(component.name)}</a>'
        yield from _nav(page, component.tables)
        for found, what in ((component.views, "view"), (component.functions, "function")):
            if found:
                yield f"<details><summary>{counted(len(found), what)}</summary>"
                yield from _nav(page, found)
                yield "</details>"
        yield "</li>"
    for anchor, title, there in _further(page.reference):
        if there:
            yield f'<li data-apart><a class="part" href="#{anchor}">{title}</a></li>'
    yield "</ul></nav>"
    yield "</aside>"


def _nav(page: _Page, found: Iterable[Table | View | Function]) -> Iterator[str]:
    yield "<ul>"
    for one in found:
        anchor = escape(page.anchor(one))
        yield f'<li><a href="#{anchor}" data-to="{anchor}">{escape(one.name)}</a></li>'
    yield "</ul>"


def _intro(page: _Page) -> Iterator[str]:
    reference = page.reference
    columns = sum(len(table.columns) for table in reference.tables)
    views = sum(len(component.views) for component in reference.components)
    functions = sum(len(component.functions) for component in reference.components)
    counts = ((len(reference.tables), "table"), (columns, "column"), (views, "view"), (functions, "function"))
    said = ", ".join(counted(count, what) for count, what in counts)
    current = f", as of <code>{escape(reference.current)}</code>" if reference.current else ""
    yield f'<p class="dim">Schema <code>{escape(reference.schema)}</code>{current}: {said}.</p>'
    if reference.tables:
        yield '<section data-apart aria-labelledby="picture"><h2 id="picture">At a glance</h2>'
        button = '<button id="size" type="button" hidden>Full size</button>'
        yield f'<p class="hint">Click on a table to read about it. {button}</p>'
        yield '<div class="picture" tabindex="0" role="region" aria-labelledby="picture">'
        yield draw(reference, links=True).strip()
        yield "</div></section>"


def _component(page: _Page, component: Component, index: int) -> Iterator[str]:
    anchor = f"component-{escape(component.name)}"
    yield f'<section class="component" {_tint(index)} aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{escape(component.name)}</h2>'
    yield f"<div data-apart><p>{page.text(component.description)}</p>"
    if len(component.files) > 1:
        yield "<ul>"
        yield from (f"<li><code>{escape(name)}</code>: {page.text(said)}</li>" for name, said in component.files)
        yield "</ul>"
    yield "</div>"
    for table in component.tables:
        yield from _table(page, table)
    for view in component.views:
        yield from _view(page, view)
    for function in component.functions:
        yield from _function(page, function)
    yield "</section>"


def _table(page: _Page, table: Table) -> Iterator[str]:
    yield from _head(page, table, "table")
    rows = [
        (
            column.name,
            (
                ("key", escape(" ".join(table.marks(column.name)))),
                ("type", _type(column)),
                ("default", f"<code>{escape(column.default)}</code>" if column.default else ""),
                ("meaning", page.text(column.comment)),
            ),
        )
        for column in table.columns
    ]
    yield from _rows(page.anchor(table), table.name, ("column", "key", "type", "default", "meaning"), rows)
    yield '<p class="of"></p>'
    said = (*words.unique(table), *words.solution(table), *words.deletions(table))
    yield '<ul class="facts">' + "".join(f"<li>{page.sentence(one)}</li>" for one in said) + "</ul>"
    if hidden := words.hidden(table):
        yield f'<details><summary>{hidden}</summary><ul class="facts">'
        yield from (f"<li>check <code>{page.text(check)}</code></li>" for check in table.checks)
        for what, found in (("index", table.indexes), ("trigger", table.triggers)):
            yield from (
                f"<li>{what} <code>{escape(name)}</code>: <code>{page.text(text)}</code></li>" for name, text in found
            )
        yield "</ul></details>"
    yield "</article>"


def _view(page: _Page, view: View) -> Iterator[str]:
    yield from _head(page, view, "view")
    rows = [
        (column.name, (("type", f"<code>{escape(column.type)}</code>"), ("meaning", page.text(column.comment))))
        for column in view.columns
    ]
    yield from _rows(page.anchor(view), view.name, ("column", "type", "meaning"), rows)
    yield '<p class="of"></p>'
    yield "</article>"


def _function(page: _Page, function: Function) -> Iterator[str]:
    anchor = escape(page.anchor(function))
    yield f'<article class="entry function" id="{anchor}" data-kind="function">'
    result = f" returns {page.text(function.result)}" if function.result else ""
    yield (
        f'<h3 class="head"><a class="self" href="#{anchor}"><b>{escape(function.name)}</b></a>'
        f'({page.text(function.arguments)})<span class="dim">{result}</span></h3>'
    )
    yield f'<p class="head">{page.text(function.comment)}</p>'
    yield "</article>"


def _head(page: _Page, one: Table | View, kind: str) -> Iterator[str]:
    anchor = escape(page.anchor(one))
    yield f'<article class="entry" id="{anchor}" data-kind="{kind}">'
    yield (
        f'<h3><a class="self head" href="#{anchor}">{escape(one.name)}</a>'
        f"{' <span class=kind>view</span>' if kind == 'view' else ''}</h3>"
    )
    yield f'<p class="head">{page.text(one.comment)}</p>'


def _rows(
    anchor: str, name: str, head: Iterable[str], rows: Iterable[tuple[str, Iterable[tuple[str, str]]]]
) -> Iterator[str]:
    """A table of columns, each with an anchor of its own."""
    yield f'<div class="wide"><table aria-label="Columns of {escape(name)}">'
    yield "<thead><tr>" + "".join(f'<th scope="col">{title}</th>' for title in head) + "</tr></thead><tbody>"
    for column, cells in rows:
        first = escape(column)
        columns = "".join(f'<td class="{kind}">{text}</td>' for kind, text in cells)
        yield f'<tr id="{escape(anchor)}.{first}"><th scope="row"><code>{first}</code></th>{columns}</tr>'
    yield "</tbody></table></div>"


def _type(column: Column) -> str:
    return f"<code>{escape(column.type)}</code>" + (' <span class="dim">null</span>' if column.nullable else "")


def _further(reference: Reference) -> list[tuple[str, str, int]]:
    return [
        ("when-a-user-is-deleted", "When a user is deleted", len(reference.users)),
        ("when-a-host-row-is-deleted", "When a host row is deleted", len(reference.rules)),
        ("settings", "Settings", len(reference.settings)),
        ("types", "Types", len(reference.domains)),
    ]


def _lists(page: _Page) -> Iterator[str]:
    reference = page.reference
    tied = sorted({user.user_table for user in reference.users if user.user_table})
    whose = (
        f"tied to <code>{escape(', '.join(tied))}</code>"
        if tied
        else "tied to no user table yet: run <code>fbs-db attach users</code>"
    )
    titles = {anchor: title for anchor, title, there in _further(reference) if there}
    bodies: dict[str, tuple[str, tuple[str, ...], list[tuple[str, ...]]]] = {
        "when-a-user-is-deleted": (
            f"{counted(len(reference.users), 'column')} hold keys of the host's users, {whose}.",
            ("table", "column", "effect"),
            [
                (
                    f"<code>{page.text(user.table)}</code>",
                    _code(user.column),
                    words.with_user(user),
                )
                for user in reference.users
            ],
        ),
        "when-a-host-row-is-deleted": (
            f"These rules apply where its table is attached. They are rows of {page.text('fbs_cleanup_rules')}.",
            ("rule", "table", "effect"),
            [
                (
                    _code(rule.name),
                    f"<code>{page.text(rule.table)}</code>",
                    page.text(rule.description),
                )
                for rule in reference.rules
            ],
        ),
        "settings": (
            f"Rows of {page.text('fbs_settings')}, changed with <code>fbs-db settings NAME VALUE</code>.",
            ("setting", "value", "allowed", "effect"),
            [
                (
                    _code(one.name),
                    escape(words.value(one)),
                    escape(one.allowed),
                    page.text(one.description),
                )
                for one in reference.settings
            ],
        ),
        "types": (
            "",
            ("type", "base type", "meaning"),
            [(_code(name), _code(base), page.text(comment)) for name, base, comment in reference.domains],
        ),
    }
    for anchor, title in titles.items():
        said, head, rows = bodies[anchor]
        yield f'<section class="component" aria-labelledby="{anchor}-title">'
        yield f'<div class="entry" id="{anchor}" data-kind="list"><h2 id="{anchor}-title">{title}</h2>'
        yield f"<p>{said}</p>" if said else ""
        yield f'<div class="wide"><table aria-label="{title}"><thead><tr>'
        yield "".join(f'<th scope="col">{name}</th>' for name in head) + "</tr></thead><tbody>"
        for first, *cells in rows:
            yield f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        yield "</tbody></table></div></div></section>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _tint(index: int) -> str:
    """The colour of a component, for light and dark backgrounds."""
    strong = color(index)
    return f'data-tint style="--light: {strong}; --dark: {mixed(strong, "#ffffff", 0.55)}"'
