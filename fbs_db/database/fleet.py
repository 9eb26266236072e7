"""The databases of a project as they are now, those that solutions have of their own included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import psycopg
from psycopg import conninfo

from fbs_db.database import project
from fbs_db.database.config import EVERY, DatabaseConfig
from fbs_db.database.connection import connected, errors_of_server, shown
from fbs_db.database.patterns import TEMPLATE, databases_beside, member, member_of, parts_of, solution_in
from fbs_db.database.solutions import named as checked_name
from fbs_db.database.which import resolve, role_for
from fbs_db.errors import FbsDbError, TargetError, UsageError


def members(failed: Callable[[DatabaseConfig, FbsDbError], None] | None = None) -> Iterator[DatabaseConfig]:
    """All databases of the project: the single ones, then those of each pattern, each listed when it is reached.

    Parameters:
        failed: called with a pattern whose databases cannot be listed; None to raise the error.

    Raises:
        FbsDbError: as `solutions_of`.
    """
    known = project.configuration()
    yield from known.databases.values()
    for pattern in known.patterns.values():
        try:
            solutions = solutions_of(pattern)
        except FbsDbError as error:
            if failed is None:
                raise
            failed(pattern, error)
            continue
        for solution in solutions:
            yield member_of(pattern, solution)


def named(name: str) -> DatabaseConfig:
    """The configured database of this name, or the member whose database has it.

    Raises:
        UsageError: there is none.
    """
    known = project.configuration()
    if found := known.databases.get(name) or member(name, known):
        return found
    if name in known.patterns:
        raise UsageError(
            f"{name} in {known.source} is the database of each solution.",
            hint=f"Name that of one solution: {parts_of(known.patterns[name])[1]}",
        )
    names = [*known.databases, *(parts_of(pattern)[1] for pattern in known.patterns.values())]
    raise UsageError(
        f"Unknown database {name!r} in {known.source or 'the configuration'}.", hint=f"Known: {', '.join(names)}."
    )


def solutions_of(pattern: DatabaseConfig) -> list[str]:
    """The solutions that have a database by a pattern now, in order.

    Raises:
        ConnectionFailed, TargetError, ServerError: the server, or the default database, could not be asked.
        UsageError: the query gives something else than names, or the configuration is wrong.
    """
    there = _on_server(pattern)
    return [solution for solution in wanted_by(pattern, there) if solution in there]


def wanted_by(pattern: DatabaseConfig, there: set[str] | None = None) -> list[str]:
    """The solutions that a pattern names, in order, whether they have a database or not.

    Parameters:
        there: those that have one, where that is known.

    Raises:
        FbsDbError: as `solutions_of`.
    """
    if pattern.solutions == EVERY:
        return sorted(_on_server(pattern) if there is None else there)
    names = pattern.solutions if isinstance(pattern.solutions, tuple) else _answered(str(pattern.solutions), pattern)
    return sorted({checked_name(name) for name in names} - {TEMPLATE})


def _on_server(pattern: DatabaseConfig) -> set[str]:
    """The solutions whose database is on the server. A single database of the project is nobody's."""
    single = {_dbname_of(config) for config in project.configuration().databases.values()}
    found = (solution_in(pattern, name) for name in databases_beside(pattern) - single)
    return {solution for solution in found if solution is not None}


def _dbname_of(config: DatabaseConfig) -> str:
    try:
        return str(conninfo.conninfo_to_dict(resolve(config)[0]).get("dbname") or "")
    except FbsDbError:  # it cannot be told now
        return ""


def _answered(query: str, pattern: DatabaseConfig) -> Sequence[str]:
    """The names that a query gives in the default database."""
    known = project.configuration()
    where, config = resolve(known.default)
    with connected(where, "fbs-db solutions", role_for(config)) as connection, errors_of_server(connection):
        try:
            with connection.transaction():
                connection.execute("set transaction read only")
                rows = connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise TargetError(
                f"The query for the solutions of {pattern.name} failed in {shown(connection)}:"
                f" {error.diag.message_primary or error}",
                hint=f"Correct it in {known.source}.",
            ) from error
    if any(len(row) != 1 or not isinstance(row[0], str) for row in rows):
        raise UsageError(
            f"The query for the solutions of {pattern.name} gives something else than names.",
            hint="It selects one column of texts, such as: select name from tenants_tenant",
        )
    return [row[0] for row in rows]
