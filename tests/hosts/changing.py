"""Migrations of a host that change the table of an attached model, one function a kind of change.

Each is applied and taken back. After both, a row that is deleted by Django is cleaned up after.
"""

from __future__ import annotations

import json
import uuid
from itertools import count
from typing import Any

import django
from django.db import connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

LABEL = "shops"
_numbers = count(1)


def sql(query: str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall()) if cursor.description else []


class Host:
    """The app and how far it is migrated."""

    def __init__(self, key: models.Field[Any, Any] | None = None, model: str = "Site") -> None:
        self.states = [ProjectState()]
        self.migrations: list[migrations.Migration] = []
        self.model = model
        key = key or models.AutoField(primary_key=True)
        self.apply(migrations.CreateModel("Site", [("id", key), ("name", models.CharField(max_length=9, default=""))]))
        sql("select fbs_attach_host('shops_site', 'shops.site')")

    def apply(self, *operations: Operation) -> None:
        migration = migrations.Migration(f"{next(_numbers):04}", LABEL)
        migration.operations = list(operations)
        with connection.schema_editor() as editor:
            self.states.append(migration.apply(self.states[-1].clone(), editor))
        self.migrations.append(migration)

    def take_back(self) -> None:
        self.states.pop()
        with connection.schema_editor() as editor:
            self.migrations.pop().unapply(self.states[-1].clone(), editor)

    def new_row(self) -> tuple[Any, int]:
        """A row, and the number of an approval request about it."""
        model = self.states[-1].apps.get_model(LABEL, self.model)
        row = model.objects.create()
        about = json.dumps({"model_name": "shops.site", "record_id": str(row.pk)})
        ((request,),) = sql(
            "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
            " values ('x', '', 'other', 1, %s) returning id",
            about,
        )
        return row, request

    def cleans_up(self) -> None:
        (row, request), (kept, kept_request) = self.new_row(), self.new_row()
        row.delete()
        assert waiting() == []
        assert status(request) == "cancelled"
        assert status(kept_request) == "pending"
        type(kept).objects.all().delete()
        assert status(kept_request) == "cancelled"
        assert problems() == []

    def goes_on_after(self, *operations: Operation, model: str = "Site") -> None:
        self.cleans_up()
        self.new_row()
        self.apply(*operations)
        self.model, former = model, self.model
        self.cleans_up()
        self.new_row()
        self.take_back()
        self.model = former
        self.cleans_up()


def status(request: int) -> str:
    return str(sql("select status from fbs_approval_requests where id = %s", request)[0][0])


def waiting() -> list[Any]:
    return sql("select operation, error from fbs_cleanup_queue")


def problems() -> list[Any]:
    return sql("select kind, object, problem, found from fbs_health() where kind = 'host'")


# --- the changes


def the_key_gets_bigger() -> None:
    Host().goes_on_after(migrations.AlterField("Site", "id", models.BigAutoField(primary_key=True)))


def the_key_gets_smaller() -> None:
    key = models.BigAutoField(primary_key=True)
    Host(key).goes_on_after(migrations.AlterField("Site", "id", models.SmallAutoField(primary_key=True)))


def the_key_is_given_by_the_host() -> None:
    """Rows of a host that had an identity stay fixed, and of one that gets it are followed, until attached again."""
    host = Host()
    numbers = models.BigIntegerField(primary_key=True, default=_numbers.__next__)
    host.goes_on_after(migrations.AlterField("Site", "id", numbers))
    other = migrations.AlterField("Site", "id", models.CharField(max_length=40, primary_key=True, default=uuid.uuid4))
    host.apply(other)
    host.cleans_up()


def the_key_becomes_a_uuid() -> None:
    """By a column that takes its place."""

    def fill(apps: Any, editor: object) -> None:
        for row in apps.get_model(LABEL, "Site").objects.all():
            row.uid = uuid.uuid4()
            row.save()

    Host().goes_on_after(
        migrations.AddField("Site", "uid", models.UUIDField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("Site", "uid", models.UUIDField(default=uuid.uuid4)),
        migrations.RemoveField("Site", "id"),
        migrations.RenameField("Site", "uid", "id"),
        migrations.AlterField("Site", "id", models.UUIDField(default=uuid.uuid4, primary_key=True)),
    )


def the_key_is_renamed() -> None:
    """What is deleted meanwhile is queued, and done when the key is known again."""
    host = Host()
    row, request = host.new_row()
    host.apply(migrations.RenameField("Site", "id", "number"))
    host.states[-1].apps.get_model(LABEL, "Site").objects.filter(pk=row.pk).delete()
    assert [operation for operation, _ in waiting()] == ["sweep"]
    assert [(kind, name) for kind, name, *_ in problems()] == [("host", "shops.site")]
    sql("select fbs_attach_host('shops_site', 'shops.site')")
    sql("select fbs_retry_cleanup()")
    assert status(request) == "cancelled"
    host.cleans_up()
    row, request = host.new_row()
    host.take_back()
    host.states[-1].apps.get_model(LABEL, "Site").objects.filter(pk=row.pk).delete()
    sql("select fbs_attach_host('shops_site', 'shops.site')")
    sql("select fbs_retry_cleanup()")
    assert status(request) == "cancelled"
    host.cleans_up()


def the_model_is_renamed() -> None:
    """Its table with it; the name by which FBS's rows point at it is what it was."""
    Host().goes_on_after(migrations.RenameModel("Site", "Shop"), model="Shop")


def the_table_is_renamed() -> None:
    Host().goes_on_after(migrations.AlterModelTable("Site", "Our Sites"))


def constraints_come_and_go() -> None:
    positive = models.Q(id__gt=0)
    checked: Any = {"condition" if django.VERSION >= (5, 1) else "check": positive}
    Host().goes_on_after(
        migrations.AddConstraint("Site", models.CheckConstraint(name="positive", **checked)),
        migrations.AddConstraint("Site", models.UniqueConstraint(fields=["id", "name"], name="both")),
        migrations.AddIndex("Site", models.Index(fields=["name"], name="by_name")),
        migrations.AlterField("Site", "name", models.CharField(max_length=20, default="", db_index=True)),
        migrations.RemoveConstraint("Site", "positive"),
    )


def columns_come_and_go() -> None:
    Host().goes_on_after(
        migrations.AddField("Site", "size", models.IntegerField(default=7)),
        migrations.AddField("Site", "parent", models.ForeignKey("shops.Site", models.CASCADE, null=True)),
        migrations.RemoveField("Site", "name"),
        migrations.AddField("Site", "note", models.TextField(default="")),
        migrations.RenameField("Site", "size", "area"),
    )


def a_key_that_the_database_gives_is_fixed() -> None:
    """Of every kind that Django has."""
    for field in (models.AutoField, models.BigAutoField, models.SmallAutoField):
        host = Host(field(primary_key=True))
        assert sql("select follows_keys from fbs_hosts") == [(False,)], field
        assert sql("select tgname from pg_trigger where tgrelid = 'shops_site'::regclass and tgtype & 16 > 0") == []
        host.cleans_up()
        sql("select fbs_detach_host('shops_site')")
        host.take_back()
    for field in (models.IntegerField, models.TextField, models.UUIDField):
        host = Host(field(primary_key=True))
        assert sql("select follows_keys from fbs_hosts") == [(True,)], field
        sql("select fbs_detach_host('shops_site')")
        host.take_back()
