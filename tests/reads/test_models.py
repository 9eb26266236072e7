"""Every read against its model, on random rows."""

from __future__ import annotations

import psycopg
import pytest

import fbs_db
from tests.reads.models import (
    accounting,
    approvals,
    bi,
    compliance,
    custom_fields,
    discovery,
    documents,
    licensing,
    msme,
    notifications,
    operations,
    suite,
    workflow,
)
from tests.support.differential import ZONES, View, World, compare_call, compare_view
from tests.support.every_read import GROUPS, read_of, reads

MODELS = {
    "accounting": accounting.READS,
    "approvals": approvals.READS,
    "bi": bi.READS,
    "compliance": compliance.READS,
    "custom_fields": custom_fields.READS,
    "discovery": discovery.READS,
    "documents": documents.READS,
    "licensing": licensing.READS,
    "msme": msme.READS,
    "notifications": notifications.READS,
    "operations": operations.READS,
    "suite": suite.READS,
    "workflow": workflow.READS,
}
#: The first has no rows.
SEEDS = [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, len(ZONES)))]


def test_every_read_has_one_model() -> None:
    modelled = [(group, read.name) for group, models in MODELS.items() for read in models.reads]
    assert sorted(modelled) == sorted((group, name) for group, name in reads() if not name.endswith(".stream"))
    assert MODELS.keys() == vars(GROUPS).keys()


@pytest.mark.parametrize("group", MODELS)
@pytest.mark.parametrize("seed", SEEDS)
def test_reads_answer_as_their_models_do(installed: psycopg.Connection, group: str, seed: int) -> None:
    world, models = World(installed, group, seed), MODELS[group]
    models.fill(world)
    with fbs_db.connect(installed) as fbs:
        for read in models.reads:
            if isinstance(read, View):
                compare_view(fbs, world, group, read, models.roughly)
                declared = read_of(group, read.name)
                if declared.key:
                    query = f"select count(*) = count(distinct {declared.key}) from {declared.source}"
                    assert installed.execute(query.encode()).fetchone() == (True,), declared.source
            else:
                compare_call(fbs, world, group, read, models.roughly)
