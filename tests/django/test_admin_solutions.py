"""The admin and the models of views, where each solution has a database of its own."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.projects import ADMIN, ADMIN_APPS, HOSTS, Project
from tests.support.servers import Server
from tests.support.versions import NEWEST


def test_pages_and_models_of_a_solutions_database(make: Callable[..., Project], pg18: Server) -> None:
    project = make(NEWEST)
    start = project.databases["default"]
    members = [pg18.create(f"{start}_{one}_db") for one in ("acme", "bravo")]
    try:
        project = project.having(
            apps=ADMIN_APPS,
            settings={**ADMIN, "DEBUG": False},
            databases={
                "default": project.place("default"),
                "solutions": project.place("default", NAME=f"{start}_{{solution}}_db"),
            },
            fbs_db={
                **HOSTS,
                "DATABASES": {"default": {}, "solutions": {"COMPONENTS": ["dms"], "SOLUTIONS": "*", "SCHEMA": "docs"}},
            },
        )
        project.manage("migrate")
        for name in members:
            Project(project.directory, project.python, pg18, {"default": name}).select("create schema docs")
        project.run("-m", "fbs_db", "migrate", "--all")
        project.do(
            f"""
from django.db import connections
from fbs_db.django import solution
from fbs_db.django.views.models import ApprovalsPending, DocumentsOverview
from host.pages import Visitor, user
boss = Visitor(user("boss"))
let(1)
sql("insert into docs.fbs_cleanup_queue (model_name, operation, keys) values ('of acme', 'delete', '{{1}}')",
    alias="{start}_acme_db")
acme, bravo = "?database={start}_acme_db", "?database={start}_bravo_db"
sql("create role {start} createdb; alter database {start}_acme_db owner to {start}")
for page in ("queuedcleanup/", "migration/", "health/"):
    said = boss.text(page + acme)
    assert "belongs to {start}, who may have put anything into it" in said and "of acme" not in said, said
assert "belongs to" in boss.text("queuedcleanup/" + acme, action="retry", _selected_action=[1])
sql("alter database {start}_acme_db owner to postgres; drop role {start}")
assert "of acme" in boss.text("queuedcleanup/" + acme)
assert "By database default {start}_acme_db" in boss.text("queuedcleanup/" + acme)
assert "0 waiting clean-ups" in boss.text("queuedcleanup/" + bravo)
assert "schema docs of database {start}_bravo_db" in boss.text("health/" + bravo)
said = boss.text("queuedcleanup/" + acme, action="give_up", _selected_action=[1], confirmed="1")
assert "1 clean-up given up." in said, said
for page in ("queuedcleanup/", "health/"):
    assert "does not exist" in boss.text(page + "?database={start}_nowhere_db"), page
    assert "is not placed in database solutions" in boss.text(page + "?database=solutions"), page

Tenant.objects.all().delete()
number, target = sql("select id, target from fbs_cleanup_queue where target is not null limit 1")[0]
assert target == "solutions"
said = boss.text("queuedcleanup/", action="retry", _selected_action=[number])
assert "1 clean-up for other databases: due now" in said, said

assert ApprovalsPending.objects.all().db == "default"
for one in ("acme", "bravo"):
    with solution(one):
        rows = DocumentsOverview.objects.all()
        assert rows.db == f"{start}_{{one}}_db" and not rows.exists(), rows.db
assert not DocumentsOverview.objects.using("{start}_acme_db").exists()
try:
    DocumentsOverview.objects.exists()
except Exception as error:
    assert "no solution is in force" in str(error), error
else:
    raise AssertionError
"""
        )
    finally:
        pg18.drop(*members)
