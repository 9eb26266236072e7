"""What writes cost beside Django's own schema of the same models, and what indexes take.

Real Django makes its schema from the listed models in one database; the other gets the SQL files.
Both are on one server and tied to Django's users. A table is measured in copies of the two, in which
every table has 2,000 rows that others point at. Both copies get the same rows, random but
reproducible; their indexes are built when the table is full. Then the two take turns:

    insert  rows that are at hand in the server
    update  a column that is in no index of either
    status  the status
    delete  rows by their keys

Each is done to 1,000 rows in one statement, which leaves out the client; and ("one") but for delete
to 100 rows one by one, each in a statement and a transaction of its own, with the times of change
that Django's save() sets. Commits do not wait for the disk; what a GIN index puts off is done within
the turn. Before the updates a fifth of the rows is deleted, so that pages have room, as in a table
that is in use.

Prints a line a table: ours to Django's as the median of the turns' ratios; then, ours and Django's,
bytes of WAL that an inserted row takes, the number of indexes, their bytes to the table's, and the
share of the updates of a plain column that were HOT. Then whether the worst table meets each aim.
The aim of bytes is for --rows 1000000.

With --isolated it compares two copies of ours instead, in which the same login of an application
writes, in one of them with isolation on: tables that belong to a solution, all rows of one.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import random_rows
from measuring import ROOT, Bench, Way, connect, in_turns, parser, started, timed, verdict
from random_rows import BASE, OWNERS, TABLES, USERS, VALUES, into, rows, type_of, written

#: Those that grow with use. The others are small catalogues.
LARGE = {
    *("fbs_request_logs", "fbs_cache_entries", "fbs_notifications", "fbs_custom_fields", "fbs_msme_analytics"),
    *("fbs_approval_requests", "fbs_approval_responses", "fbs_workflow_instances", "fbs_workflow_execution_logs"),
    *("fbs_audit_trails", "fbs_user_activity_logs", "fbs_app_cashentry", "fbs_app_incomeexpense"),
    *("fbs_app_basicledger", "fbs_app_taxcalculation", "fbs_dms_document", "fbs_dms_document_tags"),
    *("fbs_dms_document_workflow", "fbs_dms_document_approval", "fbs_dms_file_attachment", "fbs_odoo_fields"),
    "fbs_license_manager_feature_usage",
}
WAYS = ["insert", "insert one", "update", "update one", "status", "status one", "delete"]
LARGE_AIMS = dict(zip(WAYS, (1.5, 1.5, 1.2, 1.2, 1.2, 1.2), strict=False)) | {"WAL": 2, "bytes of indexes": 2}
SMALL_AIMS = LARGE_AIMS | {"insert": 1.7, "insert one": 1.7}
HEADINGS = (
    f"{'':<32} insert    one update    one status    one delete  WAL bytes a row   indexes  bytes/table  HOT updates"
)
MOST_INDEXES = 9
MOST_INDEXES_OF = {"fbs_dms_document": 12}

OURS, DJANGO, ISOLATED = "ours", "django", "isolated"
LOGIN = "fbs_bench_login"
#: Of writes to tables with their own solution column, and through a parent.
AIM_OWN, AIM_PARENT = 1.1, 1.5
SMALL_ROWS = 20_000
BATCH, SINGLES = 1000, 100
#: The first of these that a table has is its status.
STATUS = ["status", "state", "payment_status", "is_read"]
# --- a table in a database


class Side:
    """A table in a database of its own."""

    def __init__(self, url: str, table: str) -> None:
        self.connection = connect(url, "-c synchronous_commit=off")
        self.table, self.columns, self.wal = table, written(table), 0.0
        self.gin: list[str] = []

    def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def fill(self, table: str, first: int, last: int) -> None:
        """Add rows. What they point at is there; nothing looks."""
        self.run("set session_replication_role = replica")
        self.run("select setseed(0.5)")
        self.run(f"{into(table)} select {written(table)} from ({rows(table, first, last)}) as r")
        self.run("reset session_replication_role")

    def build(self, first: int, last: int, end: int) -> None:
        """Fill the table to the last row, with new indexes; have ready what comes after it to the end."""
        for column in TABLES[self.table]["columns"]:
            if column.get("unique") and column.get("references"):
                self.fill(column["references"]["table"], first, end)
        made = self.run(
            "select indexrelid::regclass, pg_get_indexdef(indexrelid) from pg_index"
            " where indrelid = %s::regclass and not indisunique",
            self.table,
        )
        for name, _ in made:
            self.run(f"drop index {name}")
        self.fill(self.table, first, last)
        self.run(f"reindex table {self.table}")
        for _, definition in made:
            self.run(definition)
        self.gin = [name for name, definition in made if " USING gin " in definition]
        self.run(f"vacuum analyze {self.table}")
        self.run("select setseed(0.5)")
        self.run(f"create temporary table coming as {rows(self.table, last + 1, end)}")
        self.run("alter table coming add primary key (n)")
        self.run("analyze coming")

    def act(self) -> None:
        """Go on as the login of an application."""
        self.run(f"grant select on coming to {LOGIN}")
        self.run(f"set session authorization {LOGIN}")
        self.gin = []  # whose pending lists their owner alone cleans up

    def weights(self) -> tuple[int, float]:
        """The number of indexes, and their bytes to the table's."""
        [(number, ratio)] = self.run(
            "select count(*), (pg_indexes_size(indrelid) / pg_table_size(indrelid)::numeric)::float8"
            " from pg_index where indrelid = %s::regclass group by indrelid",
            self.table,
        )
        return number, ratio

    def indexed(self) -> set[str]:
        """The columns that are in indexes: as keys, beside them, in expressions and conditions."""
        query = """
            select distinct a.attname::text from pg_index as i
            inner join pg_attribute as a on i.indrelid = a.attrelid
            left join pg_depend as d
                on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
                and a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where i.indrelid = %s::regclass and (a.attnum = any(i.indkey) or d.objid is not null)"""
        return {name for (name,) in self.run(query, self.table)}

    def hot(self) -> float:
        """The share of the updates so far that were HOT."""
        self.run("select pg_stat_force_next_flush()")
        query = "select n_tup_hot_upd / greatest(n_tup_upd, 1)::float8 from pg_stat_user_tables where relname = %s"
        return float(self.run(query, self.table)[0][0])

    def timed(self, work: Callable[[], object]) -> float:
        """The seconds that work takes, with what GIN indexes put off."""

        def run() -> None:
            work()
            for index in self.gin:
                self.run(f"select gin_clean_pending_list('{index}')")

        return timed(run, self.connection)

    def insert(self, after: int) -> Way:
        query = f"{into(self.table)} select {self.columns} from coming where n > %s and n <= %s"

        def run(turn: int) -> float:
            [(before,)] = self.run("select pg_current_wal_insert_lsn()")
            first = after + turn * BATCH
            taken = self.timed(lambda: self.run(query, first, first + BATCH))
            [(bytes_of_turn,)] = self.run("select pg_current_wal_insert_lsn() - %s::pg_lsn", before)
            self.wal += float(bytes_of_turn) / BATCH
            return taken

        return run

    def insert_one(self, after: int) -> Way:
        texts = ", ".join(f"{name}::text" for name in self.columns.split(", ") if name)
        marks = ", ".join("%s" for name in self.columns.split(", ") if name)
        query = f"{into(self.table)} {f'values ({marks})' if marks else 'default values'} returning id"

        def run(turn: int) -> float:
            first = after + turn * SINGLES
            coming = self.run(f"select {texts} from coming where n > %s and n <= %s", first, first + SINGLES)
            return self.timed(lambda: [self.run(query, *row) for row in coming])

        return run

    def by_keys(self, statement: str, keys: Callable[[int], list[int]]) -> Way:
        query = statement.replace("%", "%%") + " where id = any(%s)"
        return lambda turn: self.timed(lambda: self.run(query, keys(turn)))

    def by_key(self, statement: str, keys: Callable[[int], list[int]]) -> Way:
        query = statement.replace("%", "%%") + " where id = %s"
        return lambda turn: self.timed(lambda: [self.run(query, key) for key in keys(turn)[:SINGLES]])


