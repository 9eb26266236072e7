"""Checks before a move: what would make it fail, or lose something."""

from __future__ import annotations

from collections.abc import Sequence

from fbs_db import files, wording
from fbs_db.database.session import Session
from fbs_db.errors import MoveRefused, TargetError
from fbs_db.places.state import (
    MovedTable,
    columns_of,
    count_rows,
    guarded_for,
    has_kept_schema,
    kept_schema,
    qualified,
)
from fbs_db.schema.later_names import LATER

_DEPENDENTS = """
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
where p.polname not in ('fbs_solution', 'fbs_every_row')
order by 1
"""


def check_source(old: Session, component: str, target: str, tables: Sequence[str], copied_to: str) -> None:
    """Check the database that a component leaves.

    Parameters:
        old: a session on it.
        component: what moves.
        target: name of the database it goes to.
        tables: its tables that are installed.
        copied_to: name of the database to which an earlier run has copied the rows.

    Raises:
        MoveRefused: the component is not installed, another move of it is not finished, or
            objects depend on its tables.
        TargetError: the role may not create the schema for the old tables.
    """
    kept = has_kept_schema(old, component)
    if not tables and not kept:
        raise MoveRefused(
            f"{component} is not installed in {old.config.name}, so there is nothing to move.",
            hint=f"Add {component} to the components of {target}, then: {wording.command('migrate', '--all')}",
        )
    if not tables or copied_to == target:
        return
    if copied_to:
        raise rows_are_in(copied_to, component)
    if kept:
        raise MoveRefused(
            f"Schema {kept_schema(component)} of {old.config.name} still keeps {component} from an earlier move.",
            hint=f"Drop it first: {wording.command('placement', 'drop', component, '--from', old.config.name)}",
        )
    query = (
        "select has_database_privilege(current_database(), 'create'),"
        " format('grant create on database %I to %I;', current_database(), current_user)"
    )
    ((may_create, grant),) = old.select(query)
    if not may_create:
        raise TargetError(
            f"The role may not create the schema for the old tables in {old.config.name}.",
            hint=f"As an administrator: {grant}",
        )
    refuse_dependents(old, tables, f"Drop them, and create them in {target} after the move. Nothing was changed.")


def rows_are_in(database: str, component: str) -> MoveRefused:
    """The error for a component whose rows have been copied to a database already."""
    return MoveRefused(
        f"The rows of {component} are in {database} already.",
        hint=f"Finish that move first: {wording.command('placement', 'move', component, '--to', database)}",
    )


def refuse_dependents(old: Session, tables: Sequence[str], hint: str) -> None:
    """Refuse where the host has objects on the tables: they would be lost, or use the old tables."""
    ours = {
        kind: [name for file in files.load() for made, name in file.creates if made == kind]
        for kind in ("view", "function")
    }
    rows = old.select(
        _DEPENDENTS,
        qualified(old, tables),
        old.quoted_schema,
        [*ours["view"], *LATER],
        ours["function"],
        ours["function"],
    )
    if rows:
        raise MoveRefused(f"These objects depend on the tables: {', '.join(name for (name,) in rows)}.", hint=hint)


def check_target(old: Session, new: Session, component: str, tables: Sequence[str]) -> None:
    """Check the database that a component goes to, before anything is created there.

    Raises:
        MoveRefused: it is the same schema, a move of the component from there is not finished, or
            isolation is on here and off there.
    """
    query = (
        "select pg_postmaster_start_time(), oid, (select oid from pg_catalog.pg_namespace where nspname = %s)"
        " from pg_catalog.pg_database where datname = current_database()"
    )
    if old.select(query, old.schema) == new.select(query, new.schema):
        raise MoveRefused(
            f"{old.config.name} and {new.config.name} are the same schema of the same database.",
            hint=f"Correct the configuration of one of them. To see both: {wording.command('placement')}",
        )
    if goes_to := guarded_for(new, tables):
        raise MoveRefused(
            f"The move of {component} from {new.config.name} to {goes_to} is not finished yet.",
            hint=f"Finish it first: {wording.command('placement', 'move', component, '--to', goes_to)}",
        )
    if not _is_isolated(new) and _is_isolated(old) and _of_solutions(old, tables):
        there = new.config.name
        with wording.given(database=there, schema=None):
            commands = " && ".join([wording.command("migrate"), wording.command("isolate", "on")])
        raise MoveRefused(
            f"Isolation is on in {old.config.name}, and off in {there}: any role there could read the rows of all"
            f" solutions.",
            hint=f"Switch it on there first: {commands}\nOr off here. Nothing was changed.",
        )


def _is_isolated(session: Session) -> bool:
    """Whether isolation is on; not where FBS is not installed."""
    rows = session.select("select to_regclass(%s) is not null", f"{session.quoted_schema}.fbs_settings")
    return rows == [(True,)] and session.select("select value from {fbs}fbs_settings where name = 'isolation'") == [
        ("on",)
    ]


def _of_solutions(session: Session, tables: Sequence[str]) -> bool:
    """Whether rows of one of these tables belong to a solution."""
    query = "select exists (select from {fbs}fbs_solution_tables where table_name = any(%s))"
    return session.select(query, list(tables)) == [(True,)]


def check_alike(old: Session, new: Session, tables: Sequence[str]) -> None:
    """Check that users have keys of one type, and tables the same columns, in both databases.

    Raises:
        MoveRefused: they have not.
    """
    here, there = _user_key_type(old), _user_key_type(new)
    if there and here != there:
        raise MoveRefused(
            f"Users have keys of type {here} in {old.config.name}, and of type {there} in {new.config.name}.",
            hint=f'Set user_key_type = "{here}" for {new.config.name} before FBS is installed there.',
        )
    for name in tables:
        if different := set(columns_of(old, name)) ^ set(columns_of(new, name)):
            raise MoveRefused(
                f"Table {name} has these columns in one of the databases only: {', '.join(sorted(different))}.",
                hint=f"Add them to the other, or drop them. To see FBS's own: {_check_command(old)}",
            )


def check_only_look(old: Session, new: Session, component: str, tables: Sequence[MovedTable]) -> None:
    """All checks of the other database that a dry run can make."""
    check_target(old, new, component, [table.table for table in tables])
    present = [table for table in tables if columns_of(new, table.table)]
    check_alike(old, new, [table.table for table in present])
    before = [count_rows(new, table.table) for table in present]
    if any(table.rows for table in tables) and any(table.rows for table in before):
        check_same_rows(new, before, present)


def check_same_rows(new: Session, before: Sequence[MovedTable], tables: Sequence[MovedTable]) -> None:
    """Check that rows which the other database has already are those that move.

    Raises:
        MoveRefused: they are other rows.
    """
    other = [there for there, table in zip(before, tables, strict=True) if there != table]
    if other:
        names = ", ".join(f"{table.table} ({wording.counted(table.rows, 'row')})" for table in other)
        raise MoveRefused(
            f"{new.config.name} has other rows in these tables: {names}. No row was changed.",
            hint="If they are not needed, delete them there, then type the same again.",
        )


def _user_key_type(session: Session) -> str:
    """Type of the user columns, or what it will be; empty text where only the user table says."""
    rows = session.select(
        "select format_type(typbasetype, typtypmod) from pg_catalog.pg_type where oid = to_regtype(%s)",
        f"{session.quoted_schema}.fbs_user_id",
    )
    return rows[0][0] if rows else "" if session.config.user_table else session.config.user_key_type or "bigint"


def _check_command(session: Session) -> str:
    with wording.given(database=session.config.name, schema=None):
        return wording.command("check")
