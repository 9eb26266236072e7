"""What a database has of FBS, read from the catalog in one snapshot."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import pq

from fbs_db import files
from fbs_db.database.session import Session
from fbs_db.docs import queries
from fbs_db.errors import TargetError
from fbs_db.reports import Column
from fbs_db.wording import command

#: The component of objects that no file creates.
ELSEWHERE = "other"

#: Descriptions of the components whose first file has none.
_HOLDS = {
    "base": "The history of applied files, settings, ties to the host's users and records, clean-up, checks.",
    ELSEWHERE: "Objects that no migration creates, though their names begin with fbs_.",
}

_SHORT_TYPES = (
    ("character varying", "varchar"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
)
_RULES = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}


@dataclass(frozen=True)
class Link:
    """A foreign key.

    Attributes:
        table: the table that has it.
        columns: its columns.
        target: the table it refers to; with its schema where that is another one.
        target_columns: the columns it refers to.
        on_delete: ``cascade``, ``set null``, ``set default``, ``restrict`` or ``no action``.
    """

    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True)
class UserLink:
    """A column that holds the key of one of the host's users.

    Attributes:
        table, column: their names.
        on_delete: ``cascade`` or ``set null``.
        user_table: the host's table it is tied to; empty text while it is tied to none.
    """

    table: str
    column: str
    on_delete: str
    user_table: str


@dataclass(frozen=True)
class Rule:
    """The clean-up of rows about a host row that is deleted."""

    name: str
    table: str
    action: str
    description: str


@dataclass(frozen=True)
class Setting:
    """A setting: name, value, allowed values, effect."""

    name: str
    value: str | None
    allowed: str
    description: str


@dataclass(frozen=True)
class Table:
    """A table with its keys, rules, indexes and triggers.

    Attributes:
        name, comment: its name and description.
        columns: in their order.
        primary_key: its columns; () where there is none.
        unique: the columns of each further unique set.
        checks: the conditions of its check constraints.
        links: its foreign keys, without those of user columns.
        linked_from: the foreign keys that refer to it.
        users: its columns that hold a user's key.
        rules: the clean-up of its rows when a host row is deleted.
        solution: its column by which its rows belong to a solution, and the table that this refers
            to where the parent names it; () where they belong to none.
        isolated: whether isolation keeps its rows apart.
        indexes, triggers: name and definition of each; indexes of keys are left out.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    checks: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    linked_from: tuple[Link, ...] = ()
    users: tuple[UserLink, ...] = ()
    rules: tuple[Rule, ...] = ()
    solution: tuple[str, ...] = ()
    isolated: bool = False
    indexes: tuple[tuple[str, str], ...] = ()
    triggers: tuple[tuple[str, str], ...] = ()

    def marks(self, column: str) -> tuple[str, ...]:
        """The keys that a column is part of: ``PK``, ``FK``, ``user``, ``U`` (unique)."""
        found = (
            ("PK", column in self.primary_key),
            ("FK", any(column in link.columns for link in self.links)),
            ("user", any(column == user.column for user in self.users)),
            ("U", any(column in columns for columns in self.unique)),
        )
        return tuple(mark for mark, so in found if so)


@dataclass(frozen=True)
class View:
    """A view: name, description and columns."""

    name: str
    comment: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Function:
    """A function or procedure.

    Attributes:
        name: its name; several functions may share it.
        arguments: its parameters as declared, with defaults.
        result: its return type; empty text for a procedure.
        comment: its description.
    """

    name: str
    arguments: str
    result: str
    comment: str

    @property
    def signature(self) -> str:
        return f"{self.name}({self.arguments})"

    @property
    def internal(self) -> bool:
        """Whether FBS alone calls it."""
        return self.comment.startswith(("Internal.", "Trigger"))


