"""The databases of a project as they are now, those that solutions have of their own included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set

import psycopg
from psycopg import conninfo

from fbs_db.database import project
from fbs_db.database.config import EVERY, TEMPLATE, DatabaseConfig
from fbs_db.database.connection import connected, errors_of_server, raise_if_lost, shown
from fbs_db.database.patterns import (
    closer,
    member,
    member_of,
    names_on_server,
    solution_in,
    template_of,
    unknown,
)
from fbs_db.database.solutions import named as checked_name
from fbs_db.database.which import resolve, role_for
from fbs_db.errors import FbsDbError, TargetError, UsageError

#: Begins a transaction in which the query for the solutions reads: at most this long.
_READING = (
    "set transaction read only;"
    " select pg_catalog.set_config(name, value, true) from (values ('lock_timeout', '3s'),"
    " ('statement_timeout', '60s')) as limits (name, value)"
)


def members(
    failed: Callable[[DatabaseConfig, FbsDbError], None] | None = None, *, templates: bool = False
) -> Iterator[DatabaseConfig]:
    """All databases of the project: the single ones, then those of each pattern, each listed when it is reached.

    Parameters:
        failed: called with a pattern whose databases cannot be listed; None to raise the error.
        templates: whether the databases that new solutions are copied from are among them, if they are there: each
            before the others of its pattern, so that what is copied meanwhile is migrated already.

    Raises:
        FbsDbError: as `solutions_of`.
    """
    known = project.configuration()
    yield from known.databases.values()
    for pattern in known.patterns.values():
        found: list[DatabaseConfig] = []
        try:
            if templates and (template := template_of(pattern)).name in names_on_server(pattern, templates=True):
                found.append(template)
            found += [member_of(pattern, solution) for solution in solutions_of(pattern)]
        except FbsDbError as error:
            if failed is None:
                raise
            failed(pattern, error)
        else:
            yield from found


def named(name: str) -> DatabaseConfig:
    """The configured database of this name, or the member whose database has it.

    Raises:
        UsageError: there is none.
    """
    known = project.configuration()
    if found := known.databases.get(name) or member(name, known):
        return found
    raise unknown(name, known)


def solutions_of(pattern: DatabaseConfig) -> list[str]:
    """The solutions that have a database by a pattern now, in order.

    Raises:
        ConnectionFailed, TargetError, ServerError: the server, or the default database, could not be asked.
        UsageError: the query gives something else than names, or the configuration is wrong.
    """
    there = on_server(pattern)
    return [solution for solution in wanted_by(pattern, there) if solution in there]


def wanted_by(pattern: DatabaseConfig, there: set[str] | None = None) -> list[str]:
    """The solutions that a pattern names, in order, whether they have a database or not.

    Parameters:
        there: those that have one, where that is known.

    Raises:
        FbsDbError: as `solutions_of`.
    """
    if pattern.solutions == EVERY:
        return sorted(on_server(pattern) if there is None else there)
    names = pattern.solutions if isinstance(pattern.solutions, tuple) else _answered(str(pattern.solutions), pattern)
    return sorted({checked_name(name) for name in names} - {TEMPLATE})


def on_server(pattern: DatabaseConfig, *, closed: bool = False) -> set[str]:
    """The solutions whose database is on the server.

    A database with the name of a single one of the project is nobody's, on whatever server that is: two names of a
    server cannot be told from two servers.

    Parameters:
        closed: also those whose database takes no connections now, or is marked as a template.

    Raises:
        FbsDbError: as `solutions_of`.
    """
    return set(solutions_among(pattern, names_on_server(pattern, closed=closed)).values())


def solutions_among(pattern: DatabaseConfig, names: Set[str]) -> dict[str, str]:
    """Of the names of databases on the server of a pattern, those of solutions, each with its solution."""
    if not names:
        return {}
    others = closer(pattern, project.configuration())
    found = (
        (name, solution_in(pattern, name))
        for name in names - single_names()
        if all(solution_in(one, name) is None for one in others)
    )
    return {name: solution for name, solution in found if solution is not None}


def is_there(member: DatabaseConfig) -> bool:
    """Whether the server has a solution's own database, though it may take no connections.

    Raises:
        ConnectionFailed, ServerError: the server could not be asked.
    """
    return member.name in names_on_server(member, closed=True)


def single_names() -> set[str]:
    """The names that the single databases of the project have on their servers, as far as they can be told now."""
    return {_dbname_of(config) for config in project.configuration().databases.values()}


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
                connection.execute(_READING)
                # Prepared, it is one statement: no other can end the transaction that reads only.
                rows = connection.execute(query.encode(), prepare=True).fetchall()
        except psycopg.Error as error:
            raise_if_lost(connection, error)
            raise TargetError(
                f"The query of pattern {pattern.name} failed in {shown(connection)}:"
                f" {error.diag.message_primary or error}",
                hint=f"Correct it in {known.source}.",
            ) from error
    if any(len(row) != 1 or not isinstance(row[0], str) for row in rows):
        raise UsageError(
            f"The query of pattern {pattern.name} gives something else than names.",
            hint="It selects one column of texts, such as: select name from tenants_tenant",
        )
    return [row[0] for row in rows]
