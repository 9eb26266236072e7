"""Databases in which two solutions are kept apart: the same rows with both of them, with one, and with none.

Whoever sees one solution has to be answered as if there were no other: in the database with both as in that with one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

import fbs_db
from tests.support.sample_rows import BY_NAME, add
from tests.support.servers import Server

OWNER, SUPERUSER = "fbs_apart_owner", "postgres"
ACME, BETA = SOLUTIONS = ("acme", "beta")
BOTH, NONE = frozenset(SOLUTIONS), frozenset[str]()
#: What a solution has in each of its rows but cannot be asked for, and what its secrets have.
MARK, SECRET = "of-{}", "hidden-of-{}"
#: How often each table has rows of a solution; the first rows are such as the reads look for.
ROWS = 2


@dataclass(frozen=True)
class Login:
    """A login.

    Attributes:
        work: what it was granted.
        solutions: those it is listed for; None where it is not listed.
        chosen: what it sets fbs.solution to.
        sees: the solutions whose rows it has to see.
    """

    name: str
    work: str
    solutions: tuple[str, ...] | None = ()
    is_shared: bool = False
    chosen: str = ""
    sees: frozenset[str] = NONE


def _logins() -> Iterator[Login]:
    for work in ("app", "reader"):
        name = f"fbs_apart_{work}"
        for one in SOLUTIONS:
            other = BETA if one == ACME else ACME
            yield Login(f"{name}_{one}", work, (one,), chosen=other, sees=frozenset({one}))
        yield Login(f"{name}_both", work, SOLUTIONS, sees=BOTH)
        yield Login(f"{name}_unlisted", work, None, chosen=ACME)
        yield Login(f"{name}_shared", work, is_shared=True)
        yield Login(f"{name}_shared", work, is_shared=True, chosen=ACME, sees=frozenset({ACME}))


LOGINS = {f"{one.name.removeprefix('fbs_apart_')}{'-set' * bool(one.chosen)}": one for one in _logins()}
APP, OTHER_APP, READER = LOGINS["app_acme-set"], LOGINS["app_beta-set"], LOGINS["reader_acme-set"]

#: Columns that say the solution: what else is its name in them. The last two are of fbs_solution_map.
NAMES = {"solution_name": "fbs_{}_db", "business_id": "{}-shop", "company_id": "{}-house"}
#: A solution's user.
USERS = {ACME: 11, BETA: 22}

#: Values, by number of the row, such as reads look for; of others, the first rows have what is usual.
NATURAL: dict[tuple[str, str], tuple[Any, ...]] = {
    ("fbs_app_incomeexpense", "transaction_type"): ("income", "expense"),
    ("fbs_app_incomeexpense", "due_date"): (30, 30),
    ("fbs_dms_document", "expiry_date"): (30, -30),
    ("fbs_handshakes", "status"): ("active",),
    ("fbs_license_manager_solution_license", "features"): ('["of-{}"]',),
    ("fbs_license_manager_solution_license", "limits"): ('{{"of-{}": 11}}',),
    ("fbs_msme_compliance", "status"): ("pending",),
    ("fbs_notifications", "notification_type"): ("alert",),
    ("fbs_custom_fields", "field_type"): ("text",),
    ("fbs_workflow_instances", "status"): ("active",),
}
#: What both solutions have the same, as unique sets span them, or as functions are asked for it.
ALIKE = {
    ("fbs_custom_fields", "model_name"): "res.partner",
    ("fbs_custom_fields", "field_name"): "colour",
    ("fbs_custom_fields", "database_name"): "odoo",
    ("fbs_custom_fields", "record_id"): 1,
}
#: The record that documents, requests and workflows of both are about.
RECORD = {"model_name": ALIKE["fbs_custom_fields", "model_name"], "record_id": "1"}
_FUTURE = ("due_date", "end_date", "expiry_date", "expires_at", "next_run", "tax_period_end")


@dataclass(frozen=True)
class Facts:
    """What was made for a solution, by number of the row: keys by table, and values by table and column."""

    solution: str
    number: int
    ids: dict[str, int]
    values: dict[str, dict[str, Any]]

    def named(self, column: str) -> str:
        """The solution as it is named in a column that says it."""
        return name_of(self.solution, column, self.number)


def name_of(solution: str, column: str, number: int) -> str:
    return NAMES[column].format(solution) if number else solution


@dataclass
class Isolated:
    """A server, its databases by the solutions whose rows they have, and what was made."""

    server: Server
    databases: dict[frozenset[str], str]
    facts: dict[tuple[str, int], Facts]

    def connect(self, user: str | Login, has: frozenset[str] | str = BOTH, *, options: str = "") -> psycopg.Connection:
        """A connection in autocommit; as a login, with fbs.solution set as it does."""
        name = self.databases[has] if isinstance(has, frozenset) else has
        if isinstance(user, Login):
            options += f" -c fbs.solution={user.chosen}" if user.chosen else ""
            user = user.name
        return psycopg.connect(self.server.url(name, user), autocommit=True, options=options)

    def of(self, solution: str, number: int = 0) -> Facts:
        return self.facts[solution, number]

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The name of a copy of the database with both."""
        name = self.server.create(template=self.databases[BOTH])
        try:
            yield name
        finally:
            self.server.drop(name)