@dataclass(frozen=True)
class Component:
    """A part of FBS.

    Attributes:
        name: such as ``workflow``.
        files: id and description of each of its files.
        tables, views, functions: in the order in which the files create them.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    views: tuple[View, ...]
    functions: tuple[Function, ...]

    @property
    def description(self) -> str:
        """Its description, in a sentence."""
        if self.name in _HOLDS:
            return _HOLDS[self.name]
        return self.files[0][1].partition(". ")[0].rstrip(".") + "."


@dataclass(frozen=True)
class Reference:
    """FBS as it is installed in a database.

    Attributes:
        schema: the schema it is in.
        components: in the order of the files.
        domains: name, type and comment of each.
        rules: the clean-up rules, the host's own included.
        settings: all settings.
        current: the last applied file.
    """

    schema: str
    components: tuple[Component, ...]
    domains: tuple[tuple[str, str, str], ...] = ()
    rules: tuple[Rule, ...] = ()
    settings: tuple[Setting, ...] = ()
    current: str = ""

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for component in self.components for table in component.tables)

    @property
    def users(self) -> tuple[UserLink, ...]:
        return tuple(user for table in self.tables for user in table.users)


@dataclass
class _Parts:
    """The parts of each table, by the table's name."""

    columns: dict[str, list[Column]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    unique: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    checks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    links: dict[str, list[Link]] = field(default_factory=lambda: defaultdict(list))
    linked_from: dict[str, list[Link]] = field(default_factory=lambda: defaultdict(list))
    users: dict[str, list[UserLink]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, list[Rule]] = field(default_factory=lambda: defaultdict(list))
    solutions: dict[str, tuple[bool, tuple[str, ...]]] = field(default_factory=dict)
    indexes: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    triggers: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))


def read_reference(session: Session, directory: Path | None = None) -> Reference:
    """Read FBS in a session's schema: every object whose name begins with ``fbs_``.

    Parameters:
        session: an open session.
        directory: the SQL files, which assign the objects to components.

    Raises:
        TargetError: FBS is not installed there.
        FbsDbError: the role may not read ``fbs_migrations``.
    """
    with _one_snapshot(session):
        relations = session.select(queries.RELATIONS, session.schema)
        if not any(name == "fbs_migrations" for name, *_ in relations):
            raise TargetError(f"FBS is not installed in schema {session.schema}.", hint=f"Type: {command('migrate')}")
        parts = _parts(session)
        functions = [
            Function(name, _lowered(arguments), _lowered(result), comment)
            for name, arguments, result, comment in session.select(queries.FUNCTIONS, session.schema)
        ]
        domains = tuple(
            (name, _short(base), comment) for name, base, comment in session.select(queries.DOMAINS, session.schema)
        )
        settings = (
            tuple(Setting(*row) for row in session.select(queries.SETTINGS))
            if session.may("select", "fbs_settings")
            else ()
        )
        applied = session.select("select max(migration_id) from {fbs}fbs_migrations")
    tables = {name: _table(name, comment, parts) for name, kind, comment in relations if kind != "view"}
    views = {
        name: View(name, comment, tuple(parts.columns[name])) for name, kind, comment in relations if kind == "view"
    }
    return Reference(
        schema=session.schema,
        components=_components(directory, tables, views, functions),
        domains=domains,
        rules=tuple(sorted((rule for rules in parts.rules.values() for rule in rules), key=lambda rule: rule.name)),
        settings=settings,
        current=applied[0][0] or "",
    )


def description(sql: str) -> str:
    """The description in the first lines of an SQL file, as sentences."""
    lines = []
    for line in sql.splitlines():
        text = line.removeprefix("--").strip()
        if not line.startswith("--") or not text:
            break
        lines.append(text)
    text = " ".join(lines).partition(": ")[2]
    return text[:1].upper() + text[1:]


@contextmanager
def _one_snapshot(session: Session) -> Iterator[None]:
    """A read-only block with one snapshot, in which PostgreSQL leaves out the schema of FBS's names."""
    idle = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    with session.connection.transaction(force_rollback=True):
        if idle:
            session.connection.execute("set transaction isolation level repeatable read, read only")
        session.connection.execute("select set_config('search_path', %s, true)", (session.quoted_schema,))
        yield


def _parts(session: Session) -> _Parts:
    parts = _Parts()
    for table, name, type_, nullable, default, comment in session.select(queries.COLUMNS, session.schema):
        parts.columns[table].append(Column(name, _short(type_), nullable, _plain(default), comment))
    if any(name == "on_delete" for name in (column.name for column in parts.columns.get("fbs_user_columns", ()))):
        for row in session.select(queries.USERS):
            parts.users[row[0]].append(UserLink(*row))
    parts.solutions = _solutions(session, parts)
    if session.may("select", "fbs_cleanup_rules"):
        for row in session.select(queries.RULES):
            parts.rules[row[1]].append(Rule(*row))
    for table, kind, columns, target, target_columns, on_delete, definition, ours in session.select(
        queries.CONSTRAINTS, session.schema
    ):
        if kind in ("p", "u"):
            (parts.keys if kind == "p" else parts.unique)[table].append(tuple(columns))
        elif kind == "c":
            parts.checks[table].append(_condition(definition))
        elif kind == "f" and not any([user.column] == columns for user in parts.users[table]):
            link = Link(table, tuple(columns), target, tuple(target_columns), _RULES[on_delete])
            if ours:
                parts.links[table].append(link)
            parts.linked_from[target].append(link)
    for table, name, definition in session.select(queries.INDEXES, session.schema):
        text = re.sub(r"^CREATE (UNIQUE )?INDEX .*? USING (btree )?", r"\1", definition)
        parts.indexes[table].append((name, text))
    for table, name, definition in session.select(queries.TRIGGERS, session.schema):
        text = re.sub(r"^CREATE (?:CONSTRAINT )?TRIGGER \S+ (.*?) ON \S+ ", r"\1 ", definition)
        parts.triggers[table].append((name, text))
    return parts


