"""What the business does, and what becomes of FBS's rows."""

import json
from itertools import permutations

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections

from rentals.models import Lease, Location, Room

try:
    from rentals.models import Tenant
except ImportError:
    from rentals.models import Renter as Tenant

Person = get_user_model()
NAME = Tenant._meta.label_lower


def sql(query, *values, alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def let(number):
    """A lease with all that goes with it, and FBS's rows about its tenant, its room and its user."""
    user = Person.objects.create(username=f"user {number}")
    tenant = Tenant.objects.create(name=f"tenant {number}")
    location = Location.objects.create(name=f"location {number}")
    room = Room.objects.create(name=f"room {number}", location=location)
    Lease.objects.create(tenant=tenant, room=room, rent=100)
    about = json.dumps({"model_name": NAME, "record_id": str(tenant.pk)})
    sql(
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
        " values (%s, '', 'other', %s, %s)",
        f"about tenant {number}",
        user.pk,
        about,
    )
    sql(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " values ('rentals.room', %s, 'floor', 'first')",
        room.pk,
    )
    return user, tenant, location


def fbs_rows():
    """Approval requests by title, and the rooms that have a custom field."""
    if len(settings.DATABASES) > 1:
        import fbs_db

        fbs_db.retry_cleanup()  # what a worker would do by then
    requests = dict(sql("select title, status from fbs_approval_requests order by title"))
    rooms = [key for (key,) in sql("select record_id from fbs_custom_fields where model_name = 'rentals.room'")]
    return requests, rooms


def let_and_give_up():
    """Deletes one of three of everything, in one order and in another."""
    kept, first, second = let(0), let(1), let(2)
    first[1].delete()
    second[2].delete()
    assert fbs_rows()[0] == {"about tenant 0": "pending", "about tenant 1": "cancelled", "about tenant 2": "pending"}
    second[1].delete()
    first[2].delete()
    assert fbs_rows() == (
        {"about tenant 0": "pending", "about tenant 1": "cancelled", "about tenant 2": "cancelled"},
        list(Room.objects.values_list("pk", flat=True)),
    )
    first[0].delete()
    Person.objects.filter(pk=second[0].pk).delete()
    assert fbs_rows()[0] == {"about tenant 0": "pending"}
    Lease.objects.all().delete()
    for row in kept[1], kept[2]:
        row.delete()
    assert fbs_rows() == ({"about tenant 0": "cancelled"}, [])
    kept[0].delete()
    assert fbs_rows() == ({}, [])
    for model in Person, Tenant, Location, Room, Lease:
        assert not model.objects.exists(), model


def give_up_in_every_order():
    """Whatever goes first, nothing of FBS is left that should not be, and everything else stays."""
    kept = let(0)
    for order in permutations(range(5)):
        user, tenant, location = let(1)
        rows = [user, tenant, location, Room.objects.get(location=location), Lease.objects.get(tenant=tenant)]
        for place in order:
            type(rows[place]).objects.filter(pk=rows[place].pk).delete()
        assert fbs_rows() == ({"about tenant 0": "pending"}, [Room.objects.get().pk]), order
    assert Person.objects.get() == kept[0]
