"""The health view in a Django project: what it answers, to whom, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from tests.support.projects import HOSTS, Project
from tests.support.versions import NEWEST

SETTINGS = {
    "ROOT_URLCONF": "health_urls",
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": ["fbs_db.django.middleware.SolutionMiddleware"],
}
FBS_DB = {**HOSTS, "SOLUTION": "rentals.solution_of"}
#: Before each piece of Python: the host's urls, its function that tells the solution, and a client.
START = """
import json, sys, types
import rentals
from django.db import connection
from django.test import AsyncClient, Client
from django.urls import path
import fbs_db.django.health as health

health._KEPT = 60.0  # however slow the machine is

rentals.solution_of = lambda request: "acme"
urls = sys.modules["health_urls"] = types.ModuleType("health_urls")
urls.urlpatterns = [path("health/fbs/", health.view)]

def visit(database=None, again=True, method="get"):
    if again:
        health._seen.clear()
    query = "" if database is None else f"?database={database}"
    response = getattr(Client(), method)(f"/health/fbs/{query}")
    return response.status_code, json.loads(response.content or "null"), response.headers.get("Cache-Control")

def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)
"""
HEALTHY = "(200, {'healthy': True, 'findings': {}}, 'no-store, private')"


def served(project: Project, **places: object) -> Project:
    return project.having(
        fbs_db=FBS_DB,
        settings=SETTINGS,
        databases={"default": project.place("default", ATOMIC_REQUESTS=True, **places)},
    )


def test_what_it_answers(project: Project) -> None:
    project.migrated()
    served(project).do(
        START
        + f"""
assert visit() == visit("default") == {HEALTHY}, visit()
assert visit(method="head") == (200, None, "no-store, private")
assert Client().post("/health/fbs/").status_code == 405
for name in ("elsewhere", "", "postgres"):
    assert visit(name) == (404, {{"healthy": False, "error": "unknown database"}}, "no-store, private"), visit(name)

sql("alter table fbs_kpis disable trigger fbs_kpis_touch")
sql("delete from fbs_migrations where migration_id ~ '^005'")
answer = {{"healthy": False, "findings": {{"error": {{"migration": 2, "trigger": 1}}}}}}
assert visit() == (503, answer, "no-store, private"), visit()
"""
    )


def test_an_answer_is_kept_for_some_seconds(newest: Project) -> None:
    newest.migrated()
    served(newest).do(
        START
        + f"""
assert visit() == {HEALTHY}
sql("alter table fbs_kpis disable trigger fbs_kpis_touch")
assert visit(again=False) == {HEALTHY}
health._seen["default"].until = 0
assert visit(again=False)[0] == 503
"""
    )


def test_no_cache_of_the_site_keeps_an_answer(project: Project) -> None:
    """That of Django 4.2 keeps what is "no-store"."""
    project.migrated()
    cached = ["django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.FetchFromCacheMiddleware"]
    served(project).having(settings={**SETTINGS, "MIDDLEWARE": cached}, fbs_db=HOSTS).do(
        START
        + """
assert visit()[0] == 200
sql("alter table fbs_kpis disable trigger fbs_kpis_touch")
assert visit()[0] == 503
"""
    )


def test_of_many_requests_at_once_one_asks(newest: Project) -> None:
    newest.migrated()
    said = served(newest).do(
        START
        + """
from concurrent.futures import ThreadPoolExecutor
asked = []
check = health.fbs_db.check
def counted(*arguments, **options):
    asked.append(arguments)
    return check(*arguments, **options)
health.fbs_db.check = counted
with ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda _: visit(again=False)[0], range(32)))
print(set(answers), len(asked))
"""
    )
    assert said == "{200} 1\n"


def test_a_database_that_is_away_is_an_answer(project: Project) -> None:
    """With ATOMIC_REQUESTS Django would begin a transaction there, and fail, before it calls the view."""
    project.migrated()
    served(project, NAME="no_such_database").do(
        START
        + "answer = {'healthy': False, 'findings': {'error': {'database': 1}}}\n"
        + "assert visit() == (503, answer, 'no-store, private'), visit()"
    )


def test_wrong_settings_are_an_answer(newest: Project) -> None:
    newest.migrated()
    said = served(newest).do(
        START
        + """
from django.test import override_settings
with override_settings(FBS_DB={"DATABASES": 5}, MIDDLEWARE=[]):
    print(visit())
"""
    )
    assert said.startswith("(503, {'healthy': False, 'findings': {'error': {'settings': 1}}}, 'no-store, private')\n")


def test_on_an_asynchronous_server(newest: Project) -> None:
    newest.migrated()
    served(newest).do(
        START
        + """
import asyncio
response = asyncio.run(AsyncClient().get("/health/fbs/"))
assert (response.status_code, response.json()["healthy"]) == (200, True)
"""
    )


def test_each_database_and_one_of_them(make: Callable[..., Project]) -> None:
    project = make(NEWEST, "licences")
    places = {"default": {}, "licences": {"COMPONENTS": ["licensing"]}}
    several = project.having(
        fbs_db={**HOSTS, "DATABASES": places},
        databases={alias: project.place(alias, ATOMIC_REQUESTS=True) for alias in project.databases},
    )
    several.manage("migrate")
    several.manage("migrate", "--database", "licences")
    with psycopg.connect(project.server.url(project.databases["licences"]), autocommit=True) as licences:
        licences.execute("delete from fbs_migrations where migration_id ~ '^0014'")
    several.having(fbs_db={**FBS_DB, "DATABASES": places}, settings=SETTINGS).do(
        START
        + """
assert visit("default")[0] == 200, visit("default")
assert visit("licences")[0] == visit()[0] == 503, visit()
"""
    )


def test_a_login_without_rights_is_told_that_it_saw_less(newest: Project) -> None:
    newest.migrated()
    newest.select("create role fbs_h_web login")
    try:
        said = served(newest, USER="fbs_h_web").do(START + "print(visit())")
        assert said == "(200, {'healthy': True, 'findings': {'note': {'privilege': 2}}}, 'no-store, private')\n"
    finally:
        newest.select("drop role fbs_h_web")


def test_a_fork_waits_for_no_check_of_another_process(newest: Project) -> None:
    served(newest.migrated()).do(
        START
        + """
import os, signal
from fbs_db.django import health
assert visit()[0] == 200
with health._seen["default"].lock:  # as where another thread is at it
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(visit(again=False)[0] != 200)
    assert os.waitpid(child, 0)[1] == 0
"""
    )
