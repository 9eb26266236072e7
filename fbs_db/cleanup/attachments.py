"""Removing the stored files of attachments that were deleted."""

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
from fbs_db.reports import Report

#: A name as the bytes of a file system, also where the database knows no encoding and holds any bytes.
_BYTES = "convert_to(file, case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end)"
#: To walk through a directory no right to read it is needed, where the system can do so.
_DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True)
class FilesReport(Report):
    """What was done with files of deleted attachments.

    Attributes:
        removed: files that were removed from storage.
        failed: file and reason of each that could not be removed, this time or before; they wait.
        gone: files that were not there any more.
        given_up: files that were left where they are, as was asked for.
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
    """Remove the files that wait for it, through any storage.

    A file is removed at least once, never before the deletion of its attachment is
    committed, and not while another attachment names it, in whatever words (``./a/x`` for
    ``a/x``). Each is a transaction of its own.

    Parameters:
        delete: removes one file by its name, such as Django's ``default_storage.delete``.
            A file that is gone already is no error to it, and it may return False to say
            so; any exception lets the file wait.
        database, schema: as for `fbs_db.migrate`.
        give_up: names of files that wait and are to be left where they are.

    Raises:
        UsageError: a file that is given up does not wait.

    Calls ``fbs_claim_files`` and ``fbs_file_done``.
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
            f"select {_BYTES}, coalesce(error, %s) from {{fbs}}fbs_file_deletions"
            " where error is not null or (%s <> '' and next_attempt_at <= clock_timestamp()) order by id",
            blocked,
            blocked,
        )
        failed = tuple((os.fsdecode(name), reason) for name, reason in waiting)
        return FilesReport(tuple(removed), failed, tuple(gone), given_up)


def _deleted(delete: Callable[[str], object], name: str, removed: list[str], gone: list[str]) -> str | None:
    """What went wrong; None where nothing did."""
    try:
        was_there = delete(name) is not False
    except Exception as error:  # whatever a storage may raise
        return f"{type(error).__name__}: {error}"
    (removed if was_there else gone).append(name)
    return None


def _give_up(session: Session, names: Sequence[str]) -> tuple[str, ...]:
    """Take files off the list.

    Raises:
        UsageError: one of them does not wait; none is taken off then.
    """
    if not names:
        return ()
    wanted = [os.fsencode(name) for name in names]
    with session.connection.transaction():
        found = session.select(
            f"delete from {{fbs}}fbs_file_deletions where {_BYTES} = any(%s) returning {_BYTES}", wanted
        )
        unknown = [name for name, text in zip(names, wanted, strict=True) if (text,) not in found]
        if unknown:
            raise UsageError(
                f"No file {unknown[0]!r} waits to be removed. Nothing was changed.",
                hint="Give a name as the list has it: select file, error from fbs_file_deletions;",
            )
    return tuple(dict.fromkeys(names))


@contextmanager
def _transaction(session: Session) -> Iterator[None]:
    """A transaction that sees what others commit meanwhile. What is noted in it may be lost: it is found again."""
    alone = session.connection.info.transaction_status is pq.TransactionStatus.IDLE
    with session.connection.transaction():
        if alone:
            session.connection.execute("set transaction isolation level read committed")
            session.connection.execute("set local synchronous_commit = off")
        yield


def _storable(session: Session, reason: str) -> str:
    """A text that the database can hold, whatever is in it."""
    encoding = "utf-8" if session.connection.info.parameter_status("server_encoding") == "UTF8" else "ascii"
    return reason.replace("\0", "\\0").encode(encoding, "backslashreplace").decode(encoding)


def remover(root: Path) -> Callable[[str], bool]:
    """A `delete` for `purge_files` that removes files below a directory, and no others.

    Parameters:
        root: the directory, such as Django's MEDIA_ROOT.

    Returns:
        A function that removes a file, and returns whether it was there. It follows no
        symbolic link below the directory, even one that is put there meanwhile, and raises
        ValueError for a name that leads out of it, or to a directory.

    Raises:
        UsageError: there is no such directory.
    """
    if not root.is_dir():
        raise UsageError(f"There is no directory {root}.", hint="Name the root of the storage: --root DIR")
    top = root.resolve()

    def delete(name: str) -> bool:
        *directories, last = _parts(name, top)
        with ExitStack() as opened:
            session = os.open(top, _DIRECTORY)
            opened.callback(os.close, session)
            try:
                for part in directories:
                    if stat.S_ISLNK(os.stat(part, dir_fd=session, follow_symlinks=False).st_mode):
                        raise ValueError(f"{name!r} leads out of {top}, or through a symbolic link: {part!r}")
                    session = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=session)
                    opened.callback(os.close, session)
                if stat.S_ISDIR(os.stat(last, dir_fd=session, follow_symlinks=False).st_mode):
                    raise ValueError(f"{name!r} is a directory")
                os.unlink(last, dir_fd=session)
            except FileNotFoundError:
                return False
        return True

    return delete


def _parts(name: str, top: Path) -> list[str]:
    """The directories to walk through, and the file.

    Raises:
        ValueError: it is no name of a file below the directory.
    """
    if "\0" in name:
        raise ValueError(f"{name!r} holds a NUL character")
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
        raise ValueError(f"{name!r} is no name of a file")
    return parts
