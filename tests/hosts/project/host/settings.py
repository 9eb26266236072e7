"""A rentals business: users of its own, locations, rooms, tenants and leases, and FBS.

What differs from test to test comes from the environment.
"""

import json
import os
import sys

if os.environ.get("HOST_PSYCOPG2"):
    # Where psycopg 3 is installed, Django takes it; a host may have its reasons not to.
    import psycopg

    sys.modules["psycopg"] = None
    import django.db.backends.postgresql.base  # noqa: F401

    sys.modules["psycopg"] = psycopg


def _database(said: dict) -> dict:
    test = {"MIGRATE": "HOST_WITHOUT_MIGRATIONS" not in os.environ}
    return {"ENGINE": "django.db.backends.postgresql", "TEST": test, **said}


DATABASES = {alias: _database(said) for alias, said in json.loads(os.environ["HOST_DATABASES"]).items()}
DATABASE_ROUTERS = ["host.routers.Rentals"] if "rentals" in DATABASES else []
AUTH_USER_MODEL = os.environ.get("HOST_USER_MODEL", "accounts.Person")
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    *(["accounts"] if AUTH_USER_MODEL.startswith("accounts.") else []),
    "rentals",
    *json.loads(os.environ.get("HOST_APPS", '["fbs_db.django"]')),
]
if "HOST_FBS_DB" in os.environ and "HOST_SAYS_NOTHING_OF_FBS" not in os.environ:
    FBS_DB = json.loads(os.environ["HOST_FBS_DB"])
globals().update(json.loads(os.environ.get("HOST_SETTINGS", "{}")))  # such as another app would want
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of no host"
USE_TZ = True
LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"fbs_db": {"handlers": ["console"], "level": "INFO"}},
}
if "HOST_LOG" in os.environ:
    LOGGING = json.loads(os.environ["HOST_LOG"])
