"""Requests, cache, handshakes, tokens and business rules."""

from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row, UserKey


class OperationsRequests(Row):
    """A row of ``fbs_operations_requests``.

    Attributes:
        user_id: User who made the call; None when nobody was signed in, and after that user is deleted.
        database_id: Odoo connection (fbs_odoo_databases) the call used; None when none, and after that connection is
            deleted.
        method: What the caller wanted done. Normally one of: GET (read), POST (create or send), PUT (replace), PATCH
            (change in part), DELETE (remove).
        path: Address that was called, without the site's name, such as /api/reports/.
        status_code: HTTP code of the answer: 200 to 299 succeeded, 400 to 499 a fault of the caller, 500 to 599 of the
            server.
        response_time: How long the answer took, in milliseconds.
        user_agent: Browser or program that made the call, as it described itself; "" when it did not say.
        timestamp: When the call was logged.
    """

    id: int
    user_id: UserKey | None
    database_id: int | None
    method: str
    path: str
    status_code: int
    response_time: float
    ip_address: IPv4Address | IPv6Address
    user_agent: str
    timestamp: datetime


class OperationsRequestsByPath(Row):
    """A row of ``fbs_operations_requests_by_path``."""

    method: str
    path: str
    requests: int
    errors: int
    error_percent: Decimal
    response_time_p50: float
    response_time_p95: float
    response_time_p99: float
    last_requested_at: datetime


class OperationsRequestsByStatus(Row):
    """A row of ``fbs_operations_requests_by_status``."""

    method: str
    path: str
    status_code: int
    requests: int
    errors: int
    path_percent: Decimal
    response_time_p50: float
    response_time_p95: float
    response_time_p99: float


class OperationsRequestsOverTime(Row):
    """A row of ``fbs_operations_requests_over_time``."""

    bucket_start: datetime
    requests: int
    errors: int
    error_percent: Decimal | None
    response_time_p50: float | None
    response_time_p95: float | None
    response_time_p99: float | None


class OperationsCache(Row):
    """A row of ``fbs_operations_cache``.

    Attributes:
        database_name: Odoo database the results came from, by name; "" for those that belong to none.
        entries: How many results are kept, expired ones included.
        next_expiry_at: When the next of those still in use expires; None when none is.
    """

    database_name: str
    entries: int
    live: int
    expired: int
    oldest_at: datetime
    next_expiry_at: datetime | None


class OperationsHandshakes(Row):
    """A row of ``fbs_operations_handshakes``.

    Attributes:
        handshake_id: Text by which the solution and FBS refer to this handshake; unique.
        status: Whether it may be used; starts as pending.
        is_valid: Whether it may be used now: active, and not expired.
        expires_at: When the handshake stops being valid; every handshake has an end.
        last_used: When the handshake was last used: set by who sees it happen. When the line is added, the database
            sets it unless given.
    """

    id: int
    handshake_id: str
    solution_name: str
    status: str
    is_valid: bool
    expires_at: datetime
    created_at: datetime
    last_used: datetime


class OperationsHandshake(Row):
    """A row of ``fbs_operations_handshake``."""

    id: int
    solution_name: str
    status: str
    expires_at: datetime
    created_at: datetime
    last_used: datetime


class OperationsVerifiedHandshake(Row):
    """A row of ``fbs_operations_verified_handshake``."""

    id: int
    solution_name: str
    status: str
    expires_at: datetime
    created_at: datetime
    last_used: datetime


class OperationsTokenOwner(Row):
    """A row of ``fbs_operations_token_owner``."""

    user_id: UserKey
    database_id: int
    database_name: str
    database_is_active: bool
    expires_at: datetime | None


class OperationsBusinessRules(Row):
    """A row of ``fbs_operations_business_rules``.

    Attributes:
        model_name: Kind of record the rule applies to, by its name in the system.
        priority: Rank among the rules: lower numbers come first, equal ones by name.
        rule_type: What the rule is for.
        rule_definition: JSON with the rule itself, such as its conditions and what follows from them.
    """

    id: int
    model_name: str
    priority: int
    name: str
    rule_type: str
    description: str
    rule_definition: Json
    is_active: bool
    created_at: datetime
    updated_at: datetime


