"""The books of a business: cash and ledgers."""

from datetime import date, datetime
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row, UserKey


class AccountingCashEntries(Row):
    """A row of ``fbs_accounting_cash_entries``.

    Attributes:
        business_id: Business whose cash book this is, by the identifier its solution uses: as a rule the solution's
            name.
        entry_date: Day on which the money came in, went out or was moved.
        entry_type: What kind of movement it was, such as income or transfer.
        amount: Money moved, as written, in the business's own currency.
        cash_change: Change of the cash: the amount for income, receipt and adjustment (a negative one lowers it), minus
            the amount for expense and payment, 0 for transfer and any other kind.
        category: Heading the entry is counted under.
        subcategory: Finer heading; "" when none is used.
        payment_method: Means by which the money moved, such as cash or bank_transfer.
        reference_number: Number on the receipt, cheque or transfer; "" when none.
        vendor_customer: Supplier paid or customer who paid; "" when not recorded.
        tax_amount: Tax that belongs to the entry, in the business's own currency.
        tax_rate: Rate the tax was worked out with, in per cent.
        attachments: List of the files that prove the entry; [] when none.
    """

    id: int
    business_id: str
    entry_date: date
    entry_type: str
    amount: Decimal
    cash_change: Decimal
    description: str
    category: str
    subcategory: str
    payment_method: str
    reference_number: str
    vendor_customer: str
    tax_amount: Decimal
    tax_rate: Decimal
    notes: str
    attachments: Json
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime


class AccountingCashLedger(Row):
    """A row of ``fbs_accounting_cash_ledger``."""

    id: int
    entry_date: date
    entry_type: str
    description: str
    category: str
    payment_method: str
    reference_number: str
    vendor_customer: str
    amount: Decimal
    cash_change: Decimal
    balance: Decimal


class AccountingCashPosition(Row):
    """A row of ``fbs_accounting_cash_position``."""

    cash_in: Decimal
    cash_out: Decimal
    adjustments: Decimal
    balance: Decimal
    entry_count: int
    uncounted_count: int
    last_entry_date: date | None


class AccountingCashByMethod(Row):
    """A row of ``fbs_accounting_cash_by_method``."""

    payment_method: str
    cash_in: Decimal
    cash_out: Decimal
    adjustments: Decimal
    balance: Decimal
    entry_count: int


class AccountingLedgerLines(Row):
    """A row of ``fbs_accounting_ledger_lines``.

    Attributes:
        business_id: Business whose ledger this is, by the identifier its solution uses: as a rule the solution's name.
        entry_date: Day the booking counts for.
        account: Account booked to, by name or code.
        account_type: Class of the account: asset, liability, equity, income or expense.
        debit_amount: Amount on the debit side, in the business's own currency; 0 when none.
        credit_amount: Amount on the credit side, in the business's own currency; 0 when none.
        balance_change: Change of the account's balance by the line: credit less debit for liability, equity and income,
            debit less credit for all else.
        reference: Document behind the booking; "" when none.
        reference_type: Kind of document the reference names; "" when none.
        recorded_balance: Balance that the line was written with; fbs_accounting_account_ledger works it out.
    """

    id: int
    business_id: str
    entry_date: date
    account: str
    account_type: str
    debit_amount: Decimal
    credit_amount: Decimal
    balance_change: Decimal
    description: str
    reference: str
    reference_type: str
    recorded_balance: Decimal
    created_by_id: UserKey | None
    created_at: datetime


class AccountingAccountLedger(Row):
    """A row of ``fbs_accounting_account_ledger``."""

    id: int
    entry_date: date
    account_type: str
    description: str
    reference: str
    reference_type: str
    debit_amount: Decimal
    credit_amount: Decimal
    balance: Decimal
    recorded_balance: Decimal


class AccountingAccountBalances(Row):
    """A row of ``fbs_accounting_account_balances``.

    Other fields as in `AccountingLedgerLines`.

    Attributes:
        business_id: Business whose account it is, by the identifier its solution uses.
        account: Account, by name or code.
        debit_amount: All debits, in the business's own currency.
        credit_amount: All credits, in the business's own currency.
        balance: Credits less debits for liability, equity and income, debits less credits for all else; so it is
            positive as a rule.
        first_entry_date: Day of the first line.
        last_entry_date: Day of the last line.
    """

    business_id: str
    account: str
    account_type: str
    debit_amount: Decimal
    credit_amount: Decimal
    balance: Decimal
    line_count: int
    first_entry_date: date
    last_entry_date: date


class AccountingTrialBalance(Row):
    """A row of ``fbs_accounting_trial_balance``."""

    account: str
    account_type: str
    debit_amount: Decimal
    credit_amount: Decimal
    debit_balance: Decimal
    credit_balance: Decimal


