"""The rights that others have in a schema and only FBS's owner should have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from fbs_db import files, wording
from fbs_db.database.connection import raise_if_lost
from fbs_db.database.session import Session
from fbs_db.errors import TargetError
from fbs_db.schema import snapshot

#: The problems by which FBS's functions, and statements in the schema, may run the code of others.
MAY_RUN_CODE = ("others may create", "belongs to another role")


def read_rights(session: Session, workers: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    """The findings of ``fbs_rights``, as rows.

    Its text is run as the files have it: the function may not be there yet, or be damaged. The schema is
    not in the search path, so that nothing of it is called. Before the installation FBS's owner is the
    role of the session.

    Parameters:
        workers: the OIDs of the roles that may execute a worker's functions.
    """
    values = {
        "current_schema()": sql.Literal(session.schema).as_string(session.connection),
        "fbs_workers()": f"'{{{','.join(map(str, workers))}}}'::oid[]",
        "fbs_worker_functions()": files.body_of("fbs_worker_functions").strip(" \n;").partition("select ")[2],
    }
    body = files.body_of("fbs_rights")
    for name, value in values.items():
        body = body.replace(name, value)
    with snapshot.searching(session, "pg_catalog"):
        return session.cursor().execute(body.encode()).fetchall()


def workers(session: Session) -> list[int]:
    """The OIDs of the roles that were granted the work of a worker. Only for a schema where others may not create."""
    callable_here = (
        "select from pg_catalog.pg_proc as f inner join pg_catalog.pg_namespace as n on f.pronamespace = n.oid"
        " where n.nspname = %s and f.proname = 'fbs_workers' and has_schema_privilege(n.oid, 'usage')"
        " and has_function_privilege(f.oid, 'execute')"
    )
    try:
        with session.connection.transaction():
            return list(session.call("fbs_workers")[0][0]) if session.select(callable_here, session.schema) else []
    except (psycopg.Error, TargetError) as error:
        raise_if_lost(session.connection, error)
        return []  # the function is damaged, which a check reports


def grant_again(session: Session) -> None:
    """Grant roles what is made anew, such as a view. Without the function there are no roles."""
    name = f"{session.quoted_schema}.fbs_grant_roles()"
    with session.connection.transaction():
        if session.select("select to_regprocedure(%s) is not null", name) == [(True,)]:
            session.call("fbs_grant_roles")


# Whoever may create can make such a function, and be taken for FBS's owner.
_UNPROVEN = """
select r.rolname::text
from pg_proc as f
inner join pg_namespace as n on f.pronamespace = n.oid
inner join pg_roles as r on f.proowner = r.oid and not r.rolsuper
inner join pg_database as d on d.datname = current_database()
inner join pg_roles as me on me.rolname = current_user and me.rolsuper
where
    n.nspname = %s and f.proname = 'fbs_owner' and f.pronargs = 0
    and not pg_has_role(r.oid, n.nspowner, 'member') and not pg_has_role(r.oid, d.datdba, 'member')
"""


def refuse_rights_of_others(session: Session) -> None:
    """Refuse a schema in which others may create functions, or did.

    PostgreSQL prefers a function or an operator that fits the arguments better to its own, whatever the
    order of the search path. Whoever makes one there becomes FBS's owner.

    Raises:
        TargetError: there are such roles, functions or operators, and the hint has the statements that mend
            it; or the session's role is a superuser, and FBS's owner is none and owns nothing else here.
    """
    with snapshot.searching(session, "pg_catalog"):
        for (owner,) in session.select(_UNPROVEN, session.schema):
            raise TargetError(
                f"FBS in schema {session.schema} belongs to {owner}, and you are a superuser, whose rights"
                " its functions would have.",
                hint=f"Type the same as {owner}: set PGUSER, or PGOPTIONS='-c role={owner}'.",
            )
    found = [row for row in read_rights(session) if row[3] in MAY_RUN_CODE]
    if not found:
        return
    lines = [
        f"{who} may create objects in schema {name}."
        if problem == "others may create"
        else f"{name} in schema {session.schema} belongs to {who}."
        for _, _, name, problem, who, _, _ in found
    ]
    statements = "\n".join(row[-1].replace("; ", ";\n") for row in found)
    name = "fbs" if session.schema != "fbs" else "fbs_own"
    raise TargetError(
        "\n".join([*lines, "FBS's functions could run code of such a role, with the rights of FBS's owner."]),
        hint=f"Type this in psql, as the schema's owner:\n{statements}\n"
        f"Or, if the host needs it as it is, give FBS a schema of its own: create schema {name};\n"
        f"Then type: {wording.command('migrate', '--schema', name)}",
    )
