"""Notifications: random rows, and what each read answers to them."""

from __future__ import annotations

from tests.reads.models.common import count, grouped, least, most, without
from tests.support.differential import Answer, Group, View, World


def fill_notifications(w: World) -> None:
    for _ in w.many(60):
        w.put(
            "fbs_notifications",
            title=w.any("a", "b"),
            message=w.any("", "m"),
            notification_type=w.any("info", "alert", "alert", "odd"),
            priority=w.any("low", "medium", "high", "critical", "odd"),
            user_id=w.user(),
            solution_name=w.solution(),
            is_read=w.any(True, False),
            read_at=w.any(None, w.moment()),
            created_at=w.moment(),
        )


def notifications_inbox(w: World) -> list[Answer]:
    return [n | {"is_unread": not n.is_read} for n in w["fbs_notifications"]]


def notifications_counts(w: World) -> list[Answer]:
    names = ("user_id", "notification_type", "priority")
    return [
        dict(zip(names, key, strict=True))
        | {
            "notifications": len(found),
            "unread": count(found, is_read=False),
            "oldest_unread_at": least(n.created_at for n in found if not n.is_read),
            "newest_at": most(n.created_at for n in found),
        }
        for key, found in grouped(w["fbs_notifications"], *names).items()
    ]


def notifications_alerts(w: World) -> list[Answer]:
    urgency = {"critical": 4, "high": 3, "medium": 2, "low": 1}
    return [
        without(n, "notification_type", "is_read", "read_at")
        | {"urgency": urgency.get(n.priority, 0), "age": w.now - n.created_at}
        for n in w["fbs_notifications"]
        if n.notification_type == "alert" and not n.is_read
    ]


READS = Group(
    fill_notifications,
    [
        View("inbox", notifications_inbox, "is_read -created_at -id", "created_at"),
        View("counts", notifications_counts, "user_id notification_type priority"),
        View("alerts", notifications_alerts, "-created_at -id", "created_at"),
    ],
    roughly=True,
)
