"""The schema reference of a database: as Markdown, as JSON, as a diagram and as an HTML page.

`model` reads the catalogs. `words` describes deletions in sentences. `markdown`, `plain`, `diagram`
and `page` write a reference that was read, and need no database.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from fbs_db.database.session import Database, open_session
from fbs_db.docs.diagram import draw
from fbs_db.docs.markdown import as_markdown
from fbs_db.docs.model import Reference, read_reference
from fbs_db.docs.page import as_page
from fbs_db.docs.plain import as_plain
from fbs_db.errors import UsageError
from fbs_db.own_files import replace_file

__all__ = [
    "FORMATS",
    "Format",
    "Reference",
    "as_plain",
    "in_repository",
    "read_reference",
    "reference_of",
    "write_docs",
]

Format = Literal["html", "markdown", "json"]

#: The writers of a reference.
FORMATS: dict[Format, Callable[[Reference], str]] = {
    "html": as_page,
    "markdown": as_markdown,
    "json": lambda reference: json.dumps(as_plain(reference), indent=2) + "\n",
}


def reference_of(database: Database = None, *, schema: str | None = None, directory: Path | None = None) -> Reference:
    """The reference of a database.

    Parameters:
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Raises:
        TargetError: FBS is not installed there, or the role may not read it.
    """
    with open_session(database, schema, application="fbs-db docs") as session:
        return read_reference(session, directory)


def write_docs(
    file: Path | str,
    database: Database = None,
    *,
    format: Format = "html",  # noqa: A002
    schema: str | None = None,
    directory: Path | None = None,
) -> Path:
    """Write the reference of a database to a file, replacing one that is there.

    Parameters:
        file: path of the file.
        format: ``html``, ``markdown`` or ``json``.
        database, schema, directory: as for `fbs_db.migrate`; no server is created.

    Returns:
        The file.

    Raises:
        UsageError: the file is a directory, its directory does not exist, or it cannot be written.
        TargetError: FBS is not installed there, or the role may not read it.
    """
    path = Path(file)
    check_writable(path)
    text = FORMATS[format](reference_of(database, schema=schema, directory=directory))
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def in_repository(database: Database) -> dict[str, str]:
    """The generated pages of ``sql/``: name and text of ``README.md`` and ``schema.svg``."""
    with open_session(database, None) as session:
        whole = read_reference(session)
    return {"README.md": as_markdown(whole, in_repository=True), "schema.svg": draw(whole)}


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before the database is read.

    Raises:
        UsageError: it is a directory, its directory does not exist, or it cannot be written.
    """
    if "\0" in str(path):
        raise UsageError("The name of a file holds no NUL character.")
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a directory.", hint=f"Name a file, such as {path / 'schema.html'}")
        if not path.parent.is_dir():
            raise UsageError(f"There is no directory {path.parent}.", hint="Create it first, or name another file.")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
