"""An upgrade while the package of the release before still runs, and each package on the other's schema."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db import files
from fbs_db.errors import FbsDbError, MissingMigration, TargetError
from fbs_db.health.repair import repair
from tests.support import ROOT
from tests.support.commands import run
from tests.support.connections import url_of
from tests.support.every_read import read_on, reads, sample
from tests.support.next_release import FILE, FIRST, VERSION, Package, next_package
from tests.support.projects import Project
from tests.support.sample_rows import LISTED, MODEL, add
from tests.support.servers import Server

NOW = fbs_db.__version__
BOTH = f"is of fbs-db {VERSION}, and this is fbs-db {NOW}"
INSTALL = f"pip install 'fbs-db>={VERSION}'"
HOSTS = 2000
TABLES = [table["table"] for table in LISTED]


@pytest.fixture(scope="module", params=[pytest.param(15, marks=pytest.mark.old_postgres), 18], ids=["pg15", "pg18"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"pg{request.param}")
    return found


@pytest.fixture(scope="module")
def package(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Package:
    return next_package(tmp_path_factory.mktemp("next") / "package", server)


@pytest.fixture(scope="module")
def worlds(server: Server, package: Package) -> Iterator[tuple[str, str]]:
    """Names of two databases with users, a host table and a row in every table: of the first release, and upgraded."""
    first = server.create()
    with psycopg.connect(server.url(first), autocommit=True) as connection:
        _filled(connection, "public")
    upgraded = server.create(template=first)
    package.fbs_db(server.url(upgraded), "migrate")
    yield first, upgraded
    server.drop(first, upgraded)


@pytest.fixture
def first(server: Server, worlds: tuple[str, str]) -> Iterator[psycopg.Connection]:
    """The first release's schema."""
    with server.database(worlds[0]) as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def upgraded(server: Server, worlds: tuple[str, str]) -> Iterator[psycopg.Connection]:
    """The same, upgraded by the next package."""
    with server.database(worlds[1]) as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _filled(connection: psycopg.Connection, schema: str) -> None:
    connection.execute(
        "create table people (id bigint primary key); insert into people select generate_series(1, 9);"
        "create table tenants (id bigint primary key);"
    )
    connection.execute("insert into tenants select generate_series(1, %s)", [HOSTS])
    name = sql.Identifier(schema)
    connection.execute(sql.SQL("create schema if not exists {}").format(name))
    url = url_of(connection)
    fbs_db.migrate(url, schema=schema, user_table="people", directory=FIRST)
    fbs_db.attach_host("tenants", MODEL, url, schema=schema)
    connection.execute(sql.SQL("set search_path = {}, public").format(name))
    with connection.transaction():
        for table in TABLES:
            add(connection, table)
    connection.execute(
        "insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)"
        " select 'about ' || n, '', 'other', 1, jsonb_build_object('model_name', %s::text, 'record_id', n::text)"
        " from generate_series(1, %s) as n",
        [MODEL, HOSTS],
    )
    connection.execute(
        "insert into fbs_cleanup_queue (model_name, operation, keys) values ('a.waiting', 'delete', '{1,2}');"
        "insert into fbs_cleanup_queue (model_name, operation, keys, attempts, error, next_attempt_at)"
        " values ('a.failed', 'delete', '{1}', 3, 'no', now() + interval '1 day')"
    )


def contents(connection: psycopg.Connection) -> dict[str, list[str]]:
    """All rows of the tables but those that the deletions concern, with the columns that the first release has."""
    found = {}
    for table in TABLES:
        rows = connection.execute(
            sql.SQL("select (to_jsonb(t) - 'weight')::text from {} as t where not to_jsonb(t) ->> 'title' ~ '^about'"
                    " or not to_jsonb(t) ? 'title' order by 1").format(sql.Identifier(table))
        ).fetchall()  # fmt: skip
        found[table] = [row for (row,) in rows]
    return found


