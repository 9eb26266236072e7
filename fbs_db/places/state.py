"""What a move has left in a database: a component's tables, their guards, and old tables.

The old database passes through these states, and a later run continues from the one it finds:

1. the component is installed;
2. each of its tables has a guard, a trigger that refuses writes; its rows are copied, or not;
3. besides, the schema for the old tables exists, without tables: the rows are copied;
4. the component is not installed any more, and its old tables are in that schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from fbs_db import files
from fbs_db.database.session import Session
from fbs_db.files import MigrationFile
from fbs_db.reports import Report
from fbs_db.schema.history import history_of


@dataclass(frozen=True)
class MovedTable(Report):
    """A table of a component that moves.

    Attributes:
        table: its name.
        rows: number of rows.
        checksum: sum over all rows in any order, the same in both databases; empty text
            where the rows were only counted.
    """

    table: str
    rows: int
    checksum: str


def applied_files(session: Session, component: str) -> list[MigrationFile]:
    """The applied migrations of a component, in order."""
    applied = {row.migration_id for row in history_of(session)}
    return [file for file in files.load() if file.component == component and file.id in applied]


def tables_of(migrations: Sequence[MigrationFile]) -> list[str]:
    """The tables that migrations create, referenced tables first."""
    return [name for file in migrations for kind, name in file.creates if kind == "table"]


def columns_of(session: Session, table: str) -> list[str]:
    """A table's columns, in order; none where there is no such table."""
    rows = session.select(
        "select attname from pg_catalog.pg_attribute"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        f"{session.quoted_schema}.{table}",
    )
    return [column for (column,) in rows]


def qualified(session: Session, tables: Sequence[str]) -> list[str]:
    """Names of FBS's tables with their schema, for SQL."""
    return [f"{session.quoted_schema}.{name}" for name in tables]


def count_rows(session: Session, table: str) -> MovedTable:
    """A table with its number of rows."""
    query = sql.SQL("select count(*) from {{fbs}}{}").format(sql.Identifier(table))
    return MovedTable(table, int(session.select(query)[0][0]), "")


def sum_rows(session: Session, table: str) -> MovedTable:
    """A table with its number of rows and their checksum."""
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in sorted(columns_of(session, table)))
    query = sql.SQL(
        "select count(*), coalesce(sum(('x' || left(md5(row({})::text), 16))::bit(64)::bigint::numeric), 0)::text"
        " from {{fbs}}{}"
    ).format(columns, sql.Identifier(table))
    rows, checksum = session.select(query)[0]
    return MovedTable(table, rows, checksum)


def has_later_names(session: Session, tables: Sequence[str]) -> bool:
    """Whether there are views by later names of these tables."""
    known = session.select("select to_regclass(%s) is not null", f"{session.quoted_schema}.fbs_later_names")
    query = (
        "select exists (select from {fbs}fbs_later_names"
        " where state in ('current', 'out of date') and table_name = any(%s))"
    )
    return known == [(True,)] and session.select(query, list(tables)) == [(True,)]


# --- guards


def guard_of(table: str) -> str:
    """Name of the trigger that refuses writes to a table while its component moves."""
    return f"{table}_moves"


def guards(session: Session) -> dict[str, str]:
    """The guarded tables, each with the name of the database that it moves to."""
    rows = session.select(
        "select c.relname, convert_from(rtrim(t.tgargs, '\\x00'), getdatabaseencoding())"
        " from pg_catalog.pg_trigger as t inner join pg_catalog.pg_class as c on t.tgrelid = c.oid"
        " where t.tgfoid = to_regproc(%s)",
        f"{session.quoted_schema}.fbs_refuse_moved",
    )
    return dict(rows)


def guarded_for(session: Session, tables: Sequence[str]) -> str:
    """Name of the database that these tables move to; empty text where none is guarded."""
    return next((target for name, target in guards(session).items() if name in tables), "")


# --- the schema of old tables


def kept_schema(component: str) -> str:
    """Name of the schema that keeps a component's old tables."""
    return f"fbs_moved_{component}"


def has_kept_schema(session: Session, component: str) -> bool:
    """Whether that schema exists."""
    return session.select("select to_regnamespace(%s) is not null", kept_schema(component)) == [(True,)]
