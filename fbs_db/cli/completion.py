"""Names that the shell completes.

They come from the files and the configuration where they can. A server is asked for a second at most, and none is
started. Whatever goes wrong, there are no names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from fbs_db import files
from fbs_db.database import fleet, project, server, which
from fbs_db.database.many import within
from fbs_db.database.session import open_session

_Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

GUIDES = Path(__file__).parents[1] / "guides"

#: Seconds for all that one TAB asks.
_PATIENCE = 1.0
#: What no shell takes apart. Other names have to be typed.
_PLAIN = re.compile(r"[\w.-]+")


def _names(find: Callable[[click.Context], Iterable[str]]) -> _Complete:
    """A function for ``shell_complete`` that gives those of these names that begin as the word does."""

    def complete(context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
        with suppress(Exception, SystemExit), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            given = context.params.get(str(parameter.name)) if parameter.multiple or parameter.nargs == -1 else ()
            found = dict.fromkeys(within(_PATIENCE, lambda: [one for one in find(context) if one.startswith(word)]))
            return [CompletionItem(name) for name in found if _PLAIN.fullmatch(name) and name not in (given or ())]
        return []

    return complete


# --- from the files


@_names
def tables(_: click.Context) -> list[str]:
    """FBS's tables, with and without their prefix."""
    found = [name for file in files.load() for kind, name in file.creates if kind == "table"]
    return found + [name.removeprefix("fbs_") for name in found]


@_names
def migrations(_: click.Context) -> list[str]:
    return [file.id for file in files.load()]


@_names
def components(_: click.Context) -> Iterable[str]:
    return files.components()


@_names
def settings(_: click.Context) -> list[str]:
    return _settings()


@_names
def kept(_: click.Context) -> list[str]:
    """The kinds of rows that are purged."""
    return [name.removeprefix("keep_") for name in _settings() if name.startswith("keep_")]


def _settings() -> list[str]:
    from fbs_db.schema import snapshot

    return [name for kind, name in snapshot.expected(None, 0) if kind == "setting"]


@_names
def kinds(_: click.Context) -> Iterable[str]:
    """The kinds of findings."""
    from fbs_db.health.findings import KINDS

    return KINDS


@_names
def topics(_: click.Context) -> list[str]:
    """The guides, and the codes that have an entry."""
    headings = re.findall(r"^### .*", (GUIDES / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    codes = re.findall(r"\bFB\w{3}\b|\bfbs_db\.[EWI]\d{3}\b", " ".join(headings))
    return [*sorted(path.stem for path in GUIDES.glob("*.md")), *codes]


def file(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
    """A file: the shell finds it."""
    return [CompletionItem(word, type="file")]


# --- from the configuration


@_names
def databases(_: click.Context) -> list[str]:
    """All databases that have a name here, those of solutions included."""
    known = [*project.configuration().databases]
    with suppress(Exception):
        known += [one.name for one in within(_PATIENCE * 0.8, lambda: list(fleet.members()))]
    return known


@_names
def configured(_: click.Context) -> Iterable[str]:
    return (*project.configuration().databases, *project.configuration().patterns)


@_names
def patterns(_: click.Context) -> Iterable[str]:
    return project.configuration().patterns


@_names
def solutions(_: click.Context) -> list[str]:
    return [str(one.solution) for one in fleet.members() if one.solution]


# --- from the database


def _asked(context: click.Context, query: str) -> list[str]:
    """The names that a query gives in the database of the command, as its role. {fbs} is the schema and a dot."""
    given = context.find_root().params
    database = given.get("database")
    with which.acting_as(given.get("role")):
        if which.named(database)[0] is None and not server.status().url:
            return []
        with (
            open_session(database, context.params.get("schema"), application="fbs-db completion") as session,
            session.connection.transaction(),
        ):
            session.select("select pg_catalog.set_config('search_path', '', true)")
            return [name.removeprefix("public.") for (name,) in session.select(query)]


@_names
def host_tables(context: click.Context) -> list[str]:
    """Tables of the host."""
    return _asked(
        context,
        "select n.nspname || '.' || c.relname"
        " from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid"
        " where c.relkind in ('r', 'p') and not c.relispartition and c.relname !~ '^fbs_'"
        " and n.nspname !~ '^pg_|^information_schema$' order by 1",
    )


@_names
def attached(context: click.Context) -> list[str]:
    """Attached host tables."""
    return _asked(context, "select host_table::text from {fbs}fbs_hosts order by 1")


@_names
def models(context: click.Context) -> list[str]:
    """Models of the attached host tables."""
    return _asked(context, "select distinct model_name from {fbs}fbs_hosts order by 1")


@_names
def roles(context: click.Context) -> list[str]:
    return _asked(context, "select rolname::text from pg_roles where rolname !~ '^pg_' order by 1")
