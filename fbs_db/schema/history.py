"""The history of a schema, and yoyo's PostgreSQL backend, which applies files and records them.

This is the one module that imports yoyo. It overrides what does not suit a host's production
database: yoyo records a file in a second transaction, splits its statements, uses table names
that a host may use, and opens its own connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection, generators, pq, sql
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from fbs_db import wording
from fbs_db.database.connection import detail_of, from_server, raise_if_lost, settings_kept
from fbs_db.database.session import Session, isolated
from fbs_db.errors import FbsDbError, LockTimeout, MigrationFailed, MissingRollback, NameTaken
from fbs_db.files import BASE, MigrationFile, load, statements
from fbs_db.reports import Progress, silent
from fbs_db.version import __version__

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
    """A row of ``fbs_migrations``: a file in force.

    Attributes:
        migration_id: the file, without its ending.
        checksum: SHA-256 of the file as it was applied.
        applied_at: when it was applied.
        applied_by: the database role that applied it.
        fbs_db_version: the version of fbs-db that applied it.
    """

    migration_id: str
    checksum: str
    applied_at: datetime
    applied_by: str
    fbs_db_version: str


_TABLE, _LOG = "fbs_migrations", "fbs_migration_log"


def history_of(session: Session) -> list[Applied]:
    """The rows of ``fbs_migrations``, in the order of application; none where FBS is not installed.

    Raises:
        NameTaken: another table has that name.
        psycopg.errors.LockNotAvailable: somebody has it locked.
    """
    fields = list(Applied.__dataclass_fields__)
    found = session.select(
        "select c.relkind = 'r' and fields <@ array(select attname::text from pg_catalog.pg_attribute"
        " where attrelid = c.oid) from (values (%s::text[])) as v (fields), pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where c.relname = %s and n.nspname = %s",
        fields,
        _TABLE,
        session.schema,
    )
    if not found:
        return []
    if found != [(True,)]:
        raise name_taken(session.schema, [_TABLE])
    columns = sql.SQL(", ").join(map(sql.Identifier, fields))
    table = sql.Identifier(session.schema, _TABLE)
    query = sql.SQL("select {} from {} order by applied_at, migration_id").format(columns, table)
    with isolated(session, "read committed", read_only=True):
        return [Applied(*row) for row in session.cursor().execute(query)]


def other_schemas(session: Session) -> list[str]:
    """Other schemas of the database in which FBS is installed."""
    rows = session.select(
        "select n.nspname from pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where c.relname = %s and c.relkind = 'r' and n.nspname <> %s order by 1",
        _TABLE,
        session.schema,
    )
    return [name for (name,) in rows]


class Backend(PostgresqlPsycopgBackend):
    """Applies and undoes files in the schema of a session.

    Parameters:
        session: idle in autocommit, or in a transaction of the caller's, which stays open.
        user_table: the host's user table as ``schema.table``, quoted as needed.
        user_key_type: type of user columns where no user table is named.
        progress: told what is being waited for.
    """

    migration_table = _TABLE
    log_table = _LOG

    def __init__(
        self,
        session: Session,
        *,
        user_table: str = "",
        user_key_type: str = "",
        progress: Callable[[Progress], None] = silent,
    ) -> None:
        self._session = session

        self.user_table = user_table
        self.user_key_type = user_key_type
        self.progress = progress
        super().__init__(None, self.migration_table)
        self.in_callers_transaction = session.connection.info.transaction_status is pq.TransactionStatus.INTRANS
        self._in_transaction = self.in_callers_transaction

    # --- yoyo's hooks

    def connect(self, dburi: None) -> Connection:
        return self._session.connection

    def init_connection(self, connection: Connection) -> None:
        """Set nothing: a run sets what it needs in its transaction, for itself alone."""

    def cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._session.cursor()

    def begin(self) -> None:
        super().begin()
        self.cursor().execute(self.settings_sql())

    def rollback(self) -> None:
        if self.connection.closed or self.connection.broken:
            self._in_transaction = False
        else:
            super().rollback()

    # --- a run

    def record_sql(self, file: MigrationFile, operation: str) -> str:
        """The statements that record that a file was applied, adopted, undone or accepted."""
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
        """The settings of every transaction of a run, as statements."""
        values = {
            "schema": sql.Identifier(self._session.schema),
            "user_table": sql.Literal(self.user_table),
            "user_key_type": sql.Literal(self.user_key_type),
        }
        lines = [f"set local {name} = {value};" for name, value in _SETTINGS.items()]
        return sql.SQL("\n".join(lines)).format(**values).as_string(self.connection)

    @contextmanager
    def run_transaction(self) -> Iterator[None]:
        """A block that is one transaction, or a savepoint in a transaction of the caller's."""
        with self.transaction():
            if self.in_callers_transaction:
                with self._borrowed("set local"):
                    yield
            else:
                yield

    @contextmanager
    def _borrowed(self, verb: str) -> Iterator[None]:
        """A block with the settings of a run, where no transaction of ours ends them."""
        with settings_kept(self.connection, _SETTINGS, local=verb == "set local"):
            self.cursor().execute(self.settings_sql().replace("set local ", f"{verb} "))
            yield

    # --- one file

    def apply_one(self, migration: MigrationFile, force: bool = False, mark: bool = True) -> None:
        """Run a file and record it, in the transaction of the run."""
        if migration.transactional:
            self.run(migration, migration.sql_for_run)
            self.run(migration, self.record_sql(migration, "apply"))
            return
        self._drop_invalid_index(migration)
        with self._borrowed("set"):
            self.run(migration, migration.sql)
        with self.transaction():
            self.run(migration, self.record_sql(migration, "apply"))

    def rollback_one(self, migration: MigrationFile, force: bool = False) -> None:
        """Record that a file is undone, and undo it: the history may go with it."""
        text = migration.rollback_sql
        if text is None:
            raise MissingRollback(
                f"{migration.id} cannot be rolled back: there is no {migration.rollback_path.name}.",
                hint=f"Put it beside {migration.path}.",
            )
        self.run(migration, self.record_sql(migration, "rollback"))
        self.run(migration, text, suffix=".rollback.sql")

    def run(self, migration: MigrationFile, text: str, suffix: str = ".sql") -> None:
        """Send a text as one message. An error names the statement that failed."""
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
        """Drop an invalid index of the file: ``create index if not exists`` would keep it."""
        names = [name for kind, name in migration.creates if kind == "index"]
        rows = (
            self.cursor()
            .execute(
                "select c.relname from pg_catalog.pg_class as c"
                " inner join pg_catalog.pg_index as i on c.oid = i.indexrelid"
                " where not i.indisvalid and c.relname = any(%s) and c.relnamespace = to_regnamespace(%s)",
                (names, sql.Identifier(self._session.schema).as_string(self.connection)),
            )
            .fetchall()
        )
        for (name,) in rows:
            self.progress(Progress("wait", text=f"dropping {name}, left invalid by an interrupted run"))
            self.cursor().execute(
                sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(self._session.schema, name))
            )


