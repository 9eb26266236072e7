"""Commands and counts in messages.

A command can be pasted into a shell: it names the database, the role and the schema that this invocation
was given, and is quoted. It never holds a password.
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

from fbs_db.redaction import SECRETS

_PROGRAM = "fbs-db"
#: Commands that take neither a database nor a schema: the project's configuration has both, or they need none.
_OF_THE_PROJECT = ("placement", "solutions", "server", "demo", "help")
#: Commands that do nothing as a role.
_WITHOUT_ROLE = ("server", "help", "url")


@dataclass(frozen=True)
class Given:
    """The database, the schema and the role that an invocation was given.

    Attributes:
        database: a connection string, or the name of a configured database; None for the default.
        schema: None for the default.
        role: None for that of the configuration, or of the login.
        program: the program, with the variables that it needs; an empty string for fbs-db itself.
    """

    database: str | None = None
    schema: str | None = None
    role: str | None = None
    program: str = ""


#: Of the blocks that are open; the last one counts.
_open: ContextVar[tuple[Given, ...]] = ContextVar("_open", default=())


@contextmanager
def given(**values: str | None) -> Iterator[None]:
    """A block in which commands name these; a value that is left out stays as it was.

    Blocks may end in any order, as sessions do.
    """
    inside = replace(_now(), **values)  # type: ignore[arg-type]
    _open.set((*_open.get(), inside))
    try:
        yield
    finally:
        _open.set(tuple(one for one in _open.get() if one is not inside))


def _now() -> Given:
    return _open.get()[-1] if _open.get() else Given()


def command(*words: str) -> str:
    """A command of fbs-db that can be pasted into a shell.

    Parameters:
        words: the command and its arguments, without quotes.
    """
    now = _now()
    whole = "--all" in words and words[0] != "rollback"
    database = None if words[0] in _OF_THE_PROJECT or whole else now.database
    schema = None if words[0] in (*_OF_THE_PROJECT, "url") or "--schema" in words else now.schema
    parts = [now.program or _program()]
    parts += [f"--database {_database_for_shell(database)}"] if database is not None else []
    if now.role is not None and words[0] not in _WITHOUT_ROLE:
        parts.append(f"--role {shlex.quote(now.role)}")
    # psql takes all arguments that follow its options.
    first = 1 if words[0] == "psql" else len(words)
    parts += [shlex.quote(word) for word in words[:first]]
    parts += [f"--schema {shlex.quote(schema)}"] if schema is not None else []
    parts += [shlex.quote(word) for word in words[first:]]
    return " ".join(parts)


#: Statements on roles, on the schema, and on what others have in it: FBS's owner may not run them, but the login may.
_OF_THE_LOGIN = re.compile(
    r"alter role |revoke ((?! on ).)* from |revoke create on schema |drop (routine|operator) "
    r"|alter view (?!.*\bfbs_)"
)


def typed(mend: str) -> str:
    """The command that mends a finding; SQL is passed to psql."""
    if not mend.endswith(";"):
        return mend
    return command("psql", "-c", f"set role none; {mend}" if _OF_THE_LOGIN.match(mend) else mend)


def completed(text: str) -> str:
    """A text from the database that ends with a command, which gets the options of this invocation."""
    before, found, words = text.partition(f"{_PROGRAM} ")
    try:
        return before + command(*shlex.split(words)) if found else text
    except ValueError:  # no command: a sentence about fbs-db
        return text


def is_command(text: str) -> bool:
    """Whether a text is a shell command, and not a sentence."""
    return bool(re.match(r"(\S+=\S+ )?(\S*fbs-db|pip|python\S*|django-admin) ", text))


def counted(count: int, what: str, one: str = "", several: str = "") -> str:
    """A number with its noun: 1 row, 2,000 rows; with a verb, 1 row is, 2 rows are."""
    if count == 1:
        return f"1 {what} {one}".rstrip()
    plural = f"{what}es" if what.endswith(("x", "ch")) else f"{what}s"
    return f"{count:,} {plural} {several}".rstrip()


def commented(text: str) -> str:
    """A text as SQL comments, line by line."""
    return "\n".join(f"-- {line}".rstrip() for line in text.splitlines())


def _program() -> str:
    """The program's name, or its path if the shell would not find it by name."""
    called = Path(sys.argv[0])
    if called.name != _PROGRAM:
        return _PROGRAM
    found = shutil.which(_PROGRAM)
    return _PROGRAM if found and Path(found).resolve() == called.resolve() else shlex.quote(str(sys.argv[0]))


def _database_for_shell(database: str) -> str:
    try:
        options = conninfo.conninfo_to_dict(database)
    except ProgrammingError:  # a configured name; a malformed string is refused elsewhere, and may hold a password
        return "URL" if "=" in database or "://" in database else shlex.quote(database)
    open_part = {key: value for key, value in options.items() if key not in SECRETS}
    if open_part == options:
        return shlex.quote(database)
    if os.environ.get("DATABASE_URL") == database:
        return '"$DATABASE_URL"'
    text = re.sub(r"(://[^:/?#@]*):[^@/?#]*@", r"\1@", database)
    text = re.sub(rf"(?<=[?&])({'|'.join(SECRETS)})=[^&]*&?", "", text).rstrip("?&")
    try:
        same = "://" in text and conninfo.conninfo_to_dict(text) == open_part
    except ProgrammingError:
        same = False
    return shlex.quote(text if same else conninfo.make_conninfo("", **open_part))
