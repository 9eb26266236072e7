"""Each index has a reason that its comment gives, and no table has more of them than a host should pay for."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from fbs_db.reads.query import Read, select
from tests.support.connections import rows
from tests.support.every_read import read_of, reads
from tests.support.sample_rows import BY_NAME, seed

#: With the primary key. The list asks for ten on documents.
AT_MOST = defaultdict(lambda: 9, fbs_dms_document=12)


#: What a plan uses only where there are many rows: bench_reads shows it.
OF_MANY_ROWS = {"fbs_workflow_steps_assigned_role_idx"}


@dataclass(frozen=True)
class Index:
    """An index; ``keys`` are columns or expressions, a minus before the descending ones."""

    table: str
    name: str
    unique: bool
    keys: list[str]
    of_rows: str | None
    reason: str | None

    @property
    def columns(self) -> list[str]:
        return [key.removeprefix("-") for key in self.keys]


def indexes(connection: psycopg.Connection) -> list[Index]:
    query = """
    select
        i.indrelid::regclass::text, c.relname::text, i.indisunique,
        array(
            select case when i.indoption[n - 1] & 1 = 1 then '-' else '' end
                || trim('"' from pg_get_indexdef(i.indexrelid, n, true))
            from generate_series(1, i.indnkeyatts) as n
        ),
        pg_get_expr(i.indpred, i.indrelid), obj_description(c.oid, 'pg_class')
    from pg_index as i
    inner join pg_class as c on i.indexrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relname ~ '^fbs_'
    order by c.relname
    """
    return [Index(*row) for row in rows(connection, query)]


def test_no_table_has_more_than_it_should_pay_for(installed_everywhere: psycopg.Connection) -> None:
    found = Counter(index.table for index in indexes(installed_everywhere))
    assert {table: count for table, count in found.items() if count > AT_MOST[table]} == {}


def test_each_index_says_why(installed: psycopg.Connection) -> None:
    helping = [index for index in indexes(installed) if not index.unique]
    assert [index.name for index in helping if not index.reason or len(index.reason) > 200] == []


def test_what_an_index_says_it_serves_is_there_and_can_use_it(installed: psycopg.Connection) -> None:
    """A declared read, a foreign key that it begins with, a clean-up rule, a listed index, or a function."""
    declared = {f"{group}.{name}" for group, name in reads()}
    rules = {name for (name,) in rows(installed, "select rule_name from fbs_cleanup_rules")}
    functions = {name for (name,) in rows(installed, "select proname from pg_proc where proname ~ '^fbs_'")}
    for index in indexes(installed):
        said = index.reason or ""
        named = [
            *((name, name in declared) for name in re.findall(r"\b[a-z_]+\.[a-z_]+\b", said)),
            *((name, name == index.columns[0]) for name in re.findall(r"foreign key (\w+)", said)),
            *((name, name in rules) for name in re.findall(r"clean-up rule (\w+)", said)),
            *((name, name in functions) for name in re.findall(r"\b(fbs_\w+)\(\)", said)),
            *(
                ("listed", any(serves(index, columns) for columns in listed(index.table)))
                for _ in re.findall(r"\blisted\b", said)
            ),
        ]
        wrong = [name for name, holds in named if not holds]
        assert index.unique or (named and not wrong), (index.name, said, wrong)


def test_each_index_is_in_the_plan_of_a_read_or_has_another_reason(installed: psycopg.Connection) -> None:
    """As far as views are read: what functions do is not planned from outside."""
    seed(installed)
    for method in ("seqscan", "bitmapscan", "sort", "incremental_sort", "hashjoin"):
        installed.execute(f"set enable_{method} = off".encode())
    declared = {f"{group}.{name}": read_of(group, name) for group, name in reads() if not name.endswith(".stream")}
    functions = {name for name, read in declared.items() if read.arguments is not None}
    planned = OF_MANY_ROWS | {
        index for name in declared.keys() - functions for index in in_plans(installed, declared[name])
    }
    for index in indexes(installed):
        other = re.search(r"foreign key|listed|clean-up rule|\(\)", index.reason or "")
        by_function = functions & set(re.findall(r"\b[a-z_]+\.[a-z_]+\b", index.reason or ""))
        assert index.unique or index.name in planned or other or by_function, index.name


def in_plans(connection: psycopg.Connection, read: Read) -> Iterator[str]:
    """The indexes in the plans of a view, read whole and by each of its filters."""
    for columns in [*([()] if read.whole else []), *((one,) for one in read.filters), *read.together]:
        names = sql.SQL(", ").join(map(sql.Identifier, columns)) or sql.SQL("true")
        source = sql.Identifier(read.source)
        row = connection.execute(sql.SQL("select {} from {} limit 1").format(names, source)).fetchone() or ()
        if len(row) < len(columns) or None in row:
            continue
        wanted = dict(zip(columns, row, strict=False))
        query = select(read, "public", wanted, limit=50)
        explained = connection.execute(f"explain (format json) {query.text}".encode(), query.parameters).fetchone()
        assert explained
        yield from re.findall(r'"Index Name": "(\w+)"', json.dumps(explained[0]))


def listed(table: str) -> list[set[str]]:
    """The columns of each listed index of a table."""
    return [{column.removeprefix("-") for column in one} for one in BY_NAME.get(table, {}).get("indexes", ())]


def serves(index: Index, columns: set[str]) -> bool:
    """Whether it has all rows, begins with one of the columns, and has the others as keys."""
    return index.of_rows is None and index.columns[0] in columns and columns <= set(index.columns)


def test_every_listed_index_is_served(installed_everywhere: psycopg.Connection) -> None:
    found = indexes(installed_everywhere)
    for table in BY_NAME:
        for columns in listed(table):
            assert any(serves(one, columns) for one in found if one.table == table), (table, columns)


def test_every_foreign_key_is_served(installed_everywhere: psycopg.Connection) -> None:
    found = indexes(installed_everywhere)
    for table in BY_NAME.values():
        for name in [one["name"] for one in table["columns"] if one.get("index") or "references" in one]:
            served = (None, f"({name} IS NOT NULL)")
            of_it = [one for one in found if one.table == table["table"] and one.columns[0] == name]
            assert any(one.of_rows in served for one in of_it), (table["table"], name)


def test_no_index_repeats_another(installed_everywhere: psycopg.Connection) -> None:
    found = indexes(installed_everywhere)
    for one in found:
        if not one.unique:  # a unique one refuses rows, and is no mere help in reading
            beside = [other for other in found if other.table == one.table and other.name != one.name]
            repeated = [o for o in beside if o.keys[: len(one.keys)] == one.keys and o.of_rows == one.of_rows]
            assert repeated == [], one
