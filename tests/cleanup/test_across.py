"""The host's tables are in one database, FBS's in another, and a worker between them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

import fbs_db
from fbs_db.cleanup.hosts import RULED
from fbs_db.cli import main
from fbs_db.database.session import Session
from tests.support import ROOT
from tests.support.catalog import listed_tables
from tests.support.servers import Server, find_binaries, running

_numbers = count(1)
#: A rule of the host's own; its trigger counts how often it is applied.
COUNTED = """
    create table pointers (tenant_id bigint, label text);
    create index on pointers (tenant_id);
    create table applied (what text, at timestamptz default now());
    create function tally() returns trigger language plpgsql as
    $$begin insert into applied (what) values (tg_op); return null; end$$;
    create trigger tally before delete or update on pointers for each statement execute function tally();
    create table tickets (ticket uuid);
    create function collect() returns trigger language plpgsql as
    $$begin insert into tickets values (new.ticket); return null; end$$;
    create trigger collect after insert on fbs_cleanup_received for each row execute function collect();
    insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description)
    values ('pointers', 'public.pointers', 'tenant_id', 'tenant', 'delete', 'They go with their tenant.');
    delete from applied
"""


@dataclass
class Pair:
    """The host's database, which holds nothing of FBS, and FBS's."""

    here: str
    there: str

    def on(self, url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def host(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.on(self.here, query, *values)

    def fbs(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.on(self.there, query, *values)

    def waiting(self) -> int:
        return int(self.host("select count(*) from fbs_cleanup_queue")[0][0])

    def fields(self) -> list[int]:
        return [key for (key,) in self.fbs("select record_id from fbs_custom_fields order by 1")]


def say(here: str, there: str) -> None:
    Path("fbs-db.toml").write_text(
        f'[databases.host]\nurl = "{here}"\ncomponents = []\n[databases.fbs]\nurl = "{there}"\n'
    )


def prepare(here: str, there: str) -> Pair:
    """A pair of databases, empty until now, and a project's file that names them."""
    say(here, there)
    pair = Pair(here, there)
    pair.host(
        "create table tenants (id bigint primary key deferrable); insert into tenants select generate_series(1, 9)"
    )
    fbs_db.migrate("fbs")
    fbs_db.attach_host("tenants", "tenant", "host")
    pair.fbs(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " select 'tenant', n, 'f', 'v' from generate_series(1, 9) as n;"
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
        " select n, '', 'other', 1, jsonb_build_object('model_name', 'tenant', 'record_id', n::text)"
        " from generate_series(1, 9) as n"
    )
    return pair


