"""What holds for every read: sync and async agree, types are true, pages go on, bad input is refused."""

from __future__ import annotations

import asyncio
import itertools
import json
import pickle
import subprocess
import sys
import typing
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

import fbs_db
from fbs_db.errors import ConnectionFailed, TargetError, UsageError
from fbs_db.reads import Page
from fbs_db.reads.approvals import ApprovalsRequests
from fbs_db.reads.unreadable import home
from tests.support import ROOT
from tests.support.clones import CloneOf
from tests.support.connections import url_of
from tests.support.every_read import (
    BY_TYPE,
    GROUPS,
    fits,
    hints,
    needed,
    read_of,
    read_on,
    reads,
    sample,
    timeless,
    typed,
)
from tests.support.sample_rows import install_and_seed
from tests.support.servers import Server
from tests.support.versions import NEWEST, django_or_skip

UTC = timezone.utc


PAGES = [(group, name) for group, name in reads() if name.endswith(".stream")]


@pytest.fixture
def filled(clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """A row in every table, and in some six of a kind."""
    yield from clone_of("filled", 18, fill)


def fill(url: str) -> None:
    install_and_seed(url)
    with psycopg.connect(url) as connection:
        for table in ("fbs_notifications", "fbs_approval_requests", "fbs_request_logs", "fbs_audit_trails"):
            columns = connection.execute(
                "select string_agg(quote_ident(attname), ', ') from pg_attribute"
                " where attrelid = %s::regclass and attnum > 1 and not attisdropped",
                [table],
            ).fetchone()
            assert columns is not None
            connection.execute(
                f"insert into {table} ({columns[0]}) select {columns[0]} from {table}, generate_series(1, 5)".encode()
            )
        for group, name in PAGES:  # the samples' owner
            for owner in needed(read_of(group, name)):
                table, column = home(read_of(group, name).source, owner) or ("", "")
                connection.execute(f"update {table} set {column} = 'a'".encode())


@pytest.mark.parametrize(("group", "name"), reads(), ids=lambda part: part)
def test_every_read_answers_alike_sync_and_async_and_as_typed(
    filled: psycopg.Connection, group: str, name: str
) -> None:
    arguments = sample(group, name)
    with fbs_db.connect(filled) as fbs:
        answer = read_on(fbs, group, name)(**arguments)
        answer = list(answer) if name.endswith(".stream") else answer
    filled.rollback()

    async def read() -> Any:
        async with fbs_db.connect_async(url_of(filled)) as other:
            method = read_on(other, group, name)
            if name.endswith(".stream"):
                return [row async for row in method(**arguments)]
            return await method(**arguments)

    assert timeless(asyncio.run(read())) == timeless(answer)
    result = hints(group, name)["return"]
    if isinstance(answer, Page | list):
        for row in answer:
            held(row)
    elif answer is not None and hasattr(answer, "_fields"):
        held(answer)
    else:
        assert answer is None or fits(answer, result)


def held(row: Any) -> None:
    """Each value is of its field's type, and the row shows it."""
    typed(row)
    assert row.as_dict() == dict(zip(row._fields, row, strict=True))
    assert all(field in str(row) for field in row._fields)


def test_every_view_and_its_columns_and_every_function_has_a_comment(installed: psycopg.Connection) -> None:
    bare = installed.execute(
        "select c.relname || coalesce('.' || a.attname, '') from pg_class as c left join pg_attribute as a"
        " on c.oid = a.attrelid and a.attnum > 0 where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'"
        " and (col_description(c.oid, coalesce(a.attnum, 0)) is null or obj_description(c.oid, 'pg_class') is null)"
        " union all select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace"
        " and obj_description(oid, 'pg_proc') is null"
    ).fetchall()
    assert bare == []


SECRETS = {
    "fbs_odoo_databases": "password",
    "fbs_token_mappings": "token",
    "fbs_handshakes": "secret_key",
    "fbs_license_manager_solution_license": "license_key",
}


def test_no_read_shows_a_secret(filled: psycopg.Connection) -> None:
    for table, column in SECRETS.items():
        filled.execute(f"update {table} set {column} = 'sesame'".encode())
    with fbs_db.connect(filled) as fbs:
        for group, name in reads():
            answer = read_on(fbs, group, name)(**sample(group, name))
            shown = repr(list(answer) if isinstance(answer, Iterator) else answer)
            assert "sesame" not in shown, f"{group}.{name}"


# --- pages


@pytest.mark.parametrize(("group", "name"), PAGES, ids=lambda part: part)
def test_pages_one_after_the_other_are_all_rows_in_order(filled: psycopg.Connection, group: str, name: str) -> None:
    asked = sample(group, name)
    with fbs_db.connect(url_of(filled)) as fbs:
        every = list(read_on(fbs, group, name)(**asked))
        method = read_on(fbs, group, name.removesuffix(".stream"))
        page = method(**asked, limit=2)
        paged = list(page)
        while page.next:
            assert len(page) == 2
            page = method(**asked, after=page.next, limit=2)
            paged += page
        assert timeless(paged) == timeless(every)
        assert method(**asked, limit=len(every) or 1).next is None


def test_pages_go_on_past_ties_and_nulls(installed: psycopg.Connection) -> None:
    """Three users and nobody, two types, two priorities: counts are ordered by columns that tie and may be null."""
    installed.execute(
        "insert into fbs_notifications (title, message, user_id, notification_type, priority)"
        " select 't', 'm', nullif(n % 4, 0), case when n % 2 = 0 then 'info' else 'alert' end,"
        " case when n % 3 = 0 then 'low' else 'high' end from generate_series(1, 60) as n"
    )
    with fbs_db.connect(installed) as fbs:
        every = list(fbs.notifications.counts.stream())
        for limit in (1, 2, 3, 5):
            page = fbs.notifications.counts(limit=limit)
            paged = list(page)
            while page.next:
                page = fbs.notifications.counts(after=page.next, limit=limit)
                paged += page
            assert paged == every
    assert any(row.user_id is None for row in every)


def test_past_the_end_there_is_nothing(filled: psycopg.Connection) -> None:
    with fbs_db.connect(filled) as fbs:
        page = fbs.approvals.requests(limit=1)
        filled.execute("delete from fbs_approval_requests where id < %s", [page[0].id])
        beyond = fbs.approvals.requests(after=page.next)
        assert (list(beyond), beyond.next, str(beyond)) == ([], None, "(no rows)")


@pytest.mark.parametrize("after", ["", "x", "W10", "bm8gcGxhY2U", "[]", "\x00", "eyJhIjoxfQ", "W1siaW50IiwgIngiXV0"])
def test_what_is_not_a_page_token_is_refused(filled: psycopg.Connection, after: str) -> None:
    with fbs_db.connect(filled) as fbs, pytest.raises(UsageError, match="is not a page token of this list"):
        fbs.approvals.requests(after=after)


# --- filters and bad input


def test_filters_combine(filled: psycopg.Connection) -> None:
    with fbs_db.connect(filled) as fbs:
        [first, *_] = fbs.approvals.requests()
        both = fbs.approvals.requests(status=first.status, requester_id=first.requester_id, limit=500)
        assert first in both
        assert list(fbs.approvals.requests(status=first.status, requester_id=987)) == []
        assert list(fbs.approvals.requests(since=datetime(2100, 1, 1, tzinfo=UTC))) == []
        assert len(fbs.approvals.requests(until=datetime(2100, 1, 1, tzinfo=UTC))) == 6


@pytest.mark.parametrize("text", ["it's", '"quoted"', "100%", "%s", "\\", "'; drop table x; --", "名前", "a" * 5000])
def test_any_text_is_only_a_text(filled: psycopg.Connection, text: str) -> None:
    filled.execute(
        "update fbs_approval_requests set request_data = %s", [json.dumps({"model_name": text, "record_id": text})]
    )
    with fbs_db.connect(filled) as fbs:
        assert len(fbs.approvals.requests(model_name=text, record_id=text)) == 6
        assert list(fbs.approvals.requests(solution_name=text)) == []


def test_bad_input_is_refused_with_what_is_wrong(filled: psycopg.Connection) -> None:
    with fbs_db.connect(filled) as fbs:
        with pytest.raises(UsageError, match="solution_name has a NUL character"):
            fbs.approvals.requests(solution_name="a\0b")
        with pytest.raises(UsageError, match="since has no time zone"):
            fbs.approvals.requests(since=datetime(2026, 1, 1))
        for limit in (0, -1):
            with pytest.raises(UsageError, match="at least one row"):
                fbs.approvals.requests(limit=limit)
        with pytest.raises(UsageError, match="cannot take a value"), filled.transaction():
            fbs.approvals.requests(id="seven")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="Unknown status 'pendng'"):
            fbs.approvals.requests(status="pendng")
        with pytest.raises(UsageError, match="Unknown due_state 'overdu'") as refused:
            fbs.msme.compliance_status(due_state="overdu")
        assert refused.value.hint == "Known: met, overdue, due, later."
        assert list(fbs.approvals.requests(status="rejected")) == []  # one of the list, though no row has it


