"""Signals that a command gets twice, on a machine that may be slow."""

from __future__ import annotations

import subprocess
import time

from fbs_db.cli.interrupts import ONCE


def counts_once(process: subprocess.Popen[str], number: int) -> bool:
    """Whether a process goes on that got a signal twice, as `timeout` sends it.

    True, too, where this process was held up for so long that the second signal may have counted.
    """
    process.send_signal(number)
    began = time.monotonic()
    time.sleep(0.2)
    process.send_signal(number)
    if time.monotonic() - began >= ONCE:
        return True
    time.sleep(0.3)
    return process.poll() is None


def signalled_again(process: subprocess.Popen[str], number: int) -> tuple[str, str]:
    """What a process printed, and what it complained of, that ends by another signal as soon as one counts."""
    for _ in range(60):
        process.send_signal(number)
        try:
            return process.communicate(timeout=ONCE + 0.1)
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError("it did not end")
