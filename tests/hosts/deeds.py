"""What a host does with its own rows, one function a deed. None of it knows of FBS."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, transaction

from tests.hosts.rentals.models import Lease, Location, Room, Tenant

USER = get_user_model()


class _Undone(Exception):
    """Ends a block whose work is not wanted."""


def fill() -> None:
    """The host's rows, and rows of FBS that point at each of them and at nothing."""
    from tests.hosts.fbs.models import MODELS
    from tests.hosts.rows import full

    for name in ("gone", "kept"):
        location, tenant = Location.objects.create(name=name), Tenant.objects.create(name=name)
        rooms = Room.objects.bulk_create([Room(name=f"{name} {n}", location=location) for n in range(2)])
        Lease.objects.create(tenant=tenant, room=rooms[0])
    Lease.objects.create(tenant=Tenant.objects.get(name="kept"), room=Room.objects.get(name="gone 1"))
    for model in MODELS.values():
        model.objects.create(**full(model))

    for host in (Location, Room, Tenant, Lease):
        for row in host.objects.all():
            record = {"model_name": host._meta.label_lower, "record_id": str(row.pk)}
            changes: dict[str, list[dict[str, Any]]] = {
                "fbs_approval_requests": [{"status": s, "request_data": record} for s in ("pending", "approved")],
                "fbs_workflow_instances": [
                    {"status": s, "completed_at": None, "workflow_data": record} for s in ("active", "completed")
                ],
                "fbs_dms_document": [{"state": s, "metadata": record} for s in ("draft", "archived")],
                "fbs_audit_trails": [{"record_id": str(row.pk)}],
                # A table's rows have numbers only, so those of a uuid have no custom fields.
                "fbs_custom_fields": [record] * (host is not Tenant),
            }
            for table, many in changes.items():
                for values in many:
                    MODELS[table].objects.create(**full(MODELS[table]) | values)

    for name in ("gone", "kept"):
        user = USER.objects.create(username=name)
        for model in MODELS.values():
            for field in model._meta.concrete_fields:
                if field.related_model is USER:
                    model.objects.create(**full(model) | {field.name: user})


def without_end() -> None:
    """Create and change rows in every way, and delete none."""
    location = Location.objects.create(name="new")
    rooms = Room.objects.bulk_create([Room(name=f"new {n}", location=location) for n in range(300)])
    for room in rooms:
        room.name += " painted"
    Room.objects.bulk_update(rooms, ["name"], batch_size=100)
    Room.objects.filter(location__name="gone").update(location=location)
    Location.objects.update(name="changed")
    lease = Lease.objects.get(room__name="kept 0")
    lease.rent = 200
    lease.save()
    lease.tenant.save(force_update=True)
    Tenant.objects.update_or_create(name="gone", defaults={"name": "changed"})
    USER.objects.create(username="new")
    USER.objects.filter(username="gone").update(username="changed")
    _sql("update rentals_room set name = name || '!'", "update rentals_location set name = 'again'")


# --- locations, rooms, tenants


def delete_an_instance() -> None:
    Location.objects.get(name="gone").delete()


def delete_a_queryset() -> None:
    Location.objects.filter(name__startswith="gone").delete()


def delete_everything() -> None:
    Location.objects.all().delete()
    Tenant.objects.all().delete()


def delete_a_room() -> None:
    Room.objects.get(name="gone 1").delete()


def delete_a_tenant() -> None:
    Tenant.objects.get(name="gone").delete()


def delete_many_at_once() -> None:
    location = Location.objects.get(name="gone")
    Room.objects.bulk_create([Room(name=f"many {n}", location=location) for n in range(500)])
    location.delete()


def delete_in_a_block() -> None:
    with transaction.atomic():
        delete_a_tenant()
        with transaction.atomic():
            delete_an_instance()


def delete_in_sql() -> None:
    with transaction.atomic():
        _sql(
            "delete from rentals_location where name = 'gone'",
            "delete from rentals_room where name like 'gone%'",
            "delete from rentals_lease where not exists (select from rentals_room where id = room_id)",
        )


# --- users


def delete_a_user() -> None:
    USER.objects.get(username="gone").delete()


def delete_a_queryset_of_users() -> None:
    USER.objects.filter(username__in=["gone", "nobody"]).delete()


def delete_a_user_in_sql() -> None:
    _sql(f"delete from {USER._meta.db_table} where username = 'gone'")


# --- undone


def delete_and_roll_back() -> None:
    try:
        with transaction.atomic():
            _delete_all_kinds()
            raise _Undone
    except _Undone:
        assert Location.objects.filter(name="gone").exists()


def delete_and_roll_back_to_a_savepoint() -> None:
    with transaction.atomic():
        Location.objects.create(name="kept too")
        try:
            with transaction.atomic():
                _delete_all_kinds()
                raise _Undone
        except _Undone:
            Location.objects.create(name="kept as well")
    assert Location.objects.filter(name__in=["gone", "kept too", "kept as well"]).count() == 3


def _delete_all_kinds() -> None:
    delete_everything()
    delete_a_user()
    assert not Location.objects.exists()


# --- between two tests of a host


def flush() -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert not USER.objects.exists()
    assert not Location.objects.exists()


def flush_with_cascade() -> None:
    """As a TransactionTestCase with available_apps does."""
    call_command("flush", interactive=False, verbosity=0, allow_cascade=True)
    assert not USER.objects.exists()


def fill_again() -> None:
    Location.objects.create(name="after")
    USER.objects.create(username="after")


def _sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
