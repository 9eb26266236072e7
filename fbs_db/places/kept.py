"""Tables that a component has left behind: kept in a schema of their own by a move, then dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from psycopg import sql

from fbs_db import files, wording
from fbs_db.database import fleet, project
from fbs_db.database.session import Session, open_session
from fbs_db.errors import LockTimeout, UsageError
from fbs_db.files import MigrationFile
from fbs_db.places import copying
from fbs_db.places.checks import refuse_dependents
from fbs_db.places.copying import PATIENCE
from fbs_db.places.state import (
    MovedTable,
    applied_files,
    count_rows,
    guarded_for,
    has_kept_schema,
    has_later_names,
    kept_schema,
    tables_of,
)
from fbs_db.reports import Progress, silent
from fbs_db.schema.history import Backend, history_of
from fbs_db.schema.run import problems, refuse_newer


def drop_moved(component: str, source: str) -> list[MovedTable]:
    """Drop the old tables that a move has kept, or those of a component that is left out.

    Parameters:
        component: the component that has moved, or is left out.
        source: name of the database that has them.

    Returns:
        The dropped tables, with the number of their rows.

    Raises:
        UsageError: no old tables are there, or the move is not finished.
        MoveRefused: objects of the host depend on tables of a component that is left out.
        LockTimeout: a table is in use for longer than 3 s.
        EditedMigration, MissingMigration: of a component that is left out, as for `fbs_db.migrate`.
    """
    with open_session(fleet.named(source), None, application="fbs-db placement drop") as session:
        schema_name, tables = kept_tables(session, component)
        if schema_name == session.schema:
            _drop_left_out(session, component)
            return tables
        schema = sql.Identifier(schema_name)
        with session.connection.transaction():
            session.connection.execute("set local lock_timeout = '3s'")
            for one in tables:
                session.connection.execute(sql.SQL("drop table {}.{}").format(schema, sql.Identifier(one.table)))
            session.connection.execute(sql.SQL("drop schema {}").format(schema))
        return tables


def _drop_left_out(session: Session, component: str) -> None:
    with session.lock():
        history = history_of(session)
        for problem in problems(files.load(), history):
            raise problem  # a rollback file has to fit what its migration has created
        refuse_newer(session, history=history)
        applied, backend = applied_files(session, component), Backend(session)
        refuse_dependents(session, tables_of(applied), "Drop them first. Nothing was changed.")
        session.retry(lambda: _undo(session, backend, applied, keep=False), silent)


def kept_tables(session: Session, component: str) -> tuple[str, list[MovedTable]]:
    """The schema of a component's old tables, and each with its number of rows; those that reference others first.

    Raises:
        UsageError: there are none, or the move is not finished.
    """
    applied = applied_files(session, component)
    if applied and component in project.configuration().left_out:
        return session.schema, [count_rows(session, name) for name in reversed(tables_of(applied))]
    schema = kept_schema(component)
    if not has_kept_schema(session, component):
        raise UsageError(
            f"{session.config.name} keeps no old tables of {component}: schema {schema} does not exist.",
            hint=f"To see where each table is: {wording.command('placement')}",
        )
    if guarded_for(session, tables_of(applied)):
        raise UsageError(
            f"The move of {component} is not finished yet.",
            hint=f"Finish it: {wording.command('placement', 'move', component, '--to', 'NAME')}",
        )
    names = session.select(
        "select relname from pg_catalog.pg_class"
        " where relkind = 'r' and relnamespace = to_regnamespace(%s) order by oid desc",
        schema,
    )
    return schema, [count_rows(replace(session, schema=schema), name) for (name,) in names]


def create_kept_schema(old: Session, component: str, target: str) -> None:
    """Create the schema for the old tables: from then on their rows count as copied."""
    schema = sql.Identifier(kept_schema(component))
    comment = f"FBS's tables as of their move to database {target}. To drop them: fbs-db placement drop"
    with old.connection.transaction():
        old.connection.execute(sql.SQL("create schema {}").format(schema))
        old.connection.execute(sql.SQL("comment on schema {} is {}").format(schema, sql.Literal(comment)))


def keep_tables(
    old: Session,
    backend: Backend,
    migrations: Sequence[MigrationFile],
    target: str,
    progress: Callable[[Progress], None],
) -> None:
    """Roll back a component's migrations, but put its tables into the schema for old tables.

    Parameters:
        old: a session on the database that the component leaves.
        backend: the history there, locked.
        migrations: its applied migrations.
        target: name of the database that has the rows now.

    Raises:
        LockTimeout: a table is in use for longer than all tries; it cannot be written any more.
    """
    component = migrations[0].component
    try:
        old.retry(lambda: _undo(old, backend, migrations, keep=True), progress, copying.TRIES)
    except LockTimeout as error:
        raise LockTimeout(
            f"{component} is in {target} with all its rows; its old tables are still in use in"
            f" {old.config.name}: {error.message}",
            hint="They cannot be written. To take them away later:"
            f" {wording.command('placement', 'move', component, '--to', target)}",
        ) from error


def _undo(old: Session, backend: Backend, migrations: Sequence[MigrationFile], *, keep: bool) -> None:
    """Roll back a component's migrations in one transaction, without its tables where these are kept."""
    names, schema = tables_of(migrations), kept_schema(migrations[0].component)
    tables = sql.SQL(", ").join(sql.Identifier(old.schema, name) for name in names)
    with old.translated(), old.connection.transaction():
        old.connection.execute(backend.settings_sql().encode())
        old.connection.execute(sql.SQL("set local lock_timeout = {}").format(PATIENCE))
        old.connection.execute(sql.SQL("lock table {} in access exclusive mode").format(tables))
        if has_later_names(old, names):
            old.call("fbs_drop_later_names", list(names))
        keeping = {name: _keeping(old, name, schema) for name in names if keep}
        for file in reversed(migrations):
            backend.run(file, backend.record_sql(file, "rollback"))
            text = file.rollback_sql or ""
            if keep:
                text = re.sub(r"(?m)^drop table (\w+);$", lambda found: keeping.pop(found[1]), text)
            backend.run(file, text, suffix=".rollback.sql")
        if keeping:
            raise AssertionError(f"not kept: {', '.join(keeping)}")
        # An update looks again whether the table of a rule is there: without it the rule rests.
        old.select(
            "with r as (update {fbs}fbs_cleanup_rules set description = description"
            " where table_name = any(%s) returning 1) select count(*) from r",
            names,
        )


