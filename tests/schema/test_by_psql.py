"""The files run by psql, and the search path of sessions that run them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.version import __version__
from tests.support.connections import url_of
from tests.support.roles import role
from tests.support.servers import find_binaries

APP = "fbs_of_app"
#: The functions and the paths they have, but for those whose names PostgreSQL resolved when they were made,
#: and those that name nothing a path could change.
PATHS = """
select f.proname || '(' || oidvectortypes(f.proargtypes) || ')', array_to_string(f.proconfig, '; ')
from pg_proc as f
where f.proname ~ '^fbs_' and f.proname not in ('fbs_touch', 'fbs_touch_last_updated') and f.prosqlbody is null
"""
#: The functions that change something and may be called by others than their owner.
OPEN = """
select f.proname
from pg_proc as f
cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
where
    f.proname ~ '^fbs_' and f.provolatile = 'v' and f.prorettype <> 'trigger'::regtype and g.grantee <> f.proowner
"""
CLOSED = """
select f.proname
from pg_proc as f
where
    f.proname ~ '^fbs_'
    and (f.provolatile <> 'v' or f.prorettype = 'trigger'::regtype and not f.prosecdef)
    and not has_function_privilege('fbs_of_app', f.oid, 'execute')
"""


def psql(connection: psycopg.Connection, *options: str | Path) -> subprocess.CompletedProcess[str]:
    binaries = find_binaries(connection.info.server_version // 10000)
    assert binaries
    command = [binaries / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, url_of(connection)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run_by_psql(connection: psycopg.Connection) -> None:
    for file in files.load():
        done = psql(connection, "-f", file.path)
        assert (done.returncode, done.stderr) == (0, ""), file.id


@pytest.fixture
def app(empty_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """An empty database, where default privileges let a role call every function."""
    with role(empty_everywhere, APP):
        empty_everywhere.execute(f"alter default privileges grant execute on functions to {APP}".encode())
        empty_everywhere.execute(f"alter default privileges grant execute on functions to {APP} with grant option")
        empty_everywhere.commit()
        yield empty_everywhere


def test_files_run_by_psql_make_what_a_migration_makes(empty_everywhere: psycopg.Connection) -> None:
    connection = empty_everywhere
    run_by_psql(connection)
    odd = [name for name, path in connection.execute(PATHS) if "search_path=public, pg_temp" not in (path or "")]
    assert odd == []
    assert connection.execute(OPEN).fetchall() == []
    for file in files.load():
        connection.execute(
            "insert into fbs_migrations (migration_id, checksum, fbs_db_version) values (%s, %s, %s)",
            (file.id, file.checksum, __version__),
        )
    connection.commit()
    report = fbs_db.check(url_of(connection))
    assert [one for one in report.findings if one.severity != "note" or one.kind == "right"] == []
    # The files that undo them run there, too.
    for file in reversed(files.load()):
        done = psql(connection, "-f", file.rollback_path)
        assert (done.returncode, done.stderr) == (0, ""), file.id


def test_the_schema_is_the_first_of_the_search_path(empty: psycopg.Connection) -> None:
    empty.execute("""create schema "My ""Suite" """)
    empty.commit()
    for file in files.load()[:2]:
        done = psql(empty, "-c", """set search_path = nowhere, "My ""Suite", public""", "-f", file.path)
        assert (done.returncode, done.stderr) == (0, "")
    assert {path for _, path in empty.execute(PATHS)} == {"""search_path="My ""Suite", pg_temp"""}


def test_a_search_path_without_a_schema_is_an_error(empty: psycopg.Connection) -> None:
    first = files.load()[0]
    done = psql(empty, "-c", "set search_path = nowhere", "-f", first.path)
    assert "no schema of the search_path exists" in done.stderr
    assert "set search_path = NAME;" in done.stderr
    assert empty.execute("select from pg_class where relname ~ '^fbs_'").fetchall() == []


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("own", ["", "set search_path = pg_catalog, public"])
def test_a_lent_connection_keeps_its_search_path(empty: psycopg.Connection, autocommit: bool, own: str) -> None:
    if own:
        empty.execute(own.encode())
        empty.commit()
    before = empty.execute("show search_path").fetchone()
    empty.rollback()
    empty.autocommit = autocommit
    fbs_db.migrate(empty)
    assert empty.execute("show search_path").fetchone() == before
    empty.commit()
    assert empty.execute("show search_path").fetchone() == before
    fbs_db.rollback(empty, everything=True)
    empty.commit()
    assert empty.execute("show search_path").fetchone() == before


@pytest.mark.parametrize("by", ["migrate", "psql"])
def test_default_privileges_open_no_function_that_changes_something(app: psycopg.Connection, by: str) -> None:
    if by == "psql":
        run_by_psql(app)
    else:
        fbs_db.migrate(url_of(app))
    assert app.execute(OPEN).fetchall() == []
    assert app.execute(CLOSED).fetchall() == []
    app.execute(f"set role {APP}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for function fbs_purge"):
        app.execute("select fbs_purge('fbs_request_logs')")
    app.rollback()


def test_the_files_function_on_a_table_of_others_notes_nothing(installed_everywhere: psycopg.Connection) -> None:
    connection = installed_everywhere
    said: list[str] = []
    connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    with role(connection, APP):
        connection.execute(f"set role {APP}".encode())
        for name in ("fbs_dms_file_attachment", "mine"):
            connection.execute(
                f"create temp table {name} (file text); insert into {name} values ('of/others.pdf');"
                f" create trigger mine after delete on {name} referencing old table as old_rows"
                f" for each statement execute function public.fbs_queue_files(); delete from pg_temp.{name}".encode()
            )
        connection.execute("reset role")
        assert [text.partition(" on ")[0] for text in said] == ["fbs_queue_files() does nothing"] * 2
        assert connection.execute("select from fbs_file_deletions").fetchall() == []
        connection.execute("drop table pg_temp.fbs_dms_file_attachment, pg_temp.mine")
        connection.commit()
