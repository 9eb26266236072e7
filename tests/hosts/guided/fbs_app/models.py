"""Some of FBS's models, with migrations of their own; and one whose table fbs-db does not know."""

from django.conf import settings
from django.db import models


class ApprovalRequest(models.Model):
    title = models.CharField(max_length=200)
    description = models.TextField()
    approval_type = models.CharField(max_length=20)
    status = models.CharField(max_length=20, default="pending")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    solution_name = models.CharField(max_length=100, default="")
    request_data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "fbs_approval_requests"


class CustomField(models.Model):
    model_name = models.CharField(max_length=100)
    record_id = models.IntegerField()
    field_name = models.CharField(max_length=100)
    field_type = models.CharField(max_length=20, default="char")
    field_value = models.TextField()
    database_name = models.CharField(max_length=100, default="")

    class Meta:
        db_table = '"fbs_custom_fields"'


class Extra(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        db_table = "fbs_app_extra"
