"""Models of the views of FBS's reads: what they hold, where they go, and that they only read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support.projects import ADMIN, ADMIN_APPS, HOSTS, Project
from tests.support.roles import role
from tests.support.sample_rows import seed
from tests.support.versions import NEWEST

APPS = ["fbs_db.django", "fbs_db.django.views"]
WEB = "fbs_d_views"
#: Each model with the read that it is of.
START = """
import inspect
from django.db import connection, models as fields, transaction
import fbs_db
from fbs_db.django.views import models
from fbs_db.errors import UsageError
from fbs_db.reads import Page
from fbs_db.reads.declared import Declared

MODELS = [getattr(models, name) for name in models.__all__]

def reads():
    fbs = fbs_db.connect(connection)
    for group in vars(fbs).values():
        for name, declared in inspect.getmembers(type(group), lambda one: isinstance(one, Declared)):
            if declared.read.arguments is None:
                yield declared.read, getattr(group, name)
"""


def seeded(project: Project) -> Project:
    """A row in each table of FBS, all of user 1."""
    project = project.having(user_model="auth.User", apps=APPS).migrated()
    project.do("Person.objects.create(pk=1, username='first')")
    with psycopg.connect(project.server.url(project.databases["default"])) as connection:
        seed(connection)
    return project


@pytest.mark.slow
def test_a_model_holds_what_its_read_answers(project: Project) -> None:
    seeded(project).do(
        START
        + """
from ipaddress import ip_address

def alike(value, other):
    if isinstance(other, type(ip_address("::1"))) or type(other).__name__.startswith("IPv"):
        return ip_address(value) == other
    return type(value) is type(other) and value == other

models_of = {model._meta.db_table: model for model in MODELS}
compared = 0
with transaction.atomic():  # in which now() stands still
    for read, call in reads():
        if read.key is None:
            assert read.source not in models_of, read.source
            continue
        model = models_of.pop(read.source)
        assert model.__name__ == read.row.__name__
        assert f"Reads ``{read.source}``." in model.__doc__ and model._meta.pk.column == read.key
        assert [field.column for field in model._meta.fields] == list(read.row._fields)
        optional = [field.attname for field in model._meta.fields if field.null]
        assert optional == [name for name, kind in read.row.__annotations__.items() if type(None) in
            getattr(kind, "__args__", ())], read.source
        rows = list(model.objects.values_list(*read.row._fields))
        if not rows:
            continue
        given = dict(zip(read.row._fields, rows[0]))
        taken = inspect.signature(call).parameters
        names = list(taken) if "limit" not in taken else [] if read.whole else read.filters[:1]
        least = {name: given[name] for name in names}
        told = call(**least)
        told = told if isinstance(told, Page) else [told]
        assert len(rows) == len(told), (read.source, rows, told)
        for row, other in zip(rows, told):
            assert all(map(alike, row, other)), (read.source, row, other)
            compared += 1
        if rows:
            found = model.objects.get(pk=given[read.key])
            found.refresh_from_db()
            known = {name: value for name, value in given.items() if value is not None}
            assert model.objects.filter(**known).exists(), read.source
assert not models_of and compared > 20, (models_of, compared)
"""
    )


def test_users_are_foreign_keys(newest: Project) -> None:
    newest.having(apps=APPS).migrated().do(
        START
        + """
user, *_ = let(1)
let(2)
from fbs_db.django.views.models import ApprovalsPending
one = ApprovalsPending.objects.get(requester=user)
assert one == ApprovalsPending.objects.get(requester_id=user.pk) == ApprovalsPending.objects.get(
    requester__username="user 1")
assert one.requester == user and one.approver is None
assert ApprovalsPending.objects.select_related("requester").first().requester == user, "in the order of the read"
assert ApprovalsPending.objects.order_by("-pk").values_list("title", flat=True)[0] == "about tenant 2"
assert ApprovalsPending.objects.filter(age__lt="1 day", request_data__model_name="rentals.tenant").count() == 2
within = Person.objects.filter(pk__in=ApprovalsPending.objects.filter(title="about tenant 2").values("requester"))
assert [found.username for found in within] == ["user 2"]
user.groups.create(name="staff")
others = ApprovalsPending.objects.exclude(requester__groups__name="staff")
assert [row.title for row in others] == ["about tenant 2"], "which asks a table of the host alone"
assert ApprovalsPending.objects.aggregate(fields.Max("created_at"))["created_at__max"]
assert len(ApprovalsPending.objects.filter(pk=1) | ApprovalsPending.objects.filter(pk=2)) == 2
assert ApprovalsPending.objects.filter(pk=1).union(ApprovalsPending.objects.filter(pk=2)).count() == 2
assert [row.pk for row in ApprovalsPending.objects.iterator()] == [1, 2]
assert set(ApprovalsPending.objects.in_bulk([1, 2])) == {1, 2}
user.delete()
"""
    )


def test_nothing_is_written(newest: Project) -> None:
    newest.having(apps=APPS).migrated().do(
        START
        + """
let(1)
from fbs_db.django.views.models import ApprovalsPending as Pending
row = Pending.objects.get()

def refused(write):
    try:
        write()
    except UsageError as error:
        assert "ApprovalsPending is read from fbs_approvals_pending. It cannot be saved" in str(error), error
        return True

