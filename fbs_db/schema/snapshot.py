"""The objects that a schema should have, and those it has, by kind and name.

An object is a table, a column, its default, its not-null constraint, a constraint, an index,
statistics, a trigger, a function, a view, a domain, a comment, a setting or a rule. Its definition
is a text that is the same on every supported PostgreSQL and in every schema; most definitions are
statements that create the object. ``snapshot.json`` holds the objects of each file.
``snapshot.sql`` reads those of a database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from psycopg import pq

from fbs_db.database.connection import settings_kept
from fbs_db.database.session import Session

FILE = Path(__file__).with_name("snapshot.json")
_CATALOG = Path(__file__).with_name("snapshot.sql").read_bytes()

#: The function that the database writes from the rules. Its body is not part of its definition here.
WRITTEN = "fbs_apply_rules("

#: Kind and name.
Key = tuple[str, str]

#: A kind comes after those it is part of.
KINDS = (
    "domain",
    "function",
    "table",
    "column",
    "not null",
    "default",
    "constraint",
    "index",
    "statistics",
    "view",
    "trigger",
    "comment",
    "setting",
    "rule",
)


@dataclass(frozen=True, slots=True)
class Object:
    """An object of the schema.

    Attributes:
        kind: one of `KINDS`.
        name: its name, such as ``fbs_kpis.target``; the name of a function includes its argument types.
        definition: its definition.
        state: ``disabled``, ``invalid`` or ``not validated``, as `fbs_db.health.states` reads it; else empty text.
        needs: the objects that it cannot exist without, such as the columns of a constraint.
        choice: a choice of the host, such as ``row security``; empty text if there is none.
    """

    kind: str
    name: str
    definition: str
    state: str = ""
    needs: tuple[Key, ...] = ()
    choice: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name


# Rows that belong to the schema: the descriptions of settings, and the package's own rules.
_ROWS = {
    "setting": (
        "fbs_settings",
        """
        select name, (to_jsonb(s) - '{name,value}'::text[])::text
        from {fbs}fbs_settings as s
        """,
    ),
    "rule": (
        "fbs_cleanup_rules",
        """
        select rule_name, (to_jsonb(r) - '{rule_name,rests}'::text[])::text
        from {fbs}fbs_cleanup_rules as r
        """,
    ),
}


def live_objects(session: Session) -> dict[Key, Object]:
    """The objects of the schema whose names begin with ``fbs_``."""
    return {
        (kind, name): Object(kind, name, normalized(text), choice=choice)
        for kind, name, text, choice, *_ in _catalog(session)
    }


@contextmanager
def in_schema(session: Session) -> Iterator[None]:
    """A block in which PostgreSQL leaves the schema's name out of definitions."""
    with searching(session, session.quoted_schema):
        yield


@contextmanager
def searching(session: Session, schema: str) -> Iterator[None]:
    """A block whose search path is a schema, its name quoted, and after it that of temporary tables."""
    local = session.connection.info.transaction_status is pq.TransactionStatus.INTRANS
    with settings_kept(session.connection, ["search_path"], local=local):
        session.cursor().execute("select set_config('search_path', %s, %s)", (f"{schema}, pg_temp", local))
        yield


def _catalog(session: Session) -> list[tuple[Any, ...]]:
    with in_schema(session):
        rows = session.cursor().execute(_CATALOG, {"schema": session.schema}).fetchall()
        if session.select("select %s = any(current_schemas(false))", session.schema) == [(True,)]:
            return rows
    # A role that may not use the schema has it in no search path: all that is ours begins with fbs_.
    quoted = session.select("select quote_ident(%s)", session.schema)[0][0]
    named = re.compile(rf'(?<![\w"$.]){re.escape(quoted)}\.(?=fbs_)')
    return [
        (kind, named.sub("", name), text if kind == "comment" else named.sub("", text), *rest)
        for kind, name, text, *rest in rows
    ]


# PostgreSQL prints in ('a', 'b') as the first of these, and that, created anew, as the second.
_FIRST_TIME = re.compile(r"\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:, )?)+)\]\)::text\[\]")
_ONE_OF = re.compile(r"'(?:[^']|'')*'::character varying")


def normalized(definition: str) -> str:
    """A definition as PostgreSQL prints it once the object has been created from what it printed."""
    if "::text[]" not in definition:
        return definition
    return _FIRST_TIME.sub(lambda match: "ARRAY[" + _ONE_OF.sub(r"(\g<0>)::text", match[1]) + "]", definition)


def live_numbers(session: Session) -> list[tuple[str, str, int, int]]:
    """Kind and name of each object, with its OID and the number of its column."""
    return [(kind, name, oid, number) for kind, name, *_, oid, number in _catalog(session)]


def live_rows(session: Session, objects: Mapping[Key, Object]) -> dict[Key, Object]:
    """The settings and rules of the schema.

    If their table is missing, damaged or cannot be read, which is a finding of its own, the rows
    of `objects` are returned: the rows that should exist.
    """
    rows: dict[Key, Object] = {}
    for kind, (table, query) in _ROWS.items():
        there = {key: wanted for key, wanted in objects.items() if wanted.kind == kind}
        columns = {name for of, name in objects if of == "column" and name.startswith(f"{table}.")}
        if session.may("select", table) and columns <= _columns(session, table):
            there = {(kind, name): Object(kind, name, text) for name, text in session.select(query)}
        rows |= there
    return rows


def _columns(session: Session, table: str) -> set[str]:
    found = session.select(
        "select c.relname || '.' || a.attname from pg_catalog.pg_attribute as a"
        " inner join pg_catalog.pg_class as c on a.attrelid = c.oid"
        " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where n.nspname = %s and c.relname = %s and a.attnum > 0",
        session.schema,
        table,
    )
    return {name for (name,) in found}


@cache
def _files() -> dict[str, dict[str, dict[str, Any]]]:
    """The objects that each file creates, changes or (null) drops, from ``snapshot.json``."""
    files: dict[str, dict[str, dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return files


def expected(applied: Iterable[str] | None, server_version: int) -> Mapping[Key, Object]:
    """The objects that a schema should have once these files are applied.

    Parameters:
        applied: ids of the files; None for all.
        server_version: as psycopg gives it, such as 180001.
    """
    chosen = tuple(sorted(_files() if applied is None else applied))
    return _expected(chosen, "before 16" if server_version < 160000 else "definition")


@cache
def _expected(applied: tuple[str, ...], wording: str) -> Mapping[Key, Object]:
    objects: dict[Key, Object] = {}
    for file in applied:
        for kind, names in _files().get(file, {}).items():
            for name, entry in names.items():
                if entry is None:
                    objects.pop((kind, name), None)
                    continue
                needs = tuple((of, what) for of, what in entry.get("needs", ()))
                text = entry.get(wording) or entry["definition"]
                objects[kind, name] = Object(kind, name, text, needs=needs)
    return MappingProxyType(objects)


def implied(key: Key, objects: Mapping[Key, Object]) -> tuple[Key, ...]:
    """The objects that an object cannot exist without, by its name: the table of a column."""
    kind, name = key
    if kind == "comment":
        of, _, what = name.partition(" ")
        return ((of, what),) if (of, what) in objects else (("view", what.partition(".")[0]),)
    if kind in ("not null", "default"):
        return (("column", name),)
    if kind in ("column", "constraint", "index", "statistics", "trigger"):
        return (("table", name.partition(".")[0]),)
    return {"setting": (("table", "fbs_settings"),), "rule": (("table", "fbs_cleanup_rules"),)}.get(kind, ())
