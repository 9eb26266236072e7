"""How commands and counts are put in messages: what we tell a user to type can be pasted.

A command names the database and the schema as this invocation was given them, and what
needs quotes for the shell has them. A password is never among it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import ProgrammingError, conninfo

_PROGRAM = "fbs-db"
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
#: Commands that take neither a database nor a schema: the project's files say both.
_OF_THE_PROJECT = ("placement", "server", "demo")


@dataclass(frozen=True)
class Given:
    """What an invocation was given.

    Attributes:
        database: a connection string, or the name of a configured database; None where it came by default.
        schema: None where it came by default.
        environment: what has to be set for the command to find the same database.
    """

    database: str | None = None
    schema: str | None = None
    environment: str = ""


_given: ContextVar[Given] = ContextVar("_given", default=Given())  # noqa: B039 - it is frozen


@contextmanager
def given(**values: str | None) -> Iterator[None]:
    """A block in which commands name these; what is left out stays as it was."""
    before = _given.get()
    _given.set(replace(before, **values))  # type: ignore[arg-type]
    try:
        yield
    finally:
        _given.set(before)


def command(*words: str) -> str:
    """A command of ours that can be pasted into a shell.

    Parameters:
        words: the command and its arguments, as they are without any quotes.
    """
    now = _given.get()
    whole = "--all" in words and words[0] != "rollback"
    database = None if words[0] in _OF_THE_PROJECT or whole else now.database
    schema = None if words[0] in (*_OF_THE_PROJECT, "url") or "--schema" in words else now.schema
    parts = [now.environment, _program()]
    parts += [f"--database {_database_for_shell(database)}"] if database is not None else []
    # psql takes what follows its options as its own.
    first = 1 if words[0] == "psql" else len(words)
    parts += [shlex.quote(word) for word in words[:first]]
    parts += [f"--schema {shlex.quote(schema)}"] if schema is not None else []
    parts += [shlex.quote(word) for word in words[first:]]
    return " ".join(filter(None, parts))


def typed(mend: str) -> str:
    """What mends a finding, for a shell: SQL is handed to psql."""
    return command("psql", "-c", mend) if mend.endswith(";") else mend


def completed(text: str) -> str:
    """A text of the database's that ends with a command, with what it cannot know of this invocation."""
    before, found, words = text.partition(f"{_PROGRAM} ")
    try:
        return before + command(*shlex.split(words)) if found else text
    except ValueError:  # no words of a shell's: a sentence about fbs-db
        return text


def is_command(text: str) -> bool:
    """Whether a text is a command for a shell, and not a sentence."""
    return bool(re.match(r"(\S+=\S+ )?(\S*fbs-db|pip|python\S*) ", text))


def counted(count: int, what: str, one: str = "", several: str = "") -> str:
    """A number and what it counts: 1 row, 2,000 rows; with a verb, 1 row is, 2 rows are."""
    if count == 1:
        return f"1 {what} {one}".rstrip()
    plural = f"{what}es" if what.endswith(("x", "ch")) else f"{what}s"
    return f"{count:,} {plural} {several}".rstrip()


def commented(text: str) -> str:
    """A text as comments of SQL, whatever lines are in it."""
    return "\n".join(f"-- {line}".rstrip() for line in text.splitlines())


def _program() -> str:
    """The program as it was called, where the shell would not find it by its name."""
    called = Path(sys.argv[0])
    if called.name != _PROGRAM:
        return _PROGRAM
    found = shutil.which(_PROGRAM)
    return _PROGRAM if found and Path(found).resolve() == called.resolve() else shlex.quote(str(sys.argv[0]))


def _database_for_shell(database: str) -> str:
    try:
        options = conninfo.conninfo_to_dict(database)
    except ProgrammingError:  # the name of a configured database; else it is refused, and may hold a password
        return "URL" if "=" in database or "://" in database else shlex.quote(database)
    open_part = {key: value for key, value in options.items() if key not in _SECRETS}
    if open_part == options:
        return shlex.quote(database)
    if os.environ.get("DATABASE_URL") == database:
        return '"$DATABASE_URL"'
    text = re.sub(r"(://[^:/?#@]*):[^@/?#]*@", r"\1@", database)
    text = re.sub(rf"(?<=[?&])({'|'.join(_SECRETS)})=[^&]*&?", "", text).rstrip("?&")
    try:
        same = "://" in text and conninfo.conninfo_to_dict(text) == open_part
    except ProgrammingError:
        same = False
    return shlex.quote(text if same else conninfo.make_conninfo("", **open_part))
