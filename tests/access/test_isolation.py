"""Isolation, for FBS's owner: switching it on and off, what is in the way, and what else has to know of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.access import isolation
from fbs_db.database import indexes, locks
from fbs_db.database.config import DatabaseConfig
from fbs_db.errors import IsolationRefused, LockTimeout, MoveRefused
from fbs_db.files import sql_directory
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
COLOURS = "select field_value from fbs_custom_fields order by id"
FIELD = "insert into fbs_custom_fields (model_name, record_id, field_name, field_value"


def list_logins(connection: psycopg.Connection, names: list[str], schema: str = "public") -> None:
    """Let logins work as applications, each for its solutions."""
    call = sql.SQL("select {}.fbs_grant_role({}, 'app', {})")
    for name in names:
        connection.execute(call.format(sql.Identifier(schema), name, SOLUTIONS[name]))


@pytest.fixture
def shop(installed_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Rows of two solutions, a login of each and one of both; isolation is off."""
    connection = installed_everywhere
    with ExitStack() as made:
        for name in SOLUTIONS:
            made.enter_context(role(connection, name))
        list_logins(connection, list(SOLUTIONS))
        run(connection, ROWS)
        yield connection


@pytest.fixture
def isolated(shop: psycopg.Connection) -> psycopg.Connection:
    """The same, and isolation is on."""
    assert fbs_db.isolate(True, url_of(shop)).done
    return shop


def run(connection: psycopg.Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())
    connection.commit()


def as_login(connection: psycopg.Connection, name: str) -> psycopg.Connection:
    return psycopg.connect(url_of(connection, name), autocommit=True)


def seen(connection: psycopg.Connection, name: str, query: str = COLOURS) -> list[object]:
    with closing(as_login(connection, name)) as login:
        return [value for (value,) in login.execute(query.encode()).fetchall()]


def is_on(connection: psycopg.Connection) -> bool:
    return fbs_db.isolation_status(url_of(connection)).on


def findings(connection: psycopg.Connection, *kinds: str) -> list[tuple[str, str, str, str]]:
    return [
        (one.severity, one.object, one.problem, str(one.found))
        for one in fbs_db.check(url_of(connection), only=kinds).findings
        if one.kind != "users"
    ]


def briefly(connection: psycopg.Connection, *kinds: str) -> set[tuple[str, str, str]]:
    return {(severity, name, problem) for severity, name, problem, _ in findings(connection, *kinds)}


def missing_parts(connection: psycopg.Connection) -> list[tuple[str, str]]:
    query = "select table_id::text, part from fbs_isolation_parts(true) where not present order by 1, 2"
    found = rows(connection, query)
    connection.commit()
    return [(str(table), str(part)) for table, part in found]


def made(connection: psycopg.Connection) -> tuple[dict[str, str], list[tuple[object, ...]]]:
    """The catalog, with the policies."""
    objects = catalog(connection)
    policies = rows(
        connection,
        "select polrelid::regclass::text, polname, polpermissive, pg_get_expr(polqual, polrelid),"
        " pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy') from pg_policy order by 1, 2",
    )
    connection.commit()
    return objects, policies


# --- on and off


def test_each_login_sees_its_solutions_and_off_brings_everything_back(shop: psycopg.Connection) -> None:
    before = made(shop)
    report = fbs_db.isolate(True, url_of(shop))
    assert report.done
    assert report.obstacles == ()
    assert missing_parts(shop) == []
    assert {name: seen(shop, name) for name in SOLUTIONS} == {ACME: ["blue"], BETA: ["red"], BOTH: ["blue", "red"]}
    assert findings(shop) == []
    assert fbs_db.isolate(True, url_of(shop)).changes == 0
    assert fbs_db.isolate(False, url_of(shop)).done
    assert made(shop) == before
    assert seen(shop, ACME) == ["blue", "red"]
    assert findings(shop) == []