TOGETHER = [
    (group, name, column)
    for group, name in PAGES
    for column in dict.fromkeys(itertools.chain(*read_of(group, name).together))
    if column not in read_of(group, name).filters
]


@pytest.mark.parametrize(("group", "name", "column"), TOGETHER, ids=lambda part: part)
def test_what_no_index_finds_by_itself_is_asked_for_with_others(
    filled: psycopg.Connection, group: str, name: str, column: str
) -> None:
    read = read_of(group, name)
    kinds = hints(group, name)
    value = {one: BY_TYPE.get(typing.get_args(kinds[one])[0], 1) for one in itertools.chain(*read.together)}
    value |= {one: of[0] for one, of in read.known.items() if one in value}
    sets = [one for one in read.together if column in one]
    with fbs_db.connect(filled) as fbs:
        for helper in (name, name.removesuffix(".stream")):
            method = read_on(fbs, group, helper)
            with pytest.raises(UsageError, match=f"Filter {column} needs .*: no index serves") as refused:
                list(method(**{column: value[column]}))
            assert read.source in refused.value.hint
            for one in sets:
                asked = {other: value[other] for other in one}
                assert all(asked.items() <= row.as_dict().items() for row in method(**asked))
            smallest = min(sets, key=len)
            assert all(other in str(refused.value) for other in smallest)


