"""yoyo's PostgreSQL backend, made fit for a host's production database.

What yoyo does by itself and why it is done otherwise here: its lock outlives its
holder, its record is a second transaction, it splits files, it bears names a host
may use, and it opens its own connection.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection, generators, pq, sql
from psycopg.rows import tuple_row
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from fbs_db import wording
from fbs_db.database.connection import from_server, raise_if_lost, settings_kept
from fbs_db.database.locks import SESSION
from fbs_db.errors import FbsDbError, LockTimeout, MigrationFailed, MissingRollback, NameTaken
from fbs_db.files import BASE, MigrationFile, load, statements
from fbs_db.version import __version__

_POLL_SECONDS = 0.1
_SETTINGS = {
    "search_path": "{schema}, pg_temp",
    "lock_timeout": "'3s'",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_min_messages": "notice",
    "standard_conforming_strings": "on",
    "fbs.user_table": "{user_table}",
    "fbs.user_key_type": "{user_key_type}",
}


@dataclass(frozen=True)
class Applied:
    """One row of ``fbs_migrations``: a file in force.

    Attributes:
        migration_id: the file, without its ending.
        checksum: SHA-256 of the file as it was applied.
        applied_at: when.
        applied_by: database role.
        fbs_db_version: version of fbs-db.
    """

    migration_id: str
    checksum: str
    applied_at: datetime
    applied_by: str
    fbs_db_version: str


class Backend(PostgresqlPsycopgBackend):
    """Applies and undoes files over an open connection, in one schema.

    Parameters:
        connection: open, and either idle in autocommit or in a transaction of the
            caller's, which then stays open.
        schema: where the tables are, or will be.
        user_table: the host's user table as ``schema.table``, quoted as needed.
        user_key_type: type of user columns where no user table is named.
        said: told what is being waited for.
    """

    migration_table = "fbs_migrations"
    log_table = "fbs_migration_log"
    schema: str

    def __init__(
        self,
        connection: Connection,
        schema: str,
        *,
        user_table: str = "",
        user_key_type: str = "",
        said: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._given = connection
        self.schema = schema
        self.user_table = user_table
        self.user_key_type = user_key_type
        self.said = said
        super().__init__(None, self.migration_table)
        self.in_callers_transaction = connection.info.transaction_status is pq.TransactionStatus.INTRANS
        self._in_transaction = self.in_callers_transaction

    # --- yoyo's hooks

    def connect(self, dburi: None) -> Connection:
        return self._given

    def init_connection(self, connection: Connection) -> None:
        """Nothing: what a run needs is set in its transaction, and gone with it."""

    def ensure_internal_schema_updated(self) -> None:
        """Nothing: the history is made by the first file."""

    def cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._given.cursor(row_factory=tuple_row)

    def begin(self) -> None:
        super().begin()
        self.cursor().execute(self.settings_sql())

    def rollback(self) -> None:
        if self.connection.closed or self.connection.broken:
            self._in_transaction = False
        else:
            super().rollback()

    def get_applied_migration_hashes(self) -> list[str]:
        return [row.checksum for row in self.history()]

    # --- history

    def history(self) -> list[Applied]:
        """What ``fbs_migrations`` says is in force, in the order of application."""
        fields = list(Applied.__dataclass_fields__)
        found = self._ask(
            "select c.relkind = 'r' and fields <@ array(select attname::text from pg_catalog.pg_attribute"
            " where attrelid = c.oid) from (values (%s::text[])) as v (fields), pg_catalog.pg_class as c"
            " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
            " where c.relname = %s and n.nspname = %s",
            (fields, self.migration_table, self.schema),
        )
        if found is None:
            return []
        if not found:
            raise name_taken(self.schema, [self.migration_table])
        columns = sql.SQL(", ").join(map(sql.Identifier, fields))
        table = sql.Identifier(self.schema, self.migration_table)
        query = sql.SQL("select {} from {} order by applied_at, migration_id").format(columns, table)
        return [Applied(*row) for row in self.cursor().execute(query)]

    def elsewhere(self) -> list[str]:
        """Other schemas of the database in which FBS is installed."""
        rows = self.cursor().execute(
            "select n.nspname from pg_catalog.pg_class as c"
            " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
            " where c.relname = %s and c.relkind = 'r' and n.nspname <> %s order by 1",
            (self.migration_table, self.schema),
        )
        return [name for (name,) in rows]

    def record_sql(self, file: MigrationFile, operation: str) -> str:
        """The statements that write down that a file was applied, adopted, undone or accepted."""
        values = {
            "table": sql.Identifier(self.migration_table),
            "log": sql.Identifier(self.log_table),
            "id": sql.Literal(file.id),
            "checksum": sql.Literal(file.checksum),
            "operation": sql.Literal(operation),
            "version": sql.Literal(__version__),
        }
        insert = "insert into {table} (migration_id, checksum, fbs_db_version) values ({id}, {checksum}, {version});\n"
        change = {
            "apply": insert,
            "adopt": insert,
            "rollback": "delete from {table} where migration_id = {id};\n",
            "accept": "update {table} set checksum = {checksum} where migration_id = {id};\n",
        }[operation]
        log = (
            "insert into {log} (migration_id, operation, checksum, fbs_db_version)"
            " values ({id}, {operation}, {checksum}, {version});"
        )
        return sql.SQL(change + log).format(**values).as_string(self.connection)

    def settings_sql(self) -> str:
        """What every transaction of a run sets, for itself alone."""
        values = {
            "schema": sql.Identifier(self.schema),
            "user_table": sql.Literal(self.user_table),
            "user_key_type": sql.Literal(self.user_key_type),
        }
        lines = [f"set local {name} = {value};" for name, value in _SETTINGS.items()]
        return sql.SQL("\n".join(lines)).format(**values).as_string(self.connection)

    @contextmanager
    def run_transaction(self) -> Iterator[None]:
        """One transaction for all that runs inside; a savepoint in one of the caller's."""
        with self.transaction():
            if self.in_callers_transaction:
                with self._borrowed("set local"):
                    yield
            else:
                yield

    @contextmanager
    def _borrowed(self, verb: str) -> Iterator[None]:
        """The run's settings where no transaction of ours ends them."""
        with settings_kept(self.connection, _SETTINGS, local=verb == "set local"):
            self.cursor().execute(self.settings_sql().replace("set local ", f"{verb} "))
            yield

    # --- one file

    def apply_one(self, migration: MigrationFile, force: bool = False, mark: bool = True) -> None:
        """Run a file and record it, in the transaction of the run."""
        if migration.transactional:
            self.run(migration, migration.sql)
            self.run(migration, self.record_sql(migration, "apply"))
            return
        self._drop_invalid_index(migration)
        with self._borrowed("set"):
            self.run(migration, migration.sql)
        with self.transaction():
            self.run(migration, self.record_sql(migration, "apply"))

    def rollback_one(self, migration: MigrationFile, force: bool = False) -> None:
        """Undo a file and record it: first the record, as the history may go too."""
        text = migration.rollback_sql
        if text is None:
            raise MissingRollback(
                f"{migration.id} cannot be undone: there is no {migration.rollback_path.name}.",
                hint=f"It belongs beside {migration.path}.",
            )
        self.run(migration, self.record_sql(migration, "rollback"))
        self.run(migration, text, suffix=".rollback.sql")

    def run(self, migration: MigrationFile, text: str, suffix: str = ".sql") -> None:
        """Send a text as one message; on failure say which statement it was."""
        pgconn = self.connection.pgconn
        pgconn.send_query(text.encode(self.connection.info.encoding))
        results = self.connection.wait(generators.execute(pgconn))
        for done, result in enumerate(results):
            if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY):
                error = psycopg.errors.error_from_result(result, encoding=self.connection.info.encoding)
                raise_if_lost(self.connection, error)
                failure = _failure(migration.id, suffix, text, done, error)
                if isinstance(failure, LockTimeout):
                    failure.connection = self.connection
                raise failure from error

    def _drop_invalid_index(self, migration: MigrationFile) -> None:
        """What a broken ``create index concurrently`` leaves is skipped by its
        ``if not exists`` and would stay useless for ever."""
        names = [name for kind, name in migration.creates if kind == "index"]
        rows = (
            self.cursor()
            .execute(
                "select c.relname from pg_catalog.pg_class as c"
                " inner join pg_catalog.pg_index as i on c.oid = i.indexrelid"
                " where not i.indisvalid and c.relname = any(%s) and c.relnamespace = to_regnamespace(%s)",
                (names, sql.Identifier(self.schema).as_string(self.connection)),
            )
            .fetchall()
        )
        for (name,) in rows:
            self.said(f"dropping {name}, left invalid by an interrupted run")
            self.cursor().execute(
                sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(self.schema, name))
            )

    # --- one at a time

    @contextmanager
    def lock(self, timeout: float = 60) -> Iterator[None]:
        """Keep every other migration of this schema out, until the end of the block.

        A session's advisory lock, so it is gone with its holder. In a transaction of
        the caller's it is the transaction's, and stays until that ends. It is asked
        for again and again, as a session that waits for it would in turn be waited
        for by ``create index concurrently``.

        Raises:
            LockTimeout: another migration ran for longer than `timeout` seconds.
        """
        kind = "xact_" if self.in_callers_transaction else ""
        started = time.monotonic()
        told = ""
        while not self._ask(f"select pg_try_advisory_{kind}lock({self.lock_key})"):
            holder = self._holder()
            if time.monotonic() - started > timeout:
                raise LockTimeout(
                    f"Another migration of schema {self.schema} is running: {holder}.",
                    hint="Wait for it, or end it in psql: select pg_terminate_backend(PID);",
                )
            if holder and holder != told:
                self.said(f"waiting for another migration: {holder}")
                told = holder
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            if not kind and not self.connection.closed and not self.connection.broken:
                self._ask(f"select pg_advisory_unlock({self.lock_key})")

    def holds_lock(self) -> bool:
        """Whether the server session at hand is the one that took the lock."""
        return bool(
            self._ask(
                "select exists (select from pg_catalog.pg_locks where pid = pg_backend_pid() and granted"
                f" and locktype = 'advisory' and objsubid = 1 and {self._lock_columns})"
            )
        )

    @property
    def lock_key(self) -> int:
        """The advisory lock's key: one for each schema of the database."""
        digest = hashlib.sha256(f"fbs-db migrates {self.schema}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)

    @property
    def _lock_columns(self) -> str:
        key = self.lock_key % 2**64
        return f"classid = {key >> 32} and objid = {key & 0xFFFFFFFF}"

    def _ask(self, query: str, parameters: Sequence[object] = ()) -> Any:
        row = self.cursor().execute(query, parameters or None).fetchone()
        return row[0] if row else None

    def _holder(self) -> str:
        return (
            self._ask(
                f"select {SESSION} from pg_catalog.pg_locks as l"
                " inner join pg_catalog.pg_stat_activity as a on l.pid = a.pid"
                " where l.granted and l.locktype = 'advisory' and l.objsubid = 1"
                f" and l.database = (select oid from pg_catalog.pg_database where datname = current_database())"
                f" and {self._lock_columns}"
            )
            or ""
        )


def name_taken(schema: str, names: Sequence[str]) -> NameTaken:
    """The error for what is there already under names that are FBS's."""
    hint = "Rename or drop what is not FBS's, or choose another schema with --schema."
    tables = {name for file in load() if file.component != BASE for kind, name in file.creates if kind == "table"}
    if tables.intersection(names):
        adopt = wording.command("adopt")
        hint = f"Type: {adopt}\nThat takes over tables that Django made for FBS, and keeps their rows. {hint}"
    return NameTaken(f"Schema {schema} holds already, not made by fbs-db: {', '.join(names)}.", hint=hint)


def _in_the_way() -> str:
    """What to do where something depends on what is to be dropped."""
    return (
        "That is not of FBS, or one of the views of its later names. Drop it first, then type the same again."
        f" The views: {wording.command('later-names', 'drop')}"
    )


def _failure(migration_id: str, suffix: str, text: str, done: int, error: psycopg.Error) -> FbsDbError:
    """The exception that says where a file failed, why, and what to do."""
    diag = error.diag
    parts = list(statements(text))
    if diag.statement_position:  # a syntax error stops the whole text before it begins
        position = int(diag.statement_position) - 1
        statement = next((part for start, part in reversed(parts) if start <= position), "")
    else:
        position, statement = parts[done] if done < len(parts) else (0, "")
    line = text.count("\n", 0, position) + 1
    said = [diag.message_primary or str(error).strip()]
    said += [
        f"{name}: {value}" for name, value in (("detail", diag.message_detail), ("context", diag.context)) if value
    ]
    message = f"{migration_id}{suffix}, line {line}: " + "\n  ".join(said)
    known = from_server(error, message, f"{statement}\n{diag.context or ''}")
    if known:
        return known
    # The server's own advice would be to drop, unseen, all that stands on it.
    of_server = _in_the_way() if error.sqlstate == "2BP01" else diag.message_hint
    return MigrationFailed(
        message,
        hint=of_server or "Correct the file, then type the same again.",
        migration_id=migration_id,
        line=line,
        statement=statement,
        sqlstate=error.sqlstate or "",
    )
