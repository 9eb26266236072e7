"""Tables that exist under two names, such as FBS's own and one that Django made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fbs_db.adoption.found import UNUSED, Table, Twin
from fbs_db.adoption.work import DROPPED, LINKS, Work
from fbs_db.database.session import Session
from fbs_db.wording import counted


@dataclass(frozen=True)
class Reference:
    """A foreign key that points at a table which is dropped.

    Attributes:
        table: the table it belongs to, with its schema.
        oid: OID of that table.
        ours: whether the role may change that table.
        name: name of the constraint.
        before: its definition before the referenced table.
        after: its definition after that, from the columns on.
        target_oid: OID of the referenced table.
    """

    table: str
    oid: int
    ours: bool
    name: str
    before: str
    after: str
    target_oid: int

    def to(self, table: str) -> str:
        """The definition of the same foreign key to another table."""
        return f"{self.before} references {table} ({self.after}"


_REFERENCES = """
select
    format('%%I.%%I', n.nspname, c.relname), c.oid::bigint, pg_has_role(c.relowner, 'usage'), k.conname::text,
    pg_get_constraintdef(k.oid), k.confrelid::regclass::text, k.confrelid::bigint
from pg_catalog.pg_constraint as k
inner join pg_catalog.pg_class as c on k.conrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where k.contype = 'f' and k.conparentid = 0 and k.confrelid = any(%s::oid[]) and k.conrelid <> k.confrelid
order by 1, 4
"""

# What would be lost with a table, or prevents that it is dropped.
_DEPENDENTS = """
select distinct pg_describe_object(d.classid, d.objid, 0)
from pg_catalog.pg_depend as d
where
    d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = %(oid)s
    and (
        d.classid::regclass::text in ('pg_rewrite', 'pg_proc', 'pg_policy')
        or d.objid in (select g.oid from pg_catalog.pg_trigger as g where g.tgrelid = %(oid)s and not g.tgisinternal)
        or d.objid in (select h.inhrelid from pg_catalog.pg_inherits as h where h.inhparent = %(oid)s)
    )
union
select pg_describe_object('pg_catalog.pg_proc'::regclass, d.objid, 0)
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_class as c on d.refobjid = c.reltype
where c.oid = %(oid)s and d.refclassid = 'pg_catalog.pg_type'::regclass and d.classid = 'pg_catalog.pg_proc'::regclass
order by 1
"""


def stop_twin(work: Work, twin: Twin) -> None:
    """Stop where both tables have rows: only the host knows which ones it needs."""
    ours, other = sorted((twin.kept, twin.other), key=lambda table: table.present != table.name)
    counts = {twin.kept.present: twin.rows, twin.other.present: twin.other_rows}
    both = [
        f"{table.present} ({'rows not counted' if rows is None else counted(rows, 'row')})"
        for table in (ours, other)
        for rows in (counts[table.present],)
    ]
    mend = f"Copy the rows you need to {ours.present}, then delete those of {other.present}."
    work.stop("table", ours.name, "there twice", f"{' and '.join(both)} both exist", "rows in one of them", mend)


def keep_unused(work: Work) -> None:
    """Note the tables that FBS 2.0.3 created and no release uses."""
    query = (
        "select c.relname::text from pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where n.nspname = %s and c.relname = any(%s) and c.relkind = 'r' order by 1"
    )
    for (name,) in work.session.select(query, work.session.schema, list(UNUSED)):
        work.keep("table", name, "migrations of FBS 2.0.3 created it; no model of FBS uses it")


def drop(work: Work, tables: Sequence[tuple[Table, str]]) -> None:
    """Plan to drop tables, each for its reason; the host's foreign keys to them then point at those that stay."""
    by_oid = {table.oid: table for table, _ in tables}
    ours = {table.oid for table in work.there.tables.values()}
    cuts: list[str] = []
    for link in references(work.session, by_oid):
        table = by_oid[link.target_oid]
        name = f"{link.table}.{link.name}"
        statement = f"alter table {link.table} drop constraint {work.quote(link.name)};"
        if not link.ours:
            work.stop("constraint", name, "has another owner", f"it points at {table.present}", None)
        elif link.oid in by_oid or link.oid in ours:
            cuts.append(statement)
        else:
            reason = f"it pointed at {table.present}"
            work.add(DROPPED, table, "change", "constraint", name, reason, statement)
            target = f"{work.session.quoted_schema}.{table.name}"
            again = f"alter table {link.table} add constraint {work.quote(link.name)} {link.to(target)};"
            work.add(LINKS, table, "change", "constraint", name, reason, again)
    if cuts:
        work.change(DROPPED, "change", "constraint", "foreign keys that point at these tables", *cuts)
    for table, reason in tables:
        for (used,) in work.session.cursor().execute(_DEPENDENTS, {"oid": table.oid}).fetchall():
            mend = f"Drop it first, and create it again on {table.name} after the adoption."
            work.stop("table", table.name, f"{table.present} cannot be dropped", f"{used} uses it", None, mend)
        statement = f"drop table {work.session.quoted_schema}.{work.quote(table.present)};"
        work.add(DROPPED, table, "drop", "table", table.present, reason, statement)


def to_lock(session: Session, tables: Sequence[Table]) -> list[str]:
    """Names of the tables to lock: these, and those with foreign keys to or from them."""
    query = """
        select distinct format('%%I.%%I', n.nspname, c.relname)
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where
            c.oid = any(%(oids)s::oid[])
            or has_table_privilege(c.oid, 'update, delete, truncate')
            and c.oid in (
                select case when k.conrelid = any(%(oids)s::oid[]) then k.confrelid else k.conrelid end
                from pg_catalog.pg_constraint as k
                where k.contype = 'f' and (k.conrelid = any(%(oids)s::oid[]) or k.confrelid = any(%(oids)s::oid[]))
            )
        order by 1
        """
    rows = session.cursor().execute(query, {"oids": [table.oid for table in tables]})
    return [name for (name,) in rows.fetchall()]


def references(session: Session, oids: Iterable[int]) -> list[Reference]:
    """The foreign keys of other tables that reference these."""
    found = []
    for table, oid, ours, name, definition, target, target_oid in session.select(_REFERENCES, list(oids)):
        before, _, after = definition.partition(f" REFERENCES {target}(")
        found.append(Reference(table, oid, ours, name, before, after, target_oid))
    return found
