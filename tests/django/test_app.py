"""A rentals business runs a real Django project, and FBS with it: ``tests/hosts/project``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.catalog import listed_tables
from tests.support.pages import PAGES, blocks
from tests.support.projects import HOSTS, Project
from tests.support.versions import NEWEST


def rename_tenant(project: Project) -> None:
    """The model gets another name, and so do its table and its key."""
    models = project.directory / "rentals" / "models.py"
    models.write_text(
        models.read_text()
        .replace("class Tenant(", "class Renter(")
        .replace("ForeignKey(Tenant", "ForeignKey(Renter")
        .replace("    id = models.UUIDField(", "    number = models.UUIDField(")
    )
    (project.directory / "rentals" / "migrations" / "0002_renter.py").write_text(
        "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("rentals", "0001_initial")]\n'
        "    operations = [\n"
        '        migrations.RenameModel("Tenant", "Renter"),\n'
        '        migrations.RenameField("Renter", "id", "number"),\n'
        "    ]\n"
    )


# --- through the host's life


def test_migrate_installs_and_ties_everything(project: Project) -> None:
    plan = project.manage("migrate", "--plan")
    assert "Apply 0001_initial" in plan
    assert "Attach rentals.Tenant as rentals.tenant" in plan
    project.manage("migrate", "--check", code=1)
    assert project.select("select to_regclass('fbs_migrations')") == [(None,)], "neither changes anything"

    printed = project.manage("migrate")
    assert "Applying 0001_initial... OK" in printed
    assert "22 user columns of FBS tied to accounts_person." in printed
    assert "rentals_room attached to FBS as rentals.room." in printed
    assert project.select("select format_type(typbasetype, null) from pg_type where typname = 'fbs_user_id'") == [
        ("uuid",)
    ]
    assert project.manage("check", "--database", "default") == "System check identified no issues (0 silenced).\n"
    project.do("let_and_give_up()")

    again = project.manage("migrate")
    assert "FBS" not in again
    project.manage("migrate", "--check")
    assert "Apply 0001_initial" not in project.manage("migrate", "--plan")


@pytest.mark.slow
def test_rows_are_deleted_in_every_order(project: Project) -> None:
    project.migrated().do("give_up_in_every_order()")


@pytest.mark.slow
def test_a_host_that_was_there_before(project: Project) -> None:
    project.having(apps=[]).manage("migrate")
    project.having(apps=[]).run("-c", "import django; django.setup()\nfrom rentals.models import *\nLocation().save()")
    before = project.select("select * from rentals_location")
    project.manage("migrate")
    assert project.select("select * from rentals_location") == before
    project.manage("fbs", "check")


@pytest.mark.slow
def test_users_with_integer_keys(project: Project) -> None:
    integer = project.having(user_model="auth.User")
    integer.manage("migrate")
    integer.do("let_and_give_up()")
    assert project.select("select format_type(typbasetype, null) from pg_type where typname = 'fbs_user_id'") == [
        ("integer",)
    ]
    integer.manage("fbs", "check")


@pytest.mark.slow
def test_the_name_of_a_model_and_of_its_table_and_key_change(project: Project) -> None:
    project.migrated()
    project.do("let(1)")
    rename_tenant(project)
    renamed = project.having(fbs_db={"HOSTS": {"rentals.Renter": {}, "rentals.Room": {}}})
    assert "No changes detected" in renamed.manage("makemigrations", "--check", "--dry-run")
    assert "rentals_renter attached to FBS as rentals.renter." in renamed.manage("migrate")
    assert project.select("select request_data ->> 'model_name' from fbs_approval_requests") == [("rentals.renter",)]
    renamed.do("let(2)\nTenant.objects.all().delete()\nassert set(fbs_rows()[0].values()) == {'cancelled'}")
    renamed.manage("fbs", "check")


def test_a_host_model_names_the_solution_of_each_row(newest: Project) -> None:
    newest.migrated()
    named = newest.having(fbs_db={"HOSTS": {"rentals.Tenant": {"SOLUTION_COLUMN": "name"}}})
    assert "Attach rentals.Tenant as rentals.tenant" in named.manage("migrate", "--plan")
    named.manage("migrate")
    assert "Attach" not in named.manage("migrate", "--plan")
    attached = "select solution_column from fbs_hosts where model_name = 'rentals.tenant'"
    assert newest.select(attached) == [("name",)]


@pytest.mark.slow
def test_the_app_goes_and_the_host_stays(project: Project) -> None:
    project.migrated()
    project.do("let(1)")
    before = project.select("select * from accounts_person, rentals_tenant, rentals_lease")
    bare = project.having(apps=[])
    bare.run(
        "-m", "fbs_db", "--database", project.server.url(project.databases["default"]), "rollback", "--all", "--yes"
    )
    ours = (
        "select relname from pg_class where relname ~ '^fbs_' union select tgname from pg_trigger where tgname ~ 'fbs'"
    )
    assert project.select(ours) == []
    assert project.select("select * from accounts_person, rentals_tenant, rentals_lease") == before
    bare.manage("migrate", "--check")
    bare.manage("check")
    bare.run(
        "-c",
        "import django; django.setup()\nfrom rentals.models import *\nTenant.objects.all().delete()\n"
        "from accounts.models import Person\nPerson.objects.all().delete()",
    )


# --- the host's tests


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="one"),
        pytest.param(["--parallel", "2"], id="parallel", marks=pytest.mark.slow),
        pytest.param(["--keepdb"], id="kept", marks=pytest.mark.slow),
    ],
)
def test_djangos_test_runner(project: Project, options: list[str]) -> None:
    for _ in range(2 if "--keepdb" in options else 1):
        assert "Ran 5 tests" in project.manage("test", "rentals", *options)


@pytest.mark.slow
def test_djangos_test_runner_without_migrations(project: Project) -> None:
    bare = project.having(without_migrations="yes")
    assert "Ran 5 tests" in bare.manage("test", "rentals")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="with-migrations"),
        pytest.param(["--nomigrations"], id="without", marks=pytest.mark.slow),
        pytest.param(["--reuse-db"], id="reused", marks=pytest.mark.slow),
        pytest.param(["-n", "2"], id="parallel", marks=pytest.mark.slow),
    ],
)
def test_pytest_django(project: Project, options: list[str]) -> None:
    for _ in range(2 if "--reuse-db" in options else 1):
        printed = project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "rentals/tests.py")
        assert "5 passed" in printed


# --- FBS's own models beside it


@pytest.fixture
def with_fbs(project: Project) -> Project:
    """The project with FBS's app, whose models Django takes for its own."""
    return project.having(apps=["fbs_app", "fbs_db.django"], fbs_db={**HOSTS, "SIGNALS": False})


