"""FBS's schema in PostgreSQL: applied, proven whole, and read.

    >>> import fbs_db
    >>> report = fbs_db.migrate("postgresql://app@localhost/app", user_table="auth_user")
    >>> [step.migration_id for step in report.steps]
    ['0001_initial', '0002_approval_system', ...]

Every error is an `FbsDbError`; the module `fbs_db.errors` has the whole tree.
"""

__version__ = "0.1.0"

from fbs_db.catalog import describe, tables
from fbs_db.cleanup import cleanup_status, retry_cleanup, run_cleanup, sweep_orphans
from fbs_db.errors import FbsDbError
from fbs_db.hosts import attach_host, attach_users, detach_host, detach_users, list_hosts
from fbs_db.migrations import accept, migrate, rollback, status
from fbs_db.reports import DryRunReport, MigrateReport, StatusReport
from fbs_db.retention import purge
from fbs_db.settings import change_setting, list_settings
from fbs_db.storage import purge_files, remover

__all__ = [
    "DryRunReport",
    "FbsDbError",
    "MigrateReport",
    "StatusReport",
    "__version__",
    "accept",
    "attach_host",
    "attach_users",
    "change_setting",
    "cleanup_status",
    "describe",
    "detach_host",
    "detach_users",
    "list_hosts",
    "list_settings",
    "migrate",
    "purge",
    "purge_files",
    "remover",
    "retry_cleanup",
    "rollback",
    "run_cleanup",
    "status",
    "sweep_orphans",
    "tables",
]
