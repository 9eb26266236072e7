"""Two schemas with FBS in one database, which serve the same host table."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import fbs_db
from tests.support.clones import CloneOf
from tests.support.connections import rows, url_of
from tests.support.host_rows import SCHEMAS, owner
from tests.support.sample_rows import MODEL

BOTH = ("fbs_one", "fbs_two")
TABLES = {
    "table": "create table app.sites (id bigint primary key, name text)",
    "partitions": "create table app.sites (id bigint primary key, name text) partition by range (id);"
    "create table app.low partition of app.sites for values from (0) to (3);"
    "create table app.high partition of app.sites default",
}


def install_both(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create schema fbs_one; create schema fbs_two")
    for schema in BOTH:
        fbs_db.migrate(url, schema=schema)


@pytest.fixture
def both(major: int, clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """FBS in two schemas."""
    yield from clone_of("twice", major, install_both)


def attach(connection: psycopg.Connection, *schemas: str) -> None:
    for schema in schemas:
        connection.execute(f"select {schema}.fbs_attach_host('app.sites', '{MODEL}')".encode())
        connection.commit()


def fields(connection: psycopg.Connection, schema: str) -> list[int]:
    """Records that custom fields in a schema point at."""
    return [record for (record,) in rows(connection, f"select record_id from {schema}.fbs_custom_fields order by 1")]


def problems(connection: psycopg.Connection, schema: str) -> list[tuple[str, str]]:
    connection.commit()
    report = fbs_db.check(url_of(connection), schema=schema)
    return [(one.object, one.problem) for one in report.findings if one.severity != "note"]


@pytest.fixture(params=TABLES)
def sites(request: pytest.FixtureRequest, both: psycopg.Connection) -> psycopg.Connection:
    """A host table with rows 1 to 6, and custom fields of each in both schemas."""
    both.execute(SCHEMAS)
    owner(both, TABLES[request.param], "insert into app.sites select n from generate_series(1, 6) as n")
    for schema in BOTH:
        both.execute(
            f"insert into {schema}.fbs_custom_fields (model_name, record_id, field_name, field_value)"
            f" select '{MODEL}', n, 'a', 'b' from generate_series(1, 6) as n"
        )
    both.commit()
    return both


@pytest.mark.parametrize("order", [BOTH, BOTH[::-1], (*BOTH, *BOTH)], ids=["one first", "two first", "again"])
def test_both_clean_up(sites: psycopg.Connection, order: tuple[str, ...]) -> None:
    attach(sites, *order)
    owner(sites, "delete from app.sites where id in (1, 4)", "update app.sites set id = 60 where id = 6")
    for schema in BOTH:
        assert fields(sites, schema) == [2, 3, 5, 60]
        assert problems(sites, schema) == []
        assert rows(sites, f"select model_name from {schema}.fbs_cleanup_queue") == []
    owner(sites, "truncate app.sites")
    assert [fields(sites, schema) for schema in BOTH] == [[], []]


@pytest.mark.parametrize(("left", "gone"), [BOTH, BOTH[::-1]], ids=["the second goes", "the first goes"])
@pytest.mark.parametrize("how", ["select {}.fbs_detach_host('app.sites')", "drop schema {} cascade"])
def test_when_one_goes_the_other_stays(sites: psycopg.Connection, how: str, left: str, gone: str) -> None:
    attach(sites, *BOTH)
    sites.execute(how.format(gone).encode())
    sites.commit()
    assert problems(sites, left) == []
    owner(sites, "delete from app.sites where id in (1, 4)", "update app.sites set id = 60 where id = 6")
    assert fields(sites, left) == [2, 3, 5, 60]
    if how.startswith("select"):
        assert fields(sites, gone) == [1, 2, 3, 4, 5, 6]
        assert problems(sites, gone) == []
        attach(sites, gone)
        assert problems(sites, gone) == problems(sites, left) == []
        owner(sites, "delete from app.sites where id = 2")
        assert fields(sites, gone) == [1, 3, 4, 5, 6]
    else:
        owner(sites, "delete from app.sites where id = 2")
    assert fields(sites, left) == [3, 5, 60]


def test_a_trigger_of_one_that_is_lost_is_told_by_that_one(sites: psycopg.Connection) -> None:
    attach(sites, *BOTH)
    lost = rows(
        sites,
        "select tgname::text from pg_trigger where tgrelid = 'app.sites'::regclass"
        " and tgtype & 8 > 0 and tgtype & 1 = 0 and tgfoid = 'fbs_two.fbs_cleanup()'::regprocedure",
    )
    assert len(lost) == 1
    owner(sites, f"drop trigger {lost[0][0]} on app.sites")
    assert problems(sites, "fbs_one") == []
    assert problems(sites, "fbs_two") == [(MODEL, "trigger missing")]
    attach(sites, "fbs_two")
    assert problems(sites, "fbs_two") == []


def test_a_failure_of_one_is_no_failure_of_the_other(sites: psycopg.Connection) -> None:
    attach(sites, *BOTH)
    sites.execute("drop table fbs_one.fbs_hosts cascade")
    owner(sites, "delete from app.sites where id in (1, 4)")
    assert fields(sites, "fbs_one") == [1, 2, 3, 4, 5, 6]
    assert fields(sites, "fbs_two") == [2, 3, 5, 6]


def test_each_may_have_its_own_name_for_the_model(sites: psycopg.Connection) -> None:
    attach(sites, "fbs_one")
    sites.execute("select fbs_two.fbs_attach_host('app.sites', 'rentals.other')")
    sites.execute("update fbs_two.fbs_custom_fields set model_name = 'rentals.other' where record_id < 3")
    owner(sites, "delete from app.sites where id in (1, 4)")
    assert fields(sites, "fbs_one") == [2, 3, 5, 6]
    assert fields(sites, "fbs_two") == [2, 3, 4, 5, 6]
