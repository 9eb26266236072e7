"""``manage.py migrate`` whose ``--plan`` and ``--check`` include FBS."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate

from fbs_db.django.install import migrating, planned
from fbs_db.errors import UsageError


class Command(migrate.Command):  # type: ignore[misc]
    """Django's migrate. Signals install FBS, so it is installed by another app's migrate command too."""

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            with migrating():
                return super().execute(*args, **options)
        except UsageError as error:  # the database stands for those of all solutions
            raise CommandError(f"{error}", returncode=error.exit_code) from error

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["plan"] and not options["check_unapplied"]:
            super().handle(*args, **options)
            return
        steps = planned(options["database"])
        try:
            super().handle(*args, **options)
        finally:
            if options["plan"] and steps:
                self.stdout.write(self.style.MIGRATE_HEADING("FBS:"))
                for line in steps:
                    self.stdout.write(f"  {line}")
        if options["check_unapplied"] and steps:
            sys.exit(1)
