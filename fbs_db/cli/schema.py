"""Commands that apply, undo and show the schema."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from functools import partial
from typing import Any

import click

import fbs_db
from fbs_db.cli.base import (
    all_option,
    ask,
    columns,
    complain,
    done,
    json_option,
    main,
    on_each,
    print_json,
    quiet,
    schema_option,
    show_orphans,
    show_progress,
    size_of,
    wrapped,
)
from fbs_db.database import connection, locks, server, which
from fbs_db.errors import LockTimeout, RowsAtStake, UsageError
from fbs_db.reports import MigrationStatus, TableDescription
from fbs_db.schema import migrate as migrations
from fbs_db.schema.rollback import rollback_plan
from fbs_db.wording import command, commented, counted

_STATE_COLORS = {"applied": "green", "pending": "yellow", "edited": "red", "missing": "red"}


@main.command()
@click.option("--to", metavar="ID", help="Last file to apply, such as 0003.")
@click.option("--dry-run", is_flag=True, help="Print the exact SQL and its locks on existing tables; change nothing.")
@schema_option
@click.option("--user-table", metavar="T", help="The host's user table; user columns get the type of its key.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=locks.LOCK_WAIT,
    show_default=True,
    help="How long to wait for another migration.",
)
@all_option
@json_option
@click.pass_obj
def migrate(
    database: str | None,
    to: str | None,
    dry_run: bool,
    schema: str | None,
    user_table: str | None,
    wait: float,
    all_: bool,
    as_json: bool,
) -> None:
    """Apply what is pending: all of it, or nothing.

    Where users are named, their columns are tied in the same transaction. Exit code 1
    where rows are left whose user is gone.

    The dry run prints a script that psql runs as it is, before it asks for any lock. To
    learn the locks it then runs the files in a transaction that it rolls back, at most
    10 seconds a statement; it ties no users, so who writes the user table does not wait.
    """

    def work(database: str | None) -> tuple[Any, int]:
        if dry_run:
            return _dry_run(database, as_json, to=to, schema=schema, user_table=user_table, wait=wait)
        report = fbs_db.migrate(
            database,
            to=to,
            schema=schema,
            user_table=user_table,
            wait=wait,
            progress=quiet if as_json else show_progress,
        )
        if not as_json:
            _show_applied(report)
            show_orphans(report.users, report.user_table)
        return report.as_dict(), 1 if any(not column.validated for column in report.users) else 0

    on_each(database, all_, as_json, work, as_sql=dry_run)


@main.command()
@click.option("--to", metavar="ID", help="Undo all files after this one.")
@click.option("--all", "everything", is_flag=True, help="Undo everything.")
@click.option("--dry-run", is_flag=True, help="Print the exact SQL; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, though rows will be lost.")
@schema_option
@json_option
@click.pass_obj
def rollback(
    database: str | None,
    to: str | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
    schema: str | None,
    as_json: bool,
) -> None:
    """Undo the last file, all files after one, or everything.

    Tables go with their rows. Where there are any, it asks first, or wants --yes.
    """
    if dry_run:
        plan = rollback_plan(database, to=to, everything=everything, schema=schema)
        if as_json:
            print_json(plan.as_dict())
        else:
            _show_plan(plan)
        return
    undo = partial(
        fbs_db.rollback,
        database,
        to=to,
        everything=everything,
        schema=schema,
        progress=quiet if as_json else show_progress,
    )
    try:
        report = undo(lose_rows=yes)
    except RowsAtStake as error:
        ask(error.message)
        report = undo(lose_rows=True)
    if as_json:
        print_json(report.as_dict())
    elif report.steps:
        left = f"{report.current} is now the last." if report.current else "Nothing of FBS is left."
        done(f"{counted(len(report.steps), 'file')} undone in {report.seconds:.2f} s. {left}")
    else:
        click.echo(f"Nothing to undo in {report.database}, schema {report.schema}.")


@main.command()
@click.option("--exit-code", is_flag=True, help="Exit with 1 where files are pending.")
@schema_option
@all_option
@json_option
@click.pass_obj
def status(database: str | None, exit_code: bool, schema: str | None, all_: bool, as_json: bool) -> None:
    """What is applied, pending, edited since, or missing.

    Exit codes: 0 nothing is wrong; 1 an applied file was edited or is missing, or, with
    --exit-code, files are pending; 2 it could not look.
    """

    def work(database: str | None) -> tuple[Any, int]:
        report = fbs_db.status(database, schema=schema)
        if not as_json:
            _show_status(report)
        for problem in report.problems:
            complain(problem.message, problem.hint)
        return report.as_dict(), 1 if report.problems or (exit_code and report.pending) else 0

    on_each(database, all_, as_json, work)


@main.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@schema_option
@json_option
@click.pass_obj
def accept(database: str | None, ids: tuple[str, ...], schema: str | None, as_json: bool) -> None:
    """Take edited files as applied; the schema is not touched.

    For when the database has been made to agree with an edited file by hand.
    """
    report = fbs_db.accept(ids, database, schema=schema)
    if as_json:
        print_json(report.as_dict())
    elif report.steps:
        done("Accepted: " + ", ".join(step.migration_id for step in report.steps) + ".")
    else:
        click.echo("Nothing to accept: the files are as they were applied.")


@main.command()
@schema_option
@json_option
@click.pass_obj
def tables(database: str | None, schema: str | None, as_json: bool) -> None:
    """FBS's tables: rows, size on disk, and what they hold."""
    rows = fbs_db.tables(database, schema=schema)
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    if not rows:
        click.echo(f"There are no FBS tables here. Make them with: {command('migrate')}")
        return
    width = max(len(row.name) for row in rows)
    component = ""
    for row in rows:
        if row.component != component:
            component = row.component
            click.secho(component, bold=True)
        count = f"{row.rows:,}" if row.exact else f"~{row.rows:,}"
        rows_ = "row " if row.rows == 1 else "rows"
        line = f"  {row.name:<{width}}  {count:>9} {rows_}  {size_of(row.size):>8}  "
        click.echo(line + textwrap.shorten(row.comment, max(30, columns() - len(line)), placeholder=" ..."))


