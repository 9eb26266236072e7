"""``manage.py fbs``: the commands of ``fbs-db`` on the databases of Django's settings."""

from __future__ import annotations

import argparse
import copy
import os
import re
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fbs_db.cli import main
from fbs_db.cli.interrupts import for_the_process
from fbs_db.django.messages import for_shell
from fbs_db.log import log_kept

#: Commands of the embedded server, which no settings of Django name.
_EMBEDDED = ("server", "demo")

_program = copy.copy(main)
_program.commands = {name: one for name, one in main.commands.items() if name not in _EMBEDDED}
_program.help = """FBS's commands on the databases of Django's settings.

\b
fbs-db check                     compare the schema with what it should be
fbs-db check --database other    in the database of another alias
fbs-db check --all               in all databases of FBS_DB
fbs-db cleanup run               run the worker
fbs-db help                      list the guides

--database and Django's own options, such as --settings, --traceback and -v 2, may stand
before or after the command. The other options below go before it. Options of a command
are listed by: fbs-db COMMAND --help
"""


class Command(BaseCommand):  # type: ignore[misc]
    """Hands its words on, but for the options of ``manage.py`` and ``--database``."""

    requires_system_checks = ()
    _name = "manage.py fbs"
    _is_called_by_code = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database")
        parser.add_argument("--skip-checks", action="store_true")  # there are none; Django adds it where there are

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, add_help=False, allow_abbrev=False, **options)
        djangos = parser.parse_known_args
        anywhere = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        for option in ("--database", "--settings", "--pythonpath"):  # of the last two manage.py has taken note
            anywhere.add_argument(option)

        def parse_args(args: Sequence[str], namespace: Any = None) -> Any:
            """Other options of manage.py, such as -v, are psql's own after psql."""
            end = next((number for number, word in enumerate(args) if word in ("psql", "--")), len(args))
            options, words = djangos(_with_numbers(args[:end]), namespace)
            after, rest = anywhere.parse_known_args(args[end:])
            options.database = after.database or options.database
            options.args = [*words, *rest]
            return options

        parser.parse_args = parse_args
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        self._is_called_by_code = False
        self._name = f"{os.path.basename(argv[0])} {argv[1]}"
        for_the_process()
        super().run_from_argv(argv)

    def print_help(self, prog_name: str, subcommand: str) -> None:
        self._name = f"{os.path.basename(prog_name)} {subcommand}"
        self._run(["--help"])

    def handle(self, *words: str, **options: Any) -> None:
        if words[:1] and words[0] in _EMBEDDED:
            raise CommandError(
                f"{words[0]} works on the embedded server, and not on Django's databases."
                f" Type: fbs-db {' '.join(words)}",
                returncode=2,
            )
        if self._is_called_by_code and "psql" in words:
            raise CommandError(
                "psql takes the place of the process that opens it, and what comes after would not run."
                f" Type: python manage.py fbs {shlex.join(words)}",
                returncode=2,
            )
        given = ["--database", options["database"]] if options["database"] else []
        given += ["-v"] * max(options["verbosity"] - 1, int(options["traceback"]))
        given += ["--no-color"] if options["no_color"] else []
        try:
            self._run([*given, *(words or ["--help"])], color=True if options["force_color"] else None)
        except SystemExit as ended:
            if not self._is_called_by_code:
                raise
            if ended.code:
                said = ended.__cause__ or f"fbs {' '.join(words)} ended with exit code {ended.code}."
                raise CommandError(f"{said}", returncode=ended.code) from ended

    def _run(self, words: list[str], **settings: Any) -> None:
        """Run ``fbs-db`` with these words, printing to where Django says.

        Raises:
            SystemExit: always at its end, with its exit code.
        """
        # Django's own stream ends each piece of a line with a line break.
        out, is_help = self.stdout._out, bool({"-h", "--help"} & {*words})
        printed = StringIO() if is_help else out
        try:
            with redirect_stdout(printed), redirect_stderr(self.stderr._out), for_shell(None), log_kept():
                _program(words, prog_name=self._name, **settings)
        finally:
            if is_help:
                out.write(re.sub(r"\bfbs-db (?=[A-Za-z-])", f"{self._name} ", printed.getvalue()))


def _with_numbers(words: Sequence[str]) -> list[str]:
    """The words with -v as Django has it, which counts from 1: -v 2 for fbs-db's -v, and -v 3 for its -vv."""
    return [
        f"--verbosity={min(len(word), 3)}" if re.fullmatch("-v+", word) and not following.isdigit() else word
        for word, following in zip(words, [*words[1:], ""], strict=False)
    ]
