"""Isolation, for FBS's owner: switching it on and off, what is in the way, and what else has to know of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest

import fbs_db
from fbs_db.access import isolation
from fbs_db.database import locks
from fbs_db.database.config import DatabaseConfig
from fbs_db.errors import IsolationRefused, LockTimeout
from tests.support.catalog import catalog
from tests.support.commands import answer, on
from tests.support.connections import Connect, rows, url_of
from tests.support.roles import role
from tests.support.servers import Server

ACME, BETA, BOTH = "fbs_i_acme", "fbs_i_beta", "fbs_i_both"
SOLUTIONS = {ACME: ["acme"], BETA: ["beta"], BOTH: ["acme", "beta"]}

ROWS = """
insert into fbs_custom_fields (model_name, record_id, field_name, field_value, solution_name)
values ('rentals.tenant', 1, 'colour', 'blue', 'acme'), ('rentals.tenant', 2, 'colour', 'red', 'beta');
insert into fbs_workflow_definitions (name, workflow_type, description, solution_name)
values ('lease', 'x', '', 'acme'), ('sale', 'x', '', 'beta');
"""


def list_logins(connection: psycopg.Connection, names: list[str], schema: str = "public") -> None:
    """List logins for their solutions, with rights on all tables."""
    for name in names:
        connection.execute(
            f"insert into {schema}.fbs_roles (role_name, work, solutions) values (%s, 'app', %s)".encode(),
            (name, SOLUTIONS.get(name, [])),
        )
        connection.execute(
            f"grant usage on schema {schema} to {name};"
            f" grant select, insert, update, delete on all tables in schema {schema} to {name};"
            f" grant usage on all sequences in schema {schema} to {name}".encode()
        )


@pytest.fixture
def shop(installed_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Rows of two solutions, a login of each and one of both; isolation is off."""
    connection = installed_everywhere
    with ExitStack() as made:
        for name in SOLUTIONS:
            made.enter_context(role(connection, name))
        list_logins(connection, list(SOLUTIONS))
        connection.execute(ROWS.encode())
        connection.commit()
        yield connection


@pytest.fixture
def isolated(shop: psycopg.Connection) -> psycopg.Connection:
    """The same, and isolation is on."""
    assert fbs_db.isolate(True, url_of(shop)).done
    return shop


def as_login(connection: psycopg.Connection, name: str) -> psycopg.Connection:
    return psycopg.connect(url_of(connection).replace("//postgres@", f"//{name}@"), autocommit=True)


def seen(connection: psycopg.Connection, name: str, query: str) -> list[object]:
    with closing(as_login(connection, name)) as login:
        return [value for (value,) in rows(login, query)]


def findings(connection: psycopg.Connection) -> list[tuple[str, str, str, str]]:
    return [
        (one.severity, one.object, one.problem, str(one.found))
        for one in fbs_db.check(url_of(connection)).findings
        if one.kind not in ("users", "right")
    ]


def missing_parts(connection: psycopg.Connection) -> list[tuple[str, str]]:
    found = rows(
        connection, "select table_id::text, part from fbs_isolation_parts(true) where not present order by 1, 2"
    )
    connection.commit()
    return [(str(table), str(part)) for table, part in found]