@main.command()
@click.argument("table")
@schema_option
@json_option
@click.pass_obj
def describe(database: str | None, table: str, schema: str | None, as_json: bool) -> None:
    """One table in full: columns, keys, indexes, triggers, comments."""
    description = fbs_db.describe(table, database, schema=schema)
    if as_json:
        print_json(description.as_dict())
    else:
        _show_description(description)


@main.command()
@json_option
@click.pass_obj
def url(database: str | None, as_json: bool) -> None:
    """The database that would be worked on, without its password."""
    shown = connection.shown(which.resolve(database)[0])
    if as_json:
        print_json({"url": shown})
    else:
        click.echo(shown)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@schema_option
@click.pass_obj
def psql(database: str | None, arguments: tuple[str, ...], schema: str | None) -> None:
    """Open psql on the database; further arguments are psql's own.

    \b
    fbs-db psql -c '\\d+ fbs_approval_requests'
    """
    from psycopg import conninfo

    where, config = which.resolve(database)
    options = conninfo.conninfo_to_dict(where)
    environment = dict(os.environ)
    if password := options.pop("password", None):
        environment["PGPASSWORD"] = str(password)
    settings = [str(options.pop("options", None) or environment.get("PGOPTIONS", ""))]
    if connection.looks_for_clients(where):
        settings.insert(0, f"-c {connection.CLIENT_CHECK}=1s")
    schema = schema or config.schema
    if schema and schema != "public":
        quoted = re.sub(r"([\\\s])", r"\\\1", '"' + schema.replace('"', '""') + '"')
        settings.append(f"-c search_path={quoted}")
    environment["PGOPTIONS"] = " ".join(filter(None, settings))
    program = _psql()
    sys.stdout.flush()
    os.execve(program, [program, "-d", conninfo.make_conninfo("", **options), *arguments], environment)


def _show_applied(report: fbs_db.MigrateReport) -> None:
    where = f"{report.database}, schema {report.schema}"
    if report.steps:
        done(f"{counted(len(report.steps), 'file')} applied in {report.seconds:.2f} s to {where}.")
    elif not report.users:
        click.echo(f"Nothing to do: {report.current} is in force in {where}.")
    if report.users:
        done(f"{counted(len(report.users), 'user column', 'is', 'are')} tied to {report.user_table}.")


def _dry_run(database: str | None, as_json: bool, **options: Any) -> tuple[Any, int]:
    """Print the script, then try it, and print the locks; the script is not lost where it has to wait too long."""
    first: list[fbs_db.DryRunReport] = []

    def ready(plan: fbs_db.DryRunReport) -> None:
        first.append(plan)
        if not as_json:
            _show_plan(plan)
            sys.stdout.flush()

    try:
        plan = migrations.plan(database, ready=ready, **options)
    except LockTimeout as error:
        if not first or not as_json:
            raise
        complain(error.message, error.hint)
        return first[0].as_dict() | {"error": error.as_dict()}, error.exit_code
    if not as_json:
        _show_locks(plan)
        if plan.sql != first[0].sql:
            _remark("Another migration has run meanwhile: what is above is out of date. Type the same again.")
    return plan.as_dict(), 0


