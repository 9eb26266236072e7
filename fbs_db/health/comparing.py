"""Comparisons of an object with the one that should be there, and with leftovers of interrupted statements."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from fbs_db.access.isolation import ISOLATION_INDEX
from fbs_db.schema.snapshot import Key, Object

#: The check constraint under which a repair validates a column before it sets it not null.
REPAIR_CHECK = "fbs_repair_check"

_INCLUDED = re.compile(r"(?<=\)) INCLUDE \(([^()]*)\)")
# The names that reindex gives to its copies.
_COPY = re.compile(r"(.+?)((?:_cc(?:new|old)\d*)+)")
_LONGEST_NAME = 63


def alike(there: Object, wanted: Object) -> bool:
    """Whether an object is defined as it should be, whoever may execute it: ``fbs_rights`` judges that."""
    if there.definition == wanted.definition:
        return True
    revoke = f"\nrevoke execute on function {there.name} from public;"
    return _in_order(there).removesuffix(revoke) == _in_order(wanted).removesuffix(revoke)


def is_unfinished(it: Object, objects: Mapping[Key, Object], found: Mapping[Key, Object]) -> bool:
    """Whether an interrupted statement left it.

    Such are: an invalid index that is a copy by ``reindex concurrently`` of an index of FBS, or
    was built for one of its keys; the index built for isolation, which becomes a key's; and the check
    constraint of a repair.
    """
    table, _, name = it.name.partition(".")
    if it.kind == "constraint":
        return name == REPAIR_CHECK
    if it.kind == "index" and name == ISOLATION_INDEX:
        return True
    if it.kind != "index" or not it.state:
        return False
    if ("constraint", it.name) in objects:
        return True
    copy = _COPY.fullmatch(name)
    return copy is not None and any(
        same_index(it, wanted) or same_index(it, found.get(wanted.key, wanted))
        for wanted in _indexes_of(table, objects)
        # PostgreSQL shortens the name of the index to make room for the suffix.
        if wanted.name.partition(".")[2][: _LONGEST_NAME - len(copy[2])] == copy[1]
    )


def same_index(it: Object, other: Object) -> bool:
    """Whether two indexes, or an index and a key, have the same columns."""
    return _indexed(it) == _indexed(other)


def _indexes_of(table: str, objects: Mapping[Key, Object]) -> Iterator[Object]:
    return (it for it in objects.values() if it.kind in ("index", "constraint") and it.name.partition(".")[0] == table)


def _indexed(it: Object) -> str:
    if it.kind == "index":
        text = _in_order(it)
        return text.partition(" USING btree ")[2] or text.partition(" USING ")[2]
    return "(" + it.definition.partition("(")[2]


def _in_order(it: Object) -> str:
    """A definition whose parts, where their order has no meaning, are sorted."""
    if it.kind == "index":
        return _INCLUDED.sub(lambda match: f" INCLUDE ({', '.join(sorted(match[1].split(', ')))})", it.definition)
    if it.kind == "function":
        lines = it.definition.split("\n")
        begins = next((at for at, line in enumerate(lines) if re.match(r"as \$fbs\$|RETURN |BEGIN ", line)), 0)
        return "\n".join([*sorted(lines[:begins]), *lines[begins:]])
    if it.kind == "rule":
        return json.dumps(_any_of(json.loads(it.definition)))
    return it.definition


def _any_of(rule: dict[str, object]) -> dict[str, object]:
    """A rule with the values of its conditions sorted, as any one of them suffices."""
    for name in ("only_if", "unless"):
        condition = rule.get(name)
        if isinstance(condition, dict):
            rule[name] = {
                column: sorted(values, key=str) if isinstance(values, list) else values
                for column, values in condition.items()
            }
    return rule
