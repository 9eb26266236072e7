"""Removing the stored files of attachments that were deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fbs_db.errors import UsageError
from fbs_db.session import Database, session


@dataclass(frozen=True)
class FilesReport:
    """What was done with files of deleted attachments.

    Attributes:
        removed: files that are gone from storage.
        failed: file and reason of each that could not be removed; they wait.
    """

    removed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, as ``--json`` prints it."""
        return asdict(self)


def purge_files(
    delete: Callable[[str], object], database: Database = None, *, batch: int = 100, schema: str | None = None
) -> FilesReport:
    """Remove the files that wait for it, through any storage.

    A file is removed at least once, never before the deletion of its attachment is
    committed, and not while another attachment names it.

    Parameters:
        delete: removes one file by its name, such as Django's ``default_storage.delete``.
            A file that is gone already is no error to it; any exception lets the file wait.
        database, schema: as for `fbs_db.migrate`.
        batch: files a transaction.

    Calls ``fbs_claim_files`` and ``fbs_file_done``.
    """
    removed: list[str] = []
    failed: list[tuple[str, str]] = []
    with session(database, schema, application="fbs-db files purge") as at:
        while True:
            with at.connection.transaction():
                claimed = at.call("fbs_claim_files", batch)
                for number, name in claimed:
                    try:
                        delete(name)
                    except Exception as error:  # whatever a storage may raise
                        reason = f"{type(error).__name__}: {error}"
                        failed.append((name, reason))
                        at.call("fbs_file_done", number, reason)
                    else:
                        removed.append(name)
                        at.call("fbs_file_done", number, None)
            if not claimed:
                return FilesReport(tuple(removed), tuple(failed))


def remover(root: Path) -> Callable[[str], None]:
    """A `delete` for `purge_files` that removes files below a directory, and no others.

    Parameters:
        root: the directory, such as Django's MEDIA_ROOT.

    Raises:
        UsageError: there is no such directory. (The function it returns raises
            ValueError for a name that leads out of it, or to a directory.)
    """
    if not root.is_dir():
        raise UsageError(f"There is no directory {root}.", hint="Name the root of the storage: --root DIR")
    top = root.resolve()

    def delete(name: str) -> None:
        path = top / name
        if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} leads out of {top}")
        if not path.parent.resolve().is_relative_to(top):  # through a symbolic link
            raise ValueError(f"{name!r} leads out of {top}")
        if path.is_dir() and not path.is_symlink():
            raise ValueError(f"{name!r} is a directory")
        path.unlink(missing_ok=True)

    return delete
