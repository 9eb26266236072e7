"""FBS goes to a new server, by the commands of the guide to scaling: nothing is lost, and everything works there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.database.session import Session
from fbs_db.files import sql_directory
from tests.support.pages import blocks
from tests.support.servers import (
    Server,
    directory_of_server,
    find_binaries,
    run_as_server,
    running,
    started,
)

pytestmark = [pytest.mark.slow, pytest.mark.old_postgres]

#: What a host has beside the demo: a rule and a table of its own, a setting, a role, and a clean-up that waits.
OWN = """
    create table rentals.notes (id bigint generated always as identity primary key, tenant_id bigint, body text);
    insert into rentals.notes (tenant_id, body) select n, 'x' from generate_series(1, 5) as n;
    alter table rentals.notes owner to {owner};
    insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description)
    values ('notes', 'rentals.notes', 'tenant_id', 'rentals.tenant', 'delete', 'They go with their tenant.');
    update fbs_settings set value = '30' where name = 'keep_request_logs';
    insert into fbs_solution_map values ('business_id', '7', 'acme');
    insert into fbs_cleanup_queue (model_name, operation, keys) values ('rentals.tenant', 'delete', '{77}')
"""
ROLES = "create role fbs_past_app; create role fbs_past_owner"
TABLES = """
    select c.oid::regclass::text from pg_class as c
    where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'rentals'::regnamespace) order by 1
