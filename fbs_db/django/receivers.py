"""FBS's own receivers of Django's signals, which must not break what the host does.

Most of them only log. Others look for rows by columns that are not there, or leave the
transaction broken; the database does their work. They are called under a guard, unless
``FBS_DB["SIGNALS"]`` says otherwise.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any

from asgiref.sync import async_to_sync
from django.db import Error, connections
from django.db.models import signals
from django.dispatch import Signal

from fbs_db.database import django_settings
from fbs_db.errors import UsageError

MODULES = ("fbs_app.signals", "fbs_dms.signals", "fbs_license_manager.signals")
_HINT = (
    'FBS_DB = {"SIGNALS": False} switches FBS\'s receivers off, as the database does their clean-up;'
    ' "SIGNALS": True lets them raise.'
)

logger = logging.getLogger("fbs_db")
#: What was logged in full already: receivers that were skipped, or whose traceback was shown.
_switched_off: set[str] = set()
_traced: set[str] = set()


def install() -> None:
    """From now on FBS's receivers are called as the settings say: guarded, as they are, or not at all.

    Where Django collects a signal's receivers for a call. So none is replaced: ``disconnect``
    finds each, and those that are connected later are treated alike.
    """
    collect = Signal._live_receivers
    if getattr(collect, "guards", False):
        return

    @wraps(collect)
    def live_receivers(self: Signal, sender: Any) -> Any:
        found = collect(self, sender)
        apart = isinstance(found, tuple)  # from Django 5.0 on: those that are called, and those that are awaited
        called, awaited = found if apart else (found, [])
        if not any(map(is_ours, called)) and not any(map(is_ours, awaited)):
            return found
        said = _said()
        if said is True:
            return found
        if said is False:
            _log_switched_off([one for one in (*called, *awaited) if is_ours(one)])
            called, awaited = ([one for one in many if not is_ours(one)] for many in (called, awaited))
        else:
            called = [_guarded(one) if is_ours(one) else one for one in called]
            # One after the other: savepoints of several at once would undo one another's work.
            called += [_guarded(async_to_sync(one), one) for one in awaited if is_ours(one)]
            awaited = [one for one in awaited if not is_ours(one)]
        return (called, awaited) if apart else called

    live_receivers.guards = True  # type: ignore[attr-defined]
    Signal._live_receivers = live_receivers


def connected() -> list[str]:
    """Names of FBS's receivers that are connected in this process."""
    names = {_name(receiver) for signal in _signals() for receiver in _receivers(signal) if is_ours(receiver)}
    return sorted(names)


def is_ours(receiver: Any) -> bool:
    """Whether a receiver is FBS's."""
    while isinstance(receiver, partial):
        receiver = receiver.func
    module = getattr(receiver, "__module__", None)
    return isinstance(module, str) and (module in MODULES or module.startswith(tuple(f"{name}." for name in MODULES)))


class _Shelter:
    """A connection with an open transaction, which a receiver must leave as usable as it was.

    It wraps the execution of queries: the first one of the receiver sets a savepoint, so
    that a receiver without any costs none.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._broken_before = connection.needs_rollback
        self._hooks_before = len(connection.run_on_commit)
        self._savepoint: str | None = None
        self._setting = False

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        if self._savepoint is None and not self._setting:
            self._setting = True
            try:
                self._savepoint = self._connection.savepoint()
            finally:
                self._setting = False
        return execute(*args)

    @contextmanager
    def wrapped(self) -> Iterator[None]:
        """A block whose queries go through here, and in which the connection is not closed."""
        own = vars(self._connection).get("close")
        self._connection.close = self._stay_open
        try:
            with self._connection.execute_wrapper(self):
                yield
        finally:
            vars(self._connection).pop("close", None)
            if own is not None:
                self._connection.close = own

    def leave(self, failed: bool) -> bool:
        """Keep what the receiver did, or undo it where it failed or left the transaction broken.

        Returns:
            Whether it was undone.

        Raises:
            Error: the transaction is lost, and with it what the host did.
        """
        connection = self._connection
        undo = failed or (connection.needs_rollback and not self._broken_before)
        if not undo and self._savepoint is not None:
            try:
                connection.savepoint_commit(self._savepoint)
            except Error:  # the receiver has caught PostgreSQL's error, and the transaction is aborted
                undo = True
        hooks = connection.run_on_commit[self._hooks_before :]
        connection.run_on_commit = connection.run_on_commit[: self._hooks_before]
        if undo:
            self._roll_back()
        else:
            connection.run_on_commit += [(sids, _guarded(hook), robust) for sids, hook, robust in hooks]
        return undo

    def _roll_back(self) -> None:
        connection = self._connection
        connection.needs_rollback = False  # or Django would refuse to
        try:
            if self._savepoint is not None:
                connection.savepoint_rollback(self._savepoint)
                connection.savepoint_commit(self._savepoint)
        except Error:  # the connection is lost, or the receiver has ended the transaction
            connection.needs_rollback = connection.in_atomic_block
            raise
        connection.needs_rollback = self._broken_before

    def _stay_open(self) -> None:
        logger.warning(
            "A receiver of FBS would have closed the connection to %s within a transaction. It stays open.",
            self._connection.alias,
        )


def _guarded(run: Callable[..., Any], receiver: Any = None) -> Callable[..., Any]:
    """A receiver, or what it has left for after the commit, that never breaks what calls it."""
    receiver = receiver or run

    @wraps(receiver, updated=())
    def guarded(*args: Any, **named: Any) -> Any:
        shelters = [_Shelter(one) for one in connections.all(initialized_only=True) if _in_transaction(one)]
        failure, answer = None, None
        with ExitStack() as stack:
            for shelter in shelters:
                stack.enter_context(shelter.wrapped())
            try:
                answer = run(*args, **named)
            except Exception as error:
                failure = error
        try:
            undone = [shelter.leave(failure is not None) for shelter in shelters]
        except Error as lost:  # silence would let the host believe that it committed
            raise lost from failure
        what = _what(receiver, named)
        if failure is not None:
            traced = (name := _name(receiver)) in _traced
            _traced.add(name)
            shown = None if traced else failure  # a thousand deletions need one traceback
            logger.error("%s failed, and the host goes on: %s\n%s", what, failure, _HINT, exc_info=shown)
        elif any(undone):
            logger.error("%s left the transaction broken. What it did is undone.\n%s", what, _HINT)
        return answer

    return guarded


def _in_transaction(connection: Any) -> bool:
    return connection.connection is not None and (connection.in_atomic_block or not connection.autocommit)


def _said() -> Any:
    try:
        return django_settings.said_of("SIGNALS")
    except UsageError:  # which the checks report
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
        if (name := _name(receiver)) not in _switched_off:
            _switched_off.add(name)
            module, _, bare = name.rpartition(":")
            logger.info("Switched off, as the database does their work: %s of %s", bare, module)


def _name(receiver: Any) -> str:
    while isinstance(receiver, partial):
        receiver = receiver.func
    return f"{receiver.__module__}:{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"


def _what(receiver: Any, named: dict[str, Any]) -> str:
    """A receiver, and the signal and model that it was called for."""
    name = _name(receiver).replace(":", ".")
    if "signal" not in named:
        return f"{name} after the commit"
    signal = next((name for name, one in vars(signals).items() if one is named["signal"]), "a signal")
    sender = named.get("sender")
    return f"{name} on {signal} of {getattr(getattr(sender, '_meta', None), 'label', sender)}"
