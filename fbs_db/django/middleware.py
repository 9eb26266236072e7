"""The middleware that sets the solution of a request."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import Error, connections
from django.db.transaction import TransactionManagementError
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string
from psycopg import pq

from fbs_db.database.django_settings import SOURCE, value_of
from fbs_db.django.aliases import own_databases
from fbs_db.django.solutions import aliases, solution
from fbs_db.errors import UsageError

_HINT = 'Name a function that gets the request, and returns the solution or None: "SOLUTION": "tenants.solution_of".'


class SolutionMiddleware:
    """Runs the rest of a request in a transaction with its solution.

    ``FBS_DB["SOLUTION"]`` names the function that tells it: it gets the request, and returns the name of the
    solution, or None where it has none; then no transaction is opened and a shared login sees no rows.

    Where solutions have databases of their own, FBS's models are in that of the request's solution. It is in the
    transaction too if the settings of its pattern have ATOMIC_REQUESTS.

    The transaction is committed when the response is there. What a view has done is rolled back if it raises, as with
    ATOMIC_REQUESTS. Views of ``transaction.non_atomic_requests`` run without the transaction, and thus without the
    solution, on the databases that they name.

    Attributes:
        using: aliases of the databases; None for those in which the settings place FBS's components.
    """

    sync_capable = True
    async_capable = False

    using: Sequence[str] | None = None

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._solution_of = solution_of()

    def __call__(self, request: Any) -> Any:
        name = self._solution_of(request)
        if name is None:
            return self._get_response(request)
        apart = _non_atomic(request)
        using = [alias for alias in aliases(self.using) if alias not in apart]
        if self.using is None:
            using += own_databases(name, apart)
        with solution(name, using):
            views = [_View(connections[alias]) for alias in using]
            request.__dict__.setdefault("_fbs_views", {})[self] = views
            response = self._get_response(request)
            for view in views:
                view.leave()
        return response

    def process_view(self, request: Any, *_: Any) -> None:
        for view in self._views(request):
            view.enter()

    def process_exception(self, request: Any, exception: Exception) -> None:
        for view in self._views(request):
            view.undo()

    def _views(self, request: Any) -> list[_View]:
        """The request's view in each database; a host may have several such middlewares."""
        views: list[_View] = getattr(request, "_fbs_views", {}).get(self, [])
        return views


class _View:
    """What a view does in a database, which is undone if it raises; pages about the error can be made then."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._savepoint: str | None = None
        self._hooks = 0

    def enter(self) -> None:
        connection = self._connection
        if connection.settings_dict["ATOMIC_REQUESTS"] or connection.needs_rollback:
            return  # Django sets a savepoint itself, or none can be set
        # Not a block of atomic(): it would have to end before one that a middleware around the view has opened.
        self._savepoint = connection.savepoint()
        self._hooks = len(connection.run_on_commit)

    def undo(self) -> None:
        connection = self._connection
        if self._savepoint is None:
            return
        connection.needs_rollback = False  # or Django would refuse to
        try:
            connection.savepoint_rollback(self._savepoint)
        except Error:  # the connection is lost; the view's error tells why
            connection.needs_rollback = connection.in_atomic_block
        del connection.run_on_commit[self._hooks :]

    def leave(self) -> None:
        """See that Django does not take a transaction for committed that PostgreSQL has given up.

        Raises:
            TransactionManagementError: it has.
        """
        open_one = self._connection.connection
        if open_one is not None and open_one.info.transaction_status == pq.TransactionStatus.INERROR:
            raise TransactionManagementError(
                f"The view went on after an error in database {self._connection.alias}, which has ended the transaction"
                " of SolutionMiddleware. Put what may fail into a block of transaction.atomic()."
            )


def solution_of() -> Callable[[Any], Any]:
    """The function that FBS_DB names.

    Raises:
        UsageError: it names none, or one that cannot be imported or called.
    """
    path = value_of("SOLUTION")
    if path is None:
        raise UsageError(f"{SOURCE}: SOLUTION is missing, which SolutionMiddleware needs.", hint=_HINT)
    try:
        found: Any = import_string(path)
    except Exception as error:  # whatever the host's module raises
        raise UsageError(f"{SOURCE}: SOLUTION: {type(error).__name__}: {error}", hint=_HINT) from error
    if not callable(found) or inspect.iscoroutinefunction(found):
        wrong = "asynchronous" if callable(found) else "no function"
        raise UsageError(f"{SOURCE}: SOLUTION: {path} is {wrong}.", hint=_HINT)
    function: Callable[[Any], Any] = found
    return function


def is_in_use() -> bool:
    """Whether MIDDLEWARE has it, or a class that is made from it."""
    for path in settings.MIDDLEWARE:
        with suppress(Exception):  # Django tells what cannot be imported when it serves
            found = import_string(path)
            if inspect.isclass(found) and issubclass(found, SolutionMiddleware):
                return True
    return False


def _non_atomic(request: Any) -> Collection[str]:
    """Aliases of the databases for which the request's view wants no transaction."""
    try:
        view = resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return ()
    return getattr(view, "_non_atomic_requests", ())
