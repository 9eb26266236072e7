"""Runs a function in a host: ``python -m tests.hosts [MODULE.]NAME``; without a module, one of the checks.

``python -m tests.hosts serve`` reads such names from standard input, one a line with the database, and runs each.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module

import django

django.setup()


def find(name: str) -> Callable[[], None]:
    module, _, function = name.rpartition(".")
    found: Callable[[], None] = getattr(import_module(f"tests.hosts.{module or 'checks'}"), function)
    return found


def serve() -> None:
    from django.db import connection

    from tests.hosts.settings import where

    for line in sys.stdin:
        name, url = json.loads(line)
        connection.close()
        connection.settings_dict |= where(url)
        try:
            find(name)()
            failure = ""
        except Exception:
            failure = traceback.format_exc()
        connection.close()
        print(json.dumps(failure), flush=True)


if sys.argv[1] == "serve":
    serve()
else:
    find(sys.argv[1])()
