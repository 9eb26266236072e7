"""What the functions of fbs-db answer: frozen rows that print as plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from fbs_db.errors import FbsDbError, MigrationError

Operation = Literal["apply", "rollback", "accept"]
State = Literal["applied", "pending", "edited", "missing"]


@dataclass(frozen=True)
class Report:
    """Base of the rows and reports that the functions return."""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, as ``--json`` prints it."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: object) -> object:
    if isinstance(value, Report | FbsDbError):
        return value.as_dict()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Step(Report):
    """One file applied, undone or accepted.

    Attributes:
        migration_id: the file, without its ending.
        operation: what was done with it.
        seconds: how long it took.
    """

    migration_id: str
    operation: Operation
    seconds: float


@dataclass(frozen=True)
class Progress:
    """What goes on while a run lasts.

    Attributes:
        kind: ``begin`` and ``end`` of a file, or ``wait`` with a text.
        migration_id: the file; empty for ``wait``.
        seconds: how long the file took; 0 before its end.
        text: what is waited for, or done besides.
    """

    kind: Literal["begin", "end", "wait"]
    migration_id: str = ""
    seconds: float = 0
    text: str = ""


def silent(progress: Progress) -> None:
    """Tells nobody: what is called where nobody asked for progress."""


@dataclass(frozen=True)
class UserColumn(Report):
    """One of FBS's columns that hold a user's key.

    Attributes:
        table_name: the table.
        column_name: the column.
        on_delete: ``cascade`` or ``set null``: what becomes of the row with its user.
        orphans: rows whose user is gone; repaired ones where that was asked for.
        validated: whether every row is known to point at a user that exists.
    """

    table_name: str
    column_name: str
    on_delete: str
    orphans: int
    validated: bool


@dataclass(frozen=True)
class PlannedColumn(Report):
    """A user column that a run would look at, once it is tied.

    Attributes:
        table_name: the table.
        column_name: the column.
        on_delete: ``cascade`` or ``set null``: what becomes of the row with its user.
        tied: whether it is tied already.
    """

    table_name: str
    column_name: str
    on_delete: str
    tied: bool = False


@dataclass(frozen=True)
class MigrateReport(Report):
    """What a run did.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        steps: the files, in the order they were done in; empty where nothing was to be done.
        current: the last file in force, or an empty string.
        seconds: how long all of it took.
        users: the user columns, where they were tied to the user table or validated now;
            those with orphans hold rows whose user is gone.
        user_table: the user table as it was named, or an empty string.
    """

    database: str
    schema: str
    steps: tuple[Step, ...]
    current: str
    seconds: float
    users: tuple[UserColumn, ...] = ()
    user_table: str = ""


@dataclass(frozen=True)
class TableLock(Report):
    """A lock that a file takes on a table that is there before it.

    Attributes:
        migration_id: the file.
        table: the table, with its schema where that is not the one migrated.
        mode: PostgreSQL's name of the lock, such as ``SHARE ROW EXCLUSIVE``.
        blocks: what others cannot do meanwhile: nothing, ddl, writes, or everything.
    """

    migration_id: str
    table: str
    mode: str
    blocks: Literal["nothing", "ddl", "writes", "everything"]


@dataclass(frozen=True)
class DryRunReport(Report):
    """What a run would do.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        pending: the files, in order.
        sql: exactly what would be sent; psql runs it too.
        locks: locks on tables that exist already, found by running the files in a
            transaction that was rolled back; those of tying users are known.
        untried: files that run outside a transaction, and those after them.
        users: the user columns that would be tied, after the files, in their transaction.
        user_table: the user table, or an empty string.
    """

    database: str
    schema: str
    pending: tuple[str, ...]
    sql: str
    locks: tuple[TableLock, ...]
    untried: tuple[str, ...]
    users: tuple[PlannedColumn, ...] = ()
    user_table: str = ""


@dataclass(frozen=True)
class MigrationStatus(Report):
    """One migration, as the files and the history have it.

    Attributes:
        migration_id: the file, without its ending.
        component: what it belongs to; empty where the file is missing.
        state: ``applied``, ``pending``, ``edited`` (applied, but reads otherwise
            now) or ``missing`` (applied, but there is no file).
        applied_at: when; None while pending.
        applied_by: database role; empty while pending.
        fbs_db_version: version that applied it; empty while pending.
        checksum: SHA-256 of the file as it is; empty where it is missing.
        applied_checksum: SHA-256 of the file as it was applied; empty while pending.
    """

    migration_id: str
    component: str
    state: State
    applied_at: datetime | None = None
    applied_by: str = ""
    fbs_db_version: str = ""
    checksum: str = ""
    applied_checksum: str = ""


@dataclass(frozen=True)
class StatusReport(Report):
    """What is in force in a database, and what is not.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        migrations: every migration, in the order of application.
        problems: what stops `migrate`: edited and missing files.
        elsewhere: other schemas of the database in which FBS is installed.
    """

    database: str
    schema: str
    migrations: tuple[MigrationStatus, ...]
    problems: tuple[MigrationError, ...]
    elsewhere: tuple[str, ...]

    @property
    def pending(self) -> tuple[str, ...]:
        """The files that are still to be applied."""
        return tuple(row.migration_id for row in self.migrations if row.state == "pending")

    def as_dict(self) -> dict[str, Any]:
        head = {"database": self.database, "schema": self.schema, "pending": list(self.pending)}
        return head | super().as_dict()


@dataclass(frozen=True)
class Table(Report):
    """One of FBS's tables.

    Attributes:
        name: its name.
        component: the part of FBS it belongs to.
        rows: how many; an estimate for large tables.
        exact: whether `rows` was counted.
        size: bytes on disk, indexes included.
        comment: what it holds.
    """

    name: str
    component: str
    rows: int
    exact: bool
    size: int
    comment: str


@dataclass(frozen=True)
class Column(Report):
    """A column of a table: name, type, whether it may be empty, default, comment."""

    name: str
    type: str
    nullable: bool
    default: str
    comment: str


@dataclass(frozen=True)
class TableDescription(Report):
    """A table in full.

    Attributes:
        name: its name.
        component: the part of FBS it belongs to.
        comment: what it holds.
        columns: in their order.
        constraints: name and definition of each.
        indexes: name and definition of each.
        triggers: name and definition of each.
        referenced_by: what points at it: table, and the rule on delete.
    """

    name: str
    component: str
    comment: str
    columns: tuple[Column, ...]
    constraints: tuple[tuple[str, str], ...]
    indexes: tuple[tuple[str, str], ...]
    triggers: tuple[tuple[str, str], ...]
    referenced_by: tuple[tuple[str, str], ...]
