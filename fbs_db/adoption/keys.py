"""Adopting keys and checks; whether the rows satisfy those of FBS."""

from __future__ import annotations

from collections.abc import Sequence

from fbs_db.adoption import values
from fbs_db.adoption.found import Constraint
from fbs_db.adoption.work import FREED, KEYS, KEYS_RENAMED, LINKS, Action, Work, claim
from fbs_db.schema.snapshot import Object
from fbs_db.wording import command, counted


def keys(work: Work, table: str) -> None:
    """Plan a table's constraints: rename those that equal FBS's, and add what is missing."""
    free = [key for key in work.there.constraints if key.table == table]
    for it in work.of("constraint", table):
        name = it.name.partition(".")[2]
        there = claim([key for key in free if key.definition == it.definition and key.valid], name)
        if there is not None:
            free.remove(there)
            _renamed_key(work, table, name, there)
            continue
        rivals = [key for key in free if (key.kind, key.columns) == _subject(it.definition)]
        for key in rivals:
            free.remove(key)
            _dropped_key(work, key, f"it becomes {it.definition}", "change")
        other = next((key for key in free if key.kind == "p"), None)
        if it.definition.startswith("PRIMARY KEY") and other:
            free.remove(other)
            work.stop("constraint", it.name, "another primary key", other.definition, it.definition)
        elif it.definition.startswith("UNIQUE") and not rivals and _from_index(work, it):
            pass
        elif _satisfied(work, it, rivals):
            work.make(LINKS if it.definition.startswith("FOREIGN") else KEYS, it)
    _users(work, table, free)
    taken = {it.name.partition(".")[2] for it in work.of("constraint", table)}
    for key in free:
        _other_key(work, key, taken)


def _renamed_key(work: Work, table: str, name: str, there: Constraint) -> None:
    work.match(table)
    if there.name != name:
        statement = f"alter table {table} rename constraint {work.quote(there.name)} to {name};"
        work.change(KEYS_RENAMED, "rename", "constraint", f"{table}.{name}", statement, reason=f"it was {there.name}")


def _dropped_key(work: Work, key: Constraint, reason: str, action: Action = "drop") -> None:
    statement = f"alter table {key.table} drop constraint {work.quote(key.name)};"
    work.change(FREED, action, "constraint", f"{key.table}.{key.name}", statement, reason=reason)


def _from_index(work: Work, it: Object) -> bool:
    """Plan to make a unique constraint from an equal unique index; return whether there is one."""
    table, _, name = it.name.partition(".")
    substance = f"USING btree {it.definition.removeprefix('UNIQUE ')}"
    for index in work.there.indexes:
        if index.table == table and index.unique and index.valid and index.substance == substance:
            part = work.quote(index.name)
            statement = f"alter table {table} add constraint {name} unique using index {part};"
            work.change(KEYS, "add", "constraint", it.name, statement, reason=f"from the index {index.name}")
            work.used.append(index)
            return True
    return False


def _satisfied(work: Work, it: Object, rivals: Sequence[Constraint]) -> bool:
    """Whether the rows satisfy a constraint; rows that do not stop the adoption.

    Parameters:
        rivals: the present constraints on the same columns.
    """
    table = it.name.partition(".")[0]
    _, columns = _subject(it.definition)
    names = [f"{table}.{column}" for column in columns]
    if any(name in work.unfit or name not in work.there.columns for name in names):
        return True  # the type has stopped it; or the column has no values yet
    parts = [f"t.{work.present(name)}" for name in names]
    filled = " and ".join(f"{part} is not null" for part in parts)
    if it.definition.startswith("FOREIGN KEY"):
        return _parents(work, it, rivals, filled, parts[0])
    if it.definition.startswith(("UNIQUE", "PRIMARY KEY")) and not rivals:
        qualified = work.qualified(work.there.tables[table])
        again = ", ".join(part.removeprefix("t.") for part in parts)
        same = f"select {again} from {qualified} as t where {filled} group by {again} having count(*) > 1"
        if number := work.count(table, f"({', '.join(parts)}) in ({same})"):
            work.stop("rows", it.name, "duplicates", counted(number, "row"), it.definition)
            return False
    return True