@pytest.mark.slow
def test_django_neither_makes_nor_drops_our_tables(with_fbs: Project) -> None:
    with_fbs.manage("migrate", "--run-syncdb")
    with_fbs.manage("fbs", "check")
    with_fbs.manage("migrate", "--run-syncdb")
    assert "No changes detected" in with_fbs.manage("makemigrations", "--check", "--dry-run", "rentals", "accounts")
    with_fbs.manage("makemigrations", "fbs_app")
    with_fbs.manage("migrate")
    with_fbs.manage("migrate", "fbs_app", "zero")
    with_fbs.manage("fbs", "check")
    assert "Ran 5 tests" in with_fbs.manage("test", "rentals")


@pytest.mark.slow
def test_fbs_models_work_on(with_fbs: Project) -> None:
    with_fbs.manage("migrate")
    with_fbs.do(
        "from fbs_app.models import *\n"
        "user, tenant, location = let(1)\n"
        "row = ApprovalRequest.objects.get()\n"
        "assert row.requester == user and row.request_data['record_id'] == str(tenant.pk)\n"
        "row.title = 'other'; row.save(); row.refresh_from_db(); assert row.title == 'other'\n"
        "CustomField.objects.update_or_create(model_name='a.b', record_id=1, field_name='x', database_name='',"
        " defaults={'field_value': 'y'})\n"
        "assert CustomField.objects.filter(model_name='a.b').delete()[0] == 1\n"
        "user.delete(); assert not ApprovalRequest.objects.exists()"
    )


