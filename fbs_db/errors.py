"""Every error fbs-db raises, in one tree.

Each carries a message (what happened, and where), a hint (what to do next) and
the exit code of the command line: 1 where the schema, its files or its rows are at fault,
2 where nothing could be done at all. Whatever caused it is its ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FbsDbError(Exception):
    """Base of every error of fbs-db.

    Attributes:
        message: what happened, and where.
        hint: what to do next; empty where nothing is to be added.
        exit_code: what the command line exits with.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def as_dict(self) -> dict[str, Any]:
        """The error as plain values, as ``--json`` prints it."""
        return {"type": type(self).__name__, "message": self.message, "hint": self.hint}


# --- Nothing could be done: exit code 2 -------------------------------------


class UsageError(FbsDbError):
    """An argument or setting makes no sense: an unknown migration, a malformed URL."""


class RowsAtStake(UsageError):
    """Rows would be lost or renamed, and the caller did not say that they may.

    Attributes:
        rows: how many, by table or by name.
    """

    def __init__(self, message: str, *, hint: str = "", rows: Mapping[str, int] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rows = dict(rows or {})

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "rows": self.rows}


class ConnectionFailed(FbsDbError):
    """No connection: no such host, port, database or role, or a wrong password."""


class ConnectionLost(FbsDbError):
    """The connection broke in the middle. What was not committed is undone."""


class UnsupportedServer(FbsDbError):
    """The server is older than PostgreSQL 15, or a read-only standby."""


class PoolerRefused(FbsDbError):
    """A transaction pooler stands between: a session lock means nothing there."""


class EmbeddedServerError(FbsDbError):
    """The embedded server is not installed, does not start, or has other data."""


class TargetError(FbsDbError):
    """The database is not fit: no such schema, no privilege, a bad user table."""


class NameTaken(TargetError):
    """Something that fbs-db did not make bears the name of something it would make."""


class LockTimeout(FbsDbError):
    """Somebody else is migrating, or holds a table, for longer than we wait.

    Attributes:
        statement: what asked for the lock, as far as it is known; None once the message names who holds it.
        connection: on which it was asked for.
    """

    def __init__(self, message: str, *, hint: str = "", statement: str | None = None, connection: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.statement = statement
        self.connection = connection


class ServerOutOfResources(FbsDbError):
    """The server's disk or memory is full."""


class ServerError(FbsDbError):
    """PostgreSQL refused something that should work: the message is its own."""


# --- The schema, its files or its rows are at fault: exit code 1 -------------


class MigrationError(FbsDbError):
    """Base of all that is wrong with the files, or with what they say."""

    exit_code = 1


class BadMigrationFiles(MigrationError):
    """The files contradict each other: a number twice, a dependency nobody meets."""


class EditedMigration(MigrationError):
    """A file that is applied reads otherwise now."""


class MissingMigration(MigrationError):
    """A migration is applied whose file is not here."""


class MissingRollback(MigrationError):
    """A file is to be undone that has no rollback file."""


class MigrationFailed(MigrationError):
    """PostgreSQL refused a statement of a file.

    Attributes:
        migration_id: the file, without its ending.
        line: line in the file, or None where the server did not tell.
        statement: the statement that failed, or an empty string.
        sqlstate: PostgreSQL's five-character code.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        migration_id: str = "",
        line: int | None = None,
        statement: str = "",
        sqlstate: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.migration_id = migration_id
        self.line = line
        self.statement = statement
        self.sqlstate = sqlstate

    def as_dict(self) -> dict[str, Any]:
        return {
            **super().as_dict(),
            "migration_id": self.migration_id,
            "line": self.line,
            "statement": self.statement,
            "sqlstate": self.sqlstate,
        }


class UnreadableValue(FbsDbError):
    """A row holds a value that Python cannot, such as an infinite date or one after the year 9999.

    Attributes:
        table: the table, or the view or function where no single table is known.
        column: its column.
        key: what identifies the row, by column; empty where nothing does.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, hint: str = "", table: str = "", column: str = "", key: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.table = table
        self.column = column
        self.key = key or {}

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "table": self.table, "column": self.column, "key": self.key}


class AdoptionRefused(FbsDbError):
    """The tables that are there differ in a way that could lose data, or takes a decision.

    Attributes:
        report: the plan, with what stops it: an `fbs_db.AdoptReport`.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", report: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class MoveRefused(FbsDbError):
    """A component cannot be moved: rows would be lost, or not be the same."""

    exit_code = 1
