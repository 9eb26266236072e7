"""Entries of the queue by their ids: tried again, or given up."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.cleanup.queue import RetryReport
from fbs_db.errors import UsageError
from tests.support.commands import answer, on
from tests.support.connections import Connect, url_of


@pytest.fixture
def host(installed: psycopg.Connection) -> psycopg.Connection:
    """A database with ten tenants, of which four are gone, one after the other; their clean-ups wait."""
    installed.autocommit = True
    installed.execute("create table tenants (id bigint primary key); insert into tenants select generate_series(1, 10)")
    installed.execute(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(1, 10) as n"
    )
    fbs_db.attach_host("tenants", "tenant", url_of(installed), follow_keys=True)
    fbs_db.change_setting("cleanup", "queue", url_of(installed))
    for number in range(1, 5):
        installed.execute("delete from tenants where id = %s", (number,))
    return installed


def waiting(host: psycopg.Connection) -> list[int]:
    return [number for (number,) in host.execute("select id from fbs_cleanup_queue order by id")]


def fields(host: psycopg.Connection) -> list[int]:
    return [number for (number,) in host.execute("select record_id from fbs_custom_fields order by 1")]


def test_what_is_given_up_is_not_done_and_a_sweep_finds_it(host: psycopg.Connection) -> None:
    assert waiting(host) == [1, 2, 3, 4]
    status = on(host, "cleanup", "status")
    assert "      ID 1, 2, 3, 4\n" in status.stdout
    result = on(host, "cleanup", "give-up", "2", "4", "--yes")
    assert (result.exit_code, result.stdout) == (
        0,
        "Given up: 2, delete of tenant: keys 2\nGiven up: 4, delete of tenant: keys 4\n",
    )
    assert waiting(host) == [1, 3]
    assert fbs_db.retry_cleanup(url_of(host)) == RetryReport(2, 0, 0)
    assert fields(host) == [2, 4, *range(5, 11)]
    assert on(host, "cleanup", "sweep").exit_code == 0
    assert fields(host) == list(range(5, 11))


def test_nobody_is_asked_where_nobody_can_answer(host: psycopg.Connection) -> None:
    result = on(host, "cleanup", "give-up", "2")
    assert result.exit_code == 2
    assert "1 clean-up will not be done." in result.stderr
    assert "add --yes. Nothing was changed." in result.stderr
    assert waiting(host) == [1, 2, 3, 4]


def test_what_was_given_up_is_returned_whole(host: psycopg.Connection) -> None:
    host.execute("update tenants set id = 100 where id = 10")
    *_, rekey = waiting(host)
    found = answer(on(host, "cleanup", "give-up", str(rekey), "--yes", "--json"))
    assert [
        (one["id"], one["operation"], one["keys"], one["new_keys"], one["target"], one["error"]) for one in found
    ] == [(rekey, "rekey", ["10"], ["100"], None, None)]


def test_what_is_not_there_or_being_worked_on_is_told(host: psycopg.Connection, second: Connect) -> None:
    other = second(host)
    other.execute("begin")
    other.execute("select from fbs_cleanup_queue where id = 2 for update")
    result = on(host, "cleanup", "give-up", "1", "2", "77", "--yes", "--json")
    assert result.exit_code == 1
    assert [one["id"] for one in json.loads(result.stdout)] == [1]
    assert result.stderr == ("Error: Not given up: 2, 77.\nThey are not in the queue, or a worker is at them.\n")
    assert fbs_db.retry_cleanup(url_of(host), ids=[2, 3]) == RetryReport(1, 0, 1), "2 is held, and nobody waits for it"
    other.execute("rollback")
    assert waiting(host) == [2, 4]


@pytest.mark.parametrize("words", [("0",), ("x",), (str(2**63),), ()])
def test_wrong_ids_are_refused(installed: psycopg.Connection, words: tuple[str, ...]) -> None:
    assert on(installed, "cleanup", "give-up", *words, "--yes").exit_code == 2


@pytest.mark.parametrize("wrong", [0, 2**63, 1.5, "1", None, True], ids=repr)
def test_ids_that_are_none_are_told_in_python_too(installed: psycopg.Connection, wrong: Any) -> None:
    for call in (fbs_db.give_up_cleanup, lambda ids, url: fbs_db.retry_cleanup(url, ids=ids)):
        with pytest.raises(UsageError, match=f"{wrong!r} is not the id of a clean-up"):
            call([1, wrong], url_of(installed))


def test_only_the_chosen_are_tried_again(host: psycopg.Connection, second: Connect) -> None:
    host.execute("update fbs_cleanup_queue set next_attempt_at = now() + interval '1 hour', attempts = 3")
    assert on(host, "cleanup", "retry", "2", "3").stdout == "2 batches done: 2 rows; 0 failed, 0 waiting.\n"
    assert waiting(host) == [1, 4]
    assert host.execute("select bool_and(next_attempt_at > now()) from fbs_cleanup_queue").fetchone() == (True,)

    # Whoever holds a row of FBS is waited for for a moment only.
    other = second(host)
    other.execute("begin")
    other.execute("select from fbs_custom_fields where record_id = 4 for update")
    assert fbs_db.retry_cleanup(url_of(host), ids=[1, 4]) == RetryReport(1, 1, 1)
    other.execute("rollback")
    assert host.execute("select sqlstate from fbs_cleanup_queue").fetchall() == [("55P03",)]


def test_those_for_other_databases_are_made_due(host: psycopg.Connection) -> None:
    host.execute(
        "insert into fbs_cleanup_queue (model_name, operation, keys, target, ticket, next_attempt_at)"
        " values ('tenant', 'delete', '{9}', 'other', gen_random_uuid(), 'infinity')"
    )
    *_, number = waiting(host)
    assert fbs_db.retry_cleanup(url_of(host), ids=[number]) == RetryReport(0, 0, 1)
    assert host.execute(
        "select next_attempt_at <= now() from fbs_cleanup_queue where id = %s", (number,)
    ).fetchone() == (True,)
    assert [one.target for one in fbs_db.give_up_cleanup([number], url_of(host))] == ["other"]


def test_a_caller_may_undo_it(host: psycopg.Connection) -> None:
    host.execute("begin")
    assert [one.id for one in fbs_db.give_up_cleanup([1], host)] == [1]
    host.execute("rollback")
    assert waiting(host) == [1, 2, 3, 4]


def test_a_callers_transaction_waits_for_locks_as_before(host: psycopg.Connection) -> None:
    with host.transaction():
        host.execute("set local lock_timeout = '7s'")
        assert fbs_db.retry_cleanup(host, ids=[1]) == RetryReport(1, 0, 0)
        assert host.execute("show lock_timeout").fetchone() == ("7s",)
