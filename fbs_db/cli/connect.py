"""The family that reaches the database itself: ``url``, ``psql``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import Any
from urllib.parse import quote, urlencode

import click
from psycopg import conninfo

from fbs_db.cli.base import main
from fbs_db.cli.output import echo
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.database import connection, server, which
from fbs_db.errors import UsageError
from fbs_db.redaction import SECRETS


@subcommand(main, "url", schema=False)
def url(call: Call) -> Answer:
    """Print the URL of the database, without its password."""
    where = which.resolve(call.database)[0]
    shown = connection.shown(where)
    known = (*connection.SHOWN, *SECRETS)
    if others := {key: str(value) for key, value in conninfo.conninfo_to_dict(where).items() if key not in known}:
        if "://" in shown:  # such as sslmode, for the programs that are given this URL
            shown += ("&" if "?" in shown else "?") + urlencode(others, quote_via=quote)
        else:
            shown = conninfo.make_conninfo(shown, **others)
    return Answer({"url": shown}, lambda value: echo(value["url"]))


@subcommand(main, "psql", as_json=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(call: Call, *, arguments: tuple[str, ...]) -> None:
    """Open psql on the database.

    FBS's schema is in its search_path. Further arguments are options of psql.

    \b
    fbs-db psql -c '\\d+ fbs_approval_requests'
    """
    where, config = which.resolve(call.database)
    options = conninfo.conninfo_to_dict(where)
    environment = dict(os.environ)
    if password := options.pop("password", None):
        environment["PGPASSWORD"] = str(password)
    if left := [key for key in SECRETS if key in options]:
        raise UsageError(
            f"psql takes {left[0]} as an argument only, and ps would show it to every user of this machine.",
            hint="Write it into ~/.pg_service.conf, and type: fbs-db --database service=NAME psql",
        )
    settings = [str(options.pop("options", None) or environment.get("PGOPTIONS", ""))]
    if connection.looks_for_clients(where):
        settings.insert(0, f"-c {connection.CLIENT_CHECK}=1s")
    if (role := which.role_for(config)) is not None:
        with connection.connected(where, role=role):  # or psql would say less of what is wrong
            settings.append(f"-c role={_escaped(role)}")
    schema = call.schema or config.schema
    if schema and schema != "public":
        quoted = '"' + schema.replace('"', '""') + '"'
        settings.append(f"-c search_path={_escaped(quoted)}")
    environment["PGOPTIONS"] = " ".join(filter(None, settings))
    program = _psql()
    sys.stdout.flush()
    os.execve(program, [program, "-d", conninfo.make_conninfo("", **options), *arguments], environment)


def _escaped(value: str) -> str:
    """A value as libpq's ``options`` have it."""
    return re.sub(r"([\\\s])", r"\\\1", value)


def _psql() -> str:
    """The newest psql there is. Of two of one version the system's: it edits lines."""
    found = [path for path in (shutil.which("psql"), server.program("psql")) if path]
    if not found:
        raise UsageError(
            "psql is not installed.", hint="It comes with PostgreSQL, or with: pip install 'fbs-db[embedded]'"
        )
    return str(max(found, key=_major))


def _major(program: Any) -> int:
    version = subprocess.run([str(program), "--version"], check=False, capture_output=True, text=True).stdout
    return next((int(word.split(".")[0]) for word in version.split() if word[0].isdigit()), 0)
