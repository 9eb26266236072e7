"""The errors of fbs-db.

Each has a message (what happened, and where), a hint (what to do next) and the exit code of the
command line: 1 if the schema, its files or its rows are at fault, 2 if the work could not begin
or finish for another reason. ``__cause__`` is the error that caused it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fbs_db.redaction import redacted


class FbsDbError(Exception):
    """Base class of all errors of fbs-db. Neither text holds a password.

    Attributes:
        message: what happened, and where.
        hint: what to do next; may be an empty string.
        exit_code: the exit code of the command line.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(redacted(message))
        self.message = message
        self.hint = hint

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, redacted(value) if name in ("message", "hint") else value)

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def as_dict(self) -> dict[str, Any]:
        """The error as plain values, as ``--json`` prints it."""
        return {"type": type(self).__name__, "message": self.message, "hint": self.hint}


# --- exit code 2 -------------------------------------------------------------


class UsageError(FbsDbError):
    """An argument or a setting is invalid, such as an unknown migration or a malformed URL."""


class RowsAtStake(UsageError):
    """Rows would be lost or renamed, and the caller did not allow it.

    Attributes:
        rows: number of rows, by table or by name.
    """

    def __init__(self, message: str, *, hint: str = "", rows: Mapping[str, int] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rows = dict(rows or {})

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "rows": self.rows}


class ConnectionFailed(FbsDbError):
    """The connection failed: wrong host, port, database, role or password."""


class ConnectionLost(FbsDbError):
    """The connection broke. Work that was not committed is rolled back."""


class UnsupportedServer(FbsDbError):
    """The server is older than PostgreSQL 15, or is a read-only standby."""


class PoolerRefused(FbsDbError):
    """A pooler gives each transaction another server session; session locks do not work there."""


class EmbeddedServerError(FbsDbError):
    """The embedded server is not installed, does not start, or cannot use its data directory."""


class TargetError(FbsDbError):
    """The database cannot be used: missing schema, missing privilege, unsuitable user table."""


class NameTaken(TargetError):
    """An object that fbs-db did not create has a name that fbs-db needs."""


class LockTimeout(FbsDbError):
    """A lock was not granted in time: another session migrates, or uses a table.

    Attributes:
        statement: the statement that asked for the lock, as far as it is known; None once the message
            names the session that holds it.
        connection: the connection that asked for it.
    """

    def __init__(self, message: str, *, hint: str = "", statement: str | None = None, connection: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.statement = statement
        self.connection = connection


class ServerOutOfResources(FbsDbError):
    """The server's disk or memory is full."""


class ServerError(FbsDbError):
    """Another error of PostgreSQL. The message is the server's."""


# --- exit code 1: the schema, its files or its rows are at fault -------------


class MigrationError(FbsDbError):
    """Base class of errors in the migrations."""

    exit_code = 1


class BadMigrationFiles(MigrationError):
    """The migrations contradict each other, such as a number twice or a missing dependency."""


class EditedMigration(MigrationError):
    """An applied migration was edited."""


class MissingMigration(MigrationError):
    """The file of an applied migration is missing, or a later fbs-db applied it and this one works by its files."""


class MissingRollback(MigrationError):
    """A migration to be rolled back has no rollback file."""


class MigrationFailed(MigrationError):
    """PostgreSQL refused a statement of a migration.

    Attributes:
        migration_id: the migration, such as ``0003_msme_models``.
        line: the line in the file; None if it is not known.
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
    """A row holds a value that Python cannot represent, such as an infinite date or a year after 9999.

    Attributes:
        table: the table; the view or function if the table is not known.
        column: the column.
        key: the values that identify the row, by column; may be empty.
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
    """Adopting the existing tables could lose data, or needs a decision.

    Attributes:
        report: the plan and its obstacles, an `fbs_db.AdoptReport`.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", report: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class IsolationRefused(FbsDbError):
    """Isolation cannot be switched on or off, as something is in the way; or not be rolled back, as it is on.

    Attributes:
        report: the obstacles, an `fbs_db.IsolationReport`; None where one showed up on the way, and for a rollback.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", report: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class MoveRefused(FbsDbError):
    """A component cannot be moved: rows would be lost or changed."""

    exit_code = 1
