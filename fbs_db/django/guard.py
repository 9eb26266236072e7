"""The guard around a receiver of FBS: it never breaks what the host does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any

from django.db import Error, connections
from django.db.models import signals

_HINT = (
    'FBS_DB = {"SIGNALS": False} switches FBS\'s receivers off, as the database does their clean-up;'
    ' "SIGNALS": True runs them without this guard.'
)

logger = logging.getLogger("fbs_db")
#: Receivers whose traceback was logged already.
_traced: set[str] = set()


def guarded(run: Callable[..., Any], receiver: Any = None) -> Callable[..., Any]:
    """A function that calls a receiver, and neither raises its errors nor leaves a transaction broken.

    Functions that the receiver leaves for after the commit are guarded too.

    Parameters:
        run: what is called.
        receiver: the receiver that it runs, if that is another function.
    """
    receiver = receiver or run

    @wraps(receiver, updated=())
    def call(*args: Any, **named: Any) -> Any:
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
        except Error as lost:  # else the host would believe that it committed
            raise lost from failure
        description = _described(receiver, named)
        if failure is not None:
            traced = (name := name_of(receiver)) in _traced
            _traced.add(name)
            shown = None if traced else failure  # a thousand deletions need one traceback
            logger.error("%s failed, and the host goes on: %s\n%s", description, failure, _HINT, exc_info=shown)
        elif any(undone):
            logger.error("%s left the transaction broken. What it did is undone.\n%s", description, _HINT)
        return answer

    return call


def name_of(receiver: Any) -> str:
    """Module and name of a receiver, such as ``fbs_app.signals:cleanup_on_delete``."""
    while isinstance(receiver, partial):
        receiver = receiver.func
    return f"{receiver.__module__}:{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"


class _Shelter:
    """A connection with an open transaction, which a receiver must leave as usable as it was.

    It wraps the execution of queries. The receiver's first query sets a savepoint, so a
    receiver without queries costs none.
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
        """A block whose queries go through this wrapper, and in which the connection is not closed."""
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
        """Keep the receiver's work, or undo it if the receiver failed or left the transaction broken.

        Returns:
            Whether it was undone.

        Raises:
            Error: the transaction is lost, with the host's work.
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
            connection.run_on_commit += [(sids, guarded(hook), robust) for sids, hook, robust in hooks]
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
            "A receiver of FBS tried to close the connection to database %s within a transaction. It stays open.",
            self._connection.alias,
        )


def _in_transaction(connection: Any) -> bool:
    return connection.connection is not None and (connection.in_atomic_block or not connection.autocommit)


def _described(receiver: Any, named: dict[str, Any]) -> str:
    """A receiver with the signal and model that it was called for."""
    name = name_of(receiver).replace(":", ".")
    if "signal" not in named:
        return f"{name} after the commit"
    signal = next((name for name, one in vars(signals).items() if one is named["signal"]), "a signal")
    sender = named.get("sender")
    return f"{name} on {signal} of {getattr(getattr(sender, '_meta', None), 'label', sender)}"
