"""The demo can be made anew, and nothing else is touched."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fbs_db.database import server
from tests.support.commands import answer, run

pytestmark = pytest.mark.slow

#: Each table, with its columns that are times, or keys that FBS gives.
TABLES = """
select c.oid::regclass::text, array(
    select a.attname::text from pg_attribute as a
    left join pg_constraint as k on k.conrelid = c.oid and k.conkey = array[a.attnum] and k.contype = 'f'
    where a.attrelid = c.oid and (
        a.atttypid = 'timestamptz'::regtype
        or c.relname ^@ 'fbs_' and (a.attname = 'id' or k.confrelid::regclass::text ^@ 'fbs_')
    )
)
from pg_class as c
where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('public', 'rentals')
and c.relname not in ('fbs_migrations', 'fbs_migration_log')
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def _one_server(directory: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        server.start()
        yield
        server.stop()


@pytest.fixture
def demo(directory: Path, _one_server: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A connection to a fresh demo."""
    monkeypatch.chdir(directory)
    run("demo", "--reset")
    with psycopg.connect(run("url").stdout.strip(), autocommit=True) as connection:
        yield connection


def content(connection: psycopg.Connection) -> dict[str, list[str]]:
    """All rows of all tables, but for times and for keys that FBS gives."""
    return {
        table: [
            row
            for (row,) in connection.execute(
                f"select (to_jsonb(t) - %s::text[])::text from {table} as t order by 1", [left_out]
            )
        ]
        for table, left_out in connection.execute(TABLES).fetchall()
    }


def test_what_was_played_with_is_as_new(demo: psycopg.Connection) -> None:
    fresh = content(demo)
    assert len(fresh["fbs_approval_requests"]) == len(fresh["rentals.tenants"]) == 5
    for _ in range(2):
        demo.execute(
            """
            delete from rentals.tenants where id < 3;
            delete from rentals.users where id = 1;
            update rentals.rooms set name = 'Loft';
            drop trigger fbs_cleanup_delete on rentals.rooms;
            insert into fbs_approval_requests (title, description, approval_type, requester_id)
            values ('x', '', 'other', 2);
            insert into fbs_kpis (name, description, kpi_type, data_source, calculation_method, created_by_id)
            values ('x', '', 'count', '{}', 'sum', 3);
            insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
            values ('rentals.lease', 1, 'x', 'y');
            insert into fbs_cleanup_queue (model_name, operation, keys) values ('rentals.tenant', 'delete', '{1}');
            insert into fbs_app_cashentry
            (business_id, entry_date, entry_type, amount, description, category, payment_method, vendor_customer)
            values ('rentals', '2026-04-01', 'income', 1, 'x', 'rent', 'cash', 'y');
            select fbs_detach_host('rentals.locations');
            """
        )
        assert content(demo) != fresh
        assert answer(run("demo", "--reset", "--json")) == {"filled": True}
        assert content(demo) == fresh
    assert run("demo").stdout.startswith("The schema rentals is there already. Nothing was changed. To make it anew: ")


def test_rows_of_others_stay(demo: psycopg.Connection) -> None:
    demo.execute(
        "insert into fbs_app_cashentry"
        " (business_id, entry_date, entry_type, amount, description, category, payment_method, vendor_customer)"
        " select business, '2026-04-01', 'income', 7, 'x', 'rent', 'cash', 'y'"
        " from unnest('{acme,rentals2}'::text[]) as business;"
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " values ('rentalsx.room', 1, 'a', 'b');"
        "insert into fbs_dms_document_category (name, parent_id)"
        " select mine, c.id from fbs_dms_document_category as c cross join unnest('{Mine,Leases}'::text[]) as mine"
    )
    before = content(demo)
    assert run("demo", "--reset").exit_code == 0
    assert content(demo) == before
    demo.execute(
        "delete from fbs_app_cashentry; delete from fbs_custom_fields;"
        "delete from fbs_dms_document_category where parent_id is not null"
    )


@pytest.mark.parametrize(
    ("others", "said", "undo"),
    [
        ("create table rentals.mine (id int)", "table rentals.mine depends on", "drop table rentals.mine"),
        ("create view public.seen as table rentals.tenants", "view seen depends on", "drop view seen"),
        (
            "create table public.shops (id int primary key); select fbs_attach_host('public.shops', 'shops.shop')",
            "FBS has rows of another host here, too: shops is attached.",
            "select fbs_detach_host('public.shops'); drop table public.shops",
        ),
        (
            "create table public.people (id int primary key); insert into public.people values (1), (2), (3);"
            " select fbs_detach_users(); select fbs_attach_users('public.people')",
            "people",
            "select fbs_detach_users(); drop table public.people; select fbs_attach_users('rentals.users')",
        ),
        (
            "comment on schema rentals is 'Mine.'",
            "The schema rentals is not that of the demo.",
            "comment on schema rentals is 'The demo of fbs-db.'",
        ),
    ],
    ids=["own-table", "view", "another-host", "other-users", "another-schema"],
)
def test_what_is_not_the_demos_stops_it(demo: psycopg.Connection, others: str, said: str, undo: str) -> None:
    demo.execute(others)
    before = content(demo)
    result = run("demo", "--reset", "--json")
    assert result.exit_code == 2
    assert said in json.loads(result.stdout)["error"]["message"]
    assert content(demo) == before
    demo.execute(undo)


def test_a_table_that_was_dropped_comes_back(demo: psycopg.Connection) -> None:
    before = content(demo)
    demo.execute("drop table rentals.leases")
    assert answer(run("demo", "--reset", "--json")) == {"filled": True}
    assert content(demo) == before
    assert run("check").stdout.startswith("Healthy")


@pytest.mark.parametrize("lost", ["drop table rentals.users cascade", "drop schema rentals cascade"])
def test_without_its_users_the_demo_says_what_helps(demo: psycopg.Connection, lost: str) -> None:
    demo.execute(lost)
    result = run("demo", "--reset")
    assert (result.exit_code, "To make all of FBS anew: " in result.stderr) == (2, True)
    assert run("rollback", "--all", "--yes").exit_code == 0
    demo.execute("drop schema if exists rentals cascade")
    assert run("demo").exit_code == 0


def test_what_it_suggests_is_for_its_own_database(demo: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment names: pasted, it would drop a schema of another database."""
    url = run("url").stdout.strip()
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.example/app")
    assert f"Look around: fbs-db --database '{url}' psql\n" in run("demo", "--reset").stdout
    every = rf"fbs-db --database '{re.escape(url)}' (rollback --all|psql) --schema public( -c '.*')?; "
    for lost in ("drop table rentals.users cascade", "drop schema rentals cascade"):
        demo.execute(lost)
        assert re.search(rf"To make all of FBS anew: ({every}){{2}}fbs-db demo\n", run("demo", "--reset").stderr)
    assert run("--database", url, "rollback", "--all", "--yes").exit_code == 0
    monkeypatch.delenv("DATABASE_URL")
    Path("fbs-db.toml").write_text('[databases.default]\nenv = "NOT_SET"\n')
    assert f"fbs-db --database '{url}' psql" in run("demo").stdout
    Path("fbs-db.toml").unlink()


def test_a_demo_apart_has_a_server_of_its_own(demo: psycopg.Connection) -> None:
    demo.execute("comment on schema rentals is 'Mine.'")
    said = run("demo", "--reset").stderr
    place = said.rpartition(": ")[2].replace("; fbs-db demo\n", " && pwd")
    there = subprocess.run(["bash", "-c", place], check=True, capture_output=True, text=True).stdout.strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        assert server.data_directory() == Path(there, ".fbs-db", "data")
    demo.execute("comment on schema rentals is 'The demo of fbs-db.'")


def test_another_database_is_refused(demo: psycopg.Connection) -> None:
    demo.execute("update rentals.rooms set name = 'Loft'")
    before = content(demo)
    result = run("--database", "postgresql:///another", "demo", "--reset")
    assert (result.exit_code, "on the embedded server alone" in result.stderr) == (2, True)
    assert content(demo) == before


def test_a_session_that_uses_it_is_named(demo: psycopg.Connection) -> None:
    before = content(demo)
    with psycopg.connect(demo.info.dsn, application_name="my psql") as other:
        other.execute("update rentals.rooms set name = 'Loft'")
        result = run("demo", "--reset")
        assert result.exit_code == 2
        assert "my psql" in result.stderr
        assert "Wait for it, or end it in psql: select pg_terminate_backend(" in result.stderr
        other.rollback()
    assert content(demo) == before
    assert run("demo", "--reset").exit_code == 0
