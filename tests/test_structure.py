"""How `fbs_db` is built: rooms one above the other, short modules, no import circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support import ROOT

#: The rooms from the ground up; each imports from those before it. Modules beside them are known to all.
ROOMS = (
    "database", "schema", "cleanup", "places", "health", "adoption", "reads", "docs", "testing", "cli", "django",
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


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def test_no_imports_in_a_circle() -> None:
    try:
        order = list(TopologicalSorter({name: imports(name) for name in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert len(order) == len(MODULES)


def test_every_package_is_a_room() -> None:
    packages = {path.parent.name for path in (ROOT / "fbs_db").glob("*/__init__.py")}
    assert packages == set(ROOMS)


@pytest.mark.parametrize("name", MODULES)
def test_nothing_imports_from_a_room_above(name: str) -> None:
    if name in ("fbs_db", "fbs_db.__main__"):
        return  # the doors
    allowed = ["", *ROOMS[: ROOMS.index(room(name)) + 1]] if room(name) else [""]
    assert [other for other in imports(name) if room(other) not in allowed] == []


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= LINES


def test_no_test_imports_another() -> None:
    """What tests share is in `tests.support` and `tests.hosts`."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        if "hosts" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
                assert ".test_" not in f".{node.module}", f"{path}, line {node.lineno}"