#: By server.
_made: dict[str, Isolated] = {}


def isolated(server: Server) -> Isolated:
    """What there is on a server, made once."""
    if server.host not in _made:
        _made[server.host] = _make(server)
    return _made[server.host]


def _make(server: Server) -> Isolated:
    whole = server.create()
    with psycopg.connect(server.url(whole), autocommit=True) as connection:
        connection.execute(_roles())
        fbs_db.migrate(server.url(whole, OWNER))
        for login in {one.name: one for one in LOGINS.values()}.values():
            grant(connection, login)
    with psycopg.connect(server.url(whole, OWNER), autocommit=True) as connection:
        connection.execute("select fbs_isolate(true)")
        for one in SOLUTIONS:
            for column in ("business_id", "company_id"):
                query = "insert into fbs_solution_map (column_name, identifier, solution) values (%s, %s, %s)"
                connection.execute(query, [column, name_of(one, column, 1), one])
        facts = fill(connection)
        connection.execute("select fbs_add_later_names()")
    databases = {BOTH: whole}
    for has in (frozenset({ACME}), frozenset({BETA}), NONE):
        databases[has] = server.create(template=whole)
        with psycopg.connect(server.url(databases[has])) as connection:
            for solution in BOTH - has:
                remove(connection, facts, solution)
    return Isolated(server, databases, facts)


def _roles() -> sql.Composed:
    """Statements that make the roles of which there is none yet."""
    names = sorted({OWNER, *(one.name for one in LOGINS.values())})
    return sql.SQL(
        "do $$ declare name text; begin foreach name in array {}::text[] loop"
        " if not exists (select from pg_roles where rolname = name) then"
        " execute format('create role %I login', name); end if; end loop; end $$;"
        f"grant usage, create on schema public to {OWNER}"
    ).format(sql.Literal("{" + ",".join(names) + "}"))


def grant(connection: psycopg.Connection, login: Login) -> None:
    """Give a login the rights of its work, and list it."""
    query = "select fbs_grant_role(%s, %s, %s, %s)"
    connection.execute(query, [login.name, login.work, list(login.solutions or ()), login.is_shared])
    if login.solutions is None:
        connection.execute("delete from fbs_roles where role_name = %s", [login.name])


# Rows


@dataclass(frozen=True)
class Column:
    """A column: its table, type without length, length, whether it takes NULL, and the table it points at."""

    table: str
    name: str
    type: str
    length: int | None
    nullable: bool
    target: str | None
    is_user: bool
    is_secret: bool
    choices: list[str] | None


_COLUMNS = """
select
    t.table_name as table, a.attname as name, format_type(coalesce(nullif(y.typbasetype, 0), a.atttypid), null) as type,
    case when a.atttypid = 'varchar'::regtype then a.atttypmod - 4 end as length, not a.attnotnull as nullable,
    k.confrelid::regclass::text as target, y.typname = 'fbs_user_id' as is_user, s.column_name is not null as is_secret,
    c.choices
from fbs_solution_tables as t
inner join pg_attribute as a on t.table_id = a.attrelid and a.attnum > 0 and not a.attisdropped and a.attname <> 'id'
inner join pg_type as y on a.atttypid = y.oid
left join pg_constraint as k on t.table_id = k.conrelid and k.contype = 'f' and k.conkey = array[a.attnum]
left join fbs_secret_columns as s on t.table_id = s.table_id and a.attname = s.column_name
left join fbs_choices as c on t.table_name = c.table_name and a.attname = c.column_name
order by t.table_name, a.attnum
"""


