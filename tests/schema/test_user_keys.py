"""User keys of domains and of texts with a collation of their own: tied, and deletions work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.errors import TargetError
from tests.support.connections import url_of
from tests.support.servers import Server, running

CASE_BLIND = "create collation host.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"


def install(connection: psycopg.Connection, before: str, key_type: str, one: str, other: str) -> fbs_db.MigrateReport:
    connection.execute(f"create schema host; {before}; create table host.people (id {key_type} primary key)".encode())
    connection.execute("insert into host.people values (%s), (%s)", (one, other))
    connection.commit()
    return fbs_db.migrate(url_of(connection), user_table="host.people")


def assert_deletions_work(connection: psycopg.Connection, one: str, other: str) -> None:
    for user in one, other:
        connection.execute("insert into fbs_notifications (user_id, title, message) values (%s, 't', 'm')", (user,))
        insert = "insert into fbs_dashboards (name, description, dashboard_type, created_by_id)"
        connection.execute(f"{insert} values (%s, '', 'custom', %s)".encode(), (user, user))
    connection.commit()
    connection.execute("delete from host.people where id = %s", (one,))
    connection.commit()
    left = connection.execute("select user_id::text from fbs_notifications").fetchall()
    emptied = connection.execute("select name, created_by_id::text from fbs_dashboards order by id").fetchall()
    assert (left, emptied) == ([(other,)], [(one, None), (other, other)])
    connection.execute("update fbs_notifications set user_id = %s", (one,))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.commit()
    connection.rollback()
    report = fbs_db.check(url_of(connection), data=True)
    assert [one for one in report.findings if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("before", "key_type", "base", "one", "other"),
    [
        ("create domain host.key as bigint not null", "host.key", "bigint", "7", "8"),
        ("create domain host.key as integer not null check (value > 5)", "host.key", "integer", "7", "8"),
        (
            "create domain host.word as varchar(20) not null; create domain host.key as host.word check (value <> 'x')",
            "host.key",
            "character varying(20)",
            "Ann",
            "bob",
        ),
        (
            "create domain host.key as uuid not null",
            "host.key",
            "uuid",
            "00000000-0000-0000-0000-000000000007",
            "00000000-0000-0000-0000-000000000008",
        ),
        ("", 'varchar(20) collate "POSIX"', 'character varying(20) COLLATE "POSIX"', "Ann", "bob"),
        ('create domain host.key as text collate "C" not null', "host.key", 'text COLLATE "C"', "Ann", "bob"),
    ],
    ids=["not null", "checked", "of a domain", "uuid", "collation", "domain with a collation"],
)
def test_keys_of_a_domain_or_with_a_collation(
    empty_everywhere: psycopg.Connection, before: str, key_type: str, base: str, one: str, other: str
) -> None:
    report = install(empty_everywhere, before, key_type, one, other)
    assert [column.validated for column in report.users] == [True] * 22
    query = """
        select fbs_base_type(t.oid, -1) || case when t.typcollation not in (0, 100)
            then ' COLLATE ' || t.typcollation::regcollation else '' end
        from pg_type as t where t.oid = 'fbs_user_id'::regtype
        """
    assert empty_everywhere.execute(query).fetchone() == (base,)
    empty_everywhere.commit()
    assert_deletions_work(empty_everywhere, one, other)
    assert fbs_db.migrate(url_of(empty_everywhere), user_table="host.people").users == ()


def test_users_with_another_collation_than_installed_are_tied(empty: psycopg.Connection) -> None:
    empty.execute("create table strangers (id text primary key)")
    empty.commit()
    fbs_db.migrate(url_of(empty), user_table="strangers")
    empty.execute("select fbs_detach_users(); create schema host")
    empty.execute('create table host.people (id text collate "POSIX" primary key)')
    empty.execute("insert into host.people values ('Ann'), ('bob')")
    empty.execute("insert into fbs_notifications (user_id, title, message) values ('nobody', 't', 'm')")
    empty.commit()
    columns = fbs_db.attach_users("host.people", url_of(empty), repair=True)
    assert [column.column_name for column in columns if column.orphans] == ["user_id"]
    assert_deletions_work(empty, "Ann", "bob")


@pytest.mark.parametrize(
    ("before", "key_type"),
    [("create extension citext", "citext"), ("create type mood as enum ('a', 'b')", "mood")],
    ids=["extension", "enum"],
)
def test_types_that_are_not_postgresqls_own_are_refused(empty: psycopg.Connection, before: str, key_type: str) -> None:
    empty.execute(f"{before}; create domain key as {key_type}; create table people (id key primary key)".encode())
    empty.commit()
    with pytest.raises(TargetError, match=f"users cannot have keys of type {key_type}, as table people") as caught:
        fbs_db.migrate(url_of(empty), user_table="people")
    assert "uuid, text or varchar" in caught.value.hint
    assert caught.value.hint.endswith("Nothing was changed.")


@pytest.fixture(scope="module")
def with_icu() -> Iterator[Server]:
    """A server whose build knows ICU: those of the wheels do not."""
    places = [Path(f"/usr/lib/postgresql/{major}/bin") for major in (18, 17, 16, 15)]
    places += [Path(os.environ[name], "bin") for name in ("FBS_DB_TEST_PG17", "FBS_DB_TEST_PG16") if name in os.environ]
    found = next((place for place in places if (place / "postgres").exists()), None)
    if found is None:
        pytest.skip("no PostgreSQL with ICU on this machine (Debian: apt install postgresql)")
    with running(found, 0) as server:
        yield server


@pytest.fixture
def on_icu(with_icu: Server) -> Iterator[psycopg.Connection]:
    with with_icu.database() as url, psycopg.connect(url) as connection:
        yield connection


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "key_type"),
    [
        (CASE_BLIND, "text collate host.blind"),
        (f"{CASE_BLIND} create domain host.key as text collate host.blind not null", "host.key"),
    ],
    ids=["column", "domain"],
)
def test_keys_that_are_equal_whatever_their_case(on_icu: psycopg.Connection, before: str, key_type: str) -> None:
    report = install(on_icu, before, key_type, "Ann", "bob")
    assert [column.validated for column in report.users] == [True] * 22
    on_icu.execute("insert into fbs_notifications (user_id, title, message) values ('ANN', 't', 'm')")
    on_icu.commit()
    assert fbs_db.attach_users("host.people", url_of(on_icu), repair=True)[0].orphans == 0
    on_icu.execute("delete from fbs_notifications")
    assert_deletions_work(on_icu, "Ann", "bob")


@pytest.mark.slow
def test_texts_that_one_side_takes_for_equal_are_refused(on_icu: psycopg.Connection) -> None:
    on_icu.execute("create table strangers (id text primary key)")
    on_icu.commit()
    fbs_db.migrate(url_of(on_icu), user_table="strangers")
    on_icu.execute(f"select fbs_detach_users(); create schema host; {CASE_BLIND}".encode())
    on_icu.execute("create table host.people (id text collate host.blind primary key)")
    on_icu.commit()
    with pytest.raises(TargetError, match=r'user columns have collation "default", but the key of host.people has'):
        fbs_db.attach_users("host.people", url_of(on_icu))
