"""Databases that go to another place by the commands of a guide, and whether all is there and works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

import fbs_db
from fbs_db.files import sql_directory
from tests.support.pages import blocks
from tests.support.servers import Server, find_binaries, run_as_server

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
    where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('public', 'rentals', 'fbs') order by 1
"""


def rows(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def as_role(url: str, role: str) -> str:
    return f"{url}&options=-c%20role%3D{role}"


def content(url: str, without: str = "") -> dict[str, tuple[int, str]]:
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
    guide: str = "scaling"
    bin: Path | None = None

    def commands(self, heading: str, number: int = 0) -> list[str]:
        """The commands of a block of the guide below a heading."""
        return re.findall(r"^\$ (.*)", blocks(self.guide, heading)[number].text, re.MULTILINE)

    def type(self, heading: str, number: int = 0) -> None:
        self.run(*self.commands(heading, number))

    def run(self, *commands: str) -> None:
        places = self.bin or find_binaries(18), Path(sys.executable).parent, os.environ["PATH"]
        path = os.pathsep.join(map(str, places))
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
