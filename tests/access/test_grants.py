"""A role is granted exactly what its work needs, now and by later migrations, and gives all of it back."""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import tuple_row

import fbs_db
from fbs_db import errors
from fbs_db.access.grants import WORKS, Difference, Granted, RightsReport, Work
from tests.support.catalog import listed_tables
from tests.support.clones import CloneOf
from tests.support.commands import answer, run
from tests.support.connections import url_of
from tests.support.roles import role
from tests.support.sample_rows import add, seed
from tests.support.servers import Server

OWNER, ROLE, OTHER, SCHEMA = "fbs_grants_owner", 'fbs_grants "Role"', "fbs_grants_other", "My Suite"
TABLES = [table["table"] for table in listed_tables()]
#: The rights on tables that PostgreSQL knows, but MAINTAIN of 17.
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
INTERNAL_VIEWS = {"fbs_cleanup_terms", "fbs_metrics", "fbs_retention", "fbs_rule_states"}
#: Views of the catalogs, that read no table.
GENERAL_VIEWS = {
    "fbs_choices", "fbs_identities", "fbs_later_names", "fbs_secret_columns", "fbs_solution_tables", "fbs_user_columns",
}  # fmt: skip
SECRETS = {
    ("fbs_handshakes", "secret_key"),
    ("fbs_license_manager_solution_license", "license_key"),
    ("fbs_odoo_databases", "password"),
    ("fbs_token_mappings", "token"),
}
#: Functions that look a secret up, which a reader may not.
CHECK_SECRETS = {"fbs_operations_token_owner", "fbs_operations_verified_handshake"}
#: Functions for FBS's owner, which read what FBS does.
OF_THE_OWNER = {"fbs_isolation_obstacles"}
#: Columns whose names look like those of secrets, and that hold none.
HARMLESS = {("fbs_cache_entries", "key"), ("fbs_operations_cache", "key")}


def make(url: str) -> None:
    """FBS in a schema of another owner than the superuser, with a row in each table."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        if not connection.execute("select from pg_roles where rolname = %s", [OWNER]).fetchone():
            connection.execute(f"create role {OWNER} login".encode())
        connection.execute(f'create schema "{SCHEMA}" authorization {OWNER}'.encode())
    fbs_db.migrate(url.replace("//postgres@", f"//{OWNER}@"), schema=SCHEMA)
    with closing(psycopg.connect(url)) as connection:
        connection.execute(f'set search_path to "{SCHEMA}"'.encode())
        seed(connection)


@pytest.fixture
def suite(major: int, clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """A superuser's connection to such a database, with two roles that may log in."""
    for connection in clone_of("grants", major, make):
        connection.execute(f'set search_path to "{SCHEMA}"'.encode())
        connection.commit()
        with role(connection, ROLE), role(connection, OTHER):
            yield connection


def url_as(connection: psycopg.Connection, name: str = OWNER) -> str:
    return url_of(connection, name)


def as_role(connection: psycopg.Connection, name: str = ROLE) -> psycopg.Connection:
    """A connection of another role, in autocommit."""
    other = psycopg.connect(url_as(connection, name), autocommit=True, row_factory=tuple_row)
    other.execute(f'set search_path to "{SCHEMA}"'.encode())
    return other


def grant(
    connection: psycopg.Connection,
    work: Work,
    name: str = ROLE,
    solutions: Sequence[str] | None = None,
    shared: bool | None = None,
) -> RightsReport:
    connection.commit()
    return fbs_db.grant(name, work, url_as(connection), solutions=solutions, shared=shared, schema=SCHEMA)


def execute(connection: psycopg.Connection, statements: str) -> None:
    """Statements of the superuser, in which ROLE is replaced."""
    connection.execute(statements.replace("ROLE", sql.Identifier(ROLE).as_string()).encode())
    connection.commit()