@pytest.fixture(scope="module")
def prepared(pg18: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The names of a pair that all others are copied from."""
    names = [pg18.create(), pg18.create()]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("across"))
        prepare(*map(pg18.url, names))
        yield names
    pg18.drop(*names)


@pytest.fixture
def pair(pg18: Server, prepared: list[str]) -> Iterator[Pair]:
    with pg18.database(prepared[0]) as host, pg18.database(prepared[1]) as fbs:
        say(host, fbs)
        yield Pair(host, fbs)


@contextmanager
def working() -> Iterator[None]:
    """While a worker of this process is at work."""
    stop = threading.Event()
    worker = threading.Thread(target=fbs_db.run_cleanup, kwargs={"stop": stop, "poll": 0.01})
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def command(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    return result.output


# --- what is done


def test_the_hosts_database_holds_only_the_queue_and_what_it_needs(pair: Pair) -> None:
    tables = {
        name for (name,) in pair.host("select relname::text from pg_class where relkind = 'r' and relname ~ '^fbs_'")
    }
    assert tables == {
        "fbs_migrations", "fbs_migration_log", "fbs_settings", "fbs_hosts", "fbs_cleanup_rules",
        "fbs_cleanup_queue", "fbs_cleanup_targets", "fbs_cleanup_received", "fbs_solution_map", "fbs_roles",
        "fbs_worker_last_run",
    }  # fmt: skip
    assert pair.host("select target from fbs_cleanup_targets") == [("fbs",)]
    assert " healthy." in command("check", "--all")


def test_deletions_are_carried_over(pair: Pair) -> None:
    pair.host("delete from tenants where id <= 3")
    pair.host("delete from tenants where id = 4")
    assert pair.waiting() == 2
    assert pair.fields() == list(range(1, 10))
    assert command("cleanup", "retry") == "2 batches done: 4 rows; 0 failed, 0 waiting.\n"
    assert pair.fields() == [5, 6, 7, 8, 9]
    assert pair.fbs("select status, count(*) from fbs_approval_requests group by 1 order by 1") == [
        ("cancelled", 4),
        ("pending", 5),
    ]
    assert pair.fbs("select count(*) from fbs_cleanup_received") == [(0,)], "the tickets are forgotten"


def test_what_is_rolled_back_is_nowhere(pair: Pair) -> None:
    with psycopg.connect(pair.here) as connection:
        connection.execute("delete from tenants")
        connection.rollback()
        connection.execute("delete from tenants where id = 1")
        connection.execute("savepoint s")
        connection.execute("delete from tenants where id = 2")
        connection.execute("rollback to s")
    fbs_db.retry_cleanup()
    assert pair.fields() == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_row_that_is_back_is_left_alone(pair: Pair) -> None:
    pair.host("delete from tenants where id <= 2; insert into tenants values (1)")
    fbs_db.retry_cleanup()
    assert pair.fields() == [1, 3, 4, 5, 6, 7, 8, 9]


def test_rows_follow_rekeys_in_order(pair: Pair) -> None:
    pair.host("update tenants set id = id + 1")
    pair.host("update tenants set id = 100 where id = 10")
    pair.host("update tenants set id = 5 - id where id in (2, 3)")
    pair.host("delete from tenants where id = 4")
    before = pair.fbs("select id from fbs_custom_fields order by record_id")
    fbs_db.retry_cleanup()
    assert pair.waiting() == 0
    assert pair.fields() == [2, 3, 5, 6, 7, 8, 9, 100]
    after = pair.fbs("select id from fbs_custom_fields order by record_id")
    assert after[:2] == [before[1], before[0]], "2 and 3 swapped"
    assert after[-1] == before[-1]


def test_truncate_and_a_renamed_key_are_swept(pair: Pair) -> None:
    pair.host("alter table tenants rename column id to number")
    pair.host("delete from tenants where number <= 2")
    assert fbs_db.retry_cleanup().failed == 2, "here and there: the key is not to be found"
    fbs_db.attach_host("tenants", "tenant", "host")
    fbs_db.retry_cleanup()
    assert pair.fields() == [3, 4, 5, 6, 7, 8, 9]
    pair.host("truncate tenants")
    fbs_db.retry_cleanup()
    assert pair.fields() == []


def test_a_sweep_finds_what_nobody_noted(pair: Pair) -> None:
    pair.host("set fbs.cleanup = 'off'; delete from tenants where id <= 4")
    assert pair.waiting() == 0
    swept = fbs_db.sweep_orphans()
    assert [(row.model_name, row.target, row.orphans) for row in swept] == [("tenant", None, 0), ("tenant", "fbs", 4)]
    assert pair.fields() == [5, 6, 7, 8, 9]
    assert "tenant in fbs: 0 gone, 0 rows cleaned up" in command("cleanup", "sweep")


def test_rows_of_a_table_that_is_not_attached_are_no_orphans(pair: Pair) -> None:
    pair.host("create table rooms (id bigint primary key)")
    fbs_db.attach_host("rooms", "room", "host")
    pair.host("select fbs_detach_host('tenants')")
    pair.host("drop table tenants; select fbs_note_for_targets('tenant', null, 'sweep')")
    fbs_db.retry_cleanup()
    assert pair.waiting() == 0
    assert fbs_db.sweep_orphans(model="tenant") == []
    assert pair.fields() == list(range(1, 10))


def test_many_rows_and_the_mode_of_queues(pair: Pair) -> None:
    pair.host("insert into tenants select generate_series(10, 7000)")
    pair.host("delete from tenants where id > 5")
    assert pair.host("select count(*) from fbs_cleanup_queue where target = 'fbs'") == [(7,)]
    pair.host("update fbs_settings set value = 'queue' where name = 'cleanup'")
    pair.host("delete from tenants where id = 5")
    fbs_db.retry_cleanup()
    assert pair.waiting() == 0
    assert pair.fields() == [1, 2, 3, 4]


def test_a_model_that_is_renamed_is_renamed_there_too(pair: Pair) -> None:
    fbs_db.attach_host("tenants", "renter", "host")
    assert pair.fbs("select distinct model_name from fbs_custom_fields") == [("renter",)]
    pair.host("delete from tenants")
    fbs_db.retry_cleanup()
    assert pair.fields() == []


def test_partitions(pair: Pair) -> None:
    pair.host(
        "create table rooms (id bigint primary key) partition by hash (id);"
        "create table rooms_0 partition of rooms for values with (modulus 2, remainder 0);"
        "create table rooms_1 partition of rooms for values with (modulus 2, remainder 1);"
        "insert into rooms select generate_series(1, 9)"
    )
    fbs_db.attach_host("rooms", "room", "host")
    pair.fbs("update fbs_custom_fields set model_name = 'room'")
    pair.host("delete from rooms where id <= 3")
    pair.host("delete from rooms_0; truncate rooms_1")
    fbs_db.retry_cleanup()
    assert pair.fields() == []


def test_nothing_is_noted_for_a_database_without_rules(pair: Pair, pg18: Server) -> None:
    assert set(RULED) == {
        table["component"]
        for table in listed_tables()
        if [(table["table"],)]
        == pair.fbs("select distinct table_name from fbs_cleanup_rules where table_name = %s", table["table"])
    }
    with pg18.database() as url:
        with Path("fbs-db.toml").open("a") as file:
            file.write(f'[databases.licences]\nurl = "{url}"\ncomponents = ["licensing"]\n')
        fbs_db.migrate("licences")
        fbs_db.attach_host("tenants", "tenant", "host")
        assert pair.host("select target from fbs_cleanup_targets") == [("fbs",)]
        assert "Healthy" in command("--database", "host", "check")
        pair.on(
            url,
            "create table notes (tenant_id bigint);"
            "insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description)"
            " values ('notes', 'public.notes', 'tenant_id', 'tenant', 'delete', 'They go with their tenant.')",
        )
        fbs_db.attach_host("tenants", "tenant", "host")
        assert pair.host("select target from fbs_cleanup_targets order by 1") == [("fbs",), ("licences",)]


# --- what goes wrong


def test_a_database_that_is_away_holds_up_nothing(pair: Pair) -> None:
    pair.host("delete from tenants where id = 1")
    say(pair.here, "postgresql://127.0.0.1:1/nowhere")
    assert command("cleanup", "retry", code=1).startswith("0 batches done: 0 rows; 1 failed")
    status = json.loads(command("--database", "host", "cleanup", "status", "--json"))
    (waiting,) = status["waiting"]
    assert "in database fbs: since" in CliRunner().invoke(main, ["cleanup", "status", "--all"]).output
    assert (waiting["target"], waiting["keys"]) == ("fbs", 1)
    assert "No connection to postgresql://127.0.0.1:1/nowhere" in waiting["error"]
    printed = command("--database", "host", "check", code=1)
    assert "clean-up tenant, in database fbs: failed" in printed
    say(pair.here, pair.there)
    assert command("cleanup", "retry") == "1 batch done: 1 row; 0 failed, 0 waiting.\n"
    assert pair.fields() == [2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.slow
def test_a_locked_table_and_a_broken_schema_there(pair: Pair) -> None:
    with psycopg.connect(pair.there) as busy:
        busy.execute("lock table fbs_custom_fields")
        pair.host("delete from tenants where id = 1")
        assert fbs_db.retry_cleanup().failed == 1
    pair.fbs("alter table fbs_dms_document rename to elsewhere")
    pair.host("delete from tenants where id = 2")
    assert fbs_db.retry_cleanup().failed == 2
    assert pair.fields() == list(range(1, 10)), "all of a clean-up, or nothing"
    pair.fbs("alter table elsewhere rename to fbs_dms_document")
    assert fbs_db.retry_cleanup().done == 2
    assert pair.fields() == [3, 4, 5, 6, 7, 8, 9]


def test_clean_ups_are_not_put_off_for_a_database_that_was_away(pair: Pair) -> None:
    pair.host("delete from tenants where id = 1")
    say(pair.here, "postgresql://127.0.0.1:1/nowhere")
    for _ in range(5):
        assert fbs_db.retry_cleanup().failed == 1
    assert pair.host("select attempts, next_attempt_at <= now() from fbs_cleanup_queue") == [(0, True)]
    say(pair.here, pair.there)
    with working():
        eventually(lambda: pair.waiting() == 0)


def test_one_that_always_takes_too_long_holds_up_no_other(pair: Pair) -> None:
    pair.fbs(
        "create function linger() returns trigger language plpgsql as"
        " $$begin if old.record_id = 3 then raise lock_not_available; end if; return old; end$$;"
        "create trigger linger before delete on fbs_custom_fields for each row execute function linger()"
    )
    for key in range(1, 6):
        pair.host("delete from tenants where id = %s", key)
    for _ in range(3):
        fbs_db.retry_cleanup()
    assert pair.fields() == [3, 6, 7, 8, 9]
    assert pair.waiting() == 1


def test_a_target_that_nobody_knows_any_more(pair: Pair) -> None:
    pair.host("delete from tenants where id = 1")
    Path("fbs-db.toml").write_text(
        f'[databases.host]\nurl = "{pair.here}"\ncomponents = []\n[databases.suite]\nurl = "{pair.there}"\n'
    )
    printed = command("--database", "host", "check", code=1)
    assert "clean-up fbs: unknown database" in printed
    assert "fbs-db --database host attach host tenants --model tenant" in printed
    fbs_db.attach_host("tenants", "tenant", "host")
    fbs_db.retry_cleanup()
    assert pair.fields() == [2, 3, 4, 5, 6, 7, 8, 9], "the new name is swept"
    pair.host("delete from fbs_cleanup_queue where target = 'fbs'")
    assert " healthy." in command("check", "--all")


def test_who_dies_between_the_two_commits_does_nothing_twice(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.fbs(COUNTED + "; insert into pointers values (1, 'first')")
    pair.host("delete from tenants where id = 1")
    real = Session.call

    def die(session: Session, function: str, *values: object) -> Any:
        if function == "fbs_cleanup_carried":
            raise KeyboardInterrupt
        return real(session, function, *values)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "call", die)
        with pytest.raises(KeyboardInterrupt):
            fbs_db.retry_cleanup()
    assert pair.waiting() == 1
    assert pair.fbs("select count(*) from fbs_cleanup_received") == [(1,)]
    pair.fbs("insert into pointers values (1, 'of who knows whom')")
    fbs_db.retry_cleanup()
    assert pair.waiting() == 0
    assert pair.fbs("select count(*) from applied") == [(1,)]
    assert pair.fbs("select count(*) from fbs_cleanup_received") == [(0,)]


def test_a_database_under_another_name_does_nothing_twice(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.fbs(COUNTED + "; insert into pointers values (1, 'first')")
    pair.host("delete from tenants where id = 1")
    with monkeypatch.context() as patch:
        patch.setattr("fbs_db.cleanup.across._forget", lambda *_: None)
        waiting = pair.host("select * from fbs_cleanup_queue")
        fbs_db.retry_cleanup()
    assert pair.fbs("select count(*) from fbs_cleanup_received") == [(1,)]
    places = ", ".join(["%s"] * len(waiting[0]))
    pair.host(f"insert into fbs_cleanup_queue overriding system value values ({places})", *waiting[0])
    Path("fbs-db.toml").write_text(
        f'[databases.shop]\nurl = "{pair.here}"\ncomponents = []\n[databases.fbs]\nurl = "{pair.there}"\n'
    )
    pair.fbs("insert into pointers values (1, 'of who knows whom')")
    fbs_db.retry_cleanup()
    assert pair.waiting() == 0
    assert pair.fbs("select count(*) from applied") == [(1,)]
    assert pair.fbs("select count(*) from fbs_cleanup_received") == [(0,)], "forgotten for the new name, too"


def test_what_a_callers_transaction_deleted_is_not_told_before_it_ends(pair: Pair) -> None:
    with psycopg.connect(pair.here) as connection:
        connection.execute("delete from tenants where id = 1")
        assert fbs_db.retry_cleanup(connection).waiting == 1
        assert {row.error for row in fbs_db.sweep_orphans(connection) if row.target} == {
            "Commit first: uncommitted deletions cannot be carried to another database."
        }
        connection.rollback()
    fbs_db.retry_cleanup()
    assert pair.fields() == list(range(1, 10))


def test_whoever_holds_the_lock_of_a_worker_is_named_once(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    pair.host("delete from tenants where id = 1")
    stop = threading.Event()
    with psycopg.connect(pair.here, application_name="a guest", autocommit=True) as guest:
        guest.execute("select pg_advisory_lock(hashtextextended('fbs-db carries to fbs', 0))")
        pid = guest.info.backend_pid
        worker = threading.Thread(target=fbs_db.run_cleanup, kwargs={"stop": stop, "poll": 0.01})
        worker.start()
        eventually(lambda: bool(caplog.messages))
        time.sleep(0.3)  # for many rounds more
        stop.set()
        worker.join()
        assert [text.partition(", since")[0] for text in caplog.messages] == [
            f"Clean-ups for database fbs wait for process {pid} (a guest as postgres"
        ]
        assert fbs_db.retry_cleanup().waiting == 1
        guest.execute("select pg_advisory_unlock_all()")  # the end of a session takes a moment
    assert fbs_db.retry_cleanup().done == 1
    assert pair.fields() == list(range(2, 10))


@pytest.mark.slow
def test_rows_for_a_host_row_that_is_not_committed_yet_are_no_orphans(pair: Pair) -> None:
    with psycopg.connect(pair.here) as host:
        host.execute("insert into tenants values (50)")
        pair.fbs(
            "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
            " values ('tenant', 50, 'f', 'v')"
        )
        (swept,) = (row for row in fbs_db.sweep_orphans() if row.target)
        assert swept.error == "a transaction that writes the table of tenant does not end"
        pair.host("select fbs_note_for_targets('tenant', null, 'sweep')")
        assert fbs_db.retry_cleanup().failed == 1
    assert fbs_db.retry_cleanup().done == 1
    assert [(row.orphans, row.error) for row in fbs_db.sweep_orphans() if row.target] == [(0, None)]
    assert pair.fields() == [*range(1, 10), 50]


def test_a_key_that_comes_back_while_another_is_carried_is_spared(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    name = psycopg.conninfo.conninfo_to_dict(pair.here)["dbname"]
    pair.host(f"alter database {name} set default_transaction_isolation = 'repeatable read'")
    pair.host("update tenants set id = 100 where id = 1")
    pair.host("delete from tenants where id = 2")
    real = Session.call

    def come_back(session: Session, function: str, *values: object) -> Any:
        answer = real(session, function, *values)
        if function == "fbs_receive_cleanup" and values[4] is not None:
            pair.host("insert into tenants values (2)")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Session, "call", come_back)
        assert fbs_db.retry_cleanup().done == 2
    assert pair.fields() == [2, 3, 4, 5, 6, 7, 8, 9, 100]


def test_of_many_only_the_one_that_fails_waits(pair: Pair) -> None:
    pair.fbs(
        "create function keep_3() returns trigger language plpgsql as"
        " $$begin if old.record_id = 3 then raise 'not 3'; end if; return old; end$$;"
        "create trigger keep_3 before delete on fbs_custom_fields for each row execute function keep_3()"
    )
    for key in range(1, 6):
        pair.host("delete from tenants where id = %s", key)
    report = fbs_db.retry_cleanup()
    assert (report.done, report.failed, report.waiting) == (4, 1, 1)
    assert pair.fields() == [3, 6, 7, 8, 9]
    assert pair.host("select keys, error from fbs_cleanup_queue") == [(["3"], "not 3")]


def test_the_worker_goes_on_beside_a_database_that_takes_nothing(
    pair: Pair, pg18: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fbs_db")
    with pg18.database() as url:
        with Path("fbs-db.toml").open("a") as file:
            file.write(f'[databases.broken]\nurl = "{url}"\ncomponents = []\n')
        fbs_db.migrate("broken")
        pair.on(url, "drop function fbs_work_queue")
        pair.host("insert into fbs_cleanup_targets values ('gone')")
        pair.host("delete from tenants where id = 1")
        with working():
            eventually(lambda: 1 not in pair.fields())
            pair.host("delete from tenants where id = 2")
            eventually(lambda: 2 not in pair.fields())
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if line.startswith("Clean-ups for database gone wait")]) == 1, told
    assert any("fbs_work_queue" in line and "Trying again in" in line for line in told)


# --- the worker


def test_a_command_whose_session_is_cut_says_so(pair: Pair) -> None:
    with psycopg.connect(pair.here) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("lock table fbs_hosts")
        sweep = pool.submit(command, "--database", "host", "cleanup", "sweep", code=2)
        blocked = (
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fbs-db cleanup sweep'"
        )
        eventually(lambda: bool(pair.host(blocked + " and wait_event_type = 'Lock'")))
        assert sweep.result().startswith("Error: The connection broke: ")


@pytest.mark.slow
@pytest.mark.parametrize("side", ["host", "fbs"])
def test_the_worker_goes_on_when_its_sessions_are_cut(pair: Pair, side: str) -> None:
    cut = (
        "select pg_terminate_backend(pid, 30000) from pg_stat_activity"
        " where datname = current_database() and application_name = 'fbs-db cleanup run'"
    )
    with working():
        for key in range(1, 10):
            pair.host("delete from tenants where id = %s", key)
            eventually(lambda gone=key: gone not in pair.fields())  # type: ignore[misc]
            assert set(pair.host(cut) if side == "host" else pair.fbs(cut)) == {(True,)}


def start_worker() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "fbs_db", "cleanup", "run", "--poll", "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_share_the_work_and_stop_when_told(pair: Pair) -> None:
    workers = [start_worker() for _ in range(2)]
    assert [worker.stdout and worker.stdout.readline() for worker in workers] == ["Waiting for clean-ups.\n"] * 2
    for key in range(1, 10):
        pair.host("delete from tenants where id = %s", key)
    eventually(lambda: pair.fields() == [] and pair.waiting() == 0)
    for worker in workers:
        worker.terminate()
    printed = [worker.communicate(timeout=60)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], printed
    assert sum(int(text.rsplit("Stopped; ", 1)[1].split()[0]) for text in printed) == 9


@pytest.mark.slow
def test_each_deletion_is_applied_once_whoever_is_killed_when() -> None:
    binaries = find_binaries(18)
    assert binaries
    lasting = "synchronous_commit = on"  # what is committed survives a crash
    with running(binaries, 18, settings=lasting) as here, running(binaries, 18, settings=lasting) as there:
        pair = prepare(here.url(), there.url())
        pair.fbs(COUNTED)
        pair.host("insert into tenants select generate_series(1001, 3000)")
        pair.fbs("insert into pointers select n, 'first' from generate_series(1001, 3000) as n")
        stop = threading.Event()
        rekeyed: list[int] = []
        deleted: list[int] = []

        def insist(pair_says: Callable[..., Any], query: str, *values: object) -> Any:
            while True:
                try:
                    return pair_says(query, *values)
                except psycopg.OperationalError:
                    time.sleep(0.02)

        def work() -> None:
            # What was sent when the server died may have been done: all of it may be sent again.
            for key in range(1001, 2001):
                if stop.is_set():
                    return
                insist(pair.host, "delete from tenants where id = %s", key)
                deleted.append(key)
                if key % 10 == 0:
                    other = key + 1000
                    insist(pair.host, "update tenants set id = %s where id = %s", other + 10000, other)
                    while not insist(pair.fbs, "select 1 from pointers where tenant_id = %s", other + 10000):
                        if stop.is_set():
                            return
                        time.sleep(0.01)
                    # The key comes anew, before the move is off the queue perhaps: not to be rekeyed again.
                    insist(
                        pair.host,
                        "insert into tenants select %s where not exists (select from tenants where id = %s)",
                        other,
                        other,
                    )
                    insist(
                        pair.fbs,
                        "insert into pointers select %s, 'second'"
                        " where not exists (select from pointers where tenant_id = %s)",
                        other,
                        other,
                    )
                    rekeyed.append(other)

        worker = start_worker()
        host = threading.Thread(target=work)
        host.start()
        luck = random.Random(7)
        # Of a worker that carries: a slow machine takes seconds to start one.
        backends = "select pid from pg_stat_activity where application_name = 'fbs-db cleanup run'"
        try:
            for _ in range(50):
                eventually(lambda: insist(pair.fbs, backends) or not host.is_alive())
                time.sleep(luck.uniform(0, 0.4))
                assert worker.poll() is None, "a database that is killed does not end it"
                victim = luck.choice(["worker", "worker", "worker", "here", "there"])
                if victim == "worker":
                    worker.kill()
                    worker.communicate()
                    worker = start_worker()
                else:
                    for (pid,) in insist(pair.host if victim == "here" else pair.fbs, backends):
                        os.kill(pid, signal.SIGKILL)
            stop.set()
            host.join()
            eventually(lambda: not insist(pair.host, "select 1 from fbs_cleanup_queue"), 90)
        finally:
            stop.set()
            host.join()
            worker.terminate()
            print(worker.communicate(timeout=60)[0])

        ((tickets, once),) = pair.fbs("select count(*), count(distinct ticket) from tickets")
        assert len(deleted) > 50
        assert len(rekeyed) > 5
        assert tickets == once >= len(deleted) + len(rekeyed), "each once"
        left = pair.fbs("select tenant_id, label from pointers where tenant_id between 2001 and 13000 order by 1")
        second = {key for key, label in left if label == "second"}
        assert second == set(rekeyed), "rows that came later stayed"
        assert {key for key, label in left if label == "first" and key > 10000} >= {key + 10000 for key in rekeyed}
        assert not pair.fbs("select 1 from pointers where tenant_id = any(%s)", deleted)
        assert pair.fbs("select count(*) from fbs_cleanup_received where received_at < now() - interval '1 hour'") == [
            (0,)
        ]
