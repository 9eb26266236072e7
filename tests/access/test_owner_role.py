"""FBS belongs to a role that does not log in; its members work as it by ``--role`` or by configuration."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.cleanup.reach import reaching
from fbs_db.database.session import open_session
from fbs_db.database.which import acting_as
from fbs_db.errors import FbsDbError, TargetError, UsageError
from tests.support.commands import run
from tests.support.connections import url_of
from tests.support.projects import HOSTS, Project
from tests.support.roles import role

OWNER, DEPLOY, OTHER = "fbs_role_owner", "fbs_role_deploy", "fbs_role_other"


@pytest.fixture
def owned(empty_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """An empty database, an owner that does not log in, a login that is its member and has nothing else of it."""
    connection = empty_everywhere
    with role(connection, OWNER, "nologin"), role(connection, DEPLOY, "login noinherit"), role(connection, OTHER):
        connection.execute(f"grant usage, create on schema public to {OWNER}; grant {OWNER} to {DEPLOY}".encode())
        connection.execute(
            "create table people (id int primary key); create table tenants (id int primary key);"
            f" grant select, references on people to {OWNER}; grant select, trigger on tenants to {OWNER}".encode()
        )
        connection.commit()
        yield connection


def as_role(connection: psycopg.Connection, name: str = DEPLOY) -> str:
    return url_of(connection, name)


def fbs(connection: psycopg.Connection, *words: str, role: str = OWNER, login: str = DEPLOY, code: int = 0) -> str:
    """What a command prints."""
    done = run("--database", as_role(connection, login), "--role", role, *words)
    assert done.exit_code == code, done.output
    return done.output


def owners(connection: psycopg.Connection) -> set[str]:
    """Who owns what is in the schema, but for the host's tables."""
    connection.rollback()
    query = """
        select relowner::regrole::text from pg_class
        where relnamespace = 'public'::regnamespace and relname ~ '^fbs_'
        union
        select proowner::regrole::text from pg_proc where pronamespace = 'public'::regnamespace
        """
    return {name for (name,) in connection.execute(query).fetchall()}


def test_a_whole_life(owned: psycopg.Connection) -> None:
    refused = run("--database", as_role(owned), "migrate")
    assert refused.exit_code == 2
    assert f"grant create on schema public to {DEPLOY}" in refused.output.replace('"', "")
    assert "Nothing" not in fbs(owned, "migrate", "--user-table", "people")
    assert owners(owned) == {OWNER}
    fbs(owned, "check")
    fbs(owned, "attach", "host", "tenants", "--model", "tenant")
    owned.execute("insert into tenants values (1), (2)")
    owned.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_type, field_value)"
        " values ('tenant', 1, 'a', 'char', 'b'), ('tenant', 2, 'a', 'char', 'b')"
    )
    owned.execute("delete from tenants where id = 1; update fbs_settings set value = 'queue' where name = 'cleanup'")
    owned.execute("delete from tenants where id = 2")
    owned.commit()
    fbs(owned, "cleanup", "retry")
    assert owned.execute("select count(*) from fbs_custom_fields").fetchone() == (0,)
    owned.execute("alter table fbs_kpis alter name drop not null")
    owned.commit()
    fbs(owned, "repair", code=1)
    assert "repaired" in fbs(owned, "repair", "--apply")
    fbs(owned, "check", "--data")
    assert owners(owned) == {OWNER}
    assert run("--database", url_of(owned), "detach", "host", "tenants").exit_code == 0  # which its owner does
    fbs(owned, "rollback", "--all", "--yes")
    assert owners(owned) == set()