@pytest.mark.slow
def test_rows_are_dumped_loaded_and_flushed(with_fbs: Project) -> None:
    with_fbs.manage("migrate")
    with_fbs.do("let(1); let(2)")
    every = "select count(*), min(title), max(title) from fbs_approval_requests"
    before = with_fbs.select(every)
    with_fbs.manage("dumpdata", "--output", "all.json", "--exclude", "contenttypes", "--exclude", "auth.permission")
    with_fbs.manage("flush", "--no-input")
    assert with_fbs.select(every) == [(0, None, None)]
    with_fbs.manage("fbs", "check")
    with_fbs.manage("loaddata", "all.json")
    assert with_fbs.select(every) == before
    with_fbs.manage("fbs", "check")
    printed = with_fbs.manage("inspectdb", "fbs_approval_requests")
    assert "db_table = 'fbs_approval_requests'" in printed


# --- switches


@pytest.mark.slow
def test_receivers_of_fbs_are_switched_off(project: Project) -> None:
    with_them = project.having(apps=["fbs_db.django", "fbs_app"])
    with_them.manage("migrate")
    assert "(fbs_db.W004) fbs_app.signals" in with_them.manage("check")
    failing = (
        "from django.db.utils import ProgrammingError as E\ntry:\n    let(9)[0].delete()\nexcept E:\n    print('fails')"
    )
    assert "fails" in with_them.having(fbs_db={**HOSTS, "SIGNALS": True}).do(failing)
    for apps in (["fbs_db.django", "fbs_app"], ["fbs_app", "fbs_db.django"]):
        with_them.manage("flush", "--no-input")
        without = project.having(apps=apps, fbs_db={**HOSTS, "SIGNALS": False})
        printed = without.do("let_and_give_up()")
        assert "Switched off, as the database does their work: cleanup_on_delete of fbs_app.signals" in printed
        assert "W004" not in without.manage("check")


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ({"rentals.Tennant": {}}, "(fbs_db.E001) FBS_DB in Django's settings: HOSTS: rentals.Tennant: App 'rentals'"),
        (
            {"rentals.Tenant": {}, "rentals.Room": {"MODEL_NAME": "rentals.tenant"}},
            "(fbs_db.E003) Several models in HOSTS have the MODEL_NAME rentals.tenant, and not each has a SOLUTION",
        ),
    ],
)
def test_settings_that_make_no_sense(newest: Project, hosts: dict[str, Any], says: str) -> None:
    """From the first line of a process. What else may be wrong: test_wrong_settings.py."""
    bad = newest.having(fbs_db={"HOSTS": hosts})
    assert says in bad.manage("check", code=1)
    assert says in bad.manage("migrate", code=1)
    assert bad.select("select to_regclass('django_migrations')") == [(None,)]


@pytest.mark.slow
def test_what_is_damaged_is_told_with_id_and_hint(newest: Project) -> None:
    newest.migrated()
    newest.select("drop index fbs_approval_responses_responder_id_idx")
    newest.select("alter table rentals_room disable trigger fbs_cleanup_delete")
    newest.select("alter table fbs_kpis alter name drop not null")
    printed = newest.manage("check", "--database", "default", code=1)
    for said in (
        "(fbs_db.E110) FBS in default: index fbs_approval_responses.fbs_approval_responses_responder_id_idx: missing",
        "HINT: python manage.py fbs --database default repair\n",
        "(fbs_db.E107)",
        "(fbs_db.E122) FBS in default: host rentals.room: trigger missing",
    ):
        assert said in printed
    hints = re.findall(r"HINT: (.*manage.py fbs .*)", printed)
    assert all("fbs_approval_responses_responder_id_idx" in newest.typed(hint) for hint in hints if "repair" in hint)
    assert newest.manage("check") == "System check identified no issues (0 silenced).\n", "nobody asked for databases"
    newest.manage("migrate")  # which no finding stops
    assert "E122" not in newest.manage("check", "--database", "default", code=1), "and which puts triggers back"
    answer = json.loads(newest.manage("fbs", "check", "--json", "--only", "index", code=1))
    assert [finding["kind"] for finding in answer["findings"]] == ["index"]


def test_pending_files_are_an_error(newest: Project) -> None:
    printed = newest.manage("check", "--database", "default", code=1)
    assert "(fbs_db.E101) FBS in default: migration public: not installed" in printed
    assert "HINT: python manage.py migrate --database default" in printed


