"""What a host can adjust: rows of ``fbs_settings``."""

from __future__ import annotations

from dataclasses import dataclass

from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import UsageError
from fbs_db.reports import Report
from fbs_db.wording import command


@dataclass(frozen=True)
class Setting(Report):
    """One setting.

    Attributes:
        name: its name.
        value: its value; None where it is empty.
        allowed: the values it can have, in words.
        description: what it does.
    """

    name: str
    value: str | None
    allowed: str
    description: str


def list_settings(database: Database = None, *, schema: str | None = None) -> list[Setting]:
    """All settings, by name.

    Reads ``fbs_settings``.
    """
    with open_session(database, schema, application="fbs-db settings") as session:
        return _read(session)


def change_setting(name: str, value: str | None, database: Database = None, *, schema: str | None = None) -> Setting:
    """Give a setting another value; the database refuses one it cannot have.

    Parameters:
        name: the setting.
        value: its new value; None to empty it, which the times of keeping allow.
        database, schema: as for `fbs_db.migrate`.

    Raises:
        UsageError: there is no such setting.
        TargetError: it cannot have this value.
    """
    with open_session(database, schema, application="fbs-db settings") as session:
        changed = session.select("update {fbs}fbs_settings set value = %s where name = %s returning name", value, name)
        now = {setting.name: setting for setting in _read(session)}
        if not changed:
            raise unknown(name)
        return now[name]


def unknown(name: str) -> UsageError:
    """The error for a setting that does not exist."""
    return UsageError(f"There is no setting {name}.", hint=f"All of them: {command('settings')}")


def _read(session: Session) -> list[Setting]:
    rows = session.select(
        "select name, value, coalesce(array_to_string(choices, ', '), minimum || ' to ' || maximum), description"
        " from {fbs}fbs_settings order by name"
    )
    return [Setting(*row) for row in rows]
