"""Copies of the Django project in ``tests/hosts/project``, each with databases of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg

from tests.hosts import forks
from tests.support import ROOT
from tests.support.servers import Server
from tests.support.versions import django_or_skip

if TYPE_CHECKING:
    from typing_extensions import Self

HOSTS: dict[str, Any] = {"HOSTS": {"rentals.Tenant": {}, "rentals.Room": {}}}
#: What Django's and pytest's workers append to the names of test databases.
ENDINGS = ("", "_1", "_2", "_gw0", "_gw1")
_numbers = count(1)
#: Databases of migrated projects, by what makes them differ.
_migrated: dict[tuple[object, ...], str] = {}

#: What the admin needs of a project's settings.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
#: A project whose only pages are those of the admin.
ADMIN: dict[str, Any] = {
    "ROOT_URLCONF": "host.pages",
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "TEMPLATES": TEMPLATES,
    "STATIC_URL": "static/",
    "DEBUG": True,
}
ADMIN_APPS = [
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "fbs_db.django",
    "fbs_db.django.admin",
    "fbs_db.django.views",
]


@dataclass(frozen=True)
class Project:
    """A copy of the project, with databases of its own.

    Attributes:
        directory: where it is.
        python: an interpreter that has its Django.
        server: where its databases are.
        databases: name of each, by alias.
        environment: what its settings take from there.
    """

    directory: Path
    python: Path
    server: Server
    databases: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    #: What a piece of Python begins with.
    start: ClassVar[str] = "from rentals.deeds import *"

    def having(self, **environment: Any) -> Self:
        """The same with other settings: ``fbs_db=``, ``apps=``, ..."""
        texts = {
            f"HOST_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in environment.items()
        }
        return replace(self, environment={**self.environment, **texts})

    def manage(self, *words: str, code: int = 0) -> str:
        """What ``manage.py`` prints, ended with this exit code. Warnings are errors."""
        return self.run("-W", "error", "manage.py", *words, code=code)

    def migrated(self) -> Self:
        """The same after ``manage.py migrate``, which is run once for all that have the same settings and models.

        Later projects get a copy of the database that the first has left.
        """
        kind = (type(self), self.python, self.server.port, frozenset(self.environment.items()))
        name = self.databases["default"]
        if kind not in _migrated:
            self.manage("migrate")
            _migrated[kind] = self.server.create(f"migrated_{os.getpid()}_{next(_numbers)}", name)
        else:
            self.server.drop(name)
            self.server.create(name, _migrated[kind])
        return self

    def do(self, text: str) -> str:
        """What a piece of Python prints, in the project."""
        return self.run("-W", "error", "-c", f"import django\ndjango.setup()\n{self.start}\n{text}")

    def run(self, *words: str, code: int = 0) -> str:
        returned, out, err = forks.run(self.python, words, self.directory, self.surroundings())
        printed = out + err
        assert returned == code, f"exit code {returned}\n{printed}"
        assert "Traceback" not in printed or code == 0, printed
        return printed

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A program that runs while the test goes on."""
        pipe, environment = subprocess.PIPE, self._environment() | self.environment
        return subprocess.Popen(
            [self.python, *words], cwd=self.directory, env=environment, stdout=pipe, stderr=pipe, text=True
        )

    def typed(self, command: str) -> str:
        """What a command says that is pasted into a shell in the project's directory."""
        environment = self._environment() | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        del environment["DJANGO_SETTINGS_MODULE"]
        done = subprocess.run(
            command, shell=True, cwd=self.directory, env=environment, check=False, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    def place(self, alias: str, **more: Any) -> dict[str, Any]:
        """Django's settings of one of its databases."""
        return {
            "NAME": self.databases[alias],
            "USER": "postgres",
            "HOST": self.server.host,
            "PORT": str(self.server.port),
            **more,
        }

    def surroundings(self) -> dict[str, str]:
        """The environment of its processes."""
        return self._environment() | self.environment

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "DJANGO_SETTINGS_MODULE": f"{'host' if self.directory.name == 'project' else self.directory.name}.settings",
            "HOST_DATABASES": json.dumps({alias: self.place(alias) for alias in self.databases}),
            "HOST_FBS_DB": json.dumps(HOSTS),
            "PYTHONPATH": f"{self.directory}{os.pathsep}{ROOT}",
        }

    def select(self, query: str, alias: str = "default") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url(self.databases[alias]), autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def projects(server: Server, place: Path) -> Iterator[Callable[..., Project]]:
    """A function that copies the project to a directory, for a version of Django, with a fresh database an alias."""
    names: list[str] = []

    def project(version: str, *aliases: str) -> Project:
        python = django_or_skip(version)
        directory = place / "project"
        shutil.copytree(ROOT / "tests" / "hosts" / "project", directory, ignore=shutil.ignore_patterns("__pycache__"))
        databases = {alias: f"host_{os.getpid()}_{next(_numbers)}_{alias}" for alias in ("default", *aliases)}
        names.extend(map(server.create, databases.values()))
        return Project(directory, python, server, databases)

    yield project
    server.drop(*names, *(f"test_{name}{ending}" for name in names for ending in ENDINGS))
