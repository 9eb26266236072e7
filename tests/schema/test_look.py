"""The look at the history that replaces a run with nothing to do: right where it answers, and never fooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.database.config import DatabaseConfig
from fbs_db.errors import ConnectionFailed, FbsDbError, TargetError, UsageError
from fbs_db.schema.look import look, nothing_pending, nothing_to_do
from tests.support.commands import run
from tests.support.connections import url_of
from tests.support.servers import Server

EVIL = "fbs_look_evil"


def config_of(connection: psycopg.Connection) -> DatabaseConfig:
    return DatabaseConfig("fbs_acme_db", url=url_of(connection), solution="acme")


@pytest.fixture
def evil(installed: psycopg.Connection) -> Iterator[str]:
    """A role that may do nothing yet."""
    installed.autocommit = True
    installed.execute(sql.SQL("create role {} login").format(sql.Identifier(EVIL)))
    try:
        yield EVIL
    finally:
        installed.execute(sql.SQL("reset role; drop owned by {0} cascade; drop role {0}").format(sql.Identifier(EVIL)))


def test_it_tells_what_the_long_way_tells(installed_everywhere: psycopg.Connection) -> None:
    config = config_of(installed_everywhere)
    done, status = nothing_to_do(config), nothing_pending(config)
    assert done
    assert replace(done, seconds=0) == replace(fbs_db.migrate(config), seconds=0)
    assert status == fbs_db.status(config)


def test_it_tells_what_a_later_fbs_db_has_migrated(installed: psycopg.Connection) -> None:
    installed.execute(
        "insert into fbs_migrations (migration_id, checksum, fbs_db_version) values ('0900_later', 'x', '9.1')"
    )
    installed.commit()
    done = nothing_to_do(config_of(installed))
    assert done
    assert (done.newer, done.current) == ("9.1", "0900_later")
    assert replace(done, seconds=0) == replace(fbs_db.migrate(config_of(installed)), seconds=0)
    assert nothing_pending(config_of(installed)) is None


@pytest.mark.parametrize(
    "change",
    [
        "delete from fbs_migrations where migration_id = '0051_metrics'",
        "update fbs_migrations set checksum = 'x' where migration_id = '0002_approval_system'",
        "insert into fbs_migrations (migration_id, checksum, fbs_db_version) values ('0099_later', 'x', '0.0.9')",
        "delete from fbs_migrations",
        "drop table fbs_migrations cascade",
        "drop schema public cascade",
    ],
)
def test_it_leaves_all_else_to_the_long_way(installed: psycopg.Connection, change: str) -> None:
    installed.execute(change.encode())
    installed.commit()
    assert nothing_to_do(config_of(installed)) is None
    assert nothing_pending(config_of(installed)) is None


def test_it_looks_up_to_a_migration_and_at_the_components_held(installed: psycopg.Connection) -> None:
    installed.execute("delete from fbs_migrations where migration_id > '0048_license_views'")
    installed.commit()
    config = config_of(installed)
    assert nothing_to_do(config) is None
    assert nothing_to_do(config, to="0048")
    assert nothing_to_do(config, to="0051") is None
    with pytest.raises(UsageError, match="Unknown migration"):
        nothing_to_do(config, to="9")
    installed.execute("delete from fbs_migrations where migration_id ~ 'licen'")
    installed.commit()
    assert nothing_to_do(replace(config, components=("dms",)), to="0048")


def test_it_sees_whether_the_users_are_tied(empty: psycopg.Connection) -> None:
    empty.autocommit = True
    empty.execute("create schema host; create table host.people (id bigint primary key)")
    config = config_of(empty)
    fbs_db.migrate(config)
    assert nothing_to_do(config)
    for table in ("host.people", "people"):
        assert nothing_to_do(replace(config, user_table=table)) is None
        assert nothing_to_do(config, user_table=table) is None
    fbs_db.attach_users("host.people", config)
    done = nothing_to_do(replace(config, user_table="host.people"))
    assert done
    assert done.user_table == "host.people"
    for table in ("people", "public.fbs_kpis", "no such", '"', "a.b.c.d", "nowhere.people"):
        assert nothing_to_do(config, user_table=table) is None
    assert nothing_to_do(config, user_table="")
    empty.execute("alter table fbs_kpis drop constraint fbs_kpis_created_by_id_fkey")
    assert nothing_to_do(config, user_table="host.people") is None


def test_it_works_in_another_schema_and_as_another_role(empty_everywhere: psycopg.Connection) -> None:
    empty = empty_everywhere
    empty.autocommit = True
    schema, role = 'it\'s \\ "odd"', 'fbs "look" \\ owner'
    named = sql.Identifier(role)
    empty.execute(sql.SQL("create role {}").format(named))
    try:
        empty.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        empty.execute(sql.SQL("grant usage, create on schema {} to {}").format(sql.Identifier(schema), named))
        config = replace(config_of(empty), schema=schema, role=role)
        fbs_db.migrate(config)
        assert nothing_to_do(config)
        assert nothing_to_do(replace(config, schema=None), schema=schema)
        assert nothing_pending(config) == fbs_db.status(config)
        # A superuser who does not work as the owner is refused by the long way.
        assert nothing_to_do(replace(config, role=None)) is None
        with pytest.raises(TargetError, match="and you are a superuser"):
            fbs_db.migrate(replace(config, role=None))
        assert nothing_to_do(replace(config, role="nobody at all")) is None
    finally:
        empty.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(named))


def test_what_others_may_have_written_is_not_believed(installed: psycopg.Connection, evil: str) -> None:
    config = config_of(installed)
    for grant, back in (
        ("grant create on schema public to public", "revoke create on schema public from public"),
        (f"grant create on schema public to {evil}", f"revoke create on schema public from {evil}"),
        (f"alter table fbs_migrations owner to {evil}", "alter table fbs_migrations owner to current_user"),
        (f"alter function fbs_owner() owner to {evil}", "alter function fbs_owner() owner to current_user"),
        (
            "alter table fbs_migrations enable row level security",
            "alter table fbs_migrations disable row level security",
        ),
    ):
        installed.execute(grant.encode())
        assert look(config) is None, grant
        installed.execute(back.encode())
        assert look(config), back


#: Leaves a file where a superuser runs it, in a transaction that only reads, too.
SPY = """
create function {0}.spy() returns text language plpgsql as $$
begin
    copy (select current_user) to '{1}';
    return 'seen';
