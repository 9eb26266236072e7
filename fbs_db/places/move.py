"""Moving a component to another database: every row, or nothing.

A move goes through these states; what the old database shows of each lets another
run go on from there:

1. as before: the component is installed;
2. its tables are guarded (a trigger on each): the rows may have been copied, or not;
3. guarded, and there is the schema that keeps old tables, still empty: the rows are copied;
4. the component is gone, its old tables are in that schema.

The configuration is changed after 3, so that work goes on in the new place however long
it takes until nobody reads the old tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from psycopg import sql

from fbs_db import files, wording
from fbs_db.cleanup.hosts import tell_targets
from fbs_db.database import project
from fbs_db.database.config import Config, DatabaseConfig
from fbs_db.database.session import Session, open_session
from fbs_db.errors import LockTimeout, MoveRefused, TargetError, UsageError
from fbs_db.files import MigrationFile
from fbs_db.places.copying import (
    PATIENCE,
    MovedTable,
    Told,
    columns_of,
    copy_guarded,
    counted,
    guard_of,
    guarded_for,
    patiently,
    refuse_other_rows,
    regclasses,
)
from fbs_db.reports import Report, silent
from fbs_db.schema import migrate as migrations
from fbs_db.schema.history import Backend
from fbs_db.schema.later_names import LATER

_APPLICATION = "fbs-db placement move"
_KINDS = ("view", "function")


@dataclass(frozen=True)
class MoveReport(Report):
    """What a move did, or would do.

    Attributes:
        component: what was moved.
        source: the database it was in; the same as `target` where a move was called off.
        target: the database it is in now.
        tables: its tables, with what was found to be equal on both sides; none where
            an earlier run had copied them.
        kept: schema of the source in which the old tables are kept.
        switched: whether the configuration was changed.
        change: what to change in it by hand; empty where nothing is left to be.
        done: False for a dry run.
    """

    component: str
    source: str
    target: str
    tables: tuple[MovedTable, ...]
    kept: str
    switched: bool
    change: str
    done: bool = True


def move(component: str, to: str, *, dry_run: bool = False, progress: Told = silent) -> MoveReport:
    """Move a component's tables, with their rows, to another configured database.

    They are copied in one snapshot and compared before anything is final. Meanwhile they
    can be read; who writes them, or deletes users, waits, and once the rows have arrived
    only users can be deleted in the old place. The old tables are kept in a schema of
    their own, tied to nothing, until `drop_moved`. A move that was broken off is finished
    by doing it again, or, where its rows are not known to have arrived, called off by
    moving the component to where it is.

    Parameters:
        component: what to move, such as ``licensing``.
        to: name of the database it goes to; the configuration may place it there already.
        dry_run: only look: at both databases, how many rows there are, what stops it.
        progress: called for each table, with how far it is.

    Raises:
        UsageError: there is no such component or database, or it lives there already.
        MoveRefused: the other database holds other rows of it, or lacks those they point
            at; its users have keys of another type; something of the host's stands on a
            table; or copies were not equal. No row was changed.
        LockTimeout: a table is in use for longer than all tries; where the rows had been
            copied already, the message says so.
        EditedMigration, MissingMigration: as for `fbs_db.migrate`, in the old place.

    Calls ``fbs_wake_rules``, and guards old tables with ``fbs_refuse_moved``.
    """
    known = project.read()
    if component not in files.components():
        raise UsageError(f"There is no component {component!r}.", hint=f"There are: {', '.join(files.components())}.")
    target = known.named(to)
    if target.holds(component) and _called_off(target, component, dry_run, progress):
        return MoveReport(component, to, to, (), "", False, "", not dry_run)
    source = _source(known, component, target)
    with open_session(source, None, application=_APPLICATION) as old:
        backend = Backend(old.connection, old.schema)
        ours = _installed(old, component)
        names, kept = _tables(ours), kept_schema(component)
        copied_to = guarded_for(old, names) if _has_schema(old, kept) else ""
        copied = copied_to == to
        _refuse(old, component, target, names, copied_to)
        for problem in migrations.status(source).problems:
            raise problem  # what undoes a file has to fit what it has made
        tables = tuple(counted(old, name) for name in names) if dry_run or copied else ()
        if dry_run:
            if ours and not copied:
                _look_at(target, old, component, tables)
            return MoveReport(component, source.name, to, tables, kept, False, "", False)
        with backend.lock():
            if ours and not copied:
                tables = _copied(old, component, names, target, progress)
            switched, change = _switch(known, component, source, target)
            tell_targets(moved_to=to)
            if ours:
                _take_away(old, backend, ours, target, progress)
    return MoveReport(component, source.name, to, tables, kept, switched, change)


def drop_moved(component: str, source: str) -> list[MovedTable]:
    """Drop the tables that a move has kept in the database they were in.

    Parameters:
        component: what was moved.
        source: name of the database it was moved from.

    Returns:
        The tables dropped, with the rows they held.

    Raises:
        UsageError: nothing is kept there.
        LockTimeout: somebody reads one for longer than 3 s.
    """
    with open_session(project.read().named(source), None, application="fbs-db placement drop") as session:
        found = kept_tables(session, component)
        schema = sql.Identifier(kept_schema(component))
        with session.connection.transaction():
            session.connection.execute("set local lock_timeout = '3s'")
            for one in found:
                session.connection.execute(sql.SQL("drop table {}.{}").format(schema, sql.Identifier(one.table)))
            session.connection.execute(sql.SQL("drop schema {}").format(schema))
        return found


def kept_tables(session: Session, component: str) -> list[MovedTable]:
    """The tables that a move has kept.

    Raises:
        UsageError: there are none.
    """
    schema = kept_schema(component)
    if not _has_schema(session, schema):
        raise UsageError(f"Nothing of {component} is kept here: there is no schema {schema}.")
    if guarded_for(session, _tables(_installed(session, component))):
        raise UsageError(
            f"The move of {component} is not finished yet.",
            hint=f"Finish it: {wording.command('placement', 'move', component, '--to', 'NAME')}",
        )
    names = session.select(
        "select relname from pg_catalog.pg_class"
        " where relkind = 'r' and relnamespace = to_regnamespace(%s) order by oid desc",
        schema,
    )
    return [counted(replace(session, schema=schema), name) for (name,) in names]


def kept_schema(component: str) -> str:
    """Name of the schema that keeps a component's old tables."""
    return f"fbs_moved_{component}"


