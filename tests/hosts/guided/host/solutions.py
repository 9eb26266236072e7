"""What a host does whose solutions have their documents in databases of their own."""

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO

import psycopg
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connections, router, transaction
from django.test import AsyncClient, Client
from django.utils.connection import ConnectionDoesNotExist
from fbs_app.models import ApprovalRequest
from fbs_dms.models import Document, DocumentCategory, DocumentTag, DocumentType
from rentals.models import Location, Tenant

import fbs_db
from fbs_db.django import solution
from fbs_db.errors import UsageError

#: Names of databases, by solution.
DATABASES = json.loads(os.environ.get("HOST_SOLUTIONS", "{}"))


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


def clerk():
    return User.objects.get_or_create(username="clerk")[0]


def filed(name, **about):
    """A document of the solution in force, with all that it needs there."""
    kind = DocumentType.objects.get_or_create(name="Lease", code="lease")[0]
    category = DocumentCategory.objects.get_or_create(name="Leases", parent=None)[0]
    return Document.objects.create(
        name=name, title=name, document_type=kind, category=category, created_by=clerk(), company_id="1", **about
    )


def names(alias=None):
    return sorted(Document.objects.using(alias).values_list("name", flat=True))


def start():
    """A document in each, and nothing else."""
    for one in DATABASES:
        with solution(one):
            for model in (Document, DocumentCategory, DocumentTag, DocumentType):
                model.objects.all().delete()
            filed(f"{one} 1")


def each():
    """Names of the documents of every solution."""
    found = {}
    for one in DATABASES:
        with solution(one):
            found[one] = names()
    return found


# --- where rows go


def blocks_and_hints_and_using():
    for one, alias in DATABASES.items():
        with solution(one):
            row = Document.objects.get()
            assert row._state.db == alias
            assert (row.created_by._state.db, row.category._state.db) == ("default", alias)
        filed_by_hint(f"{one} 2", solution_db=alias)
        kind, category = DocumentType.objects.using(alias).get(), DocumentCategory.objects.using(alias).get()
        about = {"document_type": kind, "category": category, "created_by": clerk(), "company_id": "1"}
        Document.objects.using(alias).create(name=f"{one} 3", title="", **about)
        Document(name=f"{one} 4", title="", **about).save()
        Document(name=f"{one} 5", title="", **about).save(using=alias)
    assert each() == {one: [f"{one} {number}" for number in range(1, 6)] for one in DATABASES}
    blocks_nest(*list(DATABASES)[:2])


def filed_by_hint(name, **hints):
    """As FBS's services do: they ask the router."""
    alias = router.db_for_write(Document, **hints)
    kind, category = DocumentType.objects.using(alias).get(), DocumentCategory.objects.using(alias).get()
    row = Document(name=name, title="", document_type_id=kind.pk, category_id=category.pk, created_by_id=clerk().pk)
    row.company_id = "1"
    row.save(using=alias)


def blocks_nest(one, other):
    first, second = solution(one), solution(other, using=())
    with first:
        with second, solution(one):
            assert names()[0] == f"{one} 1"
        assert names()[0] == f"{one} 1"
        second.__enter__()
        assert names()[0] == f"{other} 1"
        third = solution(one, using=())
        third.__enter__()
        second.__exit__(None, None, None)  # as generators may, in another order
        assert names()[0] == f"{one} 1"
        third.__exit__(None, None, None)
        with refused(ZeroDivisionError, "division"), solution(other):
            filed("undone in no database but those of isolation")
            1 / 0  # noqa: B018

    @solution(other)
    def decorated():
        return names()[0]

    assert decorated() == f"{other} 1"
    with solution(other):
        Document.objects.filter(name__startswith="undone").delete()
    nothing_in_force()


def nothing_in_force():
    """The router answers whoever only asks; who wants rows is told what to write."""
    says = "no solution is in force."
    for query in (
        Document.objects.count,
        lambda: list(Document.objects.all()),
        lambda: Document.objects.create(created_by=clerk()),
        lambda: DocumentTag.objects.get_or_create(name="t"),
        clerk().documents.count,
    ):
        with refused(UsageError, says):
            query()
    with refused(UsageError, 'fbs_db.django.solution("acme")'), transaction.atomic(router.db_for_write(Document)):
        pass
    Document(created_by=clerk())
    assert Document.objects.none().count() == 0
    assert Document.objects.all().db == Document.objects.db == router.db_for_read(Document) == "solutions"
    assert router.allow_migrate_model("solutions", Document) is False
    assert router.allow_migrate_model("solutions", User) is False
    assert "solutions" not in list(connections)
    with refused(ConnectionDoesNotExist, "nowhere"):
        connections["nowhere"]
    assert ApprovalRequest.objects.count() == 0, "which are in default"
    with solution("acme"):
        with refused(UsageError, "solution acme was not asked for"):
            connections["solutions"].cursor()
        assert router.db_for_read(ApprovalRequest, solution_db=DATABASES["acme"]) == "default"


