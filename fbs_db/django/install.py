"""What ``manage.py migrate`` does for FBS: its files before the host's migrations, its ties after them."""

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
from fbs_db.database import django_settings
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import NOTHING_CHANGED, open_session, sentences
from fbs_db.django.hosts import HostModel, host_models
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.reports import Progress
from fbs_db.wording import command, counted

_migrating: ContextVar[bool] = ContextVar("_migrating", default=False)


def before_migrations(sender: AppConfig, using: str, verbosity: int = 1, stdout: Any = None, **_: Any) -> None:
    """Receives ``pre_migrate``: applies FBS's files that are pending in this database.

    Before the host's migrations, so that those may use FBS's tables, and Django finds
    them there where the host has FBS's models.
    """
    if config_of(using) is None:
        return
    _migrating.set(True)  # where the command is another app's
    tell = _teller(verbosity, stdout)
    with as_command_errors(using):
        report = fbs_db.migrate(using, user_table="", progress=lambda progress: _show(progress, tell))
        if report.steps:
            tell(f"  {counted(len(report.steps), 'file')} of FBS applied to {using}, schema {report.schema}.")
        if django_settings.said_of("LATER_NAMES") and (made := fbs_db.add_later_names(using)):
            tell(f"  {counted(len(made), 'view')} under FBS's later names: {', '.join(made)}.")


def after_migrations(sender: AppConfig, using: str, verbosity: int = 1, stdout: Any = None, **options: Any) -> None:
    """Receives ``post_migrate``: ties FBS to the users and to the host's tables that are there now."""
    _migrating.set(False)
    config = config_of(using)
    if config is None or "plan" not in options:  # as from flush, which changes no table
        return
    tell = _teller(verbosity, stdout)
    with as_command_errors(using):
        if config.user_table and is_there(using, config.user_table):
            _tie_users(using, config.user_table, tell)
        fresh = unattached(using)
        for host in host_models():
            if host.lives_in(using) and is_there(using, host.table(using)):
                # Again, too: it puts back what was lost, as where a migration made the table anew.
                fbs_db.attach_host(host.table(using), host.model_name, using, key=host.key)
                if host in fresh:
                    tell(f"  {host.table(using)} attached to FBS as {host.model_name}.")


def is_migrating() -> bool:
    """Whether ``manage.py migrate`` is under way in this process."""
    return _migrating.get()


@contextmanager
def migrating() -> Iterator[None]:
    """The block of ``manage.py migrate``: checks do not look at the databases that it is about to mend."""
    token = _migrating.set(True)
    try:
        yield
    finally:
        _migrating.reset(token)


def _tie_users(alias: str, table: str, tell: Any) -> None:
    """Tie FBS to the users: a run of its own, all columns or none, as their table may have come just now."""
    try:
        report = fbs_db.migrate(alias, progress=lambda progress: _show(progress, tell))
    except FbsDbError as error:
        hint = error.hint.replace(NOTHING_CHANGED, "No user column was tied.")
        again = django_settings.migrate_command(alias)
        stays = f"What was migrated before, FBS's files among it, stays. Type the same again: {again}"
        error.hint = sentences(hint, stays)
        raise
    if report.users:
        tell(f"  {counted(len(report.users), 'user column')} of FBS tied to {table}.")
    for column in report.users:
        if column.orphans:
            rows = counted(column.orphans, "row")
            tell(f"  {column.table_name}.{column.column_name}: the user of {rows} is gone.")
    if any(column.orphans for column in report.users):
        tell(f"  Delete or empty them, by each column's own rule: {command('attach', 'users', table, '--repair')}")


def config_of(alias: str) -> DatabaseConfig | None:
    """What FBS_DB says of a database; None where FBS has no part in it.

    Raises:
        CommandError: FBS_DB makes no sense.
    """
    try:
        host_models()
        return django_settings.configuration().databases.get(alias)
    except UsageError as error:  # with the id of the check, which nobody may have run
        raise CommandError(f"(fbs_db.E001) {error}", returncode=error.exit_code) from error


def planned(alias: str) -> list[str]:
    """What ``migrate`` would do for FBS in this database, a line each. Changes nothing."""
    config = config_of(alias)
    if config is None:
        return []
    with as_command_errors(alias):
        pending = fbs_db.status(alias).pending
        return [
            *(f"Apply {name}" for name in pending),
            *(f"Attach {host.model._meta.label} as {host.model_name}" for host in unattached(alias, bool(pending))),
        ]


def unattached(alias: str, fresh: bool = False) -> list[HostModel]:
    """The host's models of this database that FBS does not know, or by another name, table or key.

    Parameters:
        alias: the database.
        fresh: whether FBS is not installed there yet, so that none is attached.
    """
    wanted = [host for host in host_models() if host.lives_in(alias)]
    if fresh or not wanted:
        return wanted
    query = (
        "select exists (select from {fbs}fbs_hosts"
        " where model_name = %s and key_column = %s and host_table = to_regclass(%s))"
    )
    with open_session(alias, None, application="fbs-db hosts") as session:
        require_hosts(session)
        return [
            host for host in wanted if session.select(query, host.model_name, host.key, host.table(alias)) != [(True,)]
        ]


@contextmanager
def as_command_errors(alias: str) -> Iterator[None]:
    """Errors of ours leave the block as Django's, which ``manage.py`` prints without a traceback."""
    try:
        with django_settings.as_typed(alias):
            yield
    except FbsDbError as error:
        raise CommandError(f"FBS in database {alias}: {error}", returncode=error.exit_code) from error


def is_there(alias: str, table: str) -> bool:
    """Whether Django's connection finds a table."""
    with connections[alias].cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null", [table])
        return bool(cursor.fetchone()[0])


def _teller(verbosity: int, stdout: Any) -> Any:
    if verbosity < 1:
        return lambda text: None
    if stdout is None:
        return print
    headed: list[str] = []

    def tell(text: str) -> None:
        if not headed:
            headed.append(text)
            stdout.write(color_style().MIGRATE_HEADING("FBS:"))
        stdout.write(text)

    return tell


def _show(progress: Progress, tell: Any) -> None:
    if progress.kind == "end":
        tell(f"  Applying {progress.migration_id}... OK")
    elif progress.kind == "wait":
        tell(f"  {progress.text}")
