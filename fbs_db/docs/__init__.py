"""The schema reference: what a database has of FBS, as Markdown, as a picture, as a page.

`model` reads the catalog; `words` says what happens on a deletion; `markdown`, `diagram`
and `page` write what they are given, and ask the database nothing.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fbs_db.database.session import Database, open_session
from fbs_db.docs.diagram import draw
from fbs_db.docs.markdown import write as as_markdown
from fbs_db.docs.model import Reference, read
from fbs_db.docs.page import write as as_page
from fbs_db.errors import UsageError

__all__ = ["Reference", "html_page", "in_repository", "read", "write_docs"]


def html_page(database: Database = None, *, schema: str | None = None, directory: Path | None = None) -> str:
    """The reference of a database as one HTML page that needs nothing beside it.

    Parameters:
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Raises:
        TargetError: FBS is not installed there, or may not be read.
    """
    with open_session(database, schema, application="fbs-db docs") as session:
        return as_page(read(session, directory))


def write_docs(
    file: Path | str, database: Database = None, *, schema: str | None = None, directory: Path | None = None
) -> Path:
    """Write the page that `html_page` gives to a file; one that is there is replaced.

    Parameters:
        file: where to.
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Returns:
        The file.

    Raises:
        UsageError: there can be no such file: it is a directory, or in none, or not to be written.
        TargetError: FBS is not installed there, or may not be read.
    """
    path = Path(file)
    check_writable(path)
    text = html_page(database, schema=schema, directory=directory)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def in_repository(database: Database) -> dict[str, str]:
    """What lies in ``sql/``: name and text of ``README.md`` and ``schema.svg``."""
    with open_session(database, None) as session:
        whole = read(session)
    return {"README.md": as_markdown(whole), "schema.svg": draw(whole)}


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be, before the database is asked.

    Raises:
        UsageError: so it is.
    """
    if "\0" in str(path):
        raise UsageError("The name of a file holds no NUL character.")
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a directory.", hint=f"Name a file, such as {path / 'schema.html'}")
        if not path.parent.is_dir():
            raise UsageError(f"There is no directory {path.parent}.", hint="Create it first, or name another file.")
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
