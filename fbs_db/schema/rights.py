"""The rights that others have in a schema and only FBS's owner should have."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Sequence
from typing import Any

import psycopg
from psycopg import sql

from fbs_db import files, wording
from fbs_db.database.connection import raise_if_lost
from fbs_db.database.session import Session
from fbs_db.errors import TargetError
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key

logger = logging.getLogger("fbs_db")

#: The problems by which FBS's functions, and statements in the schema, may run the code of others.
MAY_RUN_CODE = ("others may create", "belongs to another role")


#: The functions that are lists, whose text stands in place of their call.
_LISTS = ("fbs_relation_names", "fbs_internal_tables", "fbs_worker_functions", "fbs_session_functions")


def read_rights(session: Session, workers: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    """The findings of ``fbs_rights``, as rows.

    Its text is run as the files have it: the function may not be there yet, or be damaged. The schema is
    not in the search path, so that nothing of it is called. Before the installation FBS's owner is the
    role of the session.

    Parameters:
        workers: the OIDs of the roles that may execute a worker's functions.
    """
    ours = snapshot.expected(None, session.connection.info.server_version)
    # A function that others may execute can be of the host, too.
    rows = [
        row
        for row in _run(session, "fbs_rights", workers)
        if row[3] != "others may execute" or ("function", row[2]) in ours
    ]
    return [
        (severity, "owner", name, problem, *texts, wording.command("repair", "--apply"))
        if problem == "belongs to another role" and (("function", name) in ours or ("view", name) in ours)
        else (severity, "right", name, problem, *texts, mend)
        for severity, _, name, problem, *texts, mend in rows
    ]


def read_unsafe(session: Session) -> list[tuple[Any, ...]]:
    """Those findings of ``fbs_rights`` by which any call of FBS's functions may run the code of others, as rows."""
    return [(row[0], "right", *row[2:]) for row in _run(session, "fbs_rights") if row[3] in MAY_RUN_CODE]


def read_granted(session: Session, objects: Container[Key]) -> list[tuple[Any, ...]]:
    """The findings of ``fbs_rights_granted`` about these objects and their sequences, as rows.

    Its text is run as that of ``fbs_rights``.
    """
    return [
        row
        for row in _run(session, "fbs_rights_granted")
        if any((kind, row[2]) in objects for kind in ("table", "view", "function", "domain", "statistics"))
        or row[2].endswith("_seq")
    ]


def _run(session: Session, function: str, workers: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    body = files.body_of(function)
    for name in _LISTS:
        body = body.replace(f"{name}()", f"({files.body_of(name).strip()})")
    values = {
        "current_schema()": sql.Literal(session.schema).as_string(session.connection),
        "fbs_workers()": f"'{{{','.join(map(str, workers))}}}'::oid[]",
    }
    for name, value in values.items():
        body = body.replace(name, value)
    ((quoted,),) = session.select("select quote_ident(%s)", session.schema)
    with snapshot.searching(session, "pg_catalog"):
        rows = session.cursor().execute(body.encode()).fetchall()
    # Types of ours have the schema's name before them.
    return [(*row[:2], row[2].replace(f"{quoted}.fbs_", "fbs_"), *row[3:]) for row in rows]


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


def refuse_lending_superusers(session: Session) -> None:
    """Refuse a superuser, where FBS's owner is none.

    Raises:
        TargetError: the session's role is a superuser, and FBS's owner is none and owns nothing else here.
    """
    with snapshot.searching(session, "pg_catalog"):
        for (owner,) in session.select(_UNPROVEN, session.schema):
            raise TargetError(
                f"FBS in schema {session.schema} belongs to {owner}, and you are a superuser, whose rights"
                " its functions would have.",
                hint=f"Work as {owner}, if you trust that role. Begin each command like this one: {_named_by(owner)}",
            )


_INSTALLED = """
select exists (
    select from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where n.nspname = %s and c.relname = 'fbs_migrations'
)
"""


def refuse_rights_of_others(session: Session) -> None:
    """Refuse a schema in which others may create functions, or did.

    PostgreSQL prefers a function or an operator that fits the arguments better to its own, whatever the
    order of the search path. Whoever makes one there becomes FBS's owner.

    Raises:
        TargetError: there are such roles, functions or operators, and the hint has the statements that mend
            it; or the session's role is a superuser, and FBS's owner is none and owns nothing else here.
    """
    refuse_lending_superusers(session)
    found = [row for row in read_rights(session) if row[3] in MAY_RUN_CODE]
    if not found:
        return
    lines = [
        f"{who} may create objects in schema {name}."
        if problem == "others may create"
        else f"{name} in schema {session.schema} belongs to {who}."
        for _, _, name, problem, who, _, _ in found
    ]
    hints = []
    if statements := [row[-1].replace("; ", ";\n") for row in found if row[1] != "owner"]:
        name = "fbs" if session.schema != "fbs" else "fbs_own"
        hints = [
            "Type this in psql, as the schema's owner:",
            *statements,
            f"Or, if the host needs it as it is, give FBS a schema of its own: create schema {name};",
            f"Then type: {wording.command('migrate', '--schema', name)}",
        ]
    creator = next((who for _, _, _, problem, who, _, _ in found if problem == "others may create"), "")
    if re.fullmatch("[a-z_0-9]+", creator) and session.select(_INSTALLED, session.schema) == [(False,)]:
        hints.append(f"Or, if {creator} is to own FBS, type: {_named_by(creator, 'migrate')}")
    if len(statements) < len(found):
        hints.append(f"To give back what is FBS's, type as a superuser: {wording.command('repair', '--apply')}")
    raise TargetError(
        "\n".join([*lines, "FBS's functions could run code of such a role, with the rights of FBS's owner."]),
        hint="\n".join(hints),
    )


_SUPERUSER = """
select r.rolname::text, quote_ident(%s), exists (select from pg_catalog.pg_roles where rolname = 'fbs_owner')
from pg_catalog.pg_roles as r
where
    -- Others may not ask for the setting.
    case when r.rolsuper and r.rolname = current_user then current_setting('data_directory') !~ '/[.]fbs-db/data$' end
"""


def warn_of_superuser(session: Session) -> None:
    """Log that a superuser owns what was just installed, and how to give it a better owner.

    Not on the embedded server, which is for trying.
    """
    for superuser, schema, is_there in session.select(_SUPERUSER, session.schema):
        make = "" if is_there else "create role fbs_owner nologin; "
        logger.warning(
            "FBS in schema %s belongs to %s, a superuser, with whose rights its triggers run. To give it an owner that"
            " cannot log in, type this while it has no rows, with the options of this run. For tables of yours see: %s"
            "\n  %s\n  %s\n  %s",
            session.schema,
            superuser,
            wording.command("help", "roles"),
            wording.command("rollback", "--all"),
            wording.typed(f"{make}grant usage, create on schema {schema} to fbs_owner;"),
            _named_by("fbs_owner", "migrate"),
        )


def _named_by(owner: str, word: str = "check") -> str:
    with wording.given(role=owner):
        return wording.command(word)
