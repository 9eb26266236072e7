"""FBS's models as the list has them, built from it; or as a release of FBS has them."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils import timezone

from tests.hosts import FIELDS
from tests.support.catalog import is_user_key, listed_tables

#: None for the list itself; 2.0.2 lacks a table, and 2.0.6 has other names for some; "later" has all later names.
_RELEASE: str | None = settings.FBS_RELEASE
_TABLES = [table for table in listed_tables() if _RELEASE != "2.0.2" or table["fbs"] == "2.0.2"]
_KEY = models.AutoField if settings.FBS_SHORT_KEYS else models.BigAutoField
_ACCOUNTING = {
    "fbs_app_cashentry": "fbs_cash_entries",
    "fbs_app_incomeexpense": "fbs_income_expenses",
    "fbs_app_basicledger": "fbs_basic_ledgers",
    "fbs_app_taxcalculation": "fbs_tax_calculations",
}
_NAMES = {table["table"]: table["model"].split(".")[1] for table in _TABLES}


def _field(column: dict[str, Any], former: dict[str, str]) -> tuple[str, Any]:
    name = column["name"]
    kind, _, size = column["type"].rstrip(")").partition("(")
    options: dict[str, Any] = {key: column[key] for key in ("null", "unique") if key in column}
    if name in former:
        options["db_column"] = former[name]
    if "default" in column:
        default = column["default"]
        options["default"] = timezone.now if default == "now" else type(default) if default in ({}, []) else default
    if column.get("primary_key"):
        return name, _KEY(primary_key=True)
    if is_user_key(column) and not apps.is_installed("django.contrib.auth"):
        return name, models.BigIntegerField(db_index=True, **options)
    if "references" in column:
        target = settings.AUTH_USER_MODEL if is_user_key(column) else f"fbs.{_NAMES[column['references']['table']]}"
        rule = getattr(models, column["references"]["on_delete"])
        relation = models.OneToOneField if options.pop("unique", False) else models.ForeignKey
        return name.removesuffix("_id"), relation(target, on_delete=rule, related_name="+", **options)
    if kind == "varchar":
        options["max_length"] = int(size)
    if kind == "numeric":
        options["max_digits"], options["decimal_places"] = map(int, size.split(","))
    if "set_on" in column:
        options["auto_now_add" if column["set_on"] == "insert" else "auto_now"] = True
    return name, getattr(models, FIELDS[kind])(db_index=column.get("index", False), **options)


def _model(table: dict[str, Any]) -> Any:
    name, old = table["table"], _RELEASE in ("2.0.6", "later")
    if old:
        name = table.get("name_in_2_0_4_to_2_0_6", _ACCOUNTING.get(name, name) if _RELEASE == "later" else name)
    meta = {
        "db_table": name,
        "managed": settings.FBS_MANAGED,
        "ordering": table["ordering"],
        "unique_together": table["unique_together"],
        "indexes": [models.Index(fields=columns) for columns in table["indexes"]],
    }
    former = table.get("columns_in_2_0_4_to_2_0_6", {}) if old else {}
    body = dict(_field(column, former) for column in table["columns"])
    body |= {"__module__": __name__, "Meta": type("Meta", (), meta)}
    return type(_NAMES[table["table"]], (models.Model,), body)


#: Every model by the name of its table.
MODELS: dict[str, Any] = {table["table"]: _model(table) for table in _TABLES}
