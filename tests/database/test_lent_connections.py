"""Lent connections in pipeline mode and of other encodings, and databases of other encodings."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.errors import TargetError, UnreadableValue, UsageError
from tests.support.connections import url_of
from tests.support.every_read import read_on, reads, sample, timeless
from tests.support.sample_rows import seed
from tests.support.servers import Server

#: The public functions that take a database, and so a connection; those that read are for themselves.
FUNCTIONS = [
    name
    for name in fbs_db.__all__
    if inspect.isfunction(one := getattr(fbs_db, name))
    and "database" in inspect.signature(one).parameters
    and not name.startswith("connect")
]


def arguments(function: Any) -> dict[str, Any]:
    """Something for each parameter that needs it."""
    given = inspect.signature(function).parameters.values()
    others = {"names": [], "stop": threading.Event()}
    return {
        one.name: others.get(one.name, "fbs_kpis")
        for one in given
        if one.default is inspect.Parameter.empty and one.name != "database"
    }


# --- pipeline mode


@pytest.mark.parametrize("autocommit", [False, True])
def test_in_pipeline_mode_functions_refuse_and_leave_the_pipeline_as_it_is(
    installed: psycopg.Connection, autocommit: bool
) -> None:
    assert {"check", "list_hosts", "migrate", "purge", "sweep_orphans", "write_docs"} <= set(FUNCTIONS)
    with psycopg.connect(url_of(installed), autocommit=autocommit) as lent, lent.pipeline():
        before = lent.execute("select 1")
        for name in FUNCTIONS:
            function = getattr(fbs_db, name)
            with pytest.raises(UsageError, match=r"^The connection is in pipeline mode\."):
                function(**arguments(function), database=lent)
        after = lent.execute("select 2")
        assert (before.fetchone(), after.fetchone()) == ((1,), (2,))


def test_in_pipeline_mode_reads_answer_and_streams_refuse(installed: psycopg.Connection) -> None:
    seed(installed)

    async def waiting() -> list[Any]:
        async with await psycopg.AsyncConnection.connect(url_of(installed)) as lent, lent.pipeline():
            fbs, found = fbs_db.connect_async(lent), []
            for group, name in reads():
                method = read_on(fbs, group, name)
                if name.endswith(".stream"):
                    with pytest.raises(UsageError, match="in pipeline mode"):
                        assert [row async for row in method(**sample(group, name))]
                else:
                    found.append(await method(**sample(group, name)))
            return found

    with psycopg.connect(url_of(installed)) as lent, lent.pipeline():
        fbs, found = fbs_db.connect(lent), []
        for group, name in reads():
            method = read_on(fbs, group, name)
            if name.endswith(".stream"):
                with pytest.raises(UsageError, match="in pipeline mode"):
                    list(method(**sample(group, name)))
            else:
                found.append(method(**sample(group, name)))
        with pytest.raises(UsageError, match="Unknown status 'nope'"):
            fbs.approvals.requests(status="nope")
    plain = fbs_db.connect(installed)
    expected = [
        read_on(plain, group, name)(**sample(group, name)) for group, name in reads() if not name.endswith(".stream")
    ]
    assert [timeless(one) for one in found] == [timeless(one) for one in expected]
    assert [timeless(one) for one in asyncio.run(waiting())] == [timeless(one) for one in expected]


# --- encodings

#: Latin 1 has the first, and not the second.
NAMES = ("Grüße", "漢字 €")


def database_in(server: Server, encoding: str) -> Iterator[str]:
    """URL of an empty database in an encoding."""
    name = f"fbs_in_{encoding.lower()}"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        make = "create database {} encoding {} template template0 locale 'C'"
        admin.execute(sql.SQL(make).format(sql.Identifier(name), sql.Literal(encoding)))
        yield server.url(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def other(request: pytest.FixtureRequest, pg18: Server) -> Iterator[str]:
    yield from database_in(pg18, request.param)


def use_everything(url: str, lent: psycopg.Connection, title: str) -> None:
    """A host with a name beyond ASCII: attached, checked, cleaned up after, read."""
    fbs_db.migrate(lent, user_table="people")
    for _ in range(2):  # the second time, what is there is found
        fbs_db.attach_host("höste", "pérsons.tenant", lent)
    assert [(host.table, host.model_name) for host in fbs_db.list_hosts(lent)] == [('"höste"', "pérsons.tenant")]
    if not lent.autocommit:
        lent.commit()
    with psycopg.connect(url, client_encoding="utf8", autocommit=True) as own:
        own.execute("insert into höste values (5)")
        columns = "model_name, record_id, field_name, field_type, field_value"
        own.execute(
            f"insert into fbs_custom_fields ({columns}) values ('pérsons.tenant', 5, 'n', 'char', %s)".encode(), [title]
        )
        own.execute(
            "insert into fbs_notifications (title, message, solution_name) values (%s, 'é', %s)", [title, title]
        )
        own.execute(
            "insert into fbs_msme_compliance (solution_name, compliance_type, due_date, requirements)"
            " values ('a', 'tax', now(), jsonb_build_array(%s::text))",
            [title],
        )
        report = fbs_db.check(lent, data=True)
        assert report.healthy, report.findings
        assert own.execute("select count(*) from fbs_cleanup_queue").fetchone() == (0,)
        assert [one.orphans for one in fbs_db.sweep_orphans(lent)] == [0]
        assert {one.name for one in fbs_db.tables(lent)} >= {"fbs_kpis"}
        fbs_db.describe("fbs_kpis", lent)
        assert fbs_db.cleanup_status(lent).as_dict()
        fbs = fbs_db.connect(lent)
        (row,) = fbs.notifications.inbox(solution_name=title)
        assert (row.title, row.message, row.solution_name) == (title, "é", title)
        assert [row.title for row in fbs.notifications.inbox.stream()] == [title]
        assert [row.field_value for row in fbs.custom_fields.values(model_name="pérsons.tenant")] == [title]
        assert fbs.msme.compliance_status()[0].requirements == [title]
        own.execute("delete from höste")
        left = own.execute("select (select count(*) from fbs_custom_fields), (select count(*) from fbs_cleanup_queue)")
        assert left.fetchone() == (0, 0)
    if not lent.autocommit:
        lent.rollback()


@pytest.fixture
def host(empty: psycopg.Connection) -> str:
    return url_of(empty)


def make_host(url: str) -> None:
    with psycopg.connect(url, client_encoding="utf8") as own:
        own.execute("create table people (id int primary key)")
        own.execute("create table höste (id int primary key)")


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_lent_connection_of_another_encoding_works(host: str, encoding: str, autocommit: bool) -> None:
    make_host(host)
    with psycopg.connect(host, client_encoding=encoding, autocommit=autocommit) as lent:
        use_everything(host, lent, NAMES[1])
        assert lent.info.parameter_status("client_encoding") == encoding


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "UTF8"])
def test_a_database_of_another_encoding_works(other: str, encoding: str) -> None:
    make_host(other)
    with psycopg.connect(other, client_encoding=encoding, autocommit=True) as lent:
        use_everything(other, lent, NAMES[0])
        assert lent.info.parameter_status("client_encoding") == encoding


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_reading_without_blocking_in_another_encoding(installed: psycopg.Connection, encoding: str) -> None:
    installed.execute("insert into fbs_notifications (title, message) values (%s, 'm')", [NAMES[1]])
    installed.commit()

    async def read(autocommit: bool) -> None:
        async with await psycopg.AsyncConnection.connect(
            url_of(installed), client_encoding=encoding, autocommit=autocommit
        ) as lent:
            fbs = fbs_db.connect_async(lent)
            assert [row.title for row in await fbs.notifications.inbox()] == [NAMES[1]]
            assert [row.title async for row in fbs.notifications.inbox.stream()] == [NAMES[1]]
            with pytest.raises(UsageError, match=f"Unknown notification_type '{NAMES[1]}'"):
                await fbs.notifications.inbox(notification_type=NAMES[1])
            assert lent.info.parameter_status("client_encoding") == encoding

    for autocommit in (True, False):
        asyncio.run(read(autocommit))


def test_after_a_failed_read_the_encoding_is_the_callers(installed: psycopg.Connection) -> None:
    with psycopg.connect(url_of(installed), client_encoding="latin1") as lent:
        fbs = fbs_db.connect(lent)
        with pytest.raises(UsageError, match="cannot take a value"):
            fbs.accounting.cash_position("a", on_date="no day")  # type: ignore[arg-type]
        lent.rollback()
        assert lent.info.parameter_status("client_encoding") == "LATIN1"
        with pytest.raises(UsageError, match="cannot take a value"), lent.transaction():
            fbs.accounting.cash_position("a", on_date="no day")  # type: ignore[arg-type]
        assert lent.info.parameter_status("client_encoding") == "LATIN1"


def test_in_pipeline_mode_and_another_encoding_reads_refuse(installed: psycopg.Connection) -> None:
    with psycopg.connect(url_of(installed), client_encoding="latin1") as lent, lent.pipeline():
        with pytest.raises(UsageError, match="in pipeline mode"):
            fbs_db.connect(lent).notifications.inbox()
        assert lent.execute("show client_encoding").fetchone() == ("LATIN1",)


def test_what_the_databases_encoding_lacks_is_refused_and_nothing_is_lost(other: str) -> None:
    make_host(other)
    fbs_db.migrate(other)
    with psycopg.connect(other, autocommit=True) as lent:
        if lent.info.parameter_status("server_encoding") == "LATIN1":
            with pytest.raises(TargetError, match='has no equivalent in encoding "LATIN1"'):
                fbs_db.attach_host("höste", NAMES[1], lent)
            assert fbs_db.list_hosts(lent) == []
            with pytest.raises(UsageError, match='has no equivalent in encoding "LATIN1"'):
                fbs_db.connect(lent).notifications.inbox(solution_name=NAMES[1])
            return
        # SQL_ASCII takes any bytes: those that are no UTF-8 are told, not guessed at.
        lent.execute(b"insert into fbs_notifications (title, message) values ('caf\xe9', 'm')")
        with pytest.raises(UnreadableValue, match="0xe9") as told:
            fbs_db.connect(lent).notifications.inbox()
        assert "SQL_ASCII" in told.value.hint
        lent.execute(
            b"insert into fbs_hosts (host_table, model_name, key_column, key_is_unique, follows_keys)"
            b" values ('people', 'caf\xe9', 'id', true, false)"
        )
        with pytest.raises(UnreadableValue, match="0xe9") as told:
            fbs_db.list_hosts(lent)
        assert "SQL_ASCII" in told.value.hint
