"""Databases that solutions have of their own: made, and dropped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import Connection, errors, sql

from fbs_db.database import fleet, project
from fbs_db.database.config import EVERY, DatabaseConfig
from fbs_db.database.connection import errors_of_server, shown
from fbs_db.database.patterns import at_server, closer, member_of, names_on_server, solution_in, unlisted
from fbs_db.database.session import sentences
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.places.template import Template, as_owner, create_database, in_use, sessions_on, up_to_date
from fbs_db.reports import Progress, Report, silent
from fbs_db.wording import command


@dataclass(frozen=True)
class CreatedSolution(Report):
    """A solution's own database that was made.

    Attributes:
        solution: the solution.
        database: URL of its database, without its password.
        template: name of the database that it is a copy of.
        owner: the role it belongs to.
        seconds: how long it took.
        remark: what is left to do; an empty string for nothing.
    """

    solution: str
    database: str
    template: str
    owner: str
    seconds: float
    remark: str


@dataclass(frozen=True)
class DroppedSolution(Report):
    """A solution's own database that was, or would be, dropped.

    Attributes:
        solution: the solution.
        database: URL of its database, without its password.
        owner: the role it belongs, or belonged, to.
        size: bytes on disk that it had.
        done: whether it was dropped.
        remark: what is left to do; an empty string for nothing.
    """

    solution: str
    database: str
    owner: str
    size: int
    done: bool
    remark: str


def create_solution(
    solution: str, pattern: str | None = None, *, progress: Callable[[Progress], None] = silent
) -> CreatedSolution:
    """Make the database of a solution: a copy of the pattern's template, which has FBS in it.

    The template is made by the first call, and migrated by a call that does not know it to be up to date. The
    copy has its owner, its rights and its settings.

    Parameters:
        solution: its name.
        pattern: the pattern's name; None for the only one.
        progress: told what takes time.

    Raises:
        UsageError: there is no such pattern, or none of its databases can be this solution's.
        TargetError: the database exists, the login may not create it, or others are connected to the template.
        FbsDbError: the template cannot be made or migrated.

    Nothing of the database is left after an error.

    Runs ``create database ... template``. Reads ``pg_database`` and ``pg_db_role_setting``.
    """
    started = time.monotonic()
    chosen = _chosen(pattern)
    config = member_of(chosen, solution)
    _refuse_unlisted(chosen, config)
    with at_server(chosen) as connection, errors_of_server(connection):
        _refuse_taken(connection, config)
        template = up_to_date(connection, chosen, progress)
        _copy(connection, template, config)
    return CreatedSolution(
        solution,
        shown(config.url or ""),
        template.name,
        template.owner,
        time.monotonic() - started,
        f"Commands with --all work on it only if this query gives {solution}: {chosen.solutions}"
        if isinstance(chosen.solutions, str) and chosen.solutions != EVERY
        else "",
    )


def drop_solution(solution: str, pattern: str | None = None, *, dry_run: bool = False) -> DroppedSolution:
    """Drop the database of a solution with all that is in it.

    Parameters:
        solution: its name.
        pattern: the pattern's name; None for the only one.
        dry_run: only say what would be dropped.

    Raises:
        UsageError: there is no such pattern, or none of its databases can be this solution's.
        TargetError: there is no such database, somebody is connected to it, or the login is no member of its owner.

    Runs ``drop database``. Reads ``pg_database`` and ``pg_stat_activity``.
    """
    chosen = _chosen(pattern)
    config = member_of(chosen, solution)
    _refuse_single(config)
    name = sql.Identifier(config.name)
    with at_server(chosen) as connection, errors_of_server(connection):
        query = (
            "select o.rolname::text, pg_database_size(d.oid) from pg_catalog.pg_database as d"
            " inner join pg_catalog.pg_roles as o on d.datdba = o.oid where d.datname = %s"
        )
        row = connection.execute(query, (config.name,)).fetchone()
        if row is None:
            raise TargetError(
                f"There is no database {config.name} at {shown(connection)}.",
                hint=f"To list those there are, type: {command('solutions', 'list')}",
            )
        owner, size = row
        if sessions_on(connection, config.name)[1]:
            raise in_use(connection, config.name)
        if not dry_run:
            with as_owner(connection, owner):
                try:
                    connection.execute(sql.SQL("drop database {}").format(name))
                except errors.ObjectInUse as error:
                    raise in_use(connection, config.name) from error
    remark = ""
    if chosen.solutions != EVERY:
        where = "the list" if isinstance(chosen.solutions, tuple) else "what is read by the query"
        remark = f"Take {solution} out of {where} of pattern {chosen.name} in {project.configuration().source}."
    return DroppedSolution(solution, shown(config.url or ""), owner, size, not dry_run, remark)


def patterns() -> Mapping[str, DatabaseConfig]:
    """The patterns of the project, by name.

    Raises:
        UsageError: there are none.
    """
    known = project.configuration()
    if not known.patterns:
        raise UsageError(
            f"{known.source or 'The configuration'} has no pattern for the databases of solutions.",
            hint=f"It needs a table like [databases.solutions]. Type: {command('help', 'placement')}",
        )
    return known.patterns


def _chosen(name: str | None) -> DatabaseConfig:
    """The pattern of a name, or the only one."""
    known = patterns()
    if name is None and len(known) > 1:
        raise UsageError(f"There are several patterns: {', '.join(known)}.", hint="Name one: --in NAME")
    if name is not None and name not in known:
        raise UsageError(f"There is no pattern {name}.", hint=f"Known: {', '.join(known)}.")
    return known[name] if name is not None else next(iter(known.values()))


def _refuse_unlisted(pattern: DatabaseConfig, config: DatabaseConfig) -> None:
    """Refuse a solution that the pattern's list does not have, or whose database would be another's."""
    _refuse_single(config)
    known = project.configuration()
    if isinstance(pattern.solutions, tuple) and config.solution not in pattern.solutions:
        raise unlisted(pattern, f"{config.solution}", known)
    for other in known.patterns.values():
        if other.name == pattern.name or solution_in(other, config.name) is None:
            continue
        if other in closer(pattern, known):
            raise UsageError(
                f"{config.name} would be a database by the pattern {other.name} in {known.source}.",
                hint=f"Choose another name, or make it there: --in {other.name}",
            )
        if config.name in names_on_server(other, closed=True):
            raise UsageError(f"Solution {config.solution} has its database already, by the pattern {other.name}.")


def _refuse_single(config: DatabaseConfig) -> None:
    """Refuse a database that the project has for something else."""
    if config.name in fleet.single_names():
        raise UsageError(
            f"{config.name} is a database of the project, and not that of a solution.", hint="Choose another name."
        )


def _refuse_taken(connection: Connection, config: DatabaseConfig) -> None:
    if connection.execute("select from pg_catalog.pg_database where datname = %s", (config.name,)).fetchone():
        raise _taken(config)


def _taken(config: DatabaseConfig) -> TargetError:
    listed = command("solutions", "list")
    return TargetError(f"Database {config.name} exists already.", hint=f"To see what it has, type: {listed}")


def _copy(connection: Connection, template: Template, config: DatabaseConfig) -> None:
    """Copy the template, with what PostgreSQL leaves out: rights on the database itself, and its settings."""
    names = {"new": sql.Identifier(config.name), "owner": sql.Identifier(template.owner)}
    statement = sql.SQL("create database {new} template {template} owner {owner} connection limit {limit}").format(
        template=sql.Identifier(template.name), limit=sql.Literal(template.limit), **names
    )
    left_out: list[sql.Composed] = []
    if template.left_out:
        left_out = [*_rights(connection, template, names), *_settings(connection, template, names)]
    try:
        create_database(connection, statement, template.owner)
    except (errors.DuplicateDatabase, errors.UniqueViolation) as error:  # made meanwhile
        raise _taken(config) from error
    except errors.ObjectInUse as error:
        raise in_use(connection, template.name, ", which new ones are copied from") from error
    if left_out:
        try:
            with errors_of_server(connection), as_owner(connection, template.owner), connection.transaction():
                for statement in left_out:
                    connection.execute(statement)
        except BaseException as error:
            _undo(connection, template, names, error)
            raise


def _undo(connection: Connection, template: Template, names: dict[str, sql.Identifier], error: BaseException) -> None:
    drop = sql.SQL("drop database {new};").format(**names).as_string(connection)
    try:
        with errors_of_server(connection), as_owner(connection, template.owner):
            connection.execute(drop.encode())
        said = "Nothing of the new database is left."
    except FbsDbError as failure:
        said = f"The new database is left, without all its rights ({failure.message}). Type in psql: {drop}"
    if isinstance(error, FbsDbError):
        error.hint = sentences(error.hint, said)


def _rights(connection: Connection, template: Template, names: dict[str, sql.Identifier]) -> Iterator[sql.Composed]:
    """The statements that give a copy the rights on the template itself, if they are not those of any database."""
    query = """
        select g.rolname::text, a.is_grantable, string_agg(a.privilege_type, ', ' order by a.privilege_type)
        from pg_catalog.pg_database as d
        cross join pg_catalog.aclexplode(d.datacl) as a
        left join pg_catalog.pg_roles as g on a.grantee = g.oid
        where d.oid = %s and (a.grantee = 0 or g.oid is not null)
        group by 1, 2
        order by 1, 2
        """
    rows = connection.execute(query, (template.oid,)).fetchall()
    if rows:
        yield sql.SQL("revoke all on database {new} from public, {owner}").format(**names)
    for grantee, grantable, privileges in rows:
        yield sql.SQL("grant {} on database {new} to {}{}").format(
            sql.SQL(privileges),
            sql.SQL("public") if grantee is None else sql.Identifier(grantee),
            sql.SQL(" with grant option" if grantable else ""),
            **names,
        )


#: The settings whose values are lists of names. PostgreSQL knows no others, and an extension cannot add one.
_LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces")
_IN_LIST = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"]+?))\s*(?:,|$)')


def _settings(connection: Connection, template: Template, names: dict[str, sql.Identifier]) -> Iterator[sql.Composed]:
    """The statements that give a copy the template's settings, those of single roles included."""
    query = """
        select r.rolname::text, split_part(c.said, '=', 1), substr(c.said, strpos(c.said, '=') + 1)
        from pg_catalog.pg_db_role_setting as s
        cross join unnest(s.setconfig) as c (said)
        left join pg_catalog.pg_roles as r on s.setrole = r.oid
        where s.setdatabase = %s and (s.setrole = 0 or r.oid is not null)
        order by 1, 2
        """
    for role, name, value in connection.execute(query, (template.oid,)).fetchall():
        values = [value]
        if name.lower() in _LISTS:
            values = [(quoted or "").replace('""', '"') or plain for quoted, plain in _IN_LIST.findall(value)]
        yield sql.SQL("alter {}database {new} set {} = {}").format(
            sql.SQL("" if role is None else "role {} in ").format(
                *([sql.Identifier(role)] if role is not None else [])
            ),
            sql.Identifier(*name.split(".")),
            sql.SQL(", ").join(map(sql.Literal, values or [""])),
            **names,
        )
