"""What a host's tests get from the pytest plugin, each run of pytest in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import sql

from fbs_db.testing.clones import MARK, at_database
from tests.support import ROOT
from tests.support.roles import role
from tests.support.servers import GUARDED, Server

pytest_plugins = ["pytester"]

PROJECT = ROOT / "tests" / "hosts" / "project"
TWO_TESTS = """
    import psycopg
    import pytest

    @pytest.mark.parametrize("number", range(2))
    def test_alone(fbs_database, number):
        with psycopg.connect(fbs_database) as connection:
            assert connection.execute("select count(*) from fbs_custom_fields").fetchone() == (0,)
            connection.execute(
                "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
                " values ('a', 1, 'b', 'c')"
            )
            print("in", connection.info.dbname, "on", connection.info.port)
"""


@pytest.fixture(params=[pytest.param(15, marks=pytest.mark.old_postgres), 18], ids=["pg15", "pg18"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server on which no databases for tests are, before and after."""
    server: Server = request.getfixturevalue(f"pg{request.param}")
    _drop_all(server)
    yield server
    _drop_all(server)


@pytest.fixture(autouse=True)
def _unled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this run of pytest reaches those inside."""
    for name in list(os.environ):
        if name.startswith("PYTEST_") or name in ("FBS_DB_TEST_URL", "DJANGO_SETTINGS_MODULE"):
            monkeypatch.delenv(name)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs pytest as a host does, whose warnings are errors."""

    def run(*words: object, ok: bool = True) -> pytest.RunResult:
        # Other plugins of ours take three seconds to import, in each worker again.
        without = [f"-pno:{name}" for name in ("cacheprovider", "hypothesispytest", "pytest_postgresql")]
        result = pytester.runpytest_subprocess("-W", "error", *without, "-s", *map(str, words))
        assert (result.ret == 0) is ok, result.stdout.str() + result.stderr.str()
        return result

    return run


def databases(server: Server) -> dict[str, int]:
    """Those for tests on the server, each with the number PostgreSQL gives it."""
    with closing(psycopg.connect(server.url())) as connection:
        query = "select datname, oid::bigint from pg_database where datname ~ '^fbs_(test|template)_'"
        return dict(connection.execute(query).fetchall())


def _drop_all(server: Server) -> None:
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        for name in databases(server):
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def seen(result: pytest.RunResult) -> list[str]:
    return re.findall(r"in (fbs_test_\w+) on", result.stdout.str())


