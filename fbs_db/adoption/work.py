"""The plan of an adoption while it is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from fbs_db.adoption.found import Found, Index, Table
from fbs_db.database.session import Session
from fbs_db.health.findings import Finding
from fbs_db.health.statements import Wanted, making
from fbs_db.reports import Report
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key, Object

Action = Literal["rename", "add", "change", "drop"]

#: The phases of an adoption, in the order in which they run.
(
    COPIED, DROPPED, RENAMED, FREED, KEYS_RENAMED, TYPED, COLUMNS, TABLES, FUNCTIONS, KEYS, LINKS, INDEXES, REST,
) = range(13)  # fmt: skip


@dataclass(frozen=True)
class Change(Report):
    """A change of the schema.

    Attributes:
        table: FBS's name of the table; empty text where the change is about no existing table.
        action: ``rename``, ``add``, ``change`` or ``drop``.
        kind: kind of object, one of `snapshot.KINDS`.
        object: its name, such as ``fbs_kpis.target_value``.
        reason: what it was, or why it changes; empty text where the action says it.
        statements: the SQL statements.
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
        name: its name with the schema, quoted for SQL.
        oid: its OID.
        key: its primary key column.
        type: type of that column.
    """

    name: str
    oid: int
    key: str
    type: str


@dataclass(frozen=True)
class Fit:
    """How tables get the shape that the migrations give them, or why they cannot.

    Attributes:
        changes: the changes, in the order in which they run.
        stops: findings that could lose data, or that the host has to decide on.
        kept: objects of the host that stay.
        matching: by table, the number of objects that match already.
    """

    changes: tuple[Change, ...]
    stops: tuple[Finding, ...]
    kept: tuple[Finding, ...]
    matching: dict[str, int]


class Work:
    """What is known, what is planned so far, and what both need to be written as SQL.

    Attributes:
        objects: every object that the migrations create.
        there: the tables as they are.
        users: the host's user table, if known.
        found: the other objects in the schema, by kind and name.
        unfit: columns whose type stops the adoption; no query on them is tried.
        used: unique indexes that become unique constraints.
        base: base type of the domain of user columns.
    """

    def __init__(self, session: Session, objects: Mapping[Key, Object], there: Found, users: UserTable | None) -> None:
        self.session, self.objects, self.there, self.users = session, objects, there, users
        self.found = snapshot.live_objects(session)
        if "fbs_settings" in there.tables and "fbs_cleanup_rules" in there.tables:
            self.found |= snapshot.live_rows(session, objects)
        gone = {table.present for table in there.empty}
        self.found = {key: it for key, it in self.found.items() if key[1].split()[-1].partition(".")[0] not in gone}
        self.changes: dict[int, list[Change]] = defaultdict(list)
        self.stops: list[Finding] = []
        self.kept: list[Finding] = []
        self.matching: dict[str, int] = defaultdict(int)
        self.unfit: set[str] = set()
        self.used: list[Index] = []
        self.base = "bigint"
        self._quoted: dict[str, str] = {}
        self.user_columns = {
            name for (kind, name), it in objects.items() if kind == "column" and it.definition == "fbs_user_id"
        }

    # --- what is planned

    def change(self, phase: int, action: Action, kind: str, name: str, *statements: str, reason: str = "") -> None:
        table = name.removeprefix("column ").removeprefix("table ").partition(".")[0]
        of = table if table in self.there.tables else ""
        self.changes[phase].append(Change(of, action, kind, name, reason, statements))

    def add(
        self, phase: int, table: Table, action: Action, kind: str, name: str, reason: str, *statements: str
    ) -> None:
        """Plan a change of one of two tables that stand for the same table of FBS."""
        self.changes[phase].append(Change(table.name, action, kind, name, reason, statements))

    def make(self, phase: int, it: Object, there: Object | None = None, reason: str = "") -> None:
        """Plan to create an object as a repair would, or to give it FBS's definition."""
        self.change(phase, "change" if there else "add", it.kind, it.name, *self.making(it, there), reason=reason)

    def making(self, it: Object, there: Object | None = None) -> list[str]:
        table, part = (self.quote(name) for name in f"{it.name}.".split(".")[:2])
        return making(Wanted(self.session, it, there, table, part, self.objects, together=True))[0]

    def stop(
        self, kind: str, name: str, problem: str, found: str | None, expected: str | None = None, mend: str = ""
    ) -> None:
        self.stops.append(Finding("error", kind, name, problem, found, expected, mend))

    def keep(self, kind: str, name: str, found: str) -> None:
        self.kept.append(Finding("note", kind, name, "kept", found))

    def match(self, table: str) -> None:
        self.matching[table] += 1

    # --- what is known

    def of(self, kind: str, table: str) -> list[Object]:
        """FBS's objects of a kind in a table."""
        return [it for (of, name), it in self.objects.items() if of == kind and name.partition(".")[0] == table]

    def qualified(self, table: Table) -> str:
        """A table's present name with the schema, quoted for SQL."""
        return f"{self.session.quoted_schema}.{self.quote(table.present)}"

    def present(self, column: str) -> str:
        """A column's present name, quoted for SQL."""
        return self.quote(self.there.columns[column].present)

    def count(self, table: str, condition: str = "true") -> int:
        """The number of rows that meet a condition; 0 where the role is not the table's owner."""
        found = self.there.tables[table]
        if not found.ours or found.definition != "table":
            return 0
        query = f"select count(*) from {self.qualified(found)} as t where {condition}"
        return int((self.session.cursor().execute(query.encode()).fetchone() or (0,))[0])

    # --- SQL

    def quote(self, name: str) -> str:
        """A name for SQL, with quotes only where it needs them."""
        if name not in self._quoted:
            self._quoted[name] = str(self.session.select("select quote_ident(%s)", name)[0][0])
        return self._quoted[name]

    def literal(self, text: str) -> str:
        """A text for SQL."""
        return sql.Literal(text).as_string(self.session.connection)


def claim(same: Sequence[Any], name: str) -> Any:
    """Of equal objects the one with this name, else the first; None where there is none."""
    return next((one for one in same if one.name == name), same[0] if same else None)
