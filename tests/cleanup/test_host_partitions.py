"""Host tables in partitions: whichever table a statement names, each row that goes is cleaned up after once."""

from __future__ import annotations

import psycopg
import pytest

import fbs_db
from tests.support.connections import rows, url_of
from tests.support.host_rows import (
    SCHEMAS,
    attach_host,
    findings,
    mend,
    owner,
    point_at,
    pointed_at,
    retry,
    waiting,
)
from tests.support.sample_rows import MODEL

#: Leaves for keys below 100 and below 200, and one below an intermediate.
TABLES = """
create table app.sites (id bigint primary key, name text) partition by range (id);
create table app.low partition of app.sites for values from (0) to (100);
create table app.middle partition of app.sites for values from (100) to (200);
create table app.upper partition of app.sites for values from (200) to (400) partition by range (id);
create table app.upper_low partition of app.upper for values from (200) to (300);
insert into app.sites (id) values (1), (2), (3), (101), (102), (201), (202)
"""
KEYS = ("1", "101", "102", "2", "201", "202", "3")
LATER = "create table app.upper_high partition of app.upper for values from (300) to (400)"


def without(*gone: int) -> list[str]:
    return [key for key in KEYS if int(key) not in gone]


@pytest.fixture
def sites(seeded: psycopg.Connection) -> psycopg.Connection:
    """The tables of a host, attached; each row is pointed at."""
    seeded.execute(SCHEMAS)
    owner(seeded, TABLES)
    attach_host(seeded)
    point_at(seeded, 1, 2, 3, 101, 102, 201, 202)
    return seeded