def policies(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    found = rows(
        connection,
        "select polrelid::regclass::text, polname, polpermissive, pg_get_expr(polqual, polrelid),"
        " pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy') from pg_policy order by 1, 2",
    )
    connection.commit()
    return found


COLOURS = "select field_value from fbs_custom_fields order by id"


# --- on and off


def test_each_login_sees_its_solutions_and_off_brings_everything_back(shop: psycopg.Connection) -> None:
    before = catalog(shop)
    shop.commit()
    report = fbs_db.isolate(True, url_of(shop))
    assert report.done and report.changes and report.obstacles == ()
    assert missing_parts(shop) == []
    assert seen(shop, ACME, COLOURS) == ["blue"]
    assert seen(shop, BETA, COLOURS) == ["red"]
    assert seen(shop, BOTH, COLOURS) == ["blue", "red"]
    assert findings(shop) == []
    assert fbs_db.isolate(True, url_of(shop)).changes == 0
    assert fbs_db.isolate(False, url_of(shop)).done
    assert catalog(shop) == before
    shop.commit()
    assert policies(shop) == []
    assert seen(shop, ACME, COLOURS) == ["blue", "red"]
    assert findings(shop) == []


def test_a_new_row_is_of_its_logins_solution_where_it_has_one(isolated: psycopg.Connection) -> None:
    insert = (
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ('m', 1, 'f', 'new')"
        " returning solution_name"
    )
    assert seen(isolated, ACME, insert) == ["acme"]
    with closing(as_login(isolated, BOTH)) as both, pytest.raises(psycopg.errors.InsufficientPrivilege):
        both.execute(insert.encode())
    # The owner's writes stay as they are.
    assert rows(isolated, insert.replace("'f'", "'g'")) == [("",)]


def test_a_row_cannot_go_to_another_solution(isolated: psycopg.Connection) -> None:
    with closing(as_login(isolated, ACME)) as login:
        for statement in (
            "update fbs_custom_fields set solution_name = 'beta'",
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value, solution_name)"
            " values ('rentals.tenant', 1, 'colour', 'x', 'acme')"
            " on conflict (model_name, record_id, field_name, database_name, solution_name)"
            " do update set solution_name = 'beta'",
            "merge into fbs_custom_fields as f using (values (1)) as v (id) on f.record_id = v.id"
            " when matched then update set solution_name = 'beta'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(statement.encode())
        with (
            pytest.raises(psycopg.errors.FeatureNotSupported),
            login.cursor().copy(
                "copy fbs_custom_fields (model_name, record_id, field_name, field_value, solution_name) from stdin"
            ) as copy,
        ):
            copy.write("m\t1\tf\tv\tbeta\n")
        # The same field of the same record, which only the other solution has.
        login.execute(
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
            " values ('rentals.tenant', 2, 'colour', 'x')"
        )


def test_the_statements_of_a_dry_run_do_what_the_command_does(shop: psycopg.Connection) -> None:
    for wanted in (True, False):
        plan = fbs_db.isolate(wanted, url_of(shop), dry_run=True)
        assert not plan.done and plan.was != wanted
        assert fbs_db.isolation_status(url_of(shop)).on != wanted
        with psycopg.connect(url_of(shop), autocommit=True) as psql:
            psql.execute(plan.sql.encode())
        assert fbs_db.isolate(wanted, url_of(shop), dry_run=True).sql == ""
        assert fbs_db.isolate(wanted, url_of(shop)).changes == 0


@pytest.mark.parametrize("is_on", [False, True], ids=["off", "on"])
def test_the_setting_does_nothing_by_itself(shop: psycopg.Connection, is_on: bool) -> None:
    fbs_db.isolate(is_on, url_of(shop))
    with pytest.raises(psycopg.Error) as refused:
        value = "off" if is_on else "on"
        shop.execute("update fbs_settings set value = %s where name = 'isolation'", (value,))
    assert refused.value.sqlstate == "FB010"
    assert refused.value.diag.message_hint == f"Type: fbs-db isolate {value}"


# --- what is in the way


def test_rows_that_nobody_would_see_are_told_first(shop: psycopg.Connection) -> None:
    shop.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ('m', 1, 'f', 'v');"
        "insert into fbs_dms_file_attachment"
        " (file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id)"
        " values ('f', 'f', 1, 't', 'c', 1, 'west'), ('g', 'f', 1, 't', 'c', 1, 'east')"
    )
    shop.commit()
    with pytest.raises(IsolationRefused) as refused:
        fbs_db.isolate(True, url_of(shop))
    told = {(one.object, one.problem): (one.rows, one.found) for one in refused.value.report.obstacles}
    assert told == {
        ("fbs_custom_fields.solution_name", "names no solution"): (1, ""),
        ("fbs_dms_file_attachment.company_id", "names no solution that is known"): (2, "such as east"),
    }
    result = on(shop, "isolate", "on")
    assert result.exit_code == 1
    assert "2 rows" in result.stderr and "Nothing was changed" in result.stderr and "--anyway" in result.stderr
    assert not fbs_db.isolation_status(url_of(shop)).on
    # What is told to be typed, with what only a person knows, is SQL.
    mends = [one.mend for one in refused.value.report.obstacles]
    for mend in mends:
        shop.execute(mend.replace("SOLUTION", "acme").replace(" and ...", "").encode())
    shop.execute("insert into fbs_solution_map values ('company_id', 'west', 'acme')")
    shop.commit()
    assert fbs_db.isolate(True, url_of(shop)).obstacles == ()


