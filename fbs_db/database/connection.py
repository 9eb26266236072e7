"""Connections, and the errors that psycopg raises on them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection, Connection, RawCursor, conninfo, pq
from psycopg.rows import tuple_row

from fbs_db import wording
from fbs_db.database.locks import named
from fbs_db.database.opened import note
from fbs_db.errors import (
    ConnectionFailed,
    ConnectionLost,
    FbsDbError,
    LockTimeout,
    PoolerRefused,
    ServerError,
    ServerOutOfResources,
    TargetError,
    UnreadableValue,
    UnsupportedServer,
    UsageError,
)
from fbs_db.redaction import ConnectionString

#: The oldest server that is tested.
OLDEST_SERVER = 15

#: With this setting the server checks during a statement that its client is still there. Windows refuses it.
CLIENT_CHECK = "client_connection_check_interval"
#: Settings that our SQL and psycopg rely on. In SQL_ASCII psycopg returns texts as bytes; encodings other than UTF-8
#: lack characters. A statement ends soon after its client.
_PLAIN = {
    CLIENT_CHECK: "1s",
    "client_encoding": "UTF8",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
}
#: Sets those that differ, as a database or a role may have them, for the session or (%s) the transaction. It calls
#: nothing by a search path, which the owner of a database may have set.
PLAIN = (
    "select pg_catalog.set_config(name, value, %s) from (values "
    + ", ".join(f"('{name}', '{value}')" for name, value in _PLAIN.items())
    + ") as plain (name, value) where pg_catalog.split_part(pg_catalog.current_setting(name, true), ',', 1)"
    f" operator(pg_catalog.<>) value and (name operator(pg_catalog.<>) '{CLIENT_CHECK}'"
    " or pg_catalog.version() operator(pg_catalog.!~*) 'windows|mingw|cygwin|visual c|msvc')"
)

#: What `shown` shows of a connection string.
SHOWN = ("user", "host", "port", "dbname", "service")

_UNFIT_HINTS = {
    "22021": "This database is in SQL_ASCII, which takes any bytes. To see them: set client_encoding = 'SQL_ASCII';",
    "22P05": "Use characters that the encoding of the database has.",
    "25006": "Transactions are read-only here: see default_transaction_read_only.",
}
_CONNECT_HINTS = (
    (r"could not translate host name|[Nn]ame or service not known", "Check the host's name."),
    (r"onnection refused", "Check the host and the port, and that the server is running."),
    (r"No such file or directory", "No server listens on that socket. Check the host, and that the server is running."),
    (r"password authentication failed", "Check the password (PGPASSWORD, or a line in ~/.pgpass)."),
    (r"no password supplied", "Give the password: in PGPASSWORD, or as a line in ~/.pgpass."),
    (r"database \".*\" does not exist", "Create it first, for example with: createdb NAME"),
    (r"role \".*\" does not exist", "Name a role that exists, or create it: createuser NAME"),
    (
        r"too many (clients|connections)|remaining connection slots",
        "Try again later, with --all on fewer databases at once: --jobs N. Or raise the server's max_connections.",
    ),
    (r"no pg_hba.conf entry", "The server's pg_hba.conf does not let this role in from here."),
    (r"statement timeout", "Raise the limit: alter role NAME set statement_timeout = '1min';"),
    (r"timeout expired", "Check the host, the port and the firewall: there was no answer."),
    (r"definition of service .* not found|service file", "Check PGSERVICE, PGSERVICEFILE and ~/.pg_service.conf."),
    (r"local user with ID \d+ does not exist", "Name the role: in the connection string, or in PGUSER."),
)


def shown(where: str | Connection | AsyncConnection) -> str:
    """A connection as a URL without its password, for messages."""
    if not isinstance(where, str):
        info = where.info
        user, host, port, name = info.user, info.host, str(info.port), info.dbname
    else:
        given = conninfo.conninfo_to_dict(where)
        options = {**_environment(), **given}
        if service := options.get("service"):  # its file has the rest
            parts = {key: given[key] for key in SHOWN if key in given}
            return conninfo.make_conninfo("", **{"service": service, **parts})
        user, host, port, name = (str(options.get(key) or "") for key in SHOWN[:4])
    port = port if port.strip(",") else ""  # of several hosts, none with a port
    at = quote(user, safe="") + "@" if user else ""
    if host.startswith(("/", "@")):
        port_part = f"&port={port}" if port and str(port) != "5432" else ""
        return f"postgresql://{at}/{quote(name, safe='/{}')}?host={quote(host)}{port_part}"
    return f"postgresql://{at}{host}{f':{port}' if port else ''}/{quote(name, safe='/{}')}"


def _environment() -> dict[str, str | None]:
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "service": "PGSERVICE"}
    return {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}


@contextmanager
def connected(where: str, application: str = "fbs-db", role: str | None = None) -> Iterator[Connection]:
    """A connection of our own, in autocommit, closed at the end.

    Parameters:
        where: a connection string from `resolve`.
        application: name under which the server lists the connection.
        role: the role to work as; None for that of the login.

    Raises:
        ConnectionFailed: the connection failed.
        ConnectionLost: the connection broke.
        UnsupportedServer: the server is older than PostgreSQL 15.
        TargetError: the login may not work as that role.
    """
    connection = connect_to(where, application)
    try:
        check_server(connection)
        if role is not None:
            with errors_of_server(connection):
                _become(connection, role, local=False)
        yield connection
    finally:
        connection.close()


def with_defaults(where: str, application: str) -> ConnectionString:
    """A connection string with our defaults, by which a dead peer is noticed in seconds."""
    defaults = {
        "fallback_application_name": application,
        "client_encoding": "utf8",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
        "tcp_user_timeout": "11000",
    }
    if "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = "10"
    return ConnectionString(conninfo.make_conninfo("", **{**defaults, **conninfo.conninfo_to_dict(where)}))


def connect_to(where: str, application: str) -> Connection:
    """A connection of our own, in autocommit, for the caller to close.

    Raises:
        ConnectionFailed: the connection failed.
    """
    connection = open_bare(where, application)
    try:
        connection.execute(PLAIN.encode(), (False,))
    except BaseException as error:
        connection.close()
        if isinstance(error, psycopg.Error):
            raise no_connection(where, error) from error
        raise
    return connection


def open_bare(where: str, application: str) -> Connection:
    """As `connect_to`, but without the settings that our SQL relies on."""
    try:
        connection = psycopg.connect(with_defaults(where, application), autocommit=True)
    except psycopg.Error as error:
        raise no_connection(where, error) from error
    note(connection)
    return connection


def looks_for_clients(where: str) -> bool:
    """Whether the server accepts `CLIENT_CHECK` on connecting; poolers and Windows refuse it."""
    with suppress(FbsDbError, psycopg.Error), connected(where) as connection:
        row = connection.execute("select pg_backend_pid(), current_setting(%s, true)", (CLIENT_CHECK,)).fetchone()
        return row == (connection.info.backend_pid, "1s")
    return False


def no_connection(where: str, error: psycopg.Error) -> ConnectionFailed:
    """The error for a connection that failed. Its cause loses its frames: pytest would print the password in them."""
    error.with_traceback(None)
    reason = " ".join(dict.fromkeys(line.strip() for line in str(error).splitlines() if line.strip()))
    hint = next((hint for pattern, hint in _CONNECT_HINTS if re.search(pattern, reason)), "")
    return ConnectionFailed(f"No connection to {shown(where)}: {reason}", hint=hint)


def check_server(connection: Connection | AsyncConnection) -> None:
    """Refuse a server that is too old.

    Raises:
        UnsupportedServer: it is older than PostgreSQL 15.
    """
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10000:
        raise UnsupportedServer(
            f"The server at {shown(connection)} is PostgreSQL {version // 10000}.",
            hint=f"fbs-db needs PostgreSQL {OLDEST_SERVER} or newer.",
        )


@contextmanager
def lent(connection: Connection) -> Iterator[None]:
    """A block in which the caller's connection has the settings that our SQL relies on.

    Raises:
        UsageError: its cursors do not take %s for a parameter.
    """
    if issubclass(connection.cursor_factory, RawCursor):
        raise raw_cursors()
    local = connection.info.transaction_status is pq.TransactionStatus.INTRANS
    with settings_kept(connection, _PLAIN, local=local), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(PLAIN.encode(), (local,))
        yield


@contextmanager
def lent_as(connection: Connection, role: str) -> Iterator[None]:
    """A block in which the caller's connection works as a role.

    Raises:
        TargetError: its login may not.
    """
    local = connection.info.transaction_status is pq.TransactionStatus.INTRANS
    with settings_kept(connection, ["role"], local=local):
        _become(connection, role, local=local)
        yield


def _become(connection: Connection, role: str, *, local: bool) -> None:
    """Set the role of the session, or of the transaction alone."""
    if not role or "\0" in role:
        raise UsageError("The name of a role cannot be empty text or contain a NUL character.")
    if not local:  # or other clients of the pooler would get it
        refuse_transaction_pooler(connection, f"Connect directly, or as {role} itself.")
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("select pg_catalog.set_config('role', %s, %s)", (role, local))
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege) as error:
        with connection.cursor(row_factory=tuple_row) as cursor:
            query = """
                select
                    r.oid is not null, coalesce(pg_catalog.pg_has_role(me.oid, r.oid, 'member'), false),
                    me.rolsuper, pg_catalog.quote_ident(s.name), me.rolname::text, pg_catalog.quote_ident(me.rolname)
                from (values (%s::text)) as s (name)
                left join pg_catalog.pg_roles as r on s.name = r.rolname
                inner join pg_catalog.pg_roles as me on me.rolname = session_user
                """
            there, member, is_superuser, quoted, login, to = cursor.execute(query, (role,)).fetchone() or ("",) * 6
        grant = "" if is_superuser else f" grant {quoted} to {to}{' with set true' if member else ''};"
        if not there:
            raise TargetError(
                f"There is no role {role}.", hint=f"Check its name. Or create it: create role {quoted} nologin;{grant}"
            ) from error
        raise TargetError(
            f"{login} may not work as role {role}.", hint=f"Type this in psql, as who may grant that role:{grant}"
        ) from error


def no_changes_on_standby() -> UnsupportedServer:
    """The error for a change on a standby."""
    return UnsupportedServer("This server is a standby, which is read-only.", hint="Type this on its primary.")


def refuse_pipeline(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Refuse a connection in pipeline mode: statements return nothing there until later ones are sent.

    Raises:
        UsageError: it is in pipeline mode.
    """
    if connection.info.pipeline_status is not pq.PipelineStatus.OFF:
        raise UsageError(
            "The connection is in pipeline mode.",
            hint="Call this outside the block of pipeline(), or pass another connection.",
        )


