"""Adopting tables that Django made beside FBS's own, in a managed schema.

Where only Django's table has rows, they are copied to FBS's table. A table without rows is
dropped. Where both have rows, the host has to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fbs_db.adoption import twins
from fbs_db.adoption.catalog import candidates, described, rows_of
from fbs_db.adoption.found import STRAYS, Found, Table, Twin
from fbs_db.adoption.tables import fit
from fbs_db.adoption.work import COPIED, DROPPED, Change, Fit, UserTable, Work
from fbs_db.database.session import Session
from fbs_db.schema.snapshot import Key, Object
from fbs_db.wording import counted


def find_twins(session: Session, objects: Mapping[Key, Object]) -> list[Twin]:
    """Each of FBS's tables that exists under another name too; the one with FBS's name is kept."""
    ours: dict[str, Table] = {}
    found: list[Twin] = []
    for table in candidates(session, objects):
        if table.present == table.name:
            ours[table.name] = table
        elif table.name in ours and (table.alike or table.present in STRAYS) and table.definition != "view":
            rows, other_rows = (rows_of(session, one) for one in (ours[table.name], table))
            if other_rows and not table.alike:
                continue  # other rows; the plan for other tables notes them
            found.append(Twin(ours[table.name], table, rows, other_rows))
    return found


def to_copy(session: Session, objects: Mapping[Key, Object], found: Sequence[Twin]) -> Found:
    """The tables whose rows are copied to FBS's, described as if they were FBS's."""
    tables = {one.kept.name: one.other for one in found if one.rows == 0 and one.other_rows}
    there = described(session, objects, tables)
    there.relations.clear()  # they are FBS's own
    return there


def plan(
    session: Session, objects: Mapping[Key, Object], found: Sequence[Twin], there: Found, users: UserTable | None
) -> Fit:
    """Plan what becomes of the tables that exist twice.

    Parameters:
        objects: every object that the migrations create.
        found, there: what `find_twins` and `to_copy` return.
        users: the host's user table, if known.
    """
    work = Work(session, objects, there, users)
    tried = fit(session, objects, there, users)
    # Rows are not copied from a table that could not be adopted itself.
    work.stops += [one for one in tried.stops if one.kind == "domain" or one.object.partition(".")[0] in there.tables]
    for one in found:
        if one.kept.name in there.tables:
            _copy(work, one, tried)
        elif one.other_rows != 0:
            twins.stop_twin(work, one)
        work.changes[COPIED] += _rights(work, one)
    if there.tables:
        statement = "set constraints all immediate;"
        work.change(COPIED, "change", "constraint", "foreign keys of these rows", statement, reason="they are checked")
    for table in candidates(session, objects):
        if table.present in STRAYS and not table.alike and (rows := rows_of(session, table)):
            work.keep("table", table.present, f"it has {counted(rows, 'row')}, and other columns than {table.name}")
    twins.keep_unused(work)
    twins.drop(work, [(one.other, _why(one)) for one in found if one.rows == 0 or one.other_rows == 0])
    changes = tuple(change for phase in sorted(work.changes) for change in work.changes[phase])
    return Fit(changes, tuple(work.stops), tuple(work.kept), {})


def _why(twin: Twin) -> str:
    if twin.other_rows:
        return f"its rows are in {twin.kept.present}"
    return f"it has no rows; {twin.kept.present} is kept"


def _copy(work: Work, twin: Twin, tried: Fit) -> None:
    """Plan to copy the rows, with their keys, to FBS's table; its sequences continue after them."""
    ours, other = twin.kept, twin.other
    here = {
        name
        for (name,) in work.session.select(
            "select attname::text from pg_catalog.pg_attribute where attrelid = %s::oid and attnum > 0"
            " and not attisdropped and attgenerated = ''",
            ours.oid,
        )
    }
    columns = [
        (work.quote(name), work.quote(column.present))
        for column in work.there.columns_of(ours.name)
        for name in (column.name.partition(".")[2],)
        if name in here
    ]
    for column in work.there.columns_of(ours.name):
        name = column.name.partition(".")[2]
        if name not in here and not column.default.startswith("generated"):
            mend = f"alter table {ours.name} add column {work.quote(name)} {column.type};"
            work.stop("column", column.name, "missing", f"{other.present} has it, {column.type}", None, mend)
    for one in tried.kept:
        if one.kind != "column" and one.object.partition(".")[0] == ours.name:
            work.add(DROPPED, ours, "drop", one.kind, one.object, f"dropped with {other.present}: {one.found}")
    into, source = (f"{work.session.quoted_schema}.{work.quote(name)}" for name in (ours.name, other.present))
    insert = (
        f"insert into {into} ({', '.join(name for name, _ in columns)})\n"
        f"select {', '.join(present for _, present in columns)} from {source};"
    )
    statements = [insert, *_sequences(work, ours.name, into)]
    reason = f"{counted(twin.other_rows or 0, 'row')} from {other.present}"
    work.add(COPIED, ours, "add", "rows", ours.name, reason, *statements)


def _sequences(work: Work, table: str, qualified: str) -> list[str]:
    """Statements that set identity columns to continue after the copied rows, and after their sequences."""
    statements = []
    for column in work.there.columns_of(table):
        default = work.objects.get(("default", column.name))
        if default and default.definition.endswith("as identity"):
            name = column.name.partition(".")[2]
            last = f",\n    (select last_value + is_called::integer from {column.sequence})" if column.sequence else ""
            statements.append(
                f"select setval(pg_get_serial_sequence({work.literal(qualified)}, {work.literal(name)}), greatest(\n"
                f"    (select coalesce(max({work.quote(name)}), 0) + 1 from {qualified}){last}), false);"
            )
    return statements


def _rights(work: Work, twin: Twin) -> Iterator[Change]:
    """Grant the privileges on the other table on the one that is kept."""
    query = """
        select x.privilege_type, case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end
        from pg_catalog.pg_class as c
        cross join aclexplode(c.relacl) as x
        inner join pg_catalog.pg_class as kept on kept.oid = %s::oid
        where
            c.oid = %s::oid
            and x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            and x.grantee not in (c.relowner, kept.relowner)
            and not exists (
                select from aclexplode(kept.relacl) as y
                where y.grantee = x.grantee and y.privilege_type = x.privilege_type
            )
        order by 2, 1
        """
    for privilege, role in work.session.select(query, twin.kept.oid, twin.other.oid):
        name = twin.kept.name
        statement = f"grant {privilege.lower()} on {work.session.quoted_schema}.{name} to {role};"
        reason = f"{role} has it on {twin.other.present}"
        yield Change(name, "add", "privilege", f"{name} {privilege.lower()}", reason, (statement,))
