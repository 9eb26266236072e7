"""Documents: found, described, waited for and counted."""

from datetime import date, datetime
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row, UserKey


class DocumentsCategories(Row):
    """A row of ``fbs_documents_categories``.

    Attributes:
        parent_id: Category above this one; None at the top.
        path: Names from the top down to this one, with ' / ' between them.
        path_ids: Numbers of the categories from the top down to this one.
        depth: Level in the tree, 1 at the top.
        in_cycle: True when there is no top above it, as the categories there lie in a circle.
        sequence: Place of the category in lists, lowest first.
    """

    id: int
    name: str
    description: str
    parent_id: int | None
    path: str
    path_ids: list[int]
    depth: int
    in_cycle: bool
    sequence: int
    is_active: bool
    created_at: datetime
    updated_at: datetime


class DocumentsOverview(Row):
    """A row of ``fbs_documents_overview``.

    Attributes:
        name: Reference by which the document is filed and cited; need not be unique.
        title: Heading of the document as people read it.
        document_type_id: Kind of document, by its number.
        document_type_name: Kind of document, by its name.
        category_id: Category it is filed under, by its number.
        category_name: Category it is filed under, by its name.
        attachment_id: File with the document's content; None when there is none.
        state: How far the document has come, such as draft or approved.
        approved_by_id: User who approved it; None until approved, and when that user is deleted.
        expiry_date: Last day on which it is valid; None when it does not expire.
        days_left: Days until its last valid day: 0 on that day, below 0 after it, None when it does not expire.
        company_id: Company it belongs to, by the identifier its solution uses.
        solution_db: Database of the solution it belongs to; None when solutions are not kept apart.
        confidentiality_level: Who may see it, such as internal. Nothing here enforces it.
        metadata: Further facts by name; {} when none.
    """

    id: int
    name: str
    title: str
    document_type_id: int
    document_type_name: str
    category_id: int
    category_name: str
    attachment_id: int | None
    state: str
    created_by_id: UserKey
    approved_by_id: UserKey | None
    expiry_date: date | None
    days_left: int | None
    company_id: str
    solution_db: str | None
    confidentiality_level: str
    metadata: Json
    created_at: datetime
    updated_at: datetime


class DocumentsDetails(Row):
    """A row of ``fbs_documents_details``.

    Other fields as in `DocumentsOverview`.

    Attributes:
        name: Reference by which the document is filed and cited.
        document_type_code: Kind of document, by its code.
        requires_approval: True when documents of that kind must be approved before use.
        category_path: Names of the categories from the top down to its own, with ' / ' between them.
        tags: List of its tags by name, each an object with id, name and color; [] when it has none.
        attachment: Object with what is known of its file, named as in fbs_dms_file_attachment; None when there is none.
        workflow: Object with its approval run, named as in fbs_dms_document_workflow; None when there is none.
        approvals: List of the steps of its approval run in order, named as in fbs_dms_document_approval; [] when there
            are none.
    """

    id: int
    name: str
    title: str
    description: str
    state: str
    document_type_id: int
    document_type_code: str
    document_type_name: str
    requires_approval: bool
    category_id: int
    category_path: str
    confidentiality_level: str
    expiry_date: date | None
    days_left: int | None
    company_id: str
    solution_db: str | None
    metadata: Json
    created_by_id: UserKey
    approved_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime
    tags: Json
    attachment: Json | None
    workflow: Json | None
    approvals: Json


