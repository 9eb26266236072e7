"""The router that sends FBS's tables to the databases in which the settings place them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.utils import ConnectionRouter

from fbs_db import files
from fbs_db.database import django_settings
from fbs_db.django.aliases import alias_of, in_force, pattern_of, patterns, per_settings
from fbs_db.django.install import is_migrating
from fbs_db.errors import UsageError
from fbs_db.schema.later_names import LATER

#: The apps of FBS. Their own migrations must not make FBS's tables.
APPS = ("fbs_app", "fbs_dms", "fbs_license_manager")
#: Our apps with models of tables and views that are not Django's to make, dump, load or empty.
READ_ONLY_APPS = ("fbs_db_admin", "fbs_db_views")


class Router:
    """Routes FBS's tables, and no others.

    Reads and writes are left to the host's routers, which may use a replica, unless the
    settings place the table in another database than Django's default, or in the database of each solution.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return _database_of(model, hints, router.db_for_read)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return _database_of(model, hints, router.db_for_write)

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        homes = {_elsewhere(type(one)), _elsewhere(type(other))}
        if len(homes) > 1:  # users are known by their keys where their table is elsewhere
            return True if _is_user(one) or _is_user(other) else None
        if homes & patterns().keys():
            return len({found for row in (one, other) if (found := pattern_of(row._state.db or ""))}) < 2
        return None if None in homes else True

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        model = hints.get("model") or _named(app_label, model_name)
        # RunPython and RunSQL name no model.
        if app_label in READ_ONLY_APPS or (model is None and app_label in APPS):
            return False
        component = None if model is None else component_of(model)
        if component is None:
            if db in patterns():
                return False
            if pattern_of(db) is None:
                return None
            # FBS's own router lets all tables of its apps into all databases.
            return app_label not in APPS and _others_say(db, app_label, model_name, hints)
        if model.__module__ == "__fake__" or ("model" not in hints and app_label in APPS):
            return False  # asked by a migration
        # Asked by dumpdata, loaddata and flush; and by migrate, which would make tables of models without migrations.
        return lives_in(component, db) and not is_migrating()


class OursFirst(ConnectionRouter):  # type: ignore[misc]
    """Django's routers with ours in front, however they are set."""

    @property
    def routers(self) -> list[Any]:
        known = self.__dict__
        found: list[Any] = known["_found"] if "_found" in known else ConnectionRouter(self._routers).routers
        if not found or not isinstance(found[0], Router):
            # In place, so that routers appended to this list stay in it.
            found[:] = [Router(), *(one for one in found if not isinstance(one, Router))]
        known["_found"] = found
        return found

    @routers.setter
    def routers(self, routers: list[Any]) -> None:
        self.__dict__["_found"] = routers

    @routers.deleter
    def routers(self) -> None:
        self.__dict__.pop("_found", None)


def put_first(router: ConnectionRouter) -> None:
    """Keep our router in front of the host's, now and whenever the setting changes, as in tests."""
    if not isinstance(router, OursFirst):
        known = router.__dict__.pop("routers", None)
        router.__class__ = OursFirst
        if known is not None:
            router.routers = known


def component_of(model: Any) -> str | None:
    """The component of a model's table; None if the table is not FBS's."""
    schema, table = _table(model)
    try:
        if table in LATER and django_settings.value_of("LATER_NAMES"):
            table = LATER[table]
    except UsageError:  # the checks report it
        table = LATER[table]
    component = _components().get(table)
    if component is not None and schema is not None:
        home = home_of(component)
        if home is not None:
            known = django_settings.without_connections()
            if schema != ({**known.databases, **known.patterns}[home].schema or "public"):
                return None
    return component


def home_of(component: str) -> str | None:
    """The alias of the database, or of the pattern, in which the settings place a component.

    None if they leave it out, or are wrong.
    """
    try:
        return _homes()[component]
    except UsageError:  # the checks report it
        return None


def is_left_out(component: str) -> bool:
    """Whether no database has a component, by the settings."""
    try:
        return _homes()[component] is None
    except UsageError:  # the checks report it
        return False


def lives_in(component: str, alias: str) -> bool:
    """Whether a database has a component, by the settings."""
    home, found = home_of(component), pattern_of(alias)
    if home is None or alias in patterns():
        return False
    if found is not None:
        return patterns()[found[0]].config.holds(component)
    return home not in patterns() and same_database(alias, home)


