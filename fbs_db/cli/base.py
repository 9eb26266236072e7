"""The command ``fbs-db`` itself, and what its commands share."""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import click

import fbs_db
from fbs_db import wording
from fbs_db.cli.interrupts import handled, interruption
from fbs_db.database import project, server
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.reports import Progress, UserColumn


def _given_schema(context: click.Context, _: click.Parameter, schema: str | None) -> str | None:
    """Commands that are suggested from here on name the schema, where it was named."""
    context.with_resource(wording.given(schema=schema))
    return schema


schema_option = click.option(
    "--schema",
    metavar="S",
    callback=_given_schema,
    help="Schema of FBS's tables; public where nothing else is configured.",
)
all_option = click.option("--all", "all_", is_flag=True, help="On each database that the project configures.")
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")


class _Group(click.Group):
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
        gc.freeze()  # or the interpreter's end looks through all that was imported: 30 ms
        as_json = "--json" in (sys.argv if args is None else args)
        try:
            code = super().main(args, standalone_mode=False, **kwargs)
            if not standalone_mode:
                return code
            sys.exit(code if isinstance(code, int) else 0)
        except click.Abort as error:
            failure = interruption(error) or _not_confirmed()
        except click.ClickException as error:
            if not as_json:
                error.show()
                sys.exit(error.exit_code)
            path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "fbs-db"
            failure = UsageError(error.format_message(), hint=f"Its help: {path} --help")
        except FbsDbError as error:
            failure = error
        except Exception as error:
            if verbose():
                raise
            failure = FbsDbError(
                f"Unexpected: {type(error).__name__}: {' '.join(str(error).split())}",
                hint="With -v there is more to see. What was not committed is undone.",
            )
        if as_json:
            print_json({"error": failure.as_dict()})
        complain(failure.message, failure.hint)
        sys.exit(failure.exit_code)


def _not_confirmed() -> FbsDbError:
    error = FbsDbError("It was not confirmed. Nothing was changed.")
    error.exit_code = 1
    return error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--database",
    metavar="URL",
    help="PostgreSQL to work on, or the name of a configured database. By default DATABASE_URL, PGHOST and its kin,"
    " fbs-db.toml, the settings of DJANGO_SETTINGS_MODULE, or the embedded server.",
)
@click.option("-v", "--verbose", count=True, help="Tell more: the server's notices; twice: everything.")
@click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR.")
@click.version_option(fbs_db.__version__, prog_name="fbs-db")
@click.pass_context
def main(context: click.Context, database: str | None, verbose: int, no_color: bool) -> None:
    """FBS's schema in PostgreSQL: apply it, look at it, undo it.

    \b
    fbs-db migrate                              everything, on the embedded server
    fbs-db --database URL migrate               on a database of yours
    fbs-db migrate --user-table auth_user       with the type of your users' keys
    fbs-db psql                                 look around

    Exit codes: 0 done; 1 the schema or its files are at fault; 2 it could not be done;
    130 interrupted; 143 terminated.
    """
    context.obj = database
    server.announce = lambda text: click.secho(text, fg="yellow", err=True)
    context.with_resource(wording.given(database=database))
    if no_color or os.environ.get("NO_COLOR"):
        context.color = False
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    logging.getLogger("fbs_db").setLevel(level)


def on_each(
    database: str | None,
    all_: bool,
    as_json: bool,
    work: Callable[[str | None], tuple[Any, int]],
    *,
    as_sql: bool = False,
) -> None:
    """Do a command's work on one database or on all, and end with the worst exit code.

    Parameters:
        work: takes a database; returns what JSON shows, and the exit code.
        as_sql: whether the answer is SQL, in which a database's name is a comment.
    """
    if not all_:
        answer, worst = work(database)
    else:
        if database is not None:
            raise UsageError("Either one --database, or --all: not both.")
        answer, worst = {}, 0
        for name in project.configuration().databases:
            if not as_json:
                click.secho(wording.commented(f"{name}:") if as_sql else f"{name}:", bold=True)
            try:
                with wording.given(database=name):
                    answer[name], code = work(name)
            except FbsDbError as error:
                answer[name], code = {"error": error.as_dict()}, error.exit_code
                complain(f"{name}: {error.message}", error.hint)
            worst = max(worst, code)
    if as_json:
        print_json(answer)
    if worst:
        sys.exit(worst)


def ask(message: str) -> None:
    """Go on only if that is wanted.

    Raises:
        UsageError: nobody is there to be asked.
        click.Abort: it is not wanted.
    """
    if not sys.stdin.isatty():
        raise UsageError(message, hint="To do it all the same, add --yes. Nothing was changed.")
    click.confirm(f"{message} Go on?", abort=True, err=True)


def show_progress(progress: Progress) -> None:
    if progress.kind == "wait":
        click.secho(f"  {progress.text}", fg="yellow", err=True)
    elif progress.kind == "end":
        click.echo(f"  {progress.migration_id:<24} {progress.seconds * 1000:6.0f} ms")


def show_orphans(columns: Sequence[UserColumn], table: str) -> None:
    """Tell which user columns hold rows without a user, and what to type."""
    orphaned = [column for column in columns if column.orphans]
    if orphaned:
        rows = ", ".join(f"{column.table_name}.{column.column_name} ({column.orphans:,})" for column in orphaned)
        again = wording.command("attach", "users", table, "--repair")
        complain(f"Rows whose user is gone: {rows}.", f"Delete or empty them, by each column's own rule: {again}")


def quiet(progress: Progress) -> None:
    pass


def size_of(size: float) -> str:
    """Bytes in a unit fit to be read."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 10240 or unit == "GB":
            break
        size /= 1024
    return f"{size:.0f} {unit}"


def columns() -> int:
    return shutil.get_terminal_size((120, 24)).columns


def wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, max(40, columns()), initial_indent=indent, subsequent_indent=indent)


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


def done(text: str) -> None:
    click.secho(text, fg="green")


def complain(message: str, hint: str = "") -> None:
    click.echo(click.style("Error: ", fg="red", bold=True) + message, err=True)
    if hint:
        click.echo(hint, err=True)


def verbose() -> bool:
    return logging.getLogger("fbs_db").getEffectiveLevel() <= logging.INFO
