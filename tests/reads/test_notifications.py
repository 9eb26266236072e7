"""What is read of notifications: a user's own, counts, alerts."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.reads import Page
from fbs_db.reads.notifications import Notifications, NotificationsInbox
from fbs_db.reads.query import select
from tests.support.connections import rows
from tests.support.reading import columns, view
from tests.support.sample_rows import add

NOON = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)


@pytest.fixture
def noted(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """Two users, messages added in no order, two of them at the same moment, one for nobody."""
    for title, user, hours, is_read, kind, priority in [
        ("read late", 7, 9, True, "info", "low"),
        ("new early", 7, 1, False, "alert", "critical"),
        ("new late", 7, 5, False, "info", "medium"),
        ("new late too", 7, 5, False, "info", "medium"),
        ("read early", 7, 2, True, "alert", "high"),
        ("of another", 8, 4, False, "alert", "urgent"),
        ("of nobody", None, 3, False, "alert", "low"),
    ]:
        add(
            installed_everywhere,
            "fbs_notifications",
            title=title,
            user_id=user,
            is_read=is_read,
            notification_type=kind,
            priority=priority,
            created_at=NOON + timedelta(hours=hours),
            solution_name="shop" if user == 7 else "",
        )
    return installed_everywhere


ORDER = "order by is_read, created_at desc, id desc"


def titles(connection: psycopg.Connection, rest: str) -> list[str]:
    return [title for (title,) in rows(connection, f"select title from fbs_notifications_inbox {rest}")]


def test_a_users_notifications_come_unread_first_then_newest_first(noted: psycopg.Connection) -> None:
    assert titles(noted, f"where user_id = 7 {ORDER}") == [
        "new late too",
        "new late",
        "new early",
        "read late",
        "read early",
    ]
    assert titles(noted, f"where user_id = 8 {ORDER}") == ["of another"], "not those for nobody in particular"
    assert titles(noted, f"where user_id is null {ORDER}") == ["of nobody"]
    assert titles(noted, f"where user_id = 99 {ORDER}") == []


@pytest.mark.parametrize(
    "asked",
    [{}, {"user_id": 7}, {"solution_name": ""}, {"is_unread": True}, {"user_id": 7, "is_unread": False}],
    ids=str,
)
def test_a_page_begins_where_the_last_one_ended(noted: psycopg.Connection, asked: dict[str, Any]) -> None:
    """In either part, and where one part becomes the other."""
    where = " and ".join(["true", *(f"{name} = '{value}'" for name, value in asked.items())])
    wanted = titles(noted, f"where {where} {ORDER}")
    with fbs_db.connect(noted) as fbs:
        for limit in range(1, len(wanted) + 1):
            page = fbs.notifications.inbox(**asked, limit=limit)
            seen = [row.title for row in page]
            while page.next:
                page = fbs.notifications.inbox(**asked, after=page.next, limit=limit)
                seen += [row.title for row in page]
            assert seen == wanted, limit


@pytest.mark.parametrize(
    "asked",
    [{"user_id": 7}, {"solution_name": "shop"}, {"is_unread": True}, {"user_id": 7, "is_unread": True}, {}],
    ids=str,
)
def test_a_later_page_of_the_inbox_is_looked_up_not_searched_for(
    installed: psycopg.Connection, asked: dict[str, Any]
) -> None:
    """Whether it is planned for its values or for all."""
    installed.execute(
        "insert into fbs_notifications (title, message, user_id, solution_name, is_read, created_at)"
        " select 't', 'm', n % 3 + 6, case when n % 3 = 1 then 'shop' else '' end, n % 2 = 0,"
        " now() - n * interval '1 minute' from generate_series(1, 30000) as n"
    )
    installed.execute("analyze fbs_notifications")
    read = Notifications.inbox.read
    first = select(read, "public", asked)
    found = installed.execute(f"{first.text} offset 4500 limit 1".encode(), first.parameters).fetchall()
    last = NotificationsInbox(*found[0])
    assert last.is_unread
    query = select(read, "public", asked, Page([last], read.order).next, 10)
    numbers = itertools.count(1)
    prepared = re.sub("%s", lambda _: f"${next(numbers)}", query.text)
    installed.execute(f"prepare later as {prepared}".encode())
    values = sql.SQL(", ").join(map(sql.Literal, query.parameters))
    for mode in ("force_custom_plan", "force_generic_plan"):
        installed.execute(f"set local plan_cache_mode = {mode}".encode())
        explain = sql.SQL("explain (analyze, buffers, format json) execute later({})").format(values)
        [([told],)] = installed.execute(explain).fetchall()
        assert told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"] < 60, mode


def test_counts_by_type_and_priority(noted: psycopg.Connection) -> None:
    found = view(noted, "fbs_notifications_counts", order="priority", user_id=7)
    names = ("notification_type", "priority", "notifications", "unread", "oldest_unread_at", "newest_at")
    hour = [NOON + timedelta(hours=hours) for hours in range(10)]
    assert columns(found, *names) == [
        ("alert", "critical", 1, 1, hour[1], hour[1]),
        ("alert", "high", 1, 0, None, hour[2]),
        ("info", "low", 1, 0, None, hour[9]),
        ("info", "medium", 2, 2, hour[5], hour[5]),
    ]
    assert rows(noted, "select unread from fbs_notifications_counts where user_id is null") == [(1,)]
    assert view(noted, "fbs_notifications_counts", order="priority", user_id=99) == []


def test_alerts_are_active_until_they_are_read(noted: psycopg.Connection) -> None:
    found = view(noted, "fbs_notifications_alerts")
    assert columns(found, "title", "urgency") == [("new early", 4), ("of another", 0), ("of nobody", 1)]
    noted.execute("update fbs_notifications set is_read = true where title = 'of another'")
    assert columns(view(noted, "fbs_notifications_alerts"), "title") == [("new early",), ("of nobody",)]
    assert columns(view(noted, "fbs_notifications_alerts", user_id=7), "title") == [("new early",)]


def test_an_alerts_age_is_the_time_since_it_was_added(installed: psycopg.Connection) -> None:
    installed.execute(
        "insert into fbs_notifications (title, message, notification_type, priority, created_at)"
        " values ('a', 'b', 'alert', 'high', now() - interval '36 hours')"
    )
    assert columns(view(installed, "fbs_notifications_alerts"), "age", "urgency") == [(timedelta(hours=36), 3)]