STATEMENTS = {
    "root": (["delete from app.sites where id in (1, 101, 201)"], (1, 101, 201)),
    "leaf": (["delete from app.low where id < 3"], (1, 2)),
    "intermediate": (["delete from app.upper where id = 201"], (201,)),
    "leaf below": (["delete from app.upper_low"], (201, 202)),
    "one after the other": (["delete from app.low where id = 1", "delete from app.sites where id = 2"], (1, 2)),
    "root and leaf in one": (
        ["with one as (delete from app.low where id = 1 returning id) delete from app.sites where id in (2, 101)"],
        (1, 2, 101),
    ),
    "leaves in one": (
        [
            "with one as (delete from app.low where id = 1 returning id),"
            " two as (delete from app.upper where id = 201 returning id) delete from app.middle where id = 101"
        ],
        (1, 101, 201),
    ),
    "truncate leaf": (["truncate app.low"], (1, 2, 3)),
    "truncate intermediate": (["truncate app.upper"], (201, 202)),
    "truncate root": (["truncate app.sites"], (1, 2, 3, 101, 102, 201, 202)),
    "merge": (
        ["merge into app.sites as s using (values (1), (101)) as v (id) on s.id = v.id when matched then delete"],
        (1, 101),
    ),
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_way_to_delete(sites: psycopg.Connection, statement: str) -> None:
    statements, gone = STATEMENTS[statement]
    owner(sites, *statements)
    assert waiting(sites) == []
    assert pointed_at(sites) == without(*gone)
    assert findings(sites) == []


@pytest.mark.parametrize("table", ["app.sites", "app.low"])
@pytest.mark.parametrize("mode", ["threshold", "queue"])
def test_what_is_left_to_the_worker_is_so_through_a_leaf_too(sites: psycopg.Connection, table: str, mode: str) -> None:
    """One entry a thousand keys, not one a row."""
    owner(sites, "insert into app.low (id) select n from generate_series(10, 99) as n")
    point_at(sites, 99)
    setting, value = ("cleanup", "queue") if mode == "queue" else ("cleanup_threshold", "20")
    fbs_db.change_setting(setting, value, url_of(sites))
    owner(sites, f"delete from {table} where id between 3 and 99")
    assert rows(sites, "select operation, cardinality(keys) from fbs_cleanup_queue") == [("delete", 91)]
    assert pointed_at(sites) == sorted([*KEYS, "99"])
    assert retry(sites) == []
    assert pointed_at(sites) == without(3)


def test_a_leaf_costs_a_statement_what_the_root_costs(sites: psycopg.Connection) -> None:
    """As many triggers fire for a hundred rows as for one."""
    fired = (
        "select sum(case when t.tgtype & 1 = 1 then 1 else 0 end) from pg_trigger as t"
        " where t.tgrelid = 'app.low'::regclass and t.tgtype & 8 > 0 and t.tgenabled <> 'D' and not t.tgisinternal"
    )
    assert rows(sites, f"select coalesce(({fired}), 0)") == [(0,)], "no row trigger fires on a leaf that is covered"


def test_a_leaf_made_later_is_cleaned_up_after_and_told_and_covered(sites: psycopg.Connection) -> None:
    owner(sites, LATER, "insert into app.sites (id) values (301), (302), (303), (304)")
    point_at(sites, 301, 302, 303, 304)
    owner(sites, "delete from app.upper_high where id = 301")
    owner(sites, "delete from app.sites where id = 302")
    assert waiting(sites) == []
    assert pointed_at(sites) == sorted([*KEYS, "303", "304"])
    found = findings(sites, "host")
    assert [one.object for one in found] == [MODEL]
    assert "app.upper_high" in str(found[0].found)
    mend(sites, found[0])
    assert findings(sites, "host") == []
    assert [operation for operation, _ in waiting(sites)] == ["sweep"]
    assert retry(sites) == []
    owner(sites, "delete from app.upper_high where id = 303", "truncate app.upper_high")
    assert waiting(sites) == []
    assert pointed_at(sites) == sorted(KEYS)


def test_what_a_leaf_made_later_missed_is_swept_once_it_is_covered(sites: psycopg.Connection) -> None:
    """Its truncate fires nothing."""
    owner(sites, LATER, "insert into app.sites (id) values (301), (302)")
    point_at(sites, 301)
    owner(sites, "truncate app.upper_high")
    assert pointed_at(sites) == sorted([*KEYS, "301"])
    [found] = findings(sites, "host")
    mend(sites, found)
    assert retry(sites) == []
    assert pointed_at(sites) == sorted(KEYS)
    assert findings(sites) == []


def test_a_leaf_made_later_by_attaching(sites: psycopg.Connection) -> None:
    owner(
        sites,
        "create table app.upper_high (id bigint primary key, name text)",
        "insert into app.upper_high values (301), (302)",
        "alter table app.upper attach partition app.upper_high for values from (300) to (400)",
    )
    point_at(sites, 301, 302)
    owner(sites, "delete from app.upper_high where id = 301", "delete from app.sites where id = 302")
    assert waiting(sites) == []
    assert pointed_at(sites) == sorted(KEYS)


def test_a_leaf_that_was_a_host_itself(sites: psycopg.Connection) -> None:
    owner(
        sites,
        "create table app.upper_high (id bigint primary key, name text)",
        "insert into app.upper_high values (301), (302), (303)",
    )
    attach_host(sites, "app.upper_high", "rentals.former")
    try:
        owner(sites, "alter table app.upper attach partition app.upper_high for values from (300) to (400)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL attaches no partition that has such a trigger")
    point_at(sites, 301, 302, 303)
    owner(sites, "delete from app.upper_high where id = 301", "delete from app.sites where id = 302")
    retry(sites)
    assert pointed_at(sites) == sorted([*KEYS, "303"])
    sites.execute("select fbs_detach_host('app.upper_high')")
    attach_host(sites)
    assert findings(sites, "host") == []
    owner(sites, "delete from app.upper_high where id = 303")
    retry(sites)
    assert pointed_at(sites) == sorted(KEYS)


def test_a_leaf_that_is_detached_is_a_table_like_others(sites: psycopg.Connection) -> None:
    owner(sites, "alter table app.sites detach partition app.low")
    assert owner(sites, "delete from app.low where id = 1") == 1
    assert waiting(sites) == []
    assert findings(sites, "host") == []
    sites.execute("select fbs_sweep_orphans()")
    assert pointed_at(sites) == without(1, 2, 3), "they are no rows of the host's any more"
    again = "alter table app.sites attach partition app.low for values from (0) to (100)"
    try:
        owner(sites, again)
    except psycopg.errors.FeatureNotSupported:  # PostgreSQL 15.5 and the like want it to have no trigger of FBS's
        sites.rollback()
        sites.execute("select fbs_detach_host('app.low')")
        owner(sites, again)
    point_at(sites, 2, 3)
    owner(sites, "delete from app.low where id = 2", "delete from app.sites where id = 3")
    retry(sites)
    assert pointed_at(sites) == without(1, 2, 3)


def test_a_host_that_is_detached_leaves_no_trigger_on_its_leaves(sites: psycopg.Connection) -> None:
    owner(sites, LATER)
    sites.execute("select fbs_detach_host('app.sites')")
    sites.commit()
    triggers = "select tgrelid::regclass::text, tgname from pg_trigger where tgrelid in (select relid from"
    assert rows(sites, f"{triggers} pg_partition_tree('app.sites'))") == []
    owner(sites, "truncate app.sites")
    assert pointed_at(sites) == sorted(KEYS)


# --- keys that hold the partition's column


DATED = """
create table app.sites (id bigint, at date, name text, primary key (id, at)) partition by range (at);
create table app.old partition of app.sites for values from ('2020-01-01') to ('2021-01-01');
create table app.new partition of app.sites for values from ('2021-01-01') to ('2022-01-01');
insert into app.sites values (1, '2020-05-05'), (1, '2021-05-05'), (2, '2020-05-05'), (3, '2021-05-05')
"""


@pytest.fixture
def dated(seeded: psycopg.Connection) -> psycopg.Connection:
    """A host in partitions by date, whose key is unique with the date only; row 1 is in both."""
    seeded.execute(SCHEMAS)
    owner(seeded, DATED)
    attach_host(seeded, key_column="id")
    point_at(seeded, 1, 2, 3)
    return seeded


@pytest.mark.parametrize("first", ["app.sites where id = 1 and at < '2021-01-01'", "app.old where id = 1"])
@pytest.mark.parametrize("second", ["app.sites where id = 1", "app.new where id = 1"])
def test_a_key_that_is_in_another_partition_still_is_left_alone(
    dated: psycopg.Connection, first: str, second: str
) -> None:
    owner(dated, f"delete from {first}")
    assert waiting(dated) == []
    assert pointed_at(dated) == ["1", "2", "3"]
    owner(dated, f"delete from {second}")
    assert pointed_at(dated) == ["2", "3"]


@pytest.mark.parametrize("mode", ["on", "queue"])
def test_a_truncated_partition_with_keys_that_another_one_has(dated: psycopg.Connection, mode: str) -> None:
    owner(dated, f"set fbs.cleanup = '{mode}'", "truncate app.old")
    retry(dated)
    assert pointed_at(dated) == ["1", "3"]


@pytest.mark.parametrize("table", ["app.sites", "app.old"])
def test_a_row_that_goes_to_another_partition_is_the_same_row(dated: psycopg.Connection, table: str) -> None:
    update = f"update {table} set at = '2021-06-06' where id = 2"
    if table == "app.old":
        with pytest.raises(psycopg.errors.CheckViolation):
            owner(dated, update)
        dated.rollback()
        dated.execute("reset role")
        return
    owner(dated, update)
    assert waiting(dated) == []
    assert pointed_at(dated) == ["1", "2", "3"]
    owner(dated, "update app.sites set at = '2020-06-06', id = 20 where id = 2")
    assert waiting(dated) == []
    assert pointed_at(dated) == ["1", "20", "3"]


def test_a_row_that_is_swallowed_on_its_way_to_another_partition_is_gone(dated: psycopg.Connection) -> None:
    owner(
        dated,
        "create function app.swallow() returns trigger language plpgsql as 'begin return null; end'",
        "create trigger swallow before insert on app.new for each row execute function app.swallow()",
        "update app.sites set at = '2021-06-06' where id = 2",
    )
    assert rows(dated, "select count(*) from app.sites where id = 2") == [(0,)]
    retry(dated)
    assert pointed_at(dated) == ["1", "3"]


# --- leaves that are elsewhere


WITHOUT_KEY = TABLES.replace("bigint primary key", "bigint")
EVERY = sorted([*KEYS, "301", "302", "303"])


@pytest.fixture
def foreign(seeded: psycopg.Connection) -> psycopg.Connection:
    """The tables before they are attached. One leaf is a foreign table, of the same server; so the root has no key."""
    if not rows(seeded, "select from pg_available_extensions where name = 'postgres_fdw'"):
        pytest.skip("this PostgreSQL has no postgres_fdw")
    seeded.execute(SCHEMAS)
    info = seeded.info
    seeded.execute(
        f"""create extension postgres_fdw;
        create server here foreign data wrapper postgres_fdw
        options (host '{info.host}', port '{info.port}', dbname '{info.dbname}');
        create user mapping for public server here options (user 'postgres', password_required 'false');
        grant usage on foreign server here to fbs_host_owner"""
    )
    owner(
        seeded,
        WITHOUT_KEY,
        "create table app.remote (id bigint, name text)",
        "insert into app.remote values (301), (302), (303)",
    )
    point_at(seeded, *map(int, EVERY))
    return seeded


FOREIGN_LEAF = (
    "create foreign table app.upper_high partition of app.upper for values from (300) to (400)"
    " server here options (schema_name 'app', table_name 'remote')"
)
FOREIGN = {
    "root": ("delete from app.sites where id in (1, 301)", (1, 301)),
    "intermediate": ("delete from app.upper where id in (201, 301)", (201, 301)),
    "local leaf": ("delete from app.low where id = 1", (1,)),
    "foreign leaf": ("delete from app.upper_high where id = 301", (301,)),
    "root and leaf in one": (
        "with one as (delete from app.low where id = 1 returning id) delete from app.sites where id in (2, 302)",
        (1, 2, 302),
    ),
    "another column": ("update app.sites set name = 'x'", ()),
}


@pytest.mark.parametrize("statement", FOREIGN)
def test_a_host_with_a_foreign_leaf(foreign: psycopg.Connection, statement: str) -> None:
    owner(foreign, FOREIGN_LEAF)
    attach_host(foreign, key_column="id")
    assert findings(foreign, "host") == []
    deletion, gone = FOREIGN[statement]
    owner(foreign, deletion)
    retry(foreign)
    assert pointed_at(foreign) == [key for key in EVERY if int(key) not in gone]


def test_a_foreign_leaf_that_comes_later_is_told_and_mended(foreign: psycopg.Connection) -> None:
    owner(foreign, "alter table app.sites add primary key (id)")
    attach_host(foreign)
    owner(foreign, "alter table app.sites drop constraint sites_pkey", FOREIGN_LEAF)
    [found] = findings(foreign, "host")
    assert found.object == MODEL
    mend(foreign, found)
    assert findings(foreign, "host") == []
    owner(foreign, "delete from app.sites where id in (1, 101, 302)")
    retry(foreign)
    assert pointed_at(foreign) == [key for key in EVERY if int(key) not in (1, 101, 302)]
    owner(foreign, "drop foreign table app.upper_high", "alter table app.sites add primary key (id)")
    foreign.execute("select fbs_sweep_orphans()")
    assert pointed_at(foreign) == without(1, 101)