def _show_plan(plan: fbs_db.DryRunReport) -> None:
    _remark(f"Dry run on {plan.database}, schema {plan.schema}: nothing is changed.")
    if plan.pending:
        _remark(f"Files: {', '.join(plan.pending)}")
    if plan.users:
        tied = counted(len(plan.users), "user column", "is", "are")
        _remark(f"As the last thing before the commit, {tied} tied to {plan.user_table}:")
        for column in plan.users:
            _remark(f"  {column.table_name}.{column.column_name} (on delete {column.on_delete})")
        _remark(
            f"Its locks are asked for {locks.TRIES} times, 0.8 s each; as long writers of the user table wait.\n"
            "After the commit each column is validated by itself: no reader or writer waits."
        )
    if not plan.sql:
        _remark("Nothing to do.")
    else:
        click.echo("\n" + plan.sql, nl=False)


def _show_locks(plan: fbs_db.DryRunReport) -> None:
    tried = [name for name in plan.pending if name not in plan.untried]
    if tried or plan.locks:
        click.echo()
        _remark("Locks on tables that exist already:" + ("" if plan.locks else " none"))
    for lock in plan.locks:
        _remark(f"  {lock.migration_id}: {lock.mode} on {lock.table} (blocks {lock.blocks})")
    if plan.untried and tried:
        _remark(f"Not tried, as they run outside a transaction or after such a file: {', '.join(plan.untried)}")


def _remark(text: str) -> None:
    """All that is no statement is a comment, so that psql runs the whole."""
    click.echo(commented(text))


def _show_description(table: TableDescription) -> None:
    click.secho(f"{table.name}", bold=True, nl=False)
    click.echo(f" ({table.component})")
    click.echo(wrapped(table.comment, "  "))
    click.echo()
    names = max(len(column.name) for column in table.columns)
    types = max(len(column.type) for column in table.columns)
    for column in table.columns:
        facts = "" if column.nullable else "not null"
        if column.default:
            facts += f" default {column.default}" if "identity" not in column.default else f" {column.default}"
        click.echo(f"  {click.style(f'{column.name:<{names}}', fg='cyan')}  {column.type:<{types}}  {facts.strip()}")
        click.echo(wrapped(column.comment, " " * (names + 4)))
    for title, pairs in (
        ("Constraints", table.constraints),
        ("Indexes", table.indexes),
        ("Triggers", table.triggers),
        ("Referenced by", tuple((name, f"on delete {rule}") for name, rule in table.referenced_by)),
    ):
        if pairs:
            click.secho(f"\n{title}", bold=True)
            for name, definition in pairs:
                click.echo(f"  {name}\n{wrapped(definition, '      ')}")


def _show_status(report: fbs_db.StatusReport) -> None:
    click.echo(f"{report.database}, schema {report.schema}")
    width = max(len(row.migration_id) for row in report.migrations)
    for row in report.migrations:
        click.echo(_status_line(row, width))
    if pending := len(report.pending):
        click.echo(f"{counted(pending, 'file')} pending. Apply with: {command('migrate')}")
        for name in report.elsewhere:
            click.echo(f"FBS is installed in schema {name} too. To see it: {command('status', '--schema', name)}")
    elif not report.problems:
        done("Everything is applied.")


def _status_line(row: MigrationStatus, width: int) -> str:
    state = click.style(f"{row.state:<8}", fg=_STATE_COLORS[row.state])
    line = f"  {row.migration_id:<{width}}  {row.component:<10}  {state}"
    if row.applied_at:
        line += f"  {row.applied_at:%Y-%m-%d %H:%M:%S %Z} by {row.applied_by}, fbs-db {row.fbs_db_version}"
    return line.rstrip()


def _psql() -> str:
    """The newest psql there is; on a tie the system's, which edits lines."""
    found = [path for path in (shutil.which("psql"), server.program("psql")) if path]
    if not found:
        raise UsageError(
            "psql is not installed.", hint="It comes with PostgreSQL, or with: pip install 'fbs-db[embedded]'"
        )
    return str(max(found, key=_major))


def _major(program: Any) -> int:
    said = subprocess.run([str(program), "--version"], check=False, capture_output=True, text=True).stdout
    return next((int(word.split(".")[0]) for word in said.split() if word[0].isdigit()), 0)
