"""What a command reads from and prints to may be closed, full, or no text."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.support.commands import run
from tests.support.connections import url_of

FBS_DB = Path(sys.executable).with_name("fbs-db")


def in_shell(connection: psycopg.Connection, line: str) -> subprocess.CompletedProcess[str]:
    """A command run by a shell, which can close what it reads from and prints to."""
    words = f"{FBS_DB} --database {shlex.quote(url_of(connection))} {line}"
    return subprocess.run(["bash", "-c", words], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("words", ["status --json", "metrics", "docs --json", "check --quick"])
def test_closed_output_is_no_error(installed: psycopg.Connection, words: str) -> None:
    done = in_shell(installed, f"{words} <&- >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_is_asked_where_standard_input_is_closed(installed: psycopg.Connection) -> None:
    done = in_shell(installed, "cleanup give-up 1 <&-")
    assert (done.returncode, "add --yes. Nothing was changed." in done.stderr) == (2, True)


@pytest.mark.parametrize("words", ["status --json", "check --quick", "nonsense", "nonsense --json"])
def test_a_full_disk_is_not_a_finding(installed: psycopg.Connection, words: str) -> None:
    done = in_shell(installed, f"{words} > /dev/full")
    assert (done.returncode, "Error: " in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert in_shell(installed, f"{words} > /dev/full 2>&1").returncode == 2


@pytest.mark.parametrize("words", [["check", "--schema", "\udcff"], ["attach", "users", "\udcff"]])
def test_bytes_that_are_no_text(installed: psycopg.Connection, words: list[str]) -> None:
    result = run("--database", url_of(installed), *words)
    assert (result.exit_code, "is no text" in result.stderr) == (2, True)
    result = run("status", env={"DATABASE_URL": "postgresql:///\udcff"})
    assert (result.exit_code, "from DATABASE_URL is malformed" in result.stderr) == (2, True)
