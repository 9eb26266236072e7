"""Which table lives where, and why."""

from __future__ import annotations

from dataclasses import dataclass

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import shown
from fbs_db.files import BASE
from fbs_db.reports import Report


@dataclass(frozen=True)
class PlacedTable(Report):
    """One of FBS's tables, and the database it belongs into.

    Attributes:
        component: what it belongs to.
        table: its name.
        database: name of the database.
        location: where that is: a URL without its password, or what tells it.
        schema: the schema there.
        reason: why it is placed there.
    """

    component: str
    table: str
    database: str
    location: str
    schema: str
    reason: str


def placement() -> list[PlacedTable]:
    """Where each of FBS's tables belongs, by component; those of the base once for each database.

    Reads the project's configuration, and connects to nothing.

    Raises:
        UsageError: the configuration makes no sense.
    """
    known = project.read()
    return [
        PlacedTable(
            component,
            table,
            config.name,
            location(config),
            config.schema or "public",
            "each database has these" if component == BASE else config.reason,
        )
        for component in (BASE, *files.components())
        for config in known.databases.values()
        if config.holds(component)
        for file in files.load()
        if file.component == component
        for kind, table in file.creates
        if kind == "table"
    ]


def location(config: DatabaseConfig) -> str:
    """Where a database is, fit to be printed, without a look at the environment."""
    if config.env:
        return f"${config.env}"
    said = config.connection_string()
    return shown(said) if said else "as the environment says (fbs-db url)"
