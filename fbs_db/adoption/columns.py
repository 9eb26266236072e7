"""Adopting columns: their types, defaults and NOT NULL."""

from __future__ import annotations

from fbs_db.adoption import values
from fbs_db.adoption.found import FORMER_COLUMNS, Column
from fbs_db.adoption.work import COLUMNS, RENAMED, TYPED, Work
from fbs_db.schema.snapshot import Object
from fbs_db.wording import counted


def columns(work: Work, table: str) -> None:
    """Plan a table's columns: change what differs, and add what is missing."""
    retyped: list[tuple[str, str]] = []
    for it in work.of("column", table):
        column = work.there.columns.get(it.name)
        if column is None:
            _missing(work, it)
            continue
        if column.present != it.name.partition(".")[2]:
            rename = f"rename column {work.quote(column.present)} to {work.quote(it.name.partition('.')[2])};"
            text = f"alter table {table} {rename}"
            work.change(RENAMED, "rename", "column", it.name, text, reason=f"it was {column.present}")
        type_changes = _type(work, it, column, retyped)
        _not_null(work, column)
        _default(work, it, column, type_changes)
        _sequence(work, column)
    if retyped:
        statement = f"alter table {table}\n    " + ",\n    ".join(clause for clause, _ in retyped) + ";"
        reason = "; ".join(text for _, text in retyped if text)
        work.change(TYPED, "change", "column", table, statement, reason=reason)
    for column in work.there.columns_of(table):
        if ("column", column.name) not in work.objects:
            _extra(work, table, column)


def _missing(work: Work, it: Object) -> None:
    table = it.name.partition(".")[0]
    filled = ("default", it.name) in work.objects or ("not null", it.name) not in work.objects
    rows = 0 if filled else work.count(table)
    if rows:
        work.stop("column", it.name, "missing", f"{counted(rows, 'row', 'needs', 'need')} a value", it.definition)
    work.make(COLUMNS, it, reason="it is missing")


def _type(work: Work, it: Object, column: Column, retyped: list[tuple[str, str]]) -> bool:
    """Plan a column's type, and return whether it changes; a value that does not fit stops the adoption.

    Parameters:
        retyped: gets the clauses of ALTER TABLE: one statement for all columns reads the rows once.
    """
    wanted = work.base if it.definition == "fbs_user_id" else it.definition
    table, _, name = it.name.partition(".")
    if column.type == it.definition and not column.collated:
        work.match(table)
        return False
    unless = values.unless(column.type, wanted, f"t.{work.quote(column.present)}")
    if unless is None:
        work.unfit.add(it.name)
        work.stop("column", it.name, "of another type", column.type, wanted)
        return False
    if unless and (number := work.count(table, unless)):
        work.unfit.add(it.name)
        found = f"{column.type}; {counted(number, 'row', 'does', 'do')} not fit"
        work.stop("column", it.name, "of another type", found, wanted)
        return False
    if uses := _uses(work, table, column):
        mend = "Drop them first, and create them again after the adoption."
        work.stop("column", it.name, f"{column.type} cannot become {it.definition}", uses, None, mend)
        return False
    part = work.quote(name)
    if column.default.startswith("default") and not column.sequence:
        retyped.append((f"alter column {part} drop default", ""))
    was = f"{column.type}{' of another collation' if column.collated else ''}"
    retyped.append((f"alter column {part} type {it.definition}", f"{name}: {was} to {it.definition}"))
    return True


def _uses(work: Work, table: str, column: Column) -> str:
    """The objects that keep a column from changing its type."""
    rows = work.session.select(
        "select distinct pg_describe_object(d.classid, d.objid, d.objsubid) from pg_catalog.pg_depend as d"
        " where d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = %s and d.refobjsubid = %s"
        " and d.classid::regclass::text = any(%s) order by 1",
        work.there.tables[table].oid,
        column.number,
        ["pg_rewrite", "pg_trigger", "pg_policy", "pg_proc", "pg_publication_rel"],
    )
    return "; ".join(f"{text} uses it" for (text,) in rows)


