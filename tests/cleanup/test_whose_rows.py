"""Host tables of one solution: whose row is cleaned up, whose is spared, and whose is nobody's to tell."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support.commands import answer, on
from tests.support.connections import rows
from tests.support.host_rows import SCHEMAS, attach_host, findings, owner, retry, row_findings, waiting
from tests.support.sample_rows import MODEL, add

#: Each table whose rows name a record: by which columns, and which of its columns name the solution.
WAYS = {
    "fbs_custom_fields": (None, ("solution_name", "database_name")),
    "fbs_approval_requests": ("request_data", ("solution_name",)),
    "fbs_workflow_instances": ("workflow_data", ("solution_name",)),
    "fbs_dms_document": ("metadata", ("solution_db",)),
}
NAMES = [(table, column) for table, (_, columns) in WAYS.items() for column in columns]
#: What a row is that has been cleaned up.
CLEANED = {
    "fbs_custom_fields": "false",
    "fbs_approval_requests": "status <> 'cancelled'",
    "fbs_workflow_instances": "status <> 'cancelled'",
    "fbs_dms_document": "state <> 'archived'",
}


def point(connection: psycopg.Connection, table: str, record: int, **names: Any) -> int:
    """A row that points at a record, with columns that name its solution; of none where nothing is said."""
    json_column, columns = WAYS[table]
    values: dict[str, Any] = {column: None if column == "solution_db" else "" for column in columns}
    if json_column:
        values[json_column] = {"model_name": MODEL, "record_id": record}
    else:
        values |= {"model_name": MODEL, "record_id": record}
    return add(connection, table, **(values | names))[1]


def left(connection: psycopg.Connection, table: str) -> list[int]:
    """Numbers of the rows that have not been cleaned up, but for the first, which points at nothing."""
    there = "true" if table == "fbs_custom_fields" else CLEANED[table]
    return [number for (number,) in rows(connection, f"select id from {table} where {there} and id > 1 order by id")]


@pytest.fixture
def two(seeded: psycopg.Connection) -> psycopg.Connection:
    """Two solutions, each with a table of its own for the same model, and rows 1 to 9 in both."""
    seeded.execute(SCHEMAS)
    for name in ("acme", "beta"):
        owner(
            seeded,
            f"create table app.{name} (id bigint primary key, name text)",
            f"insert into app.{name} select n from generate_series(1, 9) as n",
        )
    attach_host(seeded, "app.acme", solution="acme")
    attach_host(seeded, "app.beta", solution="beta")
    return seeded


@pytest.mark.parametrize("form", ["{}", "fbs_{}_db", "djo_{}_db"])
@pytest.mark.parametrize(("table", "column"), NAMES)
def test_a_solution_cleans_up_its_own_rows(two: psycopg.Connection, table: str, column: str, form: str) -> None:
    point(two, table, 1, **{column: form.format("acme")})
    theirs = point(two, table, 1, **{column: form.format("beta")})
    strange = point(two, table, 1, **{column: form.format("gamma")})
    nobodys = point(two, table, 1)
    owner(two, "delete from app.acme where id = 1")
    assert waiting(two) == []
    assert left(two, table) == [theirs, strange, nobodys]
    owner(two, "delete from app.beta where id = 1")
    assert left(two, table) == [strange, nobodys]


@pytest.mark.parametrize("name", ["acme2", "fbs_acme", "acme_db", "ACME", "djo_fbs_acme_db_db", "fbs_acme_db ", "%"])
def test_a_name_that_is_only_like_it_is_another_solution(two: psycopg.Connection, name: str) -> None:
    other = point(two, "fbs_approval_requests", 1, solution_name=name)
    owner(two, "delete from app.acme where id = 1")
    assert left(two, "fbs_approval_requests") == [other]


@pytest.mark.parametrize("table", WAYS)
def test_a_row_of_no_solution_is_cleaned_up_where_there_is_one_host(seeded: psycopg.Connection, table: str) -> None:
    seeded.execute(SCHEMAS)
    owner(seeded, "create table app.acme (id bigint primary key)", "insert into app.acme values (1), (2)")
    attach_host(seeded, "app.acme", solution="acme")
    column = WAYS[table][1][0]
    point(seeded, table, 1)
    theirs = point(seeded, table, 1, **{column: "beta"})
    other = point(seeded, table, 2)
    owner(seeded, "delete from app.acme where id = 1")
    assert left(seeded, table) == [theirs, other]
    assert row_findings(seeded) == [], "the row of another solution is not this one's orphan"


@pytest.mark.parametrize("table", WAYS)
def test_a_row_of_no_solution_is_left_and_told_where_there_are_two_hosts(two: psycopg.Connection, table: str) -> None:
    nobodys = point(two, table, 1)
    owner(two, "delete from app.acme where id = 1", "delete from app.beta where id = 1")
    assert left(two, table) == [nobodys]
    found = row_findings(two)
    assert found
    assert any("solution" in f"{one.problem} {one.found}" for one in found)
    two.execute("select fbs_sweep_orphans()")
    assert left(two, table) == [nobodys]


def test_a_host_of_no_solution_cleans_up_rows_of_every_one(seeded: psycopg.Connection) -> None:
    """As it always was: one host table for all solutions."""
    seeded.execute(SCHEMAS)
    owner(seeded, "create table app.acme (id bigint primary key)", "insert into app.acme values (1)")
    attach_host(seeded, "app.acme")
    for name in ("", "acme", "beta"):
        point(seeded, "fbs_approval_requests", 1, solution_name=name)
    owner(seeded, "delete from app.acme")
    assert left(seeded, "fbs_approval_requests") == []


@pytest.mark.parametrize("first", [None, "acme"])
@pytest.mark.parametrize("second", [None, "acme"])
def test_two_hosts_of_one_model_need_a_solution_each(
    seeded: psycopg.Connection, first: str | None, second: str | None
) -> None:
    seeded.execute(SCHEMAS)
    owner(seeded, "create table app.one (id bigint primary key)", "create table app.two (id bigint primary key)")
    attach_host(seeded, "app.one", solution=first)
    with pytest.raises(psycopg.Error) as caught:
        attach_host(seeded, "app.two", solution=second)
    assert caught.value.sqlstate == "FB022"
    assert caught.value.diag.message_hint
    seeded.rollback()
    if first:
        attach_host(seeded, "app.two", solution="beta")
        assert rows(seeded, "select solution from fbs_hosts order by 1") == [("acme",), ("beta",)]


# --- what the map adds


def test_identifiers_that_the_map_gives_to_a_solution(two: psycopg.Connection) -> None:
    """A workflow names its business, a document its company."""
    two.execute(
        "insert into fbs_solution_map values ('company_id', '7', 'acme'), ('company_id', '8', 'beta'),"
        " ('business_id', '7', 'beta')"
    )
    documents = [point(two, "fbs_dms_document", 1, company_id=company) for company in ("7", "8", "9")]
    runs = [point(two, "fbs_workflow_instances", 1, business_id=business) for business in ("7", "9")]
    owner(two, "delete from app.acme where id = 1")
    assert waiting(two) == []
    assert left(two, "fbs_dms_document") == documents[1:]
    assert left(two, "fbs_workflow_instances") == runs
    owner(two, "delete from app.beta where id = 1")
    assert left(two, "fbs_dms_document") == documents[2:]
    assert left(two, "fbs_workflow_instances") == runs[1:]


def test_a_row_that_names_two_solutions_is_spared(two: psycopg.Connection) -> None:
    """In its own column one, by the map another: neither's deletion is enough to go by."""
    two.execute("insert into fbs_solution_map values ('company_id', '7', 'beta')")
    both = point(two, "fbs_dms_document", 1, company_id="7", solution_db="fbs_acme_db")
    owner(two, "delete from app.acme where id = 1", "delete from app.beta where id = 1")
    assert left(two, "fbs_dms_document") == [both]


