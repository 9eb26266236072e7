"""A host by FBS's own guides, ``tests/hosts/guided``: one on a version of Django, with databases of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.hosts import forks
from tests.support import ROOT
from tests.support.servers import Server
from tests.support.versions import DJANGOS, django_or_skip

VERSIONS = DJANGOS
_numbers = count(1)
_ENDS = ("", "_1", "_2", "_gw0", "_gw1")


@dataclass(frozen=True)
class Guided:
    """The host.

    Attributes:
        python: an interpreter that has its Django.
        server: where its databases are.
        databases: name of each, by alias.
        environment: what its settings take from there.
    """

    python: Path
    server: Server
    databases: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    def having(self, **environment: Any) -> Guided:
        """The same with other settings: ``fbs_db=``, ``routers=``, ``first=``, ``databases=``."""
        texts = {
            f"HOST_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in environment.items()
        }
        return replace(self, environment={**self.environment, **texts})

    def manage(self, *words: str, code: int = 0) -> str:
        """What ``manage.py`` prints, ended with this exit code."""
        return self.run("-W", "error", "manage.py", *words, code=code)

    def do(self, text: str) -> str:
        """What a piece of Python prints, in the host."""
        return self.run("-W", "error", "-c", f"import django\ndjango.setup()\n{text}")

    def run(self, *words: str, code: int = 0) -> str:
        returned, out, err = forks.run(
            self.python, words, ROOT / "tests" / "hosts" / "guided", self._environment() | self.environment
        )
        printed = out + err
        assert returned == code, printed
        assert "Traceback" not in printed or code == 0, printed
        return printed

    def place(self, alias: str, **more: Any) -> dict[str, Any]:
        """How Django is told of one of its databases."""
        return {
            "NAME": self.databases[alias],
            "USER": "postgres",
            "HOST": self.server.host,
            "PORT": str(self.server.port),
            **more,
        }

    def select(self, query: str, alias: str = "default") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url(self.databases[alias]), autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "host.settings",
            "HOST_DATABASES": json.dumps({alias: self.place(alias) for alias in self.databases}),
            "PYTHONPATH": f"{ROOT / 'tests' / 'hosts' / 'guided'}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@contextmanager
def guided(version: str, server: Server, *aliases: str) -> Iterator[Guided]:
    """The host on a version of Django, with a fresh database for each alias; they are dropped at the end."""
    python = django_or_skip(version)
    names = {alias: f"guided_{os.getpid()}_{next(_numbers)}_{alias}" for alias in ("default", *aliases)}
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        for name in names.values():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield Guided(python, server, names)
        for name in [
            f"{before}{name}{after}" for name in names.values() for before in ("", "test_") for after in _ENDS
        ]:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
