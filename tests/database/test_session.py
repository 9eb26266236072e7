"""Databases and connections whose settings are others': all works, and theirs stay."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

import fbs_db
from fbs_db import cli
from fbs_db.errors import TargetError, UsageError
from tests.support.connections import url_of
from tests.support.servers import Server

ODD = {
    "backslash_quote": "on",
    "bytea_output": "escape",
    "client_encoding": "latin1",
    "datestyle": "German, DMY",
    "default_transaction_isolation": "serializable",
    "intervalstyle": "sql_standard",
    "quote_all_identifiers": "on",
    "search_path": '""',
    "standard_conforming_strings": "off",
    "timezone": "Asia/Kathmandu",
    "transform_null_equals": "on",
}


@pytest.fixture
def odd(empty: psycopg.Connection) -> str:
    """URL of an empty database that has the settings above for each who comes."""
    name = sql.Identifier(empty.info.dbname)
    for setting, value in ODD.items():
        empty.execute(
            sql.SQL("alter database {} set {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )
    empty.commit()
    return url_of(empty)


def settings(connection: psycopg.Connection) -> list[Any]:
    names = [*ODD, "lock_timeout", "statement_timeout", "client_min_messages", "row_security"]
    return connection.execute("select name, setting from pg_settings where lower(name) = any(%s)", [names]).fetchall()


@pytest.mark.slow
def test_commands_work_whatever_the_settings(odd: str) -> None:
    def run(*words: str) -> Any:
        done = CliRunner().invoke(cli.main, ["--database", odd, *words, "--json"])
        assert done.exit_code == 0, (words, done.output)
        return json.loads(done.stdout)

    assert run("migrate", "--dry-run")["pending"]
    assert run("migrate")["steps"]
    assert run("migrate")["steps"] == []
    assert run("status")["pending"] == []
    assert run("check")["healthy"]  # what is there is what these files make elsewhere
    assert run("repair")["mends"] == []
    with psycopg.connect(odd) as connection:
        connection.execute(
            "insert into public.fbs_cleanup_queue (model_name, operation, keys, sqlstate, error)"
            " values ('auth.User', 'delete', '{1}', '55P03', 'locked')"
        )
    assert run("cleanup", "status")["waiting"]
    for words in (["tables"], ["purge", "--dry-run"], ["purge"], ["describe", "fbs_notifications"]):
        assert run(*words)
    assert run("rollback", "--all")["steps"]


@pytest.mark.slow
def test_psql_runs_the_script_of_a_dry_run(odd: str, pg18: Server) -> None:
    script = CliRunner().invoke(cli.main, ["--database", odd, "migrate", "--dry-run"]).stdout
    command = [str(pg18.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", odd]
    subprocess.run(command, input=script, text=True, check=True, capture_output=True)
    assert fbs_db.check(odd).healthy


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_connection_lent_keeps_its_settings(odd: str, autocommit: bool) -> None:
    with psycopg.connect(odd, autocommit=autocommit) as lent:
        before = settings(lent)
        assert fbs_db.migrate(lent).steps
        assert settings(lent) == before
        assert fbs_db.status(lent).pending == ()
        assert fbs_db.check(lent).healthy
        with pytest.raises(TargetError):
            fbs_db.status(lent, schema="nowhere")
        assert settings(lent) == before
        lent.rollback()
        assert settings(lent) == before


def test_a_connection_lent_whose_cursors_take_other_parameters(empty: psycopg.Connection) -> None:
    factory: Any = psycopg.RawCursor
    with psycopg.connect(url_of(empty), cursor_factory=factory) as lent:
        with pytest.raises(UsageError, match="another cursor_factory"):
            fbs_db.migrate(lent)
        assert not lent.closed


def test_reading_works_whatever_the_settings(odd: str) -> None:
    fbs_db.migrate(odd)
    utf8 = f"{odd}&client_encoding=utf8"
    with psycopg.connect(utf8) as connection:
        connection.execute(
            "insert into public.fbs_app_taxcalculation (business_id, tax_type, tax_period_start, tax_period_end,"
            " taxable_amount, tax_rate, tax_amount, net_tax_amount, due_date)"
            " values ('a', 'VAT', '2026-01-01', '2026-02-03', 1.5, 16, 0.24, 0.24, '2026-03-01')"
        )
        connection.execute("insert into public.fbs_notifications (title, message) values (%s, 'to \u20ac')", ["\u20ac"])

    def same(tax: Any, notice: Any) -> None:
        assert (tax.tax_period_end.isoformat(), str(tax.tax_amount)) == ("2026-02-03", "0.24")
        assert notice.title == "\u20ac"

    with fbs_db.connect(odd) as fbs:
        [tax], [notice] = fbs.accounting.taxes(business_id="a"), fbs.notifications.inbox()
        same(tax, notice)

    async def read() -> None:
        async with fbs_db.connect_async(odd) as other:
            [tax], [notice] = await other.accounting.taxes(business_id="a"), await other.notifications.inbox()
            same(tax, notice)

    asyncio.run(read())
    with psycopg.connect(utf8) as lent, fbs_db.connect(lent, schema="public") as fbs:
        assert [one.title for one in fbs.notifications.inbox()] == ["\u20ac"]
        with pytest.raises(UsageError, match="DateStyle 'German"):  # decimals come as texts, and times with them
            fbs.accounting.taxes(business_id="a")