# --- everything else that looks at rows


@pytest.mark.parametrize("how", ["sweep", "queue", "truncate"])
@pytest.mark.parametrize("table", WAYS)
def test_each_way_to_clean_up_knows_the_solution(two: psycopg.Connection, table: str, how: str) -> None:
    column = WAYS[table][1][0]
    for record in (1, 2):
        point(two, table, record, **{column: "acme"})
    kept = [point(two, table, record, **{column: "beta"}) for record in (1, 2)]
    mode = {"sweep": "off", "queue": "queue", "truncate": "on"}[how]
    what = "truncate app.acme" if how == "truncate" else "delete from app.acme where id in (1, 2)"
    owner(two, f"set fbs.cleanup = '{mode}'", what, "set fbs.cleanup = 'on'")
    if how == "queue":
        assert rows(two, "select model_name, solution from fbs_cleanup_queue") == [(MODEL, "acme")]
    if how == "sweep":
        assert [one.object for one in row_findings(two)] == [f"{MODEL} (acme)"]
        two.execute("select fbs_sweep_orphans()")
    assert retry(two) == []
    assert left(two, table) == kept


@pytest.mark.parametrize("mode", ["on", "queue"])
def test_rows_of_a_solution_follow_its_keys(two: psycopg.Connection, mode: str) -> None:
    for name in ("acme", "beta", ""):
        point(two, "fbs_custom_fields", 1, database_name=name)
        point(two, "fbs_dms_document", 1, solution_db=name or None)
    owner(two, f"set fbs.cleanup = '{mode}'", "update app.acme set id = 10 where id = 1", "set fbs.cleanup = 'on'")
    assert retry(two) == []
    assert rows(two, "select database_name, record_id from fbs_custom_fields where id > 1 order by 1") == [
        ("", 1), ("acme", 10), ("beta", 1),
    ]  # fmt: skip
    assert rows(
        two,
        "select solution_db, metadata ->> 'record_id' from fbs_dms_document where id > 1 order by 1 nulls first",
    ) == [(None, "1"), ("acme", "10"), ("beta", "1")]


