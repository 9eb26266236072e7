"""Rows with dates that Python cannot hold: the error names them, and one of them breaks nothing else."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db.errors import UnreadableValue, UsageError
from tests.support import ROOT
from tests.support.connections import url_of
from tests.support.every_read import read_on, reads, sample
from tests.support.sample_rows import add, seed
from tests.support.versions import NEWEST, django_or_skip

#: Table, column, a value that Python cannot hold, and a read that meets it.
CASES = [
    ("fbs_notifications", "created_at", "infinity", "notifications.inbox"),
    ("fbs_notifications", "read_at", "10000-01-01 12:00+00", "notifications.inbox"),
    ("fbs_approval_requests", "created_at", "-infinity", "approvals.pending"),
    ("fbs_msme_compliance", "due_date", "infinity", "msme.compliance_status"),
    ("fbs_msme_compliance", "due_date", "0044-03-15 BC", "msme.compliance_status"),
    ("fbs_dms_document", "expiry_date", "5874897-12-31", "documents.overview"),
    ("fbs_app_taxcalculation", "due_date", "-infinity", "accounting.taxes"),
    ("fbs_license_manager_solution_license", "expiry_date", "infinity", "licensing.licenses"),
    ("fbs_workflow_instances", "started_at", "infinity", "workflow.runs"),
    ("fbs_request_logs", "timestamp", "294276-12-31 23:59+00", "operations.requests"),
]
#: JSON that PostgreSQL holds, and Python's reader does not.
JSON = ["'[' || repeat('9', 5000) || ']'", "repeat('[', 2500) || repeat(']', 2500)"]


@pytest.fixture
def seeded(installed: psycopg.Connection) -> psycopg.Connection:
    """A row in every table; what is added after is on nobody."""
    seed(installed)
    installed.execute("set session_replication_role = replica")
    return installed


def asked(fbs: Any, name: str) -> Any:
    group, _, read = name.partition(".")
    return read_on(fbs, group, read)(**sample(group, read))


async def asked_waiting(url: str, name: str, *, stream: bool = False) -> Any:
    async with fbs_db.connect_async(url) as fbs:
        answer = asked(fbs, name)
        return [row async for row in answer] if stream else await answer


@pytest.mark.parametrize(("table", "column", "value", "read"), CASES, ids=lambda part: part)
def test_a_date_that_python_cannot_hold_is_named_with_table_column_and_key(
    seeded: psycopg.Connection, table: str, column: str, value: str, read: str
) -> None:
    _, number = add(seeded, table, **{column: value}, **sample(*read.split(".")))
    seeded.commit()
    url, stream = url_of(seeded), f"{read}.stream"
    texts = psycopg.connect(url, cursor_factory=psycopg.ClientCursor)
    ways: list[Callable[[], Any]] = [
        lambda: asked(fbs_db.connect(seeded), read),
        lambda: asked(fbs_db.connect(seeded), read).dataframe(),
        lambda: list(asked(fbs_db.connect(seeded), stream)),
        lambda: asked(fbs_db.connect(texts), read),
        lambda: asyncio.run(asked_waiting(url, read)),
        lambda: asyncio.run(asked_waiting(url, stream, stream=True)),
    ]
    for way in ways:
        with pytest.raises(UnreadableValue, match=rf"{table}\.{column} of the row with id = {number}\b") as told:
            way()
        assert (told.value.table, told.value.column, told.value.key) == (table, column, {"id": str(number)})
        assert told.value.exit_code == 1
        assert not isinstance(told.value, UsageError)
        assert told.value.as_dict()["key"] == {"id": str(number)}
        query = told.value.hint.partition("psql: ")[2]
        assert seeded.execute(f"select ({column})::text from ({query.rstrip(';')}) as q".encode()).fetchone()
    texts.close()
    found = seeded.execute("select object, problem, found, mend from fbs_check_rows(%s)", [table]).fetchall()
    (finding,) = [one for one in found if one[0] == f"{table}.{column}"]
    assert finding[1] == "date out of range"
    assert f"id {number}: " in finding[2]
    mend = finding[3].rstrip(";")
    assert seeded.execute(f"select id from ({mend}) as q".encode()).fetchall() == [(number,)]


@pytest.mark.parametrize("text", JSON, ids=["digits", "depth"])
def test_json_that_python_cannot_hold_is_named_too(seeded: psycopg.Connection, text: str) -> None:
    seeded.execute(f"update fbs_msme_compliance set requirements = ({text})::jsonb".encode())
    with pytest.raises(UnreadableValue, match=r"fbs_msme_compliance\.requirements of the row with id = 1\b"):
        fbs_db.connect(seeded).msme.compliance_status()
    kept = f"update fbs_cache_entries set key = 'k', value = ({text})::jsonb, expires_at = now() + interval '1 h'"
    seeded.execute(kept.encode())
    with pytest.raises(UnreadableValue, match=r"fbs_cache_entries\.value of the row with key = k\b"):
        fbs_db.connect(seeded).operations.cached("k")


def test_a_row_without_a_number_is_named_by_what_it_is_asked_or_ordered_by(seeded: psycopg.Connection) -> None:
    seeded.execute("update fbs_notifications set created_at = 'infinity', user_id = null")
    seeded.execute("update fbs_license_manager_solution_license set expiry_date = 'infinity', solution_name = 'it''s'")
    with fbs_db.connect(seeded) as fbs:
        with pytest.raises(
            UnreadableValue, match=r"with user_id is null and notification_type = info and priority = "
        ) as told:
            fbs.notifications.counts()
        query = told.value.hint.partition("psql: ")[2].rstrip(";")
        assert seeded.execute(f"select count(*) from ({query}) as q".encode()).fetchone() == (1,)
        with pytest.raises(UnreadableValue, match="expiry_date of the row with solution_name = it's"):
            fbs.licensing.license("it's")


def test_an_infinite_time_is_never_taken_for_none(seeded: psycopg.Connection) -> None:
    """psycopg reads the text of an infinite interval as 0."""
    query = "create or replace view fbs_approvals_pending as {} interval 'infinity' as age from fbs_approval_requests"
    columns = "id, title, description, approval_type, requester_id, approver_id, solution_name"
    data = "request_data ->> 'model_name' as model_name, request_data ->> 'record_id' as record_id, request_data"
    seeded.execute(query.format(f"select {columns}, {data}, created_at,").encode())
    seeded.commit()
    for factory in (psycopg.Cursor, psycopg.ClientCursor):
        with (
            psycopg.connect(url_of(seeded), cursor_factory=factory) as own,
            pytest.raises(UnreadableValue, match=r"\.age "),
        ):
            fbs_db.connect(own).approvals.pending()


def test_with_dates_of_no_use_every_read_answers_or_names_one(installed_everywhere: psycopg.Connection) -> None:
    """Views calculate with them, and PostgreSQL refuses to subtract infinite dates, before 17 times too."""
    seeded = installed_everywhere
    seed(seeded)
    seeded.execute("set session_replication_role = replica")
    query = (
        "select a.attrelid::regclass::text, array_agg(quote_ident(a.attname)) from pg_attribute as a"
        " inner join pg_class as c on a.attrelid = c.oid where c.relnamespace = 'public'::regnamespace"
        " and c.relkind = 'r' and a.attnum > 0 and a.atttypid in ('date'::regtype, 'timestamptz'::regtype)"
        " group by a.attrelid order by 1"
    )
    tables: dict[str, list[str]] = dict(seeded.execute(query).fetchall())
    called = [(group, name) for group, name in reads() if not name.endswith(".stream")]
    fbs = fbs_db.connect(seeded)
    named = set()
    for value in ("infinity", "-infinity", "294276-12-31", "4713-01-01 BC"):
        with seeded.transaction(force_rollback=True):
            for table, columns in tables.items():
                sets = ", ".join(f"{column} = '{value}'" for column in columns)
                seeded.execute(f"update {table} set {sets}".encode())
            for group, name in called:
                try:
                    asked(fbs, f"{group}.{name}")
                except UnreadableValue as error:
                    named.add(error.table)
    assert len(named) > 25


def test_a_row_that_a_view_cannot_calculate_with_is_no_fault_of_the_callers(seeded: psycopg.Connection) -> None:
    seeded.execute("update fbs_workflow_definitions set estimated_duration = 2147483647")
    seeded.execute("update fbs_workflow_instances set started_at = '290000-01-01 00:00+00'")
    seeded.commit()
    stream, url = "workflow.runs.stream", url_of(seeded)
    with psycopg.connect(url, autocommit=True) as lent:
        fbs = fbs_db.connect(lent)
        ways: list[Callable[[], Any]] = [
            lambda: asked(fbs, "workflow.runs"),
            lambda: list(asked(fbs, stream)),
            lambda: asyncio.run(asked_waiting(url, "workflow.runs")),
            lambda: asyncio.run(asked_waiting(url, stream, stream=True)),
        ]
        for way in ways:
            with pytest.raises(UnreadableValue, match="with a row of fbs_workflow_runs: timestamp out of range"):
                way()
        with pytest.raises(UsageError, match="cannot take a value"):
            fbs.workflow.runs(since="2026-02-30")  # type: ignore[arg-type]


#: Reads on Django's connection, and says which error each ends in.
ON_DJANGO = """
import pickle, sys
from django.conf import settings
name, host, port, driver = sys.argv[1:]
if driver == "psycopg2":
    sys.modules["psycopg"] = None  # as where it is not installed
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": name,
    "USER": "postgres", "HOST": host, "PORT": port}}, USE_TZ=True)
