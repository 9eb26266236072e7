"""What the commands of ``manage.py`` share that do as those of ``fbs-db`` do."""

from __future__ import annotations

from contextlib import redirect_stdout
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS

from fbs_db.cli import main
from fbs_db.database.django_settings import as_typed


class FbsCommand(BaseCommand):  # type: ignore[misc]
    """One of ``fbs-db``'s commands, on a database of Django's settings."""

    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias of the database; default by default.")

    def run(self, alias: str | None, *words: str | None) -> None:
        """Run it; ends with its exit code where that is not 0."""
        arguments = [word for word in (*(("--database", alias) if alias else ()), *words) if word is not None]
        with redirect_stdout(self.stdout), as_typed(alias):
            main.main(arguments, prog_name="fbs-db", standalone_mode=False)


def flag(options: dict[str, Any], name: str) -> str | None:
    """An option without a value, as ``fbs-db`` is to be told it."""
    return f"--{name}" if options[name] else None
