"""A host that follows FBS's guides to the letter, and then adds ``fbs_db.django``.

FBS's apps come with migrations, a router that goes first, and receivers. What differs
from test to test comes from the environment.
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

DATABASES = {
    alias: {"ENGINE": "django.db.backends.postgresql", **said}
    for alias, said in json.loads(os.environ["HOST_DATABASES"]).items()
}
DATABASE_ROUTERS = json.loads(os.environ.get("HOST_ROUTERS", '["fbs_app.routers.FBSDatabaseRouter"]'))
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    *json.loads(os.environ.get("HOST_FIRST", "[]")),
    "rentals",
    "fbs_app.apps.FBSAppConfig",
    "fbs_license_manager",
    "fbs_db.django",
    *json.loads(os.environ.get("HOST_LAST", "[]")),
]
SILENCED_SYSTEM_CHECKS = json.loads(os.environ.get("HOST_SILENCED", "[]"))
FBS_DB = json.loads(os.environ.get("HOST_FBS_DB", '{"HOSTS": {"rentals.Tenant": {}, "rentals.Location": {}}}'))
if "HOST_FBS_DB_TEXT" in os.environ:  # what JSON cannot say
    FBS_DB = eval(os.environ["HOST_FBS_DB_TEXT"])
if "HOST_WITHOUT_MIGRATIONS" in os.environ:
    MIGRATION_MODULES = {"fbs_app": None, "fbs_license_manager": None}
globals().update(json.loads(os.environ.get("HOST_SETTINGS", "{}")))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of no host"
USE_TZ = True
