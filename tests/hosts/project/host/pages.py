"""The pages of the admin, a view of FBS's among them; and visits to them."""

import re
from html import unescape

from django.contrib import admin
from django.test import Client
from django.urls import path
from rentals.deeds import Person

from fbs_db.django.views.models import ApprovalsPending


@admin.register(ApprovalsPending)
class Pending(admin.ModelAdmin):
    list_display = ("title", "requester_id", "age")
    list_filter = ("approval_type",)
    search_fields = ("title",)

    def has_add_permission(self, request):
        return False

    has_change_permission = has_delete_permission = lambda self, request, obj=None: False


urlpatterns = [path("admin/", admin.site.urls)]


def user(name, *permissions):
    """A member of the staff with permissions such as view_health; without any, who may do everything."""
    from django.contrib.auth.models import Permission

    one = Person.objects.create_user(name, password="secret", is_staff=True, is_superuser=not permissions)
    one.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return one


class Visitor:
    """A user of the admin."""

    def __init__(self, one):
        self.client = Client()
        self.client.force_login(one)

    def html(self, page, status=200, **post):
        """What a page of FBS's is, sent data if there are any; where it leads to another, that one."""
        send = self.client.post if post else self.client.get
        response = send(f"/admin/fbs_db_admin/{page}", post or None, follow=True)
        assert response.status_code == status, (page, response.status_code)
        return response.content.decode()

    def text(self, page, status=200, **post):
        """Its text, after the head."""
        html = self.html(page, status, **post)
        body = html[max(html.find('<ul class="messagelist"'), 0) if post else html.find('id="content-start"') :]
        body = re.sub(r"<(option|script|style).*?</\1>", " ", body, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
