"""The versions of PostgreSQL and Django that tests run on, and the marks of those for ``make test-all``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.versions import PYTHONS, Failed, Missing, python_with_django, runs_here

#: PostgreSQL as supported. What these modules test runs on each, all else on the oldest and the newest.
MAJORS = (15, 16, 17, 18)
ON_EACH = ("schema/test_schema", "schema/test_migrate", "health/test_health", "cleanup/test_cleanup")
#: Versions of Django; tests with any but the newest that runs here are for ``make test-all``.
NEWEST = max(filter(runs_here, PYTHONS), default=max(PYTHONS), key=lambda version: [*map(int, version.split("."))])


def old_django(version: str) -> list[pytest.MarkDecorator]:
    """The mark of what runs with a Django, where it is not the newest."""
    return [pytest.mark.old_django] if version != NEWEST else []


DJANGOS = [pytest.param(version, marks=old_django(version), id=version) for version in PYTHONS]


def sampled(values: Iterable[Any], each: int) -> list[Any]:
    """Parameters of one kind, of which one in some is not slow."""
    slow = pytest.mark.slow
    return [pytest.param(value, marks=[slow] if number % each else []) for number, value in enumerate(values)]


def django_or_skip(version: str) -> Path:
    """An interpreter with this Django. The test is skipped where none runs it, and where it cannot be installed."""
    return or_skip(lambda: python_with_django(version))


def or_skip(made: Callable[[], Path]) -> Path:
    """An interpreter, if there is one."""
    try:
        return made()
    except Missing as missing:
        pytest.skip(str(missing))
    except Failed as failed:
        if os.environ.get("FBS_DB_TEST_EVERYTHING"):
            pytest.fail(f"{failed}, and FBS_DB_TEST_EVERYTHING is set")
        pytest.skip(str(failed))