class DocumentsPendingApprovals(Row):
    """A row of ``fbs_documents_pending_approvals``.

    Other fields as in `DocumentsOverview`.

    Attributes:
        status: Always pending.
        approver_id: User who is to decide.
        workflow_id: Approval run the step belongs to.
        sequence: Place of the step in its run, lowest first.
        required: True when the run cannot do without this step.
        is_turn: True when it is this step's turn: the run awaits it, or awaits none and no required step before it is
            pending.
        document_id: Document to be decided on, by its number.
        document_name: Reference of the document.
        document_title: Heading of the document.
        document_state: How far the document has come; archived when the host's record it belongs to is gone.
        company_id: Company the document belongs to.
        expiry_date: Last day on which the document is valid; None when it does not expire.
    """

    id: int
    status: str
    approver_id: UserKey
    workflow_id: int
    sequence: int
    required: bool
    description: str
    is_turn: bool
    created_at: datetime
    document_id: int
    document_name: str
    document_title: str
    document_state: str
    document_type_id: int
    company_id: str
    created_by_id: UserKey
    expiry_date: date | None


class DocumentsSearch(Row):
    """A row of ``fbs_documents_search``."""

    id: int
    name: str
    title: str
    document_state: str
    type_id: int
    filed_under_id: int
    confidentiality_level: str
    expiry_date: date | None
    tags: list[str]
    created_at: datetime


class DocumentsByMetadata(Row):
    """A row of ``fbs_documents_by_metadata``."""

    id: int
    name: str
    title: str
    document_type_id: int
    category_id: int
    state: str
    confidentiality_level: str
    expiry_date: date | None
    document_metadata: Json
    created_at: datetime


class DocumentsExpiring(Row):
    """A row of ``fbs_documents_expiring``."""

    id: int
    name: str
    title: str
    document_type_id: int
    category_id: int
    state: str
    expiry_date: date
    days_left: int


class DocumentsExpired(Row):
    """A row of ``fbs_documents_expired``."""

    id: int
    name: str
    title: str
    document_type_id: int
    category_id: int
    state: str
    expiry_date: date
    days_expired: int


class DocumentsStorage(Row):
    """A row of ``fbs_documents_storage``."""

    file_count: int
    total_bytes: Decimal
    largest_bytes: int | None
    public_count: int
    unused_count: int
    unused_bytes: Decimal
    repeated_count: int
    repeated_bytes: Decimal
    last_upload_at: datetime | None


class DocumentsStorageByType(Row):
    """A row of ``fbs_documents_storage_by_type``."""

    mime_type: str
    file_count: int
    total_bytes: Decimal
    bytes_percent: Decimal | None


class DocumentsStatistics(Row):
    """A row of ``fbs_documents_statistics``."""

    document_count: int
    recent_count: int
    expired_count: int
    without_file_count: int
    by_state: Json
    by_type: Json
    by_category: Json


