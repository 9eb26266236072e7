"""What a solution's licence allows today."""

from datetime import date, datetime
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row


class LicensingLicenses(Row):
    """A row of ``fbs_licensing_licenses``.

    Attributes:
        solution_name: Solution the licence is for, by name; one licence per solution.
        solution_db: Database of the solution; None when solutions are not kept apart.
        license_type: Scope of the licence, such as trial or enterprise.
        status: State as it was last noted; the end of the licence may have passed since.
        effective_status: State today: active, expired, trial_expired or suspended as a rule. Where the licence has an
            end, that decides, except over suspended.
        is_valid: True when the state today is active.
        expiry_date: When the licence ends; it is valid through that day. None when it is perpetual.
        days_left: Days until the day it ends on, in the session's time zone: 0 on that day, below 0 after it, None when
            it is perpetual.
        features: List of the features the licence switches on; [] when none, or the text kept is no list.
        limits: How much of each feature may be used, by name; {} when nothing is limited, or the text kept is no such
            object.
        source: Where the licence came from, such as embedded or file.
    """

    id: int
    solution_name: str
    solution_db: str | None
    license_type: str
    status: str
    effective_status: str
    is_valid: bool
    expiry_date: datetime | None
    days_left: int | None
    features: Json
    limits: Json
    source: str
    created_at: datetime
    updated_at: datetime


class LicensingLicense(Row):
    """A row of ``fbs_licensing_license``."""

    license_type: str
    status: str
    effective_status: str
    is_valid: bool
    expiry_date: datetime | None
    days_left: int | None
    features: Json
    limits: Json
    source: str


class LicensingFeature(Row):
    """A row of ``fbs_licensing_feature``."""

    is_allowed: bool
    reason: str
    is_included: bool
    usage_limit: Decimal | None
    usage_count: int
    usage_left: Decimal | None
    used_percent: Decimal | None


class LicensingFeatures(Row):
    """A row of ``fbs_licensing_features``."""

    feature_name: str
    is_allowed: bool
    reason: str
    is_included: bool
    usage_limit: Decimal | None
    usage_count: int
    usage_left: Decimal | None
    used_percent: Decimal | None


class LicensingUsage(Row):
    """A row of ``fbs_licensing_usage``.

    Attributes:
        feature_name: Feature that is counted, by name; once per solution.
        usage_count: How much of the feature is used.
        usage_limit: How much of it the licence allows; None for no limit, and for a solution without a licence.
        usage_left: How much of it is left, never below 0; None where there is no limit.
        used_percent: Per cent of the limit that is used, over 100 where more was used than is allowed; None without a
            limit and for a limit of 0.
    """

    id: int
    solution_name: str
    feature_name: str
    usage_count: int
    usage_limit: Decimal | None
    usage_left: Decimal | None
    used_percent: Decimal | None
    last_updated: datetime


class Licensing(Group[AnyDriver]):
    """What a solution's licence allows today."""

    @view(
        "fbs_licensing_licenses",
        order=("solution_name",),
        ranged="expiry_date",
        known={
            "license_type": ("trial", "basic", "professional", "enterprise"),
            "source": ("embedded", "external", "file", "environment"),
            "status": ("active", "expired", "suspended", "trial_expired"),
        },
    )
    def licenses(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        license_type: str | None = None,
        status: str | None = None,
        effective_status: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[LicensingLicenses]:
        """Licence of each solution and how it stands today. The licence key is left out, as it is a secret."""

    @function("fbs_licensing_license")
    def license(self, solution_name: str, *, on_date: date | None = None) -> LicensingLicense | None:
        """Licence of a solution and how it stands on a day (by default today), as fbs_licensing_licenses gives it for
        today; without the licence key. No row for a solution without a licence.
        """

    @function("fbs_licensing_feature")
    def feature(self, solution_name: str, feature_name: str, *, on_date: date | None = None) -> LicensingFeature:
        """Whether a solution may use a feature once more on a day (by default today). Always one row. reason is
        allowed; or the first that holds of: no_license; the state of the licence where it is not active, such as
        expired; not_included where the licence does not list the feature; limit_reached. usage_limit is None, and with
        it usage_left, for no limit; a limit of 0 allows nothing. usage_left is never below 0. used_percent is over 100
        where more was used than is allowed, None without a limit and for a limit of 0.
        """

    @function("fbs_licensing_features")
    def features(self, solution_name: str, *, on_date: date | None = None) -> Page[LicensingFeatures]:
        """Every feature that a solution's licence lists or limits, or that it has used, with the answers of
        fbs_licensing_feature for a day (by default today). What is only limited or used is not included, and so not
        allowed.
        """

    @view(
        "fbs_licensing_usage",
        order=("solution_name", "feature_name"),
        ranged="last_updated",
        together=(("solution_name", "feature_name"),),
    )
    def usage(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        feature_name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[LicensingUsage]:
        """What each solution has used of each feature, beside the limit of its licence."""
