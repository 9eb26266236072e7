"""The host models of ``FBS_DB["HOSTS"]``: FBS's rows point at theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import router

from fbs_db.database.django_settings import SOURCE, is_per_tenant, table_in_sql, value_of
from fbs_db.errors import UsageError

_KEYS = ("KEY", "MODEL_NAME")


@dataclass(frozen=True)
class HostModel:
    """A model whose table is to be attached.

    Attributes:
        model: the model.
        model_name: name by which FBS's rows point at it.
        key: its key column.
    """

    model: Any
    model_name: str
    key: str

    def lives_in(self, alias: str) -> bool:
        """Whether Django has its table in a database."""
        return not is_per_tenant(self.model) and bool(router.allow_migrate_model(alias, self.model))

    def table(self, alias: str) -> str:
        """Its table's name for SQL."""
        return table_in_sql(self.model._meta.db_table, alias)


def host_models() -> list[HostModel]:
    """The host models that HOSTS names.

    Raises:
        UsageError: one does not exist, has no table of its own, or its key is not one column.
    """
    hosts = value_of("HOSTS")
    if hosts is None:
        return []
    if not isinstance(hosts, Mapping) or not all(isinstance(options, Mapping) for options in hosts.values()):
        raise UsageError(f"{SOURCE}: HOSTS is not a dictionary of dictionaries.", hint='Like {"tenants.Tenant": {}}.')
    return [_host_model(label, options) for label, options in hosts.items()]


def _host_model(label: str, options: Mapping[str, Any]) -> HostModel:
    where = f"{SOURCE}: HOSTS: {label}"
    if unknown := [f"{key}" for key in options if key not in _KEYS]:
        raise UsageError(f"{where}: unknown key {', '.join(unknown)}.", hint=f"The keys are {' and '.join(_KEYS)}.")
    if wrong := [key for key, value in options.items() if not isinstance(value, str) or not value]:
        raise UsageError(f"{where}: {wrong[0]} is {options[wrong[0]]!r}.", hint="Write it as a string.")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        problem = error if isinstance(label, str) else f"{label!r} is not the name of a model."
        raise UsageError(
            f"{where}: {problem}", hint="Name a model as app_label.Model, such as tenants.Tenant."
        ) from error
    if model._meta.proxy or model._meta.swapped or model._meta.abstract:
        raise UsageError(f"{where} has no table of its own.", hint="Name the model whose table it uses.")
    try:
        field = model._meta.get_field(options["KEY"]) if "KEY" in options else model._meta.pk
    except FieldDoesNotExist as error:
        raise UsageError(f"{where}: {error}", hint="KEY is the name of a field.") from error
    if getattr(field, "column", None) is None:
        raise UsageError(f"{where}: its key is not one column.", hint="KEY is the name of a unique field.")
    return HostModel(model, options.get("MODEL_NAME") or model._meta.label_lower, field.column)
