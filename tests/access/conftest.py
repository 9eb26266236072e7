"""What the attacks on solutions that are kept apart share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lair import Lair, clear, lair_on


@pytest.fixture(scope="session")
def lairs() -> Iterator[dict[str, Lair]]:
    made: dict[str, Lair] = {}
    yield made
    for lair in made.values():
        lair.owner.close()


@pytest.fixture(params=["pg18", pytest.param("pg15", marks=pytest.mark.old_postgres)])
def lair(request: pytest.FixtureRequest, lairs: dict[str, Lair]) -> Iterator[Lair]:
    """Where every attack begins. After it, the other solution's rows are as they were."""
    if request.param not in lairs:
        lairs[request.param] = lair_on(request.getfixturevalue(request.param))
    lair = lairs[request.param]
    before = lair.theirs()
    clear(lair)
    yield lair
    assert lair.theirs() == before
