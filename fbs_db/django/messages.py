"""How messages of the app name databases and commands, so that they can be pasted into a shell."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from fbs_db import wording


def for_shell(alias: str | None) -> AbstractContextManager[None]:
    """A block in which commands in messages are those of ``manage.py fbs``, on a database of Django's settings."""
    return wording.given(database=alias, program=f"{_manage()} fbs")


def migrate_command(alias: str) -> str:
    """The command that installs FBS in a database of Django's settings."""
    return f"{_manage()} migrate --database {shlex.quote(alias)}"


def _manage() -> str:
    """How a shell in the host's directory runs a command of Django, with the settings of this process."""
    called = Path(sys.argv[0]).name
    is_admin = called in ("django-admin", "__main__.py")
    program = (
        "django-admin" if is_admin else f"python {shlex.quote(sys.argv[0]) if called == 'manage.py' else 'manage.py'}"
    )
    if is_admin or any(word.startswith("--settings") for word in sys.argv):
        return f"DJANGO_SETTINGS_MODULE={shlex.quote(os.environ.get('DJANGO_SETTINGS_MODULE', ''))} {program}"
    return program
