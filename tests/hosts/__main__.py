"""Runs one of the checks in a host: ``python -m tests.hosts [MODULE.]NAME``. Or waits for
deeds of a host, one a line with the database it is done in, and does each:
``python -m tests.hosts serve``."""

from __future__ import annotations

import json
import sys
import traceback
from importlib import import_module

import django

django.setup()


def serve() -> None:
    from django.db import connection

    from tests.hosts import deeds
    from tests.hosts.settings import where

    for line in sys.stdin:
        name, url = json.loads(line)
        connection.close()
        connection.settings_dict |= where(url)
        try:
            getattr(deeds, name)()
            failure = ""
        except Exception:
            failure = traceback.format_exc()
        connection.close()
        print(json.dumps(failure), flush=True)


if sys.argv[1] == "serve":
    serve()
else:
    module, _, name = sys.argv[1].rpartition(".")
    getattr(import_module(f"tests.hosts.{module or 'checks'}"), name)()
