"""FBS goes to a new server, by the commands of the guide to scaling: nothing is lost, and everything works there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.database.session import Session
from tests.support.moves import ROLES, Move, content, rows, stocked
from tests.support.pages import PAGES, blocks
from tests.support.servers import Server, directory_of_server, running, started

pytestmark = [pytest.mark.slow, pytest.mark.old_postgres]


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
    before = content(url)
    name = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    with upgraded(old, pg18.bin, name, "fbs_past_owner") as move:
        move.type("pg_upgrade", 1)
        assert content(move.new) == before
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
    assert rows(plain_move.new, "select count(*) from fbs_migration_log") == [(len(files.load()),)]
    plain_move.whole(MADE_THERE)
    plain_move.works()


def test_rows_alone_beside_tables_in_public(plain_move: Move) -> None:
    """As Django's are, with FBS's."""
    rows(
        plain_move.old,
        "create table public.shops (id int primary key); insert into public.shops values (1), (2);"
        "select fbs_attach_host('public.shops', 'shops.shop')",
    )
    options = re.findall(r"in `public`, write `([^`]+)` in place of `(--schema rentals)`", PAGES["scaling"].read_text())
    first, tables, *others = plain_move.commands("Rows alone")
    plain_move.run(first, tables, *(tables.replace(old, new) for new, old in options), *others)
    plain_move.whole(MADE_THERE)
    plain_move.works()
    assert rows(plain_move.new, "delete from public.shops where id = 1 returning id") == [(1,)]


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
    typed = ("pg_upgrade", "Logical replication", "Rows alone")
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
