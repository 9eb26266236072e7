"""A Django host: its own tables first, FBS's beside them, and its models on both."""

from __future__ import annotations

import ast
import atexit
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql import factories

from tests.hosts import FIELDS, forks
from tests.hosts.serving import Serving
from tests.support import ROOT
from tests.support.catalog import catalog, is_user_key, listed_tables
from tests.support.connections import url_of

LISTED = listed_tables()
_serving: dict[Host, Serving] = {}


@dataclass(frozen=True)
class Host:
    """A Django project: who its users are, where FBS's tables go, and its database."""

    user_model: str
    user_table: str
    key: str
    schema: str
    url: str = ""

    def manage(self, *command: str) -> str:
        return self.run("django", *command, "--settings", "tests.hosts.settings")

    def check(self, name: str) -> None:
        """Run one of ``tests.hosts.checks``, in a process for each kind of host."""
        kind = replace(self, url="")
        if kind not in _serving:
            _serving[kind] = Serving(Path(sys.executable), self._environment())
            atexit.register(_serving[kind].stop)
        failure = _serving[kind].do(f"checks.{name}", self.url)
        assert not failure, failure

    def run(self, module: str, *arguments: str) -> str:
        """Run a module of Python; what it prints. Its warnings are errors."""
        words = ("-W", "error", "-m", module, *arguments)
        code, out, err = forks.run(Path(sys.executable), words, Path.cwd(), self._environment())
        assert code == 0, out + err
        return out

    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
            "DATABASE_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "tests.hosts.settings",
            "HOST_SCHEMAS": "public" if self.schema == "public" else f"public,{self.schema}",
            "HOST_USER_MODEL": self.user_model,
            "PYTHONPATH": f"{Path.cwd()}{os.pathsep}{ROOT}",
        }

    def make_own_tables(self, **where: Any) -> None:
        self._on(where).manage("migrate")

    def make_fbs_tables(self, **where: Any) -> None:
        at = self._on(where)
        with psycopg.connect(at.url) as connection:
            connection.execute(f"create schema if not exists {self.schema}")
        at.run("fbs_db", "migrate", "--schema", self.schema, "--user-table", self.user_table)

    def _on(self, where: dict[str, Any]) -> Host:
        return replace(self, url="postgresql://{user}@/{dbname}?host={host}&port={port}".format(**where))


PLAIN = Host("auth.User", "auth_user", "integer", "public")
OWN = Host("people.Person", "people_person", "uuid", "fbs")

_django = factories.postgresql_noproc(depends_on="pg18", dbname="django", load=[PLAIN.make_own_tables])
_plain, _own = (
    factories.postgresql_noproc(
        depends_on="pg18", dbname=f"host_{host.key}", load=[host.make_own_tables, host.make_fbs_tables]
    )
    for host in (PLAIN, OWN)
)
django_only = factories.postgresql("_django")
plain_database = factories.postgresql("_plain")
own_database = factories.postgresql("_own")


@pytest.fixture
def before_fbs(django_only: psycopg.Connection) -> Host:
    """A host that has its own tables, and not yet FBS's."""
    return replace(PLAIN, url=url_of(django_only))


@pytest.fixture
def plain(plain_database: psycopg.Connection) -> Host:
    """A host with Django's own users."""
    return replace(PLAIN, url=url_of(plain_database))


@pytest.fixture(params=["plain", "own"], ids=["integer", "uuid"])
def host(request: pytest.FixtureRequest) -> Host:
    """A host with Django's own users, and one with its own users and a schema for FBS."""
    database = request.getfixturevalue(f"{request.param}_database")
    return replace(PLAIN if request.param == "plain" else OWN, url=url_of(database))


@pytest.mark.slow
def test_user_columns_have_the_type_of_the_hosts_user_key(host: Host) -> None:
    with psycopg.connect(host.url) as connection:
        found = connection.execute(
            "select typnamespace::regnamespace::text, format_type(typbasetype, null) from pg_type"
            " where typname = 'fbs_user_id'"
        ).fetchall()
    assert found == [(host.schema, host.key)]


def test_fbs_keeps_to_its_schema_and_django_to_its_own(host: Host) -> None:
    with psycopg.connect(host.url) as connection:
        found = connection.execute(
            "select relnamespace::regnamespace::text, relname from pg_class"
            " where relkind = 'r' and relname ~ '^(fbs|django|auth|people)_'"
        ).fetchall()
    assert {schema for schema, name in found if name.startswith("fbs_")} == {host.schema}
    assert {schema for schema, name in found if not name.startswith("fbs_")} == {"public"}


@pytest.mark.parametrize(
    "behaviour",
    [
        "every_value_comes_back_as_it_was_written",
        "a_row_needs_only_what_has_no_default",
        "a_saved_change_is_stored",
        "an_update_of_a_queryset_is_stored",
        "many_rows_are_created_at_once",
        "rows_are_deleted_one_by_one_and_by_queryset",
        "references_are_followed_in_one_query",
        "json_is_looked_into",
        "deleting_through_a_model_follows_the_rules",
        "deleting_in_sql_follows_the_rules",
        "deleting_a_workflow_in_sql_takes_all_of_it",
    ],
)
def test_models_run_on_every_table(host: Host, behaviour: str) -> None:
    host.check(behaviour)


@pytest.mark.parametrize(
    "behaviour",
    [
        "a_block_that_is_rolled_back_leaves_nothing",
        "a_savepoint_that_is_rolled_back_leaves_nothing",
        "a_block_that_is_committed_keeps_everything",
        "outside_a_block_it_is_committed_at_once",
    ],
)
def test_migrates_on_the_connection_of_django(before_fbs: Host, behaviour: str) -> None:
    before_fbs.check(behaviour)


@pytest.mark.slow
def test_commands_of_django_work_beside_fbs(plain: Host) -> None:
    plain.manage("check", "--database", "default")
    plain.manage("migrate", "--check")
    plain.manage("makemigrations", "--check")
    plain.manage("migrate")


@pytest.mark.slow
def test_migrations_of_unmanaged_models_leave_the_tables_alone(plain: Host, tmp_path: Path) -> None:
    (tmp_path / "fbs_migrations").mkdir()
    (tmp_path / "fbs_migrations" / "__init__.py").touch()
    with psycopg.connect(plain.url) as connection:
        before = catalog(connection)
        plain.manage("makemigrations", "fbs")
        plain.manage("makemigrations", "--check")
        plain.manage("migrate")
        plain.run("tests.hosts", "every_value_comes_back_as_it_was_written")  # by these migrations
        plain.manage("migrate", "fbs", "zero")
        assert catalog(connection) == before


def test_inspectdb_reads_the_listed_fields(host: Host) -> None:
    expected = {table["table"]: [django_field(column, host) for column in table["columns"]] for table in LISTED}
    text = host.manage("inspectdb", *expected)
    found = {
        model.name.lower(): [line.value.func.attr for line in model.body if isinstance(line, ast.Assign)]  # type: ignore[attr-defined]
        for model in ast.parse(text).body
        if isinstance(model, ast.ClassDef)
    }
    assert found == {name.replace("_", ""): fields for name, fields in expected.items()}
    assert "guess" not in text


def django_field(column: dict[str, Any], host: Host) -> str:
    if column.get("primary_key"):
        return "BigAutoField"
    if is_user_key(column):  # inspectdb follows no foreign key into another schema
        return {"integer": "ForeignKey", "uuid": "UUIDField"}[host.key]
    if "references" in column:
        return "OneToOneField" if column.get("unique") else "ForeignKey"
    return FIELDS[column["type"].partition("(")[0]]
