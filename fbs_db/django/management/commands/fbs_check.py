"""``manage.py fbs_check``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from fbs_db.django.command import FbsCommand, flag


class Command(FbsCommand):
    """`fbs-db check` on a database of Django's settings."""

    help = "Report what is wrong with FBS's schema, and the repair. Exit code 1 if there are findings."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="Work on each database of FBS_DB.")
        parser.add_argument(
            "--only", action="append", default=[], metavar="KIND", help="Report this kind only. Can be repeated."
        )
        parser.add_argument("--data", action="store_true", help="Look at the rows too. This reads whole tables.")
        parser.add_argument("--json", action="store_true", help="Print JSON, for programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        only = [word for kind in options["only"] for word in ("--only", kind)]
        alias = None if options["all"] else options["database"]
        self.run(alias, "check", *only, *(flag(options, name) for name in ("all", "data", "json")))