def test_a_model_is_renamed_for_one_solution(two: psycopg.Connection) -> None:
    for name in ("acme", "beta"):
        point(two, "fbs_approval_requests", 1, solution_name=name)
    attach_host(two, "app.acme", "rentals.site", solution="acme")
    models = "select solution_name, request_data ->> 'model_name' from fbs_approval_requests where id > 1 order by 1"
    assert rows(two, models) == [("acme", "rentals.site"), ("beta", MODEL)]
    owner(two, "delete from app.acme where id = 1")
    assert rows(two, "select solution_name, status from fbs_approval_requests where id > 1 order by 1") == [
        ("acme", "cancelled"), ("beta", "pending"),
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["on", "queue"])
def test_a_detached_host_leaves_the_other_alone(two: psycopg.Connection, mode: str) -> None:
    """What one solution's table held is not given to the other."""
    kept = point(two, "fbs_approval_requests", 1, solution_name="beta")
    two.execute("select fbs_detach_host('app.beta')")
    owner(two, f"set fbs.cleanup = '{mode}'", "delete from app.acme where id = 1", "set fbs.cleanup = 'on'")
    two.execute("select fbs_sweep_orphans()")
    assert retry(two) == []
    assert left(two, "fbs_approval_requests") == [kept]
    assert findings(two) == []


def test_the_command_takes_a_solution(two: psycopg.Connection) -> None:
    owner(two, "create table app.gamma (id bigint primary key)")
    words = ["attach", "host", "app.gamma", "--model", MODEL, "--json"]
    refused = on(two, *words)
    assert refused.exit_code == 2
    assert "solution" in refused.output
    told = answer(on(two, *words, "--solution", "gamma"))
    assert told["solution"] == "gamma"
    assert findings(two) == []
