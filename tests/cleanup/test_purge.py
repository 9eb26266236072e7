"""A purge of many rows: what it reads, what it waits for, and what stays when it ends early."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import psycopg
import pytest

import fbs_db
from fbs_db.cleanup import retention
from fbs_db.errors import TargetError
from fbs_db.reports import Progress
from tests.support.commands import on
from tests.support.connections import Connect, rows, url_of
from tests.support.roles import role
from tests.support.servers import Server, standby_of

#: Fills a table with rows of many ages, in no order of time; those whose number is divisible by {every} are expired.
FILL = {
    "request_logs": """
        insert into fbs_request_logs (method, path, status_code, response_time, ip_address, timestamp)
        select
            'GET', '/' || n, 200, 1, '::1',
            now() - case n % {every} when 0 then 5000 else 1 end * interval '1 day' - age
        from generate_series(1, {rows}) as n, make_interval(secs => n * 7919 % {rows}) as age
        """,
    "notifications": """
        insert into fbs_notifications (title, message, is_read, created_at)
        select 't', 'm', n % 10 <> 1, now() - case n % {every} when 0 then 5000 else 1 end * interval '1 day' - age
        from generate_series(1, {rows}) as n, make_interval(secs => n * 7919 % {rows}) as age
        """,
    # Half of the rows are of one solution, which no statistics of an average one know.
    "audit_trails": """
        insert into fbs_audit_trails (solution_name, record_type, record_id, action, user_id, timestamp)
        select
            case n % 2 when 1 then 'solution ' || n % 600 else 'large' end, 'sale', n, 'create', '1',
            now() - case n % {every} when 0 then 5000 else 1 end * interval '1 day' - age
        from generate_series(1, {rows}) as n, make_interval(secs => n * 7919 % {rows}) as age
        """,
}
REQUESTS = FILL["request_logs"]
#: Entries of indexes that this transaction came upon, live and dead, and rows that were read without an index.
READ = """
select
    (select seq_tup_read from pg_stat_xact_all_tables where relid = '{0}'::regclass),
    (select sum(pg_stat_get_xact_tuples_returned(indexrelid)) from pg_index where indrelid = '{0}'::regclass)
