"""What Django does as if related rows were in one database, made to stop at the border of FBS's databases."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.db.models.deletion import Collector
from django.db.models.sql import compiler

from fbs_db.django.aliases import patterns
from fbs_db.django.router import component_of, home_of, is_left_out, lives_in


def install() -> None:
    """Let deletions and ``select_related`` look for FBS's rows only in databases that have their tables."""
    if hasattr(Collector.related_objects, "of_fbs_db"):
        return
    Collector.related_objects = _looking_here(Collector.related_objects)
    compiler.select_related_descend = _joining_here(compiler.select_related_descend)


def _looking_here(look: Any) -> Any:
    """Deletions look for what points at a row, such as at a user, in the database of that row."""

    @wraps(look)
    def related_objects(self: Collector, related_model: Any, *args: Any, **named: Any) -> Any:
        found = look(self, related_model, *args, **named)
        component = component_of(related_model)
        if component is None or lives_in(component, self.using):
            return found
        settings_are_wrong = home_of(component) is None and not is_left_out(component)
        return found if settings_are_wrong else found.none()

    related_objects.of_fbs_db = True  # type: ignore[attr-defined]
    return related_objects


def _joining_here(descend: Any) -> Any:
    """A list of documents, as of the admin, joins their users. What is not joined is read when it is asked for."""

    @wraps(descend)
    def select_related_descend(field: Any, *args: Any, **named: Any) -> Any:
        return not (field.remote_field and _leads_out(field)) and descend(field, *args, **named)

    return select_related_descend


def _leads_out(field: Any) -> bool:
    """Whether one of two related tables, and not the other, is in the database of each solution."""
    apart = patterns()
    if not apart:
        return False
    components = (component_of(field.model), component_of(field.remote_field.model))
    first, second = (component and home_of(component) for component in components)
    return first != second and bool({first, second} & apart.keys())
