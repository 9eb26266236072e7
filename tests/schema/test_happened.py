"""Times that say when something happened: an update that does not set one leaves it alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

THEN = "2001-02-03 04:05:06.789+00"
#: A row of each table that has such a time, without it.
ROWS: dict[tuple[str, str], dict[str, Any]] = {
    ("fbs_handshakes", "last_used"): {
        "handshake_id": "h",
        "solution_name": "acme",
        "secret_key": "s",
        "expires_at": "2001-01-01",
    },
    ("fbs_msme_compliance", "last_checked"): {
        "solution_name": "acme",
        "compliance_type": "tax",
        "due_date": "2001-01-01",
    },
    ("fbs_odoo_models", "last_verified"): {
        "database_name": "d",
        "model_name": "m",
        "technical_name": "m",
        "display_name": "M",
        "module_name": "base",
    },
    ("fbs_odoo_modules", "last_verified"): {
        "database_name": "d",
        "module_name": "m",
        "technical_name": "m",
        "display_name": "M",
        "version": "1",
        "category": "c",
    },
}


@pytest.mark.parametrize(("table", "column"), ROWS)
def test_only_who_sets_such_a_time_moves_it(installed: psycopg.Connection, table: str, column: str) -> None:
    names, values = ", ".join(ROWS[table, column]), list(ROWS[table, column].values())
    places = ", ".join(["%s"] * len(values))
    query = f"insert into {table} ({names}) values ({places}) returning {column} = now()"
    assert installed.execute(query.encode(), values).fetchone() == (True,), "the database's default"

    def still(statement: str, expected: str = THEN) -> bool:
        installed.execute(statement.encode())
        installed.commit()
        return installed.execute(f"select {column} = %s from {table}".encode(), [expected]).fetchone() == (True,)

    name = "status" if table in {"fbs_handshakes", "fbs_msme_compliance"} else "display_name"
    assert still(f"update {table} set {column} = '{THEN}'")
    assert still(f"update {table} set {name} = 'expired'")
    assert still(f"update {table} set {name} = 'expired', {column} = {column}")
    later = "2002-02-03 04:05:06.789+00"
    assert still(f"update {table} set {name} = 'active', {column} = '{later}'", later)
    assert still(f"update {table} set {column} = '-infinity'", "-infinity")


def test_a_handshake_that_expires_does_not_look_used(installed: psycopg.Connection) -> None:
    columns = "handshake_id, solution_name, secret_key, status, expires_at, last_used"
    installed.execute(
        f"insert into fbs_handshakes ({columns}) values ('h', 'acme', 's', 'active', now(), %s)".encode(), [THEN]
    )
    installed.execute("update fbs_handshakes set status = 'expired' where expires_at <= now()")
    found = installed.execute("select last_used = %s from fbs_operations_handshakes", [THEN]).fetchone()
    assert found == (True,)
