"""Only the user whose server it is, and root, can connect to the embedded server, wherever it is."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from fbs_db.database import server
from tests.support.commands import run
from tests.support.servers import SYSTEM_USER
from tests.support.users import DAEMON, NEEDS_ROOT, NOBODY, python_as

CONNECT = "print(psycopg.connect(sys.argv[1]).execute('select current_user').fetchone()[0])"


ODD = "long " * 25 + ", '$(exit) %41 & ö"
EITHER = pytest.mark.parametrize("here", ["short", ODD], ids=["a short path", "too long for a socket"], indirect=True)


@pytest.fixture
def here(request: pytest.FixtureRequest, reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that every user may enter; its server is stopped at the end."""
    directory = reachable / getattr(request, "param", ODD)
    directory.mkdir()
    directory.chmod(0o755)
    monkeypatch.chdir(directory)
    yield directory
    os.chdir(directory)
    os.environ["SUDO_UID"] = f"{directory.stat().st_uid}"
    server.stop()
    del os.environ["SUDO_UID"]


def socket_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"


def refused_to(user: str, url: str, why: str) -> None:
    done = python_as(user, CONNECT, url, directory=Path("/"))
    assert done.returncode == 1, done.stdout
    assert why in done.stderr


@pytest.mark.slow
@NEEDS_ROOT
@EITHER
def test_of_roots_server(here: Path) -> None:
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("create role app login")
        connection.execute("alter system set listen_addresses = '*'")
        connection.execute("alter system set unix_socket_permissions = '0777'")
    assert server.stop()
    url = server.start()
    place = socket_of(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        owner = connection.execute("select current_setting('data_directory')").fetchone()
        assert owner == (f"{here}/.fbs-db/data",)
    psycopg.connect(url.replace("postgres@", "app@")).close()
    assert stat.S_IMODE(place.parent.stat().st_mode) == stat.S_IMODE(place.stat().st_mode) == 0o700
    refused_to(NOBODY, url, "Permission denied")
    # Even if somebody opens the directories, only root is let in.
    for path in (place.parent, here / ".fbs-db"):
        path.chmod(0o755)
    place.chmod(0o777)
    for role in ("postgres", "app"):
        for user in (NOBODY, SYSTEM_USER):
            refused_to(user, url.replace("postgres@", f"{role}@"), "Peer authentication failed")
    psycopg.connect(url).close()
    assert server.stop()
    assert place.parent.exists() == (place.parent == here / ".fbs-db" / "data")


@pytest.mark.slow
@NEEDS_ROOT
def test_of_a_plain_users_server(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.chown(here, NOBODY)
    started = python_as(NOBODY, "print(server.start())", directory=here)
    assert started.returncode == 0, started.stderr
    url = started.stdout.strip()
    assert python_as(NOBODY, CONNECT, url, directory=here).stdout == "postgres\n"
    place = socket_of(url)
    refused_to(DAEMON, url, "Permission denied")
    for path in (place.parent, here / ".fbs-db"):
        path.chmod(0o755)
    place.chmod(0o777)
    refused_to(DAEMON, url, "Peer authentication failed")
    assert "belongs to nobody" in run("url").stderr, "root has not typed sudo"
    monkeypatch.setenv("SUDO_UID", f"{pwd.getpwnam(NOBODY).pw_uid}")
    assert run("url").stdout.strip() == url
    assert run("server", "stop").exit_code == 0
    assert "Start it as nobody. Then root can use it." in run("migrate").stderr


@pytest.mark.slow
@NEEDS_ROOT
def test_the_server_sees_nothing_of_roots_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGPASSWORD", "s3cr3t-of-mine")
    monkeypatch.setenv("DJANGO_SECRET_KEY", "s3cr3t-of-mine")
    server.start()
    pid = server.status().pid
    try:
        assert b"s3cr3t" not in Path(f"/proc/{pid}/environ").read_bytes()
        groups = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Groups:")]
        assert groups == ["Groups:\t "]
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_no_link_in_its_directory_is_written_through(tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".fbs-db").mkdir()
    for name in ("log", ".gitignore", "pg_hba.conf", "pg_ident.conf", "pg_hba.conf.new"):
        (tmp_path / ".fbs-db" / name).symlink_to(victim) if link == "symlink" else os.link(
            victim, tmp_path / ".fbs-db" / name
        )
    assert run("server", "start").exit_code == 2
    assert victim.read_text() == "mine"
    (tmp_path / ".fbs-db" / "log").unlink()
    try:
        assert run("server", "start").exit_code == 0
        assert victim.read_text() == "mine"
        assert (victim.stat().st_uid, stat.S_IMODE(victim.stat().st_mode)) == (os.geteuid(), 0o644)
    finally:
        server.stop()