def raw_cursors() -> UsageError:
    """The error for cursors that do not take our statements."""
    return UsageError(
        "The cursors of the connection take $1 for a parameter; fbs-db's statements have %s.",
        hint="Pass a connection with another cursor_factory, or server_cursor_factory.",
    )


@contextmanager
def settings_kept(connection: Connection, names: Iterable[str], *, local: bool) -> Iterator[None]:
    """A block after which these settings are restored.

    Parameters:
        names: the settings.
        local: whether they are set for the caller's transaction alone.
    """
    query = "select " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in names)
    with connection.cursor(row_factory=tuple_row) as cursor:
        kept = cursor.execute(query.encode()).fetchone() or ()
    before = [value.decode() if isinstance(value, bytes) else value for value in kept]  # bytes in SQL_ASCII
    try:
        yield
    finally:
        if connection.info.transaction_status in (pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS):
            connection.execute(
                "select set_config(name, value, %s) from unnest(%s::text[], %s::text[]) as kept (name, value)"
                " where coalesce(current_setting(name, true), '') <> value",
                (local, list(names), before),
            )


@contextmanager
def errors_of_server(connection: Connection) -> Iterator[None]:
    """A block that turns errors of psycopg into ours, each with its cause."""
    try:
        yield
    except psycopg.Error as error:
        raise_if_lost(connection, error)
        if error.sqlstate == "25006" and connection.info.parameter_status("in_hot_standby") == "on":
            raise no_changes_on_standby() from error
        ours = from_server(error) or ServerError(said_by(error), hint=_hint(connection, error))
        if isinstance(ours, LockTimeout):
            named(ours, connection)
        raise ours from error
    except LockTimeout as error:
        named(error, connection)
        raise