def status_change(table: str) -> str | None:
    """An update of the status to the next one."""
    columns = {column["name"]: column for column in TABLES[table]["columns"]}
    for name in STATUS:
        if name in columns:
            choices = columns[name].get("choices", ["active", "changed"])
            places = f"('{{{','.join(choices)}}}'::text[])"
            following = f"{places}[1 + coalesce(array_position({places}, {name}::text), 0) % {len(choices)}]"
            return f"update {table} set {name} = {following if name != 'is_read' else 'not is_read'}"
    return None


def plain_change(table: str, taken: set[str]) -> str | None:
    """An update of a column that none of these is."""
    left = [c for c in TABLES[table]["columns"] if c["name"] not in taken and "set_on" not in c]
    left.sort(key=lambda column: list(VALUES).index(type_of(column)[0]))
    return f'update {table} set "{left[0]["name"]}" = {VALUES[type_of(left[0])[0]][1]}' if left else None


def times_set(table: str) -> str:
    """What Django adds to an update by save()."""
    columns = TABLES[table]["columns"]
    return "".join(f", {c['name']} = clock_timestamp()" for c in columns if c.get("set_on") == "insert and update")


# --- all of it


@dataclass(frozen=True)
class Found:
    """Ratios of a table, and what both schemas take, ours first."""

    ratios: dict[str, float]
    wal: list[float]
    indexes: list[int]
    weights: list[float]
    hot: list[float]

    def figures(self) -> dict[str, float]:
        return self.ratios | {"WAL": self.wal[0] / self.wal[1], "bytes of indexes": self.weights[0]}

    def __str__(self) -> str:
        ratios = "".join(f"{self.ratios[way]:7.2f}" if way in self.ratios else f"{'-':>7}" for way in WAYS)
        wal, weights = "{:8.0f} {:6.0f}".format(*self.wal), "{:6.2f} {:5.2f}".format(*self.weights)
        return f"{ratios}  {wal}  {'{:4} {:3}'.format(*self.indexes)}  {weights}  {'{:4.0%} {:4.0%}'.format(*self.hot)}"


