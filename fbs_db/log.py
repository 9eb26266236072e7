"""The log of a command, in a process whose log a host may have set up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = [logging.getLogger(name) for name in ("", "fbs_db", "fbs_db.cleanup")]


@contextmanager
def log_kept() -> Iterator[None]:
    """A block after which the log is as it was: LOGGING of Django takes handlers away, and disables loggers."""
    before = [(one.handlers[:], one.level, one.propagate, one.disabled) for one in _LOGGERS]
    try:
        yield
    finally:
        for one, (handlers, level, propagate, disabled) in zip(_LOGGERS, before, strict=True):
            one.handlers[:], one.propagate, one.disabled = handlers, propagate, disabled
            one.setLevel(level)


@contextmanager
def host_loaded() -> Iterator[None]:
    """A block that loads a host. The log goes on as before, and to the host's handlers to other places, too."""
    with log_kept():
        yield
        hosts = [[handler for handler in one.handlers if not is_shown(handler)] for one in _LOGGERS]
    for one, handlers in zip(_LOGGERS, hosts, strict=True):
        for handler in handlers:
            one.addHandler(handler)


def is_shown(handler: logging.Handler) -> bool:
    """Whether it writes to a stream, as to the terminal, and not to a file."""
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)


def take_streams(logger: logging.Logger) -> None:
    """Take a host's streams from a logger: the command's own print its records. Handlers to other places stay."""
    logger.handlers[:] = [one for one in logger.handlers if type(one) is not logging.StreamHandler]
    logger.propagate = True
