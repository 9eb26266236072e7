"""Indexes built and dropped concurrently, without leaving an unfinished one.

``concurrently`` waits for every transaction that uses the table. If it is interrupted meanwhile,
it leaves an invalid index, which cannot be dropped before those transactions end. So they are
waited for before it begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
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

# Transactions that use the table and, as building an index waits for them too, those with an old snapshot.
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
    """A transaction uses the table for longer than is waited; the statement was not run."""


def quoted(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Each name as an identifier of SQL, with quotes only where it needs them."""
    return dict(session.select("select name, quote_ident(name) from unnest(%s::text[]) as t (name)", list(names)))


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
    """Runs the index statements of one command.

    Parameters:
        session: a session in autocommit.
        progress: called with the process that is waited for.

    Attributes:
        under_way: table and index of the statement that is running or has failed, and the
            indexes that were invalid before it.
    """

    def __init__(self, session: Session, progress: Callable[[Progress], None]) -> None:
        self.session = session
        self.progress = progress
        self._waited_in_vain: set[str] = set()
        self.under_way: tuple[str, str, set[str]] | None = None

    def run(self, statement: str, table: str, index: str, *, snapshots: bool = True) -> None:
        """Run a statement with ``concurrently``; where it fails, drop the index that it left.

        Parameters:
            table, index: their names, without schema and quotes.
            snapshots: whether to wait for transactions with an old snapshot too; needed to
                build an index, not to drop one.

        Raises:
            Busy: a transaction uses the table.
            psycopg.Error: PostgreSQL refuses the statement.
        """
        path = f"{self.session.quoted_schema}.{quoted(self.session, [table])[table]}"
        self._wait(path, table, snapshots)
        self.under_way = (path, index, self._not_valid(self.session, path, index))
        try:
            self.session.cursor().execute("set lock_timeout = '60s'")
            self.session.cursor().execute(statement.encode())
        except BaseException as error:
            if isinstance(error, psycopg.Error):
                raise_if_lost(self.session.connection, error)
            with suppress(psycopg.Error):  # the caller tries again over another connection
                self.clear(self.session)
            raise
        self.session.cursor().execute("set lock_timeout = '3s'")
        self.under_way = None

    def clear(self, session: Session) -> None:
        """Drop the index that the statement under way left, or report that it stays."""
        if self.under_way is None:
            return
        path, index, before = self.under_way
        session.cursor().execute("set lock_timeout = '3s'")
        for name in sorted(self._not_valid(session, path, index) - before):
            left = f"{session.quoted_schema}.{quoted(session, [name])[name]}"
            try:
                with suppress(psycopg.errors.UndefinedObject):
                    run_patiently(session, f"drop index concurrently if exists {left}", self.progress, _TRIES)
            except LockTimeout:
                self.progress(Progress("wait", text=f"index {name} stays unfinished; the next run drops it"))
        self.under_way = None

    def _wait(self, path: str, table: str, snapshots: bool) -> None:
        """Wait until the transactions that are in the way now have ended, for 10 s at most."""
        waited_for = self._in_the_way(path, snapshots)
        there = dict(waited_for)
        deadline = time.monotonic() + _PATIENCE
        reported = False
        while there:
            who = next(iter(there.values()))
            if self._waited_in_vain & there.keys() or time.monotonic() > deadline:
                self._waited_in_vain |= there.keys()
                raise Busy(f"{table} is in use by {who}. Nothing was changed.")
            if not reported and time.monotonic() > deadline - _PATIENCE + 1:
                self.progress(Progress("wait", text=f"{table} is in use by {who}; trying again"))
                reported = True
            time.sleep(_POLL_SECONDS)
            there = {one: text for one, text in self._in_the_way(path, snapshots).items() if one in waited_for}

    def _in_the_way(self, path: str, snapshots: bool) -> dict[str, str]:
        rows = self.session.cursor().execute(_IN_THE_WAY.encode(), {"table": path, "snapshots": snapshots})
        return dict(rows.fetchall())

    @staticmethod
    def _not_valid(session: Session, path: str, index: str) -> set[str]:
        return {name for (name,) in session.cursor().execute(_NOT_VALID, {"table": path, "index": index})}