def old(url: str, *words: str, schema: str = "public") -> subprocess.Popen[bytes]:
    """A process of the package as it is."""
    command = [sys.executable, "-m", "fbs_db", "--database", url, *words, "--schema", schema]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Life:
    """What goes on in threads while the schema is upgraded: each does its work again and again."""

    def __init__(self, *work: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._rounds = [threading.Semaphore(0) for _ in work]
        self._pool = ThreadPoolExecutor(len(work))
        self._futures = [self._pool.submit(self._go_on, one, at) for at, one in enumerate(work)]

    def _go_on(self, work: Callable[[], None], at: int) -> None:
        while not self._stop.is_set():
            work()
            self._rounds[at].release()

    def rounds(self, number: int) -> None:
        """Wait until each has done so many rounds more."""
        for done, future in zip(self._rounds, self._futures, strict=True):
            while done.acquire(blocking=False):
                pass
            for _ in range(number):
                while not done.acquire(timeout=1):
                    assert not future.done(), future.exception()

    def end(self) -> None:
        self._stop.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()


@pytest.mark.slow
@pytest.mark.parametrize("schema", ["public", "fbs"])
def test_an_upgrade_while_the_release_before_still_runs(server: Server, package: Package, schema: str) -> None:
    with server.database() as url, psycopg.connect(url, autocommit=True) as connection:
        _filled(connection, schema)
        isolated = schema == "fbs"
        if isolated:
            fbs_db.isolate(True, url, schema=schema, anyway=True)
        before = contents(connection)
        source, deleting, busy = (psycopg.connect(url, autocommit=True) for _ in range(3))
        source.prepare_threshold = 1  # each statement is prepared in the second round
        fbs, tenants = fbs_db.connect(source, schema=schema), iter(range(1, HOSTS))
        one = {each: sample(*each) for each in reads()}

        def read() -> None:
            for (group, name), arguments in one.items():
                answer = read_on(fbs, group, name)(**arguments)
                if isinstance(answer, Iterator):
                    list(answer)

        gone: list[int] = []

        def delete() -> None:
            number = next(tenants, None)
            if number is not None:
                deleting.execute("delete from tenants where id = %s", [number])
                gone.append(number)
            time.sleep(0.02)

        worker = old(url, "cleanup", "run", "--poll", "0.1", schema=schema)
        life = Life(read, delete)
        life.rounds(2)
        busy.autocommit = False  # a transaction with rows, which the upgrade has to wait for
        busy.execute(sql.SQL("lock table {}.fbs_kpis in row exclusive mode").format(sql.Identifier(schema)))
        busy.execute("delete from tenants where id = %s", [HOSTS])
        release = threading.Timer(0.5, busy.commit)
        release.start()
        package.fbs_db(url, "migrate", "--schema", schema)
        release.join()
        life.rounds(2)
        fbs_db.change_setting("cleanup", "queue", url, schema=schema)  # the worker's from here on
        life.rounds(2)
        life.end()
        for lent in (source, deleting, busy):
            lent.close()
        assert worker.poll() is None
        fbs_db.retry_cleanup(url, schema=schema)
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=60)
        assert (worker.returncode, b"Error" in said) == (0, False), said
        fbs_db.retry_cleanup(url, schema=schema)

        assert len(gone) > 20
        changed = connection.execute("select proname from pg_proc where prosrc ~ 'of_next' order by 1").fetchall()
        assert changed == [("fbs_cleanup",), ("fbs_work_queue",)]
        rows = connection.execute(
            "select status, array_agg(substr(title, 7)::int order by id) from fbs_approval_requests"
            " where title like 'about%' group by 1 order by 1"
        ).fetchall()
        kept = sorted({*range(1, HOSTS)} - {*gone})
        assert rows == [("cancelled", [*gone, HOSTS]), *([("pending", kept)] if kept else [])]
        assert contents(connection) == before
        assert connection.execute("select count(*) from fbs_cleanup_queue").fetchone() == (0,)
        found = json.loads(package.fbs_db(url, "check", "--json", "--schema", schema, code=int(isolated)))
        wrong = [one["problem"] for one in found["findings"] if one["severity"] != "note"]
        assert wrong == (["no login is listed"] if isolated else [])


