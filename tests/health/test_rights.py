"""Rights that only FBS's owner should have are errors of a check, each with the statement that takes them back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import fbs_db
from fbs_db.database.session import open_session
from fbs_db.schema.rights import read_rights
from tests.support.commands import on, run
from tests.support.connections import url_of
from tests.support.roles import role

OWNER, APP, MEMBER = "fbs_of_suite", "fbs_of_app", "fbs_of_member"

#: What is granted, and the objects that are found with the problem.
GRANTS = {
    f"grant execute on function fbs_purge(text, bigint, integer) to {APP}": {
        ("fbs_purge(text, bigint, integer)", "others may execute")
    },
    "grant execute on function fbs_attach_users(regclass, boolean) to public": {
        ("fbs_attach_users(regclass, boolean)", "others may execute")
    },
    f"grant execute on function fbs_detach_users() to {APP} with grant option; set role {APP};"
    " grant execute on function fbs_detach_users() to public; reset role": {
        ("fbs_detach_users()", "others may execute")
    },
    "alter function fbs_setting(text) security definer": {("fbs_setting(text)", "others may execute")},
    f"grant insert, update, delete on fbs_cleanup_rules to {APP}": {("fbs_cleanup_rules", "others may write")},
    f"grant update (host_table) on fbs_hosts to {APP}": {("fbs_hosts", "others may write")},
    f"grant truncate on fbs_cleanup_queue to public; grant insert on fbs_cleanup_queue to {APP}": {
        ("fbs_cleanup_queue", "others may write")
    },
    f"grant insert on fbs_cleanup_targets, fbs_cleanup_received to {APP}": {
        ("fbs_cleanup_targets", "others may write"),
        ("fbs_cleanup_received", "others may write"),
    },
    f"grant all on fbs_settings, fbs_file_deletions to {APP} with grant option": {
        ("fbs_settings", "others may write"),
        ("fbs_file_deletions", "others may write"),
    },
    f"alter table fbs_migration_log owner to {APP}": {("fbs_migration_log", "others may write")},
    f"grant all on fbs_kpis to {APP}": {("fbs_kpis", "others may write")},
    f"alter function fbs_touch() owner to {APP}": {("fbs_touch()", "belongs to another role")},
    f"grant create on schema public to {APP}": {("public", "others may create")},
}
#: What is granted by a host and is no error.
HARMLESS = [
    f"grant select, insert, update, delete, references on fbs_kpis, fbs_dms_document to {APP}",
    f"grant select on all tables in schema public to {APP}",
    f"grant execute on function fbs_setting(text), fbs_touch() to {APP}",
    f"grant all on all tables in schema public to {MEMBER};"
    f" grant execute on all functions in schema public to {MEMBER}",
    f"grant usage on all sequences in schema public to {APP}",
    f"create table fbs_of_host (id bigint primary key); alter table fbs_of_host owner to {APP}",
    "create function fbs_of_host() returns integer language sql return 1",
]


@pytest.fixture
def owned(empty_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """FBS, owned by a role that is no superuser and has a member; and the role of an application."""
    connection = empty_everywhere
    with role(connection, OWNER), role(connection, APP), role(connection, MEMBER):
        connection.execute(f"grant create on schema public to {OWNER}; grant {OWNER} to {MEMBER}".encode())
        connection.commit()
        fbs_db.migrate(as_role(connection, OWNER))
        yield connection


def as_role(connection: psycopg.Connection, name: str) -> str:
    return url_of(connection).replace("//postgres@", f"//{name}@")


def rights(connection: psycopg.Connection) -> list[fbs_db.Finding]:
    """What a check finds of rights, without what takes it time."""
    with open_session(connection, None) as session:
        return sorted((fbs_db.Finding(*row) for row in read_rights(session)), key=lambda one: one.object)


def test_a_right_of_others_is_found_and_its_statement_takes_it_back(owned: psycopg.Connection) -> None:
    assert rights(owned) == []
    for granted, wanted in GRANTS.items():
        with owned.transaction(force_rollback=True):
            owned.execute(granted.encode())
            found = rights(owned)
            assert {(one.object, one.problem) for one in found} == wanted, granted
            assert {one.severity for one in found} == {"error"}
            said = owned.execute("select severity, kind, object, problem, found, expected, mend from fbs_health()")
            assert [fbs_db.Finding(*row) for row in said if row[1] == "right"] == found, granted
            for one in found:
                assert one.mend.endswith(";")
                owned.execute(one.mend.encode())
            assert rights(owned) == [], granted


def test_what_hosts_grant_to_their_roles_is_no_error(owned: psycopg.Connection) -> None:
    for granted in HARMLESS:
        with owned.transaction(force_rollback=True):
            owned.execute(granted.encode())
            assert rights(owned) == [], granted


def test_what_public_lacks_is_a_note(owned: psycopg.Connection) -> None:
    owned.execute("revoke execute on function fbs_setting(text) from public")
    [one] = rights(owned)
    assert (one.severity, one.object, one.problem) == ("note", "fbs_setting(text)", "PUBLIC may not execute it")
    owned.execute("revoke execute on function fbs_touch() from public")
    [one] = rights(owned)
    assert (one.severity, one.object) == ("note", "2 functions")
    assert one.found == "chosen by the host: fbs_setting(text), fbs_touch()"
    owned.execute(one.mend.encode())
    assert rights(owned) == []


def test_a_role_with_few_rights_sees_them_too(owned: psycopg.Connection) -> None:
    owned.execute(f"grant delete on fbs_cleanup_rules to {APP}; revoke usage on schema public from public".encode())
    owned.execute("grant execute on function fbs_detach_users() to public")
    owned.commit()
    report = fbs_db.check(as_role(owned, APP))
    assert [(one.object, one.mend) for one in report.findings if one.kind == "right"] == [
        ("fbs_cleanup_rules", f"revoke delete on public.fbs_cleanup_rules from {APP} cascade;"),
        ("fbs_detach_users()", "revoke execute on routine public.fbs_detach_users() from public cascade;"),
    ]


def test_names_are_quoted(empty: psycopg.Connection) -> None:
    with role(empty, 'My "App"') as name:
        empty.execute("""create schema "My Suite" """)
        empty.commit()
        fbs_db.migrate(url_of(empty), schema="My Suite")
        empty.execute("""grant create on schema "My Suite" to "My ""App\"\"\"""")
        empty.commit()
        [one] = fbs_db.check(empty, schema="My Suite").findings
        assert name == 'My "App"'
        assert one.mend == """revoke create on schema "My Suite" from "My ""App\"\"";"""
        empty.execute(one.mend.encode())
        empty.execute("""grant update on "My Suite".fbs_settings to "My ""App\"\"\"""")
        [one] = [one for one in fbs_db.check(empty, schema="My Suite").findings if one.kind == "right"]
        empty.execute(one.mend.encode())
        empty.commit()
        assert fbs_db.check(url_of(empty), schema="My Suite").healthy


def test_the_command_and_django_number_them(owned: psycopg.Connection) -> None:
    owned.execute(f"grant trigger on fbs_kpis, fbs_reports to {APP}".encode())
    owned.commit()
    done = on(owned, "check", "--only", "right")
    assert done.exit_code == 1
    assert f"revoke trigger on public.fbs_kpis from {APP} cascade;" in done.stdout
    assert "fbs_db.E133" in run("help", "fbs_db.E133").stdout
