"""A demo: FBS with a small rentals host, on the embedded server."""

from __future__ import annotations

import psycopg

from fbs_db import files
from fbs_db.database import server
from fbs_db.database.session import NOTHING_CHANGED, Session, open_session, told_what_stays
from fbs_db.errors import ServerError, TargetError
from fbs_db.schema.migrate import migrate
from fbs_db.wording import command

# The server of a directory above is found, too, so it needs a .fbs-db of its own.
_APART = "In a directory of its own there is a demo apart from yours: mkdir -p demo/.fbs-db; cd demo; fbs-db demo"


def fill(*, reset: bool = False) -> bool:
    """Install FBS on the embedded server, with a host whose tables are attached.

    Parameters:
        reset: whether a demo that exists is made anew, in one transaction. FBS rows that point at its rows or users,
            or are of the solution ``rentals``, are deleted.

    Returns:
        False if the demo exists already, and was not made anew.

    Raises:
        EmbeddedServerError: the server is not installed, or does not start.
        TargetError: a reset would touch what is not the demo's, or cannot tell what is.
        LockTimeout: another session uses it.
        FbsDbError: FBS is attached to another user table there.

    Runs ``sql/demo.sql``; before it, for a reset, ``sql/demo.rollback.sql``.
    """
    url = server.start(ways="")
    migrate(url, schema="public")
    with open_session(url, "public", application="fbs-db demo") as session:
        found = session.select(
            "select obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace where nspname = 'rentals'"
        )
        if found and not reset:
            return False
        if found:
            _refuse_others(session, is_ours=found == [("The demo of fbs-db.",)])
        names = ["demo.rollback.sql", "demo.sql"] if found else ["demo.sql"]
        scripts = [(files.sql_directory() / name).read_bytes() for name in names]

        try:
            with told_what_stays(), session.translated(), session.connection.transaction():
                for script in scripts:
                    session.connection.execute(script)
        except ServerError as error:
            if isinstance(error.__cause__, psycopg.errors.DependentObjectsStillExist):
                raise TargetError(error.message, hint=f"Drop or move that first. {NOTHING_CHANGED}") from error
            if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                raise TargetError("FBS has rows of a demo whose tables are gone.", hint=_all_anew()) from error
            raise
        return True


def _all_anew() -> str:
    drop = command("psql", "-c", "drop schema if exists rentals cascade")
    return f"To make all of FBS anew: {command('rollback', '--all')}; {drop}; {command('demo')}"


def _refuse_others(session: Session, *, is_ours: bool) -> None:
    """Refuse a reset where others have rows here that cannot be told from the demo's."""
    if not is_ours:
        raise TargetError("The schema rentals is not that of the demo.", hint=_APART)
    if session.select("select from pg_catalog.pg_tables where schemaname = 'rentals' and tablename = 'users'") == []:
        raise TargetError("The demo's users are gone. Only they tell its rows from others.", hint=_all_anew())
    hosts = session.select(
        "select h.host_table::text from {fbs}fbs_hosts as h inner join pg_catalog.pg_class as c on h.host_table = c.oid"
        " where c.relnamespace <> 'rentals'::regnamespace order by 1"
    )
    if hosts:
        named = ", ".join(name for (name,) in hosts)
        raise TargetError(f"FBS has rows of another host here, too: {named} is attached.", hint=_APART)
