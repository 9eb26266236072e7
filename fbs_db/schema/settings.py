"""The settings of an installation: rows of ``fbs_settings``."""

from __future__ import annotations

from dataclasses import dataclass

from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import UsageError
from fbs_db.reports import Report
from fbs_db.wording import command


@dataclass(frozen=True)
class Setting(Report):
    """A setting.

    Attributes:
        name: its name.
        value: its value; None if it has none.
        allowed: the allowed values, in words.
        description: its description.
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
        return _settings(session)


def change_setting(name: str, value: str | None, database: Database = None, *, schema: str | None = None) -> Setting:
    """Change a setting.

    Parameters:
        name: the setting.
        value: its new value; None removes it, which retention times allow: rows are kept for ever.
        database, schema: as for `fbs_db.migrate`; no server is created.

    Raises:
        UsageError: there is no such setting.
        TargetError: the value is not allowed.

    Writes ``fbs_settings``.
    """
    with open_session(database, schema, application="fbs-db settings") as session:
        changed = session.select("update {fbs}fbs_settings set value = %s where name = %s returning name", value, name)
        now = {setting.name: setting for setting in _settings(session)}
        if not changed:
            raise unknown(name)
        return now[name]


def unknown(name: str) -> UsageError:
    """The error for a setting that does not exist."""
    return UsageError(f"Unknown setting {name}.", hint=f"To list the settings, type: {command('settings')}")


def _settings(session: Session) -> list[Setting]:
    rows = session.select(
        "select name, value, coalesce(array_to_string(choices, ', '), minimum || ' to ' || maximum), description"
        " from {fbs}fbs_settings order by name"
    )
    return [Setting(*row) for row in rows]
