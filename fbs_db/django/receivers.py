"""FBS 2.0.x's own receivers of Django's signals, whose work the database does.

On a deletion they look for rows by columns that are not there, and fail the host's statement.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db.models import signals
from django.dispatch import Signal

MODULE = "fbs_app.signals"

logger = logging.getLogger("fbs_db")


def disconnect() -> list[str]:
    """Switch them off in this process, and log which.

    Returns:
        Their names; none where the host has no ``fbs_app``.
    """
    try:
        import_module(MODULE)  # or they would be connected when it is imported later
    except ImportError as error:
        if error.name not in (MODULE, MODULE.partition(".")[0]):
            logger.warning("%s cannot be imported, so what it connects stays: %s", MODULE, error)
        return []
    names = []
    senders = [None, *apps.get_models(include_auto_created=True)]
    for signal, key, receiver in list(connected()):
        for sender in senders:
            if signal.disconnect(sender=sender, dispatch_uid=key):
                names.append(receiver.__qualname__)
    names = list(dict.fromkeys(names))
    if names:
        logger.info("Switched off, as the database does their work: %s of %s", ", ".join(names), MODULE)
    return names


def connected() -> Iterator[tuple[Signal, Any, Any]]:
    """Each receiver of FBS's that is connected: its signal, its key there, and the function."""
    for signal in vars(signals).values():
        if isinstance(signal, Signal):
            for (key, _), receiver, *_ in list(signal.receivers):
                function = receiver() if isinstance(receiver, weakref.ReferenceType) else receiver
                if getattr(function, "__module__", None) == MODULE:
                    yield signal, key, function
