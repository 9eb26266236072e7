"""The components that the configuration leaves out, and what does not work without them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.config import Config
from fbs_db.reads.client import declared
from fbs_db.reports import Report


@dataclass(frozen=True)
class LeftOut(Report):
    """A component that no database holds.

    Attributes:
        component: its name.
        reason: why it is left out.
        tables: its tables.
        reads: reads in Python that fail, such as ``bi.dashboards``.
        fewer: reads of other components that work, without rows of its tables.
        models: models of Django with its tables; none where Django is not loaded.
    """

    component: str
    reason: str
    tables: tuple[str, ...]
    reads: tuple[str, ...]
    fewer: tuple[str, ...]
    models: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"component": self.component, "database": None} | super().as_dict()


def left_out() -> list[LeftOut]:
    """The components that no database holds, in the order of the files. Connects to no database.

    Raises:
        UsageError: the configuration contradicts itself.
    """
    known = project.configuration()
    return [_without(component, known) for component in known.left_out]


def _without(component: str, known: Config) -> LeftOut:
    own = [created for file in files.load() if file.component == component for created in file.creates]
    tables = tuple(name for kind, name in own if kind == "table")
    there = [file for file in files.load() if file.component not in known.left_out]
    others = {name: text for file in there for name, text in _sources(file.sql)}
    # What reads tables of several components looks whether each is there.
    fewer = {name for name, text in others.items() if any(f"to_regclass('{table}')" in text for table in tables)}
    fewer |= {name for name, text in others.items() if any(f"{one}(" in text for one in fewer)}
    reads = {name: one.read.source for name, one in declared().items()}
    return LeftOut(
        component,
        f"no database of {known.source} lists it",
        tables,
        tuple(name for name, source in reads.items() if source in {made for _, made in own}),
        tuple(name for name, source in reads.items() if source in fewer),
        tuple(_models(tables)),
    )


def _sources(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of each view and function that a file makes."""
    _, *pieces = re.split(r"(?m)^create (?:view|function) (fbs_\w+)", text)
    return zip(pieces[::2], pieces[1::2], strict=True)


def _models(tables: tuple[str, ...]) -> Iterator[str]:
    django = sys.modules.get("django.apps")
    if django is not None and django.apps.models_ready:
        yield from (model._meta.label for model in django.apps.get_models() if model._meta.db_table in tables)
