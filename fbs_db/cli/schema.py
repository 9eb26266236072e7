"""The family that changes the schema: ``migrate``, ``rollback``, ``status``, ``accept``."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import click

import fbs_db
from fbs_db import wording
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.fleet import Each
from fbs_db.cli.output import (
    complain,
    confirm,
    done,
    echo,
    left_out_line,
    print_exact,
    show_orphans,
    show_progress,
    style,
)
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.database import locks
from fbs_db.database.releases import said_of, upgrade_to
from fbs_db.database.which import acting_as
from fbs_db.errors import LockTimeout, RowsAtStake
from fbs_db.reports import DryRunReport, MigrateReport, MigrationStatus, StatusReport
from fbs_db.schema.look import nothing_pending, nothing_to_do
from fbs_db.schema.migrate import plan
from fbs_db.schema.rollback import rollback_plan
from fbs_db.version import order
from fbs_db.wording import command, commented, counted

_STATE_COLORS = {"applied": "green", "pending": "yellow", "edited": "red", "missing": "red", "newer": "cyan"}


def _given_role(context: click.Context, _: click.Parameter, role: str | None) -> None:
    """The same as the option of ``fbs-db`` itself."""
    if role is not None:
        around = context.parent or context
        around.with_resource(wording.given(role=role))
        around.with_resource(acting_as(role))


@subcommand(main, "migrate", each=Each(again=True, then={"pending": ("migrate", "--all")}))
@click.option(
    "--to", metavar="ID", shell_complete=completion.migrations, help="The last migration to apply, such as 0003."
)
@click.option("--dry-run", is_flag=True, help="Print the exact SQL and its locks on existing tables. Change nothing.")
@click.option(
    "--user-table",
    metavar="T",
    shell_complete=completion.host_tables,
    help="The host's user table. User columns get the type of its key.",
)
@click.option(
    "--role",
    metavar="ROLE",
    callback=_given_role,
    expose_value=False,
    help="The role to work as, which will own FBS. The same as: fbs-db --role ROLE migrate",
)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=locks.LOCK_WAIT,
    show_default=True,
    help="How long to wait for another run of migrate.",
)
def migrate(call: Call, *, dry_run: bool, wait: float, **options: Any) -> Answer:
    """Apply the pending migrations: all of them, or none.

    With a user table, the user columns are tied to it in the same transaction.
    Exit code 1 where rows remain whose user is gone.

    The dry run prints a script for psql before it asks for any lock. To find the locks it
    then runs the migrations in a transaction, at most 10 seconds a statement, and rolls it
    back. It ties no user columns, so writers of the user table do not wait.
    """
    report = nothing_to_do(call.member, schema=call.schema, **options) if call.member else None
    if dry_run and not report:
        return _dry_run(call, wait=wait, **options)
    report = report or fbs_db.migrate(
        call.database, schema=call.schema, wait=wait, progress=call.progress(show_progress), **options
    )
    if any(not column.validated for column in report.users):
        return Answer(report, _show_applied, 1, outcome="with rows whose user is gone")
    outcome = "migrated" if report.steps else "tied to their users" if report.users else "up to date"
    return Answer(report, _show_applied, outcome=outcome, line=" ".join(_done(report)))


@subcommand(main, "rollback")
@click.option("--to", metavar="ID", shell_complete=completion.migrations, help="Undo all migrations after this one.")
@click.option("--all", "everything", is_flag=True, help="Undo all migrations.")
@click.option("--dry-run", is_flag=True, help="Print the exact SQL. Change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, though rows will be lost.")
def rollback(call: Call, *, to: str | None, everything: bool, dry_run: bool, yes: bool) -> Answer:
    """Undo the last migration, all after one, or all.

    Tables are dropped with their rows. If they hold any, rollback asks first, or needs --yes.
    """
    if dry_run:
        return Answer(rollback_plan(call.database, to=to, everything=everything, schema=call.schema), _show_plan)
    undo = partial(
        fbs_db.rollback,
        call.database,
        to=to,
        everything=everything,
        schema=call.schema,
        progress=call.progress(show_progress),
    )
    try:
        report = undo(lose_rows=yes)
    except RowsAtStake as error:
        confirm(error.message)
        report = undo(lose_rows=True)
    return Answer(report, _show_undone)


@subcommand(main, "status", each=Each(reads=True, then={"pending": ("migrate", "--all")}))
@click.option("--exit-code", is_flag=True, help="Exit with 1 if migrations are pending.")
def status(call: Call, *, exit_code: bool) -> Answer:
    """List the migrations and their states.

    A migration is applied, pending, edited since it was applied, missing its file, or
    newer: a later fbs-db applied it.

    Exit codes: 0 nothing is wrong; 1 an applied migration was edited or its file is
    missing, or with --exit-code migrations are pending; 2 the database could not be read.
    """
    report = nothing_pending(call.member, schema=call.schema) if call.member else None
    report = report or fbs_db.status(call.database, schema=call.schema)
    wrong = report.problems or (exit_code and report.pending)
    outcome = "at fault" if report.problems else "pending" if report.pending else "up to date"
    return Answer(report, _show_status, 1 if wrong else 0, report.problems, outcome, _pending(report))


def _pending(report: StatusReport) -> str:
    """The pending migrations in a line; an empty string where there are none."""
    names = report.pending
    said = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{counted(len(names), 'migration')} pending: {said}" if names else ""


@subcommand(main, "accept")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=completion.migrations)
def accept(call: Call, *, ids: tuple[str, ...]) -> Answer:
    """Record edited migrations as applied. The schema is not changed.

    For a database that was brought in line with the edited file by hand.
    """
    return Answer(fbs_db.accept(ids, call.database, schema=call.schema), _show_accepted)


def _show_applied(report: MigrateReport) -> None:
    where = f"{report.database}, schema {report.schema}"
    for sentence in _done(report, f" to {where}"):
        done(sentence)
    if not report.steps and not report.users:
        echo(f"Nothing to do: {report.current} is applied in {where}.")
    if report.left_out:
        echo(left_out_line(report.left_out))
    if report.newer:
        _tell_newer(report.schema, report.newer)
    show_orphans(report.users, report.user_table)


def _done(report: MigrateReport, where: str = "") -> list[str]:
    """What a run did, in sentences."""
    said = []
    if report.steps:
        said.append(f"{counted(len(report.steps), 'migration')} applied in {report.seconds:.2f} s{where}.")
    if report.users:
        said.append(f"{counted(len(report.users), 'user column', 'is', 'are')} tied to {report.user_table}.")
    return said


def _show_undone(report: MigrateReport) -> None:
    if report.steps:
        left = f"{report.current} is now the last." if report.current else "Nothing of FBS is left."
        done(f"{counted(len(report.steps), 'migration')} undone in {report.seconds:.2f} s. {left}")
    else:
        echo(f"Nothing to undo in {report.database}, schema {report.schema}.")


def _show_accepted(report: MigrateReport) -> None:
    if report.steps:
        done("Accepted: " + ", ".join(step.migration_id for step in report.steps) + ".")
    else:
        echo("Nothing to accept: the files are as they were applied.")


def _show_status(report: StatusReport) -> None:
    echo(f"{report.database}, schema {report.schema}")
    width = max(len(row.migration_id) for row in report.migrations)
    for row in report.migrations:
        echo(_status_line(row, width))
    if pending := len(report.pending):
        echo(f"{counted(pending, 'migration')} pending. Apply with: {command('migrate')}")
        for name in report.elsewhere:
            echo(f"FBS is also installed in schema {name}. See: {command('status', '--schema', name)}")
    elif not report.problems:
        done("Everything is applied.")
    if report.left_out:
        echo(left_out_line(report.left_out))
    if newer := [row.fbs_db_version for row in report.migrations if row.state == "newer"]:
        _tell_newer(report.schema, max(newer, key=order))


def _tell_newer(schema: str, release: str) -> None:
    echo(f"{said_of(schema, release)}. To install that one: {upgrade_to(release)}")


def _status_line(row: MigrationStatus, width: int) -> str:
    state = style(f"{row.state:<8}", fg=_STATE_COLORS[row.state])
    line = f"  {row.migration_id:<{width}}  {row.component:<10}  {state}"
    if row.applied_at:
        line += f"  {row.applied_at:%Y-%m-%d %H:%M:%S %Z} by {row.applied_by}, fbs-db {row.fbs_db_version}"
    return line.rstrip()


def _dry_run(call: Call, **options: Any) -> Answer:
    """Print the script, try it, then print the locks. The script is there even if the trial waits too long."""
    scripts: list[DryRunReport] = []

    def ready(report: DryRunReport) -> None:
        scripts.append(report)
        if not call.as_json and not call.member:
            _show_plan(report)
            sys.stdout.flush()

    try:
        report = plan(call.database, schema=call.schema, ready=ready, **options)
    except LockTimeout as error:
        if not scripts or not call.as_json or call.member:
            raise
        complain(error.message, error.hint)
        return Answer(scripts[0].as_dict() | {"error": error.as_dict()}, print, error.exit_code)

    def show(report: DryRunReport) -> None:
        if call.member:  # many have the same plan
            _show_plan(replace(report, database=""))
        _show_locks(report)
        if report.sql != scripts[0].sql:
            _remark("Another run of migrate came in between, so the script above is out of date. Run this again.")

    if not call.member:
        return Answer(report, show)
    return Answer(report, show, outcome="pending" if report.sql else "up to date", line=None if report.sql else "")


def _show_plan(plan: DryRunReport) -> None:
    where = f" on {plan.database}" if plan.database else ""
    _remark(f"Dry run{where}, schema {plan.schema}: nothing is changed.")
    if plan.pending:
        _remark(f"Migrations: {', '.join(plan.pending)}")
    if plan.users:
        tied = counted(len(plan.users), "user column", "is", "are")
        _remark(f"Last before the commit, {tied} tied to {plan.user_table}:")
        for column in plan.users:
            _remark(f"  {column.table_name}.{column.column_name} (on delete {column.on_delete})")
        _remark(
            f"The locks for this are tried {locks.TRIES} times, 0.8 s each. Writers of the user table wait meanwhile.\n"
            "After the commit each column is validated by itself. No reader or writer waits for that."
        )
    if not plan.sql:
        _remark("Nothing to do.")
    else:
        print_exact("\n" + plan.sql, nl=False)


def _show_locks(plan: DryRunReport) -> None:
    tried = [name for name in plan.pending if name not in plan.untried]
    if tried or plan.locks:
        echo()
        _remark("Locks on existing tables:" + ("" if plan.locks else " none"))
    for lock in plan.locks:
        _remark(f"  {lock.migration_id}: {lock.mode} on {lock.table} (blocks {lock.blocks})")
    if plan.untried and tried:
        _remark(f"Not tried, as they run outside a transaction or after such a migration: {', '.join(plan.untried)}")


def _remark(text: str) -> None:
    """Print what is no statement as a comment: psql can run the whole output."""
    echo(commented(text))
