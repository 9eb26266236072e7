"""The host's life: users, locations and tenants come and go, whatever FBS's receivers do."""

import json

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from fbs_app.models import ApprovalRequest, CustomField, Extra
from fbs_license_manager.models import SolutionLicense

from rentals.models import Location, Tenant


def let(number):
    """Rows of the host, and what FBS has about them."""
    user = User.objects.create(username=f"user {number}")
    location = Location.objects.create(name=f"location {number}")
    tenant = Tenant.objects.create(name=f"tenant {number}", location=location)
    ApprovalRequest.objects.create(
        title=f"about {number}",
        description="",
        approval_type="other",
        requester=user,
        request_data={"model_name": "rentals.tenant", "record_id": str(tenant.pk)},
    )
    SolutionLicense.objects.create(solution_name=f"solution {number}")
    Extra.objects.create(name="of FBS, and not of fbs-db")
    return user, location, tenant


def states():
    with connection.cursor() as cursor:
        cursor.execute("select json_object_agg(title, status) from fbs_approval_requests")
        answer = cursor.fetchone()[0]
    return json.loads(answer) if isinstance(answer, str) else answer


def delete_in_every_way():
    rows = [let(number) for number in range(4)]
    noted = CustomField.objects.filter(model_name="rentals.location", field_name="noted")
    assert noted.count() == 4, "FBS's good receiver is heard"
    rows[0][2].delete()
    assert states()["about 0"] == "cancelled"
    with transaction.atomic():
        rows[1][1].delete()
        rows[1][0].delete()
    assert "about 1" not in states()
    assert list(noted.values_list("record_id", flat=True).order_by("pk")) == [rows[n][1].pk for n in (0, 2, 3)]
    Location.objects.filter(pk=rows[2][1].pk).delete()
    User.objects.filter(username="user 2").delete()
    assert states() == {"about 0": "cancelled", "about 3": "pending"}
    with connection.cursor() as cursor:
        cursor.execute("delete from rentals_tenant")
    Location.objects.all().delete()
    User.objects.all().delete()
    assert states() is None
    assert not Tenant.objects.exists() and not noted.exists()


class InOneTransaction(TestCase):
    databases = "__all__"

    def test_everything_is_deleted(self):
        delete_in_every_way()

    def test_nothing_is_left_by_the_other(self):
        self.assertIsNone(states())


class WithCommits(TransactionTestCase):
    databases = "__all__"

    def test_everything_is_deleted(self):
        delete_in_every_way()

    def test_rows_are_gone_after_each(self):
        self.assertIsNone(states())
        let(1)