def _hint(connection: Connection, error: psycopg.Error) -> str:
    """The server's hint; for a statement timeout, how to raise it."""
    if error.sqlstate == "57014" and "statement timeout" in str(error):
        return f"Raise the limit: alter role {connection.info.user} set statement_timeout = '1min';"
    return error.diag.message_hint or ""


def raise_if_lost(connection: Connection[Any] | AsyncConnection[Any], error: BaseException) -> None:
    """Raise `ConnectionLost` if the connection broke."""
    if connection.closed or connection.broken:
        reason = " ".join(str(error).split())
        raise ConnectionLost(
            f"The connection broke: {reason}",
            hint="Work that was not committed is rolled back. When the server is back, type the same again.",
        ) from error


def said_by(error: psycopg.Error) -> str:
    """The server's message and detail, in one line."""
    said, detail = f"{error.diag.message_primary or error}", detail_of(error)
    return " ".join(f"{said}{'.' if detail and said[-1:].isalnum() else ''} {detail}".split())


def detail_of(error: psycopg.Error) -> str:
    """The server's detail; an empty string where it is a whole row, which may hold a password."""
    whole_row = error.sqlstate in ("23502", "23514")  # a NULL, or a check, refused it
    return "" if whole_row else error.diag.message_detail or ""


def from_server(error: psycopg.Error, message: str = "", statement: str = "") -> FbsDbError | None:
    """Our error for an expected error of the server; None for any other.

    It does not say which work is committed: see `told_what_stays`.

    Parameters:
        error: the error of psycopg.
        message: the message; by default the server's.
        statement: the statement, if it is known.
    """
    message = message or said_by(error)
    hint = wording.completed(error.diag.message_hint or "")
    sqlstate = error.sqlstate or ""
    if sqlstate in ("55P03", "40P01"):
        return LockTimeout(
            message,
            hint="Another session uses a table that this changes. Try again later.",
            statement=statement or error.diag.context or "",
        )
    if sqlstate == "42501":
        return TargetError(message, hint=hint or f"Connect as a role that may do this.{_needed(message)}")
    if sqlstate in _UNFIT_HINTS:
        return (UnreadableValue if sqlstate == "22021" else TargetError)(message, hint=_UNFIT_HINTS[sqlstate])
    if sqlstate == "40001" and "recovery" in message:
        delay = "A longer max_standby_streaming_delay, or hot_standby_feedback = on, lets long reads on a standby end."
        return ServerError(message, hint=f"Try again. {delay}")
    if sqlstate.startswith("53"):
        return ServerOutOfResources(message, hint=f"{hint} Free some space, then type the same again.".strip())
    return TargetError(message, hint=hint) if sqlstate.startswith("FB") else None


