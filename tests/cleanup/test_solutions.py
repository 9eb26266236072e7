"""Host tables of one solution each, and keys that FBS's rows follow or not: attached, listed, cleaned up, checked."""

from __future__ import annotations

import json

import psycopg
import pytest
from click.testing import CliRunner

import fbs_db
from fbs_db.cleanup.hosts import Host
from fbs_db.cli import main
from tests.support.connections import url_of

FIELD = (
    "insert into fbs_custom_fields (model_name, record_id, field_name, field_value, solution_name)"
    " select 'tenant', n, %s, 'v', %s from generate_series(%s::int, %s::int) as n"
)


@pytest.fixture
def two(installed: psycopg.Connection) -> psycopg.Connection:
    """A table of tenants for each of two solutions, and FBS's rows of both and of none."""
    installed.autocommit = True
    for solution in ("acme", "zeta"):
        installed.execute(f"create table {solution}_tenants (id uuid, number bigint primary key)".encode())
        installed.execute(f"insert into {solution}_tenants (number) select generate_series(1, 5)".encode())
        fbs_db.attach_host(f"{solution}_tenants", "tenant", url_of(installed), solution=solution)
        installed.execute(FIELD, (solution, solution, 1, 5))
    installed.execute(FIELD, ("none", "", 1, 5))
    return installed


def fields(connection: psycopg.Connection) -> dict[str, list[int]]:
    """The records that custom fields of each name are about."""
    query = "select field_name, array_agg(record_id order by record_id) from fbs_custom_fields group by 1 order by 1"
    return dict(connection.execute(query.encode()).fetchall())


def command(connection: psycopg.Connection, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["--database", url_of(connection), *words])
    assert result.exit_code == code, result.output
    return result.output


def rows_found(connection: psycopg.Connection) -> list[tuple[str, str, str | None, str]]:
    findings = fbs_db.check(connection, only=["rows"], data=True).findings
    return [(one.object, one.problem, one.found, one.mend) for one in findings]


# --- solutions


def test_each_table_cleans_up_the_rows_of_its_solution(two: psycopg.Connection) -> None:
    assert fbs_db.list_hosts(url_of(two)) == [
        Host("acme_tenants", "tenant", "number", "acme", True),
        Host("zeta_tenants", "tenant", "number", "zeta", True),
    ]
    two.execute("delete from acme_tenants where number = 1")
    assert fields(two) == {"acme": [2, 3, 4, 5], "none": [1, 2, 3, 4, 5], "zeta": [1, 2, 3, 4, 5]}
    assert rows_found(two) == [("tenant", "no solution named", "5 of fbs_custom_fields", "")]
    fbs_db.detach_host("zeta_tenants", url_of(two))
    two.execute("delete from acme_tenants where number = 2")
    assert fields(two) == {"acme": [3, 4, 5], "none": [1, 3, 4, 5], "zeta": [1, 2, 3, 4, 5]}


def test_a_model_of_two_tables_needs_a_solution_for_each(two: psycopg.Connection) -> None:
    two.execute("create table tenants (id bigint primary key)")
    for words in ([], ["--solution", "acme"]):
        assert "attached already" in command(two, "attach", "host", "tenants", "--model", "tenant", *words, code=2)
    said = command(two, "attach", "host", "tenants", "--model", "tenant", "--solution", "third")
    assert said == "tenants is attached as tenant (third), by its key id.\n"
    host = json.loads(command(two, "attach", "host", "tenants", "--model", "tenant", "--json"))
    assert (host["solution"], host["follows_keys"]) == ("third", True)  # unless named, they stay as they are
    assert "  tenants as tenant (third), by its key id\n" in command(two, "cleanup", "status")


def test_what_waits_has_its_solution(two: psycopg.Connection, caplog: pytest.LogCaptureFixture) -> None:
    fbs_db.change_setting("cleanup", "queue", url_of(two))
    two.execute("delete from zeta_tenants where number <= 2; update acme_tenants set number = 50 where number = 5")
    waiting = fbs_db.cleanup_status(url_of(two)).waiting
    assert [(one.model_name, one.solution, one.operation, one.keys) for one in waiting] == [
        ("tenant", "zeta", "delete", 2),
        ("tenant", "acme", "rekey", 1),
    ]
    assert "  delete of 2 rows of tenant (zeta): since" in command(two, "cleanup", "status")
    two.execute(
        "create function refuse() returns trigger language plpgsql as $$begin raise 'kept'; end$$;"
        "create trigger refuse before delete on fbs_custom_fields execute function refuse()"
    )
    fbs_db.retry_cleanup(url_of(two))
    assert "Clean-up failed: delete of 2 rows of tenant (zeta), rule custom_fields: kept" in caplog.messages
    two.execute("drop trigger refuse on fbs_custom_fields")
    assert fbs_db.retry_cleanup(url_of(two)).waiting == 0
    assert fields(two) == {"acme": [1, 2, 3, 4, 50], "none": [1, 2, 3, 4, 5], "zeta": [3, 4, 5]}


