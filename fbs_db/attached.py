"""What check asks of the tables that are attached: which they are, and whether they are those that are meant."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from fbs_db.errors import TargetError
from fbs_db.session import Session
from fbs_db.snapshot import Key, Object

# In the catalogs alone, which every role may read.
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

_TIED = """
select distinct format('%I.%I', n.nspname, c.relname)
from {fbs}fbs_user_columns as u
inner join pg_catalog.pg_class as c on u.user_table = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
order by 1
"""


def tables(at: Session, found: Mapping[Key, Object]) -> set[str]:
    """The host's tables in FBS's schema that are attached, or hold the users, and their partitions."""
    registered = ("column", "fbs_hosts.host_table") in found and at.may("select", "fbs_hosts")
    hosts = at.select("select host_table::oid::bigint from {fbs}fbs_hosts") if registered else []
    return {name for (name,) in at.select(_ATTACHED, [oid for (oid,) in hosts], at.schema)}


def other_users(at: Session, found: Mapping[Key, Object]) -> tuple[str, str, str] | None:
    """What user columns are tied to where that is not the configured table, what they should be, and what mends it."""
    configured = at.place.user_table
    if not configured or ("view", "fbs_user_columns") not in found or not at.may("select", "fbs_user_columns"):
        return None
    tied = [name for (name,) in at.select(_TIED)]
    try:
        meant = at.table(configured)
    except TargetError:
        meant = ""
    if not tied or tied == [meant]:
        return None
    expected, mend = f"tied to {configured}, which is not here", ""
    if meant:
        expected, mend = f"tied to {meant}", f"fbs-db detach users && fbs-db attach users {configured}"
        try:
            with at.connection.transaction():
                at.select("select {fbs}fbs_require_user_table(%s::regclass)", meant)
        except psycopg.Error as error:
            expected, mend = f"{expected}: {error.diag.message_primary}", ""
    return f"tied to {', '.join(tied)}", expected, mend