def refused(connection: psycopg.Connection, statement: str) -> bool:
    """Whether a statement is refused for want of a right."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        pass
    return False


def relations(connection: psycopg.Connection, kinds: str) -> list[str]:
    query = "select relname from pg_class where relnamespace = %s::regnamespace and relkind = any(%s) order by 1"
    rows = connection.cursor(row_factory=tuple_row).execute(query, [f'"{SCHEMA}"', list(kinds)])
    return [name for (name,) in rows]


def rights(connection: psycopg.Connection, name: str = ROLE) -> set[tuple[str, ...]]:
    """All that a role was granted in the schema, as the access lists have it."""
    query = """
        with listed as (
            select n.nspname::text as name, n.nspacl as acl from pg_namespace as n where n.nspname = %(schema)s
            union all
            select c.relname, c.relacl from pg_class as c where c.relnamespace = %(quoted)s::regnamespace
            union all
            select c.relname || '.' || a.attname, a.attacl
            from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid
            where c.relnamespace = %(quoted)s::regnamespace
            union all
            select f.oid::regprocedure::text, f.proacl from pg_proc as f where f.pronamespace = %(quoted)s::regnamespace
        )

        select l.name, g.privilege_type from listed as l cross join aclexplode(l.acl) as g
        where pg_get_userbyid(g.grantee) = %(role)s
    """
    values = {"schema": SCHEMA, "quoted": f'"{SCHEMA}"', "role": name}
    found = connection.cursor(row_factory=tuple_row).execute(query, values).fetchall()
    connection.commit()
    return set(found)


def wanted(connection: psycopg.Connection, work: Work) -> set[tuple[str, ...]]:
    """What a role has that does this work, from the list of FBS's tables."""
    tables, views, secret = set(TABLES), set(relations(connection, "v")), {table for table, _ in SECRETS}
    rights_on: set[tuple[str, ...]] = {(SCHEMA, "USAGE")}
    if work == "app":
        rights_on |= {(name, right) for name in tables for right in RIGHTS[:4]}
        rights_on |= {(name, "SELECT") for name in views - INTERNAL_VIEWS}
        rights_on |= {(f"{name}_id_seq", "USAGE") for name in tables}
    if work == "reader":
        rights_on |= {(name, "SELECT") for name in (tables | views | {"fbs_settings"}) - secret}
        rows = connection.cursor(row_factory=tuple_row).execute(
            "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
            " where c.relname = any(%s) and a.attnum > 0",
            [list(secret)],
        )
        rights_on |= {(f"{table}.{column}", "SELECT") for table, column in set(rows) - SECRETS}
    if work == "monitor":
        rights_on |= {(name, "SELECT") for name in set(relations(connection, "r")) - tables}
        rights_on |= {(name, "SELECT") for name in INTERNAL_VIEWS | GENERAL_VIEWS}
    if work == "worker":
        rows = connection.cursor(row_factory=tuple_row).execute(
            "select oid::regprocedure::text from pg_proc"
            " where pronamespace = %s::regnamespace and proname = any(fbs_worker_functions())",
            [f'"{SCHEMA}"'],
        )
        rights_on |= {(name, "EXECUTE") for (name,) in rows}
    return rights_on


@pytest.mark.parametrize("work", WORKS)
def test_a_role_has_what_its_work_needs_and_nothing_else(suite: psycopg.Connection, work: Work) -> None:
    grant(suite, work)
    assert rights(suite) == wanted(suite, work)
    assert not fbs_db.list_roles(url_as(suite), schema=SCHEMA)[0].beyond
    acts = suite.execute(
        "select oid::regprocedure::text from pg_proc where pronamespace = %s::regnamespace and provolatile = 'v'"
        " and prorettype <> 'trigger'::regtype and has_function_privilege(%s, oid, 'execute')",
        [f'"{SCHEMA}"', ROLE],
    ).fetchall()
    assert {name for (name,) in acts} == {name for name, right in wanted(suite, work) if right == "EXECUTE"}
    again = grant(suite, work)
    assert (again.sql, again.done) == ("", True)


def test_an_application_writes_each_table_and_nothing_of_fbs(suite: psycopg.Connection) -> None:
    grant(suite, "app")
    with as_role(suite) as app:
        execute(suite, f"truncate {', '.join(TABLES)} restart identity cascade")
        with app.transaction():
            for table in TABLES:
                add(app, table)
        for table in TABLES:
            for statement in ("update {} set id = id", "delete from {}", "select nextval('{}_id_seq')"):
                assert not refused(app, statement.format(table)), (table, statement)
            assert refused(app, f"select setval('{table}_id_seq', 1)")
        internal = sorted(set(relations(suite, "r")) - set(TABLES))
        assert len(internal) == 12
        for table in internal:
            for statement in ("select from {}", "insert into {} default values", "delete from {}", "truncate {}"):
                assert refused(app, statement.format(table)), (table, statement)
        for table in TABLES:
            assert refused(app, f"truncate {table}")
            assert refused(app, f"create trigger t before insert on {table} execute function fbs_touch()")


