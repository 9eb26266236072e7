"""The statements that make an object of the schema, or give it its definition again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from psycopg import sql

from fbs_db.database.indexes import quoted
from fbs_db.database.session import Session
from fbs_db.health.comparing import REPAIR_CHECK, same_index
from fbs_db.schema.snapshot import WRITTEN, Key, Object


def literal(session: Session, text: str) -> str:
    """A text as a literal of SQL."""
    return sql.Literal(text).as_string(session.connection)


@dataclass(frozen=True)
class Wanted:
    """An object that is missing or changed, with all that its statements are written from.

    Attributes:
        session: where they are to run.
        object: the object as it should be.
        there: the object as it is; None where it is missing.
        table, part: the two halves of its name, quoted; ``part`` may be empty text.
        objects: every object that should be there.
        together: whether the statements run in one transaction, where no index can be built concurrently.
        left: an index that has the name of a missing constraint.
    """

    session: Session
    object: Object
    there: Object | None
    table: str
    part: str
    objects: Mapping[Key, Object]
    together: bool = False
    left: Object | None = None

    def literal(self, text: str) -> str:
        return literal(self.session, text)


#: Statements, and why a person has to decide whether to run them; empty text where nobody has to.
Making = tuple[list[str], str]


def making(it: Wanted) -> Making:
    """The statements that make an object or give it its definition, and why a person has to decide on them."""
    return _MAKERS[it.object.kind](it)


def _domain(it: Wanted) -> Making:
    return (
        ["create domain fbs_user_id as bigint;"] if it.there is None else [],
        "The type has to be that of the host's user keys, which only you know: see 0001_initial.sql.",
    )


def _table(it: Wanted) -> Making:
    if it.there is not None:
        return [], f"It is: {it.there.definition}. To make it a plain table rewrites it."
    columns = [name for kind, name in it.objects if kind == "column" and name.partition(".")[0] == it.table]
    names = quoted(it.session, [name.partition(".")[2] for name in columns])
    inside = [f"{names[name.partition('.')[2]]} {_column_type(it, name)}" for name in columns]
    inside += [
        f"constraint {name.partition('.')[2]} {entry.definition}"
        for (kind, name), entry in it.objects.items()
        if (kind, name.partition(".")[0]) == ("constraint", it.table) and not entry.definition.startswith("FOREIGN KEY")
    ]
    return (
        [f"create table {it.table} (\n    " + ",\n    ".join(inside) + "\n);"],
        "Its rows are gone: restore them from a backup, or create the table without rows; then repair again.",
    )


def _column(it: Wanted) -> Making:
    if it.there is None:
        return (
            [f"alter table {it.table} add column {it.part} {_column_type(it, it.object.name)};"],
            "Its values are gone: restore them from a backup, or add the column without them; then repair again.",
        )
    return (
        [f"alter table {it.table} alter column {it.part} type {it.object.definition};"],
        f"It is {it.there.definition}. A change of type may cut values, and rewrites the table.",
    )


def _column_type(it: Wanted, name: str) -> str:
    parts = [it.objects.get((kind, name)) for kind in ("column", "default", "not null")]
    return " ".join(part.definition for part in parts if part)


def _not_null(it: Wanted) -> Making:
    if it.together:
        return [f"alter table {it.table} alter column {it.part} set not null;"], ""
    # Validating a check reads the rows under a weak lock; set not null alone would block writers meanwhile.
    return (
        [
            f"alter table {it.table} add constraint {REPAIR_CHECK} check ({it.part} is not null) not valid;",
            f"alter table {it.table} validate constraint {REPAIR_CHECK};",
            f"alter table {it.table} alter column {it.part} set not null, drop constraint {REPAIR_CHECK};",
        ],
        "",
    )


def _default(it: Wanted) -> Making:
    column = f"alter table {it.table} alter column {it.part}"
    wanted, there = it.object.definition, it.there.definition if it.there else ""
    if not wanted.startswith("generated"):
        identity = f"{column} drop identity;" if there.endswith("as identity") else ""
        return [f"{identity} {column} set {wanted};".strip()], ""
    if not wanted.endswith("as identity"):
        return [], f"It should be {wanted}: drop the column and add it again."
    if there.endswith("as identity"):
        return [f"{column} set {wanted.removesuffix(' as identity')};"], ""
    plain = f"{column} drop default; " if there else ""
    return (
        [
            f"{plain}{column} add {wanted};"
            f" select setval(pg_get_serial_sequence({it.literal(it.table)}, {it.literal(it.part)}),"
            f" coalesce(max({it.part}), 0) + 1, false) from {it.table};"
        ],
        "",
    )


def _constraint(it: Wanted) -> Making:
    add = f"add constraint {it.part} {it.object.definition}"
    if it.together:
        return [f"alter table {it.table} {add};"], ""
    if it.object.definition.startswith(("FOREIGN KEY", "CHECK")):
        drop = f"drop constraint {it.part}, " if it.there else ""
        return (
            [
                f"alter table {it.table} {drop}{add} not valid;",
                f"alter table {it.table} validate constraint {it.part};",
            ],
            "",
        )
    if it.there is not None:
        return (
            [f"alter table {it.table} drop constraint {it.part}, {add};"],
            f"It is {it.there.definition}, and foreign keys of the host may need it.",
        )
    kind, _, columns = it.object.definition.partition(" (")
    make = f"create unique index concurrently {it.part} on {it.table} ({columns};"
    use = f"alter table {it.table} add constraint {it.part} {kind} using index {it.part};"
    if it.left is None or it.left.state:
        return [make, use], ""
    if not same_index(it.left, it.object):
        return [f"drop index concurrently {it.part};", make, use], f"Its name is taken: {it.left.definition}."
    return [use], ""


def _index(it: Wanted) -> Making:
    if it.together:
        return [f"{it.object.definition};"], ""
    make = it.object.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1) + ";"
    said = it.objects.get(("comment", f"index {it.object.name}"))
    comment = [f"comment on index {it.part} is {it.literal(said.definition)};"] if said else []
    return [*([f"drop index concurrently {it.part};"] if it.there else []), make, *comment], ""


def _statistics(it: Wanted) -> Making:
    drop = f"drop statistics {it.part}; " if it.there else ""
    return [f"{drop}{it.object.definition};"], ""


def _trigger(it: Wanted) -> Making:
    return [it.object.definition.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1) + ";"], ""


def _definition(it: Wanted) -> Making:
    return [it.object.definition], ""


def _function(it: Wanted) -> Making:
    if it.object.name.startswith(WRITTEN):
        return ["select fbs_compile_rules();"], ""
    return _definition(it)


def _comment(it: Wanted) -> Making:
    of, _, name = it.object.name.partition(" ")
    name = name.partition(".")[2] if of == "index" else name
    return [f"comment on {of} {name} is {it.literal(it.object.definition)};"], ""


def _setting(it: Wanted) -> Making:
    values = json.loads(it.object.definition)
    if it.there is None:
        row = values | {"name": it.object.name, "value": values["initial_value"]}
        return (
            [
                "insert into fbs_settings select s.* from"
                f" jsonb_populate_record(null::fbs_settings, {it.literal(json.dumps(row))}) as s;"
            ],
            "",
        )
    columns = ", ".join(values)
    return (
        [
            f"update fbs_settings set ({columns}) = (select {columns} from"
            f" jsonb_populate_record(null::fbs_settings, {it.literal(json.dumps(values))}))"
            f" where name = {it.literal(it.object.name)};"
        ],
        "",
    )


def _rule(it: Wanted) -> Making:
    row = it.literal(json.dumps(json.loads(it.object.definition) | {"rule_name": it.object.name}))
    return (
        [
            f"delete from fbs_cleanup_rules where rule_name = {it.literal(it.object.name)};"
            " insert into fbs_cleanup_rules select r.* from"
            f" jsonb_populate_record(null::fbs_cleanup_rules, {row}) as r;"
        ],
        "The host may have changed or removed it on purpose.",
    )


_MAKERS: dict[str, Callable[[Wanted], Making]] = {
    "domain": _domain,
    "table": _table,
    "column": _column,
    "not null": _not_null,
    "default": _default,
    "constraint": _constraint,
    "index": _index,
    "statistics": _statistics,
    "view": _definition,
    "function": _function,
    "trigger": _trigger,
    "comment": _comment,
    "setting": _setting,
    "rule": _rule,
}