class Documents(Group[AnyDriver]):
    """Documents: found, described, waited for and counted."""

    @view("fbs_documents_categories", order=("path", "id"))
    def categories(
        self,
        *,
        id: int | None = None,
        parent_id: int | None = None,
        name: str | None = None,
        is_active: bool | None = None,
        depth: int | None = None,
        in_cycle: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DocumentsCategories]:
        """Tree of categories that documents are filed under, each with its way down from the top. Where categories lie
        above each other in a circle, each has its way down from the one that would come twice.
        """

    @view(
        "fbs_documents_overview",
        order=("-created_at", "-id"),
        ranged="created_at",
        together=(
            ("company_id", "state"),
            ("company_id", "solution_db"),
            ("company_id", "expiry_date"),
        ),
        not_alone=("solution_db",),
        known={"state": ("draft", "pending", "approved", "rejected", "archived")},
    )
    def overview(
        self,
        *,
        id: int | None = None,
        company_id: str | None = None,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        created_by_id: UserKey | None = None,
        approved_by_id: UserKey | None = None,
        solution_db: str | None = None,
        attachment_id: int | None = None,
        expiry_date: date | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DocumentsOverview]:
        """Documents in short, for lists. fbs_documents_details has all that belongs to each."""

    @view("fbs_documents_details", order=("id",))
    def details(self, *, id: int) -> DocumentsDetails | None:
        """Documents with all that belongs to each: type, category, tags, file, approval run and its steps. Made for one
        document by its id, or a page of them.
        """

    @view(
        "fbs_documents_pending_approvals",
        order=("status", "id"),
        together=(("approver_id", "is_turn"),),
        not_alone=("is_turn",),
    )
    def pending_approvals(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        workflow_id: int | None = None,
        document_id: int | None = None,
        is_turn: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DocumentsPendingApprovals]:
        """Decisions on documents that users are still to take: the pending steps of approval runs that are not over."""

    @function(
        "fbs_documents_search", document_type_id="bigint", category_id="bigint", page_size="bigint", after_id="bigint"
    )
    def search(
        self,
        company_id: str,
        query: str,
        *,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        page_size: int | None = None,
        after_created_at: datetime | None = None,
        after_id: int | None = None,
    ) -> Page[DocumentsSearch]:
        """Documents of a company whose name, title, description or tags have every word of the query, each as the
        beginning of a word; those of a state, kind or category only where one is given. Any text will do as a query:
        punctuation parts words and means nothing else, its first 1,000 characters and of these the 20 longest words
        count, and without any word nothing is found. Newest first; the next page is asked for with after_created_at and
        after_id, those of the last row. Cost: of words that many documents have, the newest documents of the company
        until a page is full; of others, those of the company that have them, by index.
        """

    @function("fbs_documents_by_metadata", page_size="bigint", after_id="bigint")
    def by_metadata(
        self,
        company_id: str,
        metadata: Json,
        *,
        page_size: int | None = None,
        after_created_at: datetime | None = None,
        after_id: int | None = None,
    ) -> Page[DocumentsByMetadata]:
        """Documents of a company that have all the given facts among their metadata, such as {"model_name":
        "tenants.tenant", "record_id": 7}; facts within lists and objects count, a number is not its text. Newest first;
        the next page is asked for with after_created_at and after_id, those of the last row. Null finds nothing; error
        FB040 for {} and [], which every document has. Cost: of facts that many documents have, the newest documents of
        the company until a page is full; of others, all documents, of whatever company, that have them, by index.
        """

    @function("fbs_documents_expiring")
    def expiring(
        self, company_id: str, *, within_days: int | None = None, on_date: date | None = None
    ) -> Page[DocumentsExpiring]:
        """Documents of a company that are valid on a day (by default today) and cease to be within so many days (by
        default 30), the soonest first; archived ones are left out. days_left is 0 for one whose last valid day it is.
        """

    @function("fbs_documents_expired", page_size="bigint")
    def expired(
        self, company_id: str, *, since: date | None = None, page_size: int | None = None, on_date: date | None = None
    ) -> Page[DocumentsExpired]:
        """Documents of a company whose last valid day is before a day (by default today) and not before since (None: at
        any time), the latest first; archived ones are left out. A document is still valid on its last day. page_size:
        so many at most.
        """

    @function("fbs_documents_storage")
    def storage(self, company_id: str) -> DocumentsStorage:
        """What the files of a company take: how many, bytes in all, the largest (None without files), those anyone may
        open, those that no document uses, and those whose content an earlier file has already (by checksum). Always one
        row. Cost: all files of the company.
        """

    @function("fbs_documents_storage_by_type")
    def storage_by_type(self, company_id: str) -> Page[DocumentsStorageByType]:
        """What the files of a company take by format: how many, bytes, and their share of all its bytes in per cent
        (None where all are empty). The largest share first; no rows without files. Cost: all files of the company.
        """

    @function("fbs_documents_statistics")
    def statistics(self, company_id: str, *, on_date: date | None = None) -> DocumentsStatistics:
        """Documents of a company in numbers, on a day (by default today): how many in all, added in the 30 days before
        that day or on it, past their last valid day (archived ones left out), and without a file; by state and by type
        (objects of counts by name; a name without documents is not in it), and by category (a list of objects with
        path, id and count, by path). Always one row. Days are those of the session's time zone. Cost: all documents of
        the company.
        """
