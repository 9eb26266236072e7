"""Isolation: PostgreSQL itself keeps the rows of solutions apart, by row level security."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg
from psycopg import pq

from fbs_db import files
from fbs_db.database.connection import raise_if_lost, said_by, settings_kept, shown
from fbs_db.database.indexes import Busy, Indexes
from fbs_db.database.session import Database, Session, isolated, open_session, told_what_stays
from fbs_db.errors import FbsDbError, IsolationRefused, LockTimeout
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema.rights import refuse_rights_of_others
from fbs_db.schema.run import refuse_unfit
from fbs_db.wording import command, completed, counted, typed

#: The index that becomes the unique set's, where it is built beforehand.
ISOLATION_INDEX = "fbs_custom_fields_isolation_idx"
#: The tables that tell what isolation does not hold against.
_ASKED = ("fbs_roles", "fbs_solution_map", "fbs_hosts")
#: The table with that unique set.
_WITH_SET = "fbs_custom_fields"
#: Bytes of that table above which the index is built beforehand, without a lock.
BUILD_ABOVE = 16 * 1024 * 1024

_ADJUSTED = {"lock_timeout": "3s", "statement_timeout": "0"}


@dataclass(frozen=True)
class Obstacle(Report):
    """Something that stands in the way of switching isolation on or off.

    Attributes:
        object: a column, such as ``fbs_notifications.solution_name``, a table, a view or a role.
        problem: the problem, such as ``names no solution``.
        rows: number of rows that have it; None where it is none of rows.
        found: an example, or what follows from it; may be an empty string.
        mend: SQL, or a command, with words in capitals for what only you know; may be an empty string.
        final: whether isolation cannot be switched while it is there.
    """

    object: str
    problem: str
    rows: int | None
    found: str
    mend: str
    final: bool


@dataclass(frozen=True)
class IsolationReport(Report):
    """What switching isolation did, or would do.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        wanted: whether it was to be switched on.
        was: whether it was on.
        obstacles: what stands in the way.
        sql: the statements, for psql; an empty string where there is nothing to do.
        changes: number of changes that were made.
        done: whether isolation is as it was to be.
    """

    database: str
    schema: str
    wanted: bool
    was: bool
    obstacles: tuple[Obstacle, ...]
    sql: str
    changes: int = 0
    done: bool = False


@dataclass(frozen=True)
class IsolatedTable(Report):
    """A table whose rows belong to a solution.

    Attributes:
        table: its name.
        column: its column that names the solution; of a child, the one that names its parent.
        parent: the parent's table, which names the solution; an empty string where the column does.
        missing: what it lacks of isolation, while that is on.
    """

    table: str
    column: str
    parent: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class ListedRole(Report):
    """A role that sees rows while isolation is on.

    Attributes:
        role: its name.
        work: ``app`` or ``reader``.
        solutions: its own solutions.
        shared: whether it sees the solution that ``fbs.solution`` names.
    """

    role: str
    work: str
    solutions: tuple[str, ...]
    shared: bool


@dataclass(frozen=True)
class IsolationStatus(Report):
    """Isolation in a database.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        on: whether isolation is on.
        tables: the tables whose rows belong to a solution.
        others: the tables without a solution: a role with rights on one sees all of its rows.
        roles: the roles that see rows; None where the session's role may not read them.
        problems: what isolation does not hold against; only while it is on.
    """

    database: str
    schema: str
    on: bool
    tables: tuple[IsolatedTable, ...]
    others: tuple[str, ...]
    roles: tuple[ListedRole, ...] | None
    problems: tuple[Obstacle, ...]

    @property
    def complete(self) -> bool:
        """Whether isolation is off, or each table has all of it."""
        return not any(table.missing for table in self.tables)


def isolate(
    on: bool,
    database: Database = None,
    *,
    schema: str | None = None,
    dry_run: bool = False,
    anyway: bool = False,
    progress: Callable[[Progress], None] = silent,
) -> IsolationReport:
    """Switch isolation on or off, in one transaction.

    While it is on, a login sees and writes the rows of its own solutions only. FBS's owner and
    superusers see all. Again does no harm: it adds what is missing.

    Rows are counted first, without a lock but the one of any reader. The transaction then locks
    the tables against everybody for a moment. Of a large ``fbs_custom_fields`` the new unique
    set is built before it, unless the connection is in a transaction of the caller's.

    Parameters:
        on: whether isolation is to be on.
        database, schema: as for `fbs_db.migrate`; no server is created.
        dry_run: only tell the obstacles and the statements.
        anyway: switch it on although there are obstacles, such as rows that nobody will see but FBS's owner.
        progress: told each table whose rows are counted, and who holds a lock.

    Returns:
        What was done, with the obstacles.

    Raises:
        IsolationRefused: obstacles are in the way. Nothing was changed.
        LockTimeout: a table is in use for longer than all tries; it names who uses it. Nothing was changed.
        TargetError: FBS is not installed, or too old for it.

    Reads ``fbs_isolation_obstacles``, ``fbs_isolation_problems`` and ``fbs_isolation_parts``; calls ``fbs_isolate``.
    """
    with open_session(database, schema, application="fbs-db isolate") as session:
        refuse_rights_of_others(session)
        was = _is_on(session)
        # While it is on, what is in the way is there already.
        obstacles = () if on and was else tuple(_obstacles(session, on, progress))
        script = _script(session, on, was)
        report = IsolationReport(shown(session.connection), session.schema, on, was, obstacles, script)
        if dry_run:
            return report
        refuse_unfit(session)
        _refuse(report, anyway)
        changes = 0
        if script:
            with told_what_stays(), session.lock(progress=progress), _set_built(session, on, database, progress):
                ((changes,),) = session.retry_call(progress, "fbs_isolate", on)
        return replace(report, changes=changes, done=_is_on(session) == on)


def isolation_status(database: Database = None, *, schema: str | None = None) -> IsolationStatus:
    """Whether isolation is on, and what it covers.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Returns:
        The tables, the roles that see rows, and what is wrong.

    Raises:
        TargetError: FBS is not installed, or too old for it.

    Reads ``fbs_settings``, ``fbs_solution_tables``, ``fbs_isolation_parts``, ``fbs_roles`` and
    ``fbs_isolation_problems``.
    """
    with (
        open_session(database, schema, application="fbs-db isolate status") as session,
        isolated(session, "repeatable read", read_only=True),
    ):
        on = _is_on(session)
        roles = None
        if session.may("select", "fbs_roles"):
            rows = session.select(
                "select role_name, work, solutions, is_shared from {fbs}fbs_roles"
                " where work in ('app', 'reader') order by 1, 2"
            )
            roles = tuple(ListedRole(role, work, tuple(solutions), shared) for role, work, solutions, shared in rows)
        return IsolationStatus(
            database=shown(session.connection),
            schema=session.schema,
            on=on,
            tables=tuple(
                IsolatedTable(table, column, parent, tuple(missing))
                for table, column, parent, missing in session.select(_TABLES, on)
            ),
            others=_others(session),
            roles=roles,
            problems=tuple(_problems(session)) if on and all(session.may("select", one) for one in _ASKED) else (),
        )


# --- what there is

_TABLES = """
select
    t.table_name, coalesce(t.solution_column, t.parent_column), coalesce(p.relname, ''),
    array(
        select i.part from {fbs}fbs_isolation_parts(true) as i where i.table_id = t.table_id and not i.present and %s
    )
