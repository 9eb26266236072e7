"""What another user puts in our way decides nothing: a server, a project's file, Python modules."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

import pytest

from fbs_db.database import project, server
from fbs_db.errors import UsageError
from tests.support.commands import run
from tests.support.users import NEEDS_ROOT, NOBODY, as_user

TOML = '[databases.default]\nurl = "postgresql://planted/d"\n'
pytestmark = NEEDS_ROOT


@pytest.fixture
def deep(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of ours, below one in which everybody can create files."""
    reachable.chmod(0o1777)
    directory = reachable / "deep" / "down"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


def give(path: Path, user: str = NOBODY) -> None:
    """Make a file, a directory or a symbolic link a user's."""
    os.chown(path, pwd.getpwnam(user).pw_uid, -1, follow_symlinks=False)


def plant(kind: str, above: Path) -> Path:
    """Put a .fbs-db there, all or part of which is another user's."""
    place = above / ".fbs-db"
    if kind == "link":
        (above / "ours" / "data").mkdir(parents=True)
        place.symlink_to(above / "ours")
    else:
        (place / "data").mkdir(parents=True)
    (place / "data" / "PG_VERSION").write_text("18\n")
    # A server of his: whoever connects sends it the password in PGPASSWORD.
    lines = [f"{os.getpid()}", f"{place}/data", "1", "5432", "/home/his", "", "1 1", "ready"]
    (place / "data" / "postmaster.pid").write_text("\n".join(lines))
    give(place / "data" if kind == "data" else place)
    return place / "data" if kind == "data" else place


@pytest.mark.parametrize("kind", ["directory", "link", "data"])
def test_a_server_in_a_directory_above_is_refused(deep: Path, kind: str) -> None:
    planted = plant(kind, deep.parent.parent)
    for words in (["migrate"], ["status"], ["url"], ["demo"], ["server", "start"], ["server", "stop"]):
        result = run(*words)
        assert result.exit_code == 2
        assert f"Error: {planted} belongs to {NOBODY}; no other user can use the server in it." in result.stderr
        assert f"Go on as {NOBODY}. Or type, in a directory of your own: mkdir .fbs-db" in result.stderr
    (deep / ".fbs-db").mkdir()
    assert server.data_directory() == deep / ".fbs-db" / "data"


def test_who_typed_sudo_is_known_to_root_alone(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant("directory", deep.parent.parent)
    monkeypatch.setenv("SUDO_UID", f"{pwd.getpwnam(NOBODY).pw_uid}")
    assert server.data_directory() == deep.parent.parent / ".fbs-db" / "data"
    shutil.rmtree(deep.parent.parent / ".fbs-db")
    (deep / ".fbs-db").mkdir()
    monkeypatch.setenv("SUDO_UID", "0")
    with as_user(NOBODY):
        assert "belongs to root" in run("url").stderr


def test_another_users_current_directory_is_refused(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after sudo -u in root's home: what it has to say of the database is unknown."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/d")
    deep.chmod(0o700)
    with as_user(NOBODY):
        result = run("url")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: The current directory cannot be read: Permission denied.\nGo to ")


def test_a_directory_above_that_cannot_be_read_is_no_error(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep.parent.chmod(0o700)
    with as_user(NOBODY):
        assert run("server", "status").exit_code == 0


@pytest.mark.parametrize("name", ["fbs-db.toml", "pyproject.toml"])
@pytest.mark.parametrize("link", [False, True], ids=["a file", "a link"])
def test_a_file_that_somebody_put_where_all_may_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, link: bool
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.chdir(shared)
    text = TOML if name == "fbs-db.toml" else TOML.replace("[databases", "[tool.fbs-db.databases")
    file = shared / name
    if link:
        (tmp_path / "ours.toml").write_text(text)
        file.symlink_to(tmp_path / "ours.toml")
    else:
        file.write_text(text)
    assert run("url").stdout == "postgresql://planted/d\n", "it is ours"
    give(file)
    for words in (["url"], ["placement"], ["migrate"]):
        result = run(*words)
        assert result.exit_code == 2
        assert f"{file} belongs to {NOBODY}, and neither to you nor to the owner of its directory." in result.stderr
        assert f"sudo chown root {file}" in result.stderr
    give(shared)
    assert run("url").stdout == "postgresql://planted/d\n", "whoever works in his directory trusts him"
    file.unlink()
    file.write_text("[tool.black]\n" if name == "pyproject.toml" else "")
    give(file)
    assert project.configuration().source in ("", str(file))


def test_modules_are_not_loaded_from_where_all_may_put_them(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (deep / "planted_settings.py").write_text("raise SystemExit('planted')")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "planted_settings")
    deep.chmod(0o1777)
    with pytest.raises(UsageError, match="every user of this machine can put modules into") as refused:
        project.configuration()
    assert refused.value.hint.startswith(f"Type: chmod o-w {deep}")
