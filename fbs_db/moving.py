"""Moving a component to another database: every row, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from psycopg import sql

from fbs_db import config, files, migrations
from fbs_db.backend import Backend
from fbs_db.config import Config, DatabaseConfig
from fbs_db.connection import errors_of_server
from fbs_db.errors import LockTimeout, MoveRefused, UsageError
from fbs_db.files import MigrationFile
from fbs_db.hosts import tell_targets
from fbs_db.reports import Progress, silent
from fbs_db.session import Session, session

_TRIES = 5
_BLOCK = 4 * 1024 * 1024
#: Both sides write values alike, so that their texts can be compared.
_ALIKE = """
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local extra_float_digits = 3;
set local bytea_output = 'hex';
set local lock_timeout = '3s';
set local statement_timeout = 0;
"""


@dataclass(frozen=True)
class MovedTable:
    """A table of the component.

    Attributes:
        table: its name.
        rows: how many it holds.
        checksum: sum over all rows, whatever their order; the same on both sides.
    """

    table: str
    rows: int
    checksum: str

    def as_dict(self) -> dict[str, Any]:
        """The row as plain values, as ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class MoveReport:
    """What a move did, or would do.

    Attributes:
        component: what was moved.
        source: the database it was in.
        target: the database it is in now.
        tables: its tables, with what was found to be equal on both sides.
        kept: schema of the source in which the old tables are kept.
        switched: whether the configuration was changed.
        change: what to change in it by hand; empty where nothing is left to be.
        done: False for a dry run.
    """

    component: str
    source: str
    target: str
    tables: tuple[MovedTable, ...]
    kept: str
    switched: bool
    change: str
    done: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, as ``--json`` prints it."""
        return asdict(self)


def move(
    component: str, to: str, *, dry_run: bool = False, progress: Callable[[Progress], None] = silent
) -> MoveReport:
    """Move a component's tables, with their rows, to another configured database.

    Its tables can be read meanwhile, and written again when all is done: writers wait. The
    rows are copied in one snapshot and compared before anything is final. The old tables
    are kept in a schema of their own, tied to nothing, until `drop_moved`. A move that was
    broken off is finished by doing it again.

    Parameters:
        component: what to move, such as ``licensing``.
        to: name of the database it goes to.
        dry_run: only look: at both databases, and how many rows there are.
        progress: called for each table, with how far it is.

    Raises:
        UsageError: there is no such component or database, or it lives there already.
        MoveRefused: the other database holds other rows of it, or its users have keys of
            another type; or copies were not equal. Nothing was changed.
        LockTimeout: somebody writes for longer than five tries. Nothing was changed.
    """
    known = config.read()
    if component not in files.components():
        raise UsageError(f"There is no component {component!r}.", hint=f"There are: {', '.join(files.components())}.")
    target = known.named(to)
    source = next(place for place in known.databases.values() if place.holds(component))
    if source.name == target.name:
        raise UsageError(f"{component} lives in {to} already.", hint="Where what lives: fbs-db placement")
    with session(source, None, application="fbs-db placement move") as old:
        backend = Backend(old.connection, old.schema)
        applied = {row.migration_id for row in backend.history()}
        ours = [file for file in files.load() if file.component == component and file.id in applied]
        kept = kept_schema(component)
        if not ours and _has_schema(old, kept):
            # What is left of a move that was broken off after its last commit.
            tables: tuple[MovedTable, ...] = ()
        elif not ours:
            raise MoveRefused(
                f"{component} is not installed in {source.name}, so there is nothing to move.",
                hint=f"Name {component} under databases.{to} in {known.source}, then: fbs-db migrate --all",
            )
        elif dry_run:
            tables = tuple(MovedTable(name, _count(old, name), "") for name in _tables(ours))
        else:
            if _has_schema(old, kept):
                raise MoveRefused(
                    f"Schema {kept} of {source.name} still keeps {component} from an earlier move.",
                    hint=f"Drop it first: fbs-db placement drop {component} --from {source.name}",
                )
            tables = _move(old, backend, ours, _holding(target, component), kept, progress)
    switched, change = (False, "") if dry_run else _switch(known, component, source, target)
    if switched:
        tell_targets()
    return MoveReport(component, source.name, target.name, tables, kept, switched, change, not dry_run)


def drop_moved(component: str, source: str) -> list[MovedTable]:
    """Drop the tables that a move has kept in the database they were in.

    Parameters:
        component: what was moved.
        source: name of the database it was moved from.

    Returns:
        The tables dropped, with the rows they held.

    Raises:
        UsageError: nothing is kept there.
    """
    with session(config.read().named(source), None, application="fbs-db placement drop") as at:
        found = kept_tables(at, component)
        schema = sql.Identifier(kept_schema(component))
        with at.connection.transaction():
            at.connection.execute("set local lock_timeout = '3s'")
            for one in found:
                at.connection.execute(sql.SQL("drop table {}.{}").format(schema, sql.Identifier(one.table)))
            at.connection.execute(sql.SQL("drop schema {}").format(schema))
        return found


def kept_tables(at: Session, component: str) -> list[MovedTable]:
    """The tables that a move has kept.

    Raises:
        UsageError: there are none.
    """
    schema = kept_schema(component)
    if not _has_schema(at, schema):
        raise UsageError(f"Nothing of {component} is kept here: there is no schema {schema}.")
    names = at.select(
        "select relname from pg_catalog.pg_class"
        " where relkind = 'r' and relnamespace = to_regnamespace(%s) order by oid desc",
        schema,
    )
    return [MovedTable(name, _count(replace(at, schema=schema), name), "") for (name,) in names]


def kept_schema(component: str) -> str:
    """Name of the schema that keeps a component's old tables."""
    return f"fbs_moved_{component}"