end
$$
"""


def test_nothing_of_others_is_evaluated(installed: psycopg.Connection, pg18: Server, evil: str) -> None:
    config, seen = config_of(installed), Path(pg18.host) / "seen"

    def as_evil(*statements: str) -> None:
        installed.execute(f"set role {evil}".encode())
        for statement in statements:
            installed.execute(statement.encode())
        installed.execute("reset role")

    installed.execute(f"grant create on schema public to {evil}; create schema {evil} authorization {evil}".encode())
    as_evil(
        SPY.format(evil, seen),
        f"create function public.json_agg(json) returns json language sql as $$select to_json({evil}.spy())$$",
        f"create function public.same(oid, oid) returns boolean language sql as $$select {evil}.spy() <> ''$$",
        "create operator public.= (leftarg = oid, rightarg = oid, function = public.same)",
    )
    installed.execute("alter database fbs_installed set search_path = public, pg_catalog")
    try:
        with psycopg.connect(url_of(installed)) as connection:
            connection.execute("select 1::oid = 2::oid")
        assert seen.exists(), "the spy works"
        seen.unlink()
        assert look(config) is None
        assert not seen.exists()
        installed.execute("drop table fbs_migrations cascade")
        columns = "migration_id, checksum, applied_at, applied_by, fbs_db_version"
        as_evil(
            f"create view public.fbs_migrations ({columns}) as select {evil}.spy(), '', now(), '', ''",
        )
        assert look(config) is None
        # Nobody may create anything any more, and the view stays.
        installed.execute(f"revoke create on schema public from {evil}".encode())
        assert look(config) is None
        assert not seen.exists()
    finally:
        installed.execute("reset role; alter database fbs_installed reset search_path")
        seen.unlink(missing_ok=True)


def test_it_says_why_there_is_no_connection(tmp_path: Path) -> None:
    for url in ("postgresql://127.0.0.1:1/fbs_acme_db", f"postgresql:///fbs_acme_db?host={tmp_path}"):
        with pytest.raises(ConnectionFailed):
            look(DatabaseConfig("fbs_acme_db", url=url))


def test_a_run_over_all_says_what_the_look_leaves_to_the_long_way(installed: psycopg.Connection, evil: str) -> None:
    installed.execute(f"grant create on schema public to {evil}".encode())
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{url_of(installed)}"\n')
    done = run("migrate", "--all")
    assert done.exit_code == 2
    assert f"default: {evil} may create objects in schema public." in done.stderr
    with pytest.raises(FbsDbError, match="may create objects"):
        fbs_db.migrate("default")
