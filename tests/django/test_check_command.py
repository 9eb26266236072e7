"""``manage.py check --database``, which a pipeline runs, and ``migrate``, which runs the same checks itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fbs_db import files
from tests.support.guided import VERSIONS, Guided, guided
from tests.support.servers import Server

APART: dict[str, Any] = {"DATABASES": {"default": {}, "licensing": {"COMPONENTS": ["licensing"]}}}
#: An app before ours whose migrate is Django's own, and runs the checks first.
REPLACED = ["replaced"]
FIRST = 'HINT: Put "fbs_db.django" before "replaced" in INSTALLED_APPS.'


@pytest.fixture(params=VERSIONS)
def host(request: pytest.FixtureRequest, pg18: Server) -> Iterator[Guided]:
    """The host with two databases, neither migrated."""
    with guided(request.param, pg18, "licensing") as host:
        yield host.having(silenced=["fbs_db.W004", "fbs_db.I105"])


@pytest.mark.slow
def test_an_empty_database_fails_the_check_and_is_migrated(host: Guided) -> None:
    for words in ((), ("--deploy",), ("--tag", "database"), ("--fail-level", "CRITICAL")):
        printed = host.manage("check", "--database", "default", *words, code=1 if "CRITICAL" not in words else 0)
        assert "(fbs_db.E101) FBS in default: migration public: not installed" in printed
        assert "HINT: python manage.py migrate --database default" in printed
    assert "E101" not in host.manage("check"), "nobody asked for databases"
    host.manage("migrate")
    assert "no issues" in host.manage("check", "--database", "default", "--fail-level", "WARNING")


@pytest.mark.slow
def test_each_database_of_the_settings_is_looked_at(host: Guided) -> None:
    apart = host.having(fbs_db=APART)
    apart.manage("migrate")
    assert "no issues" in apart.manage("check", "--database", "default")
    both = apart.manage("check", "--database", "default", "--database", "licensing", code=1)
    assert "(fbs_db.E101) FBS in licensing: migration public: not installed" in both
    apart.manage("migrate", "--database", "licensing")
    assert "no issues" in apart.manage("check", "--database", "default", "--database", "licensing")
    gone = apart.having(databases={"default": host.place("default"), "licensing": host.place("default", NAME="gone")})
    assert "(fbs_db.E005) FBS in licensing could not be checked" in gone.manage(
        "check", "--database", "licensing", code=1
    )
    assert "E005" not in gone.manage("check", "--database", "default")
    assert "fbs_db" not in host.manage("check", "--database", "licensing"), "in which FBS has no part"


@pytest.mark.slow
def test_a_file_that_is_pending_fails_the_check_and_is_applied(host: Guided) -> None:
    host.manage("migrate")
    host.run("-m", "fbs_db", "rollback", "--yes")
    last = files.load()[-1].id[:4]
    assert f"(fbs_db.E101) FBS in default: migration {last}" in host.manage("check", "--database", "default", code=1)
    host.manage("migrate")
    host.manage("check", "--database", "default")


def test_a_database_that_is_not_reached_fails_the_check(host: Guided) -> None:
    for place in ({"NAME": "gone"}, {"PORT": "1"}, {"USER": "nobody"}):
        gone = host.having(databases={"default": host.place("default", **place)})
        printed = gone.manage("check", "--database", "default", code=1)
        assert "(fbs_db.E005) FBS in default could not be checked" in printed


@pytest.mark.slow
def test_the_migrate_of_another_app_goes_on_and_is_told(host: Guided) -> None:
    other = host.having(first=REPLACED)
    printed = other.manage("check", "--database", "default")
    assert "(fbs_db.W101) FBS in default: migration public: not installed" in printed
    assert "(fbs_db.W006) FBS in default: errors are shown as warnings" in printed
    assert FIRST in printed
    printed = other.manage("migrate")
    assert "The command of another app." in printed
    assert "tied to auth_user" in printed
    assert "no issues" in other.manage("check", "--database", "default")
    gone = other.having(databases={"default": host.place("default", NAME="gone")})
    printed = gone.manage("check", "--database", "default")
    assert "(fbs_db.W005) FBS in default could not be checked" in printed
    assert FIRST in printed


@pytest.mark.slow
def test_what_the_migrate_of_another_app_mends_does_not_stop_it(host: Guided) -> None:
    other = host.having(first=REPLACED)
    other.manage("migrate")
    host.select("alter table rentals_tenant disable trigger fbs_cleanup_delete")
    assert "(fbs_db.E122)" in host.manage("check", "--database", "default", code=1)
    assert "(fbs_db.W122)" in other.manage("check", "--database", "default")
    other.manage("migrate")
    assert "no issues" in host.manage("check", "--database", "default")
    host.select("drop index fbs_approval_responses_responder_id_idx")
    printed = other.manage("check", "--database", "default", code=1)
    assert "(fbs_db.E110)" in printed
    assert "W006" not in printed


@pytest.mark.slow
def test_models_without_migrations_under_the_migrate_of_another_app(host: Guided) -> None:
    """Quoted names of tables are not found among those that are there."""
    other = host.having(first=REPLACED, without_migrations="yes")
    other.manage("migrate", "--run-syncdb")
    assert host.select("select to_regclass('fbs_app_extra') is not null") == [(True,)]
    assert "no issues" in other.manage("check", "--database", "default")


@pytest.mark.slow
def test_the_migrate_of_another_app_that_is_ours(host: Guided) -> None:
    ours = host.having(first=["inherits"])
    assert "(fbs_db.E101)" in ours.manage("check", "--database", "default", code=1)
    assert "The command of another app." in ours.manage("migrate")
    ours.manage("check", "--database", "default")
