"""A look at the history: one connection and one query, for databases in which there is nothing to do.

The query evaluates nothing that another role could define. It reads the history only where nobody but FBS's owner may
have written it: see `_READABLE`. In any other case the look finds nothing, and the long way says what is wrong.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache

import psycopg
from psycopg import sql

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.connection import OLDEST_SERVER, open_bare, shown
from fbs_db.database.statements import statements_logged
from fbs_db.database.which import resolve, role_for
from fbs_db.errors import EmbeddedServerError
from fbs_db.reports import MigrateReport, StatusReport
from fbs_db.schema.history import Applied
from fbs_db.schema.run import newer_than_this, problems
from fbs_db.schema.status import statuses

#: The history can be believed: a plain table of FBS's owner, of which the session's role is a member; a superuser is of
#: every role, and wants that it owns the schema or the database, too. Nobody else may create anything in the schema.
#: Compare ``fbs_rights`` and `rights._UNPROVEN`. A look at few catalogs: each costs a new session a millisecond.
_READABLE = """
select
from pg_class as c
cross join pg_namespace as n
cross join pg_database as d
where
    c.oid = to_regclass({history}) and n.oid = c.relnamespace and d.datname = current_database()
    and c.relkind = 'r' and c.relpersistence = 'p' and not c.relrowsecurity
    and c.relowner = (select f.proowner from pg_proc as f where f.oid = to_regprocedure({owner}))
    and pg_has_role(c.relowner, 'member')
    and (
        current_setting('is_superuser') = 'off'
        or pg_has_role(c.relowner, n.nspowner, 'member')
        or pg_has_role(c.relowner, d.datdba, 'member')
    )
    and not exists (
        select from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as g
        where
            g.privilege_type = 'CREATE'
            and (
                g.grantee = 0
                or not (
                    pg_has_role(g.grantee, n.nspowner, 'member')
                    or pg_has_role(g.grantee, c.relowner, 'member')
                    or pg_has_role(g.grantee, d.datdba, 'member')
                    or g.grantee = 'pg_database_owner'::regrole
                )
            )
    )
"""

_LOOK = """
begin read only;
{role}
select pg_catalog.set_config('fbs.look_users', {user_table}, true);
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '3s';
do $look$
begin
    if exists ({readable}) then
        perform set_config(
            'fbs.look_history',
            (
                select json_agg(
                    json_build_array(
                        h.migration_id, h.checksum, (extract(epoch from h.applied_at) * 1000000)::bigint,
                        h.applied_by, h.fbs_db_version
                    )
                    order by h.applied_at, h.migration_id
                )::text
                from only {history} as h
            ),
            true
        );
        if current_setting('fbs.look_users') <> '' then
            perform set_config(
                'fbs.look_tied',
                (
                    select coalesce(bool_and(c.user_table = u.oid and c.validated), true)
                    from ({user_columns}) as c
                    cross join (select current_setting('fbs.look_users')::oid) as u (oid)
                )::text,
                true
            );
        end if;
    end if;