# --- which way it goes


def _source(known: Config, component: str, target: DatabaseConfig) -> DatabaseConfig:
    """The database that a component is to leave: the one it is placed in, or left behind in."""
    others = [config for config in known.databases.values() if config.name != target.name]
    if not target.holds(component):
        return next(config for config in others if config.holds(component))
    found = [config for config in others if _is_installed(config, component)]
    if not found:
        raise UsageError(
            f"{component} lives in {target.name} already.", hint=f"Where what lives: {wording.command('placement')}"
        )
    if len(found) > 1:
        names = ", ".join(config.name for config in found)
        raise MoveRefused(
            f"{component} is installed in {names}, and placed in none of them.",
            hint=f"Place it in {known.source} where its rows are, then move it from there.",
        )
    return found[0]


def _is_installed(config: DatabaseConfig, component: str) -> bool:
    with (
        suppress(TargetError),
        open_session(config, None, application=_APPLICATION) as session,
    ):  # no such schema: nothing
        return bool(_installed(session, component))
    return False


def _installed(session: Session, component: str) -> list[MigrationFile]:
    applied = {row.migration_id for row in Backend(session.connection, session.schema).history()}
    return [file for file in files.load() if file.component == component and file.id in applied]


def _called_off(config: DatabaseConfig, component: str, dry_run: bool, progress: Told) -> bool:
    """Take the guards off tables that are still where they belong; whether there were any."""
    with open_session(config, None, application=_APPLICATION) as session:
        names = _tables(_installed(session, component))
        goes_to = guarded_for(session, names)
        if not goes_to or goes_to == config.name:
            return False
        if _has_schema(session, kept_schema(component)):
            raise MoveRefused(
                f"The rows of {component} are in {goes_to} already.",
                hint=f"Finish that move first: {wording.command('placement', 'move', component, '--to', goes_to)}",
            )

        def unguard() -> None:
            with session.translated(), session.connection.transaction():
                session.connection.execute(sql.SQL("set local lock_timeout = {}").format(PATIENCE))
                for name in names:
                    drop = sql.SQL("drop trigger if exists {} on {}")
                    table = sql.Identifier(session.schema, name)
                    session.connection.execute(drop.format(sql.Identifier(guard_of(name)), table))

        if not dry_run:
            patiently(unguard, progress)
        return True