def columns(connection: psycopg.Connection) -> list[Column]:
    """The columns of all tables that belong to solutions, but the keys."""
    rows = connection.cursor(row_factory=dict_row).execute(_COLUMNS).fetchall()
    return [Column(**row) for row in rows]


def fill(connection: psycopg.Connection) -> dict[tuple[str, int], Facts]:
    """Rows of both solutions in every table that has a solution, and a row in every other."""
    known: dict[str, list[Column]] = {}
    for column in columns(connection):
        known.setdefault(column.table, []).append(column)
    for table in BY_NAME:
        if table not in known:
            secrets = connection.execute(
                "select s.column_name from fbs_secret_columns as s where s.table_name = %s", [table]
            ).fetchall()
            add(connection, table, **{name: SECRET.format("all") for (name,) in secrets})
    needed = {
        table: {one.target for one in of if one.target in known and not one.nullable} for table, of in known.items()
    }
    facts = {(solution, number): Facts(solution, number, {}, {}) for number in range(ROWS) for solution in SOLUTIONS}
    for table in TopologicalSorter(needed).static_order():
        for (solution, number), one in facts.items():
            later = [column.name for column in known[table] if column.target in known and column.nullable]
            one.values[table] = values = {
                column.name: value_of(column, solution, number, one.ids)
                for column in known[table]
                if column.name not in later
            }
            one.ids[table] = insert(connection, table, values)
    for table, of in known.items():
        for column in of:
            for one in facts.values():
                if column.target in known and column.nullable:
                    change = sql.SQL("update {} set {} = %s where id = %s").format(
                        sql.Identifier(table), sql.Identifier(column.name)
                    )
                    one.values[table][column.name] = one.ids[column.target]
                    connection.execute(change, [one.ids[column.target], one.ids[table]])
    return facts


def insert(connection: psycopg.Connection, table: str, values: dict[str, Any], more: str = "") -> int:
    """A row. Gives its key; 0 where there is none."""
    statement = sql.SQL("insert into {} ({}) values ({}) " + more + " returning id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    row = connection.execute(statement, values).fetchone()
    return int(row[0]) if row else 0


def value_of(column: Column, solution: str, number: int, ids: dict[str, int]) -> Any:
    """A value of a row, from which the solution can be told wherever that can be."""
    at = (column.table, column.name)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    days = 30 * (number + 1)
    if column.name in NAMES:
        return name_of(solution, column.name, number)
    if column.target:
        return ids.get(column.target, 1)
    if at in ALIKE:
        value = ALIKE[at]
        return f"{value} {number}" if number and isinstance(value, str) else value
    if number < len(NATURAL.get(at, ())):
        value = NATURAL[at][number]
        return value.format(solution) if isinstance(value, str) else (now + timedelta(days=value)).date()
    if column.is_user:
        return USERS[solution]
    if column.is_secret:
        return f"{SECRET.format(solution)} {number}"
    if column.name == "solution_db":
        return f"fbs_{solution}_db"
    if column.choices and number == 0:
        return column.choices[0]
    if column.type in ("date", "timestamp with time zone"):
        if column.nullable and number == 0 and column.name not in _FUTURE:
            return None
        moment = now + timedelta(days=days if column.name in _FUTURE else -days)
        return moment.date() if column.type == "date" else moment
    if column.type in ("character varying", "text"):
        return f"{MARK.format(solution)} {number} {column.name}"[: column.length]
    if column.type == "jsonb":
        return json.dumps({"of": MARK.format(solution), "number": number, **RECORD})
    if column.type == "boolean":
        return (column.name != "is_read") != bool(number)
    if column.type == "inet":
        return f"10.0.{USERS[solution]}.{number}"
    if column.type == "numeric":
        return USERS[solution] + (number + 1) / 4
    if column.type in ("integer", "bigint"):
        return USERS[solution] + number
    raise AssertionError(f"no value for {column.table}.{column.name}, which is a {column.type}")


def remove(connection: psycopg.Connection, facts: dict[tuple[str, int], Facts], solution: str) -> None:
    """Take a solution out, and nothing else."""
    connection.execute("set session_replication_role = replica")
    for number in range(ROWS):
        for table, key in facts[solution, number].ids.items():
            connection.execute(sql.SQL("delete from {} where id = %s").format(sql.Identifier(table)), [key])
    connection.execute("delete from fbs_solution_map where solution = %s", [solution])
    connection.commit()
