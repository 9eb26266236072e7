"""The Python of README and the guides is typed: mypy takes it as it takes fbs-db itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.pages import PAGES, blocks

#: What Django's settings have before the blocks.
GIVEN = """\
from __future__ import annotations
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
DATABASES: dict[str, dict[str, object]]
FBS_DB: dict[str, object]
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


def python_of(page: str) -> list[str]:
    """The Python of a page, block by block."""
    return [
        "".join(f"{line[4:]}\n" for line in block.text.splitlines() if line.startswith((">>> ", "... ")))
        if block.language == "pycon"
        else block.text
        for block in blocks(page)
        if block.language in ("python", "pycon")
    ]


@pytest.mark.slow
def test_mypy_accepts_the_python_of_the_pages(tmp_path: Path) -> None:
    texts = [text for page in PAGES for text in python_of(page)]
    assert len(texts) >= 6
    for number, text in enumerate([*texts, ALWAYS]):
        (tmp_path / f"block_{number}.py").write_text(GIVEN + text, encoding="utf-8")
    words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(tmp_path)]
    words += ["--disable-error-code", "import-untyped"]  # Django's
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