def arguments(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """The name of each function for users that changes nothing, and a call of it."""
    by_type = {
        "text": "'a'", "bigint": "1", "integer": "1", "regclass": "'pg_class'", "numeric": "1",
        "date": "'2026-01-01'", "jsonb": '\'{"a": 1}\'',
        "timestamp with time zone": "'2026-01-01'", "interval": "'1 day'", "integer[]": "'{1}'", "boolean": "true",
        "fbs_user_id": "1",
    }  # fmt: skip
    rows = connection.cursor(row_factory=tuple_row).execute(
        "select f.proname, array(select format_type(t, null) from unnest(f.proargtypes) as t) from pg_proc as f"
        " where f.pronamespace = %s::regnamespace and f.provolatile <> 'v'"
        " and obj_description(f.oid, 'pg_proc') !~ '^(Internal|Trigger)'",
        [f'"{SCHEMA}"'],
    )
    return [(name, f"select * from {name}({', '.join(by_type[kind] for kind in kinds)})") for name, kinds in rows]


@pytest.mark.parametrize("work", ["app", "reader"])
def test_each_view_and_reading_function_works(suite: psycopg.Connection, work: Work) -> None:
    grant(suite, work)
    calls = [one for one in arguments(suite) if one[0] not in OF_THE_OWNER]
    views = set(relations(suite, "v"))
    assert len(calls) > 40
    with as_role(suite) as reader:
        wrong = {name for name, call in calls if refused(reader, call)}
        wrong |= {name for name in views if refused(reader, f"select * from {name}")}
    # Metrics are read as a monitor.
    assert wrong == ({*CHECK_SECRETS, "fbs_metrics"} if work == "reader" else {*INTERNAL_VIEWS, "fbs_setting"})


def test_a_reader_reads_all_columns_but_secrets(suite: psycopg.Connection) -> None:
    grant(suite, "reader")
    columns = suite.cursor(row_factory=tuple_row).execute(
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relname = any(%s) and a.attnum > 0",
        [TABLES],
    )
    with as_role(suite) as reader:
        hidden = {(table, column) for table, column in columns if refused(reader, f'select "{column}" from {table}')}
        for table, column in SECRETS:
            for statement in (
                f"select * from {table}", f"select t from {table} as t", f"copy {table} to stdout",
                f"select to_jsonb(t) from {table} as t", f"select from {table} where {column} ~ '^a'",
                f"select from {table} order by {column}", f"select from {table} for update",
                f"create temp view v as select * from {table}; select * from v",
                f"deallocate all; prepare p as select {column} from {table}; execute p",
            ):  # fmt: skip
                assert refused(reader, statement), statement
    assert hidden == SECRETS


def test_each_column_that_looks_secret_is_listed(suite: psycopg.Connection) -> None:
    """A new secret is added to ``fbs_secret_columns``; a column that only looks like one to `HARMLESS`."""
    rows = suite.cursor(row_factory=tuple_row).execute(
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0"
        " and (c.relname = any(%s) or c.relkind = 'v')",
        [f'"{SCHEMA}"', TABLES],
    )
    word = re.compile(
        r"(^|_)(pass|passwd|passwords?|passphrase|tokens?|secrets?|keys?|credentials?|hash|salt|signature|pin|otp|private"
        r"|cookie|auth|authorization)$"
    )
    looks = {(table, column) for table, column in rows if word.search(column)}
    assert looks - HARMLESS - {("fbs_rule_states", "key_type")} == SECRETS
    listed = suite.cursor(row_factory=tuple_row).execute("select table_name, column_name from fbs_secret_columns")
    assert set(listed) == SECRETS


def test_a_monitor_sees_all_that_a_check_looks_at(suite: psycopg.Connection) -> None:
    grant(suite, "monitor")
    url = url_as(suite, ROLE)
    report = fbs_db.check(url, schema=SCHEMA)
    assert [one for one in report.findings if one.kind != "users"] == []
    assert len(fbs_db.status(url, schema=SCHEMA).migrations) > 40
    for words in (["cleanup", "status"], ["status"], ["roles"], ["check"]):
        said = run("--database", url, *words, "--schema", SCHEMA)
        assert (said.exit_code, "not looked at" in said.output) == (0, False), said.output
    with as_role(suite) as monitor:
        assert not refused(monitor, "select * from fbs_health()")
        assert {table for table in TABLES if refused(monitor, f"select from {table}")} == set(TABLES)


def test_a_worker_is_no_finding_of_a_check(suite: psycopg.Connection) -> None:
    execute(suite, f"grant execute on function fbs_purge(text, jsonb, integer) to {OTHER}")
    grant(suite, "worker")
    for name in (OWNER, ROLE):
        found = fbs_db.check(url_as(suite, name), schema=SCHEMA, only=["right"]).findings
        assert [(one.object, one.found) for one in found] == [("fbs_purge(text, jsonb, integer)", OTHER)]
    said = suite.execute("select found from fbs_health() where kind = 'right'").fetchall()
    assert said == [(OTHER,)]


def test_migrate_grants_what_is_new(suite: psycopg.Connection, sql_copy: Path) -> None:
    grant(suite, "app")
    grant(suite, "worker")
    grant(suite, "reader", OTHER)
    file = sql_copy / "0099_new.sql"
    file.write_text(
        "-- 0099_new: new objects.\n--\n-- component: base\n-- depends: 0051_metrics\n\n"
        "create table fbs_new (id bigint generated by default as identity, said text);\n"
        "alter table fbs_handshakes add column said text;\nalter table fbs_kpis add column said text;\n"
        "create view fbs_new_said with (security_invoker = true) as select said from fbs_new;\n"
        "do $$ begin execute format('create or replace function fbs_relation_names() returns text[]"
        " language sql immutable"
        " set search_path from current as %L', format('select %L::text[]', fbs_relation_names()"
        " || '{fbs_new,fbs_new_said}'::text[])); end $$;\n"
        "select fbs_revoke_execute();\n"
    )
    fbs_db.migrate(url_as(suite), schema=SCHEMA, directory=sql_copy)
    new = {("fbs_new", right) for right in RIGHTS[:4]} | {("fbs_new_said", "SELECT"), ("fbs_new_id_seq", "USAGE")}
    assert rights(suite) == wanted(suite, "app") | wanted(suite, "worker") | new
    assert rights(suite, OTHER) == wanted(suite, "reader") | {("fbs_new", "SELECT")}
    with as_role(suite, OTHER) as reader:
        reader.execute("select said from fbs_handshakes; select said from fbs_kpis; select * from fbs_new_said")
    assert all(one.fits for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA))


