"""A host whose tables are not in ``public``: in a schema that is named, one that is searched, or one per tenant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.projects import HOSTS, Project

ATTACHED = "select model_name, host_table::text from {}fbs_hosts order by 1"
USERS = "select distinct user_table::text from {}fbs_user_columns"


@pytest.fixture
def host(newest: Project) -> Project:
    return newest


def in_schemas(project: Project) -> Project:
    """The host's users and rooms in a schema that ``db_table`` names, in the two ways that Django takes."""
    people, rentals = (project.directory / app / "models.py" for app in ("accounts", "rentals"))
    people.write_text(people.read_text() + "\n    class Meta:\n        db_table = 'hr\".\"person'\n")
    room = 'class Room(models.Model):\n    class Meta:\n        db_table = \'"hr"."Room"\'\n'
    rentals.write_text(rentals.read_text().replace("class Room(models.Model):\n", room))
    for app in ("accounts", "rentals"):
        (project.directory / app / "migrations" / "0001_initial.py").unlink()
    project.having(apps=[]).manage("makemigrations", "accounts", "rentals")
    first = project.directory / "accounts" / "migrations" / "0001_initial.py"
    schema = '    operations = [\n        migrations.RunSQL("create schema hr"),\n'
    first.write_text(first.read_text().replace("    operations = [\n", schema, 1))
    return project


def searching(project: Project, path: str, options: str = "-c search_path=") -> Project:
    """The host with a search_path in its OPTIONS."""
    where = {
        alias: {
            "NAME": name,
            "USER": "postgres",
            "HOST": project.server.host,
            "PORT": str(project.server.port),
            "OPTIONS": {"options": f"{options}{path}"},
        }
        for alias, name in project.databases.items()
    }
    return project.having(databases=where)


def goes_through_its_life(project: Project) -> None:
    """Everything that a host does with FBS, once it is installed."""
    assert "System check identified no issues (0 silenced).\n" in project.manage("check", "--database", "default")
    project.manage("migrate", "--check")
    project.do("let_and_give_up()\nlet(1)")
    project.manage("dumpdata", "--output", "all.json", "--exclude", "contenttypes", "--exclude", "auth.permission")
    project.manage("flush", "--no-input")
    project.do("assert fbs_rows() == ({}, []) and not Person.objects.exists() and not Room.objects.exists()")
    project.manage("loaddata", "all.json")
    project.do("assert Person.objects.count() == Room.objects.count() == 1")
    project.manage("fbs", "check")


@pytest.mark.slow
def test_users_and_models_in_a_schema_that_db_table_names(host: Project) -> None:
    project = in_schemas(host)
    printed = project.manage("migrate")
    assert "22 user columns of FBS tied to hr.person." in printed
    assert 'hr."Room" attached to FBS as rentals.room.' in printed
    assert project.select(USERS.format("")) == [("hr.person",)]
    assert project.select(ATTACHED.format("")) == [
        ("rentals.room", 'hr."Room"'),
        ("rentals.tenant", "rentals_tenant"),
    ]
    goes_through_its_life(project)
    assert "Ran 5 tests" in project.manage("test", "rentals")


@pytest.mark.slow
def test_a_model_that_is_attached_with_its_former_table_is_told(host: Project) -> None:
    host.migrated()
    host.select("create schema hr; create table hr.room (id bigint primary key)")
    models = host.directory / "rentals" / "models.py"
    moved = "class Room(models.Model):\n    class Meta:\n        db_table = 'hr\".\"room'\n"
    models.write_text(models.read_text().replace("class Room(models.Model):\n", moved))
    printed = host.manage("check", "--database", "default")
    assert "(fbs_db.W122) FBS in default: rentals.Room is not attached." in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "options", "home"),
    [
        ("app", "-c search_path=", "app"),
        ("app", "-csearch_path=", "app"),
        ("app", "-c statement_timeout=60000 --search-path=", "app"),
        (r"\"$user\",\ app", "-c search_path=", "app"),
        ("app,public", "-c search_path=", "public"),
    ],
    ids=["one", "without-a-space", "long", "escaped", "public-besides"],
)
def test_tables_in_a_schema_that_is_searched(host: Project, path: str, options: str, home: str) -> None:
    project = searching(host, path, options)
    host.select("create schema app")
    printed = project.manage("migrate")
    assert "22 user columns of FBS tied to accounts_person." in printed
    assert "rentals_room attached to FBS as rentals.room." in printed
    assert host.select(f"select to_regclass('{home}.fbs_migrations') is not null") == [(True,)]
    assert host.select(USERS.format(f"{home}.")) == [("app.accounts_person",)]
    assert host.select(ATTACHED.format(f"{home}.")) == [
        ("rentals.room", "app.rentals_room"),
        ("rentals.tenant", "app.rentals_tenant"),
    ]
    if options == "-c search_path=" and path == "app":
        goes_through_its_life(project.having(apps=["fbs_app", "fbs_db.django"], fbs_db={**HOSTS, "SIGNALS": False}))