def test_the_package_before_on_the_newer_schema(upgraded: psycopg.Connection, package: Package) -> None:
    url = url_of(upgraded)
    before = upgraded.execute("select max(logged_at) from fbs_migration_log").fetchone()
    status = fbs_db.status(url)
    assert (status.pending, status.problems) == ((), ())
    assert {one.state for one in status.migrations[:-1]} == {"applied"}
    assert (status.migrations[-1].migration_id, status.migrations[-1].state) == (FILE, "newer")
    report = fbs_db.check(url)
    assert (report.healthy, report.objects) == (False, 0)  # what waits is told
    assert {one.kind for one in report.findings if one.severity != "note"} == {"clean-up"}
    (note,) = [one for one in report.findings if one.kind == "migration"]
    assert (note.severity, note.object, note.problem, note.mend) == ("note", FILE, "newer", INSTALL)
    assert f"fbs-db {VERSION} applied it, and this is fbs-db {NOW}" in f"{note.found}"
    migrated = fbs_db.migrate(url)
    assert (migrated.steps, migrated.newer, migrated.current) == ((), VERSION, FILE)
    refused: list[Callable[[], Any]] = [
        lambda: repair(url),
        lambda: repair(url, apply=True),
        lambda: fbs_db.rollback(url),
        lambda: fbs_db.rollback(url, everything=True, lose_rows=True),
        lambda: fbs_db.accept(["0003"], url),
        lambda: fbs_db.adopt(url),
        lambda: fbs_db.adopt(url, apply=True),
    ]
    for call in refused:
        with pytest.raises(MissingMigration, match=BOTH) as caught:
            call()
        assert INSTALL in caught.value.hint
    assert upgraded.execute("select max(logged_at) from fbs_migration_log").fetchone() == before
    assert json.loads(package.fbs_db(url, "check", "--json", code=1))["objects"] > 3000


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--exit-code"], ["migrate"], ["migrate", "--dry-run"], ["check", "--only", "migration"], ["tables"],
        ["describe", "fbs_kpis"], ["settings", "cleanup", "queue"], ["docs", "--html", "page.html"], ["placement"],
        ["attach", "host", "tenants", "--model", MODEL], ["attach", "users", "people"], ["detach", "host", "tenants"],
        ["cleanup", "status"], ["cleanup", "retry"], ["cleanup", "sweep"], ["purge"], ["roles"],
        ["isolate", "status"], ["isolate", "on", "--anyway"], ["later-names", "add"], ["files", "purge", "--root", "."],
    ],
    ids=" ".join,
)  # fmt: skip
def test_commands_that_go_on_working(upgraded: psycopg.Connection, words: list[str]) -> None:
    done = run("--database", url_of(upgraded), *words)
    assert done.exit_code == 0, done.output


def test_a_component_is_not_installed_from_older_files(server: Server, package: Package) -> None:
    with server.database() as url, psycopg.connect(url, autocommit=True) as connection:
        package.fbs_db(url, "migrate")
        connection.execute("delete from fbs_migrations where migration_id = '0014_license_models'")
        with pytest.raises(MissingMigration, match=BOTH):
            fbs_db.migrate(url)
        assert run("--database", url, "status", "--exit-code").exit_code == 1


def test_a_component_is_not_moved_nor_dropped_by_older_files(server: Server, upgraded: psycopg.Connection) -> None:
    with server.database() as other:
        Path("fbs-db.toml").write_text(
            f'[databases.default]\nurl = "{url_of(upgraded)}"\n[databases.other]\nurl = "{other}"\ncomponents = []\n'
        )
        for words in (["--dry-run"], []):
            done = run("placement", "move", "licensing", "--to", "other", *words)
            assert done.exit_code == 1
            assert BOTH in done.output
        status = run("status", "--all")
        assert (status.exit_code, "at fault" in status.output) == (0, False), status.output
        assert "up to date" in run("migrate", "--all").output
    kept = sorted({*files.components()} - {files.BASE, "licensing"})
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{url_of(upgraded)}"\ncomponents = {kept}\n')
    done = run("placement", "drop", "licensing", "--from", "default", "--yes")
    assert (done.exit_code, BOTH in done.output) == (1, True), done.output


