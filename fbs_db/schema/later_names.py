"""FBS's later names: views by which code of later releases finds the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fbs_db.database.session import Database, Session, open_session
from fbs_db.reports import Report

#: Tables by the names they bear in FBS 2.0.4 to 2.0.6.
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
#: Tables by later name, as ``fbs_later_names`` has them, for where no database is at hand.
LATER = FORMER | {
    "fbs_cash_entries": "fbs_app_cashentry",
    "fbs_income_expenses": "fbs_app_incomeexpense",
    "fbs_basic_ledgers": "fbs_app_basicledger",
    "fbs_tax_calculations": "fbs_app_taxcalculation",
}


@dataclass(frozen=True)
class LaterName(Report):
    """A name that a later release of FBS gives to a table that is installed here.

    Attributes:
        later_name: the name.
        table_name: the table.
        state: ``current``: a view of FBS's bears the name; ``out of date``: one does that no
            longer fits the table; ``taken``: something of the host's does; ``absent``.
        taken_by: what of the host's bears it, such as ``table``; empty where it is not taken.
    """

    later_name: str
    table_name: str
    state: Literal["current", "out of date", "taken", "absent"]
    taken_by: str


def list_later_names(database: Database = None, *, schema: str | None = None) -> list[LaterName]:
    """The later names of the tables that are installed here, and who bears them.

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
    """Make a view for each later name, through which its table is read and written.

    Again does no harm: what is missing is added, what is out of date is mended.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Returns:
        The views made or mended.

    Raises:
        TargetError: something of the host's bears one of the names; nothing was added then.
        LockTimeout: a view is in use for longer than 3 s, or a migration is going on.

    Calls ``fbs_add_later_names``.
    """
    with open_session(database, schema, application="fbs-db later-names add") as session:
        return _called(session, "fbs_add_later_names")


def drop_later_names(database: Database = None, *, schema: str | None = None) -> list[str]:
    """Drop the views that `add_later_names` made; tables, and what else there is, stay.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Returns:
        The views dropped.

    Raises:
        TargetError: a view of the host's stands on one; nothing was dropped then.
        LockTimeout: a view is in use for longer than 3 s, or a migration is going on.

    Calls ``fbs_drop_later_names``.
    """
    with open_session(database, schema, application="fbs-db later-names drop") as session:
        return _called(session, "fbs_drop_later_names")


def _called(session: Session, function: str) -> list[str]:
    with session.lock():
        return [name for (name,) in session.call(function)]
