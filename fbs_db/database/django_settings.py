"""The dictionary ``FBS_DB`` of a host's Django settings, with the ``DATABASES`` it names.

FBS_DB = {
    "DATABASES": {
        "default": {"SCHEMA": "fbs", "ROLE": "fbs_owner"},
        "licences": {"COMPONENTS": ["licensing"]},
        "solutions": {"COMPONENTS": ["dms"], "SOLUTIONS": "*"},
    },
    "HOSTS": {"tenants.Tenant": {}, "rentals.Room": {"KEY": "number"}},
    "SIGNALS": False,
    "LATER_NAMES": True,
    "SOLUTION": "tenants.solution_of",
}
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import conninfo, pq

from fbs_db.database.config import DEFAULT, Config, DatabaseConfig, parse, refuse_no_placeholder, unknown_keys
from fbs_db.errors import UsageError
from fbs_db.log import host_loaded
from fbs_db.redaction import ConnectionString

SOURCE = "FBS_DB in Django's settings"
#: Entries of INSTALLED_APPS for our app begin with it: they name its module or its class.
_APP = "fbs_db.django"
_KEYS = ("DATABASES", "HOSTS", "SIGNALS", "LATER_NAMES", "SOLUTION")


def value_of(key: str) -> Any:
    """The value that FBS_DB has under a key; None where it has none.

    Raises:
        UsageError: FBS_DB is no dictionary, has an unknown key, SIGNALS or LATER_NAMES is no boolean, or SOLUTION
            no text.
    """
    from django.conf import settings

    values = getattr(settings, "FBS_DB", {})
    hint = f"It is a dictionary with the keys {', '.join(_KEYS)}."
    if not isinstance(values, Mapping):
        raise UsageError(f"{SOURCE} is {values!r}.", hint=hint)
    if unknown := [f"{key}" for key in values if key not in _KEYS]:
        raise unknown_keys(SOURCE, unknown, hint)
    for flag in ("SIGNALS", "LATER_NAMES"):
        if not isinstance(values.get(flag), bool | None):
            raise UsageError(f"{SOURCE}: {flag} is {values[flag]!r}.", hint="Write True or False, or leave it out.")
    if not isinstance(values.get("SOLUTION"), str | None):
        raise UsageError(
            f"{SOURCE}: SOLUTION is {values['SOLUTION']!r}.", hint='Name a function, such as "tenants.solution_of".'
        )
    return values.get(key)


def configuration() -> Config:
    """The configured databases, each as Django connects to it.

    The user table and the type of its key are those of AUTH_USER_MODEL.

    Raises:
        UsageError: FBS_DB is wrong, or Django cannot connect to one of its databases.
    """
    known = without_connections()
    databases, patterns = (
        {alias: _with_users(replace(config, url=connection_string(alias))) for alias, config in configs.items()}
        for configs in (known.databases, known.patterns)
    )
    for alias, pattern in patterns.items():
        refuse_no_placeholder(pattern, pattern.url or "", f"DATABASES[{alias!r}] in Django's settings")
    return Config(databases, SOURCE, definite=True, patterns=patterns)


def without_connections() -> Config:
    """The configured databases by alias, as far as they are known without Django's connections.

    Raises:
        UsageError: FBS_DB is wrong.
    """
    from django.conf import settings

    tables = value_of("DATABASES")
    if tables is None or tables == {}:
        tables = {DEFAULT: {}}
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise UsageError(
            f"{SOURCE}: DATABASES is not a dictionary of dictionaries.", hint='Write it like {"default": {}}.'
        )
    if unknown := [f"{alias}" for alias in tables if alias not in settings.DATABASES]:
        raise UsageError(
            f"{SOURCE}: DATABASES names {', '.join(unknown)}, but Django's DATABASES does not.",
            hint=f"Django's DATABASES has: {', '.join(settings.DATABASES)}.",
        )
    lowered = {alias: {f"{key}".lower(): value for key, value in table.items()} for alias, table in tables.items()}
    ways = ("url", "env", "service")
    if unknown := [f"databases.{alias}.{way}" for alias, table in lowered.items() for way in ways if way in table]:
        raise unknown_keys(SOURCE, unknown, "FBS_DB names aliases. Django's DATABASES holds the way to connect.")
    known = parse({"databases": {alias: {**table, "env": alias} for alias, table in lowered.items()}}, SOURCE)
    databases, patterns = (
        {
            alias: replace(config, env=None, schema=config.schema or _schema_of(alias))
            for alias, config in configs.items()
        }
        for configs in (known.databases, known.patterns)
    )
    return replace(known, databases=databases, patterns=patterns)


def configuration_from_command(directory: Path) -> Config:
    """What `configuration` gives, in a process that is not the host's own, with DJANGO_SETTINGS_MODULE set.

    Parameters:
        directory: where the host's manage.py is.

    Raises:
        UsageError: Django or the host's settings cannot be loaded, or FBS_DB is wrong.
    """
    sys.path.insert(0, str(directory))  # as for the host's manage.py
    try:
        with host_loaded():
            import django
            from django.apps import apps
            from django.conf import settings

            if not hasattr(settings, "FBS_DB") and not any(name.startswith(_APP) for name in settings.INSTALLED_APPS):
                return Config()
            if not apps.ready:
                django.setup()
    except Exception as error:
        raise UsageError(
            f"DJANGO_SETTINGS_MODULE is set, but the host cannot be loaded: {type(error).__name__}: {error}",
            hint="Correct the settings, or unset the variable. An fbs-db.toml takes precedence over it.",
        ) from error
    for app in apps.get_app_configs():
        if app.name == _APP:  # without it HOSTS may name models of apps that are removed
            app.require_hosts()
    return configuration()


def connection_string(alias: str) -> ConnectionString:
    """A connection string of libpq for the database that Django has under an alias.

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
            f"{SOURCE}: database {alias} is {wrapper.display_name}. FBS needs PostgreSQL.",
            hint='Name a PostgreSQL database: "DATABASES": {"alias": {}}.',
        )
    libpq = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {key: str(value) for key, value in params.items() if key in libpq and value}
    if role := wrapper.settings_dict["OPTIONS"].get("assume_role"):
        escaped = role.replace("\\", "\\\\").replace(" ", "\\ ")
        given["options"] = f"{given.get('options', '')} -c role={escaped}".strip()
    return ConnectionString(conninfo.make_conninfo("", **given))


def table_in_sql(table: str, alias: str) -> str:
    """A table's name for SQL, quoted where needed, with the schema if ``db_table`` names one: ``hr"."person``."""
    from django.db import connections

    parts = connections[alias].ops.quote_name(table)[1:-1].split('"."')
    return ".".join(part if re.fullmatch(r"[a-z_][a-z0-9_]*", part) else f'"{part}"' for part in parts)


def _schema_of(alias: str) -> str | None:
    """The schema in which Django makes its tables, if OPTIONS set a search_path without ``public``."""
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
    """The database with the type of the users' key, and with the user table if Django keeps it there."""
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.db import connections, router

    if not apps.models_ready or not apps.is_installed("django.contrib.auth"):
        return config
    users = get_user_model()
    # A pattern's databases have users of their own only where it names their table.
    is_one = config.solutions is None
    here = is_one and router.allow_migrate_model(config.name, users) and not is_per_tenant(users)
    return replace(
        config,
        user_table=config.user_table or (table_in_sql(users._meta.db_table, config.name) if here else None),
        user_key_type=config.user_key_type or users._meta.pk.rel_db_type(connections[config.name]),
    )
