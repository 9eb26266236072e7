"""Copying tables to another database: equal in both, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from fbs_db import wording
from fbs_db.database.connection import said_by
from fbs_db.database.session import Session
from fbs_db.errors import MoveRefused
from fbs_db.places.checks import check_same_rows
from fbs_db.places.state import MovedTable, columns_of, guard_of, sum_rows
from fbs_db.reports import Progress

#: Tries for a lock.
TRIES = 10
#: Lock timeout of a try: below deadlock_timeout, so that a deadlock cancels fbs-db's statement and not the host's.
PATIENCE = "500ms"
#: Seconds between reports of progress.
_REPORT_EVERY = 5.0
#: Both databases write values as the same text, for the checksums; rows hidden by row security are an error.
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


def copy_guarded(
    old: Session, new: Session, names: Sequence[str], finish: Callable[[], object], progress: Callable[[Progress], None]
) -> tuple[MovedTable, ...]:
    """Copy tables under a lock, and guard the old ones before the copy is committed.

    No row is written to the old tables meanwhile: writers wait for the lock, and once the
    guards are committed they are refused. Then the copy is committed.

    Parameters:
        old: a session on the database that has the tables.
        new: a session on the database that has empty tables of the same names.
        names: the tables, referenced tables first.
        finish: what else to do in the transaction of the copy.

    Raises:
        MoveRefused: the new tables have other rows already, or a copy differs.
        LockTimeout: a table is in use for longer than all tries.
    """
    with old.translated(), new.translated(), new.connection.transaction():
        new.connection.execute(_ALIKE.encode())
        new.connection.execute("set local lock_timeout = '3s'")
        new.connection.execute("set constraints all deferred")
        with _unwritten(old, names):
            tables = []
            for name in names:
                progress(Progress("wait", text=f"{name}: reading"))
                tables.append(sum_rows(old, name))
            if any(table.rows for table in tables):
                _fill(old, new, tables, progress)
            finish()
            for name in names:
                _guard(old, name, new.config.name)
    return tuple(tables)


@contextmanager
def _unwritten(old: Session, names: Sequence[str]) -> Iterator[None]:
    """A transaction with one snapshot and a lock against writers.

    The lock is as strong as the one that ``create trigger`` takes. A stronger one later
    would wait for readers, and readers about to write wait for this one: a deadlock.
    """
    tables = sql.SQL(", ").join(sql.Identifier(old.schema, name) for name in names)
    with old.connection.transaction():
        old.connection.execute("set transaction isolation level repeatable read")
        old.connection.execute(_ALIKE.encode())
        old.connection.execute(sql.SQL("set local lock_timeout = {}").format(PATIENCE))
        with old.translated():  # else it would be taken for an error of the new database
            old.connection.execute(sql.SQL("lock table {} in share row exclusive mode").format(tables))
        yield


def _fill(old: Session, new: Session, tables: Sequence[MovedTable], progress: Callable[[Progress], None]) -> None:
    before = [sum_rows(new, table.table) for table in tables]
    if any(table.rows for table in before):
        # An earlier run may have copied them.
        check_same_rows(new, before, tables)
        return
    try:
        for table in tables:
            _copy(old, new, table, progress)
        new.connection.execute("set constraints all immediate")
    except psycopg.errors.ForeignKeyViolation as error:
        raise MoveRefused(
            f"Rows point at rows that {new.config.name} lacks: {said_by(error)}",
            hint="Copy those rows there first, such as users; or configure that database with user_key_type and without"
            " user_table. No row was changed.",
        ) from error
    for table in tables:
        found = sum_rows(new, table.table)
        if found != table:
            raise MoveRefused(
                f"The copy of {table.table} differs: {wording.counted(found.rows, 'row')} with checksum"
                f" {found.checksum} instead of {table.rows:,} with {table.checksum}. No row was changed.",
                hint="Look for triggers and rules on that table in the other database:"
                f" {wording.command('check', '--all')}",
            )
        progress(Progress("wait", text=f"{table.table}: {wording.counted(table.rows, 'row')} compared"))


def _copy(old: Session, new: Session, table: MovedTable, progress: Callable[[Progress], None]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, columns_of(old, table.table)))
    name = sql.Identifier(table.table)
    out = sql.SQL("copy {}.{} ({}) to stdout").format(sql.Identifier(old.schema), name, columns)
    into = sql.SQL("copy {}.{} ({}) from stdin").format(sql.Identifier(new.schema), name, columns)
    rows, reported = 0, time.monotonic()
    with old.cursor().copy(out) as source, new.cursor().copy(into) as target:
        for block in source:
            target.write(block)
            rows += bytes(block).count(b"\n")  # a row is a line: line breaks in values are escaped
            if time.monotonic() - reported > _REPORT_EVERY:
                reported = time.monotonic()
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


def _guard(old: Session, name: str, target: str) -> None:
    """Create the trigger that refuses writes to a table which moves."""
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
