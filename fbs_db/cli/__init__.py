"""The command ``fbs-db``: one module a family of commands."""

from fbs_db.cli import (
    adopt,
    attach,
    cleanup,
    connect,
    docs,
    health,
    help,  # noqa: A004
    isolate,
    later_names,
    metrics,
    placement,
    retention,
    roles,
    schema,
    server,
    solutions,
    tables,
    wait,
    worker,
)
from fbs_db.cli.base import main

__all__ = [
    "adopt",
    "attach",
    "cleanup",
    "connect",
    "docs",
    "health",
    "help",
    "isolate",
    "later_names",
    "main",
    "metrics",
    "placement",
    "retention",
    "roles",
    "schema",
    "server",
    "solutions",
    "tables",
    "wait",
    "worker",
]
