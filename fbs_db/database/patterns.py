"""Patterns: entries of the configuration that stand for the databases that solutions have of their own.

A member is the database of one solution. Its name in the project is its name on the server. The template is
the database that those of new solutions are copied from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from psycopg import Connection, conninfo, pq, sql

from fbs_db import wording
from fbs_db.database.config import TEMPLATE, Config, DatabaseConfig, refuse_no_placeholder
from fbs_db.database.connection import connected, errors_of_server
from fbs_db.database.solutions import named as checked_name
from fbs_db.database.urls import checked
from fbs_db.errors import ConnectionFailed, FbsDbError, TargetError, UsageError
from fbs_db.redaction import ConnectionString

#: The database by which a server is asked for its others. Where it cannot be used it is template1, as for createdb:
#: nobody can create a database while others are there.
MAINTENANCE = "postgres"
_UNUSABLE = re.compile(f'database "{MAINTENANCE}" does not exist|permission denied for database "{MAINTENANCE}"')
_APPLICATION = "fbs-db solutions"
#: PostgreSQL cuts longer names.
LONGEST = 63
#: What a connection string of libpq's may begin with.
_KEYWORDS = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def member_of(pattern: DatabaseConfig, solution: str) -> DatabaseConfig:
    """The database of a solution.

    Raises:
        UsageError: the solution's name cannot be part of a database's name.
    """
    if checked_name(solution) == TEMPLATE:
        raise UsageError(
            f"No solution can be called {TEMPLATE}: {template_of(pattern).name} is what new ones are copied from.",
            hint="Choose another name.",
        )
    return _filled(pattern, solution)


def template_of(pattern: DatabaseConfig) -> DatabaseConfig:
    """The database that those of new solutions are copied from."""
    return _filled(pattern, TEMPLATE)


def _filled(pattern: DatabaseConfig, solution: str) -> DatabaseConfig:
    options, dbname = parts_of(pattern)
    name = _PLACEHOLDER.sub(lambda _: solution, dbname)
    if len(name.encode()) > LONGEST:
        raise UsageError(
            f"The database of solution {solution!r} would be called {name}.",
            hint=f"PostgreSQL's names have {LONGEST} bytes at most.",
        )
    return replace(pattern, name=name, url=_url(options, name), env=None, solutions=None, solution=solution)


def solution_in(pattern: DatabaseConfig, name: str) -> str | None:
    """The solution whose database by this pattern has the name; None where the pattern does not fit it."""
    before, after = _fixed(pattern)
    fits = len(name) > len(before + after) and name.startswith(before) and name.endswith(after)
    solution = name[len(before) : len(name) - len(after)]
    return solution if fits and solution != TEMPLATE else None


def closer(pattern: DatabaseConfig, known: Config) -> list[DatabaseConfig]:
    """The patterns on the same server that leave less to the solution's name.

    A name that fits two of them, such as fbs_{solution}_db and fbs_{solution}_docs_db, is of the closer one.
    """
    fixed, server = len("".join(_fixed(pattern))), parts_of(pattern)[0]
    return [one for one in known.patterns.values() if len("".join(_fixed(one))) > fixed and parts_of(one)[0] == server]


def member(name: str, known: Config) -> DatabaseConfig | None:
    """The member or the template whose database has this name; None where no pattern fits.

    Where several patterns fit, as of several servers, the servers are asked which of them has it.
    """
    if name in known.members:
        return known.members[name]
    if _is_string(name):  # which may end like a pattern
        return None
    templates = [template for one in known.patterns.values() if (template := template_of(one)).name == name]
    fitting = [
        (one, solution)
        for one in known.patterns.values()
        if (solution := solution_in(one, name)) is not None
        and (not isinstance(one.solutions, tuple) or solution in one.solutions)
        and not any(solution_in(other, name) is not None for other in closer(one, known))
    ]
    if len(fitting) > 1:
        fitting = _first_there(name, fitting)
    return member_of(*fitting[0]) if fitting else next(iter(templates), None)


def _is_string(name: str) -> bool:
    """Whether this is a connection string, malformed or not, and not the name of a database that looks like one."""
    keyword, equals, _ = name.partition("=")
    return bool(re.match(r"[\w+.-]+://", name) or (equals and keyword.strip() in _KEYWORDS))


def _first_there(name: str, fitting: list[tuple[DatabaseConfig, str]]) -> list[tuple[DatabaseConfig, str]]:
    """The first of these patterns whose server has the database; the first of all if none has.

    A server that cannot be asked hides no database of the others.
    """
    failure: FbsDbError | None = None
    for pair in fitting:
        try:
            if name in names_on_server(pair[0]):
                return [pair]
        except FbsDbError as error:
            failure = error
    if failure is not None:
        raise failure
    return fitting[:1]


def unknown(name: str, known: Config) -> UsageError:
    """The error for a name that is not that of a database, which may be that of a pattern or of a solution."""
    if name in known.patterns:
        return UsageError(
            f"{name} in {known.source} is a pattern: it stands for the databases of all solutions.",
            hint=f"Name that of one solution: {parts_of(known.patterns[name])[1]}",
        )
    for pattern in known.patterns.values():
        if isinstance(pattern.solutions, tuple) and (solution := solution_in(pattern, name)) is not None:
            return unlisted(pattern, solution, known)
    names = [*known.databases, *(parts_of(pattern)[1] for pattern in known.patterns.values())]
    meant = []
    for pattern in known.patterns.values():
        with suppress(UsageError):
            meant.append(member_of(pattern, name).name)
    hint = f"Known: {', '.join(names)}."
    hint += f" If {name} is a solution, name its database: {' or '.join(meant)}" if meant else ""
    return UsageError(f"Unknown database {name!r} in {known.source or 'the configuration'}.", hint=hint)


def unlisted(pattern: DatabaseConfig, solution: str, known: Config) -> UsageError:
    """The error for a solution that the list of a pattern does not have."""
    return UsageError(
        f"The list of pattern {pattern.name} in {known.source} does not have {solution}.",
        hint="Add it there. Then type the same again.",
    )


def names_on_server(pattern: DatabaseConfig, *, closed: bool = False, templates: bool = False) -> set[str]:
    """The names of the databases on the server of a pattern.

    Parameters:
        pattern: the pattern, or a member.
        closed: also those that take no connections now, or are marked as templates.
        templates: also templates.

    Raises:
        ConnectionFailed, ServerError: the server could not be asked.
    """
    # What an interrupted drop has left has the limit -2.
    query = (
        "select datname::text from pg_catalog.pg_database"
        " where (%s or not datistemplate) and datconnlimit <> -2 and (datallowconn or %s)"
    )
    with at_server(pattern) as connection, errors_of_server(connection):
        return {name for (name,) in connection.execute(query, [templates or closed, closed])}


@contextmanager
def at_server(pattern: DatabaseConfig) -> Iterator[Connection]:
    """A connection to the server of a pattern or of a member, as the login, in a database that is not FBS's.

    Others may be allowed to create functions in that database: its search path leads to none of them.

    Raises:
        ConnectionFailed, UnsupportedServer: there is no usable connection.
    """
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connected(server_of(pattern), _APPLICATION))
        except ConnectionFailed as error:
            if not _UNUSABLE.search(error.message):
                raise
            connection = stack.enter_context(connected(server_of(pattern, "template1"), _APPLICATION))
        with errors_of_server(connection):
            connection.execute("set search_path = pg_catalog, pg_temp")
        yield connection


#: Who made a database may have put anything into it, also settings such as the search path.
_STRANGE = """
select o.rolname::pg_catalog.text, login.rolsuper
from pg_catalog.pg_database as d
inner join pg_catalog.pg_roles as o on d.datdba operator(pg_catalog.=) o.oid
inner join pg_catalog.pg_roles as login on login.rolname operator(pg_catalog.=) session_user
where
    d.datname operator(pg_catalog.=) pg_catalog.current_database()
    and not o.rolsuper
    and o.rolname operator(pg_catalog.<>) current_user
    and case
        when login.rolsuper then true
        when pg_catalog.pg_has_role(o.oid, 'member') then false
        else
            o.rolcreatedb
            and not exists (
                select from pg_catalog.pg_database as t
                where
                    t.datistemplate and t.datname operator(pg_catalog.=) %s::pg_catalog.name
                    and t.datdba operator(pg_catalog.=) d.datdba
                    and t.oid operator(pg_catalog.<>) d.oid
            )
    end
