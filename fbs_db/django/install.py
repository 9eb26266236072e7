"""What ``manage.py migrate`` does for FBS: its migrations before the host's, users and hosts attached after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.apps import AppConfig
from django.core.management.base import CommandError
from django.core.management.color import color_style
from django.db import connections

import fbs_db
from fbs_db.cleanup.hosts import require_hosts
from fbs_db.database import django_settings, patterns, project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import NOTHING_CHANGED, open_session, sentences
from fbs_db.django.hosts import HostModel, host_models
from fbs_db.django.messages import for_shell, migrate_command
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.reports import Progress
from fbs_db.wording import command, counted

_migrating: ContextVar[bool] = ContextVar("_migrating", default=False)


def before_migrations(sender: AppConfig, using: str, verbosity: int = 1, stdout: Any = None, **_: Any) -> None:
    """Receive ``pre_migrate``: apply the pending migrations of FBS in this database.

    They run before the host's migrations, which may use FBS's tables.
    """
    if config_of(using) is None:
        return
    _migrating.set(True)  # our command has done so, another app's has not
    say = _printer(verbosity, stdout)
    with as_command_errors(using):
        report = fbs_db.migrate(using, user_table="", progress=lambda progress: _show(progress, say))
        if report.steps:
            applied = counted(len(report.steps), "migration")
            say(f"  {applied} of FBS applied to database {using}, schema {report.schema}.")
        if report.left_out:
            say(f"  Left out by FBS_DB: {', '.join(report.left_out)}.")
        if django_settings.value_of("LATER_NAMES") and (made := fbs_db.add_later_names(using)):
            say(f"  {counted(len(made), 'view')} under FBS's later names: {', '.join(made)}.")


def after_migrations(sender: AppConfig, using: str, verbosity: int = 1, stdout: Any = None, **options: Any) -> None:
    """Receive ``post_migrate``: attach FBS to the user table and the host tables that exist now."""
    _migrating.set(False)
    config = config_of(using)
    if config is None or "plan" not in options:  # sent by flush, which changes no table
        return
    say = _printer(verbosity, stdout)
    with as_command_errors(using):
        if config.user_table and is_there(using, config.user_table):
            _tie_users(using, config.user_table, say)
        fresh = unattached(using)
        for host in host_models():
            if host.lives_in(using) and is_there(using, host.table(using)):
                # If attached before, too: this restores triggers, such as after a migration made the table anew.
                fbs_db.attach_host(
                    host.table(using),
                    host.model_name,
                    using,
                    key=host.key,
                    solution=host.solution,
                    solution_column=host.solution_column,
                    follow_keys=host.follow_keys,
                )
                if host in fresh:
                    say(f"  {host.table(using)} attached to FBS as {host.name}.")


def is_migrating() -> bool:
    """Whether ``manage.py migrate`` runs in this process."""
    return _migrating.get()


@contextmanager
def migrating() -> Iterator[None]:
    """The block of ``manage.py migrate``, in which checks leave databases alone that it is about to repair."""
    token = _migrating.set(True)
    try:
        yield
    finally:
        _migrating.reset(token)


def _tie_users(alias: str, table: str, say: Any) -> None:
    """Tie all user columns or none, in a run of its own: the host's migrations may just have made the user table."""
    try:
        report = fbs_db.migrate(alias, progress=lambda progress: _show(progress, say))
    except FbsDbError as error:
        hint = error.hint.replace(NOTHING_CHANGED, "No user column was tied.")
        stays = f"The migrations before it, FBS's included, stay applied. Run it again: {migrate_command(alias)}"
        error.hint = sentences(hint, stays)
        raise
    if report.users:
        say(f"  {counted(len(report.users), 'user column')} of FBS tied to {table}.")
    for column in report.users:
        if column.orphans:
            rows = counted(column.orphans, "row")
            say(f"  {column.table_name}.{column.column_name}: {rows} without a user.")
    if any(column.orphans for column in report.users):
        repair = command("attach", "users", table, "--repair")
        say(f"  Delete them or set them to NULL, by each column's rule: {repair}")


def placed(alias: str) -> DatabaseConfig | None:
    """The configuration of a database, such as that of a solution; None where FBS is not placed in it.

    Raises:
        UsageError: FBS_DB is wrong.
    """
    host_models()
    known = project.configuration()
    return known.databases.get(alias) or patterns.member(alias, known)


def config_of(alias: str) -> DatabaseConfig | None:
    """What `placed` gives.

    Raises:
        CommandError: FBS_DB is wrong.
    """
    try:
        return placed(alias)
    except UsageError as error:  # with the id of the check, which may not have run
        raise CommandError(f"(fbs_db.E001) {error}", returncode=error.exit_code) from error


def planned(alias: str) -> list[str]:
    """The steps of ``migrate`` for FBS in this database, a line each. Changes nothing."""
    config = config_of(alias)
    if config is None:
        return []
    with as_command_errors(alias):
        pending = fbs_db.status(alias).pending
        return [
            *(f"Apply {name}" for name in pending),
            *(f"Attach {host.model._meta.label} as {host.name}" for host in unattached(alias, bool(pending))),
        ]


def unattached(alias: str, fresh: bool = False) -> list[HostModel]:
    """The host models of this database that are not attached, or otherwise than HOSTS says.

    Parameters:
        alias: the database.
        fresh: whether FBS is not installed yet, so that none can be attached.
    """
    wanted = [host for host in host_models() if host.lives_in(alias)]
    if fresh or not wanted:
        return wanted
    query = (
        "select exists (select from {fbs}fbs_hosts"
        " where host_table = to_regclass(%s) and model_name = %s and key_column = %s"
        " and solution is not distinct from coalesce(%s, solution)"
        " and solution_column is not distinct from coalesce(%s, solution_column)"
        " and follows_keys = coalesce(%s, follows_keys))"
    )
    with open_session(alias, None, application="fbs-db hosts") as session:
        require_hosts(session)
        chosen = [(host, (host.solution, host.solution_column, host.follow_keys)) for host in wanted]
        return [
            host
            for host, options in chosen
            if session.select(query, host.table(alias), host.model_name, host.key, *options) != [(True,)]
        ]


@contextmanager
def as_command_errors(alias: str) -> Iterator[None]:
    """A block whose errors become CommandError, which ``manage.py`` prints without a traceback."""
    try:
        with for_shell(alias):
            yield
    except FbsDbError as error:
        from fbs_db.cli.output import visible

        raise CommandError(visible(f"FBS in database {alias}: {error}"), returncode=error.exit_code) from error


def is_there(alias: str, table: str) -> bool:
    """Whether Django's connection finds a table, by its name for SQL."""
    with connections[alias].cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null", [table])
        return bool(cursor.fetchone()[0])


def _printer(verbosity: int, stdout: Any) -> Any:
    if verbosity < 1:
        return lambda text: None
    if stdout is None:
        return print
    from fbs_db.cli.output import visible

    headed: list[str] = []

    def say(text: str) -> None:
        if not headed:
            headed.append(text)
            stdout.write(color_style().MIGRATE_HEADING("FBS:"))
        stdout.write(visible(text))

    return say


def _show(progress: Progress, say: Any) -> None:
    if progress.kind == "end":
        say(f"  Applying {progress.migration_id}... OK")
    elif progress.kind == "wait":
        say(f"  {progress.text}")
