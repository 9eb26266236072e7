"""A repair builds indexes beside the running system, and leaves none unfinished however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest

import fbs_db
from fbs_db.database import indexes
from fbs_db.errors import ConnectionLost, LockTimeout
from fbs_db.reports import Progress
from tests.support.connections import Connect, url_of

Busy = Callable[[psycopg.Connection], AbstractContextManager[None]]

INDEX = "fbs_kpis_created_by_id_idx"
LONG = "fbs_app_basicledger_business_id_account_entry_date_id_idx"
#: The command, and one for which a transaction came in the way after it had looked.
COMMAND = "from fbs_db.cli import main; main()"
TOO_LATE = f"from fbs_db.database import indexes; indexes.Indexes._wait = lambda *_, **__: None; {COMMAND}"


def not_valid(connection: psycopg.Connection) -> list[str]:
    """The indexes of FBS's tables that are not valid."""
    rows = connection.execute(
        "select c.relname from pg_index as i inner join pg_class as c on i.indexrelid = c.oid"
        " where not i.indisvalid and i.indrelid::regclass::text ~ '^fbs_' order by 1"
    ).fetchall()
    connection.rollback()
    return [name for (name,) in rows]


def spoil(connection: psycopg.Connection, *names: str) -> None:
    """What an interrupted statement leaves."""
    for name in names:
        connection.execute("update pg_index set indisvalid = false where indexrelid = %s::regclass", (name,))
    connection.commit()


def wrong(report: fbs_db.CheckReport) -> set[tuple[str, str, str]]:
    return {(one.kind, one.object, one.problem) for one in report.findings if one.severity != "note"}


@contextmanager
def writer(connection: psycopg.Connection) -> Iterator[None]:
    """A long transaction that writes to the tables."""
    with connection.transaction(force_rollback=True):
        connection.execute("lock table fbs_kpis, fbs_approval_responses in row exclusive mode")
        yield


@contextmanager
def reader(connection: psycopg.Connection) -> Iterator[None]:
    """A long transaction with an old snapshot, which uses none of the tables."""
    with connection.transaction(force_rollback=True):
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("select count(*) from pg_class")
        yield


@pytest.mark.slow
@pytest.mark.parametrize("busy", [writer, reader])
@pytest.mark.parametrize("damage", ["missing", "invalid"])
def test_a_busy_table_is_named_and_nothing_is_begun(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch, busy: Busy, damage: str
) -> None:
    monkeypatch.setattr(indexes, "_PATIENCE", 0.3)
    names = ["fbs_approval_responses_approval_request_id_idx", "fbs_approval_responses_responder_id_idx"]
    if damage == "missing":
        installed.execute(f"drop index {', '.join(names)}".encode())
        installed.commit()
    else:
        spoil(installed, *names)
    before = not_valid(installed)
    other = second(installed)
    with busy(other):
        report = fbs_db.repair(url_of(installed), apply=True)
        reasons = {mend.object.partition(".")[2]: mend.reason for mend in report.mends if mend.kind == "index"}
        assert list(reasons) == names
        assert all(f"process {other.info.backend_pid} (" in reason for reason in reasons.values())
        assert not any(mend.done for mend in report.mends if mend.kind == "index")
        assert not report.check.healthy
        assert not_valid(installed) == before
    assert fbs_db.repair(url_of(installed), apply=True).check.healthy
    assert not_valid(installed) == []


@pytest.mark.slow
def test_transactions_that_end_are_waited_for(installed: psycopg.Connection, second: Connect) -> None:
    installed.execute(f"drop index {INDEX}".encode())
    installed.commit()
    other = second(installed)
    other.execute("begin")
    other.execute("update fbs_kpis set name = name")

    def end(progress: Progress) -> None:
        if f"is in use by process {other.info.backend_pid} (" in progress.text:
            other.rollback()

    assert fbs_db.repair(url_of(installed), apply=True, progress=end).check.healthy


