"""Cash, income, ledgers, taxes, and how the business fares."""

from datetime import date, datetime
from decimal import Decimal

from fbs_db.reads.books import Books
from fbs_db.reads.declared import AnyDriver, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Row, UserKey


class AccountingTransactions(Row):
    """A row of ``fbs_accounting_transactions``.

    Other fields as in `AccountingCashEntries`.

    Attributes:
        business_id: Business whose income or expense this is, by the identifier its solution uses: as a rule the
            solution's name.
        transaction_date: Day on which the income was earned or the expense incurred.
        transaction_type: Whether the money is earned (income) or spent (expense).
        amount: Money earned or spent, in the business's own currency.
        category: Heading the amount is counted under.
        account: Ledger account the amount belongs to; "" when none is given.
        invoice_number: Number on the invoice; "" when there is none.
        vendor_customer: Supplier to be paid or customer who is to pay; "" when not recorded.
        payment_terms: Terms agreed for paying; "" when none are agreed.
        due_date: Last day to pay without being late; None when none is set.
        payment_date: Day on which it was paid; None until then.
        payment_status: How far it is paid, such as pending or paid.
        is_open: True while it is neither paid nor cancelled.
        tax_amount: Tax that belongs to the amount, in the business's own currency.
    """

    id: int
    business_id: str
    transaction_date: date
    transaction_type: str
    amount: Decimal
    description: str
    category: str
    subcategory: str
    account: str
    invoice_number: str
    vendor_customer: str
    payment_terms: str
    due_date: date | None
    payment_date: date | None
    payment_status: str
    is_open: bool
    tax_amount: Decimal
    tax_rate: Decimal
    notes: str
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime


class AccountingIncomeExpense(Row):
    """A row of ``fbs_accounting_income_expense``."""

    period_start: date
    period_end: date
    transaction_type: str
    category: str
    amount: Decimal
    tax_amount: Decimal
    transaction_count: int


class AccountingIncomeExpenseSummary(Row):
    """A row of ``fbs_accounting_income_expense_summary``."""

    total_income: Decimal
    total_expenses: Decimal
    net_income: Decimal
    profit_margin_percent: Decimal | None
    income_count: int
    expense_count: int
    first_date: date | None
    last_date: date | None


class AccountingOpenItems(Row):
    """A row of ``fbs_accounting_open_items``."""

    id: int
    transaction_type: str
    transaction_date: date
    due_date: date | None
    days_overdue: int
    age: str
    amount: Decimal
    payment_status: str
    vendor_customer: str
    invoice_number: str
    category: str
    description: str


class AccountingReceivables(Row):
    """A row of ``fbs_accounting_receivables``."""

    vendor_customer: str
    total_amount: Decimal
    not_due_amount: Decimal
    days_0_to_30_amount: Decimal
    days_31_to_60_amount: Decimal
    days_61_to_90_amount: Decimal
    days_over_90_amount: Decimal
    item_count: int
    max_days_overdue: int


class AccountingPayables(Row):
    """A row of ``fbs_accounting_payables``."""

    vendor_customer: str
    total_amount: Decimal
    not_due_amount: Decimal
    days_0_to_30_amount: Decimal
    days_31_to_60_amount: Decimal
    days_61_to_90_amount: Decimal
    days_over_90_amount: Decimal
    item_count: int
    max_days_overdue: int


