"""What belongs to another role, or lets others create in the schema: mended before anything there is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from fbs_db import wording
from fbs_db.database.connection import raise_if_lost, said_by
from fbs_db.database.indexes import run_patiently
from fbs_db.database.session import Session
from fbs_db.errors import TargetError
from fbs_db.reports import Progress, Report
from fbs_db.schema import snapshot
from fbs_db.schema.rights import MAY_RUN_CODE, read_rights, refuse_lending_superusers
from fbs_db.schema.run import recorded, refuse_newer

#: The kinds of findings about rights, in the order in which they are mended.
RIGHTS = ("owner", "right")


@dataclass(frozen=True)
class Repair(Report):
    """The repair of one finding.

    Attributes:
        kind, object, problem: the finding's.
        statements: SQL that psql runs too; where a person has to decide, what may help.
        safe: whether it loses no data; only then is it applied.
        reason: why a person has to decide, or why it failed; empty text where nothing is left to do.
        done: whether it was applied, and a second check no longer had the finding.
    """

    kind: str
    object: str
    problem: str
    statements: tuple[str, ...]
    safe: bool
    reason: str = ""
    done: bool = False


# FBS's owner, where its history belongs to another role: a script may have given tables or functions away.
_DISPUTED = """
select f.proowner::regrole::text, c.relowner::regrole::text, f.proowner = quote_ident(current_user)::regrole
from pg_proc as f
inner join pg_namespace as n on f.pronamespace = n.oid
inner join pg_class as c on n.oid = c.relnamespace and c.relname = 'fbs_migrations'
where n.nspname = %s and f.proname = 'fbs_owner' and f.pronargs = 0 and f.proowner <> c.relowner
"""


def restore(session: Session, rights: bool, progress: Callable[[Progress], None]) -> list[Repair]:
    """Give functions and views back to FBS's owner, and with ``rights`` let nobody else create in the schema.

    The other role may have changed them. So they get their text again, in the transaction that gives them
    back. Nothing in the schema is called before.

    Returns:
        The repairs that a second look confirms.

    Raises:
        MissingMigration: a later fbs-db has migrated the schema.
        TargetError: the login may not do this, or it is not clear who is FBS's owner.
    """
    refuse_lending_superusers(session)
    _refuse_dispute(session)
    found = [row for row in read_rights(session) if row[3] in MAY_RUN_CODE]
    chosen = [row for row in found if row[1] == "owner" or (rights and row[3] == "others may create")]
    if not chosen:
        return []
    refuse_newer(session)  # whose texts are others than those of our files
    statements = _statements(session, chosen, whole=len(chosen) == len(found))
    with snapshot.searching(session, "pg_catalog"):
        try:
            run_patiently(session, "\n".join(statements), progress)
        except psycopg.Error as error:
            raise_if_lost(session.connection, error)
            names = ", ".join(sorted(row[2] for row in chosen))
            raise TargetError(
                f"Other roles have what is FBS's owner's alone: {names}. It cannot be mended: {said_by(error)}.",
                hint="Type the same as a superuser, or as a member of both roles. Nothing was changed.",
            ) from error
    left = {row[1:4] for row in read_rights(session)}
    return [
        Repair(kind, name, problem, (mend,), True, done=True)
        for _, kind, name, problem, _, _, mend in chosen
        if (kind, name, problem) not in left
    ]


def _statements(session: Session, chosen: list[tuple[Any, ...]], *, whole: bool) -> list[str]:
    """One transaction: the login gives everything back, then the role of the session writes the texts."""
    release = session.connection.info.server_version
    applied = [row.migration_id for row in recorded(session)]
    objects = {**snapshot.expected(None, release), **snapshot.expected(applied, release)}
    ((role, owner),) = session.select(
        "select current_setting('role'), f.proowner::regrole::text from pg_proc as f"
        " inner join pg_namespace as n on f.pronamespace = n.oid"
        " where n.nspname = %s and f.proname = 'fbs_owner' and f.pronargs = 0",
        session.schema,
    ) or [("none", "")]
    names = sorted(row[2] for row in chosen if row[1] == "owner")
    ours = [objects.get(("function", name)) or objects["view", name] for name in names]
    return [
        f"set local search_path = {session.quoted_schema}, pg_temp; set local check_function_bodies = off;",
        "set local lock_timeout = '3s'; set local role none;",
        *(row[-1] for row in chosen if row[1] != "owner"),
        *(
            f"alter {'view' if one.kind == 'view' else 'routine'} {session.quoted_schema}.{one.name} owner to {owner};"
            for one in ours
        ),
        sql.SQL("set local role {};").format(sql.Literal(role)).as_string(session.connection),
        *(f"{one.definition};" for one in ours if not one.name.startswith(snapshot.WRITTEN)),
        *("select fbs_compile_rules();" for one in ours if one.name.startswith(snapshot.WRITTEN) and whole),
    ]


def _refuse_dispute(session: Session) -> None:
    with snapshot.searching(session, "pg_catalog"):
        for owner, other, is_owner in session.select(_DISPUTED, session.schema):
            if is_owner:
                return
            with wording.given(role=owner):
                command = wording.command("repair", "--apply")
            raise TargetError(
                f"Function fbs_owner() belongs to {owner}, and table fbs_migrations to {other}.",
                hint=f"If {owner} is to own FBS, type: {command}\nIf it is {other}, type this in psql, as a superuser,"
                f" and repair again: alter routine {session.quoted_schema}.fbs_owner() owner to {other};",
            )
