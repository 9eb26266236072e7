"""What goes across all of FBS."""

from datetime import date
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Row


class SuiteDeadlines(Row):
    """A row of ``fbs_suite_deadlines``."""

    due_date: date
    days_left: int
    is_overdue: bool
    kind: str
    title: str
    status: str
    amount: Decimal | None
    table_name: str
    record_id: int


class Suite(Group[AnyDriver]):
    """What goes across all of FBS."""

    @function("fbs_suite_deadlines", page_size="bigint")
    def deadlines(
        self,
        solution_name: str,
        *,
        since: date | None = None,
        until: date | None = None,
        page_size: int | None = None,
        on_date: date | None = None,
    ) -> Page[SuiteDeadlines]:
        """What a solution has to see to by a day from since (None: whatever is open, however late) until until (by
        default 30 days after on_date), both included; the earliest first, at most page_size of them. It reads what is
        installed in this database and leaves out the rest; a business or company goes by its solution's name. kind is
        one of: compliance: a duty (fbs_msme_compliance) neither met nor judged compliant or completed.
        compliance_check: the last day of the day, week (to Sunday), month, quarter or year, around on_date, in which a
        rule in force (fbs_compliance_rules) is to be checked; whether it was is not recorded. report: a report
        scheduled to be produced (fbs_report_schedules). recurring: the next day, from on_date on, of a payment or
        receipt that comes back (fbs_recurring_transactions). receivable, payable: income or expense
        (fbs_app_incomeexpense) neither paid nor cancelled, by its due date. tax: tax (fbs_app_taxcalculation) of which
        something is to be paid; amount is what. document: the last valid day of a document (fbs_dms_document) that is
        not archived. license: the last day of the solution's licence (fbs_license_manager_solution_license). days_left
        counts from on_date (by default today): 0 on the day itself, below 0, and is_overdue, after it. status is the
        record's own (the frequency of checks and reports, the kind of a recurring transaction). amount is in the
        business's own currency, None where no money is due. Times count for their day in the session's time zone.
        """
