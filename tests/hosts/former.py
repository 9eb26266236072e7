"""A host before fbs-db came, with rows in every table that Django made; and after."""

from __future__ import annotations

from tests.hosts import checks
from tests.hosts.fbs.models import MODELS
from tests.hosts.rows import full, required


def fill() -> None:
    for model in MODELS.values():
        for _ in range(3):
            model.objects.create(**full(model))
        model.objects.create(**required(model))


def work() -> None:
    """Write, read, change and delete, in every table."""
    checks.every_value_comes_back_as_it_was_written()
    checks.a_row_needs_only_what_has_no_default()
    checks.a_saved_change_is_stored()
    checks.many_rows_are_created_at_once()
    checks.references_are_followed_in_one_query()
    checks.deleting_through_a_model_follows_the_rules()
    checks.deleting_in_sql_follows_the_rules()
    checks.deleting_a_workflow_in_sql_takes_all_of_it()
