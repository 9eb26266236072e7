"""The pages of Django's admin about FBS: who sees what, of which database, and what the two actions do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.support.projects import ADMIN, ADMIN_APPS, HOSTS, Project
from tests.support.roles import role
from tests.support.versions import NEWEST

WEB = "fbs_d_admin"
PAGES = ("queuedcleanup", "cleanuprule", "hosttable", "setting", "migration", "health")
START = """
import re
from host.pages import Visitor, user
boss = Visitor(user("boss"))
"""
#: Tenants 1 to 4 are gone, each in an entry of the queue; of the second it is known why it failed.
WAITING = """
for number in range(1, 6):
    let(number)
sql("update fbs_settings set value = 'queue' where name = 'cleanup'")
for number in range(1, 5):
    Tenant.objects.get(name=f"tenant {number}").delete()
sql("update fbs_cleanup_queue set error = '<script>alert(1)</script>', model_name = 'rentals.<i>tenant' where id = 2")

def waiting():
    return [number for (number,) in sql("select id from fbs_cleanup_queue order by id")]

def act(action, *ids, **more):
    return boss.text("queuedcleanup/", action=action, _selected_action=ids, **more)
"""


def hosting(project: Project, **settings: Any) -> Project:
    """The project with the admin."""
    return project.having(apps=ADMIN_APPS, settings={**ADMIN, "DEBUG": False, **settings})


@pytest.fixture
def host(newest: Project) -> Project:
    return hosting(newest)


# --- what is there


@pytest.mark.slow
def test_it_works_on_each_django(project: Project) -> None:
    host = hosting(project)
    assert "no issues" in host.manage("check")
    assert "No changes detected" in host.manage("makemigrations", "--check")
    host.migrated()
    host.manage("migrate", "--check")
    host.do(
        START
        + WAITING
        + """
from django.contrib.admin.models import LogEntry
assert waiting() == [1, 2, 3, 4]
sql("update fbs_cleanup_queue set next_attempt_at = 'infinity' where id = 3")
listed = boss.text("queuedcleanup/?_facets=True")
assert "4 waiting clean-ups" in listed and "never due" in listed, listed
for page in ("queuedcleanup/3/change/", "cleanuprule/custom_5Ffields/change/", "setting/cleanup/change/"):
    assert "Close" in boss.text(page)
assert "1 clean-up done: 1 row." in act("retry", 1)
assert fbs_rows()[0]["about tenant 1"] == "cancelled" and fbs_rows()[0]["about tenant 2"] == "pending"
asked = act("give_up", 2, 3)
assert "Give up clean-ups?" in asked and waiting() == [2, 3, 4], asked
assert "2 clean-ups given up." in act("give_up", 2, confirmed="2,3") and waiting() == [4]
log = list(LogEntry.objects.order_by("pk").values_list("action_flag", "object_repr", "change_message"))
assert log[0] == (2, "1, delete of rentals.tenant", "Retried in database default; done."), log
assert [flag for flag, _, _ in log] == [2, 3, 3] and "Given up in database default: keys " in log[1][2], log
assert fbs_rows()[0]["about tenant 3"] == "pending"
"""
    )
    assert "OK" in host.manage("test", "rentals")
    host.manage("dumpdata", "--output", "all.json", "--exclude", "contenttypes", "--exclude", "auth.permission")
    host.manage("flush", "--no-input")
    host.manage("loaddata", "all.json")
    host.manage("inspectdb", "fbs_cleanup_queue")


def test_nothing_is_registered_unless_asked_for(newest: Project) -> None:
    apps = [name for name in ADMIN_APPS if name not in ("fbs_db.django.admin", "fbs_db.django.views")]
    newest.having(apps=apps, settings=ADMIN).do(
        "from django.contrib import admin\n"
        "admin.autodiscover()\n"
        "assert not [model for model in admin.site._registry if 'fbs' in model._meta.label]"
    )
    for part in ("fbs_db.django.admin", "fbs_db.django.views"):
        alone = newest.having(apps=["django.contrib.admin", part], settings=ADMIN)
        tried = "import django\ntry:\n    django.setup()\nexcept Exception as error:\n    print(error)"
        assert alone.run("-c", tried) == f'{part} needs "fbs_db.django" in INSTALLED_APPS, too.\n'


def test_permissions_are_djangos(host: Project) -> None:
    host.migrated()
    host.do(
        START
        + WAITING
        + f"""