def rows_keep_to_their_database():
    acme, bravo = DATABASES["acme"], DATABASES["bravo"]
    with solution("acme"):
        row = filed("kept")
        row.tags.add(DocumentTag.objects.create(name="tag"))
        child = DocumentCategory.objects.create(name="child", parent=row.category)
    with solution("bravo"):
        other = filed("other")
        row.title = "changed"
        row.save()
        assert [tag.name for tag in row.tags.all()] == ["tag"]
        assert row.category.documents.get(name="kept").title == "changed"
        assert [one.pk for one in row.category.children.all()] == [child.pk]
        row.category.children.create(name="of acme")
        assert [one.name for one in clerk().documents.filter(name="other")] == ["other"]
        row.refresh_from_db()
        assert row.created_by == clerk() and row.created_by._state.db == "default"
        row.approved_by = clerk()
        row.full_clean()
        with refused(ValueError, "the current database router prevents this relation"):
            row.category = other.category
        with refused(ValueError, "database"):
            row.tags.add(DocumentTag.objects.create(name="of bravo"))
        found = Document.objects.using(acme).prefetch_related("created_by", "tags", "category").get(name="kept")
        assert (found.created_by._state.db, found.category._state.db) == ("default", acme)
        prefetched = User.objects.prefetch_related("documents").get(username="clerk")
        assert {one._state.db for one in prefetched.documents.all()} == {bravo}
        row.delete()
    with solution("acme"):
        assert "kept" not in names()
        assert DocumentCategory.objects.filter(name="of acme").exists()


def users_and_tenants_go():
    """Django looks for documents of a deleted user in the databases that have documents."""
    user = User.objects.create(username="leaves")
    location = Location.objects.create(name="l")
    tenant = Tenant.objects.create(name="t", location=location)
    ApprovalRequest.objects.create(title="about", description="", approval_type="other", requester=user)
    with solution("acme"):
        row = filed("stays")
        user.delete()
        row.delete()
    User.objects.filter(username="nobody").delete()
    tenant.delete()
    location.delete()
    assert not User.objects.filter(username="leaves").exists()
    assert not ApprovalRequest.objects.exists()


def a_tenant_goes():
    """Its documents are archived in every database of a solution, by what a worker does."""
    tenant = Tenant.objects.create(name="t", location=Location.objects.create(name="l"))
    about = {"model_name": "rentals.tenant", "record_id": str(tenant.pk)}
    for one in DATABASES:
        with solution(one):
            filed("about", metadata=about)
    tenant.delete()
    assert fbs_db.retry_cleanup().rows == len(DATABASES)
    for alias in DATABASES.values():
        states = dict(Document.objects.using(alias).values_list("name", "state"))
        assert states.pop("about") == "archived"
        assert set(states.values()) == {"draft"}


# --- requests


def asked(page, name=None, client=None, **more):
    headers = {"HTTP_SOLUTION": name} if name else {}
    return (client or Client(raise_request_exception=False)).get(f"/{page}", **headers, **more)


def requests_of_solutions():
    before = each()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(in_a_thread, list(DATABASES) * 20))
    assert all(found == before[one] for one, found in answers)
    assert asked("files?name=new", "acme").json()["names"] == sorted([*before["acme"], "new"])
    assert asked("alone", "acme").json()["names"] == names(DATABASES["acme"])
    assert asked("listed").status_code == 500
    with refused(UsageError, "no solution is in force"):
        b"".join(asked("streams", "acme").streaming_content)
    assert asyncio.run(awaited(*DATABASES)) == [each()[one] for one in DATABASES] * 5
    assert asyncio.run(tasks(*DATABASES)) == [each()[one] for one in DATABASES] * 5


def in_a_thread(one):
    try:
        return one, asked("listed", one).json()["names"]
    finally:
        connections.close_all()  # Django's client does not


async def awaited(*ones):
    async def one_of(name):
        return (await AsyncClient().get("/awaits", headers={"solution": name})).json()["names"]

    return list(await asyncio.gather(*(one_of(name) for name in ones * 5)))


