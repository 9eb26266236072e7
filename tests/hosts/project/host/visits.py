"""Requests as a server handles them, one after the other on its connection; and what else a host's code does."""

import asyncio
import io
import json
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client, override_settings
from rentals.deeds import Person, Tenant, fbs_rows, let, sql

from fbs_db.django import solution
from fbs_db.errors import UsageError
from host import web
from host.web import Approval, done, file, titles
from tests.hosts.fbs.models import MODELS
from tests.hosts.rows import full, sample, written

_application = get_wsgi_application()


@contextmanager
def refused(kind, says):
    """A block that ends with an error."""
    try:
        yield
    except kind as error:
        if says not in str(error):
            raise AssertionError(f"{error}, not: {says}") from error
    else:
        raise AssertionError(f"nothing says: {says}")


def visit(page, name=None, **headers):
    """Status of a response, and what it says, as JSON or as text."""
    parts = urlsplit(page)
    named = {"HTTP_SOLUTION": name} if name else {}
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/{parts.path}",
        "QUERY_STRING": parts.query,
        "SERVER_NAME": "host.example",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **named,
        **{f"HTTP_{key.upper()}": value for key, value in headers.items()},
    }
    started = []
    response = _application(environment, lambda status, _: started.append(int(status[:3])))
    body = b"".join(response).decode()
    response.close()
    try:
        return started[0], json.loads(body)
    except ValueError:
        return started[0], body


def seen(name=None):
    """Titles of the approval requests that a request of a solution sees."""
    return visit("listed", name)[1]["titles"]


async def _visited(page, name):
    scope = {"type": "http", "method": "GET", "path": f"/{page}", "headers": [(b"solution", name.encode())]}
    talk = ApplicationCommunicator(get_asgi_application(), scope)
    await talk.send_input({"type": "http.request"})
    status = (await talk.receive_output(10))["status"]
    body = b""
    while True:
        part = await talk.receive_output(10)
        body += part.get("body", b"")
        if not part.get("more_body"):
            await talk.wait(10)
            return status, json.loads(body)


def requests_see_their_solution():
    assert seen() == [], "unset means no rows"
    assert visit("filed?title=a", "acme") == (200, {"solution": "acme"})
    assert visit("filed?title=b", "bravo") == (200, {"solution": "bravo"})
    first, second, none = (visit("listed", name)[1] for name in ("acme", "bravo", None))
    assert first | {"pid": 0} == {"titles": ["a"], "pid": 0, "solution": "acme", "atomic": True}
    assert (second["titles"], second["solution"]) == (["b"], "bravo")
    assert (none["titles"], none["solution"] or "") == ([], ""), "never of the connection"
    assert none["atomic"] is connection.settings_dict["ATOMIC_REQUESTS"]
    assert done == [("a", []), ("b", [])], "what runs after the commit is out of it"
    assert visit("listed", "forbidden")[0] == 403
    return {first["pid"], second["pid"], none["pid"]}


def errors_leave_nothing():
    done.clear()
    with solution("acme"):
        Approval.objects.all().delete()
    for page in ("fails?with=error", "fails-in-database"):
        assert visit(page, "acme")[0] == 500, page
        assert (seen("acme"), seen("bravo"), seen()) == ([], ["b"], []), page
    assert visit("fails?with=missing", "acme") == (404, {"titles": []}), "the page about it can ask the database"
    assert visit("nowhere", "acme") == (404, {"titles": []})
    assert visit("goes-on", "acme")[0] == 500, "not done, with nothing stored"
    assert visit("marks", "acme")[0] == 200
    assert seen("acme") == []
    assert visit("catches", "acme")[0] == 200
    assert seen("acme") == ["after", "before"]
    assert (seen("bravo"), seen()) == (["b"], [])
    assert done == [], "nothing is done after a commit that was none"


def other_middlewares_have_blocks_and_answer_errors():
    assert visit("filed?title=x", "acme", around="ends")[0] == 200
    assert seen("acme") == ["after", "around", "before", "x"]
    assert visit("filed?title=y", "acme", around="raises")[0] == 500
    assert visit("fails?with=missing", "acme", around="raises")[0] == 500
    assert seen("acme") == ["after", "around", "before", "x"]
    assert visit("fails?with=lookup", "acme")[0] == 418
    assert seen("acme") == ["after", "around", "before", "x"]
    assert visit("fails?with=error", "acme", around="ends")[0] == 500
    assert seen("acme") == ["after", "around", "around", "before", "x"], "as far as the view has done it"


def responses_that_run_later():
    assert visit("streams", "acme") == (200, []), "a streaming response runs after the transaction"
    assert visit("streams-in-solution") == (200, seen("acme"))
    assert visit("alone", "acme") == (200, {"without": [], "within": seen("acme")})
    assert asyncio.run(_visited("listed", "acme"))[1]["titles"] == seen("acme") != []
    assert asyncio.run(_visited("awaits", "acme")) == (200, {"titles": seen("acme")})
    assert asyncio.run(_visited("awaits-and-streams", "acme")) == (200, [])
    assert asyncio.run(_visited_at_once("awaits", "acme", "bravo")) == [seen("acme"), seen("bravo")] * 3


