"""What releases had: their SQL files and lists of what is public, kept by ``scripts/freeze_release.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fbs_db.version import __version__, order
from tests.support import ROOT

RELEASES = ROOT / "tests" / "releases"
CHANGELOG = ROOT / "CHANGELOG.md"


def is_released(version: str, changelog: Path = CHANGELOG) -> bool:
    """Whether the change log has the heading of a release."""
    return (
        re.search(rf"^## {re.escape(version)}(\s|$)", changelog.read_text(encoding="utf-8"), re.MULTILINE) is not None
    )


def edited(frozen: Path, sql: Path) -> Iterator[str]:
    """What was done to the files of a release, and what to do."""
    for path in sorted(frozen.glob("*.sql")):
        now = sql / path.name
        if not now.exists() or now.read_bytes() != path.read_bytes():
            done = "edited" if now.exists() else "renamed or removed"
            yield f"sql/{path.name} of release {frozen.name} was {done}. Restore it, and write a new migration."


def gone(frozen: Path, present: list[str], version: str = __version__) -> list[str]:
    """What was public at a release, and is no more though this version still owes it."""
    (major, minor, *_), (major_now, minor_now, *_) = order(frozen.name), order(version)
    if major_now != major:
        return []
    lines = {*(frozen / "public.txt").read_text(encoding="utf-8").splitlines()} - {*present}
    return sorted(line for line in lines if minor_now <= minor + 1 or not line.startswith("internal "))
