"""What fbs-db's plugin costs a run of pytest that does not use it.

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

from measuring import ROOT, in_turns, show, verdict

from tests.hosts.versions import LOCK

AIM = 5.0
ALONE, INSTALLED = "pytest alone", "fbs-db beside"


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

        def way(path: Path) -> Callable[[int], float]:
            command = [str(python), "-m", "pytest", "-q", "--collect-only"]
            environment = {**os.environ, "PYTHONPATH": str(path)}

            def run(_: int) -> float:
                began = time.perf_counter()
                done = subprocess.run(command, check=False, cwd=empty, env=environment, capture_output=True)
                taken = time.perf_counter() - began
                if done.returncode != 5:  # no test was collected
                    sys.exit((done.stdout + done.stderr).decode())
                return taken

            return run

        found = in_turns({ALONE: way(empty), INSTALLED: way(beside)}, rounds)
    show({"collect nothing": found})
    alone, beside_it = found.rounds[ALONE], found.rounds[INSTALLED]
    cost = 1000 * median(one - two for one, two in zip(beside_it, alone, strict=True))
    verdict("ms that the plugin costs a pytest that does not use it", cost, AIM)


if __name__ == "__main__":
    main()
