"""Files are written in one step, with their mode from the first moment, and through no link of another user."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import fbs_db
from fbs_db.database import project
from fbs_db.errors import UsageError
from fbs_db.own_files import opened_directory, replace_file
from tests.support.users import NEEDS_ROOT, NOBODY, as_user

TOML = '[databases.default]\nurl = "postgresql://me:secret@h/d"\n[databases.b]\nurl = "service=b"\ncomponents = []\n'


@pytest.fixture
def shared(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which everybody can create files."""
    directory = reachable / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    monkeypatch.chdir(directory)
    return directory


def link(path: Path, target: Path | str, user: str = NOBODY) -> None:
    path.symlink_to(target)
    os.chown(path, pwd.getpwnam(user).pw_uid, -1, follow_symlinks=False)


def rewrite(directory: Path) -> None:
    project.rewrite_components("msme", "default", "b", directory)


# --- through links


@NEEDS_ROOT
@pytest.mark.parametrize("dangling", [False, True])
def test_no_file_is_written_through_another_users_link(shared: Path, tmp_path: Path, dangling: bool) -> None:
    victim = tmp_path / "victim"
    if not dangling:
        victim.write_text("mine")
    link(shared / "out.html", victim)
    link(shared / "out", tmp_path)
    for path in (shared / "out.html", shared / "out" / "victim"):
        with pytest.raises(UsageError, match=f"The symbolic link .* belongs to {NOBODY}") as refused:
            replace_file(path, b"new")
        assert "without the link" in refused.value.hint
    assert victim.exists() is not dangling
    assert dangling or victim.read_text() == "mine"
    with as_user(NOBODY), pytest.raises(PermissionError):
        replace_file(shared / "out.html", b"new")


def test_our_own_links_lead_on(shared: Path, reachable: Path) -> None:
    tmp_path = reachable
    (tmp_path / "real").mkdir()
    (shared / "relative").symlink_to("../real")
    (shared / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "link.html").symlink_to("../real/out.html")
    for number, path in enumerate((shared / "relative", shared / "absolute", Path("relative/../real"))):
        replace_file(path / "link.html", b"%d" % number)
        assert (tmp_path / "real" / "out.html").read_bytes() == b"%d" % number
    assert (tmp_path / "real" / "link.html").is_symlink()
    (shared / "round").symlink_to("round")
    with pytest.raises(OSError, match="Too many levels"):
        replace_file(shared / "round", b"")
    with pytest.raises(FileNotFoundError):
        replace_file(shared / "nowhere" / "out.html", b"")


@NEEDS_ROOT
def test_a_link_of_the_owner_of_its_directory_leads_plain_users_on(reachable: Path, shared: Path) -> None:
    releases = reachable / "releases"
    releases.mkdir()
    releases.chmod(0o777)
    link(shared / "current", releases, "daemon")
    os.chown(shared, pwd.getpwnam("daemon").pw_uid, -1)
    with as_user(NOBODY):
        replace_file(shared / "current" / "out.html", b"new")
    with pytest.raises(UsageError, match="belongs to daemon"):
        replace_file(shared / "current" / "out.html", b"newer")


def test_a_hard_link_is_replaced_and_its_other_name_is_left_alone(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    os.link(tmp_path / "victim", shared / "out.html")
    replace_file(shared / "out.html", b"new")
    assert (tmp_path / "victim").read_text() == "mine"
    assert (shared / "out.html").read_text() == "new"


@NEEDS_ROOT
def test_a_link_that_waits_for_the_temporary_file_of_the_toml_catches_nothing(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    Path("fbs-db.toml").write_text(TOML)
    link(shared / ".fbs-db.toml.new", tmp_path / "victim")
    rewrite(shared)
    assert (tmp_path / "victim").read_text() == "mine"
    assert '["msme"]' in Path("fbs-db.toml").read_text()


@NEEDS_ROOT
def test_files_are_purged_through_no_link_of_another_user(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "x").touch()
    (shared / "media").symlink_to(tmp_path / "media")
    remove = fbs_db.remover(shared / "media")
    (shared / "media").unlink()
    link(shared / "media", tmp_path / "media")
    for attempt in (lambda: remove("x"), lambda: fbs_db.remover(shared / "media")):
        with pytest.raises(UsageError, match=f"link media belongs to {NOBODY}"):
            attempt()
    assert (tmp_path / "media" / "x").exists()


def test_devices_and_pipes_are_written_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    replace_file(Path("/dev/stdout"), b"shown")
    assert capfd.readouterr().out == "shown"
    replace_file(Path("/dev/null"), b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    replace_file(tmp_path / "pipe", b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


# --- its mode


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int, int]]:
    """The mode, owner and size that the temporary file has at each step."""
    seen: list[tuple[str, int, int, int]] = []

    def watched(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def watching(*arguments: object, **options: object) -> object:
            before = os.umask(0)
            answer = real(*arguments, **options)
            os.umask(before)
            for path in Path().glob(".fbs-db-*.new"):
                state = path.stat()
                seen.append((name, stat.S_IMODE(state.st_mode), state.st_uid, state.st_size))
            return answer

        return watching

    for name in ("open", "fchown", "fchmod", "fsync"):
        monkeypatch.setattr(os, name, watched(name))
    return seen


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_rewritten_toml_keeps_its_mode_at_every_moment(
    shared: Path, moments: list[tuple[str, int, int, int]], mode: int
) -> None:
    file = shared / "fbs-db.toml"
    file.write_text(TOML)
    file.chmod(mode)
    user = pwd.getpwnam(NOBODY).pw_uid if os.geteuid() == 0 else os.geteuid()
    os.chown(shared, user, -1)
    os.chown(file, user, -1)
    rewrite(shared)
    assert [name for name, *_ in moments if name in ("open", "fchown", "fchmod", "fsync")]
    assert all(found & ~(mode | 0o600) == 0 for _, found, _, _ in moments)
    assert {(found, owner) for _, found, owner, size in moments if size} == {(mode, user)}
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_uid) == (mode, user)
    assert [path.name for path in shared.iterdir()] == ["fbs-db.toml"]


@NEEDS_ROOT
def test_another_group_does_not_get_the_rights_of_one_that_cannot_be_kept(shared: Path) -> None:
    file = shared / "out.html"
    file.write_text("old")
    file.chmod(0o664)
    nobody = pwd.getpwnam(NOBODY)
    os.chown(file, nobody.pw_uid, 0)
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(nobody.pw_gid)
    try:
        with as_user(NOBODY):
            replace_file(file, b"new")
    finally:
        os.setegid(group)
        os.setgroups(groups)
    assert (file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (nobody.pw_gid, 0o604)


def test_a_new_file_has_the_mode_of_the_umask_and_a_failed_one_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "new", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "new", b"y")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new").read_bytes() == b"x"


def test_a_directory_is_opened_and_closed(tmp_path: Path) -> None:
    with opened_directory(tmp_path) as number:
        assert os.listdir(number) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    with pytest.raises(NotADirectoryError), opened_directory(Path("/dev/null")):
        pass