def test_hosts_and_users_that_are_not_attached_are_told_and_attached(newest: Project) -> None:
    tied = "select count(*) from fbs_user_columns where user_table is not null"
    newest.having(fbs_db={}).manage("migrate")
    printed = newest.manage("check", "--database", "default")
    assert "(fbs_db.W122) FBS in default: rentals.Tenant is not attached." in printed
    assert "Attach rentals.Room as rentals.room" in newest.manage("migrate", "--plan")
    newest.select("select fbs_detach_users()")
    printed = newest.manage("check", "--database", "default", code=1)
    assert "fbs_user_columns: not attached" in printed
    assert "accounts_person" in printed
    newest.manage("migrate")
    assert newest.select(tied) == [(22,)]
    assert "no issues" in newest.manage("check", "--database", "default")


@pytest.mark.slow
def test_clean_up_by_command(newest: Project) -> None:
    newest.migrated()
    newest.select("update fbs_settings set value = 'queue' where name = 'cleanup'")
    newest.do("let(1)[1].delete(); assert set(fbs_rows()[0].values()) == {'pending'}")
    assert json.loads(newest.manage("fbs", "cleanup", "status", "--json"))["waiting"][0]["keys"] == 1
    newest.manage("fbs", "cleanup", "retry")
    newest.do("assert set(fbs_rows()[0].values()) == {'cancelled'}")
    newest.manage("fbs", "cleanup", "sweep")
    newest.manage("fbs", "cleanup", "elsewhere", code=2)


# --- drivers and databases


@pytest.mark.slow
def test_a_host_on_psycopg2(project: Project) -> None:
    older = project.having(psycopg2="yes")
    assert "psycopg2" in older.do(
        "from django.db.backends.postgresql.psycopg_any import errors\nprint(errors.__name__)"
    )
    older.manage("migrate")
    older.do("let_and_give_up()")
    older.manage("check", "--database", "default")
    assert "Ran 5 tests" in older.manage("test", "rentals")


def test_a_database_that_is_not_there(newest: Project) -> None:
    gone = replace(newest, databases={"default": "nowhere_at_all"})
    printed = gone.manage("fbs", "check", code=2)
    assert 'database "nowhere_at_all" does not exist' in printed
    assert "could not be checked" in gone.manage("check", "--database", "default", code=1)


@pytest.mark.slow
def test_the_suite_in_a_database_of_its_own(make: Callable[..., Project]) -> None:
    """Users and rentals in the host's databases, FBS's components in two more."""
    project = make(NEWEST, "licences").having(
        fbs_db={**HOSTS, "DATABASES": {"default": {}, "licences": {"COMPONENTS": ["licensing"]}}}
    )
    for alias in ("default", "licences"):
        project.manage("migrate", "--database", alias)
        project.manage("check", "--database", alias)
    there = {name for (name,) in project.select("select relname::text from pg_class where relkind = 'r'", "licences")}
    listed = {table["table"]: table["component"] for table in listed_tables()}
    assert {listed[name] for name in there & set(listed)} == {"licensing"}
    here = {name for (name,) in project.select("select relname::text from pg_class where relkind = 'r'")}
    assert {listed[name] for name in here & set(listed)} == set(listed.values()) - {"licensing"}
    assert project.select(
        "select format_type(typbasetype, null) from pg_type where typname = 'fbs_user_id'", "licences"
    ) == [("uuid",)]
    project.manage("fbs", "check", "--all")
    project.do("let_and_give_up()")


