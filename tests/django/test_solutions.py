"""A Django project whose database login is no owner: isolation, requests and blocks of a solution, FBS's models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.support.projects import HOSTS, TEMPLATES, Project
from tests.support.roles import role
from tests.support.versions import NEWEST

APP = "fbs_d_web"
APPS = [
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "fbs_db.django",
    "tests.hosts.fbs",
]
OURS = "fbs_db.django.middleware.SolutionMiddleware"
SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": "host.web",
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "host.web.AnswerErrors",
        OURS,
        "host.web.around",
    ],
    "TEMPLATES": TEMPLATES,
    "FBS_MANAGED": False,
    "FBS_RELEASE": None,
    "FBS_SHORT_KEYS": False,
}
FBS_DB: dict[str, Any] = {**HOSTS, "SOLUTION": "host.web.solution_of"}
GRANTS = f"""
do $$
declare
    it record;
begin
    for it in
        select c.oid::regclass as name from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname !~ '^fbs_'
    loop
        execute format('grant select, insert, update, delete on %s to {APP}', it.name);
    end loop;
end;
$$;
grant usage on all sequences in schema public to {APP};
select fbs_grant_role('{APP}', 'app', is_shared => true);
select fbs_isolate(true);
"""


@contextmanager
def isolated(project: Project, **places: Any) -> Iterator[Project]:
    """The project migrated by the owner, and then with a login that is shared by its solutions.

    Parameters:
        places: settings of Django's for its databases.
    """
    project = project.having(apps=APPS, fbs_db=FBS_DB, settings=SETTINGS)
    project.migrated()
    with psycopg.connect(project.server.url(project.databases["default"])) as connection, role(connection, APP):
        connection.execute(GRANTS.encode())
        connection.commit()
        yield project.having(
            databases={"default": project.place("default", USER=APP, **places)},
            settings={**SETTINGS, "DEBUG": False},
            solution="acme",
        )


REQUESTS = """
from host.visits import *
pids = requests_see_their_solution()
assert len(pids) == 1 or not persistent, pids
errors_leave_nothing()
other_middlewares_have_blocks_and_answer_errors()
responses_that_run_later()
connection_is_lost()
"""


@pytest.mark.parametrize(
    ("places", "persistent"),
    [
        pytest.param({"CONN_MAX_AGE": None}, True, id="persistent"),
        pytest.param({"OPTIONS": {"pool": {"min_size": 1, "max_size": 2}}}, False, id="pool"),
        pytest.param({"CONN_MAX_AGE": 0}, False, id="fresh", marks=pytest.mark.slow),
    ],
)
def test_requests_of_two_solutions(version: str, project: Project, places: dict[str, Any], persistent: bool) -> None:
    if version == "4.2" and "OPTIONS" in places:
        pytest.skip("Django has pools from 5.1 on")
    with isolated(project, **places) as app:
        app.do(f"persistent = {persistent}\n{REQUESTS}")


def test_requests_with_djangos_own_transactions(newest: Project) -> None:
    with isolated(newest, CONN_MAX_AGE=None, ATOMIC_REQUESTS=True) as app:
        app.do(
            "from host.visits import *\nrequests_see_their_solution()\nerrors_leave_nothing()\n"
            "other_middlewares_have_blocks_and_answer_errors()\nassert visit('alone', 'acme')[0] == 200"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [f"persistent = True\n{REQUESTS}", "from host.visits import *\nblocks_nest()\nblocks_decorate()"],
    ids=["requests", "blocks"],
)
def test_by_psycopg2(newest: Project, text: str) -> None:
    with isolated(newest.having(psycopg2="yes"), CONN_MAX_AGE=None) as app:
        app.do(text)


def test_blocks_of_a_solution(project: Project) -> None:
    with isolated(project) as app:
        app.do("from host.visits import *\nblocks_nest()\nblocks_decorate()")


def test_every_model_works_in_a_solution(project: Project) -> None:
    with isolated(project) as app:
        app.do("from host.visits import *\nevery_model_works()")


@pytest.mark.parametrize("each", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_admin_works_in_a_solution(project: Project, each: int) -> None:
    with isolated(project) as app:
        app.do(f"from host.visits import *\nadmin_works({each})")


def test_dumps_and_deletions(project: Project) -> None:
    with isolated(project) as app:
        app.do("from host.visits import *\ndumps_hold_one_solution()\ndeletions_are_cleaned_up()")


@pytest.mark.slow
def test_a_solution_on_several_databases(make: Callable[..., Project]) -> None:
    project = make(NEWEST, "licences", "rentals")
    places = {"default": {}, "licences": {"COMPONENTS": ["licensing"]}, "rentals": {"COMPONENTS": []}}
    several = project.having(
        fbs_db={**FBS_DB, "DATABASES": places},
        apps=APPS,
        settings=SETTINGS,
        databases={
            **{alias: project.place(alias) for alias in project.databases},
            "lite": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        },
    )
    several.do("from host.visits import *\non_each_database()")


def test_settings_of_the_middleware(newest: Project) -> None:
    newest.having(apps=APPS, fbs_db=FBS_DB, settings=SETTINGS).do("from host.visits import *\nsettings_are_checked()")