every = Pending.objects
fields.signals.post_delete.connect(print)  # with which Django deletes row by row
for write in (
    row.save, row.delete, every.all().delete, every.filter(pk=1).delete, lambda: every.update(title="x"),
    lambda: every.create(title="x"), lambda: every.bulk_create([Pending(title="x")]), lambda: row.save_base(),
    lambda: every.bulk_update([row], ["title"]), lambda: every.get_or_create(title="x"),
    lambda: every.update_or_create(pk=1, defaults={"title": "x"}), lambda: every.filter(pk=1)._raw_delete("default"),
):
    assert refused(write), write
assert Pending.objects.get().title == "about tenant 1"
"""
    )


def test_django_makes_dumps_and_empties_none_of_them(newest: Project) -> None:
    project = newest.having(apps=[*ADMIN_APPS[:4], *APPS], settings=ADMIN)
    assert "No changes detected" in project.manage("makemigrations", "--check")
    project.migrated()
    project.manage("migrate", "--check")
    assert "no issues" in project.manage("check", "--database", "default")
    project.do("let(1)")
    project.manage("dumpdata", "--output", "all.json", "--exclude", "contenttypes", "--exclude", "auth.permission")
    dumped = json.loads((project.directory / "all.json").read_text())
    assert not [row for row in dumped if row["model"].startswith("fbs")]
    assert "fbs_approvals_pending" not in project.manage("sqlflush")
    project.manage("flush", "--no-input")
    assert "OK" in project.manage("test", "rentals")
    project.do(
        "from django.contrib.auth.models import Permission\n"
        "found = Permission.objects.filter(content_type__app_label='fbs_db_views').values_list('codename', flat=True)\n"
        "assert 'view_approvalspending' in found and all(name.startswith('view_') for name in found)"
    )


def test_a_host_lists_one_in_its_admin(newest: Project) -> None:
    project = newest.having(apps=ADMIN_APPS, settings=ADMIN).migrated()
    project.do(
        """
from host.pages import Visitor, user
let(1), let(2)
boss = Visitor(user("boss"))
looks = Visitor(user("looks", "view_approvalspending"))
for one in (boss, looks):
    for page in ("", "?q=tenant+2", "?approval_type=other", "?o=-1"):
        response = one.client.get("/admin/fbs_db_views/approvalspending/" + page)
        assert response.status_code == 200 and "about tenant 2" in response.content.decode(), page
    response = one.client.get("/admin/fbs_db_views/approvalspending/1/change/")
    assert response.status_code == 200 and "about tenant 1" in response.content.decode()
    assert one.client.get("/admin/fbs_db_views/approvalspending/add/").status_code == 403
assert Visitor(user("nobody", "view_health")).client.get("/admin/fbs_db_views/approvalspending/").status_code == 403
"""
    )


def test_without_users_keys_are_numbers(newest: Project) -> None:
    bare = newest.having(apps=APPS, settings={"INSTALLED_APPS": APPS}, fbs_db={})
    bare.run(
        "-c",
        "import django\ndjango.setup()\nfrom fbs_db.django.views.models import ApprovalsPending\n"
        "print(ApprovalsPending._meta.get_field('approver_id').get_internal_type())",
    )


# --- where they go


def test_each_is_read_where_its_component_is(make: Callable[..., Project]) -> None:
    project = make(NEWEST, "licences")
    places: dict[str, Any] = {
        "default": {"SCHEMA": "fbs"},
        "licences": {"SCHEMA": "apart", "COMPONENTS": ["licensing"]},
    }
    project = project.having(apps=APPS, fbs_db={**HOSTS, "DATABASES": places})
    for alias, schema in (("default", "fbs"), ("licences", "apart")):
        project.select(f"create schema {schema}", alias)
        project.manage("migrate", "--database", alias)
        assert "W010" not in project.manage("check", "--database", alias)
    project.select(
        "insert into apart.fbs_license_manager_solution_license (solution_name, license_type)"
        " values ('acme', 'professional')",
        "licences",
    )
    project.do(
        START
        + """
assert [row.solution_name for row in models.LicensingLicenses.objects.all()] == ["acme"]
assert models.LicensingLicenses.objects.get(solution_name="acme")._state.db == "licences"
assert list(models.ApprovalsPending.objects.all()) == [] and models.ApprovalsPending.objects.all().db == "default"
assert '"fbs"."fbs_approvals_pending"' in str(models.ApprovalsPending.objects.all().query)
"""
    )


def test_isolation_holds(newest: Project) -> None:
    project = newest.having(apps=APPS).migrated()
    project.select(
        "insert into accounts_person (id, username, password, is_superuser, first_name, last_name, email, is_staff,"
        " is_active, date_joined) values (gen_random_uuid(), 'x', '', false, '', '', '', false, true, now());"
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, solution_name)"
        " select s, '', 'other', id, s from accounts_person, unnest(array['acme', 'bravo']) as s"
    )
    with psycopg.connect(project.server.url(project.databases["default"])) as connection, role(connection, WEB):
        connection.execute(f"select fbs_grant_role('{WEB}', 'app', is_shared => true); select fbs_isolate(true)")
        connection.commit()
        project.having(databases={"default": project.place("default", USER=WEB)}).do(
            START
            + """
from fbs_db.django import solution
titles = models.ApprovalsPending.objects.values_list("title", flat=True)
assert list(titles.all()) == []
with solution("acme"):
    assert list(titles.all()) == ["acme"]
"""
        )
