"""Rows that keys are to keep out, and keys that are behind their rows: found and mended."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

import fbs_db
from tests.support.connections import Connect, url_of
from tests.support.sample_rows import make_users, seed


def rows(connection: psycopg.Connection, schema: str | None = None) -> dict[str, fbs_db.Finding]:
    report = fbs_db.check(connection, only=["rows"], data=True, schema=schema)
    return {one.object: one for one in report.findings if one.problem in ("orphans", "identity behind")}


def past_the_keys(connection: psycopg.Connection, statements: str) -> None:
    """As rows come by replication: no key is looked at."""
    connection.execute(
        f"set session_replication_role = replica; {statements}; set session_replication_role = origin".encode()
    )
    connection.commit()


KPI = "insert into fbs_kpis ({columns}name, kpi_type, description, data_source, calculation_method, frequency) "


def kpi(columns: str = "", values: str = "") -> str:
    return KPI.format(columns=columns) + f"values ({values}'a', 'growth', '', '', '', 'daily')"


# --- orphans


def test_users_that_are_gone_behind_a_validated_key(installed: psycopg.Connection) -> None:
    make_users(installed)
    fbs_db.attach_users("auth_user", installed)
    installed.commit()
    past_the_keys(
        installed,
        "insert into fbs_notifications (title, message, user_id) values ('a', 'b', 99), ('a', 'b', 98);"
        + kpi("created_by_id, ", "99, "),
    )
    found = rows(installed)
    assert found.keys() == {"fbs_notifications.user_id", "fbs_kpis.created_by_id"}
    assert {one.mend for one in found.values()} == {"fbs-db attach users auth_user --repair"}
    before = installed.execute("select updated_at from fbs_kpis").fetchone()
    installed.rollback()

    # Without repair they are counted; with it they go by the rule of their column.
    counted = {
        f"{one.table_name}.{one.column_name}": one for one in fbs_db.attach_users("auth_user", url_of(installed))
    }
    assert counted["fbs_notifications.user_id"].orphans == 2
    assert not counted["fbs_notifications.user_id"].validated
    assert counted["fbs_kpis.created_by_id"].orphans == 1
    fbs_db.attach_users("auth_user", url_of(installed), repair=True)
    assert rows(installed) == {}
    assert installed.execute("select count(*) from fbs_notifications").fetchone() == (0,)
    assert installed.execute("select created_by_id from fbs_kpis").fetchone() == (None,)
    assert installed.execute("select updated_at from fbs_kpis").fetchone() == before


def between_tables(connection: psycopg.Connection) -> Iterator[tuple[str, str, str]]:
    """Every foreign key between FBS's tables: its table, its column, its rule."""
    yield from connection.execute(
        "select c.relname, a.attname, k.confdeltype::text from pg_constraint as k"
        " inner join pg_class as c on k.conrelid = c.oid"
        " inner join pg_class as r on k.confrelid = r.oid"
        " inner join pg_attribute as a on c.oid = a.attrelid and k.conkey = array[a.attnum]"
        " where k.contype = 'f' and c.relname ~ '^fbs_' and r.relname ~ '^fbs_' order by 1, 2"
    ).fetchall()


def orphans(connection: psycopg.Connection, table: str, column: str) -> list[str]:
    """What mends the orphans of a column, where there are any."""
    found = connection.execute(
        "select mend from fbs_check_rows(%s) where object = %s and problem = 'orphans'", (table, f"{table}.{column}")
    )
    return [mend for (mend,) in found.fetchall()]


def test_every_key_between_tables_of_fbs_is_looked_behind(installed: psycopg.Connection) -> None:
    seed(installed)
    keys = list(between_tables(installed))
    assert len(keys) >= 20
    for table, column, rule in keys:
        with installed.transaction(force_rollback=True):
            installed.execute("set local session_replication_role = replica")
            installed.execute(f"update {table} set {column} = 987654".encode())
            installed.execute("set local session_replication_role = origin")
            count = installed.execute(f"select count(*) from {table}".encode()).fetchone()
            [mend] = orphans(installed, table, column)
            # What it says can be pasted, and does what the key does when the parent goes.
            installed.execute(mend.encode())
            assert orphans(installed, table, column) == []
            left = installed.execute(f"select count(*) from {table}".encode()).fetchone()
            assert (left == count) == (rule == "n")


def test_in_another_schema_what_is_said_can_be_pasted(empty: psycopg.Connection) -> None:
    empty.execute('create schema "Odd one"')
    empty.commit()
    fbs_db.migrate(url_of(empty), schema="Odd one")
    empty.execute('set search_path = "Odd one"')
    past_the_keys(
        empty,
        "insert into fbs_approval_responses (approval_request_id, responder_id, response, comments)"
        " values (5, 1, 'approve', '')",
    )
    empty.execute("set search_path = public")
    [one] = rows(empty, schema="Odd one").values()
    assert (one.object, one.found) == (
        "fbs_approval_responses.approval_request_id",
        "1 row whose row of fbs_approval_requests is gone",
    )
    empty.execute(one.mend.encode())
    assert rows(empty, schema="Odd one") == {}


