"""What a host does with FBS's tables through its models, one function a behaviour."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from tests.hosts.fbs.models import MODELS
from tests.hosts.rows import USER, full, new_user, required, written

SCHEMA = os.environ.get("HOST_SCHEMAS", "public").split(",")[-1]


# --- rows to work with


def references() -> Iterator[tuple[Any, Any]]:
    """Each model with each of its fields that point at another row."""
    return ((model, field) for model in MODELS.values() for field in model._meta.concrete_fields if field.is_relation)


def assert_stored(row: Any, values: dict[str, Any]) -> None:
    """The database gives these values back, each as what it was."""
    found = type(row).objects.get(pk=row.pk)
    for name, value in values.items():
        expected = getattr(value, "pk", value)
        got = getattr(found, type(row)._meta.get_field(name).attname)
        assert (type(got), got) == (type(expected), expected), f"{row._meta.db_table}.{name}: {got!r}, not {expected!r}"


def times(row: Any, rule: str) -> dict[str, datetime]:
    """What the database holds in the columns that Django sets by a rule, such as ``auto_now``."""
    names = [field.name for field in row._meta.concrete_fields if getattr(field, rule, False)]
    return dict(type(row).objects.values(*names).get(pk=row.pk)) if names else {}


#: Times that something happened: only who saw it sets them, as Django does on each save.
HAPPENED = ("last_used", "last_checked", "last_verified")


def assert_moved_on(row: Any, change: Callable[[], Any], *, by_django: bool = False) -> None:
    """A change moves the times of change on, and leaves those of creation."""
    created, changed = times(row, "auto_now_add"), times(row, "auto_now")
    change()
    assert times(row, "auto_now_add") == created, row._meta.db_table
    for name, time in times(row, "auto_now").items():
        if by_django or name not in HAPPENED:
            assert changed[name] < time <= now(), f"{row._meta.db_table}.{name}"
        else:
            assert changed[name] == time, f"{row._meta.db_table}.{name}"


# --- through the models, in every table


def every_value_comes_back_as_it_was_written() -> None:
    for model in MODELS.values():
        values, before = full(model), now()
        row = model.objects.create(**values)
        assert_stored(row, values)
        for time in (times(row, "auto_now_add") | times(row, "auto_now")).values():
            assert before <= time <= now(), model._meta.db_table


def a_row_needs_only_what_has_no_default() -> None:
    for model in MODELS.values():
        values, before = required(model), now()
        row = model.objects.get(pk=model.objects.create(**values).pk)
        assert_stored(row, values)
        for field in written(model):
            if field.default is now:
                assert before <= getattr(row, field.name) <= now()
            elif field.name not in values:
                assert_stored(row, {field.name: field.to_python(field.get_default())})


def a_saved_change_is_stored() -> None:
    for model in MODELS.values():
        row, values = model.objects.create(**full(model)), full(model)
        for name, value in values.items():
            setattr(row, name, value)
        assert_moved_on(row, row.save, by_django=True)
        assert_stored(row, values)


def an_update_of_a_queryset_is_stored() -> None:
    for model in MODELS.values():
        row, values = model.objects.create(**full(model)), full(model)
        assert_moved_on(row, lambda: model.objects.filter(pk=row.pk).update(**values))  # noqa: B023
        assert_stored(row, values)


def many_rows_are_created_at_once() -> None:
    for model in MODELS.values():
        many = [full(model) for _ in range(3)]
        rows = model.objects.bulk_create([model(**values) for values in many])
        assert len({row.pk for row in rows}) == 3, model._meta.db_table
        for row, values in zip(rows, many, strict=True):
            assert_stored(row, values)


def rows_are_deleted_one_by_one_and_by_queryset() -> None:
    for model in MODELS.values():
        rows = [model.objects.create(**full(model)) for _ in range(4)]
        keys = [row.pk for row in rows]
        rows[0].delete()
        assert set(model.objects.filter(pk__in=keys).values_list("pk", flat=True)) == set(keys[1:])
        model.objects.filter(pk__in=keys[1:3]).delete()
        assert list(model.objects.filter(pk__in=keys).values_list("pk", flat=True)) == keys[3:]


def references_are_followed_in_one_query() -> None:
    for model in MODELS.values():
        names = [field.name for other, field in references() if other is model]
        if not names:
            continue
        values = full(model)
        row = model.objects.create(**values)
        with CaptureQueriesContext(connection) as queries:
            found = model.objects.select_related(*names).get(pk=row.pk)
            assert [getattr(found, name) for name in names] == [values[name] for name in names]
        assert len(queries) == 1, model._meta.db_table


def json_is_looked_into() -> None:
    for model in MODELS.values():
        for name in [field.name for field in written(model) if isinstance(field, models.JSONField)]:
            values = full(model)
            row, other = model.objects.create(**values), model.objects.create(**full(model))
            record = values[name]["record_id"]
            one = {
                "record_id": record,
                "deep__number": int(record),
                "deep__number__lte": int(record),
                "contains": {"deep": {"yes": True}, "record_id": record},
            }
            both = {"has_keys": ["record_id", "deep"], "list__1": 2.5, "list__2": None}
            for lookups, expected in ((one, {row}), (both, {row, other})):
                for lookup, value in lookups.items():
                    found = model.objects.filter(pk__in=[row.pk, other.pk], **{f"{name}__{lookup}": value})
                    assert set(found) == expected, f"{model._meta.db_table}.{name}__{lookup}"


# --- what happens to the rows that point at one that goes


def deleting_through_a_model_follows_the_rules() -> None:
    for model, field in references():
        assert_follows_rule(model, field, lambda parent: parent.delete())


def deleting_in_sql_follows_the_rules() -> None:
    for model, field in references():
        if field.related_model is not USER:
            assert_follows_rule(model, field, delete_in_sql)


def assert_follows_rule(model: Any, field: Any, delete: Callable[[Any], Any]) -> None:
    row, other = model.objects.create(**full(model)), model.objects.create(**full(model))
    delete(getattr(row, field.name))
    # Without its order, which may join the parent: an orphan would not be seen.
    left = list(model.objects.filter(pk=row.pk).order_by().values_list(field.attname, flat=True))
    expected = [] if field.remote_field.on_delete is models.CASCADE else [None]
    assert left == expected, f"{model._meta.db_table}.{field.attname}"
    assert model.objects.filter(pk=other.pk, **{f"{field.name}__isnull": False}).exists(), "one that points elsewhere"


def delete_in_sql(row: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"delete from {row._meta.db_table} where id = %s", [row.pk])


def deleting_a_workflow_in_sql_takes_all_of_it() -> None:
    definition, step, transition, instance, log = (
        MODELS[f"fbs_workflow_{name}"]
        for name in ("definitions", "steps", "transitions", "instances", "execution_logs")
    )
    whole = definition.objects.create(**full(definition))
    steps = [step.objects.create(**full(step) | {"workflow_definition": whole}) for _ in range(2)]
    ends = {"from_step": steps[0], "to_step": steps[1]}
    transition.objects.create(**full(transition) | ends | {"workflow_definition": whole})
    run = instance.objects.create(**full(instance) | {"workflow_definition": whole, "current_step": steps[0]})
    log.objects.create(**full(log) | {"workflow_instance": run})

    delete_in_sql(steps[0])
    run.refresh_from_db()
    assert run.current_step is None
    assert not transition.objects.filter(workflow_definition=whole).exists()
    delete_in_sql(whole)
    assert not step.objects.filter(pk=steps[1].pk).exists()
    assert not log.objects.filter(workflow_instance_id=run.pk).exists()


# --- fbs-db on Django's own connection


class _Undone(Exception):
    """Ends a block whose work is not wanted."""


def migrate() -> None:
    import fbs_db  # which hosts of other versions of Django do not have

    connection.ensure_connection()
    report = fbs_db.migrate(connection.connection, schema=SCHEMA, user_table=USER._meta.db_table)
    assert report.steps


def write_and_read() -> None:
    model = MODELS["fbs_approval_requests"]
    values = full(model)
    assert_stored(model.objects.create(**values), values)


def of_fbs() -> set[str]:
    """Everything in the schemas in sight that has a name like FBS's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relname ~ '^fbs_' union all"
            " select typname from pg_type where typname ~ '^_?fbs_' union all"
            " select proname from pg_proc where proname ~ '^fbs_'"
        )
        return {name for (name,) in cursor.fetchall()}


