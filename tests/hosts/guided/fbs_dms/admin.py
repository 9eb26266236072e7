from django.contrib import admin

from fbs_dms.models import Document, DocumentCategory, DocumentType

admin.site.register([DocumentCategory, DocumentType])


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    list_display = ["name", "title", "document_type", "category", "created_by", "created_at"]
    list_filter = ["state", "document_type"]
    search_fields = ["name", "title"]