async def _visited_at_once(page, *names):
    answers = await asyncio.gather(*(_visited(page, name) for name in names * 3))
    return [body["titles"] for _, body in answers]


def connection_is_lost():
    """The next request has another one."""

    def end(request):
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    web.urlpatterns[0].callback = end
    assert visit("listed", "acme")[0] == 500
    web.urlpatterns[0].callback = web.listed
    assert seen("acme") != []
    assert seen() == []


def settings_are_checked():
    """What Django's checks say of the middleware: of SOLUTION and MIDDLEWARE, an id and a text."""
    ours, own, elsewhere = (
        "fbs_db.django.middleware.SolutionMiddleware",
        "host.web.Elsewhere",
        "host.nowhere.middleware",
    )
    for named, middleware, number, says in (
        (None, ours, "E011", "SOLUTION is missing, which SolutionMiddleware needs."),
        ("host.web.nowhere", ours, "E011", 'SOLUTION: ImportError: Module "host.web" does not define'),
        ("host.nowhere.it", own, "E011", "SOLUTION: ModuleNotFoundError: No module named 'host.nowhere'"),
        ("host.nowhere.it", None, "E011", "SOLUTION: ModuleNotFoundError: No module named 'host.nowhere'"),
        ("host.web.done", ours, "E011", "SOLUTION: host.web.done is no function."),
        ("host.web.awaits", ours, "E011", "SOLUTION: host.web.awaits is asynchronous."),
        ("host.web.solution_of", None, "W012", "FBS_DB has SOLUTION, and MIDDLEWARE does not have SolutionMiddleware"),
        ("host.web.solution_of", elsewhere, "W012", "FBS_DB has SOLUTION"),
        ("host.web.solution_of", ours, None, None),
        ("host.web.solution_of", own, None, None),
        (None, None, None, None),
        (None, elsewhere, None, None),
    ):
        with override_settings(FBS_DB={"SOLUTION": named} if named else {}, MIDDLEWARE=[middleware] * bool(middleware)):
            found = {message.id: message.msg for message in run_checks() if message.id.startswith("fbs_db")}
        assert (number is None and not found) or says in found[f"fbs_db.{number}"], (named, middleware, found)


# --- in code


def now_set():
    return sql("select current_setting('fbs.solution', true)")[0][0] or ""


def blocks_nest():
    for outside in (False, True):
        with solution("acme"):
            Approval.objects.all().delete()
        if outside:
            connection.set_autocommit(False)
        assert (titles(), now_set()) == ([], "")
        with solution("acme"):
            file("one")
            with solution("bravo"):
                assert (titles(), now_set()) == ([], "bravo")
                with transaction.atomic():
                    assert now_set() == "bravo"
            assert (titles(), now_set()) == (["one"], "acme")
            for fails in (lambda: 1 / 0, lambda: sql("select 1 / 0")):
                with refused((ZeroDivisionError, DatabaseError), "division by zero"), solution("bravo"):
                    file("undone")
                    fails()
                assert (titles(), now_set()) == (["one"], "acme")
            with solution("bravo"):
                transaction.set_rollback(True)
            assert now_set() == "acme"
            with solution("bravo"):
                with refused(DatabaseError, "division by zero"), transaction.atomic(), solution("third"):
                    sql("select 1 / 0")
                assert now_set() == "bravo", "after an error in a savepoint"
                inner = connection.savepoint()
            assert now_set() == "acme"
            with refused(DatabaseError, "does not exist"), transaction.atomic():
                connection.savepoint_rollback(inner)
            assert now_set() == "acme", "no savepoint brings back what has ended"
        assert (titles(), now_set()) == ([], "")
        if outside:
            connection.rollback()
            connection.set_autocommit(True)
    with transaction.atomic(), solution("acme"):
        file("in a block")
    with transaction.atomic():
        with solution("acme"):
            assert "in a block" in titles()
        assert (titles(), now_set()) == ([], "")
    with refused(ZeroDivisionError, "division by zero"), solution("acme"):
        file("undone")
        raise ZeroDivisionError("division by zero")
    assert (titles(), now_set()) == ([], "")
    with solution("acme"):
        assert "undone" not in titles()


@solution("acme")
def of_acme(deep=0):
    return of_acme(deep - 1) if deep else titles()


