"""How messages of the app name databases and commands, so that they can be pasted into a shell."""

from __future__ import annotations

import os
import shlex
from contextlib import AbstractContextManager

from fbs_db import wording


def for_shell(alias: str | None) -> AbstractContextManager[None]:
    """A block in which commands in messages name a database as a shell in the host's directory needs it."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    environment = f"DJANGO_SETTINGS_MODULE={shlex.quote(module)}" if module else ""
    return wording.given(database=alias, environment=environment)


def migrate_command(alias: str) -> str:
    """The command that installs FBS in a database of Django's settings."""
    return f"python manage.py migrate --database {shlex.quote(alias)}"
