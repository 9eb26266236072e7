"""What fbs-db costs a run of pytest that does not ask for its plugin, and one that does.

Whole processes that collect no test, in turns, in an environment that has pytest alone, and with
fbs-db installed beside it. Prints medians, and whether the aim was met.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from measuring import ROOT, in_turns, report, show, verdict

from tests.hosts.versions import LOCK

AIM = 5.0
ALONE, INSTALLED, ASKED_FOR = "pytest alone", "fbs-db beside", "plugin asked for"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=61, help="how often each is run (default: 61)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as work:
        python, beside, empty = Path(work, "venv", "bin", "python"), Path(work, "beside"), Path(work, "empty")
        empty.mkdir()
        subprocess.run([sys.executable, "-m", "venv", Path(work, "venv")], check=True)
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            f"--constraint={LOCK}",
        ]
        subprocess.run([*install, "pytest"], check=True)
        subprocess.run([*install, "--no-deps", f"--target={beside}", str(ROOT)], check=True)

        def way(*words: str, path: Path) -> Callable[[int], float]:
            command = [str(python), "-m", "pytest", "-q", "--collect-only", *words]
            environment = {**os.environ, "PYTHONPATH": str(path)}

            def run(_: int) -> float:
                began = time.perf_counter()
                done = subprocess.run(command, check=False, cwd=empty, env=environment, capture_output=True)
                taken = time.perf_counter() - began
                if done.returncode != 5:  # no test was collected
                    sys.exit((done.stdout + done.stderr).decode())
                return taken

            return run

        found = in_turns(
            {
                ALONE: way(path=empty),
                INSTALLED: way(path=beside),
                ASKED_FOR: way("-p", "fbs_db.testing.plugin", path=beside),
            },
            rounds,
        )
    show({"collect nothing": found})
    costs = {
        name: 1000 * median(one - two for one, two in zip(taken, found.rounds[ALONE], strict=True))
        for name, taken in found.rounds.items()
    }
    verdict("ms that fbs-db costs a pytest that does not ask for its plugin", costs[INSTALLED], AIM)
    report("ms that it costs one that does, before it is used", costs[ASKED_FOR])


if __name__ == "__main__":
    main()
