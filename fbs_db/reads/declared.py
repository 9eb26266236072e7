"""How a read is declared: as a method with parameters, an answer and a docstring, over a view or function.

A group on a blocking driver gives a `Call` for it, one on a driver that waits an `AsyncCall`. `Declared.steps` tells
what both fetch, and when.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import repeat
from types import NoneType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, get_args, get_origin, overload

from fbs_db.reads.drivers import AsyncDriver, Driver, RowSecurity, Steps
from fbs_db.reads.pages import Page
from fbs_db.reads.query import Query, Read, State, call, restricted, select
from fbs_db.reads.rows import Row, UserKey

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
A = TypeVar("A")
A2 = TypeVar("A2")
R = TypeVar("R", bound=Row)
R2 = TypeVar("R2", bound=Row)
AnyDriver = TypeVar("AnyDriver", bound=Driver | AsyncDriver)

#: Types that arguments of functions are cast to, by those of the parameters.
_CASTS: dict[Any, str] = {
    bool: "boolean",
    int: "integer",
    str: "text",
    float: "double precision",
    Decimal: "numeric",
    date: "date",
    datetime: "timestamp with time zone",
    timedelta: "interval",
    list[int]: "integer[]",
    Any: "jsonb",
    get_args(UserKey): "SCHEMA.fbs_user_id",
}
#: Annotations of a view's method that are no filters.
_NO_FILTERS = ("return", "since", "until", "after", "limit")


class Group(Generic[AnyDriver]):
    """The reads of one area, on a driver."""

    def __init__(self, driver: AnyDriver) -> None:
        self._driver = driver


class Declared(Generic[P, A]):
    """A declared read; its attribute ``read`` tells what it reads."""

    def __init__(self, method: Callable[..., Any], read: Read) -> None:
        self.read = read
        self.__name__ = method.__name__
        self.__qualname__ = method.__qualname__
        self.__module__ = method.__module__
        self.__doc__ = _documented(method, read)
        self._method = method
        self._names = tuple(name for name in method.__annotations__ if name != "return")
        self._paged = _is_paged(method)
        self._optional = NoneType in get_args(method.__annotations__["return"])
        self._defaults = method.__kwdefaults__ or {}

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._method)

    @overload
    def __get__(self, group: None, owner: type) -> Self: ...
    @overload
    def __get__(self, group: Group[Driver], owner: type) -> Call[P, A]: ...
    @overload
    def __get__(self, group: Group[AsyncDriver], owner: type) -> AsyncCall[P, A]: ...
    def __get__(self, group: Group[Any] | None, owner: type) -> Any:
        if group is None:
            return self
        made = self._call(group._driver)
        group.__dict__[self.__name__] = made  # found there next time
        return made

    def __call__(self, group: Group[Any], *given: P.args, **named: P.kwargs) -> Any:
        """As functions of a class are called with an object of it."""
        return self.__get__(group, type(group))(*given, **named)

    def _call(self, driver: Any) -> _Bound[P, A]:
        return (AsyncCall if isinstance(driver, AsyncDriver) else Call)(self, driver)

    def steps(
        self, schema: str, given: tuple[Any, ...], named: Mapping[str, Any], session: RowSecurity | None = None
    ) -> Steps[A]:
        """What a call fetches, and when."""
        arguments = self.arguments(given, named)
        if self.read.arguments is not None:
            return self._fetched(call(self.read, schema, arguments))
        if not self._paged:
            return self._fetched(select(self.read, schema, arguments))
        after, limit = arguments.pop("after", None), arguments.pop("limit", self._defaults["limit"])
        return self._fetched(select(self.read, schema, arguments, after, limit), limit, session)

    def _fetched(self, query: Query, limit: int | None = None, session: RowSecurity | None = None) -> Steps[A]:
        """The rows; where there are none, whether the values of the filters exist at all."""
        if query.isolated and session:
            if session.is_old:
                ((active,),) = yield restricted(self.read, query.schema)
                session.note(active)
            if session.is_active:
                query = query.isolated
        found = yield query
        if not found:
            for one in query.unlisted:
                if not (yield one.query):
                    raise one.refusal()
        answer: A = self._answer(found, limit)
        return answer

    def arguments(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name, in the order of the parameters."""
        self._method(None, *given, **named)  # refuses what it does not take
        every = {**dict(zip(self._names, given, strict=False)), **named}
        return {name: every[name] for name in self._names if name in every}

    def _answer(self, found: Sequence[Sequence[Any]], limit: int | None) -> Any:
        row = self.read.row
        if row is Row:
            return found[0][0] if found else None
        # As the class is called it would count the values of each row.
        rows: list[Row] = list(map(tuple.__new__, repeat(row), found))
        if self._paged:
            return Page(rows) if limit is None or len(rows) <= limit else Page(rows[:limit], self.read.order)
        if self._optional:
            return rows[0] if rows else None
        (only,) = rows
        return only


