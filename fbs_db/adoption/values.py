"""Types and index keys, compared as texts."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

_INTEGERS = ("smallint", "integer", "bigint")
_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_VARCHAR = re.compile(r"character varying(?:\((\d+)\))?")
#: The end of index names that Django chooses: eight digits of a hash, or six and a suffix.
_OF_DJANGO = re.compile(r"_[0-9a-f]{8}(_like|_idx|_uniq)?$|_[0-9a-f]{6}_idx$")


def widest(types: Set[str]) -> str:
    """The type that takes the values of all these types; ``bigint`` for no type, empty text where none does."""
    if len(types) < 2:
        return next(iter(types), "bigint")
    if types <= set(_INTEGERS):
        return max(types, key=_INTEGERS.index)
    return "text" if all(_is_text(one) for one in types) else ""


def unless(found: str, wanted: str, column: str) -> str | None:
    """The condition under which a value of one type does not fit another.

    Parameters:
        found, wanted: types as PostgreSQL prints them.
        column: the column's name, quoted for SQL.

    Returns:
        The condition as SQL; empty text where every value fits, None where no value can be converted.
    """
    if found == wanted:
        return ""
    if _is_text(found) and _is_text(wanted):
        length, before = _length(wanted), _length(found)
        return "" if not length or (before and before <= length) else f"length({column}) > {length}"
    if found in _INTEGERS and wanted in _INTEGERS:
        limit = 2 ** _BITS[wanted]
        return "" if _BITS[found] < _BITS[wanted] else f"{column} not between {-limit} and {limit - 1}"
    after, before_it = _NUMERIC.fullmatch(wanted), _NUMERIC.fullmatch(found)
    if after and (before_it or found == "numeric" or found in _INTEGERS):
        precision, scale = int(after[1]), int(after[2])
        if before_it and int(before_it[2]) <= scale and int(before_it[1]) - int(before_it[2]) <= precision - scale:
            return ""
        # A cast would round, and silently lose digits.
        return f"{column} <> round({column}, {scale}) or abs({column}) >= 1e{precision - scale}"
    return None


def is_positive(name: str, definition: str, columns: Sequence[str]) -> bool:
    """Whether a check is the one that Django creates for a positive number."""
    column = re.escape(columns[0]) if len(columns) == 1 else ""
    wanted = rf'CHECK \(\("?{column}"? >= 0\)\)'
    return bool(column) and name.endswith("_check") and re.fullmatch(wanted, definition) is not None


def is_of_django(index: str) -> bool:
    """Whether an index has a name that Django chose."""
    return _OF_DJANGO.search(index) is not None


def index_keys(substance: str) -> tuple[str, ...]:
    """The keys of a B-tree index, in order; none where it has a condition, included columns or options."""
    inside = re.fullmatch(r"USING btree \((.*)\)", substance)
    if inside is None or re.search(r"\) (WHERE|INCLUDE|NULLS|WITH)\b", substance):
        return ()
    keys, depth = [""], 0
    for character in inside[1]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            keys.append("")
        else:
            keys[-1] += character
    return tuple(key.strip() for key in keys)


def _is_text(name: str) -> bool:
    return name == "text" or _VARCHAR.fullmatch(name) is not None


def _length(name: str) -> int:
    """The length limit of a text type; 0 where it has none."""
    match = _VARCHAR.fullmatch(name)
    return int(match[1] or 0) if match else 0
