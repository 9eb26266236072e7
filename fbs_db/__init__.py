"""FBS's schema in PostgreSQL: applied, proven whole, and read.

    >>> import fbs_db
    >>> report = fbs_db.migrate("postgresql://app@localhost/app", user_table="auth_user")
    >>> [step.migration_id for step in report.steps]
    ['0001_initial', '0002_approval_system', ...]

Every error is an `FbsDbError`; the module `fbs_db.errors` has the whole tree.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fbs_db.adoption import AdoptReport, adopt
    from fbs_db.catalog import describe, tables
    from fbs_db.cleanup import cleanup_status, retry_cleanup, run_cleanup, sweep_orphans
    from fbs_db.health import CheckReport, Finding, check
    from fbs_db.hosts import attach_host, attach_users, detach_host, detach_users, list_hosts
    from fbs_db.mending import RepairReport, repair
    from fbs_db.migrations import accept, migrate, rollback, status
    from fbs_db.moving import MoveReport, drop_moved, move
    from fbs_db.names import LaterName, add_later_names, drop_later_names, list_later_names
    from fbs_db.places import PlacedTable, placement
    from fbs_db.reads import connect, connect_async
    from fbs_db.reference import write_docs
    from fbs_db.reports import DryRunReport, MigrateReport, StatusReport
    from fbs_db.retention import purge
    from fbs_db.settings import change_setting, list_settings
    from fbs_db.storage import purge_files, remover

from fbs_db.errors import FbsDbError

__version__ = "0.1.0"

__all__ = [
    "AdoptReport",
    "CheckReport",
    "DryRunReport",
    "FbsDbError",
    "Finding",
    "LaterName",
    "MigrateReport",
    "MoveReport",
    "PlacedTable",
    "RepairReport",
    "StatusReport",
    "__version__",
    "accept",
    "add_later_names",
    "adopt",
    "attach_host",
    "attach_users",
    "change_setting",
    "check",
    "cleanup_status",
    "connect",
    "connect_async",
    "describe",
    "detach_host",
    "detach_users",
    "drop_later_names",
    "drop_moved",
    "list_hosts",
    "list_later_names",
    "list_settings",
    "migrate",
    "move",
    "placement",
    "purge",
    "purge_files",
    "remover",
    "repair",
    "retry_cleanup",
    "rollback",
    "run_cleanup",
    "status",
    "sweep_orphans",
    "tables",
    "write_docs",
]

#: Where each name comes from. Imported when it is asked for: all of it takes a quarter of a second.
_HOMES = {
    "adoption": "AdoptReport adopt",
    "catalog": "describe tables",
    "cleanup": "cleanup_status retry_cleanup run_cleanup sweep_orphans",
    "health": "CheckReport Finding check",
    "hosts": "attach_host attach_users detach_host detach_users list_hosts",
    "mending": "RepairReport repair",
    "migrations": "accept migrate rollback status",
    "moving": "MoveReport drop_moved move",
    "names": "LaterName add_later_names drop_later_names list_later_names",
    "places": "PlacedTable placement",
    "reads": "connect connect_async",
    "reference": "write_docs",
    "reports": "DryRunReport MigrateReport StatusReport",
    "retention": "purge",
    "settings": "change_setting list_settings",
    "storage": "purge_files remover",
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names.split():
            return getattr(import_module(f"fbs_db.{module}"), name)
    raise AttributeError(f"module 'fbs_db' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
