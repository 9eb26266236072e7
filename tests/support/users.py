"""Other users of the machine, for tests that root runs."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import ROOT

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be two users")
#: Two plain users that every system has.
NOBODY, DAEMON = "nobody", "daemon"


@contextmanager
def as_user(name: str) -> Iterator[None]:
    os.seteuid(pwd.getpwnam(name).pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def python_as(name: str, code: str, *words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Python code in a process of a user, with no rights of root's. What it imports is imported before."""
    user = pwd.getpwnam(name)
    drop = f"os.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})"
    imports = "import fcntl, os, psutil, sys, tempfile, psycopg; from fbs_db.database import server, project"
    return subprocess.run(
        [sys.executable, "-c", f"{imports}\n{drop}\n{code}", *words],
        cwd=directory,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
