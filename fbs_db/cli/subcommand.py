"""What all commands share: options, JSON, work on all databases, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from fbs_db import wording
from fbs_db.cli.fleet import JOBS, Each, FleetRun, Pace
from fbs_db.cli.output import complain, print_json
from fbs_db.database.config import DatabaseConfig
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.reports import Progress, silent

_Command = TypeVar("_Command", bound=click.Command)


@dataclass(frozen=True)
class Call:
    """How a command was called.

    Attributes:
        database: a connection string, or a configured database or its name; None for the default.
        schema: None for the configured schema.
        as_json: whether the answer is for a program.
        tell: told of progress where the database is one of many: the command runs in a thread then, and prints nothing.
    """

    database: str | DatabaseConfig | None
    schema: str | None
    as_json: bool
    tell: Callable[[Progress], None] | None = None

    def progress(self, show: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """A function that shows progress to people, and not to programs."""
        return self.tell or (silent if self.as_json else show)

    def refuse_database(self) -> None:
        """Raise UsageError if one database is named, for ``--all``."""
        if self.database is not None:
            raise UsageError("Give --database or --all, not both.")

    @property
    def member(self) -> DatabaseConfig | None:
        """The database where it is one of many."""
        return self.database if isinstance(self.database, DatabaseConfig) else None


@dataclass(frozen=True)
class Answer:
    """What a command answers.

    Attributes:
        value: a report, a list of rows, or plain values. ``--json`` prints it.
        show: prints the value for people.
        exit_code: 0, or 1 where the value tells of something that is not as it should be.
        errors: printed to standard error after the answer.
        outcome: the value in a word or two, as in "2 migrated"; the databases with the same outcome are counted.
        line: what is said of one of many databases; an empty string for nothing, None for what `show` prints.
    """

    value: Any
    show: Callable[[Any], None]
    exit_code: int = 0
    errors: tuple[FbsDbError, ...] = ()
    outcome: str = "done"
    line: str | None = None

    @property
    def plain(self) -> Any:
        """The value as plain values."""
        return _plain(self.value)


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
_ALL = (
    click.Option(
        ["--all", "all_"], is_flag=True, help="Work on all databases: those configured, and those of solutions."
    ),
    click.Option(
        ["--jobs"], metavar="N", type=click.IntRange(min=1), help=f"With --all, databases at once. By default {JOBS}."
    ),
    click.Option(
        ["--first"],
        metavar="N",
        type=click.IntRange(min=1),
        help="With --all, begin the rest only after the first N databases went well.",
    ),
    click.Option(
        ["--keep-going"],
        is_flag=True,
        help="With --all, go on after an error. What only reads does so anyway.",
    ),
)
_JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs.")


def subcommand(
    group: click.Group,
    name: str,
    *,
    schema: bool = True,
    each: Each | None = None,
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
        each: how it works on all databases; None if it does not take ``--all``.
        as_json: whether it takes ``--json``.
        cls: ``click.Group`` for a command that has commands of its own.
        settings: what else ``click.command`` takes.
    """
    shared = [*([_SCHEMA] if schema else []), *(_ALL if each else ()), *([_JSON] if as_json else [])]

    def decorate(function: Callable[..., Answer | None]) -> _Command:
        @wraps(function)
        def run(
            *,
            schema: str | None = None,
            all_: bool = False,
            jobs: int | None = None,
            first: int | None = None,
            keep_going: bool = False,
            as_json: bool = False,
            **own: Any,
        ) -> None:
            context = click.get_current_context()
            if context.invoked_subcommand is not None:
                return
            call = Call(context.obj, schema, as_json)
            if each and all_:
                exit_code = _on_each(function, call, own, each, Pace(jobs or JOBS, first, keep_going))
            elif jobs or first or keep_going:
                raise UsageError("--jobs, --first and --keep-going go with --all.")
            else:
                exit_code = _on_one(function, call, own)
            if exit_code:
                sys.exit(exit_code)

        made = cast(_Command, group.command(name, cls=cls, **settings)(run))
        made.params += shared
        return made

    return decorate


def _on_one(function: Callable[..., Answer | None], call: Call, own: Mapping[str, Any]) -> int:
    answer = function(call, **own)
    if answer is None:
        return 0
    if not call.as_json:
        answer.show(answer.value)
    for error in answer.errors:
        complain(error.message, error.hint)
    if call.as_json:
        print_json(answer.plain)
    return answer.exit_code


def _on_each(function: Callable[..., Answer | None], call: Call, own: Mapping[str, Any], each: Each, pace: Pace) -> int:
    call.refuse_database()

    def work(database: DatabaseConfig, tell: Callable[[Progress], None]) -> Answer | None:
        return function(Call(database, call.schema, call.as_json, tell), **own)

    return FleetRun(work, each, own, pace, as_json=call.as_json).run()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.as_dict() if hasattr(value, "as_dict") else value
