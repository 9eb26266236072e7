"""A table of a host that is no superuser, and the rows of FBS that point at its rows."""

from __future__ import annotations

import shlex
from typing import Any

import psycopg

import fbs_db
from tests.support.commands import on
from tests.support.connections import rows, url_of
from tests.support.sample_rows import MODEL, add

#: Who owns the host's schemas and tables.
OWNER = "fbs_host_owner"
#: The schemas of the host.
SCHEMAS = """
do $$
begin
    if not exists (select from pg_roles where rolname = 'fbs_host_owner') then
        create role fbs_host_owner;
    end if;
    execute format('grant create on database %I to fbs_host_owner', current_database());
end;
$$;
create schema app authorization fbs_host_owner;
create schema elsewhere authorization fbs_host_owner
"""
INTEGER = range(-(2**31), 2**31)


def owner(connection: psycopg.Connection, *statements: str) -> int:
    """Execute statements as the host, in one transaction. Gives the number of rows of the last."""
    connection.commit()
    connection.execute(f"set role {OWNER}")
    count = 0
    for statement in statements:
        count = connection.execute(statement.encode()).rowcount
    connection.execute("reset role")
    connection.commit()
    return count


def attach_host(connection: psycopg.Connection, table: str = "app.sites", model: str = MODEL, **options: Any) -> None:
    """Attach a table, with options of ``fbs_attach_host``."""
    named = {"host_table": table, "model_name": model, **options}
    words = ", ".join(f"{name} => %s" for name in named)
    connection.execute(f"select fbs_attach_host({words})".encode(), list(named.values()))
    connection.commit()


def make_sites(
    connection: psycopg.Connection, key: str = "bigint primary key", *, more: str = "", **options: Any
) -> None:
    """A table ``app.sites`` with rows 1, 2 and 3, attached; each named by a document and a custom field."""
    connection.execute(SCHEMAS)
    owner(
        connection,
        f"create table app.sites (name text, id {key}{more})",
        "insert into app.sites (id, name) values (1, 'a'), (2, 'b'), (3, 'c')",
    )
    attach_host(connection, **options)
    point_at(connection, 1, 2, 3)


def point_at(connection: psycopg.Connection, *keys: Any, model: str = MODEL) -> None:
    """For each key a document that points at it; and a custom field, where one can."""
    for key in keys:
        add(connection, "fbs_dms_document", metadata={"model_name": model, "record_id": key})
        if isinstance(key, int) and key in INTEGER:
            add(connection, "fbs_custom_fields", model_name=model, record_id=key)
    connection.commit()


def pointed_at(connection: psycopg.Connection, model: str = MODEL) -> list[str]:
    """The keys that documents point at which are not archived. Custom fields point at no others."""
    documents = connection.execute(
        "select metadata ->> 'record_id' from fbs_dms_document"
        " where metadata ->> 'model_name' = %s and state <> 'archived'",
        [model],
    ).fetchall()
    fields = connection.execute("select record_id::text from fbs_custom_fields where model_name = %s", [model])
    keys = {key for (key,) in documents}
    assert {key for (key,) in fields.fetchall()} == {key for key in keys if key.isascii() and key.isdigit()}
    return sorted(keys)


def waiting(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Operation and SQLSTATE of what is queued."""
    return rows(connection, "select operation, sqlstate from fbs_cleanup_queue order by id")


def retry(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Do what is queued. Gives what is queued after that."""
    connection.execute("select fbs_retry_cleanup()")
    connection.commit()
    return waiting(connection)


def findings(connection: psycopg.Connection, *kinds: str) -> list[fbs_db.Finding]:
    """What ``check`` finds about hosts and the queue."""
    return list(fbs_db.check(url_of(connection), only=kinds or ["host", "clean-up"]).findings)


def row_findings(connection: psycopg.Connection, model: str = MODEL) -> list[fbs_db.Finding]:
    """What ``check --data`` finds about the rows that point at a model."""
    found = fbs_db.check(url_of(connection), only=["rows"], data=True).findings
    return [one for one in found if one.object == model or one.object.startswith(f"{model} (")]


def mend(connection: psycopg.Connection, finding: fbs_db.Finding) -> None:
    """Do what a finding says."""
    if not finding.mend.startswith("fbs-db "):
        connection.execute(finding.mend.encode())
        connection.commit()
        return
    words = shlex.split(finding.mend)[1:]
    if words[0] == "--database":
        words = words[2:]
    connection.commit()
    done = on(connection, *words)
    assert done.exit_code == 0, done.output
