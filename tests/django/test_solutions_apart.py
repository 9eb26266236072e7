"""A host whose solutions have documents in databases of their own, with FBS's own router. ``tests/hosts/guided``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.guided import VERSIONS, Guided, guided
from tests.support.projects import TEMPLATES
from tests.support.servers import Server

SOLUTIONS = ("acme", "bravo", "charlie")
APPS = [
    "fbs_dms",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
]
SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": "host.web",
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "fbs_db.django.middleware.SolutionMiddleware",
    ],
    "TEMPLATES": TEMPLATES,
}


def placed(solutions: Any = "*", **more: Any) -> dict[str, Any]:
    """FBS_DB: documents in each solution's own database."""
    return {
        "HOSTS": {"rentals.Tenant": {}, "rentals.Location": {}},
        "SIGNALS": False,
        "SOLUTION": "host.web.solution_of",
        "DATABASES": {"default": {}, "solutions": {"COMPONENTS": ["dms"], "SOLUTIONS": solutions}, **more},
    }


@contextmanager
def having_solutions(version: str, server: Server) -> Iterator[Guided]:
    """The host with a database a solution, not migrated yet."""
    with guided(version, server) as host:
        start = host.databases["default"]
        names = {one: f"{start}_{one}_db" for one in SOLUTIONS}
        for name in names.values():
            server.create(name)
        yield host.having(
            last=APPS,
            settings=SETTINGS,
            fbs_db=placed(),
            routers=["fbs_app.routers.OfSolutions"],
            databases=places(host),
            solutions=names,
        )
        server.drop(*names.values(), *(f"{start}_{one}_db" for one in ("delta", "template")))


def places(host: Guided) -> dict[str, dict[str, Any]]:
    """Django's settings of its databases."""
    pattern = host.place("default", NAME=f"{host.databases['default']}_{{solution}}_db")
    return {"default": host.place("default"), "solutions": pattern}


def do(host: Guided, *lines: str) -> None:
    host.do("\n".join(["from host.solutions import *", "start()", *lines]))


@pytest.fixture(scope="module", params=VERSIONS)
def host(request: pytest.FixtureRequest, pg18: Server) -> Iterator[Guided]:
    """The host, installed everywhere."""
    with having_solutions(request.param, pg18) as host:
        host.manage("migrate")
        host.run("-W", "error", "-m", "fbs_db", "migrate", "--all")
        yield host


TABLES = "select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"


def member(host: Guided, solution: str) -> Guided:
    """The host with the database of a solution as its only one, for `Guided.select`."""
    return Guided(host.directory, host.python, host.server, {"default": f"{host.databases['default']}_{solution}_db"})


def test_each_has_its_tables_and_default_the_others(host: Guided) -> None:
    tables = {name for (name,) in host.select(TABLES)}
    assert {"fbs_approval_requests", "auth_user", "rentals_tenant"} <= tables
    assert not any(name.startswith("fbs_dms") for name in tables)
    for one in SOLUTIONS:
        found = {name for (name,) in member(host, one).select(TABLES)}
        assert {"fbs_dms_document", "fbs_cleanup_queue"} <= found
        assert all(name.startswith("fbs_") for name in found)
        assert "fbs_approval_requests" not in found


def test_rows(host: Guided) -> None:
    do(host, "blocks_and_hints_and_using()", "rows_keep_to_their_database()", "users_and_tenants_go()", "reads()")


def test_documents_of_a_deleted_tenant(host: Guided) -> None:
    do(host, "fbs_db.retry_cleanup()", "a_tenant_goes()")


def test_requests(host: Guided) -> None:
    do(
        host,
        "blocks_and_hints_and_using()",
        "requests_of_solutions()",
        "connections_are_closed()",
        "threads_at_once()",
        "admin_pages()",
    )


def test_commands(host: Guided) -> None:
    do(host, "one_is_dumped_and_loaded()")


