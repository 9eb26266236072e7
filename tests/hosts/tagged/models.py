"""Documents and their tags as FBS 2.0.6 ties them: Django makes the model between them itself."""

from __future__ import annotations

from django.db import models


class DMSDocumentTag(models.Model):  # type: ignore[misc]
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        managed = False
        db_table = "dms_document_tag"


class DMSDocument(models.Model):  # type: ignore[misc]
    title = models.CharField(max_length=255)
    tags = models.ManyToManyField(DMSDocumentTag, blank=True)

    class Meta:
        managed = False
        db_table = "dms_document"
