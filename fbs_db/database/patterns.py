"""Patterns: entries of the configuration that stand for the databases that solutions have of their own.

A member is the database of one solution. Its name in the project is its name on the server.
"""

from __future__ import annotations

import re
from dataclasses import replace

from psycopg import conninfo

from fbs_db.database.config import Config, DatabaseConfig, refuse_no_placeholder
from fbs_db.database.connection import connected, errors_of_server
from fbs_db.database.solutions import named as checked_name
from fbs_db.database.urls import checked
from fbs_db.errors import UsageError
from fbs_db.redaction import ConnectionString

#: What stands for the solution in the name of the database that new ones are copied from.
TEMPLATE = "template"
#: The database by which a server is asked for its databases: nobody can create one while others are in template1.
MAINTENANCE = "postgres"
#: PostgreSQL cuts longer names.
_LONGEST = 63
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def member_of(pattern: DatabaseConfig, solution: str) -> DatabaseConfig:
    """The database of a solution.

    Raises:
        UsageError: the solution's name cannot be part of a database's name.
    """
    options, dbname = parts_of(pattern)
    name = _PLACEHOLDER.sub(lambda _: checked_name(solution), dbname)
    if len(name.encode()) > _LONGEST:
        raise UsageError(
            f"The database of solution {solution!r} would be called {name}.",
            hint=f"PostgreSQL's names have {_LONGEST} bytes at most.",
        )
    return replace(pattern, name=name, url=_url(options, name), env=None, solutions=None, solution=solution)


def template_of(pattern: DatabaseConfig) -> DatabaseConfig:
    """The database that those of new solutions are copied from."""
    return replace(member_of(pattern, TEMPLATE), solution=None)


def server_of(pattern: DatabaseConfig) -> ConnectionString:
    """The connection string by which the server of a pattern, or of a member, is asked for its databases."""
    if pattern.solution is not None:
        return ConnectionString(conninfo.make_conninfo(pattern.url or "", dbname=MAINTENANCE))
    options, _ = parts_of(pattern)
    return _url(options, MAINTENANCE)


def solution_in(pattern: DatabaseConfig, name: str) -> str | None:
    """The solution whose database by this pattern has the name; None where the pattern does not fit it."""
    _, dbname = parts_of(pattern)
    before, after = _PLACEHOLDER.split(dbname)
    fits = len(name) > len(before + after) and name.startswith(before) and name.endswith(after)
    solution = name[len(before) : len(name) - len(after)]
    return solution if fits and solution != TEMPLATE else None


def member(name: str, known: Config) -> DatabaseConfig | None:
    """The member whose database has this name; None where no pattern fits.

    Where several patterns fit, as of several servers, the servers are asked which of them has it.
    """
    fitting = [(one, solution) for one in known.patterns.values() if (solution := solution_in(one, name)) is not None]
    fitting = [pair for pair in fitting if not isinstance(pair[0].solutions, tuple) or pair[1] in pair[0].solutions]
    if len(fitting) > 1:
        fitting = [pair for pair in fitting if name in databases_beside(pair[0])] or fitting[:1]
    return member_of(*fitting[0]) if fitting else None


def databases_beside(pattern: DatabaseConfig, *, closed: bool = False) -> set[str]:
    """The names of all databases on the server of a pattern, but for templates.

    Parameters:
        pattern: the pattern, or a member.
        closed: also those that take no connections now.
    """
    # What an interrupted drop has left has the limit -2.
    query = (
        "select datname::text from pg_catalog.pg_database"
        " where not datistemplate and datconnlimit <> -2 and (datallowconn or %s)"
    )
    with connected(server_of(pattern), "fbs-db solutions") as connection, errors_of_server(connection):
        return {name for (name,) in connection.execute(query.encode(), [closed])}


def parts_of(pattern: DatabaseConfig) -> tuple[dict[str, str], str]:
    """The connection settings of a pattern without the database, and the database's name with its placeholder.

    Raises:
        UsageError: its connection string is malformed, or that name has no placeholder.
    """
    where = f"database {pattern.name}"
    url = checked(pattern.connection_string() or "", where)
    refuse_no_placeholder(pattern, url, where)
    options = {key: str(value) for key, value in conninfo.conninfo_to_dict(url).items()}
    return options, options.pop("dbname")


def _url(options: dict[str, str], dbname: str) -> ConnectionString:
    return ConnectionString(conninfo.make_conninfo("", **{**options, "dbname": dbname}))
