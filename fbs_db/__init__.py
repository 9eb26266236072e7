"""FBS's schema in PostgreSQL: applied, proven whole, and read.

    >>> import fbs_db
    >>> report = fbs_db.migrate("postgresql://app@localhost/app", user_table="auth_user")
    >>> [step.migration_id for step in report.steps]
    ['0001_initial', '0002_approval_system', ...]

Every error is an `FbsDbError`; the module `fbs_db.errors` has the whole tree.
"""

__version__ = "0.1.0"

from fbs_db.catalog import describe, tables
from fbs_db.errors import FbsDbError
from fbs_db.migrations import accept, migrate, rollback, status
from fbs_db.reports import DryRunReport, MigrateReport, StatusReport

__all__ = [
    "DryRunReport",
    "FbsDbError",
    "MigrateReport",
    "StatusReport",
    "__version__",
    "accept",
    "describe",
    "migrate",
    "rollback",
    "status",
    "tables",
]
