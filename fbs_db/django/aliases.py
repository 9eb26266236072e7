"""Aliases of the databases that solutions have of their own.

FBS_DB names one alias as their pattern. The alias of a solution's database is the database's name; it is made when it
is first used, with the settings of the pattern.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache, partial, wraps
from typing import Any, NoReturn, TypeVar

from django.conf import settings
from django.core.signals import request_finished
from django.db.utils import ConnectionHandler, load_backend
from psycopg import conninfo

from fbs_db.database import django_settings
from fbs_db.database.config import Config, DatabaseConfig, placeholder, refuse_no_placeholder
from fbs_db.database.patterns import LONGEST, member_of, names_on_server, parts_of, template_of
from fbs_db.errors import UsageError

Made = TypeVar("Made")

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


@dataclass(frozen=True)
class Pattern:
    """An alias that stands for the databases of solutions.

    Attributes:
        config: its configuration, with the name of the database only.
        before, after: what is before and after the solution in a database's name.
        listed: the solutions that FBS_DB lists; None where it takes any.
        template: the database's name that is no solution's.
    """

    config: DatabaseConfig
    before: str
    after: str
    listed: frozenset[str] | None
    template: str

    def name_of(self, solution: str) -> str:
        """The name of a solution's database.

        Raises:
            UsageError: the solution's name cannot be part of it.
        """
        name = f"{self.before}{solution}{self.after}"
        is_usable = len(name.encode()) <= LONGEST and "\0" not in name
        return name if is_usable else member_of(self.config, solution).name  # which says why

    def solution_in(self, name: str) -> str | None:
        """The solution whose database has the name, listed or not."""
        fits = len(name) > len(self.before + self.after) and name.startswith(self.before) and name.endswith(self.after)
        return name[len(self.before) : len(name) - len(self.after)] if fits and name != self.template else None

    def takes(self, solution: str) -> bool:
        """Whether a solution may have a database by it. Whether there is one is seen when it is connected to."""
        return self.listed is None or solution in self.listed


def patterns() -> dict[str, Pattern]:
    """The patterns of FBS_DB by alias; none if the settings are wrong."""
    try:
        return _patterns()[0]
    except UsageError:  # the checks report it
        return {}


def pattern_of(name: str) -> tuple[str, str] | None:
    """The pattern that a database's name fits, by its alias, and the solution; None where none fits.

    Where the name fits patterns of several servers, the servers are asked.
    """
    known = patterns()
    if not known or name in _patterns()[1]:
        return None
    fitting = [
        (alias, solution)
        for alias, pattern in known.items()
        if (solution := pattern.solution_in(name)) is not None and pattern.takes(solution)
    ]
    closest = min((len(solution) for _, solution in fitting), default=0)
    return _first_there([(alias, name, solution) for alias, solution in fitting if len(solution) == closest])


def alias_of(component: str, solution: str, word: str | None = None) -> str:
    """The alias of the database in which a solution has a component of its own.

    Parameters:
        component: a component that a pattern holds.
        solution: the solution.
        word: the word in the pattern's braces, if that matters and a pattern has it.

    Raises:
        UsageError: the solution's name cannot be part of a database's name.
    """
    found = [(alias, one) for alias, one in patterns().items() if one.config.holds(component)]
    found = [pair for pair in found if word and f"{{{word}}}" in (pair[1].config.url or "")] or found
    found = [pair for pair in found if pair[1].takes(solution)] or found
    named: dict[str, str] = {}
    for alias, one in found:
        named.setdefault(_own_name(one, solution), alias)
    asked = _first_there([(alias, name, name) for name, alias in named.items()])
    return asked[1] if asked else ""


def _own_name(pattern: Pattern, solution: str) -> str:
    """The name of a solution's database by a pattern.

    Raises:
        UsageError: it cannot have that name, which is that of another solution's by a pattern that fits it closer: of
            fbs_{solution}_db and fbs_{solution}_docs_db, fbs_acme_docs_db is acme's.
    """
    name = pattern.name_of(solution)
    for one in patterns().values():
        other = one.solution_in(name)
        if other is not None and len(other) < len(solution) and one.takes(other):
            raise UsageError(
                f"Solution {solution} cannot have a database: {name} is that of {other}.", hint="Choose another name."
            )
    return name


def per_settings(compute: Callable[[], Made]) -> Callable[[], Made]:
    """Remember what a function makes of FBS_DB, until a test overrides it: Django asks with every query."""
    kept: tuple[object, Made] | None = None

    @wraps(compute)
    def get() -> Made:
        nonlocal kept
        said, known = getattr(settings, "FBS_DB", None), kept
        if known is None or known[0] is not said:
            kept = known = (said, compute())
        return known[1]

    return get


@per_settings
def _patterns() -> tuple[dict[str, Pattern], frozenset[str]]:
    """The patterns, and the names of the databases that are nobody's."""
    known = django_settings.without_connections()
    found = {}
    for alias, placed in known.patterns.items():
        name = settings.DATABASES[alias].get("NAME") or ""
        config = replace(placed, url=conninfo.make_conninfo(dbname=name))
        refuse_no_placeholder(config, config.url or "", f"DATABASES[{alias!r}] in Django's settings")
        before, after = name.split(f"{{{placeholder(name)}}}")
        listed = frozenset(config.solutions) if isinstance(config.solutions, tuple) else None
        found[alias] = Pattern(config, before, after, listed, template_of(config).name)
    return found, frozenset(settings.DATABASES[alias].get("NAME") or "" for alias in known.databases)