async def tasks(*ones):
    """Blocks that open no transaction are for code that is async, too."""
    shared = {name: solution(name, using=()) for name in ones}

    async def one_of(name):
        with shared[name]:
            await asyncio.sleep(0.01)
            found = sorted([row.name async for row in Document.objects.all()])
        with refused(UsageError, "no solution is in force"):
            await Document.objects.acount()
        return found

    return list(await asyncio.gather(*(one_of(name) for name in ones * 5)))


def connections_are_closed():
    """At the end of a request, those of solutions as those of Django's aliases."""
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()

    def visit(name):
        environment = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/listed", "SERVER_NAME": "host.example", "SERVER_PORT": "80",
            "wsgi.input": StringIO(), "HTTP_SOLUTION": name,
        }  # fmt: skip
        response = application(environment, lambda *_: None)
        body = json.loads(b"".join(response))
        response.close()
        return body["open"], sorted(
            one.alias for one in connections.all(initialized_only=True) if one.connection is not None
        )

    connections.close_all()
    assert visit("acme") == (["default", DATABASES["acme"]], [])
    assert visit("bravo") == (["default", DATABASES["bravo"]], [])


def requests_are_transactions():
    """Where the pattern has ATOMIC_REQUESTS."""
    assert connections["default"].settings_dict["ATOMIC_REQUESTS"] is True
    before = each()
    assert asked("files?name=undone&fails=1", "acme").status_code == 500
    assert each() == before
    assert asked("files?name=done", "acme").status_code == 200
    assert each() == {**before, "acme": sorted([*before["acme"], "done"])}
    assert asked("alone", "bravo").status_code == 200
    connections.close_all()
    assert asked("listed", "acme").json()["open"] == ["default", DATABASES["acme"]], "and none in bravo"


