"""Aliases of the databases that solutions have of their own.

FBS_DB names one alias as their pattern. The alias of a solution's database is the database's name; it is made when it
is first used, with the settings of the pattern.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NoReturn

from django.conf import settings
from django.db.utils import ConnectionHandler, load_backend
from psycopg import conninfo

from fbs_db.database import django_settings
from fbs_db.database.config import Config, DatabaseConfig, placeholder, refuse_no_placeholder
from fbs_db.database.patterns import databases_beside, member_of, parts_of, solution_in
from fbs_db.errors import UsageError

#: The solutions of the open blocks, each in a list of its own; the last is in force.
_open: ContextVar[tuple[list[str], ...]] = ContextVar("_open", default=())


# --- the solution in force


def in_force() -> str | None:
    """The solution of the innermost block in this thread or task."""
    blocks = _open.get()
    return blocks[-1][0] if blocks else None


@contextmanager
def put_in_force(block: list[str]) -> Iterator[None]:
    """A block in which a solution is in force, and which may end before or after others."""
    _open.set((*_open.get(), block))
    try:
        yield
    finally:
        _open.set(tuple(one for one in _open.get() if one is not block))


def is_open(block: list[str]) -> bool:
    """Whether the block was begun in this thread or task."""
    return any(one is block for one in _open.get())


# --- patterns


def patterns() -> dict[str, DatabaseConfig]:
    """The patterns of FBS_DB by alias, with the name of the database only; none if the settings are wrong."""
    try:
        return _patterns(_setting())
    except UsageError:  # the checks report it
        return {}


def pattern_of(name: str) -> tuple[str, str] | None:
    """The pattern that a database's name fits, by its alias, and the solution; None where none fits.

    Where the name fits patterns of several servers, the servers are asked.
    """
    fitting = _fitting(_setting(), name) if patterns() else ()
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    try:
        return _there(_setting(), tuple((alias, name, solution) for alias, solution in fitting))
    except LookupError:
        return fitting[0]


def alias_of(component: str, solution: str, word: str | None = None) -> str:
    """The alias of the database in which a solution has a component of its own.

    Parameters:
        component: a component that a pattern holds.
        solution: the solution.
        word: the word in the pattern's braces, if that matters and a pattern has it.

    Raises:
        UsageError: the solution's name cannot be part of a database's name.
    """
    found = _named(_setting(), component, solution, word)
    if len({name for _, name in found}) > 1:
        try:
            return _named_there(_setting(), found)
        except LookupError:
            pass
    return found[0][1]


def _setting() -> str:
    """What the caches depend on. Django asks with every query, and reading the settings takes longer."""
    return repr(django_settings.value_of("DATABASES"))


@lru_cache
def _patterns(setting: str) -> dict[str, DatabaseConfig]:
    found = django_settings.without_connections().patterns
    named = {
        alias: replace(config, url=conninfo.make_conninfo(dbname=settings.DATABASES[alias].get("NAME") or ""))
        for alias, config in found.items()
    }
    for alias, config in named.items():
        refuse_no_placeholder(config, config.url or "", f"DATABASES[{alias!r}] in Django's settings")
    return named


@lru_cache(maxsize=10_000)
def _fitting(setting: str, name: str) -> tuple[tuple[str, str], ...]:
    """The patterns that a name fits and whose list, if any, has its solution; of those the closest."""
    single = {settings.DATABASES[alias].get("NAME") for alias in django_settings.without_connections().databases}
    fitting = [
        (alias, solution)
        for alias, pattern in _patterns(setting).items()
        if (solution := solution_in(pattern, name)) is not None and _has(pattern, solution) and name not in single
    ]
    shortest = min((len(solution) for _, solution in fitting), default=0)
    return tuple(pair for pair in fitting if len(pair[1]) == shortest)


@lru_cache(maxsize=10_000)
def _named(setting: str, component: str, solution: str, word: str | None) -> tuple[tuple[str, str], ...]:
    """The patterns by which a solution may have a component, each with the name of its database."""
    found = [(alias, one) for alias, one in _patterns(setting).items() if one.holds(component)]
    found = [pair for pair in found if placeholder(parts_of(pair[1])[1]) == word] or found
    found = [pair for pair in found if _has(pair[1], solution)] or found
    return tuple((alias, member_of(one, solution).name) for alias, one in found)


def _has(pattern: DatabaseConfig, solution: str) -> bool:
    """Whether a solution may have a database by the pattern. Whether there is one is seen when it is connected to."""
    return not isinstance(pattern.solutions, tuple) or solution in pattern.solutions


@lru_cache(maxsize=10_000)
def _there(setting: str, fitting: tuple[tuple[str, str, str], ...]) -> tuple[str, str]:
    """The first whose server has the database. Not remembered where none has it yet."""
    known = django_settings.configuration().patterns
    for alias, name, solution in fitting:
        if name in databases_beside(known[alias]):
            return alias, solution
    raise LookupError


@lru_cache(maxsize=10_000)
def _named_there(setting: str, found: tuple[tuple[str, str], ...]) -> str:
    alias, _ = _there(setting, tuple((alias, name, name) for alias, name in found))
    return next(name for one, name in found if one == alias)


# --- connections


class WithSolutions(ConnectionHandler):  # type: ignore[misc]
    """Django's connections, which get an alias for the database of a solution when it is first asked for.

    A pattern has no database: its alias is none of those that Django goes through. Asked for by name it gives a
    connection that cannot be opened, as routers have to answer before it is known whether anybody wants rows.

    Attributes:
        patterns: settings of the patterns by alias.
    """

    patterns: dict[str, dict[str, Any]]
    settings: dict[str, dict[str, Any]]
    _lock = threading.Lock()

    def __getitem__(self, alias: str) -> Any:
        try:
            return super().__getitem__(alias)
        except self.exception_class:
            if alias in self.patterns:
                self[alias] = _without_database(alias, self.patterns[alias])
            elif (made := self._settings_of(alias)) is None:
                if unlisted := _unlisted(alias):
                    raise self.exception_class(unlisted) from None
                raise
            elif _is_testing():  # Django's tests go through the aliases before and after, and take them for the same
                self[alias] = load_backend(made["ENGINE"]).DatabaseWrapper(made, alias)
            else:
                self.add(alias)
            return super().__getitem__(alias)

    def __contains__(self, alias: object) -> bool:
        return alias in self.settings or (isinstance(alias, str) and pattern_of(alias) is not None)

    def add(self, alias: str) -> bool:
        """Make an alias where it is missing; whether it is that of a solution's database."""
        made = self._settings_of(alias)
        if made is None:
            return False
        with self._lock:
            if alias not in self.settings:
                self.settings = {**self.settings, alias: made}  # other threads may be going through it
        return True

    def _settings_of(self, alias: str) -> dict[str, Any] | None:
        found = pattern_of(alias)
        if found is None:
            return None
        pattern = self.patterns[found[0]]
        return {
            **pattern,
            "NAME": f"test_{alias}" if _is_testing() else alias,
            "OPTIONS": dict(pattern["OPTIONS"]),
            "TEST": dict(pattern["TEST"]),
            # Django would begin a transaction in the database of every solution that it has met.
            "ATOMIC_REQUESTS": False,
        }