class DeclaredList(Declared[P, Page[R]], Generic[P, R]):
    """A declared list, read page by page or as a stream."""

    @overload
    def __get__(self, group: None, owner: type) -> Self: ...
    @overload
    def __get__(self, group: Group[Driver], owner: type) -> ListCall[P, R]: ...
    @overload
    def __get__(self, group: Group[AsyncDriver], owner: type) -> AsyncListCall[P, R]: ...
    def __get__(self, group: Group[Any] | None, owner: type) -> Any:
        return super().__get__(group, owner)

    def _call(self, driver: Any) -> _Bound[P, Page[R]]:
        return (AsyncListCall if isinstance(driver, AsyncDriver) else ListCall)(self, driver)

    def streamed(self, schema: str, named: Mapping[str, Any]) -> Query:
        """All rows that match the filters."""
        if paging := sorted({"after", "limit"} & named.keys()):
            raise TypeError(f"{self.__qualname__}.stream() gives all rows: it takes no {' or '.join(paging)}.")
        query = select(self.read, schema, self.arguments((), named))
        return query.isolated or query


class _Bound(Generic[P, A]):
    """A declared read on a driver, as a method is a function on an object."""

    def __init__(self, declared: Declared[P, Any], driver: Any) -> None:
        self._declared = declared
        self._driver = driver
        self.__name__ = declared.__name__
        self.__qualname__ = declared.__qualname__
        self.__module__ = declared.__module__
        self.__doc__ = declared.__doc__

    @property
    def __signature__(self) -> inspect.Signature:
        signature = self._declared.__signature__
        return signature.replace(parameters=[*signature.parameters.values()][1:])

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """Itself, as of a method: by this `help` takes it for one."""
        return self

    def __repr__(self) -> str:
        return f"<read {self.__qualname__}{self.__signature__}>"


class Call(_Bound[P, A]):
    def __call__(self, *given: P.args, **named: P.kwargs) -> A:
        answer: A = self._driver.run(self._declared.steps(self._driver.schema, given, named, self._driver.row_security))
        return answer


class AsyncCall(_Bound[P, A]):
    async def __call__(self, *given: P.args, **named: P.kwargs) -> A:
        answer: A = await self._driver.run(
            self._declared.steps(self._driver.schema, given, named, self._driver.row_security)
        )
        return answer


class ListCall(Call[P, Page[R]], Generic[P, R]):
    @property
    def stream(self) -> Stream[P, R]:
        """All rows that match the filters, one after the other from a cursor in the server."""
        return Stream(self._declared, self._driver)


class AsyncListCall(AsyncCall[P, Page[R]], Generic[P, R]):
    @property
    def stream(self) -> AsyncStream[P, R]:
        """All rows that match the filters, one after the other from a cursor in the server, without blocking."""
        return AsyncStream(self._declared, self._driver)


class _Stream(_Bound[P, R]):
    def __init__(self, declared: Declared[P, Any], driver: Any) -> None:
        super().__init__(declared, driver)
        self.__name__ = "stream"
        self.__qualname__ += ".stream"
        self.__doc__ = (
            f"As `{declared.__qualname__}`: all rows that match the filters, one after the other from a cursor in"
            " the server.\n\nIt takes the same parameters but for ``after`` and ``limit``."
        )

    @property
    def __signature__(self) -> inspect.Signature:
        signature = super().__signature__
        kept = [one for one in signature.parameters.values() if one.name not in ("after", "limit")]
        kind: Any = AsyncIterator if isinstance(self._driver, AsyncDriver) else Iterator
        return signature.replace(parameters=kept, return_annotation=kind[self._declared.read.row])


class Stream(_Stream[P, R]):
    def __call__(self, *_: P.args, **named: P.kwargs) -> Iterator[R]:
        declared: Any = self._declared
        query = declared.streamed(self._driver.schema, named)
        return map(tuple.__new__, repeat(declared.read.row), self._driver.stream(query))


class AsyncStream(_Stream[P, R]):
    async def __call__(self, *_: P.args, **named: P.kwargs) -> AsyncIterator[R]:
        declared: Any = self._declared
        async for values in self._driver.stream(declared.streamed(self._driver.schema, named)):
            yield tuple.__new__(declared.read.row, values)


# --- the decorators


