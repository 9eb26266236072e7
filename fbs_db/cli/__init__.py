"""The command ``fbs-db``."""

from fbs_db.cli import schema, server, upkeep
from fbs_db.cli.base import main

__all__ = ["main", "schema", "server", "upkeep"]
