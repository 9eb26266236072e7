"""A session: a connection for work in one schema, our own or lent by the caller."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, pq, sql
from psycopg.rows import tuple_row

from fbs_db import files, wording
from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import (
    check_server,
    connected,
    errors_of_server,
    lent,
    lent_as,
    raise_if_lost,
    refuse_pipeline,
)
from fbs_db.database.locks import LOCK_WAIT, Answer, Retries, SchemaLock
from fbs_db.database.patterns import refuse_stranger
from fbs_db.database.releases import MISSING, why_missing
from fbs_db.database.statements import statements_logged
from fbs_db.database.which import resolve, role_for
from fbs_db.errors import ConnectionFailed, ConnectionLost, FbsDbError, TargetError, UsageError
from fbs_db.reports import Progress, silent

logger = logging.getLogger("fbs_db")
_LEVELS = {"WARNING": logging.WARNING, "NOTICE": logging.INFO, "INFO": logging.INFO}

#: Added to an error after a rollback.
NOTHING_CHANGED = "Nothing was changed."

#: How long a transaction that only reads waits for a lock.
READER_TIMEOUT = "3s"

Database = str | DatabaseConfig | Connection | None


@dataclass(frozen=True)
class Session:
    """A connection, the schema it works in, and the configuration of the database.

    Attributes:
        connection: a connection in autocommit, or in a transaction of the caller's.
        schema: a schema that exists.
        config: the project's configuration of this database.
    """

    connection: Connection
    schema: str
    config: DatabaseConfig

    def cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        """A cursor that returns tuples, whatever the row factory of the caller's connection."""
        return self.connection.cursor(row_factory=tuple_row)

    def table(self, name: str) -> str:
        """A host's table as ``schema.table``, found through the search path, or in the schema.

        Raises:
            UsageError, TargetError: the name is not that of a table.
        """
        hint = "Name a table of the host, with its schema if it needs one, such as auth_user."
        if "\0" in name:
            raise UsageError("The name of a table cannot contain a NUL character.", hint=hint)
        query = """
            select case when c.relkind in ('r', 'p') then format('%%I.%%I', n.nspname, c.relname) end
            from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where c.oid = coalesce(
                to_regclass(%(table)s),
                case when cardinality(parse_ident(%(table)s)) = 1 then to_regclass(%(here)s) end
            )
            """
        try:
            with self.connection.transaction():
                row = self.cursor().execute(query, {"table": name, "here": f"{self.quoted_schema}.{name}"}).fetchone()
        except psycopg.Error as error:
            raise_if_lost(self.connection, error)
            raise TargetError(f"{name} is not the name of a table: {error.diag.message_primary}.", hint=hint) from error
        if row is None:
            raise TargetError(f"Unknown table {name}.", hint=hint)
        if row[0] is None:
            raise TargetError(f"{name} is not a table.", hint=hint)
        return str(row[0])

    def may(self, privilege: str, table: str) -> bool:
        """Whether a table of FBS exists and the role has a privilege, such as ``select``, on all of its rows."""
        query = (
            "select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, %s)"
            " and not row_security_active(c.oid)"
            " from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
            " where n.nspname = %s and c.relname = %s"
        )
        return self.select(query, privilege, self.schema, table) == [(True,)]

    def grants(self, *tables: str) -> str:
        """The statements that let the role read these tables of FBS; an empty string if it may read them."""
        # From the catalogs alone: without usage of the schema the role cannot name its tables.
        query = """
            select
                coalesce(
                    string_agg(format('%%I', c.relname), ', ' order by c.relname)
                    filter (where not has_table_privilege(c.oid, 'select')),
                    ''
                ),
                has_schema_privilege(n.oid, 'usage'), quote_ident(n.nspname), quote_ident(current_user)
            from pg_catalog.pg_namespace as n
            left join pg_catalog.pg_class as c on n.oid = c.relnamespace and c.relname = any(%s)
            where n.nspname = %s
            group by n.oid, n.nspname
            """
        ((unread, usage, schema, role),) = self.select(query, list(tables), self.schema)
        statements = [] if usage else [f"grant usage on schema {schema} to {role};"]
        if unread:
            named = unread if schema == "public" else ", ".join(f"{schema}.{name}" for name in unread.split(", "))
            statements.append(f"grant select on {named} to {role};")
        return " ".join(statements)

    def call(self, function: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows that a function of FBS returns."""
        places = sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
        return self.select(sql.SQL("select * from {{fbs}}{}({})").format(sql.Identifier(function), places), *arguments)

    def calling(self, function: str, *arguments: object) -> str:
        """The statement that `call` sends, with its values, for psql."""
        values = sql.SQL(", ").join(map(sql.Literal, arguments))
        statement = sql.SQL("select * from {}({});").format(sql.Identifier(self.schema, function), values)
        return statement.as_string(self.connection)

    def select(self, query: str | sql.Composed, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a statement, in which {fbs} is replaced by the schema and a dot.

        Raises:
            TargetError: a table, column or function that it uses is not installed, or the role may not execute a
                function of the worker's that it calls.
        """
        template = query if isinstance(query, str) else query.as_string(self.connection)
        schema = self.quoted_schema.replace("%", "%%") if arguments else self.quoted_schema
        text = template.replace("{fbs}", f"{schema}.")
        try:
            cursor = self.cursor().execute(text.encode(), arguments or None)
            return [] if cursor.description is None else cursor.fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            called = re.search(r'\{fbs\}"?(fbs_\w+)"?\(', template)
            # With a context, it is something in the function that was refused.
            if error.diag.context or not called or f"'{called[1]}'" not in files.body_of("fbs_worker_functions"):
                raise
            role = self.role()
            raise TargetError(
                f"Role {role} may not execute {called[1]} in schema {self.schema}.",
                hint=f"As FBS's owner, type: {wording.command('grant', role, '--as', 'worker')}",
            ) from error
        except psycopg.ProgrammingError as error:
            if error.sqlstate not in MISSING:
                raise
            missing = f"{error.diag.message_primary}"
            raise why_missing(self.connection.info, self.schema, missing) or TargetError(
                f"FBS is not complete in schema {self.schema}: {missing}.", hint=f"Type: {wording.command('migrate')}"
            ) from error

    def role(self) -> str:
        """The role whose rights the session has; its login, where the transaction has failed."""
        if self.connection.info.transaction_status is pq.TransactionStatus.INERROR:
            return self.connection.info.user
        return str(self.select("select current_user::text")[0][0])

    def lock(
        self, wait: float = LOCK_WAIT, progress: Callable[[Progress], None] = silent
    ) -> AbstractContextManager[None]:
        """A block that keeps every other migration of this schema out.

        Parameters:
            wait: seconds to wait for another migration.
            progress: told which session is waited for.

        Raises:
            LockTimeout: another migration ran for longer. It names the session.
        """
        return SchemaLock(self.connection, self.schema).held(wait, progress)

    def holds_lock(self) -> bool:
        """Whether this server session holds the lock: a pooler may have given us another one."""
        return SchemaLock(self.connection, self.schema).is_ours()

    def retries(self, progress: Callable[[Progress], None] = silent, tries: int | None = None) -> Retries:
        """The tries of a run whose parts share them."""
        return Retries(self.connection, progress, tries)

    def retry(
        self, work: Callable[[], Answer], progress: Callable[[Progress], None] = silent, tries: int | None = None
    ) -> Answer:
        """Do the work, and again after a lock timeout; one try in a transaction of the caller's.

        Parameters:
            work: undoes what it did where it fails.
            progress: told who holds the lock before each new try.
            tries: how often it is tried at most; by default five times.

        Raises:
            LockTimeout: the last try failed, too. It names who holds the lock.
        """
        return self.retries(progress, tries).run(work)

    def retry_call(
        self, progress: Callable[[Progress], None], function: str, *arguments: object
    ) -> list[tuple[Any, ...]]:
        """The rows of one of FBS's functions, called in a transaction, and again after a lock timeout."""

        def work() -> list[tuple[Any, ...]]:
            with self.translated(), self.connection.transaction():
                return self.call(function, *arguments)

        return self.retry(work, progress)

    def translated(self) -> AbstractContextManager[None]:
        """A block that turns errors of psycopg into ours."""
        return errors_of_server(self.connection)

    @property
    def quoted_schema(self) -> str:
        """The schema's name, quoted for SQL."""
        return sql.Identifier(self.schema).as_string(self.connection)


@contextmanager
def open_session(
    database: Database,
    schema: str | None,
    *,
    start: bool = False,
    application: str = "fbs-db",
    role: str | None = None,
) -> Iterator[Session]:
    """Connect, or use the caller's connection and restore its settings at the end.

    Parameters:
        database: a configured database or its name, connection string, open connection,
            or None for the environment's.
        schema: the schema of FBS's tables; None for the configured one, or ``public``.
        start: whether an embedded server may be created if there is none.
        application: the application name of a connection of our own.
        role: the role to work as; None for that of the command line or the configuration, or of the login.

    Raises:
        ConnectionFailed, ConnectionLost, UnsupportedServer, EmbeddedServerError:
            there is no usable connection.
        TargetError: there is no such schema, or the login may not work as that role.
        UsageError: the caller's connection is closed, or its transaction failed.
    """
    if isinstance(database, Connection):
        config = project.of_lent_connection()
    else:
        where, config = resolve(database, start=start)
    given_schema, schema = schema, schema or config.schema or "public"
    if "\0" in schema:
        raise UsageError("The name of a schema cannot contain a NUL character.")
    if schema.startswith("pg_") or schema in ("information_schema", "$user"):
        raise UsageError(f"The name {schema} is reserved by PostgreSQL.", hint="Choose another schema.")
    with ExitStack() as stack:
        stack.enter_context(_given(database, given_schema))
        if role is not None:
            stack.enter_context(wording.given(role=role))
        role = role_for(config) if role is None else role
        if isinstance(database, Connection):
            connection = stack.enter_context(_borrowed(database))
            if role is not None:
                stack.enter_context(lent_as(database, role))
        else:
            try:
                connection = stack.enter_context(connected(where, application, role))
            except ConnectionFailed as error:
                if config.solution and f'database "{config.name}" does not exist' in error.message:
                    error.hint = f"To create it, type: {wording.command('solutions', 'create', config.solution)}"
                raise
            if config.solution is not None:
                refuse_stranger(connection, config, project.configuration())
        stack.enter_context(_notices_logged(connection))
        stack.enter_context(statements_logged(connection))
        stack.enter_context(errors_of_server(connection))
        session = Session(connection, schema, config)
        _require_schema(session)
        yield session


def _given(database: Database, schema: str | None) -> AbstractContextManager[None]:
    """A block in which commands name the database and the schema as the caller did."""
    if database is None:
        return wording.given(schema=schema) if schema else nullcontext()
    if isinstance(database, DatabaseConfig):
        known = project.configuration()
        several = len(known.databases) > 1 or known.patterns
        return wording.given(database=database.name if several else None, schema=schema)
    return wording.given(database=database if isinstance(database, str) else None, schema=schema)


@contextmanager
def isolated(session: Session, level: str, *, read_only: bool = False) -> Iterator[None]:
    """A transaction of an isolation level; in a caller's transaction, a savepoint of it.

    Parameters:
        level: such as ``read committed``, where each statement sees the newest state.
        read_only: whether it reads only, and waits for a lock no longer than `READER_TIMEOUT`.
    """
    alone = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    with session.connection.transaction():
        if alone:
            session.connection.execute(f"set transaction isolation level {level}".encode())
        if alone and read_only:
            session.connection.execute("set transaction read only")
            session.connection.execute("select set_config('lock_timeout', %s, true)", [READER_TIMEOUT])
        yield


@contextmanager
def told_what_stays(stays: Callable[[], str] = str) -> Iterator[None]:
    """A block whose errors say which of its work is committed.

    It goes around transactions: an error leaves them once they are rolled back.

    Parameters:
        stays: gives the committed work, in a sentence; an empty string if there is none.
    """
    try:
        yield
    except FbsDbError as error:
        nothing = "" if isinstance(error, ConnectionLost) else NOTHING_CHANGED  # that one says so itself
        error.hint = sentences(error.hint.replace(NOTHING_CHANGED, "").strip(), stays() or nothing)
        raise


def sentences(*texts: str) -> str:
    """Texts joined to sentences; a text that ends with a command gets a line of its own."""
    said = ""
    for text in filter(None, texts):
        said += ("" if not said else " " if said.endswith(".") else "\n") + text
    return said


@contextmanager
def _borrowed(connection: Connection) -> Iterator[Connection]:
    if connection.closed:
        raise UsageError("The connection is closed.", hint="Pass an open connection.")
    status = connection.info.transaction_status
    if status is pq.TransactionStatus.INERROR:
        raise UsageError("The connection's transaction has failed.", hint="Roll it back first.")
    refuse_pipeline(connection)
    check_server(connection)
    if not connection.autocommit:
        connection.execute("select")  # as with any statement, the caller's transaction begins
    with lent(connection):
        yield connection


@contextmanager
def _notices_logged(connection: Connection) -> Iterator[None]:
    def log(notice: psycopg.errors.Diagnostic) -> None:
        level = _LEVELS.get(notice.severity_nonlocalized or "", logging.DEBUG)
        logger.log(level, "PostgreSQL: %s", notice.message_primary)

    connection.add_notice_handler(log)
    try:
        yield
    finally:
        connection.remove_notice_handler(log)


def _require_schema(session: Session) -> None:
    found = session.cursor().execute("select from pg_catalog.pg_namespace where nspname::text = %s", (session.schema,))
    if found.fetchone() is None:
        raise TargetError(
            f"There is no schema {session.schema}.", hint=f"Create it first: create schema {session.quoted_schema};"
        )