def measure(bench: Bench, table: str, size: int, other: str = DJANGO) -> Found:
    sides = {name: Side(bench.new(f"{name}_copy", name), table) for name in (OURS, other)}
    rounds, last = bench.options.of(15, 7), BASE + size
    singles_after = last + (rounds + 1) * BATCH
    for side in sides.values():
        side.build(BASE + 1, last, singles_after + (rounds + 1) * SINGLES)
    weights = [side.weights() for side in sides.values()]
    taken = sides[OURS].indexed() | sides[other].indexed() | set(STATUS)
    shuffled = [key for key in range(BASE + 1, last + 1) if key % 5]
    random.Random(18).shuffle(shuffled)
    compared = (ISOLATED, OURS) if other == ISOLATED else (OURS, other)

    def keys(turn: int) -> list[int]:
        return shuffled[turn * BATCH : (turn + 1) * BATCH]

    def ratio(way: Callable[[Side], Way]) -> float:
        return in_turns({name: way(side) for name, side in sides.items()}, rounds).ratio(*compared)

    if other == ISOLATED:
        for side in sides.values():
            side.act()
    ratios = {
        "insert": ratio(lambda side: side.insert(last)),
        "insert one": ratio(lambda side: side.insert_one(singles_after)),
    }
    for side in sides.values():
        side.run("reset session authorization")
        side.run(f"delete from {table} where id > {BASE} and id % 5 = 0")
        side.run(f"vacuum analyze {table}")
        if other == ISOLATED:
            side.act()
    changes = {"update": plain_change(table, taken), "status": status_change(table)}
    hot = [0.0, 0.0]
    for name, change in changes.items():
        if change:
            ratios[name] = ratio(partial(Side.by_keys, statement=change, keys=keys))
            ratios[f"{name} one"] = ratio(partial(Side.by_key, statement=change + times_set(table), keys=keys))
        if name == "update":
            hot = [side.hot() for side in sides.values()]
    ratios["delete"] = ratio(lambda side: side.by_keys(f"delete from {table}", keys))
    for side in sides.values():
        side.connection.close()
    wal = [side.wal / (rounds + 1) for side in sides.values()]
    return Found(ratios, wal, [number for number, _ in weights], [ratio for _, ratio in weights], hot)