@pytest.mark.slow
def test_fbs_in_a_schema_of_its_own_that_is_not_searched(host: Project) -> None:
    """Django's models of FBS would not find their tables; what Django itself does works."""
    databases = {"default": {"SCHEMA": "fbs"}}
    project = searching(host, "app").having(
        fbs_db={**HOSTS, "SIGNALS": False, "DATABASES": databases}, apps=["fbs_app", "fbs_db.django"]
    )
    host.select("create schema app; create schema fbs")
    project.manage("migrate")
    printed = project.manage("check", "--database", "default")
    assert "(fbs_db.W010) FBS in default: its tables are in schema fbs" in printed
    assert "search_path of Django's connection is app. fbs_app.ApprovalRequest does not find its table." in printed
    bare = project.having(apps=["fbs_db.django"])
    assert "W010" not in bare.manage("check", "--database", "default")
    host.select("insert into fbs.fbs_dms_document_tag (name, color) values ('a', 1)")
    bare.manage("flush", "--no-input")
    assert host.select("select count(*) from fbs.fbs_dms_document_tag") == [(0,)]


# --- a schema per tenant


PER_TENANT: dict[str, Any] = {"TENANT_MODEL": "rentals.Tenant", "TENANT_APPS": ["rentals"], "SHARED_APPS": ["accounts"]}


OTHERS: list[dict[str, Any]] = [
    {**PER_TENANT, "SHARED_APPS": ["rentals", "accounts"]},
    {"TENANT_MODEL": "a.B", "SHARED_APPS": ["accounts"]},
    {
        "TENANT_MODEL": "a.B",
        "HAS_MULTI_TYPE_TENANTS": True,
        "TENANT_TYPES": {"public": {"APPS": ["accounts"]}, "one": {"APPS": ["rentals"]}},
    },
]
#: A check of the databases under each of the settings, in one process.
EACH = """
from django.core.checks import run_checks
from django.test import override_settings
for settings in others:
    with override_settings(**settings):
        for message in run_checks(databases=["default"]):
            print(message)
    print("next")
"""


def test_a_model_in_a_schema_per_tenant_is_refused_by_name(host: Project) -> None:
    says = "(fbs_db.E008) HOSTS names rentals.Room, which has a table in each tenant's schema."
    for words in (["check"], ["migrate"]):
        printed = host.having(settings=PER_TENANT).manage(*words, code=1)
        assert says in printed
        assert "E002" not in printed
    each = host.do(f"others = {OTHERS!r}\n{EACH}").split("next\n")[:-1]
    assert len(each) == len(OTHERS)
    for printed in each:
        assert says in printed
        assert "E002" not in printed


@pytest.mark.slow
def test_where_nobody_checks_no_table_of_a_tenant_is_attached(host: Project) -> None:
    host.having(settings=PER_TENANT).manage("migrate", "--skip-checks")
    assert host.select("select count(*) from fbs_hosts") == [(0,)]
    assert "no issues" in host.having(settings=PER_TENANT, fbs_db={}).manage("check", "--database", "default")


@pytest.mark.slow
def test_users_in_a_schema_per_tenant_are_refused(host: Project) -> None:
    project = host.having(settings={**PER_TENANT, "TENANT_APPS": ["accounts"]}, fbs_db={})
    printed = project.manage("check", code=1)
    assert "(fbs_db.E008) AUTH_USER_MODEL is accounts.Person, which has a table in each tenant's schema." in printed
    project.manage("migrate", "--skip-checks")
    assert project.select("select distinct user_table from fbs_user_columns") == [(None,)]


@pytest.mark.slow
def test_a_table_in_schemas_that_are_not_searched_is_told(host: Project) -> None:
    """Nothing in the settings tells of tenants."""
    host.having(fbs_db={}).manage("migrate")
    host.select("create schema one; create schema two; create table two.rentals_room (id bigint primary key)")
    host.select("alter table rentals_room set schema one")
    printed = host.manage("check", "--database", "default", code=1)
    assert (
        "(fbs_db.E008) FBS in default: rentals.Room is not attached. Its table rentals_room is in one, two" in printed
    )
    assert "(fbs_db.W122) FBS in default: rentals.Tenant is not attached." in printed
    assert "rentals_tenant attached" in host.manage("migrate")
    assert json.loads(host.manage("fbs", "check", "--json"))["healthy"]