class Books(Group[AnyDriver]):
    """Cash book and ledgers."""

    @view(
        "fbs_accounting_cash_entries",
        order=("-entry_date", "-id"),
        ranged="entry_date",
        together=(
            ("business_id", "entry_type"),
            ("business_id", "category"),
            ("business_id", "payment_method"),
            ("business_id", "vendor_customer"),
            ("business_id", "reference_number"),
        ),
        not_alone=("entry_type", "category", "payment_method", "vendor_customer", "reference_number"),
        whole=False,
        known={
            "entry_type": ("income", "expense", "transfer", "adjustment"),
            "payment_method": (
                "cash",
                "bank_transfer",
                "check",
                "credit_card",
                "debit_card",
                "mobile_payment",
                "other",
            ),
        },
    )
    def cash_entries(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        entry_type: str | None = None,
        category: str | None = None,
        payment_method: str | None = None,
        vendor_customer: str | None = None,
        reference_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[AccountingCashEntries]:
        """Cash book of a business, each entry with the change of the cash that it makes."""

    @function("fbs_accounting_cash_ledger", after_id="bigint", page_size="bigint")
    def cash_ledger(
        self,
        business_id: str,
        *,
        since: date | None = None,
        until: date | None = None,
        after_date: date | None = None,
        after_id: int | None = None,
        carried: Decimal | None = None,
        page_size: int | None = None,
    ) -> Page[AccountingCashLedger]:
        """Cash ledger of a business: its entries from since until until (both included; None: from the first, to the
        last), oldest first and by id within a day, each with the balance it leaves. The balance counts everything
        before since too. page_size rows at most; the next page is asked for with after_date, after_id and carried, the
        day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier entries of the
        business, unless carried says what it comes to.
        """

    @function("fbs_accounting_cash_position")
    def cash_position(self, business_id: str, *, on_date: date | None = None) -> AccountingCashPosition:
        """Cash of a business at the end of a day (by default today): what came in, what went out, corrections, and the
        balance they make, in its own currency. uncounted_count is how many entries are of a kind that has no direction
        and so count as 0. Always one row; zeros, and no last_entry_date, where there are no entries. Cost: a sum over
        all entries of the business up to that day.
        """

    @function("fbs_accounting_cash_by_method")
    def cash_by_method(self, business_id: str, *, on_date: date | None = None) -> Page[AccountingCashByMethod]:
        """Cash position of a business at the end of a day, by means of payment. A transfer does not tell from which
        means to which the money went, so it counts for none. Cost: a sum over all entries of the business up to that
        day.
        """

    @view(
        "fbs_accounting_ledger_lines",
        order=("business_id", "account", "entry_date", "id"),
        ranged="entry_date",
        together=(("business_id", "account"), ("business_id", "reference")),
        not_alone=("account", "reference"),
    )
    def ledger_lines(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        account: str | None = None,
        reference: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[AccountingLedgerLines]:
        """Ledger of every business, line by line."""

    @function("fbs_accounting_account_ledger", after_id="bigint", page_size="bigint")
    def account_ledger(
        self,
        business_id: str,
        account: str,
        *,
        since: date | None = None,
        until: date | None = None,
        after_date: date | None = None,
        after_id: int | None = None,
        carried: Decimal | None = None,
        page_size: int | None = None,
    ) -> Page[AccountingAccountLedger]:
        """Lines of one account of a business from since until until (both included; None: from the first, to the last),
        oldest first and by id within a day, each with the balance worked out from all lines up to it, and the balance
        recorded with it. page_size rows at most; the next page is asked for with after_date, after_id and carried, the
        day, id and balance of the last row. Cost: the rows returned, and once a sum over all earlier lines of the
        account, unless carried says what it comes to.
        """

    @view(
        "fbs_accounting_account_balances",
        order=("business_id", "account", "account_type"),
        together=(("business_id", "account"), ("business_id", "account_type")),
        not_alone=("account", "account_type"),
    )
    def account_balances(
        self,
        *,
        business_id: str | None = None,
        account: str | None = None,
        account_type: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[AccountingAccountBalances]:
        """Balance of every account over all its lines, later days included. An account without lines has no row, one
        booked under two classes has two. Cost: a sum over the lines of the business asked for.
        """

    @function("fbs_accounting_trial_balance")
    def trial_balance(self, business_id: str, *, on_date: date | None = None) -> Page[AccountingTrialBalance]:
        """Trial balance of a business at the end of a day (by default today): each account's debits and credits up to
        it, and what one side exceeds the other by, in the column of that side (0 in the other). In books that are right
        both columns add up to the same. An account without lines has no row. Cost: a sum over all lines of the business
        up to that day.
        """
