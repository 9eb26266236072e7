"""README's Python is typed: mypy takes it as it takes fbs-db itself."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support import ROOT

#: What the blocks take for granted: a host's own names, and imports that go without saying.
GIVEN = """\
from __future__ import annotations
from collections.abc import Callable
import psycopg
import pytest
import fbs_db
INSTALLED_APPS: list[str] = []
FBS_DB: dict[str, object]
def ask_for_approval(connection: psycopg.Connection, title: str) -> None: ...
def make_my_tables(url: str) -> None: ...
"""
#: What reads that always answer are typed as: no row to look for, waiting or not.
ALWAYS = """\
from fbs_db.reads import AsyncReader, Reader
def answered(fbs: Reader) -> list[object]:
    return [
        fbs.accounting.cash_position("a").balance,
        fbs.accounting.income_expense_summary("a").net_income,
        fbs.accounting.health("a").since,
        fbs.documents.storage("a").file_count,
        fbs.documents.statistics("a").document_count,
        fbs.licensing.feature("a", "b").is_allowed,
    ]
async def waited_for(fbs: AsyncReader) -> object:
    return (await fbs.accounting.cash_position("a")).balance
"""


def blocks() -> list[str]:
    """The Python of README, block by block."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^( *)```(python|pycon)\n(.*?)^ *```$", readme, re.MULTILINE | re.DOTALL)
    texts = [(kind, textwrap.dedent(text)) for _, kind, text in found]
    return [
        "".join(f"{line[4:]}\n" for line in text.splitlines() if line.startswith((">>> ", "... ")))
        if kind == "pycon"
        else text
        for kind, text in texts
    ]


@pytest.mark.slow
def test_mypy_accepts_readmes_python(tmp_path: Path) -> None:
    texts = blocks()
    assert len(texts) >= 6
    for number, text in enumerate([*texts, ALWAYS]):
        (tmp_path / f"block_{number}.py").write_text(GIVEN + text, encoding="utf-8")
    words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
