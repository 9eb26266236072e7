"""Settings of the host; what differs between two hosts comes from the environment."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from psycopg import conninfo


def where(url: str) -> dict[str, Any]:
    """How Django is told of a database."""
    parts = conninfo.conninfo_to_dict(url)
    return {"NAME": parts["dbname"], "USER": parts["user"], "HOST": parts["host"], "PORT": parts["port"]}


# Django makes its own tables in the first of the schemas, and finds FBS's in any.
_schemas = os.environ.get("HOST_SCHEMAS", "public")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **where(os.environ["DATABASE_URL"]),
        "OPTIONS": {"options": f"-c search_path={_schemas}"},
    }
}
AUTH_USER_MODEL = os.environ.get("HOST_USER_MODEL", "auth.User")
FBS_MANAGED = bool(os.environ.get("HOST_FBS_MANAGED"))
FBS_RELEASE = os.environ.get("HOST_FBS_RELEASE")
FBS_SHORT_KEYS = bool(os.environ.get("HOST_FBS_SHORT_KEYS"))
# Migrations of FBS's app are there where a test has written them.
MIGRATION_MODULES = {"fbs": "fbs_migrations"} if find_spec("fbs_migrations") else {}

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    *(["tests.hosts.people"] if AUTH_USER_MODEL.startswith("people.") else []),
    *(["tests.hosts.rentals"] if os.environ.get("HOST_RENTALS") else []),
    *(["tests.hosts.tagged"] if FBS_RELEASE == "later" else []),
    *(["tests.hosts.fbs"] if not os.environ.get("HOST_WITHOUT_FBS") else []),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of no host"
USE_TZ = True
