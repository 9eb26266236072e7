"""The command ``fbs-db``."""

from fbs_db.cli import adopt, docs, health, names, placement, schema, server, upkeep, worker
from fbs_db.cli.base import main

__all__ = ["adopt", "docs", "health", "main", "names", "placement", "schema", "server", "upkeep", "worker"]