from django.contrib.auth.models import Permission
ours = Permission.objects.filter(content_type__app_label="fbs_db_admin")
assert sorted(ours.values_list("codename", flat=True)) == [
    "change_queuedcleanup", "view_cleanuprule", "view_health", "view_hosttable", "view_migration",
    "view_queuedcleanup", "view_setting"], ours
nobody = Visitor(user("nobody", "view_person"))
looks = Visitor(user("looks", "view_queuedcleanup"))
works = Visitor(user("works", "change_queuedcleanup"))
for page in {PAGES}:
    nobody.text(page + "/", 403)
    looks.text(page + "/", 200 if page == "queuedcleanup" else 403)
for one in (boss, looks, works):
    for page in ("add/", "1/delete/"):
        one.text("queuedcleanup/" + page, 403)
    assert "delete_selected" not in one.html("queuedcleanup/")
    one.text("health/1/delete/", 403)
    one.text("queuedcleanup/1/change/", 403, model_name="x", _save="Save")
assert "give_up" not in looks.html("queuedcleanup/")
looks.html("queuedcleanup/", action="give_up", _selected_action=[1], confirmed="1")
looks.html("queuedcleanup/", action="retry", _selected_action=[1])
assert waiting() == [1, 2, 3, 4]
assert "1 clean-up given up" in works.text("queuedcleanup/", action="give_up", _selected_action=[1], confirmed="1")
"""
    )


def test_what_rows_hold_is_text(host: Project) -> None:
    host.migrated()
    host.do(
        START
        + WAITING
        + """
for page in ("queuedcleanup/", "queuedcleanup/2/change/", "health/"):
    html = boss.html(page)
    assert "<script>alert" not in html and "<i>tenant" not in html and "tenant" in html, page
html = boss.html("queuedcleanup/", action="give_up", _selected_action=[2])
assert "<script>alert" not in html and "&lt;script&gt;alert" in html and "<i>tenant" not in html
assert "<b>" not in boss.html("queuedcleanup/?database=<b>x")
assert "<i>tenant" not in boss.html("queuedcleanup/", action="give_up", _selected_action=[2], confirmed="2")
"""
    )


def test_of_a_damaged_or_another_schema_it_says_what_helps(host: Project) -> None:
    """Where something is missing, migrate has nothing to do."""
    host.migrated()
    host.do(
        START
        + """
sql("drop table fbs_hosts cascade")
sql("alter table fbs_cleanup_queue drop column sqlstate cascade")
for page in ("hosttable/", "queuedcleanup/"):
    said = boss.text(page)
    assert "FBS is not complete in schema public: " in said, said
    assert "what to type: python manage.py fbs --database default check" in said, said
sql("insert into fbs_migrations (migration_id, checksum, fbs_db_version) values ('0900_next', 'x', '99.1.0')")
assert "Schema public is of fbs-db 99.1.0, and this is fbs-db " in boss.text("queuedcleanup/")
sql("delete from fbs_migrations where migration_id >= '0050'")
assert "Type: python manage.py fbs --database default migrate" in boss.text("queuedcleanup/")
"""
    )


# --- actions


def test_what_a_worker_is_at_is_left_to_it(host: Project) -> None:
    host.migrated()
    host.do(
        START
        + WAITING
        + """
from django.db import connection
other = connection.copy()
other.set_autocommit(False)
other.cursor().execute("select from fbs_cleanup_queue where id = 1 for update")
said = act("retry", 1, 4)
assert "1 clean-up done: 1 row." in said and "1 clean-up left alone: a worker is at them" in said, said
said = act("give_up", 1, confirmed="1,3,77")
assert "1 clean-up given up." in said and "2 clean-ups not given up" in said, said
other.cursor().execute("lock table fbs_cleanup_queue in access exclusive mode")
assert "holds a lock in database default. Try again." in boss.text("queuedcleanup/")
other.rollback()
other.close()
assert waiting() == [1, 2]
"""
    )


def test_what_is_done_is_told_where_a_transaction_sees_what_was(host: Project) -> None:
    host.migrated()
    serializable = {"isolation_level": 4}
    host.having(databases={"default": host.place("default", OPTIONS=serializable)}).do(
        START
        + WAITING
        + """
