"""The plan of an adoption, as it grows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from fbs_db.adoption.found import Found, Index, Table
from fbs_db.database.session import Session
from fbs_db.health import repair as mending
from fbs_db.health.check import Finding
from fbs_db.health.repair import Wanted
from fbs_db.reports import Report
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key, Object

Action = Literal["rename", "add", "change", "drop"]

#: What runs after what.
(MOVED, GONE, RENAMED, FREED, KEYS_RENAMED, TYPED, COLUMNS, TABLES, FUNCTIONS, KEYS, LINKS, INDEXES, REST) = range(13)


@dataclass(frozen=True)
class Change(Report):
    """Something that is done to a schema that is adopted.

    Attributes:
        table: the table it is about, as it is to be called; empty where it is about none that is there.
        action: what is done.
        kind: kind of object, of `snapshot.KINDS`.
        object: which one, such as ``fbs_kpis.target_value``.
        reason: what it was, or why; empty where that goes without saying.
        statements: what psql would run.
    """

    table: str
    action: Action
    kind: str
    object: str
    reason: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class UserTable:
    """The host's user table.

    Attributes:
        name: with its schema, quoted as needed.
        oid: PostgreSQL's number of it.
        key: its key, where that is a single column.
        type: the key's type.
    """

    name: str
    oid: int
    key: str
    type: str


@dataclass(frozen=True)
class Fit:
    """How it is done, or why it cannot be.

    Attributes:
        changes: in the order in which they run.
        stops: what could lose data, or takes a decision.
        kept: what is not FBS's and stays.
        matching: how many objects of each table are right as they are.
    """

    changes: tuple[Change, ...]
    stops: tuple[Finding, ...]
    kept: tuple[Finding, ...]
    matching: dict[str, int]


class Work:
    """What is known, what has been planned, and how both are put.

    Attributes:
        objects: all that the files make.
        there: the tables as they are.
        users: the host's user table, where it is known.
        found: other objects that are there, by kind and name.
        unfit: columns whose type stops it, so that no query on them is tried.
        used: indexes of which keys are made.
        base: the type of user columns' domain.
    """

    def __init__(self, session: Session, objects: Mapping[Key, Object], there: Found, users: UserTable | None) -> None:
        self.session, self.objects, self.there, self.users = session, objects, there, users
        self.found = snapshot.read(session)
        if "fbs_settings" in there.tables and "fbs_cleanup_rules" in there.tables:
            self.found |= snapshot.read_rows(session, objects)
        gone = {table.present for table in there.empty}
        self.found = {key: it for key, it in self.found.items() if key[1].split()[-1].partition(".")[0] not in gone}
        self.changes: dict[int, list[Change]] = defaultdict(list)
        self.stops: list[Finding] = []
        self.kept: list[Finding] = []
        self.matching: dict[str, int] = defaultdict(int)
        self.unfit: set[str] = set()
        self.used: list[Index] = []
        self.base = "bigint"
        self.quoted = _Quoted(session)
        self.user_columns = {
            name for (kind, name), it in objects.items() if kind == "column" and it.definition == "fbs_user_id"
        }

    def change(self, phase: int, action: Action, kind: str, name: str, *statements: str, reason: str = "") -> None:
        table = name.removeprefix("column ").removeprefix("table ").partition(".")[0]
        of = table if table in self.there.tables else ""
        self.changes[phase].append(Change(of, action, kind, name, reason, statements))

    def add(
        self, phase: int, table: Table, action: Action, kind: str, name: str, reason: str, *statements: str
    ) -> None:
        """Something about a table that is there under another name besides."""
        self.changes[phase].append(Change(table.name, action, kind, name, reason, statements))

    def make(self, phase: int, it: Object, there: Object | None = None, reason: str = "") -> None:
        """Make an object as a repair would, or give it its definition."""
        self.change(phase, "change" if there else "add", it.kind, it.name, *self.making(it, there), reason=reason)

    def making(self, it: Object, there: Object | None = None) -> list[str]:
        table, part = (self.quoted[name] for name in f"{it.name}.".split(".")[:2])
        return mending.making(Wanted(self.session, it, there, table, part, self.objects, together=True))

    def stop(
        self, kind: str, name: str, problem: str, found: str | None, expected: str | None = None, mend: str = ""
    ) -> None:
        self.stops.append(Finding("error", kind, name, problem, found, expected, mend))

    def keep(self, kind: str, name: str, found: str) -> None:
        self.kept.append(Finding("note", kind, name, "kept", found))

    def match(self, table: str) -> None:
        self.matching[table] += 1

    def of(self, kind: str, table: str) -> list[Object]:
        """The objects of a kind that a table is to have."""
        return [it for (of, name), it in self.objects.items() if of == kind and name.partition(".")[0] == table]

    def place(self, table: Table) -> str:
        """Where the table is now."""
        return f"{self.session.quoted_schema}.{self.quoted[table.present]}"

    def present(self, column: str) -> str:
        """A column as it is called now."""
        return self.quoted[self.there.columns[column].present]

    def count(self, table: str, condition: str = "true") -> int:
        """How many rows meet a condition; 0 where the role has nothing to say about the table."""
        place = self.there.tables[table]
        if not place.ours or place.definition != "table":
            return 0
        query = f"select count(*) from {self.place(place)} as t where {condition}"
        return int((self.session.cursor().execute(query.encode()).fetchone() or (0,))[0])

    def literal(self, text: str) -> str:
        return sql.Literal(text).as_string(self.session.connection)


class _Quoted(dict[str, str]):
    """Names as they stand in SQL, with quotes only where they take them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __missing__(self, name: str) -> str:
        self[name] = str(self.session.select("select quote_ident(%s)", name)[0][0])
        return self[name]


def claim(same: Sequence[Any], name: str) -> Any:
    """One of those that do the same; that which bears the name, if one does."""
    return next((one for one in same if one.name == name), same[0] if same else None)