def test_obstacles_can_be_passed_over(shop: psycopg.Connection) -> None:
    shop.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ('m', 1, 'f', 'v')"
    )
    shop.commit()
    told = on(shop, "isolate", "on", "--dry-run")
    assert told.exit_code == 1 and "names no solution (1 row)" in told.stdout
    done = on(shop, "isolate", "on", "--anyway")
    assert done.exit_code == 0 and "Isolation is on" in done.stdout and "names no solution" in done.stdout
    assert missing_parts(shop) == []


def test_off_is_refused_while_solutions_have_the_same_field(isolated: psycopg.Connection) -> None:
    isolated.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value, solution_name)"
        " values ('rentals.tenant', 1, 'colour', 'green', 'beta')"
    )
    isolated.commit()
    result = on(isolated, "isolate", "off")
    assert result.exit_code == 1 and "rentals.tenant 1, colour" in result.stderr and "2 rows" in result.stderr
    assert missing_parts(isolated) == []
    isolated.execute("delete from fbs_custom_fields where field_value = 'green'")
    isolated.commit()
    assert on(isolated, "isolate", "off").exit_code == 0


BYPASSING = {
    f"alter role {ACME} superuser": ("it is a superuser", f"alter role {ACME} nosuperuser;"),
    f"alter role {ACME} bypassrls": ("it has BYPASSRLS", f"alter role {ACME} nobypassrls;"),
    f"grant postgres to {ACME}": ("it can become postgres, which is a superuser", f"revoke postgres from {ACME};"),
    f"alter role {ACME} noinherit; grant {BETA} to {ACME}; alter role {BETA} bypassrls": (
        f"it can become {BETA}, which has BYPASSRLS",
        f"revoke {BETA} from {ACME};",
    ),
}


@pytest.mark.parametrize("statement", BYPASSING)
def test_a_login_that_row_security_does_not_hold_is_told(shop: psycopg.Connection, statement: str) -> None:
    found, mend = BYPASSING[statement]
    shop.execute(statement.encode())
    shop.commit()
    assert findings(shop) == []
    try:
        told = fbs_db.isolate(True, url_of(shop), dry_run=True).obstacles
        assert (ACME, "is not kept to its solutions", found, mend) in [
            (one.object, one.problem, one.found, one.mend) for one in told
        ]
        with pytest.raises(IsolationRefused):
            fbs_db.isolate(True, url_of(shop))
        fbs_db.isolate(True, url_of(shop), anyway=True)
        assert ("error", ACME, "is not kept to its solutions", found) in findings(shop)
        assert on(shop, "isolate", "status").exit_code == 1
        shop.execute(mend.encode())
        shop.commit()
        assert ACME not in [name for _, name, *_ in findings(shop)]
    finally:
        shop.execute(f"alter role {BETA} nobypassrls; alter role {ACME} nosuperuser")
        shop.commit()