class Operations(Group[AnyDriver]):
    """Requests, cache, handshakes, tokens and business rules."""

    @view("fbs_operations_requests", order=("-timestamp", "-id"), ranged="timestamp")
    def requests(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        database_id: int | None = None,
        status_code: int | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[OperationsRequests]:
        """The log of calls without what was sent and answered, which may hold secrets. Read newest first: timestamp
        desc, id desc.
        """

    @function("fbs_operations_requests_by_path")
    def requests_by_path(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Page[OperationsRequestsByPath]:
        """Calls from since (a day ago unless given) to before until (no end unless given), for each method and path:
        how many, how many of them errors (HTTP code 400 and above) and their share, and the response time in
        milliseconds that 50, 95 and 99 percent of them stayed within (in between two calls it is interpolated). The
        most called first; paths nobody called have no row.
        """

    @function("fbs_operations_requests_by_status")
    def requests_by_status(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Page[OperationsRequestsByStatus]:
        """Calls from since (a day ago unless given) to before until (no end unless given), for each method, path and
        HTTP code of the answer: how many, how many of them errors (all or none: codes from 400 on), their share of the
        calls of that method and path, and response times as in fbs_operations_requests_by_path.
        """

    @function("fbs_operations_requests_over_time")
    def requests_over_time(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        bucket: timedelta | None = None,
        origin: datetime | None = None,
    ) -> Page[OperationsRequestsOverTime]:
        """Calls from since (a day ago unless given) to before until (now unless given) in buckets of time: how many,
        how many of them errors (HTTP code 400 and above) and their share, and response times as in
        fbs_operations_requests_by_path. A bucket is an hour long unless given, any number of days at most (no months);
        one starts at origin, a midnight in UTC and Monday unless given, so days of another time zone take a midnight of
        that zone. Buckets without calls are there with 0 and no times; the first and last count only what lies between
        since and until. Both must be real times, not infinity.
        """

    @function("fbs_operations_cached")
    def cached(self, key: str, *, at: datetime | None = None) -> Json | None:
        """The result kept in the cache under a key; None where there is none or it has expired (at its very moment of
        expiry it has). A kept JSON None is returned as that.
        """

    @view("fbs_operations_cache", order=("database_name",))
    def cache(
        self, *, database_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[OperationsCache]:
        """What the cache holds for each Odoo database. A database without entries has no row."""

    @view(
        "fbs_operations_handshakes",
        order=("id",),
        ranged="expires_at",
        known={"status": ("pending", "active", "expired", "revoked")},
    )
    def handshakes(
        self,
        *,
        id: int | None = None,
        handshake_id: str | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        is_valid: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[OperationsHandshakes]:
        """Handshakes without their secrets, and whether each is valid now."""

    @function("fbs_operations_handshake")
    def handshake(self, handshake_id: str, *, at: datetime | None = None) -> OperationsHandshake | None:
        """The handshake of that name if it is valid: active, and not expired (at its very moment of expiry it is). No
        row otherwise. It says nothing of who is calling: see fbs_operations_verified_handshake.
        """

    @function("fbs_operations_verified_handshake")
    def verified_handshake(
        self, handshake_id: str, secret_key: str, *, at: datetime | None = None
    ) -> OperationsVerifiedHandshake | None:
        """The handshake of that name if it is valid and the secret is its own. No row otherwise, also for a secret that
        is None or ""; which of the reasons it was is not told.
        """

    @function("fbs_operations_token_owner")
    def token_owner(self, token: str, *, at: datetime | None = None) -> OperationsTokenOwner | None:
        """Whose token it is and which Odoo connection it is good for. No row where there is no such token, it is
        withdrawn or has expired; whether the connection itself is switched on is told.
        """

    @view(
        "fbs_operations_business_rules",
        order=("model_name", "priority", "name", "id"),
        known={"rule_type": ("validation", "calculation", "workflow", "compliance")},
    )
    def business_rules(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        rule_type: str | None = None,
        is_active: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[OperationsBusinessRules]:
        """Business rules, suspended ones too. They apply to a model in the order priority, name, id."""