# --- the steps


def _copied(
    old: Session, component: str, names: Sequence[str], target: DatabaseConfig, progress: Told
) -> tuple[MovedTable, ...]:
    config = target if target.holds(component) else replace(target, components=(*(target.components or ()), component))
    with open_session(config, None, application=_APPLICATION) as new:
        _refuse_same(old, new)
        _refuse_unfinished(new, component, names)
        migrations.migrate(config, progress=progress)
        _refuse_other_users(old, new)
        _refuse_other_columns(old, new, names)

        def finish() -> None:
            new.call("fbs_wake_rules")
            if _has_later_names(old, names):
                new.call("fbs_add_later_names")

        with Backend(new.connection, new.schema).lock():
            tables = patiently(lambda: copy_guarded(old, new, names, finish, progress), progress)
    schema = sql.Identifier(kept_schema(component))
    said = f"FBS's tables as they were when they moved to database {target.name}. Drop them: fbs-db placement drop"
    with old.connection.transaction():
        old.connection.execute(sql.SQL("create schema {}").format(schema))
        old.connection.execute(sql.SQL("comment on schema {} is {}").format(schema, sql.Literal(said)))
    return tables


def _switch(known: Config, component: str, source: DatabaseConfig, target: DatabaseConfig) -> tuple[bool, str]:
    if target.holds(component):
        return False, ""
    if known.definite:
        return False, (
            f"In {known.source} let DATABASES place {component} in {target.name!r}: add it to the COMPONENTS there,"
            f" and take it from those of {source.name!r} where it is named."
        )
    project.rewrite_components(component, source.name, target.name)
    return True, ""


def _take_away(
    old: Session, backend: Backend, ours: Sequence[MigrationFile], target: DatabaseConfig, progress: Told
) -> None:
    """The component's files are undone, but for its tables: those are kept apart, tied to nothing."""
    component, names = ours[0].component, _tables(ours)
    tables = sql.SQL(", ").join(sql.Identifier(old.schema, name) for name in names)

    def work() -> None:
        with old.translated(), old.connection.transaction():
            old.connection.execute(backend.settings_sql().encode())
            old.connection.execute(sql.SQL("set local lock_timeout = {}").format(PATIENCE))
            old.connection.execute(sql.SQL("lock table {} in access exclusive mode").format(tables))
            rules = old.select(
                "select rule_name from {fbs}fbs_cleanup_rules where to_regclass(table_name) = any(%s::regclass[])",
                regclasses(old, names),
            )
            if _has_later_names(old, names):
                old.call("fbs_drop_later_names", list(names))
            apart = {name: _apart(old, name, kept_schema(component)) for name in names}
            for file in reversed(ours):
                backend.run(file, backend.record_sql(file, "rollback"))
                text = re.sub(r"(?m)^drop table (\w+);$", lambda found: apart.pop(found[1]), file.rollback_sql or "")
                backend.run(file, text, suffix=".rollback.sql")
            if apart:
                raise AssertionError(f"not kept: {', '.join(apart)}")
            old.select(
                "with r as (update {fbs}fbs_cleanup_rules set description = description"
                " where rule_name = any(%s) returning 1) select count(*) from r",
                [name for (name,) in rules],
            )

    try:
        patiently(work, progress)
    except LockTimeout as error:
        raise LockTimeout(
            f"{component} is in {target.name} with all its rows; its old tables are still in use in"
            f" {old.config.name}: {error.message}",
            hint="Nobody can write those. To take them away later:"
            f" {wording.command('placement', 'move', component, '--to', target.name)}",
        ) from error