WITH_OWNERS = [(group, name) for group, name in PAGES if not read_of(group, name).whole]


@pytest.mark.parametrize(("group", "name"), WITH_OWNERS, ids=lambda part: part)
def test_what_no_index_gives_in_order_is_asked_for_with_an_owner(
    installed: psycopg.Connection, group: str, name: str
) -> None:
    read = read_of(group, name)
    since = BY_TYPE[read.row.__annotations__[read.ranged]]
    with fbs_db.connect(installed) as fbs:
        for helper in (name, name.removesuffix(".stream")):
            method = read_on(fbs, group, helper)
            for bounds in ({}, {"since": since}):
                with pytest.raises(UsageError, match=f"{read.source} is not read without a filter. Name one: ") as told:
                    list(method(**bounds))
                assert read.source in told.value.hint
            assert list(method(**sample(group, name))) == []
    assert f"One of these is needed: {read.least}." in read_on(GROUPS, group, name.removesuffix(".stream")).__doc__


def test_filters_that_several_indexes_find_are_planned_for_their_values(installed: psycopg.Connection) -> None:
    """As many calls as it takes psycopg to have a statement prepared."""
    installed.commit()
    with fbs_db.connect(installed) as fbs:
        for _ in range(10):
            fbs.approvals.requests(requester_id=1, approval_type="expense")
            fbs.msme.compliance_status(due_state="due")  # where the condition depends on the value
        prepared = installed.execute("select statement from pg_prepared_statements").fetchall()
        assert not [one for (one,) in prepared if '"approval_type" = ' in one or "fbs_is_due_state" in one]
        for _ in range(10):
            fbs.approvals.requests(status="pending", requester_id=1)  # one index finds both
            fbs.approvals.requests(approval_type="expense")
        prepared = installed.execute("select statement from pg_prepared_statements").fetchall()
        for asked in ('where "status" = $1 and "requester_id" = $2', 'where "approval_type" = $1'):
            assert [one for (one,) in prepared if asked in one]