def test_each_test_has_a_database_of_its_own_and_the_template_stays(
    server: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(TWO_TESTS)
    first = run("--fbs-database", server.url())
    assert len(set(seen(first))) == 2
    (template,) = databases(server).items()
    assert re.fullmatch("fbs_template_[0-9a-f]{16}", template[0])
    second = run("--fbs-database", server.url())
    assert not set(seen(first)) & set(seen(second))
    assert databases(server) == dict([template])


def test_a_failure_prints_no_password(
    pg18: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(
        """
        import pytest
        import fbs_db

        @pytest.fixture
        def nowhere(fbs_database):
            return type(fbs_database)(fbs_database.replace("/fbs_test_", "/nowhere_"))

        def test_mine(fbs_database):
            copy = [fbs_database]
            assert copy == ["x"]

        def test_no_connection(nowhere):
            fbs_db.status(nowhere)

        def test_no_async_connection(nowhere):
            import asyncio

            async def read(where):
                async with fbs_db.connect_async(where):
                    pass

            asyncio.run(read(nowhere))
        """
    )
    secret = "s3cr3t-of-mine"
    pg18.admin.execute(f"create role {GUARDED} superuser login password '{secret}'".encode())
    try:
        url = pg18.url(user=f"{GUARDED}:{secret}")
        shown = run("--fbs-database", url, "-vv", "--showlocals", ok=False).stdout.str()
    finally:
        _drop_all(pg18)
        pg18.admin.execute(f"drop role {GUARDED}".encode())
    assert "3 failed" in shown
    assert f"{GUARDED}:***@" in shown
    assert secret not in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["option", "ini", *(pytest.param(way, marks=pytest.mark.slow) for way in ("variable", "keywords"))]
)
def test_the_server_is_named_in_one_of_these_ways(
    pg18: Server,
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    pytester.makepyfile(TWO_TESTS)
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    if way != "ini":
        monkeypatch.setenv("FBS_DB_TEST_URL", pg18.url() if way == "variable" else nowhere)
    pytester.makeini(f"[pytest]\nfbs_database_url = {pg18.url() if way == 'ini' else nowhere}")
    named = {"option": [f"--fbs-database={pg18.url('no_such_database')}"]}
    named["keywords"] = [f"--fbs-database=host={pg18.host} port={pg18.port} user=postgres"]
    result = run(*named.get(way, []))
    assert f"on {pg18.port}" in result.stdout.str()


@pytest.mark.slow
def test_without_a_name_it_is_the_embedded_server(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(TWO_TESTS)
    try:
        result = run("-n", 2)
        result.assert_outcomes(passed=2)
        assert (pytester.path / ".fbs-db" / "data" / "PG_VERSION").exists()
    finally:
        command = [sys.executable, "-m", "fbs_db", "server", "stop"]
        subprocess.run(command, check=True, capture_output=True, cwd=pytester.path)


@pytest.mark.slow
def test_workers_share_one_template_and_no_database(
    server: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(TWO_TESTS.replace("range(2)", "range(6)"))
    run("-n", 3, "--fbs-database", server.url()).assert_outcomes(passed=6)
    assert len(databases(server)) == 1


SETUP = """
    import fbs_db
    import psycopg
    import pytest

    @pytest.fixture(scope="session")
    def fbs_template_setup():
        def setup(url):
            with psycopg.connect(url) as connection:
                connection.execute("create table people (id uuid primary key default gen_random_uuid())")
                connection.execute("create table tenants (id bigint primary key)")
                connection.execute("insert into people default values")
            fbs_db.migrate(url, user_table="people")
            fbs_db.attach_host("tenants", "tenants.tenant", url)
            left_open.append(psycopg.connect(url))

        left_open = []
        yield setup
        for connection in left_open:
            connection.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_host_puts_its_own_tables_into_the_template(
    server: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], workers: int
) -> None:
    pytester.makeconftest(SETUP)
    pytester.makepyfile(
        """
        import fbs_db
        import psycopg
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_whole(fbs_database, number):
            assert [host.model_name for host in fbs_db.list_hosts(fbs_database)] == ["tenants.tenant"]
            assert fbs_db.check(fbs_database).findings == ()
            with psycopg.connect(fbs_database) as connection:
                connection.execute(
                    "insert into fbs_notifications (title, message, user_id) select 'a', 'b', id from people"
                )
                connection.execute("delete from people")
                assert connection.execute("select from fbs_notifications").fetchall() == []
        """
    )
    run("-n", workers, "--fbs-database", server.url()).assert_outcomes(passed=3)
    assert [name for name in databases(server) if name.startswith("fbs_test_")] == []
    again = set(databases(server))
    # Two workers that end at once may each take the other for one at work.
    assert len(again) <= (1 if workers else 0)
    pytester.makepyfile(test_host="def test_nothing(fbs_database): pass")
    run("--fbs-database", server.url())
    assert not again & set(databases(server))


@pytest.mark.slow
def test_reads_are_at_hand(pg18: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    pytester.makepyfile(
        """
        import psycopg

        def test_reads(fbs, fbs_database):
            with psycopg.connect(fbs_database) as connection:
                connection.execute(
                    "insert into fbs_approval_requests (title, description, approval_type, status, requester_id)"
                    " values ('Rent', '', 'expense', 'pending', 1)"
                )
            assert [row.title for row in fbs.approvals.pending()] == ["Rent"]
        """
    )
    run("--fbs-database", pg18.url()).assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_schema_of_the_project_is_used(
    pg18: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makefile(".toml", **{"fbs-db": '[databases.default]\nschema = "Of FBS"\nuser_table = "people"\n'})
    pytester.makepyfile(
        """
        import fbs_db
        import psycopg

        def test_schema(fbs, fbs_database):
            assert len(fbs.approvals.pending()) == 0
            with psycopg.connect(fbs_database) as connection:
                assert connection.execute('select from "Of FBS".fbs_kpis').fetchall() == []
        """
    )
    run("--fbs-database", pg18.url()).assert_outcomes(passed=1)


@pytest.mark.slow
def test_what_dead_sessions_left_is_dropped_and_what_living_ones_use_stays(
    server: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    left = ["fbs_test_0123456789ab_7_1", "fbs_template_0123456789abcdef", "fbs_template_0123456789abcdef_0123456789ab"]
    left += [f"{left[1]}_making", f"{left[2]}_making"]
    others = ["fbs_template", "fbs_testing", "fbs_test_of_mine", "fbs_template_of_mine"]
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        for name in (*left, *others):
            limit = MARK if name in left else -1
            connection.execute(
                sql.SQL("create database {} connection limit {}").format(sql.Identifier(name), sql.Literal(limit))
            )
        connection.execute(sql.SQL("alter database {} with allow_connections false").format(sql.Identifier(left[1])))
        try:
            pytester.makepyfile(TWO_TESTS)
            alive = "fbs-db pytest:0123456789ab:0123456789abcdef"
            with closing(psycopg.connect(server.url(others[0]), application_name=alive)):
                run("--fbs-database", server.url())
                assert set(left) <= set(databases(server))
            run("--fbs-database", server.url())
            found = set(databases(server))
            assert not found & set(left)
            assert {name for name in others if re.match("fbs_(test|template)_", name)} <= found
        finally:
            for name in others:
                connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


@pytest.mark.slow
def test_a_session_that_is_killed_leaves_nothing_for_long(
    pg18: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    _drop_all(pg18)
    pytester.makepyfile(test_killed="import os\ndef test_killed(fbs_database): os.kill(os.getpid(), 9)")
    run("test_killed.py", "--fbs-database", pg18.url(), ok=False)
    assert [name for name in databases(pg18) if name.startswith("fbs_test_")]
    pytester.makepyfile(TWO_TESTS)
    run("-k", "alone", "--fbs-database", pg18.url())
    assert [name for name in databases(pg18) if name.startswith("fbs_test_")] == []


@pytest.mark.slow
def test_a_role_that_may_create_databases_is_enough(
    server: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        connection.execute("drop role if exists fbs_tester")
        connection.execute("create role fbs_tester login createdb")
        try:
            connection.execute(f"create database fbs_test_0123456789ab_1_1 connection limit {MARK}".encode())
            pytester.makeconftest(SETUP)
            pytester.makepyfile(TWO_TESTS)
            run("-n", 2, "--fbs-database", server.url(user="fbs_tester"))
            # That is another role's, and not for this one to drop.
            assert "fbs_test_0123456789ab_1_1" in databases(server)
        finally:
            _drop_all(server)
            connection.execute("drop role fbs_tester")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "No connection to postgresql://nobody@127.0.0.1:1/"),
        ("mysql://nobody@127.0.0.1/none", "begins with mysql://"),
    ],
)
def test_where_there_is_no_server_it_is_said_in_a_few_words(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], url: str, said: str
) -> None:
    pytester.makepyfile(TWO_TESTS)
    text = run("--fbs-database", url, ok=False).stdout.str()
    assert f"No test database could be created. {said}" in text.replace("The URL from --fbs-database ", "")
    assert "Traceback" not in text
    assert "clones.py" not in text


@pytest.mark.slow
def test_where_no_database_can_be_cloned_it_is_said_in_a_few_words(
    pg18: Server, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    """The template is there; since then something has changed, such as a right, or the room on the disk."""
    pytester.makepyfile(TWO_TESTS)
    with role(pg18.admin, "fbs_tester", "login createdb"):
        try:
            run("--fbs-database", pg18.url(user="fbs_tester"))
            pg18.admin.execute("alter role fbs_tester nocreatedb")
            text = run("--fbs-database", pg18.url(user="fbs_tester"), ok=False).stdout.str()
        finally:
            _drop_all(pg18)
    assert "No test database could be created. permission denied to create database" in text
    assert "To use another server: --fbs-database" in text
    assert "clones.py" not in text


@pytest.mark.slow
def test_the_plugin_is_listed_and_loads_nothing(run: Callable[..., pytest.RunResult]) -> None:
    run("--fixtures").stdout.fnmatch_lines(["fbs_template_setup *", "fbs_database -- *", "fbs -- *"])
    heavy = ("psycopg", "yoyo", "click", "django", "json", "fbs_db.testing.clones")
    code = f"import sys, pytest, fbs_db.testing.plugin; print([name for name in {heavy} if name in sys.modules])"
    before = subprocess.run(
        [sys.executable, "-c", code.replace(", fbs_db.testing.plugin", "")], check=True, capture_output=True, text=True
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == before.stdout


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (
            "postgresql://me:p%40ss@db.example:5432/app?sslmode=require",
            "postgresql://me:p%40ss@db.example:5432/x?sslmode=require",
        ),
        ("postgresql:///app?host=/tmp&dbname=other&port=5433", "postgresql:///x?host=/tmp&port=5433"),
        ("postgres://db.example", "postgres://db.example/x"),
        ("postgresql://a,b:1/app?target_session_attrs=primary", "postgresql://a,b:1/x?target_session_attrs=primary"),
        ("host=/tmp dbname=app", "dbname=x host=/tmp"),
        ("", "dbname=x"),
    ],
)
def test_a_connection_string_keeps_all_but_its_database(where: str, expected: str) -> None:
    assert at_database(where, "x") == expected


# --- beside pytest-django


HOST_TESTS = """
    import psycopg
    import pytest
    from django.db import connection

    @pytest.mark.parametrize("number", range(3))
    @pytest.mark.django_db
    def test_both(fbs_database, number):
        with connection.cursor() as cursor:
            cursor.execute("select current_database()")
            (of_django,) = cursor.fetchone()
        with psycopg.connect(fbs_database) as other:
            assert other.info.dbname != of_django
            assert of_django.startswith("test_")
            other.execute("select from fbs_kpis")
            print("in", other.info.dbname, "on", other.info.port)

    def test_without_django(fbs_database):
        with pytest.raises(RuntimeError, match="Database access not allowed"):
            connection.ensure_connection()
        with psycopg.connect(fbs_database) as other:
            other.execute("select from fbs_kpis")

    @pytest.mark.django_db
    def test_django_alone():
        with connection.cursor() as cursor:
            cursor.execute("select 1")
"""


@pytest.fixture
def django_project(pg18: Server, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain project whose default database is on the server."""
    pytester.makepyfile(
        host_settings=f"""
        DATABASES = {{"default": {{
            "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
            "HOST": {pg18.host!r}, "PORT": {pg18.port},
        }}}}
        INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
        SECRET_KEY = "of no host"
        USE_TZ = True
        """
    )
    pytester.makepyfile(test_host=HOST_TESTS)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "host_settings")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))


@pytest.mark.slow
@pytest.mark.usefixtures("django_project")
@pytest.mark.parametrize("words", [[], ["-n", 2], ["--reuse-db"], ["--no-migrations", "-n", 2]], ids=str)
def test_with_pytest_django_it_is_the_server_of_its_default_database(
    pg18: Server, run: Callable[..., pytest.RunResult], words: list[Any]
) -> None:
    result = run(*words)
    result.assert_outcomes(passed=5)
    if "-n" not in words:
        assert f"on {pg18.port}" in result.stdout.str()
    with closing(psycopg.connect(pg18.url(), autocommit=True)) as connection:
        connection.execute("drop database if exists test_postgres with (force)")  # which --reuse-db leaves


@pytest.mark.usefixtures("django_project")
def test_with_pytest_django_and_another_server_named_that_is_used(
    pg15: Server, run: Callable[..., pytest.RunResult]
) -> None:
    result = run("--fbs-database", pg15.url())
    result.assert_outcomes(passed=5)
    assert f"on {pg15.port}" in result.stdout.str()


@pytest.mark.slow
@pytest.mark.usefixtures("django_project")
@pytest.mark.parametrize("words", [[], ["-n", 2]], ids=str)
def test_beside_the_django_app_both_databases_have_fbs(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], words: list[Any]
) -> None:
    settings = pytester.path / "host_settings.py"
    settings.write_text(
        settings.read_text().replace('django.contrib.auth"', 'django.contrib.auth", "fbs_db.django"')
        + "\nFBS_DB = {}\n"
    )
    test = pytester.path / "test_host.py"
    test.write_text(test.read_text().replace("select 1", "select from fbs_kpis"))
    run(*words).assert_outcomes(passed=5)