def _first_there(found: list[tuple[str, str, str]]) -> tuple[str, str] | None:
    """Alias of the pattern and solution of the first whose server has the database; of the first if none has."""
    if len(found) > 1:
        with suppress(LookupError):
            return _asked(repr(django_settings.value_of("DATABASES")), tuple(found))
    return (found[0][0], found[0][2]) if found else None


@lru_cache(maxsize=10_000)
def _asked(setting: str, found: tuple[tuple[str, str, str], ...]) -> tuple[str, str]:
    """Not remembered where no server has it yet."""
    known = django_settings.configuration().patterns
    for alias, name, solution in found:
        if name in names_on_server(known[alias]):
            return alias, solution
    raise LookupError


# --- connections


class WithSolutions(ConnectionHandler):  # type: ignore[misc]
    """Django's connections, which get an alias for the database of a solution when it is first asked for.

    A pattern has no database: its alias is none of those that Django goes through. Asked for by name it gives a
    connection that cannot be opened, as routers have to answer before it is known whether anybody wants rows.

    Attributes:
        patterns: settings of the patterns by alias.
        first: the aliases that there are from the start.
    """

    patterns: dict[str, dict[str, Any]]
    settings: dict[str, dict[str, Any]]
    first: tuple[str, ...]
    _lock = threading.Lock()
    _here = threading.local()

    def __getitem__(self, alias: str) -> Any:
        try:
            return super().__getitem__(alias)
        except self.exception_class:
            if alias in self.patterns:
                self[alias] = _without_database(alias, self.patterns[alias])
            elif (found := pattern_of(alias)) is None:
                if unlisted := _unlisted(alias):
                    raise self.exception_class(unlisted) from None
                raise
            else:  # no alias is kept: whoever sends requests may make up names of solutions
                made = self._settings_of(alias, found[0])
                self[alias] = load_backend(made["ENGINE"]).DatabaseWrapper(made, alias)
                if not _is_testing():  # Django's tests close what they have opened
                    self._met[alias] = None
            return super().__getitem__(alias)

    def __contains__(self, alias: object) -> bool:
        return alias in self.settings or (isinstance(alias, str) and pattern_of(alias) is not None)

    def create_connection(self, alias: str) -> Any:
        connection = super().create_connection(alias)
        self._met[alias] = None
        return connection

    def all(self, initialized_only: bool = False) -> list[Any]:
        """As of Django, without asking each of a thousand aliases whether it is open in this thread."""
        if not initialized_only:
            return list(super().all())
        return [self[alias] for alias in (*self.first, *self._met) if hasattr(self._connections, alias)]

    def add(self, *aliases: str) -> None:
        """Make the aliases that are missing, of the databases of solutions."""
        found = [(alias, pattern[0]) for alias in aliases if (pattern := pattern_of(alias))]
        with self._lock:
            made = {alias: self._settings_of(alias, one) for alias, one in found if alias not in self.settings}
            self.settings = {**self.settings, **made}  # other threads may be going through it

    def forget_closed(self, **_: Any) -> None:
        """Receive ``request_finished``: what is closed of solutions need not be gone through with the next request."""
        if not _is_testing():
            for alias in [alias for alias in self._met if alias not in self.first]:
                if hasattr(self._connections, alias) and self[alias].connection is None:
                    del self[alias]
                    del self._met[alias]

    @property
    def _met(self) -> dict[str, None]:
        """The aliases that this thread has had connections of."""
        met: dict[str, None] = vars(self._here).setdefault("met", {})
        return met

    def _settings_of(self, alias: str, pattern: str) -> dict[str, Any]:
        of_all = self.patterns[pattern]
        return {
            **of_all,
            "NAME": f"test_{alias}" if _is_testing() else alias,
            "OPTIONS": dict(of_all["OPTIONS"]),
            "TEST": dict(of_all["TEST"]),
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
    handler.first = tuple(handler.settings)
    for alias in found:
        if hasattr(handler._connections, alias):
            del handler[alias]
    listed = [one.name_of(solution) for one in found.values() for solution in one.listed or ()]
    handler.add(*sorted(listed), *(word.rpartition("=")[2] for word in words))
    for name in handler.settings:
        settings.DATABASES.setdefault(name, handler.settings[name])  # Django's test runner looks there
    request_finished.connect(handler.forget_closed, dispatch_uid="fbs_db.django.aliases")


def own_databases(solution: str, apart: Collection[str]) -> list[str]:
    """The databases of a solution's own whose pattern has ATOMIC_REQUESTS.

    Parameters:
        solution: the solution.
        apart: patterns that are left out.
    """
    return [
        _own_name(one, solution)
        for alias, one in patterns().items()
        if settings.DATABASES[alias].get("ATOMIC_REQUESTS") and alias not in apart and one.takes(solution)
    ]


def _unlisted(name: str) -> str:
    """What is said of a database that only the list of a pattern leaves out."""
    for alias, one in patterns().items():
        if (solution := one.solution_in(name)) is not None and not one.takes(solution):
            return f"The connection '{name}' doesn't exist. FBS_DB's SOLUTIONS of {alias} do not list {solution}."
    return ""


def _without_database(alias: str, pattern: dict[str, Any]) -> Any:
    """The connection of a pattern, which says why it cannot be opened."""
    connection = load_backend(pattern["ENGINE"]).DatabaseWrapper(pattern, alias)
    connection.connect = partial(_refuse, alias)
    return connection


def _refuse(alias: str) -> NoReturn:
    pattern = patterns()[alias]
    example = min(pattern.listed or ("acme",))
    raise UsageError(
        f"Database {alias} stands for those of all solutions, and "
        + (f"solution {name} was not asked for." if (name := in_force()) else "no solution is in force."),
        hint=f'Write this in a block: with fbs_db.django.solution("{example}"): ...'
        f' Or name the database: .using("{pattern.name_of(example)}")',
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