def blocks_decorate():
    assert of_acme() == of_acme(2) != []
    shared = solution("acme")
    with shared, shared:
        assert titles() == of_acme()
    assert titles() == []
    found, both = [], threading.Barrier(2)

    def work():
        with shared:
            both.wait(60)
            found.append(titles())
        found.append(now_set())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == sorted(["", "", str(of_acme()), str(of_acme())]), "threads may share a block"

    async def later():
        with solution("acme"):
            pass

    def generator():
        yield titles()

    for runs_later in (later, generator):
        with refused(UsageError, "runs after it has been called"):
            solution("acme")(runs_later)
    for name, says in ((None, "not by None"), (5, "not by 5"), ("", "no characters"), ("a\0b", "NUL character")):
        with refused(UsageError, says):
            solution(name)


def on_each_database():
    """FBS's components are in default and licences; rentals has host tables only."""

    def names(*aliases):
        return [sql("select current_setting('fbs.solution', true)", alias=one)[0][0] or "" for one in aliases]

    every = ("default", "licences", "rentals")
    with solution("acme"):
        assert names(*every) == ["acme", "acme", ""]
        with solution("bravo", using="licences"):
            assert names(*every) == ["acme", "bravo", ""]
        with solution("bravo", using=["default", "rentals"]):
            assert names(*every) == ["bravo", "acme", "bravo"]
        assert names(*every) == ["acme", "acme", ""]
    assert names(*every) == ["", "", ""]
    with refused(UsageError, "Database lite is SQLite"), solution("acme", using=["default", "lite"]):
        pass
    assert not connection.in_atomic_block
    assert not connections["licences"].in_atomic_block


# --- models, admin, dumps, clean-up


def isolated():
    """Tables whose rows belong to a solution."""
    return {name for (name,) in sql("select table_name from fbs_solution_tables")}


def values_of(model):
    """Values for each field; a document's workflow has no step before it has steps."""
    return full(model) | ({"current_step": None} if model is MODELS["fbs_dms_document_workflow"] else {})


def every_model_works():
    for table, model in MODELS.items():
        with solution("acme"):
            row = model.objects.create(**values_of(model))
            changed = {field.name: sample(field) for field in written(model) if not field.is_relation}
            for name, value in changed.items():
                setattr(row, name, value)
            row.save()
            found = model.objects.get(pk=row.pk)
            for name, value in changed.items():
                assert getattr(found, name) == value, f"{table}.{name}"
        if table in isolated():
            with solution("bravo"):
                assert not model.objects.filter(pk=row.pk).exists(), table
                assert not model.objects.filter(pk=row.pk).update(id=row.pk), table
                assert model.objects.filter(pk=row.pk).delete()[0] == 0, table
            assert not model.objects.filter(pk=row.pk).exists(), table
        with solution("acme"):
            found.delete()
            assert not model.objects.filter(pk=row.pk).exists(), table


def admin_works(each):
    """The pages of one model in some."""
    client, other = Client(HTTP_SOLUTION="acme"), Client(HTTP_SOLUTION="bravo")
    boss = Person.objects.create_superuser("boss", password="secret")
    client.force_login(boss)
    other.force_login(boss)
    apart = isolated()
    for table, model in [*MODELS.items()][::each]:
        with solution("acme"):
            row = model.objects.create(**values_of(model))
        pages = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        change = f"{pages}{row.pk}/change/"
        assert change in client.get(pages).content.decode(), table
        assert client.get(change).status_code == 200, table
        assert client.post(f"{pages}{row.pk}/delete/", {"post": "yes"}).status_code == 302, table
        with solution("acme"):
            gone = not model.objects.filter(pk=row.pk).exists()
            assert gone, table
            row.save(force_insert=True)
        if table in apart:
            assert change not in other.get(pages).content.decode(), table
            assert other.get(change).status_code == 302, table
        with solution("acme"):
            row.delete()


def dumps_hold_one_solution():
    for name in ("acme", "bravo"):
        with solution(name):
            Approval.objects.all().delete()
            file(f"of {name}")

    def dumped():
        out = io.StringIO()
        call_command("dumpdata", "fbs.approvalrequest", stdout=out)
        return [row["fields"]["title"] for row in json.loads(out.getvalue())]

    assert dumped() == []
    with solution("bravo"):
        assert dumped() == ["of bravo"]
        call_command("dumpdata", "fbs.approvalrequest", output="bravo.json")
        Approval.objects.all().delete()
    # It sets the sequence to the greatest key that it sees, where others have greater ones.
    with refused(DatabaseError, "permission denied for sequence"), solution("bravo"):
        call_command("loaddata", "bravo.json", verbosity=0)
    assert titles() == []


def deletions_are_cleaned_up():
    with solution("acme"):
        Approval.objects.all().delete()
        user, tenant, location = let(1)
    with solution("bravo"):
        assert fbs_rows() == ({}, [])
    tenant.delete()
    location.delete()
    with solution("acme"):
        assert fbs_rows() == ({"about tenant 1": "cancelled"}, [])
    user.delete()
    with solution("acme"):
        assert fbs_rows() == ({}, [])
    assert not Tenant.objects.filter(name="tenant 1").exists()
