"""The quick check: what FBS's functions and history say of a schema, without a comparison of its objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fbs_db.database.connection import shown
from fbs_db.database.session import Session, isolated
from fbs_db.health import migrations
from fbs_db.health.findings import CheckReport, Finding, asked, in_order
from fbs_db.schema.rights import read_unsafe
from fbs_db.wording import command

_THERE = """
    select 'column', c.relname || '.' || a.attname
    from pg_catalog.pg_namespace as n
    inner join pg_catalog.pg_class as c on n.oid = c.relnamespace
    inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid
    where n.nspname = %(schema)s and c.relname = 'fbs_migrations' and not a.attisdropped
    union all
    select 'function', f.proname || '()'
    from pg_catalog.pg_namespace as n
    inner join pg_catalog.pg_proc as f on n.oid = f.pronamespace
    where n.nspname = %(schema)s and f.proname = 'fbs_health'
"""


def quick_check(session: Session) -> CheckReport:
    """The findings of a quick check. In a schema where others may create functions, these alone."""
    with isolated(session, "repeatable read", read_only=True):
        findings = [Finding(*row) for row in read_unsafe(session)] or list(_looked_at(session))
    return CheckReport(shown(session.connection), session.schema, 0, in_order(findings), quick=True)


def _looked_at(session: Session) -> Iterator[Finding]:
    there = session.cursor().execute(_THERE, {"schema": session.schema}).fetchall()
    if not all(("column", f"fbs_migrations.{name}") in there for name in migrations.COLUMNS):
        found = "no table fbs_migrations as fbs-db makes it"
        yield Finding("error", "migration", session.schema, "not installed", found, None, command("check"))
        return
    yield from migrations.of_table(session)[0]
    if ("function", "fbs_health()") not in there:
        yield Finding("error", "function", "fbs_health(boolean)", "missing", mend=command("check"))
    for one in asked(session, "fbs_health", there, "true"):
        # A comparison would say why; without one it is all that is known.
        yield replace(one, severity="error") if one.problem == "could not answer" else one