def _apart(old: Session, name: str, kept: str) -> str:
    """The statements that untie a table from all others, and put it into another schema."""
    rows = old.select(
        """
        with named (name, oid) as (values (%s, %s::regclass))

        select format('drop trigger if exists %%I on %%I;', t.tgname, named.name)
        from named inner join pg_catalog.pg_trigger as t on named.oid = t.tgrelid and not t.tgisinternal
        union all
        select format('alter table %%I drop constraint if exists %%I;', named.name, c.conname)
        from named inner join pg_catalog.pg_constraint as c on named.oid = c.conrelid and c.contype = 'f'
        union all
        select
            format('alter table %%I alter %%I type ', named.name, a.attname)
            || format_type(y.typbasetype, y.typtypmod) || ';'
        from named
        inner join pg_catalog.pg_attribute as a on named.oid = a.attrelid and a.attnum > 0
        inner join pg_catalog.pg_type as y on a.atttypid = y.oid and y.typtype = 'd'
        """,
        name,
        f"{old.quoted_schema}.{name}",
    )
    into = sql.SQL("alter table {} set schema {};").format(sql.Identifier(name), sql.Identifier(kept))
    return "\n".join([*(statement for (statement,) in rows), into.as_string(old.connection)])


# --- what stops it


def _refuse(old: Session, component: str, target: DatabaseConfig, names: Sequence[str], copied_to: str) -> None:
    """Refuse what the old database shows to be in the way."""
    has_kept = _has_schema(old, kept_schema(component))
    if not names and not has_kept:
        raise MoveRefused(
            f"{component} is not installed in {old.config.name}, so there is nothing to move.",
            hint=f"Name {component} under databases.{target.name}, then: {wording.command('migrate', '--all')}",
        )
    if not names or copied_to == target.name:
        return
    if copied_to:
        raise MoveRefused(
            f"The rows of {component} are in {copied_to} already.",
            hint=f"Finish that move first: {wording.command('placement', 'move', component, '--to', copied_to)}",
        )
    if has_kept:
        raise MoveRefused(
            f"Schema {kept_schema(component)} of {old.config.name} still keeps {component} from an earlier move.",
            hint=f"Drop it first: {wording.command('placement', 'drop', component, '--from', old.config.name)}",
        )
    if old.select("select has_database_privilege(current_database(), 'create')") != [(True,)]:
        raise TargetError(
            f"The role may not create the schema that is to keep the old tables in {old.config.name}.",
            hint="As an administrator: grant create on database ... to ...; or move as another role.",
        )
    _refuse_dependents(old, names)


def _refuse_dependents(old: Session, names: Sequence[str]) -> None:
    """Refuse what the host has put on the tables: it would be lost, or look at the old ones."""
    ours = {kind: [name for file in files.load() for made, name in file.creates if made == kind] for kind in _KINDS}
    rows = old.select(
        """
        with named (oid) as (select unnest(%s::regclass[])::oid),
        here (oid) as (select to_regnamespace(%s)::oid)

        select 'view ' || c.oid::regclass
        from named
        inner join pg_catalog.pg_depend as d
            on named.oid = d.refobjid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
        inner join pg_catalog.pg_rewrite as r on d.objid = r.oid
        inner join pg_catalog.pg_class as c on r.ev_class = c.oid
        where not (c.relnamespace = (select oid from here) and c.relname = any(%s))
        union
        select 'function ' || p.oid::regprocedure
        from named
        inner join pg_catalog.pg_depend as d
            on named.oid = d.refobjid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_proc'::regclass
        inner join pg_catalog.pg_proc as p on d.objid = p.oid
        where not (p.pronamespace = (select oid from here) and p.proname = any(%s))
        union
        select format('foreign key %%s of %%s', c.conname, c.conrelid::regclass)
        from named
        inner join pg_catalog.pg_constraint as c on named.oid = c.confrelid and c.contype = 'f'
        where c.conrelid not in (select oid from named)
        union
        select format('trigger %%s of %%s', t.tgname, t.tgrelid::regclass)
        from named
        inner join pg_catalog.pg_trigger as t on named.oid = t.tgrelid and not t.tgisinternal
        inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
        where not (p.pronamespace = (select oid from here) and p.proname = any(%s))
        union
        select format('policy %%s of %%s', p.polname, p.polrelid::regclass)
        from named
        inner join pg_catalog.pg_policy as p on named.oid = p.polrelid
        order by 1
        """,
        regclasses(old, names),
        old.quoted_schema,
        [*ours["view"], *LATER],
        ours["function"],
        ours["function"],
    )
    if rows:
        raise MoveRefused(
            f"Of yours, this stands on the tables to be moved: {', '.join(name for (name,) in rows)}.",
            hint="It cannot go along. Drop it, and make it in the other database afterwards. Nothing was changed.",
        )