def test_whether_a_value_is_a_slip_is_found_out_for_that_value(installed: psycopg.Connection) -> None:
    """A plan for all values would look through the table for one that no row has."""
    installed.commit()
    with fbs_db.connect(installed) as fbs:
        for _ in range(10):
            with pytest.raises(UsageError, match="Unknown status 'opne'"):
                fbs.approvals.requests(status="opne")
        prepared = [one for (one,) in installed.execute("select statement from pg_prepared_statements")]
        assert [one for one in prepared if 'where "status" = $1' in one]
        assert not [one for one in prepared if "select true" in one]

    async def prepared_meanwhile() -> list[str]:
        async with await psycopg.AsyncConnection.connect(url_of(installed)) as own:
            waiting = fbs_db.connect_async(own)
            for _ in range(10):
                with pytest.raises(UsageError, match="Unknown status 'opne'"):
                    await waiting.approvals.requests(status="opne")
            cursor = await own.execute("select statement from pg_prepared_statements")
            return [one async for (one,) in cursor]

    prepared = asyncio.run(prepared_meanwhile())
    assert [one for one in prepared if 'where "status" = $1' in one]
    assert not [one for one in prepared if "select true" in one]


def test_nothing_for_an_argument_that_is_needed_is_null(filled: psycopg.Connection) -> None:
    with fbs_db.connect(filled) as fbs:
        assert fbs.operations.token_owner(None) is None  # type: ignore[arg-type]
        state = fbs.bi.kpi_state(1, None)  # type: ignore[arg-type]
        assert state is not None
        assert state.state == "unknown"


# --- where it reads


def test_on_a_callers_connection_everything_stays_the_callers(filled: psycopg.Connection) -> None:
    filled.execute("delete from fbs_approval_requests")
    with fbs_db.connect(filled) as fbs:
        assert list(fbs.approvals.requests()) == []  # sees what the transaction did
    assert not filled.closed
    filled.rollback()
    with fbs_db.connect(filled) as fbs:
        assert len(fbs.approvals.requests()) == 6


def test_every_read_answers_alike_with_cursors_that_put_parameters_in_themselves(filled: psycopg.Connection) -> None:
    factory: Any = psycopg.ClientCursor
    with (
        psycopg.connect(url_of(filled), cursor_factory=factory, row_factory=dict_row) as lent,
        fbs_db.connect(lent) as here,
        fbs_db.connect(url_of(filled)) as plain,
    ):
        for group, name in reads():
            answers = [read_on(fbs, group, name)(**sample(group, name)) for fbs in (here, plain)]
            found, expected = (timeless(list(one) if isinstance(one, Iterator) else one) for one in answers)
            assert found == expected, f"{group}.{name}"


def test_times_are_read_in_any_datestyle_where_there_are_no_decimals(filled: psycopg.Connection) -> None:
    with psycopg.connect(url_of(filled)) as lent, fbs_db.connect(lent) as fbs:
        expected = fbs.notifications.inbox()
        lent.execute("set datestyle = 'German'")
        assert fbs.notifications.inbox() == expected
        assert list(fbs.notifications.inbox.stream()) == list(expected)


def test_cursors_that_take_other_parameters_are_refused(filled: psycopg.Connection) -> None:
    url = url_of(filled)
    factory: Any = psycopg.RawCursor
    refused = partial(pytest.raises, UsageError, match="another cursor_factory")
    with psycopg.connect(url, cursor_factory=factory) as connection, fbs_db.connect(connection) as fbs, refused():
        fbs.approvals.requests()
    with psycopg.connect(url) as connection, fbs_db.connect(connection) as fbs:
        connection.server_cursor_factory = psycopg.RawServerCursor  # cursors of the server's have their own
        assert len(fbs.approvals.requests()) == 6
        with refused():
            next(fbs.approvals.requests.stream())


