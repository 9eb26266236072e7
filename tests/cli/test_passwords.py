"""A password is printed by no command, wherever it was typed, and shown to nobody else on the machine."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.database import which
from fbs_db.database.config import DatabaseConfig
from fbs_db.errors import FbsDbError
from fbs_db.redaction import ConnectionString, redacted
from tests.support.commands import on, run
from tests.support.connections import Connect, url_of
from tests.support.servers import with_password

SECRET = "s3cr3t-of-mine"
URL = f"postgresql://me:{SECRET}@h/d"


@pytest.mark.parametrize(
    "words",
    [
        [URL],
        ["migrate", URL],
        ["status", "--schema", "pg_" + URL],
        ["migrate", "--to", URL],
        ["describe", URL],
        ["check", "--only", URL],
        ["placement", "move", "msme", "--to", URL],
        ["placement", "drop", "msme", "--from", URL],
        ["docs", "--html", URL],
        ["server", "start", f"password={SECRET}"],
    ],
    ids=" ".join,
)
def test_a_url_in_the_wrong_place_is_quoted_without_its_password(
    installed: psycopg.Connection, words: list[str]
) -> None:
    for options in ([], ["--json"]):
        result = on(installed, *words, *options)
        assert result.exit_code != 0
        assert SECRET not in result.output


def test_the_settings_of_a_project_are_shown_without_passwords() -> None:
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{URL}"\nuser_key_type = "{URL}"\n')
    assert SECRET not in run("status").output
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{URL}"\n')
    shown = run("placement")
    assert shown.exit_code == 0
    assert "postgresql://me@h/d" in shown.stdout
    for text in (URL, f"host=h password='{SECRET} x'", f"host=h {SECRET}", SECRET, f"postgresql://me:x/{SECRET}@h/d"):
        config = DatabaseConfig(url=text)
        assert config.connection_string() == text
        assert SECRET not in repr([config, config.connection_string()])
    assert SECRET not in repr(which.resolve())
    assert "'postgresql://me:***@h/d'" in repr(DatabaseConfig(url=URL))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (URL, "postgresql://me:***@h/d"),
        (f"no connection to '{URL}', nor to mysql://x:{SECRET}@h:1", "no connection to 'postgresql://me:***@h/d',"),
        (f"postgresql://me:a b {SECRET}@h/d", "postgresql://me:***@h/d"),
        (f"postgresql://me:a@b/{SECRET}@h/d", "postgresql://me:***@h/d"),
        (f"host=h password={SECRET} port=1", "host=h password=*** port=1"),
        (f"password = 'it\\'s {SECRET}' port=1", "password = *** port=1"),
        (f"sslpassword={SECRET}", "sslpassword=***"),
        (f"{{'PASSWORD': '{SECRET}', 'HOST': 'h'}}", "{'PASSWORD': ***, 'HOST': 'h'}"),
        (f"alter role me encrypted password E'it''s {SECRET}'; commit", "alter role me encrypted password ***; commit"),
        (f"create role me password '{SECRET}-cut of", "create role me password ***"),
        ("column fbs_odoo_databases.password: its type is", "column fbs_odoo_databases.password: its type is"),
        ("postgresql://user@host:5432/database", "postgresql://user@host:5432/database"),
        ("Check the password (PGPASSWORD, or a line in ~/.pgpass).", "Check the password (PGPASSWORD, or a line"),
        ('password authentication failed for user "me"', 'password authentication failed for user "me"'),
    ],
)
def test_a_password_is_left_out_of_any_text(text: str, shown: str) -> None:
    assert redacted(text).startswith(shown)
    assert SECRET not in redacted(text)
    assert SECRET not in str(FbsDbError(text, hint=text)) + json.dumps(FbsDbError(text, hint=text).as_dict())


def test_a_bug_is_told_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError(f"cannot read {URL}")

    monkeypatch.setattr(fbs_db, "status", broken)
    for words in (["status"], ["-v", "status"], ["status", "--json"]):
        result = run(*words)
        assert result.exit_code == 2
        assert "cannot read postgresql://me:***@h/d" in result.output
        assert SECRET not in result.output
        assert ("Traceback" in result.stderr) == ("-v" in words)


def test_another_session_that_sets_a_password_is_told_without_it(
    installed: psycopg.Connection, second: Connect
) -> None:
    other = second(installed)
    with other.transaction():
        other.execute("alter table fbs_kpis add check (true)")
        other.execute(f"select 'alter role me password ''{SECRET}'''")
        result = on(installed, "rollback", "--all", "--yes")
    assert result.exit_code == 2
    assert f"process {other.info.backend_pid}" in result.stderr
    assert SECRET not in result.output


@pytest.mark.parametrize("spoilt", ["name = null", "uuid = null, name = repeat('x', 100)"])
def test_a_row_that_is_refused_is_not_printed(installed: psycopg.Connection, sql_copy: Path, spoilt: str) -> None:
    installed.execute(
        "insert into fbs_odoo_databases (name, host, username, password) values ('a', 'h', 'me', %s)", (SECRET,)
    )
    installed.commit()
    (sql_copy / "0099_bad.sql").write_text(f"-- component: discovery\nupdate fbs_odoo_databases set {spoilt};\n")
    with pytest.raises(FbsDbError) as refused:
        fbs_db.migrate(url_of(installed), directory=sql_copy)
    assert "0099_bad.sql, line 2: " in str(refused.value)
    assert SECRET not in str(refused.value)


def test_ps_shows_no_password_of_psql(installed: psycopg.Connection) -> None:
    url = with_password(url_of(installed), SECRET)
    words = ["psql", "-c", "\\! tr '\\0' ' ' < /proc/$PPID/cmdline; echo; echo \"has $PGPASSWORD\""]
    done = subprocess.run(
        [sys.executable, "-m", "fbs_db", "--database", url, *words], check=True, capture_output=True, text=True
    )
    arguments, environment = done.stdout.splitlines()
    assert "psql -d " in arguments
    assert SECRET not in arguments
    assert environment == f"has {SECRET}"


def test_psql_is_given_no_secret_that_only_its_arguments_could_hold(installed: psycopg.Connection) -> None:
    result = run("--database", f"{url_of(installed)}&sslpassword={SECRET}", "psql", "-c", "select 1")
    assert result.exit_code == 2
    assert "psql takes sslpassword as an argument only, and ps would show it" in result.stderr
    assert "--database service=NAME psql" in result.stderr
    assert SECRET not in result.output


def test_very_verbose_is_of_our_statements_only(installed: psycopg.Connection) -> None:
    level = logging.getLogger().level
    assert on(installed, "-vv", "status").exit_code == 0
    assert logging.getLogger().level == level
    assert not logging.getLogger("django.db.backends").isEnabledFor(logging.DEBUG)


def test_a_connection_string_is_a_text_like_any() -> None:
    assert ConnectionString(URL) == URL
    assert f"{ConnectionString(URL)}" == URL
