"""What users are told."""

from datetime import datetime, timedelta

from fbs_db.reads.declared import AnyDriver, Group, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Row, UserKey

PRIORITIES = ("low", "medium", "high", "critical")


class NotificationsInbox(Row):
    """A row of ``fbs_notifications_inbox``.

    Attributes:
        user_id: User it is meant for; None when for nobody in particular.
        is_unread: True while it is still new: the opposite of is_read.
        message: Full text of what the user is told, shown below the headline.
        solution_name: Solution the notification comes from; "" when not tied to one.
        is_read: True once it has been read; false while it is still new.
        read_at: When it was read; None while nobody has read it.
    """

    id: int
    user_id: UserKey | None
    is_unread: bool
    title: str
    message: str
    notification_type: str
    priority: str
    solution_name: str
    is_read: bool
    read_at: datetime | None
    created_at: datetime


class NotificationsCounts(Row):
    """A row of ``fbs_notifications_counts``.

    Attributes:
        user_id: User they are meant for; None for those for nobody in particular.
        notifications: How many there are, read or not.
    """

    user_id: UserKey | None
    notification_type: str
    priority: str
    notifications: int
    unread: int
    oldest_unread_at: datetime | None
    newest_at: datetime


class NotificationsAlerts(Row):
    """A row of ``fbs_notifications_alerts``.

    Other fields as in `NotificationsInbox`.

    Attributes:
        urgency: The priority as a number, for sorting: 4 critical, 3 high, 2 medium, 1 low, 0 for any other.
        age: How long ago the alert was added.
    """

    id: int
    user_id: UserKey | None
    title: str
    message: str
    priority: str
    urgency: int
    solution_name: str
    created_at: datetime
    age: timedelta


class Notifications(Group[AnyDriver]):
    """What users are told."""

    @view(
        "fbs_notifications_inbox",
        order=("is_read", "-created_at", "-id"),
        ranged="created_at",
        together=(
            ("user_id", "is_unread"),
            ("user_id", "notification_type"),
            ("user_id", "priority"),
            ("solution_name", "is_unread"),
            ("solution_name", "notification_type"),
            ("solution_name", "priority"),
            ("solution_name", "notification_type", "priority"),
        ),
        not_alone=("priority",),
        opposites={"is_unread": "is_read"},
        known={
            "notification_type": (
                "info",
                "success",
                "warning",
                "error",
                "alert",
                "cash_flow_alert",
                "inventory_alert",
                "payment_reminder",
            ),
            "priority": PRIORITIES,
        },
    )
    def inbox(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        is_unread: bool | None = None,
        notification_type: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[NotificationsInbox]:
        """Notifications, meant to be read for one user, unread ones first and the newest on top: is_read, created_at
        desc, id desc. Those for nobody in particular have no user_id.
        """

    @view("fbs_notifications_counts", order=("user_id", "notification_type", "priority"))
    def counts(
        self, *, user_id: UserKey | None = None, after: str | None = None, limit: int = 50
    ) -> Page[NotificationsCounts]:
        """How many notifications each user has of each type and priority. What a user has none of has no row; those for
        nobody in particular are counted under None as user_id.
        """

    @view(
        "fbs_notifications_alerts",
        order=("-created_at", "-id"),
        ranged="created_at",
        together=(("user_id", "priority"), ("solution_name", "priority")),
        known={"priority": PRIORITIES},
    )
    def alerts(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[NotificationsAlerts]:
        """Active alerts: notifications of the type alert that nobody has read yet. An alert ends when it is read."""
