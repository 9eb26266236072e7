"""Copying tables from one database to another: equal on both sides, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from psycopg import sql

from fbs_db import wording
from fbs_db.database import locks
from fbs_db.database.connection import said_by
from fbs_db.database.session import Session
from fbs_db.errors import LockTimeout, MoveRefused
from fbs_db.reports import Progress, Report

#: How often locks are asked for.
TRIES = 10
#: How long each time: less than deadlock_timeout, so that of two who wait for each other it is not the host who fails.
PATIENCE = "500ms"
_TOLD_EVERY = 5.0
#: Both sides write values alike, so that their texts can be compared; all rows are seen, or it is an error.
_ALIKE = """
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local extra_float_digits = 3;
set local bytea_output = 'hex';
set local row_security = off;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
"""

Told = Callable[[Progress], None]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class MovedTable(Report):
    """A table of the component.

    Attributes:
        table: its name.
        rows: how many it holds.
        checksum: sum over all rows, whatever their order; the same on both sides. Empty
            where rows were only counted.
    """

    table: str
    rows: int
    checksum: str


def copy_guarded(
    old: Session, new: Session, names: Sequence[str], finish: Callable[[], object], progress: Told
) -> tuple[MovedTable, ...]:
    """Copy tables while nobody writes them, and guard the old ones before the new are final.

    From the lock on no row is written to the old tables: first writers wait, and once the
    guard is committed they are refused. Only then the copy is committed.

    Parameters:
        old: where they are.
        new: where empty tables of these names are.
        names: the tables, those pointed at first.
        finish: what else belongs into the transaction of the copy.

    Raises:
        MoveRefused: there are other rows already, or copies are not equal.
        LockTimeout: somebody writes for longer than all tries.
    """
    with old.translated(), new.translated(), new.connection.transaction():
        new.connection.execute(_ALIKE.encode())
        new.connection.execute("set local lock_timeout = '3s'")
        new.connection.execute("set constraints all deferred")
        with _unwritten(old, names):
            tables = []
            for name in names:
                progress(Progress("wait", text=f"{name}: reading"))
                tables.append(summed(old, name))
            if any(table.rows for table in tables):
                _fill(old, new, tables, progress)
            finish()
            for name in names:
                _guard(old, name, new.config.name)
    return tuple(tables)


def patiently(work: Callable[[], Answer], progress: Told) -> Answer:
    """Do again what could not get a lock.

    Raises:
        LockTimeout: not in all tries.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return work()
        except LockTimeout as error:
            if error.connection:
                locks.named(error, error.connection)
            if attempt == TRIES:
                raise
            progress(Progress("wait", text=f"{error.message}; trying again ({attempt} of {TRIES - 1})"))
            time.sleep(min(attempt, 5))
    raise AssertionError("unreachable")


@contextmanager
def _unwritten(old: Session, names: Sequence[str]) -> Iterator[None]:
    """A transaction that sees one snapshot, and beside which nobody writes.

    Its lock is the one that triggers take, too: a stronger one later on would wait for
    readers, and those among them that want to write wait for us.
    """
    tables = sql.SQL(", ").join(sql.Identifier(old.schema, name) for name in names)
    with old.connection.transaction():
        old.connection.execute("set transaction isolation level repeatable read")
        old.connection.execute(_ALIKE.encode())
        old.connection.execute(sql.SQL("set local lock_timeout = {}").format(PATIENCE))
        with old.translated():  # or it would leave as an error of the other database
            old.connection.execute(sql.SQL("lock table {} in share row exclusive mode").format(tables))
        yield


def _fill(old: Session, new: Session, tables: Sequence[MovedTable], progress: Told) -> None:
    before = [summed(new, table.table) for table in tables]
    if any(table.rows for table in before):
        # Those of a move that was broken off, or none of ours.
        refuse_other_rows(new, before, tables)
        return
    try:
        for table in tables:
            _copy(old, new, table, progress)
        new.connection.execute("set constraints all immediate")
    except psycopg.errors.ForeignKeyViolation as error:
        raise MoveRefused(
            f"Rows point at what {new.config.name} does not have: {said_by(error)}",
            hint="Bring that there first, such as users; or name no user_table for it, but their user_key_type."
            " No row was changed.",
        ) from error
    for table in tables:
        found = summed(new, table.table)
        if found != table:
            raise MoveRefused(
                f"The copy of {table.table} is not equal: {wording.counted(found.rows, 'row')} with checksum"
                f" {found.checksum}, not {table.rows:,} with {table.checksum}. No row was changed.",
                hint="Look for triggers and rules on that table in the other database:"
                f" {wording.command('check', '--all')}",
            )
        progress(Progress("wait", text=f"{table.table}: {wording.counted(table.rows, 'row')} compared"))


