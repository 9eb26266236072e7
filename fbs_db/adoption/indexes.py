"""Adopting indexes: FBS's under other names, redundant ones, and the host's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fbs_db.adoption import values
from fbs_db.adoption.found import Index
from fbs_db.adoption.work import FREED, INDEXES, KEYS_RENAMED, Work, claim
from fbs_db.schema.snapshot import Object


def indexes(work: Work, table: str) -> None:
    """Plan a table's indexes: rename those that equal FBS's, and add what is missing."""
    free = [index for index in work.there.indexes if index.table == table and index not in work.used]
    wanted = work.of("index", table)
    for it in wanted:
        name = it.name.partition(".")[2]
        unique, substance = _index(it)
        same = [i for i in free if i.valid and (i.unique, i.substance) == (unique, substance)]
        there = claim(same, name)
        if there is None:
            work.make(INDEXES, it)
            continue
        free.remove(there)
        work.match(table)
        if there.name != name:
            statement = f"alter index {work.quote(there.name)} rename to {name};"
            work.change(KEYS_RENAMED, "rename", "index", it.name, statement, reason=f"it was {there.name}")
    for index in free:
        _other_index(work, index, wanted)


def _other_index(work: Work, index: Index, wanted: Sequence[Object]) -> None:
    """Plan what becomes of an index that does not equal one of FBS's."""
    name = f"{index.table}.{index.name}"
    redundant = _redundant(work, index)
    if not index.unique and any(it.name == name for it in wanted):
        redundant = "an index of FBS has its name"
    if redundant:
        statement = f"drop index {work.quote(index.name)};"
        work.change(FREED, "drop", "index", name, statement, reason=redundant)
    elif any(it.name == name for it in wanted):
        work.stop("index", name, "the name is taken", index.substance)
    elif not index.valid:
        work.stop("index", name, "invalid", index.substance, None, f"reindex index {work.quote(index.name)};")
    else:
        work.keep("index", name, index.substance)


def _redundant(work: Work, index: Index) -> str:
    """Why an index is redundant; empty text where it is not."""
    keys = values.index_keys(index.substance)
    if index.unique or not keys:
        return ""
    if values.is_of_django(index.name) and len(keys) == 1 and keys[0].endswith("_pattern_ops"):
        return "Django's index for LIKE, which FBS does not use"
    for it in [*work.of("index", index.table), *work.of("constraint", index.table)]:
        if it.kind == "constraint" and it.definition.startswith(("FOREIGN KEY", "CHECK")):
            continue
        text = f"USING btree {it.definition[it.definition.index('(') :]}"
        substance = _index(it)[1] if it.kind == "index" else text
        if values.index_keys(substance) == keys or (values.is_of_django(index.name) and _serves(substance, keys)):
            return f"redundant: {it.name.partition('.')[2]} does the same"
    return ""


#: What an index of FBS may have beside its keys, and finds the same rows by equality with its first key.
_BESIDE_KEYS = re.compile(r"^(USING btree \((\w+).*\)) (INCLUDE \([^)]*\)|WHERE \(\2 IS NOT NULL\))$")


def _serves(substance: str, keys: Sequence[str]) -> bool:
    """Whether an index begins with one of the keys of Django's index and has the others."""
    ours = values.index_keys(_BESIDE_KEYS.sub(r"\1", substance))
    columns, wanted = ([key.removesuffix(" DESC") for key in of] for of in (ours, keys))
    return bool(columns) and columns[0] in wanted and set(wanted) <= set(columns)


def _index(it: Object) -> tuple[bool, str]:
    """Whether an index is unique, and what follows its table."""
    return it.definition.startswith("CREATE UNIQUE"), it.definition[it.definition.index(" USING ") + 1 :]