def test_logins_that_are_not_there(isolated: psycopg.Connection) -> None:
    isolated.execute("update fbs_roles set role_name = 'fbs_i_former' where role_name = %s", (ACME,))
    isolated.execute(f"alter role {BETA} nologin".encode())
    isolated.commit()
    assert [one[:3] for one in findings(isolated)] == [
        ("warning", BETA, "cannot log in"),
        ("warning", "fbs_i_former", "no such role"),
    ]
    isolated.execute("delete from fbs_roles")
    isolated.commit()
    assert [one[:3] for one in findings(isolated)] == [("warning", "fbs_roles", "no login is listed")]


# --- the host's own row security


def test_a_policy_of_the_host_opens_nothing(isolated: psycopg.Connection) -> None:
    isolated.execute("create policy of_host on fbs_custom_fields using (true) with check (true)")
    isolated.commit()
    assert seen(isolated, ACME, COLOURS) == ["blue"]
    assert [one for one in findings(isolated) if one[0] != "note"] == []
    fbs_db.isolate(False, url_of(isolated))
    # Its row security stays with it.
    assert seen(isolated, ACME, COLOURS) == ["blue", "red"]
    assert rows(isolated, "select relrowsecurity from pg_class where relname = 'fbs_custom_fields'") == [(True,)]


def test_row_security_of_the_host_is_not_opened(shop: psycopg.Connection) -> None:
    shop.execute(
        "alter table fbs_custom_fields enable row level security;"
        f"create policy of_host on fbs_custom_fields to {BOTH} using (record_id = 1);"
        "alter table fbs_kpis enable row level security; alter table fbs_notifications enable row level security"
    )
    shop.commit()
    noted = {one[:3] for one in findings(shop)}
    assert noted == {("note", "3 of 60", "row security")}
    before = policies(shop)
    fbs_db.isolate(True, url_of(shop))
    assert seen(shop, ACME, COLOURS) == []
    assert seen(shop, BOTH, COLOURS) == ["blue"]
    assert {one[:3] for one in findings(shop)} == {("note", "fbs_kpis", "row security")}
    fbs_db.isolate(False, url_of(shop))
    assert policies(shop) == before
    assert {one[:3] for one in findings(shop)} == noted


def test_forced_row_security_stops_it(shop: psycopg.Connection) -> None:
    shop.execute("alter table fbs_custom_fields force row level security")
    shop.commit()
    with pytest.raises(IsolationRefused) as refused:
        fbs_db.isolate(True, url_of(shop), anyway=True)
    [one] = refused.value.report.obstacles
    assert (one.object, one.final) == ("fbs_custom_fields", True)
    shop.execute(one.mend.encode())
    shop.commit()
    fbs_db.isolate(True, url_of(shop))
    shop.execute("alter table fbs_custom_fields force row level security")
    shop.commit()
    assert ("error", "fbs_custom_fields", "row security is forced on its owner") in {one[:3] for one in findings(shop)}


def test_ways_round_it_are_told(isolated: psycopg.Connection) -> None:
    isolated.execute(
        "create table of_child () inherits (fbs_notifications);"
        "create view of_reports as select * from fbs_approvals_pending; create view of_own as select * from fbs_handshakes;"
        "create view of_invoker with (security_invoker = on) as select * from fbs_handshakes;"
        f"grant select on of_reports, of_invoker to {ACME}"
    )
    isolated.commit()
    told = {one[:3] for one in findings(isolated) if one[0] == "warning"}
    assert told == {
        ("warning", "of_child", "child without row security"),
        ("warning", "of_reports", "reads with the rights of its owner"),
    }
    for one in fbs_db.check(url_of(isolated)).findings:
        if one.kind == "isolation":
            isolated.execute(one.mend.encode())
    isolated.commit()
    assert {one for one in findings(isolated) if one[0] == "warning"} == set()


# --- what is damaged