APPROVALS_APART = {"default": {}, "approvals": {"COMPONENTS": ["approvals"]}}
ROUTING = """
from django.apps import apps
from django.db import migrations, models, router
from django.db.migrations.state import ProjectState
from fbs_app.models import ApprovalRequest, CustomField

class Later(models.Model):
    class Meta:
        app_label, db_table = "rentals", "dms_document"

class OfTheHosts(models.Model):
    class Meta:
        app_label, db_table = "rentals", "fbs_approval_responses"

one, other = ApprovalRequest(), CustomField()
assert router.db_for_read(ApprovalRequest) == router.db_for_write(ApprovalRequest) == "approvals"
assert router.db_for_read(CustomField) == router.db_for_write(CustomField) == "default"
assert router.db_for_write(OfTheHosts) == "approvals", "whichever app has the model"
assert router.db_for_write(Room) == "default"
assert router.db_for_write(Later) == "default"
assert router.allow_relation(ApprovalRequest(), OfTheHosts()) is True
assert not router.allow_relation(one, CustomField(pk=1)) or one._state.db == other._state.db

def allowed(alias, model, label="fbs_app"):
    return router.allow_migrate(alias, label, model_name=model._meta.model_name, model=model)

historical = ProjectState.from_apps(apps).apps
for alias in ("default", "approvals"):
    assert allowed(alias, ApprovalRequest) is (alias == "approvals")
    assert allowed(alias, OfTheHosts, "rentals") is (alias == "approvals")
    assert allowed(alias, CustomField) is (alias == "default")
    assert allowed(alias, historical.get_model("fbs_app", "ApprovalRequest")) is False
    assert allowed(alias, Room, "rentals") and allowed(alias, historical.get_model("rentals", "Room"), "rentals")
    for label in ("fbs_app", "fbs_dms", "fbs_license_manager"):
        assert router.allow_migrate(alias, label) is False, "what RunPython and RunSQL ask"
    assert router.allow_migrate(alias, "rentals") is True

user = Person.objects.create(username="asks")
user.save(using="approvals")  # this host has its users in both
ApprovalRequest.objects.create(title="t", description="", approval_type="other", requester_id=user.pk)
CustomField.objects.create(model_name="a.b", record_id=1, field_name="x", field_value="y")
assert ApprovalRequest.objects.get()._state.db == "approvals" and CustomField.objects.get()._state.db == "default"
"""


@pytest.mark.slow
def test_models_go_where_their_component_lives(version: str, make: Callable[..., Project]) -> None:
    """FBS's app, its models in two databases; then all of them move into one."""
    project = make(version, "approvals").having(
        apps=["fbs_app", "fbs_db.django"], fbs_db={**HOSTS, "SIGNALS": False, "DATABASES": APPROVALS_APART}
    )
    for alias in project.databases:
        project.manage("migrate", "--database", alias)
    project.do(ROUTING)
    placed, _ = json.JSONDecoder().raw_decode(project.run("-m", "fbs_db", "placement", "--json"))  # and what is logged
    assert {row["component"] for row in placed if row["database"] == "approvals"} == {"approvals", "base"}
    assert all("FBS_DB in Django's settings" in row["reason"] for row in placed if row["component"] != "base")
    project.manage("dumpdata", "fbs_app", "--database", "approvals", "--output", "there.json")
    project.manage("dumpdata", "fbs_app", "--output", "here.json")
    dumped = {
        name: {row["model"] for row in json.loads((project.directory / f"{name}.json").read_text())}
        for name in ("there", "here")
    }
    assert dumped == {"there": {"fbs_app.approvalrequest"}, "here": {"fbs_app.customfield"}}

    move = ("-m", "fbs_db", "placement", "move", "approvals", "--to", "default", "--yes")
    printed = project.run(*move)
    assert "add approvals to the COMPONENTS of 'default'" in printed
    assert project.select("select count(*) from fbs_approval_requests") == [(1,)]
    assert "Change DATABASES in" in project.run(*move), "as long as the settings say otherwise"
    places: dict[str, Any] = {"default": {}, "approvals": {"COMPONENTS": []}}
    changed = project.having(fbs_db={**HOSTS, "SIGNALS": False, "DATABASES": places})
    assert "lives in default already" in changed.run(*move, code=2)
    changed.manage("fbs", "check", "--all")
    changed.do(
        "from fbs_app.models import ApprovalRequest\nassert ApprovalRequest.objects.get()._state.db == 'default'"
    )