def building(connection: psycopg.Connection) -> int:
    """Waits until an index is being built or dropped; the process that does so."""
    for _ in range(1200):
        row = connection.execute(
            "select pid from pg_stat_activity where query ~* 'index concurrently' and state = 'active'"
            " and wait_event_type = 'Lock' and pid <> pg_backend_pid() and datname = current_database()"
        ).fetchone()
        if row:
            return int(row[0])
        time.sleep(0.05)
    raise AssertionError("no index is being built")


@pytest.mark.parametrize("how", ["cancelled", "terminated", "interrupted"])
def test_a_statement_that_is_broken_off_leaves_no_index(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(indexes.Indexes, "_wait", lambda *_, **__: None)
    installed.execute(f"drop index {INDEX}".encode())
    installed.commit()
    holder, watcher = second(installed), second(installed)

    def break_off() -> None:
        pid = building(watcher)
        if how == "cancelled":
            watcher.execute("select pg_cancel_backend(%s)", (pid,))
        elif how == "terminated":
            watcher.execute("select pg_terminate_backend(%s)", (pid,))
        else:
            os.kill(os.getpid(), signal.SIGINT)

    with reader(holder):
        breaking = threading.Thread(target=break_off)
        breaking.start()
        if how == "cancelled":
            report = fbs_db.repair(url_of(installed), apply=True)
            assert [mend.reason for mend in report.mends if mend.kind == "index"] == [
                "canceling statement due to user request"
            ]
        else:
            with pytest.raises(ConnectionLost if how == "terminated" else KeyboardInterrupt):
                fbs_db.repair(url_of(installed), apply=True)
        breaking.join()
        assert not_valid(installed) == []
    assert wrong(fbs_db.check(installed)) == {("index", f"fbs_kpis.{INDEX}", "missing")}


def command(connection: psycopg.Connection, code: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", code, "--database", url_of(connection), "repair", "--apply"]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [writer, reader])
def test_a_signal_while_a_table_is_busy_leaves_no_index(
    installed: psycopg.Connection, second: Connect, busy: Busy, number: signal.Signals
) -> None:
    installed.execute(f"drop index {INDEX}".encode())
    installed.commit()
    with busy(second(installed)), command(installed, COMMAND) as process:
        assert process.stderr is not None
        assert "is in use by process" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        assert not_valid(installed) == []


def test_a_signal_while_an_index_is_built_leaves_none(installed: psycopg.Connection, second: Connect) -> None:
    installed.execute(f"drop index {INDEX}".encode())
    installed.commit()
    holder, watcher = second(installed), second(installed)
    with reader(holder), command(installed, TOO_LATE) as process:
        building(watcher)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
        assert not_valid(installed) == []


@pytest.mark.slow
def test_what_a_killed_repair_leaves_is_found_and_dropped_by_the_next(
    installed: psycopg.Connection, second: Connect
) -> None:
    spoil(installed, "fbs_kpis_pkey")
    installed.execute(f"drop index {INDEX}".encode())
    installed.commit()
    holder, watcher = second(installed), second(installed)
    with reader(holder), command(installed, TOO_LATE) as process:
        pid = building(watcher)
        process.kill()
        process.wait()
        watcher.execute("select pg_terminate_backend(%s, 30000)", (pid,))
        assert not_valid(installed) == ["fbs_kpis_pkey", "fbs_kpis_pkey_ccnew"]
    assert wrong(fbs_db.check(installed)) == {
        ("constraint", "fbs_kpis.fbs_kpis_pkey", "invalid"),
        ("index", "fbs_kpis.fbs_kpis_pkey_ccnew", "invalid"),
        ("index", f"fbs_kpis.{INDEX}", "missing"),
    }
    installed.rollback()
    assert fbs_db.repair(url_of(installed), apply=True).check.healthy
    assert not_valid(installed) == []


def test_what_is_left_of_indexes_of_fbs_goes_and_what_is_left_of_the_hosts_stays(
    installed: psycopg.Connection,
) -> None:
    ours = [f"{INDEX}_ccnew", f"{INDEX}_ccnew1", f"{INDEX}_ccold", "fbs_kpis_pkey_ccnew2"]
    for name in ours[:3]:
        installed.execute(f"create index {name} on fbs_kpis (created_by_id)".encode())
    installed.execute(f"create unique index {ours[3]} on fbs_kpis (id)".encode())
    # PostgreSQL cuts the name.
    cut = [f"{LONG[:57]}_ccnew", f"{LONG[:56]}_ccnew1"]
    for name in cut:
        installed.execute(
            f"create index {name} on fbs_app_basicledger"
            " (business_id, account, entry_date, id, account_type, reference)"
            " include (debit_amount, credit_amount)".encode()
        )
    of_host = ["of_host", "of_host_ccnew", "fbs_kpis_of_host_idx_ccnew", f"{INDEX}_ccnew3"]
    for name in of_host:
        installed.execute(f"create index {name} on fbs_kpis (unit)".encode())
    spoil(installed, INDEX, *ours, *cut, *of_host)
    assert {of for _, of, _ in wrong(fbs_db.check(installed))} == {
        f"fbs_kpis.{INDEX}",
        *(f"fbs_kpis.{name}" for name in ours),
        *(f"fbs_app_basicledger.{name}" for name in cut),
    }
    installed.rollback()
    report = fbs_db.repair(url_of(installed), apply=True)
    assert all(mend.done for mend in report.mends)
    assert report.check.healthy
    assert not_valid(installed) == sorted(of_host)


def test_what_is_left_of_a_key_is_used_or_dropped(installed: psycopg.Connection) -> None:
    installed.execute(
        "alter table fbs_odoo_databases drop constraint fbs_odoo_databases_name_key;"
        " create unique index fbs_odoo_databases_name_key on fbs_odoo_databases (name);"
        " alter table fbs_dms_document_type drop constraint fbs_dms_document_type_code_key;"
        " create unique index fbs_dms_document_type_code_key on fbs_dms_document_type (code);"
        " alter table fbs_kpis alter name drop not null;"
        " alter table fbs_kpis add constraint fbs_repair_check check (name is not null) not valid"
    )
    spoil(installed, "fbs_dms_document_type_code_key")
    report = fbs_db.repair(url_of(installed), apply=True)
    assert [mend.reason for mend in report.mends if not mend.done] == []
    assert report.check.healthy


def test_what_somebody_else_has_under_the_name_of_a_key_is_for_a_person_to_decide(
    installed: psycopg.Connection,
) -> None:
    installed.execute(
        "alter table fbs_odoo_databases drop constraint fbs_odoo_databases_name_key;"
        " create index fbs_odoo_databases_name_key on fbs_odoo_databases (host)"
    )
    installed.commit()
    [mend] = fbs_db.repair(url_of(installed), apply=True).mends
    assert not mend.safe
    assert mend.reason.startswith("Its name is taken")
    assert installed.execute("select to_regclass('fbs_odoo_databases_name_key')").fetchone() != (None,)


def test_it_is_mended_where_a_second_look_says_so(installed: psycopg.Connection) -> None:
    installed.execute(
        "alter table fbs_kpis disable trigger fbs_kpis_touch;"
        "create function undo() returns event_trigger language plpgsql as"
        " $$ begin update pg_trigger set tgenabled = 'D' where tgname = 'fbs_kpis_touch'; end $$;"
        "create event trigger undo on ddl_command_end when tag in ('ALTER TABLE') execute function undo()"
    )
    installed.commit()
    report = fbs_db.repair(url_of(installed), apply=True)
    assert [(mend.done, mend.reason) for mend in report.mends] == [(False, "It is still disabled.")]
    assert not report.check.healthy


@pytest.mark.slow
def test_it_says_that_repairs_ran_where_it_cannot_look_again(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbs_db.database.session.READER_TIMEOUT", "200ms")
    installed.execute("alter table fbs_kpis disable trigger fbs_kpis_touch")
    installed.commit()
    other = second(installed)

    def lock(progress: Progress) -> None:
        if progress.text == "trigger fbs_kpis.fbs_kpis_touch":
            other.execute("begin")
            other.execute("lock table fbs_settings")

    with pytest.raises(LockTimeout, match="1 repair ran; the check of the result failed") as raised:
        fbs_db.repair(url_of(installed), apply=True, progress=lock)
    assert "Nothing was changed" not in str(raised.value)
    other.execute("rollback")
    assert fbs_db.check(url_of(installed)).healthy
