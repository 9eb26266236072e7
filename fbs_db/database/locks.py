"""The lock on a schema, retries after a lock timeout, and who holds a lock."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, pq
from psycopg.rows import tuple_row

from fbs_db.errors import LockTimeout
from fbs_db.reports import Progress, silent

#: Seconds to wait for another migration.
LOCK_WAIT = 60.0
#: How often work is tried that cannot get a lock.
TRIES = 5
#: Seconds before the second try. Before the third it is twice as long, and so on, up to five times.
PAUSE = 1.0
_POLL_SECONDS = 0.1
_SHOWN = 3

Answer = TypeVar("Answer")

#: A server session (a) in words. Only its own role and members of pg_read_all_stats see its statement
#: and its times.
SESSION = """format(
    'process %s (%s)', a.pid,
    concat_ws(
        ', ',
        concat_ws(' as ', nullif(a.application_name, ''), coalesce(a.usename::text, a.backend_type))
        || coalesce(' from ' || host(a.client_addr), ''),
        'since ' || to_char(coalesce(a.xact_start, a.backend_start), 'YYYY-MM-DD HH24:MI:SS TZ'),
        case when a.state = 'active' then 'runs: ' else a.state || ', last statement: ' end
        || left(regexp_replace(nullif(a.query, ''), '\\s+', ' ', 'g'), 80)
    )
)"""

_HOLDERS = f"""
with named as (
    select c.oid
    from pg_catalog.pg_class as c
    where
        c.relkind in ('r', 'p', 'v', 'm', 'f')
        and c.relnamespace <> 'pg_catalog'::regnamespace
        and case
            when cardinality(%(words)s::text[]) > 0 then c.relname = any(%(words)s)
            else
                c.relname ~ '^fbs_'
                or exists (
                    select from pg_catalog.pg_constraint as k
                    where k.confrelid = c.oid and k.conrelid in (
                        select f.oid from pg_catalog.pg_class as f where f.relname ~ '^fbs_'
                    )
                )
        end
),

held as (
    select
        l.relation::regclass::text as held,
        coalesce(
            {SESSION.replace("%", "%%")},
            format('prepared transaction %%L of %%s, since %%s', p.gid, p.owner, p.prepared::timestamptz(0))
        ) as holder,
        a.pid
    from pg_catalog.pg_locks as l
    left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
    left join pg_catalog.pg_prepared_xacts as p on l.virtualtransaction = '-1/' || p.transaction
    where
        l.locktype = 'relation'
        and l.granted
        and l.mode <> all(%(harmless)s)
        and l.pid is distinct from pg_backend_pid()
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
        and l.relation in (select oid from named)
        and a.leader_pid is null
        and coalesce(a.pid::text, p.gid) is not null
)

select h.holder, string_agg(distinct h.held, ', '), h.pid
from held as h
group by h.holder, h.pid
order by h.holder
"""

_READS = ["AccessShareLock", "RowShareLock"]
#: Lock modes that do not conflict with a statement. A statement that is not listed conflicts with all modes.
_HARMLESS = (
    (r"foreign key|create (constraint )?trigger|share row exclusive", _READS),
    (r"create (unique )?index(?! concurrently)", [*_READS, "ShareLock"]),
    (r"validate constraint|create (unique )?index concurrently", [*_READS, "RowExclusiveLock"]),
)


class SchemaLock:
    """The advisory lock that lets one migration at a time work on a schema.

    Parameters:
        connection: on which the lock is asked for.
        schema: the schema.
    """

    def __init__(self, connection: Connection[Any], schema: str) -> None:
        self._connection = connection
        self._schema = schema
        digest = hashlib.sha256(f"fbs-db migrates {schema}".encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)

    @contextmanager
    def held(self, wait: float, progress: Callable[[Progress], None]) -> Iterator[None]:
        """Keep every other migration of the schema out, until the end of the block.

        A lock of the session: the server releases it when the session ends. In a transaction
        of the caller's it is the transaction's, and stays until that ends. It is polled, as a
        session that waits for it would block ``create index concurrently``.

        Raises:
            LockTimeout: another migration ran for longer than `wait` seconds.
        """
        kind = "xact_" if self._connection.info.transaction_status is pq.TransactionStatus.INTRANS else ""
        started = time.monotonic()
        told = ""
        while not self._ask(f"select pg_try_advisory_{kind}lock({self._key})"):
            _, holder = advisory_holder(self._connection, self._key)
            if time.monotonic() - started > wait:
                raise LockTimeout(
                    f"Another migration of schema {self._schema} is running: {holder}.",
                    hint="Wait for it, or end it in psql: select pg_terminate_backend(PID);",
                )
            if holder and holder != told:
                progress(Progress("wait", text=f"waiting for another migration: {holder}"))
                told = holder
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            if not kind and not self._connection.closed and not self._connection.broken:
                self._ask(f"select pg_advisory_unlock({self._key})")

    def is_ours(self) -> bool:
        """Whether the server session at hand holds the lock."""
        held = _held(self._key)
        query = f"select exists (select from pg_catalog.pg_locks as l where l.pid = pg_backend_pid() and {held})"
        return bool(self._ask(query))

    def _ask(self, query: str) -> Any:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(query.encode()).fetchone()
        return row[0] if row else None


def advisory_holder(connection: Connection[Any], key: int) -> tuple[int, str]:
    """The other session that holds an advisory lock: its process, and in words; 0 and an empty string for none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        query = (
            f"select a.pid, {SESSION} from pg_catalog.pg_locks as l"
            " inner join pg_catalog.pg_stat_activity as a on l.pid = a.pid"
            f" where {_held(key)} and l.pid <> pg_backend_pid()"
        )
        return cursor.execute(query.encode()).fetchone() or (0, "")


