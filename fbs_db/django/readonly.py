"""Models of FBS's own tables and views, which Django reads and never writes."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable

from fbs_db.django.router import schema_of
from fbs_db.errors import UsageError


class _InSchema(BaseTable):  # type: ignore[misc]
    """A table by the name of its schema: each database of FBS_DB has its own, whatever its search_path."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        sql, parameters = super().as_sql(compiler, connection)
        schema = schema_of(self.table_name, connection.alias)  # none of a host's, which exclude() asks alone
        return f"{connection.ops.quote_name(schema)}.{sql}" if schema else sql, parameters


class _Query(Query):  # type: ignore[misc]
    base_table_class = _InSchema


def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
    model = self if isinstance(self, models.Model) else self.model
    raise UsageError(
        f"{model._meta.object_name} is read from {model._meta.db_table}. It cannot be saved, changed or deleted.",
        hint="Write with FBS's own models.",
    )


class ReadOnlyQuerySet(models.QuerySet):  # type: ignore[misc]
    """Rows that cannot be written."""

    def __init__(self, model: Any = None, query: Any = None, using: str | None = None, hints: Any = None) -> None:
        super().__init__(model, query or _Query(model), using, hints)

    update = delete = _insert = _update = _raw_delete = _refuse


class ReadOnly(models.Model):  # type: ignore[misc]
    """A row that cannot be written. Its table is that of the database it is asked of, in the schema there."""

    objects = models.Manager.from_queryset(ReadOnlyQuerySet)()

    class Meta:
        abstract = True
        managed = False
        base_manager_name = "objects"
        default_permissions: tuple[str, ...] = ("view",)

    save = delete = _refuse


class Numeric(models.DecimalField):  # type: ignore[misc]
    """A number with as many digits as PostgreSQL holds."""

    def check(self, **_: Any) -> list[Any]:
        return []

    def db_type(self, connection: Any) -> str:
        return "numeric"


class Array(models.Field):  # type: ignore[misc]
    """An array as the driver gives it: a list."""

    def __init__(self, of: str = "text", **options: Any) -> None:
        self.of = of
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, _, options = super().deconstruct()
        return name, path, [self.of], options

    def db_type(self, connection: Any) -> str:
        return f"{self.of}[]"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        # For drivers small numbers are another type, whose arrays PostgreSQL does not compare with these.
        is_numbers = self.of == "bigint" and isinstance(value, (list, tuple))
        return f"{{{','.join(map(str, value))}}}" if is_numbers else value


class Moment(models.DateTimeField):  # type: ignore[misc]
    """A time that may be infinite, which Python cannot hold: None then."""

    def select_format(self, compiler: Any, sql: str, parameters: Any) -> Any:
        return f"nullif({sql}, 'infinity')", parameters