def test_the_hosts_own_tables_are_left_alone(suite: psycopg.Connection) -> None:
    """They may have such names, and belong to the same role."""
    with as_role(suite, OWNER) as owner:
        owner.execute("create table fbs_payroll (id serial); create view fbs_pay as table fbs_payroll")
        owner.execute(f"grant select on fbs_payroll to {OTHER}")
    for work in WORKS:
        grant(suite, work)
        assert not {name for name, _ in rights(suite) if name.startswith("fbs_pay")}
    grant(suite, "monitor", OTHER)
    assert all(one.fits for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA))
    fbs_db.revoke(OTHER, database=url_as(suite), schema=SCHEMA)
    assert ("fbs_payroll", "SELECT") in rights(suite, OTHER)


def test_what_is_repaired_is_granted(suite: psycopg.Connection) -> None:
    for work in WORKS:
        grant(suite, work)
    before = rights(suite)
    execute(suite, "drop view fbs_bi_charts, fbs_retention; drop function fbs_purge(text, jsonb, integer)")
    assert rights(suite) < before
    report = fbs_db.repair(url_as(suite), schema=SCHEMA, apply=True)
    assert [one.reason for one in report.mends if not one.done] == []
    assert rights(suite) == before


def test_later_names_have_the_rights_of_their_tables(suite: psycopg.Connection) -> None:
    grant(suite, "reader", OTHER)
    fbs_db.add_later_names(url_as(suite), schema=SCHEMA)
    grant(suite, "app")
    with as_role(suite) as app, as_role(suite, OTHER) as reader:
        for table in ("dms_document", "lic_solution_license", "fbs_cash_entries"):
            for statement in ("select * from {}", "update {} set id = id", "delete from {}"):
                assert not refused(app, statement.format(table)), (table, statement)
            assert refused(reader, f"delete from {table}")
            assert refused(reader, f"select * from {table}") == (table == "lic_solution_license")
    assert {one.state for one in fbs_db.list_later_names(url_as(suite), schema=SCHEMA)} == {"current"}
    assert all(one.fits for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA))
    for name in (ROLE, OTHER):
        fbs_db.revoke(name, database=url_as(suite), schema=SCHEMA)
        assert rights(suite, name) == set()