def test_cursors_of_other_kinds_without_blocking(filled: psycopg.Connection) -> None:
    async def requests(factory: type[psycopg.AsyncCursor[Any]]) -> Page[ApprovalsRequests]:
        lent = await psycopg.AsyncConnection.connect(url_of(filled), cursor_factory=factory)
        async with lent, fbs_db.connect_async(lent) as fbs:
            return await fbs.approvals.requests()

    assert len(asyncio.run(requests(psycopg.AsyncClientCursor))) == 6
    with pytest.raises(UsageError, match="another cursor_factory"):
        asyncio.run(requests(psycopg.AsyncRawCursor))


def test_our_own_connection_cannot_write(filled: psycopg.Connection) -> None:
    with fbs_db.connect(url_of(filled)) as fbs:
        assert fbs._owned is not None
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            fbs._owned.execute("delete from fbs_approval_requests")
        connection = fbs._owned
    assert connection.closed
    with pytest.raises(UsageError, match="closed"):
        fbs.approvals.requests()


def test_on_a_pool(filled: psycopg.Connection) -> None:
    pool = pytest.importorskip("psycopg_pool")
    with pool.ConnectionPool(url_of(filled), min_size=1, open=True) as connections, fbs_db.connect(connections) as fbs:
        assert len(fbs.approvals.requests()) == 6
        assert len(list(fbs.approvals.requests.stream())) == 6

    async def read() -> int:
        others = pool.AsyncConnectionPool(url_of(filled), min_size=1, open=False)
        async with others, fbs_db.connect_async(others) as fbs:
            return len(await fbs.approvals.requests())

    assert asyncio.run(read()) == 6


DJANGO = """
import sys
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": sys.argv[1],
    "USER": "postgres", "HOST": sys.argv[2], "PORT": sys.argv[3]}}, USE_TZ=True, TIME_ZONE="Africa/Nairobi")
import django
django.setup()
from django.db import connection, transaction
import fbs_db
from fbs_db.errors import UsageError
with fbs_db.connect(connection) as fbs:
    page = fbs.approvals.requests(limit=2)
    assert len(page) == 2 and page.next
    assert len(list(fbs.approvals.requests.stream())) == 6
    assert page[0].created_at.tzinfo
    with transaction.atomic():
        connection.cursor().execute("delete from fbs_approval_requests where id > 1")
        assert len(fbs.approvals.requests()) == 1
        transaction.set_rollback(True)
    assert len(fbs.approvals.requests()) == 6
    try:
        fbs.approvals.requests(id="seven")
    except UsageError as error:
        assert "cannot take a value" in str(error), error
    else:
        raise SystemExit("not refused")
    connection.cursor().execute("set datestyle = 'German'")
    try:
        fbs.approvals.requests()
    except UsageError as error:
        assert "DateStyle" in str(error), error
    else:
        raise SystemExit("read in German")
print("read")
"""