def _solutions(session: Session, parts: _Parts) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """Of each table with a solution, whether it is isolated, its column, and the parent's table."""
    if "fbs_solution_tables" not in parts.columns or not session.may("select", "fbs_solution_tables"):
        return {}
    return {name: (isolated, tuple(filter(None, said))) for name, isolated, *said in session.select(queries.SOLUTIONS)}


def _table(name: str, comment: str, parts: _Parts) -> Table:
    keys = parts.keys[name]
    isolated, solution = parts.solutions.get(name, (False, ()))
    order = [column.name for column in parts.columns[name]]
    return Table(
        name=name,
        comment=comment,
        columns=tuple(parts.columns[name]),
        primary_key=keys[0] if keys else (),
        unique=tuple(parts.unique[name]),
        checks=tuple(parts.checks[name]),
        links=tuple(parts.links[name]),
        linked_from=tuple(parts.linked_from[name]),
        users=tuple(sorted(parts.users[name], key=lambda user: order.index(user.column))),
        rules=tuple(parts.rules[name]),
        solution=solution,
        isolated=isolated,
        indexes=tuple(parts.indexes[name]),
        triggers=tuple(parts.triggers[name]),
    )


def _components(
    directory: Path | None, tables: dict[str, Table], views: dict[str, View], functions: list[Function]
) -> tuple[Component, ...]:
    home: dict[tuple[str, str], str] = {}
    said: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in files.load(directory):
        said[file.component].append((file.id, description(file.sql)))
        for kind, name in file.creates:
            home.setdefault((_kind(kind), name), file.component)
    made = list(home)

    def part(kind: str, name: str) -> str:
        return home.get((kind, name), ELSEWHERE)

    def order(kind: str, name: str) -> tuple[int, str]:
        return (made.index((kind, name)) if (kind, name) in home else len(made), name)

    found = []
    for name in [*said, ELSEWHERE]:
        component = Component(
            name,
            tuple(said[name]),
            tuple(
                tables[key] for key in sorted(tables, key=lambda key: order("table", key)) if part("table", key) == name
            ),
            tuple(views[key] for key in sorted(views, key=lambda key: order("view", key)) if part("view", key) == name),
            tuple(
                function
                for function in sorted(functions, key=lambda one: (*order("function", one.name), one.arguments))
                if part("function", function.name) == name
            ),
        )
        if component.tables or component.views or component.functions:
            found.append(component)
    return tuple(found)


def _kind(kind: str) -> str:
    return {"materialized view": "view", "procedure": "function"}.get(kind, kind)


def _short(type_: str) -> str:
    for long, short in _SHORT_TYPES:
        type_ = type_.replace(long, short)
    return type_


def _lowered(declaration: str) -> str:
    """Parameters or return type of a function, in the style of FBS's files."""
    text = re.sub(r"('(?:[^']|'')*'|NULL)::[a-z ]+(\[\])?", lambda found: found[1].replace("NULL", "null"), declaration)
    text = re.sub(r"^TABLE\(", "table (", text)
    return _short(re.sub(r"\b(DEFAULT|SETOF|VARIADIC|OUT|INOUT)\b", lambda found: found[0].lower(), text))


def _condition(definition: str) -> str:
    """The condition of a check constraint, without what PostgreSQL adds."""
    text = re.sub(r"^CHECK \((.*)\)( NOT VALID)?$", r"\1", definition, flags=re.DOTALL)
    text = re.sub(r"('(?:[^']|'')*')::text\b", r"\1", text)
    return re.sub(r" = ANY \(ARRAY\[([^\]]*)\]\)", r" in (\1)", text)


def _plain(default: str) -> str:
    """A default without the cast that PostgreSQL adds."""
    return re.sub(r"^('(?:[^']|'')*'|NULL)::[a-z_\" ]+(\(\d+\))?(\[\])?$", r"\1", default)