def test_a_secret_of_a_table_that_was_read_as_a_whole_is_taken_back(suite: psycopg.Connection) -> None:
    grant(suite, "reader")
    execute(suite, "grant select on fbs_handshakes to ROLE; grant select (password) on fbs_odoo_databases to ROLE")
    with as_role(suite, OWNER) as owner:
        assert len(owner.execute("select fbs_grant_roles()").fetchall()) > 1
        assert owner.execute("select fbs_grant_roles()").fetchall() == []
    assert rights(suite) == wanted(suite, "reader")


def test_migrate_skips_a_role_that_is_gone(
    suite: psycopg.Connection, sql_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    suite.execute("create role fbs_grants_gone login")
    grant(suite, "app", "fbs_grants_gone")
    grant(suite, "reader")
    suite.execute("drop owned by fbs_grants_gone; drop role fbs_grants_gone")
    suite.commit()
    found = {one.name: (one.exists, one.fits) for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA)}
    assert found == {"fbs_grants_gone": (False, False), ROLE: (True, True)}
    (sql_copy / "0099_new.sql").write_text("-- 0099_new: nothing.\n--\n-- component: base\n\nselect 1;\n")
    with caplog.at_level(logging.WARNING, "fbs_db"):
        fbs_db.migrate(url_as(suite), schema=SCHEMA, directory=sql_copy)
    assert "PostgreSQL: role fbs_grants_gone does not exist and was granted nothing" in caplog.messages
    report = fbs_db.revoke("fbs_grants_gone", database=url_as(suite), schema=SCHEMA)
    assert (report.now, report.sql.count("\n")) == (None, 3)
    with pytest.raises(errors.TargetError, match="here is no role"):
        fbs_db.revoke("fbs_grants_gone", database=url_as(suite), schema=SCHEMA)


def test_revoke_leaves_nothing_behind(suite: psycopg.Connection) -> None:
    suite.execute("create role fbs_grants_gone login")
    for work in WORKS:
        grant(suite, work, "fbs_grants_gone")
    suite.execute("grant truncate on fbs_kpis to fbs_grants_gone with grant option")
    suite.execute("set role fbs_grants_gone; grant truncate on fbs_kpis to fbs_grants_other; reset role")
    suite.execute("grant update (name), references on fbs_kpis to fbs_grants_gone")
    suite.execute("grant execute on function fbs_attach_users(regclass, boolean) to fbs_grants_gone")
    suite.commit()
    report = fbs_db.revoke("fbs_grants_gone", database=url_as(suite), schema=SCHEMA)
    assert (report.now, report.done) == (None, True)
    assert rights(suite, OTHER) == set()
    suite.execute("drop role fbs_grants_gone")
    suite.commit()


@pytest.mark.parametrize("work", WORKS)
def test_a_work_that_is_taken_back_leaves_what_the_others_need(suite: psycopg.Connection, work: Work) -> None:
    for one in WORKS:
        grant(suite, one)
    others = [one for one in WORKS if one != work]
    report = fbs_db.revoke(ROLE, work, url_as(suite), schema=SCHEMA)
    assert report.now
    assert [one.work for one in report.now.works] == sorted(others)
    assert report.now.fits
    left = set().union(*(wanted(suite, one) for one in others))
    whole = {name for name, right in left if right == "SELECT"}
    # What is read as a whole is not granted column by column; what was so before may stay.
    assert {one for one in rights(suite) if one[0].partition(".")[0] not in whole or "." not in one[0]} == {
        one for one in left if one[0].partition(".")[0] not in whole or "." not in one[0]
    }
    assert fbs_db.revoke(ROLE, work, url_as(suite), schema=SCHEMA).sql == ""


def test_the_schema_stays_usable_where_it_has_tables_of_the_host(suite: psycopg.Connection) -> None:
    execute(suite, "create table sites (id bigint primary key); grant select on sites to ROLE")
    grant(suite, "app")
    fbs_db.revoke(ROLE, database=url_as(suite), schema=SCHEMA)
    assert rights(suite) == {(SCHEMA, "USAGE"), ("sites", "SELECT")}
    execute(suite, "drop table sites")
    fbs_db.revoke(ROLE, database=url_as(suite), schema=SCHEMA)
    assert rights(suite) == set()


