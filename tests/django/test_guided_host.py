"""A host by FBS's own guides: its router first, its apps with migrations, its receivers. ``tests/hosts/guided``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.guided import VERSIONS, Guided, guided
from tests.support.servers import Server
from tests.support.versions import NEWEST

APART: dict[str, Any] = {"DATABASES": {"default": {}, "licensing": {"COMPONENTS": ["licensing"]}}}
TABLES = "select relname::text from pg_class where relkind = 'r' and relname ~ '^fbs_' order by 1"


@pytest.fixture(scope="module", params=VERSIONS)
def host(request: pytest.FixtureRequest, pg18: Server) -> Iterator[Guided]:
    """The host, migrated."""
    with guided(request.param, pg18) as host:
        host.manage("migrate")
        yield host


@pytest.fixture
def newest(pg18: Server) -> Iterator[Guided]:
    """The host, not migrated yet, with two more databases."""
    with guided(NEWEST, pg18, "licensing", "replica") as host:
        yield host


# --- through the host's life


def test_migrate_with_a_router_of_fbs_in_front(host: Guided) -> None:
    assert "No migrations to apply." in host.manage("migrate")
    host.manage("migrate", "--check")
    applied = host.select("select app from django_migrations where app ~ '^fbs'")
    assert {app for (app,) in applied} == {"fbs_app", "fbs_license_manager"}
    assert ("fbs_app_extra",) in host.select(TABLES), "which is none of fbs-db's"
    assert not host.select("select from pg_constraint where conname ~ '_fk_'and conrelid::regclass::text ~ '^fbs_a'")
    answer = json.loads(host.manage("fbs", "check", "--json"))
    assert [finding["object"] for finding in answer["findings"]] == ["fbs_app_extra"]
    assert "no issues" in host.having(silenced=["fbs_db.W004", "fbs_db.I105"]).manage("check", "--database", "default")


def test_deletions_with_receivers_of_fbs(host: Guided) -> None:
    printed = host.do("from rentals.tests.test_life import *\ndelete_in_every_way()")
    assert "fbs_app.signals.cleanup_on_delete on pre_delete of rentals.Tenant failed, and the host goes on" in printed
    assert "fbs_app.signals.look_up_profile on post_delete of auth.User failed" in printed
    assert "fbs_app.signals.cleanup_in_silence on post_delete of rentals.Tenant left the transaction broken" in printed
    assert "approval request saved: other" in printed, "log lines of theirs remain"
    off = host.having(fbs_db={"HOSTS": {"rentals.Tenant": {}, "rentals.Location": {}}, "SIGNALS": True})
    assert "fails" in off.do(
        "from rentals.tests.test_life import *\nfrom django.db import Error\n"
        "try:\n    let(7)[1].delete()\nexcept Error:\n    print('fails')\n"
    )


@pytest.mark.slow
def test_djangos_test_runner(host: Guided) -> None:
    """Receivers, routers and deletions, in Django's own tests of the host."""
    host.manage("test", "rentals", "--keepdb")
    assert "OK" in host.manage("test", "rentals.tests.test_life", "--keepdb")


@pytest.mark.slow
def test_djangos_test_runner_in_parallel(host: Guided) -> None:
    assert "OK" in host.manage(
        "test", "rentals.tests.test_life", "rentals.tests.test_routers", "--parallel", "2", "--noinput"
    )


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pytest.ini", "--confcutdir", ".")
LIFE = "rentals/tests/test_life.py"


@pytest.mark.slow
def test_pytest_django(host: Guided) -> None:
    assert "4 passed" in host.run(*PYTEST, LIFE)


@pytest.mark.slow
def test_pytest_django_without_migrations(host: Guided) -> None:
    assert "4 passed" in host.run(*PYTEST, LIFE, "--nomigrations")


@pytest.mark.slow
def test_receivers_on_psycopg2(host: Guided) -> None:
    host.having(psycopg2="yes").manage("test", "rentals.tests.test_receivers", "--keepdb")


@pytest.mark.slow
def test_migrations_of_fbs_are_undone_without_our_tables(host: Guided) -> None:
    tables = host.select(TABLES)
    host.manage("migrate", "fbs_app", "zero")
    assert host.select(TABLES) == [name for name in tables if name != ("fbs_app_extra",)]
    host.manage("fbs", "check")
    host.manage("migrate")
    assert host.select(TABLES) == tables


