"""The command ``fbs-db`` itself: its own options, and how errors end it."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from typing import Any

import click

from fbs_db import wording
from fbs_db.cli import completion
from fbs_db.cli.interrupts import handled, interruption
from fbs_db.cli.output import LogFormatter, complain, echo, print_json
from fbs_db.database import server
from fbs_db.database.which import acting_as
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.log import is_shown, take_streams
from fbs_db.redaction import redacted
from fbs_db.version import __version__


class _Program(click.Group):
    """Errors become one message and an exit code; no command ends in a traceback."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with handled():
            return super().__call__(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:  # before click makes one of the other
            raise interruption(error) or error from None

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **kwargs: Any
    ) -> Any:
        as_json = "--json" in (sys.argv if args is None else args)
        try:
            code = super().main(args, standalone_mode=False, **kwargs)
            if not standalone_mode:
                return code
            sys.exit(code if isinstance(code, int) else 0)
        except click.Abort as error:
            failure = interruption(error) or _not_confirmed()
        except click.ClickException as error:
            if isinstance(error, click.NoSuchOption):
                error = _with_its_place(error)
            if not as_json:
                shown = StringIO()
                error.show(shown)
                with suppress(OSError):
                    echo(redacted(shown.getvalue()), err=True, nl=False)
                sys.exit(error.exit_code)
            path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "fbs-db"
            failure = UsageError(error.format_message(), hint=f"Its help: {path} --help")
        except FbsDbError as error:
            failure = error
        except Exception as error:
            hint = "Uncommitted work is undone."
            if logging.getLogger("fbs_db").isEnabledFor(logging.INFO):
                echo(redacted(traceback.format_exc()), err=True)
            else:
                hint += f" Add -v to see the traceback: {wording.command('-v', 'COMMAND')}"
            failure = FbsDbError(f"Unexpected: {type(error).__name__}: {' '.join(str(error).split())}", hint=hint)
            if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":  # of bytes that are no text
                failure = UsageError("An argument, a variable or a file's name is no text.", hint="Write it in UTF-8.")
        with suppress(OSError):  # what it is printed to may be full
            if as_json:
                print_json({"error": failure.as_dict()}, lines=True)
        with suppress(OSError):
            complain(failure.message, failure.hint)
        raise SystemExit(failure.exit_code) from failure


def _with_its_place(error: click.NoSuchOption) -> click.NoSuchOption:
    """The error, which says where the option goes if it is one of ours."""
    name, context = error.option_name, error.ctx
    commands = context.command.commands.values() if context and isinstance(context.command, click.Group) else ()
    place = ""
    if before := [parameter for parameter in main.params if name in parameter.opts]:
        place = " ".join(filter(None, ("before the command: fbs-db", name, before[0].metavar, "COMMAND")))
    elif context and any(name in parameter.opts for command in commands for parameter in command.params):
        place = " ".join(("after the command: fbs-db", *context.command_path.split()[1:], "COMMAND", name))
    if not place:
        return error
    return click.NoSuchOption(name, f"{error.message.rstrip('.')}. It goes {place}", ctx=context)


def _not_confirmed() -> FbsDbError:
    error = FbsDbError("Not confirmed. Nothing was changed.")
    error.exit_code = 1
    return error


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--database",
    metavar="URL",
    shell_complete=completion.databases,
    help="The PostgreSQL database to work on: a URL, or the name of a configured database or of a solution's. By"
    " default that of Django's settings (DJANGO_SETTINGS_MODULE), DATABASE_URL, the variables of libpq (PGHOST, ...),"
    " fbs-db.toml or pyproject.toml, or the embedded server, in this order.",
)
@click.option(
    "--role",
    metavar="ROLE",
    shell_complete=completion.roles,
    help="The role to work as, such as FBS's owner; your login has to be a member. By default the configured one,"
    " or the login itself.",
)
@click.option("-v", "--verbose", count=True, help="-v shows server notices, -vv every statement with its time.")
@click.option("--no-color", is_flag=True, help="Print without colours, as with NO_COLOR.")
@click.version_option(__version__, prog_name="fbs-db")
@click.pass_context
def main(context: click.Context, database: str | None, role: str | None, verbose: int, no_color: bool) -> None:
    """FBS's schema in PostgreSQL: install it, check it, clean up after deletions.

    \b
    fbs-db migrate                          install everything on the embedded server
    fbs-db --database URL migrate           install it in a database of yours
    fbs-db migrate --user-table auth_user   and tie its user columns to your users
    fbs-db check                            compare the schema with what it should be
    fbs-db psql                             open psql on the database
    fbs-db help                             list the guides

    The options below go before the command. Options of a command go after it; they are
    listed by: fbs-db COMMAND --help

    \b
    Exit codes:
      0    done
      1    the schema, its files or its rows are not as they should be
      2    the command could not do its work
      130  interrupted by Ctrl-C
      143  terminated by SIGTERM
    """
    context.obj = database
    server.announce = lambda text: echo(text, fg="yellow", err=True)
    context.with_resource(wording.given(database=database, role=role))
    context.with_resource(acting_as(role))
    if no_color or os.environ.get("NO_COLOR"):
        context.color = False
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    to_stderr = logging.StreamHandler()
    to_stderr.setFormatter(LogFormatter())
    root, ours = logging.getLogger(), logging.getLogger("fbs_db")
    if not any(map(is_shown, root.handlers)):
        root.addHandler(to_stderr)  # other libraries log values, which may be secrets: warnings only
        take_streams(ours)
    ours.setLevel(level)
