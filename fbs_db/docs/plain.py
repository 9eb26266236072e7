"""The reference as plain values, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fbs_db.docs.model import Component, Reference, Table


def as_plain(reference: Reference) -> dict[str, Any]:
    """The whole reference as plain values."""
    return {
        "schema": reference.schema,
        "current": reference.current,
        "components": [_component(component) for component in reference.components],
        "rules": [asdict(rule) for rule in reference.rules],
        "settings": [asdict(setting) for setting in reference.settings],
        "types": [{"name": name, "type": base, "comment": comment} for name, base, comment in reference.domains],
    }


def _component(component: Component) -> dict[str, Any]:
    return {
        "name": component.name,
        "description": component.description,
        "migrations": [{"migration_id": name, "description": said} for name, said in component.files],
        "tables": [_table(table) for table in component.tables],
        "views": [asdict(view) for view in component.views],
        "functions": [{**asdict(one), "internal": one.internal} for one in component.functions],
    }


def _table(table: Table) -> dict[str, Any]:
    column, parent = (*table.solution, None, None)[:2]
    return {
        "name": table.name,
        "comment": table.comment,
        "columns": [one.as_dict() for one in table.columns],
        "primary_key": table.primary_key,
        "unique": table.unique,
        "checks": table.checks,
        "foreign_keys": [asdict(link) for link in table.links],
        "referenced_by": [asdict(link) for link in table.linked_from],
        "user_columns": [
            {"column": one.column, "on_delete": one.on_delete, "user_table": one.user_table} for one in table.users
        ],
        "rules": [rule.name for rule in table.rules],
        "solution_column": column,
        "solution_parent": parent,
        "isolated": table.isolated,
        "indexes": _defined(table.indexes),
        "triggers": _defined(table.triggers),
    }


def _defined(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "definition": definition} for name, definition in pairs]