from django.contrib.admin.models import LogEntry
said = act("retry", 1)
assert "1 clean-up done: 1 row." in said and "left alone" not in said, said
assert LogEntry.objects.get().change_message == "Retried in database default; done."
"""
    )


def test_what_fails_again_and_what_is_for_others_is_told(host: Project) -> None:
    host.migrated()
    host.do(
        START
        + WAITING
        + """
sql("create function refuse() returns trigger language plpgsql as $$begin raise 'kept'; end$$;"
    "create trigger refuse before update on fbs_approval_requests execute function refuse();"
    "insert into fbs_cleanup_queue (model_name, operation, keys, target, ticket)"
    " values ('rentals.tenant', 'delete', '{1}', 'elsewhere', gen_random_uuid())")
said = act("retry", 3, 5)
assert "1 clean-up failed again." in said and "1 clean-up for other databases: due now" in said, said
assert "kept" in boss.text("queuedcleanup/?state=failed")
"""
    )


def test_a_hundred_are_retried_at_most_and_any_number_given_up(host: Project) -> None:
    host.migrated()
    host.do(
        START
        + WAITING
        + """
sql("insert into fbs_cleanup_queue (model_name, operation, keys) select 'rentals.room', 'delete', '{1}'"
    " from generate_series(1, 1500)")
said = act("retry", 1, select_across=1)
assert "Nothing was done. Choose 100 clean-ups at most. To retry all, type: " in said, said
assert len(waiting()) == 1504
html = boss.html("queuedcleanup/?model_name=rentals.room", action="give_up", _selected_action=[1], select_across=1)
assert "and 1400 more" in html
ids = html.split('name="confirmed" value="')[1].split('"')[0]
assert "1,500 clean-ups given up." in act("give_up", 5, confirmed=ids)
assert waiting() == [1, 2, 3, 4]
for action in ("retry", "give_up"):
    assert "Those clean-ups are no longer in the queue." in act(action, 77)
for wrong in ("x", "1,x", "9" * 5000):
    assert "Give up clean-ups?" in act("give_up", 1, confirmed=wrong)
assert "Nothing was done. 9999999999999999999 is not the id" in act("give_up", 1, confirmed="9" * 19)
assert waiting() == [1, 2, 3, 4]
"""
    )


def test_the_question_can_be_answered_where_numbers_are_grouped(host: Project) -> None:
    """With USE_THOUSAND_SEPARATOR templates print 1,000."""
    grouped = host.having(settings={**ADMIN, "USE_THOUSAND_SEPARATOR": True})
    grouped.migrated().do(
        START
        + """
sql("insert into fbs_cleanup_queue (id, model_name, operation, keys) overriding system value"
    " values (1000, 'rentals.room', 'delete', '{1}')")
html = boss.html("queuedcleanup/", action="give_up", _selected_action=[1000])
shown = dict(re.findall('name="(confirmed|_selected_action)" value="(.*?)"', html))
assert "1 clean-up given up." in boss.text("queuedcleanup/", action="give_up", **shown), shown
"""
    )


#: Grants of the host's own tables.
GRANTS = f"""
select format('grant all on %s to {WEB}', c.oid::regclass)
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relname !~ '^fbs_' and c.relkind in ('r', 'S')
"""


@contextmanager
def web_login(host: Project) -> Iterator[Project]:
    """The host with a login that reads and writes its own tables, and nothing of FBS."""
    url = host.server.url(host.databases["default"])
    with psycopg.connect(url, autocommit=True) as connection, role(connection, WEB):
        for (grant,) in connection.execute(GRANTS.encode()).fetchall():
            connection.execute(grant.encode())
        yield host.having(databases={"default": host.place("default", USER=WEB)})


def test_a_login_without_rights_is_told_what_to_grant(host: Project) -> None:
    host.migrated()
    host.do(START + WAITING)
    with web_login(host) as web:
        visit = START.replace('user("boss")', 'Person.objects.get(username="boss")')
        for atomic in (False, True):
            place = web.place("default", USER=WEB, ATOMIC_REQUESTS=atomic)
            web.having(databases={"default": place}).do(
                visit
                + f"""
