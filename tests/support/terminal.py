"""Commands of ``fbs-db`` on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from tests.support import ROOT


def on_terminal(*words: str, columns: int = 500) -> tuple[int, str]:
    """The exit code of a command, and all that the terminal got."""
    ours, its = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "fbs_db", *words]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # the end
        pass
    os.close(ours)
    return process.wait(60), shown.decode()