class AccountingTaxes(Row):
    """A row of ``fbs_accounting_taxes``.

    Other fields as in `AccountingTransactions`.

    Attributes:
        business_id: Business that owes the tax, by the identifier its solution uses: as a rule the solution's name.
        tax_period_start: First day of the period the tax is for.
        tax_period_end: Last day of the period the tax is for.
        tax_type: Which tax it is, such as income_tax.
        taxable_amount: Amount the tax is charged on, in the business's own currency.
        tax_rate: Rate at which the tax is charged, in per cent.
        tax_amount: Tax before deductions, in the business's own currency.
        deductions: Deductions allowed, in the business's own currency.
        net_tax_amount: Tax after deductions, in the business's own currency.
        paid_amount: Amount paid of it; all of it where it is marked as paid without an amount.
        outstanding_amount: Amount left to pay: 0 once it is marked as paid, and never below 0.
        due_date: Last day to pay without being late.
        is_overdue: True when an amount is left to pay and the due date is past; on the day itself it is false.
        filing_date: Day on which the return was filed; None until then.
        filing_reference: Number the tax office gave the return; "" when there is none.
    """

    id: int
    business_id: str
    tax_period_start: date
    tax_period_end: date
    tax_type: str
    taxable_amount: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    deductions: Decimal
    net_tax_amount: Decimal
    paid_amount: Decimal
    outstanding_amount: Decimal
    due_date: date
    is_overdue: bool
    payment_date: date | None
    payment_status: str
    filing_date: date | None
    filing_reference: str
    notes: str
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime


class AccountingTaxSummary(Row):
    """A row of ``fbs_accounting_tax_summary``."""

    tax_type: str
    net_tax_amount: Decimal
    paid_amount: Decimal
    outstanding_amount: Decimal
    overdue_amount: Decimal
    next_due_date: date | None
    period_count: int
    unfiled_count: int


class AccountingHealth(Row):
    """A row of ``fbs_accounting_health``."""

    since: date
    until: date
    total_income: Decimal
    total_expenses: Decimal
    net_income: Decimal
    profit_margin_percent: Decimal | None
    expense_ratio_percent: Decimal | None
    health_score: Decimal | None
    cash_in: Decimal
    cash_out: Decimal
    monthly_burn_amount: Decimal
    cash_balance: Decimal
    runway_days: int | None
    receivable_amount: Decimal
    overdue_receivable_amount: Decimal
    payable_amount: Decimal
    overdue_payable_amount: Decimal
    tax_outstanding_amount: Decimal
    liquidity_percent: Decimal | None


