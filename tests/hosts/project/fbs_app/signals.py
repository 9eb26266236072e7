"""Clean-up as FBS 2.0.x does it: by names of columns that the tables do not have."""

from django.db import connection
from django.db.models.signals import pre_delete
from django.dispatch import receiver


@receiver(pre_delete)
def cleanup_on_delete(sender, instance, **kwargs):
    if sender._meta.app_label in ("rentals", "accounts"):
        with connection.cursor() as cursor:
            cursor.execute("delete from fbs_approval_requests where content_type = %s", [sender._meta.label])