def test_a_role_that_may_not_read_the_users_still_learns_the_rest(installed: psycopg.Connection) -> None:
    make_users(installed)
    fbs_db.attach_users("auth_user", installed)
    installed.execute(
        "drop role if exists fbs_reader; create role fbs_reader login;"
        " grant select on all tables in schema public to fbs_reader; revoke select on auth_user from fbs_reader;"
        " insert into fbs_roles (role_name, work) values ('fbs_reader', 'app')"
    )
    installed.execute(kpi().replace("'daily'", "'sometimes'"))
    installed.commit()
    report = fbs_db.check(url_of(installed, "fbs_reader"), data=True)
    assert [one.object for one in report.findings if one.severity != "note"] == ["fbs_kpis.frequency"]
    assert "fbs_kpis.created_by_id" in {one.object for one in report.findings if one.kind == "privilege"}


# --- identities


@pytest.mark.slow
def test_an_identity_behind_its_rows(installed_everywhere: psycopg.Connection) -> None:
    db = installed_everywhere
    assert rows(db) == {}  # no rows, no key taken yet
    db.execute(kpi("id, ", "1, "))
    db.execute(
        "insert into fbs_notifications (id, title, message, user_id) select n, 'a', 'b', 1"
        " from (values (5), (40000)) as v (n)"
    )
    db.commit()
    found = rows(db)
    assert {name: (one.severity, one.found, one.mend) for name, one in found.items()} == {
        "fbs_kpis.id": ("error", "the next key is 1, and there is a row with 1", "fbs-db repair"),
        "fbs_notifications.id": ("error", "the next key is 1, and there is a row with 40000", "fbs-db repair"),
    }
    db.rollback()
    shown = fbs_db.repair(url_of(db))
    assert {mend.object for mend in shown.mends} == found.keys()
    report = fbs_db.repair(url_of(db), apply=True)
    assert all(mend.done for mend in report.mends)
    assert rows(db) == {}
    assert db.execute((kpi() + " returning id").encode()).fetchone() == (2,)
    assert db.execute(
        "insert into fbs_notifications (title, message, user_id) values ('a', 'b', 1) returning id"
    ).fetchone() == (40001,)
    db.commit()
    # One that is ahead stays where it is.
    db.execute("select setval('fbs_kpis_id_seq', 700); select fbs_advance_identity('fbs_kpis')")
    assert db.execute((kpi() + " returning id").encode()).fetchone() == (701,)


@pytest.mark.slow
def test_an_identity_is_mended_beside_running_inserts(installed: psycopg.Connection, second: Connect) -> None:
    installed.execute(
        f"{KPI.format(columns='id, ')} select n, 'a', 'growth', '', '', '', 'daily'"
        " from generate_series(1, 300) as n".encode()
    )
    installed.commit()
    stop = threading.Event()
    taken: list[int] = []

    def insert(connection: psycopg.Connection) -> None:
        while not stop.is_set():
            try:
                row = connection.execute((kpi() + " returning id").encode()).fetchone()
                taken.append(row[0] if row else 0)
            except psycopg.errors.UniqueViolation:
                pass

    threads = [threading.Thread(target=insert, args=(second(installed),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    reports = [fbs_db.repair(url_of(installed), apply=True) for _ in range(2)]
    stop.set()
    for thread in threads:
        thread.join()
    assert reports[-1].check.healthy
    assert len(taken) == len(set(taken)) > 0
    assert min(taken) > 300
    assert rows(installed) == {}


def test_a_role_that_may_not_read_sequences_is_told(installed: psycopg.Connection) -> None:
    installed.execute(
        "drop role if exists fbs_reader; create role fbs_reader login;"
        " grant select on all tables in schema public to fbs_reader;"
        " insert into fbs_roles (role_name, work) values ('fbs_reader', 'app')"
    )
    installed.commit()
    report = fbs_db.check(url_of(installed, "fbs_reader"), data=True)
    assert report.healthy
    [note] = [one for one in report.findings if one.object == "fbs_check_identities"]
    assert "fbs_kpis" in str(note.found)


@pytest.mark.parametrize("options", ["increment 5", "minvalue 0 start 0"])
def test_identities_that_count_otherwise(installed: psycopg.Connection, options: str) -> None:
    installed.execute(f"alter sequence fbs_kpis_id_seq {options} restart".encode())
    installed.execute(kpi("id, ", "23, "))
    installed.commit()
    assert rows(installed).keys() == {"fbs_kpis.id"}
    installed.rollback()
    assert fbs_db.repair(url_of(installed), apply=True).check.healthy
    row = installed.execute((kpi() + " returning id").encode()).fetchone()
    assert row is not None
    assert 23 < row[0] < 29