def test_the_applications_deletes_of_host_rows_are_cleaned_up(suite: psycopg.Connection) -> None:
    grant(suite, "app")
    execute(
        suite,
        f"create table sites (id bigint primary key); alter table sites owner to {OWNER};"
        " insert into sites values (1), (2); grant select, delete on sites to ROLE",
    )
    with as_role(suite, OWNER) as owner:
        owner.execute("select fbs_attach_host('sites', 'rentals.site')")
    with as_role(suite) as app:
        for key in (1, 2):
            add(app, "fbs_custom_fields", model_name="rentals.site", record_id=key)
        app.execute("delete from sites where id = 1")
        left = app.execute("select record_id from fbs_custom_fields where model_name = 'rentals.site'").fetchall()
    assert left == [(2,)]
    assert suite.execute("select count(*) from fbs_cleanup_queue").fetchall() == [(0,)]


def test_the_sql_of_a_dry_run_gives_the_same_rights(suite: psycopg.Connection, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(f"pg{request.node.callspec.params['major']}")
    psql = [str(server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url_as(suite)]
    for work in WORKS:
        script = run("--database", url_as(suite), "grant", ROLE, "--as", work, "--dry-run", "--schema", SCHEMA)
        assert script.exit_code == 0, script.output
        before = rights(suite)
        subprocess.run(psql, input=script.stdout, text=True, check=True, capture_output=True)
        assert rights(suite) != before
        grant(suite, work, OTHER)
    assert rights(suite) == rights(suite, OTHER)
    listed = {one.name: one.works for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA)}
    assert listed[ROLE] == tuple(Granted(work) for work in sorted(WORKS))
    again = run("--database", url_as(suite), "grant", ROLE, "--as", "app", "--dry-run", "--schema", SCHEMA)
    assert again.stdout == f"-- {ROLE} needs no change.\n"
    script = run("--database", url_as(suite), "revoke", ROLE, "--dry-run", "--schema", SCHEMA)
    subprocess.run(psql, input=script.stdout, text=True, check=True, capture_output=True)
    assert rights(suite) == set()


def test_solutions_stay_until_others_are_named(suite: psycopg.Connection) -> None:
    def listed(solutions: Sequence[str] | None = None, shared: bool | None = None) -> Granted:
        report = grant(suite, "app", ROLE, solutions, shared)
        assert report.now
        return report.now.works[0]

    assert listed(solutions=["beta", "acme", "beta"]) == Granted("app", ("acme", "beta"))
    assert listed() == Granted("app", ("acme", "beta"))
    assert listed(solutions=["zeta"]) == Granted("app", ("zeta",))
    assert listed(shared=True) == Granted("app", (), True)
    assert listed() == Granted("app", (), True)
    assert listed(solutions=["acme"]) == Granted("app", ("acme",))
    assert listed(solutions=[]) == Granted("app")


def refusal(connection: psycopg.Connection, statement: str) -> tuple[str | None, str]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    return caught.value.sqlstate, str(caught.value).partition("\n")[0]


def test_what_cannot_be_granted_is_refused(suite: psycopg.Connection) -> None:
    for attributes in ("superuser", "bypassrls", f"in role {OWNER}", "in role postgres"):
        suite.execute(f"create role fbs_grants_strong {attributes}".encode())
        suite.commit()
        try:
            with as_role(suite, OWNER) as owner:
                for solutions in ("null", "'{acme}'"):
                    state, _ = refusal(owner, f"select fbs_grant_role('fbs_grants_strong', 'app', {solutions})")
                    assert state == "FB071", attributes
        finally:
            suite.execute("drop role fbs_grants_strong")
            suite.commit()
    with as_role(suite, OWNER) as owner:
        for role_name in ("fbs_grants_nobody", "public", "PUBLIC", ""):
            assert refusal(owner, f"select fbs_grant_role('{role_name}', 'app')")[0] == "FB070"
        assert refusal(owner, f"select fbs_grant_role('{OWNER}', 'reader')")[0] == "FB071"
        for given in (
            "'worker', '{acme}'", "'monitor', null, true", "'app', '{acme}', true", "'app', '{\"\"}'",
            "'app', '{null}'", "'app', '{\" \"}'", "'owner'", "null",
        ):  # fmt: skip
            assert refusal(owner, f"select fbs_grant_role('{OTHER}', {given})")[0] == "FB072", given
        execute(suite, f"alter role {OTHER} replication")
        assert refusal(owner, f"select fbs_grant_role('{OTHER}', 'app', '{{acme}}')")[0] == "FB071"
        assert rights(suite, OTHER) == set()
        execute(suite, f"alter role {OTHER} noreplication")
        # Whoever does FBS's own work comes to the rows of all solutions.
        owner.execute(f"select fbs_grant_role('{OTHER}', 'monitor')".encode())
        assert refusal(owner, f"select fbs_grant_role('{OTHER}', 'app', '{{acme}}')")[0] == "FB072"
        execute(suite, f"grant {OTHER} to ROLE")
        quoted = sql.Literal(ROLE).as_string()
        assert refusal(owner, f"select fbs_grant_role({quoted}, 'app', '{{acme}}')")[0] == "FB071"
        owner.execute(f"select fbs_grant_role({quoted}, 'app'); select fbs_revoke_role({quoted})".encode())
        execute(suite, f"revoke {OTHER} from ROLE")
        owner.execute(f"select fbs_grant_role({quoted}, 'app', null, true)".encode())
        assert refusal(owner, f"select fbs_grant_role({quoted}, 'worker')")[0] == "FB072"
        owner.execute(f"select fbs_revoke_role({quoted}); select fbs_revoke_role('{OTHER}')".encode())
        # The schema is not the owner's to grant.
        execute(suite, f'alter schema "{SCHEMA}" owner to postgres; grant usage on schema "{SCHEMA}" to {OWNER}')
        assert refusal(owner, f"select fbs_grant_role('{OTHER}', 'app')")[0] == "FB073"
        execute(suite, f'grant usage on schema "{SCHEMA}" to {OTHER}')
        owner.execute(f"select fbs_grant_role('{OTHER}', 'app')".encode())
    grant(suite, "app", OTHER)
    with pytest.raises(errors.TargetError) as caught:
        grant(suite, "app", "fbs_grants_nobody")
    assert caught.value.hint == "Create it first: create role fbs_grants_nobody login;\nNothing was changed."
    with as_role(suite, OTHER) as app:
        for statement in (
            f"select fbs_grant_role('{OTHER}', 'reader')", f"select fbs_revoke_role('{OTHER}')",
            "select fbs_grant_roles()", "insert into fbs_roles values ('a', 'app')",
        ):  # fmt: skip
            assert refused(app, statement), statement


def test_a_login_has_the_same_solutions_in_each_work(suite: psycopg.Connection) -> None:
    """PostgreSQL knows the login: an application of acme would write the rows that it reads as a reader of beta."""
    grant(suite, "app", ROLE, ["acme"])
    for solutions, shared in ((["beta"], None), (["acme", "beta"], None), (None, True)):
        with pytest.raises(errors.TargetError, match="the same solutions in all of its works"):
            grant(suite, "reader", ROLE, solutions, shared)
    grant(suite, "reader", ROLE, ["acme"])
    with pytest.raises(errors.TargetError, match="the same solutions in all of its works"):
        grant(suite, "app", ROLE, ["beta"])
    fbs_db.revoke(ROLE, "reader", url_as(suite), schema=SCHEMA)
    grant(suite, "app", ROLE, ["beta"])
    assert grant(suite, "reader").now == fbs_db.list_roles(url_as(suite), schema=SCHEMA)[0]


def test_what_a_role_may_grant_on_is_told_and_taken_back(suite: psycopg.Connection) -> None:
    grant(suite, "app")
    execute(suite, "grant select, insert on fbs_handshakes to ROLE with grant option")
    with as_role(suite) as app:
        app.execute(f"grant select on fbs_handshakes to {OTHER}".encode())
    result = run("--database", url_as(suite), "revoke", OTHER, "--schema", SCHEMA)
    assert "has no work any more.\n" in result.stdout
    assert "no rights" not in result.stdout
    assert (rights(suite, OTHER), "has rights" in result.stderr) == ({("fbs_handshakes", "SELECT")}, True)
    found = {one.name: one for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA)}
    [beyond] = found[ROLE].beyond
    assert beyond.rights == "grant option for select, insert"
    before = rights(suite)
    with as_role(suite, OWNER) as owner:
        owner.execute(beyond.mend.encode())
    assert (rights(suite), rights(suite, OTHER)) == (before, set())
    assert [one.fits for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA)] == [True]


