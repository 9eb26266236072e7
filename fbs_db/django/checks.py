"""Django's system checks: of the settings, and of FBS in each database.

Ids below 100 concern the settings, and databases that cannot be checked. Ids from 100 on are findings of
``fbs-db check``: the number tells the kind of object, the letter the severity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.management import get_commands, load_command_class
from django.db import connections, router

import fbs_db
from fbs_db.database import django_settings
from fbs_db.database.django_settings import is_per_tenant, value_of
from fbs_db.django import middleware, receivers, tables
from fbs_db.django.aliases import patterns
from fbs_db.django.hosts import host_models
from fbs_db.django.install import is_migrating, placed, unattached
from fbs_db.django.messages import for_shell, migrate_command
from fbs_db.django.router import component_of, home_of, same_database
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.health.findings import Finding
from fbs_db.wording import command, counted, typed

#: The number of each kind of finding. Hosts silence checks by them, so none may change.
NUMBERS = {
    "migration": 101,
    "component": 102,
    "domain": 103,
    "function": 104,
    "table": 105,
    "column": 106,
    "not null": 107,
    "default": 108,
    "constraint": 109,
    "index": 110,
    "statistics": 111,
    "view": 112,
    "trigger": 113,
    "comment": 114,
    "setting": 115,
    "rule": 116,
    "users": 120,
    "user key": 121,
    "host": 122,
    "clean-up": 130,
    "file": 131,
    "rows": 132,
    "right": 133,
    "owner": 134,
    "privilege": 140,
}
OTHER = 199
#: Errors that migrate repairs or reports itself. They must not stop the migrate command of another app.
REPAIRED_BY_MIGRATE = (
    "fbs_db.E005",
    *(f"fbs_db.E{NUMBERS[kind]}" for kind in ("migration", "users", "user key", "host")),
)
_SEVERITIES: dict[str, tuple[str, Callable[..., CheckMessage]]] = {
    "error": ("E", Error),
    "warning": ("W", checks.Warning),
    "note": ("I", checks.Info),
}


def settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Errors in FBS_DB, and settings and receivers that work against the database."""
    try:
        config, hosts = django_settings.configuration(), host_models()
    except UsageError as error:
        return [Error(error.message, hint=error.hint, id="fbs_db.E001")]
    messages: list[CheckMessage] = [
        Error(
            f"HOSTS names {host.model._meta.label}, whose table is in none of the databases of FBS_DB.",
            hint='Add its database to FBS_DB["DATABASES"], with "COMPONENTS": [] where it holds nothing of FBS.',
            id="fbs_db.E002",
        )
        for host in hosts
        if not is_per_tenant(host.model) and not any(host.lives_in(alias) for alias in config.databases)
    ]
    messages += tables.of_settings(hosts)
    solutions: dict[str, list[str | None]] = defaultdict(list)
    for host in hosts:
        solutions[host.model_name].append(host.solution)
    for name, found in solutions.items():
        if len(found) > 1 and (None in found or len(set(found)) < len(found)):
            messages.append(
                Error(
                    f"Several models in HOSTS have the MODEL_NAME {name}, and not each has a SOLUTION of its own.",
                    hint="Deleting rows of one would clean up the rows of the other.",
                    id="fbs_db.E003",
                )
            )
    if value_of("SIGNALS") is None and (guarded := receivers.connected()):
        modules = ", ".join(sorted({name.partition(":")[0] for name in guarded}))
        messages.append(
            checks.Warning(
                f"{modules}: {counted(len(guarded), 'receiver')} of FBS run under a guard. Most of FBS's receivers only"
                " log. An exception in one is logged and does not reach the host.",
                hint='To switch them off: FBS_DB = {"SIGNALS": False}. To run them without the guard: "SIGNALS": True.'
                ' To keep the guard: SILENCED_SYSTEM_CHECKS = ["fbs_db.W004"].',
                id="fbs_db.W004",
            )
        )
    messages += _routed_elsewhere()
    messages += _solutions()
    messages += _kept_connections()
    return messages