def _look_at(target: DatabaseConfig, old: Session, component: str, tables: Sequence[MovedTable]) -> None:
    """What of a move can be refused before anything is made in the other database."""
    with open_session(target, None, application=_APPLICATION) as new:
        _refuse_same(old, new)
        _refuse_unfinished(new, component, [table.table for table in tables])
        _refuse_other_users(old, new)
        present = [table for table in tables if columns_of(new, table.table)]
        _refuse_other_columns(old, new, [table.table for table in present])
        before = [counted(new, table.table) for table in present]
        if any(table.rows for table in tables) and any(table.rows for table in before):
            refuse_other_rows(new, before, present)


def _refuse_same(old: Session, new: Session) -> None:
    query = (
        "select pg_postmaster_start_time(), oid, (select oid from pg_catalog.pg_namespace where nspname = %s)"
        " from pg_catalog.pg_database where datname = current_database()"
    )
    if old.select(query, old.schema) == new.select(query, new.schema):
        raise MoveRefused(
            f"{old.config.name} and {new.config.name} are the same schema of the same database.",
            hint=f"Correct where one of them is: {wording.command('placement')}",
        )


def _refuse_unfinished(new: Session, component: str, names: Sequence[str]) -> None:
    """Refuse tables that are still on their way to where the component is now."""
    if goes_to := guarded_for(new, names):
        raise MoveRefused(
            f"The move of {component} from {new.config.name} to {goes_to} is not finished yet.",
            hint=f"Finish it first: {wording.command('placement', 'move', component, '--to', goes_to)}",
        )


def _refuse_other_users(old: Session, new: Session) -> None:
    here, there = _user_key_type(old), _user_key_type(new)
    if there and here != there:
        raise MoveRefused(
            f"Users have keys of type {here} in {old.config.name}, and {there} in {new.config.name}.",
            hint=f'Say user_key_type = "{here}" for {new.config.name} before FBS is installed there.',
        )


def _user_key_type(session: Session) -> str:
    """Type of user columns; what they will have where FBS is not installed yet, or empty where the user table tells."""
    rows = session.select(
        "select format_type(typbasetype, typtypmod) from pg_catalog.pg_type where oid = to_regtype(%s)",
        f"{session.quoted_schema}.fbs_user_id",
    )
    return rows[0][0] if rows else "" if session.config.user_table else session.config.user_key_type or "bigint"


def _check_of(session: Session) -> str:
    with wording.given(database=session.config.name, schema=None):
        return wording.command("check")


def _refuse_other_columns(old: Session, new: Session, names: Sequence[str]) -> None:
    for name in names:
        if strange := set(columns_of(old, name)) ^ set(columns_of(new, name)):
            raise MoveRefused(
                f"Table {name} has columns in one database that it does not have in the other:"
                f" {', '.join(sorted(strange))}.",
                hint=f"Add or drop them; see: {_check_of(old)}",
            )


# --- what there is


def _tables(ours: Sequence[MigrationFile]) -> list[str]:
    return [name for file in ours for kind, name in file.creates if kind == "table"]


def _has_later_names(old: Session, names: Sequence[str]) -> bool:
    known = old.select("select to_regclass(%s) is not null", f"{old.quoted_schema}.fbs_later_names")
    query = (
        "select exists (select from {fbs}fbs_later_names"
        " where state in ('current', 'out of date') and table_name = any(%s))"
    )
    return known == [(True,)] and old.select(query, list(names)) == [(True,)]


def _has_schema(session: Session, name: str) -> bool:
    return session.select("select to_regnamespace(%s) is not null", name) == [(True,)]