# --- routers


def test_our_router_goes_first_where_the_setting_changes_before_and_after_djangos_own_receiver(host: Guided) -> None:
    """Django's receiver of the setting is connected when its test tools are first imported."""
    for order in ("import django.test", ""):
        environment = host.environment
        host.run(
            "-W",
            "error",
            "-c",
            f"{order}\nimport django\ndjango.setup()\n"
            "from django.db import router\nfrom django.test import override_settings\n"
            "from fbs_db.django.router import Router\n"
            "def kinds(): return [type(one).__name__ for one in router.routers]\n"
            "before = kinds()\nassert before == ['Router', 'FBSDatabaseRouter'], before\n"
            "with override_settings(DATABASE_ROUTERS=['host.routers.PrimaryReplica']):\n"
            "    assert kinds() == ['Router', 'PrimaryReplica'], kinds()\n"
            "assert kinds() == before, kinds()\n",
        )
        assert host.environment == environment


@pytest.mark.slow
def test_a_replica_is_read_from(newest: Guided) -> None:
    places = {
        "default": newest.place("default"),
        "licensing": newest.place("licensing"),
        "replica": newest.place("replica", TEST={"MIRROR": "default"}),
    }
    host = newest.having(databases=places, routers=["host.routers.PrimaryReplica"])
    host.manage("test", "rentals.tests.test_routers", "rentals.tests.test_receivers.Several")
    host.manage("migrate")
    mirrored = host.having(databases={**places, "replica": newest.place("default", TEST={"MIRROR": "default"})})
    mirrored.do("from rentals.tests.test_life import *\nlet(1)")
    dumped = mirrored.manage("dumpdata", "fbs_app", "fbs_license_manager", "--database", "replica")
    assert '"fbs_app.approvalrequest"' in dumped
    assert '"fbs_license_manager.solutionlicense"' in dumped


@pytest.mark.slow
def test_a_component_in_a_database_of_its_own(newest: Guided) -> None:
    host = newest.having(fbs_db=APART, routers=["fbs_app.routers.WithLicensing"])
    for alias in ("default", "licensing"):
        host.manage("migrate", "--database", alias)
        assert "W007" not in host.manage("check", "--database", alias)
    assert ("fbs_license_manager_solution_license",) in newest.select(TABLES, "licensing")
    assert ("fbs_license_manager_solution_license",) not in newest.select(TABLES)
    host.do("from rentals.tests.test_life import *\nlet(1)")
    assert newest.select("select count(*) from fbs_license_manager_solution_license", "licensing") == [(1,)]
    host.manage("fbs", "check", "--all", code=0)


@pytest.mark.slow
def test_routers_that_lead_elsewhere_are_reported(newest: Guided) -> None:
    host = newest.having(routers=["fbs_app.routers.WithLicensing"])
    printed = host.manage("check")
    assert (
        "(fbs_db.W007) DATABASE_ROUTERS send writes to database licensing for"
        " fbs_license_manager.SolutionLicense (licensing). FBS_DB places their tables in database default." in printed
    )
    assert "approvals" not in printed
    host.manage("migrate", "--database", "licensing")
    assert newest.select(TABLES, "licensing") == [("fbs_app_extra",)], "Django makes none of our tables there"
    for others in ({"fbs_db": APART}, {"routers": ["fbs_app.routers.FBSDatabaseRouter"]}):
        assert "W007" not in host.having(**others).manage("check")
    assert "W007" not in newest.having(routers=["host.routers.Undecided"]).manage("check")
    # Two names for one database are one.
    same = {alias: newest.place("default") for alias in ("default", "licensing", "replica")}
    assert "W007" not in host.having(databases=same).manage("check")


# --- receivers


@pytest.mark.slow
def test_the_check_says_what_becomes_of_receivers(newest: Guided) -> None:
    printed = newest.manage("check")
    assert (
        "(fbs_db.W004) fbs_app.signals: 5 receivers of FBS run under a guard. Most of FBS's receivers only log."
        " An exception in one is logged and does not reach the host." in printed
    )
    for said in (True, False):
        assert "W004" not in newest.having(fbs_db={"SIGNALS": said}).manage("check")
