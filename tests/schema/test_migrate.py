"""Applying, undoing, planning: from Python, on our own connection and on a caller's."""

from __future__ import annotations

import logging
import subprocess
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import fbs_db
from fbs_db import files
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.server import program
from fbs_db.database.session import Session
from fbs_db.errors import (
    EditedMigration,
    LockTimeout,
    MigrationFailed,
    MissingMigration,
    MissingRollback,
    NameTaken,
    UsageError,
)
from fbs_db.reports import Progress
from fbs_db.schema import migrate as migrations
from fbs_db.schema.history import Applied, history_of
from fbs_db.schema.rollback import rollback_plan
from tests.support.catalog import catalog
from tests.support.connections import Connect, url_of

ALL = [file.id for file in files.load()]


def write(directory: Path, name: str, up: str, down: str | None = "select 1;") -> None:
    (directory / f"{name}.sql").write_text(up)
    if down is not None:
        (directory / f"{name}.rollback.sql").write_text(down)


def log(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("select operation, migration_id from fbs_migration_log order by id").fetchall()


def test_everything_is_applied_in_order_and_recorded(empty: psycopg.Connection) -> None:
    report = fbs_db.migrate(url_of(empty))
    assert [(step.operation, step.migration_id) for step in report.steps] == [("apply", name) for name in ALL]
    assert report.current == ALL[-1]
    history = empty.execute(
        "select migration_id, checksum, applied_by, fbs_db_version from fbs_migrations order by applied_at"
    ).fetchall()
    expected = [(file.id, file.checksum, "postgres", fbs_db.__version__) for file in files.load()]
    assert history == expected
    assert log(empty) == [("apply", name) for name in ALL]


def test_again_there_is_nothing_to_do(installed: psycopg.Connection) -> None:
    before = catalog(installed)
    report = fbs_db.migrate(url_of(installed))
    assert report.steps == ()
    assert report.current == ALL[-1]
    assert catalog(installed) == before


def test_the_history_is_read_before_the_lock_and_once_under_it(
    empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bool] = []

    def counted(session: Session) -> list[Applied]:
        reads.append(session.holds_lock())
        return history_of(session)

    monkeypatch.setattr("fbs_db.schema.run.history_of", counted)
    assert fbs_db.migrate(url_of(empty)).steps
    assert reads == [False, True]
    reads.clear()
    assert fbs_db.migrate(url_of(empty)).steps == ()
    assert reads == [False]
    assert fbs_db.rollback(url_of(empty)).steps
    assert reads == [False, False, True]


@pytest.mark.slow
def test_down_and_up_again_file_by_file(empty_everywhere: psycopg.Connection) -> None:
    url = url_of(empty_everywhere)
    states = [catalog(empty_everywhere)]
    for name in ALL:
        fbs_db.migrate(url, to=name)
        states.append(catalog(empty_everywhere))
    assert len({len(state) for state in states}) == len(ALL) + 1, "each file makes something"
    for number in range(len(ALL), 0, -1):
        report = fbs_db.rollback(url)
        assert [step.migration_id for step in report.steps] == [ALL[number - 1]]
        assert catalog(empty_everywhere) == states[number - 1]
    fbs_db.migrate(url)
    assert catalog(empty_everywhere) == states[-1]


def test_rollback_down_to_one_and_to_nothing(installed: psycopg.Connection) -> None:
    url = url_of(installed)
    assert [step.migration_id for step in fbs_db.rollback(url, to="0008").steps] == ALL[:7:-1]
    assert log(installed)[-1] == ("rollback", ALL[8])
    assert fbs_db.rollback(url, to="0008").steps == ()
    installed.commit()  # reading the log held a lock on it
    assert [step.migration_id for step in fbs_db.rollback(url, everything=True).steps] == ALL[7::-1]
    assert fbs_db.rollback(url, everything=True).steps == ()
    assert [name for name in catalog(installed) if "fbs" in name] == []


def test_rollback_to_what_is_not_applied(empty: psycopg.Connection) -> None:
    fbs_db.migrate(url_of(empty), to="0003")
    with pytest.raises(UsageError, match="0005_bi_models is not applied"):
        fbs_db.rollback(url_of(empty), to="0005")


def test_status_tells_applied_from_pending(empty: psycopg.Connection) -> None:
    assert fbs_db.status(url_of(empty)).pending == tuple(ALL)
    fbs_db.migrate(url_of(empty), to="0004_workflow_models")
    report = fbs_db.status(url_of(empty))
    assert [row.state for row in report.migrations] == ["applied"] * 4 + ["pending"] * (len(ALL) - 4)
    assert report.migrations[2].component == "msme"
    assert report.migrations[2].applied_by == "postgres"
    assert report.migrations[4].applied_at is None
    assert report.problems == ()


def test_an_edited_file_stops_everything_until_it_is_accepted(installed: psycopg.Connection, sql_copy: Path) -> None:
    url, path = url_of(installed), sql_copy / "0003_msme_models.sql"
    old = files.load()[2].checksum
    path.write_text(path.read_text() + "\n-- an afterthought\n")
    new = files.load(sql_copy)[2].checksum
    write(sql_copy, "0099_more", "create table fbs_more (id int);", "drop table fbs_more;")
    before = catalog(installed)
    for call in (fbs_db.migrate, migrations.plan, fbs_db.rollback):
        with pytest.raises(EditedMigration) as caught:
            call(url, directory=sql_copy)
        text = str(caught.value)
        assert all(part in text for part in (str(path), old, new, " accept 0003_msme_models"))
        assert caught.value.exit_code == 1
    report = fbs_db.status(url, directory=sql_copy)
    assert [row.migration_id for row in report.migrations if row.state == "edited"] == ["0003_msme_models"]
    assert isinstance(report.problems[0], EditedMigration)
    assert catalog(installed) == before

    with pytest.raises(UsageError, match=r"Not applied.*0099_more"):
        fbs_db.accept(["0099"], url, directory=sql_copy)
    accepted = fbs_db.accept(["0003", "0004"], url, directory=sql_copy)
    assert [step.migration_id for step in accepted.steps] == ["0003_msme_models"]
    assert log(installed)[-1] == ("accept", "0003_msme_models")
    installed.commit()
    assert [step.migration_id for step in fbs_db.migrate(url, directory=sql_copy).steps] == ["0099_more"]


def test_an_applied_file_that_is_missing_stops_everything(installed: psycopg.Connection, sql_copy: Path) -> None:
    for path in sql_copy.glob("0046_*"):
        path.unlink()
    write(sql_copy, "0099_more", "create table fbs_more (id int);")
    before = catalog(installed)
    for call in (fbs_db.migrate, fbs_db.rollback):
        with pytest.raises(MissingMigration, match="0046_document_approval_views") as caught:
            call(url_of(installed), directory=sql_copy)
        assert f"fbs-db {fbs_db.__version__} applied it" in caught.value.hint
    assert fbs_db.status(url_of(installed), directory=sql_copy).migrations[-1].state == "missing"
    assert catalog(installed) == before


def test_without_a_rollback_file_nothing_is_undone(installed: psycopg.Connection, sql_copy: Path) -> None:
    (sql_copy / "0010_document_models.rollback.sql").unlink()
    before = catalog(installed)
    with pytest.raises(MissingRollback, match=r"0010_document_models cannot be rolled back.*rollback\.sql"):
        fbs_db.rollback(url_of(installed), to="0009", directory=sql_copy)
    assert catalog(installed) == before


@pytest.mark.parametrize(
    ("statement", "line", "said"),
    [
        ("create table fbs_x (id int);\n\nselect * frm y;", 6, 'syntax error at or near "frm"'),
        ("create table fbs_x (id int);\n\ncreate table fbs_x (id int);", 6, 'relation "fbs_x" already exists'),
        ("do $$ begin\n    perform 1 / 0;\nend $$;", 4, "division by zero"),
        ("insert into fbs_kpis (id) values (null);", 4, 'null value in column "id" of relation "fbs_kpis"'),
        ("insert into fbs_odoo_databases (id) values (1), (1);", 4, "null value in column"),
        ("alter table fbs_nowhere add x int;", 4, 'relation "fbs_nowhere" does not exist'),
    ],
)
def test_a_statement_that_fails_is_named_and_nothing_stays(
    installed: psycopg.Connection, sql_copy: Path, statement: str, line: int, said: str
) -> None:
    write(sql_copy, "0098_good", "create table fbs_good (id int);")
    write(sql_copy, "0099_bad", f"-- component: core\n/* ; */ -- ;\nselect ';';\n{statement}\n")
    before = catalog(installed)
    with pytest.raises(MigrationFailed) as caught:
        fbs_db.migrate(url_of(installed), directory=sql_copy)
    error = caught.value
    assert error.message.startswith(f"0099_bad.sql, line {line}: ")
    assert said in error.message
    assert error.exit_code == 1
    assert len(error.sqlstate) == 5
    assert error.statement in statement
    assert error.statement
    assert catalog(installed) == before


def test_the_callers_connection_is_given_back_as_it_was(empty: psycopg.Connection) -> None:
    empty.autocommit = True
    empty.row_factory = dict_row  # type: ignore[assignment]
    empty.execute("set search_path = pg_catalog")
    empty.execute("set lock_timeout = '7s'")
    assert len(fbs_db.migrate(empty).steps) == len(ALL)
    assert fbs_db.status(empty).pending == ()
    assert len(fbs_db.tables(empty)) > 49
    assert empty.autocommit
    assert empty.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    empty.row_factory = psycopg.rows.tuple_row
    settings = empty.execute("select current_setting('search_path'), current_setting('lock_timeout')")
    assert settings.fetchone() == ("pg_catalog", "7s")
    assert fbs_db.rollback(empty, everything=True).current == ""
    assert not empty.closed


@pytest.mark.slow
def test_in_a_callers_transaction_the_caller_decides(empty: psycopg.Connection, second: Connect) -> None:
    other = second(empty)
    fbs_db.migrate(empty, to="0001")  # not in autocommit: this begins the caller's transaction
    empty.execute("set local search_path = pg_catalog")
    fbs_db.migrate(empty)
    assert catalog(other) == {}
    assert empty.execute("show search_path").fetchone() == ("pg_catalog",)
    with pytest.raises(LockTimeout, match="Another migration of schema public is running"):
        fbs_db.migrate(url_of(empty), wait=0.2)
    empty.rollback()
    assert catalog(other) == {}

    fbs_db.migrate(empty)
    empty.commit()
    assert fbs_db.status(other).pending == ()


def test_a_failure_leaves_the_callers_transaction_usable(empty: psycopg.Connection, sql_copy: Path) -> None:
    empty.execute("create table mine (id int)")
    write(sql_copy, "0099_bad", "select 1 / 0;")
    with pytest.raises(MigrationFailed):
        fbs_db.migrate(empty, directory=sql_copy)
    empty.execute("insert into mine values (1)")
    empty.commit()
    assert [name for name in catalog(empty) if name.startswith("relation")] == ["relation mine"]


def test_connections_that_cannot_be_used_are_refused(empty: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error):
        empty.execute("nonsense")
    with pytest.raises(UsageError, match="transaction has failed"):
        fbs_db.migrate(empty)
    empty.close()
    with pytest.raises(UsageError, match="closed"):
        fbs_db.migrate(empty)


def test_another_migration_is_waited_for_and_named(empty: psycopg.Connection, second: Connect) -> None:
    holder = second(empty)
    holder.execute("set application_name = 'someone else'")
    said: list[Progress] = []
    with Session(holder, "public", DatabaseConfig()).lock():
        with pytest.raises(LockTimeout) as caught:
            fbs_db.migrate(url_of(empty), wait=0.3)
        assert f"process {holder.info.backend_pid} (someone else as postgres, since 2" in str(caught.value)
        release = threading.Event()
        thread = threading.Thread(target=fbs_db.migrate, args=(url_of(empty),), kwargs={"progress": said.append})
        thread.start()
        while not said:
            release.wait(0.01)
    thread.join(60)
    assert said[0].kind == "wait"
    assert "someone else" in said[0].text
    assert fbs_db.status(url_of(empty)).pending == ()


def test_other_schemas_are_migrated_meanwhile(empty: psycopg.Connection, second: Connect) -> None:
    empty.execute("create schema elsewhere")
    empty.commit()
    with Session(second(empty), "public", DatabaseConfig()).lock():
        fbs_db.migrate(url_of(empty), schema="elsewhere", wait=0)


def test_a_held_table_is_tried_again(installed: psycopg.Connection, sql_copy: Path, second: Connect) -> None:
    write(sql_copy, "0099_more", "set local lock_timeout = '100ms'; alter table fbs_kpis add x int;")
    said: list[Progress] = []
    holder = second(installed)
    with holder.transaction():
        holder.execute("lock fbs_kpis in access share mode")
        thread = threading.Thread(
            target=fbs_db.migrate,
            args=(url_of(installed),),
            kwargs={"directory": sql_copy, "progress": said.append},
        )
        thread.start()
        while not any(event.kind == "wait" for event in said):
            threading.Event().wait(0.01)
    thread.join(60)
    assert next(event for event in said if event.kind == "wait").text.endswith("trying again (1 of 4)")
    assert "column fbs_kpis.16 x" in catalog(installed)


def test_progress_names_each_file_as_it_begins_and_ends(empty: psycopg.Connection) -> None:
    said: list[Progress] = []
    fbs_db.migrate(url_of(empty), to="0002", progress=said.append)
    assert [(event.kind, event.migration_id) for event in said] == [
        (kind, name) for name in ALL[:2] for kind in ("begin", "end")
    ]
    assert said[1].seconds > 0


def test_notices_of_the_server_are_logged(
    empty: psycopg.Connection, sql_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(sql_copy, "0099_talk", "do $$ begin raise notice 'half way'; raise warning 'beware'; end $$;")
    with caplog.at_level(logging.INFO, logger="fbs_db"):
        fbs_db.migrate(url_of(empty), directory=sql_copy)
    noticed = [record for record in caplog.records if record.getMessage().startswith("PostgreSQL: ")]
    assert [(record.levelname, record.getMessage()) for record in noticed] == [
        ("INFO", "PostgreSQL: half way"),
        ("WARNING", "PostgreSQL: beware"),
    ]


def test_the_plan_is_a_script_that_does_the_same_in_psql(
    empty: psycopg.Connection, installed: psycopg.Connection
) -> None:
    plan = migrations.plan(url_of(empty))
    assert plan.pending == tuple(ALL)
    assert plan.untried == ()
    assert plan.locks == ()
    assert catalog(empty) == {}, "a plan changes nothing"
    psql = program("psql")
    assert psql
    subprocess.run([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", url_of(empty)], input=plan.sql, text=True, check=True)
    assert catalog(empty) == catalog(installed)
    assert fbs_db.status(url_of(empty)).pending == ()


def test_the_plan_names_the_locks_on_tables_that_exist(installed: psycopg.Connection, sql_copy: Path) -> None:
    installed.execute("create schema host; create table host.people (id bigint primary key)")
    installed.commit()
    write(
        sql_copy,
        "0099_more",
        "create table fbs_more (id bigint references host.people);\n"
        "create index fbs_more_idx on fbs_more (id);\n"
        "create index fbs_kpis_name_idx on fbs_kpis (name);",
    )
    before = catalog(installed)
    plan = migrations.plan(url_of(installed), directory=sql_copy)
    locks = {(lock.table, lock.mode, lock.blocks) for lock in plan.locks if lock.migration_id == "0099_more"}
    assert ("host.people", "SHARE ROW EXCLUSIVE", "writes") in locks
    assert ("fbs_kpis", "SHARE", "writes") in locks
    assert ("fbs_migrations", "ROW EXCLUSIVE", "nothing") in locks
    assert {table for table, _, _ in locks} == {"host.people", "fbs_kpis", "fbs_migrations", "fbs_migration_log"}
    assert catalog(installed) == before


def test_the_plan_of_a_rollback_is_a_script_too(installed: psycopg.Connection, empty: psycopg.Connection) -> None:
    plan = rollback_plan(url_of(installed), everything=True)
    assert plan.pending == tuple(ALL[::-1])
    psql = program("psql")
    assert psql
    subprocess.run(
        [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", url_of(installed)], input=plan.sql, text=True, check=True
    )
    assert catalog(installed) == catalog(empty)


CONCURRENT = "-- transactional: false\ncreate index concurrently if not exists fbs_kpis_name_idx on fbs_kpis (name);"


def test_a_file_outside_transactions_stands_alone(installed: psycopg.Connection, sql_copy: Path) -> None:
    write(sql_copy, "0097_before", "create table fbs_before (id int);")
    write(sql_copy, "0098_index", CONCURRENT, "drop index fbs_kpis_name_idx;")
    write(sql_copy, "0099_bad", "select 1 / 0;")
    plan = migrations.plan(url_of(installed), directory=sql_copy)
    assert plan.untried == ("0098_index", "0099_bad")
    assert "begin;\n\n" in plan.sql.split("concurrently")[1]
    installed.autocommit = True
    with pytest.raises(MigrationFailed, match="0099_bad"):
        fbs_db.migrate(installed, directory=sql_copy)
    assert fbs_db.status(installed, directory=sql_copy).pending == ("0099_bad",)
    assert "index fbs_kpis_name_idx" in catalog(installed)
    assert installed.execute("show search_path").fetchone() == ('"$user", public',)
    fbs_db.rollback(installed, to="0097", directory=sql_copy)
    installed.autocommit = False
    with pytest.raises(UsageError, match="0098_index runs outside a transaction"):
        fbs_db.migrate(installed, to="0098", directory=sql_copy)


def test_an_index_left_invalid_is_made_anew(installed: psycopg.Connection, sql_copy: Path, second: Connect) -> None:
    installed.execute(
        "insert into fbs_odoo_databases (name, host, username, password)"
        " values ('a', 'h', 'u', 'p'), ('b', 'h', 'u', 'p')"
    )
    installed.commit()
    write(
        sql_copy,
        "0099_index",
        "-- transactional: false\n"
        "create unique index concurrently if not exists fbs_x_idx on fbs_odoo_databases (host);",
    )
    with pytest.raises(MigrationFailed, match="could not create unique index"):
        fbs_db.migrate(url_of(installed), directory=sql_copy)
    invalid = "select count(*) from pg_index where not indisvalid"
    other = second(installed)
    assert other.execute(invalid).fetchone() == (1,)
    other.execute("update fbs_odoo_databases set host = name")
    said: list[Progress] = []
    fbs_db.migrate(url_of(installed), directory=sql_copy, progress=said.append)
    assert other.execute(invalid).fetchone() == (0,)
    assert "dropping fbs_x_idx, left invalid by an interrupted run" in [event.text for event in said]


def test_names_that_are_taken_are_told_before_anything_happens(empty: psycopg.Connection) -> None:
    empty.execute("create table fbs_kpis (mine int); create view fbs_charts as select 1")
    empty.commit()
    before = catalog(empty)
    with pytest.raises(NameTaken, match="which fbs-db did not create: fbs_charts, fbs_kpis"):
        fbs_db.migrate(url_of(empty))
    assert catalog(empty) == before


def test_a_role_that_is_no_superuser_can_migrate(empty: psycopg.Connection) -> None:
    empty.execute("drop role if exists fbs_modest; create role fbs_modest login")
    empty.execute("grant create on schema public to fbs_modest")
    empty.commit()
    url = url_of(empty, "fbs_modest")
    assert len(fbs_db.migrate(url).steps) == len(ALL)
    assert fbs_db.rollback(url, everything=True).current == ""
    empty.execute("revoke all on schema public from fbs_modest; drop role fbs_modest")
    empty.commit()
