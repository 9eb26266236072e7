"""Django's system checks: FBS_DB makes sense, and FBS is whole in each database.

Ids: below 100 they are about the settings, and about databases that cannot be looked at; from 100 on the
hundreds tell the kind of object that a finding of ``fbs-db check`` is about, and the letter its severity.
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
from fbs_db.database.django_settings import is_per_tenant
from fbs_db.django import receivers, tables
from fbs_db.django.hosts import host_models
from fbs_db.django.install import is_migrating, unattached
from fbs_db.django.router import component_of, home_of, same_database
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.health.check import Finding
from fbs_db.wording import command, typed

#: What a finding's number begins with; numbers stay what they are.
_NUMBERS = {
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
    "privilege": 140,
}
_OTHER = 199
#: What migrate mends, or says itself. It must not stop migrate where another app's command of that name is used.
_MIGRATE_MENDS = ("fbs_db.E005", *(f"fbs_db.E{_NUMBERS[kind]}" for kind in ("migration", "users", "user key", "host")))
_SEVERITIES: dict[str, tuple[str, Callable[..., CheckMessage]]] = {
    "error": ("E", Error),
    "warning": ("W", checks.Warning),
    "note": ("I", checks.Info),
}


def settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """What is wrong with FBS_DB, or works against the database."""
    try:
        known, hosts = django_settings.configuration(), host_models()
    except UsageError as error:
        return [Error(error.message, hint=error.hint, id="fbs_db.E001")]
    messages: list[CheckMessage] = [
        Error(
            f"HOSTS names {host.model._meta.label}, whose table is in none of the databases of FBS_DB.",
            hint='Add its database to FBS_DB["DATABASES"], with "COMPONENTS": [] where it holds nothing of FBS.',
            id="fbs_db.E002",
        )
        for host in hosts
        if not is_per_tenant(host.model) and not any(host.lives_in(alias) for alias in known.databases)
    ]
    messages += tables.of_settings(hosts)
    names = {host.model_name for host in hosts}
    if len(names) < len(hosts):
        messages.append(Error("HOSTS names two models with one MODEL_NAME.", id="fbs_db.E003"))
    if django_settings.said_of("SIGNALS") is None and (guarded := receivers.connected()):
        modules = ", ".join(sorted({name.partition(":")[0] for name in guarded}))
        messages.append(
            checks.Warning(
                f"{modules}: {len(guarded)} receiver{'s' * (len(guarded) > 1)} of FBS run under a guard. Most of FBS's"
                " receivers only log. What one raises is logged and does not reach the host.",
                hint='Switch them off: FBS_DB = {"SIGNALS": False}; or leave them as they are: "SIGNALS": True;'
                ' or keep the guard and silence this: SILENCED_SYSTEM_CHECKS = ["fbs_db.W004"].',
                id="fbs_db.W004",
            )
        )
    messages += _routed_elsewhere()
    return messages


def databases(app_configs: Any, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The findings of ``fbs-db check`` in each of these databases, with what mends them."""
    if is_migrating():
        return []  # which would stop the very command that mends them
    try:
        known = django_settings.configuration()
        host_models()
    except UsageError as error:
        # Told by the other check, too, unless only those of databases are run.
        return [_not_looked_at(alias, error) for alias in databases or ()]
    messages: list[CheckMessage] = []
    for alias in databases or ():
        if alias in known.databases:
            messages += _of(alias)
    return messages


def _routed_elsewhere() -> Iterator[CheckMessage]:
    """Where the host's routers send FBS's models to other databases than the settings place them in."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for model in apps.get_models(include_auto_created=True):
        component = component_of(model)
        home = home_of(component) if component else None
        if home is None:
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


def _chosen_for(model: Any) -> str | None:
    try:
        return f"{router.db_for_write(model)}"
    except Exception:  # one of the host's that needs to know more, such as the row
        return None


def _other_migrate() -> str | None:
    """The app whose ``migrate`` command goes before ours, and runs these checks before it installs anything."""
    from fbs_db.django.management.commands.migrate import Command

    app = get_commands().get("migrate")
    try:
        ours = isinstance(load_command_class(app, "migrate") if isinstance(app, str) else app, Command)
    except Exception:  # the host's to see when it migrates
        ours = False
    return None if ours else f"{app}"


def _not_looked_at(alias: str, error: FbsDbError) -> CheckMessage:
    text = f"FBS in {alias} could not be looked at: {error.message}"
    return Error(text, hint=error.hint or None, id="fbs_db.E005")


def _of(alias: str) -> list[CheckMessage]:
    try:
        with django_settings.as_typed(alias):
            messages = list(_findings(alias))
    except FbsDbError as error:
        messages = [_not_looked_at(alias, error)]
    if not any(message.id in _MIGRATE_MENDS for message in messages) or (other := _other_migrate()) is None:
        return messages
    return [
        *(_as_warning(message) if message.id in _MIGRATE_MENDS else message for message in messages),
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
            f"FBS in {alias}: whether your models are attached could not be looked at: {error.message}",
            hint=error.hint,
            id="fbs_db.W005",
        )


def _message(finding: Finding, alias: str) -> CheckMessage:
    letter, make = _SEVERITIES[finding.severity]
    parts = [f"FBS in {alias}: {finding.kind} {finding.object}: {finding.problem}"]
    parts += [
        f"{name}: {text}"
        for name, text in (("found", finding.found), ("expected", finding.expected))
        if text and "\n" not in text
    ]
    with django_settings.as_typed(alias):
        mend = django_settings.migrate_command(alias) if finding.mend == command("migrate") else typed(finding.mend)
    return make("; ".join(parts), hint=mend or None, id=f"fbs_db.{letter}{_NUMBERS.get(finding.kind, _OTHER)}")
