"""``fbs-db.toml``: what a project says once instead of typing it each time.

[databases.default]
url = "postgresql://app@db.example/app"
schema = "fbs"
user_table = "accounts_user"
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path

from fbs_db.errors import UsageError

FILE_NAME = "fbs-db.toml"


@dataclass(frozen=True)
class DatabaseConfig:
    """What the file says of a database; None where it says nothing.

    Attributes:
        url: connection string.
        schema: where FBS's tables are.
        user_table: the host's user table.
    """

    url: str | None = None
    schema: str | None = None
    user_table: str | None = None


def read(directory: Path | None = None) -> DatabaseConfig:
    """What the project's file says; nothing where there is no file.

    Parameters:
        directory: where the file is; by default the current directory.

    Raises:
        UsageError: the file is not to be read, or says what nobody understands.
    """
    path = (directory or Path.cwd()) / FILE_NAME
    if not path.exists():
        return DatabaseConfig()
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="Correct it, or move it away.") from error

    databases = content.pop("databases", {})
    table = databases.pop("default", {}) if isinstance(databases, dict) else {}
    known = [field.name for field in fields(DatabaseConfig)]
    strange = [*content, *(f"databases.{name}" for name in databases)]
    if isinstance(table, dict):
        strange += [f"databases.default.{key}" for key in table if key not in known]
    if strange or not isinstance(databases, dict) or not isinstance(table, dict):
        raise UsageError(
            f"{path} says what fbs-db does not know: {', '.join(strange) or 'databases'}.",
            hint=f"It knows the table [databases.default] with the keys {', '.join(known)}.",
        )
    for key, value in table.items():
        if not isinstance(value, str) or not value:
            raise UsageError(f"{path}: databases.default.{key} is not a text.", hint=f'Write it like {key} = "..."')
    return DatabaseConfig(**table)