DAMAGE = {
    "policy dropped": "drop policy fbs_solution on fbs_custom_fields",
    "policy of another condition": "alter policy fbs_solution on fbs_custom_fields using (true)",
    "policy of another check": "alter policy fbs_solution on fbs_approval_responses with check (true)",
    "policy for some": f"alter policy fbs_solution on fbs_custom_fields to {ACME}",
    "policy that is permissive": "drop policy fbs_solution on fbs_custom_fields;"
    " create policy fbs_solution on fbs_custom_fields using (solution_name = any ((select fbs_solutions('solution_name'))::text[]))",
    "policy for every row": "drop policy fbs_every_row on fbs_custom_fields",
    "trigger": "drop trigger fbs_fill_solution on fbs_custom_fields",
    "disabled trigger": "alter table fbs_custom_fields disable trigger fbs_fill_solution",
    "trigger of another condition": "create or replace trigger fbs_fill_solution before insert on fbs_custom_fields"
    " for each row execute function fbs_fill_solution('solution_name')",
    "row security": "alter table fbs_custom_fields disable row level security",
    "key of a child": "alter table fbs_approval_responses drop constraint fbs_approval_responses_approval_request_id_fkey;"
    " drop policy fbs_solution on fbs_approval_responses",
    "key to other rows": "alter table fbs_workflow_instances drop constraint"
    " fbs_workflow_instances_current_step_id_fkey, drop constraint fbs_workflow_instances_workflow_definition_id_fkey",
}


def test_what_is_missing_is_found_and_mended(isolated: psycopg.Connection) -> None:
    before = policies(isolated), catalog(isolated)
    isolated.commit()
    for name, statement in DAMAGE.items():
        isolated.execute(statement.encode())
        isolated.commit()
        assert "error" in {one[0] for one in findings(isolated)}, name
        if "key" not in name:
            assert not fbs_db.isolation_status(url_of(isolated)).complete, name
        mended = fbs_db.repair(url_of(isolated), apply=True)
        assert mended.check.healthy, (name, mended)
        assert all(one.done for one in mended.mends), (name, mended)
        assert (policies(isolated), catalog(isolated)) == before, name
        isolated.commit()


@pytest.mark.parametrize("of_all", [False, True], ids=["without", "of all"])
def test_the_unique_set_is_mended_by_the_command(isolated: psycopg.Connection, of_all: bool) -> None:
    name = "fbs_custom_fields_model_record_field_database_key"
    isolated.execute(f"alter table fbs_custom_fields drop constraint {name}".encode())
    if of_all:
        columns = "model_name, record_id, field_name, database_name"
        isolated.execute(f"alter table fbs_custom_fields add constraint {name} unique ({columns})".encode())
    isolated.commit()
    [found] = [one for one in fbs_db.check(url_of(isolated)).findings if one.kind == "isolation"]
    assert (found.found, found.mend.rpartition(" isolate ")[2]) == ("unique set", "on")
    assert on(isolated, "isolate", "on").exit_code == 0
    assert findings(isolated) == []


def test_what_is_left_while_it_is_off(isolated: psycopg.Connection) -> None:
    """As after rows were restored from a dump that was made while it was off."""
    isolated.execute(
        "alter table fbs_settings disable trigger all; update fbs_settings set value = 'off' where name = 'isolation'"
    )
    isolated.execute("alter table fbs_settings enable trigger all")
    isolated.commit()
    left = findings(isolated)
    assert {one[0] for one in left} == {"warning"} and len(left) == 31
    assert fbs_db.repair(url_of(isolated)).mends == (), "nobody said that it is to be off"
    assert on(isolated, "isolate", "off").exit_code == 0
    assert findings(isolated) == []


# --- what comes later


