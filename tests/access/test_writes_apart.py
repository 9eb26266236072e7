"""Nobody writes rows of a solution that is not theirs, or learns of them from how a write is refused.

Every table that has solutions is written in every way that there is, each in a transaction that is undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.attacks import assert_none, on_each_version
from tests.support.every_answer import told
from tests.support.isolated import (
    ACME,
    APP,
    BETA,
    LOGINS,
    MARK,
    NAMES,
    OWNER,
    ROWS,
    SUPERUSER,
    USERS,
    Column,
    Isolated,
    Login,
    columns,
    insert,
    isolated,
    name_of,
)

#: Who writes rows of ACME and is no owner.
WRITERS = {name: LOGINS[name] for name in ("app_acme-set", "app_shared-set")}
#: Who writes nothing.
OTHERS = {name: LOGINS[name] for name in ("app_shared", "app_unlisted-set", "reader_acme-set")}
#: Unique sets that span solutions: keys from a sequence, and names that are random.
SPANNING = {"fbs_handshakes_handshake_id_key"}
#: The key of no row.
NO_KEY = 10**9

REFUSED = "42501"


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Isolated:
    return isolated(request.getfixturevalue(request.param))


@dataclass(frozen=True)
class Written:
    """What came of a statement: the rows it wrote, or the SQLSTATE and all that the error says."""

    count: int
    state: str = ""
    said: str = ""


@dataclass(frozen=True)
class Table:
    """A table, as a login writes it."""

    world: Isolated
    connection: psycopg.Connection
    name: str
    columns: list[Column]

    def values(self, solution: str) -> dict[str, Any]:
        """The values of the first row of a solution; a row that comes after it cannot be pointed at."""
        facts = self.world.of(solution)
        later = {column.name: None for column in self.columns if column.nullable and column.target in facts.ids}
        return {**facts.values[self.name], **later}

    def key(self, solution: str) -> int:
        return self.world.of(solution).ids[self.name]

    def write(self, statement: str, **values: Any) -> Written:
        """Execute a statement on the table, named ``{t}`` in it, and undo it."""
        query = sql.SQL(statement).format(t=sql.Identifier(self.name))
        try:
            with self.connection.transaction(force_rollback=True):
                return Written(self.connection.execute(query, values).rowcount)
        except psycopg.Error as error:
            return Written(0, str(error.sqlstate), told(error))

    def insert(self, values: dict[str, Any], more: str = "", *, anew: bool = False) -> Written:
        """Insert a row, anew if the own first row is deleted before, and undo it."""
        try:
            with self.connection.transaction(force_rollback=True):
                if anew:
                    delete = sql.SQL("delete from {} where id = %s").format(sql.Identifier(self.name))
                    self.connection.execute(delete, [self.key(ACME)])
                return Written(int(insert(self.connection, self.name, values, more) > 0))
        except psycopg.Error as error:
            return Written(0, str(error.sqlstate), told(error))

    def ways_over(self) -> Iterator[tuple[str, Any, Any]]:
        """Columns by which a row comes to the other solution, with the other's value and one that nobody has."""
        for column in self.columns:
            if column.name in NAMES and (self.name, column.name) in self.of_solution:
                for number in range(ROWS):
                    yield column.name, name_of(BETA, column.name, number), "nobody"
            elif column.target in self.world.of(BETA).ids:
                yield column.name, self.world.of(BETA).ids[column.target], NO_KEY

    @property
    def of_solution(self) -> set[tuple[str, str]]:
        with self.world.connect(SUPERUSER) as connection:
            rows = connection.execute("select table_name, solution_column from fbs_solution_tables").fetchall()
        return {(table, column) for table, column in rows}


def tables(world: Isolated, connection: psycopg.Connection) -> list[Table]:
    with world.connect(SUPERUSER) as owner:
        every = columns(owner)
    return [
        Table(world, connection, name, [column for column in every if column.table == name])
        for name in world.of(ACME).ids
    ]


def is_told(written: Written) -> bool:
    """Whether an error tells of a row: by what is in it, or by PostgreSQL's words for it."""
    return any(word in written.said for word in (MARK.format(BETA), "Key (", "row contains", str(USERS[BETA]) + "."))


