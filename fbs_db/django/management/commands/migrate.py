"""``manage.py migrate``, whose plan and check tell of FBS too."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.commands import migrate

from fbs_db.django.install import migrating, planned


class Command(migrate.Command):  # type: ignore[misc]
    """Django's own. FBS is installed by its signals, so that it is as well where another app replaces it."""

    def execute(self, *args: Any, **options: Any) -> Any:
        with migrating():
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["plan"] and not options["check_unapplied"]:
            super().handle(*args, **options)
            return
        ours = planned(options["database"])
        try:
            super().handle(*args, **options)
        finally:
            if options["plan"] and ours:
                self.stdout.write(self.style.MIGRATE_HEADING("FBS:"))
                for line in ours:
                    self.stdout.write(f"  {line}")
        if options["check_unapplied"] and ours:
            sys.exit(1)
