"""Planning an adoption: how tables get the shape that the migrations give them.

Planning only reads. What could lose data, or the host has to decide on, stops the adoption.
Everything else becomes statements, in the order in which they run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from fbs_db.adoption import twins, values
from fbs_db.adoption.catalog import rows_of
from fbs_db.adoption.columns import columns
from fbs_db.adoption.found import Found, Table
from fbs_db.adoption.indexes import indexes
from fbs_db.adoption.keys import keys
from fbs_db.adoption.work import FUNCTIONS, INDEXES, LINKS, RENAMED, REST, TABLES, TYPED, Change, Fit, UserTable, Work
from fbs_db.database.session import Session
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key, Object
from fbs_db.wording import counted


def fit(session: Session, objects: Mapping[Key, Object], there: Found, users: UserTable | None) -> Fit:
    """Plan the adoption of tables.

    Parameters:
        objects: every object that the migrations create.
        there: the tables as they are.
        users: the host's user table, if known.

    Reads the catalogs, and rows where FBS's column or constraint is stricter.
    """
    work = Work(session, objects, there, users)
    _tables(work)
    _domain(work)
    for part in (columns, keys, indexes):
        for name in there.tables:
            part(work, name)
    _rest(work)
    changes = tuple(change for phase in sorted(work.changes) for change in work.changes[phase])
    return Fit(changes, tuple(work.stops), tuple(work.kept), dict(work.matching))


def _tables(work: Work) -> None:
    for it in [it for it in work.objects.values() if it.kind == "table"]:
        table = work.there.tables.get(it.name)
        if table is None:
            work.make(TABLES, it, reason="it is missing")
            continue
        if table.present != it.name:
            statement = f"alter table {work.quote(table.present)} rename to {it.name};"
            work.change(RENAMED, "rename", "table", it.name, statement, reason=f"it was {table.present}")
        if table.definition != it.definition:
            work.stop("table", it.name, "of another kind", table.definition, it.definition)
        elif not table.alike:
            found = "a table with other columns"
            work.stop("table", it.name, "the name is taken", found, None, "Rename it or drop it.")
        elif not table.ours:
            work.stop("table", it.name, "has another owner", table.owner, None, "Connect as that role.")
        else:
            work.match(it.name)
    for twin in work.there.twins:
        twins.stop_twin(work, twin)
    for table in work.there.strangers:
        rows = rows_of(work.session, table)
        count = "" if rows is None else f"; it has {counted(rows, 'row')}"
        work.keep("table", table.present, f"its name is another name of {table.name}, but its columns differ{count}")
    twins.keep_unused(work)
    twins.drop(work, [(table, _why_empty(work, table)) for table in work.there.empty])
    _names(work)


def _why_empty(work: Work, table: Table) -> str:
    kept = work.there.tables.get(table.name)
    return f"it has no rows; {kept.present} is kept" if kept else f"it has no rows; {table.name} is created"


def _names(work: Work) -> None:
    """Stop where something else has the name of an object of FBS."""
    named = {name.rpartition(".")[2] for kind, name in work.objects if kind in ("view", "index", "constraint")}
    for name, what in work.there.relations.items():
        if name in named and not (what == "view" and ("view", name) in work.objects):
            work.stop(
                "table",
                name,
                "the name is taken",
                f"{'an' if what == 'index' else 'a'} {what}",
                None,
                "Rename it or drop it.",
            )
    for kind in ("view", "function"):
        for it in [it for it in work.objects.values() if it.kind == kind]:
            there = work.found.get(it.key)
            if there and there.definition != it.definition:
                work.stop(kind, it.name, "the name is taken", there.definition, None, f"drop {kind} {it.name};")


def _domain(work: Work) -> None:
    """Plan the domain of user columns: its type takes their values and the user table's keys."""
    columns = [column for name, column in work.there.columns.items() if name in work.user_columns]
    types = {column.type for column in columns} - {"fbs_user_id"} | ({work.users.type} if work.users else set())
    wanted = work.objects["domain", "fbs_user_id"]
    if wanted.key in work.found:
        query = (
            "select format_type(y.typbasetype, y.typtypmod) from pg_catalog.pg_type as y"
            " inner join pg_catalog.pg_namespace as n on y.typnamespace = n.oid"
            " where n.nspname = %s and y.typname = %s"
        )
        work.base = str(work.session.select(query, work.session.schema, wanted.name)[0][0])
        if types and values.widest({*types, work.base}) != work.base:
            work.stop("domain", wanted.name, "of another type", work.base, ", ".join(sorted(types)))
        return
    # Where no type takes both, the user table's counts, and each column with another type stops.
    work.base = values.widest(types) or (work.users.type if work.users else sorted(types)[0])
    work.change(TYPED, "add", "domain", wanted.name, f"create domain {wanted.name} as {work.base};")


def _rest(work: Work) -> None:
    comments: dict[str, list[str]] = defaultdict(list)
    for it in work.objects.values():
        there = work.found.get(it.key)
        if it.kind not in ("function", "statistics", "view", "trigger", "comment", "setting", "rule"):
            missing = snapshot.implied(it.key, work.objects)
            if missing and missing[0][0] == "table" and missing[0][1] not in work.there.tables:
                _of_missing(work, it)
        elif there and there.definition == it.definition:
            work.match(re.sub("^(column|index|table) ", "", it.name).partition(".")[0])
        elif it.kind == "comment":
            comments[it.name.partition(" ")[2].partition(".")[0]] += work.making(it)
        else:
            at_once = it.kind == "function" and not it.name.startswith(snapshot.WRITTEN)
            work.make(FUNCTIONS if at_once else REST, it, there)
    for name, statements in comments.items():
        table = name if name in work.there.tables else ""
        work.changes[REST].append(Change(table, "add", "comment", name, "", tuple(statements)))


def _of_missing(work: Work, it: Object) -> None:
    """Plan the indexes and foreign keys of a table that is created."""
    if it.kind == "index":
        work.make(INDEXES, it)
    elif it.kind == "constraint" and it.definition.startswith("FOREIGN KEY"):
        work.make(LINKS, it)