def test_a_new_row_is_of_its_logins_solution_where_it_has_one(isolated: psycopg.Connection) -> None:
    insert = f"{FIELD}) values ('m', 1, 'f', 'new') returning solution_name"
    assert seen(isolated, ACME, insert) == ["acme"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seen(isolated, BOTH, insert)
    # The owner's writes stay as they are.
    assert rows(isolated, insert) == [("",)]


LEAVING = {
    "update": "update fbs_custom_fields set solution_name = 'beta'",
    "upsert": f"{FIELD}, solution_name) values ('rentals.tenant', 1, 'colour', 'x', 'acme')"
    " on conflict (model_name, record_id, field_name, database_name, solution_name)"
    " do update set solution_name = 'beta'",
    "merge": "merge into fbs_custom_fields as f using (values (1)) as v (id) on f.record_id = v.id"
    " when matched then update set solution_name = 'beta'",
}


def test_a_row_cannot_go_to_another_solution(isolated: psycopg.Connection) -> None:
    with closing(as_login(isolated, ACME)) as login:
        for statement in LEAVING.values():
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(statement.encode())
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            login.execute("copy fbs_custom_fields from stdin")
        # The same field of the same record as the other solution has.
        login.execute(f"{FIELD}) values ('rentals.tenant', 2, 'colour', 'x')".encode())


def test_the_statements_of_a_dry_run_do_what_the_command_does(shop: psycopg.Connection) -> None:
    for wanted in (True, False):
        plan = fbs_db.isolate(wanted, url_of(shop), dry_run=True)
        assert (plan.was, plan.done, is_on(shop)) == (not wanted, False, not wanted)
        with psycopg.connect(url_of(shop), autocommit=True) as psql:
            psql.execute(plan.sql.encode())
        assert fbs_db.isolate(wanted, url_of(shop), dry_run=True).sql == ""
        assert fbs_db.isolate(wanted, url_of(shop)).changes == 0
        assert is_on(shop) == wanted


def test_in_a_transaction_of_the_callers_it_is_part_of_that(shop: psycopg.Connection) -> None:
    before = made(shop)
    assert fbs_db.isolate(True, shop).done
    shop.rollback()
    assert made(shop) == before


@pytest.mark.parametrize("before", [False, True], ids=["off", "on"])
def test_the_setting_does_nothing_by_itself(shop: psycopg.Connection, before: bool) -> None:
    fbs_db.isolate(before, url_of(shop))
    value = "off" if before else "on"
    with pytest.raises(psycopg.Error) as refused:
        shop.execute("update fbs_settings set value = %s where name = 'isolation'", (value,))
    assert refused.value.sqlstate == "FB010"
    assert refused.value.diag.message_hint == f"Type: fbs-db isolate {value}"


# --- what is in the way


def test_rows_that_nobody_would_see_are_told_first(shop: psycopg.Connection) -> None:
    run(
        shop,
        f"{FIELD}) values ('m', 1, 'f', 'v')",
        "insert into fbs_dms_file_attachment"
        " (file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id)"
        " values ('f', 'f', 1, 't', 'c', 1, 'west'), ('g', 'f', 1, 't', 'c', 1, 'east')",
    )
    with pytest.raises(IsolationRefused) as refused:
        fbs_db.isolate(True, url_of(shop))
    obstacles = refused.value.report.obstacles
    assert {(one.object, one.problem, one.rows, one.found) for one in obstacles} == {
        ("fbs_custom_fields.solution_name", "names no solution", 1, ""),
        ("fbs_dms_file_attachment.company_id", "names no solution that is known", 2, "such as east"),
    }
    result = on(shop, "isolate", "on")
    assert result.exit_code == 1
    for words in ("(2 rows), such as east", "Nothing was changed", "--anyway"):
        assert words in result.stderr
    assert not is_on(shop)
    # What is told to be typed is SQL, but for what only a person knows.
    run(shop, *(one.mend.replace("SOLUTION", "acme").replace(" and ...", "") for one in obstacles))
    run(shop, "insert into fbs_solution_map values ('company_id', 'west', 'acme')")
    assert fbs_db.isolate(True, url_of(shop)).obstacles == ()


def test_rows_that_point_at_those_of_another_solution_are_told_first(shop: psycopg.Connection) -> None:
    """Neither solution could change them, and deleting what they point at would delete them."""
    run(
        shop,
        "insert into fbs_solution_map values ('company_id', '7', 'acme'), ('company_id', '8', 'beta')",
        'insert into fbs_workflow_steps (workflow_definition_id, name, step_type, "order")'
        " select id, name, 'x', 1 from fbs_workflow_definitions",
        # By its step only; by its names for acme; by the map.
        "insert into fbs_workflow_instances (business_id, solution_name, workflow_definition_id, current_step_id)"
        " values ('', 'acme', 1, 2), ('', 'fbs_acme_db', 1, 1), ('', 'beta', 2, 2)",
        "insert into fbs_workflow_transitions (workflow_definition_id, from_step_id, to_step_id) values (1, 1, 2)",
        "insert into fbs_dms_file_attachment"
        " (file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id)"
        " values ('f', 'f', 1, 't', 'c', 1, '7'), ('g', 'f', 1, 't', 'c', 1, 'beta')",
        "insert into fbs_dms_document_type (name, code) values ('t', 't')",
        "insert into fbs_dms_document_category (name) values ('c')",
        "insert into fbs_dms_document"
        " (name, title, company_id, document_type_id, category_id, attachment_id, created_by_id)"
        " values ('ours', '', 'acme', 1, 1, 1, 1), ('theirs', '', '8', 1, 1, 1, 1)",
    )
    with pytest.raises(IsolationRefused) as refused:
        fbs_db.isolate(True, url_of(shop))
    problem = "points at a row of another solution"
    assert {(one.object, one.problem, one.rows, one.found) for one in refused.value.report.obstacles} == {
        ("fbs_workflow_instances.current_step_id", problem, 1, "such as id 1"),
        ("fbs_workflow_transitions.to_step_id", problem, 1, "such as id 1"),
        ("fbs_dms_document.attachment_id", problem, 1, "such as id 2"),
    }


def test_a_login_without_a_solution_is_told(shop: psycopg.Connection) -> None:
    run(shop, f"update fbs_roles set solutions = '{{}}' where role_name = '{BETA}'")
    result = on(shop, "isolate", "on")
    assert result.exit_code == 1
    assert f"{BETA}: sees no row" in result.stderr
    assert f"grant {BETA} --as app --solution NAME" in result.stderr
    assert not is_on(shop)
    assert fbs_db.isolate(True, url_of(shop), anyway=True).done
    assert briefly(shop, "isolation") == {("warning", BETA, "sees no row")}


def test_obstacles_can_be_passed_over(shop: psycopg.Connection) -> None:
    run(shop, f"{FIELD}) values ('m', 1, 'f', 'v')")
    told = on(shop, "isolate", "on", "--dry-run")
    assert told.exit_code == 1
    assert "names no solution (1 row)" in told.stdout
    assert told.stdout.splitlines()[-1].endswith(" isolate on --anyway")
    done = on(shop, "isolate", "on", "--anyway")
    assert done.exit_code == 0, done.output
    assert "Isolation is on" in done.stdout
    assert "names no solution (1 row)" in done.stdout
    assert missing_parts(shop) == []


def test_off_is_refused_while_solutions_have_the_same_field(isolated: psycopg.Connection) -> None:
    run(isolated, f"{FIELD}, solution_name) values ('rentals.tenant', 1, 'colour', 'green', 'beta')")
    result = on(isolated, "isolate", "off")
    assert result.exit_code == 1
    assert "(2 rows), such as rentals.tenant 1, colour" in result.stderr
    assert "--anyway" not in result.stderr
    assert missing_parts(isolated) == []
    run(isolated, "delete from fbs_custom_fields where field_value = 'green'")
    assert on(isolated, "isolate", "off").exit_code == 0


BYPASSING = {
    f"alter role {ACME} superuser": ("it is a superuser", f"alter role {ACME} nosuperuser;"),
    f"alter role {ACME} bypassrls": ("it has BYPASSRLS", f"alter role {ACME} nobypassrls;"),
    f"grant postgres to {ACME}": ("it can become postgres, which is a superuser", f"revoke postgres from {ACME};"),
    f"alter table fbs_handshakes owner to {ACME}": (
        "it owns tables of FBS",
        "alter table fbs_handshakes owner to postgres;",
    ),
    f"alter role {ACME} noinherit; grant {BETA} to {ACME}; alter role {BETA} bypassrls": (
        f"it can become {BETA}, which has BYPASSRLS",
        f"revoke {BETA} from {ACME};",
    ),
}


def test_a_login_that_row_security_does_not_hold_is_told(shop: psycopg.Connection) -> None:
    for statement, (found, mend) in BYPASSING.items():
        run(shop, statement)
        assert "isolation" not in {one.kind for one in fbs_db.check(url_of(shop)).findings}
        with pytest.raises(IsolationRefused) as refused:
            fbs_db.isolate(True, url_of(shop))
        [told] = [one for one in refused.value.report.obstacles if one.object == ACME]
        assert (told.problem, told.found) == ("is not kept to its solutions", found)
        assert told.mend in (mend, "")
        fbs_db.isolate(True, url_of(shop), anyway=True)
        assert ("error", ACME, "is not kept to its solutions", found) in findings(shop)
        assert on(shop, "isolate", "status").exit_code == 1
        run(shop, mend, f"alter role {BETA} nobypassrls")
        assert findings(shop) == []
        fbs_db.isolate(False, url_of(shop))


def test_ways_round_row_security_are_told(isolated: psycopg.Connection) -> None:
    with role(isolated, "fbs_i_worker"), role(isolated, "fbs_i_group"):
        run(isolated, "select fbs_grant_role('fbs_i_worker', 'worker')", "grant fbs_i_worker to fbs_i_group")
        run(isolated, f"grant fbs_i_group to {ACME}", f"alter role {BETA} replication")
        run(isolated, f"grant pg_read_server_files to {BOTH}")
        told = {one.object: one for one in fbs_db.check(url_of(isolated), only=["isolation"]).findings}
        assert {(one.severity, one.problem) for one in told.values()} == {("error", "has a way round isolation")}
        assert {name: one.found for name, one in told.items()} == {
            ACME: "it is a member of fbs_i_worker, a worker",
            BETA: "it has REPLICATION",
            BOTH: "it is a member of pg_read_server_files",
        }
        run(isolated, told[BETA].mend, told[BOTH].mend, f"revoke fbs_i_group from {ACME}")
        assert findings(isolated, "isolation") == []


def test_a_name_of_two_solutions_is_told(isolated: psycopg.Connection) -> None:
    """Each would see the rows that bear it."""
    insert = "insert into fbs_solution_map (column_name, identifier, solution) values "
    run(isolated, insert + "('company_id', '7', 'acme'), ('business_id', 'fbs_acme_db', 'acme')")
    assert findings(isolated, "isolation") == []
    run(isolated, insert + "('company_id', 'fbs_acme_db', 'beta')")
    [told] = fbs_db.check(url_of(isolated), only=["isolation"]).findings
    assert (told.severity, told.object, told.problem) == ("error", "fbs_acme_db", "is a name of two solutions")
    assert told.found == "acme and beta"
    run(isolated, told.mend)
    assert findings(isolated, "isolation") == []
    run(isolated, insert + "('company_id', '8', 'djo_beta_db')")
    assert briefly(isolated, "isolation") == {("error", "djo_beta_db", "is a name of two solutions")}


def test_logins_that_are_not_there(isolated: psycopg.Connection) -> None:
    run(
        isolated,
        f"update fbs_roles set role_name = 'fbs_i_former' where role_name = '{ACME}'",
        f"alter role {BETA} nologin",
    )
    assert briefly(isolated, "isolation") == {
        ("warning", BETA, "cannot log in"), ("warning", "fbs_i_former", "no such role"),
    }  # fmt: skip
    run(isolated, "delete from fbs_roles")
    assert briefly(isolated, "isolation") == {("warning", "fbs_roles", "no login is listed")}


# --- the host's own row security


def test_a_policy_of_the_host_opens_nothing(isolated: psycopg.Connection) -> None:
    run(isolated, "create policy of_host on fbs_custom_fields using (true) with check (true)")
    assert seen(isolated, ACME) == ["blue"]
    assert findings(isolated) == []
    fbs_db.isolate(False, url_of(isolated))
    # Its policy stays in force.
    assert briefly(isolated) == {("note", "fbs_custom_fields", "row security")}


def test_row_security_of_the_host_is_not_opened(shop: psycopg.Connection) -> None:
    run(
        shop,
        "alter table fbs_custom_fields enable row level security",
        f"create policy of_host on fbs_custom_fields to {BOTH} using (record_id = 1)",
        "alter table fbs_kpis enable row level security",
        "alter table fbs_notifications enable row level security",
    )
    before = made(shop)
    noted = {("note", f"3 of {len(fbs_db.tables(url_of(shop)))}", "row security")}
    assert briefly(shop) == noted
    fbs_db.isolate(True, url_of(shop))
    assert seen(shop, ACME) == []
    assert seen(shop, BOTH) == ["blue"]
    assert briefly(shop) == {("note", "fbs_kpis", "row security")}
    fbs_db.isolate(False, url_of(shop))
    assert made(shop) == before
    assert briefly(shop) == noted


def test_row_security_of_the_host_alone_keeps_no_shared_row(shop: psycopg.Connection) -> None:
    run(
        shop,
        "insert into fbs_dms_document_type (name, code) values ('letter', 'letter')",
        "insert into fbs_dms_document_category (name) values ('all')",
        "insert into fbs_dms_document (name, title, document_type_id, category_id, created_by_id, company_id)"
        " values ('a', '', 1, 1, 1, 'beta')",
    )
    run(
        shop,
        "alter table fbs_dms_document enable row level security",
        "create policy of_host on fbs_dms_document using (true)",
    )
    with closing(as_login(shop, ACME)) as login:
        assert login.execute("delete from fbs_dms_document_type").rowcount == 1


def test_policies_of_the_host_that_were_not_in_force(shop: psycopg.Connection) -> None:
    run(
        shop,
        f"create policy of_host on fbs_custom_fields to {BETA} using (true)",
        "create policy of_host on fbs_notifications as restrictive using (false)",
    )
    with pytest.raises(IsolationRefused, match="policy of_host of yours would be in force") as refused:
        fbs_db.isolate(True, url_of(shop))
    [one] = refused.value.report.obstacles
    assert one.object == "fbs_notifications"
    run(shop, one.mend)
    fbs_db.isolate(True, url_of(shop))
    assert {name: seen(shop, name) for name in (ACME, BETA)} == {ACME: ["blue"], BETA: ["red"]}


def test_forced_row_security_stops_it(shop: psycopg.Connection) -> None:
    force = "alter table fbs_custom_fields force row level security"
    run(shop, force)
    with pytest.raises(IsolationRefused) as refused:
        fbs_db.isolate(True, url_of(shop), anyway=True)
    [one] = refused.value.report.obstacles
    assert (one.object, one.final) == ("fbs_custom_fields", True)
    run(shop, one.mend)
    fbs_db.isolate(True, url_of(shop))
    run(shop, force)
    assert ("error", "fbs_custom_fields", "row security is forced on its owner") in briefly(shop)


def test_ways_round_it_are_told(isolated: psycopg.Connection) -> None:
    run(
        isolated,
        "create table of_child () inherits (fbs_notifications)",
        "create view of_reports as select * from fbs_approvals_pending",
        "create view of_own as select * from fbs_handshakes",
        "create view of_invoker with (security_invoker = on) as select * from fbs_handshakes",
        f"grant select on of_reports, of_invoker to {ACME}",
    )
    told = [one for one in fbs_db.check(url_of(isolated)).findings if one.kind == "isolation"]
    assert {(one.severity, one.object, one.problem) for one in told} == {
        ("warning", "of_child", "child without row security"),
        ("warning", "of_reports", "reads with the rights of its owner"),
    }
    run(isolated, *(one.mend for one in told))
    assert findings(isolated) == []


# --- what is damaged

DAMAGE = {
    "policy": "drop policy fbs_solution on fbs_custom_fields",
    "condition": "alter policy fbs_solution on fbs_custom_fields using (true)",
    "check": "alter policy fbs_solution on fbs_approval_responses with check (true)",
    "for some": f"alter policy fbs_solution on fbs_custom_fields to {ACME}",
    "permissive": "drop policy fbs_solution on fbs_custom_fields; create policy fbs_solution on fbs_custom_fields"
    " using ((solution_name)::text = any ((select fbs_solutions('solution_name'::text))::text[]))",
    "every row": "drop policy fbs_every_row on fbs_custom_fields",
    "trigger": "drop trigger fbs_fill_solution on fbs_custom_fields",
    "disabled": "alter table fbs_custom_fields disable trigger fbs_fill_solution",
    "always": "create or replace trigger fbs_fill_solution before insert on fbs_custom_fields"
    " for each row execute function fbs_fill_solution('solution_name')",
    "row security": "alter table fbs_custom_fields disable row level security",
    "key of a child": "alter table fbs_approval_responses"
    " drop constraint fbs_approval_responses_approval_request_id_fkey;"
    " drop policy fbs_solution on fbs_approval_responses",
    "key to other rows": "alter table fbs_workflow_instances"
    " drop constraint fbs_workflow_instances_workflow_definition_id_fkey",
}


def test_what_is_missing_is_found_and_mended(isolated: psycopg.Connection) -> None:
    before = made(isolated)
    for name, statement in DAMAGE.items():
        run(isolated, statement)
        assert "error" in {one[0] for one in findings(isolated)}, name
        assert not fbs_db.isolation_status(url_of(isolated)).complete, name
        mended = fbs_db.repair(url_of(isolated), apply=True)
        assert mended.check.healthy, (name, mended)
        assert all(one.done for one in mended.mends), (name, mended)
        assert made(isolated) == before, name


@pytest.mark.parametrize("columns", ["", "model_name, record_id, field_name, database_name"], ids=["none", "narrow"])
def test_the_unique_set_is_mended_by_the_command(isolated: psycopg.Connection, columns: str) -> None:
    table = "alter table fbs_custom_fields"
    name = "fbs_custom_fields_model_record_field_database_key"
    run(isolated, f"{table} drop constraint {name}")
    if columns:
        run(isolated, f"{table} add constraint {name} unique ({columns})")
    [found] = [one for one in fbs_db.check(url_of(isolated)).findings if one.kind == "isolation"]
    assert (found.found, found.mend.rpartition(" isolate ")[2]) == ("unique set", "on")
    assert on(isolated, "isolate", "on").exit_code == 0
    assert findings(isolated) == []


def test_what_is_left_while_it_is_off(isolated: psycopg.Connection) -> None:
    """As after settings were restored from a dump that was made while it was off."""
    run(
        isolated,
        "alter table fbs_settings disable trigger all",
        "update fbs_settings set value = 'off' where name = 'isolation'",
        "alter table fbs_settings enable trigger all",
    )
    assert {(severity, problem) for severity, _, problem in briefly(isolated)} == {("warning", "left over")}
    assert fbs_db.repair(url_of(isolated)).mends == ()
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
    with pytest.raises(IsolationRefused, match="every role sees the rows of all solutions"):
        fbs_db.rollback(url, everything=True)
    assert missing_parts(empty_everywhere) == []
    fbs_db.isolate(False, url)
    fbs_db.rollback(url, everything=True)
    assert rows(empty_everywhere, "select relname from pg_class where relname ~ '^fbs_'") == []


def test_a_table_that_is_made_again_is_isolated_by_repair(isolated: psycopg.Connection) -> None:
    run(isolated, "drop table fbs_msme_kpis cascade")
    [lost] = [one for one in fbs_db.repair(url_of(isolated)).mends if one.kind == "table"]
    run(isolated, lost.statements[0])
    assert fbs_db.repair(url_of(isolated), apply=True).check.healthy
    assert missing_parts(isolated) == []


def test_a_rollback_by_psql_says_that_it_switches_isolation_off(isolated: psycopg.Connection) -> None:
    """The command refuses it."""
    fbs_db.rollback(url_of(isolated), to="0029_isolation")
    told: list[str] = []
    isolated.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    isolated.execute((sql_directory() / "0029_isolation.rollback.sql").read_bytes())
    isolated.commit()
    assert [text for text in told if text.startswith("isolation is switched off: every login sees the rows of all")]
    assert seen(isolated, ACME) == ["blue", "red"]


def test_tables_that_an_adoption_makes_are_isolated(isolated: psycopg.Connection) -> None:
    """The history is gone, as where another tool restored the tables, and with it a table and its policies."""
    run(isolated, "drop table fbs_migrations, fbs_migration_log cascade; drop table fbs_user_activity_logs cascade")
    assert fbs_db.adopt(url_of(isolated), apply=True).adopted
    assert missing_parts(isolated) == []
    assert findings(isolated) == []
    assert seen(isolated, ACME) == ["blue"]


def test_later_names_show_the_rows_of_the_logins_solution(isolated: psycopg.Connection) -> None:
    for business in ("acme", "beta"):
        run(
            isolated,
            "insert into fbs_app_cashentry"
            " (business_id, entry_type, amount, entry_date, description, category, payment_method)"
            f" values ('{business}', 'x', 1, now(), '', '', '')",
        )
    fbs_db.add_later_names(url_of(isolated))
    assert seen(isolated, ACME, "select business_id from fbs_cash_entries") == ["acme"]
    assert findings(isolated) == []


def test_a_component_moves_to_an_isolated_database_only(pg18: Server, tmp_path: Path) -> None:
    licence = (
        "insert into fbs_license_manager_solution_license (solution_name, license_key, license_type)"
        " values ('acme', 'a', 'x'), ('beta', 'b', 'x')"
    )
    with ExitStack() as made:
        url, other = (made.enter_context(pg18.database()) for _ in range(2))
        databases = {"default": (url, ""), "licences": (other, "components = []\n")}
        text = "".join(f'[databases.{name}]\nurl = "{at}"\n{more}' for name, (at, more) in databases.items())
        (tmp_path / "fbs-db.toml").write_text(text)
        fbs_db.migrate(url)
        connection, target = (made.enter_context(closing(psycopg.connect(at))) for at in (url, other))
        with role(connection, ACME):
            list_logins(connection, [ACME])
            run(connection, licence)
            fbs_db.isolate(True, url)
            for dry_run in (True, False):
                with pytest.raises(MoveRefused, match="off in licences") as refused:
                    fbs_db.move("licensing", "licences", dry_run=dry_run)
            assert "--database licences isolate on" in refused.value.hint
            fbs_db.migrate("licences")
            fbs_db.isolate(True, "licences", anyway=True)
            fbs_db.move("licensing", "licences")
            assert missing_parts(target) == []
            query = "select count(*) from fbs_license_manager_solution_license"
            assert rows(target, query) == [(2,)]
            target.commit()
            list_logins(target, [ACME])
            target.commit()
            assert seen(target, ACME, query) == [1]
            # The old tables have no policy, and let nobody through but the owner, whatever is granted.
            ((kept,),) = rows(connection, "select nspname from pg_namespace where nspname ~ 'licensing'")
            run(connection, f"grant usage on schema {kept} to {ACME}")
            run(connection, f"grant select on all tables in schema {kept} to {ACME}")
            assert seen(connection, ACME, query.replace("from ", f"from {kept}.")) == [0]
            assert findings(connection) == []
            fbs_db.drop_moved("licensing", "default")
            run(target, f"drop owned by {ACME}")


# --- dump and restore


def test_a_dump_restores_it(isolated: psycopg.Connection, major: int, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(f"pg{major}")

    def program(name: str, *words: str, text: bytes = b"") -> bytes:
        return subprocess.run([server.bin / name, *words], input=text, check=True, capture_output=True).stdout

    whole = program("pg_dump", url_of(isolated))
    without_tables = program("pg_dump", "--data-only", url_of(isolated))
    with server.database() as url, closing(psycopg.connect(url)) as copy:
        program("psql", "-qXv", "ON_ERROR_STOP=1", url, text=whole)
        assert made(copy) == made(isolated)
        assert findings(copy) == []
        assert seen(copy, ACME) == ["blue"]
    with server.database() as url, closing(psycopg.connect(url)) as copy:
        fbs_db.migrate(url)
        # What the migrations write is in the dump, too.
        run(copy, "truncate fbs_migrations, fbs_migration_log, fbs_settings, fbs_cleanup_rules")
        program(
            "psql", "-qXv", "ON_ERROR_STOP=1", url, text=b"set session_replication_role = replica;" + without_tables
        )
        run(copy, "select fbs_compile_rules()")
        assert ("error", "fbs_custom_fields", "missing") in briefly(copy)
        assert on(copy, "isolate", "on").exit_code == 0
        assert missing_parts(copy) == []
        assert findings(copy) == []


# --- a busy table, a large one


@pytest.fixture
def impatient(shop: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """A lock is waited for only briefly."""
    monkeypatch.setattr(locks, "PAUSE", 0.01)
    run(shop, "alter function fbs_isolate(boolean) set lock_timeout = '20ms'")
    return shop


def test_a_busy_table_is_told_with_who_uses_it(impatient: psycopg.Connection, second: Connect) -> None:
    before = made(impatient)
    reader = second(impatient)
    reader.execute("set application_name = 'nightly'")
    reader.execute("begin")
    reader.execute("select from fbs_handshakes")
    with pytest.raises(LockTimeout, match=r"fbs_handshakes is in use by .*nightly") as refused:
        fbs_db.isolate(True, url_of(impatient))
    assert "Nothing was changed" in refused.value.hint
    assert made(impatient) == before
    assert not is_on(impatient)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any table counts as large."""
    monkeypatch.setattr(isolation, "BUILD_ABOVE", -1)


@pytest.mark.usefixtures("large")
def test_the_index_of_a_large_table_is_built_before_the_locks(shop: psycopg.Connection) -> None:
    before = made(shop)
    said: list[str] = []
    plan = fbs_db.isolate(True, url_of(shop), dry_run=True)
    assert plan.sql.index("create unique index concurrently") < plan.sql.index("begin;")
    fbs_db.isolate(True, url_of(shop), progress=lambda progress: said.append(progress.text))
    assert any("create unique index concurrently" in text for text in said)
    assert missing_parts(shop) == []
    assert findings(shop) == []
    fbs_db.isolate(False, url_of(shop))
    assert made(shop) == before
    with psycopg.connect(url_of(shop), autocommit=True) as psql:
        for statement in plan.sql.split("\n"):
            psql.execute(statement.encode())
    assert missing_parts(shop) == []
    assert is_on(shop)


@pytest.mark.usefixtures("large")
def test_no_index_is_left_where_the_tables_are_busy(
    impatient: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TRIES", 1)
    before = made(impatient)
    said: list[str] = []
    reader = second(impatient)
    reader.execute("begin")
    reader.execute("lock table fbs_handshakes in access share mode")
    with pytest.raises(LockTimeout):
        fbs_db.isolate(True, url_of(impatient), progress=lambda progress: said.append(progress.text))
    assert any("create unique index concurrently" in text for text in said)
    assert made(impatient) == before


@pytest.mark.usefixtures("large")
def test_a_transaction_that_is_in_the_way_of_the_index_is_told(
    shop: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "_PATIENCE", 0.1)
    before = made(shop)
    writer = second(shop)
    writer.execute("begin")
    writer.execute("update fbs_custom_fields set field_value = 'x'")
    with pytest.raises(LockTimeout, match=r"^fbs_custom_fields is in use by process \d+") as refused:
        fbs_db.isolate(True, url_of(shop))
    assert str(refused.value).count("Nothing was changed") == 1
    assert made(shop) == before


@pytest.mark.usefixtures("large")
def test_an_index_that_a_killed_run_left_is_dropped(shop: psycopg.Connection) -> None:
    left = "create unique index concurrently fbs_custom_fields_isolation_idx on fbs_custom_fields (field_type)"
    with psycopg.connect(url_of(shop), autocommit=True) as other:
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute(left.encode())
        assert briefly(shop) == {("error", "fbs_custom_fields.fbs_custom_fields_isolation_idx", "invalid")}
        assert fbs_db.repair(url_of(shop), apply=True).check.healthy
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute(left.encode())
    fbs_db.isolate(True, url_of(shop))
    assert missing_parts(shop) == []
    assert findings(shop) == []


# --- another schema, other names


def test_two_schemas_and_odd_names(empty_everywhere: psycopg.Connection) -> None:
    connection, url = empty_everywhere, url_of(empty_everywhere)
    odd = "Fbs 100%"
    with role(connection, ACME):
        for schema in (odd, "other"):
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
            connection.commit()
            fbs_db.migrate(url, schema=schema)
            list_logins(connection, [ACME], schema)
            connection.execute(sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
            run(connection, ROWS)
        fbs_db.isolate(True, url, schema=odd)
        here, there = (f'select field_value from "{schema}".fbs_custom_fields order by id' for schema in (odd, "other"))
        assert seen(connection, ACME, here) == ["blue"]
        assert seen(connection, ACME, there) == ["blue", "red"]
        assert fbs_db.isolation_status(url, schema=odd).complete
        with psycopg.connect(url, options="-c quote_all_identifiers=on") as quoting:
            parts = sql.SQL("select part from {}.fbs_isolation_parts(true) where not present")
            assert quoting.execute(parts.format(sql.Identifier(odd))).fetchall() == []
        solution = sql.Literal('o\'neill %s "x" {,}')
        for statement in (
            "update {}.fbs_roles set solutions = array[{}]",
            "update {}.fbs_custom_fields set solution_name = {} where field_value = 'red'",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(odd), solution))
        connection.commit()
        assert seen(connection, ACME, here) == ["red"]
        assert [one for one in fbs_db.check(url, schema=odd).findings if one.kind == "isolation"] == []
        fbs_db.isolate(False, url, schema=odd)
        assert seen(connection, ACME, here) == ["blue", "red"]


# --- what else works while it is on


def test_the_owners_work_goes_on(isolated: psycopg.Connection) -> None:
    run(
        isolated,
        "create table tenants (id integer primary key)",
        "insert into tenants values (1), (2)",
        f"grant select, delete, update on tenants to {ACME}",
        "select fbs_attach_host('tenants', 'rentals.tenant')",
        f"{FIELD}, solution_name) values ('rentals.tenant', 77, 'colour', 'orphan', 'beta')",
        "insert into fbs_notifications (title, message, notification_type, is_read, created_at, solution_name)"
        " values ('t', 'm', 'x', true, '2020-01-01', 'acme'), ('t', 'm', 'x', true, '2020-01-01', 'beta')",
    )
    assert [one.rows for one in fbs_db.purge(["notifications"], url_of(isolated))] == [2]
    # Whoever changes a host row, all rows about it follow.
    with closing(as_login(isolated, ACME)) as login:
        login.execute("update tenants set id = 20 where id = 2")
        login.execute("delete from tenants where id = 1")
    fields = "select record_id, field_value from fbs_custom_fields order by 1"
    assert rows(isolated, fields) == [(20, "red"), (77, "orphan")]
    isolated.commit()
    fbs_db.sweep_orphans(url_of(isolated))
    assert rows(isolated, fields) == [(20, "red")]
    isolated.commit()
    assert findings(isolated) == []


def test_the_status_tells_what_each_sees_and_what_has_no_solution(isolated: psycopg.Connection) -> None:
    told = answer(on(isolated, "isolate", "status", "--json"))
    assert told["on"]
    assert {one["table"] for one in told["tables"]} >= {"fbs_custom_fields", "fbs_approval_responses"}
    assert "fbs_kpis" in told["others"]
    assert "fbs_settings" not in told["others"]
    assert {one["role"]: one["solutions"] for one in told["roles"]} == SOLUTIONS
    assert "through fbs_approval_requests, by approval_request_id" in on(isolated, "isolate", "status").stdout
    run(isolated, "drop policy fbs_solution on fbs_custom_fields")
    broken = on(isolated, "isolate", "status")
    assert broken.exit_code == 1
    assert "MISSING: policy" in broken.stdout


def test_a_login_is_told_what_it_could_not_look_at(isolated: psycopg.Connection) -> None:
    run(isolated, f"grant select on all tables in schema public to {ACME}")
    with closing(as_login(isolated, ACME)) as login:
        report = fbs_db.check(login, data=True)
    assert {one.severity for one in report.findings} == {"note"}
    hidden = [one for one in report.findings if one.kind == "privilege" and "fbs_custom_fields" in one.object]
    assert any("row-level security" in str(one.found) for one in hidden)


def test_the_reference_says_which_tables_are_isolated(isolated: psycopg.Connection) -> None:
    number = len(fbs_db.isolation_status(url_of(isolated)).tables)
    assert on(isolated, "docs", "--html", "-").stdout.count("A login sees the rows of its solutions only.") == number
    fbs_db.isolate(False, url_of(isolated))
    assert on(isolated, "docs", "--html", "-").stdout.count("With isolation, a login sees") == number


def test_the_policies_of_a_table_are_described(isolated: psycopg.Connection) -> None:
    policies = dict(fbs_db.describe("custom_fields", url_of(isolated)).policies)
    assert policies["fbs_solution"].startswith("restrictive using (((solution_name)::text = ANY")
    assert policies["fbs_every_row"] == "permissive using (true)"
    fbs_db.isolate(False, url_of(isolated))
    assert fbs_db.describe("custom_fields", url_of(isolated)).policies == ()
