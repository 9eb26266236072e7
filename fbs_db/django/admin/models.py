"""The tables that the pages show."""

from __future__ import annotations

from django.db import models

from fbs_db.cleanup.hosts import named
from fbs_db.django.readonly import Array, Moment, ReadOnly


class QueuedCleanup(ReadOnly):
    """A clean-up that waits in ``fbs_cleanup_queue``. To retry it or to give it up is to change it."""

    id = models.BigIntegerField("ID", primary_key=True)
    model_name = models.TextField("model")
    solution = models.TextField(null=True)
    operation = models.TextField()
    keys = Array()
    new_keys = Array(null=True)
    rule_name = models.TextField("only rule", null=True)
    target = models.TextField("for database", null=True)
    for_solution = models.TextField(null=True)
    queued_at = models.DateTimeField("queued")
    attempts = models.IntegerField()
    next_attempt_at = Moment("next attempt", null=True)
    sqlstate = models.TextField("SQLSTATE", null=True)
    error = models.TextField(null=True)

    class Meta(ReadOnly.Meta):
        db_table = "fbs_cleanup_queue"
        ordering = ("id",)
        default_permissions = ("view", "change")
        verbose_name = "waiting clean-up"

    def __str__(self) -> str:
        where = f", in database {self.target}" if self.target else ""
        return f"{self.pk}, {self.operation} of {named(self.model_name, self.solution)}{where}"


class CleanupRule(ReadOnly):
    """A row of ``fbs_cleanup_rules``."""

    rule_name = models.TextField("rule", primary_key=True)
    table_name = models.TextField("table")
    json_column = models.TextField("JSON column", null=True)
    model_column = models.TextField(null=True)
    key_column = models.TextField()
    model_name = models.TextField("only model", null=True)
    solution_columns = Array(null=True)
    only_if = models.JSONField(null=True)
    unless = models.JSONField(null=True)
    action = models.TextField()
    set_columns = models.JSONField(null=True)
    description = models.TextField()

    class Meta(ReadOnly.Meta):
        db_table = "fbs_cleanup_rules"
        ordering = ("rule_name",)
        verbose_name = "clean-up rule"

    def __str__(self) -> str:
        return f"{self.rule_name}"


class HostTable(ReadOnly):
    """A row of ``fbs_hosts``."""

    host_table = models.TextField("table", primary_key=True)
    model_name = models.TextField("model")
    key_column = models.TextField("key")
    key_is_unique = models.BooleanField()
    follows_keys = models.BooleanField("rows follow the key")
    solution = models.TextField(null=True)
    solution_column = models.TextField(null=True)
    attached_at = models.DateTimeField("attached")

    class Meta(ReadOnly.Meta):
        db_table = "fbs_hosts"
        ordering = ("model_name", "solution")
        verbose_name = "host table"

    def __str__(self) -> str:
        return f"{self.host_table}"


class Setting(ReadOnly):
    """A row of ``fbs_settings``."""

    name = models.TextField(primary_key=True)
    value = models.TextField(null=True)
    initial_value = models.TextField(null=True)
    description = models.TextField()
    choices = Array(null=True)
    minimum = models.BigIntegerField(null=True)
    maximum = models.BigIntegerField(null=True)

    class Meta(ReadOnly.Meta):
        db_table = "fbs_settings"
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name}"


class Migration(ReadOnly):
    """A row of ``fbs_migrations``."""

    migration_id = models.TextField("migration", primary_key=True)
    checksum = models.TextField()
    applied_at = models.DateTimeField("applied")
    applied_by = models.TextField()
    fbs_db_version = models.TextField("by version")

    class Meta(ReadOnly.Meta):
        db_table = "fbs_migrations"
        ordering = ("migration_id",)

    def __str__(self) -> str:
        return f"{self.migration_id}"


class Health(ReadOnly):
    """No table: the findings of a check, for the permission to see them."""

    class Meta(ReadOnly.Meta):
        db_table = "fbs_health"
        verbose_name_plural = "health"