def _parents(work: Work, it: Object, rivals: Sequence[Constraint], filled: str, part: str) -> bool:
    """The same for a foreign key, on one column."""
    table = it.name.partition(".")[0]
    target, key = it.definition.partition("REFERENCES ")[2].partition(")")[0].split("(")
    parent = work.there.tables.get(target)
    if any(rival.valid and parent and rival.target_oid == parent.oid for rival in rivals):
        return True
    if f"{target}.{key}" in work.unfit:
        return True
    orphaned = filled
    if parent and f"{target}.{key}" in work.there.columns:
        of = f"select from {work.qualified(parent)} as p where p.{work.quote(key)} = {part}"
        orphaned = f"{filled} and not exists ({of})"
    if number := work.count(table, orphaned):
        found = f"{counted(number, 'row', 'points', 'point')} at rows of {target} that do not exist"
        work.stop("rows", it.name, "orphans", found, it.definition, "Delete them, or set the column to NULL.")
        return False
    return True


def _users(work: Work, table: str, free: list[Constraint]) -> None:
    """Plan to replace the foreign keys of user columns by FBS's, which have ON DELETE rules."""
    for name in sorted(name for name in work.user_columns if name.partition(".")[0] == table):
        if name not in work.there.columns:
            continue
        column = name.partition(".")[2]
        links = [key for key in free if key.kind == "f" and key.columns == (column,)]
        for key in links:
            free.remove(key)
            if work.users and (key.target_oid, key.target_columns) == (work.users.oid, (work.users.key,)):
                _dropped_key(work, key, "it gets an ON DELETE rule", "change")
            else:
                wanted = f"{work.users.name} ({work.users.key})" if work.users else "one user table"
                found = f"{key.target} ({', '.join(key.target_columns)})"
                qualified = work.qualified(work.there.tables[key.table])
                drop = f"alter table {qualified} drop constraint {work.quote(key.name)};"
                mend = drop if work.users else command("adopt", "--user-table", "TABLE")
                work.stop("user key", name, "points at another table", found, wanted, mend)
        if not any(key.valid for key in links):
            _orphans(work, name)


def _orphans(work: Work, name: str) -> None:
    """Stop for rows whose user is gone, where no foreign key prevents them."""
    type_ = work.there.columns[name].type
    if not work.users or values.unless(work.base if type_ == "fbs_user_id" else type_, work.users.type, "") is None:
        return  # no user table is known, or the type has stopped it
    column = work.present(name)
    of = f"select from {work.users.name} as u where u.{work.quote(work.users.key)} = t.{column}"
    if number := work.count(name.partition(".")[0], f"t.{column} is not null and not exists ({of})"):
        work.stop(
            "rows", name, "their user is gone", counted(number, "row"), None, "Delete them, or give them another user."
        )


def _other_key(work: Work, key: Constraint, taken: set[str]) -> None:
    """Plan what becomes of a constraint that does not equal one of FBS's."""
    name = f"{key.table}.{key.name}"
    same = [it for it in work.of("constraint", key.table) if it.definition == key.definition]
    if same:
        _dropped_key(work, key, f"redundant: {same[0].name.partition('.')[2]} does the same")
    elif key.name in taken:
        work.stop("constraint", name, "the name is taken", key.definition)
    elif values.is_positive(key.name, key.definition, key.columns):
        _dropped_key(work, key, f"Django's check for a positive number, FBS accepts any: {key.definition}")
    else:
        work.keep("constraint", name, key.definition)


def _subject(definition: str) -> tuple[str, tuple[str, ...]]:
    """Kind and columns of a constraint, from its definition."""
    kind = {"PRIMARY": "p", "UNIQUE": "u", "FOREIGN": "f"}.get(definition.partition(" ")[0], "c")
    columns = definition.partition("(")[2].partition(")")[0] if kind != "c" else ""
    return kind, tuple(column.strip().strip('"') for column in columns.split(",") if column)
