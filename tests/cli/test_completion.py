"""Tab completes names, in each shell, and never disturbs."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from fbs_db import files
from fbs_db.cli import completion, main
from tests.support.connections import url_of
from tests.support.pages import blocks
from tests.support.roles import role
from tests.support.servers import GUARDED, Server

FBS_DB = Path(sys.executable).with_name("fbs-db")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine has names too."""
    monkeypatch.setattr(completion, "_PATIENCE", 30.0)


def names(*words: str, **variables: str) -> list[str]:
    """The names that complete the last word, as bash asks for them. Nothing else is printed."""
    result = CliRunner().invoke(main, [], prog_name="fbs-db", env={**asked(*words), **variables})
    assert (result.exit_code, result.stderr) == (0, "")
    return re.findall(r"^plain,(.+)$", result.stdout, re.MULTILINE)


def asked(*words: str) -> dict[str, str]:
    """The variables by which bash asks."""
    line = " ".join(["fbs-db", *words])
    return {"COMP_WORDS": line, "COMP_CWORD": str(len(words)), "_FBS_DB_COMPLETE": "bash_complete"}


def test_names_of_the_package_need_no_database() -> None:
    assert names("later") == ["later-names"]
    assert names("describe", "fbs_msme_k") == ["fbs_msme_kpis"]
    assert names("describe", "kp") == ["kpis"]
    assert names("settings", "keep_t") == ["keep_tokens"]
    assert names("purge", "tokens", "t") == []
    assert names("purge", "tok") == ["tokens"]
    assert names("accept", "0003_msme_models", "000") == [
        file.id for file in files.load() if file.id.startswith("000") and file.id != "0003_msme_models"
    ]
    assert names("rollback", "--to", "0003") == names("migrate", "--to", "0003") == ["0003_msme_models"]
    assert names("check", "--only", "ind") == ["index"]
    assert names("placement", "move", "ms") == ["msme"]
    assert names("help", "compl") == ["completion"]
    assert "FB020" in names("help", "FB0")


def test_names_of_the_configuration(pg18: Server, tmp_path: Path) -> None:
    Path("fbs-db.toml").write_text(
        f"[databases.default]\nurl = '{pg18.url()}'\n"
        "[databases.licences]\nurl = 'postgresql://app:geheim@db.example/app'\ncomponents = ['licensing']\n"
        f"[databases.each]\nurl = '{pg18.url('comp_{solution}_db')}'\ncomponents = ['dms']\nsolutions = '*'\n"
    )
    pg18.create("comp_acme_db")
    try:
        assert names("--database", "") == ["default", "licences", "comp_acme_db"]
        assert names("solutions", "drop", "") == ["acme"]
        assert names("placement", "move", "bi", "--to", "") == ["default", "licences", "each"]
        assert names("solutions", "drop", "--in", "") == ["each"]
    finally:
        pg18.drop("comp_acme_db")


def test_names_of_the_database(installed: psycopg.Connection) -> None:
    installed.execute(
        "create table auth_user (id int primary key); create schema shop; create table shop.sales (id int primary key);"
        'create table "two words" (id int); create table "a$(touch x)" (id int);'
        "select fbs_attach_host('shop.sales', 'shop.sale')"
    )
    installed.commit()
    url = url_of(installed)
    assert names("--database", url, "attach", "users", "") == ["auth_user", "shop.sales"]
    assert names("migrate", "--user-table", "au", DATABASE_URL=url) == ["auth_user"]
    assert names("--database", url, "detach", "host", "") == ["shop.sales"]
    assert names("--database", url, "cleanup", "sweep", "--model", "") == ["shop.sale"]
    assert "postgres" in names("--database", url, "grant", "p")
    assert names("--database", url, "--role", "postg") == ["postgres"]


def test_nothing_runs_in_a_database_that_somebody_made_for_its_name(pg18: Server) -> None:
    Path("fbs-db.toml").write_text(
        f"[databases.default]\nurl = '{pg18.url()}'\n"
        f"[databases.each]\nurl = '{pg18.url('comp_{solution}_db')}'\ncomponents = ['dms']\nsolutions = '*'\n"
    )
    evil = pg18.create("comp_evil_db")
    try:
        with role(pg18.admin, "fbs_comp_evil") as stranger, psycopg.connect(pg18.url(evil)) as connection:
            connection.execute(
                f"alter database {evil} owner to {stranger}; alter role {stranger} createdb;"
                "create view fbs_hosts as select 'ran'::text as host_table, 'ran' as model_name"
            )
            connection.commit()
            assert names("--database", evil, "detach", "host", "") == []
            connection.execute(f"alter database {evil} owner to postgres")
            connection.commit()
            assert names("--database", evil, "detach", "host", "") == ["ran"]
    finally:
        pg18.drop(evil)


def test_what_cannot_be_asked_has_no_names_and_holds_up_nobody(pg18: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "_PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert names("attach", "users", "", DATABASE_URL=f"postgresql://app@127.0.0.1:{port}/app") == []
        with silent.accept()[0] as asked_by:
            assert asked_by.recv(1000)
            asked_by.setblocking(False)
            with pytest.raises(BlockingIOError):  # the connection itself would wait for longer
                asked_by.recv(1)
    for url in ("nonsense", "postgresql://a@127.0.0.1:1/x", pg18.url(user=GUARDED), "postgresql://a:b@c@d/x"):
        assert names("--database", url, "attach", "users", "") == [], url
    Path("fbs-db.toml").write_text("[databases.default")
    assert names("--database", "") == names("attach", "users", "") == []


def test_no_server_is_started_and_settings_of_django_may_print(tmp_path: Path) -> None:
    assert names("attach", "users", "") == names("grant", "") == []
    assert not (tmp_path / ".fbs-db").exists()
    (tmp_path / "loud.py").write_text("print('loud'); raise SystemExit(3)")
    environment = {**os.environ, **asked("attach", "users", ""), "DJANGO_SETTINGS_MODULE": "loud"}
    done = subprocess.run([FBS_DB], env=environment, check=True, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("shell", [["bash", "-i"], ["zsh", "-i"], ["fish", "-i"]], ids=lambda words: words[0])
def test_the_guide_switches_it_on(shell: list[str], tmp_path: Path) -> None:
    if shutil.which(shell[0]) is None:
        (pytest.fail if os.environ.get("FBS_DB_TEST_EVERYTHING") else pytest.skip)(f"no {shell[0]} on this machine")
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{FBS_DB.parent}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb" if shell[0] != "fish" else "xterm",
    }
    for block in blocks("completion", shell[0]):
        subprocess.run(
            ["bash", "-ec", re.sub(r"^\$ ", "", block.text, flags=re.MULTILINE)], env=environment, check=True
        )
    ours, its = pty.openpty()
    words = ["setsid", "--ctty", *shell]
    process = subprocess.Popen(words, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    try:
        os.write(ours, b"echo be''gun\n")
        read_until(ours, "begun")
        os.write(ours, b"fbs-db describe kp\t")
        read_until(ours, r"kp.*?is")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, pattern: str, seconds: float = 30) -> None:
    """Read until the terminal shows this."""
    shown, end = "", time.monotonic() + seconds
    while not re.search(pattern, shown, re.DOTALL):
        assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], shown
        shown += os.read(terminal, 65536).decode(errors="replace")
