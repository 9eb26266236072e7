"""The app: which signals, checks and routers of Django it joins."""

from __future__ import annotations

import sys

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.models.signals import post_migrate, pre_migrate

from fbs_db.database import project
from fbs_db.django import aliases, borders, checks, install, receivers
from fbs_db.django.hosts import host_models
from fbs_db.django.router import put_first


class PartConfig(AppConfig):  # type: ignore[misc]
    """The base of apps that a host may add to this one."""

    default = False

    def ready(self) -> None:
        if not apps.is_installed("fbs_db.django"):
            raise ImproperlyConfigured(f'{self.name} needs "fbs_db.django" in INSTALLED_APPS, too.')


class FbsDbConfig(AppConfig):  # type: ignore[misc]
    """FBS's schema, kept up to date by ``manage.py migrate`` and checked by ``manage.py check``."""

    default = True
    name = "fbs_db.django"
    label = "fbs_db"
    verbose_name = "FBS's database"

    def ready(self) -> None:
        project.provider = aliases.configuration
        aliases.give_aliases(connections, sys.argv[1:])
        put_first(router)
        borders.install()
        receivers.install()
        pre_migrate.connect(install.before_migrations, sender=self)
        post_migrate.connect(install.after_migrations, sender=self)
        register(checks.settings)
        register(checks.databases, Tags.database)

    @staticmethod
    def require_hosts() -> None:
        """Raise UsageError if HOSTS is wrong. For ``fbs-db``, which runs no checks of Django."""
        host_models()