@pytest.mark.slow
def test_three_databases_through_a_hosts_life(version: str, make: Callable[..., Project]) -> None:
    """Users and most of FBS in one, rentals in another, licences in a third."""
    project = make(version, "rentals", "licences")
    places = {"default": {}, "rentals": {"COMPONENTS": []}, "licences": {"COMPONENTS": ["licensing"]}}
    three = project.having(fbs_db={**HOSTS, "DATABASES": places})

    # A host that was there before FBS came.
    for alias in project.databases:
        project.having(apps=[]).manage("migrate", "--database", alias)
    for alias in project.databases:
        three.manage("migrate", "--database", alias)
    for alias in project.databases:
        assert "no issues" in three.manage("check", "--database", alias)
    three.manage("fbs", "check", "--all")
    listed = {table["table"]: table["component"] for table in listed_tables()}
    held = {
        alias: {
            listed[name] for (name,) in project.select("select relname::text from pg_class", alias) if name in listed
        }
        for alias in project.databases
    }
    assert held == {"default": set(listed.values()) - {"licensing"}, "rentals": set(), "licences": {"licensing"}}

    three.do("let_and_give_up()")
    for options in ([], ["--parallel", "2"]):
        assert "OK (skipped=1)" in three.manage("test", "rentals", *options)
    assert "OK (skipped=1)" in three.having(without_migrations="yes").manage("test", "rentals")

    # A model gets another name.
    three.do("let(1)")
    rename_tenant(project)
    renamed = three.having(fbs_db={"HOSTS": {"rentals.Renter": {}, "rentals.Room": {}}, "DATABASES": places})
    for alias in project.databases:
        renamed.manage("migrate", "--database", alias)
    assert project.select("select request_data ->> 'model_name' from fbs_approval_requests") == [("rentals.renter",)]
    renamed.do("Tenant.objects.all().delete()\nassert set(fbs_rows()[0].values()) == {'cancelled'}")
    renamed.do("Person.objects.all().delete(); Location.objects.all().delete(); assert fbs_rows() == ({}, [])")
    renamed.do("let_and_give_up()")
    renamed.manage("fbs", "check", "--all")

    # The app goes, and the host stays.
    for alias in project.databases:
        url = project.server.url(project.databases[alias])
        project.having(apps=[]).run("-m", "fbs_db", "--database", url, "rollback", "--all", "--yes")
        assert project.select("select relname from pg_class where relname ~ '^fbs_'", alias) == []
        project.having(apps=[]).manage("migrate", "--database", alias, "--check")
    project.having(apps=[]).run("-c", "import django; django.setup()\nfrom rentals.models import *\nRenter().save()")


@pytest.mark.slow
def test_the_command_reads_djangos_settings(newest: Project) -> None:
    newest.migrated()
    assert newest.databases["default"] in newest.run("-m", "fbs_db", "url")
    newest.run("-m", "fbs_db", "check")
    broken = newest.having(apps=["nowhere"])
    assert "the host cannot be loaded: ModuleNotFoundError" in broken.run("-m", "fbs_db", "url", code=2)


@pytest.mark.slow
def test_the_guide_to_the_letter(make: Callable[..., Project], tmp_path: Path) -> None:
    project = replace(make(NEWEST), directory=tmp_path / "new")
    guide = PAGES["django"].read_text(encoding="utf-8")
    settings = next(block.text for block in blocks("django") if block.file == "settings.py")
    commands = re.findall(r"^\d\. `python (.*)`$", guide, re.MULTILINE)
    assert len(re.findall(r"^\d\. ", guide, re.MULTILINE)) < 10

    new = replace(project, directory=tmp_path)
    new.run("-m", "django", "startproject", "new", "--settings", "")
    for app, model in (("tenants", "Tenant"), ("rentals", "Room")):
        project.run("manage.py", "startapp", app)
        (project.directory / app / "models.py").write_text(
            f"from django.db import models\n\n\nclass {model}(models.Model):\n    name = models.TextField()\n"
        )
    with (project.directory / "new" / "settings.py").open("a") as file:
        file.write(
            "import json, os\n"
            'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql",'
            ' **json.loads(os.environ["HOST_DATABASES"])["default"]}}\n'
            'INSTALLED_APPS += ["tenants", "rentals"]\n' + settings
        )
    project.run("manage.py", "makemigrations", "tenants", "rentals")
    printed = [project.run(*command.split()) for command in commands]
    for said in (
        "  22 user columns of FBS tied to auth_user.",
        "  tenants_tenant attached to FBS as tenants.tenant.",
        "  rentals_room attached to FBS as rentals.room.",
    ):
        assert said in printed[0]
        assert said in guide
    assert printed[1] == "System check identified no issues (0 silenced).\n"