@pytest.mark.slow
@pytest.mark.usefixtures("django_project")
@pytest.mark.parametrize("words", [[], ["--no-migrations"]], ids=str)
def test_models_with_later_names_find_their_tables_in_a_test_database(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], words: list[Any]
) -> None:
    settings = pytester.path / "host_settings.py"
    apps = '"django.contrib.auth", "fbs_dms", "fbs_db.django"'
    settings.write_text(
        settings.read_text().replace('"django.contrib.auth"', apps) + '\nFBS_DB = {"LATER_NAMES": True}\n'
    )
    pytester.mkpydir("fbs_dms")
    (pytester.path / "fbs_dms" / "models.py").write_text(
        "from django.db import models\n"
        "class Tag(models.Model):\n"
        "    id = models.BigAutoField(primary_key=True)\n"
        "    name = models.CharField(max_length=100, unique=True)\n"
        "    class Meta:\n"
        "        db_table = 'dms_document_tag'\n"
    )
    if not words:
        environment = {**os.environ, "PYTHONPATH": f"{pytester.path}{os.pathsep}{ROOT}"}
        command = [sys.executable, "-m", "django", "makemigrations", "fbs_dms"]
        subprocess.run(command, check=True, capture_output=True, cwd=pytester.path, env=environment)
        assert (pytester.path / "fbs_dms" / "migrations" / "0001_initial.py").exists()
    (pytester.path / "test_host.py").write_text(
        "import pytest\n"
        "from django.core.management import call_command\n"
        "from django.db import connection\n"
        "from fbs_dms.models import Tag\n"
        "@pytest.mark.django_db\n"
        "def test_tag(capsys):\n"
        "    tag = Tag.objects.create(name='lease')\n"
        "    with connection.cursor() as cursor:\n"
        "        cursor.execute('select id from fbs_dms_document_tag')\n"
        "        assert cursor.fetchall() == [(tag.pk,)]\n"
        "    call_command('dumpdata', 'fbs_dms')\n"
        "    assert 'lease' in capsys.readouterr().out\n"
    )
    run(*words).assert_outcomes(passed=1)