end
$look$;
select current_setting('fbs.look_history', true), current_setting('fbs.look_tied', true);
commit
"""


@dataclass(frozen=True)
class Seen:
    """What a look found.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        history: the rows of ``fbs_migrations``, in the order of application.
        tied: whether all user columns are tied to the user table asked for, and validated.
    """

    database: str
    schema: str
    history: tuple[Applied, ...]
    tied: bool


def look(
    config: DatabaseConfig, *, schema: str | None = None, user_table: str | None = None, application: str = "fbs-db"
) -> Seen | None:
    """The history of a database; None where it has none, or cannot be read this way.

    Parameters:
        schema: the schema of the tables; None for the configured one, or ``public``.
        user_table: the host's user table; None for the configured one.

    Raises:
        ConnectionFailed: the connection failed.
    """
    schema = schema or config.schema or "public"
    users = config.user_table if user_table is None else user_table
    role = role_for(config)
    if "\0" in f"{schema}{users}{role}":
        return None
    try:
        where, _ = resolve(config)
    except EmbeddedServerError:  # it may have to be started
        return None
    with closing(open_bare(where, application)) as connection, suppress(psycopg.Error):
        with statements_logged(connection):
            found = _asked(connection, schema, users or "", role)
        if connection.info.server_version < OLDEST_SERVER * 10000 or not found or not isinstance(found[0], str):
            return None
        history = tuple(
            Applied(name, checksum, _moment(connection, since), role, version)
            for name, checksum, since, role, version in json.loads(found[0] or "[]")
        )
        return Seen(shown(connection), schema, history, not users or found[1] == "true") if history else None
    return None


def nothing_to_do(
    config: DatabaseConfig, *, to: str | None = None, schema: str | None = None, user_table: str | None = None
) -> MigrateReport | None:
    """What `fbs_db.migrate` would report where it has nothing to do; None where it may have, or may fail.

    Parameters:
        config, to, schema, user_table: as for `fbs_db.migrate`.

    Raises:
        ConnectionFailed: the connection failed.
        UsageError: there is no such file.
    """
    started = time.monotonic()
    known = files.load()
    wanted = known if to is None else known[: known.index(files.find(known, to)) + 1]
    seen = look(config, schema=schema, user_table=user_table, application="fbs-db migrate")
    if seen is None or not seen.tied:
        return None
    applied = {row.migration_id for row in seen.history}
    if list(problems(known, seen.history)) or any(
        file.id not in applied for file in wanted if config.holds(file.component)
    ):
        return None
    users = config.user_table if user_table is None else user_table
    seconds = time.monotonic() - started
    return MigrateReport(
        seen.database,
        seen.schema,
        (),
        max(applied),
        seconds,
        user_table=users or "",
        left_out=project.configuration().left_out,
        newer=newer_than_this(known, seen.history),
    )


def nothing_pending(config: DatabaseConfig, *, schema: str | None = None) -> StatusReport | None:
    """What `fbs_db.status` would report where all is applied, and as it was; None where something may not be.

    Parameters:
        config, schema: as for `fbs_db.status`.

    Raises:
        ConnectionFailed: the connection failed.
    """
    seen = look(config, schema=schema, user_table="", application="fbs-db status")
    if seen is None:
        return None
    rows, left_out = statuses(config, files.load(), seen.history), project.configuration().left_out
    report = StatusReport(seen.database, seen.schema, rows, (), (), left_out)
    return report if all(row.state == "applied" for row in report.migrations) else None


def _asked(
    connection: psycopg.Connection, schema: str, user_table: str, role: str | None
) -> Sequence[str | bytes | None] | None:
    """The row of the one query that has any."""
    named = sql.SQL("pg_catalog.to_regclass({})")
    table = sql.SQL("coalesce({}, {})::pg_catalog.oid::pg_catalog.text").format(
        named.format(user_table), named.format(f"{sql.Identifier(schema).as_string()}.{user_table}")
    )
    history, owner = sql.Identifier(schema, "fbs_migrations"), sql.Identifier(schema, "fbs_owner")
    query = sql.SQL(_LOOK).format(
        role=sql.SQL("set local role {};").format(sql.Identifier(role)) if role else sql.SQL(""),
        user_table=table if user_table else sql.Literal(""),
        readable=sql.SQL(_READABLE).format(history=history.as_string(), owner=f"{owner.as_string()}()"),
        history=history,
        user_columns=sql.SQL(_user_columns().replace("'fbs_migrations'", "{}")).format(history.as_string()),
    )
    cursor = connection.execute(query)
    while True:
        row = cursor.fetchone() if cursor.description else None
        if not cursor.nextset():
            return None
        if row and len(row) == 2:
            return row


@cache
def _user_columns() -> str:
    """The query of the view ``fbs_user_columns``, as the files have it: the view itself may be another's."""
    text = next(file.sql for file in files.load() if ("view", "fbs_user_columns") in file.creates)
    return text.partition("\ncreate view fbs_user_columns as\n")[2].partition(";\n")[0]


def _moment(connection: psycopg.Connection, microseconds: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)).astimezone(
        connection.info.timezone
    )