def test_a_role_that_was_dropped_meanwhile_is_not_everybody(suite: psycopg.Connection) -> None:
    with as_role(suite, OWNER) as owner:
        changes = "select statement from fbs_right_changes(4294967295, array['app'], true)"
        assert not [
            text for (text,) in owner.execute(changes.encode()) if text and "public" in text.rpartition(" to ")[2]
        ]


def test_the_commands_say_what_a_role_works_as(suite: psycopg.Connection) -> None:
    def typed(*words: str) -> tuple[int, str]:
        said = run("--database", url_as(suite), *words, "--schema", SCHEMA)
        return said.exit_code, said.output.partition("\n")[0]

    assert typed("grant", OTHER, "--as", "app", "--solution", "b", "--solution", "a") == (
        0,
        f"{OTHER} works as app of a, b.",
    )
    assert typed("grant", OTHER, "--as", "app") == (0, f"{OTHER} works as app of a, b, and lacked nothing.")
    assert typed("grant", OTHER, "--as", "reader", "--shared")[0] == 2
    assert typed("grant", OTHER, "--as", "reader", "--solution", "a", "--solution", "b") == (
        0,
        f"{OTHER} works as reader of a, b.",
    )
    assert typed("grant", OTHER, "--as", "app", "--solution", "a", "--shared")[0] == 2
    assert typed("grant", OTHER, "--as", "worker", "--shared") == (2, "Error: a worker works for all solutions")
    assert typed("grant", OTHER, "--as", "owner")[0] == 2
    assert typed("revoke", OTHER, "--as", "app") == (
        0, f"{OTHER} no longer works as app. It works as reader of a, b.",
    )  # fmt: skip
    assert typed("revoke", OTHER, "--as", "app")[1].startswith(f"{OTHER} did not work as app.")
    assert typed("revoke", OTHER) == (0, f"{OTHER} has no work and no granted rights any more.")
    assert typed("revoke", OTHER) == (0, f"{OTHER} had no work and no granted rights.")


