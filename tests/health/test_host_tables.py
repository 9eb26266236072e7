"""Host tables that do not fit any more, triggers that do not fire, refused rules: found, with what mends them."""

from __future__ import annotations

import psycopg
import pytest

import fbs_db
from tests.support.connections import url_of

HOSTS = (
    "create table tenants (id bigint constraint tenants_key primary key, code text);"
    "create table rooms (id bigint primary key) partition by range (id);"
    "create table rooms_low partition of rooms for values from (0) to (10);"
    "select fbs_attach_host('tenants', 'a.tenant'), fbs_attach_host('rooms', 'a.room')"
)
TENANTS, ROOMS = "fbs-db attach host tenants --model a.tenant", "fbs-db attach host rooms --model a.room"
#: What becomes of a host table; problem and what was found.
UNFIT = {
    "key not unique": (
        "alter table tenants drop constraint tenants_key",
        ("a.tenant", "does not fit", "column id of tenants is not unique", ""),
    ),
    "key of another type": (
        "alter table tenants alter id type numeric",
        ("a.tenant", "does not fit", "column id of tenants is of type numeric", ""),
    ),
    "key gone": (
        "alter table tenants drop id",
        ("a.tenant", "key renamed", "table tenants has no column id", TENANTS),
    ),
    "children": (
        "create table children () inherits (tenants)",
        ("a.tenant", "does not fit", "tenants inherits, or is inherited from", ""),
    ),
    "a trigger disabled": (
        "alter table tenants disable trigger fbs_cleanup_delete",
        ("a.tenant", "trigger missing", "on tenants fbs_cleanup_delete does not fire", TENANTS),
    ),
    "a trigger for replicas only": (
        "alter table tenants enable replica trigger fbs_cleanup_truncate",
        ("a.tenant", "trigger missing", "on tenants fbs_cleanup_truncate does not fire", TENANTS),
    ),
    "a trigger gone": (
        "drop trigger fbs_cleanup_rekey on tenants",
        ("a.tenant", "trigger missing", "on tenants fbs_cleanup_rekey is missing", TENANTS),
    ),
}


def findings(connection: psycopg.Connection, kind: str) -> list[tuple[str, str, str | None, str]]:
    findings = fbs_db.check(connection, only=[kind]).findings
    return [(one.object, one.problem, one.found, one.mend) for one in findings if one.severity == "error"]


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_host_table_that_is_not_as_it_was(installed: psycopg.Connection, unfit: str) -> None:
    installed.execute(HOSTS.encode())
    assert findings(installed, "host") == []
    statement, found = UNFIT[unfit]
    installed.execute(statement.encode())
    assert findings(installed, "host") == [found]
    if found[3] and found[1] != "key renamed":
        installed.execute("select fbs_attach_host('tenants', 'a.tenant')")
        assert findings(installed, "host") == []


def test_a_partition_that_came_later_is_not_covered(installed: psycopg.Connection) -> None:
    installed.execute(HOSTS.encode())
    installed.execute("create table rooms_high partition of rooms for values from (10) to (20)")
    found = findings(installed, "host")
    assert [(name, problem, mend) for name, problem, _, mend in found] == [("a.room", "trigger missing", ROOMS)]
    assert str(found[0][2]).startswith("on rooms_high fbs_cleanup_delete")
    installed.execute("select fbs_attach_host('rooms', 'a.room')")
    assert findings(installed, "host") == []


def test_a_rule_that_is_refused(installed: psycopg.Connection) -> None:
    installed.execute(
        "create table notes (tenant_id bigint);"
        "insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description)"
        " values ('notes', 'public.notes', 'tenant_id', 'a.tenant', 'delete', 'They go, too.')"
    )
    assert findings(installed, "rule") == []
    installed.execute("drop role if exists fbs_noter; create role fbs_noter; grant trigger on notes to fbs_noter")
    assert findings(installed, "rule") == [("notes", "refused", "notes may be given triggers by fbs_noter", "")]
    installed.execute("revoke trigger on notes from fbs_noter")
    assert findings(installed, "rule") == []


def test_the_function_of_the_rules_is_out_of_date(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    installed.execute("alter table fbs_cleanup_rules disable trigger user")
    installed.execute("update fbs_cleanup_rules set only_if = null where rule_name = 'approval_requests'")
    installed.execute("alter table fbs_cleanup_rules enable trigger user")
    [(name, problem, _, mend)] = findings(installed, "rule")
    assert (name, problem) == ("fbs_apply_rules", "out of date")
    installed.execute(mend.encode())
    assert findings(installed, "rule") == []


def test_the_function_of_the_rules_is_repaired_from_them(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    query = "select pg_get_functiondef(oid) from pg_proc where proname = 'fbs_apply_rules'"
    before = installed.execute(query.encode()).fetchone()
    installed.execute("drop function fbs_apply_rules")
    report = fbs_db.repair(url_of(installed), apply=True)
    assert ("select fbs_compile_rules();",) in {one.statements for one in report.mends}
    assert report.check.healthy
    assert installed.execute(query.encode()).fetchone() == before
