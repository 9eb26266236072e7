"""A host by FBS's own guides, ``tests/hosts/guided``: one on a version of Django, with databases of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from tests.support import ROOT
from tests.support.projects import ENDINGS, Project
from tests.support.servers import Server
from tests.support.versions import DJANGOS, django_or_skip

VERSIONS = DJANGOS
_numbers = count(1)


class Guided(Project):
    """The host."""

    start = ""

    def _environment(self) -> dict[str, str]:
        environment = super()._environment() | {"DJANGO_SETTINGS_MODULE": "host.settings"}
        del environment["HOST_FBS_DB"]
        return environment | {"PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def guided(version: str, server: Server, *aliases: str) -> Iterator[Guided]:
    """The host on a version of Django, with a fresh database for each alias; they are dropped at the end."""
    python = django_or_skip(version)
    names = {alias: f"guided_{os.getpid()}_{next(_numbers)}_{alias}" for alias in ("default", *aliases)}
    for name in names.values():
        server.create(name)
    yield Guided(ROOT / "tests" / "hosts" / "guided", python, server, names)
    server.drop(*(f"{start}{name}{end}" for name in names.values() for start in ("", "test_") for end in ENDINGS))
