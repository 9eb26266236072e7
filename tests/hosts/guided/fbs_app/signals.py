"""Receivers as FBS has them: most only log, some look for columns that are not there."""

import logging

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver
from rentals.models import Location, Tenant

from fbs_app.models import ApprovalRequest, CustomField

logger = logging.getLogger("fbs_app")


@receiver(post_save, sender=ApprovalRequest)
def approval_request_post_save(sender, instance, created, **kwargs):
    """Only logs."""
    logger.warning("approval request saved: %s", instance.approval_type)


@receiver(pre_delete)
def cleanup_on_delete(sender, instance, **kwargs):
    """Raises, and poisons the transaction."""
    if sender._meta.app_label in ("rentals", "auth"):
        with connection.cursor() as cursor:
            cursor.execute("delete from fbs_approval_requests where content_type = %s", [sender._meta.label])


@receiver(post_delete, sender=Tenant)
def cleanup_in_silence(sender, instance, **kwargs):
    """Poisons the transaction, and says nothing."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("delete from fbs_workflow_instances where content_type = %s", [sender._meta.label])
    except Exception:
        logger.warning("no workflow of %s", instance.name)


@receiver(post_delete, sender=get_user_model())
def look_up_profile(sender, instance, **kwargs):
    """Raises without any query."""
    logger.warning("user deleted: %s", instance.profile.name)


@receiver(post_save, sender=Location)
def note_location(sender, instance, created, **kwargs):
    """Writes, and has to be heard."""
    if created:
        CustomField.objects.create(
            model_name="rentals.location", record_id=instance.pk, field_name="noted", field_value="by FBS"
        )