def _not_null(work: Work, column: Column) -> None:
    wanted = work.objects.get(("not null", column.name))
    table, _, part = column.name.partition(".")
    if wanted is None:
        if column.not_null:
            statement = f"alter table {table} alter column {work.quote(part)} drop not null;"
            work.change(COLUMNS, "drop", "not null", column.name, statement, reason="FBS stores NULL here")
    elif column.not_null:
        work.match(table)
    elif number := work.count(table, f"t.{work.quote(column.present)} is null"):
        work.stop("column", column.name, "NULL", f"{counted(number, 'row', 'has', 'have')} no value", "not null")
    else:
        work.make(COLUMNS, wanted)


def _default(work: Work, it: Object, column: Column, type_changes: bool) -> None:
    wanted = work.objects.get(("default", it.name))
    found = column.default
    if type_changes and found.startswith("default") and not column.sequence:
        found = ""
    if found.startswith("generated always as ("):
        work.stop("default", it.name, "generated", found, wanted.definition if wanted else "nothing")
    elif wanted is None:
        if found:
            work.keep("default", it.name, found)
    elif found == wanted.definition:
        work.match(it.name.partition(".")[0])
    elif wanted.definition.endswith("as identity") and not found.endswith("as identity") and column.sequence:
        work.change(COLUMNS, "change", "default", it.name, *_identity(work, wanted, column), reason=f"it was: {found}")
    else:
        there = Object("default", it.name, found) if found else None
        work.make(COLUMNS, wanted, there, reason=f"it was: {found}" if found else "")


def _identity(work: Work, wanted: Object, column: Column) -> list[str]:
    """Statements that replace a sequence, such as that of a ``serial``, by an identity that continues it."""
    table, _, part = wanted.name.partition(".")
    name = work.quote(part)
    own = column.owns_sequence
    sequence = column.sequence
    statements = [f"alter table {table} alter column {name} drop default;"]
    if own:
        schema = sequence.removesuffix(work.quote(column.sequence_name))
        statements += [
            f"alter sequence {sequence} owned by none;",
            f"alter sequence {sequence} rename to fbs_adopted_sequence;",
        ]
        sequence = f"{schema}fbs_adopted_sequence"
    statements += [
        f"alter table {table} alter column {name} add {wanted.definition};",
        f"select setval(pg_get_serial_sequence({work.literal(table)}, {work.literal(part)}), greatest("
        f"(select last_value + is_called::integer from {sequence}),"
        f" (select coalesce(max({name}), 0) + 1 from {table})), false);",
    ]
    return [*statements, f"drop sequence {sequence};"] if own else statements


def _sequence(work: Work, column: Column) -> None:
    """Plan to rename an identity's sequence after its column, where that name is free."""
    name = f"{column.name.replace('.', '_')}_seq"
    if not column.default.endswith("as identity") or column.sequence_name == name or name in work.there.relations:
        return
    statement = f"alter sequence {column.sequence} rename to {work.quote(name)};"
    work.change(RENAMED, "rename", "sequence", column.name, statement, reason=f"it was {column.sequence_name}")


def _extra(work: Work, table: str, column: Column) -> None:
    """Keep a column of the host; it must not be NOT NULL without a default, as FBS adds rows without it."""
    if column.present in FORMER_COLUMNS.get(table, {}):
        both = f"{column.present} and {FORMER_COLUMNS[table][column.present]} both exist"
        work.stop("column", column.name, "there twice", both, "one of them")
        return
    work.keep("column", column.name, column.type)
    part = column.name.partition(".")[2]
    in_key = any(key.kind == "p" and part in key.columns for key in work.there.constraints if key.table == table)
    if column.not_null and not column.default and not in_key:
        statement = f"alter table {table} alter column {work.quote(column.present)} drop not null;"
        work.change(COLUMNS, "drop", "not null", column.name, statement, reason="FBS adds rows without it")
