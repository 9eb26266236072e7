"""The rows and reports that the functions return."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from fbs_db.errors import FbsDbError, MigrationError
from fbs_db.redaction import redacted

Operation = Literal["apply", "rollback", "accept"]
State = Literal["applied", "pending", "edited", "missing", "newer"]


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
    """A migration that was applied, rolled back or accepted.

    Attributes:
        migration_id: the migration, such as ``0003_msme_models``.
        operation: ``apply``, ``rollback`` or ``accept``.
        seconds: how long it took.
    """

    migration_id: str
    operation: Operation
    seconds: float


@dataclass(frozen=True)
class Progress:
    """A step of a run, as it happens.

    Attributes:
        kind: ``begin`` or ``end`` of a migration, or ``wait``, which has a text.
        migration_id: the migration; an empty string for ``wait``.
        seconds: how long the migration took; 0 before its end.
        text: the session that is waited for, or other work that is done.
    """

    kind: Literal["begin", "end", "wait"]
    migration_id: str = ""
    seconds: float = 0
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", redacted(self.text))  # it may quote another session's statement


def silent(progress: Progress) -> None:
    """Ignore the progress of a run: the default."""


@dataclass(frozen=True)
class UserColumn(Report):
    """A column that holds the key of a user.

    Attributes:
        table_name: the table.
        column_name: the column.
        on_delete: the rule when the user is deleted: ``cascade`` or ``set null``.
        orphans: number of rows whose user is gone; the number repaired, if the call repairs them.
        validated: whether every row is known to point at an existing user.
    """

    table_name: str
    column_name: str
    on_delete: str
    orphans: int
    validated: bool


@dataclass(frozen=True)
class PlannedColumn(Report):
    """A user column that a run would validate.

    Attributes:
        table_name: the table.
        column_name: the column.
        on_delete: the rule when the user is deleted: ``cascade`` or ``set null``.
        tied: whether it has its foreign key already.
    """

    table_name: str
    column_name: str
    on_delete: str
    tied: bool = False


@dataclass(frozen=True)
class MigrateReport(Report):
    """The result of a run.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        steps: the migrations, in the order of the run; empty if there was nothing to do.
        current: the last migration in force, or an empty string.
        seconds: how long the run took.
        users: the user columns, if this run tied or validated them; those with orphans hold
            rows whose user is gone.
        user_table: the user table as the caller or the configuration names it, or an empty string.
        left_out: the components that the configuration leaves out.
        newer: the version of a later fbs-db that has migrated the schema, or an empty string.
    """

    database: str
    schema: str
    steps: tuple[Step, ...]
    current: str
    seconds: float
    users: tuple[UserColumn, ...] = ()
    user_table: str = ""
    left_out: tuple[str, ...] = ()
    newer: str = ""


@dataclass(frozen=True)
class TableLock(Report):
    """A lock that a migration takes on an existing table.

    Attributes:
        migration_id: the migration.
        table: the table, with its schema if that is not the one migrated.
        mode: PostgreSQL's name of the lock, such as ``SHARE ROW EXCLUSIVE``.
        blocks: the work of other sessions that waits for it: nothing, ddl, writes, or everything.
    """

    migration_id: str
    table: str
    mode: str
    blocks: Literal["nothing", "ddl", "writes", "everything"]


@dataclass(frozen=True)
class DryRunReport(Report):
    """The plan of a run.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        pending: the migrations, in order.
        sql: exactly the statements that would be sent; psql runs them too.
        locks: locks on existing tables. Those of the migrations are found by running them in a
            transaction that is rolled back; those on user columns are known.
        untried: migrations that run outside a transaction, and those after them.
        users: the user columns that would be tied, in the transaction of the last migration.
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
    """The state of a migration. A text that is not known is an empty string.

    Attributes:
        migration_id: the migration, such as ``0003_msme_models``.
        component: its component; not known if the file is missing.
        state: ``applied``, ``pending``, ``edited`` (the file was edited after it was applied), ``missing``
            (applied, but there is no file) or ``newer`` (a later fbs-db applied it).
        applied_at: when it was applied; None while pending.
        applied_by: the database role that applied it.
        fbs_db_version: the version of fbs-db that applied it.
        checksum: SHA-256 of the file.
        applied_checksum: SHA-256 of the file as it was applied.
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
    """The state of all migrations in a database.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        migrations: every migration, in the order of application.
        problems: the errors that `migrate` would raise: edited and missing files.
        elsewhere: other schemas of the database in which FBS is installed.
        left_out: the components that the configuration leaves out.
    """

    database: str
    schema: str
    migrations: tuple[MigrationStatus, ...]
    problems: tuple[MigrationError, ...]
    elsewhere: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[str, ...]:
        """Ids of the migrations that are pending."""
        return tuple(row.migration_id for row in self.migrations if row.state == "pending")

    def as_dict(self) -> dict[str, Any]:
        head = {"database": self.database, "schema": self.schema, "pending": list(self.pending)}
        return head | super().as_dict()


@dataclass(frozen=True)
class Table(Report):
    """A table of FBS.

    Attributes:
        name: its name.
        component: its component.
        rows: number of rows; an estimate for large tables.
        exact: whether `rows` was counted.
        size: bytes on disk, indexes included.
        comment: its comment.
    """

    name: str
    component: str
    rows: int
    exact: bool
    size: int
    comment: str


@dataclass(frozen=True)
class Index(Report):
    """An index of a table of FBS, with what it costs and what it is for.

    Attributes:
        table: its table.
        name: its name.
        size: bytes on disk.
        scans: how often it was used since `since`. A check of a foreign key counts, one of a unique set does not.
        since: when the statistics of the database were reset; None if never.
        comment: what it serves; of a primary key or a unique set, that it is one.
    """

    table: str
    name: str
    size: int
    scans: int
    since: datetime | None
    comment: str


@dataclass(frozen=True)
class Column(Report):
    """A column of a table: name, type, whether it may be NULL, default, comment."""

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
        component: its component.
        comment: its comment.
        columns: its columns, in order.
        constraints: name and definition of each.
        indexes: name and definition of each.
        triggers: name and definition of each.
        policies: name and definition of each that is in force.
        referenced_by: each foreign key that points at it: its table, and its rule on delete.
    """

    name: str
    component: str
    comment: str
    columns: tuple[Column, ...]
    constraints: tuple[tuple[str, str], ...]
    indexes: tuple[tuple[str, str], ...]
    triggers: tuple[tuple[str, str], ...]
    policies: tuple[tuple[str, str], ...]
    referenced_by: tuple[tuple[str, str], ...]

    @property
    def parts(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """What it has beside its columns: by title, name and definition of each. Titles without any are left out."""
        found = {
            "Constraints": self.constraints,
            "Indexes": self.indexes,
            "Triggers": self.triggers,
            "Policies": self.policies,
            "Referenced by": tuple((name, f"on delete {rule}") for name, rule in self.referenced_by),
        }
        return {title: pairs for title, pairs in found.items() if pairs}

    def as_dict(self) -> dict[str, Any]:
        pairs = ("constraints", "indexes", "triggers", "policies")
        return {
            **super().as_dict(),
            **{key: [{"name": name, "definition": said} for name, said in getattr(self, key)] for key in pairs},
            "referenced_by": [{"table": table, "on_delete": rule} for table, rule in self.referenced_by],
        }
