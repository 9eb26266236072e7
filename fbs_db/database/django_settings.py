"""The configuration in Django's settings: the dictionary ``FBS_DB``, and ``DATABASES``.

FBS_DB = {
    "DATABASES": {"default": {"SCHEMA": "fbs"}, "licences": {"COMPONENTS": ["licensing"]}},
    "HOSTS": {"tenants.Tenant": {}, "rentals.Room": {"KEY": "number"}},
    "SIGNALS": False,
    "LATER_NAMES": True,
}
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import conninfo, pq

from fbs_db import wording
from fbs_db.database.config import DEFAULT, Config, DatabaseConfig, parse, unknown_keys
from fbs_db.errors import UsageError

SOURCE = "FBS_DB in Django's settings"
#: The start of an entry of INSTALLED_APPS for the app: its module, or its class.
_APP = "fbs_db.django"
_KEYS = ("DATABASES", "HOSTS", "SIGNALS", "LATER_NAMES")


def setting() -> Mapping[str, Any]:
    """The dictionary ``FBS_DB``; empty if the host does not set it.

    Raises:
        UsageError: it is not a dictionary, or has unknown keys or invalid values.
    """
    from django.conf import settings

    said = getattr(settings, "FBS_DB", {})
    if not isinstance(said, Mapping):
        raise UsageError(f"{SOURCE} is {said!r}.", hint=f"Write a dictionary with the keys {', '.join(_KEYS)}.")
    if strange := [f"{key}" for key in said if key not in _KEYS]:
        raise unknown_keys(SOURCE, strange, f"Known: {', '.join(_KEYS)}.")
    for key in ("SIGNALS", "LATER_NAMES"):
        if not isinstance(said.get(key), bool | None):
            raise UsageError(f"{SOURCE}: {key} is {said[key]!r}.", hint="Write True or False, or omit it.")
    return said


def said_of(key: str) -> Any:
    """The value of a key of the dictionary; None if it is missing.

    Raises:
        UsageError: the dictionary is invalid.
    """
    return setting().get(key)


def configuration() -> Config:
    """The databases in the settings, each with Django's connection settings.

    The user table and the type of its key are those of AUTH_USER_MODEL.

    Raises:
        UsageError: the settings are invalid.
    """
    known = {alias: _with_users(replace(config, url=connection_string(alias))) for alias, config in placement().items()}
    return Config(known, SOURCE, definite=True)


def placement() -> Mapping[str, DatabaseConfig]:
    """The databases in the settings, with their components, before Django's connections are used.

    Raises:
        UsageError: the settings are invalid.
    """
    from django.conf import settings

    tables = said_of("DATABASES")
    if tables is None or tables == {}:
        tables = {DEFAULT: {}}
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise UsageError(
            f"{SOURCE}: DATABASES is not a dictionary of dictionaries.", hint='Write it like {"default": {}}.'
        )
    if unknown := [f"{alias}" for alias in tables if alias not in settings.DATABASES]:
        raise UsageError(
            f"{SOURCE}: DATABASES names {', '.join(unknown)}, which is not in Django's DATABASES.",
            hint=f"Known: {', '.join(settings.DATABASES)}.",
        )
    said = {alias: {f"{key}".lower(): value for key, value in table.items()} for alias, table in tables.items()}
    ways = ("url", "env", "service")
    if strange := [f"databases.{alias}.{way}" for alias, table in said.items() for way in ways if way in table]:
        hint = "The connection settings are in Django's DATABASES. FBS_DB names its aliases."
        raise unknown_keys(SOURCE, strange, hint)
    places = parse({"databases": {alias: {**table, "service": alias} for alias, table in said.items()}}, SOURCE)
    return {
        alias: replace(config, service=None, schema=config.schema or _schema_of(alias))
        for alias, config in places.databases.items()
    }


def configuration_from_command(directory: Path) -> Config:
    """As `configuration`, in a process that is not the host's own, with DJANGO_SETTINGS_MODULE set.

    Raises:
        UsageError: Django or the host's settings cannot be loaded, or FBS_DB is invalid.
    """
    sys.path.insert(0, str(directory))  # as the host's manage.py has it
    try:
        import django
        from django.conf import settings

        if not hasattr(settings, "FBS_DB") and not any(name.startswith(_APP) for name in settings.INSTALLED_APPS):
            return Config()
        django.setup()
    except Exception as error:
        raise UsageError(
            f"DJANGO_SETTINGS_MODULE is set, but the host cannot be loaded: {type(error).__name__}: {error}",
            hint="Correct it, or unset it. A file fbs-db.toml overrides it.",
        ) from error
    from django.apps import apps

    for app in apps.get_app_configs():
        if app.name == _APP:  # without it the host may be removing FBS
            app.require_hosts()
    return configuration()


def connection_string(alias: str) -> str:
    """Django's connection settings of a database, as a connection string of libpq.

    Raises:
        UsageError: it is not PostgreSQL, or its settings are invalid.
    """
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    try:
        wrapper = connections[alias]
        params = wrapper.get_connection_params() if wrapper.vendor == "postgresql" else {}
    except ImproperlyConfigured as error:
        raise UsageError(
            f"{SOURCE}: Django cannot connect to database {alias}: {error}", hint="Correct it in Django's DATABASES."
        ) from error
    if wrapper.vendor != "postgresql":
        raise UsageError(
            f"{SOURCE}: database {alias} is {wrapper.display_name}; FBS needs PostgreSQL.",
            hint='Name another one: "DATABASES": {"alias": {}}.',
        )
    libpq = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {key: str(value) for key, value in params.items() if key in libpq and value}
    if role := wrapper.settings_dict["OPTIONS"].get("assume_role"):
        quoted = role.replace("\\", "\\\\").replace(" ", "\\ ")
        given["options"] = f"{given.get('options', '')} -c role={quoted}".strip()
    return conninfo.make_conninfo("", **given)


def as_typed(alias: str | None) -> AbstractContextManager[None]:
    """A block in which commands name a database as a shell in the host's directory needs it."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    environment = f"DJANGO_SETTINGS_MODULE={shlex.quote(module)}" if module else ""
    return wording.given(database=alias, environment=environment)