"""


def rows(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def as_role(url: str, role: str) -> str:
    return f"{url}&options=-c%20role%3D{role}"


def content(url: str, without: str) -> dict[str, tuple[int, str]]:
    """The number of rows of each table, and a sum over them."""
    return {
        table: rows(url, f"select count(*), md5(string_agg(t::text, ' ' order by t::text)) from {table} as t")[0]
        for (table,) in rows(url, TABLES)
        if not re.fullmatch(without, table)
    }


@dataclass
class Move:
    """From an old server to a new one, as a person types it."""

    old: str
    new: str
    directory: Path
    variables: dict[str, str] = field(default_factory=dict)
    owner: str = "postgres"

    def commands(self, heading: str, number: int = 0) -> list[str]:
        """The commands of a block of the guide below a heading."""
        return re.findall(r"^\$ (.*)", blocks("scaling", heading)[number].text, re.MULTILINE)

    def type(self, heading: str, number: int = 0) -> None:
        self.run(*self.commands(heading, number))

    def run(self, *commands: str) -> None:
        path = f"{find_binaries(18)}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "OLD": self.old, "NEW": self.new, **self.variables}
        script = "\n".join(commands).replace("fbs-db ", f"fbs-db --role {self.owner} ")
        words = ["bash", "-exo", "pipefail", "-c", script]
        if "pg_upgrade" in script:
            return run_as_server(words, cwd=self.directory, env=environment)
        done = subprocess.run(words, cwd=self.directory, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def whole(self, without: str = "") -> None:
        """Every row is there."""
        assert content(self.new, without) == content(self.old, without)

    def works(self, next_tenant: int = 6) -> None:
        """It is whole by its own judgement, next keys are free, rights and settings are there, clean-up works."""
        as_owner = as_role(self.new, self.owner)
        assert fbs_db.check(as_owner, data=True).healthy
        assert rows(self.new, "select value from fbs_settings where name = 'keep_request_logs'") == [("30",)]
        assert rows(self.new, "select * from fbs_role_differences()") == []
        assert rows(self.new, "select has_table_privilege('fbs_past_app', 'fbs_kpis', 'select')") == [(True,)]
        assert rows(self.new, "insert into rentals.tenants (name) values ('Ivo') returning id") == [(next_tenant,)]
        assert rows(self.new, "insert into rentals.notes (tenant_id) values (1) returning id") == [(6,)]
        pointers = "select record_id from fbs_custom_fields where model_name = 'rentals.tenant' order by 1"
        rows(
            self.new,
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
            " values ('rentals.tenant', 77, 'f', 'v')",
        )
        assert fbs_db.retry_cleanup(as_owner).done == 1, "what waited"
        assert rows(self.new, pointers) == [(1,), (2,), (3,), (4,), (5,)]
        rows(self.new, "delete from rentals.tenants where id = 2")
        rows(self.new, "set fbs.cleanup = 'queue'; delete from rentals.tenants where id = 3")
        assert rows(self.new, pointers) == [(1,), (3,), (4,), (5,)]
        assert fbs_db.retry_cleanup(as_owner).done == 1
        assert rows(self.new, pointers) == [(1,), (4,), (5,)]
        assert rows(self.new, "select tenant_id from rentals.notes order by 1") == [(1,), (1,), (4,), (5,)]
        rows(self.new, "delete from rentals.users where id = 1")
        assert fbs_db.check(as_owner, data=True).healthy


def stocked(server: Server, owner: str = "postgres") -> str:
    """A database with all that a host may have, whose FBS belongs to a role."""
    url = server.url(server.create())
    rows(url, f"grant create on schema public to {owner}")
    fbs_db.migrate(url, role=owner)
    rows(url, (sql_directory() / "demo.sql").read_text())
    rows(url, f"grant all on schema rentals to {owner}; grant all on all tables in schema rentals to {owner}")
    rows(url, OWN.replace("{owner}", owner))
    fbs_db.grant("fbs_past_app", "app", as_role(url, owner))
    return url


@pytest.fixture
def old(pg15: Server) -> Iterator[Server]:
    with running(pg15.bin, 15, settings="wal_level = logical") as server:
        server.admin.execute(ROLES)
        yield server


@pytest.fixture
def new(pg18: Server) -> Iterator[Server]:
    with running(pg18.bin, 18) as server:
        server.admin.execute(ROLES)
        yield server


@pytest.fixture
def move(old: Server, new: Server, tmp_path: Path) -> Move:
    """Of a database whose FBS belongs to a role that cannot log in."""
    return Move(stocked(old, "fbs_past_owner"), new.url(new.create()), tmp_path, owner="fbs_past_owner")


@pytest.fixture
def plain_move(old: Server, new: Server, tmp_path: Path) -> Move:
    return Move(stocked(old), new.url(new.create()), tmp_path)


def test_dump_and_restore(move: Move) -> None:
    move.type("Dump and restore")
    move.whole()
    move.works()


@contextmanager
def upgraded(old: Server, new_bin: Path, name: str, owner: str = "postgres") -> Iterator[Move]:
    """The old server's data under the new version."""
    directory = directory_of_server()
    variables = {"OLD_BIN": old.bin, "NEW_BIN": new_bin, "OLD_DATA": old.data, "NEW_DATA": directory / "data"}
    move = Move(old.url(name), "", directory, {key: str(value) for key, value in variables.items()}, owner)
    old.stop()
    move.type("pg_upgrade")
    with started(new_bin, 18, directory) as new:
        move.new = new.url(name)
        yield move


def test_pg_upgrade(old: Server, pg18: Server) -> None:
    url = stocked(old, "fbs_past_owner")
    rows(url, "analyze")
    before = content(url, "")
    name = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    with upgraded(old, pg18.bin, name, "fbs_past_owner") as move:
        move.type("pg_upgrade", 1)
        assert content(move.new, "") == before
        # pg_upgrade keeps no extended statistics.
        assert rows(move.new, "select count(*) > 0 from pg_statistic_ext_data") == [(True,)]
        move.works()


def test_logical_replication(move: Move) -> None:
    assert rows(move.old, blocks("scaling", "Logical replication")[0].text) == []
    move.type("Logical replication", 1)
    rows(
        move.old,
        "insert into rentals.tenants (name) values ('Ida');"
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " values ('rentals.tenant', 6, 'f', 'v');"
        "update fbs_custom_fields set field_value = 'w' where record_id = 1;"
        "delete from rentals.tenants where name = 'Ida'",
    )
    move.type("Logical replication", 2)
    move.whole()
    move.works(next_tenant=7)


#: What a new database has of its own once it is migrated.
MADE_THERE = "fbs_migrations|fbs_migration_log|fbs_settings"