"""


def refuse_stranger(connection: Connection, config: DatabaseConfig, known: Config) -> None:
    """Refuse a member, or a template, that somebody may have made for the sake of its name.

    A superuser works in a database of another superuser, or of the role that was named. Others work where they are a
    member of its owner, where that one owns the template too, or may create no databases.

    Raises:
        TargetError: it belongs to such a role. Nothing in the database was called.
    """
    with errors_of_server(connection):
        for owner, is_superuser in connection.execute(_STRANGE.encode(), [_template_beside(config, known)]).fetchall():
            with wording.given(database=config.name, role=owner):
                again = wording.command("check")
            grant = sql.SQL("grant {} to {};").format(sql.Identifier(owner), sql.Identifier(connection.info.user))
            raise TargetError(
                f"Database {config.name} belongs to {owner}, who may have put anything into it"
                + (", and you are a superuser." if is_superuser else "."),
                hint=f"If you trust that role, work as it: {again}"
                + ("" if is_superuser else f"\nFirst type this in psql: {grant.as_string(connection)}"),
            )


def _template_beside(config: DatabaseConfig, known: Config) -> str:
    """The template of the pattern that a member is of."""
    solution = config.solution or ""
    templates = (template_of(one).name for one in known.patterns.values() if solution_in(one, config.name) == solution)
    return next(templates, "")


def server_of(pattern: DatabaseConfig, dbname: str = MAINTENANCE) -> ConnectionString:
    """The connection string by which the server of a pattern, or of a member, is asked for its databases."""
    if pattern.solution is not None:
        return ConnectionString(conninfo.make_conninfo(pattern.url or "", dbname=dbname))
    return _url(parts_of(pattern)[0], dbname)


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


def _fixed(pattern: DatabaseConfig) -> tuple[str, str]:
    """What is before and after the solution in the name of its database."""
    before, after = _PLACEHOLDER.split(parts_of(pattern)[1])
    return before, after


def _url(options: dict[str, str], dbname: str) -> ConnectionString:
    return ConnectionString(conninfo.make_conninfo("", **{**options, "dbname": dbname}))