def test_a_component_that_comes_later_is_isolated(empty_everywhere: psycopg.Connection) -> None:
    url = url_of(empty_everywhere)
    fbs_db.migrate(DatabaseConfig("one", url, components=("msme",)))
    fbs_db.isolate(True, url, anyway=True)
    fbs_db.migrate(url)
    assert missing_parts(empty_everywhere) == []
    fbs_db.rollback(url, to="0043")
    assert missing_parts(empty_everywhere) == []
    fbs_db.migrate(url)
    assert missing_parts(empty_everywhere) == []
    fbs_db.rollback(url, everything=True)
    assert rows(empty_everywhere, "select count(*) from pg_class where relname ~ '^fbs_'") == [(0,)]


def test_a_table_that_is_made_again_is_isolated_by_repair(isolated: psycopg.Connection) -> None:
    isolated.execute("drop table fbs_msme_kpis")
    isolated.commit()
    [lost] = [one for one in fbs_db.repair(url_of(isolated)).mends if one.kind == "table"]
    isolated.execute(lost.statements[0].encode())
    isolated.commit()
    assert fbs_db.repair(url_of(isolated), apply=True).check.healthy
    assert missing_parts(isolated) == []


def test_later_names_show_the_rows_of_the_logins_solution(isolated: psycopg.Connection) -> None:
    isolated.execute(
        "insert into fbs_app_cashentry (business_id, entry_type, amount, entry_date) values ('acme', 'x', 1, now()), ('beta', 'x', 2, now())"
    )
    isolated.commit()
    fbs_db.add_later_names(url_of(isolated))
    isolated.execute(f"grant select on fbs_cash_entries to {ACME}".encode())
    isolated.commit()
    assert seen(isolated, ACME, "select business_id from fbs_cash_entries") == ["acme"]
    assert findings(isolated) == []


# --- dump and restore


