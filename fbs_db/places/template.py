"""The template of a pattern: the database that those of new solutions are copied from.

It is FBS's like any other, and may have tables of the host besides. A comment on it holds a checksum of the
migrations in it. So whoever copies it need not connect to it: PostgreSQL copies no database that has sessions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection, errors, sql

from fbs_db import files, wording
from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import connected, lent_as
from fbs_db.database.locks import LOCK_WAIT, SESSION, SchemaLock
from fbs_db.database.patterns import refuse_stranger, template_of
from fbs_db.database.which import role_for
from fbs_db.errors import FbsDbError, TargetError
from fbs_db.reports import Progress
from fbs_db.schema.migrate import migrate
from fbs_db.wording import command

#: The line of the comment that is ours; others are the host's.
_OURS = re.compile(r"fbs-db [0-9a-f]{64}")


@dataclass(frozen=True)
class Template:
    """A template as it is on its server.

    Attributes:
        name: its name.
        oid: its OID.
        owner: the role it belongs to.
        trusted: whether the login risks nothing by what that role put into it.
        marked: whether PostgreSQL knows it as a template.
        limit: number of connections at most; -1 for any.
        left_out: whether it has rights or settings of its own, which PostgreSQL does not copy.
        comment: the comment on it.
    """

    name: str
    oid: int
    owner: str
    trusted: bool
    marked: bool
    limit: int
    left_out: bool
    comment: str


def up_to_date(connection: Connection, pattern: DatabaseConfig, progress: Callable[[Progress], None]) -> Template:
    """The template of a pattern, made if it is missing, and migrated if it is not known to be up to date.

    Parameters:
        connection: on its server, as the login.
        pattern: the pattern.
        progress: told what takes time.

    Raises:
        FbsDbError: it cannot be made or migrated, or a database has its name and is not marked as a template.
    """
    config = template_of(pattern)
    ours = f"fbs-db {_checksum(config)}"
    found = _found(connection, config.name)
    if found and found.marked and ours in found.comment.splitlines():
        _refuse_owner(found, config)
        return found
    with SchemaLock(connection, config.name).held(LOCK_WAIT, progress):
        found = _found(connection, config.name) or _made(connection, config, progress)
        if not found.marked:
            mark = sql.SQL("alter database {} is_template true;").format(sql.Identifier(found.name))
            raise TargetError(
                f"Database {found.name} is not marked as a template. New solutions would be copied from it.",
                hint=f"If that is what it is for, type this in psql: {mark.as_string(connection)}",
            )
        _refuse_owner(found, config)
        if ours not in found.comment.splitlines():
            progress(Progress("wait", text=f"migrating {found.name}, which new solutions are copied from"))
            _migrate(config)
            kept = [line for line in found.comment.splitlines() if not _OURS.fullmatch(line)]
            text = sql.SQL("comment on database {} is {}").format(
                sql.Identifier(found.name), sql.Literal("\n".join([*kept, ours]))
            )
            with as_owner(connection, found.owner):
                connection.execute(text)
        return found


def sessions_on(connection: Connection, database: str) -> tuple[str, list[int]]:
    """The sessions that are connected to a database: in words, and their processes."""
    query = (
        f"select {SESSION.replace('%', '%%')}, a.pid from pg_catalog.pg_stat_activity as a"
        " where a.datname = %s and a.backend_type is distinct from 'autovacuum worker' and a.leader_pid is null"
        " and a.pid <> pg_backend_pid() order by a.pid"
    )
    rows = connection.execute(query.encode(), (database,)).fetchall()
    return ", ".join([who for who, _ in rows[:3]] + ([f"and {len(rows) - 3} more"] if rows[3:] else [])), [
        pid for _, pid in rows
    ]


def in_use(connection: Connection, database: str, why: str = "") -> TargetError:
    """The error for a database that others are connected to. It names them."""
    who, pids = sessions_on(connection, database)
    end = " ".join(f"select pg_terminate_backend({pid});" for pid in pids[:3])
    return TargetError(
        f"Others are connected to database {database}{why}{f': {who}' if who else ''}.",
        hint="Disconnect them" + (f", or end them in psql: {end}" if end else ", then type the same again."),
    )


@contextmanager
def as_owner(connection: Connection, owner: str) -> Iterator[None]:
    """A block in which a login that is no superuser works as the owner of a database.

    Raises:
        TargetError: the login may not.
    """
    query = "select rolsuper or rolname::text = %s from pg_catalog.pg_roles where rolname = session_user"
    if connection.execute(query, (owner,)).fetchone() == (True,):
        yield
        return
    with lent_as(connection, owner):
        yield


def create_database(connection: Connection, statement: sql.Composed, owner: str | None) -> None:
    """Run ``create database``.

    Raises:
        TargetError: the login may not; the hint has the statements that let it.
    """
    try:
        connection.execute(statement)
    except errors.InsufficientPrivilege as error:
        query = """
            select concat_ws(
                ' ',
                case when not r.rolcreatedb then format('alter role %%I createdb;', r.rolname) end,
                case when o.oid is not null and not pg_has_role(r.oid, o.oid, 'member')
                    then format('grant %%I to %%I;', o.rolname, r.rolname) end
            )
            from pg_catalog.pg_roles as r left join pg_catalog.pg_roles as o on o.rolname = %s
            where r.rolname = session_user
            """
        ((statements,),) = connection.execute(query, (owner,)).fetchall()
        raise TargetError(
            f"{connection.info.user} may not create the database: {error.diag.message_primary}.",
            hint=f"Type this in psql, as a superuser: {statements}" if statements else error.diag.message_hint or "",
        ) from error


def _found(connection: Connection, name: str) -> Template | None:
    query = (
        "select d.datname::text, d.oid, o.rolname::text, o.rolsuper or not me.rolsuper,"
        " d.datistemplate, d.datconnlimit,"
        " d.datacl is not null or exists (select from pg_catalog.pg_db_role_setting where setdatabase = d.oid),"
        " coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '')"
        " from pg_catalog.pg_database as d inner join pg_catalog.pg_roles as o on d.datdba = o.oid"
        " inner join pg_catalog.pg_roles as me on me.rolname = session_user"
        " where d.datname = %s"
    )
    row = connection.execute(query, (name,)).fetchone()
    return Template(*row) if row else None


def _refuse_owner(found: Template, config: DatabaseConfig) -> None:
    """Refuse a superuser a template of somebody else, who may have prepared it."""
    if found.trusted or found.owner == role_for(config):
        return
    with wording.given(role=found.owner):
        again = command("solutions", "create", "NAME")
    raise TargetError(
        f"Template {found.name} belongs to {found.owner}, as the databases copied from it would,"
        " and you are a superuser.",
        hint=f"If you trust that role with them, type: {again}",
    )


def _made(connection: Connection, config: DatabaseConfig, progress: Callable[[Progress], None]) -> Template:
    progress(Progress("wait", text=f"making {config.name}, which new solutions are copied from"))
    role = role_for(config)
    owner = sql.SQL(" owner {}").format(sql.Identifier(role)) if role else sql.SQL("")
    statement = sql.SQL("create database {} is_template true{}").format(sql.Identifier(config.name), owner)
    try:
        create_database(connection, statement, role)
    except errors.ObjectInUse as error:
        raise in_use(connection, "template1", ", which PostgreSQL copies") from error
    if found := _found(connection, config.name):
        return found
    raise TargetError(f"Database {config.name} was dropped meanwhile.", hint="Type the same again.")


def _migrate(config: DatabaseConfig) -> None:
    try:
        if config.schema:
            with connected(config.url or "", "fbs-db solutions", role_for(config)) as connection:
                refuse_stranger(connection, config, project.configuration())
                there = "select from pg_catalog.pg_namespace where nspname::text = %s"
                if connection.execute(there, (config.schema,)).fetchone() is None:
                    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(config.schema)))
        migrate(config)
    except FbsDbError as error:
        error.message = f"{config.name}, which new solutions are copied from, is not up to date: {error.message}"
        error.hint = error.hint or f"Type: {command('migrate')}"
        raise


def _checksum(config: DatabaseConfig) -> str:
    """A checksum of what a database has that is migrated by this configuration."""
    held = [f"{file.id} {file.checksum}" for file in files.load() if config.holds(file.component)]
    said = [config.schema or "public", config.user_table or "", config.user_key_type or ""]
    return hashlib.sha256("\n".join([*said, *held]).encode()).hexdigest()
