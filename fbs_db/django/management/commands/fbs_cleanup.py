"""``manage.py fbs_cleanup``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from fbs_db.django.command import FbsCommand, flag


class Command(FbsCommand):
    """`fbs-db cleanup` on a database of Django's settings."""

    help = "Clean up FBS's rows of deleted host rows: status, retry, sweep, or run a worker."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("action", choices=("status", "retry", "sweep", "run"), help="As fbs-db cleanup ACTION.")
        parser.add_argument("--json", action="store_true", help="Print JSON, for programs.")
        parser.add_argument("--log-format", choices=("text", "json"), help="The worker's log: text, or JSON objects.")

    def handle(self, *args: Any, **options: Any) -> None:
        log_format = options["log_format"] and f"--log-format={options['log_format']}"
        self.run(options["database"], "cleanup", options["action"], flag(options, "json"), log_format)
