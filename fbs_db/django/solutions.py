"""A block, or a function, that sees and writes the rows of one solution."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator, ExitStack, contextmanager
from typing import Any, TypeVar

from django.db import connections, transaction

from fbs_db.database.solutions import SET, named
from fbs_db.django.aliases import is_open, put_in_force
from fbs_db.django.router import component_homes
from fbs_db.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


class solution(ContextDecorator):  # noqa: N801 - it is written as django.db.transaction.atomic is
    """A block, or a function with this decorator, in which a shared login sees and writes the rows of one solution.

    Models whose tables are in the database of each solution are those of this solution in it.

    It is a block of ``transaction.atomic()`` on each database: within another such block a savepoint, and else a
    transaction. At its end the connection has the solution that it had before, or none.

    Parameters:
        name: the solution.
        using: alias of a database, or several, or none; by default those in which the settings place FBS's components.
            A database of the solution's own is opened when it is asked for rows.

    Raises:
        UsageError: the name is no text or has no characters; a database is not PostgreSQL; or the function is
            asynchronous or a generator, which would run after the block.
    """

    def __init__(self, name: str, using: str | Sequence[str] | None = None) -> None:
        self._name = named(name)
        self._using = (using,) if isinstance(using, str) else using
        self._entered = threading.local()

    def __call__(self, function: F) -> F:
        runs_later = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
        if any(test(function) for test in runs_later):
            raise UsageError(
                f"solution() cannot decorate {function.__qualname__}, which runs after it has been called.",
                hint="Write `with fbs_db.django.solution(...)` around its queries, in a function that is not async.",
            )
        return super().__call__(function)

    def __enter__(self) -> None:
        block = [self._name]
        with ExitStack() as stack:
            stack.enter_context(put_in_force(block))
            for alias in aliases(self._using):
                stack.enter_context(_set_on(alias, self._name))
            self._blocks.append((block, stack.pop_all()))

    def __exit__(self, *raised: Any) -> bool:
        blocks = self._blocks
        # Of several tasks in this thread each ends its own.
        block = [one for one in blocks if is_open(one[0])][-1:] or blocks[-1:]
        blocks.remove(block[0])
        return bool(block[0][1].__exit__(*raised))

    @property
    def _blocks(self) -> list[tuple[list[str], ExitStack]]:
        """Its blocks that are open in this thread; several threads may share it."""
        blocks: list[tuple[list[str], ExitStack]] = vars(self._entered).setdefault("blocks", [])
        return blocks


def aliases(using: Sequence[str] | None) -> Sequence[str]:
    """The databases in which a solution is set.

    Parameters:
        using: their aliases; None for those in which the settings place FBS's components.

    Raises:
        UsageError: the settings are wrong, or a database is not PostgreSQL.
    """
    found = component_homes() if using is None else using
    for alias in found:
        if connections[alias].vendor != "postgresql":
            raise UsageError(
                f"Database {alias} is {connections[alias].display_name}. Solutions are kept apart in PostgreSQL.",
                hint="Leave it out of using=.",
            )
    return found


@contextmanager
def _set_on(alias: str, name: str) -> Iterator[None]:
    connection = connections[alias]
    is_within = not connection.get_autocommit()
    # Within a transaction the savepoint brings back the outer solution, whatever the block does with savepoints of
    # its own and with errors that it catches.
    with transaction.atomic(using=alias):
        before = _set(connection, name)
        yield
        if is_within and not connection.needs_rollback:
            _set(connection, before or "")


def _set(connection: Any, name: str) -> str | None:
    """Set it for the transaction; what it was."""
    with connection.cursor() as cursor:
        cursor.execute(SET, [name])
        before: str | None = cursor.fetchone()[0]
    return before