def migrate_command(alias: str) -> str:
    """The command that installs FBS in a database of Django's, for a shell."""
    return f"python manage.py migrate --database {shlex.quote(alias)}"


def table_in_sql(table: str, alias: str) -> str:
    """A table's name for SQL, with its schema if ``db_table`` names one: ``hr"."person``."""
    from django.db import connections

    parts = connections[alias].ops.quote_name(table)[1:-1].split('"."')
    return ".".join(part if re.fullmatch(r"[a-z_][a-z0-9_]*", part) else f'"{part}"' for part in parts)


def _schema_of(alias: str) -> str | None:
    """The schema of Django's own tables, if OPTIONS name another than ``public``: FBS's tables go beside them."""
    from django.conf import settings

    options = str(settings.DATABASES[alias].get("OPTIONS", {}).get("options", ""))
    paths = re.findall(r"search[_-]path\s*=\s*((?:[^\s\\]|\\.)+)", options)
    path = re.sub(r"\\(.)", r"\1", paths[-1]) if paths else ""
    schemas = [name.strip().strip("\"'") for name in path.split(",")]
    schemas = [name for name in schemas if name and name != "$user"]
    return None if "public" in schemas else next(iter(schemas), None)


def is_per_tenant(model: Any) -> bool:
    """Whether a model has a table in each tenant's schema, as with django-tenants."""
    from django.conf import settings

    engines = [database.get("ENGINE") or "" for database in settings.DATABASES.values()]
    if not getattr(settings, "TENANT_MODEL", None) and not any("tenant" in engine for engine in engines):
        return False
    config = model._meta.app_config
    names = {config.name, f"{type(config).__module__}.{type(config).__qualname__}"}
    types = getattr(settings, "TENANT_TYPES", None) or {}
    shared = {*getattr(settings, "SHARED_APPS", ()), *types.get("public", {}).get("APPS", ())}
    of_tenants = {*getattr(settings, "TENANT_APPS", ())}
    of_tenants |= {app for name, kind in types.items() if name != "public" for app in kind.get("APPS", ())}
    return bool(names & of_tenants) or bool(shared and not names & shared)


def _with_users(config: DatabaseConfig) -> DatabaseConfig:
    """The configuration with the type of the users' key and, if it is in this database, their table."""
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.db import connections, router

    if not apps.models_ready or not apps.is_installed("django.contrib.auth"):
        return config
    users = get_user_model()
    here = router.allow_migrate_model(config.name, users) and not is_per_tenant(users)
    return replace(
        config,
        user_table=config.user_table or (table_in_sql(users._meta.db_table, config.name) if here else None),
        user_key_type=config.user_key_type or users._meta.pk.rel_db_type(connections[config.name]),
    )
