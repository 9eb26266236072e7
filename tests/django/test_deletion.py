"""Rows are deleted by hosts of several versions of Django, and FBS's rows follow the rules.

No host here connects a signal. One has FBS's models, as a host that installed them;
the other knows nothing of FBS at all.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import fbs_db
from tests.hosts import forks
from tests.hosts.serving import Serving
from tests.hosts.versions import PYTHONS
from tests.support import ROOT
from tests.support.catalog import is_user_key, listed_tables
from tests.support.servers import Server
from tests.support.versions import django_or_skip, old_django

HOST_MODELS = {f"rentals.{name}": f"rentals_{name}" for name in ("location", "room", "tenant", "lease")}
#: What a test expects of a time that the clean-up set.
NOW = "now"
_numbers = count(1)


@dataclass(frozen=True)
class Kind:
    """A Django project: its Django, its users, and whether it has FBS's models."""

    django: str
    user_model: str
    schema: str
    knows_fbs: bool
    db_cascade: bool = False

    @property
    def user_table(self) -> str:
        return self.user_model.replace(".", "_").lower()

    @property
    def environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
            "DJANGO_SETTINGS_MODULE": "tests.hosts.settings",
            "HOST_RENTALS": "yes",
            "HOST_SCHEMAS": "public" if self.schema == "public" else f"public,{self.schema}",
            "HOST_USER_MODEL": self.user_model,
            "PYTHONPATH": str(ROOT),
        }
        return environment | ({"HOST_DB_CASCADE": "yes"} if self.db_cascade else {})


STOCK = {version: Kind(version, "auth.User", "public", True) for version in PYTHONS}
OWN = {version: Kind(version, "people.Person", "fbs", False) for version in PYTHONS}
CASCADING = Kind("6.1", "auth.User", "public", True, db_cascade=True)


class Django:
    """A host's process: it does one deed after another, each in the database it is told."""

    def __init__(self, python: Path, kind: Kind) -> None:
        self.python, self.kind = python, kind
        # A host with FBS's models has them as its own, which matters to flush alone.
        knows = {"HOST_FBS_MANAGED": "yes"} if kind.knows_fbs else {"HOST_WITHOUT_FBS": "yes"}
        self.process = Serving(python, kind.environment | knows)

    def run_once(self, module: str, *arguments: str, url: str) -> None:
        """A process that has FBS's models, whatever this host has."""
        words = ("-W", "error", "-m", module, *arguments)
        code, out, err = forks.run(self.python, words, Path.cwd(), self.kind.environment | {"DATABASE_URL": url})
        assert code == 0, out + err

    def do(self, deed: str, url: str) -> str:
        """What went wrong; nothing where the deed was done."""
        return self.process.do(f"deeds.{deed}", url)


@dataclass
class Host:
    """A host in a database of its own."""

    kind: Kind
    django: Django
    url: str
    psql: Path
    before: dict[str, dict[Any, dict[str, Any]]]

    def does(self, deed: str, *, role: str | None = None) -> None:
        failure = self.fails(deed, role=role)
        assert not failure, failure

    def fails(self, deed: str, *, role: str | None = None) -> str:
        return self.django.do(deed, self.url.replace("//postgres@", f"//{role}@") if role else self.url)

    def connect(self) -> closing[psycopg.Connection[dict[str, Any]]]:
        connection = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
        connection.execute(f"set search_path = {self.kind.schema}, public")
        return closing(connection)

    def execute(self, query: str) -> list[dict[str, Any]]:
        with self.connect() as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def contents(self) -> dict[str, dict[Any, dict[str, Any]]]:
        """Every row of FBS's tables and of the host's, by table and key."""
        with self.connect() as connection:
            names = connection.execute(
                "select format('%%I.%%I', schemaname, tablename) as name, tablename from pg_tables"
                " where tablename ~ '^fbs_' or tablename = any (%s)",
                [[*HOST_MODELS.values(), self.kind.user_table]],
            ).fetchall()
            return {
                row["tablename"]: {
                    found.get("id") or json.dumps(found): found
                    for (found,) in _tuples(connection, f"select to_jsonb(t) from {row['name']} as t")
                }
                for row in names
            }

    def now(self) -> str:
        return str(self.execute("select to_jsonb(now()) as now")[0]["now"])