def test_on_djangos_connection(filled: psycopg.Connection) -> None:
    info = filled.info
    words = [sys.executable, "-W", "error", "-c", DJANGO, info.dbname, info.host, str(info.port)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("read\n", "")


#: Runs what it is given on Django's connection, and gives back the rows; its arguments say how Django is set up.
DJANGO_READS = """
import os, pickle, sys
from django.conf import settings
name, host, port, driver, zones = sys.argv[1:]
if driver == "psycopg2":
    sys.modules["psycopg"] = None  # as where it is not installed
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": name,
    "USER": "postgres", "HOST": host, "PORT": port}}, USE_TZ=zones == "zones", TIME_ZONE="UTC")
import django
django.setup()
from django.db import connection
from django.db.backends.postgresql.psycopg_any import is_psycopg3
assert is_psycopg3 == (driver == "psycopg")
connection.ensure_connection()
if driver == "psycopg2":
    del sys.modules["psycopg"]
import fbs_db
from operator import attrgetter
answers = []
with fbs_db.connect(connection) as fbs:
    for group, name, arguments in pickle.load(sys.stdin.buffer):
        answer = attrgetter(f"{group}.{name}")(fbs)(**arguments)
        answers.append(answer if isinstance(answer, tuple) or not hasattr(answer, "__iter__") else list(answer))
pickle.dump(answers, sys.stdout.buffer)
"""


@pytest.mark.slow
@pytest.mark.parametrize("zones", ["zones", pytest.param("no zones", marks=pytest.mark.slow)])
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_every_read_answers_alike_on_djangos_connection(filled: psycopg.Connection, driver: str, zones: str) -> None:
    python = django_or_skip(NEWEST)
    info = filled.info
    called = [(group, name, sample(group, name)) for group, name in reads()]
    words = [str(python), "-W", "error", "-c", DJANGO_READS, info.dbname, info.host, str(info.port), driver, zones]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, input=pickle.dumps(called), capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    with fbs_db.connect(url_of(filled)) as fbs:
        for (group, name, arguments), there in zip(called, pickle.loads(done.stdout), strict=True):
            answer = read_on(fbs, group, name)(**arguments)
            if not isinstance(answer, tuple) and hasattr(answer, "__iter__"):
                answer = list(answer)
            assert timeless(there) == timeless(answer), f"{group}.{name}"


def test_a_prefer_standby_string_reads_from_the_standby(filled: psycopg.Connection, pg18: Server) -> None:
    from tests.support.servers import standby_of

    with standby_of(pg18) as standby:
        hosts, ports = f"{pg18.host},{standby.host}", f"{pg18.port},{standby.port}"
        url = f"host={hosts} port={ports} user=postgres dbname={filled.info.dbname} target_session_attrs=prefer-standby"
        with fbs_db.connect(url) as fbs:
            assert fbs._owned is not None
            assert fbs._owned.execute("select pg_is_in_recovery()").fetchone() == (True,)
            assert len(fbs.approvals.requests()) == 6
            assert len(list(fbs.approvals.requests.stream())) == 6


def test_what_is_not_installed_is_told(empty: psycopg.Connection) -> None:
    with fbs_db.connect(empty) as fbs, pytest.raises(TargetError, match="not installed here"):
        fbs.approvals.requests()
    with pytest.raises(ConnectionFailed):
        fbs_db.connect("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("schema", ["fbs", 'odd "Schema" 100%'])
def test_in_any_schema(empty: psycopg.Connection, schema: str) -> None:
    empty.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    empty.commit()
    fbs_db.migrate(url_of(empty), schema=schema)
    with fbs_db.connect(url_of(empty), schema=schema) as fbs:
        for group, name in reads():
            answer = read_on(fbs, group, name)(**sample(group, name))
            if isinstance(answer, Iterator):
                assert list(answer) == []


# --- rows


def test_rows_read_well(filled: psycopg.Connection) -> None:
    with fbs_db.connect(filled) as fbs:
        page = fbs.notifications.counts()
        [row] = page
    lines = str(page).splitlines()
    assert lines[0].split()[:2] == ["user_id", "notification_type"]
    assert lines[-1] == "(1 row)"
    assert len(lines) == 3
    assert str(row).splitlines()[0].strip() == "user_id"  # nobody in particular
    assert str(row).splitlines()[3].split() == ["notifications", "6"]
    assert page.as_dicts() == [row.as_dict()]
    with pytest.raises(AttributeError):
        row.user_id = 3  # type: ignore[misc]


def test_a_dataframe_where_pandas_is(filled: psycopg.Connection) -> None:
    pandas = pytest.importorskip("pandas")
    with fbs_db.connect(filled) as fbs:
        frame = fbs.approvals.requests(limit=3).dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(ApprovalsRequests._fields)
    assert len(frame) == 3


def test_a_long_stream_comes_in_parts(filled: psycopg.Connection) -> None:
    filled.execute("insert into fbs_notifications (title, message) select 't', 'm' from generate_series(1, 2500)")
    with fbs_db.connect(filled) as fbs:
        stream = fbs.notifications.inbox.stream()
        first = next(stream)
        rest = sum(1 for _ in stream)
    assert first.title
    assert rest + 1 == 2500 + 6