def _keeping(old: Session, table: str, schema: str) -> str:
    """The statements that move a table to another schema, without triggers, foreign keys and all else of FBS."""
    rows = old.select(
        """
        with named (name, oid) as (values (%s, %s::regclass))

        -- Row security stays, and without a policy it lets nobody through but the owner.
        select format('drop policy %%I on %%I;', p.polname, named.name)
        from named inner join pg_catalog.pg_policy as p on named.oid = p.polrelid
        where p.polname in ('fbs_solution', 'fbs_every_row')
        union all
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
        union all
        select distinct
            format('revoke all on %%s %%I', case owned.relkind when 'S' then 'sequence' else '' end, owned.relname)
            || case g.grantee when 0 then ' from public' else ' from ' || quote_ident(pg_get_userbyid(g.grantee)) end
            || ' cascade;'
        from named
        inner join pg_catalog.pg_class as owned
            on
                named.oid = owned.oid
                or owned.oid in (
                    select d.objid from pg_catalog.pg_depend as d
                    where
                        d.refobjid = named.oid and d.refclassid = d.classid and d.deptype in ('a', 'i')
                        and d.classid = 'pg_catalog.pg_class'::regclass
                )
        cross join lateral (
            select owned.relacl as acl
            union all
            select a.attacl from pg_catalog.pg_attribute as a where a.attrelid = owned.oid
        ) as l
        cross join lateral aclexplode(l.acl) as g
        where owned.relkind in ('r', 'S') and g.grantee <> owned.relowner
        union all
        select distinct format('drop %%s %%I;', used.kind, used.name)
        from named
        inner join lateral (
            select 'pg_catalog.pg_class'::regclass, c.oid, 'index', c.relname
            from pg_catalog.pg_index as i inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
            where i.indrelid = named.oid
            union all
            select 'pg_catalog.pg_statistic_ext'::regclass, s.oid, 'statistics', s.stxname
            from pg_catalog.pg_statistic_ext as s where s.stxrelid = named.oid
        ) as used (class, oid, kind, name) on true
        inner join pg_catalog.pg_depend as d
            on used.class = d.classid and used.oid = d.objid and d.refclassid = 'pg_catalog.pg_proc'::regclass
        inner join pg_catalog.pg_proc as f on d.refobjid = f.oid and f.proname ~ '^fbs_'
        """,
        table,
        f"{old.quoted_schema}.{table}",
    )
    to_schema = sql.SQL("alter table {} set schema {};").format(sql.Identifier(table), sql.Identifier(schema))
    return "\n".join([*(statement for (statement,) in rows), to_schema.as_string(old.connection)])
