"""What all commands share: options, JSON, work on all databases, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from fbs_db import wording
from fbs_db.cli.output import complain, echo, print_json
from fbs_db.database import fleet
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.reports import Progress, silent

_Command = TypeVar("_Command", bound=click.Command)


@dataclass(frozen=True)
class Call:
    """How a command was called.

    Attributes:
        database: a connection string, or the name of a configured database; None for the default.
        schema: None for the configured schema.
        as_json: whether the answer is for a program.
    """

    database: str | None
    schema: str | None
    as_json: bool

    def progress(self, show: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """A function that shows progress to people, and not to programs."""
        return silent if self.as_json else show


@dataclass(frozen=True)
class Answer:
    """What a command answers.

    Attributes:
        value: a report, a list of rows, or plain values. ``--json`` prints it.
        show: prints the value for people.
        exit_code: 0, or 1 where the value tells of something that is not as it should be.
        errors: printed to standard error after the answer.
    """

    value: Any
    show: Callable[[Any], None]
    exit_code: int = 0
    errors: tuple[FbsDbError, ...] = ()


def _given_schema(context: click.Context, _: click.Parameter, schema: str | None) -> str | None:
    """Commands that are suggested from here on name the schema, where it was named."""
    # The context of a command whose arguments are refused is never closed; the one around it is.
    (context.parent or context).with_resource(wording.given(schema=schema))
    return schema


_SCHEMA = click.Option(
    ["--schema"],
    metavar="S",
    callback=_given_schema,
    help="Schema of FBS's tables. By default the configured one, or public.",
)
_ALL = click.Option(["--all", "all_"], is_flag=True, help="Work on each configured database.")
_JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs.")


def subcommand(
    group: click.Group,
    name: str,
    *,
    schema: bool = True,
    each: bool = False,
    as_json: bool = True,
    cls: type[_Command] = click.Command,  # type: ignore[assignment]
    **settings: Any,
) -> Callable[[Callable[..., Answer | None]], _Command]:
    """Make a function a command.

    The function is given a `Call` and its own options. It returns an `Answer`, or None where it has printed all itself.

    Parameters:
        group: the group of the command, such as `main`.
        name: its name.
        schema: whether it takes ``--schema``.
        each: whether it takes ``--all``: the function is called for each configured database.
        as_json: whether it takes ``--json``.
        cls: ``click.Group`` for a command that has commands of its own.
        settings: what else ``click.command`` takes.
    """
    shared = [option for option, wanted in ((_SCHEMA, schema), (_ALL, each), (_JSON, as_json)) if wanted]

    def decorate(function: Callable[..., Answer | None]) -> _Command:
        @wraps(function)
        def run(*, schema: str | None = None, all_: bool = False, as_json: bool = False, **own: Any) -> None:
            context = click.get_current_context()
            if context.invoked_subcommand is not None:
                return
            call = Call(context.obj, schema, as_json)
            if all_:
                value, exit_code = _on_each(function, call, own)
            else:
                value, exit_code = _on_one(function, call, own)
            if as_json:
                print_json(value)
            if exit_code:
                sys.exit(exit_code)

        made = cast(_Command, group.command(name, cls=cls, **settings)(run))
        made.params += shared
        return made

    return decorate


def _on_one(function: Callable[..., Answer | None], call: Call, own: Mapping[str, Any]) -> tuple[Any, int]:
    """What JSON shows, and the exit code."""
    answer = function(call, **own)
    if answer is None:
        return None, 0
    if not call.as_json:
        answer.show(answer.value)
    for error in answer.errors:
        complain(error.message, error.hint)
    return _plain(answer.value), answer.exit_code


def _on_each(function: Callable[..., Answer | None], call: Call, own: Mapping[str, Any]) -> tuple[Any, int]:
    """What JSON shows, by database, and the highest exit code. An error does not end the work on the others."""
    if call.database is not None:
        raise UsageError("Give --database or --all, not both.")
    values: dict[str, Any] = {}
    highest = 0
    for config in fleet.members():
        database = config.name
        if not call.as_json:
            heading = f"{database}:"  # a comment where the answer is SQL
            echo(wording.commented(heading) if own.get("dry_run") else heading, bold=True)
        try:
            with wording.given(database=database):
                values[database], exit_code = _on_one(function, Call(database, call.schema, call.as_json), own)
        except FbsDbError as error:
            values[database], exit_code = {"error": error.as_dict()}, error.exit_code
            complain(f"{database}: {error.message}", error.hint)
        highest = max(highest, exit_code)
    return values, highest


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.as_dict() if hasattr(value, "as_dict") else value
