"""Pages of the business, for requests of several solutions: the header Solution names it."""

import json

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from fbs_db.django import solution
from fbs_db.django.middleware import SolutionMiddleware
from tests.hosts.fbs.models import MODELS

Approval = MODELS["fbs_approval_requests"]
#: What ran after the commit, each with the titles that it saw.
done = []


def solution_of(request):
    name = request.headers.get("Solution")
    if name == "forbidden":
        raise PermissionDenied
    return name


class Elsewhere(SolutionMiddleware):
    """As a host makes its own: for one of its databases."""

    using = ("default",)


def around(get_response):
    """Another middleware, which has a block of its own around the view."""

    def call(request):
        if "Around" not in request.headers:
            return get_response(request)
        with transaction.atomic():
            file("around")
            response = get_response(request)
            if request.headers["Around"] == "raises":
                raise ValueError("around")
        return response

    return call


class AnswerErrors:
    """Another middleware, which makes a response of an error."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        return HttpResponse(status=418) if isinstance(error, LookupError) else None


def titles():
    return sorted(Approval.objects.values_list("title", flat=True))


def file(title):
    """An approval request as FBS's services write some: without a solution."""
    from rentals.deeds import Person

    requester = Person.objects.get_or_create(username="clerk")[0]
    return Approval.objects.create(title=title, description="", approval_type="other", requester=requester)


def leave(title):
    """Something for after the commit."""
    transaction.on_commit(lambda: done.append((title, titles())))


def listed(request):
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid(), current_setting('fbs.solution', true)")
        pid, name = cursor.fetchone()
    return JsonResponse({"titles": titles(), "pid": pid, "solution": name, "atomic": connection.in_atomic_block})


def filed(request):
    row = file(request.GET["title"])
    leave(row.title)
    row.refresh_from_db()
    return JsonResponse({"solution": row.solution_name})


def fails(request):
    file("fails")
    leave("fails")
    with transaction.atomic(savepoint=False):
        raise {"error": ValueError, "missing": Http404, "lookup": LookupError}[request.GET["with"]]("fails")


def fails_in_database(request):
    with transaction.atomic(savepoint=False):
        file("fails")
        connection.cursor().execute("select 1 / 0")


def goes_on(request):
    """A view that catches an error of the database, and works on as if nothing was."""
    file("goes on")
    leave("goes on")
    try:
        connection.cursor().execute("select 1 / 0")
    except DatabaseError:
        return HttpResponse("done")


def marks(request):
    file("marks")
    transaction.set_rollback(True)
    return HttpResponse("done")


def catches(request):
    file("before")
    try:
        with transaction.atomic():
            file("within")
            raise ValueError
    except ValueError:
        file("after")
    return HttpResponse("done")


def streams(request):
    def parts():
        yield json.dumps(titles())

    return StreamingHttpResponse(parts())


def streams_in_solution(request):
    def parts():
        with solution("acme"):
            yield json.dumps(titles())

    return StreamingHttpResponse(parts())


@transaction.non_atomic_requests
def alone(request):
    with transaction.atomic(durable=True):
        without = titles()
    with solution("acme"):
        return JsonResponse({"without": without, "within": titles()})


async def awaits(request):
    return JsonResponse({"titles": sorted([row.title async for row in Approval.objects.all()])})


async def awaits_and_streams(request):
    async def parts():
        yield json.dumps([row.title async for row in Approval.objects.all()])

    return StreamingHttpResponse(parts())


def missing(request, exception):
    """A page about an error that asks the database."""
    return JsonResponse({"titles": titles()}, status=404)


for model in MODELS.values():
    admin.site.register(model)

handler404 = missing
urlpatterns = [
    path("listed", listed),
    path("filed", filed),
    path("fails", fails),
    path("fails-in-database", fails_in_database),
    path("goes-on", goes_on),
    path("marks", marks),
    path("catches", catches),
    path("streams", streams),
    path("streams-in-solution", streams_in_solution),
    path("alone", alone),
    path("awaits", awaits),
    path("awaits-and-streams", awaits_and_streams),
    path("admin/", admin.site.urls),
]
