"""Pages of the business, for requests of several solutions: the header Solution names it."""

from django.contrib import admin
from django.db import connections, transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path
from fbs_dms.models import Document

from host.solutions import filed, names


def solution_of(request):
    return request.headers.get("Solution")


def listed(request):
    return JsonResponse({"names": names(), "open": opened()})


def files(request):
    filed(request.GET["name"])
    if "fails" in request.GET:
        raise ValueError
    return JsonResponse({"names": names()})


async def awaits(request):
    return JsonResponse({"names": sorted([row.name async for row in Document.objects.all()])})


@transaction.non_atomic_requests
def alone(request):
    return JsonResponse({"names": names()})


def streams(request):
    return StreamingHttpResponse(",".join(names()) for _ in range(1))


def opened():
    return sorted(one.alias for one in connections.all(initialized_only=True) if one.connection is not None)


urlpatterns = [
    path("listed", listed),
    path("files", files),
    path("awaits", awaits),
    path("alone", alone),
    path("streams", streams),
    path("admin/", admin.site.urls),
]
