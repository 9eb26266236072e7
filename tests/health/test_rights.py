"""Rights that only FBS's owner should have are errors of a check, each with the statement that takes them back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from click.testing import Result

import fbs_db
from fbs_db.database.session import open_session
from fbs_db.errors import TargetError
from fbs_db.health.owners import restore
from fbs_db.reports import silent
from fbs_db.schema import snapshot
from fbs_db.schema.rights import read_granted, read_rights
from tests.support.commands import on, run
from tests.support.connections import url_of
from tests.support.roles import role

OWNER, APP, MEMBER = "fbs_of_suite", "fbs_of_app", "fbs_of_member"

#: What is granted, and the objects that are found with the problem.
GRANTS = {
    f"grant execute on function fbs_purge(text, jsonb, integer) to {APP}": {
        ("fbs_purge(text, jsonb, integer)", "others may execute")
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
    f"grant insert, update, trigger on fbs_settings, fbs_file_deletions to {APP} with grant option": {
        ("fbs_settings", "others may write"),
        ("fbs_file_deletions", "others may write"),
    },
    f"alter table fbs_migration_log owner to {APP}": {("fbs_migration_log", "belongs to another role")},
    f"alter table fbs_migrations owner to {APP}": {("fbs_migrations", "belongs to another role")},
    f"alter domain fbs_user_id owner to {APP}": {("fbs_user_id", "belongs to another role")},
    f"alter view fbs_bi_kpis owner to {APP}": {("fbs_bi_kpis", "belongs to another role")},
    f"alter function fbs_bi_visible_dashboards(fbs_user_id) owner to {APP}": {
        ("fbs_bi_visible_dashboards(fbs_user_id)", "belongs to another role")
    },
    f"grant trigger on fbs_kpis, fbs_bi_kpis to {APP}": {
        ("fbs_kpis", "others may write"),
        ("fbs_bi_kpis", "others may write"),
    },
    f"grant truncate on fbs_kpis to {APP}": {("fbs_kpis", "others may write")},
    "grant truncate on fbs_kpis to public": {("fbs_kpis", "others may write")},
    f"grant insert on fbs_roles to {APP}": {("fbs_roles", "others may write")},
    "grant insert on fbs_kpis to public": {("fbs_kpis", "open to PUBLIC")},
    "grant update (name) on fbs_kpis to public": {("fbs_kpis", "open to PUBLIC")},
    f"alter function fbs_touch() owner to {APP}": {("fbs_touch()", "belongs to another role")},
    f"grant create on schema public to {APP}": {("public", "others may create")},
}
#: The same, where nobody gains power.
WARNED = {
    f"grant references on fbs_kpis to {APP}": {("fbs_kpis", "others may reference")},
    f"grant references (id) on fbs_kpis to {APP}": {("fbs_kpis", "others may reference")},
    "grant select on fbs_kpis, fbs_bi_kpis to public": {
        ("fbs_kpis", "open to PUBLIC"),
        ("fbs_bi_kpis", "open to PUBLIC"),
    },
    "grant select (name) on fbs_kpis to public": {("fbs_kpis", "open to PUBLIC")},
    "grant usage on sequence fbs_kpis_id_seq to public": {("fbs_kpis_id_seq", "open to PUBLIC")},
    "alter table fbs_kpis owner to postgres": {("fbs_kpis", "belongs to another role")},
    f"alter function fbs_health(boolean) owner to {MEMBER}": {("fbs_health(boolean)", "belongs to another role")},
    "alter view fbs_bi_kpis owner to postgres": {("fbs_bi_kpis", "belongs to another role")},
}
#: What is granted by a host and is no error; the last of it is put on tables of the host that have such names.
HARMLESS = [
    f"grant select, insert, update, delete on fbs_kpis, fbs_dms_document to {APP}",
    f"grant select on all tables in schema public to {APP}",
    f"grant execute on function fbs_setting(text), fbs_touch() to {APP}",
    f"grant all on all tables in schema public to {MEMBER};"
    f" grant execute on all functions in schema public to {MEMBER}",
    f"grant usage on all sequences in schema public to {APP}",
    f"create table fbs_of_host (id bigint primary key); alter table fbs_of_host owner to {APP}",
    "create table fbs_of_host (id bigint generated always as identity);"
    f" grant all on fbs_of_host, fbs_of_host_id_seq to public, {APP}",
    "create view fbs_of_host as select 1 as one; grant select on fbs_of_host to public",
    "create function fbs_of_host() returns integer language sql return 1",
    f"create table fbs_of_host (a int, b int); create statistics fbs_of_host on a, b from fbs_of_host;"
    f" alter statistics fbs_of_host owner to {APP}",
    "create domain fbs_of_host as text; create sequence fbs_of_host_seq; grant usage on fbs_of_host_seq to public",
    "create function fbs_of_host() returns integer language sql set search_path = public return 1",
]


@pytest.fixture
def owned(empty_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """FBS, owned by a role that is no superuser and has a member; and the role of an application."""
    connection = empty_everywhere
    with role(connection, OWNER), role(connection, APP), role(connection, MEMBER):
        connection.execute(f"grant create on schema public to {OWNER}; grant {OWNER} to {MEMBER}".encode())
        connection.commit()
        fbs_db.migrate(url_of(connection, OWNER))
        yield connection


def rights(connection: psycopg.Connection) -> list[fbs_db.Finding]:
    """What a check finds of rights and owners, without what takes it time."""
    with open_session(connection, None) as session:
        objects = snapshot.expected(None, connection.info.server_version)
        found = [*read_rights(session), *read_granted(session, objects)]
        return sorted((fbs_db.Finding(*row) for row in found), key=lambda one: (one.object, one.problem))


def in_psql(connection: psycopg.Connection) -> list[fbs_db.Finding]:
    """The same as `fbs_health` has it."""
    said = connection.execute("select h.* from fbs_health() as h where kind in ('owner', 'right')")
    return sorted((fbs_db.Finding(*row) for row in said), key=lambda one: (one.object, one.problem))


@pytest.mark.parametrize(("severity", "grants"), [("error", GRANTS), ("warning", WARNED)], ids=["errors", "warnings"])
def test_a_right_of_others_is_found_and_its_statement_takes_it_back(
    owned: psycopg.Connection, severity: str, grants: dict[str, set[tuple[str, str]]]
) -> None:
    assert rights(owned) == []
    for granted, wanted in grants.items():
        with owned.transaction(force_rollback=True):
            owned.execute(granted.encode())
            found = rights(owned)
            assert {(one.object, one.problem) for one in found} == wanted, granted
            assert {one.severity for one in found} == {severity}, granted
            assert {one.kind for one in found} == {"owner" if "owner to" in granted else "right"}, granted
            assert in_psql(owned) == found, granted
            if found[0].mend == "fbs-db repair --apply":
                continue  # see test_what_others_may_have_changed_gets_its_text_again
            for one in found:
                assert one.mend.endswith(";")
                owned.execute(one.mend.encode())
            assert rights(owned) == [], granted


def test_every_object_has_its_owner(owned: psycopg.Connection) -> None:
    """Those of a member: a superuser and a member are trusted with the texts."""
    with owned.transaction(force_rollback=True):
        owned.execute(f"grant create on schema public to {MEMBER}; reassign owned by {OWNER} to {MEMBER}".encode())
        owned.execute(f"alter function fbs_owner() owner to {OWNER}".encode())
        found = {one.object: one for one in rights(owned)}
        kinds = ("table", "view", "function", "domain", "statistics")
        objects = snapshot.expected(None, owned.info.server_version)
        wanted = {name for kind, name in objects if kind in kinds} - {"fbs_owner()"}
        assert wanted - set(found) == set()
        assert set(found) - wanted == set()
        assert {one.severity for one in found.values()} == {"warning"}
        for one in found.values():
            owned.execute(one.mend.encode())
        assert rights(owned) == []


def test_the_list_of_relations_is_whole(installed: psycopg.Connection) -> None:
    objects = snapshot.expected(None, installed.info.server_version)
    relations = {name for kind, name in objects if kind in ("table", "view")}
    assert installed.execute("select unnest(fbs_relation_names())").fetchall() == [
        (name,) for name in sorted(relations)
    ]


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
    report = fbs_db.check(url_of(owned, APP))
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


SECRETS = {
    f"grant select on fbs_token_mappings to {APP}": (APP, "token"),
    f"grant select (token) on fbs_token_mappings to {APP}": (APP, "token"),
    "grant select on fbs_token_mappings to public": ("PUBLIC", "token"),
}


def secrets(connection: psycopg.Connection) -> list[fbs_db.Finding]:
    return [one for one in fbs_db.check(connection).findings if "secret" in one.problem]


def test_who_reads_a_secret_is_found(owned: psycopg.Connection) -> None:
    assert secrets(owned) == []
    for granted, (who, column) in SECRETS.items():
        with owned.transaction(force_rollback=True):
            owned.execute(granted.encode())
            [one] = secrets(owned)
            assert (one.severity, one.kind, one.object) == ("error", "right", f"fbs_token_mappings.{column}"), granted
            assert one.found == who
            owned.execute(one.mend.encode())
            assert secrets(owned) == [], granted
            reads = "has_column_privilege(%s, 'fbs_token_mappings', 'id', 'select')"
            keeps = granted.startswith("grant select on") and who == APP
            assert owned.execute(f"select {reads}".encode(), [APP]).fetchone() == (keeps,)


def test_applications_and_members_of_the_owner_read_secrets(owned: psycopg.Connection) -> None:
    owned.execute(f"grant select on fbs_token_mappings to {APP}, {MEMBER}".encode())
    owned.execute(f"insert into fbs_roles (role_name, work) values ('{APP}', 'app')".encode())
    assert secrets(owned) == []
    owned.execute("update fbs_roles set work = 'reader'")
    assert [one.found for one in secrets(owned)] == [APP]


def test_who_reads_everything_is_noted(owned: psycopg.Connection) -> None:
    owned.execute(f"grant pg_read_all_data to {APP}, {MEMBER}".encode())
    [one] = secrets(owned)
    assert (one.severity, one.object, one.found) == ("note", "pg_read_all_data", APP)
    owned.execute(f"revoke pg_read_all_data from {APP}, {MEMBER}".encode())


def test_a_schema_of_another_name_is_named_in_statements(empty: psycopg.Connection) -> None:
    empty.execute("""create schema "My Suite" """)
    empty.commit()
    fbs_db.migrate(url_of(empty), schema="My Suite")
    empty.execute("""grant select on all tables in schema "My Suite" to public""")
    empty.commit()
    report = fbs_db.check(empty, schema="My Suite")
    found = [one for one in report.findings if one.severity != "note"]
    assert {one.problem for one in found} == {"open to PUBLIC", "secret, others may read"}
    for one in found:
        empty.execute(one.mend.encode())
    empty.commit()
    assert fbs_db.check(url_of(empty), schema="My Suite").healthy


# --- repair


def repaired(connection: psycopg.Connection, *options: str, login: str = "postgres") -> Result:
    connection.commit()
    return run("--database", url_of(connection, login), "--role", OWNER, "repair", *options)


def test_repair_gives_back_what_belongs_to_another_role(owned: psycopg.Connection) -> None:
    ((statistics,),) = owned.execute("select min(stxname::text) from pg_statistic_ext").fetchall()
    for what in ("table fbs_kpis", "domain fbs_user_id", "table fbs_hosts", f"statistics {statistics}"):
        owned.execute(f"alter {what} owner to {APP}".encode())
    owned.commit()
    shown = repaired(owned)
    assert shown.exit_code == 1
    assert f"alter table public.fbs_kpis owner to {OWNER};" in shown.stdout.splitlines()
    assert "fbs_kpis" in {one.object for one in rights(owned)}, "nothing was changed"
    of_owner = repaired(owned, "--apply", login=OWNER)
    assert of_owner.exit_code == 1
    assert "Not repaired: must be owner of table fbs_kpis" in of_owner.stdout
    done = repaired(owned, "--apply")
    assert done.exit_code == 0, done.output
    assert "owner fbs_kpis: belongs to another role; repaired" in done.stdout
    assert rights(owned) == []


def give_away(owned: psycopg.Connection) -> None:
    """Functions and a view belong to another role, which has changed one of them."""
    owned.execute(
        f"alter function fbs_touch() owner to {APP}; alter function fbs_owner() owner to {APP};"
        f" alter view fbs_bi_kpis owner to {APP}; alter function fbs_apply_rules owner to {APP};"
        f" alter function fbs_bi_visible_dashboards(fbs_user_id) owner to {APP}".encode()
    )
    owned.execute(f"alter function fbs_owner() owner to {OWNER}; grant create on schema public to {APP}".encode())
    owned.execute(f"set role {APP}".encode())
    evil = "language plpgsql security definer as $$ begin raise log 'evil'; return new; end $$"
    owned.execute(f"create or replace function fbs_touch() returns trigger {evil}".encode())
    owned.execute("reset role")
    owned.execute(f"revoke create on schema public from {APP}".encode())
    owned.commit()


def test_what_others_may_have_changed_has_its_text_once_it_is_back(owned: psycopg.Connection) -> None:
    """There is no moment at which the owner has what another role wrote."""
    give_away(owned)
    with open_session(url_of(owned), None, role=OWNER) as session:
        done = restore(session, False, silent)
    assert {"fbs_touch()", "fbs_bi_kpis"} < {one.object for one in done}
    assert owned.execute(
        "select proowner::regrole::text, prosecdef, prosrc ~ 'evil' from pg_proc where proname = 'fbs_touch'"
    ).fetchall() == [(OWNER, False, False)]


def test_what_others_may_have_changed_gets_its_text_again(owned: psycopg.Connection) -> None:
    give_away(owned)
    report = fbs_db.check(owned)
    assert {(one.object, one.mend) for one in report.findings if one.kind == "owner"} >= {
        ("fbs_touch()", "fbs-db repair --apply"),
        ("fbs_bi_kpis", "fbs-db repair --apply"),
    }
    owned.commit()
    with pytest.raises(TargetError, match=r"fbs_touch\(\) in schema public belongs to") as caught:
        fbs_db.repair(url_of(owned, OWNER))
    assert "fbs-db --database" in caught.value.hint
    refused = repaired(owned, "--apply", login=OWNER)
    assert refused.exit_code == 2
    assert "must be owner of" in refused.output
    done = repaired(owned, "--apply")
    assert done.exit_code == 0, done.output
    assert "owner fbs_touch(): belongs to another role; repaired" in done.stdout
    assert fbs_db.check(url_of(owned, OWNER)).healthy
    assert owned.execute("select prosecdef, prosrc ~ 'evil' from pg_proc where proname = 'fbs_touch'").fetchall() == [
        (False, False)
    ]


def test_a_function_that_no_file_makes_is_never_given_to_the_owner(owned: psycopg.Connection) -> None:
    owned.execute(f"grant create on schema public to {APP}; set role {APP}".encode())
    owned.execute(
        "create function fbs_evil() returns int language sql security definer set search_path = public return 1"
    )
    owned.execute("reset role")
    owned.execute(f"revoke create on schema public from {APP}".encode())
    done = repaired(owned, "--apply", "--rights")
    assert done.exit_code == 2
    assert "drop routine public.fbs_evil();" in done.output
    assert owned.execute("select proowner::regrole::text from pg_proc where proname = 'fbs_evil'").fetchone() == (APP,)


def test_rights_are_taken_away_only_when_asked(owned: psycopg.Connection) -> None:
    owned.execute(
        f"grant trigger, select on fbs_kpis to {APP}, public; grant update on fbs_settings to {APP};"
        f" grant execute on function fbs_detach_users() to public; grant select on fbs_token_mappings to {APP}".encode()
    )
    before = rights(owned)
    kept = repaired(owned, "--apply")
    assert kept.exit_code == 1
    assert "add --rights: fbs-db --database" in kept.stdout
    assert f"--role {OWNER} repair --apply --rights" in kept.stdout
    assert rights(owned) == before
    done = repaired(owned, "--apply", "--rights", login=MEMBER)
    assert done.exit_code == 0, done.output
    assert rights(owned) == []
    owned.execute("grant select on fbs_kpis to public")
    owned.commit()
    report = fbs_db.repair(url_of(owned, OWNER), apply=True, rights=True)
    assert [(one.object, one.done) for one in report.mends] == [("fbs_kpis", True)]
    assert report.check.healthy


def test_repair_closes_the_schema_when_asked(owned: psycopg.Connection) -> None:
    owned.execute(f"grant create on schema public to {APP}, public".encode())
    assert repaired(owned, "--apply").exit_code == 2
    done = repaired(owned, "--apply", "--rights")
    assert done.exit_code == 0, done.output
    assert rights(owned) == []


def test_a_script_that_gave_all_tables_away_is_undone(owned: psycopg.Connection) -> None:
    owned.execute(
        "do $$ declare t regclass; begin for t in select oid from pg_class where relnamespace = 'public'::regnamespace"
        f" and relkind = 'r' loop execute format('alter table %s owner to {APP}', t); end loop; end $$".encode()
    )
    owned.commit()
    with pytest.raises(TargetError, match="fbs_migrations") as caught:
        fbs_db.repair(url_of(owned, APP), apply=True)
    assert f"--role {OWNER} repair --apply" in caught.value.hint
    assert fbs_db.check(url_of(owned, OWNER)).findings
    done = repaired(owned, "--apply")
    assert done.exit_code == 0, done.output
    assert rights(owned) == []
