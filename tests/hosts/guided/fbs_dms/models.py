"""FBS's documents, with migrations of their own."""

from django.conf import settings
from django.db import models

USER = settings.AUTH_USER_MODEL


class DocumentType(models.Model):
    name = models.CharField(max_length=100, unique=True)
    code = models.CharField(max_length=50, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "fbs_dms_document_type"

    def __str__(self):
        return self.name


class DocumentCategory(models.Model):
    name = models.CharField(max_length=100)
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "fbs_dms_document_category"
        unique_together = ("name", "parent")

    def __str__(self):
        return self.name


class DocumentTag(models.Model):
    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "fbs_dms_document_tag"


class FileAttachment(models.Model):
    file = models.CharField(max_length=100)
    original_filename = models.CharField(max_length=255)
    file_size = models.BigIntegerField()
    mime_type = models.CharField(max_length=100)
    checksum = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(USER, models.CASCADE, related_name="attachments")
    company_id = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "fbs_dms_file_attachment"


class Document(models.Model):
    name = models.CharField(max_length=255)
    title = models.CharField(max_length=255)
    document_type = models.ForeignKey(DocumentType, models.CASCADE, related_name="documents")
    category = models.ForeignKey(DocumentCategory, models.CASCADE, related_name="documents")
    attachment = models.ForeignKey(FileAttachment, models.SET_NULL, null=True, blank=True)
    tags = models.ManyToManyField(DocumentTag, blank=True, related_name="documents")
    state = models.CharField(max_length=20, default="draft")
    created_by = models.ForeignKey(USER, models.CASCADE, related_name="documents")
    approved_by = models.ForeignKey(USER, models.SET_NULL, null=True, blank=True, related_name="approved_documents")
    company_id = models.CharField(max_length=100)
    solution_db = models.CharField(max_length=100, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "fbs_dms_document"
        ordering = ["-created_at"]
