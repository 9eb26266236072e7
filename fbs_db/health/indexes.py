"""Indexes made and dropped beside the running system, and none left unfinished.

``concurrently`` waits for every transaction that uses the table. Broken off while it does, it
leaves an index that is not valid, which cannot be dropped before those transactions end. So
they are waited for beforehand, where nothing is begun yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from fbs_db.database.connection import raise_if_lost, said_by
from fbs_db.database.locks import SESSION
from fbs_db.database.session import Session
from fbs_db.errors import LockTimeout
from fbs_db.reports import Progress

_PATIENCE = 10.0
_POLL_SECONDS = 0.1
_TRIES = 3

# Transactions that use the table; and, which only making an index waits for, those with an old snapshot.
_IN_THE_WAY = f"""
select
    l.virtualtransaction,
    min(case when l.pid is null then 'a prepared transaction' else {SESSION.replace("%", "%%")} end)
from pg_catalog.pg_locks as l
left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
where
    l.granted
    and l.pid is distinct from pg_backend_pid()
    and coalesce(a.backend_type, '') <> 'autovacuum worker'
    and (
        l.relation = to_regclass(%(table)s)
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
        or %(snapshots)s
        and l.locktype = 'virtualxid' and a.datname = current_database() and a.backend_xmin is not null
    )
group by l.virtualtransaction
"""

_NOT_VALID = """
select c.relname
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
where
    i.indrelid = to_regclass(%(table)s)
    and not (i.indisvalid and i.indisready)
    and (
        c.relname = %(index)s
        or c.relname ~ '_cc(new|old)[0-9]*$'
        and starts_with(%(index)s, regexp_replace(c.relname, '_cc(new|old)[0-9]*$', ''))
    )
"""


class Busy(Exception):
    """A transaction uses the table for longer than is waited; nothing was begun."""


def run_patiently(
    session: Session, statement: str, progress: Callable[[Progress], None], tries: int | None = None
) -> None:
    """Run a statement, and again after a lock timeout.

    Raises:
        LockTimeout: the last try failed, too.
        psycopg.Error: PostgreSQL refuses it.
    """

    def work() -> None:
        try:
            session.cursor().execute(statement.encode())
        except psycopg.errors.LockNotAvailable as error:
            raise LockTimeout(said_by(error), statement=statement) from error

    session.retry(work, progress, tries)


class Indexes:
    """Runs the statements on indexes of one repair.

    Parameters:
        at: a session in autocommit.
        progress: told who is waited for.

    Attributes:
        under_way: of the statement that has not ended well: its table, its index, and the
            indexes that were not valid before.
    """

    def __init__(self, session: Session, progress: Callable[[Progress], None]) -> None:
        self.session = session
        self.progress = progress
        self._waited_in_vain: set[str] = set()
        self.under_way: tuple[str, str, set[str]] | None = None

    def run(self, statement: str, table: str, index: str, *, snapshots: bool = True) -> None:
        """Run a statement with ``concurrently``; where it ends early, drop what it made so far.

        Parameters:
            table, index: their names, without schema and quotes.
            snapshots: whether transactions with an old snapshot are in the way, which they are
                where an index is made, and not where one is only dropped.

        Raises:
            Busy: a transaction uses the table.
            psycopg.Error: PostgreSQL refuses it.
        """
        place = f"{self.session.quoted_schema}.{self._quoted(table)}"
        self._wait(place, table, snapshots)
        self.under_way = (place, index, self._not_valid(self.session, place, index))
        try:
            self.session.cursor().execute("set lock_timeout = '60s'")
            self.session.cursor().execute(statement.encode())
        except BaseException as error:
            if isinstance(error, psycopg.Error):
                raise_if_lost(self.session.connection, error)
            with suppress(psycopg.Error):  # then it is done over another connection
                self.clear(self.session)
            raise
        self.session.cursor().execute("set lock_timeout = '3s'")
        self.under_way = None

    def clear(self, session: Session) -> None:
        """Drop what the statement under way has left, if one is; say where that cannot be done."""
        if self.under_way is None:
            return
        place, index, before = self.under_way
        session.cursor().execute("set lock_timeout = '3s'")
        for name in sorted(self._not_valid(session, place, index) - before):
            path = f"{session.quoted_schema}.{self._quoted(name, session)}"
            try:
                with suppress(psycopg.errors.UndefinedObject):
                    run_patiently(session, f"drop index concurrently if exists {path}", self.progress, _TRIES)
            except LockTimeout:
                self.progress(Progress("wait", text=f"index {name} is left unfinished: the next repair drops it"))
        self.under_way = None

    def _wait(self, place: str, table: str, snapshots: bool) -> None:
        """Wait until the transactions that are in the way now have ended."""
        waited_for = self._in_the_way(place, snapshots)
        there = dict(waited_for)
        deadline = time.monotonic() + _PATIENCE
        told = False
        while there:
            who = next(iter(there.values()))
            if self._waited_in_vain & there.keys() or time.monotonic() > deadline:
                self._waited_in_vain |= there.keys()
                raise Busy(f"{table} is in use by {who}. Nothing was begun.")
            if not told and time.monotonic() > deadline - _PATIENCE + 1:
                self.progress(Progress("wait", text=f"{table} is in use by {who}; trying again"))
                told = True
            time.sleep(_POLL_SECONDS)
            there = {one: text for one, text in self._in_the_way(place, snapshots).items() if one in waited_for}

    def _in_the_way(self, place: str, snapshots: bool) -> dict[str, str]:
        rows = self.session.cursor().execute(_IN_THE_WAY.encode(), {"table": place, "snapshots": snapshots})
        return dict(rows.fetchall())

    @staticmethod
    def _not_valid(session: Session, place: str, index: str) -> set[str]:
        return {name for (name,) in session.cursor().execute(_NOT_VALID, {"table": place, "index": index})}

    def _quoted(self, name: str, session: Session | None = None) -> str:
        return str((session or self.session).select("select quote_ident(%s)", name)[0][0])
