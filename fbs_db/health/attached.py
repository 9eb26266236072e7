"""The host's tables in FBS's schema, known by their being attached."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from fbs_db.database.connection import raise_if_lost
from fbs_db.database.session import Session
from fbs_db.schema.snapshot import Key, Object

# The catalogs alone, as every role may read those.
_ATTACHED = """
with attached as (
    select g.tgrelid as oid
    from pg_catalog.pg_trigger as g
    inner join pg_catalog.pg_proc as f on g.tgfoid = f.oid
    where f.proname = 'fbs_cleanup'
    union
    select k.confrelid
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_attribute as a on k.conrelid = a.attrelid and a.attnum = any(k.conkey)
    inner join pg_catalog.pg_type as y on a.atttypid = y.oid
    where k.contype = 'f' and y.typname = 'fbs_user_id'
    union
    select unnest(%s::oid[])
)
select distinct c.relname::text
from attached as t
cross join lateral (
    select t.oid as relid
    union all
    select p.relid from pg_catalog.pg_partition_tree(t.oid::regclass) as p
) as part
inner join pg_catalog.pg_class as c on part.relid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %s
"""


def tables(session: Session, found: Mapping[Key, Object]) -> set[str]:
    """The host's attached tables, its user table and their partitions, as far as they are in FBS's schema."""
    column = found.get(("column", "fbs_hosts.host_table"))
    registered = column is not None and column.definition.startswith("regclass") and session.may("select", "fbs_hosts")
    hosts = session.select("select host_table::oid::bigint from {fbs}fbs_hosts") if registered else []
    return {name for (name,) in session.select(_ATTACHED, [oid for (oid,) in hosts], session.schema)}


def unfit(session: Session, users: str) -> str:
    """Why user columns cannot be tied to a table, such as the type of its key; empty text where they can."""
    try:
        with session.connection.transaction():
            session.select("select {fbs}fbs_require_user_table(%s::regclass)", users)
    except psycopg.Error as error:
        raise_if_lost(session.connection, error)
        return error.diag.message_primary or ""
    return ""
