"""FBS's receivers of Django's signals: they must not break what the host does.

Most of them only log. Others use columns that do not exist, or leave the transaction
broken; the database does their work. They run under a guard. With ``FBS_DB["SIGNALS"]``
True they run without it, with False they do not run.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Iterator
from functools import partial, wraps
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import signals
from django.dispatch import Signal

from fbs_db.database.django_settings import value_of
from fbs_db.django.guard import guarded, name_of
from fbs_db.errors import UsageError

MODULES = ("fbs_app.signals", "fbs_dms.signals", "fbs_license_manager.signals")

logger = logging.getLogger("fbs_db")
#: Receivers that were logged as switched off.
_switched_off: set[str] = set()


def install() -> None:
    """Apply the setting to all receivers of FBS, those that are connected later included.

    This wraps the function in which Django collects the receivers of a signal. No receiver
    is replaced, so ``disconnect`` still finds each.
    """
    collect = Signal._live_receivers
    if getattr(collect, "guards", False):
        return

    @wraps(collect)
    def live_receivers(self: Signal, sender: Any) -> Any:
        found = collect(self, sender)
        apart = isinstance(found, tuple)  # from Django 5.0 on: those to call, and those to await
        called, awaited = found if apart else (found, [])
        if not any(map(is_ours, called)) and not any(map(is_ours, awaited)):
            return found
        setting = _setting()
        if setting is True:
            return found
        if setting is False:
            _log_switched_off([one for one in (*called, *awaited) if is_ours(one)])
            called, awaited = ([one for one in many if not is_ours(one)] for many in (called, awaited))
        else:
            called = [guarded(one) if is_ours(one) else one for one in called]
            # One after the other: savepoints of several at once would undo one another's work.
            called += [guarded(async_to_sync(one), one) for one in awaited if is_ours(one)]
            awaited = [one for one in awaited if not is_ours(one)]
        return (called, awaited) if apart else called

    live_receivers.guards = True  # type: ignore[attr-defined]
    Signal._live_receivers = live_receivers


def connected() -> list[str]:
    """Names of FBS's receivers that are connected in this process."""
    names = {name_of(receiver) for signal in _signals() for receiver in _receivers(signal) if is_ours(receiver)}
    return sorted(names)


def is_ours(receiver: Any) -> bool:
    """Whether a receiver is FBS's."""
    while isinstance(receiver, partial):
        receiver = receiver.func
    module = getattr(receiver, "__module__", None)
    return isinstance(module, str) and (module in MODULES or module.startswith(tuple(f"{name}." for name in MODULES)))


def _setting() -> bool | None:
    try:
        return value_of("SIGNALS")  # type: ignore[no-any-return]
    except UsageError:  # the checks report it
        return None


def _signals() -> list[Signal]:
    modules = [signals, *(sys.modules[name] for name in MODULES if name in sys.modules)]
    found = [one for module in modules for one in vars(module).values() if isinstance(one, Signal)]
    return list({id(one): one for one in found}.values())


def _receivers(signal: Signal) -> Iterator[Any]:
    for _, receiver, *_ in list(signal.receivers):
        yield receiver() if isinstance(receiver, weakref.ReferenceType) else receiver


def _log_switched_off(receivers: list[Any]) -> None:
    for receiver in receivers:
        if (name := name_of(receiver)) not in _switched_off:
            _switched_off.add(name)
            module, _, bare = name.rpartition(":")
            logger.info("Switched off, as the database does their work: %s of %s", bare, module)
