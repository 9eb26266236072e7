"""What Django's settings say of FBS: the dictionary ``FBS_DB``, and ``DATABASES``.

FBS_DB = {
    "DATABASES": {"default": {"SCHEMA": "fbs"}, "licences": {"COMPONENTS": ["licensing"]}},
    "HOSTS": {"tenants.Tenant": {}, "rentals.Room": {"KEY": "number"}},
    "SIGNALS": False,
}
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import conninfo, pq

from fbs_db import config
from fbs_db.config import Config, DatabaseConfig
from fbs_db.errors import UsageError

SOURCE = "FBS_DB in Django's settings"
_KEYS = ("DATABASES", "HOSTS", "SIGNALS")


def setting() -> Mapping[str, Any]:
    """The dictionary itself; empty where the host sets none.

    Raises:
        UsageError: it is none, or holds what nobody understands.
    """
    from django.conf import settings

    said = getattr(settings, "FBS_DB", {})
    strange = [f"{key}" for key in said if key not in _KEYS] if isinstance(said, Mapping) else [repr(said)]
    if strange:
        raise UsageError(
            f"{SOURCE} says what fbs-db does not know: {', '.join(strange)}.",
            hint=f"It is a dictionary with the keys {', '.join(_KEYS)}.",
        )
    return said


def read() -> Config:
    """The databases that the settings tell of, each as Django connects to it.

    The user table, and the type of its key, are those of AUTH_USER_MODEL.

    Raises:
        UsageError: the settings say what makes no sense.
    """
    from django.db import connections

    tables = setting().get("DATABASES", {config.DEFAULT: {}})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise UsageError(f"{SOURCE}: DATABASES is not a dictionary of dictionaries.", hint='Like {"default": {}}.')
    if unknown := [alias for alias in tables if alias not in connections.settings]:
        raise UsageError(
            f"{SOURCE}: DATABASES names {', '.join(unknown)}, which Django's DATABASES does not.",
            hint=f"There are: {', '.join(connections.settings)}.",
        )
    said = {
        alias: {**{key.lower(): value for key, value in table.items()}, "url": connection_string(alias)}
        for alias, table in tables.items()
    }
    known = config.parse({"databases": said}, SOURCE)
    return Config(
        {alias: _with_users(place) if alias in tables else place for alias, place in known.databases.items()},
        SOURCE,
        definite=True,
    )


def read_from_command(directory: Path) -> Config:
    """What `read` answers in a process that is not the host's own, with DJANGO_SETTINGS_MODULE set.

    Raises:
        UsageError: Django, or the host's settings, cannot be loaded.
    """
    sys.path.insert(0, str(directory))  # as the host's manage.py has it
    try:
        import django
        from django.conf import settings

        if not hasattr(settings, "FBS_DB"):
            return Config()
        django.setup()
    except Exception as error:
        raise UsageError(
            f"DJANGO_SETTINGS_MODULE is set, and the host cannot be loaded: {type(error).__name__}: {error}",
            hint="Correct it, or unset it; fbs-db.toml goes before it.",
        ) from error
    return read()


def connection_string(alias: str) -> str:
    """How Django connects to a database, as libpq has it.

    Raises:
        UsageError: it is not PostgreSQL.
    """
    from django.db import connections

    wrapper = connections[alias]
    if wrapper.vendor != "postgresql":
        raise UsageError(
            f"{SOURCE}: database {alias} is {wrapper.display_name}, and FBS lives in PostgreSQL.",
            hint='Name one that is: "DATABASES": {"alias": {}}.',
        )
    libpq = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {key: str(value) for key, value in wrapper.get_connection_params().items() if key in libpq and value}
    if role := wrapper.settings_dict["OPTIONS"].get("assume_role"):
        quoted = role.replace("\\", "\\\\").replace(" ", "\\ ")
        given["options"] = f"{given.get('options', '')} -c role={quoted}".strip()
    return conninfo.make_conninfo("", **given)


def _with_users(place: DatabaseConfig) -> DatabaseConfig:
    """With the user table where Django keeps it here, and always with the type of its key."""
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.db import connections, router

    if not apps.models_ready or not apps.is_installed("django.contrib.auth"):
        return place
    users = get_user_model()
    here = router.allow_migrate_model(place.name, users)
    return replace(
        place,
        user_table=place.user_table or (users._meta.db_table if here else None),
        user_key_type=place.user_key_type or users._meta.pk.rel_db_type(connections[place.name]),
    )