def test_a_superuser_does_not_run_what_another_role_may_write(suite: psycopg.Connection) -> None:
    """FBS's owner, who owns nothing else here, could have written anything into the functions."""
    execute(
        suite, f'alter schema "{SCHEMA}" owner to postgres; grant all on schema "{SCHEMA}" to {OWNER} with grant option'
    )
    for change in (fbs_db.grant, fbs_db.revoke):
        with pytest.raises(errors.TargetError, match="you are a superuser"):
            change(OTHER, "app", url_of(suite), schema=SCHEMA)
    grant(suite, "app", OTHER)
    fbs_db.revoke(OTHER, "app", url_as(suite), schema=SCHEMA)


def test_roles_says_who_lacks_and_has_what(suite: psycopg.Connection) -> None:
    command = ["--database", url_as(suite), "roles", "--schema", SCHEMA]
    assert answer(run(*command, "--json")) == []
    grant(suite, "app", solutions=["acme"])
    said = run(*command)
    assert (said.exit_code, said.stdout) == (0, f"{ROLE:<24} app of acme\n")
    execute(suite, f"grant select on fbs_kpis to {OTHER}")  # a host's own choice
    assert run(*command).exit_code == 0
    for damage, name, lacks, beyond in (
        ("revoke insert on fbs_kpis from ROLE", ROLE, ("table", "insert"), None),
        ("grant trigger on fbs_kpis to ROLE", ROLE, None, ("table", "trigger")),
        ("grant select on fbs_roles to ROLE", ROLE, None, ("table", "select")),
        ("grant select (value) on fbs_settings to ROLE", ROLE, None, ("table", "select (value)")),
        (
            f"grant {OTHER} to ROLE; grant select on fbs_hosts to {OTHER}",
            ROLE,
            None,
            ("role", f"is a member of {OTHER}"),
        ),
        ("alter role ROLE bypassrls", ROLE, None, ("role", "has BYPASSRLS")),
        ("alter role ROLE superuser", ROLE, None, ("role", "is a superuser")),
        ("grant pg_read_all_data to ROLE", ROLE, None, ("role", "is a member of pg_read_all_data")),
        ("grant select on fbs_kpis to public", "PUBLIC", None, ("table", "select")),
        ("grant execute on function fbs_detach_users() to public", "PUBLIC", None, ("routine", "execute")),
    ):
        execute(suite, damage)
        found = {one.name: one for one in fbs_db.list_roles(url_as(suite), schema=SCHEMA)}
        assert not found[name].fits, damage
        assert [(one.kind, one.rights) for one in found[name].lacks] == ([lacks] if lacks else []), damage
        assert [(one.kind, one.rights) for one in found[name].beyond] == ([beyond] if beyond else []), damage
        assert run(*command).exit_code == 1
        for one in (*found[name].lacks, *found[name].beyond):
            assert isinstance(one, Difference)
            execute(suite, one.mend)
        assert run(*command).exit_code == 0, damage
