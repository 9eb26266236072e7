"""The tables of FBS, as the catalog describes them."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import UsageError
from fbs_db.reports import Column, Index, Table, TableDescription
from fbs_db.wording import command

#: Tables above this many bytes are not counted but estimated.
COUNT_LIMIT = 16 * 1024 * 1024


def tables(database: Database = None, *, schema: str | None = None, directory: Path | None = None) -> list[Table]:
    """The tables of FBS that exist, by component and name.

    Parameters:
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Returns:
        A row for each table. `rows` is counted for tables of up to 16 MiB; for larger ones it is
        PostgreSQL's estimate.

    Reads ``pg_class``.
    """
    components = _components(directory)
    with open_session(database, schema, application="fbs-db tables") as session:
        found = session.cursor().execute(
            """
            select
                c.relname,
                c.reltuples::bigint,
                pg_relation_size(c.oid),
                pg_total_relation_size(c.oid),
                coalesce(obj_description(c.oid, 'pg_class'), '')
            from pg_catalog.pg_class as c
            where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'p') and c.relname = any(%s)
            """,
            (session.quoted_schema, list(components)),
        )
        sizes = {name: rest for name, *rest in found.fetchall()}
        counted = _counts(session, [name for name, rest in sizes.items() if rest[1] <= COUNT_LIMIT or rest[0] < 0])
        rows = [
            Table(name, components[name], counted.get(name, estimate), name in counted, size, comment)
            for name, (estimate, _, size, comment) in sizes.items()
        ]
        return sorted(rows, key=lambda row: list(components).index(row.name))


def indexes(database: Database = None, *, schema: str | None = None, directory: Path | None = None) -> list[Index]:
    """The indexes of FBS's tables: what each takes, how often it was used, and what it is for.

    Parameters:
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Returns:
        A row for each index, by component and table; of a table the primary key first, then the unique sets. Those
        that a host made on FBS's tables are listed, too.

    Reads ``pg_index``, ``pg_stat_user_indexes`` and ``pg_stat_database``.
    """
    order = list(_components(directory))
    with open_session(database, schema, application="fbs-db tables") as session:
        found = session.cursor().execute(
            """
            select
                t.relname,
                c.relname,
                pg_relation_size(c.oid),
                coalesce(s.idx_scan, 0),
                d.stats_reset,
                case
                    when i.indisprimary then 'Primary key.'
                    when i.indisunique then 'Unique set: ' || k.columns || '.'
                    else coalesce(obj_description(c.oid, 'pg_class'), '')
                end
            from pg_catalog.pg_index as i
            inner join pg_catalog.pg_class as t on i.indrelid = t.oid
            inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
            inner join pg_catalog.pg_stat_database as d on d.datname = current_database()
            left join pg_catalog.pg_stat_user_indexes as s on c.oid = s.indexrelid
            cross join lateral (
                select string_agg(pg_get_indexdef(c.oid, place, true), ', ' order by place) as columns
                from generate_series(1, i.indnkeyatts) as place
            ) as k
            where t.relnamespace = to_regnamespace(%s) and t.relname = any(%s)
            order by not i.indisprimary, not i.indisunique, c.relname
            """,
            (session.quoted_schema, order),
        )
        return sorted((Index(*row) for row in found.fetchall()), key=lambda row: order.index(row.table))


def describe(
    table: str, database: Database = None, *, schema: str | None = None, directory: Path | None = None
) -> TableDescription:
    """A table of FBS in full.

    Parameters:
        table: its name; the prefix ``fbs_`` may be left out.
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Raises:
        UsageError: FBS has no such table, or it is not in this schema.

    Reads ``pg_attribute``, ``pg_constraint``, ``pg_index``, ``pg_trigger`` and ``pg_policy``.
    """
    components = _components(directory)
    name = table if table in components else f"fbs_{table}"
    if name not in components:
        near = [known for known in components if table.removeprefix("fbs_") in known]
        raise UsageError(
            f"Unknown table {table}.",
            hint=f"Did you mean {', '.join(near[:5])}?" if near else f"To list the tables, type: {command('tables')}",
        )
    with open_session(database, schema, application="fbs-db describe") as session:
        found = session.cursor().execute(
            "select to_regclass(%s)::oid, obj_description(to_regclass(%s))", (_in(session, name), _in(session, name))
        )
        oid, comment = found.fetchone() or (None, None)
        if oid is None:
            raise project.left_out(name) or UsageError(
                f"Table {name} is not in schema {session.schema}.", hint=f"Type: {command('migrate')}"
            )
        columns = session.cursor().execute(
            """
            select
                a.attname,
                format_type(a.atttypid, a.atttypmod),
                not a.attnotnull,
                coalesce(
                    pg_get_expr(d.adbin, d.adrelid),
                    case when a.attidentity <> '' then 'generated as identity' else '' end
                ),
                coalesce(col_description(a.attrelid, a.attnum), '')
            from pg_catalog.pg_attribute as a
            left join pg_catalog.pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
            where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
            order by a.attnum
            """,
            (oid,),
        )
        return TableDescription(
            name=name,
            component=components[name],
            comment=comment or "",
            columns=tuple(Column(*row) for row in columns.fetchall()),
            constraints=_pairs(
                session,
                oid,
                "select conname, pg_get_constraintdef(oid) from pg_catalog.pg_constraint"
                " where conrelid = %s and contype <> 'n' order by contype = 'p' desc, conname",
            ),
            indexes=_pairs(
                session,
                oid,
                "select c.relname, pg_get_indexdef(c.oid) from pg_catalog.pg_index as i"
                " inner join pg_catalog.pg_class as c on i.indexrelid = c.oid where i.indrelid = %s order by c.relname",
            ),
            triggers=_pairs(
                session,
                oid,
                "select tgname, pg_get_triggerdef(oid) from pg_catalog.pg_trigger"
                " where tgrelid = %s and not tgisinternal order by tgname",
            ),
            policies=_pairs(
                session,
                oid,
                "select p.polname, case when p.polpermissive then 'permissive' else 'restrictive' end"
                " || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')"
                " || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')"
                " from pg_catalog.pg_policy as p inner join pg_catalog.pg_class as c on p.polrelid = c.oid"
                " where c.oid = %s and c.relrowsecurity order by p.polname",
            ),
            referenced_by=_pairs(
                session,
                oid,
                "select conrelid::regclass::text, case confdeltype when 'c' then 'cascade' when 'n' then 'set null'"
                " when 'd' then 'set default' when 'r' then 'restrict' else 'no action' end"
                " from pg_catalog.pg_constraint where confrelid = %s and contype = 'f' order by 1",
            ),
        )


def _components(directory: Path | None) -> dict[str, str]:
    """The component of each table, in the order in which the files create them."""
    return {name: file.component for file in files.load(directory) for kind, name in file.creates if kind == "table"}


def _in(session: Session, name: str) -> str:
    return sql.Identifier(session.schema, name).as_string(session.connection)


def _counts(session: Session, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    parts = [
        sql.SQL("select {} as name, count(*) as rows from {}").format(
            sql.Literal(name), sql.Identifier(session.schema, name)
        )
        for name in names
    ]
    return dict(session.cursor().execute(sql.SQL(" union all ").join(parts)).fetchall())


def _pairs(session: Session, oid: int, query: str) -> tuple[tuple[str, str], ...]:
    return tuple(session.cursor().execute(query, (oid,)).fetchall())
