"""What a host does with FBS's tables under their later names, one function a behaviour."""

from __future__ import annotations

from typing import Any

from django.db import connection, models, transaction

from tests.hosts import checks, former
from tests.hosts.fbs.models import MODELS
from tests.hosts.rows import full, written

#: The tables that have a later name, by the name of the view.
VIEWS = {model._meta.db_table: model for table, model in MODELS.items() if model._meta.db_table != table}


def work() -> None:
    """All of it, and all that a host does with a table, in every table."""
    with connection.cursor() as cursor:
        cursor.execute("select relname from pg_class where relkind = 'v' and relname = any(%s)", [list(VIEWS)])
        assert {name for (name,) in cursor.fetchall()} == set(VIEWS)
    assert len(VIEWS) == 15
    former.work()
    checks.rows_are_deleted_one_by_one_and_by_queryset()
    checks.an_update_of_a_queryset_is_stored()
    checks.json_is_looked_into()
    rows_are_upserted()
    conflicts_are_ignored()
    rows_are_got_or_made()
    rows_are_updated_or_made()
    rows_are_locked()
    an_inserted_row_has_its_key()
    tags_are_put_on_documents()


def _unique(model: Any) -> list[list[str]]:
    """Each set of fields of which no two rows have the same values."""
    sets = [list(fields) for fields in model._meta.unique_together]
    names = {field.attname: field.name for field in model._meta.concrete_fields}
    sets = [[names.get(name, name) for name in fields] for fields in sets]
    return sets + [[field.name] for field in model._meta.concrete_fields if field.unique and not field.primary_key]


def _clashing(model: Any, row: Any, fields: list[str]) -> dict[str, Any]:
    """New values, but for these fields, in which they are those of a row that is there."""
    return full(model) | {name: getattr(row, name) for name in fields}


def rows_are_upserted() -> None:
    tried = 0
    for model in VIEWS.values():
        for fields in _unique(model):
            row = model.objects.create(**full(model))
            values = _clashing(model, row, fields)
            changed = [field.name for field in written(model) if field.name not in fields]
            model.objects.bulk_create(
                [model(**values), model(**full(model))],
                update_conflicts=True,
                unique_fields=fields,
                update_fields=changed or fields,
            )
            checks.assert_stored(row, values)
            tried += 1
    assert tried >= 5, tried


def conflicts_are_ignored() -> None:
    for model in VIEWS.values():
        for fields in _unique(model):
            values = full(model)
            row = model.objects.create(**values)
            clashing, count = _clashing(model, row, fields), model.objects.count()
            model.objects.bulk_create([model(**clashing)], ignore_conflicts=True)
            checks.assert_stored(row, values)
            assert model.objects.count() == count, model._meta.db_table


def rows_are_got_or_made() -> None:
    for model in VIEWS.values():
        values = full(model)
        keys = [f.name for f in written(model) if not isinstance(f, models.JSONField)]
        lookup = {name: values[name] for name in keys}
        if not lookup:
            continue  # lic_license_manager has nothing but a key
        made, is_new = model.objects.get_or_create(**lookup, defaults=values)
        assert is_new, model._meta.db_table
        assert model.objects.get_or_create(**lookup, defaults=values) == (made, False), model._meta.db_table


def rows_are_updated_or_made() -> None:
    for model in VIEWS.values():
        row, values = model.objects.create(**full(model)), full(model)
        assert model.objects.update_or_create(pk=row.pk, defaults=values) == (row, False), model._meta.db_table
        checks.assert_stored(row, values)
        key = model.objects.order_by("-pk").values_list("pk", flat=True)[0] + 1_000_000
        made, is_new = model.objects.update_or_create(pk=key, defaults=full(model))
        assert (made.pk, is_new) == (key, True), model._meta.db_table
        made.delete()


def rows_are_locked() -> None:
    """Each row is locked in its table: another session that will not wait does not get it."""
    for table, model in MODELS.items():
        if model not in VIEWS.values():
            continue
        row = model.objects.create(**full(model))
        other = connection.copy()
        try:
            with transaction.atomic():
                assert model.objects.select_for_update().get(pk=row.pk) == row
                assert model.objects.select_for_update(of=("self",)).get(pk=row.pk) == row
                with other.cursor() as cursor:
                    cursor.execute(f"select id from {table} where id = %s for update skip locked", [row.pk])
                    assert cursor.fetchall() == [], table
        finally:
            other.close()


def an_inserted_row_has_its_key() -> None:
    for model in VIEWS.values():
        row = model(**full(model))
        row.save(force_insert=True)
        assert model.objects.get(pk=row.pk) == row
        row.delete()
        assert not model.objects.filter(pk=row.id or 0).exists()


def tags_are_put_on_documents() -> None:
    from tests.hosts.tagged.models import DMSDocument, DMSDocumentTag

    between = DMSDocument.tags.through._meta
    assert {field.column for field in between.fields} == {"id", "dmsdocument_id", "dmsdocumenttag_id"}
    assert between.db_table == "dms_document_tags"
    document_model, tag_model = MODELS["fbs_dms_document"], MODELS["fbs_dms_document_tag"]
    document = DMSDocument.objects.get(pk=document_model.objects.create(**full(document_model)).pk)
    other = DMSDocument.objects.get(pk=document_model.objects.create(**full(document_model)).pk)
    keys = [tag_model.objects.create(**full(tag_model)).pk for _ in range(3)]
    first, second, third = (DMSDocumentTag.objects.get(pk=key) for key in keys)

    document.tags.add(first, second)
    document.tags.add(first)  # which is there: on conflict do nothing
    other.tags.add(first)
    assert set(document.tags.all()) == {first, second}
    document.tags.set([second, third])
    assert set(document.tags.all()) == {second, third}
    document.tags.remove(second)
    assert list(document.tags.all()) == [third]
    made = document.tags.create(name=f"made {third.pk}")
    assert set(DMSDocument.objects.filter(tags=made)) == {document}
    document.tags.clear()
    assert list(document.tags.all()) == []
    assert list(other.tags.all()) == [first]
    other.delete()
    assert not DMSDocument.tags.through.objects.filter(dmsdocumenttag=first).exists()