def session_state() -> list[Any]:
    names = ("search_path", "lock_timeout", "statement_timeout", "client_min_messages", "fbs.user_table")
    with connection.cursor() as cursor:
        cursor.execute("select " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in names))
        return [*cursor.fetchone(), connection.connection.autocommit, connection.in_atomic_block]


def a_block_that_is_rolled_back_leaves_nothing() -> None:
    try:
        with transaction.atomic():
            migrate()
            write_and_read()
            raise _Undone
    except _Undone:
        assert of_fbs() == set()


def a_savepoint_that_is_rolled_back_leaves_nothing() -> None:
    with transaction.atomic():
        kept = new_user()
        try:
            with transaction.atomic():
                migrate()
                write_and_read()
                raise _Undone
        except _Undone:
            assert of_fbs() == set()
    assert USER.objects.filter(pk=kept.pk).exists()


def a_block_that_is_committed_keeps_everything() -> None:
    with transaction.atomic():
        before = session_state()
        migrate()
        assert session_state() == before
        write_and_read()
    connection.close()
    assert set(MODELS) <= of_fbs()
    assert MODELS["fbs_approval_requests"].objects.count() == 1


def outside_a_block_it_is_committed_at_once() -> None:
    connection.ensure_connection()
    before = session_state()
    migrate()
    assert session_state() == before
    connection.close()
    assert set(MODELS) <= of_fbs()
    write_and_read()