def _held(key: int) -> str:
    """The condition by which pg_locks (l) shows the advisory lock with a key, here and granted."""
    key %= 2**64
    return (
        f"l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.classid = {key >> 32}"
        f" and l.objid = {key & 0xFFFFFFFF}"
        " and l.database = (select oid from pg_catalog.pg_database where datname = current_database())"
    )


class Retries:
    """The tries that are left to a run where a lock cannot be had.

    Parameters:
        connection: on which the lock is asked for.
        progress: told who is waited for.
        tries: how often work is tried at most.

    In a transaction of the caller's there is one try: the other session may be waiting for
    locks of that transaction.
    """

    def __init__(
        self, connection: Connection[Any], progress: Callable[[Progress], None] = silent, tries: int | None = None
    ) -> None:
        self._connection = connection
        self._progress = progress
        alone = connection.info.transaction_status is pq.TransactionStatus.IDLE
        self._tries = (TRIES if tries is None else tries) if alone else 1
        self._tried = 0

    def run(self, work: Callable[[], Answer]) -> Answer:
        """Do the work, and all of it again after a lock timeout: it has to undo what it did.

        Raises:
            LockTimeout: the last try failed, too. It names who holds the lock.
        """
        while True:
            try:
                return work()
            except LockTimeout as error:
                self.again(error)

    def again(self, error: LockTimeout) -> None:
        """Tell who holds the lock, and pause. Raise the error if that was the last try."""
        named(error, self._connection)
        self._tried += 1
        if self._tried >= self._tries:
            raise error
        self._progress(Progress("wait", text=f"{error.message}; trying again ({self._tried} of {self._tries - 1})"))
        time.sleep(min(self._tried, 5) * PAUSE)


def named(error: LockTimeout, connection: Connection[Any]) -> None:
    """Add to the error which session holds the lock, if it can still be found."""
    error.connection = error.connection or connection
    if error.statement is None:
        return
    who, pids = holders(error.connection, error.statement)
    if who:
        error.message = f"{error.message}: {who}"
        error.args = (error.message,)
        error.statement = None
    if pids:
        end = " ".join(f"select pg_terminate_backend({pid});" for pid in pids)
        error.hint = f"Wait for it, or end it in psql: {end}"


def holders(connection: Connection[Any], statement: str) -> tuple[str, list[int]]:
    """The sessions that hold a lock on the tables that a statement names: in words, and their processes.

    If it names no table, those with a lock on any table of FBS, or on one that these reference.
    They are looked up on the same connection, after the statement failed: a pooler might refuse a
    second connection. A session that has released its lock by then is not found.
    """
    if connection.closed or connection.info.transaction_status is pq.TransactionStatus.INERROR:
        return "", []
    harmless = next((modes for pattern, modes in _HARMLESS if re.search(pattern, statement, re.IGNORECASE)), [""])
    # The context of an error quotes the statement of a function.
    plain = re.sub(r'(?s)SQL statement "(.*?)"(?=\nPL/pgSQL|$)', r"\1", statement)
    words = [word.strip('"').replace('""', '"') for word in re.findall(r'\w+|"(?:[^"]|"")+"', plain)]
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(_HOLDERS.encode(), {"words": words, "harmless": harmless})
            rows = cursor.fetchall()
    except psycopg.Error:
        return "", []
    told = [f"{tables} is in use by {holder}" for holder, tables, _ in rows[:_SHOWN]]
    told += [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    return "; ".join(told), [pid for _, _, pid in rows[:_SHOWN] if pid]
