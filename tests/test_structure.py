"""How `fbs_db` is built: rooms one above the other, short modules, no import circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support import ROOT

#: The rooms from the ground up; each imports from those before it. Modules beside them are known to all.
ROOMS = (
    "database", "schema", "cleanup", "access", "places", "health", "adoption", "reads", "docs", "testing", "cli",
    "django",
)  # fmt: skip
LINES = 450


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / "fbs_db").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def imports(name: str) -> set[str]:
    """The modules that one imports, within functions too; what only a type checker reads does not count."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    return {module for module in _imported(tree) if module in MODULES and module != name}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        assert node.level == 0, "imports are absolute"
        members = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (member if member in MODULES else node.module for member in members)
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)


def height(name: str) -> int:
    """The number of a module's room from the ground up; 0 for the modules that all know."""
    _, room, *_ = [*name.split("."), ""]
    return ROOMS.index(room) + 1 if room in ROOMS else 0


def test_no_imports_in_a_circle() -> None:
    try:
        TopologicalSorter({name: imports(name) for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_package_is_a_room() -> None:
    packages = {path.parent.name for path in (ROOT / "fbs_db").glob("*/__init__.py")}
    assert packages == set(ROOMS)


def test_no_module_imports_from_a_room_above() -> None:
    upwards = {
        f"{name} imports {other}"
        for name in MODULES
        if name not in ("fbs_db", "fbs_db.__main__")  # the doors
        for other in imports(name)
        if height(other) > height(name)
    }
    assert upwards == set()


def test_modules_are_short() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_no_test_imports_another() -> None:
    """What tests share is in `tests.support` and `tests.hosts`."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("*.py")
        if not path.is_relative_to(ROOT / "tests" / "hosts")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and re.search(r"\btests\b.*\b(test_|conftest)", ast.unparse(node))
    ]
    assert wrong == []
