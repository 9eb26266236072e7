"""A demo: FBS with a small rentals host, on the embedded server."""

from __future__ import annotations

from fbs_db import files
from fbs_db.database import server
from fbs_db.database.session import open_session
from fbs_db.schema.migrate import migrate


def fill() -> bool:
    """Install FBS on the embedded server, with a host whose tables are attached.

    Returns:
        False if the demo exists already.

    Raises:
        EmbeddedServerError: the server is not installed, or does not start.
        FbsDbError: FBS is attached to another user table there.

    Runs ``sql/demo.sql``.
    """
    url = server.start(ways="")
    migrate(url, schema="public")
    with open_session(url, "public", application="fbs-db demo") as session:
        if session.select("select from pg_catalog.pg_namespace where nspname = 'rentals'"):
            return False
        script = (files.sql_directory() / "demo.sql").read_text(encoding="utf-8")
        with session.connection.transaction():
            session.connection.execute(script.encode())
        return True
