"""The objects of a schema, with those that are disabled, invalid or not validated."""

from __future__ import annotations

from dataclasses import replace

from fbs_db import files
from fbs_db.database.session import Session
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key, Object


def present(session: Session) -> dict[Key, Object]:
    """The objects that are there, each with its state.

    The states are those that ``fbs_states`` finds. Its text is run as the files have it: the
    function in the database may be damaged, and a role may have no rights in the schema.
    """
    found = snapshot.live_objects(session)
    query = files.body_of("fbs_states")
    with snapshot.in_schema(session):
        states = session.select(
            f"select kind, object, state from ({query}) as s (schema_name, kind, object, state, table_id, name)"
            " where schema_name = %s",
            session.schema,
        )
    return found | {
        (kind, name): replace(found[kind, name], state=state) for kind, name, state in states if (kind, name) in found
    }
