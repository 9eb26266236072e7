"""``manage.py fbs_cleanup``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from fbs_db.django.command import FbsCommand, flag


class Command(FbsCommand):
    """`fbs-db cleanup` on a database of Django's settings."""

    help = "What becomes of FBS's rows when host rows go: how it stands, again, sweep, or a worker that does it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("deed", choices=("status", "retry", "sweep", "run"), help="What to do.")
        parser.add_argument("--json", action="store_true", help="Answer in JSON, for programs.")
        parser.add_argument("--log-format", choices=("text", "json"), help="Of the worker's log: json has objects.")

    def handle(self, *args: Any, **options: Any) -> None:
        log_format = options["log_format"] and f"--log-format={options['log_format']}"
        self.run(options["database"], "cleanup", options["deed"], flag(options, "json"), log_format)
