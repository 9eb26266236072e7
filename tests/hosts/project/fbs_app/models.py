"""Some of FBS's models as 2.0.2 has them: managed by Django, without migrations."""

from django.conf import settings
from django.db import models


class ApprovalRequest(models.Model):
    title = models.CharField(max_length=200)
    description = models.TextField()
    approval_type = models.CharField(max_length=20)
    status = models.CharField(max_length=20, default="pending")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    solution_name = models.CharField(max_length=100, default="")
    request_data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    approved_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "fbs_app"
        db_table = "fbs_approval_requests"


class CustomField(models.Model):
    model_name = models.CharField(max_length=100)
    record_id = models.IntegerField()
    field_name = models.CharField(max_length=100)
    field_type = models.CharField(max_length=20, default="char")
    field_value = models.TextField()
    database_name = models.CharField(max_length=100, default="")
    solution_name = models.CharField(max_length=100, default="")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "fbs_app"
        db_table = "fbs_custom_fields"
        unique_together = ("model_name", "record_id", "field_name", "database_name")
