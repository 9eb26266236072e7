"""Which statements functions and triggers run inside a statement, counted by pg_stat_statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import psycopg

#: A server that counts: its settings, and the library that it takes.
LIBRARY = "pg_stat_statements"
COUNTING = f"""
shared_preload_libraries = '{LIBRARY}'
{LIBRARY}.track = all
{LIBRARY}.track_planning = on
"""


@dataclass(frozen=True)
class InnerStatement:
    """A statement that ran inside another, how often it ran, and how often it was planned."""

    query: str
    calls: int
    plans: int


def inner_statements(
    watching: psycopg.Connection, run: Callable[[], object], *, without: Iterable[InnerStatement] = ()
) -> list[InnerStatement]:
    """What runs inside the statements of a call.

    Parameters:
        watching: another connection to the same database, in autocommit, where the extension is created. Nobody else
            uses the server meanwhile.
        without: these are left out, such as those of the functions that a table's indexes call.
    """
    watching.execute("select pg_stat_statements_reset()")
    run()
    found = watching.execute(
        "select s.query, s.calls, s.plans from pg_stat_statements as s"
        " inner join pg_database as d on s.dbid = d.oid"
        " where d.datname = current_database() and not s.toplevel"
        " order by s.query"
    )
    known = {statement.query for statement in without}
    return [InnerStatement(*row) for row in found if row[0] not in known]


def run_by_indexes(watching: psycopg.Connection, host: psycopg.Connection) -> list[InnerStatement]:
    """What any update of documents and approval requests runs, as their indexes hold words."""
    tables = {
        "fbs_dms_document": "state = case state when 'draft' then 'review' else 'draft' end",
        "fbs_approval_requests": "status = case status when 'approved' then 'rejected' else 'approved' end",
    }
    return [
        statement
        for table, values in tables.items()
        for statement in inner_statements(
            watching, partial(host.execute, f"update {table} set {values} where id = 1".encode())
        )
    ]