def _tuples(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.cursor(row_factory=psycopg.rows.tuple_row).execute(query).fetchall()


# --- hosts


@pytest.fixture(scope="session")
def djangos() -> Iterator[Callable[[Kind], Django]]:
    """Starts each kind of host once, and Django's installation before it where it is missing."""
    running: dict[Kind, Django] = {}

    def start(kind: Kind) -> Django:
        if kind not in running:
            running[kind] = Django(django_or_skip(kind.django), kind)
        return running[kind]

    yield start
    for django in running.values():
        django.process.stop()


@pytest.fixture(scope="session")
def templates(pg18: Server, djangos: Callable[[Kind], Django]) -> Callable[[Kind], str]:
    """Makes the database of each kind of host once, with FBS beside it and rows in both."""
    made: dict[Kind, str] = {}

    def template(kind: Kind) -> str:
        if kind not in made:
            django = djangos(kind)
            name = pg18.create()
            url = pg18.url(name)
            with psycopg.connect(url) as connection:
                connection.execute(f"create schema if not exists {kind.schema}")
            django.run_once("django", "migrate", "--run-syncdb", "--verbosity", "0", url=url)
            fbs_db.migrate(url, schema=kind.schema, user_table=kind.user_table)
            with psycopg.connect(url) as connection:
                connection.execute(f"set search_path = {kind.schema}, public")
                connection.execute("select fbs_attach_users(%s)", [kind.user_table])
                for model, table in HOST_MODELS.items():
                    connection.execute("select fbs_attach_host(%s, %s)", [table, model])
            django.run_once("tests.hosts", "deeds.fill", url=url)
            made[kind] = name
        return made[kind]

    return template


def _host(
    kind: Kind, pg18: Server, djangos: Callable[[Kind], Django], templates: Callable[[Kind], str]
) -> Iterator[Host]:
    django = djangos(kind)
    with pg18.database(templates(kind)) as url:
        host = Host(kind, django, url, pg18.bin / "psql", {})
        host.before = host.contents()
        yield host


def _params(kinds: dict[str, Kind]) -> list[Any]:
    return [pytest.param(kind, marks=old_django(kind.django), id=name) for name, kind in kinds.items()]


_KINDS = {
    **{f"{version}-integer": kind for version, kind in STOCK.items()},
    **{f"{version}-uuid": kind for version, kind in OWN.items()},
}


#: Deletions by the host's own foreign keys, which is the database's business and not Django's.
_CASCADING = pytest.param(CASCADING, marks=[pytest.mark.slow, *old_django(CASCADING.django)], id="6.1-db-cascade")


@pytest.fixture(params=[*_params(_KINDS), _CASCADING])
def host(
    request: pytest.FixtureRequest,
    pg18: Server,
    djangos: Callable[[Kind], Django],
    templates: Callable[[Kind], str],
) -> Iterator[Host]:
    """Each version of Django, with its own users and with users of uuid keys."""
    yield from _host(request.param, pg18, djangos, templates)


@pytest.fixture(params=_params(STOCK))
def knowing(
    request: pytest.FixtureRequest,
    pg18: Server,
    djangos: Callable[[Kind], Django],
    templates: Callable[[Kind], str],
) -> Iterator[Host]:
    """A host that has FBS's models."""
    yield from _host(request.param, pg18, djangos, templates)


@pytest.fixture(params=_params(OWN))
def unknowing(
    request: pytest.FixtureRequest,
    pg18: Server,
    djangos: Callable[[Kind], Django],
    templates: Callable[[Kind], str],
) -> Iterator[Host]:
    """A host without FBS's models."""
    yield from _host(request.param, pg18, djangos, templates)


# --- what the rules say, from the specification and in Python


LISTED = {table["table"]: table for table in listed_tables()}
Change = dict[str, Any] | None
Changes = dict[tuple[str, Any], Change]

#: The rules of DESIGN.md, 5: how a row names its record, which rows are touched, and what becomes of them.
_RULES: dict[str, tuple[str | None, Callable[[dict[str, Any]], bool], Change]] = {
    "fbs_custom_fields": (None, lambda row: True, None),
    "fbs_approval_requests": (
        "request_data",
        lambda row: row["status"] == "pending",
        {"status": "cancelled", "updated_at": NOW},
    ),
    "fbs_workflow_instances": (
        "workflow_data",
        lambda row: row["status"] not in ("completed", "cancelled", "failed"),
        {"status": "cancelled", "completed_at": NOW},
    ),
    "fbs_dms_document": (
        "metadata",
        lambda row: row["state"] != "archived",
        {"state": "archived", "updated_at": NOW},
    ),
}


def after_host_rows(host: Host, gone: dict[str, set[Any]]) -> Changes:
    """What becomes of FBS's rows when these rows of the host are gone."""
    expected: Changes = {}
    for table, (column, is_touched, change) in _RULES.items():
        for key, row in host.before[table].items():
            record = row if column is None else row[column]
            keys = gone.get(HOST_MODELS.get(str(record.get("model_name")), ""), set())
            if str(record.get("record_id")) in map(str, keys) and is_touched(row):
                expected[table, key] = change
    return expected


def after_users(host: Host, users: set[Any]) -> Changes:
    """What becomes of FBS's rows when these users are gone, by the foreign keys of the list."""
    expected: Changes = {}
    waiting: list[tuple[str | None, Any]] = [(None, user) for user in users]
    while waiting:
        parent, parent_key = waiting.pop()
        for table, listed in LISTED.items():
            for column in listed["columns"]:
                points = is_user_key(column) if parent is None else column.get("references", {}).get("table") == parent
                if not points or is_user_key(column) is not (parent is None):
                    continue
                for key, row in host.before[table].items():
                    if row[column["name"]] != parent_key or expected.get((table, key), {}) is None:
                        continue
                    if column["references"]["on_delete"] == "CASCADE":
                        expected[table, key] = None
                        waiting.append((table, key))
                    else:
                        expected[table, key] = {**(expected.get((table, key)) or {}), column["name"]: None}
    return expected


def files_to_remove(host: Host, expected: Changes) -> Changes:
    """An attachment that goes leaves its file to a worker."""
    attachments = host.before["fbs_dms_file_attachment"]
    gone = [key for (table, key), change in expected.items() if table == "fbs_dms_file_attachment" and change is None]
    return {("fbs_file_deletions", attachments[key]["file"]): {"attempts": 0} for key in gone}


def changes(host: Host, started: str) -> tuple[Changes, dict[str, set[Any]]]:
    """What became of FBS's rows; and which rows of the host are gone."""
    after, found = host.contents(), dict[tuple[str, Any], Change]()
    assert after.keys() == host.before.keys()
    for table, rows in after.items():
        if not table.startswith("fbs_"):
            continue
        for key in host.before[table].keys() | rows.keys():
            old, new = host.before[table].get(key), rows.get(key)
            if table == "fbs_file_deletions" and new is not None:
                found[table, new["file"]] = {"attempts": new["attempts"]}
            elif old is None or new is None:
                found[table, key] = new
            elif old != new:
                found[table, key] = {
                    name: NOW if isinstance(value, str) and name.endswith("_at") and value >= started else value
                    for name, value in new.items()
                    if value != old[name]
                }
    host_tables = [*HOST_MODELS.values(), host.kind.user_table]
    return found, {table: set(host.before[table]) - set(after[table]) for table in host_tables}


def as_changed(expected: Changes) -> Changes:
    """An update that a host sends moves a row's time of last change on; one by a foreign key does not."""
    times = {
        (table, column["name"]): NOW
        for table, listed in LISTED.items()
        for column in listed["columns"]
        if column.get("set_on", "insert") != "insert"
    }
    return {
        (table, key): change and {**{name: now for (of, name), now in times.items() if of == table}, **change}
        for (table, key), change in expected.items()
    }


def assert_follows(host: Host, do: Callable[[], object], *, from_tables: set[str], by_the_host: bool = False) -> None:
    """Rows of these tables are gone, FBS's rows follow by the rules, and nothing else of FBS changes."""
    started = host.now()
    do()
    found, gone = changes(host, started)
    assert {table for table, keys in gone.items() if keys} == from_tables
    users = after_users(host, gone[host.kind.user_table])
    expected = after_host_rows(host, gone) | (as_changed(users) if by_the_host else users)
    expected |= files_to_remove(host, expected)
    assert expected, "nothing pointed at what is gone"
    assert found == expected


LOCATIONS = {"rentals_location", "rentals_room", "rentals_lease"}


# --- through the ORM


def test_creating_and_changing_rows_leaves_fbs_as_it_is(host: Host) -> None:
    host.does("without_end")
    assert changes(host, "")[0] == {}


@pytest.mark.parametrize(
    ("deed", "from_tables"),
    [
        ("delete_an_instance", LOCATIONS),
        ("delete_a_queryset", LOCATIONS),
        ("delete_everything", {*LOCATIONS, "rentals_tenant"}),
        ("delete_a_room", {"rentals_room", "rentals_lease"}),
        ("delete_a_tenant", {"rentals_tenant", "rentals_lease"}),
        ("delete_many_at_once", LOCATIONS),
        ("delete_in_a_block", {*LOCATIONS, "rentals_tenant"}),
    ],
)
def test_deleting_through_the_orm_follows_the_rules(host: Host, deed: str, from_tables: set[str]) -> None:
    assert_follows(host, lambda: host.does(deed), from_tables=from_tables)


@pytest.mark.parametrize("deed", ["delete_a_user", "delete_a_queryset_of_users"])
def test_deleting_a_user_through_the_orm_follows_the_rules(host: Host, deed: str) -> None:
    # Where Django knows FBS's models it empties their columns itself, before the foreign keys can.
    tables, by_the_host = {host.kind.user_table}, host.kind.knows_fbs
    assert_follows(host, lambda: host.does(deed), from_tables=tables, by_the_host=by_the_host)


# --- past the ORM


def test_deleting_through_djangos_cursor_follows_the_rules(host: Host) -> None:
    assert_follows(host, lambda: host.does("delete_in_sql"), from_tables=LOCATIONS)


def test_deleting_a_user_through_djangos_cursor_follows_the_rules(host: Host) -> None:
    assert_follows(host, lambda: host.does("delete_a_user_in_sql"), from_tables={host.kind.user_table})


def test_deleting_in_psql_follows_the_rules(host: Host) -> None:
    statements = f"""
        begin;
        delete from rentals_lease where tenant_id in (select id from rentals_tenant where name = 'gone');
        delete from rentals_tenant where name = 'gone';
        commit;
        delete from {host.kind.user_table} where username = 'gone';
    """

    def psql() -> None:
        command = [str(host.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", host.url]
        done = subprocess.run(command, check=False, input=statements, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    assert_follows(host, psql, from_tables={"rentals_tenant", "rentals_lease", host.kind.user_table})


# --- what is undone, and what is flushed


@pytest.mark.parametrize("deed", ["delete_and_roll_back", "delete_and_roll_back_to_a_savepoint"])
def test_what_is_rolled_back_leaves_fbs_as_it_was(host: Host, deed: str) -> None:
    host.does(deed)
    assert changes(host, "")[0] == {}


def test_flush_empties_the_tables_of_a_host_with_fbs_models(knowing: Host) -> None:
    assert knowing.before["fbs_approval_requests"]
    knowing.does("flush")
    after = knowing.contents()
    assert {table for table in (*LISTED, *HOST_MODELS.values(), "auth_user") if after[table]} == set()
    knowing.does("fill_again")


def test_flush_of_a_host_without_fbs_models_takes_cascade(unknowing: Host) -> None:
    """PostgreSQL truncates no table that others point at; Django has the option for that."""
    assert 'Table "fbs_' in unknowing.fails("flush")
    assert unknowing.contents() == unknowing.before
    unknowing.does("flush_with_cascade")
    after = unknowing.contents()
    assert {table for table in (*HOST_MODELS.values(), "people_person") if after[table]} == set()
    pointing = {name for name, table in LISTED.items() if any(map(is_user_key, table["columns"]))}
    assert {name for name in pointing if after[name]} == set()
    unknowing.does("fill_again")


# --- without privileges, and with a broken FBS


@pytest.fixture
def clerk(unknowing: Host) -> str:
    """A role that may do everything with the host's tables and nothing with FBS's."""
    unknowing.execute(
        """
        do $$ begin
            if not exists (select from pg_roles where rolname = 'clerk') then create role clerk login; end if;
        end $$;
        grant select, insert, update, delete on all tables in schema public to clerk;
        """
    )
    on_fbs = unknowing.execute(
        "select has_schema_privilege('clerk', 'fbs', 'usage') or bool_or("
        "has_table_privilege('clerk', oid, 'select, insert, update, delete, truncate, references')) as any"
        " from pg_class where relnamespace = 'fbs'::regnamespace and relkind in ('r', 'v')"
    )
    assert on_fbs == [{"any": False}]
    return "clerk"


@pytest.mark.parametrize(
    ("deed", "from_tables"),
    [
        ("delete_an_instance", LOCATIONS),
        ("delete_a_tenant", {"rentals_tenant", "rentals_lease"}),
        ("delete_a_user", {"people_person"}),
    ],
)
def test_a_role_without_privileges_on_fbs_deletes_as_any_other(
    unknowing: Host, clerk: str, deed: str, from_tables: set[str]
) -> None:
    assert_follows(unknowing, lambda: unknowing.does(deed, role=clerk), from_tables=from_tables)


@pytest.mark.parametrize(
    ("deed", "from_tables"),
    [("delete_an_instance", LOCATIONS), ("delete_in_a_block", {*LOCATIONS, "rentals_tenant"})],
)
def test_with_fbs_broken_the_host_deletes_and_the_retry_makes_good(
    host: Host, deed: str, from_tables: set[str]
) -> None:
    def do() -> None:
        host.execute("alter table fbs_approval_requests rename to away")
        host.does(deed)
        models = {table.replace("_", ".") for table in from_tables}
        assert {row["model_name"] for row in host.execute("select * from fbs_cleanup_queue")} == models
        host.execute("alter table away rename to fbs_approval_requests")
        assert host.execute("select failed, waiting from fbs_retry_cleanup()") == [{"failed": 0, "waiting": 0}]

    assert_follows(host, do, from_tables=from_tables)