def _copy(old: Session, new: Session, table: MovedTable, progress: Told) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, columns_of(old, table.table)))
    name = sql.Identifier(table.table)
    out = sql.SQL("copy {}.{} ({}) to stdout").format(sql.Identifier(old.schema), name, columns)
    into = sql.SQL("copy {}.{} ({}) from stdin").format(sql.Identifier(new.schema), name, columns)
    rows, told = 0, time.monotonic()
    with old.cursor().copy(out) as source, new.cursor().copy(into) as target:
        for block in source:
            target.write(block)
            rows += bytes(block).count(b"\n")  # a row is a line: those within values are escaped
            if time.monotonic() - told > _TOLD_EVERY:
                told = time.monotonic()
                progress(
                    Progress("wait", text=f"{table.table}: {rows:,} of {wording.counted(table.rows, 'row')} copied")
                )
    for column, sequence in new.select(
        "select a.attname, pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)"
        " from pg_catalog.pg_attribute as a where a.attrelid = %s::regclass and a.attidentity <> ''",
        f"{new.quoted_schema}.{table.table}",
    ):
        ((next_sequence,),) = old.select(
            "select pg_get_serial_sequence(%s, %s)", f"{old.quoted_schema}.{table.table}", column
        )
        ((value, called),) = old.cursor().execute(f"select last_value, is_called from {next_sequence}".encode())
        new.select("select setval(%s, %s, %s)", sequence, value, called)
    progress(Progress("wait", text=f"{table.table}: {wording.counted(table.rows, 'row')} copied"))


def refuse_other_rows(new: Session, before: Sequence[MovedTable], tables: Sequence[MovedTable]) -> None:
    """Refuse rows that are there already and are not the same."""
    other = [there for there, table in zip(before, tables, strict=True) if there != table]
    if other:
        named = ", ".join(f"{table.table} ({wording.counted(table.rows, 'row')})" for table in other)
        raise MoveRefused(
            f"{new.config.name} holds rows that are not those to be moved: {named}. No row was changed.",
            hint="Empty those tables there, if nothing is lost with them, and type the same again.",
        )


# --- the guard


def _guard(old: Session, name: str, target: str) -> None:
    trigger = (
        "create or replace trigger {} before insert or update or delete or truncate on {}"
        " for each statement execute function {}({})"
    )
    old.connection.execute(
        sql.SQL(trigger).format(
            sql.Identifier(guard_of(name)),
            sql.Identifier(old.schema, name),
            sql.Identifier(old.schema, "fbs_refuse_moved"),
            sql.Literal(target),
        )
    )


def guard_of(table: str) -> str:
    """Name of the trigger that guards a table which moves."""
    return f"{table}_moves"


def guards(session: Session) -> dict[str, str]:
    """The tables that are guarded, each with the database that it moves to."""
    rows = session.select(
        "select c.relname, convert_from(rtrim(t.tgargs, '\\x00'), getdatabaseencoding())"
        " from pg_catalog.pg_trigger as t inner join pg_catalog.pg_class as c on t.tgrelid = c.oid"
        " where t.tgfoid = to_regproc(%s)",
        f"{session.quoted_schema}.fbs_refuse_moved",
    )
    return dict(rows)


def guarded_for(session: Session, names: Sequence[str]) -> str:
    """The database that some of these tables move to; empty where none is guarded."""
    return next((target for name, target in guards(session).items() if name in names), "")


# --- what there is


def regclasses(session: Session, names: Sequence[str]) -> list[str]:
    """Names of tables as they stand in SQL."""
    return [f"{session.quoted_schema}.{name}" for name in names]


def columns_of(session: Session, name: str) -> list[str]:
    """A table's columns, in their order; none where there is no such table."""
    rows = session.select(
        "select attname from pg_catalog.pg_attribute"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        f"{session.quoted_schema}.{name}",
    )
    return [column for (column,) in rows]


def counted(session: Session, name: str) -> MovedTable:
    """A table with how many rows it holds."""
    query = sql.SQL("select count(*) from {{fbs}}{}").format(sql.Identifier(name))
    return MovedTable(name, int(session.select(query)[0][0]), "")


def summed(session: Session, name: str) -> MovedTable:
    """A table with how many rows it holds, and their checksum."""
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in sorted(columns_of(session, name)))
    query = sql.SQL(
        "select count(*), coalesce(sum(('x' || left(md5(row({})::text), 16))::bit(64)::bigint::numeric), 0)::text"
        " from {{fbs}}{}"
    ).format(columns, sql.Identifier(name))
    rows, checksum = session.select(query)[0]
    return MovedTable(name, rows, checksum)
