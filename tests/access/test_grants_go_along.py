"""What roles were granted goes along when tables are adopted, or move to another database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import fbs_db
from tests.support.commands import of_each, run
from tests.support.connections import url_of
from tests.support.roles import role
from tests.support.servers import Server

ROLE = "fbs_grants_goer"
LICENCES = ("fbs_license_manager_manager", "fbs_license_manager_solution_license", "fbs_license_manager_feature_usage")


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_what_an_adoption_makes_is_granted(installed: psycopg.Connection) -> None:
    with role(installed, ROLE):
        url = url_of(installed)
        fbs_db.grant(ROLE, "app", url)
        execute(url, "drop table fbs_migrations, fbs_migration_log cascade; drop view fbs_bi_charts")
        assert fbs_db.adopt(url, apply=True).adopted
        assert execute(url.replace("//postgres@", f"//{ROLE}@"), "select count(*) from fbs_bi_charts") == [(0,)]
        assert all(one.fits for one in fbs_db.list_roles(url))


@pytest.fixture
def two(pg18: Server) -> Iterator[tuple[str, str]]:
    """A database with everything, and one for licences."""
    with pg18.database() as old, pg18.database() as new:
        lines = ["[databases.default]", f'url = "{old}"', "[databases.licences]", f'url = "{new}"', "components = []"]
        Path("fbs-db.toml").write_text("\n".join(lines))
        fbs_db.migrate("default")
        fbs_db.migrate("licences")
        yield old, new


def test_a_component_that_moves_is_granted_where_it_goes(two: tuple[str, str], pg18: Server) -> None:
    old, new = two
    pg18.admin.execute(sql.SQL("create role {} login").format(sql.Identifier(ROLE)))
    try:
        for work in ("app", "reader"):
            said = of_each(run("grant", ROLE, "--as", work, "--all", "--json"))
            assert [one["answer"]["done"] for one in said.values()] == [True, True]
        moved = run("placement", "move", "licensing", "--to", "licences", "--yes")
        assert moved.exit_code == 0, moved.output
        for table in LICENCES:
            assert execute(new.replace("//postgres@", f"//{ROLE}@"), f"select count(*) from {table}") == [(0,)]
        assert run("roles", "--all").stdout.endswith("2 databases: 2 as they should be.\n")
        for words in (["revoke", ROLE, "--as", "reader", "--all"], ["revoke", ROLE, "--all"]):
            assert run(*words).exit_code == 0
        # The old tables that are kept hold no rights of it either.
        assert execute(old, "select count(*) from fbs_moved_licensing.fbs_license_manager_manager") == [(0,)]
    finally:
        pg18.admin.execute(sql.SQL("drop role {}").format(sql.Identifier(ROLE)))