def migrate_django(url: str, host: str) -> None:
    """Let Django make its tables, those of FBS if this host has them managed."""
    command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--settings", "tests.hosts.settings"]
    variables = {"DATABASE_URL": url, "PYTHONPATH": str(ROOT), host: "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | variables)


def make_databases(bench: Bench) -> None:
    """Our schema and Django's, with users, and rows in every table that others can point at."""
    with connect(bench.server.url()) as connection:
        connection.execute("alter system set autovacuum = off")
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    for name in (OURS, DJANGO):
        url = bench.new(name)
        migrate_django(url, "HOST_WITHOUT_FBS")
        if name == OURS:
            bench.install(url, "auth_user")
        else:
            migrate_django(url, "HOST_FBS_MANAGED")
        side = Side(url, "fbs_odoo_databases")
        side.run(USERS)
        for table in TABLES:
            side.fill(table, 1, BASE)
        side.run("vacuum analyze")
        side.connection.close()


def make_isolated(bench: Bench) -> dict[str, bool]:
    """Two databases of ours with rows of one solution, in one of which isolation is on. Returns the tables that belong
    to a solution, and whether by their parents; without those of which one has few rows."""
    random_rows.solutions = 1
    url = bench.new(OURS)
    side = Side(url, "fbs_odoo_databases")
    side.run("alter system set autovacuum = off")
    side.run("alter system set fsync = off")
    side.run("select pg_reload_conf()")
    migrate_django(url, "HOST_WITHOUT_FBS")
    bench.install(url, "auth_user")
    side.run(USERS)
    for table in TABLES:
        side.fill(table, 1, BASE)
    side.run(f"create role {LOGIN} login")
    side.run(f"grant select, insert, update, delete on all tables in schema public to {LOGIN}")
    side.run(f"grant usage on all sequences in schema public to {LOGIN}")
    side.run(f"insert into fbs_roles (role_name, work, solutions) values ('{LOGIN}', 'app', '{{shop 1}}')")
    side.run("vacuum analyze")
    found = side.run("select table_name, parent_id is not null from fbs_solution_tables order by 2, 1")
    side.connection.close()
    with connect(bench.new(ISOLATED, OURS)) as connection:
        connection.execute("select fbs_isolate(true)")
    # A unique set lets a solution have one row, or as many as there are choices. Random steps are of other workflows.
    few = {table for table in TABLES if set(OWNERS) & random_rows.key_values(TABLES[table]).keys()}
    few.add("fbs_dms_document_workflow")
    return {table: by_parent for table, by_parent in found if table not in few}


def judge_isolated(found: dict[str, Found], by_parent: dict[str, bool]) -> None:
    """Whether the worst table of each kind meets the aim, and the median of all."""
    for parent, aim, kind in ((False, AIM_OWN, "own column"), (True, AIM_PARENT, "through a parent")):
        for way in WAYS:
            ratios = {
                name: one.ratios[way] for name, one in found.items() if by_parent[name] is parent and way in one.ratios
            }
            if ratios:
                worst = max(ratios, key=lambda name: ratios[name])
                verdict(f"{way}, {kind}: the median of {len(ratios)} tables", median(ratios.values()), aim)
                verdict(f"{way}, {kind}: {worst}", ratios[worst], aim)


def judge(found: dict[str, Found]) -> None:
    """Whether the worst table meets each aim."""
    for kind, aims in (("large", LARGE_AIMS), ("small", SMALL_AIMS)):
        figures = {name: one.figures() for name, one in found.items() if (name in LARGE) == (kind == "large")}
        for what, aim in aims.items():
            of_tables = {name: one[what] for name, one in figures.items() if what in one}
            if of_tables:
                worst = max(of_tables, key=lambda name: of_tables[name])
                verdict(f"{what}, {kind}: {worst}", of_tables[worst], aim)
    spare = {name: one.indexes[0] - MOST_INDEXES_OF.get(name, MOST_INDEXES) for name, one in found.items()}
    worst = max(spare, key=lambda name: spare[name])
    verdict(f"indexes: {worst}", found[worst].indexes[0], MOST_INDEXES_OF.get(worst, MOST_INDEXES))


def main() -> None:
    options = parser(__doc__, TABLES)
    options.add_argument(
        "--rows", type=int, help="rows of a large table, at least 20,000 (default: 50,000; with --quick 20,000)"
    )
    options.add_argument(
        "--isolated", action="store_true", help="what isolation costs, instead of beside Django's schema"
    )
    arguments = options.parse_args()
    if arguments.rows is not None and arguments.rows < SMALL_ROWS:
        options.error(f"--rows: at least {SMALL_ROWS}")
    found: dict[str, Found] = {}
    with started(arguments) as bench:
        size = arguments.rows or bench.options.of(50_000, 20_000)
        by_parent = make_isolated(bench) if arguments.isolated else {}
        if not arguments.isolated:
            make_databases(bench)
        shown = "isolated to not" if arguments.isolated else "ours to Django's"
        print(f"{size:,} rows in large tables, {SMALL_ROWS:,} in small ones; {shown}\n")
        print(HEADINGS)
        tables = [table for table in arguments.only or TABLES if not arguments.isolated or table in by_parent]
        for table in tables:
            began = time.monotonic()
            other = ISOLATED if arguments.isolated else DJANGO
            found[table] = measure(bench, table, size if table in LARGE else SMALL_ROWS, other)
            print(f"{table.removeprefix('fbs_'):<32}{found[table]}", flush=True)
            print(f"{table}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print()
    if arguments.isolated:
        judge_isolated(found, by_parent)
    else:
        judge(found)


if __name__ == "__main__":
    main()
