"""The command ``fbs-db``."""

from fbs_db.cli import schema, server
from fbs_db.cli.base import main

__all__ = ["main", "schema", "server"]