class view:  # noqa: N801 - it is written as a decorator
    """Declare the read of a view.

    Parameters of the method are columns to filter by; ``since`` and ``until``; of lists, ``after`` and ``limit``.

    Parameters:
        source: name of the view.
        order: columns, those with a minus downwards.
        ranged: the column that ``since`` and ``until`` limit.
        together: columns that one index finds together.
        not_alone: parameters that need others, as `together` tells, because no index serves them alone.
        known: values that a column is known to have.
        states: columns that the view works out.
        opposites: columns that are true where another is false, by which a filter goes instead.
        scattered: whether the columns of the order are in several tables.
        whole: whether a call may name no filter.
        by_value: columns whose values need a plan of their own each.
        by_record: the table whose JSON names a record, and the function that finds keys while isolation is on.
    """

    def __init__(
        self,
        source: str,
        *,
        order: tuple[str, ...],
        ranged: str = "",
        together: tuple[tuple[str, ...], ...] = (),
        not_alone: tuple[str, ...] = (),
        known: Mapping[str, tuple[str, ...]] | None = None,
        states: Mapping[str, State] | None = None,
        opposites: Mapping[str, str] | None = None,
        scattered: bool = False,
        whole: bool = True,
        by_value: tuple[str, ...] = (),
        by_record: tuple[str, str] | None = None,
    ) -> None:
        self._alone = lambda name: name not in (*_NO_FILTERS, *not_alone)
        self._order = [one.lstrip("-") for one in order]
        self._read = partial(
            Read,
            source,
            order=order,
            ranged=ranged,
            together=together,
            known=known or {},
            states=states or {},
            opposites=opposites or {},
            scattered=scattered,
            whole=whole,
            by_value=by_value,
            by_record=by_record,
        )

    @overload
    def __call__(self, method: Callable[Concatenate[Any, P], Page[R2]]) -> DeclaredList[P, R2]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[Any, P], A2]) -> Declared[P, A2]: ...
    def __call__(self, method: Callable[..., Any]) -> Declared[Any, Any]:
        kinds: dict[str, Any] = method.__annotations__
        row = _row(kinds["return"])
        nullable = tuple(name for name in self._order if NoneType in get_args(row.__annotations__[name]))
        read = self._read(row=row, filters=tuple(filter(self._alone, kinds)), nullable=nullable)
        return (DeclaredList if _is_paged(method) else Declared)(method, read)


def function(source: str, **casts: str) -> Callable[[Callable[Concatenate[Any, P], A2]], Declared[P, A2]]:
    """Declare the read of a function; parameters of the method are its arguments.

    Parameters:
        source: name of the function.
        casts: SQL types of arguments, where the types of the parameters do not tell.
    """

    def declare(method: Callable[Concatenate[Any, P], A2]) -> Declared[P, A2]:
        kinds = {name: _one_of(kind) for name, kind in method.__annotations__.items() if name != "return"}
        optional = method.__kwdefaults__ or {}
        read = Read(
            source,
            _row(method.__annotations__["return"]),
            {name: casts.get(name) or _CASTS[kind] for name, kind in kinds.items()},
            tuple(name for name in kinds if name not in optional),
        )
        return Declared(method, read)

    return declare


def _one_of(kind: Any) -> Any:
    """A type without None; the types of a union."""
    kinds = tuple(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is list or not kinds:
        return kind
    return kinds[0] if len(kinds) == 1 else kinds


def _row(answer: Any) -> type[Row]:
    """The class of the rows of an answer; `Row` itself of a value."""
    kind = _one_of(answer)
    return kind if isinstance(kind, type) and issubclass(kind, Row) else Row


def _is_paged(method: Callable[..., Any]) -> bool:
    answer: Any = method.__annotations__["return"]
    return get_origin(answer) is Page


def _documented(method: Callable[..., Any], read: Read) -> str:
    """The docstring with what all reads have in common."""
    parts = [inspect.cleandoc(method.__doc__ or "")]
    if read.arguments is None:
        parts.append("Parameters:\n    " + "\n    ".join(_parameters(method, read)))
        parts.append(
            "Raises:\n    UsageError: a value is unknown or unfit, a filter needs another, or ``after`` is not a page"
            " token of this list."
        )
    parts.append(f"Reads ``{read.source}``.")
    return "\n\n".join(parts)


def _parameters(method: Callable[..., Any], read: Read) -> Iterator[str]:
    names = [name for name in method.__annotations__ if name not in _NO_FILTERS]
    if not method.__kwdefaults__:
        yield f"{', '.join(names)}: of the row."
        return
    yield f"{', '.join(read.filters)}: only rows with this value; filters combine."
    needing: dict[str, list[str]] = {}
    for name in names:
        if name not in read.filters:
            needing.setdefault(read.companions(name), []).append(name)
    for others, needed in needing.items():
        yield f"{', '.join(needed)}: the same; needs {others}."
    if not read.whole:
        yield f"One of these is needed: {read.least}."
    if "since" in method.__annotations__:
        yield f"since, until: only rows whose {read.ranged} is not before the one, and before the other."
    if "limit" in method.__annotations__:
        yield "after: the page token ``next`` of the page before; None for the first page."
        yield "limit: rows of the page."
