"""The PostgreSQL schema of FBS: apply it, check it, read it.

    >>> import fbs_db
    >>> report = fbs_db.migrate("postgresql://app@localhost/app", user_table="auth_user")
    >>> [step.migration_id for step in report.steps]
    ['0001_initial', '0002_approval_system', ...]

Every error is an `FbsDbError`; the module `fbs_db.errors` has all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fbs_db.access.grants import Role, grant, list_roles, revoke
    from fbs_db.access.isolation import IsolationReport, IsolationStatus, isolate, isolation_status
    from fbs_db.adoption import AdoptReport, adopt
    from fbs_db.cleanup.attachments import purge_files, remover
    from fbs_db.cleanup.hosts import attach_host, detach_host, list_hosts
    from fbs_db.cleanup.queue import cleanup_status, give_up_cleanup
    from fbs_db.cleanup.retention import purge
    from fbs_db.cleanup.sweep import sweep_orphans
    from fbs_db.cleanup.worker import retry_cleanup, run_cleanup
    from fbs_db.docs import write_docs
    from fbs_db.health.check import check
    from fbs_db.health.findings import CheckReport, Finding
    from fbs_db.health.metrics import metrics
    from fbs_db.health.repair import RepairReport, repair
    from fbs_db.places.kept import drop_moved
    from fbs_db.places.move import MoveReport, move
    from fbs_db.places.overview import Solution, list_solutions
    from fbs_db.places.show import PlacedTable, placement
    from fbs_db.places.solutions import CreatedSolution, DroppedSolution, create_solution, drop_solution
    from fbs_db.reads import connect, connect_async
    from fbs_db.reports import DryRunReport, MigrateReport, StatusReport
    from fbs_db.schema.later_names import LaterName, add_later_names, drop_later_names, list_later_names
    from fbs_db.schema.migrate import migrate
    from fbs_db.schema.rollback import rollback
    from fbs_db.schema.settings import change_setting, list_settings
    from fbs_db.schema.status import accept, status
    from fbs_db.schema.tables import describe, indexes, tables
    from fbs_db.schema.users import attach_users, detach_users

from fbs_db.errors import FbsDbError
from fbs_db.version import __version__

__all__ = [
    "AdoptReport",
    "CheckReport",
    "CreatedSolution",
    "DroppedSolution",
    "DryRunReport",
    "FbsDbError",
    "Finding",
    "IsolationReport",
    "IsolationStatus",
    "LaterName",
    "MigrateReport",
    "MoveReport",
    "PlacedTable",
    "RepairReport",
    "Role",
    "Solution",
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
    "create_solution",
    "describe",
    "detach_host",
    "detach_users",
    "drop_later_names",
    "drop_moved",
    "drop_solution",
    "give_up_cleanup",
    "grant",
    "indexes",
    "isolate",
    "isolation_status",
    "list_hosts",
    "list_later_names",
    "list_roles",
    "list_settings",
    "list_solutions",
    "metrics",
    "migrate",
    "move",
    "placement",
    "purge",
    "purge_files",
    "remover",
    "repair",
    "retry_cleanup",
    "revoke",
    "rollback",
    "run_cleanup",
    "status",
    "sweep_orphans",
    "tables",
    "write_docs",
]

#: The public names by module. A module is imported on first use: all of them take a quarter of a second.
_HOMES = {
    "access.grants": "Role grant list_roles revoke",
    "access.isolation": "IsolationReport IsolationStatus isolate isolation_status",
    "adoption": "AdoptReport adopt",
    "cleanup.attachments": "purge_files remover",
    "cleanup.hosts": "attach_host detach_host list_hosts",
    "cleanup.queue": "cleanup_status give_up_cleanup",
    "cleanup.retention": "purge",
    "cleanup.sweep": "sweep_orphans",
    "cleanup.worker": "retry_cleanup run_cleanup",
    "docs": "write_docs",
    "health.check": "check",
    "health.findings": "CheckReport Finding",
    "health.metrics": "metrics",
    "health.repair": "RepairReport repair",
    "places.kept": "drop_moved",
    "places.move": "MoveReport move",
    "places.overview": "Solution list_solutions",
    "places.show": "PlacedTable placement",
    "places.solutions": "CreatedSolution DroppedSolution create_solution drop_solution",
    "reads": "connect connect_async",
    "reports": "DryRunReport MigrateReport StatusReport",
    "schema.later_names": "LaterName add_later_names drop_later_names list_later_names",
    "schema.migrate": "migrate",
    "schema.rollback": "rollback",
    "schema.settings": "change_setting list_settings",
    "schema.status": "accept status",
    "schema.tables": "describe indexes tables",
    "schema.users": "attach_users detach_users",
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names.split():
            return getattr(import_module(f"fbs_db.{module}"), name)
    raise AttributeError(f"module 'fbs_db' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
