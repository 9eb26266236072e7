"""Showing in which database each table lives, and why."""

from __future__ import annotations

from dataclasses import dataclass

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import shown
from fbs_db.database.urls import checked
from fbs_db.files import BASE
from fbs_db.reports import Report


@dataclass(frozen=True)
class PlacedTable(Report):
    """One of FBS's tables, and the database it is placed in.

    Attributes:
        component: the component it belongs to.
        table: its name.
        database: name of the database, or of the pattern for the databases of solutions.
        location: URL of the database without its password, or where the URL comes from; that of a pattern
            has a placeholder for the solution.
        solutions: which solutions have such a database: their names, ``*`` for all, or a query; None for one database.
        schema: the schema there.
        reason: why it is placed there.
        user_table: the users' table there that the project names; None for none.
        user_key_type: the type of the users' keys that it names; None where it is that of the table.
    """

    component: str
    table: str
    database: str
    location: str
    schema: str
    reason: str
    solutions: tuple[str, ...] | str | None = None
    user_table: str | None = None
    user_key_type: str | None = None


def placement() -> list[PlacedTable]:
    """The database of each of FBS's tables, ordered by component; tables of the base once for each database.

    Reads the project's configuration, and connects to no database.

    Raises:
        UsageError: the configuration contradicts itself, or a connection string is malformed.
    """
    known = project.configuration()
    return [
        PlacedTable(
            component,
            table,
            config.name,
            _location(config, known.source),
            config.schema or "public",
            "every database has the base" if component == BASE else config.reason,
            config.solutions,
            config.user_table,
            config.user_key_type,
        )
        for component in (BASE, *files.components())
        for config in (*known.databases.values(), *known.patterns.values())
        if config.holds(component)
        for file in files.load()
        if file.component == component
        for kind, table in file.creates
        if kind == "table"
    ]


def _location(config: DatabaseConfig, source: str) -> str:
    """URL of a database without its password; of one that the environment names, where to look."""
    if config.env:
        return f"${config.env}"
    url = config.connection_string()
    return shown(checked(url, f"{source}, database {config.name}")) if url else "from the environment (see fbs-db url)"