def threads_at_once():
    """Two threads, each of which goes on when the other has entered its block."""
    before, both, found = each(), threading.Barrier(2, timeout=60), {}

    def work(one):
        try:
            with solution(one):
                both.wait()
                found[one] = names()
                filed(f"{one} at once")
                both.wait()
            with refused(UsageError, "no solution"):
                names()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(one,)) for one in ("acme", "bravo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {one: before[one] for one in ("acme", "bravo")}
    assert each() == {
        one: sorted([*rows, *([f"{one} at once"] if one in found else [])]) for one, rows in before.items()
    }


def admin_pages():
    client = Client()
    boss = User.objects.get_or_create(username="boss", is_staff=True, is_superuser=True)[0]
    client.force_login(boss)
    for one in DATABASES:
        page = asked("admin/fbs_dms/document/", one, client)
        text = page.content.decode()
        assert page.status_code == 200
        with solution(one):
            rows = {row.name: row for row in Document.objects.all()}
        assert all(name in text for name in rows)
        assert not any(f">{other} 1<" in text for other in set(DATABASES) - {one})
        form = asked("admin/fbs_dms/document/add/", one, client).content.decode()
        assert "boss" in form and "Lease" in form
        with solution(one):
            kind, category = DocumentType.objects.get(), DocumentCategory.objects.get(name="Leases")
        values = {
            "name": f"{one} by hand", "title": "t", "document_type": kind.pk, "category": category.pk, "state": "draft",
            "created_by": boss.pk, "company_id": "1", "metadata": "{}",
        }  # fmt: skip
        answer = client.post("/admin/fbs_dms/document/add/", values, HTTP_SOLUTION=one)
        assert answer.status_code == 302, answer.content.decode()
        with solution(one):
            row = Document.objects.get(name=f"{one} by hand")
        assert row.created_by == boss
        change = f"/admin/fbs_dms/document/{row.pk}/change/"
        assert client.post(change, {**values, "title": "changed"}, HTTP_SOLUTION=one).status_code == 302
        delete = f"/admin/fbs_dms/document/{row.pk}/delete/"
        assert client.get(delete, HTTP_SOLUTION=one).status_code == 200
        assert client.post(delete, {"post": "yes"}, HTTP_SOLUTION=one).status_code == 302
        with solution(one):
            assert set(names()) == set(rows)
    assert client.get("/admin/auth/user/", HTTP_SOLUTION="acme").status_code == 200


def requests_with_a_list():
    """Where FBS_DB lists acme and bravo alone."""
    assert [alias for alias in connections if alias in DATABASES.values()] == [DATABASES["acme"], DATABASES["bravo"]]
    with refused(ConnectionDoesNotExist, "SOLUTIONS of solutions do not list charlie."), solution("charlie"):
        names()
    with refused(UsageError, "PostgreSQL's names have 63 bytes at most."), solution("c" * 60):
        names()
    assert asked("listed", "charlie").status_code == 500
    assert asked("listed", "acme").status_code == 200


def patterns_of_two_kinds(company):
    """Databases of solutions, and of companies as FBS's own router names them."""
    acme = DATABASES["acme"]
    assert router.db_for_read(Document, company_id=7) == router.db_for_write(Document, company_id="7") == company
    assert router.db_for_read(Document, company_id=8) == company.replace("_7_", "_8_"), "which is not there yet"
    assert router.db_for_read(Document, solution_db=acme) == acme
    assert router.db_for_read(ApprovalRequest, company_id=7) == "default", "where FBS_DB places it"
    for one, alias in (("acme", acme), ("7", company)):
        with solution(one):
            assert router.db_for_read(Document) == alias, "the one that there is"
            filed("of two kinds")
            assert "of two kinds" in names(alias)
            Document.objects.get(name="of two kinds").delete()
    with refused(UsageError, f"{company} is that of 7"), solution("djo_7"):
        names()
    with refused(OperationalError, "does not exist"), solution("neither"):
        assert router.db_for_read(Document) == named_like("neither")
        names()


def aliases_are_made_in_threads():
    """While others go through them, as Django does with each request."""
    start = DATABASES["acme"].removesuffix("acme_db")
    wanted = [f"{start}{number}_db" for number in range(300)]
    ended = threading.Event()

    def look():
        while not ended.is_set():
            assert all(settings for _, settings in connections.settings.items())
            connections.all(initialized_only=True)

    with ThreadPoolExecutor(6) as pool:
        looking = [pool.submit(look) for _ in range(2)]
        made = list(pool.map(lambda name: connections[name].settings_dict["NAME"], wanted * 2))
        ended.set()
        assert [one.result() for one in looking] == [None, None]
    assert made == wanted * 2
    assert all(name in connections for name in wanted)
    assert not set(wanted) & set(connections), "or names that clients make up would be kept"


# --- commands, and what comes and goes


def one_is_dumped_and_loaded():
    acme, bravo = DATABASES["acme"], DATABASES["bravo"]
    before = each()
    call_command("dumpdata", database=acme, output="acme.json")
    with open("acme.json") as file:
        dumped = json.load(file)
    os.remove("acme.json")
    assert sorted(row["fields"]["name"] for row in dumped if row["model"] == "fbs_dms.document") == before["acme"]
    assert {row["model"].partition(".")[0] for row in dumped} == {"fbs_dms"}
    out = StringIO()
    call_command("dumpdata", stdout=out)
    assert "fbs_dms.document" not in {row["model"] for row in json.loads(out.getvalue())}, "default has none"
    with solution("bravo"):
        for model in (Document, DocumentCategory, DocumentType, DocumentTag):
            model.objects.all().delete()
    with open("loaded.json", "w") as file:
        json.dump(dumped, file)
    try:
        call_command("loaddata", "loaded.json", database=bravo, verbosity=0)
    finally:
        os.remove("loaded.json")
    assert each() == {**before, "bravo": before["acme"]}
    call_command("flush", database=bravo, interactive=False, verbosity=0)
    assert each() == {**before, "bravo": []}


def reads():
    with fbs_db.connect(DATABASES["acme"]) as fbs:
        assert sorted(row.name for row in fbs.documents.overview(limit=100)) == names(DATABASES["acme"])
    with solution("acme"):
        assert fbs_db.connect(connections[DATABASES["acme"]]).documents.overview()


def on_server(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def one_is_dropped(server):
    with refused(OperationalError, ""), solution("delta"):
        on_server(server, f'drop database "{named_like("delta")}" with (force)')
        names()  # the connection is lost
    connections.close_all()
    with refused(OperationalError, f'database "{named_like("delta")}" does not exist'), solution("delta"):
        names()
    assert asked("listed", "delta").status_code == 500
    assert asked("listed", "acme").json()["names"] == ["acme 1"]


def another_comes(server):
    """Its database is made, and the next block has it."""
    with refused(OperationalError, "does not exist"), solution("delta"):
        names()
    connections.close_all()
    on_server(server, f'create database "{named_like("delta")}" template "{DATABASES["bravo"]}"')
    with solution("delta"):
        assert names() == ["bravo 1"]
        filed("first")
        assert names() == ["bravo 1", "first"]
    assert each()["bravo"] == ["bravo 1"]


def named_like(solution):
    return DATABASES["acme"].replace("acme", solution)
