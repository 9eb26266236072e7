"""Tables that are attached are the host's, whatever their names; and are those that the host means."""

from __future__ import annotations

import psycopg
import pytest

import fbs_db
from fbs_db.database.config import DatabaseConfig
from tests.support.connections import url_of
from tests.support.projects import Project


def findings(connection: psycopg.Connection) -> set[tuple[str, str, str]]:
    report = fbs_db.check(url_of(connection))
    return {(one.kind, one.object, one.problem) for one in report.findings}


@pytest.fixture
def host(installed: psycopg.Connection) -> psycopg.Connection:
    """A host whose tables have the prefix of FBS's, as those of FBS 4 have."""
    installed.autocommit = True
    installed.execute("create table fbs_users (id bigint primary key, age int)")
    installed.execute("create table fbs_tenants (id bigint primary key, user_id bigint references fbs_users)")
    installed.execute("create table fbs_rooms (id bigint primary key) partition by range (id)")
    installed.execute("create table fbs_rooms_1 partition of fbs_rooms for values from (0) to (1000)")
    installed.execute("create table fbs_strangers (id bigint primary key)")
    # What a check would tell of on a table of FBS's.
    installed.execute("alter table fbs_users add constraint fbs_users_age_check check (age > 0) not valid")
    return installed


def test_attached_tables_are_no_foreign_objects(host: psycopg.Connection) -> None:
    before = findings(host)
    assert ("table", "fbs_users", "not part of FBS") in before
    assert ("table", "fbs_rooms_1", "not part of FBS") in before
    fbs_db.attach_users("fbs_users", url_of(host))
    fbs_db.attach_host("fbs_tenants", "app.tenant", url_of(host))
    fbs_db.attach_host("fbs_rooms", "app.room", url_of(host))
    assert findings(host) == {("table", "fbs_strangers", "not part of FBS")}


def test_a_table_whose_triggers_are_lost_is_told_once(host: psycopg.Connection) -> None:
    fbs_db.attach_host("fbs_tenants", "app.tenant", url_of(host))
    host.execute("drop trigger fbs_cleanup_delete on fbs_tenants")
    host.execute("drop trigger fbs_cleanup_truncate on fbs_tenants")
    host.execute("drop trigger if exists fbs_cleanup_key on fbs_tenants")
    found = findings(host)
    assert ("host", "app.tenant", "trigger missing") in found
    assert ("table", "fbs_tenants", "not part of FBS") not in found


def test_users_in_another_table_than_is_configured_are_an_error(host: psycopg.Connection) -> None:
    url = url_of(host)
    host.execute("create schema people")
    host.execute("create table people.person (id bigint primary key)")
    host.execute("create table people.member (id uuid primary key)")
    fbs_db.attach_users("fbs_users", url)

    def users_of(table: str) -> list[fbs_db.Finding]:
        report = fbs_db.check(DatabaseConfig(url=url, user_table=table, name="elsewhere"), only=["users"])
        return list(report.findings)

    assert users_of("fbs_users") == users_of("public.fbs_users") == users_of('"fbs_users"') == []
    (changed,) = users_of("people.person")
    assert (changed.severity, changed.problem) == ("error", "attached to another table")
    assert (changed.found, changed.expected) == ("tied to fbs_users", "tied to people.person, which the project names")
    assert "fbs-db detach users" in changed.mend
    assert "fbs-db attach users people.person" in changed.mend
    (other_keys,) = users_of("people.member")
    assert (
        other_keys.expected == "tied to people.member, which the project names;"
        " user columns hold bigint, but the key of people.member is uuid"
    )
    assert other_keys.mend == ""
    (gone,) = users_of("nowhere")
    assert gone.problem == "no such user table"
    fbs_db.detach_users(url)
    fbs_db.attach_users("people.person", url)
    assert users_of("people.person") == []


@pytest.mark.slow
def test_another_auth_user_model_is_told_by_every_check(newest: Project) -> None:
    newest.having(user_model="auth.User").manage("migrate")
    newest.select("create table accounts_person (id integer primary key)")
    printed = newest.manage("check", "--database", "default", code=1)
    assert "(fbs_db.E120) FBS in default: users fbs_user_columns: attached to another table" in printed
    assert "found: tied to auth_user" in printed
    assert "expected: tied to accounts_person, which the project names" in printed
    assert "attached to another table" in newest.manage("fbs", "check", code=1)
    assert "attached to another table" in newest.run("-m", "fbs_db", "check", code=1)
    for command in "detach users", "attach users accounts_person":
        newest.run("-m", "fbs_db", *command.split())
    assert "attached to another table" not in newest.manage("fbs", "check")