from {fbs}fbs_solution_tables as t
left join pg_catalog.pg_class as p on t.parent_id = p.oid
order by t.table_name
"""


def _is_on(session: Session) -> bool:
    return session.select("select {fbs}fbs_setting('isolation')") == [("on",)]


def _others(session: Session) -> tuple[str, ...]:
    """The tables that hold rows of a host and have no solution."""
    made = [name for file in files.load() for kind, name in file.creates if kind == "table"]
    rows = session.select(
        "select c.relname::text from pg_catalog.pg_class as c"
        " where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'p') and c.relname = any(%s)"
        " and c.relname <> all({fbs}fbs_internal_tables())"
        " and c.oid not in (select t.table_id from {fbs}fbs_solution_tables as t) order by 1",
        session.quoted_schema,
        made,
    )
    return tuple(name for (name,) in rows)


def _obstacles(session: Session, on: bool, progress: Callable[[Progress], None]) -> Iterator[Obstacle]:
    if on:
        yield from _problems(session)
        for table, policy, drop in session.select(_DORMANT):
            text = f"policy {policy} of yours would be in force"
            yield Obstacle(table, text, None, "it hides rows from every login", drop, final=False)
    tables = session.select(
        "select table_id::oid::bigint, table_name from {fbs}fbs_solution_tables where %s or table_name = %s order by 2",
        on,
        _WITH_SET,
    )
    for oid, table in tables:
        progress(Progress("wait", text=f"rows of {table}"))
        query = (
            "select table_name || '.' || column_name, problem, rows, coalesce('such as ' || example, ''), mend"
            " from {fbs}fbs_isolation_obstacles(%s, %s::oid)"
        )
        with session.translated():
            rows = session.select(query, on, oid)
        for name, problem, number, example, mend in rows:
            yield Obstacle(name, problem, number, example, mend, final=not on)


# Restrictive policies on tables whose row security is off.
_DORMANT = """
select
    t.table_name, p.polname::text,
    format('drop policy %I on %s;', p.polname, {fbs}fbs_named(t.table_id))
