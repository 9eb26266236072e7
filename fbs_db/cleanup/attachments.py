"""Removing the stored files of deleted attachments."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq

from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import UsageError
from fbs_db.own_files import opened_directory
from fbs_db.reports import Report

#: A file name as the bytes that the file system has, in a database of encoding SQL_ASCII too.
_BYTES = "convert_to(file, case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end)"
#: O_PATH, where the system has it, needs no right to read the directory.
_PASS = getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True)
class FilesReport(Report):
    """What was done with the files of deleted attachments.

    Attributes:
        removed: names of the files removed from storage.
        failed: name and error of each file that could not be removed, now or before; they wait.
        gone: names of the files that were not in storage any more.
        given_up: names of the files left in storage, as the caller asked.
    """

    removed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    gone: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


def purge_files(
    delete: Callable[[str], object],
    database: Database = None,
    *,
    give_up: Sequence[str] = (),
    schema: str | None = None,
) -> FilesReport:
    """Remove the waiting files from any storage.

    A file waits from the commit that deletes its attachment. It is not removed while another
    attachment names it, under another spelling too (``./a/x`` for ``a/x``). Each file is a
    transaction; one whose transaction breaks is removed again.

    Parameters:
        delete: removes one file by its name, such as Django's ``default_storage.delete``.
            It may return False for a file that is gone already; after an exception the
            file waits.
        database, schema: as for `fbs_db.migrate`.
        give_up: names of waiting files to take off the list and leave in storage.

    Raises:
        UsageError: a name in ``give_up`` does not wait; no file was removed.

    Calls ``fbs_claim_files``, ``fbs_file_done``, ``fbs_waiting_files`` and ``fbs_give_up_files``.
    """
    removed: list[str] = []
    gone: list[str] = []
    blocked = ""
    with open_session(database, schema, application="fbs-db files purge") as session:
        given_up = _give_up(session, give_up)
        last = 0
        while not blocked:
            try:
                with _transaction(session):
                    claimed = session.select(f"select id, {_BYTES} from {{fbs}}fbs_claim_files(1, %s)", last)
                    if not claimed:
                        break
                    ((last, name),) = claimed
                    if (reason := _deleted(delete, os.fsdecode(name), removed, gone)) is not None:
                        reason = _storable(session, reason)
                    session.call("fbs_file_done", last, reason)
            except psycopg.Error as error:
                if error.sqlstate != "FB060":
                    raise
                blocked = str(error.diag.message_primary)
        waiting = session.select(
            f"select {_BYTES}, coalesce(error, %s) from {{fbs}}fbs_waiting_files(%s)", blocked, bool(blocked)
        )
        failed = tuple((os.fsdecode(name), reason) for name, reason in waiting)
        return FilesReport(tuple(removed), failed, tuple(gone), given_up)


def _deleted(delete: Callable[[str], object], name: str, removed: list[str], gone: list[str]) -> str | None:
    """Delete one file, and return the error; None where there was none."""
    try:
        was_there = delete(name) is not False
    except Exception as error:  # whatever a storage may raise
        return f"{type(error).__name__}: {error}"
    (removed if was_there else gone).append(name)
    return None


def _give_up(session: Session, names: Sequence[str]) -> tuple[str, ...]:
    """Take files off the list, all of them or none.

    Raises:
        UsageError: one of them does not wait.
    """
    if not names:
        return ()
    wanted = [os.fsencode(name) for name in names]
    with session.connection.transaction():
        found = session.call("fbs_give_up_files", wanted)
        unknown = [name for name, text in zip(names, wanted, strict=True) if (text,) not in found]
        if unknown:
            raise UsageError(
                f"No file {unknown[0]!r} waits to be removed. Nothing was changed.",
                hint="List the waiting files in psql: select file, error from fbs_file_deletions;",
            )
    return tuple(dict.fromkeys(names))


@contextmanager
def _transaction(session: Session) -> Iterator[None]:
    """A transaction that sees later commits. It need not be durable: a file that is lost from it is claimed again."""
    alone = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    with session.connection.transaction():
        if alone:
            session.connection.execute("set transaction isolation level read committed")
            session.connection.execute("set local synchronous_commit = off")
        yield


def _storable(session: Session, reason: str) -> str:
    """A text with escapes for the characters that the database's encoding lacks."""
    encoding = "utf-8" if session.connection.info.parameter_status("server_encoding") == "UTF8" else "ascii"
    return reason.replace("\0", "\\0").encode(encoding, "backslashreplace").decode(encoding)


def remover(root: Path) -> Callable[[str], bool]:
    """A `delete` for `purge_files` that removes files below one directory only.

    Parameters:
        root: the directory, such as Django's MEDIA_ROOT.

    Returns:
        A function that removes a file by its name, and returns whether it was there. It
        follows no symbolic link below the directory, even one created meanwhile. It raises
        ValueError for a name outside the directory, and for a directory.

    Raises:
        UsageError: there is no such directory, or another user's symbolic link leads there.
    """
    if not root.is_dir():
        raise UsageError(f"There is no directory {root}.", hint="Name the directory of the storage: --root DIR")
    top, given = root.resolve(), root.absolute()
    with opened_directory(given, _PASS):
        pass  # so that a link is refused at once

    def delete(name: str) -> bool:
        *directories, last = _parts(name, top)
        with ExitStack() as opened:
            directory = opened.enter_context(opened_directory(given, _PASS))
            try:
                for part in directories:
                    if stat.S_ISLNK(os.stat(part, dir_fd=directory, follow_symlinks=False).st_mode):
                        raise ValueError(f"{name!r} leads out of {top}, or through a symbolic link: {part!r}")
                    directory = os.open(part, _PASS | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                    opened.callback(os.close, directory)
                if stat.S_ISDIR(os.stat(last, dir_fd=directory, follow_symlinks=False).st_mode):
                    raise ValueError(f"{name!r} is a directory")
                os.unlink(last, dir_fd=directory)
            except FileNotFoundError:
                return False
        return True

    return delete


def _parts(name: str, top: Path) -> list[str]:
    """A file name as the directories on the way, and the last part.

    Raises:
        ValueError: it does not name a file below the directory.
    """
    if "\0" in name:
        raise ValueError(f"{name!r} contains a NUL character")
    if name.startswith("/"):
        raise ValueError(f"{name!r} is not a path below {top}: it begins with /")
    parts: list[str] = []
    for part in name.split("/"):
        if part == ".." and not parts:
            raise ValueError(f"{name!r} leads out of {top}")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        raise ValueError(f"{name!r} is not a file name")
    return parts
