"""The command ``fbs-db``."""

from fbs_db.cli import adopt, docs, health, help, names, placement, schema, server, upkeep, worker  # noqa: A004
from fbs_db.cli.base import main

__all__ = ["adopt", "docs", "health", "help", "main", "names", "placement", "schema", "server", "upkeep", "worker"]