def test_the_option_after_migrate_is_the_same(owned: psycopg.Connection) -> None:
    done = run("--database", as_role(owned), "migrate", "--role", OWNER, "--to", "0001")
    assert done.exit_code == 0, done.output
    assert owners(owned) == {OWNER}
    assert f"--role {OWNER} migrate" in fbs(owned, "status"), "commands in messages name it"
    shown = run("--database", as_role(owned), "migrate", "--role", OWNER, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert run("--database", as_role(owned), "migrate", "--role", OWNER).exit_code == 0
    assert run("--database", as_role(owned), "status").exit_code == 2, "the role was that of the command before"


def test_a_member_without_it_is_told_of_what_became_his(owned: psycopg.Connection) -> None:
    owned.execute(f"grant create, usage on schema public to {OTHER}; grant {OWNER} to {OTHER}".encode())
    owned.commit()
    fbs(owned, "migrate", "--to", "0031")
    done = run("--database", as_role(owned, OTHER), "migrate")
    assert done.exit_code == 0, done.output
    found = [one for one in fbs_db.check(as_role(owned, OTHER)).findings if one.kind == "owner"]
    assert {(one.severity, one.found) for one in found} == {("warning", OTHER)}
    assert fbs(owned, "repair", "--apply", login=OTHER)
    assert owners(owned) == {OWNER}


def test_psql_works_as_the_role(owned: psycopg.Connection, tmp_path: Path) -> None:
    where = as_role(owned)
    typed = ["select current_user, session_user", "reset role", "reset all", "select current_user"]
    options = [word for statement in typed for word in ("-c", statement)]
    printed = _in_process("--database", where, "--role", OWNER, "psql", "-Atq", *options)
    assert printed.splitlines() == [f"{OWNER}|{DEPLOY}", OWNER]


def _in_process(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fbs_db", *words], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


CONFIGURED = """
[databases.default]
env = "FBS_URL"
role = "{}"
"""


@pytest.mark.parametrize("words", [[], ["--role", OWNER]], ids=["configured", "option first"])
def test_the_configured_role_is_used_where_none_is_given(
    owned: psycopg.Connection, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("fbs-db.toml").write_text(CONFIGURED.format("fbs_role_nobody" if words else OWNER))
    monkeypatch.setenv("FBS_URL", as_role(owned))
    done = run(*words, "migrate")
    assert done.exit_code == 0, done.output
    assert owners(owned) == {OWNER}
    with open_session(None, None) if not words else open_session(None, None, role=OWNER) as session:
        assert session.select("select current_user::text") == [(OWNER,)]


def test_python_names_it_too(owned: psycopg.Connection) -> None:
    assert fbs_db.migrate(as_role(owned), role=OWNER).steps
    assert owners(owned) == {OWNER}


def unknown(owned: psycopg.Connection) -> tuple[str, str]:
    return "fbs_role_nobody", "There is no role fbs_role_nobody."


def not_granted(owned: psycopg.Connection) -> tuple[str, str]:
    owned.execute(f"revoke {OWNER} from {DEPLOY}".encode())
    return OWNER, f"{DEPLOY} may not work as role {OWNER}."


def without_set(owned: psycopg.Connection) -> tuple[str, str]:
    if owned.info.server_version < 160000:
        pytest.skip("PostgreSQL 16 brought the option")
    owned.execute(f"grant {OWNER} to {DEPLOY} with set false".encode())
    return OWNER, f"{DEPLOY} may not work as role {OWNER}."


@pytest.mark.parametrize("way", [unknown, not_granted, without_set])
def test_a_role_that_the_login_cannot_be_is_refused(
    owned: psycopg.Connection, way: Callable[[psycopg.Connection], tuple[str, str]]
) -> None:
    name, message = way(owned)
    owned.commit()
    for words in (["check"], ["migrate"], ["psql", "-c", "select 1"], ["cleanup", "retry"]):
        said = fbs(owned, *words, role=name, code=2)
        assert said.startswith(f"Error: {message}\n"), said
        statement = said.partition(": ")[2].partition(": ")[2].strip()
    owned.execute(statement.encode())
    owned.execute(f"revoke create on schema public from {OWNER}; grant create on schema public to {name}".encode())
    owned.commit()
    try:
        assert fbs_db.migrate(as_role(owned), role=name).steps
    finally:
        owned.execute(f"drop owned by {name} cascade".encode())
        if name != OWNER:
            owned.execute(f"drop role {name}".encode())
        owned.commit()


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_no_role_has_is_refused(empty: psycopg.Connection, name: str) -> None:
    with pytest.raises(UsageError), open_session(url_of(empty), None, role=name):
        pass


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("before", ["none", OTHER])
def test_a_lent_connection_gets_its_role_back(owned: psycopg.Connection, autocommit: bool, before: str) -> None:
    owned.execute(f"grant {OTHER} to {DEPLOY}; grant usage on schema public to {OTHER}".encode())
    owned.commit()
    with psycopg.connect(as_role(owned), autocommit=autocommit) as lent:
        lent.execute(f"set role {before}".encode())
        if not autocommit:
            lent.commit()
        assert fbs_db.migrate(lent, role=OWNER, to="0002").steps
        assert lent.execute("select current_setting('role')").fetchone() == (before,)
        with pytest.raises(TargetError):
            fbs_db.migrate(lent, role="fbs_role_nobody")
        with pytest.raises(TargetError):
            fbs_db.migrate(lent, role=OWNER, user_table="tenants_of_nobody")
        assert lent.execute("select current_setting('role')").fetchone() == (before,), "the transaction goes on"
        if not autocommit:
            lent.commit()
            assert lent.execute("select current_setting('role')").fetchone() == (before,)
    assert owners(owned) == {OWNER}


def test_a_connection_that_broke_is_opened_as_the_role_again(owned: psycopg.Connection) -> None:
    """As the worker does."""
    where = as_role(owned)
    with acting_as(OWNER), reaching("fbs-db tests", where, None) as reach:
        first = reach(where)
        owned.execute("select pg_terminate_backend(%s)", [first.connection.info.backend_pid])
        with suppress(psycopg.Error, FbsDbError):
            first.select("select 1")
        assert reach(where) is not first
        assert reach(where).select("select current_user::text, session_user::text") == [(OWNER, DEPLOY)]


@pytest.mark.slow
def test_django_migrates_as_the_configured_role(newest: Project) -> None:
    with (
        psycopg.connect(newest.server.url(newest.databases["default"])) as connection,
        role(connection, OWNER, "nologin"),
    ):
        connection.execute(
            f"grant usage, create on schema public to {OWNER};"
            f" alter default privileges grant select, references, trigger on tables to {OWNER}".encode()
        )
        connection.commit()
        project = newest.having(fbs_db={**HOSTS, "DATABASES": {"default": {"ROLE": OWNER}}})
        project.manage("migrate")
        assert owners(connection) == {OWNER}
        assert "no issues" in project.manage("check", "--database", "default")


# --- a superuser


def test_a_superuser_is_warned_at_the_first_installation(
    empty_everywhere: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "fbs_db"):
        fbs_db.migrate(url_of(empty_everywhere), to="0002")
        (said,) = [record.getMessage() for record in caplog.records]
        caplog.clear()
        fbs_db.migrate(url_of(empty_everywhere))
        assert caplog.records == []
    commands = said.splitlines()[1:]
    assert "belongs to postgres, a superuser" in said
    assert commands[0].endswith("rollback --all")
    assert commands[1].endswith(
        "psql -c 'create role fbs_owner nologin; grant usage, create on schema public to fbs_owner;'"
    )
    assert commands[2].endswith("--role fbs_owner migrate")


def test_other_owners_are_not_warned(owned: psycopg.Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fbs_db"):
        fbs_db.migrate(url_of(owned), role=OWNER)
        assert caplog.records == []


def test_what_the_warning_says_works(empty: psycopg.Connection) -> None:
    done = run("--database", url_of(empty), "migrate", "--json")
    assert done.exit_code == 0
    assert "superuser" not in done.stdout
    with role(empty, OWNER, "nologin"):
        empty.execute(f"grant usage, create on schema public to {OWNER}".encode())
        empty.commit()
        for words in (["rollback", "--all"], ["--role", OWNER, "migrate"], ["--role", OWNER, "check"]):
            done = run("--database", url_of(empty), *words)
            assert done.exit_code == 0, done.output
        assert owners(empty) == {OWNER}


def test_a_superuser_who_forgets_the_owner_is_told_of_it(owned: psycopg.Connection) -> None:
    done = run("--database", url_of(owned), "migrate")
    assert done.exit_code == 2
    assert f"Or, if {OWNER} is to own FBS, type: fbs-db --database " in done.output
    assert f" --role {OWNER} migrate\n" in done.output
    assert fbs(owned, "migrate", login="postgres")
    assert owners(owned) == {OWNER}