from {fbs}fbs_solution_tables as t
inner join pg_catalog.pg_class as c on t.table_id = c.oid and not c.relrowsecurity
inner join pg_catalog.pg_policy as p on c.oid = p.polrelid and not p.polpermissive
where p.polname not in ('fbs_solution', 'fbs_every_row')
order by 1, 2
"""


def _problems(session: Session) -> Iterator[Obstacle]:
    rows = session.select(
        "select object, problem, coalesce(found, ''), coalesce(mend, '') from {fbs}fbs_isolation_problems()"
        " order by severity, object"
    )
    for name, problem, found, mend in rows:
        # The clean-up would find no row, and do nothing.
        final = problem == "row security is forced on its owner"
        yield Obstacle(name, problem, None, found, completed(mend), final)


def _refuse(report: IsolationReport, anyway: bool) -> None:
    stops = [one for one in report.obstacles if one.final or not anyway]
    if not stops:
        return
    word = "on" if report.wanted else "off"
    title = f"{counted(len(stops), 'obstacle', 'stands', 'stand')} in the way of switching isolation {word}:"
    raise IsolationRefused("\n".join([title, *map(in_lines, stops)]), hint=next_step(report), report=report)


def next_step(report: IsolationReport) -> str:
    """The command that switches isolation after a dry run or a refusal."""
    word = "on" if report.wanted else "off"
    if not report.obstacles:
        return f"Nothing was changed. To run this: {command('isolate', word)}"
    them = "it" if len(report.obstacles) == 1 else "them"
    text = f"Nothing was changed. Mend {them}, then type: {command('isolate', word)}"
    if any(one.final for one in report.obstacles):
        return text
    return f"{text}\nTo switch it {word} all the same: {command('isolate', word, '--anyway')}"


def in_lines(one: Obstacle) -> str:
    """An obstacle in a line, and how to mend it in another."""
    number = "" if one.rows is None else f" ({counted(one.rows, 'row')})"
    line = f"  {one.object}: {one.problem}{number}{f', {one.found}' if one.found else ''}"
    return f"{line}\n    {typed(one.mend) if '...' not in one.mend else one.mend}" if one.mend else line


# --- the statements


def _script(session: Session, on: bool, was: bool) -> str:
    """The statements that `isolate` sends, for psql; an empty string for none."""
    parts = session.select(
        "select table_id::regclass::text, part, statement from {fbs}fbs_isolation_parts(%s) where not present", on
    )
    if not parts and on == was:
        return ""
    build = _building(session, on)
    statements = [statement for _, _, statement in parts]
    if build:
        statements = [
            statement.partition(" unique ")[0] + f" unique using index {ISOLATION_INDEX};"
            if part == "unique set"
            else statement
            for _, part, statement in parts
        ]
    locked = sorted({table for table, _, _ in parts})
    value = "on" if on else "off"
    change = [] if on == was else [f"update fbs_settings set value = '{value}' where name = 'isolation';"]
    return "\n".join(
        [
            f"set search_path = {session.quoted_schema}, pg_temp;",
            *build,
            "begin;",
            "set local lock_timeout = '3s';",
            *(f"lock table only {table} in access exclusive mode;" for table in locked),
            *statements,
            *change,
            "commit;",
        ]
    )


def _building(session: Session, on: bool) -> list[str]:
    """The statements that build the index of the unique set beforehand; none where its table is small, or has it."""
    query = (
        "select pg_catalog.pg_relation_size(p.table_id), p.statement, to_regclass(%s) is not null"
        " from {fbs}fbs_isolation_parts(%s) as p where p.part = 'unique set' and not p.present"
    )
    for size, statement, is_there in session.select(query, f"{session.quoted_schema}.{ISOLATION_INDEX}", on):
        if " using index " in statement or size <= BUILD_ABOVE:
            return []
        columns = statement.rpartition(" unique ")[2]
        drop = [f"drop index concurrently {ISOLATION_INDEX};"] if is_there else []  # of an interrupted run
        return [*drop, f"create unique index concurrently {ISOLATION_INDEX} on {_WITH_SET} {columns}"]
    return []


@contextmanager
def _set_built(session: Session, on: bool, database: Database, progress: Callable[[Progress], None]) -> Iterator[None]:
    """A block before which the index of a large unique set is built; it is dropped where the block fails.

    Raises:
        LockTimeout: a transaction uses the table for too long.
    """
    alone = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    statements = _building(session, on) if alone else []
    if not statements:
        yield
        return
    indexes = Indexes(session, progress)
    try:
        with _patient(session):
            for statement in statements:
                progress(Progress("wait", text=statement.rstrip(";")))
                indexes.run(statement, _WITH_SET, ISOLATION_INDEX, snapshots=statement.startswith("create"))
        yield
    except BaseException as error:
        if not _dropped(session, progress) and not isinstance(database, psycopg.Connection):
            with suppress(FbsDbError), open_session(database, session.schema, application="fbs-db isolate") as again:
                _dropped(again, progress)
        if isinstance(error, psycopg.Error):
            raise_if_lost(session.connection, error)
        if isinstance(error, Busy):
            said = str(error).partition(". Nothing")[0]
            raise LockTimeout(said, hint="Wait for it, then type the same again.") from error
        if isinstance(error, psycopg.errors.UniqueViolation):
            raise IsolationRefused(
                f"The unique set of {_WITH_SET} cannot be changed: {said_by(error)}",
                hint=f"See which rows are in the way: {command('isolate', 'on' if on else 'off', '--dry-run')}",
            ) from error
        raise


def _dropped(session: Session, progress: Callable[[Progress], None]) -> bool:
    """Drop the index that was built, and return whether it is gone."""
    try:
        there = session.select("select to_regclass(%s) is not null", f"{session.quoted_schema}.{ISOLATION_INDEX}")
        if there == [(True,)]:
            with _patient(session):
                drop = f"drop index concurrently if exists {ISOLATION_INDEX}"
                Indexes(session, progress).run(drop, _WITH_SET, ISOLATION_INDEX, snapshots=False)
    except (FbsDbError, Busy, psycopg.Error):
        return False
    return True


@contextmanager
def _patient(session: Session) -> Iterator[None]:
    """A block in which names without a schema are FBS's, and statements take as long as they need."""
    with settings_kept(session.connection, ["search_path", *_ADJUSTED], local=False):
        settings = {"search_path": f"{session.quoted_schema}, pg_temp", **_ADJUSTED}
        for name, value in settings.items():
            session.cursor().execute("select set_config(%s, %s, false)", [name, value])
        yield