for page in {PAGES[:-1]}:
    said = boss.text(page + "/")
    assert "Role {WEB} may not read this in database default" in said, said
    assert "--database default grant {WEB} --as monitor" in said, said
assert "grant {WEB} --as monitor" in boss.text("health/")
"""
            )
        web.select(f"select fbs_grant_role('{WEB}', 'monitor')")
        web.do(
            visit
            + f"""
for words in (dict(action="retry"), dict(action="give_up", confirmed="1,2")):
    said = boss.text("queuedcleanup/", _selected_action=[1, 2], **words)
    assert "Nothing was done. Role {WEB} may not execute fbs_" in said, said
    assert "--database default grant {WEB} --as worker" in said, said
assert "4 waiting clean-ups" in boss.text("queuedcleanup/")
"""
        )
        web.select(f"select fbs_grant_role('{WEB}', 'worker')")
        web.do(
            visit
            + """
assert "1 clean-up done" in boss.text("queuedcleanup/", action="retry", _selected_action=[1])
assert "1 clean-up given up" in boss.text("queuedcleanup/", action="give_up", _selected_action=[2], confirmed="2")
"""
        )


# --- which database


def test_several_databases_one_of_them_away(make: Callable[..., Project]) -> None:
    project = hosting(make(NEWEST, "licences", "later"))
    places = {"default": {}, "licences": {"SCHEMA": "fbs", "COMPONENTS": ["licensing"]}, "later": {"COMPONENTS": []}}
    project = project.having(fbs_db={**HOSTS, "DATABASES": places})
    project.select("create schema fbs", "licences")
    for alias in ("default", "licences"):
        project.manage("migrate", "--database", alias)
    project.select(
        "insert into fbs.fbs_cleanup_queue (model_name, operation, keys) values ('of licences', 'delete', '{1}')",
        "licences",
    )
    project.do(
        START
        + """
here, there = "queuedcleanup/", "queuedcleanup/?database=licences"
assert "0 waiting clean-ups" in boss.text(here) and "By database default licences later" in boss.text(here)
assert "of licences" in boss.text(there)
html = boss.html(there)
link = html.split('/queuedcleanup/1/change/')[1].split('"')[0]
assert "of licences" in boss.text("queuedcleanup/1/change/" + link), link
assert "FBS is not installed in database later." in boss.text("setting/?database=later")
assert "python manage.py migrate --database later" in boss.text("setting/?database=later")
assert "python manage.py migrate --database later" in boss.text("health/?database=later")
health = boss.text("health/?database=licences")
assert "in schema fbs of database licences" in health and "Database: default licences later" in health, health
said = boss.text(there, action="give_up", _selected_action=[1], confirmed="1")
assert "1 clean-up given up." in said, said
for wrong in ("nowhere", "postgres", "x y", "'"):
    assert "is not placed in database" in boss.text(here + "?database=" + wrong)
"""
    )
    away = project.having(
        databases={alias: project.place(alias) for alias in ("default", "licences")}
        | {"later": project.place("later", NAME="nowhere_at_all")}
    )
    away.do(
        START.replace('user("boss")', 'Person.objects.get(username="boss")')
        + f"""
for page in {PAGES}:
    assert 'database "nowhere_at_all" does not exist' in boss.text(page + "/?database=later"), page
"""
    )


@pytest.mark.slow
def test_on_psycopg2(newest: Project) -> None:
    host = hosting(newest).having(psycopg2="yes")
    host.migrated()
    host.do(
        START + WAITING + 'assert "4 waiting clean-ups" in boss.text("queuedcleanup/")\n'
        'assert "1 clean-up done" in act("retry", 1)\nsql("drop table fbs_hosts cascade")\n'
        'assert "FBS is not complete in schema public" in boss.text("hosttable/")'
    )