# --- the move


def _move(
    old: Session,
    backend: Backend,
    ours: Sequence[MigrationFile],
    target: DatabaseConfig,
    kept: str,
    progress: Callable[[Progress], None],
) -> tuple[MovedTable, ...]:
    names = _tables(ours)
    migrations.migrate(target, progress=progress)
    with session(target, None, application="fbs-db placement move") as new:
        _refuse_other_users(old, new)
        for name in names:
            _refuse_other_columns(old, new, name)
        with backend.lock(), _locked(old, names, progress), new.connection.transaction():
            new.connection.execute(_ALIKE.encode())
            new.connection.execute("set constraints all deferred")
            before = {name: _summed(new, name) for name in names}
            tables = tuple(_summed(old, name) for name in names)
            if any(before[table.table].rows for table in tables):
                _refuse_other_rows(before, tables, target)
            else:
                for table in tables:
                    _copy(old, new, table, progress)
                _refuse_unequal(new, tables, progress)
            later = _drop_later_names(old, names)
            _keep(old, backend, ours, kept, target)
            new.call("fbs_wake_rules")
            if later:
                new.call("fbs_add_later_names")
    return tables


@contextmanager
def _locked(old: Session, names: Sequence[str], progress: Callable[[Progress], None]) -> Iterator[None]:
    """A transaction of the source's that nobody writes beside. It commits last."""
    tables = sql.SQL(", ").join(sql.Identifier(old.schema, name) for name in names)
    locked = False
    for attempt in range(1, _TRIES + 1):
        try:
            with errors_of_server(old.connection), old.connection.transaction():
                old.connection.execute("set transaction isolation level repeatable read")
                old.connection.execute(_ALIKE.encode())
                old.connection.execute(sql.SQL("lock table {} in share mode").format(tables))
                locked = True
                yield
            return
        except LockTimeout as error:
            if locked or attempt == _TRIES:
                raise
            progress(Progress("wait", text=f"{error.message}; trying again ({attempt} of {_TRIES - 1})"))
            time.sleep(attempt)


def _copy(old: Session, new: Session, table: MovedTable, progress: Callable[[Progress], None]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, _columns(old, table.table)))
    name = sql.Identifier(table.table)
    out = sql.SQL("copy {}.{} ({}) to stdout").format(sql.Identifier(old.schema), name, columns)
    into = sql.SQL("copy {}.{} ({}) from stdin").format(sql.Identifier(new.schema), name, columns)
    done = told = 0
    with old.cursor().copy(out) as source, new.cursor().copy(into) as target:
        for block in source:
            target.write(block)
            done += len(block)
            if done - told > _BLOCK:
                told = done
                progress(Progress("wait", text=f"{table.table}: {done / 1e6:,.0f} MB copied"))
    for column, sequence in new.select(
        "select a.attname, pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)"
        " from pg_catalog.pg_attribute as a where a.attrelid = %s::regclass and a.attidentity <> ''",
        f"{new.quoted_schema}.{table.table}",
    ):
        ((next_sequence,),) = old.select(
            "select pg_get_serial_sequence(%s, %s)", f"{old.quoted_schema}.{table.table}", column
        )
        ((value, called),) = old.select(f"select last_value, is_called from {next_sequence}")
        new.select("select setval(%s, %s, %s)", sequence, value, called)
    progress(Progress("wait", text=f"{table.table}: {table.rows:,} rows copied"))