_ASK = """
import asyncio, sys
import psycopg, psycopg_pool
import fbs_db
from fbs_db.reads.bi import BiKpis
url = sys.argv[1]


async def later(streams):
    async with fbs_db.connect_async(url) as fbs:
        await (anext(fbs.bi.weights.stream()) if streams else fbs.bi.weights())


def pooled():
    with psycopg_pool.ConnectionPool(url, min_size=1) as pool:
        fbs_db.connect(pool).bi.weights()


def lent():
    with psycopg.connect(url) as connection:
        connection.execute("select 1")
        fbs_db.connect(connection, solution="acme").bi.weights()


def own(read):
    with fbs_db.connect(url) as fbs:
        read(fbs)


BiKpis._fields += ("weight",)
for way in (
    lambda: own(lambda fbs: fbs.bi.weights()), lambda: own(lambda fbs: next(fbs.bi.weights.stream())), pooled, lent,
    lambda: asyncio.run(later(False)), lambda: asyncio.run(later(True)), lambda: own(lambda fbs: fbs.bi.kpis()),
):
    try:
        way()
    except fbs_db.FbsDbError as error:
        print(type(error).__name__, error)
"""


def test_reads_of_the_next_package_on_the_schema_before(first: psycopg.Connection, package: Package) -> None:
    done = package.python("-W", "error", "-c", _ASK, url_of(first))
    said = (
        f"TargetError Schema public is of fbs-db {NOW}, and this is fbs-db {VERSION}, which has more:"
        " {} does not exist.\nType: fbs-db migrate\n"
    )
    ways = 6 * said.format('relation "public.fbs_bi_weights"') + said.format('column "weight"')
    assert (done.stdout, done.stderr) == (ways, "")
    for words in (["status"], ["cleanup", "retry"], ["migrate"]):
        package.fbs_db(url_of(first), *words)


def test_whoever_works_for_fbs_is_told_both_versions(upgraded: psycopg.Connection) -> None:
    url = url_of(upgraded)
    with upgraded.transaction():
        upgraded.execute("drop role if exists fbs_upgrade; create role fbs_upgrade login")
    # What no release may do.
    upgraded.execute("drop function fbs_work_queue(integer, boolean, bigint[]); drop view fbs_bi_charts")
    works: list[Any] = ["worker", "reader", "app", "monitor"]
    for work in works:
        fbs_db.grant("fbs_upgrade", work, url)
        mine = url_of(upgraded, "fbs_upgrade")
        with fbs_db.connect(mine) as fbs, pytest.raises(TargetError, match=BOTH) as caught:
            fbs_db.retry_cleanup(mine) if work == "worker" else fbs.bi.charts()
        assert caught.value.hint == f"Type: {INSTALL}"
        fbs_db.revoke("fbs_upgrade", database=url)
    with fbs_db.connect(url, schema="nowhere") as fbs, pytest.raises(FbsDbError, match="not installed here"):
        fbs.bi.charts()
    upgraded.execute("drop owned by fbs_upgrade; drop role fbs_upgrade")


@pytest.mark.slow
def test_django_with_the_package_before(newest: Project, pg18: Server, tmp_path: Path) -> None:
    package = next_package(tmp_path / "package", pg18)
    project = newest.migrated()
    url = pg18.url(project.databases["default"])
    package.fbs_db(url, "migrate")
    project.do("let_and_give_up()")
    assert "fbs_db.E" not in project.manage("check", "--database", "default")
    assert "No migrations to apply" in project.manage("migrate")
    project.manage("migrate", "--check")
    project.do("import fbs_db; from django.db import connection; fbs_db.connect(connection).approvals.pending()")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop view fbs_bi_charts")
    text = project.do(
        "import fbs_db; from django.db import connection, transaction\n"
        "try:\n    with transaction.atomic(): fbs_db.connect(connection).bi.charts()\n"
        "except fbs_db.FbsDbError as error: print(error)"
    )
    assert BOTH in text
    assert INSTALL in text


def test_versions_in_their_order() -> None:
    from fbs_db.version import order

    assert sorted(["1.10.0", "1.9.1", "2.0", "0.1.0", "1.9"], key=order) == ["0.1.0", "1.9", "1.9.1", "1.10.0", "2.0"]
    assert order("1.0.0rc1") == order("1.0.0.dev3+g12") == (1, 0, 0)
    assert order("unknown") == order("") == ()
    assert order("9" * 5000)