@pytest.mark.slow
def test_commands_take_databases_of_solutions(host: Guided) -> None:
    do(host)
    name = f"{host.databases['default']}_acme_db"
    assert "No migrations to apply" not in host.manage("migrate", "--database", name)
    assert "No migrations to apply" in host.manage("migrate", "--database", name)
    assert [name for (name,) in member(host, "acme").select(TABLES) if not name.startswith("fbs_")] == [
        "django_migrations"
    ]
    assert "no issues" in host.having(silenced=["fbs_db.I120"]).manage("check", "--database", name)
    host.manage("fbs", "check", "--database", name)
    assert '"fbs_dms.document"' in host.manage("dumpdata", "fbs_dms", f"--database={name}")
    host.manage("makemigrations", "--check", "--dry-run")
    member(host, "acme").select("drop table django_migrations")


def test_solutions_come_and_go_while_the_host_runs(host: Guided) -> None:
    do(host, f"another_comes({host.server.url()!r})", f"one_is_dropped({host.server.url()!r})")


def test_requests_are_transactions_where_the_pattern_has_them(host: Guided) -> None:
    atomic = {alias: {**place, "ATOMIC_REQUESTS": True} for alias, place in places(host).items()}
    do(host.having(databases=atomic), "requests_are_transactions()")


def test_solutions_of_a_list(host: Guided) -> None:
    start = host.databases["default"]
    listed = host.having(fbs_db=placed(["acme", "bravo"]))
    do(host)
    listed.do("from host.solutions import *\nrequests_with_a_list()")
    printed = listed.manage("migrate", "--database", "solutions", code=2)
    assert "invalid choice: 'solutions'" in printed or "Write this in a block" in printed
    code = 1 if "4.2" in str(host.python) else 2
    assert f"{start}_charlie_db" in listed.manage("dumpdata", "--database", f"{start}_charlie_db", code=code)
    assert listed.manage("dumpdata", "--database", f"{start}_bravo_db").startswith("[")


def test_django_connections_are_read_in_the_schema_of_their_database(host: Guided) -> None:
    elsewhere = placed()
    elsewhere["DATABASES"]["default"] = {"SCHEMA": "elsewhere"}
    do(host.having(fbs_db=elsewhere), "reads()")


def test_companies_beside_solutions(host: Guided) -> None:
    start = host.databases["default"]
    name = host.server.create(f"{start}_djo_7_db")
    two = host.having(
        databases={**places(host), "companies": host.place("default", NAME=f"{start}_djo_{{company}}_db")},
        fbs_db=placed(companies={"COMPONENTS": ["dms"], "SOLUTIONS": "*"}),
    )
    try:
        two.run("-W", "error", "-m", "fbs_db", "--database", name, "migrate")
        do(two, f"patterns_of_two_kinds({name!r})")
    finally:
        host.server.drop(name)


def test_aliases_are_made_in_threads(host: Guided) -> None:
    do(host, "aliases_are_made_in_threads()")


def test_settings_are_checked(host: Guided) -> None:
    def says(code: int, **pattern: Any) -> str:
        kept = {alias: {**place, **(pattern if alias == "solutions" else {})} for alias, place in places(host).items()}
        return host.having(databases=kept).manage("check", code=code)

    kept = says(0, CONN_MAX_AGE=None, OPTIONS={"pool": True})
    assert "(fbs_db.W013) DATABASES['solutions'] has CONN_MAX_AGE and pool." in kept
    wrong = says(1, NAME="app")
    assert "(fbs_db.E001) DATABASES['solutions'] in Django's settings has solutions" in wrong
    assert "its database's name is 'app'" in wrong


# --- Django's own tests of the host


@pytest.mark.slow
@pytest.mark.parametrize("solutions", [list(SOLUTIONS), "*"], ids=["listed", "all"])
def test_djangos_test_runner_uses_test_databases(host: Guided, solutions: Any) -> None:
    before = [member(host, one).select("select count(*) from fbs_dms_document") for one in SOLUTIONS]
    listed = host.having(fbs_db=placed(solutions))
    assert "OK" in listed.manage("test", "host.apart", "--noinput")
    assert [member(host, one).select("select count(*) from fbs_dms_document") for one in SOLUTIONS] == before


@pytest.mark.slow
def test_djangos_test_runner_in_parallel(host: Guided) -> None:
    listed = host.having(fbs_db=placed(list(SOLUTIONS)), parallel="yes")
    assert "OK" in listed.manage("test", "host.apart", "--noinput", "--parallel", "2")
