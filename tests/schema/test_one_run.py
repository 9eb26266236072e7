"""A run ties users in the transaction of its files, and says what stays where it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.database import locks
from fbs_db.errors import FbsDbError, LockTimeout, MigrationFailed, TargetError
from fbs_db.reports import Progress
from fbs_db.schema import migrate as migrations
from tests.support.catalog import catalog
from tests.support.connections import Connect, url_of

ALL = [file.id for file in files.load()]
TIED = "select count(*) filter (where user_table is not null), count(*) from fbs_user_columns"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PAUSE", 0.05)
    monkeypatch.setattr(locks, "TRIES", 3)


def make_users(connection: psycopg.Connection) -> None:
    connection.execute("create table auth_user (id bigint primary key); insert into auth_user values (1), (2)")
    connection.commit()


def tied(connection: psycopg.Connection) -> Any:
    found = connection.execute(TIED).fetchone()
    connection.commit()
    return found


@contextmanager
def writing(connection: psycopg.Connection, statement: str = "update auth_user set id = id") -> Iterator[None]:
    """A host's open transaction."""
    connection.execute("set application_name = 'gunicorn'")
    with connection.transaction():
        connection.execute(statement.encode())
        yield


class Meanwhile:
    """Something done in a thread, while the test goes on."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.error: BaseException | None = None
        self.answer: Any = None
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self.answer = work()
        except BaseException as error:
            self.error = error

    def ended(self) -> Any:
        self._thread.join(60)
        if self.error:
            raise self.error
        return self.answer


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.005)


def waits(connection: psycopg.Connection, application: str) -> bool:
    query = "select count(*) from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'"
    return connection.execute(query, (application,)).fetchone() != (0,)


def test_a_busy_user_table_undoes_the_whole_run_and_is_named(empty: psycopg.Connection, second: Connect) -> None:
    make_users(empty)
    before = catalog(empty)
    empty.commit()
    host, said = second(empty), list[Progress]()
    with writing(host), pytest.raises(LockTimeout) as caught:
        fbs_db.migrate(url_of(empty), user_table="auth_user", progress=said.append)
    assert catalog(empty) == before
    assert "Nothing was changed." in caught.value.hint
    assert f"pg_terminate_backend({host.info.backend_pid})" in caught.value.hint
    named = f"auth_user is in use by process {host.info.backend_pid} (gunicorn as postgres, since 2"
    told = [caught.value.message, *(event.text for event in said if event.kind == "wait")]
    assert len(told) == 3
    for text in told:
        assert named in text
        assert "last statement: update auth_user set id = id" in text
    assert [event.migration_id for event in said if event.kind == "end"] == ALL, "the files are not run again"


def test_the_run_goes_on_once_the_user_table_is_free(empty: psycopg.Connection, second: Connect) -> None:
    make_users(empty)
    said: list[Progress] = []
    with writing(second(empty)):
        run = Meanwhile(lambda: fbs_db.migrate(url_of(empty), user_table="auth_user", progress=said.append))
        wait_until(lambda: any(event.kind == "wait" for event in said))
        assert catalog(empty).keys() & {"relation fbs_kpis"} == set()
        empty.commit()
    report = run.ended()
    assert [step.migration_id for step in report.steps] == ALL
    assert [event.migration_id for event in said if event.kind == "begin"] == ALL
    assert tied(empty) == (22, 22)
    assert all(column.validated for column in report.users)


@pytest.mark.slow
def test_logins_do_not_wait_for_the_files(empty: psycopg.Connection, second: Connect, sql_copy: Path) -> None:
    make_users(empty)
    (sql_copy / "0099_slow.sql").write_text(
        "do $$ begin while exists (select from pg_locks where locktype = 'advisory' and objid = 99) loop"
        " perform pg_sleep(0.01); end loop; end $$;"
    )
    host = second(empty)
    host.execute("set lock_timeout = '300ms'; select pg_advisory_lock(99)")
    said: list[Progress] = []
    run = Meanwhile(
        lambda: fbs_db.migrate(url_of(empty), user_table="auth_user", progress=said.append, directory=sql_copy)
    )
    wait_until(lambda: any(event.migration_id == "0099_slow" for event in said))
    host.execute("update auth_user set id = id")
    assert "end" not in [event.kind for event in said if event.migration_id == "0099_slow"]
    host.execute("select pg_advisory_unlock(99)")
    run.ended()
    assert tied(empty) == (22, 22)


def test_a_key_that_cannot_be_made_undoes_the_whole_run(empty: psycopg.Connection) -> None:
    empty.execute("create view auth_user as select 1 as id; create table people (id bigint primary key)")
    empty.execute("drop role if exists fbs_modest; create role fbs_modest login")
    empty.execute("grant create on schema public to fbs_modest")  # but no right to refer to people
    empty.commit()
    before = catalog(empty)
    empty.commit()
    with pytest.raises(TargetError, match="permission denied for table people") as caught:
        fbs_db.migrate(url_of(empty, "fbs_modest"), user_table="people")
    assert "Nothing was changed." in caught.value.hint
    assert catalog(empty) == before
    empty.execute("revoke all on schema public from fbs_modest; drop role fbs_modest")
    empty.commit()


def test_what_cannot_be_validated_is_said_to_be_outstanding(empty: psycopg.Connection) -> None:
    make_users(empty)
    empty.execute("drop role if exists fbs_modest; create role fbs_modest login")
    empty.execute("grant create on schema public to fbs_modest; grant references on auth_user to fbs_modest")
    empty.commit()
    url = url_of(empty, "fbs_modest")
    with pytest.raises(TargetError, match="permission denied for table auth_user") as caught:
        fbs_db.migrate(url, user_table="auth_user")
    assert "Nothing was changed" not in str(caught.value)
    for part in (
        f"Applied and committed: {ALL[0]} to {ALL[-1]}.",
        "The 22 user columns are tied to",
        "The existing rows of 22 columns are not validated yet, from ",
    ):
        assert part in caught.value.hint
    assert fbs_db.status(url).pending == ()
    assert tied(empty) == (22, 22)
    empty.execute("grant select on auth_user to fbs_modest")
    empty.commit()
    report = fbs_db.migrate(url, user_table="auth_user")
    assert report.steps == ()
    assert [column.validated for column in report.users] == [True] * 22
    assert fbs_db.migrate(url, user_table="auth_user").users == ()
    fbs_db.rollback(url, everything=True)
    empty.execute("drop owned by fbs_modest; drop role fbs_modest")
    empty.commit()


def test_attaching_users_ties_all_columns_or_none(installed: psycopg.Connection) -> None:
    make_users(installed)
    name = "fbs_workflow_steps_assigned_user_id_fkey"  # of the last key
    installed.execute(f"alter table fbs_workflow_steps add constraint {name} check (true)")
    installed.commit()
    for tie in (
        lambda: fbs_db.attach_users("auth_user", url_of(installed)),
        lambda: fbs_db.migrate(url_of(installed), user_table="auth_user"),
    ):
        with pytest.raises(FbsDbError, match=r"assigned_user_id_fkey.*already exists") as caught:
            tie()
        assert caught.value.hint.endswith("Nothing was changed.")
        assert tied(installed) == (0, 22)


@pytest.mark.slow
def test_a_busy_user_table_leaves_no_column_tied(installed: psycopg.Connection, second: Connect) -> None:
    make_users(installed)
    with writing(second(installed)):
        for tie in (
            lambda: fbs_db.attach_users("auth_user", url_of(installed)),
            lambda: fbs_db.migrate(url_of(installed), user_table="auth_user"),
        ):
            with pytest.raises(LockTimeout, match="auth_user is in use by") as caught:
                tie()
            assert "Nothing was changed." in caught.value.hint
            assert tied(installed) == (0, 22)


def test_a_host_that_waits_for_fbs_is_not_the_one_who_fails(installed: psycopg.Connection, second: Connect) -> None:
    make_users(installed)
    host, watcher = second(installed), second(installed)
    with host.transaction():
        host.execute("update auth_user set id = id where id = 1")
        run = Meanwhile(lambda: fbs_db.attach_users("auth_user", url_of(installed)))
        wait_until(lambda: waits(watcher, "fbs-db attach users"))
        # Held by the tie, which in turn waits for the user table.
        host.execute("insert into fbs_notifications (user_id, title, message) values (1, 't', 'm')")
    assert len(run.ended()) == 22
    assert tied(installed) == (22, 22)


def test_who_waits_for_the_files_has_not_to_wait_for_the_user_table(
    installed: psycopg.Connection, second: Connect, sql_copy: Path
) -> None:
    make_users(installed)
    (sql_copy / "0099_more.sql").write_text("alter table fbs_kpis add more int;")
    host, reader, said = second(installed), second(installed), list[Progress]()
    with writing(host):
        run = Meanwhile(
            lambda: fbs_db.migrate(url_of(installed), user_table="auth_user", directory=sql_copy, progress=said.append)
        )
        wait_until(lambda: waits(reader, "fbs-db migrate"))
        reader.execute("set lock_timeout = '20s'")
        reader.execute("select from fbs_kpis")  # altered by the run
        assert "more" not in str(reader.execute("select * from fbs_kpis limit 0").description)
        wait_until(lambda: any(event.kind == "wait" for event in said))
    assert [step.migration_id for step in run.ended().steps] == ["0099_more"]
    assert tied(installed) == (22, 22)


@pytest.mark.slow
def test_a_host_that_waits_for_the_files_is_not_the_one_who_fails(
    installed: psycopg.Connection, second: Connect, sql_copy: Path
) -> None:
    make_users(installed)
    (sql_copy / "0099_more.sql").write_text("alter table fbs_kpis add more int; select pg_sleep(1);")
    host, watcher, url = second(installed), second(installed), url_of(installed)
    with host.transaction():
        host.execute("update auth_user set id = id where id = 1")
        run = Meanwhile(lambda: fbs_db.migrate(url, user_table="auth_user", directory=sql_copy))
        sleeps = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        wait_until(lambda: watcher.execute(sleeps).fetchone() != (0,))
        threading.Event().wait(0.4)
        host.execute("select from fbs_kpis")  # altered by the run, which waits for the user table next
    assert [step.migration_id for step in run.ended().steps] == ["0099_more"]
    assert tied(installed) == (22, 22)


@pytest.mark.slow
def test_in_a_callers_transaction_a_busy_user_table_is_tried_once(empty: psycopg.Connection, second: Connect) -> None:
    make_users(empty)
    empty.execute("create table mine (id int)")
    said: list[Progress] = []
    with writing(second(empty)):
        with pytest.raises(LockTimeout, match="auth_user is in use by") as caught:
            fbs_db.migrate(empty, user_table="auth_user", progress=said.append)
        assert "Nothing was changed." in caught.value.hint
        assert [event for event in said if event.kind == "wait"] == []
        empty.execute("insert into mine values (1)")
    report = fbs_db.migrate(empty, user_table="auth_user")
    assert [column.validated for column in report.users] == [True] * 22
    empty.rollback()
    assert [name for name in catalog(empty) if name.startswith("relation")] == ["relation auth_user"]


def test_up_to_before_the_user_columns_nothing_is_tied(empty: psycopg.Connection, second: Connect) -> None:
    make_users(empty)
    with writing(second(empty)):
        assert fbs_db.migrate(url_of(empty), to="0015", user_table="auth_user").users == ()
    report = fbs_db.migrate(url_of(empty), to="0016", user_table="auth_user")
    assert [step.migration_id for step in report.steps] == ["0016_user_link"]
    assert len(report.users) == 22
    assert tied(empty) == (22, 22)


def test_another_user_table_than_the_one_attached_undoes_the_run(installed: psycopg.Connection, sql_copy: Path) -> None:
    make_users(installed)
    installed.execute("create table people (id bigint primary key)")
    installed.commit()
    fbs_db.attach_users("auth_user", url_of(installed))
    (sql_copy / "0099_more.sql").write_text("create table fbs_more (id int);")
    with pytest.raises(TargetError, match="users are attached to auth_user, not to people") as caught:
        fbs_db.migrate(url_of(installed), user_table="people", directory=sql_copy)
    assert caught.value.hint.endswith("Nothing was changed.")
    assert fbs_db.status(url_of(installed), directory=sql_copy).pending == ("0099_more",)


def test_what_a_file_outside_transactions_leaves_is_said(installed: psycopg.Connection, sql_copy: Path) -> None:
    def write(name: str, text: str) -> None:
        (sql_copy / f"{name}.sql").write_text(text)

    write("0097_before", "create table fbs_before (id int);")
    write(
        "0098_index", "-- transactional: false\ncreate unique index concurrently fbs_k_idx on fbs_settings (maximum);"
    )
    with pytest.raises(MigrationFailed, match="could not create unique index") as caught:
        fbs_db.migrate(url_of(installed), directory=sql_copy)
    assert "Nothing was changed" not in caught.value.hint
    assert "Applied and committed: 0097_before." in caught.value.hint
    assert "0098_index runs outside a transaction" in caught.value.hint
    write("0098_index", "-- transactional: false\ndrop index concurrently if exists fbs_k_idx;")
    write("0099_bad", "select 1 / 0;")
    with pytest.raises(MigrationFailed, match="division by zero") as caught:
        fbs_db.migrate(url_of(installed), directory=sql_copy)
    assert "Nothing was changed" not in caught.value.hint
    assert "Applied and committed: 0098_index." in caught.value.hint
    with pytest.raises(MigrationFailed, match="division by zero") as caught:
        fbs_db.migrate(url_of(installed), directory=sql_copy)
    assert caught.value.hint.endswith("Nothing was changed.")


@pytest.mark.slow
def test_other_lock_timeouts_name_who_is_in_the_way(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TRIES", 1)
    installed.execute("create table tenants_tenant (id bigint primary key)")
    installed.commit()
    url, host = url_of(installed), second(installed)
    pid = host.info.backend_pid
    with writing(host, "insert into tenants_tenant values (1)"), pytest.raises(LockTimeout) as caught:
        fbs_db.attach_host("tenants_tenant", "tenants.tenant", url)
    assert f"tenants_tenant is in use by process {pid} (gunicorn as postgres, since 2" in caught.value.message
    with writing(host, "select from fbs_kpis"), pytest.raises(LockTimeout) as caught:
        fbs_db.rollback(url, to="0004")
    assert f"fbs_kpis is in use by process {pid} (gunicorn as postgres, since 2" in caught.value.message
    assert "Nothing was changed." in caught.value.hint


def test_a_plan_names_who_is_in_the_way(installed: psycopg.Connection, second: Connect, sql_copy: Path) -> None:
    (sql_copy / "0099_more.sql").write_text("set local lock_timeout = '100ms'; alter table fbs_kpis add more int;")
    host, ready = second(installed), list[fbs_db.DryRunReport]()
    with writing(host, "select from fbs_kpis"), pytest.raises(LockTimeout) as caught:
        migrations.plan(url_of(installed), directory=sql_copy, ready=ready.append)
    assert f"fbs_kpis is in use by process {host.info.backend_pid} (gunicorn" in caught.value.message
    assert "alter table fbs_kpis add more int;" in ready[0].sql


@pytest.mark.slow
def test_a_repair_names_who_is_in_the_way(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TRIES", 1)
    installed.execute("drop trigger fbs_reports_touch on fbs_reports")
    installed.commit()
    host = second(installed)
    with writing(host, "lock fbs_reports in row exclusive mode"):
        report = fbs_db.repair(url_of(installed), apply=True)
    assert [mend.done for mend in report.mends] == [False]
    assert f"fbs_reports is in use by process {host.info.backend_pid} (gunicorn" in str(report.mends[0].reason)


@pytest.mark.slow
def test_a_role_without_the_right_to_look_names_the_process_all_the_same(
    empty: psycopg.Connection, second: Connect
) -> None:
    make_users(empty)
    empty.execute("drop role if exists fbs_modest; create role fbs_modest login")
    empty.execute("grant create on schema public to fbs_modest; grant references, select on auth_user to fbs_modest")
    empty.commit()
    host = second(empty)
    with writing(host), pytest.raises(LockTimeout) as caught:
        fbs_db.migrate(url_of(empty, "fbs_modest"), user_table="auth_user")
    assert f"auth_user is in use by process {host.info.backend_pid} (gunicorn as postgres)" in caught.value.message
    empty.execute("drop owned by fbs_modest; drop role fbs_modest")
    empty.commit()


def test_the_plan_is_there_before_any_lock_and_stops_nobody(empty: psycopg.Connection, second: Connect) -> None:
    make_users(empty)
    host = second(empty)
    host.execute("set lock_timeout = '1ms'")
    ready: list[fbs_db.DryRunReport] = []

    def look(report: fbs_db.DryRunReport) -> None:
        held = host.execute(
            "select count(*) from pg_locks as l inner join pg_stat_activity as a using (pid)"
            " where a.application_name = 'fbs-db migrate --dry-run'"
            " and (l.locktype = 'advisory' or l.mode <> 'AccessShareLock' and l.locktype = 'relation')"
        )
        assert held.fetchone() == (0,)
        ready.append(report)

    with writing(second(empty)):  # which the plan does not wait for
        plan = migrations.plan(url_of(empty), user_table="auth_user", ready=look)
    assert [report.sql for report in ready] == [plan.sql]
    assert len(plan.users) == 22
    assert [(lock.migration_id, lock.table, lock.mode, lock.blocks) for lock in plan.locks] == [
        ("attach users", "auth_user", "SHARE ROW EXCLUSIVE", "writes")
    ]
    assert catalog(empty).keys() == {"relation auth_user", "index auth_user_pkey"} | {
        name for name in catalog(empty) if name.startswith(("column auth_user", "constraint auth_user"))
    }


def test_the_plan_lists_the_columns_that_the_run_ties(empty: psycopg.Connection) -> None:
    make_users(empty)
    plan = migrations.plan(url_of(empty), user_table="auth_user")
    planned = [(column.table_name, column.column_name, column.on_delete) for column in plan.users]
    report = fbs_db.migrate(url_of(empty), user_table="auth_user")
    assert planned == [(column.table_name, column.column_name, column.on_delete) for column in report.users]
    assert migrations.plan(url_of(empty), user_table="auth_user").sql == ""
    empty.execute("select fbs_detach_users()")
    empty.commit()
    again = migrations.plan(url_of(empty), user_table="auth_user")
    assert (again.pending, len(again.users)) == ((), 22)
    assert {lock.table for lock in again.locks} == {"auth_user", *(table for table, _, _ in planned)}


def test_the_planned_script_ties_users_in_psql(empty: psycopg.Connection, second: Connect) -> None:
    import subprocess

    from fbs_db.database.server import program

    make_users(empty)
    plan = migrations.plan(url_of(empty), user_table="auth_user")
    psql = str(program("psql"))
    subprocess.run([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", url_of(empty)], input=plan.sql, text=True, check=True)
    assert tied(empty) == (22, 22)
    assert fbs_db.migrate(url_of(empty), user_table="auth_user").users == ()
