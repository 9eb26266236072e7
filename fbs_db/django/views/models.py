"""A model for each declared read of a view whose rows have a key: ``ApprovalsPending.objects.filter(approver=user)``.

They are made from the declarations in `fbs_db.reads`: named as the class of the rows, with its fields. They go where
FBS's tables are, and cannot be saved. A field of a user, such as ``approver_id``, is a foreign key: ``approver``.
"""

from __future__ import annotations

import inspect
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import models

from fbs_db.django.readonly import Array, Numeric, ReadOnly
from fbs_db.reads.client import declared
from fbs_db.reads.declared import Declared

_FIELDS: dict[Any, Any] = {
    bool: models.BooleanField,
    int: models.BigIntegerField,
    float: models.FloatField,
    str: models.TextField,
    Decimal: Numeric,
    date: models.DateField,
    datetime: models.DateTimeField,
    timedelta: models.DurationField,
    IPv4Address: models.GenericIPAddressField,
    list[int]: lambda **options: Array("bigint", **options),
    Any: models.JSONField,
}


def _model(of: Declared[Any, Any]) -> Any:
    read = of.read
    fields = dict(_field(name, kind, name == read.key) for name, kind in read.row.__annotations__.items())
    names = {field.db_column or name: name for name, field in fields.items()}
    title = read.source.removeprefix("fbs_").replace("_", " ")
    ordering = [("-" if one.startswith("-") else "") + names[one.lstrip("-")] for one in read.order]
    options = {
        "db_table": read.source,
        "ordering": ordering,
        "verbose_name": title,
        "verbose_name_plural": title,
    }
    namespace = {
        **fields,
        "__module__": __name__,
        "__doc__": f"{inspect.getdoc(of)}".partition("\n\n")[0] + f"\n\nReads ``{read.source}``.",
        "Meta": type("Meta", (ReadOnly.Meta,), options),
    }
    return type(read.row.__name__, (ReadOnly,), namespace)


def _field(name: str, kind: Any, is_key: bool) -> tuple[str, Any]:
    """Name and field of a column, by the type of its values."""
    kinds = get_args(kind) if kind not in _FIELDS else (kind,)
    options = {"primary_key": True} if is_key else {"null": NoneType in kinds}
    if UUID not in kinds:
        return name, _FIELDS[kinds[0]](**options)
    if settings.AUTH_USER_MODEL.partition(".")[0] not in apps.app_configs:
        return name, models.BigIntegerField(**options)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        db_column=name,
        db_constraint=False,
        db_index=False,
        related_name="+",
        **options,
    )
    return name.removesuffix("_id"), user


_MODELS = {
    one.read.row.__name__: _model(one) for one in declared().values() if one.read.arguments is None and one.read.key
}
__all__ = tuple(_MODELS)
globals().update(_MODELS)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
