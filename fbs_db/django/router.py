"""Where Django reads and writes FBS's tables: where the settings place their components."""

from __future__ import annotations

from functools import cache
from typing import Any

from fbs_db import files
from fbs_db.django import conf
from fbs_db.django.checks import is_migrating
from fbs_db.names import LATER

#: The apps of FBS, whose own migrations would make the tables that are the database's.
APPS = ("fbs_app", "fbs_dms", "fbs_license_manager")


class Router:
    """Sends models to the database that holds their table; has a say in FBS's tables alone."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self._home(model)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self._home(model)

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        homes = {self._home(type(one)), self._home(type(other))}
        return True if len(homes) == 1 and None not in homes else None

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        model = hints.get("model")
        home = self._home(model) if model is not None else None
        if model is not None and home is not None and model.__module__ != "__fake__":
            # What dumpdata, loaddata and flush ask; also what makes a table for a model without migrations.
            made_here = model._meta.db_table in LATER and is_migrating()
            return db == home and not made_here
        if home is not None or (model is None and app_label in APPS):
            return False  # what FBS's own migrations would do
        return None

    def _home(self, model: Any) -> str | None:
        table = model._meta.db_table
        if table in LATER and conf.said_of("LATER_NAMES"):
            table = LATER[table]
        component = _components().get(table)
        if component is None:
            return None
        return next(alias for alias, place in conf.placement().items() if place.holds(component))


@cache
def _components() -> dict[str, str]:
    return {name: file.component for file in files.load() for kind, name in file.creates if kind == "table"}
