"""What a release is made of: bounds that the lock is within, and a checkout that may be released."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.hosts.versions import LOCK, OF_TESTS, WANTED
from tests.support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from release import Refused, differ, promised, refuse

LOCKED = [Requirement(line) for line in LOCK.read_text(encoding="utf-8").splitlines()]
PYTHONS = sorted(promised())


def taken(requirements: list[Requirement], minor: int) -> Iterator[Requirement]:
    """Those that a Python takes with every extra."""
    of_python = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.9"}
    for one in requirements:
        extras = ["", "dev", "django", "embedded"]
        if not one.marker or any(one.marker.evaluate(of_python | {"extra": extra}) for extra in extras):
            yield one


@pytest.mark.parametrize("minor", PYTHONS)
def test_each_dependency_is_locked_within_its_bounds(minor: int) -> None:
    """make lock writes it."""
    versions = {one.name: one.specifier for one in taken(LOCKED, minor)}
    needed = list(map(Requirement, requires("fbs-db") or ()))
    needed += map(Requirement, {*WANTED, *OF_TESTS})
    for one in taken(needed, minor):
        if one.name not in ("fbs-db", *(["tomli"] if minor > 10 else [])):
            (version,) = (each.version for each in versions[one.name])
            assert one.specifier.contains(version), f"{one} and {version}"


def test_the_lock_names_no_place() -> None:
    assert all(str(one.specifier).startswith("==") and not one.url for one in LOCKED)
    assert not re.search(r"--|/|#", LOCK.read_text(encoding="utf-8"))


def test_each_dependency_has_a_lower_bound_and_an_upper_one() -> None:
    """But those of which a major version breaks nothing."""
    for text in requires("fbs-db") or ():
        one = Requirement(text)
        if "dev" not in str(one.marker):
            operators = {each.operator for each in one.specifier}
            assert operators == ({">="} if one.name in ("django", "tomli") else {">=", "<"}), text


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Of version 1.0.0, which has a heading and no tag."""
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n\n* **Schema**\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "All"]):
        git(tmp_path, *words)
    return tmp_path


def git(checkout: Path, *words: str) -> None:
    named = ["-c", "user.name=Nobody", "-c", "user.email=nobody@host.example"]
    subprocess.run(["git", *named, *words], cwd=checkout, check=True, capture_output=True)


def test_a_version_is_released_from_what_is_committed(checkout: Path) -> None:
    refuse(checkout, "1.0.0")
    (checkout / "new.py").touch()
    with pytest.raises(Refused, match=r"not committed:\n\?\? new\.py"):
        refuse(checkout, "1.0.0")


@pytest.mark.parametrize("version", ["1.0.1", "1.0", "1"])
def test_a_version_is_released_with_its_heading(checkout: Path, version: str) -> None:
    with pytest.raises(Refused, match=f"no heading '## {version}'"):
        refuse(checkout, version)


def test_a_version_is_released_once(checkout: Path) -> None:
    git(checkout, "tag", "v1.0.0")
    refuse(checkout, "1.0.0")
    git(checkout, "commit", "--allow-empty", "-qm", "More")
    with pytest.raises(Refused, match=r"v1\.0\.0 is on another commit"):
        refuse(checkout, "1.0.0")


def test_a_file_too_many_or_too_few_is_named() -> None:
    with pytest.raises(Refused, match=r"a\.whl lacks \['one'\], and has besides \['notes'\]"):
        differ(Path("a.whl"), {"notes", "two"}, {"one", "two"})