def test_a_sweep_is_one_for_each_solution(two: psycopg.Connection) -> None:
    two.execute("set session_replication_role = replica; delete from zeta_tenants where number = 3")
    assert ("tenant (zeta)", "orphans") in {(name, problem) for name, problem, *_ in rows_found(two)}
    swept = fbs_db.sweep_orphans(url_of(two))
    assert [(one.model_name, one.solution, one.orphans, one.touched, one.error) for one in swept] == [
        ("tenant", "acme", 0, 0, None),
        ("tenant", "zeta", 1, 1, None),
    ]
    assert fields(two) == {"acme": [1, 2, 3, 4, 5], "none": [1, 2, 3, 4, 5], "zeta": [1, 2, 4, 5]}
    assert "  tenant (zeta): 0 gone, 0 rows cleaned up\n" in command(two, "cleanup", "sweep")


# --- keys


def updates(connection: psycopg.Connection, table: str) -> int:
    """The number of a table's triggers on updates."""
    query = "select from pg_trigger where tgrelid = %s::regclass and tgtype & 16 > 0"
    return len(connection.execute(query, (table,)).fetchall())


def test_keys_of_a_sequence_are_fixed_unless_asked_otherwise(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    installed.execute("create table people (id bigint generated by default as identity primary key)")
    said = command(installed, "attach", "host", "people", "--model", "person")
    assert said == "people is attached as person, by its fixed key id.\n"
    assert updates(installed, "people") == 0
    assert not fbs_db.attach_host("people", "person", url_of(installed)).follows_keys
    command(installed, "attach", "host", "people", "--model", "person", "--follow-keys")
    assert updates(installed, "people") == 1
    command(installed, "attach", "host", "people", "--model", "person", "--fixed-keys")
    assert updates(installed, "people") == 0


def test_what_a_changed_key_of_a_fixed_host_left_behind(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    installed.execute("create table people (id bigint primary key); insert into people select generate_series(1, 3)")
    fbs_db.attach_host("people", "tenant", url_of(installed), follow_keys=False)
    installed.execute(FIELD, ("a", "", 1, 3))
    installed.execute("update people set id = 1002 where id = 2")
    assert rows_found(installed) == [
        (
            "tenant",
            "orphans",
            "1 key that FBS rows hold, not in people, such as 2; FBS rows do not follow the keys of this table",
            "fbs-db cleanup sweep --model tenant",
        )
    ]
    installed.execute("select fbs_rekey('tenant', '{2}', '{1002}')")
    assert rows_found(installed) == []
    assert fields(installed) == {"a": [1, 3, 1002]}


def test_record_ids_that_are_no_keys_are_counted_and_left(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    installed.execute("create table people (id bigint primary key)")
    fbs_db.attach_host("people", "tenant", url_of(installed))
    installed.execute(
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, status, request_data)"
        " select n, '', 'other', 1, 'pending', jsonb_build_object('model_name', 'tenant', 'record_id', n)"
        " from unnest('{6000.0, \" 6000\", 6000}'::text[]) as n"
    )
    found = {problem: text for _, problem, text, _ in rows_found(installed)}
    assert found["no keys"] == "2 record ids, such as  6000"
    assert found["orphans"] == "1 key that FBS rows hold, not in people, such as 6000"
    assert fbs_db.sweep_orphans(url_of(installed))[0].orphans == 1
    assert [problem for _, problem, *_ in rows_found(installed)] == ["no keys"]


def test_in_an_older_snapshot_the_host_is_not_read(installed: psycopg.Connection) -> None:
    installed.execute("set transaction isolation level repeatable read")
    [one] = fbs_db.check(installed, only=["rows"], data=True).findings
    assert (one.severity, one.object, one.problem) == ("note", "fbs_check_hosts", "not looked at")
