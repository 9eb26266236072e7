"""What the worker's part of the clean-up takes: a sweep, and a record that very many rows point at.

sweep   100,000 keys that are gone, 100,000 rows of each of three tables point at them;
        with the statistics of a time when no row did, and with fresh ones
record  300,000 rows point at one record: its delete, and what the worker takes for them
"""

from __future__ import annotations

import psycopg
from measuring import MODEL, Bench, attach, connect, fill, make_host, report, run, timed, verdict

#: What takes longer is told as this.
MOST = 300.0


def sweep(bench: Bench) -> None:
    gone = bench.options.of(100_000, 10_000)
    url = bench.database("sweep")
    with connect(url) as connection:
        make_host(connection, "bench_host", 1, gone)
        attach(connection, "bench_host", MODEL)
        fill(connection, gone, 1, gone, model="bench.other")
        connection.execute("vacuum analyze")
        fill(connection, gone, 1, gone)
        fill(connection, gone, gone + 1, 2 * gone)
        connection.execute(f"set statement_timeout = '{MOST:g}s'".encode())
        stale = _sweep(connection, gone)
        connection.execute("vacuum analyze")
        fresh = _sweep(connection, gone)
    report(
        f"sweep of {gone:,} keys, stale statistics: seconds", stale, f"or more than {MOST:g}" if stale >= MOST else ""
    )
    report(f"sweep of {gone:,} keys, fresh statistics: seconds", fresh)
    verdict("stale of fresh", stale / fresh, 2)


def _sweep(connection: psycopg.Connection, gone: int) -> float:
    """Sweep, and undo it; the seconds it took."""
    connection.execute("begin")

    def run() -> None:
        rows = connection.execute("select orphans, error from fbs_sweep_orphans()").fetchall()
        if rows != [(gone, None)]:
            raise RuntimeError(f"not swept as it should be: {rows}")

    try:
        return timed(run, connection)
    except psycopg.errors.QueryCanceled:
        return MOST
    finally:
        connection.execute("rollback")


def record(bench: Bench) -> None:
    rows = bench.options.of(100_000, 10_000)
    url = bench.database("record")
    with connect(url) as connection:
        make_host(connection, "bench_host", 1, 1_000)
        attach(connection, "bench_host", MODEL)
        fill(connection, rows, 2, 1_000)
        fill(connection, rows, 1, 1)
        connection.execute("vacuum analyze")
        for key in range(990, 1_000):
            connection.execute("delete from bench_host where id = %s", [key])
        deleted = timed(lambda: connection.execute("delete from bench_host where id = 1"), connection)
        waiting = connection.execute("select count(*) from fbs_cleanup_queue").fetchone()
        longest, total, calls = _work(connection)
        left = connection.execute(
            "select count(*) from fbs_custom_fields where model_name = %s and record_id = 1", [MODEL]
        ).fetchone()
    verdict(f"delete of a record that {3 * rows:,} rows point at: ms", deleted * 1000, 100)
    report("left to the worker: entries of the queue", waiting[0] if waiting else 0)
    report("the worker: seconds", total, f"{calls} calls, the longest {longest:.2f} s")
    if left != (0,):
        raise RuntimeError(f"{left} custom fields are left")


def _work(connection: psycopg.Connection) -> tuple[float, float, int]:
    """Do what is queued, in transactions of their own: seconds of the longest, of all, and how many there were."""
    taken: list[float] = []
    errors: list[tuple[str | None]] = []
    while connection.execute("select exists (select from fbs_cleanup_queue)").fetchone() == (True,):
        taken.append(timed(lambda: errors.extend(connection.execute("select error from fbs_work_queue()")), connection))
        if any(error for (error,) in errors):
            raise RuntimeError(f"not done: {errors}")
    return max(taken, default=0), sum(taken), len(taken)


if __name__ == "__main__":
    run(__doc__, {"sweep": sweep, "record": record})