def databases(app_configs: Any, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The findings of ``fbs-db check`` in each of these databases, with the repair as hint."""
    if is_migrating():
        return []  # errors would stop the command that repairs them
    try:
        ours = [alias for alias in databases or () if placed(alias) is not None]
    except UsageError as error:
        # The other check reports it too, unless only checks of databases are run.
        return [_not_checked(alias, error) for alias in databases or ()]
    return [message for alias in ours for message in _of(alias)]


def _routed_elsewhere() -> Iterator[CheckMessage]:
    """Warnings where the host's routers send FBS's models to another database than the settings place them in."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for model in apps.get_models(include_auto_created=True):
        component = component_of(model)
        home = home_of(component) if component else None
        if home is None or home in patterns():
            continue
        chosen = _chosen_for(model)
        if chosen is not None and (chosen not in connections or not same_database(chosen, home)):
            found[chosen, home].append(f"{model._meta.label} ({component})")
    for (chosen, home), models in found.items():
        yield checks.Warning(
            f"DATABASE_ROUTERS send writes to database {chosen} for {', '.join(models)}."
            f" FBS_DB places their tables in database {home}.",
            hint=f'Place the component in {chosen}, with "COMPONENTS" in FBS_DB["DATABASES"],'
            f" or let the routers send these models to {home}.",
            id="fbs_db.W007",
        )


def _solutions() -> Iterator[CheckMessage]:
    """An error if the middleware cannot learn the solution of a request, and a warning if nothing asks for it."""
    in_use, named = middleware.is_in_use(), value_of("SOLUTION") is not None
    if in_use or named:
        try:
            middleware.solution_of()
        except UsageError as error:
            yield Error(error.message, hint=error.hint, id="fbs_db.E011")
    if named and not in_use:
        yield checks.Warning(
            "FBS_DB has SOLUTION, and MIDDLEWARE does not have SolutionMiddleware, which asks it.",
            hint='Add "fbs_db.django.middleware.SolutionMiddleware" to MIDDLEWARE, as the last.',
            id="fbs_db.W012",
        )


def _kept_connections() -> Iterator[CheckMessage]:
    """A warning where each process keeps connections to the database of every solution that it has met."""
    for alias in patterns():
        database = connections[alias].settings_dict
        kept = [key for key in ("CONN_MAX_AGE", "pool") if {**database, **database["OPTIONS"]}.get(key)]
        if database["CONN_MAX_AGE"] is None:
            kept[:0] = ["CONN_MAX_AGE"]
        if kept:
            yield checks.Warning(
                f"DATABASES[{alias!r}] has {' and '.join(kept)}. Each process keeps connections to the databases of all"
                " solutions that it has met.",
                hint='Set "CONN_MAX_AGE": 0 and no "pool". If the server has connections enough:'
                ' SILENCED_SYSTEM_CHECKS = ["fbs_db.W013"].',
                id="fbs_db.W013",
            )


def _chosen_for(model: Any) -> str | None:
    try:
        return f"{router.db_for_write(model)}"
    except Exception:  # a host's router may need more than the model, such as the row
        return None


def _other_migrate() -> str | None:
    """The app whose ``migrate`` command replaces ours; it runs these checks before it installs anything."""
    from fbs_db.django.management.commands.migrate import Command

    app = get_commands().get("migrate")
    try:
        ours = isinstance(load_command_class(app, "migrate") if isinstance(app, str) else app, Command)
    except Exception:  # the host sees it when it migrates
        ours = False
    return None if ours else f"{app}"


def _not_checked(alias: str, error: FbsDbError) -> CheckMessage:
    text = f"FBS in {alias} could not be checked: {error.message}"
    return Error(text, hint=error.hint or None, id="fbs_db.E005")


def _of(alias: str) -> list[CheckMessage]:
    try:
        with for_shell(alias):
            messages = list(_findings(alias))
    except FbsDbError as error:
        messages = [_not_checked(alias, error)]
    if not any(message.id in REPAIRED_BY_MIGRATE for message in messages) or (other := _other_migrate()) is None:
        return messages
    return [
        *(_as_warning(message) if message.id in REPAIRED_BY_MIGRATE else message for message in messages),
        checks.Warning(
            f"FBS in {alias}: errors are shown as warnings, because manage.py migrate is the command of {other},"
            " which would stop at them.",
            hint=f'Put "fbs_db.django" before "{other}" in INSTALLED_APPS.',
            id="fbs_db.W006",
        ),
    ]


def _as_warning(message: CheckMessage) -> CheckMessage:
    return checks.Warning(message.msg, hint=message.hint, id=message.id.replace(".E", ".W"))


def _findings(alias: str) -> Iterator[CheckMessage]:
    report = fbs_db.check(alias)
    for finding in report.findings:
        yield _message(finding, alias)
    if not report.objects:
        return
    try:
        yield from tables.not_attached(unattached(alias), alias)
        yield from tables.out_of_sight(alias)
        yield from tables.names_taken(alias)
    except FbsDbError as error:
        yield checks.Warning(
            f"FBS in {alias}: could not check whether your models are attached: {error.message}",
            hint=error.hint,
            id="fbs_db.W005",
        )


def to_mend(finding: Finding, alias: str) -> str:
    """The command that mends a finding, as a shell in the host's directory needs it; empty text where there is none."""
    with for_shell(alias):
        return migrate_command(alias) if finding.mend == command("migrate") else typed(finding.mend)


def _message(finding: Finding, alias: str) -> CheckMessage:
    letter, make = _SEVERITIES[finding.severity]
    parts = [f"FBS in {alias}: {finding.kind} {finding.object}: {finding.problem}"]
    parts += [
        f"{name}: {text}"
        for name, text in (("found", finding.found), ("expected", finding.expected))
        if text and "\n" not in text
    ]
    return make(
        "; ".join(parts), hint=to_mend(finding, alias) or None, id=f"fbs_db.{letter}{NUMBERS.get(finding.kind, OTHER)}"
    )