def name_taken(schema: str, names: Sequence[str]) -> NameTaken:
    """The error for objects that exist already under names that FBS needs."""
    hint = "Rename or drop the objects that are not FBS's, or choose another schema with --schema."
    tables = {name for file in load() if file.component != BASE for kind, name in file.creates if kind == "table"}
    if tables.intersection(names):
        adopt = wording.command("adopt")
        hint = f"Type: {adopt}\nThis takes over tables that Django created for FBS, and keeps their rows. {hint}"
    return NameTaken(
        f"Schema {schema} already has these objects, which fbs-db did not create: {', '.join(names)}.", hint=hint
    )


def _in_the_way() -> str:
    """What to do if an object depends on one that is to be dropped."""
    return (
        "The object that depends on it belongs to the host, or is a view of a later name."
        f" Drop it, then type the same again. The views of later names: {wording.command('later-names', 'drop')}"
    )


def _failure(migration_id: str, suffix: str, text: str, done: int, error: psycopg.Error) -> FbsDbError:
    """The error for a file that failed: where, why, and what to do."""
    diag = error.diag
    parts = list(statements(text))
    if diag.statement_position:  # a syntax error stops the whole text before it begins
        position = int(diag.statement_position) - 1
        statement = next((part for start, part in reversed(parts) if start <= position), "")
    else:
        position, statement = parts[done] if done < len(parts) else (0, "")
    line = text.count("\n", 0, position) + 1
    said = [diag.message_primary or str(error).strip()]
    said += [f"{name}: {value}" for name, value in (("detail", detail_of(error)), ("context", diag.context)) if value]
    message = f"{migration_id}{suffix}, line {line}: " + "\n  ".join(said)
    known = from_server(error, message, f"{statement}\n{diag.context or ''}")
    if known:
        return known
    # The server's own hint is to drop the dependent objects unseen.
    of_server = _in_the_way() if error.sqlstate == "2BP01" else diag.message_hint
    return MigrationFailed(
        message,
        hint=of_server or "Correct the file, then type the same again.",
        migration_id=migration_id,
        line=line,
        statement=statement,
        sqlstate=error.sqlstate or "",
    )