import django
django.setup()
from django.db import connection
connection.ensure_connection()
if driver == "psycopg2":
    del sys.modules["psycopg"]
import fbs_db
from operator import attrgetter
told = []
with fbs_db.connect(connection) as fbs:
    for name in pickle.load(sys.stdin.buffer):
        try:
            list(attrgetter(name)(fbs)())
        except fbs_db.FbsDbError as error:
            told.append((type(error).__name__, error.table, error.column, error.key))
pickle.dump(told, sys.stdout.buffer)
"""


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_through_django_it_is_named_alike(seeded: psycopg.Connection, driver: str) -> None:
    python = django_or_skip(NEWEST)
    seeded.execute("update fbs_msme_compliance set due_date = '10000-01-01'")
    seeded.execute("update fbs_approval_requests set created_at = 'infinity', status = 'pending'")
    seeded.execute(f"update fbs_dms_document set metadata = ({JSON[0]})::jsonb".encode())
    seeded.commit()
    names = ["msme.compliance_status", "msme.compliance_status.stream", "approvals.pending", "documents.overview"]
    info = seeded.info
    words = [str(python), "-W", "error", "-c", ON_DJANGO, info.dbname, info.host, str(info.port), driver]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, input=pickle.dumps(names), capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    duty = ("UnreadableValue", "fbs_msme_compliance", "due_date", {"id": "1"})
    assert pickle.loads(done.stdout) == [
        duty,
        duty,
        ("UnreadableValue", "fbs_approval_requests", "created_at", {"id": "1"}),
        ("UnreadableValue", "fbs_dms_document", "metadata", {"id": "1"}),
    ]
