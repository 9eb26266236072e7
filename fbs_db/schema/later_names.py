"""Later names: views through which code of later FBS releases uses the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fbs_db.database.session import Database, Session, open_session
from fbs_db.reports import Report

#: Tables by their names in FBS 2.0.4 to 2.0.6.
FORMER = {
    "dms_document_type": "fbs_dms_document_type",
    "dms_document_category": "fbs_dms_document_category",
    "dms_document_tag": "fbs_dms_document_tag",
    "dms_document_tags": "fbs_dms_document_tags",
    "dms_document": "fbs_dms_document",
    "dms_file_attachment": "fbs_dms_file_attachment",
    "dms_document_workflow": "fbs_dms_document_workflow",
    "dms_document_approval": "fbs_dms_document_approval",
    "lic_solution_license": "fbs_license_manager_solution_license",
    "lic_feature_usage": "fbs_license_manager_feature_usage",
    "lic_license_manager": "fbs_license_manager_manager",
}
#: Tables by later name, as in ``fbs_later_names``, for use without a database.
LATER = FORMER | {
    "fbs_cash_entries": "fbs_app_cashentry",
    "fbs_income_expenses": "fbs_app_incomeexpense",
    "fbs_basic_ledgers": "fbs_app_basicledger",
    "fbs_tax_calculations": "fbs_app_taxcalculation",
}


@dataclass(frozen=True)
class LaterName(Report):
    """The name that a later release of FBS gives to an installed table.

    Attributes:
        later_name: the name.
        table_name: the table.
        state: ``current``: the view exists; ``out of date``: the view no longer fits the table;
            ``taken``: an object of the host has the name; ``absent``: no object has it.
        taken_by: the kind of that object, such as ``table``; an empty string if the name is not taken.
    """

    later_name: str
    table_name: str
    state: Literal["current", "out of date", "taken", "absent"]
    taken_by: str


def list_later_names(database: Database = None, *, schema: str | None = None) -> list[LaterName]:
    """The later names of the installed tables, each with its state.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Reads ``fbs_later_names``.
    """
    with open_session(database, schema, application="fbs-db later-names") as session:
        rows = session.select(
            "select later_name, table_name, state, coalesce(taken_by, '') from {fbs}fbs_later_names order by 1"
        )
        return [LaterName(*row) for row in rows]


def add_later_names(database: Database = None, *, schema: str | None = None) -> list[str]:
    """Create a view for each later name, through which its table is read and written.

    The call can be repeated: it creates missing views and replaces those out of date.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Returns:
        The views created or replaced.

    Raises:
        TargetError: an object of the host has one of the names. Nothing was changed.
        LockTimeout: a view is in use for longer than 3 s, or a migration is running.

    Calls ``fbs_add_later_names``.
    """
    with open_session(database, schema, application="fbs-db later-names add") as session:
        return _called(session, "fbs_add_later_names")


def drop_later_names(database: Database = None, *, schema: str | None = None) -> list[str]:
    """Drop the views that `add_later_names` created. Tables and all other objects stay.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Returns:
        The views dropped.

    Raises:
        TargetError: a view of the host depends on one of them. Nothing was changed.
        LockTimeout: a view is in use for longer than 3 s, or a migration is running.

    Calls ``fbs_drop_later_names``.
    """
    with open_session(database, schema, application="fbs-db later-names drop") as session:
        return _called(session, "fbs_drop_later_names")


def _called(session: Session, function: str) -> list[str]:
    with session.lock():
        return [name for (name,) in session.call(function)]
