"""Django's system checks: FBS_DB makes sense, and FBS is whole in each database.

Ids: fbs_db.E001 to W004 are about the settings; from 100 on the hundreds tell the kind of
object that a finding of ``fbs-db check`` is about, and the letter its severity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

import fbs_db
from fbs_db.django import conf, receivers
from fbs_db.django.hosts import host_models
from fbs_db.errors import FbsDbError, UsageError
from fbs_db.health import Finding
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
_SEVERITIES: dict[str, tuple[str, Callable[..., CheckMessage]]] = {
    "error": ("E", Error),
    "warning": ("W", checks.Warning),
    "note": ("I", checks.Info),
}
_migrating: ContextVar[bool] = ContextVar("_migrating", default=False)


def settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """What is wrong with FBS_DB, or works against the database."""
    try:
        known, hosts = conf.read(), host_models()
    except UsageError as error:
        return [Error(error.message, hint=error.hint, id="fbs_db.E001")]
    messages: list[CheckMessage] = [
        Error(
            f"HOSTS names {host.model._meta.label}, whose table is in none of the databases of FBS_DB.",
            hint='Add its database to FBS_DB["DATABASES"], with "COMPONENTS": [] where it holds nothing of FBS.',
            id="fbs_db.E002",
        )
        for host in hosts
        if not any(host.lives_in(alias) for alias in known.databases)
    ]
    names = {host.model_name for host in hosts}
    if len(names) < len(hosts):
        messages.append(Error("HOSTS names two models with one MODEL_NAME.", id="fbs_db.E003"))
    if conf.said_of("SIGNALS") is None and any(receivers.connected()):
        messages.append(
            checks.Warning(
                f"{receivers.MODULE} does in Python what the database does, and does it twice or fails.",
                hint='Switch it off: FBS_DB = {"SIGNALS": False}; or say that it is to stay: "SIGNALS": True.',
                id="fbs_db.W004",
            )
        )
    return messages


def databases(app_configs: Any, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The findings of ``fbs-db check`` in each of these databases, with what mends them."""
    if is_migrating():
        return []  # which would stop the very command that mends them
    try:
        known = conf.read()
    except UsageError:
        return []  # told above
    return [message for alias in databases or () if alias in known.databases for message in _of(alias)]


def is_migrating() -> bool:
    """Whether such a block is under way."""
    return _migrating.get()


@contextmanager
def migrating() -> Iterator[None]:
    """A block in which databases are not looked at."""
    token = _migrating.set(True)
    try:
        yield
    finally:
        _migrating.reset(token)


def _of(alias: str) -> Iterator[CheckMessage]:
    try:
        with conf.as_typed(alias):
            report = fbs_db.check(alias)
    except FbsDbError as error:
        yield checks.Warning(
            f"FBS in {alias} could not be looked at: {error.message}", hint=error.hint, id="fbs_db.W005"
        )
        return
    for finding in report.findings:
        yield _message(finding, alias)
    attached = {host.model_name for host in fbs_db.list_hosts(alias)} if report.objects else set()
    for host in host_models() if report.objects else ():
        if host.lives_in(alias) and host.model_name not in attached:
            yield checks.Warning(
                f"FBS in {alias}: {host.model._meta.label} is not attached.",
                hint=conf.migrate_command(alias),
                id="fbs_db.W122",
            )


def _message(finding: Finding, alias: str) -> CheckMessage:
    # What migrate mends must not stop it, where another app's command of that name is used.
    to_come = finding.kind == "migration" and finding.problem in ("not installed", "pending")
    letter, make = _SEVERITIES["warning" if to_come else finding.severity]
    parts = [f"FBS in {alias}: {finding.kind} {finding.object}: {finding.problem}"]
    parts += [
        f"{name}: {text}"
        for name, text in (("found", finding.found), ("expected", finding.expected))
        if text and "\n" not in text
    ]
    with conf.as_typed(alias):
        mend = conf.migrate_command(alias) if finding.mend == command("migrate") else typed(finding.mend)
    return make("; ".join(parts), hint=mend or None, id=f"fbs_db.{letter}{_NUMBERS.get(finding.kind, _OTHER)}")
