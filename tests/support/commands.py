"""Commands of ``fbs-db``, run in the test's process."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from click.testing import CliRunner, Result

from fbs_db.cli import main
from tests.support.connections import url_of


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, arguments, **options)


def on(connection: psycopg.Connection, *arguments: str) -> Result:
    return run("--database", url_of(connection), *arguments)


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def of_each(result: Result) -> dict[str, Any]:
    """What a command with --all and --json said of each database."""
    *lines, last = map(json.loads, result.stdout.splitlines())
    assert last["summary"]["exit_code"] == result.exit_code, result.output
    return {line["database"]: line for line in lines}