def _keep(old: Session, backend: Backend, ours: Sequence[MigrationFile], kept: str, target: DatabaseConfig) -> None:
    """The old tables go on as copies that are tied to nothing; the component's files are undone."""
    schema = sql.Identifier(kept)
    said = f"FBS's tables as they were when they moved to database {target.name}. Drop them: fbs-db placement drop"
    old.connection.execute(sql.SQL("create schema {}").format(schema))
    old.connection.execute(sql.SQL("comment on schema {} is {}").format(schema, sql.Literal(said)))
    for name in _tables(ours):
        there, here = sql.Identifier(kept, name), sql.Identifier(old.schema, name)
        # Indexes and statistics may need the component's functions, which go.
        like = "create table {} (like {} including all excluding indexes excluding statistics)"
        old.connection.execute(sql.SQL(like).format(there, here))
        old.connection.execute(sql.SQL("insert into {} overriding system value select * from {}").format(there, here))
    old.connection.execute(backend.settings_sql().encode())
    for file in reversed(ours):
        backend.rollback_one(file)
    old.select(
        "with r as (update {fbs}fbs_cleanup_rules set description = description"
        " where table_name = any(%s) returning 1) select count(*) from r",
        _tables(ours),
    )


def _drop_later_names(old: Session, names: Sequence[str]) -> bool:
    """The views of its later names go before the tables; whether there were any."""
    known = old.select("select to_regclass(%s) is not null", f"{old.quoted_schema}.fbs_later_names")
    return known == [(True,)] and bool(old.call("fbs_drop_later_names", list(names)))


# --- what stops it


def _refuse_other_users(old: Session, new: Session) -> None:
    query = "select format_type(typbasetype, typtypmod) from pg_catalog.pg_type where oid = to_regtype(%s)"
    types = [at.select(query, f"{at.quoted_schema}.fbs_user_id")[0][0] for at in (old, new)]
    if types[0] != types[1]:
        raise MoveRefused(
            f"Users have keys of type {types[0]} in {old.place.name}, and {types[1]} in {new.place.name}.",
            hint=f'Say user_key_type = "{types[0]}" for {new.place.name} before FBS is installed there.',
        )


def _refuse_other_columns(old: Session, new: Session, name: str) -> None:
    here, there = set(_columns(old, name)), set(_columns(new, name))
    if here != there:
        raise MoveRefused(
            f"Table {name} has columns that it does not have in the other database: {', '.join(sorted(here ^ there))}.",
            hint=f"Add them there, or drop them here; see fbs-db --database {old.place.name} check",
        )


def _refuse_other_rows(before: dict[str, MovedTable], tables: Sequence[MovedTable], target: DatabaseConfig) -> None:
    """Rows that are there already must be those of a move that was broken off."""
    other = [table.table for table in tables if before[table.table] != table]
    if other:
        named = ", ".join(f"{name} ({before[name].rows:,} rows)" for name in other)
        raise MoveRefused(
            f"{target.name} holds rows that are not those to be moved: {named}. Nothing was changed.",
            hint="Empty those tables there, if nothing is lost with them, and type the same again.",
        )


def _refuse_unequal(new: Session, tables: Sequence[MovedTable], progress: Callable[[Progress], None]) -> None:
    for table in tables:
        found = _summed(new, table.table)
        if found != table:
            raise MoveRefused(
                f"The copy of {table.table} is not equal: {found.rows:,} rows with checksum {found.checksum},"
                f" not {table.rows:,} with {table.checksum}. Nothing was changed.",
                hint="Look for triggers and rules on that table in the other database: fbs-db check --all",
            )
        progress(Progress("wait", text=f"{table.table}: {table.rows:,} rows compared"))


# --- what there is


def _holding(place: DatabaseConfig, component: str) -> DatabaseConfig:
    return replace(place, components=None if place.components is None else (*place.components, component))


def _tables(ours: Sequence[MigrationFile]) -> list[str]:
    return [name for file in ours for kind, name in file.creates if kind == "table"]


def _columns(at: Session, name: str) -> list[str]:
    rows = at.select(
        "select attname from pg_catalog.pg_attribute"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        f"{at.quoted_schema}.{name}",
    )
    return [column for (column,) in rows]


def _count(at: Session, name: str) -> int:
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(at.schema, name))
    return int(at.select(query)[0][0])


def _summed(at: Session, name: str) -> MovedTable:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in sorted(_columns(at, name)))
    query = sql.SQL(
        "select count(*), coalesce(sum(('x' || left(md5(row({})::text), 16))::bit(64)::bigint::numeric), 0)::text"
        " from {}"
    ).format(columns, sql.Identifier(at.schema, name))
    rows, checksum = at.select(query)[0]
    return MovedTable(name, rows, checksum)


def _has_schema(at: Session, name: str) -> bool:
    return at.select("select to_regnamespace(%s) is not null", name) == [(True,)]


# --- the configuration


def _switch(known: Config, component: str, source: DatabaseConfig, target: DatabaseConfig) -> tuple[bool, str]:
    if known.definite:
        return False, (
            f"In {known.source} let DATABASES place {component} in {target.name!r}: add it to the COMPONENTS there,"
            f" and take it from those of {source.name!r} where it is named."
        )
    config.rewrite_components(component, source.name, target.name)
    return True, ""
