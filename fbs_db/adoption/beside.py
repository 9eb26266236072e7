"""Tables that something else made beside FBS's own, in a schema that is managed.

Where Django's table alone has rows, they come into FBS's; where it has none, it goes; rows
in both are for the host to decide on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fbs_db.adoption import found as reading
from fbs_db.adoption import twins
from fbs_db.adoption.found import Double, Found, Table
from fbs_db.adoption.tables import fit
from fbs_db.adoption.work import GONE, MOVED, Change, Fit, UserTable, Work
from fbs_db.database.session import Session
from fbs_db.schema.snapshot import Key, Object
from fbs_db.wording import counted


def doubles(session: Session, objects: Mapping[Key, Object]) -> list[Double]:
    """Each of FBS's tables that is there under another name besides; FBS's own is the one that is kept."""
    ours: dict[str, Table] = {}
    found: list[Double] = []
    for table in reading.candidates(session, objects):
        if table.present == table.name:
            ours[table.name] = table
        elif table.name in ours and (table.alike or table.present in reading.STRAYS) and table.definition != "view":
            rows, other_rows = (reading.rows_of(session, one) for one in (ours[table.name], table))
            if other_rows and not table.alike:
                continue  # rows of another kind, which a plan for other tables tells of
            found.append(Double(ours[table.name], table, rows, other_rows))
    return found


def filled(session: Session, objects: Mapping[Key, Object], found: Sequence[Double]) -> Found:
    """The tables whose rows come into FBS's, as if they were to become them."""
    tables = {one.kept.name: one.other for one in found if one.rows == 0 and one.other_rows}
    there = reading.described(session, objects, tables)
    there.relations.clear()  # which are FBS's own
    return there


def plan(
    session: Session, objects: Mapping[Key, Object], found: Sequence[Double], there: Found, users: UserTable | None
) -> Fit:
    """Find out what is to be done.

    Parameters:
        objects: all that the files make.
        found, there: what `doubles` and `filled` answer.
        users: the host's user table, where it is known.
    """
    work = Work(session, objects, there, users)
    tried = fit(session, objects, there, users)
    # What stops an adoption of these tables stops their rows.
    work.stops += [one for one in tried.stops if one.kind == "domain" or one.object.partition(".")[0] in there.tables]
    for one in found:
        if one.kept.name in there.tables:
            _move(work, one, tried)
        elif one.other_rows != 0:
            twins.stop_double(work, one)
        work.changes[MOVED] += _rights(work, one)
    if there.tables:
        statement = "set constraints all immediate;"
        work.change(MOVED, "change", "constraint", "foreign keys of these rows", statement, reason="they are looked at")
    for table in reading.candidates(session, objects):
        if table.present in reading.STRAYS and not table.alike and (rows := reading.rows_of(session, table)):
            work.keep("table", table.present, f"it has {counted(rows, 'row')}, and not the columns of {table.name}")
    twins.keep_unused(work)
    twins.drop(work, [(one.other, _why(one)) for one in found if one.rows == 0 or one.other_rows == 0])
    changes = tuple(change for phase in sorted(work.changes) for change in work.changes[phase])
    return Fit(changes, tuple(work.stops), tuple(work.kept), {})


def _why(double: Double) -> str:
    if double.other_rows:
        return f"its rows are in {double.kept.present} now"
    return f"it is empty, and {double.kept.present} is kept"


def _move(work: Work, double: Double, tried: Fit) -> None:
    """The rows of a table come into FBS's, with their keys; numbers go on after them."""
    ours, other = double.kept, double.other
    here = {
        name
        for (name,) in work.session.select(
            "select attname::text from pg_catalog.pg_attribute where attrelid = %s::oid and attnum > 0"
            " and not attisdropped and attgenerated = ''",
            ours.oid,
        )
    }
    columns = [
        (work.quoted[name], work.quoted[column.present])
        for column in work.there.columns_of(ours.name)
        for name in (column.name.partition(".")[2],)
        if name in here
    ]
    for column in work.there.columns_of(ours.name):
        name = column.name.partition(".")[2]
        if name not in here and not column.default.startswith("generated"):
            mend = f"alter table {ours.name} add column {work.quoted[name]} {column.type};"
            work.stop("column", column.name, "missing", f"{other.present} has it, {column.type}", None, mend)
    for one in tried.kept:
        if one.kind != "column" and one.object.partition(".")[0] == ours.name:
            work.add(GONE, ours, "drop", one.kind, one.object, f"it goes with {other.present}: {one.found}")
    into, source = (f"{work.session.quoted_schema}.{work.quoted[name]}" for name in (ours.name, other.present))
    insert = (
        f"insert into {into} ({', '.join(name for name, _ in columns)})\n"
        f"select {', '.join(present for _, present in columns)} from {source};"
    )
    statements = [insert, *_numbers(work, ours.name, into)]
    reason = f"{counted(double.other_rows or 0, 'row', 'comes', 'come')} from {other.present}"
    work.add(MOVED, ours, "add", "rows", ours.name, reason, *statements)


def _numbers(work: Work, table: str, place: str) -> list[str]:
    """Let the numbers of new rows go on after those that have come, and where those came from."""
    statements = []
    for column in work.there.columns_of(table):
        default = work.objects.get(("default", column.name))
        if default and default.definition.endswith("as identity"):
            name = column.name.partition(".")[2]
            came_to = (
                f",\n    (select last_value + is_called::integer from {column.sequence})" if column.sequence else ""
            )
            statements.append(
                f"select setval(pg_get_serial_sequence({work.literal(place)}, {work.literal(name)}), greatest(\n"
                f"    (select coalesce(max({work.quoted[name]}), 0) + 1 from {place}){came_to}), false);"
            )
    return statements


def _rights(work: Work, double: Double) -> Iterator[Change]:
    """Who may use the one table may use the other."""
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
    for privilege, role in work.session.select(query, double.kept.oid, double.other.oid):
        name = double.kept.name
        statement = f"grant {privilege.lower()} on {work.session.quoted_schema}.{name} to {role};"
        reason = f"{role} has it on {double.other.present}"
        yield Change(name, "add", "privilege", f"{name} {privilege.lower()}", reason, (statement,))
