"""Settings of the host; what differs between two hosts comes from the environment."""

from __future__ import annotations

import os
from importlib.util import find_spec

from psycopg import conninfo

_where = conninfo.conninfo_to_dict(os.environ["DATABASE_URL"])
# Django makes its own tables in the first of the schemas, and finds FBS's in any.
_schemas = os.environ.get("HOST_SCHEMAS", "public")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _where["dbname"],
        "USER": _where["user"],
        "HOST": _where["host"],
        "PORT": _where["port"],
        "OPTIONS": {"options": f"-c search_path={_schemas}"},
    }
}
AUTH_USER_MODEL = os.environ.get("HOST_USER_MODEL", "auth.User")
FBS_MANAGED = False
# Migrations of FBS's app are there where a test has written them.
MIGRATION_MODULES = {"fbs": "fbs_migrations"} if find_spec("fbs_migrations") else {}

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    *(["tests.hosts.people"] if AUTH_USER_MODEL.startswith("people.") else []),
    "tests.hosts.fbs",
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
