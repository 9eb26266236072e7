"""The family of solutions: ``solutions list``, ``solutions create``, ``solutions drop``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import fbs_db
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.output import complain, confirm, done, echo, show_progress, size_of
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import UsageError
from fbs_db.wording import command

if TYPE_CHECKING:
    from fbs_db.places.overview import Solution
    from fbs_db.places.solutions import CreatedSolution, DroppedSolution

_IN = click.option(
    "--in",
    "pattern",
    metavar="NAME",
    shell_complete=completion.patterns,
    help="The pattern in the configuration, if there are several.",
)
_STATE_COLORS = {"up to date": "green", "edited migrations": "red", "missing files": "red", "not looked at": "red"}


@main.group("solutions")
@click.pass_context
def solutions(context: click.Context) -> None:
    """List, create or drop databases of solutions.

    The configuration has a pattern for them: see fbs-db help placement.
    """
    if context.obj is not None:
        raise UsageError("These commands take databases from the configuration.", hint="Leave --database out.")


@subcommand(solutions, "list", schema=False)
@click.option(
    "--jobs",
    "at_once",
    metavar="N",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Databases at once.",
)
def list_(_: Call, *, at_once: int) -> Answer:
    """List the solutions and the states of their databases.

    The last migration and run, size and failed clean-ups: a look at the records of each. For a
    comparison of the schemas type: fbs-db check --all

    Exit codes: 0 nothing is wrong; 1 migrations were edited or miss their files; 2 a database
    could not be looked at.
    """
    rows = fbs_db.list_solutions(at_once)
    worst = max((2 if row.error else 1 if row.problems else 0 for row in rows), default=0)
    return Answer(rows, _show_list, worst)


@subcommand(solutions, "create", schema=False)
@click.argument("name")
@_IN
def create(call: Call, *, name: str, pattern: str | None) -> Answer:
    """Create the database of the solution NAME, with FBS in it.

    It is a copy of a template, which the first call makes: fbs_template_db, if the pattern is
    fbs_{solution}_db. Owner, rights and settings of the template come along. A template that is
    not up to date is migrated first; fbs-db migrate --all does that, too.
    """
    made = fbs_db.create_solution(name, pattern, progress=call.progress(show_progress))
    return Answer(made, _show_created)


@subcommand(solutions, "drop", schema=False)
@click.argument("name", shell_complete=completion.solutions)
@_IN
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(_: Call, *, name: str, pattern: str | None, yes: bool) -> Answer:
    """Drop the database of the solution NAME, with all that is in it.

    Refused while anybody is connected to it.
    """
    if not yes:
        found = fbs_db.drop_solution(name, pattern, dry_run=True)
        confirm(f"This drops {found.database} with all that is in it: {size_of(found.size)}.")
    return Answer(fbs_db.drop_solution(name, pattern), _show_dropped)


def _show_created(made: CreatedSolution) -> None:
    done(f"{made.solution} has {made.database}, a copy of {made.template} made in {made.seconds:.2f} s.")
    echo(f"It belongs to {made.owner}, as the template does.")
    if made.remark:
        echo(made.remark, fg="yellow")


def _show_dropped(dropped: DroppedSolution) -> None:
    done(f"{dropped.database} is dropped.")
    if dropped.remark:
        echo(dropped.remark, fg="yellow")


def _show_list(rows: list[Solution]) -> None:
    if not rows:
        echo(f"No solution has a database yet. To create one: {command('solutions', 'create', 'NAME')}")
        return
    headings = ("solution", "database", "state", "last migration", "last run", "size", "failed clean-ups")
    cells = [headings, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(headings))]
    for number, line in enumerate(cells):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        echo(text, **({"bold": True} if number == 0 else {"fg": _STATE_COLORS.get(rows[number - 1].state)}))
    for row in rows:
        for error in (*((row.error,) if row.error else ()), *row.problems):
            complain(f"{row.database}: {error.message}", error.hint)


def _cells(row: Solution) -> tuple[str, ...]:
    return (
        row.solution or "*",
        row.database,
        row.state,
        row.version or "",
        f"{row.last_run:%Y-%m-%d %H:%M} {row.last_operation}" if row.last_run else "",
        size_of(row.size) if row.size is not None else "",
        f"{row.failed:,}" if row.failed else "",
    )
