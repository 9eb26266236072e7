"""A command works where the host's Django works; where it makes a server of its own, it says so and where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fbs_db.cli import main
from fbs_db.database import server
from tests.support.projects import Project


@pytest.fixture
def unsaid(newest: Project) -> Project:
    """A host with the app, that says nothing of FBS in its settings."""
    environment = {name: value for name, value in newest.environment.items() if name != "HOST_FBS_DB"}
    return replace(newest, environment=environment | {"HOST_SAYS_NOTHING_OF_FBS": "yes"})


@pytest.mark.parametrize("app", ["fbs_db.django", "fbs_db.django.apps.FbsDbConfig"])
def test_with_the_app_alone_a_command_works_on_djangos_default_database(unsaid: Project, app: str) -> None:
    host = unsaid.having(apps=[app])
    assert host.databases["default"] in host.run("-m", "fbs_db", "url")
    host.select("create table accounts_person (id uuid primary key)")
    assert host.databases["default"] in host.run("-m", "fbs_db", "migrate", "--json")
    assert host.select("select count(*) > 20 from fbs_migrations") == [(True,)]
    assert not (host.directory / ".fbs-db").exists()


def test_a_django_project_without_the_app_names_no_database(unsaid: Project) -> None:
    host = unsaid.having(apps=[])
    assert "No database is named" in host.run("-m", "fbs_db", "url", code=2)


def test_other_databases_of_the_host_are_named_by_their_alias(unsaid: Project) -> None:
    gone = replace(unsaid, databases={"default": "nowhere_at_all"})
    printed = gone.run("-m", "fbs_db", "migrate", code=2)
    assert 'database "nowhere_at_all" does not exist' in printed
    assert not (gone.directory / ".fbs-db").exists()


# --- the embedded server


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Path]:
    """An empty directory, whose server is stopped at the end."""
    yield tmp_path
    os.chdir(tmp_path)
    server.stop()


@pytest.mark.parametrize(
    ("words", "why"),
    [(["migrate", "--json"], "No database is named. "), (["server", "start", "--json"], ""), (["demo", "--json"], "")],
    ids=["migrate", "server-start", "demo"],
)
def test_an_embedded_server_that_is_made_is_told_once_with_its_place(stopped: Path, words: list[str], why: str) -> None:
    said = f"{why}An embedded PostgreSQL 18 was created, with its data in {stopped / '.fbs-db' / 'data'}.\n"
    first = CliRunner().invoke(main, words)
    assert first.exit_code == 0, first.output
    assert first.stderr == said
    json.loads(first.stdout)
    CliRunner().invoke(main, ["server", "stop"])
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 0, again.output
    assert again.stderr == "", "it was there"