def schema_of(relation: str, alias: str) -> str | None:
    """The schema of a table or view of FBS in a database; in one that FBS_DB does not have, that of its component.

    None if it is not of FBS.

    Raises:
        UsageError: the settings are wrong.
        TargetError: they leave the component out.
    """
    component, found = _components().get(relation), pattern_of(alias)
    if component is None:
        return None
    home = _homes()[component]
    if home is None:
        raise django_settings.without_connections().left_out_error(component)
    return _schemas().get(found[0] if found else alias) or _schemas()[home]


def component_homes() -> tuple[str, ...]:
    """Aliases of the databases in which the settings place components.

    Raises:
        UsageError: the settings are wrong.
    """
    return _with_components()


def same_database(alias: str, home: str) -> bool:
    """Whether an alias has the tables of another: as its replica in tests, or as a second name for one database."""
    if alias == home:
        return True
    if alias in django_settings.without_connections().databases:
        return False
    one, other = (connections[name].settings_dict for name in (alias, home))
    if one["TEST"].get("MIRROR") == home:
        return True
    return all(one[key] == other[key] for key in ("HOST", "PORT", "NAME", "OPTIONS"))


def _database_of(model: Any, hints: dict[str, Any], ask: Callable[..., str]) -> str | None:
    """The alias that a model is read from or written to; None where the host's routers say.

    Parameters:
        model: the model.
        hints: those of Django, and of FBS's own router.
        ask: asks all routers.

    Raises:
        TargetError: the settings leave the component out.
    """
    component = component_of(model)
    if component and is_left_out(component):
        raise django_settings.without_connections().left_out_error(component)
    home = home_of(component) if component else None
    if not patterns():
        return None if home == DEFAULT_DB_ALIAS else home
    of_row = pattern_of(getattr(hints.get("instance"), "_state", _NoRow).db or "")
    if component is not None and home in patterns():
        if alias := hints.get("solution_db"):
            return f"{alias}"
        if (company := hints.get("company_id")) not in (None, ""):
            return alias_of(component, f"{company}", "company")
        solution = of_row[1] if of_row else in_force()
        return home if solution is None else alias_of(component, solution)
    if home not in (None, DEFAULT_DB_ALIAS):
        return home
    # What it is asked for is in the database of a solution, and its own table is not.
    away = {"solution_db", "company_id"} & hints.keys() if home else set()
    if of_row and not router.allow_migrate_model(hints["instance"]._state.db, model):
        away.add("instance")
    return ask(model, **{key: value for key, value in hints.items() if key not in away}) if away else None


class _NoRow:
    db = None


def _others_say(db: str, app_label: str, model_name: str | None, hints: dict[str, Any]) -> bool:
    """Whether the host's routers say that it has its own tables in the database of a solution."""
    asked = (one for one in router.routers if not isinstance(one, Router) and hasattr(one, "allow_migrate"))
    said = (one.allow_migrate(db, app_label, model_name=model_name, **hints) for one in asked)
    return bool(next((answer for answer in said if answer is not None), False))


def _is_user(row: Any) -> bool:
    return apps.is_installed("django.contrib.auth") and isinstance(row, get_user_model())


def _elsewhere(model: Any) -> str | None:
    """The alias of a model's database, or pattern, if that is not Django's default."""
    component = component_of(model)
    home = home_of(component) if component else None
    return None if home == DEFAULT_DB_ALIAS else home


def _named(app_label: str, model_name: str | None) -> Any:
    try:
        return apps.get_model(app_label, model_name) if model_name else None
    except LookupError:
        return None


def _table(model: Any) -> tuple[str | None, str]:
    """Schema, if ``db_table`` names one, and table of a model. Django leaves quotes in ``db_table`` as they are."""
    schema, _, table = model._meta.db_table.strip('"').rpartition('"."')
    return schema or None, table


@per_settings
def _homes() -> dict[str, str | None]:
    """The alias of each component; None where it is left out."""
    known = django_settings.without_connections()
    homes = {component: known.home_of(component) for component in _components().values()}
    return {component: home.name if home else None for component, home in homes.items()}


@per_settings
def _schemas() -> dict[str, str]:
    """The schema of each database and pattern, by alias."""
    known = django_settings.without_connections()
    return {alias: one.schema or "public" for alias, one in {**known.databases, **known.patterns}.items()}


@per_settings
def _with_components() -> tuple[str, ...]:
    components = {*_components().values()} - {files.BASE}
    configs = django_settings.without_connections().databases
    return tuple(alias for alias, config in configs.items() if any(map(config.holds, components)))


@cache
def _components() -> dict[str, str]:
    """The component of each table and view."""
    return {name: file.component for file in files.load() for kind, name in file.creates if kind in ("table", "view")}