def give_aliases(handler: ConnectionHandler, words: Iterable[str]) -> None:
    """Make Django's connections give the databases of solutions.

    Aliases are made now for solutions that FBS_DB lists, and for those that a command names: commands of Django accept
    those that there are.

    Parameters:
        handler: Django's connections.
        words: what the command was called with.
    """
    found = patterns()
    if not found:
        return
    known = handler.settings
    handler.__class__ = WithSolutions
    handler.patterns = {alias: known[alias] for alias in found}
    handler.settings = {alias: one for alias, one in known.items() if alias not in found}
    for alias in found:
        if hasattr(handler._connections, alias):
            del handler[alias]
    listed = [
        member_of(one, solution).name
        for one in found.values()
        if isinstance(one.solutions, tuple)
        for solution in one.solutions
    ]
    for name in (*listed, *(word.rpartition("=")[2] for word in words)):
        if handler.add(name):
            settings.DATABASES.setdefault(name, handler.settings[name])  # Django's test runner looks there


def own_databases(solution: str, apart: Collection[str]) -> list[str]:
    """The databases of a solution's own whose pattern has ATOMIC_REQUESTS.

    Parameters:
        solution: the solution.
        apart: patterns that are left out.
    """
    return [
        member_of(one, solution).name
        for alias, one in patterns().items()
        if settings.DATABASES[alias].get("ATOMIC_REQUESTS") and alias not in apart and _has(one, solution)
    ]


def _unlisted(name: str) -> str:
    """What is said of a database that only the list of a pattern leaves out."""
    for alias, one in patterns().items():
        if (solution := solution_in(one, name)) is not None:
            return f"The connection '{name}' doesn't exist. FBS_DB's SOLUTIONS of {alias} do not list {solution}."
    return ""


def _without_database(alias: str, pattern: dict[str, Any]) -> Any:
    """The connection of a pattern, which says why it cannot be opened."""
    connection = load_backend(pattern["ENGINE"]).DatabaseWrapper(pattern, alias)
    connection.connect = partial(_refuse, alias)
    return connection


def _refuse(alias: str) -> NoReturn:
    pattern = patterns()[alias]
    example = pattern.solutions[0] if isinstance(pattern.solutions, tuple) and pattern.solutions else "acme"
    raise UsageError(
        f"Database {alias} stands for those of all solutions, and "
        + (f"solution {name} was not asked for." if (name := in_force()) else "no solution is in force."),
        hint=f'Write this in a block: with fbs_db.django.solution("{example}"): ...'
        f' Or name the database: .using("{member_of(pattern, example).name}")',
    )


# --- tests of the host


def configuration() -> Config:
    """The configured databases. While the host's tests run, patterns lead to test databases, as Django's aliases do.

    Raises:
        UsageError: FBS_DB is wrong, or Django cannot connect to one of its databases.
    """
    from django.db import connections

    known = django_settings.configuration()
    if not known.patterns or not _is_testing():
        return known
    made = {
        alias: replace(
            member_of(known.patterns[found[0]], found[1]), name=alias, url=django_settings.connection_string(alias)
        )
        for alias in connections
        if alias not in known.databases and (found := pattern_of(alias))
    }
    tested = {
        alias: replace(one, url=conninfo.make_conninfo(one.url or "", dbname=f"test_{parts_of(one)[1]}"))
        for alias, one in known.patterns.items()
    }
    return replace(known, patterns=tested, members=made)


def _is_testing() -> bool:
    """Whether Django's tests have begun, which use no database but test databases."""
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")