def test_rows_alone(plain_move: Move) -> None:
    """Into a database that is migrated: its history, settings and FBS's own rules are its own."""
    plain_move.type("Rows alone")
    assert rows(plain_move.new, "select count(*) from fbs_migration_log") == [(50,)]
    plain_move.whole(MADE_THERE)
    plain_move.works()


def test_logical_replication_into_a_migrated_database(plain_move: Move) -> None:
    fbs_db.migrate(plain_move.new)
    plain_move.run("pg_dump --schema-only --schema rentals $OLD | psql -1 -qv ON_ERROR_STOP=1 $NEW")
    rows(
        plain_move.old,
        "do $$ begin execute (select 'create publication fbs for table ' || string_agg(oid::regclass::text, ', ')"
        " from pg_class where relkind = 'r' and relnamespace in ('public'::regnamespace, 'rentals'::regnamespace)"
        f" and relname !~ '^({MADE_THERE}|fbs_cleanup_rules)$'); end $$",
    )
    rows(plain_move.new, f"create subscription fbs connection '{plain_move.old}' publication fbs")
    plain_move.run(*plain_move.commands("Logical replication", 1)[-1:])
    plain_move.run(*plain_move.commands("Logical replication", 2))
    plain_move.run(*plain_move.commands("Rows alone")[4:])
    plain_move.whole(MADE_THERE)
    plain_move.works()


def test_each_block_of_the_guide_is_typed() -> None:
    typed = ("Dump and restore", "pg_upgrade", "Logical replication", "Rows alone")
    assert [block for heading in typed for block in blocks("scaling", heading)] == blocks("scaling")


# --- clean-ups for another database


@dataclass
class Far:
    """A host's database, and FBS's in another."""

    server: Server
    name: str
    fbs: str

    @property
    def host(self) -> str:
        return self.server.url(self.name)

    def say(self, host: str) -> None:
        Path("fbs-db.toml").write_text(
            f'[databases.host]\nurl = "{host}"\ncomponents = []\n[databases.fbs]\nurl = "{self.fbs}"\n'
        )

    def goes_on(self, host: str) -> None:
        """What was carried before is not done twice; all else is carried from the new place."""
        self.say(host)
        rows(
            self.fbs,
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
            " values ('tenant', 1, 'of who knows whom', 'v')",
        )
        rows(host, "delete from tenants where id = 2")
        assert fbs_db.retry_cleanup().waiting == 0
        fields = "select record_id from fbs_custom_fields order by 1"
        assert rows(self.fbs, fields) == [(1,), *((n,) for n in range(3, 10))]


@pytest.fixture
def far(old: Server, pg18: Server) -> Iterator[Far]:
    """The host's database on the old server, FBS's on another; a clean-up was carried, and not noted."""
    with pg18.database() as fbs:
        one = Far(old, old.create(), fbs)
        one.say(one.host)
        rows(one.host, "create table tenants (id bigint primary key); insert into tenants select generate_series(1, 9)")
        fbs_db.migrate("fbs")
        fbs_db.attach_host("tenants", "tenant", "host")
        rows(
            fbs,
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
            " select 'tenant', n, 'f', 'v' from generate_series(1, 9) as n",
        )
        rows(one.host, "delete from tenants where id = 1")
        with pytest.MonkeyPatch.context() as patch:
            real = Session.call

            def die(session: Session, function: str, *values: object) -> Any:
                if function == "fbs_cleanup_carried":
                    raise KeyboardInterrupt
                return real(session, function, *values)

            patch.setattr(Session, "call", die)
            with pytest.raises(KeyboardInterrupt):
                fbs_db.retry_cleanup()
        yield one


def test_pg_upgrade_with_clean_ups_under_way(far: Far, pg18: Server) -> None:
    with upgraded(far.server, pg18.bin, far.name) as move:
        far.goes_on(move.new)


def test_a_restored_copy_with_clean_ups_under_way(far: Far) -> None:
    far.goes_on(far.server.url(far.server.create(template=far.name)))


def test_tickets_of_the_former_place_are_forgotten(far: Far) -> None:
    far.goes_on(far.server.url(far.server.create(template=far.name)))
    assert rows(far.fbs, "select count(*) from fbs_cleanup_received") == [(0,)]
