"""The host models of ``FBS_DB["HOSTS"]``: FBS's rows point at theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import router

from fbs_db.cleanup.hosts import named
from fbs_db.database.django_settings import SOURCE, is_per_tenant, table_in_sql, value_of
from fbs_db.errors import UsageError

_TEXTS = ("KEY", "MODEL_NAME", "SOLUTION", "SOLUTION_COLUMN")
_KEYS = (*_TEXTS, "FOLLOW_KEYS")


@dataclass(frozen=True)
class HostModel:
    """A model whose table is to be attached.

    Attributes:
        model: the model.
        model_name: name by which FBS's rows point at it.
        key: its key column.
        solution: the solution whose rows in FBS it cleans up; None for the rows of every solution.
        follow_keys: whether FBS's rows follow when a key changes; None for the default.
        solution_column: its column that names each row's solution; None where there is none.
    """

    model: Any
    model_name: str
    key: str
    solution: str | None = None
    follow_keys: bool | None = None
    solution_column: str | None = None

    @property
    def name(self) -> str:
        """Its model name, with the solution where it has one."""
        return named(self.model_name, self.solution)

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
        raise UsageError(f"{where}: unknown key {', '.join(unknown)}.", hint=f"The keys are {', '.join(_KEYS)}.")
    if wrong := [key for key in _TEXTS if key in options and not (options[key] and isinstance(options[key], str))]:
        raise UsageError(f"{where}: {wrong[0]} is {options[wrong[0]]!r}.", hint="Write it as a string.")
    follow_keys = options.get("FOLLOW_KEYS")
    if not isinstance(follow_keys, bool | None):
        raise UsageError(f"{where}: FOLLOW_KEYS is {follow_keys!r}.", hint="Write True or False.")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        problem = error if isinstance(label, str) else f"{label!r} is not the name of a model."
        raise UsageError(
            f"{where}: {problem}", hint="Name a model as app_label.Model, such as tenants.Tenant."
        ) from error
    if model._meta.proxy or model._meta.swapped or model._meta.abstract:
        raise UsageError(f"{where} has no table of its own.", hint="Name the model whose table it uses.")
    if "SOLUTION" in options and "SOLUTION_COLUMN" in options:
        raise UsageError(f"{where} has SOLUTION and SOLUTION_COLUMN.", hint="Remove one of them.")
    key = _column(where, model, "KEY", options.get("KEY", "pk"))
    solution_column = options.get("SOLUTION_COLUMN")
    if solution_column:
        solution_column = _column(where, model, "SOLUTION_COLUMN", solution_column)
    name = options.get("MODEL_NAME") or model._meta.label_lower
    return HostModel(model, name, key, options.get("SOLUTION"), follow_keys, solution_column)


def _column(where: str, model: Any, option: str, name: str) -> str:
    """The column of a field."""
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise UsageError(f"{where}: {error}", hint=f"{option} is the name of a field.") from error
    if getattr(field, "column", None) is None:
        what, unique = ("key", "unique ") if option == "KEY" else (option, "")
        raise UsageError(f"{where}: its {what} is not one column.", hint=f"{option} is the name of a {unique}field.")
    return str(field.column)
