"""Deletions of Django's: they look for FBS's rows only where FBS's tables are."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.db.models.deletion import Collector

from fbs_db.django.router import component_of, home_of, lives_in


def install() -> None:
    """Let Django find no rows of FBS in a database that does not have their tables.

    Django looks for what points at a deleted row, such as at a user, in the database of that row.
    """
    look = Collector.related_objects
    if getattr(look, "is_ours", False):
        return

    @wraps(look)
    def related_objects(self: Collector, related_model: Any, *args: Any, **named: Any) -> Any:
        found = look(self, related_model, *args, **named)
        component = component_of(related_model)
        is_here = component is None or home_of(component) is None or lives_in(component, self.using)
        return found if is_here else found.none()

    related_objects.is_ours = True  # type: ignore[attr-defined]
    Collector.related_objects = related_objects