class Accounting(Books[AnyDriver]):
    """Cash, income, ledgers, taxes, and how the business fares."""

    @view(
        "fbs_accounting_transactions",
        order=("-transaction_date", "-id"),
        ranged="transaction_date",
        together=(
            ("business_id", "transaction_type"),
            ("business_id", "category"),
            ("business_id", "payment_status"),
            ("business_id", "vendor_customer"),
            ("business_id", "invoice_number"),
        ),
        not_alone=("transaction_type", "category", "payment_status", "vendor_customer", "invoice_number"),
        whole=False,
        known={
            "payment_status": ("pending", "partial", "paid", "overdue", "cancelled"),
            "transaction_type": ("income", "expense"),
        },
    )
    def transactions(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        transaction_type: str | None = None,
        category: str | None = None,
        payment_status: str | None = None,
        vendor_customer: str | None = None,
        invoice_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[AccountingTransactions]:
        """Income and expenses of a business, one by one."""

    @function("fbs_accounting_income_expense")
    def income_expense(
        self, business_id: str, *, since: date | None = None, until: date | None = None, period: str | None = None
    ) -> Page[AccountingIncomeExpense]:
        """Income and expense of a business by period (day, week from Monday on, month, quarter or year of the calendar)
        and category, from since until until, both included; None for all before or after. Earned or incurred, whether
        paid or not; cancelled ones do not count. A first or last period that since or until cuts counts what lies
        within. A period without any has no row; period_end is its last day. Cost: the transactions of that time.
        """

    @function("fbs_accounting_income_expense_summary")
    def income_expense_summary(
        self, business_id: str, *, since: date | None = None, until: date | None = None
    ) -> AccountingIncomeExpenseSummary:
        """Income, expenses and what is left of a business from since until until, both included; None for all before or
        after. Earned or incurred, whether paid or not; cancelled ones do not count. profit_margin_percent = 100 *
        net_income / total_income; None without income, below 0 for a loss. Always one row, of zeros where there is
        nothing. Cost: the transactions of that time.
        """

    @function("fbs_accounting_open_items")
    def open_items(
        self, business_id: str, *, of_type: str | None = None, on_date: date | None = None
    ) -> Page[AccountingOpenItems]:
        """Income and expenses of a business (of_type: income, expense, or None for both) that were not paid at the end
        of a day (by default today): booked by then, not cancelled since, and unpaid still or paid later. The oldest
        first. days_overdue counts from the due date, from the day of the transaction where none is set: 0 on that day,
        below 0 before it. age is one of: not due, 0-30, 31-60, 61-90, over 90. An item paid in part counts in full,
        as the part is not recorded. Cost: the unpaid items of the business, those paid after that day, and an index
        of its transactions.
        """

    @function("fbs_accounting_receivables")
    def receivables(self, business_id: str, *, on_date: date | None = None) -> Page[AccountingReceivables]:
        """Amounts that customers owe a business at the end of a day (by default today), in its own currency, by
        customer and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. Unpaid
        and age are as in fbs_accounting_open_items. A customer who owes nothing has no row; an empty text stands for
        items without a name.
        """

    @function("fbs_accounting_payables")
    def payables(self, business_id: str, *, on_date: date | None = None) -> Page[AccountingPayables]:
        """Amounts that a business owes its suppliers at the end of a day (by default today), in its own currency, by
        supplier and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. Unpaid
        and age are as in fbs_accounting_open_items. A supplier who is owed nothing has no row; an empty text stands for
        items without a name.
        """

    @view(
        "fbs_accounting_taxes",
        order=("-tax_period_end", "-id"),
        ranged="tax_period_end",
        together=(("business_id", "tax_type"), ("business_id", "payment_status"), ("business_id", "is_overdue")),
        not_alone=("payment_status", "tax_type", "is_overdue"),
        whole=False,
        known={
            "payment_status": ("pending", "partial", "paid", "overdue"),
            "tax_type": ("income_tax", "sales_tax", "payroll_tax", "property_tax", "other", "vat"),
        },
    )
    def taxes(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        payment_status: str | None = None,
        tax_type: str | None = None,
        is_overdue: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[AccountingTaxes]:
        """Tax of a business by period: its amount, the part paid and the part left to pay."""

    @function("fbs_accounting_tax_summary")
    def tax_summary(
        self, business_id: str, *, since: date | None = None, until: date | None = None, on_date: date | None = None
    ) -> Page[AccountingTaxSummary]:
        """Tax due and paid of a business, by kind of tax, for the periods that end from since until until, both
        included; None for all before or after. overdue_amount is what was due before on_date (by default today),
        next_due_date the next day on or after it on which something is to be paid, None where nothing is. Payments are
        as recorded now. A tax without periods has no row. Cost: the tax calculations of the business.
        """

    @function("fbs_accounting_health")
    def health(self, business_id: str, *, months: int | None = None, on_date: date | None = None) -> AccountingHealth:
        """How a business fares, over the months (by default 3, at least 1) that end with a day (by default today);
        always one row, of zeros and None where there is nothing. Amounts are in its own currency. since: on_date less
        so many months, plus a day. until: on_date. net_income = total_income - total_expenses, as in
        fbs_accounting_income_expense_summary. profit_margin_percent = 100 * net_income / total_income;
        expense_ratio_percent = 100 * total_expenses / total_income; both None without income. health_score =
        profit_margin_percent + (100 - expense_ratio_percent), before these are rounded, held between 0 and 100; None
        without income. cash_in, cash_out: what raised and lowered the cash in that time, as in
        fbs_accounting_cash_entries. monthly_burn_amount = (cash_out - cash_in) / months; below 0 where cash grew.
        cash_balance: as in fbs_accounting_cash_position, on on_date. runway_days = cash_balance / ((cash_out - cash_in)
        / days from since until until), rounded down: how long the cash lasts if it goes on so; 0 without cash, None
        where it does not shrink, 36525 (a hundred years) at most. receivable_amount, payable_amount: as in
        fbs_accounting_open_items; overdue ones are past their day. tax_outstanding_amount: unpaid tax of the periods
        that ended by on_date. liquidity_percent = 100 * (cash_balance + receivable_amount) / (payable_amount +
        tax_outstanding_amount); None where nothing is owed. Cost: a sum over all cash entries of the business, its
        unpaid items, and the transactions of that time.
        """
