"""Migrations of a host change an attached model in every way that Django has, forward and backward."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.hosts.serving import Serving
from tests.support import ROOT
from tests.support.connections import url_of
from tests.support.versions import django_or_skip

CHANGES = (
    "the_key_gets_bigger",
    "the_key_gets_smaller",
    "the_key_is_given_by_the_host",
    "the_key_becomes_a_uuid",
    "the_key_is_renamed",
    "the_model_is_renamed",
    "the_table_is_renamed",
    "constraints_come_and_go",
    "columns_come_and_go",
    "a_key_that_the_database_gives_is_fixed",
)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Callable[[str], Serving]]:
    """A host's process for each Django."""
    running: dict[str, Serving] = {}

    def start(version: str) -> Serving:
        if version not in running:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
            environment |= {
                "DJANGO_SETTINGS_MODULE": "tests.hosts.settings",
                "HOST_WITHOUT_FBS": "yes",
                "PYTHONPATH": str(ROOT),
            }
            running[version] = Serving(django_or_skip(version), environment)
        return running[version]

    yield start
    for host in running.values():
        host.stop()


@pytest.mark.parametrize("change", CHANGES)
def test_a_migration_changes_an_attached_model(
    hosts: Callable[[str], Serving], version: str, installed: psycopg.Connection, change: str
) -> None:
    failure = hosts(version).do(f"changing.{change}", url_of(installed))
    assert not failure, failure
