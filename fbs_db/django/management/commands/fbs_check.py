"""``manage.py fbs_check``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from fbs_db.django.command import FbsCommand, flag


class Command(FbsCommand):
    """`fbs-db check` on a database of Django's settings."""

    help = "Is FBS's schema whole? What is missing, changed or waiting, and what mends it. Exit code 1 with findings."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="Look at each database of FBS_DB.")
        parser.add_argument("--only", action="append", default=[], metavar="KIND", help="Look for these only.")
        parser.add_argument("--data", action="store_true", help="Look at the rows, too. Reads whole tables.")
        parser.add_argument("--json", action="store_true", help="Answer in JSON, for programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        only = [word for kind in options["only"] for word in ("--only", kind)]
        alias = None if options["all"] else options["database"]
        self.run(alias, "check", *only, *(flag(options, name) for name in ("all", "data", "json")))