def test_a_dump_restores_it(isolated: psycopg.Connection, major: int, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(f"pg{major}")

    def run(program: str, *words: str, text: bytes | None = None) -> bytes:
        done = subprocess.run([server.bin / program, *words], input=text, check=True, capture_output=True)
        return done.stdout

    dump = run("pg_dump", url_of(isolated))
    rows_alone = run("pg_dump", "--data-only", url_of(isolated))
    with server.database() as url, closing(psycopg.connect(url)) as copy:
        run("psql", "-qXv", "ON_ERROR_STOP=1", url, text=dump)
        assert missing_parts(copy) == []
        assert policies(copy) == policies(isolated)
        assert findings(copy) == []
        assert seen(copy, ACME, COLOURS) == ["blue"]
    with server.database() as url, closing(psycopg.connect(url)) as copy:
        fbs_db.migrate(url)
        # What the migrations write is in the dump, too.
        empty = "truncate fbs_migrations, fbs_migration_log, fbs_settings, fbs_cleanup_rules, fbs_roles"
        copy.execute(empty.encode())
        copy.commit()
        run(
            "psql",
            "-qXv",
            "ON_ERROR_STOP=1",
            "-c",
            "set session_replication_role = replica",
            "-f",
            "-",
            url,
            text=rows_alone,
        )
        assert "error" in {one[0] for one in findings(copy)}, "the setting came, and its policies did not"
        assert on(copy, "isolate", "on").exit_code == 0
        assert seen(copy, ACME, COLOURS) == ["blue"]
        assert findings(copy) == []


# --- a busy table, a large one


def test_a_busy_table_is_told_with_who_uses_it(
    shop: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PAUSE", 0.01)
    shop.execute("alter function fbs_isolate(boolean) set lock_timeout = '20ms'")
    shop.commit()
    reader = second(shop)
    reader.execute("set application_name = 'nightly'")
    reader.execute("select * from fbs_handshakes")
    with pytest.raises(LockTimeout, match="fbs_handshakes is in use by .*nightly") as refused:
        fbs_db.isolate(True, url_of(shop))
    assert "Nothing was changed" in refused.value.hint or "terminate" in refused.value.hint
    assert policies(shop) == []
    assert not fbs_db.isolation_status(url_of(shop)).on


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any table counts as large."""
    monkeypatch.setattr(isolation, "BUILD_ABOVE", -1)


@pytest.mark.usefixtures("large")
def test_the_index_of_a_large_table_is_built_before_the_locks(shop: psycopg.Connection) -> None:
    before = catalog(shop)
    shop.commit()
    said: list[str] = []
    plan = fbs_db.isolate(True, url_of(shop), dry_run=True)
    assert plan.sql.index("create unique index concurrently") < plan.sql.index("begin;")
    fbs_db.isolate(True, url_of(shop), progress=lambda progress: said.append(progress.text))
    assert any("create unique index concurrently" in text for text in said)
    assert findings(shop) == [] and missing_parts(shop) == []
    fbs_db.isolate(False, url_of(shop))
    assert catalog(shop) == before
    shop.commit()
    with psycopg.connect(url_of(shop), autocommit=True) as psql:
        for statement in plan.sql.split("\n"):
            psql.execute(statement.encode())
    assert missing_parts(shop) == [] and fbs_db.isolation_status(url_of(shop)).on


@pytest.mark.usefixtures("large")
def test_no_index_is_left_where_the_tables_are_busy(
    shop: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TRIES", 1)
    shop.execute("alter function fbs_isolate(boolean) set lock_timeout = '20ms'")
    shop.commit()
    reader = second(shop)
    reader.execute("lock table fbs_handshakes in access share mode")
    with pytest.raises(LockTimeout):
        fbs_db.isolate(True, url_of(shop))
    assert rows(shop, "select to_regclass('fbs_custom_fields_isolation_idx')") == [(None,)]
    assert policies(shop) == []


@pytest.mark.usefixtures("large")
def test_an_index_that_a_killed_run_left_is_found_dropped_and_no_hindrance(shop: psycopg.Connection) -> None:
    build = "create unique index concurrently fbs_custom_fields_isolation_idx on fbs_custom_fields (field_type)"
    with psycopg.connect(url_of(shop), autocommit=True) as other:
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute(build.encode())
        [(_, name, problem, _)] = findings(shop)
        assert (name, problem) == ("fbs_custom_fields.fbs_custom_fields_isolation_idx", "invalid")
        assert fbs_db.repair(url_of(shop), apply=True).check.healthy
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute(build.encode())
    fbs_db.isolate(True, url_of(shop))
    assert findings(shop) == [] and missing_parts(shop) == []


# --- another schema, other names


def test_two_schemas_with_odd_names(empty_everywhere: psycopg.Connection) -> None:
    url = url_of(empty_everywhere)
    empty_everywhere.execute(
        'create schema "Fbs 100%"; create schema other; alter database postgres set quote_all_identifiers = off'
    )
    empty_everywhere.commit()
    for schema in ("Fbs 100%", "other"):
        fbs_db.migrate(url, schema=schema)
    with role(empty_everywhere, ACME), role(empty_everywhere, "fbs_i_Odd name"):
        for schema in ('"Fbs 100%"', "other"):
            list_logins(empty_everywhere, [ACME], schema)
            empty_everywhere.execute(f"set search_path = {schema}; {ROWS}; reset search_path".encode())
        empty_everywhere.commit()
        fbs_db.isolate(True, url, schema="Fbs 100%")
        read = 'select field_value from "{}".fbs_custom_fields order by id'
        assert seen(empty_everywhere, ACME, read.format("Fbs 100%")) == ["blue"]
        assert seen(empty_everywhere, ACME, read.format("other")) == ["blue", "red"]
        assert fbs_db.isolation_status(url, schema="Fbs 100%").complete
        with psycopg.connect(url, options="-c quote_all_identifiers=on") as quoting:
            assert fbs_db.isolation_status(quoting, schema="Fbs 100%").complete
        odd = 'o\'neill %s "x"'
        for statement in (
            'update "Fbs 100%".fbs_roles set solutions = array[{0}]',
            "update \"Fbs 100%\".fbs_custom_fields set solution_name = {0} where field_value = 'red'",
        ):
            literal = psycopg.sql.Literal(odd).as_string(empty_everywhere)
            empty_everywhere.execute(statement.format(literal).encode())
        empty_everywhere.commit()
        assert seen(empty_everywhere, ACME, read.format("Fbs 100%")) == ["red"]
        checked = fbs_db.check(url, schema="Fbs 100%")
        assert [one for one in checked.findings if one.kind == "isolation"] == []
        fbs_db.isolate(False, url, schema="Fbs 100%")
        assert seen(empty_everywhere, ACME, read.format("Fbs 100%")) == ["blue", "red"]


# --- what else works while it is on


def test_the_owners_work_goes_on(isolated: psycopg.Connection) -> None:
    isolated.execute(
        "create table tenants (id integer primary key); insert into tenants values (1), (2);"
        f"grant select, delete, update on tenants to {ACME};"
        "select fbs_attach_host('tenants', 'rentals.tenant');"
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value, solution_name)"
        " values ('rentals.tenant', 77, 'colour', 'orphan', 'beta');"
        "insert into fbs_notifications (title, message, notification_type, is_read, read_at, solution_name)"
        " values ('t', 'm', 'x', true, '2020-01-01', 'acme'), ('t', 'm', 'x', true, '2020-01-01', 'beta')"
    )
    isolated.commit()
    assert {one.name: one.rows for one in fbs_db.purge(["notifications"], url_of(isolated))} == {"notifications": 2}
    # Whoever deletes the host row, all rows about it go.
    with closing(as_login(isolated, ACME)) as login:
        login.execute("update tenants set id = 20 where id = 2")
        login.execute("delete from tenants where id = 1")
    assert rows(isolated, "select record_id, field_value from fbs_custom_fields order by 1") == [
        (20, "red"),
        (77, "orphan"),
    ]
    isolated.commit()
    fbs_db.sweep_orphans(url_of(isolated))
    assert rows(isolated, "select field_value from fbs_custom_fields") == [("red",)]
    isolated.commit()
    assert [one for one in findings(isolated) if one[0] != "note"] == []


def test_the_status_tells_what_each_sees_and_what_has_no_solution(isolated: psycopg.Connection) -> None:
    told = answer(on(isolated, "isolate", "status", "--json"))
    assert told["on"] and {one["table"] for one in told["tables"]} >= {"fbs_custom_fields", "fbs_approval_responses"}
    assert "fbs_kpis" in told["others"] and "fbs_settings" not in told["others"]
    assert {one["role"]: one["solutions"] for one in told["roles"]} == SOLUTIONS
    text = on(isolated, "isolate", "status").stdout
    assert "through fbs_approval_requests, by approval_request_id" in text
    isolated.execute(
        "drop policy fbs_solution on fbs_kpis; drop policy fbs_solution on fbs_custom_fields"
    ) if False else None
    isolated.execute("drop policy fbs_solution on fbs_custom_fields")
    isolated.commit()
    broken = on(isolated, "isolate", "status")
    assert broken.exit_code == 1 and "MISSING: policy" in broken.stdout


def test_a_login_is_told_what_it_could_not_look_at(isolated: psycopg.Connection) -> None:
    with closing(as_login(isolated, ACME)) as login:
        report = fbs_db.check(login, data=True)
    assert [one for one in report.findings if one.severity != "note"] == []
    hidden = [one for one in report.findings if one.kind == "privilege" and "fbs_custom_fields" in one.object]
    assert any("row-level security" in str(one.found) for one in hidden)


def test_the_reference_says_which_tables_are_isolated(isolated: psycopg.Connection) -> None:
    page = answer(on(isolated, "isolate", "status", "--json")) and on(isolated, "docs").stdout
    assert page.count("A login sees the rows of its solutions only.") == 31
    fbs_db.isolate(False, url_of(isolated))
    assert on(isolated, "docs").stdout.count("With isolation, a login sees the rows of its solutions only.") == 31