@pytest.mark.parametrize(("world", "login"), on_each_version(WRITERS, lambda _: True), indirect=["world"])
def test_no_row_is_put_into_the_other_solution(world: Isolated, login: Login) -> None:
    """Neither by its solution nor by a row that it points at; and a row of the other is refused as one of nobody."""
    problems = {}
    with world.connect(login) as connection:
        for table in tables(world, connection):
            own, key = table.values(ACME), table.key(ACME)
            if (written := table.insert(own, anew=True)).count != 1:
                problems[f"{table.name}, own"] = str(written)
            if (written := table.write("update {t} set id = id where id = %(key)s", key=key)).count != 1:
                problems[f"{table.name}, own update"] = str(written)
            ways = list(table.ways_over())
            assert ways, table.name
            for column, others, nobodys in ways:
                change = f'update {{t}} set "{column}" = %(value)s where id = %(key)s'
                upsert = f'on conflict (id) do update set "{column}" = excluded."{column}"'
                for what, tried, of_nobody in (
                    ("insert", table.insert({**own, column: others}), table.insert({**own, column: nobodys})),
                    ("update", table.write(change, value=others, key=key), table.write(change, value=nobodys, key=key)),
                    (
                        "upsert",
                        table.insert({**own, "id": key, column: others}, upsert),
                        table.insert({**own, "id": key, column: nobodys}, upsert),
                    ),
                ):
                    if tried.state != REFUSED or tried != of_nobody or is_told(tried):
                        problems[f"{table.name}.{column}, {what}"] = f"{tried}, and {of_nobody}"
    assert_none(problems)


@pytest.mark.parametrize(("world", "login"), on_each_version(WRITERS, lambda _: True), indirect=["world"])
def test_no_row_of_the_other_solution_is_changed(world: Isolated, login: Login) -> None:
    """A statement passes over them, whether it names them or all rows; an upsert onto one is refused."""
    problems = {}
    with world.connect(login) as connection:
        for table in tables(world, connection):
            theirs = {"key": table.key(BETA)}
            column = table.columns[-1].name
            upserted = {**table.values(ACME), "id": theirs["key"]}
            for what, written, expected in (
                ("update", table.write("update {t} set id = id where id = %(key)s", **theirs), 0),
                ("delete", table.write("delete from {t} where id = %(key)s", **theirs), 0),
                ("lock", table.write("select from {t} where id = %(key)s for update", **theirs), 0),
                ("update of all", table.write("update {t} set id = id"), ROWS),
                ("delete of all", table.write("delete from {t}"), ROWS),
                ("do nothing", table.insert(upserted, "on conflict do nothing", anew=True), 0),
                (
                    "merge",
                    table.write(
                        "merge into {t} using (select %(key)s::bigint as key) as s on {t}.id = s.key"
                        " when matched then delete when not matched then do nothing",
                        **theirs,
                    ),
                    0,
                ),
                (
                    "merge of all",
                    table.write("merge into {t} using (select 1) as s on true when matched then update set id = id"),
                    ROWS,
                ),
            ):
                if written.state or written.count != expected:
                    problems[f"{table.name}, {what}"] = str(written)
            more = f'on conflict (id) do update set "{column}" = excluded."{column}"'
            written = table.insert(upserted, more, anew=True)
            if written.state != REFUSED or is_told(written):
                problems[f"{table.name}, upsert"] = str(written)
    assert_none(problems)


@pytest.mark.parametrize(("world", "login"), on_each_version(WRITERS, lambda _: True), indirect=["world"])
def test_a_unique_set_tells_nothing_of_the_other_solution(world: Isolated, login: Login) -> None:
    """What the other has is free; where a set spans solutions, an error says no more than that it is taken."""
    problems = {}
    sets = (
        "select i.indexrelid::regclass::text, array(select a.attname::text from pg_attribute as a"
        " where a.attrelid = i.indrelid and a.attnum = any(i.indkey::smallint[])), i.indisprimary"
        " from pg_index as i where i.indrelid = %s::regclass and i.indisunique"
    )
    with world.connect(login) as connection, world.connect(SUPERUSER) as owner:
        for table in tables(world, connection):
            ways = {column for column, _, _ in table.ways_over()}
            for index, names, is_key in owner.execute(sets, [table.name]).fetchall():
                theirs = {**table.values(BETA), "id": table.key(BETA)}
                taken = {name: theirs[name] for name in names if name not in ways}
                written = table.insert({**table.values(ACME), **taken}, anew=True)
                if is_key or index in SPANNING:
                    if written.state != "23505" or is_told(written):
                        problems[index] = str(written)
                elif written.count != 1:
                    problems[index] = str(written)
    assert_none(problems)


