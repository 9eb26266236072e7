"""The host's models that FBS's rows point at: ``FBS_DB["HOSTS"]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import router

from fbs_db.database.django_settings import SOURCE, is_per_tenant, said_of, table_in_sql
from fbs_db.errors import UsageError

_KEYS = ("KEY", "MODEL_NAME")


@dataclass(frozen=True)
class HostModel:
    """A model of the host's whose table is to be attached.

    Attributes:
        model: the model.
        model_name: name by which FBS's rows point at it.
        key: its key column.
    """

    model: Any
    model_name: str
    key: str

    def lives_in(self, alias: str) -> bool:
        """Whether its table belongs into a database."""
        return not is_per_tenant(self.model) and bool(router.allow_migrate_model(alias, self.model))

    def table(self, alias: str) -> str:
        """Its table as it stands in SQL."""
        return table_in_sql(self.model._meta.db_table, alias)


def host_models() -> list[HostModel]:
    """The models that the settings name.

    Raises:
        UsageError: one does not exist, has no table of its own or no fit key.
    """
    said = said_of("HOSTS")
    if said is None:
        return []
    if not isinstance(said, Mapping) or not all(isinstance(options, Mapping) for options in said.values()):
        raise UsageError(f"{SOURCE}: HOSTS is not a dictionary of dictionaries.", hint='Like {"tenants.Tenant": {}}.')
    return [_host_model(label, options) for label, options in said.items()]


def _host_model(label: str, options: Mapping[str, Any]) -> HostModel:
    where = f"{SOURCE}: HOSTS: {label}"
    if strange := [f"{key}" for key in options if key not in _KEYS]:
        raise UsageError(f"{where} has the unknown {', '.join(strange)}.", hint=f"It knows {', '.join(_KEYS)}.")
    if wrong := [key for key, value in options.items() if not isinstance(value, str) or not value]:
        raise UsageError(f"{where}: {wrong[0]} is {options[wrong[0]]!r}.", hint="It has to be a text.")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        said = error if isinstance(label, str) else f"{label!r} is not the name of a model."
        raise UsageError(f"{where}: {said}", hint="Name a model as app_label.Model, such as tenants.Tenant.") from error
    if model._meta.proxy or model._meta.swapped or model._meta.abstract:
        raise UsageError(f"{where} has no table of its own.", hint="Name the model whose table it uses.")
    try:
        field = model._meta.get_field(options["KEY"]) if "KEY" in options else model._meta.pk
    except FieldDoesNotExist as error:
        raise UsageError(f"{where}: {error}", hint="KEY is the name of a field.") from error
    if getattr(field, "column", None) is None:
        raise UsageError(f"{where}: its key is not one column.", hint="KEY is the name of a field that is unique.")
    return HostModel(model, options.get("MODEL_NAME") or model._meta.label_lower, field.column)