"""


@pytest.fixture
def logs(installed: psycopg.Connection) -> psycopg.Connection:
    """A database with 300 expired requests and 100 others."""
    installed.execute(REQUESTS.format(rows=100, every=1000).encode())
    installed.execute(REQUESTS.format(rows=300, every=1).encode())
    installed.commit()
    installed.autocommit = True
    return installed


def count(connection: psycopg.Connection) -> int:
    return int(rows(connection, "select count(*) from fbs_request_logs")[0][0])


# --- what it reads


@pytest.mark.parametrize("what", FILL)
def test_few_expired_rows_among_many_are_found_without_reading_the_others(
    installed_everywhere: psycopg.Connection, what: str
) -> None:
    db = installed_everywhere
    db.execute("update fbs_settings set value = 3650 where name = 'keep_audit_trails'")
    db.execute(FILL[what].format(rows=8000, every=400).encode())
    db.execute(f"analyze fbs_{what}".encode())
    db.commit()
    with db.transaction():
        before = rows(db, READ.format(f"fbs_{what}"))[0]
        removed = fbs_db.purge([what], db)[0].rows
        unindexed, entries = rows(db, READ.format(f"fbs_{what}"))[0]
    assert removed == 20
    assert unindexed == before[0]
    assert entries - before[1] < 1000  # each solution's first row among them


@pytest.mark.parametrize("what", FILL)
def test_a_batch_does_not_come_upon_the_rows_of_those_before_it(
    installed_everywhere: psycopg.Connection, what: str
) -> None:
    db = installed_everywhere
    db.execute("update fbs_settings set value = 3650 where name = 'keep_audit_trails'")
    db.execute(FILL[what].format(rows=4000, every=2).encode())
    db.execute(f"analyze fbs_{what}".encode())
    db.commit()
    with db.transaction():  # in which no dead row is forgotten
        before = rows(db, READ.format(f"fbs_{what}"))[0]
        removed = fbs_db.purge([what], db, batch=50)[0].rows
        unindexed, entries = rows(db, READ.format(f"fbs_{what}"))[0]
    assert removed == 2000
    assert unindexed == before[0]
    assert entries - before[1] < 3 * removed  # each found, and deleted by its key


def test_every_kind_is_walked_by_an_index(installed: psycopg.Connection) -> None:
    walks = rows(
        installed,
        """
        select r.name, exists (
            select from pg_index as i
            cross join lateral (
                select array_agg(a.attname::text order by k.place) as columns
                from unnest(i.indkey) with ordinality as k (attnum, place)
                inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
            ) as c
            where
                i.indrelid = r.table_id and i.indpred is null
                and (array_remove(c.columns, r.only_if))[:cardinality(r.walk)] = r.walk
                and (r.only_if = 'true' or c.columns[1] = r.only_if)
        )
        from fbs_retention as r
        """,
    )
    assert len(walks) == 7
    assert [name for name, is_walked in walks if not is_walked] == []


def test_rows_of_one_time_are_purged_by_batches_too(installed: psycopg.Connection, second: Connect) -> None:
    installed.execute(REQUESTS.format(rows=50, every=1).encode())
    installed.execute("update fbs_request_logs set timestamp = '2000-01-01'")
    installed.commit()
    with second(installed).transaction() as block:
        block.connection.execute("select from fbs_request_logs where id % 10 = 3 for update")
        assert fbs_db.purge(["request_logs"], url_of(installed), batch=7)[0].rows == 45
    assert fbs_db.purge(["request_logs"], url_of(installed), batch=7)[0].rows == 5


# --- beside others


def test_rows_in_use_and_rows_written_meanwhile_stay(logs: psycopg.Connection, second: Connect) -> None:
    writer = second(logs)
    writer.autocommit = True

    def write(name: str, removed: int) -> None:
        writer.execute(REQUESTS.format(rows=1, every=1000).encode())

    with second(logs).transaction() as block:
        block.connection.execute("select from fbs_request_logs where id in (110, 150, 400) for update")
        assert fbs_db.purge(["request_logs"], url_of(logs), batch=100, progress=write)[0].rows == 297
        expired = "select id from fbs_request_logs where timestamp < now() - interval '90 days' order by id"
        assert rows(logs, expired) == [(110,), (150,), (400,)]
    assert count(logs) == 100 + 3 + 3


def test_a_row_that_is_kept_longer_meanwhile_stays(installed: psycopg.Connection, second: Connect) -> None:
    installed.execute(
        "insert into fbs_cache_entries (key, value, database_name, expires_at)"
        " select n, '{}', 'd', now() - interval '1 day' from generate_series(1, 3) as n"
    )
    installed.commit()
    installed.autocommit = True
    other = second(installed)
    other.execute("update fbs_cache_entries set expires_at = now() + interval '1 day' where key = '2'")
    assert rows(installed, "select removed from fbs_purge('cache_entries')") == [(2,)]
    other.commit()
    assert rows(installed, "select removed from fbs_purge('cache_entries')") == [(0,)]


@pytest.mark.slow
def test_it_waits_for_a_lock_on_the_table(logs: psycopg.Connection, second: Connect) -> None:
    other = second(logs)
    told: list[str] = []

    def waiting(progress: Progress) -> None:
        told.append(progress.text)
        other.commit()

    other.execute("begin; lock table fbs_request_logs in share mode")
    assert fbs_db.purge(["request_logs"], url_of(logs), waiting=waiting)[0].rows == 300
    assert len(told) == 1
    assert told[0].endswith("; trying again (1 of 4)")


# --- replicas


@pytest.fixture(scope="module")
def standby(pg18: Server) -> Iterator[Server]:
    with standby_of(pg18) as server:
        yield server


@pytest.fixture
def paused(standby: Server, logs: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A replica that has everything, and replays no more; a purge of one batch is too far ahead of it."""
    logs.execute(
        f"alter database {logs.info.dbname} set synchronous_commit = on".encode()
    )  # what is removed is in the WAL
    deadline = time.monotonic() + 60
    while rows(logs, "select fbs_replica_lag() = 0") != [(True,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    standby.admin.execute("select pg_wal_replay_pause()")
    monkeypatch.setattr(retention, "LAG", 2000)
    yield standby
    standby.admin.execute("select pg_wal_replay_resume()")


def test_it_pauses_until_a_replica_has_caught_up(paused: Server, logs: psycopg.Connection) -> None:
    told: list[str] = []
    left: list[int] = []
    lags: list[int] = []

    def resume(progress: Progress) -> None:
        told.append(progress.text)
        left.append(count(logs))
        time.sleep(0.5)
        left.append(count(logs))
        paused.admin.execute("select pg_wal_replay_resume()")

    def batch(name: str, removed: int) -> None:
        if removed == 100:
            lags.append(rows(logs, "select fbs_replica_lag()")[0][0])

    assert fbs_db.purge(["request_logs"], url_of(logs), batch=100, progress=batch, waiting=resume)[0].rows == 300
    assert lags[0] > 2000
    assert told[0] == "A replica has 0 MB of WAL to replay; pausing until it has caught up"
    assert left[:2] == [300, 300]  # a hundred expired ones are gone


def test_it_does_not_wait_for_ever_for_a_replica(
    paused: Server, logs: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PATIENCE", 0.5)
    result = on(logs, "purge", "request_logs", "--batch", "20")
    assert result.exit_code == 0
    so_far = re.compile(r"  request_logs: [\d,]+ rows so far, ")  # comes each second
    assert [line for line in result.stderr.splitlines() if not so_far.match(line)] == [
        "  A replica has 0 MB of WAL to replay; pausing until it has caught up",
        "  It still has 0 MB to replay; going on without waiting for replicas",
    ]
    assert count(logs) == 100


def test_where_the_lag_is_not_to_be_seen_it_does_not_wait(paused: Server, logs: psycopg.Connection) -> None:
    told: list[Progress] = []
    with role(logs, "fbs_purge_owner"):
        logs.execute("grant create on schema public to fbs_purge_owner")
        logs.execute("alter function fbs_replica_lag() owner to fbs_purge_owner")
        assert rows(logs, "select fbs_replica_lag()") == [(None,)]
        assert fbs_db.purge(["request_logs"], url_of(logs), batch=20, waiting=told.append)[0].rows == 300
        logs.execute("grant pg_read_all_stats to fbs_purge_owner")
        assert rows(logs, "select fbs_replica_lag() > 2000") == [(True,)]
    assert told == []


def test_it_does_not_wait_within_a_transaction_of_the_callers(paused: Server, logs: psycopg.Connection) -> None:
    told: list[Progress] = []
    with logs.transaction():
        assert fbs_db.purge(["request_logs"], logs, batch=20, waiting=told.append)[0].rows == 300
    assert told == []


# --- ended early


def test_an_interrupted_purge_keeps_what_it_did_and_the_same_call_goes_on(logs: psycopg.Connection) -> None:
    def interrupt(name: str, removed: int) -> None:
        if removed == 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fbs_db.purge(["request_logs"], url_of(logs), batch=100, progress=interrupt)
    assert count(logs) == 200
    assert fbs_db.purge(["request_logs"], url_of(logs), batch=100)[0].rows == 100


def test_an_error_says_what_is_removed(logs: psycopg.Connection) -> None:
    with role(logs, "fbs_purge_other"):

        def spoil(name: str, removed: int) -> None:
            if removed == 200:
                logs.execute("grant trigger on fbs_request_logs to fbs_purge_other")

        with pytest.raises(TargetError, match="may be given triggers") as caught:
            fbs_db.purge(["request_logs"], url_of(logs), batch=100, progress=spoil)
        assert "Removed before: 200 rows of request_logs. The same call goes on with the rest." in caught.value.hint
        with pytest.raises(TargetError) as caught:
            fbs_db.purge(["request_logs"], url_of(logs), batch=100)
        assert "Nothing was changed." in caught.value.hint
    assert count(logs) == 200


def test_progress_is_printed_once_a_second(logs: psycopg.Connection) -> None:
    logs.execute("delete from fbs_request_logs where id > 130")
    logs.execute(
        "create function slow() returns trigger language plpgsql as $$begin perform pg_sleep(0.05); return old; end$$;"
        "create trigger slow before delete on fbs_request_logs for each row execute function slow()"
    )
    began = time.monotonic()
    lines = on(logs, "purge", "request_logs", "--batch", "1").stderr.splitlines()
    assert 1 <= len(lines) <= time.monotonic() - began
    assert lines[0].startswith("  request_logs: ")
    assert lines[0].endswith(" a second")
