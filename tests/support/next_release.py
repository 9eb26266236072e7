"""A package of the next release, made up: this one with another file of SQL and a read more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fbs_db
from fbs_db import files
from fbs_db.database.session import open_session
from fbs_db.schema import snapshot
from fbs_db.version import order
from tests.support import ROOT
from tests.support.releases import RELEASES, is_released
from tests.support.servers import Server

#: The SQL files of the oldest release to upgrade from; until its release the present ones, which may still change.
FIRST = RELEASES / "1.0.0" if is_released("1.0.0") else files.sql_directory()
#: The last part of the next release's SQL.
FILE = "0900_next"
VERSION = "{}.{}.0".format(*(part + at for at, part in enumerate(order(fbs_db.__version__)[:2])))
_READ = '''

class BiWeights(Row):
    """A row of ``fbs_bi_weights``."""

    id: int
    weight: Decimal


class Bi(Bi[AnyDriver]):
    @view("fbs_bi_weights", order=("id",))
    def weights(self, *, id: int | None = None, after: str | None = None, limit: int = 100) -> Page[BiWeights]:
        """How much each KPI counts."""
'''


@dataclass(frozen=True)
class Package:
    """The package in a directory of its own; it runs in processes of its own."""

    place: Path

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(self.place)}
        return subprocess.run(
            [sys.executable, *words], cwd=self.place, env=environment, check=False, capture_output=True, text=True
        )

    def fbs_db(self, url: str, *words: str, code: int = 0) -> str:
        """What a command prints, ended with this exit code."""
        done = self.python("-m", "fbs_db", "--database", url, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


def next_package(place: Path, server: Server) -> Package:
    """Make the package.

    Parameters:
        place: an empty directory.
        server: it has to check databases of this server only.
    """
    for name in ("fbs_db", "sql"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(RELEASES / "next" / f"{FILE}.sql", place / "sql")
    version, bi = place / "fbs_db" / "version.py", place / "fbs_db" / "reads" / "bi.py"
    version.write_text(version.read_text().replace(f'"{fbs_db.__version__}"', f'"{VERSION}"'))
    bi.write_text(bi.read_text() + _READ)
    with server.database() as url:
        fbs_db.migrate(url)
        before = _objects(url)
        fbs_db.migrate(url, directory=place / "sql")
        made: dict[str, dict[str, Any]] = {}
        for (kind, name), one in _objects(url).items():
            if before.get((kind, name)) != one:
                made.setdefault(kind, {})[name] = {"definition": one.definition}
    known = json.loads(snapshot.FILE.read_text(encoding="utf-8"))
    (place / "fbs_db" / "schema" / snapshot.FILE.name).write_text(json.dumps({**known, FILE: made}))
    return Package(place)


def _objects(url: str) -> dict[snapshot.Key, snapshot.Object]:
    with open_session(url, None) as session:
        return snapshot.live_objects(session) | snapshot.live_rows(session, {})
