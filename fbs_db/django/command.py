"""The base of ``manage.py`` commands that run commands of ``fbs-db``."""

from __future__ import annotations

from contextlib import redirect_stdout
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS

from fbs_db.cli import main
from fbs_db.django.messages import for_shell


class FbsCommand(BaseCommand):  # type: ignore[misc]
    """A command of ``fbs-db``, on a database of Django's settings."""

    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias of the database. By default: default.")

    def run(self, alias: str | None, *words: str | None) -> None:
        """Run ``fbs-db`` with these words, those that are None left out.

        Raises:
            SystemExit: its exit code is not 0.
        """
        arguments = [word for word in (*(("--database", alias) if alias else ()), *words) if word is not None]
        with redirect_stdout(self.stdout), for_shell(alias):
            main.main(arguments, prog_name="fbs-db", standalone_mode=False)


def flag(options: dict[str, Any], name: str) -> str | None:
    """The word for an option without a value; None where it is not set."""
    return f"--{name}" if options[name] else None
