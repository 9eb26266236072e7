"""Settings of a host whose Django makes FBS's tables itself, and nothing besides."""

from __future__ import annotations

from tests.hosts.settings import DATABASES, DEFAULT_AUTO_FIELD, MIGRATION_MODULES, SECRET_KEY, USE_TZ

__all__ = [
    "DATABASES",
    "DEFAULT_AUTO_FIELD",
    "FBS_MANAGED",
    "FBS_RELEASE",
    "FBS_SHORT_KEYS",
    "INSTALLED_APPS",
    "MIGRATION_MODULES",
    "SECRET_KEY",
    "USE_TZ",
]

FBS_MANAGED = True
FBS_RELEASE = None
FBS_SHORT_KEYS = False
INSTALLED_APPS = ["tests.hosts.fbs"]