def _needed(message: str) -> str:
    """Which role may use an object of FBS, or what FBS's owner needs on a table of the host."""
    table = re.match(r"permission denied for (?:table|view|function) (\S+)$", message)
    if table is None:
        return ""
    if table[1].startswith("fbs_"):
        return f" To see which may: {wording.command('help', 'roles')}"
    return f" FBS's owner needs on a host's table: grant select, references, trigger on {table[1]} to OWNER;"


def refuse_transaction_pooler(connection: Connection, hint: str) -> None:
    """Refuse a connection through a pooler in transaction mode.

    A pooler reports another process number than the server. In session mode it is accepted. In
    transaction mode a few more clients get our server session, or we get another one.

    Parameters:
        hint: what to do instead.

    Raises:
        PoolerRefused: clients share the server session.
    """
    server_pid = _server_pid(connection)
    if connection.info.backend_pid == server_pid:
        return
    where = same_place(connection.info)
    held: list[Connection] = []
    try:
        for _ in range(3):
            other = psycopg.connect(where)  # holds its server session: not in autocommit
            held.append(other)
            if _server_pid(other) == server_pid or _server_pid(connection) != server_pid:
                raise _pooler(hint)
    except psycopg.Error as error:
        if "statement pooling" in str(error):
            raise _pooler(hint) from error
        raise
    finally:
        for other in held:
            other.close()


def same_place(info: Any) -> ConnectionString:
    """The connection string for another connection to where one is; of psycopg2's, too."""
    parameters = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
    return ConnectionString(conninfo.make_conninfo("", **{**parameters, "password": info.password}))


def _server_pid(connection: Connection) -> int:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return int((cursor.execute("select pg_backend_pid()").fetchone() or (0,))[0])


def _pooler(hint: str) -> PoolerRefused:
    return PoolerRefused("A pooler in front of PostgreSQL gives each transaction another server session.", hint=hint)