@pytest.mark.parametrize(("world", "login"), on_each_version(OTHERS, lambda _: True), indirect=["world"])
def test_who_has_no_solution_writes_nothing(world: Isolated, login: Login) -> None:
    problems = {}
    with world.connect(login) as connection:
        for table in tables(world, connection):
            for solution in (ACME, BETA):
                written = table.insert(table.values(solution))
                if written.state != REFUSED or is_told(written):
                    problems[f"{table.name}, insert"] = str(written)
            for what in ("update {t} set id = id", "delete from {t}"):
                written = table.write(what)
                if written.count or written.state not in ("", REFUSED):
                    problems[f"{table.name}, {what}"] = str(written)
    assert_none(problems)


@pytest.mark.parametrize(("world", "login"), on_each_version({"app": APP}, lambda _: True), indirect=["world"])
def test_nothing_of_the_other_solution_goes_with_what_is_deleted(world: Isolated, login: Login) -> None:
    """Also not with rows that all solutions share, by foreign keys that delete or set to NULL."""
    rows = "select array_agg(t::text order by t.id) from {} as t where t.id = any(%s)"
    theirs = [world.of(BETA, number).ids for number in range(ROWS)]
    problems = {}
    with world.copy() as name, world.connect(SUPERUSER, name) as owner, world.connect(login, name) as connection:
        kept = {table: sql.SQL(rows).format(sql.Identifier(table)) for table in theirs[0]}

        def looked() -> dict[str, Any]:
            return {
                table: owner.execute(query, [[ids[table] for ids in theirs]]).fetchone()
                for table, query in kept.items()
            }

        before = looked()
        every = owner.execute(
            "select c.relname from pg_class as c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
            " and has_table_privilege(%s, c.oid, 'delete') order by c.relname",
            [login.name],
        ).fetchall()
        for (table,) in every:
            try:
                connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
            except psycopg.Error as error:
                if is_told(Written(0, str(error.sqlstate), told(error))):
                    problems[table] = told(error)
            after = looked()
            changed = {one for one in after if after[one] != before[one]}
            if changed:
                problems[table] = f"changes {changed}"
                before = after
    assert_none(problems)


@pytest.mark.parametrize(("world", "login"), on_each_version({"app": APP}, lambda _: True), indirect=["world"])
def test_a_shared_row_is_deleted_unless_another_solution_uses_it(world: Isolated, login: Login) -> None:
    """Used through another row that goes with it, too. FBS's owner deletes all the same, and everybody without
    isolation."""
    category = "insert into fbs_dms_document_category (name, description, parent_id) values (%s, '', %s) returning id"
    keys: list[int] = []
    with world.copy() as name, world.connect(OWNER, name) as owner, world.connect(login, name) as connection:
        for what in ("above", "used", "own", "unused"):
            row = connection.execute(category, [what, keys[0] if what == "used" else None]).fetchone()
            keys.append(row[0] if row else 0)
        above, used, own, unused = keys
        for solution, key in ((BETA, used), (ACME, own)):
            document = world.of(solution).ids["fbs_dms_document"]
            owner.execute("update fbs_dms_document set category_id = %s where id = %s", [key, document])
        delete = "delete from fbs_dms_document_category where id = %s"
        for key in (above, used):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(delete, [key])
            assert refused.value.sqlstate == "FB080"
            assert not is_told(Written(0, "FB080", told(refused.value)))
        assert [connection.execute(delete, [key]).rowcount for key in (own, unused)] == [1, 1]
        with connection.transaction(force_rollback=True), owner.transaction(force_rollback=True):
            assert owner.execute(delete, [above]).rowcount == 1
        owner.execute("delete from fbs_custom_fields where solution_name ~ 'beta'; select fbs_isolate(false)")
        assert connection.execute(delete, [above]).rowcount == 1
