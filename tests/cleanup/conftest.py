"""What the tests of the clean-up share."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.attacks import Place, World, world_of
from tests.support.clones import CloneOf
from tests.support.sample_rows import install_and_seed


@pytest.fixture
def seeded(major: int, clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """The whole schema, with a first row in each table, on each server."""
    yield from clone_of("seeded", major, install_and_seed)


@pytest.fixture(scope="module", params=["pg18", pytest.param("pg15", marks=pytest.mark.old_postgres)])
def world(request: pytest.FixtureRequest) -> World:
    """What the attackers find, on each server."""
    return world_of(request.getfixturevalue(request.param))


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    """A copy of it for one test."""
    with world.copy() as copy:
        yield copy
